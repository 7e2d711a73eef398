#include "tcp/tcp_in.h"

#include "tcp/cc.h"
#include "tcp/tcp_connect.h"
#include "tcp/tcp_ecn.h"
#include "tcp/tcp_idle.h"
#include "tcp/tcp_listen.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_pressure.h"
#include "tcp/tcp_reasm.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"
#include "tcp/tcp_timer.h"
#include <string.h>

#define CHALLENGE_INTERVAL_NS (500 * HZ_NS_PER_MS)

/* Header length, flags, options. False: dropped and counted. */
static bool segment_parse(struct hz_tcp *tcp, struct hz_packet *packet, struct hz_tcp_segment *seg)
{
	struct hz_tcp_hdr hdr;
	uint32_t header_bytes;
	uint8_t kind;

	if (packet->l4_bytes < sizeof(hdr)) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_short);
		return false;
	}
	memcpy(&hdr, packet->l4, sizeof(hdr));
	header_bytes = (hdr.data_offset >> 4) * 4u;
	if (header_bytes < sizeof(hdr) || header_bytes > packet->l4_bytes) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_short);
		return false;
	}
	kind = hdr.flags & (HZ_TCP_SYN | HZ_TCP_FIN | HZ_TCP_RST | HZ_TCP_ACK);
	if (kind == 0 || ((kind & HZ_TCP_SYN) && (kind & (HZ_TCP_FIN | HZ_TCP_RST)))) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_bad_flags);
		return false;
	}
	if (hz_tcp_opts_parse(packet->l4 + sizeof(hdr), header_bytes - sizeof(hdr),
	                      (kind & HZ_TCP_SYN) != 0, &seg->opts) != 0) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_tcp_options);
		return false;
	}
	seg->packet = packet;
	seg->payload = packet->l4 + header_bytes;
	seg->bytes = packet->l4_bytes - header_bytes;
	seg->seq = __builtin_bswap32(hdr.seq);
	seg->ack = __builtin_bswap32(hdr.ack);
	seg->window = __builtin_bswap16(hdr.window);
	seg->flags = hdr.flags;
	return true;
}

void hz_tcp_in_challenge(struct hz_tcp_pcb *pcb)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	uint64_t now_ns = hz_tcp_now(tcp);

	if (pcb->challenge_tick != 0 &&
	    hz_tcp_tick_age_ns(tcp, pcb->challenge_tick) < CHALLENGE_INTERVAL_NS)
		return;
	if (now_ns >= tcp->challenges_until_ns) {
		/* Random, so that an attacker cannot count them: CVE-2016-5696. */
		tcp->challenges_left =
			HZ_TCP_CHALLENGES_PER_S +
			(uint32_t)hz_rng_below(&tcp->conf.env->rng, HZ_TCP_CHALLENGES_PER_S);
		tcp->challenges_until_ns = now_ns + HZ_NS_PER_S;
	}
	if (tcp->challenges_left == 0)
		return;
	tcp->challenges_left--;
	pcb->challenge_tick = hz_tcp_tick(tcp);
	pcb->flags |= HZ_TCP_F_ACK_NOW;
	hz_tcp_count(tcp, HZ_COUNTER_challenge_ack);
	hz_tcp_pcb_touch(pcb);
}

/* RFC 9293 3.10.7.4 first check, with overlap instead of two ends so that a segment around the whole
 * window passes. At the left edge ACK, RST and FIN count even when the window is closed. At the
 * right edge an empty one does too, as everywhere: so are numbered all ACKs of a peer that filled the
 * window, while what filled it is lost. */
static bool is_acceptable(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	uint32_t length = hz_tcp_segment_length(seg);

	if (seg->seq == pcb->rcv_nxt)
		return true;
	if (length == 0)
		return hz_seq_geq(seg->seq, pcb->rcv_nxt) && hz_seq_leq(seg->seq, pcb->rcv_adv);
	return hz_seq_lt(seg->seq, pcb->rcv_adv) && hz_seq_gt(seg->seq + length, pcb->rcv_nxt);
}

