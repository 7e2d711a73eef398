#include "loader/xdp_maps.h"
#include "core/hint.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define EXIT_BPF 6 /* of hzd */

static int open_fail(struct hz_err *err, const char *instance, int status)
{
	char hint[256];

	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev IF claim tcp:ADDR:PORT");
	if (status == -ENOENT)
		return hz_err_set(err, status, EXIT_BPF, "xdp_not_attached", hint,
		                  "nothing is attached: no pinned maps of this instance");
	if (status == -EPROTO) {
		hz_hint_write(hint, sizeof(hint), instance, "xdp detach all, then attach again");
		return hz_err_set(err, status, EXIT_BPF, "xdp_abi", hint,
		                  "the pinned maps were made by another version of hz");
	}
	if (status == -EACCES || status == -EPERM)
		return hz_err_set(err, status, EXIT_BPF, "not_permitted",
		                  "as root, or as a member of group hz to read",
		                  "the pinned maps may not be opened: %s", strerror(-status));
	return hz_err_set(err, status, EXIT_BPF, "xdp_pins", hint,
	                  "cannot open the pinned maps: %s", strerror(-status));
}

/* What is opened, in this order, and where it is mapped for hzd. */
struct pinned {
	const char *name;
	size_t fd;     /* offset in struct hz_xdp_maps */
	size_t memory; /* the same, of the pointer; NOT_MAPPED */
	size_t bytes;  /* mapped; of route_latency for each worker */
	enum { OF_HZD, OF_PROGRAMS, OF_HZD_HIDDEN } writer; /* hidden: not for readers */
};
#define NOT_MAPPED         ((size_t)-1)
#define AT(field)          offsetof(struct hz_xdp_maps, field)
#define BYTES(type, count) (sizeof(struct type) * (size_t)(count))

static const struct pinned pinned[] = {
	{ "latency", AT(latency_fd), AT(latency), BYTES(hz_hist, HZ_HIST_ENTRIES), OF_HZD },
	{ "beat", AT(beat_fd), AT(beat), BYTES(hz_beat, HZ_WORKERS_MAX), OF_HZD },
	{ "workers", AT(worker_fd), AT(worker), BYTES(hz_worker, HZ_WORKERS_MAX), OF_HZD },
	{ "connections", AT(conns_fd), AT(conns), BYTES(hz_connections, HZ_WORKERS_MAX), OF_HZD },
	{ "cfg", AT(cfg_fd), NOT_MAPPED, 0, OF_HZD },
	{ "verdicts", AT(verdicts_fd), NOT_MAPPED, 0, OF_PROGRAMS },
	{ "latency_pct", AT(latency_pct_fd), NOT_MAPPED, 0, OF_HZD },
	{ "stream_stats", AT(stream_stats_fd), NOT_MAPPED, 0, OF_PROGRAMS },
	{ "private/cookies", AT(cookies_fd), AT(cookies), BYTES(hz_cookies, 1), OF_HZD_HIDDEN },
	{ "latency_log2", AT(latency_log2_fd), NOT_MAPPED, 0, OF_HZD },
	{ "route_names", AT(route_names_fd), AT(route_names), BYTES(hz_route_name, HZ_ROUTE_SLOTS),
	  OF_HZD },
	{ "route_latency", AT(route_latency_fd), AT(route_latency),
	  BYTES(hz_route_hist, HZ_ROUTE_SLOTS), OF_HZD },
	{ "shed_rows", AT(shed_rows_fd), AT(shed_rows), BYTES(hz_shed_row, HZ_WORKERS_MAX),
	  OF_HZD },
	{ "subscribers", AT(subscribers_fd), NOT_MAPPED, 0, OF_HZD },
	{ "subscriber_stats", AT(subscriber_fd), AT(subscriber),
	  BYTES(hz_subscriber, HZ_SUBSCRIBERS_MAX), OF_HZD },
};

static void *field_of(struct hz_xdp_maps *maps, size_t offset)
{
	return (char *)maps + offset;
}

/* 0 in a zeroed one: never ours, stdin is open. */
static void fd_close(int fd)
{
	if (fd > 0)
		close(fd);
}

/* One that is missing beside the first; what came later is done without. */
static int open_status(struct hz_xdp_maps *maps, const char *name, bool is_first, int *fd)
{
	int status = HZ_MIN(*fd, 0);

	if (status == 0)
		return 0;
	*fd = -1;
	if (status != -ENOENT || is_first)
		return status;
	if (!hz_xdp_shared_is_later(name))
		return -EPROTO;
	maps->is_older = true;
	return 0;
}

