#include "loader/xdp_busy.h"
#include "core/endpoint.h"
#include "core/hint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Of a worker that beats and has its port on this interface; 0: none. */
static uint32_t server_pid(const struct hz_xdp_job *job)
{
	uint64_t now_ns = monotonic_ns();
	uint32_t zero = 0;
	struct hz_cfg cfg;

	if (bpf_map_lookup_elem(job->shared.cfg_fd, &zero, &cfg) != 0)
		return 0;
	for (uint32_t i = 0; i < HZ_MIN(cfg.workers, (uint32_t)HZ_WORKERS_MAX); i++) {
		struct hz_beat beat;

		if (bpf_map_lookup_elem(job->shared.beat_fd, &i, &beat) == 0 &&
		    beat.ifindex == job->ifindex &&
		    (now_ns < beat.beat_ns || now_ns - beat.beat_ns <= cfg.beat_timeout_ns))
			return beat.pid;
	}
	return 0;
}

static bool is_kept(const struct hz_xdp_claims *claims, const struct hz_claim_key *key)
{
	for (uint32_t i = 0; i < claims->count; i++)
		if (memcmp(&claims->key[i], key, sizeof(*key)) == 0)
			return claims->claim[i].kind == HZ_CLAIM_SITE;
	return false;
}

static int refuse(const struct hz_xdp_job *job, uint32_t pid, const struct hz_claim_key *key)
{
	const struct hz_endpoint endpoint = { .addr = key->addr, .port = ntohs(key->port) };
	char text[HZ_ENDPOINT_TEXT_MAX], hint[sizeof(job->err->hint)];

	hz_endpoint_print(&endpoint, text);
	hz_hint_write(hint, sizeof(hint), job->opts->instance, "drain, then the same again");
	return hz_err_set(job->err, -EBUSY, 1, "xdp_serving", hint,
	                  "hzd (pid %u) serves on %s, where %s would no longer be claimed", pid,
	                  job->opts->ifname, text);
}

static int claims_check(const struct hz_xdp_job *job, int vips_fd, uint32_t pid)
{
	struct hz_claim_key key, next;
	const struct hz_claim_key *from = NULL;
	struct hz_claim claim;

	for (uint32_t i = 0; i < HZ_CLAIMS_MAX && bpf_map_get_next_key(vips_fd, from, &next) == 0;
	     i++) {
		key = next;
		from = &key;
		if (bpf_map_lookup_elem(vips_fd, &key, &claim) == 0 &&
		    claim.kind == HZ_CLAIM_SITE && !is_kept(job->claims, &key))
			return refuse(job, pid, &key);
	}
	return 0;
}

int hz_xdp_busy_check(const struct hz_xdp_job *job)
{
	uint32_t pid = server_pid(job);
	int vips_fd, status;

	if (pid == 0)
		return 0;
	vips_fd = hz_xdp_pins_open(job->opts->instance, "vips", job->opts->ifname, false);
	if (vips_fd < 0)
		return 0; /* nothing is claimed that could be taken away */
	status = claims_check(job, vips_fd, pid);
	close(vips_fd);
	return status;
}
