#include "model_worlds.h"
#include "core/endpoint.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

/* No beat is near the limit of any timeout: the clock goes on between model and program. */
#define TIMEOUT_NS (10 * HZ_NS_PER_S)
#define FRESH_NS   (1 * HZ_NS_PER_S)
#define STALE_NS   (60 * HZ_NS_PER_S)
#define HOUR_NS    (3600 * HZ_NS_PER_S)

static void claim_add(struct model_world *world, const struct hz_claim_key *key,
                      const struct hz_claim *claim)
{
	if (world->claim_count == MODEL_CLAIMS_MAX)
		return;
	for (uint32_t i = 0; i < world->claim_count; i++)
		if (memcmp(&world->claim_key[i], key, sizeof(*key)) == 0)
			return;
	world->claim_key[world->claim_count] = *key;
	world->claim[world->claim_count++] = *claim;
}

/* A health claim of the loader again, for another port and path. */
static void health_copy(struct model_world *world, uint16_t port, const char *path)
{
	uint32_t count = world->claim_count;

	for (uint32_t i = 0; i < count; i++) {
		struct hz_claim_key key = world->claim_key[i];
		struct hz_claim claim = world->claim[i];

		if (claim.kind != HZ_CLAIM_HEALTH || claim.path_bytes != sizeof(RIG_PATH) - 1)
			continue;
		key.port = __builtin_bswap16(port);
		memset(claim.path, 0, sizeof(claim.path));
		claim.path_bytes = (uint8_t)strlen(path);
		memcpy(claim.path, path, claim.path_bytes);
		claim_add(world, &key, &claim);
	}
}

/* Around the rig's clients, 10.7.0.1 and fd07::1: prefixes that hold them and such that just do not. */
static const struct prefix {
	const char *addr;
	uint8_t bits;
} prefixes[] = {
	{ "10.7.0.0", 24 }, { "10.7.0.1", 32 }, { "10.7.0.2", 31 }, { "0.0.0.0", 0 },
	{ "128.0.0.0", 1 }, { "10.7.0.0", 31 }, { "fd07::", 64 },   { "fd07::1", 128 },
	{ "fd07::2", 127 }, { "::", 0 },        { "8000::", 1 },    { "fd07::", 127 },
};

/* No prefix twice in a slot: each is drawn at most once. */
static int rules_draw(struct draw *draw, struct model_world *world)
{
	uint32_t one_in = 1 + draw_below(draw, 6);

	world->live = draw_below(draw, HZ_ACL_SLOTS);
	world->rule_count = 0;
	if (draw_one_in(draw, 2))
		return 0;
	for (size_t i = 0; i < HZ_ARRAY_LEN(prefixes); i++) {
		struct model_rule *rule = &world->rule[world->rule_count];
		struct hz_addr addr;

		if (!draw_one_in(draw, one_in))
			continue;
		if (hz_addr_parse(prefixes[i].addr, &addr) != 0)
			return -EINVAL;
		memcpy(rule->addr, addr.byte, sizeof(rule->addr));
		rule->is_v4 = hz_addr_is_v4(&addr);
		rule->bits = prefixes[i].bits;
		rule->slot = draw_one_in(draw, 4) ? !world->live : world->live;
		rule->list = 1 + draw_below(draw, HZ_SOURCE_LISTS - 1);
		world->rule_count++;
	}
	return 0;
}

/* No flow is near its limit. Either the clients are beyond it, and strangers far below; or 1 ns is soon gone, and
 * the clients have a time of another rate. */
static void rate_draw(struct draw *draw, struct model_world *world)
{
	bool is_slow = draw_one_in(draw, 2);

	world->rate =
		(struct hz_source_rate){ .each_ns = draw_one_in(draw, 2), .ahead_ns = HOUR_NS };
	if (is_slow)
		world->rate = (struct hz_source_rate){ 2 * HOUR_NS, 1000 * HOUR_NS };
	for (int i = 0; i < 2; i++)
		world->client_due_ns[i] =
			draw_one_in(draw, 2) ? 0 : world->now_ns + world->rate.ahead_ns + HOUR_NS;
}