static int programs_open(const char *instance, struct hz_xdp_maps *maps)
{
	const struct {
		const char *name;
		int *fd;
	} program[] = { { "prog_flush", &maps->flush_prog_fd },
		        { "prog_emit", &maps->emit_prog_fd },
		        { "prog_watch", &maps->watch_prog_fd } };
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(program) && status == 0; i++) {
		*program[i].fd = hz_xdp_pins_open(instance, program[i].name, NULL, false);
		status = open_status(maps, program[i].name, false, program[i].fd);
	}
	return status;
}

/* A half of what belongs together is none: hzd has one way to go without. */
static void later_close(struct hz_xdp_maps *maps)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++) {
		int *fd = field_of(maps, pinned[i].fd);

		if (!hz_xdp_shared_is_later(pinned[i].name))
			continue;
		fd_close(*fd);
		*fd = -1;
	}
	fd_close(maps->emit_prog_fd);
	fd_close(maps->watch_prog_fd);
	maps->emit_prog_fd = maps->watch_prog_fd = -1;
}

static int route_workers_read(struct hz_xdp_maps *maps)
{
	struct bpf_map_info info = { 0 };
	uint32_t info_bytes = sizeof(info);

	if (maps->route_latency_fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(maps->route_latency_fd, &info, &info_bytes) != 0)
		return -errno;
	maps->route_workers = info.max_entries / HZ_ROUTE_SLOTS;
	return 0;
}

static int fds_open(const char *instance, bool writable, struct hz_xdp_maps *maps)
{
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned) && status == 0; i++) {
		bool is_reader = !writable || pinned[i].writer == OF_PROGRAMS;
		int *fd = field_of(maps, pinned[i].fd);

		if (!writable && pinned[i].writer == OF_HZD_HIDDEN)
			continue;
		*fd = hz_xdp_shared_map(instance, pinned[i].name, is_reader);
		status = open_status(maps, pinned[i].name, i == 0, fd);
	}
	if (status == 0 && writable)
		status = programs_open(instance, maps);
	if (status == 0 && writable && maps->is_older)
		later_close(maps);
	return status == 0 ? route_workers_read(maps) : status;
}

/* The kernel rounds a map's memory up to pages. */
static size_t memory_bytes(const struct hz_xdp_maps *maps, const struct pinned *one)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = one->bytes;

	if (one->memory == AT(route_latency))
		bytes *= maps->route_workers;
	return (bytes + page - 1) / page * page;
}

static int memory_map(struct hz_xdp_maps *maps)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++) {
		const int *fd = field_of(maps, pinned[i].fd);
		void *base;

		if (pinned[i].memory == NOT_MAPPED || *fd < 0)
			continue;
		base = mmap(NULL, memory_bytes(maps, &pinned[i]), PROT_READ | PROT_WRITE,
		            MAP_SHARED, *fd, 0);
		if (base == MAP_FAILED)
			return -errno;
		memcpy(field_of(maps, pinned[i].memory), &base, sizeof(base));
	}
	return 0;
}

/* A closed one: no memory mapped, and no fd that could be somebody else's. */
static const struct hz_xdp_maps maps_none = { .latency_fd = -1,
	                                      .beat_fd = -1,
	                                      .worker_fd = -1,
	                                      .conns_fd = -1,
	                                      .cookies_fd = -1,
	                                      .latency_pct_fd = -1,
	                                      .cfg_fd = -1,
	                                      .verdicts_fd = -1,
	                                      .stream_stats_fd = -1,
	                                      .latency_log2_fd = -1,
	                                      .route_names_fd = -1,
	                                      .route_latency_fd = -1,
	                                      .shed_rows_fd = -1,
	                                      .subscribers_fd = -1,
	                                      .subscriber_fd = -1,
	                                      .flush_prog_fd = -1,
	                                      .emit_prog_fd = -1,
	                                      .watch_prog_fd = -1 };

int hz_xdp_maps_open(const char *instance, bool writable, struct hz_xdp_maps *out,
                     struct hz_err *err)
{
	struct hz_xdp_maps maps = maps_none;
	struct hz_cfg cfg;
	int status = fds_open(instance, writable, &maps);

	if (status == 0 && writable)
		status = memory_map(&maps);
	if (status == 0)
		status = hz_xdp_cfg_read(&maps, &cfg);
	if (status == 0 && cfg.abi_major != HZ_ABI_MAJOR)
		status = -EPROTO;
	if (status != 0) {
		hz_xdp_maps_close(&maps);
		hz_err_what(err, "opening the maps failed");
		return open_fail(err, instance, status);
	}
	*out = maps;
	return 0;
}

