#include "tcp/tcp_out.h"

#include "net/sw_csum.h"
#include "port/mbuf_span.h"
#include "tcp/tcp_ecn.h"
#include "tcp/tcp_frame.h"
#include "tcp/tcp_reasm.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_send.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_timer.h"
#include "tcp/tcp_window.h"
#include <string.h>

#define DUP_ACKS_PER_TURN 8 /* for peers without SACK, which count them */

/* The window field. Never moves the right edge back (but for the rounding of the scale), and not
 * forward in small steps: RFC 9293 3.8.6.2.2. */
static uint16_t window_take(struct hz_tcp_pcb *pcb)
{
	uint32_t wnd = hz_tcp_window_free(pcb), left = hz_tcp_window_left(pcb);

	if (wnd < left + pcb->rcv_mss)
		wnd = left;
	wnd >>= pcb->rcv_wscale;
	pcb->rcv_adv = hz_seq_max(pcb->rcv_adv, pcb->rcv_nxt + (wnd << pcb->rcv_wscale));
	return (uint16_t)HZ_MIN(wnd, 65535u);
}

/* The peer may be waiting for room that has come back. */
static bool is_window_update_due(const struct hz_tcp_pcb *pcb)
{
	uint32_t wnd = hz_tcp_window_free(pcb), left = hz_tcp_window_left(pcb);

	return left < wnd / 4 && wnd - left >= 2u * pcb->rcv_mss;
}

/* Puts headers on mbuf, whose data is options and payload, and gives it to the port. Every segment
 * carries the newest ACK. */
static void transmit(struct hz_tcp_pcb *pcb, struct rte_mbuf *mbuf, uint32_t seq, uint8_t flags,
                     uint16_t data_csum, uint8_t option_bytes, uint8_t ecn)
{
	struct hz_tcp *tcp = hz_tcp_of(pcb);
	struct hz_tcp_emit emit = {
		.ports = pcb->ports,
		.seq = seq,
		.ack = pcb->rcv_nxt,
		.window = window_take(pcb),
		.ip_id = tcp->ip_id++,
		.flags = flags,
		.tos = (uint8_t)(tcp->conf.dscp << 2 | ecn),
		.hop_limit = tcp->conf.hop_limit,
		.option_bytes = option_bytes,
		.has_ts = (pcb->flags & HZ_TCP_F_TS) != 0,
		.data_csum = data_csum,
		.ts_val = hz_tcp_ts_clock(tcp) + pcb->ts_offset,
		.ts_ecr = pcb->ts_recent,
	};

	if (HZ_UNLIKELY(pcb->flags & HZ_TCP_F_ECHO_CE) && (flags & (HZ_TCP_SYN | HZ_TCP_RST)) == 0)
		emit.flags |= HZ_TCP_ECE;
	hz_tcp_frame_put(pcb->path, &pcb->remote, mbuf, &emit);
	hz_port_tx(pcb->path->port, mbuf);
	pcb->ack_sent = pcb->rcv_nxt;
	pcb->delack_at = 0;
	pcb->flags &= ~(uint32_t)(HZ_TCP_F_ACK_NOW | HZ_TCP_F_KEEP_PROBE);
}

struct rte_mbuf *hz_tcp_out_alloc(struct hz_tcp_pcb *pcb, bool for_control)
{
	struct rte_mbuf *mbuf = hz_port_alloc(pcb->path->port, for_control);

	if (mbuf == NULL)
		pcb->flags |= HZ_TCP_F_NO_MBUF;
	return mbuf;
}

static void data_set(struct rte_mbuf *mbuf, uint32_t bytes)
{
	mbuf->data_len = (uint16_t)bytes;
	mbuf->pkt_len = bytes;
}

void hz_tcp_out_data(struct hz_tcp_pcb *pcb, struct rte_mbuf *mbuf, uint32_t seq, uint32_t bytes,
                     uint8_t flags, uint16_t csum)
{
	uint8_t ecn = 0;

	/* RFC 3168 6.1.5 and 6.1.6: only what is new asks to be marked, and no window probe. */
	if ((pcb->flags & (HZ_TCP_F_ECN | HZ_TCP_F_PROBE)) == HZ_TCP_F_ECN &&
	    !hz_seq_lt(seq, pcb->snd_max)) {
		ecn = HZ_ECN_ECT_0;
		if (pcb->flags & HZ_TCP_F_OWES_CWR)
			flags |= HZ_TCP_CWR;
		pcb->flags &= ~(uint32_t)HZ_TCP_F_OWES_CWR;
	}
	data_set(mbuf, bytes);
	transmit(pcb, mbuf, seq, flags, csum, 0, ecn);
}

/* Number of a segment without payload. Not beyond the peer's window, where it would refuse the segment
 * with the ACK in it (RFC 9293 3.10.7.4). */
static uint32_t control_seq(const struct hz_tcp_pcb *pcb)
{
	uint32_t edge = pcb->snd_una + pcb->snd_wnd;

	return hz_seq_lt(edge, pcb->snd_max) ? edge : pcb->snd_max;
}