static int claims_put(struct model_world *world)
{
	struct hz_xdp_claims *claims;
	int status = rig_claims(&claims);

	if (status != 0)
		return status;
	for (uint32_t i = 0; i < claims->count; i++)
		claim_add(world, &claims->key[i], &claims->claim[i]);
	world->prober_count = HZ_MIN(claims->prober_count, (uint32_t)MODEL_PROBERS_MAX);
	for (uint32_t i = 0; i < world->prober_count; i++) {
		world->prober_key[i] = claims->prober[i];
		world->prober[i] = claims->prober_claim[i];
	}
	memcpy(world->resp, claims->response, sizeof(world->resp));
	free(claims);
	health_copy(world, FRAMES_LONG_PORT, FRAMES_LONG_PATH);
	health_copy(world, FRAMES_ROOT_PORT, "/");
	return 0;
}

/* What the workers want refused, and when a flow was told last. */
static void shed_draw(struct draw *draw, struct model_world *world)
{
	static const uint32_t shares[] = { 0, 0, 0, 1, 300, 500, 900, 999, 1000 };
	const uint64_t told_ns[] = { 0, world->now_ns - FRESH_NS, world->now_ns + STALE_NS,
		                     world->now_ns - STALE_NS };
	const uint32_t count = HZ_ARRAY_LEN(shares);

	world->shed_told_ns = told_ns[draw_below(draw, HZ_ARRAY_LEN(told_ns))];
	world->cfg.shed_verdict = draw_below(draw, HZ_SHED_ANSWER503 + 1);
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		for (unsigned field = 0; field < 4 && draw_one_in(draw, 2); field++)
			world->beat[i].shed |= (uint64_t)shares[draw_below(draw, count)]
			                       << 16 * field;
	for (uint32_t i = 0; i < world->claim_count; i++)
		if (world->claim[i].kind == HZ_CLAIM_SITE)
			world->claim[i].shed_class =
				(uint8_t)draw_below(draw, HZ_CLASS_CONTROL + 1);
}

/* Both keys and all orders that workers may have left: to answer, to look at what comes back, neither. */
static void cookies_put(struct draw *draw, struct model_world *world)
{
	static const uint64_t ends_ns[] = { 0, 1, UINT64_MAX };
	uint64_t far_ns = world->now_ns + STALE_NS;
	uint32_t order = draw_below(draw, 5);

	for (int i = 0; i < 2; i++)
		world->cookies.key[i] = (struct hz_cookie_key){ draw_bits(draw), draw_bits(draw) };
	world->cookies.flow = (struct hz_cookie_key){ draw_bits(draw), draw_bits(draw) };
	world->cookies.token = draw_bits(draw);
	world->cookies.mss4 = (uint16_t)(draw_one_in(draw, 4) ? draw_bits(draw) : 1460);
	world->cookies.mss6 = (uint16_t)(draw_one_in(draw, 4) ? draw_bits(draw) : 1440);
	world->cookies.verify_until_ns = order < 4 ? far_ns : ends_ns[draw_below(draw, 2)];
	world->cookies.answer_until_ns = order < 3 ? far_ns : ends_ns[draw_below(draw, 3)];
}

