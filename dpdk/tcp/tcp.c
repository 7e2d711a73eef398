#include "tcp/tcp.h"

#include "tcp/tcp_frame.h"
#include "tcp/tcp_idle.h"
#include "tcp/tcp_lport.h"
#include "tcp/tcp_out.h"
#include "tcp/tcp_pressure.h"
#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_stream.h"
#include "tcp/tcp_timer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Blocks for unread input: most connections never need one. */
static uint32_t share(uint32_t connections, uint32_t divisor, uint32_t least)
{
	return HZ_MAX(HZ_MIN(connections / divisor, 4096u), least);
}

/* Large tables are mapped, not touched, by calloc. */
static int turns_open(struct hz_tcp *tcp, uint32_t connections)
{
	tcp->turn.pcb = calloc(connections, sizeof(struct hz_tcp_pcb *));
	tcp->turn_now.pcb = calloc(connections, sizeof(struct hz_tcp_pcb *));
	return tcp->turn.pcb != NULL && tcp->turn_now.pcb != NULL ? 0 : -ENOMEM;
}

static int pools_open(struct hz_tcp *tcp)
{
	uint32_t n = tcp->conf.connections_max;
	int err = hz_pool_open(&tcp->pcbs, sizeof(struct hz_tcp_pcb), n, HZ_POOL_HUGE);

	if (err == 0)
		err = hz_pool_open(&tcp->recs, sizeof(struct hz_tcp_rec), n, 0);
	if (err == 0)
		err = hz_tcp_paths_open(&tcp->paths, n);
	if (err == 0)
		err = turns_open(tcp, n);
	if (err == 0)
		err = hz_pool_open(&tcp->hold_small, HZ_TCP_HOLD_SMALL_BYTES, share(n, 4, 64), 0);
	if (err == 0)
		err = hz_pool_open(&tcp->hold_large, (size_t)HZ_TCP_HOLD_LARGE_BYTES,
		                   share(n, 32, 32), 0);
	if (err == 0)
		err = hz_tcp_tw_open(&tcp->time_wait, tcp->conf.time_wait_max);
	if (err == 0)
		err = hz_tcp_table_open(&tcp->table, n + tcp->conf.time_wait_max);
	return err;
}

/* With keys of our own no other core knows them, and no XDP: no notes either. */
static void cookies_open(struct hz_tcp *tcp)
{
	struct hz_cookies *own = &tcp->own_cookies;

	tcp->cookies = tcp->conf.cookies != NULL ? tcp->conf.cookies : own;
	if (tcp->cookies == own) {
		memcpy(&own->flow, tcp->conf.secret, sizeof(own->flow));
		own->key[0] = own->key[1] = own->flow;
	} else {
		memcpy(tcp->conf.secret, &tcp->cookies->flow, sizeof(tcp->conf.secret));
	}
}

static uint32_t half_open_max(const struct hz_tcp_conf *conf)
{
	uint32_t most = (conf->connections_max + 1) / 2;

	return HZ_MIN(most, conf->half_open_max != 0 ? conf->half_open_max : HZ_TCP_HALF_OPEN_MAX);
}

void hz_tcp_syn_settings(struct hz_tcp *tcp, enum hz_tcp_cookie_mode mode, uint32_t most)
{
	if (mode != tcp->conf.cookie_mode)
		__atomic_store_n(&tcp->cookies->answer_until_ns, 0, __ATOMIC_RELAXED);
	tcp->conf.cookie_mode = mode;
	tcp->conf.half_open_max = most;
	tcp->half_open_max = half_open_max(&tcp->conf);
}

int hz_tcp_open(const struct hz_tcp_conf *conf, struct hz_tcp **out)
{
	struct hz_tcp_keepalive keepalive = conf->keepalive;
	struct hz_endpoint *listens;
	struct hz_tcp *tcp;
	int err;

	/* The table takes 2^28 entries; one record must be there to be evicted. */
	if (conf->connections_max == 0 || conf->connections_max > 1u << 27 ||
	    conf->time_wait_max > 1u << 27 || conf->lport_first > conf->lport_last ||
	    conf->dscp > 63 || !hz_tcp_idle_conf(&keepalive))
		return -EINVAL;
	tcp = calloc(1, sizeof(*tcp));
	listens = calloc(HZ_MAX(conf->listen_count, 1u), sizeof(*listens));
	if (tcp == NULL || listens == NULL) {
		free(tcp);
		free(listens);
		return -ENOMEM;
	}
	if (conf->listen_count > 0)
		memcpy(listens, conf->listens, conf->listen_count * sizeof(*listens));
	tcp->conf = *conf;
	tcp->conf.listens = listens;
	tcp->conf.keepalive = keepalive;
	tcp->conf.hop_limit = conf->hop_limit != 0 ? conf->hop_limit : HZ_TCP_HOP_LIMIT;
	tcp->conf.time_wait_max = HZ_MAX(conf->time_wait_max, 1u);
	tcp->half_open_max = half_open_max(conf);
	cookies_open(tcp);
	tcp->cc = conf->cc == HZ_TCP_CC_NEWRENO ? &hz_cc_newreno_ops : &hz_cc_cubic_ops;
	tcp->protos[0] = conf->proto;
	tcp->ip_id = (uint16_t)hz_rng_next(&conf->env->rng);
	tcp->lport_next = (uint32_t)hz_rng_next(&conf->env->rng);
	if (conf->lport_first == 0 && conf->lport_last == 0) {
		tcp->conf.lport_first = HZ_TCP_LPORT_FIRST;
		tcp->conf.lport_last = UINT16_MAX;
	}
	hz_wheel_init(&tcp->wheel, conf->env->now_ns);
	err = pools_open(tcp);
	if (err != 0) {
		hz_tcp_close(tcp);
		return err;
	}
	*out = tcp;
	return 0;
}

