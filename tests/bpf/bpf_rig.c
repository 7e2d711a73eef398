#include "bpf_rig.h"
#include "abi/cookie_syn.h"
#include "core/endpoint.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

uint64_t rig_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

static int map_fd(const struct rig *rig, const char *name)
{
	return bpf_object__find_map_fd_by_name(rig->object, name);
}

/* Of each family: a site, a site with probers, one of class control, one of gold, a health port, a UDP one. */
int rig_claims(struct hz_xdp_claims **out)
{
	struct hz_mw_prefix from[2] = { { .bits = 24 }, { .bits = 64 } };
	static const uint8_t classes[8] = {
		[4] = HZ_CLASS_CONTROL, HZ_CLASS_CONTROL, HZ_CLASS_GOLD, HZ_CLASS_GOLD
	};
	struct hz_endpoint site[8] = { 0 };
	struct hz_xdp_health health[6] = { 0 };
	struct hz_xdp_attach_opts opts = { .size = sizeof(opts),
		                           .claims = site,
		                           .claim_count = HZ_ARRAY_LEN(site),
		                           .claim_classes = classes,
		                           .healths = health,
		                           .health_count = HZ_ARRAY_LEN(health) };
	struct hz_err err;

	if (hz_addr_parse("10.7.0.2", &site[0].addr) != 0 ||
	    hz_addr_parse("fd07::2", &site[1].addr) != 0 ||
	    hz_addr_parse("10.7.0.0", &from[0].addr) != 0 ||
	    hz_addr_parse("fd07::", &from[1].addr) != 0)
		return -EINVAL;
	for (int i = 0; i < 2; i++) {
		site[2 + i].addr = site[4 + i].addr = site[6 + i].addr = site[i].addr;
		site[4 + i].port = RIG_CONTROL_PORT;
		site[6 + i].port = RIG_GOLD_PORT;
		site[i].port = RIG_SITE_PORT;
		site[2 + i].port = RIG_PROBED_PORT;
		for (int k = i; k < 6; k += 2)
			health[k] = (struct hz_xdp_health){ .endpoint = site[i], .path = RIG_PATH };
		health[i].endpoint.port = RIG_HEALTH_PORT;
		health[2 + i].endpoint.port = RIG_PROBED_PORT;
		health[2 + i].from = from;
		health[2 + i].from_count = HZ_ARRAY_LEN(from);
		health[4 + i].endpoint.port = RIG_UDP_PORT;
		health[4 + i].is_udp = true;
		health[4 + i].body = RIG_UDP_BODY;
	}
	return hz_xdp_claims_build(&opts, out, &err);
}

int rig_open(struct rig *rig, const char *object_path)
{
	struct hz_xdp_claims *claims;
	int status = rig_open_bare(rig, object_path);

	if (status == 0)
		status = rig_claims(&claims);
	if (status != 0)
		return status;
	status = hz_xdp_claim_maps_write(&rig->claims, claims);
	free(claims);
	return status;
}

/* The tries that the loader has from the instance. */
static int tries_make(struct rig *rig)
{
	static const struct {
		const char *name;
		uint32_t key_bytes;
	} family[2] = { { "acl4", sizeof(struct hz_acl_key4) },
		        { "acl6", sizeof(struct hz_acl_key6) } };
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	for (uint32_t i = 0; i < 2 * HZ_ACL_SLOTS; i++) {
		uint32_t slot = i % HZ_ACL_SLOTS;
		int *fd = &rig->trie_fd[i / HZ_ACL_SLOTS][slot];

		*fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "acl_slot",
		                     family[i / HZ_ACL_SLOTS].key_bytes,
		                     sizeof(struct hz_acl_entry), HZ_PREFIXES_MAX, &opts);
		if (*fd < 0 || bpf_map_update_elem(map_fd(rig, family[i / HZ_ACL_SLOTS].name),
		                                   &slot, fd, BPF_ANY) != 0)
			return -errno;
	}
	return 0;
}

int rig_open_bare(struct rig *rig, const char *object_path)
{
	const struct hz_cookie_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	struct bpf_program *prog;
	uint32_t zero = 0;

	memset(rig, 0, sizeof(*rig));
	rig->socket_fd = -1;
	rig->cpus = libbpf_num_possible_cpus();
	if (rig->cpus < 1)
		return rig->cpus;
	rig->each_cpu = calloc((size_t)rig->cpus, sizeof(struct hz_verdicts));
	if (rig->each_cpu == NULL)
		return -ENOMEM;
	rig->object = bpf_object__open_file(object_path, NULL);
	if (rig->object == NULL || bpf_object__load(rig->object) != 0)
		return -errno;
	prog = bpf_object__find_program_by_name(rig->object, "xsk_def_prog");
	if (prog == NULL)
		return -ENOENT;
	rig->prog_fd = bpf_program__fd(prog);
	rig->cfg_fd = map_fd(rig, "cfg");
	rig->beat_fd = map_fd(rig, "beat");
	rig->latency_fd = map_fd(rig, "latency");
	rig->verdicts_fd = map_fd(rig, "verdicts");
	rig->xsks_fd = map_fd(rig, "xsks_map");
	rig->claims = (struct hz_xdp_claim_maps){ .vips_fd = map_fd(rig, "vips"),
		                                  .probers_fd = map_fd(rig, "probers"),
		                                  .resp_fd = map_fd(rig, "resp") };
	rig->key_fd = map_fd(rig, "key");
	rig->cookies_fd = map_fd(rig, "cookies");
	rig->echo_fd = map_fd(rig, "echo_due");
	rig->told_fd = map_fd(rig, "shed_told");
	rig->acl_fd = map_fd(rig, "acl");
	rig->src_fd = map_fd(rig, "src");
	rig->src_rate_fd = map_fd(rig, "src_rate");
	if (tries_make(rig) != 0)
		return -errno;
	if (bpf_map_update_elem(rig->key_fd, &zero, &key, BPF_ANY) != 0)
		return -errno;
	rig->socket_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	rig_state_reset(rig);
	rig_state_apply(rig);
	return 0;
}

