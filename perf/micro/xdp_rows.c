/* The verdicts that bench_xdp measures. */
#include "xdp_rows.h"
#include "abi/cookie_syn.h"
#include "abi/shed_word.h"
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include <bpf/bpf.h>

#define PREFIXES 100000
#define BATCH    1000
#define FAR_NS   (1000000 * HZ_NS_PER_S)
#define GET      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

const struct xdp_row xdp_rows[] = {
	{ "not IP", { .port = 1 }, .reason = HZ_REASON_pass_not_ip },
	{ "not ours",
	  { .port = 22, .flags = WIRE_SYN },
	  .reason = HZ_REASON_pass_not_ours,
	  .goal = 2 },
	{ "fragment of ours",
	  { .port = 80, .more_fragments = true },
	  .reason = HZ_REASON_drop_fragment },
	{ "deny, 100,000 prefixes",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny,
	  .goal = 3,
	  .is_listed = true },
	{ "deny, always another one",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_deny,
	  .how = FROM_ANYBODY,
	  .is_listed = true },
	{ "steer", { .port = 80, .flags = WIRE_ACK }, .reason = HZ_REASON_steer, .goal = 3 },
	{ "steer, no list",
	  { .port = 80, .flags = WIRE_ACK },
	  .reason = HZ_REASON_steer,
	  .has_no_list = true },
	{ "SYN, source known",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer,
	  .how = KNOWN_SOURCE },
	{ "SYN, source refused",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_drop_source_rate,
	  .how = REFUSED_SOURCE },
	{ "SYN, source new",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_steer,
	  .how = FROM_ANYBODY },
	{ "health SYN-ACK",
	  { .port = 8080, .flags = WIRE_SYN },
	  .reason = HZ_REASON_health_syn_ack,
	  .how = ANSWERED },
	{ "health 200",
	  { .port = 8080, .flags = WIRE_ACK | WIRE_PSH, .payload = GET },
	  .reason = HZ_REASON_health_200,
	  .how = ANSWERED,
	  .goal = 12,
	  .is_flow = true },
	{ "health 404",
	  { .port = 8080, .flags = WIRE_ACK | WIRE_PSH, .payload = "GET / HTTP/1.1\r\n\r\n" },
	  .reason = HZ_REASON_health_404,
	  .how = ANSWERED,
	  .is_flow = true },
	{ "health RST",
	  { .port = 8080, .flags = WIRE_ACK },
	  .reason = HZ_REASON_health_reset,
	  .how = ANSWERED },
	{ "health, bare ACK",
	  { .port = 8080, .flags = WIRE_ACK },
	  .reason = HZ_REASON_health_idle,
	  .is_flow = true },
	{ "health, datagram",
	  { .port = RIG_UDP_PORT, .protocol = 17, .payload = "12345678" },
	  .reason = HZ_REASON_health_udp,
	  .how = ANSWERED },
	{ "ping",
	  { .protocol = 1, .payload = "12345678" },
	  .reason = HZ_REASON_icmp_echo,
	  .how = ANSWERED },
	{ "SYN shed, dropped",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_shed_drop,
	  .is_shed = true,
	  .verdict = HZ_SHED_DROP },
	{ "SYN shed, RST",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_shed_reset,
	  .how = ANSWERED,
	  .is_shed = true,
	  .verdict = HZ_SHED_RESET },
	{ "SYN shed, SYN-ACK",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_shed_syn_ack,
	  .how = ANSWERED,
	  .is_shed = true,
	  .verdict = HZ_SHED_ANSWER503 },
	{ "request shed, 503",
	  { .port = 80,
	    .flags = WIRE_ACK | WIRE_PSH,
	    .payload = "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
	  .reason = HZ_REASON_shed_503,
	  .how = ANSWERED,
	  .is_flow = true,
	  .is_shed = true,
	  .verdict = HZ_SHED_ANSWER503 },
	{ "SYN, cookie",
	  { .port = 80, .flags = WIRE_SYN },
	  .reason = HZ_REASON_cookie_syn_ack,
	  .how = ANSWERED,
	  .has_cookies = true },
	{ "ACK of a cookie",
	  { .port = 80, .flags = WIRE_ACK },
	  .reason = HZ_REASON_steer_cookie,
	  .how = NOTED,
	  .is_flow = true,
	  .has_cookies = true },
	{ .name = NULL },
};

/* Prefixes all over both families, and the rig's clients. */
int xdp_rows_open(struct rig *rig)
{
	static struct hz_acl_key4 key4[BATCH];
	static struct hz_acl_key6 key6[BATCH];
	static struct hz_acl_entry entry[BATCH];

	for (uint32_t i = 0; i < PREFIXES; i += BATCH) {
		uint32_t count4 = BATCH, count6 = BATCH;

		for (uint32_t k = 0; k < BATCH; k++) {
			uint32_t spread = (i + k + 1) * 2654435761u; /* odd: no two alike */

			entry[k] = (struct hz_acl_entry){ .list = HZ_SOURCE_DENY };
			key4[k] = (struct hz_acl_key4){ .prefixlen = 32, .addr = spread };
			key6[k] = (struct hz_acl_key6){ .prefixlen = 64,
				                        .addr.byte = { 0xfd, 0x07 } };
			memcpy(key6[k].addr.byte + 4, &spread, sizeof(spread));
		}
		if (bpf_map_update_batch(rig->trie_fd[0][1], key4, entry, &count4, NULL) != 0 ||
		    bpf_map_update_batch(rig->trie_fd[1][1], key6, entry, &count6, NULL) != 0)
			return -errno;
	}
	return 0;
}

static uint32_t cookie_of(struct rig *rig, const struct wire_spec *spec)
{
	struct wire_spec syn = *spec;
	struct wire_tcp reply;
	struct wire frame;
	struct run run;

	syn.flags = WIRE_SYN;
	syn.payload = NULL;
	wire_build(&frame, &syn);
	if (!rig_run(rig, frame.byte, frame.len, &run) ||
	    wire_take_apart(run.out.byte, run.out.len, &reply) != NULL)
		return 0;
	return reply.seq;
}

void xdp_rows_frame(struct rig *rig, const struct xdp_row *row, int version, int tags,
                    struct wire *out)
{
	struct wire_spec spec = row->spec;

	spec.version = version;
	spec.tags = tags;
	spec.source_port = 40000;
	if (row->reason == HZ_REASON_icmp_echo) {
		spec.protocol = version == 4 ? 1 : 58;
		spec.port = version == 4 ? 0x0800 : 0x8000;
	}
	if (row->is_flow) {
		spec.ack = cookie_of(rig, &spec) + 1;
		spec.seq++; /* a SYN takes one number */
	}
	wire_build(out, &spec);
	if (row->reason == HZ_REASON_pass_not_ip)
		out->byte[wire_l3(&spec) - 1] ^= 0x06; /* 0x0806 is ARP's */
}

static void cookies_set(const struct rig *rig, bool are_sent)
{
	struct hz_cookies cookies = { .token = 0x0123456789abcdef, .mss4 = 1460, .mss6 = 1440 };
	uint64_t until_ns = are_sent ? rig_now_ns() + FAR_NS : 0;
	uint32_t zero = 0;

	memset(cookies.key, 0x5a, sizeof(cookies.key));
	memset(&cookies.flow, 0xa5, sizeof(cookies.flow));
	cookies.answer_until_ns = cookies.verify_until_ns = until_ns;
	(void)bpf_map_update_elem(rig->cookies_fd, &zero, &cookies, BPF_ANY);
}

static void lists_set(struct rig *rig, const struct xdp_row *row)
{
	static const char *const clients[] = { "10.7.0.1", "fd07::1" }, *const any[] = { "0.0.0.0",
		                                                                         "::" };
	static const uint8_t bits[] = { 32, 128 };

	rig_lists_live(rig, row->has_no_list ? 0 : 1);
	for (int i = 0; i < 2; i++) {
		(void)rig_unlist(rig, 1, clients[i], bits[i]);
		(void)rig_unlist(rig, 1, any[i], 0);
		if (row->is_listed && row->how == FROM_ANYBODY)
			(void)rig_list(rig, 1, any[i], 0, HZ_SOURCE_DENY);
		else if (row->is_listed)
			(void)rig_list(rig, 1, clients[i], bits[i], HZ_SOURCE_DENY);
	}
}

void xdp_rows_world(struct rig *rig, const struct xdp_row *row)
{
	rig_state_reset(rig); /* a fresh beat */
	rig->cfg.beat_timeout_ns = FAR_NS;
	rig->cfg.shed_verdict = row->verdict;
	rig->beat[0].shed = row->is_shed ? hz_shed_word(HZ_SHED_ALL, HZ_SHED_ALL, 0, 0) : 0;
	rig_state_apply(rig);
	(void)rig_echo_due(rig, 0);
	lists_set(rig, row);
	cookies_set(rig, row->has_cookies);
	if (row->how == REFUSED_SOURCE)
		rig_source_rate(rig, FAR_NS, 0);
	else
		rig_source_rate(rig, row->how == KNOWN_SOURCE || row->how == FROM_ANYBODY, FAR_NS);
}
