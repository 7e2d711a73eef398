#include "core/endpoint.h"
#include "core/base.h"
#include "core/span_ops.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool hz_addr_is_v4(const struct hz_addr *addr)
{
	return memcmp(addr->byte, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool hz_addr_is_within(const struct hz_addr *addr, const struct hz_addr *prefix, uint32_t bits)
{
	uint32_t whole, rest;

	if (hz_addr_is_v4(addr) != hz_addr_is_v4(prefix))
		return false;
	if (hz_addr_is_v4(addr))
		bits += 8 * (uint32_t)sizeof(v4_mapped);
	whole = bits / 8;
	rest = bits % 8;
	if (memcmp(addr->byte, prefix->byte, whole) != 0)
		return false;
	return rest == 0 || (addr->byte[whole] ^ prefix->byte[whole]) >> (8 - rest) == 0;
}

int hz_addr_parse(const char *text, struct hz_addr *out)
{
	struct hz_addr addr;

	if (inet_pton(AF_INET, text, addr.byte + sizeof(v4_mapped)) == 1)
		memcpy(addr.byte, v4_mapped, sizeof(v4_mapped));
	else if (inet_pton(AF_INET6, text, addr.byte) != 1)
		return -EINVAL;
	*out = addr;
	return 0;
}

/* 1..65535 as everybody writes it: no sign, no leading zero. */
static int port_parse(struct hz_span text, uint16_t *out)
{
	uint64_t port;

	if (text.len > 5 || hz_span_u64(text, &port) != 0 || text.data[0] == '0' || port > 65535)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

int hz_endpoint_parse(const char *text, struct hz_endpoint *out)
{
	struct hz_span whole = hz_span_text(text);
	bool is_bracketed = whole.len > 0 && whole.data[0] == '[';
	struct hz_span addr = is_bracketed ? hz_span_skip(whole, 1) : whole;
	size_t addr_len = hz_span_find(addr, is_bracketed ? ']' : ':');
	struct hz_span rest = hz_span_skip(addr, addr_len + (is_bracketed ? 1 : 0));
	char addr_text[INET6_ADDRSTRLEN];
	struct hz_endpoint endpoint;

	if (addr_len >= sizeof(addr_text) || rest.len < 2 || rest.data[0] != ':')
		return -EINVAL;
	memcpy(addr_text, addr.data, addr_len);
	addr_text[addr_len] = '\0';
	/* Brackets are for addresses with colons, and only for these. */
	if (is_bracketed != (hz_span_find(hz_span_text(addr_text), ':') < addr_len))
		return -EINVAL;
	if (hz_addr_parse(addr_text, &endpoint.addr) != 0 ||
	    port_parse(hz_span_skip(rest, 1), &endpoint.port) != 0)
		return -EINVAL;
	*out = endpoint;
	return 0;
}

void hz_addr_print(const struct hz_addr *addr, char out[HZ_ENDPOINT_TEXT_MAX])
{
	bool is_v4 = hz_addr_is_v4(addr);

	if (inet_ntop(is_v4 ? AF_INET : AF_INET6, addr->byte + (is_v4 ? sizeof(v4_mapped) : 0), out,
	              HZ_ENDPOINT_TEXT_MAX) == NULL)
		out[0] = '\0'; /* cannot be: the room is enough for either family */
}

void hz_endpoint_print(const struct hz_endpoint *endpoint, char out[HZ_ENDPOINT_TEXT_MAX])
{
	_Static_assert(HZ_ENDPOINT_TEXT_MAX >= INET6_ADDRSTRLEN + sizeof("[]:65535") - 1, "room");
	bool is_v4 = hz_addr_is_v4(&endpoint->addr);
	char addr[HZ_ENDPOINT_TEXT_MAX];
	int len;

	hz_addr_print(&endpoint->addr, addr);
	len = snprintf(out, HZ_ENDPOINT_TEXT_MAX, "%s%.*s%s:%u", is_v4 ? "" : "[", INET6_ADDRSTRLEN,
	               addr, is_v4 ? "" : "]", (unsigned)endpoint->port);
	assert(len > 0 && len < HZ_ENDPOINT_TEXT_MAX);
	(void)len;
}
