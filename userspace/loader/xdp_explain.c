#include "loader/xdp_explain.h"
#include "core/hint.h"
#include "loader/xdp_copy.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_limit.h"
#include "loader/xdp_link.h"
#include "loader/xdp_rule.h"
#include "loader/xdp_skel.h"
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* The program of the pinned link, when it is on this interface now. Returns an fd. */
static int attached_open(const char *instance, const char *ifname, uint32_t *ifindex)
{
	struct hz_xdp_link link;
	int status = hz_xdp_link_open(instance, ifname, &link);

	if (status != 0)
		return status;
	close(link.fd);
	*ifindex = if_nametoindex(ifname);
	if (*ifindex == 0 || *ifindex != link.ifindex)
		return -ENODEV;
	status = bpf_prog_get_fd_by_id(link.program_id);
	return status < 0 ? -errno : status;
}

static int tag_compare(int attached_fd, int copy_fd)
{
	struct bpf_prog_info attached = { 0 }, copy = { 0 };
	uint32_t bytes = sizeof(attached);

	if (bpf_obj_get_info_by_fd(attached_fd, &attached, &bytes) != 0)
		return -errno;
	bytes = sizeof(copy);
	if (bpf_obj_get_info_by_fd(copy_fd, &copy, &bytes) != 0)
		return -errno;
	return memcmp(attached.tag, copy.tag, sizeof(copy.tag)) == 0 ? 0 : -EPROTO;
}

_Static_assert(HZ_XDP_EXPLAIN_RULE_MAX == HZ_XDP_RULE_MAX, "a rule fits");

static int live_open(struct hz_xdp_explain *explain, int attached_fd)
{
	explain->beat_fd = hz_xdp_copy_find(attached_fd, "beat");
	if (explain->beat_fd < 0)
		return explain->beat_fd;
	explain->src_fd = hz_xdp_copy_find(attached_fd, "src");
	return HZ_MIN(explain->src_fd, 0);
}

/* The copy of the program, with the contents of the attached one's maps. */
static int copy_load(struct hz_xdp_explain *explain, int attached_fd)
{
	int xsks_fd, status;

	explain->cpus = libbpf_num_possible_cpus();
	if (explain->cpus < 1)
		return -EINVAL;
	explain->counters = calloc((size_t)explain->cpus, sizeof(struct hz_verdicts));
	if (explain->counters == NULL)
		return -ENOMEM;
	explain->skel = hz_xdp__open();
	if (explain->skel == NULL)
		return -errno;
	xsks_fd = hz_xdp_copy_find(attached_fd, bpf_map__name(explain->skel->maps.xsks_map));
	if (xsks_fd < 0)
		return xsks_fd;
	status = bpf_map__reuse_fd(explain->skel->maps.xsks_map, xsks_fd);
	close(xsks_fd);
	if (status == 0)
		status = hz_xdp__load(explain->skel);
	if (status == 0)
		status = tag_compare(attached_fd,
		                     bpf_program__fd(explain->skel->progs.xsk_def_prog));
	if (status == 0)
		status = live_open(explain, attached_fd);
	return status == 0 ? hz_xdp_copy_maps(attached_fd, explain->skel->obj) : status;
}

static int open_fail(const char *instance, const char *ifname, int status,
                     const struct hz_xdp_chatter *chatter, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev %s", ifname);
	if (status == -ENOENT)
		return hz_err_set(err, status, 3, "not_attached", hint, "%s: nothing is attached",
		                  ifname);
	if (status == -ENODEV)
		return hz_err_set(err, status, 1, "no_device", "ip link",
		                  "%s is not in this network namespace", ifname);
	hz_hint_write(hint, sizeof(hint), instance, "xdp attach dev %s ensure", ifname);
	if (status == -EPROTO)
		return hz_err_set(err, status, 1, "xdp_abi", hint,
		                  "the program on %s is of another version of hz", ifname);
	return hz_xdp_fail(err, status, "xdp_explain", "cannot copy the program and its maps",
	                   chatter);
}

int hz_xdp_explain_open(const char *instance, const char *ifname, struct hz_xdp_explain *out,
                        struct hz_err *err)
{
	struct hz_xdp_explain explain = { .beat_fd = -1, .src_fd = -1 };
	struct hz_xdp_chatter chatter = { 0 };
	int attached_fd = attached_open(instance, ifname, &explain.ifindex), status;

	if (attached_fd < 0)
		return open_fail(instance, ifname, attached_fd, NULL, err);
	hz_xdp_chatter_listen(&chatter);
	status = copy_load(&explain, attached_fd);
	hz_xdp_chatter_listen_end();
	close(attached_fd);
	if (status != 0) {
		hz_xdp_explain_close(&explain);
		return open_fail(instance, ifname, status, &chatter, err);
	}
	*out = explain;
	return 0;
}

