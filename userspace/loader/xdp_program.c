#include "loader/xdp_program.h"
#include "core/hint.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_layout.h"
#include "loader/xdp_skel.h"
#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* *other names the map that is laid out otherwise. */
static int maps_share(const struct hz_xdp *skel, const struct hz_xdp_shared *shared,
                      const struct hz_xdp_heirloom *heirloom, const char **other)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} reused[] = {
		{ skel->maps.latency, shared->latency_fd },
		{ skel->maps.cfg, shared->cfg_fd },
		{ skel->maps.beat, shared->beat_fd },
		{ skel->maps.verdicts, shared->verdicts_fd },
		{ skel->maps.key, shared->key_fd },
		{ skel->maps.cookies, shared->cookies_fd },
		{ skel->maps.drops, shared->drops_fd },
		{ skel->maps.shed_rows, shared->shed_rows_fd },
		{ skel->maps.events, shared->events_fd },
		{ skel->maps.acl, shared->acl_fd },
		{ skel->maps.acl4, shared->acl4_fd },
		{ skel->maps.acl6, shared->acl6_fd },
		{ skel->maps.src_rate, shared->src_rate_fd },
		{ skel->maps.src, shared->src_fd },
		{ skel->maps.xsks_map, heirloom->xsks_fd },
		{ skel->maps.hz_next, heirloom->next_fd },
		{ skel->maps.vips, heirloom->claims.vips_fd },
		{ skel->maps.probers, heirloom->claims.probers_fd },
		{ skel->maps.resp, heirloom->claims.resp_fd },
	};
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(reused) && status == 0; i++) {
		if (reused[i].fd < 0)
			continue;
		status = hz_xdp_layout_reuse(skel->obj, reused[i].map, reused[i].fd);
		if (status == -EPROTO)
			*other = bpf_map__name(reused[i].map);
	}
	return status;
}

/* program->skel is set, to be destroyed, also when loading failed. */
static int skel_load(struct hz_xdp_program *program, const struct hz_xdp_shared *shared,
                     const struct hz_xdp_heirloom *heirloom, const char **other)
{
	struct hz_xdp *skel = hz_xdp__open();
	int status;

	program->skel = skel;
	if (skel == NULL)
		return -errno;
	status = maps_share(skel, shared, heirloom, other);
	if (status == 0)
		status = hz_xdp__load(skel);
	if (status != 0)
		return status;
	program->prog_fd = bpf_program__fd(skel->progs.xsk_def_prog);
	program->xsks_fd = bpf_map__fd(skel->maps.xsks_map);
	program->next_fd = bpf_map__fd(skel->maps.hz_next);
	program->claims = (struct hz_xdp_claim_maps){
		.vips_fd = bpf_map__fd(skel->maps.vips),
		.probers_fd = bpf_map__fd(skel->maps.probers),
		.resp_fd = bpf_map__fd(skel->maps.resp),
	};
	program->meta_fd = bpf_map__fd(skel->maps.meta);
	return 0;
}

static int values_fill(const struct hz_xdp_program *program, const struct hz_xdp_claims *claims,
                       const struct hz_meta *meta)
{
	uint32_t zero = 0;
	int status = 0;

	if (claims != NULL)
		status = hz_xdp_claim_maps_write(&program->claims, claims);
	if (status == 0 && bpf_map_update_elem(program->meta_fd, &zero, meta, BPF_ANY) != 0)
		status = -errno;
	return status;
}

static int refuse_layout(const struct hz_xdp_attach_opts *opts, const char *map, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), opts->instance, "xdp detach all, then attach again");
	return hz_err_set(err, -EPROTO, 1, "xdp_abi", hint,
	                  "the pinned map %s was made by another version of hz, which laid it out "
	                  "otherwise: its content cannot be kept",
	                  map);
}

int hz_xdp_program_load(const struct hz_xdp_attach_opts *opts, const struct hz_xdp_shared *shared,
                        const struct hz_xdp_heirloom *heirloom, const struct hz_xdp_claims *claims,
                        const struct hz_meta *meta, struct hz_xdp_program *out, struct hz_err *err)
{
	struct hz_xdp_chatter chatter = { 0 };
	struct hz_xdp_program program = { 0 };
	const char *other = NULL;
	int status;

	hz_xdp_chatter_listen(&chatter);
	status = skel_load(&program, shared, heirloom, &other);
	hz_xdp_chatter_listen_end();
	if (status == 0)
		status = values_fill(&program, claims, meta);
	if (status == 0) {
		*out = program;
		return 0;
	}
	if (other != NULL)
		status = refuse_layout(opts, other, err);
	else
		status = hz_xdp_fail(err, status, "xdp_load", "the kernel refused the program",
		                     &chatter);
	hz_xdp_program_close(&program);
	return status;
}

void hz_xdp_program_close(struct hz_xdp_program *program)
{
	hz_xdp__destroy(program->skel);
	program->skel = NULL;
}

void hz_xdp_program_heirloom_close(struct hz_xdp_heirloom *heirloom)
{
	const int fds[] = { heirloom->xsks_fd, heirloom->next_fd };

	for (size_t i = 0; i < HZ_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	hz_xdp_claim_maps_close(&heirloom->claims);
	*heirloom = (struct hz_xdp_heirloom)HZ_XDP_HEIRLOOM_NONE;
}
