#include "loader/xdp_drops.h"
#include "core/hint.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

int hz_xdp_drops_open(const char *instance, struct hz_err *err)
{
	char hint[sizeof(err->hint)];
	int fd = hz_xdp_shared_map(instance, "drops", true);

	if (fd >= 0)
		return fd;
	if (fd == -EACCES || fd == -EPERM)
		return hz_err_set(err, fd, 4, "not_permitted", "sudo, or join group hz",
		                  "dropped frames: %s", strerror(-fd));
	hz_hint_write(hint, sizeof(hint), instance,
	              fd == -EPROTO ? "xdp detach all, then attach again" : "xdp attach dev IF");
	if (fd == -EPROTO)
		return hz_err_set(err, fd, 1, "xdp_abi", hint,
		                  "the pinned maps were made by another version of hz");
	return hz_err_set(err, fd, 3, "not_attached", hint, "dropped frames: %s",
	                  fd == -ENOENT ? "nothing is attached" : strerror(-fd));
}

static int slots_read(int fd, struct hz_sample *slot)
{
	uint32_t keys[HZ_SAMPLES_MAX], count = HZ_SAMPLES_MAX, last;

	if (bpf_map_lookup_batch(fd, NULL, &last, keys, slot, &count, NULL) != 0 &&
	    errno != ENOENT) /* the end */
		return -errno;
	return count == HZ_SAMPLES_MAX ? 0 : -EPROTO;
}

static int by_time(const void *a, const void *b)
{
	const struct hz_sample *x = a, *y = b;

	return (x->header.time_ns > y->header.time_ns) - (x->header.time_ns < y->header.time_ns);
}

int hz_xdp_drops_read(int fd, struct hz_sample *out)
{
	struct hz_sample *again = calloc(HZ_SAMPLES_MAX, sizeof(*again));
	int status = again == NULL ? -ENOMEM : slots_read(fd, out), count = 0;

	if (status == 0)
		status = slots_read(fd, again);
	for (uint32_t i = 0; i < HZ_SAMPLES_MAX && status == 0; i++) {
		if (out[i].header.bytes != sizeof(*out) || out[i].reason >= HZ_REASON_COUNT ||
		    memcmp(&out[i], &again[i], sizeof(*out)) != 0)
			continue;
		out[count++] = out[i];
	}
	free(again);
	if (status != 0)
		return status;
	qsort(out, (size_t)count, sizeof(*out), by_time);
	return count;
}
