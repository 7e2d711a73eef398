#include "loader/xdp_limit.h"
#include "abi/shed_word.h"
#include "core/base.h"
#include "core/endpoint.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* as bpf_ktime_get_ns */
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Of IPv6 a source is a /64. */
static bool source_text(const struct hz_xdp_limit_maps *maps, const uint8_t *frame, size_t bytes,
                        char out[HZ_XDP_RULE_MAX])
{
	char text[HZ_ENDPOINT_TEXT_MAX];
	struct hz_source_rate rate;
	struct hz_addr who;
	struct hz_src known;
	uint32_t zero = 0;
	int version = hz_xdp_rule_sender(frame, bytes, &who);
	uint64_t now = now_ns(), limit_ns;

	if (version == 6)
		memset(who.byte + 8, 0, 8);
	if (version == 0 || bpf_map_lookup_elem(maps->src_rate_fd, &zero, &rate) != 0 ||
	    rate.each_ns == 0 || bpf_map_lookup_elem(maps->src_fd, &who, &known) != 0)
		return false;
	limit_ns = now + rate.ahead_ns;
	hz_addr_print(&who, text);
	snprintf(out, HZ_XDP_RULE_MAX,
	         "%s%s is beyond shed/source_rate %llu, burst %llu: the next flow in %llu ms", text,
	         version == 6 ? "/64" : "", (unsigned long long)(HZ_NS_PER_S / rate.each_ns),
	         (unsigned long long)(rate.ahead_ns / rate.each_ns + 1),
	         (unsigned long long)(known.due_ns > limit_ns
	                                      ? (known.due_ns - limit_ns) / HZ_NS_PER_MS
	                                      : 0));
	return true;
}

/* Of all workers that beat, as XDP takes it. */
static uint64_t level_read(const struct hz_xdp_limit_maps *maps, const struct hz_cfg *cfg)
{
	uint64_t word = 0, now = now_ns();

	for (uint32_t i = 0; i < HZ_WORKERS_MAX && i < cfg->workers; i++) {
		struct hz_beat beat;

		if (bpf_map_lookup_elem(maps->beat_fd, &i, &beat) == 0 &&
		    (now <= beat.beat_ns || now - beat.beat_ns <= cfg->beat_timeout_ns))
			word = hz_shed_word_worse(word, beat.shed);
	}
	return word;
}

static bool shed_text(const struct hz_xdp_limit_maps *maps, const uint8_t *frame, size_t bytes,
                      char out[HZ_XDP_RULE_MAX])
{
	static const char *const classes[] = { "bulk", "gold", "control" };
	static const char *const verdicts[] = { "drop", "rst", "answer503" };
	struct hz_claim claim;
	struct hz_cfg cfg;
	uint32_t zero = 0, class;
	uint64_t word;

	if (!hz_xdp_rule_claim(maps->vips_fd, frame, bytes, &claim) ||
	    bpf_map_lookup_elem(maps->cfg_fd, &zero, &cfg) != 0)
		return false;
	class = claim.shed_class < HZ_ARRAY_LEN(classes) ? claim.shed_class : HZ_CLASS_BULK;
	word = level_read(maps, &cfg);
	snprintf(out, HZ_XDP_RULE_MAX,
	         "shed level %u of %u in class %s, verdict %s; 503 at least for %u, shut for %u",
	         hz_shed_field(word, class == HZ_CLASS_GOLD ? HZ_SHED_GOLD : HZ_SHED_BULK),
	         HZ_SHED_ALL, classes[class],
	         verdicts[cfg.shed_verdict < HZ_ARRAY_LEN(verdicts) ? cfg.shed_verdict : 0],
	         hz_shed_field(word, HZ_SHED_CANNED), hz_shed_field(word, HZ_SHED_SHUT));
	return true;
}

bool hz_xdp_limit_text(const struct hz_xdp_limit_maps *maps, enum hz_reason reason,
                       const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX])
{
	if (reason == HZ_REASON_drop_source_rate)
		return source_text(maps, frame, bytes, out);
	if (reason == HZ_REASON_shed_drop || reason == HZ_REASON_shed_reset ||
	    reason == HZ_REASON_shed_syn_ack)
		return shed_text(maps, frame, bytes, out);
	return false;
}
