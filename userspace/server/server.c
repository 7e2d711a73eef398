#include "server/server.h"
#include "core/cookie_keys.h"
#include "core/hint.h"
#include "core/log.h"
#include "loader/xdp_chatter.h"
#include "server/log_writer.h"
#include "server/server_priv.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HOUSEKEEPING_TICK_MS 50
#define WAITING_TICK_MS      1 /* while workers answer somebody */

void hz_server_degrade(struct hz_server *server, const char *what)
{
	for (uint32_t i = 0; i < server->degraded_count; i++)
		if (server->degraded[i] == what)
			return;
	hz_log(HZ_LOG_WARN, "degraded: %s", what);
	if (server->degraded_count < HZ_SERVER_DEGRADED_MAX)
		server->degraded[server->degraded_count++] = what;
}

void hz_server_degrade_end(struct hz_server *server, const char *what)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < server->degraded_count; i++)
		if (server->degraded[i] != what)
			server->degraded[kept++] = server->degraded[i];
	server->degraded_count = kept;
}

/* Every queue of an interface needs a worker, or its packets would fall to the kernel and be reset. */
static int worker_count(const struct hz_server *server, uint32_t *out, struct hz_err *err)
{
	uint32_t queues = 0, asked = server->conf->tune.boot_workers;

	for (uint32_t i = 0; i < server->port_count; i++)
		queues += server->port[i].queue_count;
	if (server->conf->tune.boot_io == HZ_IO_SOCKET)
		queues = 1;
	else if (asked > queues) /* told before a slot of telemetry is taken for it */
		return hz_err_set(err, -EINVAL, 2, "too_few_queues",
		                  "lower boot/workers, or ethtool -L IF rx N tx N",
		                  "%u workers but only %u receive queues", asked, queues);
	if (asked > 0 && asked < queues)
		return hz_err_set(err, -EINVAL, 2, "queues",
		                  "ethtool -L IF combined N (veth: rx N tx N)",
		                  "boot/workers is %u but the interfaces have %u receive queues",
		                  asked, queues);
	*out = asked > 0 ? asked : HZ_MIN(queues, (uint32_t)HZ_WORKERS_MAX);
	return 0;
}

static int arrays_share(struct hz_server *server, struct hz_err *err)
{
	uint32_t workers;
	int status = worker_count(server, &workers, err);

	if (status == 0)
		status = hz_rundir_share(&server->rundir, workers, &server->shared, err);
	return status;
}

static int seats_open(struct hz_server *server, struct hz_err *err)
{
	const bool is_kernel = server->conf->tune.boot_io == HZ_IO_AF_XDP;
	struct hz_seats_conf conf = {
		.tune = &server->conf->tune,
		.ops = &hz_snapshot_app_ops,
		.app = &server->app,
		.latency = is_kernel ? server->maps.latency : server->shared.latency,
		.beat = is_kernel ? server->maps.beat : server->shared.beat,
		.worker = is_kernel ? server->maps.worker : server->shared.worker,
		.conns = is_kernel ? server->maps.conns : server->shared.conns,
		.routes = is_kernel ? server->maps.route_latency : server->shared.route_latency,
		.route_workers =
			is_kernel ? server->maps.route_workers : server->shared.route_workers,
		.overload = &server->overload,
		.slow = is_kernel ? &server->slow.conf : NULL,
	};
	int status = worker_count(server, &conf.count, err);

	if (status == 0)
		status = hz_seats_open(&server->seats, &conf, err);
	if (status == 0 && conf.count > conf.route_workers)
		hz_server_degrade(server,
		                  "no room for routes of all workers: some answers are in no "
		                  "figure by route (hzctl xdp detach all, then attach)");
	return status;
}

/* A worker's job is done, a topic of its readers has news, or a ticket something to say. */
void hz_server_ring(void *ctx, uint32_t worker)
{
	const struct hz_server *server = ctx;

	if (server->sock != NULL)
		hz_sock_ring(server->sock, worker);
	else
		hz_fastpath_ring(server->fp, worker);
}

