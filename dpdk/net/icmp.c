/* ICMP and ICMPv6 on ports with a host: ping is answered, at a rate; what tells of a path goes on to
 * icmp_error.c; the rest is dropped. */
#include "net/net_in.h"

#include "net/host.h"
#include "net/sw_csum.h"
#include <string.h>

#define ECHO_REPLY_4   0u
#define ECHO_REQUEST_4 8u
#define ECHO_REQUEST_6 128u
#define ECHO_REPLY_6   129u
#define TTL            64u

uint16_t hz_net_icmp6_sum(const struct hz_addr *src, const struct hz_addr *dst, const uint8_t *data,
                          uint32_t bytes)
{
	uint64_t sum = hz_csum_pseudo(src, dst, 1, HZ_IPPROTO_ICMP6);

	sum += __builtin_bswap16((uint16_t)bytes);
	return hz_csum_finish(hz_csum_add(sum, data, bytes));
}

static void ip4_write(uint8_t *l3, const struct hz_net_icmp *request)
{
	struct hz_ip4_hdr ip = {
		.version_ihl = 0x45,
		.total_bytes = __builtin_bswap16((uint16_t)(sizeof(ip) + request->bytes)),
		.fragment = __builtin_bswap16(
			HZ_IP4_DONT_FRAGMENT), /* so that the id may be 0, RFC 6864 4.1 */
		.ttl = TTL,
		.protocol = HZ_IPPROTO_ICMP,
	};

	memcpy(ip.src, request->dst.byte + 12, sizeof(ip.src));
	memcpy(ip.dst, request->src.byte + 12, sizeof(ip.dst));
	ip.checksum = hz_csum_finish(hz_csum_add(0, (const uint8_t *)&ip, sizeof(ip)));
	memcpy(l3, &ip, sizeof(ip));
}

static void ip6_write(uint8_t *l3, const struct hz_net_icmp *request)
{
	struct hz_ip6_hdr ip = {
		.version_class_flow = { 0x60 },
		.payload_bytes = __builtin_bswap16((uint16_t)request->bytes),
		.next_header = HZ_IPPROTO_ICMP6,
		.hop_limit = TTL,
	};

	memcpy(ip.src, &request->dst, sizeof(ip.src));
	memcpy(ip.dst, &request->src, sizeof(ip.dst));
	memcpy(l3, &ip, sizeof(ip));
}

/* The same message with another type, RFC 792 and RFC 4443 4.2: identifier, number and data return. */
static void echo_write(uint8_t *l3, const struct hz_net_icmp *request)
{
	uint8_t *to = l3 + (request->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr));
	uint16_t sum;

	if (request->is_v6)
		ip6_write(l3, request);
	else
		ip4_write(l3, request);
	memcpy(to, request->data, request->bytes);
	to[0] = request->is_v6 ? ECHO_REPLY_6 : ECHO_REPLY_4;
	memset(to + offsetof(struct hz_icmp_hdr, checksum), 0, sizeof(sum));
	sum = request->is_v6 ? hz_net_icmp6_sum(&request->dst, &request->src, to, request->bytes)
	                     : hz_csum_finish(hz_csum_add(0, to, request->bytes));
	memcpy(to + offsetof(struct hz_icmp_hdr, checksum), &sum, sizeof(sum));
}

static enum hz_net_verdict echo_in(const struct hz_net_frame *frame, const struct hz_net_icmp *icmp)
{
	uint32_t ip_bytes = icmp->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	struct hz_net_out out;

	if (!hz_rate_take(&frame->port->host->echo_answers, frame->port->host->env->now_ns,
	                  HZ_LIMIT_echo_answers_per_s))
		return hz_net_drop(frame, HZ_COUNTER_drop_answer_rate);
	if (hz_net_out_open(frame->port, frame, frame->l2 + 6,
	                    icmp->is_v6 ? HZ_ETHERTYPE_IP6 : HZ_ETHERTYPE_IP4,
	                    ip_bytes + icmp->bytes, &out) != 0)
		return hz_net_unanswered(frame);
	echo_write(out.l3, icmp);
	hz_port_tx(frame->port, out.mbuf);
	return hz_net_done(frame, HZ_COUNTER_echo_answered);
}

enum hz_net_verdict hz_icmp_in(const struct hz_net_frame *frame, const struct hz_net_icmp *icmp,
                               struct hz_packet *out)
{
	uint8_t echo = icmp->is_v6 ? ECHO_REQUEST_6 : ECHO_REQUEST_4;

	if (icmp->data[0] == echo && icmp->data[1] == 0)
		return echo_in(frame, icmp);
	return hz_icmp_error_in(frame, icmp, out);
}
