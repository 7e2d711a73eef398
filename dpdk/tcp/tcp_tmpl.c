#include "tcp/tcp_tmpl.h"

#include "net/ip_hdr.h"
#include "net/sw_csum.h"
#include "port/mbuf_span.h"
#include <string.h>

#define HOP_LIMIT 64
#define TS_WORD   __builtin_bswap32(0x0101080au) /* NOP, NOP, timestamp, 10 bytes */

/* Dynamic parts of the headers, as offsets back from the end of the TCP header with its options. */
static uint8_t *put_ip4(uint8_t *at, const struct hz_packet *packet, uint32_t *ip_sum)
{
	struct hz_ip4_hdr ip = { .version_ihl = 0x45,
		                 .ttl = HOP_LIMIT,
		                 .protocol = HZ_IPPROTO_TCP };

	/* No "don't fragment": ICMP goes to the kernel, so that we would never learn of a smaller
	 * path MTU (RFC 1191 3 forbids the bit without discovery). */
	memcpy(ip.src, packet->dst.byte + 12, 4);
	memcpy(ip.dst, packet->src.byte + 12, 4);
	memcpy(at, &ip, sizeof(ip));
	*ip_sum = hz_csum_fold(hz_csum_add(0, at, sizeof(ip)));
	return at + sizeof(ip);
}

static uint8_t *put_ip6(uint8_t *at, const struct hz_packet *packet)
{
	struct hz_ip6_hdr ip = { .version_class_flow = { 0x60, 0, 0, 0 },
		                 .next_header = HZ_IPPROTO_TCP,
		                 .hop_limit = HOP_LIMIT };

	memcpy(ip.src, packet->dst.byte, 16);
	memcpy(ip.dst, packet->src.byte, 16);
	memcpy(at, &ip, sizeof(ip));
	return at + sizeof(ip);
}

void hz_tcp_tmpl_build(struct hz_tcp_tmpl *tmpl, const struct hz_packet *packet, bool has_ts)
{
	size_t ip_bytes = packet->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	struct hz_tcp_hdr tcp = { 0 };
	const uint32_t ts_word = TS_WORD;
	uint8_t *at;

	memset(tmpl, 0, sizeof(*tmpl));
	tmpl->is_v6 = packet->is_v6;
	tmpl->l2_bytes = packet->l2_bytes;
	tmpl->tcp_bytes = (uint8_t)(sizeof(tcp) + (has_ts ? HZ_TCP_TS_BYTES : 0));
	tmpl->frame_bytes = (uint8_t)(packet->l2_bytes + ip_bytes + tmpl->tcp_bytes);
	at = tmpl->bytes + HZ_TCP_TMPL_BYTES - tmpl->frame_bytes;
	memcpy(at, packet->l2_reply, packet->l2_bytes);
	at += packet->l2_bytes;
	at = packet->is_v6 ? put_ip6(at, packet) : put_ip4(at, packet, &tmpl->ip_sum);
	memcpy(&tcp.src_port, packet->l4 + 2, 2);
	memcpy(&tcp.dst_port, packet->l4, 2);
	memcpy(at, &tcp, sizeof(tcp));
	tmpl->tcp_sum = hz_csum_pseudo(&packet->dst, &packet->src, packet->is_v6, HZ_IPPROTO_TCP);
	tmpl->tcp_sum = hz_csum_add(tmpl->tcp_sum, at, sizeof(tcp));
	if (!has_ts)
		return;
	memcpy(at + sizeof(tcp), &ts_word, sizeof(ts_word));
	tmpl->tcp_sum += ts_word;
}

void hz_tcp_tmpl_set_l2(struct hz_tcp_tmpl *tmpl, const struct hz_packet *packet)
{
	memcpy(tmpl->bytes + HZ_TCP_TMPL_BYTES - tmpl->frame_bytes, packet->l2_reply,
	       tmpl->l2_bytes);
}

static void patch_ip4(const struct hz_tcp_tmpl *tmpl, uint8_t *ip, uint32_t ip_payload,
                      uint16_t ip_id)
{
	uint16_t total = __builtin_bswap16((uint16_t)(sizeof(struct hz_ip4_hdr) + ip_payload));
	uint16_t id = __builtin_bswap16(ip_id);
	uint16_t csum = hz_csum_finish((uint64_t)tmpl->ip_sum + total + id);

	memcpy(ip + offsetof(struct hz_ip4_hdr, total_bytes), &total, 2);
	memcpy(ip + offsetof(struct hz_ip4_hdr, id), &id, 2);
	memcpy(ip + offsetof(struct hz_ip4_hdr, checksum), &csum, 2);
}

static void patch_ip6(uint8_t *ip, uint32_t ip_payload)
{
	uint16_t bytes = __builtin_bswap16((uint16_t)ip_payload);

	memcpy(ip + offsetof(struct hz_ip6_hdr, payload_bytes), &bytes, 2);
}

/* The checksum is added up from the values themselves: reading the header back right after writing it
 * in pieces of other sizes would stall on store forwarding. */
static void patch_tcp(const struct hz_tcp_tmpl *tmpl, uint8_t *at, uint32_t tcp_bytes,
                      const struct hz_tcp_emit *emit)
{
	uint32_t word[4] = { __builtin_bswap32(emit->seq), __builtin_bswap32(emit->ack) };
	uint32_t offset_words = (tmpl->tcp_bytes + (uint32_t)emit->option_bytes) / 4;
	uint64_t sum = tmpl->tcp_sum + emit->data_csum + __builtin_bswap16((uint16_t)tcp_bytes);

	word[2] =
		__builtin_bswap32(offset_words << 28 | (uint32_t)emit->flags << 16 | emit->window);
	sum += (uint64_t)word[0] + word[1] + word[2];
	if (tmpl->tcp_bytes > sizeof(struct hz_tcp_hdr)) {
		uint32_t ts[2] = { __builtin_bswap32(emit->ts_val),
			           __builtin_bswap32(emit->ts_ecr) };

		sum += (uint64_t)ts[0] + ts[1];
		memcpy(at + sizeof(struct hz_tcp_hdr) + 4, ts, sizeof(ts));
	}
	word[3] = hz_csum_finish(sum); /* the urgent pointer behind it is 0 */
	memcpy(at + offsetof(struct hz_tcp_hdr, seq), word, sizeof(word));
}

void hz_tcp_tmpl_emit(const struct hz_tcp_tmpl *tmpl, struct rte_mbuf *mbuf,
                      const struct hz_tcp_emit *emit)
{
	struct hz_wspan data = hz_mbuf_bytes(mbuf);
	uint32_t tcp_bytes = tmpl->tcp_bytes + (uint32_t)data.len;
	uint8_t *ip = data.data - tmpl->frame_bytes + tmpl->l2_bytes;

	memcpy(data.data - HZ_TCP_TMPL_BYTES, tmpl->bytes, HZ_TCP_TMPL_BYTES);
	mbuf->data_off = (uint16_t)(mbuf->data_off - tmpl->frame_bytes);
	mbuf->data_len = (uint16_t)(mbuf->data_len + tmpl->frame_bytes);
	mbuf->pkt_len = mbuf->data_len;
	if (tmpl->is_v6)
		patch_ip6(ip, tcp_bytes);
	else
		patch_ip4(tmpl, ip, tcp_bytes, emit->ip_id);
	patch_tcp(tmpl, data.data - tmpl->tcp_bytes, tcp_bytes, emit);
}