/* A segment without payload: ACK, FIN or SYN with options. */
static bool control_send(struct hz_tcp_pcb *pcb, uint32_t seq, uint8_t flags,
                         const uint8_t *options, size_t option_bytes)
{
	struct rte_mbuf *mbuf = hz_tcp_out_alloc(pcb, true);
	uint16_t csum;

	if (mbuf == NULL)
		return false;
	if (option_bytes > 0)
		memcpy(hz_mbuf_bytes(mbuf).data, options, option_bytes);
	data_set(mbuf, (uint32_t)option_bytes);
	csum = hz_csum_fold(hz_csum_add(0, options, option_bytes));
	transmit(pcb, mbuf, seq, flags, csum, (uint8_t)option_bytes, 0);
	return true;
}

bool hz_tcp_out_control(struct hz_tcp_pcb *pcb, uint32_t seq, uint8_t flags)
{
	return control_send(pcb, seq, flags, NULL, 0);
}

/* The SYN of an active open, or the SYN-ACK that answers the peer's. */
static bool syn_send(struct hz_tcp_pcb *pcb)
{
	uint8_t options[HZ_TCP_OPTIONS_MAX], scale = pcb->rcv_wscale;
	size_t bytes = hz_tcp_opts_syn(options, pcb->rcv_mss, scale > 0 ? scale : -1,
	                               (pcb->flags & HZ_TCP_F_SACK) != 0);
	uint8_t flags = HZ_TCP_SYN | (pcb->state == HZ_TCP_SYN_SENT ? 0 : HZ_TCP_ACK);
	bool sent;

	if (pcb->flags & HZ_TCP_F_ECN)
		flags |= HZ_TCP_ECE;
	pcb->rcv_wscale = 0; /* the window of a SYN is never scaled, RFC 7323 2.2 */
	sent = control_send(pcb, pcb->snd_una, flags, options, bytes);
	pcb->rcv_wscale = scale;
	if (!sent)
		return false;
	/* Karn: the first one only */
	pcb->syn_sent_us = pcb->snd_max == pcb->snd_una ? hz_tcp_us(hz_tcp_of(pcb)) : 0;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_SYN_AGAIN;
	pcb->snd_max = pcb->snd_una + 1;
	pcb->rtx_at = hz_tcp_rto_deadline(pcb);
	return true;
}

/* SACK blocks for what came out of order, and before them a D-SACK for what came twice (RFC 2883 4). */
static size_t sack_options(struct hz_tcp_pcb *pcb, uint8_t *options)
{
	struct hz_tcp_sack_block block[HZ_TCP_SACK_BLOCKS_MAX];
	size_t max = HZ_TCP_SACK_BLOCKS_MAX - ((pcb->flags & HZ_TCP_F_TS) != 0), count = 0;
	struct hz_tcp_rec *rec = pcb->rec;

	if (rec->dsack_start != rec->dsack_end) {
		block[count++] = (struct hz_tcp_sack_block){ rec->dsack_start, rec->dsack_end };
		rec->dsack_start = rec->dsack_end = 0;
	}
	count += hz_tcp_reasm_blocks(pcb, block + count, max - count);
	return count > 0 ? hz_tcp_opts_sack(options, block, count) : 0;
}

static bool ack_send(struct hz_tcp_pcb *pcb)
{
	uint8_t options[HZ_TCP_OPTIONS_MAX];
	size_t bytes = 0;

	if ((pcb->flags & HZ_TCP_F_SACK) && pcb->rec != NULL)
		bytes = sack_options(pcb, options);
	/* A keep-alive probe is an ACK from before the window, which must be answered: RFC 9293 3.8.4. */
	return control_send(pcb, control_seq(pcb) - ((pcb->flags & HZ_TCP_F_KEEP_PROBE) != 0),
	                    HZ_TCP_ACK, options, bytes);
}

/* Duplicate ACKs must be pure to count as such; with SACK one says it all. */
static bool dup_acks_send(struct hz_tcp_pcb *pcb)
{
	uint32_t left = pcb->flags & HZ_TCP_F_SACK
	                        ? HZ_MIN(pcb->rec->dup_acks_owed, 1u)
	                        : HZ_MIN(pcb->rec->dup_acks_owed, DUP_ACKS_PER_TURN);

	for (; left > 0; left--) {
		if (!ack_send(pcb))
			return false;
	}
	pcb->rec->dup_acks_owed = 0;
	pcb->flags &= ~(uint32_t)HZ_TCP_F_ACK_DUP;
	return true;
}

/* RFC 9293 3.8.6.3: at least every second full segment. How long one is only the peer knows (options, path): more
 * than the longest means two. After a loss a peer's window is small and may be odd, so for a while none waits. */
