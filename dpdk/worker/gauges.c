/* Time, beat and gauges of a worker. */
#include "worker/gauges.h"
#include "tcp/tcp_cookie.h"
#include "worker/load_sample.h"
#include <time.h>
#include <unistd.h>

#define BEAT_NS HZ_NS_PER_MS

/* The wall clock for Date, exact at the second; through the vDSO, so no system call. */
static void second_turn(struct hz_worker_loop *w)
{
	struct timespec wall;

	if (w->env->clock == NULL)
		return; /* time is driven by hand */
	clock_gettime(CLOCK_REALTIME, &wall);
	w->env->unix_s = (uint64_t)wall.tv_sec;
	w->next_second_ns = w->env->now_ns + HZ_NS_PER_S - (uint64_t)wall.tv_nsec;
	hz_clock_anchor(&w->clock);
}

static void time_read(struct hz_worker_loop *w)
{
	uint64_t now_ns;

	if (w->env->clock == NULL)
		return;
	now_ns = hz_clock_now_ns(&w->clock);
	/* An anchor may move the clock back by a fraction of a microsecond. */
	if (now_ns > w->env->now_ns)
		w->env->now_ns = now_ns;
}

void hz_gauges_open(struct hz_worker_loop *w)
{
	struct hz_worker *gauge = w->slot->worker;

	w->lent_clock = w->env->clock;
	if (w->lent_clock != NULL) {
		w->clock = *w->lent_clock;
		w->env->clock = &w->clock;
	}
	time_read(w);
	second_turn(w);
	gauge->started_ns = w->turned_ns = w->env->now_ns;
	w->drops = hz_slot_drops();
	gauge->longest_gap_ns = 0;
	hz_gauges_beat(w);
}

void hz_gauges_turn(struct hz_worker_loop *w)
{
	struct hz_worker *gauge = w->slot->worker;
	uint64_t gap_ns;

	time_read(w);
	gap_ns = w->env->now_ns - w->turned_ns;
	w->turned_ns = w->env->now_ns;
	if (w->was_busy)
		gauge->busy_ns += gap_ns;
	hz_load_sample_turn(w, w->was_busy ? gap_ns : 0);
	if (HZ_UNLIKELY(gap_ns > gauge->longest_gap_ns) && w->turns != 0)
		gauge->longest_gap_ns = gap_ns;
	if (HZ_UNLIKELY(w->env->now_ns >= w->next_second_ns))
		second_turn(w);
}

static void pressure_write(struct hz_worker_loop *w)
{
	struct hz_tcp_pressure pressure = { 0 };

	if (w->tcp != NULL)
		pressure = hz_tcp_pressure(w->tcp);
	w->slot->worker->pressure = HZ_MAX(pressure.connections, pressure.buffers);
	w->slot->worker->pressure_half_open = pressure.half_open;
}

static uint64_t dropped_sum(const struct hz_counter_set *drops, const struct hz_worker *gauge)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HZ_COUNTER_SET_WORDS; i++) {
		for (uint64_t left = drops->word[i]; left != 0; left &= left - 1)
			sum += gauge->counters[64 * i + (unsigned)__builtin_ctzll(left)];
	}
	return sum;
}

static void gauges_write(struct hz_worker_loop *w)
{
	struct hz_worker *gauge = w->slot->worker;
	uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;

	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct hz_port *port = w->port[i].port;

		rx_packets += port->rx_packets;
		rx_bytes += port->rx_bytes;
		tx_packets += port->tx_packets;
		tx_bytes += port->tx_bytes;
	}
	gauge->rx_packets = rx_packets;
	gauge->rx_bytes = rx_bytes;
	gauge->tx_packets = tx_packets;
	gauge->tx_bytes = tx_bytes;
	gauge->dropped = dropped_sum(&w->drops, gauge);
	gauge->retransmits = gauge->counters[HZ_COUNTER_retransmit_rto] +
	                     gauge->counters[HZ_COUNTER_retransmit_fast];
	gauge->connections = w->tcp != NULL ? hz_tcp_connection_count(w->tcp) : 0;
	pressure_write(w);
	gauge->state = w->state;
}

void hz_gauges_beat(struct hz_worker_loop *w)
{
	struct hz_beat *beat = w->slot->beat;

	gauges_write(w);
	if (w->tcp != NULL)
		hz_tcp_cookie_keep(w->tcp);
	hz_load_sample_step(w); /* stands in the beat's line before the beat */
	beat->state = w->state;
	beat->queue = w->port[0].port->queue;
	beat->ifindex = w->port[0].port->ifindex;
	beat->pid = (uint32_t)getpid();
	beat->turns = w->turns;
	__atomic_store_n(&beat->beat_ns, w->env->now_ns, __ATOMIC_RELEASE);
	w->next_beat_ns = w->env->now_ns + BEAT_NS;
}

void hz_gauges_wake(struct hz_worker_loop *w)
{
	time_read(w); /* the turn before found nothing, so no work either */
	w->turned_ns = w->env->now_ns;
}

void hz_gauges_close(struct hz_worker_loop *w)
{
	w->tcp = NULL;
	time_read(w);
	hz_load_sample_close(w);
	hz_gauges_beat(w);
	w->env->clock = w->lent_clock;
}