void rig_close(struct rig *rig)
{
	if (rig->socket_fd >= 0)
		close(rig->socket_fd);
	for (int i = 0; i < 2 * HZ_ACL_SLOTS; i++)
		if (rig->trie_fd[i / HZ_ACL_SLOTS][i % HZ_ACL_SLOTS] > 0)
			close(rig->trie_fd[i / HZ_ACL_SLOTS][i % HZ_ACL_SLOTS]);
	bpf_object__close(rig->object);
	free(rig->each_cpu);
}

void rig_state_reset(struct rig *rig)
{
	rig->cfg = (struct hz_cfg){ .abi_major = HZ_ABI_MAJOR,
		                    .beat_timeout_ns = 10 * HZ_NS_PER_S,
		                    .on_dead = HZ_ON_DEAD_ANSWER503,
		                    .state = HZ_STATE_READY,
		                    .workers = 1,
		                    .icmp_echo = 1 };
	memset(rig->beat, 0, sizeof(rig->beat));
	/* test runs come in on loopback, queue 0 */
	rig->beat[0] =
		(struct hz_beat){ .beat_ns = rig_now_ns(), .state = HZ_STATE_READY, .ifindex = 1 };
}

void rig_state_apply(struct rig *rig)
{
	uint32_t zero = 0;

	bpf_map_update_elem(rig->cfg_fd, &zero, &rig->cfg, BPF_ANY);
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		bpf_map_update_elem(rig->beat_fd, &i, &rig->beat[i], BPF_ANY);
}

int rig_echo_due(const struct rig *rig, uint64_t due_ns)
{
	uint64_t *each = calloc((size_t)rig->cpus, sizeof(*each));
	uint32_t zero = 0;
	int status = 0;

	if (each == NULL)
		return -ENOMEM;
	for (int cpu = 0; cpu < rig->cpus; cpu++)
		each[cpu] = due_ns;
	if (bpf_map_update_elem(rig->echo_fd, &zero, each, BPF_ANY) != 0)
		status = -errno;
	free(each);
	return status;
}

int rig_shed_told(const struct rig *rig, uint64_t told_ns)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(rig->told_fd, &zero, &told_ns, BPF_ANY) == 0 ? 0 : -errno;
}

void rig_lists_live(struct rig *rig, uint32_t slot)
{
	struct hz_acl acl;
	uint32_t zero = 0;

	rig->generation += 1 + (rig->generation + 1 + slot) % HZ_ACL_SLOTS;
	acl = (struct hz_acl){ .generation = rig->generation };
	bpf_map_update_elem(rig->acl_fd, &zero, &acl, BPF_ANY);
}

/* Fills one of the two, by the family of addr, and returns it. NULL: no address. */
static const void *list_key(const char *addr, uint8_t bits, struct hz_acl_key4 *key4,
                            struct hz_acl_key6 *key6)
{
	key4->prefixlen = bits;
	key6->prefixlen = bits;
	if (hz_addr_parse(addr, &key6->addr) != 0)
		return NULL;
	if (!hz_addr_is_v4(&key6->addr))
		return key6;
	memcpy(&key4->addr, key6->addr.byte + 12, sizeof(key4->addr));
	return key4;
}

int rig_list(struct rig *rig, uint32_t slot, const char *addr, uint8_t bits, uint32_t list)
{
	const struct hz_acl_entry entry = { .list = list, .prefixlen = bits };
	struct hz_acl_key4 key4;
	struct hz_acl_key6 key6;
	const void *key = list_key(addr, bits, &key4, &key6);

	if (key == NULL)
		return -EINVAL;
	rig_lists_live(rig, rig->generation % HZ_ACL_SLOTS);
	return bpf_map_update_elem(rig->trie_fd[key == &key6][slot], key, &entry, BPF_ANY) == 0
	               ? 0
	               : -errno;
}

int rig_unlist(struct rig *rig, uint32_t slot, const char *addr, uint8_t bits)
{
	struct hz_acl_key4 key4;
	struct hz_acl_key6 key6;
	const void *key = list_key(addr, bits, &key4, &key6);

	if (key == NULL)
		return -EINVAL;
	rig_lists_live(rig, rig->generation % HZ_ACL_SLOTS);
	return bpf_map_delete_elem(rig->trie_fd[key == &key6][slot], key) == 0 ? 0 : -errno;
}