static int jobs_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_jobs_conf conf = {
		.thread_count = server->conf->tune.boot_helpers,
		.per_worker_max = HZ_LIMIT_jobs_per_worker_max,
		.ring = hz_server_ring,
		.ring_ctx = server,
	};
	int status = worker_count(server, &conf.worker_count, err);

	if (status != 0)
		return status;
	status = hz_jobs_open(&conf, &server->app.jobs);
	if (status == 0)
		status =
			hz_files_pool_open(conf.worker_count, server->app.jobs, &server->app.files);
	if (status != 0)
		return hz_err_set(err, status, 5, "helpers", "hzd -o boot/helpers=1",
		                  "cannot start %u helper threads: %s", conf.thread_count,
		                  strerror(-status));
	return 0;
}

/* Before workers see the snapshot. */
static int logs_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_snapshot *snapshot = server->app.snapshot;
	uint32_t count;
	int status = worker_count(server, &count, err);

	if (status != 0)
		return status;
	status = hz_log_writer_open(count, &server->log_writer);
	if (status != 0)
		return hz_err_set(err, status, 5, "memory", "", "log writer: %s",
		                  strerror(-status));
	return hz_log_writer_bind(server->log_writer, snapshot->site, err);
}

static int topics_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_topics_conf conf = { .ring = hz_server_ring, .ring_ctx = server };
	int status = worker_count(server, &conf.worker_count, err);

	if (status != 0)
		return status;
	status = hz_topics_open(&conf, &server->app.topics);
	if (status != 0)
		return hz_err_set(err, status, 5, "memory", "", "topics: %s", strerror(-status));
	return 0;
}

/* XDP's too, where there is XDP. */
static struct hz_cookies *cookies_of(struct hz_server *server)
{
	return server->maps.cookies != NULL ? server->maps.cookies : &server->cookies;
}

static void cookies_turn(struct hz_server *server, uint64_t now_ns)
{
	if (server->fp != NULL && hz_cookie_keys_turn(cookies_of(server), now_ns) != 0)
		hz_log(HZ_LOG_WARN, "no random numbers: the key of SYN cookies grows old");
}

static int fastpath_open(struct hz_server *server, struct hz_err *err)
{
	const struct hz_tune *tune = &server->conf->tune;
	const char *instance = server->conf->instance;
	char prefix[64];
	struct hz_fastpath_conf conf = {
		.file_prefix = prefix,
		.io = (enum hz_io)tune->boot_io,
		.hugepages = (enum hz_hugepages)tune->boot_hugepages,
		.mbufs = tune->boot_mbufs,
		.ring_slots = tune->boot_ring_slots,
		.connections_max = tune->boot_connections_max / server->seats.count,
		.time_wait_max = tune->boot_time_wait_max / server->seats.count,
		.burst = tune->worker_burst,
		.spin_us = tune->worker_spin_us,
		.sleep_ms_max = hz_server_sleep_ms(tune),
		.congestion = (enum hz_congestion)tune->tcp_congestion,
		.tcp = { .is_keepalive = tune->tcp_keepalive != 0,
		         .keepalive_idle_s = tune->tcp_keepalive_idle_s,
		         .keepalive_interval_s = tune->tcp_keepalive_interval_s,
		         .keepalive_count = tune->tcp_keepalive_count,
		         .hop_limit = (uint8_t)tune->tcp_hop_limit,
		         .dscp = (uint8_t)tune->tcp_dscp,
		         .lport_first = (uint16_t)(tune->tcp_local_ports >> 16),
		         .lport_last = (uint16_t)tune->tcp_local_ports,
		         .half_open_max = hz_server_half_open_max(server),
		         .cookie_mode = (enum hz_syn_cookies)tune->shed_syn_cookies },
		.worker_count = server->seats.count,
		.workers = server->seats.conf,
		.port_count = server->port_count,
		.ports = server->port,
		.listen_count = server->listen_count,
		.listens = server->listen,
		.exempt_listens = server->exempt_listens,
		.cookies = cookies_of(server),
	};
	struct hz_xdp_chatter chatter = { 0 };
	int status = hz_cookie_keys_open(conf.cookies, hz_clock_monotonic_ns());

	if (status != 0)
		return hz_err_set(err, status, 70, "getrandom", "", "no random numbers: %s",
		                  strerror(-status));

	snprintf(prefix, sizeof(prefix), "hz%s%s", instance ? "-" : "", instance ? instance : "");
	hz_xdp_chatter_listen(&chatter); /* libxdp makes the sockets inside DPDK's driver */
	status = hz_fastpath_open(&conf, &server->fp, err);
	hz_xdp_chatter_listen_end();
	if (status != 0)
		hz_xdp_chatter_explain(&chatter, err);
	if (status == 0 && hz_fastpath_is_degraded(server->fp))
		hz_server_degrade(server,
		                  "no hugepages: small pages, slower memory (boot/hugepages)");
	return status;
}

