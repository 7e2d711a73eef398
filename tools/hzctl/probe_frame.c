#include "probe_frame.h"
#include "core/endpoint.h"
#include <string.h>

#define PAYLOAD_BYTES 16u

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071 */
static uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Returns the length of the segment, datagram or echo; *csum is where its checksum goes. */
static size_t put_l4(const struct hz_probe *probe, bool is_v4, uint8_t *l4, uint8_t **csum)
{
	if (probe->kind == HZ_PROBE_ECHO) {
		l4[0] = is_v4 ? 8 : 128;
		*csum = l4 + 2;
		return 8 + PAYLOAD_BYTES;
	}
	put16(l4, probe->from.port);
	put16(l4 + 2, probe->to.port);
	if (probe->kind == HZ_PROBE_UDP) {
		put16(l4 + 4, 8 + PAYLOAD_BYTES);
		*csum = l4 + 6;
		return 8 + PAYLOAD_BYTES;
	}
	l4[7] = 1; /* sequence number */
	l4[12] = 6 << 4;
	l4[13] = 2;             /* SYN */
	put16(l4 + 14, 64240);  /* window */
	put16(l4 + 20, 0x0204); /* MSS, RFC 9293 3.7.1 */
	put16(l4 + 22, 1460);
	*csum = l4 + 16;
	return 24;
}

size_t hz_probe_frame(const struct hz_probe *probe, uint8_t *out)
{
	static const uint8_t protocols[] = { 6, 17, 1 };
	bool is_v4 = hz_addr_is_v4(&probe->to.addr);
	uint8_t protocol = protocols[probe->kind], *ip = out + 14, *l4 = ip + (is_v4 ? 20 : 40),
		*csum;
	uint32_t sum = 0;
	size_t bytes;

	memset(out, 0, HZ_PROBE_BYTES_MAX);
	out[0] = out[6] = 2; /* locally administered addresses */
	out[5] = 2;
	out[11] = 1;
	put16(out + 12, is_v4 ? 0x0800 : 0x86dd);
	bytes = put_l4(probe, is_v4, l4, &csum);
	if (protocol == 1 && !is_v4)
		protocol = 58;
	if (is_v4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(20 + bytes));
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, probe->from.addr.byte + 12, 4);
		memcpy(ip + 16, probe->to.addr.byte + 12, 4);
		put16(ip + 10, ~sum_words(0, ip, 20));
		sum = sum_words(0, ip + 12, 8);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)bytes);
		ip[6] = protocol;
		ip[7] = 64;
		memcpy(ip + 8, probe->from.addr.byte, 16);
		memcpy(ip + 24, probe->to.addr.byte, 16);
		sum = sum_words(0, ip + 8, 32);
	}
	sum = protocol == 1 ? 0 : sum + protocol + (uint32_t)bytes; /* ICMP has no pseudo header */
	put16(csum, ~sum_words(sum, l4, bytes));
	return (size_t)(l4 - out) + bytes;
}
