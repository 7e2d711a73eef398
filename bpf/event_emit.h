/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A record that user space has made goes into the ring of events, which it cannot write itself. The record lies on the
 * stack meanwhile: whoever else runs this at the same time has a stack of his own. */
#ifndef HZ_EVENT_EMIT_H
#define HZ_EVENT_EMIT_H

#include "stream_out.h"

/* Unlike a delta, which is made anew, it is gone, unless its maker keeps it. */
static __always_inline void emit_count_lost(struct hz_stream_stats *stats, __u16 kind)
{
	if (kind == HZ_EVENT_SLOW)
		__sync_fetch_and_add(&stats->slow_lost, 1);
	else if (kind == HZ_EVENT_SHED)
		__sync_fetch_and_add(&stats->shed_lost, 1);
	else if (kind == HZ_EVENT_DROP)
		__sync_fetch_and_add(&stats->drop_lost, 1);
	else
		__sync_fetch_and_add(&stats->state_lost, 1);
}

/* EINVAL: no record. Deltas are prog_flush's alone: what they say is settled against `last`. */
static __always_inline int hz_event_emit(struct hz_emit_ctx *ctx)
{
	union {
		struct hz_event header;
		__u64 word[HZ_EMIT_BYTES_MAX / 8];
	} record;
	__u32 zero = 0, bytes;
	struct hz_stream_stats *stats = bpf_map_lookup_elem(&stream_stats, &zero);

	__builtin_memcpy(&record, &ctx->record, sizeof(record));
	bytes = record.header.bytes;
	asm volatile("" : "+r"(bytes)); /* or the bound and the use part ways */
	if (stats == NULL || bytes < sizeof(record.header) || bytes > sizeof(record) ||
	    record.header.kind < HZ_EVENT_SLOW || record.header.kind > HZ_EVENT_STATE)
		return -22;
	if (record.header.time_ns == 0)
		record.header.time_ns = bpf_ktime_get_ns();
	ctx->refused = 0;
	if (!stream_out(&record.header, bytes, stats, ctx->wakeup != 0)) {
		if (!ctx->is_kept)
			emit_count_lost(stats, record.header.kind);
		ctx->refused = 1;
	}
	return 0;
}

#endif
