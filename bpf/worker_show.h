/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The text of show/workers and show/connections: a row per worker that ever started. What a dead server left stays to be
 * read, and says so: its state is `stale` as soon as its beat is. */
#ifndef HZ_WORKER_SHOW_H
#define HZ_WORKER_SHOW_H

#include "beats.h"
#include "hist_show.h"

static const char show_states[][12] = HZ_STATE_NAMES;
static const char show_stale[12] = "stale";
static const char show_odd[12] = "?";

struct show_row {
	const char *state;
	__u64 until_ns; /* now, or when it was last seen */
	__u64 age_ms;   /* of its beat */
	bool has_beat;
	bool is_shown;
};

/* A worker that is not there has no beat, one that starts or has ended has none to give. */
static __always_inline bool show_must_beat(__u32 state)
{
	return state == HZ_STATE_READY || state == HZ_STATE_DRAINING ||
	       state == HZ_STATE_MAINTENANCE;
}

static __always_inline void show_row_begin(struct show_row *row, __u32 worker)
{
	__u32 zero = 0;
	const struct hz_cfg *conf = bpf_map_lookup_elem(&cfg, &zero);
	const struct hz_beat *one = beat_of(worker);
	__u64 now_ns = bpf_ktime_get_ns();
	__u32 state;

	if (conf == NULL || one == NULL)
		return;
	state = one->state;
	row->is_shown = state != HZ_STATE_NONE;
	row->has_beat = one->beat_ns != 0;
	row->until_ns = now_ns;
	if (one->beat_ns < now_ns)
		row->age_ms = (now_ns - one->beat_ns) / 1000000;
	row->state = state <= HZ_STATE_DOWN ? show_states[state] : show_odd;
	if (show_must_beat(state) && beat_is_stale(one, conf, now_ns))
		row->state = show_stale;
	if (row->state == show_stale || state == HZ_STATE_DOWN)
		row->until_ns = one->beat_ns;
}

/* Busy nanoseconds of all since it started, in tenths of a percent. */
static __always_inline __u64 show_busy_permille(const struct hz_worker *worker, __u64 until_ns)
{
	__u64 busy_ns = worker->busy_ns - worker->started_busy_ns, permille;

	if (until_ns <= worker->started_ns)
		return 0;
	permille = busy_ns / ((until_ns - worker->started_ns) / 1000 + 1);
	return permille < 1000 ? permille : 1000;
}

static __always_inline void show_worker(struct seq_file *seq, __u32 id,
                                        const struct hz_worker *worker, const struct show_row *row)
{
	__u64 busy_permille = show_busy_permille(worker, row->until_ns);

	if (worker->cpu == (__u32)-1) /* not pinned */
		BPF_SEQ_PRINTF(seq, "%6u   - ", id);
	else
		BPF_SEQ_PRINTF(seq, "%6u %3u ", id, worker->cpu);
	BPF_SEQ_PRINTF(seq, "%-11s %3llu.%llu %12llu %11llu %14llu ", row->state,
	               busy_permille / 10, busy_permille % 10, worker->requests,
	               worker->connections, worker->longest_gap_ns / 1000);
	if (row->has_beat)
		BPF_SEQ_PRINTF(seq, "%11llu ", row->age_ms);
	else
		BPF_SEQ_PRINTF(seq, "          - ");
	BPF_SEQ_PRINTF(seq, "%11llu %9llu\n", worker->retransmits, worker->dropped);
}

/* bpf_loop: 1 at the first worker that ever started. */
static long show_find_worker(__u32 worker, void *ctx)
{
	const struct hz_beat *one = beat_of(worker);
	bool *is_any = ctx;

	*is_any = one != NULL && one->state != HZ_STATE_NONE;
	return *is_any;
}

static __always_inline void show_if_none(struct seq_file *seq)
{
	bool is_any = false;

	bpf_loop(HZ_WORKERS_MAX, show_find_worker, &is_any, 0);
	if (!is_any)
		BPF_SEQ_PRINTF(seq, "no worker has started yet\n");
}

/* One call per element of `workers`, and a last one without an element. */
static __always_inline int hz_worker_show(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	const struct hz_worker *worker = ctx->value;
	const __u32 *id = ctx->key;
	struct show_row row = { 0 };

	if (worker == NULL || id == NULL) {
		show_if_none(seq);
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "worker cpu state       busy%%     requests connections "
		                    "longest_gap_us beat_age_ms retransmits   dropped\n");
	show_row_begin(&row, *id);
	if (row.is_shown)
		show_worker(seq, *id, worker, &row);
	return 0;
}

/* --- connections ------------------------------------------------------------------------------------ */

static __always_inline void show_states_of(struct seq_file *seq, const struct hz_connections *conns)
{
	BPF_SEQ_PRINTF(seq, " %8llu %11llu %10llu %10llu %10llu %7llu %8llu %9llu\n",
	               conns->syn_rcvd, conns->established, conns->fin_wait_1, conns->fin_wait_2,
	               conns->close_wait, conns->closing, conns->last_ack, conns->time_wait);
}

/* bpf_loop: what is shown of one worker. */
static long show_add_connections(__u32 worker, void *ctx)
{
	struct hz_connections *sum = ctx;
	const struct hz_connections *conns = bpf_map_lookup_elem(&connections, &worker);
	const struct hz_beat *one = beat_of(worker);

	if (conns == NULL || one == NULL || one->state == HZ_STATE_NONE)
		return 0;
	sum->syn_rcvd += conns->syn_rcvd;
	sum->established += conns->established;
	sum->fin_wait_1 += conns->fin_wait_1;
	sum->fin_wait_2 += conns->fin_wait_2;
	sum->close_wait += conns->close_wait;
	sum->closing += conns->closing;
	sum->last_ack += conns->last_ack;
	sum->time_wait += conns->time_wait;
	return 0;
}

/* One call per element of `connections`, and a last one without an element. */
static __always_inline int hz_connections_show(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	const struct hz_connections *conns = ctx->value;
	const __u32 *id = ctx->key;
	struct hz_connections sum = { 0 };
	struct show_row row = { 0 };

	if (conns == NULL || id == NULL) {
		bpf_loop(HZ_WORKERS_MAX, show_add_connections, &sum, 0);
		BPF_SEQ_PRINTF(seq, "   sum -          ");
		show_states_of(seq, &sum);
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "worker state       syn_rcvd established fin_wait_1 fin_wait_2 "
		                    "close_wait closing last_ack time_wait\n");
	show_row_begin(&row, *id);
	if (!row.is_shown)
		return 0;
	BPF_SEQ_PRINTF(seq, "%6u %-11s", *id, row.state);
	show_states_of(seq, conns);
	return 0;
}

#endif
