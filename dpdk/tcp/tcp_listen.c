#include "tcp/tcp_listen.h"

#include "tcp/tcp_ecn.h"
#include "tcp/tcp_isn.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_pressure.h"
#include "tcp/tcp_rto.h"
#include "tcp/tcp_syn.h"
#include "tcp/tcp_timer.h"
#include <string.h>

/* An endpoint of all zeros, or v4-mapped zeros, listens on every address. */
static bool is_any(const struct hz_addr *addr)
{
	static const struct hz_addr zero, zero_v4 = { { [10] = 0xff, [11] = 0xff } };

	return memcmp(addr, &zero, sizeof(zero)) == 0 ||
	       memcmp(addr, &zero_v4, sizeof(zero_v4)) == 0;
}

/* Index of the listener, the one of just this address first; listen_count: none. */
static uint32_t listen_find(const struct hz_tcp *tcp, const struct hz_addr *addr, uint16_t port)
{
	uint32_t found = tcp->conf.listen_count;

	for (uint32_t i = 0; i < tcp->conf.listen_count; i++) {
		const struct hz_endpoint *at = &tcp->conf.listens[i];

		if (at->port != port)
			continue;
		if (memcmp(&at->addr, addr, sizeof(at->addr)) == 0)
			return i;
		if (is_any(&at->addr))
			found = i;
	}
	return found;
}

bool hz_tcp_listen_has(const struct hz_tcp *tcp, const struct hz_addr *addr, uint16_t port)
{
	return listen_find(tcp, addr, port) != tcp->conf.listen_count;
}

bool hz_tcp_listen_is_exempt(const struct hz_tcp_pcb *pcb)
{
	const struct hz_tcp *tcp = hz_tcp_of(pcb);
	uint16_t port = __builtin_bswap16((uint16_t)(pcb->ports >> 16));
	uint32_t index;

	if (tcp->conf.exempt_listens == 0)
		return false;
	index = listen_find(tcp, &pcb->path->local, port);
	return index < HZ_TCP_LISTENS_MAX && (tcp->conf.exempt_listens >> index & 1) != 0;
}

static bool is_listening(const struct hz_tcp *tcp, const struct hz_packet *packet)
{
	return hz_tcp_listen_has(tcp, &packet->dst, (uint16_t)(packet->l4[2] << 8 | packet->l4[3]));
}

/* What both ways into SYN_RCVD have in common: irs and iss are the numbers of the SYN and of our answer,
 * syn what it offered. */
static void pcb_fill(struct hz_tcp_pcb *pcb, const struct hz_packet *packet,
                     const struct hz_tcp_opts *syn, uint32_t irs, uint32_t iss)
{
	hz_tcp_syn_negotiate(pcb, packet, syn);
	pcb->rcv_nxt = pcb->ack_sent = pcb->rcv_adv = irs + 1;
	pcb->snd_una = pcb->snd_max = iss;
	pcb->snd_end = iss + 1;
	pcb->last_rx_tick = hz_tcp_tick(hz_tcp_of(pcb));
	hz_tcp_rto_open(pcb, HZ_TCP_RTO_INITIAL_US);
}

/* Answers with a cookie and keeps nothing. */
static void cookie_send(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                        const uint32_t *iss_min)
{
	struct hz_tcp_cookie_answer answer = hz_tcp_cookie_make(tcp, seg);
	struct hz_tcp_pcb pcb = { 0 };

	if (iss_min != NULL && hz_seq_leq(answer.iss, *iss_min)) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_syn_full);
		return;
	}
	hz_tcp_syn_negotiate(&pcb, seg->packet, &seg->opts);
	if (!seg->opts.has_ts) { /* nothing would carry them to the last step of the handshake */
		pcb.flags = 0;
		pcb.rcv_wscale = 0;
	}
	if (hz_tcp_out_reply_cookie(tcp, seg, &pcb, answer.iss, answer.ts_val)) {
		hz_tcp_count(tcp, HZ_COUNTER_syn_cookie_sent);
		hz_tcp_cookie_arm(tcp);
	}
}

/* NULL: no room, counted. Nothing is said then, so that the peer tries again: by that time an idle
 * connection has left. */
static struct hz_tcp_pcb *passive_open(struct hz_tcp *tcp, const struct hz_tcp_segment *seg)
{
	struct hz_tcp_pcb *pcb = hz_tcp_pcb_open(tcp, seg->packet, HZ_TCP_SYN_RCVD);

