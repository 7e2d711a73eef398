/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Every map that the XDP program sees, once; those of the latency object alone are in maps_stream.h. The loader pins one
 * copy of a shared map and hands it to both. */
#ifndef HZ_MAPS_H
#define HZ_MAPS_H

#include "abi/cookie_syn.h"
#include "abi/hz_abi.h"
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define HZ_RING_BYTES (1u << 20)

struct hz_map_latency {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_HIST_ENTRIES);
	__type(key, __u32);
	__type(value, struct hz_hist);
};

struct hz_map_cfg {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_cfg);
};

struct hz_map_beat {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_WORKERS_MAX);
	__type(key, __u32);
	__type(value, struct hz_beat);
};

struct hz_map_verdicts {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_verdicts);
};

struct hz_map_key {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_cookie_key);
};

/* Programs only read it; but what is BPF_F_RDONLY_PROG cannot be mapped to be written. */
struct hz_map_cookies {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_cookies);
};

struct hz_map_events {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HZ_RING_BYTES);
};

struct hz_map_drops {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HZ_SAMPLES_MAX);
	__type(key, __u32);
	__type(value, struct hz_sample);
};

struct hz_map_shed_rows {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HZ_WORKERS_MAX);
	__type(key, __u32);
	__type(value, struct hz_shed_row);
};

struct hz_map_acl {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_acl);
};

struct hz_map_acl4_slot {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HZ_PREFIXES_MAX);
	__type(key, struct hz_acl_key4);
	__type(value, struct hz_acl_entry);
};

struct hz_map_acl6_slot {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HZ_PREFIXES_MAX);
	__type(key, struct hz_acl_key6);
	__type(value, struct hz_acl_entry);
};

/* Types of an inner map are lost on the way to its BTF: sizes. */
struct hz_map_acl4 {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HZ_ACL_SLOTS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_LPM_TRIE);
			__uint(map_flags, BPF_F_NO_PREALLOC);
			__uint(max_entries, HZ_PREFIXES_MAX);
			__uint(key_size, sizeof(struct hz_acl_key4));
			__uint(value_size, sizeof(struct hz_acl_entry));
		});
};

struct hz_map_acl6 {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HZ_ACL_SLOTS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_LPM_TRIE);
			__uint(map_flags, BPF_F_NO_PREALLOC);
			__uint(max_entries, HZ_PREFIXES_MAX);
			__uint(key_size, sizeof(struct hz_acl_key6));
			__uint(value_size, sizeof(struct hz_acl_entry));
		});
};

struct hz_map_src_rate {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_source_rate);
};

struct hz_map_src {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, HZ_SOURCES_MAX);
	__type(key, struct hz_addr);
	__type(value, struct hz_src);
};

#ifdef HZ_MAPS_XDP
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
struct hz_map_acl4 acl4 SEC(".maps"); /* the loader has those of the instance, which are filled */
struct hz_map_acl6 acl6 SEC(".maps");
struct hz_map_src_rate src_rate SEC(".maps");
struct hz_map_src src SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1u << HZ_ACL_KNOWN_BITS);
	__type(key, __u32);
	__type(value, struct hz_acl_known);
} acl_known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HZ_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct hz_sample_gate);
} sample_gate SEC(".maps");

/* One per interface from here on. libxdp finds this one by its name and plugs AF_XDP sockets in. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, HZ_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* The program that sat on the interface before us and gets what we let pass; empty without one. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} hz_next SEC(".maps");

/* vips, probers and resp are not BPF_F_RDONLY_PROG, though no program writes them: to the verifier an argument
 * of a global function and, before Linux 6.12, the source of bpf_xdp_store_bytes are written to. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HZ_CLAIMS_MAX);
	__type(key, struct hz_claim_key);
	__type(value, struct hz_claim);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HZ_RESPONSES_MAX);
	__type(key, __u32);
	__type(value, struct hz_response);
} resp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HZ_PROBERS_MAX);
	__type(key, struct hz_prober_key);
	__type(value, struct hz_claim);
} probers SEC(".maps");

/* When each CPU may answer the next ping, icmp_echo.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} echo_due SEC(".maps");

/* When a flow was refused in words last, shed.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} shed_told SEC(".maps");

/* Read by user space only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hz_meta);
} meta SEC(".maps");
#endif

#endif
