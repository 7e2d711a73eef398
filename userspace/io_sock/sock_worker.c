/* A worker thread: wait, then one turn of listeners, connections, timers and leftovers. */
#include "core/rcu.h"
#include "io_sock/sock_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int pools_open(struct sock_worker *worker, uint32_t connections_max)
{
	uint32_t large = HZ_MIN(connections_max, HZ_MAX(64u, connections_max / 64));
	int err;

	/* All but the first page-faulted on first use: capacity is address space until then. */
	err = hz_pool_open(&worker->conns, sizeof(struct sock_conn), connections_max, 0);
	if (err == 0)
		err = hz_pool_open(&worker->blocks, SOCK_BLOCK_BYTES, SOCK_BLOCKS, 0);
	if (err == 0)
		err = hz_pool_open(&worker->hold_small, SOCK_HOLD_SMALL, connections_max, 0);
	if (err == 0)
		err = hz_pool_open(&worker->hold_large, SOCK_HOLD_LARGE, large, 0);
	return err;
}

static int descriptors_open(struct sock_worker *worker)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &worker->wake };

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake.kind = SOCK_SOURCE_WAKE;
	worker->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	worker->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (worker->epoll_fd == -1 || worker->wake.fd == -1 || worker->reserve_fd == -1 ||
	    epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake.fd, &event) != 0)
		return -errno;
	return 0;
}

int hz_sock_worker_open(struct sock_worker *worker, struct hz_sock *sock,
                        const struct hz_worker_conf *conf, uint32_t connections_max,
                        struct hz_err *err)
{
	int status;

	worker->conf = *conf;
	worker->sock = sock;
	worker->epoll_fd = -1;
	worker->wake.fd = -1;
	worker->reserve_fd = -1;
	hz_list_init(&worker->all);
	hz_list_init(&worker->pending);
	hz_list_init(&worker->starved);
	/* The shared clock is constant; drift needs a copy whose owner re-anchors it. */
	if (conf->env->clock != NULL) {
		worker->clock = *conf->env->clock;
		worker->clock_before = conf->env->clock;
		conf->env->clock = &worker->clock;
	}
	worker->rx = malloc(SOCK_RX_BYTES);
	worker->listener = calloc(sock->listen_count, sizeof(*worker->listener));
	status = worker->rx != NULL && worker->listener != NULL ? 0 : -ENOMEM;
	if (status == 0)
		status = pools_open(worker, connections_max);
	if (status == 0)
		status = descriptors_open(worker);
	if (status != 0) {
		hz_sock_worker_close(worker);
		return hz_err_set(err, status, 5, "memory",
		                  status == -EMFILE ? "ulimit -n 65536"
		                                    : "hzd -o boot/connections_max=4096",
		                  "cannot set up a worker for %u connections: %s", connections_max,
		                  strerror(-status));
	}
	return 0;
}

static void fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void hz_sock_worker_close(struct sock_worker *worker)
{
	if (worker->sock == NULL)
		return;
	hz_sock_listen_close(worker);
	fd_close(&worker->reserve_fd);
	fd_close(&worker->wake.fd);
	fd_close(&worker->epoll_fd);
	hz_pool_close(&worker->hold_large);
	hz_pool_close(&worker->hold_small);
	hz_pool_close(&worker->blocks);
	hz_pool_close(&worker->conns);
	free(worker->listener);
	free(worker->rx);
	if (worker->conf.env->clock == &worker->clock)
		worker->conf.env->clock = worker->clock_before;
	worker->sock = NULL;
}

static void clock_turn(struct sock_worker *worker)
{
	struct hz_env *env = worker->conf.env;
	struct timespec wall;

	if (env->clock == &worker->clock && env->now_ns >= worker->anchor_due_ns) {
		hz_clock_anchor(&worker->clock);
		worker->anchor_due_ns = env->now_ns + SOCK_ANCHOR_NS;
	}
	env->now_ns = env->clock != NULL ? hz_clock_now_ns(env->clock) : hz_clock_monotonic_ns();
	if (clock_gettime(CLOCK_REALTIME_COARSE, &wall) == 0)
		env->unix_s = (uint64_t)wall.tv_sec;
}