void rig_source_rate(const struct rig *rig, uint64_t each_ns, uint64_t ahead_ns)
{
	const struct hz_source_rate rate = { each_ns, ahead_ns };
	struct hz_addr who;
	uint32_t zero = 0;

	bpf_map_update_elem(rig->src_rate_fd, &zero, &rate, BPF_ANY);
	while (bpf_map_get_next_key(rig->src_fd, NULL, &who) == 0)
		bpf_map_delete_elem(rig->src_fd, &who);
}

int rig_socket(struct rig *rig, bool is_plugged)
{
	uint32_t zero = 0;

	if (!is_plugged) {
		bpf_map_delete_elem(rig->xsks_fd, &zero);
		return 0;
	}
	if (bpf_map_update_elem(rig->xsks_fd, &zero, &rig->socket_fd, BPF_ANY) != 0)
		return -errno;
	return 0;
}

void rig_verdicts(const struct rig *rig, uint64_t out[HZ_REASON_COUNT])
{
	uint32_t zero = 0;

	memset(out, 0, sizeof(uint64_t) * HZ_REASON_COUNT);
	if (bpf_map_lookup_elem(rig->verdicts_fd, &zero, rig->each_cpu) == 0)
		for (size_t i = 0; i < (size_t)rig->cpus * HZ_REASON_COUNT; i++)
			out[i % HZ_REASON_COUNT] +=
				rig->each_cpu[i / HZ_REASON_COUNT * HZ_REASONS_MAX +
			                      i % HZ_REASON_COUNT];
}

/* What comes back of len bytes begins with the metadata: a note about a cookie, which stays, or the time it
 * came. false: neither. */
static bool stamp_strip(uint8_t out[WIRE_MAX], size_t *out_len, size_t len)
{
	struct hz_rx_stamp stamp;
	uint64_t now_ns = rig_now_ns();

	if (*out_len == len + sizeof(struct hz_cookie_note))
		return true;
	if (*out_len != len + sizeof(stamp))
		return false;
	memcpy(&stamp, out, sizeof(stamp));
	*out_len -= sizeof(stamp);
	memmove(out, out + sizeof(stamp), *out_len);
	return stamp.magic == HZ_RX_STAMP_MAGIC && stamp.time_ns <= now_ns &&
	       now_ns - stamp.time_ns < HZ_NS_PER_S;
}

int rig_run_bare(const struct rig *rig, const uint8_t *frame, size_t len, uint8_t out[WIRE_MAX],
                 size_t *out_len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
	            .data_out = out, .data_size_out = WIRE_MAX, .repeat = 1);

	if (bpf_prog_test_run_opts(rig->prog_fd, &opts) != 0)
		return -errno;
	*out_len = opts.data_size_out;
	if (opts.retval == XDP_REDIRECT && !stamp_strip(out, out_len, len))
		return -EBADMSG;
	return (int)opts.retval;
}

bool rig_run(struct rig *rig, const uint8_t *frame, size_t len, struct run *out)
{
	uint64_t before[HZ_REASON_COUNT], after[HZ_REASON_COUNT];
	int action;

	rig_verdicts(rig, before);
	action = rig_run_bare(rig, frame, len, out->out.byte, &out->out.len);
	rig_verdicts(rig, after);
	out->reason = -1;
	for (int i = 0; i < HZ_REASON_COUNT; i++) {
		if (after[i] == before[i])
			continue;
		if (after[i] != before[i] + 1 || out->reason >= 0) {
			out->reason = -1;
			break;
		}
		out->reason = i;
	}
	out->action = (uint32_t)action;
	return action >= 0;
}

const char *rig_reason_is(struct rig *rig, const struct wire *frame, int reason)
{
	struct run run;

	if (!rig_run(rig, frame->byte, frame->len, &run))
		return "the kernel refused to run it";
	if (run.reason != reason)
		return rig_reason_name(run.reason);
	return run.action == rig_reason_action(reason) ? NULL : "another action";
}

const char *rig_reason_name(int reason)
{
	static const char *const names[HZ_REASON_COUNT] = {
#define HZ_REASON(name, action, help) #name,
#include "abi/reasons.def"
#undef HZ_REASON
	};

	return reason < 0 || reason >= HZ_REASON_COUNT ? "not exactly one" : names[reason];
}

#define ACTION_PASS  XDP_PASS
#define ACTION_DROP  XDP_DROP
#define ACTION_TX    XDP_TX
#define ACTION_STEER XDP_REDIRECT

uint32_t rig_reason_action(int reason)
{
	static const uint32_t actions[HZ_REASON_COUNT] = {
#define HZ_REASON(name, action, help) ACTION_##action,
#include "abi/reasons.def"
#undef HZ_REASON
	};

	return reason < 0 || reason >= HZ_REASON_COUNT ? XDP_ABORTED : actions[reason];
}
