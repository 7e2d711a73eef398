/* Lists of sources: frame and lists in, verdict out. The rig's clients are 10.7.0.1 and fd07::1. */
#include "bpf_rig.h"
#include <stdio.h>
#include <string.h>

#define GET       "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
#define RULES_MAX 4

struct rule {
	const char *addr;
	uint8_t bits;
	uint32_t list;
};

/* What a client gets under some rules. */
struct row {
	const char *name;
	struct rule rule[2][RULES_MAX]; /* IPv4 and IPv6; up to the first without an address */
	struct wire_spec spec;
	int reason;
	bool is_echo;
};

#define SITE .port = RIG_SITE_PORT, .source_port = 40000, .seq = 1000
#define DENY HZ_SOURCE_DENY
#define DENIED_NET                                                                                 \
	{                                                                                          \
		{ { "10.7.0.0", 24, DENY } },                                                      \
		{                                                                                  \
			{                                                                          \
				"fd07::", 64, DENY                                                 \
			}                                                                          \
		}                                                                                  \
	}

static const struct row rows[] = {
	{ "nobody_is_listed",
	  { { { NULL, 0, 0 } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer },
	{ "deny_drops_a_new_flow",
	  DENIED_NET,
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_drops_an_open_flow",
	  DENIED_NET,
	  { SITE, .flags = WIRE_ACK, .payload = GET },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_closes_a_health_port",
	  DENIED_NET,
	  { .port = RIG_HEALTH_PORT, .source_port = 7, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_closes_a_port_to_probers",
	  DENIED_NET,
	  { .port = RIG_PROBED_PORT, .source_port = 7, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_closes_a_udp_probe",
	  DENIED_NET,
	  { .port = RIG_UDP_PORT, .source_port = 7, .protocol = 17, .payload = "12345678" },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_leaves_ping_to_the_kernel",
	  DENIED_NET,
	  { .protocol = 1 },
	  .reason = HZ_REASON_pass_not_ours,
	  .is_echo = true },
	{ "deny_leaves_other_ports_alone",
	  DENIED_NET,
	  { .port = 22, .source_port = 1, .flags = WIRE_SYN },
	  .reason = HZ_REASON_pass_not_ours },
	{ "deny_leaves_other_addresses_alone",
	  DENIED_NET,
	  { SITE, .other_server = true, .flags = WIRE_SYN },
	  .reason = HZ_REASON_pass_not_ours },
	{ "deny_leaves_options_to_the_kernel",
	  DENIED_NET,
	  { SITE, .ip_option_bytes = 8, .flags = WIRE_SYN },
	  .reason = HZ_REASON_pass_options },
	{ "deny_of_one_address_holds_it",
	  { { { "10.7.0.1", 32, DENY } }, { { "fd07::1", 128, DENY } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "deny_of_the_neighbours_does_not",
	  { { { "10.7.0.0", 32, DENY }, { "10.7.0.2", 31, DENY } },
	    { { "fd07::", 128, DENY }, { "fd07::2", 127, DENY }, { "fd07:0:0:1::", 64, DENY } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer },
	{ "deny_of_everybody_holds_everybody",
	  { { { "0.0.0.0", 0, DENY } }, { { "::", 0, DENY } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "allow_within_deny_wins",
	  { { { "10.7.0.0", 24, DENY }, { "10.7.0.1", 32, HZ_SOURCE_ALLOW } },
	    { { "fd07::", 64, DENY }, { "fd07::1", 128, HZ_SOURCE_ALLOW } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer },
	{ "deny_within_allow_within_deny_wins",
	  { { { "0.0.0.0", 0, DENY },
	      { "10.7.0.0", 24, HZ_SOURCE_ALLOW },
	      { "10.7.0.1", 32, DENY } },
	    { { "::", 0, DENY }, { "fd07::", 64, HZ_SOURCE_ALLOW }, { "fd07::1", 128, DENY } } },
	  { SITE, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny },
	{ "probe_within_deny_wins",
	  { { { "10.7.0.0", 24, DENY }, { "10.7.0.1", 32, HZ_SOURCE_PROBE } },
	    { { "fd07::", 64, DENY }, { "fd07::1", 128, HZ_SOURCE_PROBE } } },
	  { .port = RIG_HEALTH_PORT, .source_port = 7, .flags = WIRE_SYN },
	  .reason = HZ_REASON_health_syn_ack },
};

/* The rules of one family only: the frame of the other one must not meet them. */
static int rules_put(struct rig *rig, uint32_t slot, const struct row *row, int family, bool is_on)
{
	int status = 0;

	for (int i = 0; i < RULES_MAX && row->rule[family][i].addr != NULL && status == 0; i++) {
		const struct rule *rule = &row->rule[family][i];

		status = is_on ? rig_list(rig, slot, rule->addr, rule->bits, rule->list)
		               : rig_unlist(rig, slot, rule->addr, rule->bits);
	}
	return status;
}

static void frame_of(const struct row *row, int version, int tags, struct wire *out)
{
	struct wire_spec spec = row->spec;

	spec.version = version;
	spec.tags = tags;
	if (row->is_echo) {
		spec.protocol = version == 4 ? 1 : 58;
		spec.port = version == 4 ? 0x0800 : 0x8000;
	}
	wire_build(out, &spec);
}

static void row_run(struct tap *tap, struct rig *rig, const struct row *row, int version, int tags)
{
	int family = version == 6;
	struct wire frame;
	char name[128];
	const char *why;

	snprintf(name, sizeof(name), "sources.v%d.tags%d.%s", version, tags, row->name);
	frame_of(row, version, tags, &frame);
	if (rules_put(rig, 0, row, family, true) != 0)
		why = "cannot write the rules";
	else
		why = rig_reason_is(rig, &frame, row->reason);
	(void)rules_put(rig, 0, row, family, false);
	tap_result(tap, name, why);
}

/* Rules in the slot that does not count, and then it does, and then no more: whatever the program keeps in
 * mind of a source, it is of one generation. */
static const char *only_the_live_slot_counts(struct rig *rig)
{
	const char *why = NULL;

	for (int version = 4; version <= 6 && why == NULL; version += 2) {
		struct wire frame;

		frame_of(&rows[1], version, 0, &frame);
		if (rules_put(rig, 1, &rows[1], version == 6, true) != 0)
			return "cannot write the rules";
		for (int turn = 0; turn < 3 && why == NULL; turn++) {
			why = rig_reason_is(rig, &frame, HZ_REASON_steer);
			rig_lists_live(rig, 1);
			if (why == NULL)
				why = rig_reason_is(rig, &frame, HZ_REASON_drop_deny);
			rig_lists_live(rig, 0);
		}
		(void)rules_put(rig, 1, &rows[1], version == 6, false);
	}
	return why;
}

/* ::ffff:10.7.0.1 over IPv6 is not the 10.7.0.1 that is denied, and must not be what is kept of it. */
static const char *mapped_source_is_another_one(struct rig *rig)
{
	const struct wire_spec spec = {
		.version = 6, SITE, .flags = WIRE_SYN, .mapped_source = true
	};
	struct wire denied, mapped;
	const char *why = NULL;

	frame_of(&rows[1], 4, 0, &denied);
	wire_build(&mapped, &spec);
	if (rig_list(rig, 0, "10.7.0.1", 32, DENY) != 0)
		return "cannot write the rule";
	for (int turn = 0; turn < 2 && why == NULL; turn++) {
		why = rig_reason_is(rig, &mapped, HZ_REASON_steer);
		if (why == NULL)
			why = rig_reason_is(rig, &denied, HZ_REASON_drop_deny);
	}
	(void)rig_unlist(rig, 0, "10.7.0.1", 32);
	return why;
}

/* Two sources that take turns, and many: what is kept of one is never told of another. */
static const char *sources_do_not_mix(struct rig *rig)
{
	const char *why = NULL;

	if (rig_list(rig, 0, "10.7.0.1", 32, DENY) != 0 ||
	    rig_list(rig, 0, "fd07::1", 128, DENY) != 0)
		return "cannot write the rules";
	for (uint32_t i = 0; i < 8192 && why == NULL; i++) {
		int version = i % 2 == 0 ? 4 : 6;
		struct wire denied, other;

		frame_of(&rows[1], version, 0, &denied);
		other = denied; /* 10.X.Y.1 and fd07:0:0:XY::1, and the last byte of both */
		other.byte[version == 4 ? 14 + 13 : 14 + 14] = (uint8_t)(8 + (i >> 9));
		other.byte[version == 4 ? 14 + 14 : 14 + 15] = (uint8_t)(i >> 1);
		other.byte[version == 4 ? 14 + 15 : 14 + 23] ^= (uint8_t)(i & 2);
		why = rig_reason_is(rig, &other, HZ_REASON_steer);
		if (why == NULL)
			why = rig_reason_is(rig, &denied, HZ_REASON_drop_deny);
	}
	(void)rig_unlist(rig, 0, "10.7.0.1", 32);
	(void)rig_unlist(rig, 0, "fd07::1", 128);
	return why;
}

static const char *families_do_not_mix(struct rig *rig)
{
	const char *why = NULL;

	for (int version = 4; version <= 6 && why == NULL; version += 2) {
		struct wire frame;

		frame_of(&rows[1], version, 0, &frame);
		if (rig_list(rig, 0, version == 4 ? "::" : "0.0.0.0", 0, DENY) != 0)
			return "cannot write the rule";
		why = rig_reason_is(rig, &frame, HZ_REASON_steer);
		(void)rig_unlist(rig, 0, version == 4 ? "::" : "0.0.0.0", 0);
	}
	return why;
}

void source_tests(struct tap *tap, const char *object_path)
{
	struct rig rig;
	int status = rig_open(&rig, object_path);

	if (status == 0 && rig_socket(&rig, true) != 0) {
		tap_skip(tap, "sources", "no AF_XDP socket to be had");
		rig_close(&rig);
		return;
	}
	if (status != 0) {
		tap_fail(tap, "sources", "cannot load: %s", strerror(-status));
		return;
	}
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		for (int version = 4; version <= 6; version += 2)
			for (int tags = 0; tags <= 2; tags++)
				row_run(tap, &rig, &rows[i], version, tags);
	tap_result(tap, "sources.only_the_live_slot_counts", only_the_live_slot_counts(&rig));
	tap_result(tap, "sources.families_do_not_mix", families_do_not_mix(&rig));
	tap_result(tap, "sources.mapped_one_is_another_one", mapped_source_is_another_one(&rig));
	tap_result(tap, "sources.one_is_never_taken_for_another", sources_do_not_mix(&rig));
	source_rate_tests(tap, &rig);
	source_flood_tests(tap, &rig);
	rig_close(&rig);
}
