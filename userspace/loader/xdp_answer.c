#include "loader/xdp_answer.h"
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Every answer has one length, whatever it says: the white space that may stand before a field value
 * (RFC 9110 5.5) fills it up. */
#define HEAD_FORMAT                                                                                \
	"HTTP/1.1 %s\r\n"                                                                          \
	"Content-Length: %zu\r\n"                                                                  \
	"Connection:%*s%s\r\n\r\n"

/* Ones' complement sum of the bytes as 16-bit words in memory order. */
static uint32_t sum16(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2) {
		uint16_t word;

		memcpy(&word, data + i, sizeof(word));
		sum += word;
	}
	return sum;
}

/* kind says which of the variants: to HEAD the same fields without the body (RFC 9110 9.3.2). */
static void render(struct hz_response *out, uint32_t kind, const char *status, const char *body)
{
	bool is_head = kind % HZ_RESPONSE_KEEP >= HZ_RESPONSE_HEAD;
	const char *option = kind >= HZ_RESPONSE_KEEP ? "keep-alive" : "close";
	size_t body_bytes = strlen(body), sent_bytes = is_head ? 0 : body_bytes;
	char text[HZ_RESPONSE_BYTES + 1];
	int bare = snprintf(NULL, 0, HEAD_FORMAT, status, body_bytes, 0, "", option);
	int pad = (int)(sizeof(out->data) - sent_bytes) - bare;

	assert(pad > 0); /* the longest, 200 with HZ_HEALTH_BODY_MAX bytes, leaves 2 */
	snprintf(text, sizeof(text), HEAD_FORMAT, status, body_bytes, pad, "", option);
	memcpy(out->data, text, sizeof(out->data) - sent_bytes);
	memcpy(out->data + sizeof(out->data) - sent_bytes, body, sent_bytes);
	out->bytes = HZ_RESPONSE_BYTES;
	out->csum = sum16(out->data, sizeof(out->data));
}

static bool is_body(const char *body)
{
	size_t len = strnlen(body, HZ_HEALTH_BODY_MAX + 1);

	for (size_t i = 0; i < len; i++)
		if (body[i] < 0x20 || body[i] > 0x7e)
			return false;
	return len <= HZ_HEALTH_BODY_MAX;
}

int hz_xdp_answer_render(struct hz_response out[HZ_RESPONSE_KINDS], const char *body)
{
	if (!is_body(body))
		return -EINVAL;
	for (uint32_t kind = 0; kind < HZ_RESPONSE_KINDS; kind += HZ_RESPONSE_HEAD) {
		render(&out[kind + HZ_RESPONSE_200], kind, "200 OK", body);
		render(&out[kind + HZ_RESPONSE_503], kind, "503 Service Unavailable", "not ready");
		render(&out[kind + HZ_RESPONSE_404], kind, "404 Not Found", "not found");
	}
	return 0;
}

/* In one second: a client that waits longer would leave a short overload unserved. The same to every method. */
void hz_xdp_answer_shed(struct hz_response *out)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Retry-After: 1\r\n"
				   "Connection: close\r\n"
				   "Content-Length:       0\r\n\r\n";

	_Static_assert(sizeof(text) - 1 == HZ_RESPONSE_BYTES, "every answer has one length");
	memcpy(out->data, text, sizeof(out->data));
	out->bytes = HZ_RESPONSE_BYTES;
	out->csum = sum16(out->data, sizeof(out->data));
}

int hz_xdp_answer_udp(struct hz_response out[HZ_RESPONSE_UDP_KINDS], const char *body)
{
	if (!is_body(body))
		return -EINVAL;
	*out = (struct hz_response){ .bytes = (uint32_t)strlen(body) };
	memcpy(out->data, body, out->bytes);
	return 0;
}
