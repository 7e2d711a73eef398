#include "loader/xdp_maps.h"
#include "core/endpoint.h"
#include "core/hint.h"
#include "loader/xdp_claims.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_link.h"
#include "loader/xdp_owner.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define EXIT_BPF      6 /* of hzd */
#define LOOKS         4
#define LOOK_AGAIN_NS 2000000

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

static size_t page_round(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* The kernel rounds the map's memory up to pages. */
static int map_memory(void *out, int fd, size_t bytes)
{
	void *base = mmap(NULL, page_round(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	memcpy(out, &base, sizeof(base));
	return 0;
}

static int fds_open(const char *instance, bool writable, struct hz_xdp_maps *maps)
{
	static const char *const name[] = { "latency", "beat",     "workers",     "connections",
		                            "cfg",     "verdicts", "latency_pct", "stream_stats" };
	int *fd[] = { &maps->latency_fd,     &maps->beat_fd,        &maps->worker_fd,
		      &maps->conns_fd,       &maps->cfg_fd,         &maps->verdicts_fd,
		      &maps->latency_pct_fd, &maps->stream_stats_fd };

	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++) {
		/* verdicts and stream_stats are written by BPF programs only */
		bool is_reader =
			!writable || fd[i] == &maps->verdicts_fd || fd[i] == &maps->stream_stats_fd;

		*fd[i] = hz_xdp_shared_map(instance, name[i], is_reader);
		if (*fd[i] < 0)
			return *fd[i];
	}
	if (!writable)
		return 0;
	maps->cookies_fd = hz_xdp_shared_map(instance, "private/cookies", false);
	if (maps->cookies_fd < 0) /* the others are there: pinned before there were cookies */
		return maps->cookies_fd == -ENOENT ? -EPROTO : maps->cookies_fd;
	maps->flush_prog_fd = hz_xdp_pins_open(instance, "prog_flush", NULL, false);
	return HZ_MIN(maps->flush_prog_fd, 0);
}

static int memory_map(struct hz_xdp_maps *maps)
{
	int status = map_memory(&maps->latency, maps->latency_fd,
	                        sizeof(*maps->latency) * (size_t)HZ_HIST_ENTRIES);

	if (status == 0)
		status = map_memory(&maps->beat, maps->beat_fd,
		                    sizeof(*maps->beat) * HZ_WORKERS_MAX);
	if (status == 0)
		status = map_memory(&maps->worker, maps->worker_fd,
		                    sizeof(*maps->worker) * HZ_WORKERS_MAX);
	if (status == 0)
		status = map_memory(&maps->conns, maps->conns_fd,
		                    sizeof(*maps->conns) * HZ_WORKERS_MAX);
	if (status == 0)
		status = map_memory(&maps->cookies, maps->cookies_fd, sizeof(*maps->cookies));
	return status;
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
	                                      .flush_prog_fd = -1 };

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

static void memory_unmap(void *base, size_t bytes)
{
	if (base != NULL)
		munmap(base, page_round(bytes));
}

void hz_xdp_maps_close(struct hz_xdp_maps *maps)
{
	int *fd[] = { &maps->latency_fd,  &maps->beat_fd,         &maps->worker_fd,
		      &maps->conns_fd,    &maps->latency_pct_fd,  &maps->cfg_fd,
		      &maps->verdicts_fd, &maps->stream_stats_fd, &maps->flush_prog_fd,
		      &maps->cookies_fd };

	memory_unmap(maps->latency, sizeof(*maps->latency) * (size_t)HZ_HIST_ENTRIES);
	memory_unmap(maps->beat, sizeof(*maps->beat) * HZ_WORKERS_MAX);
	memory_unmap(maps->worker, sizeof(*maps->worker) * HZ_WORKERS_MAX);
	memory_unmap(maps->conns, sizeof(*maps->conns) * HZ_WORKERS_MAX);
	memory_unmap(maps->cookies, sizeof(*maps->cookies));
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++)
		if (*fd[i] > 0) /* 0 in a zeroed one: never ours, stdin is open */
			close(*fd[i]);
	*maps = maps_none;
}

/* --- is it on this interface? ------------------------------------------------------------------------ */

struct check {
	const char *instance;
	const char *ifname;
	const struct hz_endpoint *claims;
	uint32_t claim_count;
	struct hz_err *err;
};

/* The command that makes it right. ensure replaces all claims: it names every one that is served. */
static int check_fail(const struct check *check, int status, const char *why)
{
	char hint[sizeof(check->err->hint)], list[sizeof(hint)] = "", text[HZ_ENDPOINT_TEXT_MAX];
	size_t used = 0;

	for (uint32_t i = 0; i < check->claim_count; i++) {
		hz_endpoint_print(&check->claims[i], text);
		used += (size_t)snprintf(list + used, sizeof(list) - used, " tcp:%s", text);
		if (used > sizeof(list) / 2) { /* half a command is worse than a pattern of one */
			snprintf(list, sizeof(list), " tcp:ADDR:PORT...");
			break;
		}
	}
	hz_hint_write(hint, sizeof(hint), check->instance, "xdp attach dev %s%s%s ensure",
	              check->ifname, used > 0 ? " claim" : "", list);
	return hz_err_set(check->err, status, EXIT_BPF, "xdp_not_attached", hint, "%s", why);
}

static int check_claims(const struct check *check)
{
	char text[HZ_ENDPOINT_TEXT_MAX], why[128];
	int status = 0, fd = hz_xdp_pins_open(check->instance, "vips", check->ifname, true);

	if (fd < 0)
		return check_fail(check, fd, "its claims are not pinned");
	for (uint32_t i = 0; i < check->claim_count && status == 0; i++) {
		struct hz_claim_key key;
		struct hz_claim claim;

		hz_xdp_claims_key(&key, &check->claims[i], false);
		if (bpf_map_lookup_elem(fd, &key, &claim) == 0 && claim.kind == HZ_CLAIM_SITE)
			continue;
		hz_endpoint_print(&check->claims[i], text);
		snprintf(why, sizeof(why), "%s is not claimed on %s", text, check->ifname);
		status = check_fail(check, -ENOENT, why);
	}
	close(fd);
	return status;
}

int hz_xdp_check_owner(const char *instance, const char *ifname, struct hz_err *err)
{
	char owner[HZ_INSTANCE_MAX + 1];
	uint32_t ifindex = if_nametoindex(ifname), attached = 0;

	hz_err_what(err, "checking %s failed", ifname);
	if (ifindex == 0 || hz_xdp_link_attached_id(ifindex, &attached) != 0 || attached == 0 ||
	    !hz_xdp_owner_find(instance, ifname, attached, owner))
		return 0;
	return hz_xdp_owner_refuse(owner, ifname, err);
}

/* The link and what the device runs, as of one moment: an update comes between the two looks. */
static int running_look(const struct check *check, uint32_t ifindex, struct hz_xdp_link *link,
                        uint32_t *attached)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };
	int status = 0;

	for (int i = 0; i < LOOKS; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = hz_xdp_link_open(check->instance, check->ifname, link);
		if (status != 0)
			return status;
		hz_xdp_link_close(link);
		*attached = 0;
		if (ifindex == 0 || (hz_xdp_link_attached_id(ifindex, attached) == 0 &&
		                     link->ifindex == ifindex && *attached == link->program_id))
			break;
	}
	return 0;
}