int worlds_sane(struct draw *draw, struct model_world *out)
{
	int status;
	static const uint32_t workers[] = { 1, 1, 1, 1, 2, 4, HZ_WORKERS_MAX, 0 };
	struct model_world *world = out;

	memset(world, 0, sizeof(*world));
	world->now_ns = rig_now_ns();
	world->ifindex = 1; /* test runs come in on loopback, queue 0 */
	world->has_socket = !draw_one_in(draw, 4);
	world->key = (struct hz_cookie_key){ draw_bits(draw), draw_bits(draw) };
	world->cfg = (struct hz_cfg){
		.abi_major = HZ_ABI_MAJOR,
		.beat_timeout_ns = TIMEOUT_NS,
		.on_dead = draw_below(draw, HZ_ON_DEAD_DROP + 1),
		.state =
			draw_one_in(draw, 4) ? draw_below(draw, HZ_STATE_DOWN + 1) : HZ_STATE_READY,
		.workers = workers[draw_below(draw, HZ_ARRAY_LEN(workers))],
		.icmp_echo = !draw_one_in(draw, 4),
		.keep_alive = draw_one_in(draw, 2),
		.health_off = draw_one_in(draw, 12),
	};
	world->echo_due_ns = draw_one_in(draw, 4) ? world->now_ns + STALE_NS : 0;
	cookies_put(draw, world);
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		struct hz_beat *beat = &world->beat[i];

		*beat = (struct hz_beat){ .beat_ns = world->now_ns - FRESH_NS,
			                  .state = HZ_STATE_READY,
			                  .queue = i,
			                  .ifindex = draw_one_in(draw, 16) ? 2 : 1 };
		if (draw_one_in(draw, 3 + 2 * world->cfg.workers))
			beat->beat_ns = world->now_ns - STALE_NS;
		else if (draw_one_in(draw, 16)) /* taken on another CPU a moment later */
			beat->beat_ns = world->now_ns + STALE_NS;
		if (draw_one_in(draw, 5 + 2 * world->cfg.workers))
			beat->state = draw_below(draw, HZ_STATE_DOWN + 1);
	}
	rate_draw(draw, world);
	if (rules_draw(draw, world) != 0)
		return -EINVAL;
	status = claims_put(world);
	shed_draw(draw, world);
	return status;
}

static uint32_t any32(struct draw *draw, uint32_t sane)
{
	static const uint32_t odd[] = {
		0, 1, 2, 3, 63, 64, 65, 0x7fffffff, 0x80000000, UINT32_MAX
	};

	switch (draw_below(draw, 3)) {
	case 0:
		return sane;
	case 1:
		return odd[draw_below(draw, HZ_ARRAY_LEN(odd))];
	default:
		return (uint32_t)draw_bits(draw);
	}
}

static uint64_t any64(struct draw *draw, uint64_t sane)
{
	static const uint64_t odd[] = { 0, 1, INT64_MAX, UINT64_MAX };

	switch (draw_below(draw, 3)) {
	case 0:
		return sane;
	case 1:
		return odd[draw_below(draw, HZ_ARRAY_LEN(odd))];
	default:
		return draw_bits(draw);
	}
}

static void bytes_random(struct draw *draw, void *to, size_t bytes)
{
	uint8_t *at = to;

	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)draw_bits(draw);
}

static void claim_spoil(struct draw *draw, struct hz_claim *claim)
{
	claim->kind = draw_one_in(draw, 2) ? draw_below(draw, 5) : any32(draw, claim->kind);
	if (draw_one_in(draw, 2)) /* around the last answer, or around the largest number */
		claim->response_base = (draw_one_in(draw, 2) ? HZ_RESPONSES_MAX : 0) -
		                       draw_below(draw, HZ_RESPONSE_KINDS);
	else
		claim->response_base = any32(draw, claim->response_base);
	if (draw_one_in(draw, 2))
		claim->path_bytes = (uint8_t)any32(draw, claim->path_bytes);
	if (draw_one_in(draw, 4))
		bytes_random(draw, claim->path, sizeof(claim->path));
	claim->has_probers = (uint8_t)any32(draw, claim->has_probers);
	claim->shed_class = (uint8_t)any32(draw, claim->shed_class);
}

/* Claims of any kind for flows of any protocol: ICMP with a port, UDP, an address for TCP. */
static void claims_spoil(struct draw *draw, struct model_world *world)
{
	static const uint8_t protocols[] = { 6, 17, 1, 58, 47 };

	for (uint32_t i = 0; i < world->claim_count; i++)
		if (draw_one_in(draw, 2))
			claim_spoil(draw, &world->claim[i]);
	for (uint32_t i = 0; i < world->prober_count; i++)
		if (draw_one_in(draw, 2))
			claim_spoil(draw, &world->prober[i]);
	while (world->claim_count < MODEL_CLAIMS_MAX) {
		uint32_t from = draw_below(draw, world->claim_count);
		struct hz_claim_key key = world->claim_key[from];
		struct hz_claim claim = world->claim[from];

		key.protocol = protocols[draw_below(draw, HZ_ARRAY_LEN(protocols))];
		key.port = __builtin_bswap16(draw_one_in(draw, 2) ? RIG_SITE_PORT : 22);
		claim_spoil(draw, &claim);
		claim_add(world, &key, &claim);
		if (draw_one_in(draw, 4))
			break;
	}
}

