/* One loaded XDP object with its maps filled: what loader and hzd would have done. */
#ifndef HZ_BPF_RIG_H
#define HZ_BPF_RIG_H

#include "core/common.h"
#include "loader/xdp_claim_maps.h"
#include "tap.h"
#include "wire.h"

struct bpf_object;
struct hz_xdp_claims;

#define RIG_SITE_PORT    80
#define RIG_PROBED_PORT  81 /* a site's, with the client as a prober */
#define RIG_CONTROL_PORT 83 /* a site's, of class control */
#define RIG_GOLD_PORT    84 /* of class gold */
#define RIG_HEALTH_PORT  8080
#define RIG_UDP_PORT     8082
#define RIG_UDP_BODY     "ok"
#define RIG_PATH         "/healthz"

struct rig {
	struct bpf_object *object;
	int prog_fd;
	int cfg_fd, beat_fd, latency_fd, verdicts_fd, xsks_fd, key_fd, cookies_fd, echo_fd, told_fd;
	struct hz_xdp_claim_maps claims;
	int acl_fd, src_fd, src_rate_fd;
	int trie_fd[2][HZ_ACL_SLOTS]; /* of IPv4 and IPv6, in acl4 and acl6 */
	uint32_t generation;          /* of the lists, each change of which is another one */
	int socket_fd;                /* AF_XDP, for xsks_map; -1 where the kernel has none */
	int cpus;
	uint64_t *each_cpu; /* room for the counters of all CPUs */
	struct hz_cfg cfg;  /* as rig_state made it */
	struct hz_beat beat[HZ_WORKERS_MAX];
};

/* What one frame did. */
struct run {
	uint32_t action; /* XDP_PASS and so on */
	int reason;      /* enum hz_reason, or -1: not exactly one counter moved by one */
	struct wire out; /* the frame afterwards */
};

/* 0 or -errno. */
int rig_open(struct rig *rig, const char *object_path);
/* The same with nothing claimed and nothing frozen. */
int rig_open_bare(struct rig *rig, const char *object_path);
void rig_close(struct rig *rig);
/* What rig_open claims: allocates *out. 0 or -errno. */
int rig_claims(struct hz_xdp_claims **out);

/* All as for one ready worker on queue 0 with a fresh beat, echo on. */
void rig_state_reset(struct rig *rig);
/* Writes rig->cfg and rig->beat into the maps. */
void rig_state_apply(struct rig *rig);
/* Puts a prefix into the lists of a slot, or takes it out. 0 or -errno. */
int rig_list(struct rig *rig, uint32_t slot, const char *addr, uint8_t bits, uint32_t list);
int rig_unlist(struct rig *rig, uint32_t slot, const char *addr, uint8_t bits);
/* Which slot counts. */
void rig_lists_live(struct rig *rig, uint32_t slot);
/* The limit per source, 0: none; and nobody is known any more. */
void rig_source_rate(const struct rig *rig, uint64_t each_ns, uint64_t ahead_ns);
/* Puts the AF_XDP socket into xsks_map, or takes it out. */
int rig_socket(struct rig *rig, bool is_plugged);

/* When each CPU may answer a ping again. 0 or -errno. */
int rig_echo_due(const struct rig *rig, uint64_t due_ns);

/* When a flow was refused in words last. 0 or -errno. */
int rig_shed_told(const struct rig *rig, uint64_t told_ns);

/* Runs the program over the frame. false: the kernel refused the run. */
bool rig_run(struct rig *rig, const uint8_t *frame, size_t len, struct run *out);
/* NULL, or what came instead of that reason and its action. */
const char *rig_reason_is(struct rig *rig, const struct wire *frame, int reason);
/* Without looking at the counters: for many frames. */
int rig_run_bare(const struct rig *rig, const uint8_t *frame, size_t len, uint8_t out[WIRE_MAX],
                 size_t *out_len);
void rig_verdicts(const struct rig *rig, uint64_t out[HZ_REASON_COUNT]);

const char *rig_reason_name(int reason);
uint32_t rig_reason_action(int reason); /* XDP_REDIRECT for STEER */
uint64_t rig_now_ns(void);

/* The parts of the program. */
void table_tests(struct tap *tap, struct rig *rig);
void health_tests(struct tap *tap, struct rig *rig);
void cookie_tests(struct tap *tap, struct rig *rig);
void prober_tests(struct tap *tap, struct rig *rig);
void shed_tests(struct tap *tap, struct rig *rig);
void fuzz_tests(struct tap *tap, struct rig *rig);
void source_tests(struct tap *tap, const char *object_path);
void source_rate_tests(struct tap *tap, struct rig *rig);
void source_flood_tests(struct tap *tap, struct rig *rig);
void model_tests(struct tap *tap, const char *object_path);
void sample_tests(struct tap *tap, const char *object_path);
void note_tests(struct tap *tap, const char *object_path);
/* is_one_row: the object gives a row of refusals to CPU 0 alone. */
void note_cpu_tests(struct tap *tap, const char *object_path, bool is_one_row);
void load_tests(struct tap *tap, const char *object_path);
void stream_tests(struct tap *tap, const char *object_path);
void view_tests(struct tap *tap, const char *object_path);
void watch_tests(struct tap *tap, const char *object_path);
void subscriber_tests(struct tap *tap, const char *object_path);

#endif
