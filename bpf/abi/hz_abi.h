/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* THE contract between the XDP program, hzd, hzctl and hz-collector: key and value of every pinned
 * map. Compiles for BPF and for user space; map keys are __u32 or structs (an enum as key loses the
 * map its BTF). A change that moves a field bumps HZ_ABI_MAJOR; appended fields bump HZ_ABI_MINOR. */
#ifndef HZ_ABI_H
#define HZ_ABI_H

#include <linux/types.h>

#define HZ_ABI_MAJOR     4
#define HZ_ABI_MINOR     2

#define HZ_WORKERS_MAX   64
#define HZ_QUEUES_MAX    64
#define HZ_CLAIMS_MAX    256
#define HZ_RESPONSES_MAX 385 /* HZ_RESPONSE_KINDS for each health port, and HZ_RESPONSE_SHED */
#define HZ_PROBERS_MAX   1024
#define HZ_PREFIXES_MAX  131072 /* of one family, in all lists of sources */
#define HZ_SOURCES_MAX   65536  /* that the limit per source remembers */
#define HZ_COUNTERS_MAX  192    /* named counters of a worker, telemetry/counters.def */
#define HZ_REASONS_MAX   96     /* verdicts of the XDP program, reasons.def */
#define HZ_CACHE_LINE    64

/* --- latency: histograms ------------------------------------------------------------------------ */

/* Log-linear: 32 sub-buckets per octave. Values below 64 ns have a bucket each; beyond, octave o
 * (2^o <= v < 2^(o+1), o >= 6) has 32 buckets of width 2^(o-5). Worst error 1/64 of the value when a
 * bucket stands for its middle. abi/hist_bucket.h has the two functions. */
#define HZ_HIST_SUB_BITS 5
#define HZ_HIST_BUCKETS  1024
#define HZ_HIST_MAX_NS                                                                             \
	((1ULL << 36) - 1) /* 68.7 s; beyond: counted in overflow and the last bucket */

/* queue to tx follow upon each other without a gap. What is in none of them is in no total: the
 * time before the request came, and that in which more of its body is awaited. */
enum hz_stage {
	/* From when the request came, as in queue, to the last byte of its answer with the
	 * transport. Measured apart from the stages, which add up to it. */
	HZ_STAGE_TOTAL,
	/* The request's last packet came .. it begins to be read. When it came is known where the
	 * driver carries XDP's receive stamp. A request that waited for an earlier one of its
	 * connection came with the packet it begins in, to the microsecond; without stamps that is
	 * when the worker found it. No sample where neither is known. */
	HZ_STAGE_QUEUE,
	/* Of a request without a sample in queue, from the turn in which its packet was found. */
	HZ_STAGE_PARSE,
	HZ_STAGE_ROUTE,
	HZ_STAGE_HANDLER,
	HZ_STAGE_UPSTREAM,
	HZ_STAGE_TX,
	HZ_STAGE_HEALTH, /* recorded by XDP; its "worker" is the CPU number */
	HZ_STAGE_COUNT,
};
#define HZ_STAGE_NAMES                                                                             \
	{                                                                                          \
		"total", "queue", "parse", "route", "handler", "upstream", "tx", "health"          \
	}

/* Map `latency`: mmapable ARRAY, index = worker * HZ_STAGE_COUNT + stage. One writer per entry, plain
 * 64-bit stores, never reset; the number of samples is the sum of the buckets. */
struct hz_hist {
	__u64 sum_ns;
	__u64 max_ns;
	__u64 min_ns;   /* 0 while there are no samples */
	__u64 overflow; /* samples beyond HZ_HIST_MAX_NS */
	__u64 bucket[HZ_HIST_BUCKETS];
};
#define HZ_HIST_ENTRIES (HZ_WORKERS_MAX * HZ_STAGE_COUNT)

/* Map `latency_pct`: ARRAY, index = stage, all workers merged, refreshed at 1 Hz by hzd. */
struct hz_latency_pct {
	char stage[16];
	__u64 count;
	__u64 rate_per_s;
	__u64 mean_ns;
	__u64 p50_ns;
	__u64 p90_ns;
	__u64 p99_ns;
	__u64 p999_ns;
	__u64 p9999_ns;
	__u64 max_ns;
	__u64 updated_unix;
};