/* RFC 7323 5: an older timestamp is a segment from the past. (Its 24 days cannot pass: an idle
 * connection does not live that long.) */
static bool is_paws_failure(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	if (!(pcb->flags & HZ_TCP_F_TS) || (seg->flags & HZ_TCP_RST))
		return false;
	return !seg->opts.has_ts || hz_seq_lt(seg->opts.ts_val, pcb->ts_recent);
}

/* Of this connection, as far as one can tell: neither older than its timestamps nor than a window. */
static bool is_duplicate(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	return pcb->state != HZ_TCP_SYN_RCVD && hz_seq_lt(seg->seq, pcb->rcv_nxt) &&
	       pcb->rcv_nxt - seg->seq <= HZ_LIMIT_hold_bytes_max && !is_paws_failure(pcb, seg);
}

/* Lost ACKs and window probes bring data we have, which must be answered each time; empty segments
 * outside the window are answered now and then, or two stacks could go on for ever. */
static void unacceptable(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	hz_tcp_count_drop(hz_tcp_of(pcb), HZ_COUNTER_drop_out_of_window);
	if (seg->flags & HZ_TCP_RST)
		return;
	if (hz_tcp_segment_length(seg) == 0 || (seg->flags & HZ_TCP_SYN)) {
		hz_tcp_in_challenge(pcb);
		return;
	}
	if (is_duplicate(pcb, seg))
		hz_tcp_reasm_twice(pcb, seg->seq, seg->seq + seg->bytes);
	pcb->flags |= HZ_TCP_F_ACK_NOW;
	hz_tcp_pcb_touch(pcb);
}

static void trim(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	uint32_t room;

	if (hz_seq_lt(seg->seq, pcb->rcv_nxt)) {
		uint32_t cut = pcb->rcv_nxt - seg->seq;

		if (cut > seg->bytes) {
			cut = seg->bytes;
			seg->flags &= (uint8_t)~HZ_TCP_FIN; /* a FIN we have */
		}
		hz_tcp_reasm_twice(pcb, seg->seq, seg->seq + cut);
		seg->payload += cut;
		seg->bytes -= cut;
		seg->seq = pcb->rcv_nxt;
		pcb->flags |= HZ_TCP_F_ACK_NOW;
	}
	room = hz_seq_gt(pcb->rcv_adv, seg->seq) ? pcb->rcv_adv - seg->seq : 0;
	if (seg->bytes > room) {
		seg->bytes = room;
		seg->flags &= (uint8_t)~HZ_TCP_FIN;
		pcb->flags |= HZ_TCP_F_ACK_NOW;
	}
}

/* RFC 5961 3.2: only the exact number resets. */
static void reset_in(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	if (seg->seq != pcb->rcv_nxt) {
		hz_tcp_in_challenge(pcb);
		return;
	}
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_reset_received);
	hz_tcp_pcb_close(pcb, HZ_CLOSE_RESET);
}

bool hz_tcp_in_establish(struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);

	if (hz_seq_leq(seg->ack, pcb->snd_una) || hz_seq_gt(seg->ack, pcb->snd_max)) {
		hz_tcp_out_reply_reset(tcp, seg);
		return false;
	}
	if (pcb->syn_sent_us != 0)
		hz_tcp_rto_sample(pcb, (hz_tcp_us(tcp) - pcb->syn_sent_us) * HZ_NS_PER_US);
	else if (pcb->flags & HZ_TCP_F_RETRIED)
		hz_tcp_rto_open(pcb, HZ_TCP_RTO_LOST_SYN_US);
	pcb->snd_una++;
	pcb->snd_max = pcb->snd_una;
	/* of a SYN: not scaled, RFC 7323 2.2 */
	pcb->snd_wnd = seg->flags & HZ_TCP_SYN ? seg->window : seg->window << pcb->snd_wscale;
	pcb->snd_wnd_max = (uint16_t)(pcb->snd_wnd >> pcb->snd_wscale);
	pcb->snd_wl1 = seg->seq;
	pcb->rtx_at = 0;
	pcb->retries = 0;
	hz_cc_open(pcb, (pcb->flags & HZ_TCP_F_RETRIED) != 0);
	if (pcb->flags & HZ_TCP_F_HALF_OPEN)
		tcp->half_open_count--;
	/* Nor is a SYN left to repeat, though one may have been due in this very turn. */
	pcb->flags &= ~(uint32_t)(HZ_TCP_F_HALF_OPEN | HZ_TCP_F_SYN_AGAIN);
	hz_tcp_pcb_set_state(pcb, HZ_TCP_ESTABLISHED);
	tcp->conf.slot->worker->connections_opened++;
	if (hz_tcp_pressure_is_scarce(tcp))
		hz_tcp_pressure_evict(tcp);
	hz_tcp_idle_start(pcb);
	hz_tcp_stream_open(pcb);
	return !(pcb->flags & HZ_TCP_F_ABORT);
}