int hz_xdp_check(const char *instance, const char *ifname, const struct hz_endpoint *claims,
                 uint32_t claim_count, struct hz_err *err)
{
	const struct check check = { instance, ifname, claims, claim_count, err };
	struct hz_xdp_link link;
	uint32_t ifindex = if_nametoindex(ifname), attached = 0;
	int status = running_look(&check, ifindex, &link, &attached);

	hz_err_what(err, "checking %s failed", ifname);
	if (status != 0)
		return check_fail(&check, status,
		                  status == -ENOENT ? "the XDP program is not attached"
		                                    : "the pinned link cannot be opened");
	if (ifindex == 0)
		return check_fail(&check, -ENODEV,
		                  "there is no such interface in this network namespace");
	if (link.ifindex != ifindex)
		return check_fail(&check, -ENOLINK,
		                  "the program was attached to a device that is gone, or in "
		                  "another network namespace");
	if (attached != link.program_id)
		return check_fail(&check, -ENOLINK, "another program than ours is attached");
	return check_claims(&check);
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

int hz_xdp_flush(const struct hz_xdp_maps *maps, uint32_t index, bool wakeup, uint64_t *emitted,
                 uint64_t *refused)
{
	struct hz_flush_ctx ctx = { .index = index, .wakeup = wakeup };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(maps->flush_prog_fd, &opts) != 0)
		return -errno;
	*emitted += ctx.emitted; /* the kernel copies the context back into ctx_in */
	*refused += ctx.refused;
	return (int)opts.retval;
}