/* Map `latency_log2`: ARRAY, index = stage, all workers merged, refreshed at 1 Hz by hzd. Cumulative and exact: le_1us is
 * all samples below 1024 ns, as each bound is an edge of buckets; le_inf all that there are. */
struct hz_latency_log2 {
	char stage[16];
#define HZ_LOG2_BOUND(name, exponent) __u64 le_##name;
#include "log2_bounds.def"
#undef HZ_LOG2_BOUND
	__u64 le_inf;
	__u64 updated_unix;
};

/* Routes whose latency is kept apart. A name keeps its slot over reloads; slot 0 is of all that have none. A route that the
 * site does not name is called by its match, "GET /users/:id", what is longer cut in its middle: names hold spaces,
 * but neither quotes nor backslashes nor anything beyond printable ASCII. */
#define HZ_ROUTE_SLOTS      256
#define HZ_ROUTE_NAME_BYTES 32

/* Map `route_names`: mmapable ARRAY, index = slot. Written by hzd before the slot is used. */
struct hz_route_name {
	char name[HZ_ROUTE_NAME_BYTES]; /* empty: free; cut to fit */
	__u64 generation; /* when a site named it last: counts their loads, over restarts too */
};

/* Map `route_latency`: mmapable ARRAY, index = worker * HZ_ROUTE_SLOTS + slot; as `latency`, with 8 sub-buckets
 * per octave: bucket of the fine histogram >> 2 on the octaves, worst error 1/16. As many workers as the machine can
 * have CPUs, at least HZ_ROUTE_WORKERS_MIN and at most HZ_WORKERS_MAX: half a MiB each. */
#define HZ_ROUTE_WORKERS_MIN 8
#define HZ_ROUTE_BUCKETS     256
#define HZ_CODE_CLASSES      5
struct hz_route_hist {
	__u64 answers[HZ_CODE_CLASSES]; /* 1xx, 2xx, 3xx, 4xx, 5xx */
	__u64 sum_ns;
	__u64 max_ns;
	__u64 reserved;
	__u64 bucket[HZ_ROUTE_BUCKETS];
};

/* --- workers ------------------------------------------------------------------------------------ */

enum hz_state {
	HZ_STATE_NONE, /* no worker ever took this slot */
	HZ_STATE_STARTING,
	HZ_STATE_READY,
	HZ_STATE_DRAINING,
	HZ_STATE_MAINTENANCE,
	HZ_STATE_DOWN,
};
#define HZ_STATE_NAMES                                                                             \
	{                                                                                          \
		"none", "starting", "ready", "draining", "maintenance", "down"                     \
	}

/* Map `beat`: mmapable ARRAY, index = worker. Written by the worker itself, once per loop turn at
 * most every millisecond; a stale beat is how XDP sees a dead or wedged worker. */
struct hz_beat {
	__u64 beat_ns; /* CLOCK_MONOTONIC, as bpf_ktime_get_ns */
	__u32 state;   /* enum hz_state */
	__u32 queue;   /* receive queue this worker serves */
	__u32 ifindex; /* of its port; 0 when it has none */
	__u32 pid;
	__u64 turns;
	__u64 shed; /* which new flows XDP refuses for this worker, shed_word.h; dies with the beat */
	__u64 reserved[3];
};