	if (pcb == NULL) {
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_syn_full);
		hz_tcp_pressure_evict(tcp);
	}
	return pcb;
}

/* A handshake of which nothing was kept has ended. NULL: there is no room; the cookie stays good for another
 * try. */
static struct hz_tcp_pcb *cookie_open(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                                      const struct hz_tcp_cookie *cookie)
{
	struct hz_tcp_pcb *pcb = passive_open(tcp, seg);

	if (pcb == NULL)
		return NULL;
	pcb->ts_offset = cookie->ts_offset;
	pcb_fill(pcb, seg->packet, &cookie->syn, seg->seq - 1, seg->ack - 1);
	pcb->snd_max = pcb->snd_una + 1;
	pcb->rcv_adv = pcb->rcv_nxt + HZ_TCP_SYN_WINDOW; /* what the SYN-ACK offered */
	hz_tcp_count(tcp, HZ_COUNTER_syn_cookie_accepted);
	if (cookie->is_noted) {
		hz_tcp_count(tcp, HZ_COUNTER_syn_cookie_noted);
		hz_tcp_cookie_note_clear(seg->packet->mbuf);
	}
	return pcb;
}

bool hz_tcp_listen_has_cookie(const struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                              struct hz_tcp_cookie *out)
{
	return (seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST)) == HZ_TCP_ACK &&
	       !tcp->is_draining && hz_tcp_cookie_is_awaited(tcp) &&
	       is_listening(tcp, seg->packet) && hz_tcp_cookie_read(tcp, seg, out);
}

/* Above the level, or for the last slots of the table, which are for peers that have proved their address. */
static bool is_flooded(const struct hz_tcp *tcp)
{
	return tcp->half_open_count >= tcp->half_open_max ||
	       (hz_tcp_pressure_is_scarce(tcp) && tcp->pcbs.in_use < tcp->pcbs.capacity);
}

static void syn_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg, const uint32_t *iss_min)
{
	struct hz_tcp_pcb *pcb;
	struct hz_tcp_key key;
	struct hz_tcp_isn isn;

	if (tcp->conf.cookie_mode == HZ_TCP_COOKIE_ALWAYS ||
	    (tcp->conf.cookie_mode == HZ_TCP_COOKIE_AUTO && is_flooded(tcp))) {
		cookie_send(tcp, seg, iss_min);
		return;
	}
	if (tcp->half_open_count >= tcp->half_open_max) { /* and no cookies */
		hz_tcp_count_drop(tcp, HZ_COUNTER_drop_syn_full);
		return;
	}
	pcb = passive_open(tcp, seg);
	if (pcb == NULL)
		return;
	hz_tcp_key_of(seg->packet, &key);
	isn = hz_tcp_isn_make(tcp->conf.secret, &key, hz_tcp_now(tcp));
	if (iss_min != NULL && hz_seq_leq(isn.iss, *iss_min))
		isn.iss = *iss_min + 1;
	pcb->ts_offset = isn.ts_offset;
	pcb_fill(pcb, seg->packet, &seg->opts, seg->seq, isn.iss);
	if (hz_tcp_ecn_is_asked(seg->flags))
		pcb->flags |= HZ_TCP_F_ECN;
	pcb->snd_wnd = seg->window; /* of a SYN: not scaled, RFC 7323 2.2 */
	hz_tcp_pcb_touch(pcb);      /* data on a SYN is not kept: the peer sends it again */
}

struct hz_tcp_pcb *hz_tcp_listen_in(struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                                    const uint32_t *iss_min)
{
	uint8_t kind = seg->flags & (HZ_TCP_SYN | HZ_TCP_ACK | HZ_TCP_RST);
	struct hz_tcp_cookie cookie;

	if (kind == HZ_TCP_SYN && !tcp->is_draining && is_listening(tcp, seg->packet)) {
		syn_in(tcp, seg, iss_min);
		return NULL;
	}
	if (hz_tcp_listen_has_cookie(tcp, seg, &cookie))
		return cookie_open(tcp, seg, &cookie);
	if (kind == HZ_TCP_ACK && hz_tcp_cookie_is_awaited(tcp))
		hz_tcp_count(tcp, HZ_COUNTER_syn_cookie_refused);
	hz_tcp_count_drop(tcp, HZ_COUNTER_drop_not_ours);
	hz_tcp_out_reply_reset(tcp, seg);
	return NULL;
}
