/* A second opinion on the XDP program: packet and map contents in; verdict, reason and answer out.
 * Written from the READMEs and RFCs and not from the program, byte by byte, simple and slow; the
 * program's headers are not included. Numbers are in host order unless a struct of hz_abi.h says so. */
#ifndef HZ_MODEL_H
#define HZ_MODEL_H

#include "abi/cookie_syn.h"
#include "abi/hz_abi.h"
#include "wire.h"

#define MODEL_CLAIMS_MAX  24
#define MODEL_PROBERS_MAX 8
#define MODEL_RULES_MAX   16

/* A prefix in a list of sources; bits are those of the family. */
struct model_rule {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	bool is_v4;
	uint32_t bits;
	uint32_t slot; /* of two */
	uint32_t list; /* enum hz_source_list */
};

/* All that a verdict depends on beside the frame. */
struct model_world {
	struct hz_cfg cfg;
	struct hz_beat beat[HZ_WORKERS_MAX];
	struct hz_cookie_key key;
	struct hz_cookies cookies;
	struct hz_response resp[HZ_RESPONSES_MAX];
	struct hz_claim_key claim_key[MODEL_CLAIMS_MAX];
	struct hz_claim claim[MODEL_CLAIMS_MAX];
	uint32_t claim_count;
	struct hz_prober_key prober_key[MODEL_PROBERS_MAX];
	struct hz_claim prober[MODEL_PROBERS_MAX];
	uint32_t prober_count;
	struct model_rule rule[MODEL_RULES_MAX]; /* no prefix twice in a slot */
	uint32_t rule_count;
	uint32_t live; /* its lowest bit is the slot that counts */
	struct hz_source_rate rate;
	uint64_t client_due_ns[2]; /* the rig's clients of IPv4 and IPv6; 0: unknown */
	uint64_t echo_due_ns;      /* of every CPU */
	uint64_t shed_told_ns;     /* when a flow was refused in words last */
	uint32_t ifindex, queue;   /* where the frame comes in */
	bool has_socket;           /* on that queue */
	uint64_t now_ns;
};

struct model_verdict {
	enum hz_reason reason;
	struct wire out; /* the frame afterwards: the answer, or what came in */
};

/* What a frame is, as far as the model can tell. */
struct model_packet {
	const uint8_t *frame;
	size_t len;
	size_t l3, l4, end; /* offsets: IP header, what follows it, end of the packet */
	int version;
	uint8_t protocol;
	uint8_t from[16], to[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t source_port, port;
	bool to_group;
	bool has_options;       /* the ports lie behind them */
	bool is_first_fragment; /* with more to come */
};

/* clock_ns: when the program ran, which an answer to a SYN shows; beats are looked at as of world->now_ns. */
void model_run(const struct model_world *world, uint64_t clock_ns, const uint8_t *frame, size_t len,
               struct model_verdict *out);

/* HZ_REASON_COUNT: *out is filled, ask the claims. Else the reason it passes for. */
enum hz_reason model_parse(const uint8_t *frame, size_t len, struct model_packet *out);
/* The keyed hash of a flow that bind tells apart by purpose. */
uint32_t model_flow(const struct model_world *world, const struct model_packet *packet,
                    uint32_t bind);
/* Our sequence number in a health connection with the sender of this packet. isn: the client's, which
 * counts on a site's port; and in one that is refused with a 503. */
uint32_t model_shed_cookie(const struct model_world *world, const struct model_packet *packet,
                           uint32_t isn);
uint32_t model_cookie(const struct model_world *world, const struct model_packet *packet,
                      bool is_shared, uint32_t isn);

/* Our initial number for a SYN numbered irs, of a peer whose MSS is the size_index'th of the table (0..7), in this
 * period of 2^36 ns. */
uint32_t model_syn_cookie(const struct model_world *world, const struct model_packet *packet,
                          uint32_t irs, uint32_t size_index, uint64_t period);

/* --- the model's parts -------------------------------------------------------------------------- */

/* On which list the sender is: that of the longest prefix. */
uint32_t model_list_of(const struct model_world *world, const struct model_packet *packet);
/* Is this the opening of a flow too many? */
bool model_is_over_rate(const struct model_world *world, const struct model_packet *packet,
                        const struct hz_claim *claim, uint32_t list);
/* A segment that opens a flow, whatever FIN says beside it. */
bool model_is_syn(const struct model_packet *packet);

enum model_health { MODEL_READY, MODEL_NOT_READY, MODEL_DEAD };

/* What a probe shall learn of the whole server, and whether one worker's beat is too old. */
enum model_health model_health_of(const struct model_world *world);
bool model_beat_is_old(const struct model_world *world, const struct hz_beat *beat);
/* A packet to a health port, or of a prober to a site's: then HZ_REASON_COUNT is the worker's. */
enum hz_reason model_health(const struct model_world *world, const struct model_packet *packet,
                            const struct hz_claim *claim, bool is_shared, struct wire *out);
/* A packet to a site's port; HZ_REASON_COUNT is the worker's. */
enum hz_reason model_shed(const struct model_world *world, const struct model_packet *packet,
                          const struct hz_claim *claim, struct wire *out);
/* Does a connection go on after this request? */
bool model_keeps(const uint8_t *text, size_t len);
/* A packet that would go to a site's worker. */
enum hz_reason model_syn(const struct model_world *world, const struct model_packet *packet,
                         uint64_t clock_ns, struct wire *out);
uint64_t model_siphash(const struct hz_cookie_key *key, const uint8_t *data, size_t len);
enum hz_reason model_udp(const struct model_world *world, const struct model_packet *packet,
                         const struct hz_claim *claim, struct wire *out);
/* An ICMP or ICMPv6 packet to a claimed address. */
enum hz_reason model_echo(const struct model_world *world, const struct model_packet *packet,
                          struct wire *out);

/* A TCP segment back to the sender. */
struct model_segment {
	uint32_t seq, ack;
	uint8_t flags;
	const struct hz_response *answer; /* NULL: no payload */
	const uint8_t *options;
	size_t option_bytes; /* 0: with SYN an MSS of 1220, else none */
};
void model_answer_segment(const struct model_packet *packet, const struct model_segment *segment,
                          struct wire *out);
void model_answer_echo(const struct model_packet *packet, struct wire *out);
/* bytes of text in a datagram; *out is the frame so far. */
void model_answer_udp(const struct model_packet *packet, const uint8_t *text, size_t bytes,
                      struct wire *out);
/* An answer to it would go astray or to many. */
bool model_source_is_bogus(const struct model_packet *packet);

#endif