/* Map `workers`: mmapable ARRAY, index = worker; counters only grow, gauges say so. */
struct hz_worker {
	__u32 cpu;
	__u32 state;      /* enum hz_state */
	__u64 started_ns; /* CLOCK_MONOTONIC */
	__u64 requests;   /* answers handed to the transport */
	__u64 responses_2xx;
	__u64 responses_4xx;
	__u64 responses_5xx;
	__u64 bad_requests; /* refused by the parser */
	__u64 connections_opened;
	__u64 connections; /* gauge */
	__u64 rx_packets;
	__u64 tx_packets;
	__u64 rx_bytes;
	__u64 tx_bytes;
	__u64 rx_bursts;      /* polls that found something */
	__u64 busy_ns;        /* time in turns that found work */
	__u64 longest_gap_ns; /* longest time between two turns */
	__u64 steered;        /* frames handed to another worker */
	__u64 retransmits;
	__u64 dropped; /* frames refused by this worker, all reasons of counters.def */
	__u64 counters[HZ_COUNTERS_MAX]; /* telemetry/counters.def, in that order */
	__u64 connecting;         /* gauge: our own opens that are not answered yet, SYN_SENT */
	__u64 pressure;           /* gauge, 0..100: connections or TCP's buffers, the fuller */
	__u64 pressure_half_open; /* gauge, 0..100: alone it is a flood of SYNs, which cookies answer */
	__u64 shed_pressure;      /* gauge, 0..100: what is fullest, core/overload.h */
	__u64 shed_permille;      /* gauge: of new flows that it wants refused */
	__u64 queue_wait_ns;      /* gauge: the shortest wait of a frame in the last step */
	__u64 started_busy_ns; /* busy_ns when it started, which goes on counting */
	__u64 reserved[6];
};

/* Map `connections`: mmapable ARRAY, index = worker; gauges by RFC 9293 state. */
struct hz_connections {
	__u64 syn_rcvd;
	__u64 established;
	__u64 fin_wait_1;
	__u64 fin_wait_2;
	__u64 close_wait;
	__u64 closing;
	__u64 last_ack;
	__u64 time_wait;
};

/* --- what XDP decides from ------------------------------------------------------------------------ */

enum hz_shed_verdict { HZ_SHED_DROP, HZ_SHED_RESET, HZ_SHED_ANSWER503 };

/* Of a site's port. Zero is the default; gold is refused a third as often, control never. */
enum hz_shed_class { HZ_CLASS_BULK, HZ_CLASS_GOLD, HZ_CLASS_CONTROL };
#define HZ_SHED_CLASS_NAMES                                                                        \
	{                                                                                          \
		"bulk", "gold", "control"                                                          \
	}

enum hz_on_dead { HZ_ON_DEAD_ANSWER503, HZ_ON_DEAD_PASS, HZ_ON_DEAD_DROP };

/* Map `cfg`: ARRAY of one. Written by hzd (state, workers) and hzctl. */
struct hz_cfg {
	__u32 abi_major;
	__u32 abi_minor;
	__u64 beat_timeout_ns;
	__u32 on_dead;    /* enum hz_on_dead */
	__u32 state;      /* enum hz_state of the whole daemon */
	__u32 workers;    /* beats 0..workers-1 must be fresh; 0: never started */
	__u32 icmp_echo;  /* answer ICMP echo to claimed addresses */
	__u64 generation; /* of the site configuration */
	/* health/keep_alive, and health/in_kernel the other way round: zero is the default of both. */
	__u32 keep_alive;
	__u32 health_off;
	/* health/maintenance, kept over restarts: a server in maintenance says so in state. */
	__u32 maintenance;
	__u32 shed_verdict; /* enum hz_shed_verdict, of refused SYNs */
	__u64 reload_unix; /* when a site was last loaded, or was to be; 0: by a hzd that did not tell */
	__u64 reload_failed; /* it was refused: the generation before it goes on */
};

/* An address as XDP and the worker key it: IPv4 is v4-mapped (::ffff:a.b.c.d). Network order. */
struct hz_addr {
	__u8 byte[16];
};

enum hz_claim_kind {
	HZ_CLAIM_SITE = 1,   /* steer to the worker */
	HZ_CLAIM_HEALTH = 2, /* answer in the kernel */
	HZ_CLAIM_ADDRESS = 3 /* no flow: says that the address carries claims */
};

/* Map `vips_IF`: HASH, filled and frozen by hzctl xdp attach. Every claimed address also has an entry
 * of kind HZ_CLAIM_ADDRESS with port 0 and protocol 1 (ICMP) or 58 (ICMPv6): echo requests match it,
 * and so do packets whose ports cannot be read without walking options. */