static void rate_spoil(struct draw *draw, struct model_world *world)
{
	world->rate.ahead_ns = any64(draw, world->rate.ahead_ns);
	for (int i = 0; i < 2; i++)
		world->client_due_ns[i] = any64(draw, world->client_due_ns[i]);
}

int worlds_hostile(struct draw *draw, struct model_world *out)
{
	struct model_world *world = out;
	int status = worlds_sane(draw, world);

	if (status != 0)
		return status;
	if (draw_one_in(draw, 2)) {
		struct hz_cfg *cfg = &world->cfg;

		cfg->reload_unix = any64(draw, cfg->reload_unix);
		cfg->reload_failed = any64(draw, cfg->reload_failed);
		cfg->abi_major = any32(draw, cfg->abi_major);
		cfg->beat_timeout_ns = any64(draw, cfg->beat_timeout_ns);
		cfg->on_dead = any32(draw, cfg->on_dead);
		cfg->state = any32(draw, cfg->state);
		cfg->workers = any32(draw, cfg->workers);
		cfg->icmp_echo = any32(draw, cfg->icmp_echo);
		cfg->keep_alive = any32(draw, cfg->keep_alive);
		cfg->health_off = draw_one_in(draw, 4) ? any32(draw, cfg->health_off) : 0;
		if (draw_one_in(draw, 2))
			cfg->shed_verdict = any32(draw, cfg->shed_verdict);
		if (draw_one_in(draw, 4))
			world->shed_told_ns = any64(draw, world->shed_told_ns);
		world->echo_due_ns = any64(draw, world->echo_due_ns);
	}
	if (draw_one_in(draw, 2))
		bytes_random(draw, &world->cookies, sizeof(world->cookies));
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++) {
		struct hz_beat *beat = &world->beat[i];

		if (!draw_one_in(draw, 8))
			continue;
		beat->beat_ns = any64(draw, beat->beat_ns);
		beat->state = any32(draw, beat->state);
		beat->shed = any64(draw, beat->shed);
		beat->queue = any32(draw, beat->queue);
		beat->ifindex = any32(draw, beat->ifindex);
	}
	if (draw_one_in(draw, 2))
		claims_spoil(draw, world);
	for (uint32_t i = 0; i < world->rule_count; i++)
		if (draw_one_in(draw, 4))
			world->rule[i].list = any32(draw, world->rule[i].list);
	if (draw_one_in(draw, 8))
		world->live = any32(draw, world->live);
	if (world->rate.each_ns <= 1)
		rate_spoil(draw, world);
	for (uint32_t i = 0; i < HZ_RESPONSES_MAX; i++)
		if (draw_one_in(draw, 4))
			bytes_random(draw, &world->resp[i], sizeof(world->resp[i]));
	return 0;
}

static int array_write(int map_fd, const void *values, uint32_t count)
{
	static const uint32_t keys[] = {
#define FOUR(at)    (at), (at) + 1, (at) + 2, (at) + 3
#define SIXTEEN(at) FOUR(at), FOUR((at) + 4), FOUR((at) + 8), FOUR((at) + 12)
#define MANY(at)    SIXTEEN(at), SIXTEEN((at) + 16), SIXTEEN((at) + 32), SIXTEEN((at) + 48)
		MANY(0), MANY(64), MANY(128), MANY(192), MANY(256), MANY(320), FOUR(384)
	};
	uint32_t done = count;

	_Static_assert(HZ_ARRAY_LEN(keys) >= HZ_RESPONSES_MAX, "a key for each answer");
	if (count > HZ_ARRAY_LEN(keys))
		return -E2BIG;
	return bpf_map_update_batch(map_fd, keys, values, &done, NULL) == 0 ? 0 : -errno;
}

