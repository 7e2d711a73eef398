#include "telemetry/conn_info.h"
#include "core/base.h"
#include "core/endpoint.h"
#include "core/span_ops.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

#define V4_MAPPED_BITS 96u

static const char *const state_names[HZ_CONN_STATE_COUNT] = {
#define HZ_CONN_STATE(name) [HZ_CONN_STATE_##name] = #name,
#include "telemetry/conn_states.def"
#undef HZ_CONN_STATE
};

const char *hz_conn_state_name(enum hz_conn_state state)
{
	assert(state < HZ_CONN_STATE_COUNT);
	return state_names[state];
}

static bool is_in_network(const struct hz_addr *addr, const struct hz_addr *network, uint8_t bits)
{
	unsigned bytes = bits / 8u;
	unsigned rest = bits % 8u;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (memcmp(addr->byte, network->byte, bytes) != 0)
		return false;
	return rest == 0 || ((addr->byte[bytes] ^ network->byte[bytes]) & mask) == 0;
}

bool hz_conn_query_matches(const struct hz_conn_query *query, const struct hz_conn_info *info)
{
	if (query->states != 0 && (query->states & (1u << info->state)) == 0)
		return false;
	return is_in_network(&info->remote.addr, &query->peer, query->peer_bits);
}

static uint64_t figure(const struct hz_conn_query *query, const struct hz_conn_info *info)
{
	switch ((enum hz_conn_sort)query->sort) {
	case HZ_CONN_SORT_CWND:
		return info->cwnd_bytes;
	case HZ_CONN_SORT_RTT:
		return info->srtt_us;
	case HZ_CONN_SORT_RETRANSMITS:
		return info->retransmits;
	case HZ_CONN_SORT_AGE:
	case HZ_CONN_SORT_COUNT:
	default:
		return info->age_ns;
	}
}

int hz_conn_query_compare(const struct hz_conn_query *query, const struct hz_conn_info *a,
                          const struct hz_conn_info *b)
{
	uint64_t of_a = figure(query, a), of_b = figure(query, b);
	int by_addr;

	if (of_a != of_b)
		return of_a > of_b ? -1 : 1;
	by_addr = memcmp(&a->remote.addr, &b->remote.addr, sizeof(a->remote.addr));
	if (by_addr == 0)
		by_addr = (int)a->remote.port - (int)b->remote.port;
	if (by_addr == 0)
		by_addr = memcmp(&a->local.addr, &b->local.addr, sizeof(a->local.addr));
	return by_addr != 0 ? by_addr : (int)a->local.port - (int)b->local.port;
}

int hz_conn_peer_parse(const char *text, struct hz_conn_query *out)
{
	struct hz_span whole = hz_span_text(text);
	size_t addr_len = hz_span_find(whole, '/');
	char addr_text[HZ_ENDPOINT_TEXT_MAX];
	struct hz_addr addr, masked = { 0 };
	uint64_t bits, bits_max, skipped;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, whole.data, addr_len);
	addr_text[addr_len] = '\0';
	if (hz_addr_parse(addr_text, &addr) != 0)
		return -EINVAL;
	skipped =
		hz_addr_is_v4(&addr) && hz_span_find(whole, ':') == whole.len ? V4_MAPPED_BITS : 0;
	bits_max = 128 - skipped;
	bits = bits_max;
	if (addr_len < whole.len && hz_span_u64(hz_span_skip(whole, addr_len + 1), &bits) != 0)
		return -EINVAL;
	if (bits > bits_max)
		return -EINVAL;
	bits += skipped;
	for (unsigned i = 0; i < bits; i++)
		masked.byte[i / 8] |= (uint8_t)(addr.byte[i / 8] & (0x80u >> (i % 8)));
	if (memcmp(&masked, &addr, sizeof(addr)) != 0)
		return -EINVAL;
	out->peer = addr;
	out->peer_bits = (uint8_t)bits;
	return 0;
}
