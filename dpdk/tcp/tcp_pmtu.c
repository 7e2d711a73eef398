#include "tcp/tcp_pmtu.h"

#include "net/flow_hash.h"
#include "net/ip_hdr.h"
#include "tcp/tcp_in.h"
#include "tcp/tcp_recovery.h"
#include "tcp/tcp_seg.h"
#include "tcp/tcp_stack.h"

/* Timeouts before this one. RFC 9293 3.8.3: after R1, three, the path is doubted. */
#define BLACK_HOLE_RETRIES      2
#define BLACK_HOLE_RETRIES_MORE 4

static uint32_t mss_of(const struct hz_tcp_pcb *pcb, uint32_t mtu)
{
	uint32_t ip_bytes =
		pcb->path->is_v6 ? sizeof(struct hz_ip6_hdr) : sizeof(struct hz_ip4_hdr);
	uint32_t ts_bytes = pcb->flags & HZ_TCP_F_TS ? HZ_TCP_TS_BYTES : 0;

	return mtu - ip_bytes - (uint32_t)sizeof(struct hz_tcp_hdr) - ts_bytes;
}

/* The segment that carries seq, as it is cut now, is larger than mss. Bounded by tx_count. */
static bool is_larger(const struct hz_tcp_pcb *pcb, uint32_t seq, uint32_t mss)
{
	const struct rte_mbuf *seg = pcb->rec != NULL ? pcb->rec->tx_head : NULL;

	while (seg != NULL && hz_seq_leq(hz_seg_end(seg), seq))
		seg = hz_seg_next(seg);
	return seg != NULL && hz_seq_leq(hz_seg_seq(seg), seq) && hz_seg_bytes(seg) > mss &&
	       pcb->snd_mss > mss;
}

void hz_tcp_pmtu_timeout(struct hz_tcp_pcb *pcb)
{
	uint32_t mtu = HZ_TCP_PMTU_MIN_V6, mss;

	if (pcb->retries == BLACK_HOLE_RETRIES_MORE && !pcb->path->is_v6)
		mtu = HZ_TCP_PMTU_MIN_V4;
	else if (pcb->retries != BLACK_HOLE_RETRIES)
		return;
	mss = mss_of(pcb, mtu);
	if (!is_larger(pcb, pcb->snd_una, mss))
		return;
	pcb->snd_mss = (uint16_t)mss;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_pmtu_lowered);
}

/* RFC 5927 7.2's first defence: only a segment under way that is larger than what is claimed to fit, and no
 * claim below what every path must carry. True: segments are smaller now. */
static bool too_big(struct hz_tcp_pcb *pcb, const struct hz_tcp_icmp *icmp)
{
	uint32_t least = pcb->path->is_v6 ? HZ_TCP_PMTU_MIN_V6 : HZ_TCP_PMTU_MIN_V4;
	uint32_t mss = mss_of(pcb, HZ_MAX(icmp->mtu, least));

	if (!is_larger(pcb, icmp->seq, mss))
		return false;
	pcb->snd_mss = (uint16_t)mss;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_pmtu_lowered);
	/* What was cut too large is lost, but not to congestion: RFC 1191 6.5. */
	hz_tcp_recovery_resend(pcb);
	hz_tcp_pcb_touch(pcb);
	return true;
}

static struct hz_tcp_pcb *pcb_of(const struct hz_tcp *tcp, const struct hz_tcp_icmp *icmp)
{
	uint8_t ports[4] = { (uint8_t)(icmp->remote_port >> 8), (uint8_t)icmp->remote_port,
		             (uint8_t)(icmp->local_port >> 8), (uint8_t)icmp->local_port };
	struct hz_packet packet = {
		.l4 = ports, .l4_bytes = sizeof(ports), .src = icmp->remote, .dst = icmp->local
	};
	uint32_t ref;

	packet.flow_hash =
		hz_flow_hash(&tcp->conf.net, &icmp->remote, &icmp->local, ports, icmp->is_v6);
	ref = hz_tcp_lookup(tcp, &packet);
	if (ref == HZ_TCP_REF_NONE || (ref & HZ_TCP_REF_TIME_WAIT))
		return NULL;
	return hz_pool_at(&tcp->pcbs, ref - 1);
}

bool hz_tcp_icmp_in(struct hz_tcp *tcp, const struct hz_tcp_icmp *icmp)
{
	struct hz_tcp_pcb *pcb = pcb_of(tcp, icmp);
	bool is_taken = false;

	/* RFC 5927 4.1: of a segment that is under way, or anybody could have written it. */
	if (pcb != NULL && hz_seq_geq(icmp->seq, pcb->snd_una) &&
	    hz_seq_lt(icmp->seq, pcb->snd_max) && !(pcb->flags & HZ_TCP_F_ABORT)) {
		if (icmp->kind == HZ_TCP_ICMP_TOO_BIG) {
			is_taken = too_big(pcb, icmp);
		} else if (icmp->kind == HZ_TCP_ICMP_HARD && pcb->state == HZ_TCP_SYN_SENT) {
			/* RFC 9293 3.9.2.2: only before there is anything to lose, RFC 5461 4.1. */
			hz_tcp_pcb_close(pcb, HZ_CLOSE_RESET);
			is_taken = true;
		}
	}
	if (!is_taken)
		hz_tcp_count(tcp, HZ_COUNTER_icmp_refused);
	return is_taken;
}