static int sock_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_sock_conf conf = {
		.worker_count = server->seats.count,
		.workers = server->seats.conf,
		.listen_count = server->listen_count,
		.listens = server->listen,
		.connections_max = server->conf->tune.boot_connections_max / server->seats.count,
	};

	hz_server_degrade(server,
	                  "boot/io=socket: the kernel's TCP, no health answers or shedding in XDP");
	return hz_sock_open(&conf, &server->sock, err);
}

static int transport_open(struct hz_server *server, struct hz_err *err)
{
	if (server->conf->tune.boot_io == HZ_IO_SOCKET)
		return sock_open(server, err);
	if (server->conf->tune.boot_io != HZ_IO_AF_XDP)
		hz_server_degrade(server,
		                  "no kernel interface: no health answers or shedding in XDP");
	return fastpath_open(server, err);
}

static int transport_start(struct hz_server *server, struct hz_err *err)
{
	if (server->sock != NULL)
		return hz_sock_start(server->sock, err);
	return hz_fastpath_start(server->fp, err);
}

static int snapshot_open(struct hz_server *server, struct hz_err *err)
{
	const struct hz_snapshot_conf conf = {
		.site = server->conf->site,
		.tune = &server->conf->tune,
		.generation = 1,
		.files = server->app.files,
		.topics = server->app.topics,
	};
	struct hz_snapshot *snapshot;
	int status = hz_server_handlers_open(server, err);

	if (status == 0)
		status = hz_server_handlers_bind(server, server->conf->site, true, err);
	if (status == 0)
		status = hz_snapshot_build(&conf, &snapshot, err);
	if (status != 0)
		return status;
	server->conf->site = NULL; /* the snapshot's now */
	hz_server_routes_name(server, snapshot);
	hz_app_publish(&server->app, snapshot);
	server->generation = 1;
	hz_snapshot_files_log(snapshot);
	return 0;
}

static int publish_open(struct hz_server *server, struct hz_err *err)
{
	int status = hz_publish_open(server, &server->publish);

	if (status == 0)
		status = hz_server_events_open(server);
	if (status != 0)
		return hz_err_set(err, status, 5, "memory", "", "telemetry: %s", strerror(-status));
	return 0;
}

/* Every worker has begun: did the program's part of it? */
static int handlers_check(const struct hz_server *server, struct hz_err *err)
{
	const char *whose = "";
	int status = hz_api_failed(server->api, &whose);

	if (status == 0)
		return 0;
	return hz_err_set(err, status, 70, "worker_begin", "", "a worker could not begin%s%s: %s",
	                  whose[0] != '\0' ? " with module " : "", whose, strerror(-status));
}