void hz_xdp_explain_close(struct hz_xdp_explain *explain)
{
	hz_xdp__destroy(explain->skel);
	free(explain->counters);
	if (explain->beat_fd > 0) /* 0 in a zeroed one: never ours, stdin is open */
		close(explain->beat_fd);
	if (explain->src_fd > 0)
		close(explain->src_fd);
	explain->beat_fd = explain->src_fd = -1;
	explain->skel = NULL;
	explain->counters = NULL;
}

static int counters_read(const struct hz_xdp_explain *explain, uint64_t sum[HZ_REASON_COUNT])
{
	uint32_t zero = 0;

	memset(sum, 0, sizeof(*sum) * HZ_REASON_COUNT);
	if (bpf_map_lookup_elem(bpf_map__fd(explain->skel->maps.verdicts), &zero,
	                        explain->counters) != 0)
		return -errno;
	for (size_t cpu = 0; cpu < (size_t)explain->cpus; cpu++)
		for (size_t i = 0; i < HZ_REASON_COUNT; i++)
			sum[i] += explain->counters[cpu * HZ_REASONS_MAX + i];
	return 0;
}

/* What changes while packets are explained. */
static int live_copy(const struct hz_xdp_explain *explain, const uint8_t *frame, size_t bytes)
{
	int status = hz_xdp_copy_again(explain->beat_fd, bpf_map__fd(explain->skel->maps.beat));
	struct hz_addr who;
	struct hz_src known;
	int version = hz_xdp_rule_sender(frame, bytes, &who);

	if (status != 0 || version == 0)
		return status;
	if (version == 6) /* a source is a /64 */
		memset(who.byte + 8, 0, 8);
	return hz_xdp_copy_element(explain->src_fd, bpf_map__fd(explain->skel->maps.src), &who,
	                           &known);
}

/* The list that a source is on says all of a denied one; of an exempt one it is told too. */
static void rule_write(const struct hz_xdp_explain *explain, const uint8_t *frame, size_t bytes,
                       struct hz_xdp_explained *out)
{
	const int tries_fd[2] = { bpf_map__fd(explain->skel->maps.acl4),
		                  bpf_map__fd(explain->skel->maps.acl6) };
	const struct hz_xdp_limit_maps maps = {
		.vips_fd = bpf_map__fd(explain->skel->maps.vips),
		.cfg_fd = bpf_map__fd(explain->skel->maps.cfg),
		.beat_fd = bpf_map__fd(explain->skel->maps.beat),
		.src_fd = bpf_map__fd(explain->skel->maps.src),
		.src_rate_fd = bpf_map__fd(explain->skel->maps.src_rate),
	};
	char list[HZ_XDP_RULE_MAX];
	bool is_listed = hz_xdp_rule_source(bpf_map__fd(explain->skel->maps.acl), tries_fd, frame,
	                                    bytes, list);
	struct hz_claim claim;
	size_t used;

	if (is_listed && out->reason == HZ_REASON_drop_deny) {
		memcpy(out->rule, list, sizeof(list));
		return;
	}
	if (!hz_xdp_limit_text(&maps, out->reason, frame, bytes, out->rule))
		hz_xdp_rule_text(maps.vips_fd, frame, bytes, out->rule);
	used = strlen(out->rule);
	if (is_listed && used > 0 && hz_xdp_rule_claim(maps.vips_fd, frame, bytes, &claim))
		snprintf(out->rule + used, sizeof(out->rule) - used, "; %s", list);
}

int hz_xdp_explain_run(const struct hz_xdp_explain *explain, const uint8_t *frame, size_t bytes,
                       struct hz_xdp_explained *out)
{
	struct xdp_md where = { .data_end = (uint32_t)bytes, .ingress_ifindex = explain->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)bytes,
	            .data_out = out->out, .data_size_out = sizeof(out->out), .ctx_in = &where,
	            .ctx_size_in = sizeof(where), .repeat = 1);
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT];
	int status, reason = -1;

	if (bytes < HZ_XDP_EXPLAIN_MIN || bytes > HZ_XDP_EXPLAIN_MAX)
		return -EMSGSIZE;
	status = live_copy(explain, frame, bytes);
	if (status == 0)
		status = counters_read(explain, before);
	if (status != 0)
		return status;
	if (bpf_prog_test_run_opts(bpf_program__fd(explain->skel->progs.xsk_def_prog), &opts) != 0)
		return -errno;
	status = counters_read(explain, after);
	for (int i = 0; i < HZ_REASON_COUNT && status == 0; i++)
		if (after[i] != before[i])
			reason = i;
	if (status == 0 && reason < 0)
		status = -EIO;
	if (status != 0)
		return status;
	out->action = opts.retval;
	out->reason = (enum hz_reason)reason;
	out->out_bytes = opts.data_size_out;
	rule_write(explain, frame, bytes, out);
	return 0;
}