/* Both sides opened at once, RFC 9293 3.5 figure 8: the answer to our SYN repeats the number of the SYN that
 * we have. Data on it is not kept: the peer sends it again. */
static bool is_crossed_syn_ack(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	uint8_t kind = seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST);

	if (pcb->state != HZ_TCP_SYN_RCVD || !(pcb->flags & HZ_TCP_F_ACTIVE) ||
	    kind != (HZ_TCP_SYN | HZ_TCP_ACK) || seg->seq + 1 != pcb->rcv_nxt)
		return false;
	seg->seq++;
	seg->bytes = 0;
	pcb->flags |= HZ_TCP_F_ACK_NOW;
	return true;
}

/* The checks that the common segment does not need. True: go on with ACK and data. */
static bool unusual_in(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	if (pcb->state == HZ_TCP_SYN_RCVD &&
	    (seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK)) == HZ_TCP_SYN &&
	    seg->seq + 1 == pcb->rcv_nxt) {
		/* Our answer was lost: again. */
		pcb->flags |= HZ_TCP_F_RETRIED | HZ_TCP_F_SYN_AGAIN;
		hz_tcp_pcb_touch(pcb);
		return false;
	}
	if (is_crossed_syn_ack(pcb, seg))
		return true;
	if (is_paws_failure(pcb, seg) || !is_acceptable(pcb, seg)) {
		unacceptable(pcb, seg);
		return false;
	}
	if (seg->flags & HZ_TCP_RST) {
		reset_in(pcb, seg);
		return false;
	}
	if (seg->flags & HZ_TCP_SYN) { /* RFC 5961 4.2 */
		hz_tcp_in_challenge(pcb);
		return false;
	}
	if (!(seg->flags & HZ_TCP_ACK)) {
		hz_tcp_count_drop(hz_tcp_of(pcb), HZ_COUNTER_drop_bad_flags);
		return false;
	}
	trim(pcb, seg);
	return true;
}

/* Exactly the next bytes, within the window, nothing but ACK and PSH, and a timestamp not older. */
static bool is_expected(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	if ((seg->flags & ~HZ_TCP_PSH) != HZ_TCP_ACK || seg->seq != pcb->rcv_nxt ||
	    seg->bytes > pcb->rcv_adv - pcb->rcv_nxt)
		return false;
	return !is_paws_failure(pcb, seg);
}

/* Payload, FIN and what they owe. */
static void text_in(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	if (pcb->state == HZ_TCP_CLOSED || (pcb->flags & HZ_TCP_F_ABORT))
		return;
	if (HZ_UNLIKELY(pcb->flags & HZ_TCP_F_ECN))
		hz_tcp_ecn_segment(pcb, seg);
	if (seg->bytes > 0 || (seg->flags & HZ_TCP_FIN))
		hz_tcp_in_data(pcb, seg);
	if (pcb->flags & HZ_TCP_F_ACK_NOW)
		hz_tcp_pcb_touch(pcb);
	hz_tcp_rec_settle(pcb);
}