/* In the order of a packet's way from the outside in; close is the reverse. */
static int server_open(struct hz_server *server, struct hz_err *err)
{
	const bool needs_root = server->conf->tune.boot_io == HZ_IO_AF_XDP;
	int status;

	server->started_ns = server->reloaded_ns = hz_clock_monotonic_ns();
	status = hz_server_ports_open(server, err);
	if (status == 0) {
		hz_err_what(err, "cannot start"); /* the ports have words of their own */
		status = hz_rundir_open(server->conf->instance, needs_root, &server->rundir, err);
	}
	if (status == 0 && !needs_root)
		status = arrays_share(server, err);
	if (status == 0)
		status = jobs_open(server, err);
	if (status == 0)
		status = topics_open(server, err);
	if (status == 0)
		status = snapshot_open(server, err);
	if (status == 0)
		status = logs_open(server, err);
	if (status == 0)
		status = seats_open(server, err);
	if (status == 0)
		status = hz_server_health_open(server, err);
	if (status == 0)
		status = hz_server_sources_open(server, err);
	if (status == 0)
		hz_server_shed_apply(server);
	if (status == 0)
		status = hz_server_slow_open(server, err);
	if (status == 0)
		status = transport_open(server, err);
	if (status == 0)
		hz_server_handlers_start(server);
	if (status == 0)
		status = publish_open(server, err);
	if (status == 0)
		status = hz_control_stream_open(server, err);
	if (status == 0)
		status = hz_control_open(server, &server->control, err);
	if (status == 0)
		status = transport_start(server, err);
	if (status == 0)
		status = handlers_check(server, err);
	return status;
}

static int transport_close(struct hz_server *server)
{
	int status = hz_fastpath_close(server->fp);

	return status == 0 ? hz_sock_close(server->sock) : status;
}

/* 0, or -ETIMEDOUT: a worker still runs. What it could use is left to it, on purpose. */
static int server_close(struct hz_server *server)
{
	bool is_stuck;

	if (server->seats.count > 0)
		hz_server_state_set(server, HZ_STATE_DOWN);
	hz_control_close(server->control);
	hz_control_stream_close(server);
	hz_jobs_stop(server->app.jobs); /* helpers ring at the transport's door, */
	hz_api_stop(server->api);       /* and so do holders of tickets */
	is_stuck = transport_close(server) != 0;
	hz_server_last_tell(server, is_stuck);
	if (is_stuck)
		return -ETIMEDOUT;
	hz_control_trace_close(server);
	hz_jobs_close(server->app.jobs);
	hz_publish_close(server->publish);
	hz_seats_close(&server->seats);
	hz_server_reclaim(server);
	hz_server_files_reclaim(server);
	hz_snapshot_free(server->app.snapshot);
	hz_server_handlers_close(server);
	hz_log_writer_close(server->log_writer); /* what they logged is written now */
	hz_topics_close(server->app.topics);
	hz_files_pool_close(server->app.files);
	hz_rundir_unshare(&server->rundir, &server->shared);
	hz_rundir_close(&server->rundir);
	hz_server_ports_close(server);
	hz_site_free(server->conf->site);
	return 0;
}

/* Who holds a worker that did not stop. */
static int stuck_tell(const struct hz_server *server, struct hz_err *err)
{
	char name[HZ_API_NAME_MAX + 16];
	uint32_t worker;

	server->conf->is_stuck = true;
	hz_err_what(err, "stopped by force");
	if (hz_api_running(server->api, 0, &worker, name))
		hz_err_set(err, -ETIMEDOUT, 70, "worker_stuck", "",
		           "worker %u did not stop within %d s: it is in '%s'", worker,
		           HZ_LIMIT_worker_stop_s, name);
	else
		hz_err_set(err, -ETIMEDOUT, 70, "worker_stuck", "",
		           "a worker did not stop within %d s", HZ_LIMIT_worker_stop_s);
	return 70;
}

/* An error whose why has lines, each as one of the log. */
static void error_log(const struct hz_err *err)
{
	const char *line = err->why, *end;

	hz_log(HZ_LOG_ERROR, "%s", err->what);
	for (; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
		end = strchrnul(line, '\n');
		hz_log(HZ_LOG_ERROR, "%.*s", (int)(end - line), line);
	}
	if (err->hint[0] != '\0')
		hz_log(HZ_LOG_ERROR, "try: %s", err->hint);
}

static void reload_by_signal(struct hz_server *server)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;

	if (hz_server_reload(server, &result, &err) != 0)
		error_log(&err);
	json_decref(result);
}

static void signal_handle(struct hz_server *server, int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_by_signal(server);
	else if (info.ssi_signo == SIGUSR1)
		hz_log_writer_reopen(server->log_writer);
	else
		hz_server_terminate(server);
}