struct hz_claim_key {
	struct hz_addr addr;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct hz_claim {
	__u32 kind;          /* enum hz_claim_kind */
	__u32 response_base; /* health: index of its first answer in resp_IF, enum hz_response_kind */
	__u8 path_bytes;     /* health: length of path, 1..64; 0 with UDP */
	char path[64];       /* not terminated */
	__u8 has_probers;    /* site: some sources are in probers_IF */
	__u8 shed_class;     /* site: enum hz_shed_class */
	__u8 pad[1];
};

/* Map `probers_IF`: LPM_TRIE, frozen like vips_IF. Sources whose connections to a site's port are health
 * probes; the value is a claim of kind HZ_CLAIM_HEALTH. prefixlen counts from port on: 32 and the bits
 * of the address, 96 more for IPv4. */
struct hz_prober_key {
	__u32 prefixlen;
	__be16 port;
	__u16 pad;
	struct hz_addr addr;
};

/* Map `resp_IF`: ARRAY of canned HTTP answers, all padded to the same length so that the cookie
 * arithmetic needs no state; csum is the ones' complement sum of data in memory order, as
 * bpf_csum_diff adds it, not folded or inverted. */
#define HZ_RESPONSE_BYTES  96
#define HZ_HEALTH_BODY_MAX 32
struct hz_response {
	__u32 csum;
	__u32 bytes; /* HZ_RESPONSE_BYTES; UDP: of the body */
	__u8 data[HZ_RESPONSE_BYTES];
};
enum hz_response_kind {
	HZ_RESPONSE_200,
	HZ_RESPONSE_503,
	HZ_RESPONSE_404,
	HZ_RESPONSE_HEAD, /* the same three to HEAD, without the body: + 200, 503 or 404 above */
	HZ_RESPONSE_KEEP = 2 * HZ_RESPONSE_HEAD, /* + any above: the connection goes on */
	HZ_RESPONSE_KINDS = 2 * HZ_RESPONSE_KEEP,
	/* A UDP claim has one answer: the body, as many bytes as it has, zeros behind; no csum. */
	HZ_RESPONSE_UDP_KINDS = 1,
	/* One answer for all sites: 503 with Retry-After, to flows that are refused in words. */
	HZ_RESPONSE_SHED = HZ_RESPONSES_MAX - 1,
};

/* Answers of one connection with health/keep_alive; the last one closes it. An acknowledgement number is
 * one of ours if it lies within HZ_HEALTH_ANSWERS_MAX answers of the cookie: more of them make guessing
 * one easier. */
#define HZ_HEALTH_ANSWERS_MAX 1000

/* --- sources: who may come, and how often --------------------------------------------------------- */

/* A source is on the list of the longest prefix that holds it. DENY: nothing of ours answers, and nothing
 * reaches a worker. ALLOW: an exception from a shorter DENY, and no limit per source. PROBE: the same, for
 * those that watch the server: under overload XDP refuses no flow of theirs. */
enum hz_source_list {
	HZ_SOURCE_NONE,
	HZ_SOURCE_DENY,
	HZ_SOURCE_ALLOW,
	HZ_SOURCE_PROBE,
	HZ_SOURCE_LISTS
};
#define HZ_SOURCE_LIST_NAMES                                                                       \
	{                                                                                          \
		"none", "deny", "allow", "probe"                                                   \
	}

/* Maps `acl4_a`, `acl4_b`, `acl6_a` and `acl6_b`: LPM_TRIE. One letter of both families is looked at, the
 * other one is empty or being filled. */
struct hz_acl_key4 {
	__u32 prefixlen;
	__be32 addr;
};
struct hz_acl_key6 {
	__u32 prefixlen;
	struct hz_addr addr;
};
struct hz_acl_entry {
	__u32 list;      /* enum hz_source_list */
	__u32 prefixlen; /* of its key: a lookup does not tell */
};

/* Maps `acl4` and `acl6`: ARRAY_OF_MAPS of two, a and b, which never change. */
#define HZ_ACL_SLOTS 2

/* Map `acl`: ARRAY of one. The generation alone decides, so that one store exchanges the lists of both
 * families: its lowest bit is the index in acl4 and acl6. */
struct hz_acl {
	__u32 generation;
	__u32 reserved;
	__u64 loaded_unix;
	__u32 prefixes[2][HZ_SOURCE_LISTS]; /* IPv4, IPv6 */
};

/* Map `acl_known`: PERCPU_ARRAY, what was found of sources seen lately. */
#define HZ_ACL_KNOWN_BITS 8
struct hz_acl_known {
	struct hz_addr addr;
	__u64 tag; /* IP version << 32 | generation; 0: empty */
	__u32 list;
	__u32 reserved;
};

/* Map `src_rate`: ARRAY of one. New flows of one source, by the generic cell rate algorithm. */
struct hz_source_rate {
	__u64 each_ns;  /* 0: no limit */
	__u64 ahead_ns; /* so far a source may be ahead of its rate: burst - 1 times each_ns */
};

/* Map `src`: LRU_HASH by struct hz_addr, of IPv6 the first 64 bits and zeroes. */
struct hz_src {
	__u64 due_ns; /* CLOCK_MONOTONIC: when the flows so far would have come at the rate */
	__u64 refused;
	__u64 refused_ns; /* the last one */
};

/* Map `private/key`: ARRAY of one; 128 bits from getrandom(2) at attach. */
struct hz_cookie_key {
	__u64 k0;
	__u64 k1;
};

enum hz_reason {
#define HZ_REASON(name, action, help) HZ_REASON_##name,
#include "reasons.def"
#undef HZ_REASON
	HZ_REASON_COUNT,
};

/* Map `verdicts`: PERCPU_ARRAY of one, a named u64 per reason; a new reason takes a reserved one. */
struct hz_verdicts {
#define HZ_REASON(name, action, help) __u64 name;
#include "reasons.def"
#undef HZ_REASON
	__u64 reserved[HZ_REASONS_MAX - HZ_REASON_COUNT];
};

/* Map `meta_IF`: ARRAY of one, who attached and where; written by hzctl. */
struct hz_meta {
	__u32 abi_major;
	__u32 abi_minor;
	__u32 ifindex;
	__u32 mode; /* XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE */
	__u64 netns_inode;
	__u64 attached_unix;
	char ifname[16];
	char version[24];
};

/* --- in front of a frame ---------------------------------------------------------------------------- */

/* Metadata of a frame that XDP hands to a worker: the 16 bytes in front of it, where the driver can carry them. */
#define HZ_RX_STAMP_MAGIC 0x687a7273u
struct hz_rx_stamp {
	__u64 time_ns; /* bpf_ktime_get_ns */
	__u32 magic;
	__u32 reserved;
};

/* --- events: ring buffer records --------------------------------------------------------------------- */

enum hz_event_kind {
	HZ_EVENT_HIST_DELTA = 1,
	HZ_EVENT_SLOW,
	HZ_EVENT_SHED,
	HZ_EVENT_DROP,
	HZ_EVENT_STATE
};

struct hz_event {
	__u16 kind; /* enum hz_event_kind */
	__u16 worker;
	__u32 bytes;    /* of the whole record */
	__u64 sequence; /* counts records that went out */
	__u64 time_ns;  /* CLOCK_MONOTONIC */
};

/* HZ_EVENT_HIST_DELTA: what a histogram gained since the last record about it. A histogram that gained
 * more than fits is split over several records. */
#define HZ_DELTA_PAIRS 120
struct hz_event_hist_delta {
	struct hz_event header;
	__u32 stage;
	__u32 pair_count;
	__u64 sum_ns; /* gained */
	__u64 max_ns; /* so far */
	struct {
		__u32 bucket;
		__u32 gained;
	} pair[HZ_DELTA_PAIRS];
};

/* HZ_EVENT_DROP: a frame as an example of those that were dropped or, as it came, answered with a refusal. Map `drops`: ARRAY, the last
 * HZ_SAMPLES_PER_CPU of each CPU (modulo HZ_WORKERS_MAX); header.bytes is 0 in a slot that is empty or being
 * written, so look twice. header.worker is the CPU, header.sequence counts samples of the reason there. */
#define HZ_SAMPLE_BYTES    64
#define HZ_SAMPLES_PER_CPU 16
#define HZ_SAMPLES_MAX     (HZ_WORKERS_MAX * HZ_SAMPLES_PER_CPU)
struct hz_sample {
	struct hz_event header;
	__u32 reason; /* enum hz_reason */
	__u32 frame_bytes;
	__u32 ifindex;
	__u32 queue;
	__u64 frames; /* dropped for this reason on this CPU since the sample before, this one too */
	__u8 data[HZ_SAMPLE_BYTES]; /* the first bytes, then zeroes */
};

/* HZ_EVENT_SLOW: an answer that took longer than telemetry/slow_us, or one of a few taken as examples. */
#define HZ_SLOW_PATH_BYTES 64
struct hz_event_slow {
	struct hz_event header; /* time_ns: when the answer was handed to the transport */
	__u64 connection;
	__u64 stage_ns
		[HZ_STAGE_COUNT]; /* others add up to [HZ_STAGE_TOTAL]; one that was not measured is 0 */
	__u8 trace_id[16];        /* zeroes: none */
	__u8 span_id[8];
	__u32 route; /* slot of `route_names` */
	__u16 status;
	__u8 is_example; /* it was not over slow_us */
	__u8 pad;
	char method[8];                       /* padded with zeroes, as all text here */
	char route_name[HZ_ROUTE_NAME_BYTES]; /* empty: no route */
	char path[HZ_SLOW_PATH_BYTES]; /* its first bytes; what is not printable ASCII is '?' */
};

/* HZ_EVENT_SHED: new flows of one /24 or /64 refused for one reason: the first one at once, the others as a sum
 * when a second is over, of all CPUs. First ones are each CPU's own: a prefix whose flows come by several has
 * one on each, and another one when its place in `shed_rows` went to another prefix meanwhile. Of a first one
 * header.worker is the CPU, header.sequence counts those of this CPU. */
struct hz_event_shed {
	struct hz_event header;
	__u32 reason;      /* enum hz_reason */
	__u32 prefix_bits; /* of prefix as the family counts: 24 or 64 */
	struct hz_addr prefix;
	__u64 count;
	__u64 span_ns; /* in which they came; 0: the first one */
};

/* Map `shed_rows`: mmapable ARRAY, index = CPU: refusals that are counted until a record tells of them. The CPU alone
 * writes a row, but for `rest`, where CPUs beyond HZ_WORKERS_MAX count too (modulo that), and for what
 * is marked: that is written by whoever sends the sums, hzd's housekeeping, once per second. A place goes
 * to another prefix only when all of its count is told and a round is over, so whoever sees a count that
 * is not told sees its prefix. */
#define HZ_SHED_PLACE_BITS   8
#define HZ_SHED_PLACES       (1 << HZ_SHED_PLACE_BITS)
#define HZ_SHED_FIRSTS_MAX   64 /* records of first ones that a CPU sends in a round */
#define HZ_SHED_PREFIX_BITS  24
#define HZ_SHED_PREFIX_BITS6 64
struct hz_shed_place {
	struct hz_addr prefix;
	__u64 count;  /* flows that no record told of at once */
	__u64 told;   /* of them, in sums; marked */
	__u32 reason; /* enum hz_reason */
	__u32 round;  /* in which it was taken */
};
/* Reasons that are told of by prefix, in the order of hz_shed_row's rest. */
#define HZ_SHED_REASONS 4
#define HZ_SHED_REASON_LIST                                                                        \
	{                                                                                          \
		HZ_REASON_shed_drop, HZ_REASON_shed_reset, HZ_REASON_shed_syn_ack,                 \
			HZ_REASON_drop_source_rate                                                 \
	}
struct hz_shed_row {
	__u32 round; /* grows with each one; marked. 0: nobody ever sent sums */
	__u32 seen;  /* the one that sent_before is of */
	__u64 sent;  /* records of first ones */
	__u64 sent_before;
	__u32 reason;
	__u32 told_s; /* CLOCK_MONOTONIC in whole seconds: when all of it was told last; marked. 0: never */
	struct hz_shed_place place[HZ_SHED_PLACES];
	struct hz_shed_place rest[HZ_SHED_REASONS]; /* of all prefixes without a place */
};

/* HZ_EVENT_STATE: something is other than it was. */
enum hz_state_what {
	HZ_STATE_OF_DAEMON = 1, /* before, now: enum hz_state */
	HZ_STATE_OF_WORKER, /* header.worker; before, now: enum hz_state, HZ_STATE_DOWN with an old beat */
	HZ_STATE_OF_SITE,     /* before, now: generation */
	HZ_STATE_OF_SHED,     /* before, now: permille of new flows refused */
	HZ_STATE_OF_XDP,      /* name: interface; now: program id, 0 detached */
	HZ_STATE_OF_UPSTREAM, /* name: upstream/server; now: 1 up, 0 down */
};
struct hz_event_state {
	struct hz_event header;
	__u32 what; /* enum hz_state_what */
	__u32 pad;
	__u64 before;
	__u64 now;
	char name[48];
};

/* Map `sample_gate`: PERCPU_ARRAY, index = reason. */
struct hz_sample_gate {
	__u64 tick;    /* of the last sample, in the kernel's ticks */
	__u64 frames;  /* since it */
	__u64 taken;   /* samples */
	__u64 refused; /* of them: the ring of events was full */
};

/* Map `stream_stats`: ARRAY of one. A delta that is refused goes out later, with what came since; a record of another
 * kind is lost when the ring is full. Samples that XDP could not hand over are counted in `sample_gate`. */
#define HZ_STREAM_STATS_BYTES_0 24 /* in minor version 0: what follows samples reads as 0 */
struct hz_stream_stats {
	__u64 records;
	__u64 refused; /* deltas: the ring was full; the samples stay and go out later */
	__u64 samples;
	__u64 slow_lost, shed_lost, drop_lost, state_lost; /* records, by kind */
	__u64 timer_rounds;                                /* of the kernel's own, without hzd */
	__u64 left; /* to the next round: another program was at it */
	__u64 reserved[7];
};

_Static_assert(sizeof(struct hz_hist) == 8224, "histogram layout");
_Static_assert(sizeof(struct hz_beat) == HZ_CACHE_LINE, "one line per worker: no false sharing");
_Static_assert(sizeof(struct hz_claim_key) == 20, "claim key has no padding");
_Static_assert(sizeof(struct hz_claim) == 76, "claim layout");
_Static_assert(sizeof(struct hz_prober_key) == 24, "prober key has no padding");
_Static_assert(sizeof(struct hz_acl_key4) == 8 && sizeof(struct hz_acl_key6) == 20,
               "keys of tries have no padding");
_Static_assert(sizeof(struct hz_acl_entry) == 8 && sizeof(struct hz_acl) == 48 &&
                       sizeof(struct hz_acl_known) == 32,
               "lists of sources");
_Static_assert(sizeof(struct hz_src) == 24 && sizeof(struct hz_source_rate) == 16,
               "limit per source");
_Static_assert(sizeof(struct hz_cfg) == 72, "settings: a longer one is another ABI");
_Static_assert(sizeof(struct hz_response) == 104, "response layout");
_Static_assert(sizeof(struct hz_sample) == 112, "sample layout");
_Static_assert(sizeof(struct hz_event) == 24, "event header layout");
_Static_assert(sizeof(struct hz_shed_place) == 40 &&
                       sizeof(struct hz_shed_row) == 32 + 40 * (HZ_SHED_PLACES + HZ_SHED_REASONS),
               "rows of refusals");
_Static_assert(sizeof(struct hz_event_slow) == 232 && sizeof(struct hz_event_shed) == 64 &&
                       sizeof(struct hz_event_state) == 96,
               "records that prog_emit takes");
_Static_assert(sizeof(struct hz_stream_stats) == 128, "counters of the stream");
_Static_assert(sizeof(struct hz_latency_log2) == 16 + 26 * 8, "25 bounds and the time");
_Static_assert(sizeof(struct hz_route_name) == 40 && sizeof(struct hz_route_hist) == 2112,
               "routes");
_Static_assert(sizeof(struct hz_rx_stamp) == 16, "metadata of a frame");
_Static_assert(sizeof(struct hz_worker) == 1792 && sizeof(struct hz_worker) % HZ_CACHE_LINE == 0,
               "worker layout; no line is shared by two workers");
_Static_assert(sizeof(struct hz_verdicts) == HZ_REASONS_MAX * 8,
               "verdicts are an array of counters");
_Static_assert(sizeof(struct hz_connections) == 64, "one line per worker");

#include "stream_abi.h"

#endif