static void pcb_in(struct hz_tcp_pcb *pcb, struct hz_tcp_segment *seg)
{
	uint32_t seq = seg->seq; /* before trimming */

	if (pcb->state == HZ_TCP_SYN_SENT) {
		if (hz_tcp_connect_in(pcb, seg))
			text_in(pcb, seg);
		return;
	}
	if (!is_expected(pcb, seg) && !unusual_in(pcb, seg))
		return;
	if (pcb->state == HZ_TCP_SYN_RCVD) {
		if (!hz_tcp_in_establish(pcb, seg))
			return;
	} else if (!hz_tcp_in_ack(pcb, seg)) {
		return;
	}
	/* Only now: a blind guess may be in order, but its ACK is not (RFC 5961 5.2), and believing its
	 * timestamp would make the peer's own segments old.
	 * RFC 7323 4.3: not from segments beyond what we acknowledged, or a lost one would seem old. */
	if ((pcb->flags & HZ_TCP_F_TS) && hz_seq_leq(seq, pcb->ack_sent))
		pcb->ts_recent = seg->opts.ts_val;
	pcb->last_rx_tick = hz_tcp_tick(hz_tcp_of(pcb));
	if (memcmp(hz_tcp_path_l2(pcb->path), seg->packet->l2_reply, 6) != 0)
		hz_tcp_path_change(&pcb->path, seg->packet);
	text_in(pcb, seg);
}

/* XDP answered a SYN that we had answered, too: the peer came by that, and what it offered holds. To have echoed a
 * cookie proves more than we know of who is half open. */
static bool is_superseded(const struct hz_tcp_pcb *pcb, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_cookie cookie;

	return (pcb->flags & HZ_TCP_F_HALF_OPEN) && seg->ack != pcb->snd_una + 1 &&
	       hz_tcp_listen_has_cookie(hz_tcp_of(pcb), seg, &cookie);
}

uint32_t hz_tcp_lookup(const struct hz_tcp *tcp, const struct hz_packet *packet)
{
	uint32_t at = packet->flow_hash, ref;

	while ((ref = hz_tcp_table_next(&tcp->table, packet->flow_hash, &at)) != HZ_TCP_REF_NONE) {
		if (ref & HZ_TCP_REF_TIME_WAIT) {
			const struct hz_tcp_key *key = &hz_tcp_tw_at(&tcp->time_wait, ref)->key;

			if (hz_tcp_is_flow(&key->remote, &key->local, key->ports, packet))
				break;
		} else {
			const struct hz_tcp_pcb *pcb = hz_pool_at(&tcp->pcbs, ref - 1);

			if (hz_tcp_is_flow(&pcb->remote, &pcb->path->local, pcb->ports, packet))
				break;
		}
	}
	return ref;
}

void hz_tcp_in(struct hz_tcp *tcp, struct hz_packet *packet)
{
	struct hz_tcp_pcb *pcb = NULL;
	struct hz_tcp_segment seg;
	uint32_t ref, iss_min = 0;

	if (segment_parse(tcp, packet, &seg)) {
		ref = hz_tcp_lookup(tcp, packet);
		if (ref == HZ_TCP_REF_NONE)
			pcb = hz_tcp_listen_in(tcp, &seg, NULL);
		else if (!(ref & HZ_TCP_REF_TIME_WAIT))
			pcb = hz_pool_at(&tcp->pcbs, ref - 1);
		else if (hz_tcp_tw_in(tcp, ref, &seg, &iss_min))
			pcb = hz_tcp_listen_in(tcp, &seg, &iss_min);
		if (pcb != NULL && HZ_UNLIKELY(pcb->state == HZ_TCP_SYN_RCVD) &&
		    is_superseded(pcb, &seg)) {
			hz_tcp_pcb_close(pcb, HZ_CLOSE_ABORT);
			pcb = hz_tcp_listen_in(tcp, &seg, NULL);
		}
		if (pcb != NULL)
			pcb_in(pcb, &seg);
	}
	if (packet->mbuf != NULL)
		rte_pktmbuf_free(packet->mbuf);
	packet->mbuf = NULL;
}
