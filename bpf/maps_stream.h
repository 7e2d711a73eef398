/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The maps of the latency object, of which all that an instance shares is created, whoever uses it: those of
 * maps.h that are shared, and the stream's and views' own. */
#ifndef HZ_MAPS_STREAM_H
#define HZ_MAPS_STREAM_H

#include "maps.h"

struct hz_map_latency latency SEC(".maps");
struct hz_map_cfg cfg SEC(".maps");
struct hz_map_beat beat SEC(".maps");
struct hz_map_verdicts verdicts SEC(".maps");
struct hz_map_key key SEC(".maps");
struct hz_map_cookies cookies SEC(".maps");
struct hz_map_events events SEC(".maps");
struct hz_map_drops drops SEC(".maps");
struct hz_map_shed_rows shed_rows SEC(".maps");
struct hz_map_acl acl SEC(".maps");
struct hz_map_acl4_slot acl4_a SEC(".maps");
struct hz_map_acl4_slot acl4_b SEC(".maps");
struct hz_map_acl6_slot acl6_a SEC(".maps");
struct hz_map_acl6_slot acl6_b SEC(".maps");
struct hz_map_acl4 acl4 SEC(".maps") = { .values = { (void *)&acl4_a, (void *)&acl4_b } };
struct hz_map_acl6 acl6 SEC(".maps") = { .values = { (void *)&acl6_a, (void *)&acl6_b } };
struct hz_map_src_rate src_rate SEC(".maps");
struct hz_map_src src SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HZ_STAGE_COUNT);
	__type(key, __u32);
	__type(value, struct hz_latency_pct);
} latency_pct SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HZ_STAGE_COUNT);
	__type(key, __u32);
	__type(value, struct hz_latency_log2);
} latency_log2 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_ROUTE_SLOTS);
	__type(key, __u32);
	__type(value, struct hz_route_name);
} route_names SEC(".maps");

/* The loader makes it as large as the machine needs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_ROUTE_SLOTS);
	__type(key, __u32);
	__type(value, struct hz_route_hist);
} route_latency SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_WORKERS_MAX);
	__type(key, __u32);
	__type(value, struct hz_worker);
} workers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_WORKERS_MAX);
	__type(key, __u32);
	__type(value, struct hz_connections);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_stream_stats);
} stream_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HZ_SUBSCRIBERS_MAX);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, HZ_RING_BYTES);
		});
} subscribers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_SUBSCRIBERS_MAX);
	__type(key, __u32);
	__type(value, struct hz_subscriber);
} subscriber_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_flush_turn);
} flush_turn SEC(".maps");

/* What of `latency` has gone out: whoever has the turn reads and writes it and `scratch`; the programs keep them alive. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HZ_HIST_ENTRIES);
	__type(key, __u32);
	__type(value, struct hz_hist);
} last SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_event_hist_delta);
} scratch SEC(".maps");

#endif