/* One connection's say: the protocol first, then what it wrote and what TCP owes. */
static void pcb_turn(struct hz_tcp *tcp, struct hz_tcp_pcb *pcb)
{
	if (pcb->state != HZ_TCP_CLOSED)
		hz_tcp_stream_turn(pcb);
	if (pcb->state != HZ_TCP_CLOSED && (pcb->flags & HZ_TCP_F_ABORT)) {
		/* A half-open connection is not worth a packet to an address that may be forged, and a SYN
		 * that was not answered has nothing to reset (RFC 9293 3.10.5). */
		if (!(pcb->flags & HZ_TCP_F_HALF_OPEN) && pcb->state != HZ_TCP_SYN_SENT)
			hz_tcp_out_reset(pcb);
		hz_tcp_pcb_close(pcb, pcb->close_why);
	}
	if (pcb->state != HZ_TCP_CLOSED)
		hz_tcp_out_flush(pcb);
	if (pcb->state == HZ_TCP_TIME_WAIT && !(pcb->flags & HZ_TCP_F_NO_MBUF)) {
		hz_tcp_pcb_close(pcb, HZ_CLOSE_DONE);
		hz_tcp_tw_enter(tcp, pcb);
	}
}

/* After its say: gone, or what it owes next. Still marked TURN until here: what it touches itself is dealt
 * with in the same turn. */
static void pcb_settle(struct hz_tcp_pcb *pcb)
{
	pcb->flags &= ~(uint32_t)HZ_TCP_F_TURN;
	if (pcb->state == HZ_TCP_CLOSED) {
		hz_tcp_pcb_free(pcb);
		return;
	}
	if (pcb->flags & (HZ_TCP_F_NO_MBUF | HZ_TCP_F_AGAIN | HZ_TCP_F_ABORT)) {
		pcb->flags &= ~(uint32_t)HZ_TCP_F_NO_MBUF;
		hz_tcp_pcb_touch(pcb);
	}
	hz_tcp_rec_settle(pcb);
	hz_tcp_timer_flushed(pcb);
}

void hz_tcp_flush(struct hz_tcp *tcp)
{
	struct hz_tcp_turn now = tcp->turn;

	/* Whoever is touched from here on is on the list of the next turn. */
	tcp->turn = tcp->turn_now;
	tcp->turn.count = 0;
	tcp->turn_now = now;
	for (uint32_t i = 0; i < now.count; i++) {
		pcb_turn(tcp, now.pcb[i]);
		pcb_settle(now.pcb[i]);
	}
}

unsigned hz_tcp_timers(struct hz_tcp *tcp, unsigned budget)
{
	unsigned fired =
		hz_wheel_advance(&tcp->wheel, hz_tcp_now(tcp), budget, hz_tcp_timer_fire, tcp);

	return fired + hz_tcp_tw_expire(tcp, budget - fired);
}

uint64_t hz_tcp_next_timer_ns(const struct hz_tcp *tcp)
{
	uint64_t wheel_ns = hz_wheel_next_ns(&tcp->wheel);

	if (tcp->turn.count != 0)
		return hz_tcp_now(tcp); /* a flush is due */
	return HZ_MIN(wheel_ns, hz_tcp_tw_next_ns(&tcp->time_wait));
}

void hz_tcp_evict(struct hz_tcp *tcp)
{
	hz_tcp_pressure_evict(tcp);
}

void hz_tcp_drain(struct hz_tcp *tcp)
{
	tcp->is_draining = true;
	__atomic_store_n(&tcp->cookies->answer_until_ns, 0, __ATOMIC_RELAXED);
}

uint32_t hz_tcp_connection_count(const struct hz_tcp *tcp)
{
	return tcp->pcbs.in_use;
}

/* Resets what is open. The walk only marks: the flush takes entries out of the table. */
static void reset_all(struct hz_tcp *tcp)
{
	for (uint32_t i = 0; tcp->table.slot != NULL && i <= tcp->table.mask; i++) {
		uint32_t ref = tcp->table.slot[i].ref;
		struct hz_tcp_pcb *pcb;

		if (ref == HZ_TCP_REF_NONE || (ref & HZ_TCP_REF_TIME_WAIT))
			continue;
		pcb = hz_pool_at(&tcp->pcbs, ref - 1);
		pcb->flags |= HZ_TCP_F_ABORT;
		pcb->close_why = HZ_CLOSE_ABORT;
		hz_tcp_pcb_touch(pcb);
	}
	hz_tcp_flush(tcp);
}

void hz_tcp_close(struct hz_tcp *tcp)
{
	if (tcp == NULL)
		return;
	reset_all(tcp);
	tcp->conf.slot->conns->time_wait -= tcp->time_wait.count;
	if (tcp->spare != NULL)
		rte_pktmbuf_free(tcp->spare);
	hz_tcp_table_close(&tcp->table);
	hz_tcp_tw_close(&tcp->time_wait);
	hz_pool_close(&tcp->hold_large);
	hz_pool_close(&tcp->hold_small);
	hz_tcp_paths_close(&tcp->paths);
	hz_pool_close(&tcp->recs);
	hz_pool_close(&tcp->pcbs);
	free(tcp->turn.pcb);
	free(tcp->turn_now.pcb);
	free((void *)(uintptr_t)tcp->conf.listens);
	free(tcp);
}
