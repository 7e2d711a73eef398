#include "tcp/tcp_cookie.h"

#include "core/cookie_keys.h"
#include "port/mbuf_span.h"
#include "tcp/tcp_isn.h"
#include "tcp/tcp_stack.h"
#include "tcp/tcp_syn.h"
#include <string.h>

_Static_assert(sizeof(struct hz_tcp_key) == sizeof(struct hz_cookie_flow) &&
                       offsetof(struct hz_tcp_key, ports) == offsetof(struct hz_cookie_flow, ports),
               "XDP hashes what we hash");
_Static_assert(HZ_TCP_SYN_WINDOW == HZ_COOKIE_WINDOW && HZ_TCP_RCV_WSCALE == HZ_COOKIE_WSCALE,
               "XDP offers what we keep to");

/* hz_tcp_isn_make hashes the same words with the same key, so that timestamps go on. */
static uint64_t flow_hash(const struct hz_tcp *tcp, const struct hz_packet *packet)
{
	struct hz_cookie_flow flow;
	struct hz_tcp_key key;

	hz_tcp_key_of(packet, &key);
	memcpy(&flow, &key, sizeof(flow));
	return hz_cookie_flow_hash(&tcp->cookies->flow, &flow);
}

struct hz_tcp_cookie_answer hz_tcp_cookie_make(const struct hz_tcp *tcp,
                                               const struct hz_tcp_segment *seg)
{
	const struct hz_tcp_opts *syn = &seg->opts;
	uint64_t hash = flow_hash(tcp, seg->packet);
	uint32_t wscale = syn->has_wscale ? syn->wscale : HZ_COOKIE_TS_SCALE_NONE;

	return (struct hz_tcp_cookie_answer){
		.iss = hz_cookie_make(tcp->cookies, hash, seg->seq,
		                      hz_cookie_mss_theirs(syn->mss, seg->packet->is_v6),
		                      hz_tcp_now(tcp)),
		.ts_val = hz_cookie_ts_make(hz_tcp_ts_clock(tcp) + hz_cookie_ts_offset(hash),
		                            hz_cookie_ts_bits(wscale, syn->has_sack_permitted)),
	};
}

/* Is it of this very segment, and of now? The kernel leaves what it finds before a frame, and a peer may have had
 * a say in that, when it was another frame: but not in the token. */
static bool note_read(const struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                      struct hz_cookie_note *note)
{
	const struct hz_packet *packet = seg->packet;
	uint32_t ports, source;
	__u64 period;

	if (tcp->cookies->token == 0 || !hz_mbuf_before(packet->mbuf, note, sizeof(*note)))
		return false;
	memcpy(&ports, packet->l4, sizeof(ports));
	memcpy(&source, packet->src.byte + 12, sizeof(source));
	return note->token == tcp->cookies->token && note->ports == ports &&
	       note->source == source && note->seq == seg->seq && note->ack == seg->ack &&
	       hz_cookie_is_recent(seg->ack - 1, hz_tcp_now(tcp), &period);
}

/* wscale and SACK: who lies about its own harms only itself. */
static void ts_read(uint32_t echo, struct hz_tcp_opts *syn)
{
	uint32_t scale = echo & HZ_COOKIE_TS_SCALE_MASK;

	syn->has_wscale = scale != HZ_COOKIE_TS_SCALE_NONE;
	syn->wscale = (uint8_t)(syn->has_wscale ? scale : 0);
	syn->has_sack_permitted = (echo & HZ_COOKIE_TS_SACK) != 0;
}

bool hz_tcp_cookie_read(const struct hz_tcp *tcp, const struct hz_tcp_segment *seg,
                        struct hz_tcp_cookie *out)
{
	struct hz_tcp_cookie cookie = {
		.syn = { .has_ts = seg->opts.has_ts, .ts_val = seg->opts.ts_val },
	};
	struct hz_cookie_note note;

	if (note_read(tcp, seg, &note)) {
		cookie.syn.mss = note.mss;
		cookie.ts_offset = note.ts_offset;
		cookie.is_noted = true;
	} else {
		uint64_t hash = flow_hash(tcp, seg->packet);

		cookie.syn.mss = (uint16_t)hz_cookie_check(tcp->cookies, hash, seg->seq - 1,
		                                           seg->ack - 1, hz_tcp_now(tcp));
		cookie.ts_offset = hz_cookie_ts_offset(hash);
	}
	if (cookie.syn.mss == 0)
		return false;
	if (cookie.syn.has_ts)
		ts_read(seg->opts.ts_ecr, &cookie.syn);
	*out = cookie;
	return true;
}

void hz_tcp_cookie_note_clear(struct rte_mbuf *mbuf)
{
	hz_mbuf_before_clear(mbuf, sizeof(struct hz_cookie_note));
}

bool hz_tcp_cookie_is_awaited(const struct hz_tcp *tcp)
{
	return hz_tcp_now(tcp) < __atomic_load_n(&tcp->cookies->verify_until_ns, __ATOMIC_RELAXED);
}

void hz_tcp_cookie_arm(struct hz_tcp *tcp)
{
	uint64_t until_ns = hz_tcp_now(tcp) + HZ_COOKIE_HOLD_NS;

	__atomic_store_n(&tcp->cookies->verify_until_ns, until_ns + HZ_COOKIE_LIFE_NS,
	                 __ATOMIC_RELAXED);
	__atomic_store_n(&tcp->cookies->answer_until_ns, until_ns, __ATOMIC_RELAXED);
}

void hz_tcp_cookie_keep(struct hz_tcp *tcp)
{
	if (tcp->conf.cookie_mode == HZ_TCP_COOKIE_ALWAYS && !tcp->is_draining)
		hz_tcp_cookie_arm(tcp);
}

void hz_tcp_cookie_offer(struct hz_tcp *tcp, const struct hz_port *port)
{
	struct hz_cookies *cookies = tcp->cookies;
	uint16_t mss4 = hz_tcp_syn_mss_ours(port, false), mss6 = hz_tcp_syn_mss_ours(port, true);

	if (cookies->mss4 == 0 || mss4 < cookies->mss4)
		cookies->mss4 = mss4;
	if (cookies->mss6 == 0 || mss6 < cookies->mss6)
		cookies->mss6 = mss6;
}