static bool is_ack_due(struct hz_tcp_pcb *pcb, uint32_t owed)
{
	if (owed == 0)
		return false;
	if (pcb->flags & HZ_TCP_F_QUICK_ACKS) {
		pcb->flags -= HZ_TCP_F_QUICK_ACK_1;
		return true;
	}
	return owed > pcb->rcv_mss;
}

/* ACK now when one is due or the window opened; else soon. Data sent in this turn has carried it already. */
static bool acks_decide(struct hz_tcp_pcb *pcb)
{
	uint32_t owed = pcb->rcv_nxt - pcb->ack_sent;

	if ((pcb->flags & HZ_TCP_F_ACK_DUP) && !dup_acks_send(pcb))
		return false;
	if ((pcb->flags & HZ_TCP_F_ACK_NOW) || is_ack_due(pcb, owed) || is_window_update_due(pcb))
		return ack_send(pcb);
	if (owed > 0 && pcb->delack_at == 0)
		pcb->delack_at = hz_tcp_tick_after(hz_tcp_of(pcb), HZ_TCP_DELACK_NS);
	return true;
}

void hz_tcp_out_flush(struct hz_tcp_pcb *pcb)
{
	if (pcb->state == HZ_TCP_SYN_RCVD || pcb->state == HZ_TCP_SYN_SENT) {
		if (pcb->snd_max == pcb->snd_una || (pcb->flags & HZ_TCP_F_SYN_AGAIN))
			syn_send(pcb);
		else if (pcb->flags & HZ_TCP_F_ACK_NOW)
			ack_send(pcb);
		return;
	}
	if (hz_tcp_send(pcb))
		acks_decide(pcb);
}

void hz_tcp_out_reset(struct hz_tcp_pcb *pcb)
{
	if (!control_send(pcb, control_seq(pcb), HZ_TCP_RST | HZ_TCP_ACK, NULL, 0))
		return;
	hz_tcp_count(hz_tcp_of(pcb), HZ_COUNTER_reset_sent);
}

static bool reply_send(struct hz_tcp *tcp, const struct hz_packet *packet, struct hz_tcp_emit *emit,
                       const uint8_t *options)
{
	struct rte_mbuf *mbuf = hz_port_alloc(packet->port, true);
	struct hz_tcp_path path;

	if (mbuf == NULL)
		return false;
	if (emit->option_bytes > 0)
		memcpy(hz_mbuf_bytes(mbuf).data, options, emit->option_bytes);
	data_set(mbuf, emit->option_bytes);
	emit->data_csum = hz_csum_fold(hz_csum_add(0, options, emit->option_bytes));
	emit->ip_id = tcp->ip_id++;
	emit->tos = (uint8_t)(tcp->conf.dscp << 2);
	emit->hop_limit = tcp->conf.hop_limit;
	memcpy(&emit->ports, packet->l4, sizeof(emit->ports));
	hz_tcp_path_fill(&path, packet);
	hz_tcp_frame_put(&path, &packet->src, mbuf, emit);
	hz_port_tx(packet->port, mbuf);
	return true;
}

void hz_tcp_out_reply_reset(struct hz_tcp *tcp, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_emit emit = { .flags = HZ_TCP_RST };

	if (seg->flags & HZ_TCP_RST)
		return;
	if (seg->flags & HZ_TCP_ACK) {
		emit.seq = seg->ack;
	} else {
		emit.ack = seg->seq + hz_tcp_segment_length(seg);
		emit.flags |= HZ_TCP_ACK;
	}
	if (reply_send(tcp, seg->packet, &emit, NULL))
		hz_tcp_count(tcp, HZ_COUNTER_reset_sent);
}

bool hz_tcp_out_reply_cookie(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                             const struct hz_tcp_pcb *offer, uint32_t iss, uint32_t ts_val)
{
	uint8_t options[HZ_TCP_OPTIONS_MAX];
	struct hz_tcp_emit emit = {
		.seq = iss,
		.ack = seg->seq + 1,
		.flags = HZ_TCP_SYN | HZ_TCP_ACK,
		.window = HZ_TCP_SYN_WINDOW,
		.has_ts = (offer->flags & HZ_TCP_F_TS) != 0,
		.ts_val = ts_val,
		.ts_ecr = seg->opts.ts_val,
	};

	emit.option_bytes = (uint8_t)hz_tcp_opts_syn(options, offer->rcv_mss,
	                                             offer->rcv_wscale > 0 ? offer->rcv_wscale : -1,
	                                             (offer->flags & HZ_TCP_F_SACK) != 0);
	return reply_send(tcp, seg->packet, &emit, options);
}

void hz_tcp_out_reply_ack(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                          const struct hz_tcp_tw *tw)
{
	struct hz_tcp_emit emit = {
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.flags = HZ_TCP_ACK,
		.window = UINT16_MAX,
		.has_ts = (tw->flags & HZ_TCP_F_TS) != 0,
		.ts_val = hz_tcp_ts_clock(tcp) + tw->ts_offset,
		.ts_ecr = tw->ts_recent,
	};

	reply_send(tcp, seg->packet, &emit, NULL);
}