void hz_xdp_maps_close(struct hz_xdp_maps *maps)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(pinned); i++) {
		void *base = NULL;

		if (pinned[i].memory != NOT_MAPPED)
			memcpy(&base, field_of(maps, pinned[i].memory), sizeof(base));
		if (base != NULL)
			munmap(base, memory_bytes(maps, &pinned[i]));
		fd_close(*(int *)field_of(maps, pinned[i].fd));
	}
	fd_close(maps->flush_prog_fd);
	fd_close(maps->emit_prog_fd);
	fd_close(maps->watch_prog_fd);
	*maps = maps_none;
}

/* --- reading and writing ----------------------------------------------------------------------------- */

int hz_xdp_cfg_read(const struct hz_xdp_maps *maps, struct hz_cfg *out)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(maps->cfg_fd, &zero, out) == 0 ? 0 : -errno;
}

static int array_read(int fd, void *to, uint32_t count, size_t bytes)
{
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_lookup_elem(fd, &i, (char *)to + i * bytes) != 0)
			return -errno;
	return 0;
}

int hz_xdp_hist_read(const struct hz_xdp_maps *maps, uint32_t index, struct hz_hist *out)
{
	return bpf_map_lookup_elem(maps->latency_fd, &index, out) == 0 ? 0 : -errno;
}

int hz_xdp_beats_read(const struct hz_xdp_maps *maps, struct hz_beat out[HZ_WORKERS_MAX])
{
	return array_read(maps->beat_fd, out, HZ_WORKERS_MAX, sizeof(*out));
}

int hz_xdp_workers_read(const struct hz_xdp_maps *maps, struct hz_worker out[HZ_WORKERS_MAX])
{
	return array_read(maps->worker_fd, out, HZ_WORKERS_MAX, sizeof(*out));
}

int hz_xdp_cfg_write(const struct hz_xdp_maps *maps, const struct hz_cfg *cfg)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(maps->cfg_fd, &zero, cfg, BPF_ANY) == 0 ? 0 : -errno;
}

int hz_xdp_maintenance_write(const char *instance, bool is_on)
{
	int status = 0, fd = hz_xdp_shared_map(instance, "cfg", false);
	struct hz_cfg cfg = { 0 };
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &zero, &cfg) != 0)
		status = -errno;
	cfg.maintenance = is_on;
	if (status == 0 && bpf_map_update_elem(fd, &zero, &cfg, BPF_ANY) != 0)
		status = -errno;
	close(fd);
	return status;
}

int hz_xdp_pct_write(const struct hz_xdp_maps *maps, uint32_t stage,
                     const struct hz_latency_pct *pct)
{
	return bpf_map_update_elem(maps->latency_pct_fd, &stage, pct, BPF_ANY) == 0 ? 0 : -errno;
}

int hz_xdp_log2_write(const struct hz_xdp_maps *maps, uint32_t stage,
                      const struct hz_latency_log2 *log2)
{
	if (maps->latency_log2_fd < 0)
		return 0;
	return bpf_map_update_elem(maps->latency_log2_fd, &stage, log2, BPF_ANY) == 0 ? 0 : -errno;
}

int hz_xdp_stream_stats_read(const struct hz_xdp_maps *maps, struct hz_stream_stats *out)
{
	uint32_t zero = 0;

	memset(out, 0, sizeof(*out));
	return bpf_map_lookup_elem(maps->stream_stats_fd, &zero, out) == 0 ? 0 : -errno;
}

/* The kernel hands out one value per possible CPU, each rounded up to 8 bytes. */
int hz_xdp_verdicts_read(const struct hz_xdp_maps *maps, struct hz_verdicts *sum)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t total[HZ_REASONS_MAX] = { 0 }, *each;
	uint32_t zero = 0;
	int status = 0;

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus * HZ_REASONS_MAX, sizeof(*each));
	if (each == NULL)
		return -ENOMEM;
	if (bpf_map_lookup_elem(maps->verdicts_fd, &zero, each) != 0)
		status = -errno;
	for (size_t i = 0; i < (size_t)cpus * HZ_REASONS_MAX && status == 0; i++)
		total[i % HZ_REASONS_MAX] += each[i];
	free(each);
	if (status == 0)
		memcpy(sum, total, sizeof(*sum));
	return status;
}
