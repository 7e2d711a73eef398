#include "loader/xdp_program.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_skel.h"
#include <errno.h>

#include <bpf/bpf.h>

static int maps_share(const struct hz_xdp *skel, const struct hz_xdp_shared *shared, int xsks_fd)
{
	int status = bpf_map__reuse_fd(skel->maps.latency, shared->latency_fd);

	if (status == 0)
		status = bpf_map__reuse_fd(skel->maps.cfg, shared->cfg_fd);
	if (status == 0)
		status = bpf_map__reuse_fd(skel->maps.beat, shared->beat_fd);
	if (status == 0)
		status = bpf_map__reuse_fd(skel->maps.verdicts, shared->verdicts_fd);
	if (status == 0)
		status = bpf_map__reuse_fd(skel->maps.key, shared->key_fd);
	if (status == 0 && xsks_fd >= 0)
		status = bpf_map__reuse_fd(skel->maps.xsks_map, xsks_fd);
	return status;
}

/* program->skel is set, to be destroyed, also when loading failed. */
static int skel_load(struct hz_xdp_program *program, const struct hz_xdp_shared *shared,
                     int xsks_fd)
{
	struct hz_xdp *skel = hz_xdp__open();
	int status;

	program->skel = skel;
	if (skel == NULL)
		return -errno;
	status = maps_share(skel, shared, xsks_fd);
	if (status == 0)
		status = hz_xdp__load(skel);
	if (status != 0)
		return status;
	program->prog_fd = bpf_program__fd(skel->progs.xsk_def_prog);
	program->xsks_fd = bpf_map__fd(skel->maps.xsks_map);
	program->vips_fd = bpf_map__fd(skel->maps.vips);
	program->resp_fd = bpf_map__fd(skel->maps.resp);
	program->meta_fd = bpf_map__fd(skel->maps.meta);
	return 0;
}

static int values_fill(const struct hz_xdp_program *program, const struct hz_xdp_claims *claims,
                       const struct hz_meta *meta)
{
	uint32_t zero = 0;
	int status = hz_xdp_claims_write(claims, program->vips_fd, program->resp_fd);

	if (status == 0 && bpf_map_update_elem(program->meta_fd, &zero, meta, BPF_ANY) != 0)
		status = -errno;
	return status;
}

int hz_xdp_program_load(const struct hz_xdp_shared *shared, int xsks_fd,
                        const struct hz_xdp_claims *claims, const struct hz_meta *meta,
                        struct hz_xdp_program *out, struct hz_err *err)
{
	struct hz_xdp_chatter chatter = { 0 };
	struct hz_xdp_program program = { 0 };
	int status;

	hz_xdp_chatter_listen(&chatter);
	status = skel_load(&program, shared, xsks_fd);
	hz_xdp_chatter_listen_end();
	if (status == 0)
		status = values_fill(&program, claims, meta);
	if (status != 0) {
		hz_xdp_program_close(&program);
		return hz_xdp_fail(err, status, "xdp_load", "the kernel refused the program",
		                   &chatter);
	}
	*out = program;
	return 0;
}

void hz_xdp_program_close(struct hz_xdp_program *program)
{
	hz_xdp__destroy(program->skel);
	program->skel = NULL;
}