static int claims_apply(const struct rig *rig, const struct model_world *world)
{
	struct hz_claim_key key;

	while (bpf_map_get_next_key(rig->claims.vips_fd, NULL, &key) == 0)
		if (bpf_map_delete_elem(rig->claims.vips_fd, &key) != 0)
			return -errno;
	for (uint32_t i = 0; i < world->claim_count; i++)
		if (bpf_map_update_elem(rig->claims.vips_fd, &world->claim_key[i], &world->claim[i],
		                        BPF_NOEXIST) != 0)
			return -errno;
	/* the keys of probers are the same in every world */
	for (uint32_t i = 0; i < world->prober_count; i++)
		if (bpf_map_update_elem(rig->claims.probers_fd, &world->prober_key[i],
		                        &world->prober[i], BPF_ANY) != 0)
			return -errno;
	return 0;
}

static int rules_apply(struct rig *rig, const struct model_world *world)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(prefixes) * HZ_ACL_SLOTS; i++) {
		const struct prefix *one = &prefixes[i / HZ_ACL_SLOTS];
		int status = rig_unlist(rig, i % HZ_ACL_SLOTS, one->addr, one->bits);

		if (status != 0 && status != -ENOENT)
			return status;
	}
	for (uint32_t i = 0; i < world->rule_count; i++) {
		const struct model_rule *rule = &world->rule[i];
		char text[HZ_ENDPOINT_TEXT_MAX];
		struct hz_addr addr;
		int status;

		memcpy(addr.byte, rule->addr, sizeof(addr.byte));
		hz_addr_print(&addr, text);
		status = rig_list(rig, rule->slot, text, (uint8_t)rule->bits, rule->list);
		if (status != 0)
			return status;
	}
	rig_lists_live(rig, world->live);
	return 0;
}

static int rate_apply(const struct rig *rig, const struct model_world *world)
{
	static const char *const clients[] = { "10.7.0.1", "fd07::" };

	rig_source_rate(rig, world->rate.each_ns, world->rate.ahead_ns);
	for (int i = 0; i < 2; i++) {
		const struct hz_src known = { .due_ns = world->client_due_ns[i] };
		struct hz_addr addr;

		if (known.due_ns == 0)
			continue;
		if (hz_addr_parse(clients[i], &addr) != 0 ||
		    bpf_map_update_elem(rig->src_fd, &addr, &known, BPF_ANY) != 0)
			return -EINVAL;
	}
	return 0;
}

int worlds_apply(struct rig *rig, const struct model_world *world)
{
	uint32_t zero = 0;
	int status;

	if (bpf_map_update_elem(rig->cfg_fd, &zero, &world->cfg, BPF_ANY) != 0 ||
	    bpf_map_update_elem(rig->key_fd, &zero, &world->key, BPF_ANY) != 0 ||
	    bpf_map_update_elem(rig->cookies_fd, &zero, &world->cookies, BPF_ANY) != 0)
		return -errno;
	status = array_write(rig->beat_fd, world->beat, HZ_WORKERS_MAX);
	if (status == 0)
		status = array_write(rig->claims.resp_fd, world->resp, HZ_RESPONSES_MAX);
	if (status == 0)
		status = claims_apply(rig, world);
	if (status == 0)
		status = rules_apply(rig, world);
	if (status == 0)
		status = rate_apply(rig, world);
	if (status == 0)
		status = rig_echo_due(rig, world->echo_due_ns);
	if (status == 0)
		status = rig_shed_told(rig, world->shed_told_ns);
	return status == 0 ? rig_socket(rig, world->has_socket) : status;
}

int worlds_scramble_counters(struct draw *draw, const struct rig *rig)
{
	struct hz_hist hist;
	uint32_t zero = 0;

	bytes_random(draw, rig->each_cpu, (size_t)rig->cpus * sizeof(struct hz_verdicts));
	if (bpf_map_update_elem(rig->verdicts_fd, &zero, rig->each_cpu, BPF_ANY) != 0)
		return -errno;
	for (uint32_t cpu = 0; cpu < (uint32_t)rig->cpus && cpu < HZ_WORKERS_MAX; cpu++) {
		uint32_t index = cpu * HZ_STAGE_COUNT + HZ_STAGE_HEALTH;

		bytes_random(draw, &hist, sizeof(hist));
		if (bpf_map_update_elem(rig->latency_fd, &index, &hist, BPF_ANY) != 0)
			return -errno;
	}
	return 0;
}
