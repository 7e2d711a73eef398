/* trace: rings for the last frames of each worker, in a file of the run directory that hzctl reads itself.
 * The file is made by the first start and lives until hzd ends in order; one of a run that died stays until
 * then, or until the next trace. */
#include "server/server_priv.h"
#include "telemetry/trace_ring.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int file_open(struct hz_server *server, struct hz_err *err)
{
	size_t bytes = hz_trace_file_bytes(server->seats.count);
	void *base = NULL;
	int status;

	status = hz_rundir_share_private(&server->rundir, HZ_TRACE_FILE, bytes, &base);
	if (status != 0)
		return hz_err_set(err, status, 1, "trace_file", "df -h /run",
		                  "cannot make %s/%s: %s", server->rundir.path, HZ_TRACE_FILE,
		                  strerror(-status));
	server->trace = base;
	server->trace->head.version = HZ_TRACE_VERSION;
	server->trace->head.worker_count = server->seats.count;
	server->trace->head.pid = (uint32_t)getpid();
	for (uint32_t i = 0; i < server->port_count && i < HZ_TRACE_IFACES; i++)
		memcpy(server->trace->head.ifname[i], server->port[i].ifname,
		       strnlen(server->port[i].ifname, sizeof(server->trace->head.ifname[i]) - 1));
	__atomic_store_n(&server->trace->head.magic, HZ_TRACE_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

static bool is_on(const struct hz_server *server)
{
	return server->trace != NULL && server->trace->head.stopped_ns == 0;
}

static void workers_tell(struct hz_server *server, bool on)
{
	for (uint32_t i = 0; i < server->seats.count; i++)
		hz_fastpath_trace(server->fp, i, on ? &server->trace->ring[i] : NULL);
}

/* Kept, so that two looks at a trace show the same times. */
static uint64_t unix_offset_ns(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (uint64_t)wall.tv_sec * HZ_NS_PER_S + (uint64_t)wall.tv_nsec -
	       hz_clock_monotonic_ns();
}

static int start(struct hz_server *server, struct hz_err *err)
{
	int status = 0;

	if (is_on(server))
		return 0;
	if (server->fp == NULL)
		return hz_err_set(err, -EOPNOTSUPP, 1, "no_frames", "tcpdump -i any tcp",
		                  "Operation not supported: with boot/io=socket the kernel has the "
		                  "frames, and shows them to tcpdump");
	if (server->trace == NULL)
		status = file_open(server, err);
	if (status != 0)
		return status;
	__atomic_store_n(&server->trace->head.unix_offset_ns, unix_offset_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&server->trace->head.started_ns, hz_clock_monotonic_ns(),
	                 __ATOMIC_RELAXED);
	__atomic_store_n(&server->trace->head.stopped_ns, 0, __ATOMIC_RELEASE);
	workers_tell(server, true);
	return 0;
}

static void stop(struct hz_server *server)
{
	if (!is_on(server))
		return;
	workers_tell(server, false);
	__atomic_store_n(&server->trace->head.stopped_ns, hz_clock_monotonic_ns(),
	                 __ATOMIC_RELEASE);
}

int hz_control_trace(struct hz_server *server, const json_t *request, json_t **result,
                     struct hz_err *err)
{
	const char *verb = json_string_value(json_object_get(request, "do"));
	int status = 0;

	if (verb != NULL && strcmp(verb, "start") == 0)
		status = start(server, err);
	else if (verb != NULL && strcmp(verb, "stop") == 0)
		stop(server);
	else
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl trace help",
		                    "do: start or stop");
	if (status == 0)
		*result = json_pack("{s:b, s:i, s:i}", "is_on", is_on(server), "workers",
		                    (int)server->seats.count, "frames_per_worker",
		                    (int)HZ_TRACE_SLOTS);
	return status;
}

void hz_control_trace_close(struct hz_server *server)
{
	hz_rundir_unshare_private(
		&server->rundir, HZ_TRACE_FILE,
		hz_trace_file_bytes(server->trace != NULL ? server->trace->head.worker_count : 0),
		server->trace);
	server->trace = NULL;
}
