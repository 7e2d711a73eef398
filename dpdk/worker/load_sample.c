#include "worker/load_sample.h"

static uint64_t shed(const struct hz_worker *gauge)
{
	return gauge->counters[HZ_COUNTER_shed_request] + gauge->counters[HZ_COUNTER_shed_late];
}

static void samples_begin(struct hz_worker_loop *w)
{
	for (uint32_t i = 0; i < w->port_count; i++)
		w->port[i].wait_ns = UINT64_MAX;
	w->overload_busy_ns = w->slot->worker->busy_ns;
	w->overload_frames = w->slot->worker->rx_packets;
	w->overload_requests = w->slot->worker->requests;
	w->overload_shed = shed(w->slot->worker);
	w->overload_late = w->slot->worker->counters[HZ_COUNTER_shed_late];
}

void hz_load_sample_open(struct hz_worker_loop *w, const struct hz_overload_conf *conf)
{
	w->overload = (struct hz_overload){ .conf = conf };
	w->env->overload = &w->overload;
	w->turn_frames = w->burst;
	samples_begin(w);
}

/* Of several ports the one that waits longest. A port that was not looked at has nothing waiting. */
static uint64_t wait_of_all(const struct hz_worker_loop *w, uint32_t *rx_slots)
{
	uint64_t longest_ns = 0;

	*rx_slots = 0;
	for (uint32_t i = 0; i < w->port_count; i++) {
		const struct hz_worker_port *wp = &w->port[i];

		if (wp->wait_ns == UINT64_MAX || wp->wait_ns < longest_ns)
			continue;
		longest_ns = wp->wait_ns;
		*rx_slots = wp->port->rx_slots;
	}
	return longest_ns;
}

static uint32_t percent_of(uint64_t part, uint64_t all)
{
	return all == 0 ? 0 : (uint32_t)HZ_MIN(part * 100 / all, 100u);
}

/* Little's law: what arrived while the oldest frame waited is in the ring, at the rate at which it leaves. */
static uint32_t ring_percent(uint64_t wait_ns, uint64_t frames, uint64_t passed_ns,
                             uint32_t rx_slots)
{
	uint64_t wait_us = HZ_MIN(wait_ns, HZ_NS_PER_S) / HZ_NS_PER_US;
	uint64_t passed_us = passed_ns / HZ_NS_PER_US;

	return passed_us == 0 ? 0 : percent_of(wait_us * frames / passed_us, rx_slots);
}

/* Answers of any kind but 503 of ours, of which some may not have left yet. */
static uint64_t requests_served(const struct hz_worker_loop *w)
{
	uint64_t requests = w->slot->worker->requests - w->overload_requests;
	uint64_t refused = shed(w->slot->worker) - w->overload_shed;

	return requests > refused ? requests - refused : 0;
}

static void overload_step(struct hz_worker_loop *w, uint64_t passed_ns)
{
	const struct hz_worker *gauge = w->slot->worker;
	struct hz_overload_sample sample = { .now_ns = w->env->now_ns };
	uint32_t rx_slots;

	sample.queue_ns = wait_of_all(w, &rx_slots);
	sample.room_percent = (uint32_t)gauge->pressure;
	sample.work_ns = gauge->busy_ns - w->overload_busy_ns;
	sample.busy_percent = percent_of(sample.work_ns, passed_ns);
	sample.served = requests_served(w);
	sample.late = gauge->counters[HZ_COUNTER_shed_late] - w->overload_late;
	sample.ring_percent = ring_percent(sample.queue_ns, gauge->rx_packets - w->overload_frames,
	                                   passed_ns, rx_slots);
	hz_overload_step(&w->overload, &sample);
	w->slot->worker->queue_wait_ns = sample.queue_ns;
	samples_begin(w);
}

static uint32_t word_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Settings that changed meanwhile. */
static void settings_take(struct hz_worker_loop *w, const struct hz_overload_conf *conf)
{
	uint32_t half_open_max = word_load(&conf->half_open_max);
	uint32_t sleep_ms_max = word_load(&conf->sleep_ms_max);

	if (half_open_max != 0 && w->tcp != NULL)
		hz_tcp_syn_settings(w->tcp, (enum hz_tcp_cookie_mode)word_load(&conf->syn_cookies),
		                    half_open_max);
	if (sleep_ms_max != 0)
		w->sleep_ns_max = sleep_ms_max * HZ_NS_PER_MS;
}

void hz_load_sample_step(struct hz_worker_loop *w)
{
	uint64_t passed_ns = w->env->now_ns - w->overload.stepped_ns;

	if (w->overload.conf != NULL)
		settings_take(w, w->overload.conf);
	if (passed_ns >= HZ_OVERLOAD_STEP_NS)
		overload_step(w, passed_ns);
	w->slot->worker->shed_pressure = w->overload.pressure_percent;
	w->slot->worker->shed_permille = w->overload.level_permille;
	__atomic_store_n(&w->slot->beat->shed, w->overload.word, __ATOMIC_RELAXED);
	if (HZ_UNLIKELY(w->overload.evicts) && w->tcp != NULL)
		hz_tcp_evict(w->tcp);
}

void hz_load_sample_close(struct hz_worker_loop *w)
{
	w->overload = (struct hz_overload){ 0 };
	w->env->overload = NULL;
	w->slot->worker->queue_wait_ns = 0;
	w->overload.stepped_ns = w->env->now_ns; /* no step in the last beat */
}
