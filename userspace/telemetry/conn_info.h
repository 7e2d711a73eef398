/* What an operator may know about a connection, whichever transport it belongs to; and how connections
 * are chosen and ordered when there are more than anybody reads. */
#ifndef HZ_CONN_INFO_H
#define HZ_CONN_INFO_H

#include "core/common.h"
#include <stdbool.h>
#include <stdint.h>

enum hz_conn_state {
#define HZ_CONN_STATE(name) HZ_CONN_STATE_##name,
#include "telemetry/conn_states.def"
#undef HZ_CONN_STATE
	HZ_CONN_STATE_COUNT,
};

/* Options of the handshake, a bit each. */
#define HZ_CONN_OPTION_NAMES                                                                       \
	{                                                                                          \
		"timestamps", "sack", "wscale", "ecn"                                              \
	}
enum hz_conn_option {
	HZ_CONN_OPT_TIMESTAMPS = 1u << 0, /* RFC 7323 3 */
	HZ_CONN_OPT_SACK = 1u << 1,       /* RFC 2018 */
	HZ_CONN_OPT_WSCALE = 1u << 2,     /* RFC 7323 2 */
	HZ_CONN_OPT_ECN = 1u << 3,        /* RFC 3168 */
};

#define HZ_CONN_UNKNOWN UINT32_MAX /* a figure that the transport does not have */
#define HZ_CONN_CC_MAX  16

/* One connection at one moment. Bytes are payload bytes. */
struct hz_conn_info {
	struct hz_endpoint remote, local;
	uint32_t worker;
	uint8_t state;   /* enum hz_conn_state */
	uint8_t options; /* enum hz_conn_option */
	uint16_t mss_bytes;
	uint32_t srtt_us, rttvar_us; /* RFC 6298; srtt 0: no sample yet */
	uint32_t rto_us;             /* as backed off */
	uint32_t cwnd_bytes;
	uint32_t ssthresh_bytes; /* HZ_CONN_UNKNOWN: no loss yet */
	uint32_t in_flight_bytes;
	uint32_t send_queue_bytes;    /* written and not acknowledged, in flight included */
	uint32_t receive_queue_bytes; /* in order, not yet taken by the protocol */
	uint32_t retransmits;         /* segments sent again */
	uint64_t age_ns;              /* since the SYN */
	uint64_t idle_ns;             /* since the last segment of the peer */
	char cc[HZ_CONN_CC_MAX];      /* congestion control */
};

enum hz_conn_sort {
	HZ_CONN_SORT_AGE,
	HZ_CONN_SORT_CWND,
	HZ_CONN_SORT_RTT,
	HZ_CONN_SORT_RETRANSMITS,
	HZ_CONN_SORT_COUNT,
};
#define HZ_CONN_SORT_NAMES                                                                         \
	{                                                                                          \
		"age", "cwnd", "rtt", "retransmits"                                                \
	}

struct hz_conn_query {
	uint32_t states;     /* bit per enum hz_conn_state; 0: all */
	struct hz_addr peer; /* network of the other end; IPv4 is v4-mapped */
	uint8_t peer_bits;   /* 0..128 leading bits of peer that count; 0: all */
	uint8_t sort;        /* enum hz_conn_sort; the largest figure comes first */
	uint32_t limit;      /* 1..HZ_LIMIT_census_conns_max */
};

const char *hz_conn_state_name(enum hz_conn_state state);

bool hz_conn_query_matches(const struct hz_conn_query *query, const struct hz_conn_info *info);

/* The order of an answer: < 0 when a comes before b, > 0 when after, 0 only for the same connection. */
int hz_conn_query_compare(const struct hz_conn_query *query, const struct hz_conn_info *a,
                          const struct hz_conn_info *b);

/* ADDR or ADDR/LEN, LEN in bits of that family. 0 or -EINVAL; bits behind LEN must be 0. */
int hz_conn_peer_parse(const char *text, struct hz_conn_query *out);

#endif
