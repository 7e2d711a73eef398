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
	"Connection:%*sclose\r\n\r\n"

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

/* To HEAD the same fields without the body (RFC 9110 9.3.2). */
static void render(struct hz_response *out, const char *status, const char *body, bool has_body)
{
	size_t body_bytes = strlen(body), sent_bytes = has_body ? body_bytes : 0;
	char text[HZ_RESPONSE_BYTES + 1];
	int bare = snprintf(NULL, 0, HEAD_FORMAT, status, body_bytes, 0, "");
	int pad = (int)(sizeof(out->data) - sent_bytes) - bare;

	assert(pad > 0); /* the longest, 200 with HZ_HEALTH_BODY_MAX bytes, leaves 7 */
	snprintf(text, sizeof(text), HEAD_FORMAT, status, body_bytes, pad, "");
	memcpy(out->data, text, sizeof(out->data) - sent_bytes);
	memcpy(out->data + sizeof(out->data) - sent_bytes, body, sent_bytes);
	out->bytes = HZ_RESPONSE_BYTES;
	out->csum = sum16(out->data, sizeof(out->data));
}

int hz_xdp_answer_render(struct hz_response out[HZ_RESPONSE_KINDS], const char *body)
{
	size_t len = strnlen(body, HZ_HEALTH_BODY_MAX + 1);

	if (len > HZ_HEALTH_BODY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (body[i] < 0x20 || body[i] > 0x7e)
			return -EINVAL;
	for (int head = 0; head < 2; head++) {
		struct hz_response *kind = out + (head ? HZ_RESPONSE_HEAD : 0);

		render(&kind[HZ_RESPONSE_200], "200 OK", body, !head);
		render(&kind[HZ_RESPONSE_503], "503 Service Unavailable", "not ready", !head);
		render(&kind[HZ_RESPONSE_404], "404 Not Found", "not found", !head);
	}
	return 0;
}
