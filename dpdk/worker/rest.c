/* Between two turns: spin, or sleep on the sockets the driver hides. */
#include "core/rcu.h"
#include "worker/gauges.h"
#include "worker/worker.h"
#include <poll.h>
#include <time.h>

/* A port without a descriptor (a ring) cannot wake anybody: look this often. */
#define BLIND_SLEEP_NS HZ_NS_PER_MS

/* Frames in a hand-over ring, mail, or what other threads finished: what could have come before the bell
 * was connected. */
static bool has_work(struct hz_worker_loop *w)
{
	if (hz_mailbox_has_mail(&w->mailbox) || hz_worker_proto_turn(w) != 0)
		return true;
	if (w->steer == NULL)
		return false;
	for (uint32_t from = 0; from < w->steer->worker_count; from++) {
		if (!hz_steer_ring_is_empty(hz_steer_between(w->steer, from, w->index)))
			return true;
	}
	return false;
}

static uint64_t sleep_ns(const struct hz_worker_loop *w, bool is_blind)
{
	uint64_t next_ns = hz_tcp_next_timer_ns(w->tcp);
	uint64_t turn_ns =
		w->proto->turn_due_ns != NULL ? w->proto->turn_due_ns(w->proto_ctx) : UINT64_MAX;
	uint64_t most_ns = is_blind ? HZ_MIN(w->sleep_ns_max, BLIND_SLEEP_NS) : w->sleep_ns_max;

	next_ns = HZ_MIN(next_ns, turn_ns);
	if (next_ns <= w->env->now_ns)
		return 0;
	return HZ_MIN(next_ns - w->env->now_ns, most_ns);
}

static void sleep_now(struct hz_worker_loop *w)
{
	struct pollfd fds[HZ_WORKER_PORTS_MAX + 1];
	struct timespec timeout = { 0 };
	bool is_blind = false;
	nfds_t count = 0;
	uint64_t ns;

	fds[count++] = (struct pollfd){ .fd = w->mailbox.event_fd, .events = POLLIN };
	for (uint32_t i = 0; i < w->port_count; i++) {
		/* What is still queued leaves now, what completed comes back: nobody turns for us. */
		hz_port_flush(w->port[i].port);
		hz_port_reap(w->port[i].port);
		if (w->port[i].port->poll_fd < 0)
			is_blind = true;
		else
			fds[count++] =
				(struct pollfd){ .fd = w->port[i].port->poll_fd, .events = POLLIN };
	}
	ns = sleep_ns(w, is_blind);
	if (ns == 0)
		return;
	timeout.tv_sec = (time_t)(ns / HZ_NS_PER_S);
	timeout.tv_nsec = (long)(ns % HZ_NS_PER_S);
	hz_gauges_beat(w);
	hz_mailbox_lie_down(&w->mailbox);
	if (!has_work(w)) {
		hz_rcu_offline();
		(void)ppoll(fds, count, &timeout, NULL); /* woken or interrupted: the loop looks */
		hz_rcu_online();
	}
	hz_mailbox_get_up(&w->mailbox);
	hz_gauges_wake(w);
}

void hz_worker_rest(struct hz_worker_loop *w, unsigned found)
{
	if (found != 0 || w->spin_ns == UINT64_MAX) {
		w->idle_since_ns = 0;
		return;
	}
	if (w->idle_since_ns == 0)
		w->idle_since_ns = w->env->now_ns;
	if (w->env->now_ns - w->idle_since_ns >= w->spin_ns)
		sleep_now(w);
}