static void event_take(struct sock_worker *worker, const struct epoll_event *event)
{
	struct sock_source *source = event->data.ptr;
	uint64_t count;

	switch (source->kind) {
	case SOCK_SOURCE_WAKE:
		(void)!read(source->fd, &count, sizeof(count)); /* the flags say what for */
		worker->is_counting =
			worker->conf.census != NULL && hz_conn_census_is_asked(worker->conf.census);
		break;
	case SOCK_SOURCE_LISTEN:
		(void)hz_sock_listen_accept(worker,
		                            HZ_CONTAINER_OF(source, struct sock_listener, source));
		break;
	case SOCK_SOURCE_CONN:
		hz_sock_conn_event(HZ_CONTAINER_OF(source, struct sock_conn, source),
		                   event->events);
		break;
	}
}

/* Everybody who waits now gets one turn; who starts waiting meanwhile gets the next. */
static void batch_run(struct hz_list *waiting)
{
	struct hz_list batch, *node;

	if (hz_list_is_empty(waiting))
		return;
	hz_list_insert(waiting->prev, &batch); /* the whole circle changes its head */
	hz_list_remove(waiting);
	hz_list_init(waiting);
	while ((node = hz_list_pop_front(&batch)) != NULL)
		hz_sock_conn_run(HZ_LIST_ENTRY(node, struct sock_conn, pending));
}

static void pending_run(struct sock_worker *worker)
{
	batch_run(&worker->pending);
	if (worker->blocks.in_use < worker->blocks.capacity)
		batch_run(&worker->starved);
}

static void drain_check(struct sock_worker *worker)
{
	if (worker->is_draining || !__atomic_load_n(&worker->sock->is_draining, __ATOMIC_ACQUIRE))
		return;
	/* What the kernel has accepted for us is served; closing the listener would reset it. */
	for (uint32_t i = 0; i < worker->listener_count; i++)
		for (unsigned round = 0; round <= SOCK_BACKLOG / SOCK_ACCEPTS; round++)
			if (!hz_sock_listen_accept(worker, &worker->listener[i]))
				break;
	hz_sock_listen_close(worker);
	worker->is_draining = true;
}

static void beat(struct sock_worker *worker, enum hz_state state)
{
	struct hz_beat *slot = worker->conf.slot->beat;
	uint64_t now_ns = worker->conf.env->now_ns;

	sock_count(&slot->turns, 1);
	if (now_ns < worker->beat_due_ns && slot->state == (uint32_t)state)
		return;
	worker->beat_due_ns = now_ns + SOCK_BEAT_NS;
	sock_set(&slot->beat_ns, now_ns);
	__atomic_store_n(&slot->state, (uint32_t)state, __ATOMIC_RELAXED);
	__atomic_store_n(&worker->conf.slot->worker->state, (uint32_t)state, __ATOMIC_RELAXED);
}

static uint64_t sleep_ns(const struct sock_worker *worker)
{
	uint64_t now_ns = worker->conf.env->now_ns;
	uint64_t due_ns = now_ns + SOCK_SLEEP_NS;
	uint64_t timer_ns;

	if (!hz_list_is_empty(&worker->pending) || worker->timers_left || worker->is_counting)
		return 0;
	if (!hz_list_is_empty(&worker->starved) && worker->blocks.in_use < worker->blocks.capacity)
		return 0;
	timer_ns = hz_wheel_next_ns(&worker->wheel);
	due_ns = HZ_MIN(due_ns, timer_ns);
	if (worker->conf.proto->turn_due_ns != NULL)
		due_ns = HZ_MIN(due_ns, worker->conf.proto->turn_due_ns(worker->conf.proto_ctx));
	if (worker->accept_rest_ns != 0)
		due_ns = HZ_MIN(due_ns, worker->accept_rest_ns);
	return due_ns > now_ns ? due_ns - now_ns : 0;
}

