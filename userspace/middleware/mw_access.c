/* `access`: who may come, by the address that the connection is from. The longest prefix decides; prefixes become
 * ranges at load, so that a lookup is one binary search. */
#include "core/endpoint.h"
#include "middleware/chain.h"
#include "middleware/refusal.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NESTED_MAX 130u /* prefixes of 0 to 128 bits around one address, and everything */

/* From first to the next range's first, or to the last address there is. */
struct range {
	unsigned __int128 first;
	bool is_allowed;
};

struct ranges {
	uint32_t count; /* at least 1, the first from 0 on */
	struct range *range;
};

struct access {
	struct ranges v4, v6; /* of addresses as 128 bits; IPv4 mapped */
	struct range range[];
};

/* The address as a number: network byte order, on a little-endian machine. */
static unsigned __int128 word_of(const uint8_t addr[16])
{
	uint64_t half[2];

	memcpy(half, addr, sizeof(half));
	return (unsigned __int128)__builtin_bswap64(half[0]) << 64 | __builtin_bswap64(half[1]);
}

static bool is_allowed(const struct ranges *ranges, unsigned __int128 addr)
{
	uint32_t low = 0, high = ranges->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (ranges->range[middle].first <= addr)
			low = middle;
		else
			high = middle;
	}
	return ranges->range[low].is_allowed;
}

static enum hz_mw_verdict access_before(const void *conf, struct hz_mw_call *call)
{
	const struct access *access = conf;
	struct hz_addr addr;
	uint16_t port;

	hz_http_peer(call->req, addr.byte, &port);
	if (HZ_LIKELY(is_allowed(hz_addr_is_v4(&addr) ? &access->v4 : &access->v6,
	                         word_of(addr.byte))))
		return HZ_MW_NEXT;
	hz_slot_count(call->worker->slot, HZ_COUNTER_access_denied);
	hz_refusal(call->resp, 403);
	return HZ_MW_STOP;
}

static const struct hz_mw_ops access_ops = {
	.name = "access",
	.before = access_before,
	.free = free,
};

/* A prefix as addresses. */
struct span {
	unsigned __int128 first, last;
	bool is_allowed;
};

/* By first address; of those that begin together the widest first. */
static int span_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->last < y->last) - (x->last > y->last);
}

static void range_add(struct ranges *out, unsigned __int128 first, bool is_allowed_now)
{
	struct range *last = out->count == 0 ? NULL : &out->range[out->count - 1];

	if (last != NULL && last->first == first)
		last->is_allowed = is_allowed_now;
	else
		out->range[out->count++] = (struct range){ first, is_allowed_now };
}

/* Prefixes lie one in another or apart. open holds those that the sweep is in, the narrowest on top; the outermost
 * is everything. Each adds a range where it begins and one where it ends. */
static void ranges_fill(struct ranges *out, const struct span *span, uint32_t count,
                        bool allows_rest)
{
	const struct span all = { 0, ~(unsigned __int128)0, allows_rest };
	const struct span *open[NESTED_MAX] = { &all };
	uint32_t depth = 1;

	range_add(out, 0, allows_rest);
	for (uint32_t i = 0; i <= count; i++) {
		while (depth > 1 && (i == count || open[depth - 1]->last < span[i].first)) {
			unsigned __int128 end = open[--depth]->last;

			if (end != ~(unsigned __int128)0)
				range_add(out, end + 1, open[depth - 1]->is_allowed);
		}
		if (i < count) {
			assert(depth < NESTED_MAX);
			open[depth++] = &span[i];
			range_add(out, span[i].first, span[i].is_allowed);
		}
	}
}

static struct span span_of(const struct hz_mw_prefix *prefix, unsigned bits)
{
	unsigned __int128 first = word_of(prefix->addr.byte);
	unsigned __int128 rest =
		bits == 0 ? ~(unsigned __int128)0 : ((unsigned __int128)1 << (128 - bits)) - 1;

	return (struct span){ first, first | rest, prefix->is_allowed };
}

/* Those of one family. */
static uint32_t spans_take(const struct hz_mw_access_conf *conf, bool is_v4, struct span *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < conf->count; i++) {
		const struct hz_mw_prefix *prefix = &conf->prefix[i];

		if (hz_addr_is_v4(&prefix->addr) == is_v4)
			out[count++] = span_of(prefix, prefix->bits + (is_v4 ? 96u : 0));
	}
	qsort(out, count, sizeof(*out), span_compare);
	return count;
}

int hz_mw_access_build(const struct hz_mw_access_conf *conf, struct hz_mw *out)
{
	size_t most = 2 * ((size_t)conf->count + 1); /* ranges of both families together */
	struct access *access = calloc(1, sizeof(*access) + most * sizeof(access->range[0]));
	struct span *span = calloc(conf->count + 1u, sizeof(*span));
	uint32_t count;

	if (access == NULL || span == NULL) {
		free(access);
		free(span);
		return -ENOMEM;
	}
	access->v4.range = access->range;
	count = spans_take(conf, true, span);
	ranges_fill(&access->v4, span, count, conf->allows_rest);
	access->v6.range = access->range + access->v4.count;
	count = spans_take(conf, false, span);
	ranges_fill(&access->v6, span, count, conf->allows_rest);
	free(span);
	*out = (struct hz_mw){ .ops = &access_ops, .conf = access };
	return 0;
}