/* Of the program we are part of: stop, or stop at once. */
static void stop_handle(struct hz_server *server, int stop_fd)
{
	uint64_t asked = 0;

	if (read(stop_fd, &asked, sizeof(asked)) != sizeof(asked))
		return;
	for (; asked > 0 && !server->is_done; asked--)
		hz_server_terminate(server);
}

static int housekeep(struct hz_server *server, int signal_fd, struct hz_err *err)
{
	const struct hz_server_host *host = &server->conf->host;
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = hz_control_poll_fd(server->control), .events = POLLIN },
		{ .fd = host->is_embedded ? host->stop_fd : -1, .events = POLLIN },
	};
	int failed = 0;

	while (!server->is_done && failed == 0) {
		bool is_waiting = hz_control_is_waiting(server->control);
		uint64_t now_ns;

		if (poll(fds, HZ_ARRAY_LEN(fds),
		         is_waiting ? WAITING_TICK_MS : HOUSEKEEPING_TICK_MS) < 0 &&
		    errno != EINTR)
			return hz_err_set(err, 70, 70, "poll", "", "poll: %s", strerror(errno));
		now_ns = hz_clock_monotonic_ns();
		if (fds[0].revents & POLLIN)
			signal_handle(server, signal_fd);
		if (fds[2].revents & POLLIN)
			stop_handle(server, fds[2].fd);
		hz_api_watch(server->api, now_ns);
		hz_control_turn(server->control, now_ns);
		hz_server_slow_turn(server, now_ns);
		hz_publish_turn(server->publish, server, now_ns);
		hz_server_events_turn(server, now_ns);
		cookies_turn(server, now_ns);
		hz_server_subscribers_watch(server, now_ns);
		hz_server_ports_watch(server, now_ns);
		hz_server_reclaim(server);
		hz_server_files_reclaim(server);
		hz_server_files_follow(server, now_ns);
		hz_server_drain_step(server, now_ns);
		if (server->fp != NULL)
			hz_fastpath_turn(server->fp);
		if (server->fp != NULL)
			failed = hz_fastpath_failed(server->fp, err);
	}
	return failed;
}

/* Blocked in every thread, read by housekeeping alone. Returns the descriptor or -errno. */
static int signals_open(sigset_t *before)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, before); /* fails only for a wrong first argument */
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd == -1) {
		int status = -errno;

		pthread_sigmask(SIG_SETMASK, before, NULL);
		return status;
	}
	return fd;
}

static void signals_close(int fd, const sigset_t *before) /* accepts -1: nothing was opened */
{
	if (fd == -1)
		return;
	close(fd);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void ready_tell(const struct hz_server_host *host)
{
	if (host->ready != NULL)
		host->ready(host->ctx);
	if (host->is_embedded)
		return;
	fputs("ready\n", stdout);
	fflush(stdout);
}

int hz_server_run(struct hz_server_conf *conf, struct hz_err *err)
{
	const bool has_signals = !conf->host.is_embedded || conf->host.takes_signals;
	struct hz_server *server;
	sigset_t before;
	int signal_fd = has_signals ? signals_open(&before) : -1;
	int exit_code = 70;

	hz_err_what(err, "cannot start");
	if (has_signals && signal_fd < 0) {
		hz_err_set(err, signal_fd, 70, "signalfd", "ulimit -n", "cannot take signals: %s",
		           strerror(-signal_fd));
		hz_site_free(conf->site);
		return 70;
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
		hz_site_free(conf->site);
		signals_close(signal_fd, &before);
		return 5;
	}
	server->conf = conf;
	server->rundir.lock_fd = -1;
	if (server_open(server, err) == 0) {
		hz_server_state_set(server, HZ_STATE_READY);
		ready_tell(&conf->host);
		hz_err_what(err, "stopped");
		exit_code = housekeep(server, signal_fd, err);
	} else if (err->exit_code != 0) {
		exit_code = err->exit_code;
	}
	if (server_close(server) != 0)
		exit_code = stuck_tell(server, err);
	else
		free(server);
	signals_close(signal_fd, &before);
	return exit_code;
}