static int wait_events(struct sock_worker *worker, struct epoll_event *events, uint64_t wait_ns)
{
	struct timespec wait = { .tv_sec = (time_t)(wait_ns / HZ_NS_PER_S),
		                 .tv_nsec = (long)(wait_ns % HZ_NS_PER_S) };
	int count;

	if (wait_ns == 0) {
		hz_rcu_quiescent();
		count = epoll_wait(worker->epoll_fd, events, SOCK_EVENTS, 0);
	} else {
		hz_rcu_offline(); /* a sleeping reader must not hold up a grace period */
		count = epoll_pwait2(worker->epoll_fd, events, SOCK_EVENTS, &wait, NULL);
		hz_rcu_online();
	}
	return HZ_MAX(count, 0); /* EINTR: signals are blocked, a debugger's is harmless */
}

static void turn(struct sock_worker *worker, uint64_t wait_ns)
{
	struct hz_worker *stats = worker->conf.slot->worker;
	struct epoll_event events[SOCK_EVENTS];
	uint64_t took_ns;
	unsigned fired;
	int count;

	count = wait_events(worker, events, wait_ns);
	clock_turn(worker);
	for (int i = 0; i < count; i++)
		event_take(worker, &events[i]);
	fired = hz_wheel_advance(&worker->wheel, worker->conf.env->now_ns, SOCK_TIMERS,
	                         hz_sock_conn_timer, worker);
	worker->timers_left = fired == SOCK_TIMERS;
	if (worker->conf.proto->on_turn != NULL)
		fired += worker->conf.proto->on_turn(worker->conf.proto_ctx);
	pending_run(worker);
	hz_sock_listen_wake(worker);
	drain_check(worker);
	if (worker->is_counting)
		worker->is_counting = hz_sock_info_turn(worker);
	beat(worker, worker->is_draining ? HZ_STATE_DRAINING : HZ_STATE_READY);
	if (count == 0 && fired == 0)
		return;
	took_ns = hz_env_clock_ns(worker->conf.env) - worker->conf.env->now_ns;
	sock_count(&stats->rx_bursts, 1);
	sock_count(&stats->busy_ns, took_ns);
	if (took_ns > stats->longest_gap_ns) /* nobody else was looked at meanwhile */
		sock_set(&stats->longest_gap_ns, took_ns);
}

static void run_begin(struct sock_worker *worker)
{
	struct hz_slot slot = *worker->conf.slot;
	int cpu = worker->conf.cpu;

	hz_rcu_reader_register();
	clock_turn(worker);
	hz_wheel_init(&worker->wheel, worker->conf.env->now_ns);
	slot.worker->cpu = cpu >= 0 ? (uint32_t)cpu : 0;
	slot.worker->started_ns = worker->conf.env->now_ns;
	slot.beat->queue = worker->conf.env->worker_index;
	slot.beat->ifindex = 0;
	slot.beat->pid = (uint32_t)getpid();
}

static void run_end(struct sock_worker *worker)
{
	struct hz_list *node;

	hz_sock_listen_close(worker);
	while ((node = hz_list_first(&worker->all)) != NULL)
		hz_sock_conn_close(HZ_LIST_ENTRY(node, struct sock_conn, all), HZ_CLOSE_ABORT);
	if (worker->conf.proto->on_end != NULL)
		worker->conf.proto->on_end(worker->conf.proto_ctx);
	clock_turn(worker);
	beat(worker, HZ_STATE_DOWN);
	hz_rcu_reader_unregister();
}

void *hz_sock_worker_run(void *arg)
{
	struct sock_worker *worker = arg;

	run_begin(worker);
	turn(worker, 0);
	sem_post(&worker->sock->turned);
	while (!__atomic_load_n(&worker->sock->is_stopping, __ATOMIC_ACQUIRE))
		turn(worker, sleep_ns(worker));
	run_end(worker);
	return NULL;
}
