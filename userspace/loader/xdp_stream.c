/* Programs that put records into the ring of events, which user space cannot write; the places of its other readers. */
#include "loader/xdp_maps.h"
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

/* The kernel copies the context back into ctx_in. Returns what the program returns, or -errno. */
static int prog_run(int fd, void *ctx, uint32_t bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = bytes);

	return bpf_prog_test_run_opts(fd, &opts) == 0 ? (int)opts.retval : -errno;
}

int hz_xdp_flush(const struct hz_xdp_maps *maps, uint32_t index, bool wakeup, uint64_t *emitted,
                 uint64_t *refused)
{
	struct hz_flush_ctx ctx = { .index = index, .wakeup = wakeup };
	int status = prog_run(maps->flush_prog_fd, &ctx, sizeof(ctx));

	if (status != 0)
		return status;
	*emitted += ctx.emitted;
	*refused += ctx.refused;
	return 0;
}

static int emit(const struct hz_xdp_maps *maps, const void *record, size_t bytes, bool wakeup,
                bool is_kept)
{
	struct hz_emit_ctx ctx = { .wakeup = wakeup, .is_kept = is_kept };
	int status;

	if (bytes < sizeof(ctx.record.header) || bytes > sizeof(ctx.record))
		return -EINVAL;
	memcpy(&ctx.record, record, bytes);
	if (ctx.record.header.bytes != bytes)
		return -EINVAL;
	status = prog_run(maps->emit_prog_fd, &ctx, sizeof(ctx));
	if (status != 0)
		return status;
	return ctx.refused ? -EAGAIN : 0;
}

int hz_xdp_emit(const struct hz_xdp_maps *maps, const void *record, size_t bytes, bool wakeup)
{
	return emit(maps, record, bytes, wakeup, false);
}

int hz_xdp_emit_kept(const struct hz_xdp_maps *maps, const void *record, size_t bytes, bool wakeup)
{
	return emit(maps, record, bytes, wakeup, true);
}

int hz_xdp_watch(int watch_prog_fd, uint64_t interval_ns)
{
	struct hz_watch_ctx ctx = { .interval_ns = interval_ns };

	if (watch_prog_fd < 0)
		return -EPERM;
	return prog_run(watch_prog_fd, &ctx, sizeof(ctx));
}

int hz_xdp_subscriber_id(const struct hz_xdp_maps *maps, uint32_t place, uint32_t *id)
{
	return bpf_map_lookup_elem(maps->subscribers_fd, &place, id) == 0 ? 0 : -errno;
}

int hz_xdp_subscriber_remove(const struct hz_xdp_maps *maps, uint32_t place)
{
	return bpf_map_delete_elem(maps->subscribers_fd, &place) == 0 ? 0 : -errno;
}
