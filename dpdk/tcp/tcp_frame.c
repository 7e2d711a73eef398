#include "tcp/tcp_frame.h"

#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include "port/mbuf_span.h"
#include <string.h>

#define TS_WORD __builtin_bswap32(0x0101080au) /* NOP, NOP, timestamp, 10 bytes */

static void put64(uint8_t *to, uint32_t first, uint32_t second)
{
	uint64_t both = (uint64_t)second << 32 | first;

	memcpy(to, &both, sizeof(both));
}

/* Returns the sum of the two addresses, which the pseudo header needs too. All checksums are added up from
 * the values themselves: reading the header back right after writing it in pieces of other sizes would stall
 * on store forwarding. */
static uint64_t put_ip4(uint8_t *ip, const struct hz_tcp_path *path, const struct hz_addr *remote,
                        uint32_t ip_payload, const struct hz_tcp_emit *emit)
{
	uint32_t total = (uint32_t)sizeof(struct hz_ip4_hdr) + ip_payload;
	uint32_t length, id, protocol, csum, src, dst;
	uint64_t addresses;

	/* "Don't fragment" only where ICMP comes to us and not to the kernel: RFC 1191 3 forbids the bit
	 * without discovery. */
	length = __builtin_bswap32(0x45000000u | (uint32_t)emit->tos << 16 | total);
	id = __builtin_bswap32((uint32_t)emit->ip_id << 16 |
	                       (path->port->ifindex == 0 ? HZ_IP4_DONT_FRAGMENT : 0));
	protocol =
		__builtin_bswap32((uint32_t)emit->hop_limit << 24 | (uint32_t)HZ_IPPROTO_TCP << 16);
	memcpy(&src, path->local.byte + 12, 4);
	memcpy(&dst, remote->byte + 12, 4);
	addresses = (uint64_t)src + dst;
	csum = hz_csum_finish(addresses + length + id + protocol);
	put64(ip, length, id);
	put64(ip + 8, protocol | csum << 16, src);
	memcpy(ip + 16, &dst, 4);
	return addresses;
}

static uint64_t put_ip6(uint8_t *ip, const struct hz_tcp_path *path, const struct hz_addr *remote,
                        uint32_t ip_payload, const struct hz_tcp_emit *emit)
{
	uint32_t word[2] = {
		__builtin_bswap32(0x60000000u | (uint32_t)emit->tos << 20),
		__builtin_bswap32(ip_payload << 16 | HZ_IPPROTO_TCP << 8 | emit->hop_limit),
	};

	memcpy(ip, word, sizeof(word));
	memcpy(ip + offsetof(struct hz_ip6_hdr, src), &path->local, 16);
	memcpy(ip + offsetof(struct hz_ip6_hdr, dst), remote, 16);
	return hz_csum_add(hz_csum_add(0, path->local.byte, 16), remote->byte, 16);
}

/* pseudo: sum of the pseudo header, RFC 9293 3.1. */
static void put_tcp(uint8_t *at, uint64_t pseudo, uint32_t header_bytes,
                    const struct hz_tcp_emit *emit)
{
	uint32_t offset_words = (header_bytes + (uint32_t)emit->option_bytes) / 4;
	uint32_t ports = emit->ports << 16 | emit->ports >> 16;
	uint32_t seq = __builtin_bswap32(emit->seq), ack = __builtin_bswap32(emit->ack);
	uint32_t flags =
		__builtin_bswap32(offset_words << 28 | (uint32_t)emit->flags << 16 | emit->window);
	uint64_t sum = pseudo + emit->data_csum + ports + seq + ack + flags;
	uint32_t csum;

	put64(at, ports, seq);
	put64(at + 8, ack, flags);
	if (emit->has_ts) {
		uint32_t val = __builtin_bswap32(emit->ts_val);
		uint32_t ecr = __builtin_bswap32(emit->ts_ecr);

		sum += (uint64_t)TS_WORD + val + ecr;
		put64(at + 24, val, ecr);
		csum = hz_csum_finish(sum);
		put64(at + 16, csum, TS_WORD); /* the urgent pointer behind the checksum is 0 */
		return;
	}
	csum = hz_csum_finish(sum);
	memcpy(at + 16, &csum, 4);
}

void hz_tcp_frame_put(const struct hz_tcp_path *path, const struct hz_addr *remote,
                      struct rte_mbuf *mbuf, const struct hz_tcp_emit *emit)
{
	struct hz_wspan data = hz_mbuf_bytes(mbuf);
	uint32_t tcp_header =
		(uint32_t)sizeof(struct hz_tcp_hdr) + (emit->has_ts ? HZ_TCP_TS_BYTES : 0);
	uint32_t ip_header = path->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	uint32_t tcp_bytes = tcp_header + (uint32_t)data.len;
	uint32_t added = tcp_header + ip_header + path->l2_bytes;
	uint8_t *tcp = data.data - tcp_header, *ip = tcp - ip_header;
	uint64_t pseudo;

	memcpy(ip - HZ_L2_BYTES_MAX, path->l2, HZ_L2_BYTES_MAX);
	mbuf->data_off = (uint16_t)(mbuf->data_off - added);
	mbuf->data_len = (uint16_t)(mbuf->data_len + added);
	mbuf->pkt_len = mbuf->data_len;
	if (path->is_v6)
		pseudo = put_ip6(ip, path, remote, tcp_bytes, emit);
	else
		pseudo = put_ip4(ip, path, remote, tcp_bytes, emit);
	pseudo += (uint64_t)__builtin_bswap16((uint16_t)tcp_bytes) +
	          __builtin_bswap16((uint16_t)HZ_IPPROTO_TCP);
	put_tcp(tcp, pseudo, tcp_header, emit);
}
