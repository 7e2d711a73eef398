#include "loader/xdp_sources.h"
#include "core/hint.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define BATCH 4096u /* more than a bucket of the map ever holds */

/* Room for one call. */
struct batch {
	struct hz_addr key[BATCH];
	struct hz_src value[BATCH];
};

/* Those refused most often so far, in no order. */
struct top {
	struct hz_xdp_source *source;
	uint32_t count, max;
	uint32_t least; /* index of the one refused least often, once it is full */
};

static int read_fail(const char *instance, int status, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	if (status == -EACCES || status == -EPERM)
		return hz_err_set(err, status, 4, "not_permitted", "sudo, or join group hz",
		                  "sources: %s", strerror(-status));
	hz_hint_write(hint, sizeof(hint), instance,
	              status == -EPROTO ? "xdp detach all, then attach again"
	                                : "xdp attach dev IF");
	if (status == -EPROTO)
		return hz_err_set(err, status, 1, "xdp_abi", hint,
		                  "the pinned maps were made by another version of hz");
	if (status == -ENOENT)
		return hz_err_set(err, status, 3, "not_attached", hint,
		                  "sources: nothing is attached");
	return hz_err_set(err, status, 1, "map", "hzctl doctor", "cannot read the maps: %s",
	                  strerror(-status));
}

static int one_read(const char *instance, const char *name, void *out)
{
	int fd = hz_xdp_shared_map(instance, name, true), status = 0;
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &zero, out) != 0)
		status = -errno;
	close(fd);
	return status;
}

static void least_find(struct top *top)
{
	top->least = 0;
	for (uint32_t i = 1; i < top->count; i++)
		if (top->source[i].source.refused < top->source[top->least].source.refused)
			top->least = i;
}

static void top_offer(struct top *top, const struct hz_addr *addr, const struct hz_src *source)
{
	uint32_t at = top->count;

	if (top->max == 0)
		return;
	if (top->count == top->max) {
		if (source->refused <= top->source[top->least].source.refused)
			return;
		at = top->least;
	} else {
		top->count++;
	}
	top->source[at] = (struct hz_xdp_source){ *addr, *source };
	if (top->count == top->max)
		least_find(top);
}

static int by_refused(const void *left, const void *right)
{
	const struct hz_xdp_source *a = left, *b = right;

	if (a->source.refused != b->source.refused)
		return a->source.refused < b->source.refused ? 1 : -1;
	return memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

/* A map that changes while it is read gives a source twice or not at all, for a moment. */
static int sources_walk(int fd, struct batch *batch, struct hz_xdp_sources *out, struct top *top)
{
	uint32_t at = 0, *from = NULL;
	bool is_end = false;

	while (!is_end && out->known <= 2 * HZ_SOURCES_MAX) {
		uint32_t count = BATCH;

		if (bpf_map_lookup_batch(fd, from, &at, batch->key, batch->value, &count, NULL) !=
		    0) {
			if (errno != ENOENT) /* the end, with what there was */
				return -errno;
			is_end = true;
		}
		from = &at;
		out->known += count;
		for (uint32_t i = 0; i < count; i++) {
			if (batch->value[i].refused == 0)
				continue;
			out->refused++;
			top_offer(top, &batch->key[i], &batch->value[i]);
		}
	}
	return 0;
}

int hz_xdp_sources_read(const char *instance, struct hz_xdp_sources *out, struct hz_xdp_source *top,
                        uint32_t max, struct hz_err *err)
{
	struct hz_xdp_sources sources = { .known = 0 };
	struct top most = { .source = top, .max = max };
	struct batch *batch = calloc(1, sizeof(*batch));
	int fd = -1, status = batch == NULL ? -ENOMEM : 0;

	if (status == 0)
		status = one_read(instance, "acl", &sources.acl);
	if (status == 0)
		status = one_read(instance, "src_rate", &sources.rate);
	if (status == 0) {
		fd = hz_xdp_shared_map(instance, "src", true);
		status = HZ_MIN(fd, 0);
	}
	if (status == 0)
		status = sources_walk(fd, batch, &sources, &most);
	if (fd >= 0)
		close(fd);
	free(batch);
	if (status != 0)
		return read_fail(instance, status, err);
	if (most.count > 0)
		qsort(top, most.count, sizeof(*top), by_refused);
	*out = sources;
	return (int)most.count;
}
