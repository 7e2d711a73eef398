/* What can be said of a connection by looking only at its frames: every segment is checked when it is
 * sent, against everything that was ever delivered to its sender. */
#ifndef HZ_SIM_WIRE_H
#define HZ_SIM_WIRE_H

#include "core/base.h"
#include "tcp/tcp_hdr.h"

struct sim_seg {
	uint16_t src_port, dst_port;
	uint32_t seq, ack, window, bytes, option_bytes, l3_bytes;
	uint8_t flags;
	const uint8_t *payload;
	uint16_t mss; /* 0: no option */
	bool has_ts, has_scale, has_sack_permitted;
	uint8_t scale;
	uint32_t ts_val, ts_ecr;
	uint32_t sack_count;
	struct {
		uint32_t start, end;
	} sack[HZ_TCP_SACK_BLOCKS_MAX];
};

/* Reads a frame and verifies lengths, checksums and options. NULL, or what is wrong with it. */
const char *sim_wire_read(const uint8_t *frame, size_t bytes, struct sim_seg *seg);

/* One line for a trace. */
void sim_wire_print(const struct sim_seg *seg, uint32_t iss, uint32_t irs, char *to, size_t room);

/* One side of a connection, as a sender. Numbers are relative to its SYN's. */
struct sim_half {
	bool has_syn, has_ts, has_scale, has_sack, has_sent_data;
	uint8_t scale;
	uint16_t mss; /* as it announced */
	uint32_t iss;
	uint32_t sent_max;  /* end of the highest byte sent */
	uint32_t ack_max;   /* the highest ACK it sent */
	uint32_t edge_max;  /* and the highest right edge it offered */
	uint32_t una_seen;  /* the highest ACK delivered to it */
	uint32_t edge_seen; /* the highest edge delivered to it */
	uint32_t ts_last;
	/* What of its stream was delivered to the other side: a bit per byte. */
	uint64_t *arrived; /* owned */
	uint32_t stream_bytes;
	uint32_t arrived_next; /* the first byte that was not, as a number of the sequence space */
	bool has_fin_arrived;
};

struct sim_flow {
	struct sim_half half[2];
};

/* The length of the streams in both directions. 0 or -ENOMEM. */
int sim_flow_open(struct sim_flow *flow, uint32_t bytes0, uint32_t bytes1);
void sim_flow_close(struct sim_flow *flow); /* accepts a zeroed one */

/* What the sender's application did so far. */
struct sim_written {
	uint64_t key;
	uint32_t bytes;
	bool is_shut;
	uint32_t mtu; /* of its port */
};

/* A segment of side `from` goes onto the wire. NULL, or the rule it breaks. */
const char *sim_flow_sent(struct sim_flow *flow, unsigned from, const struct sim_seg *seg,
                          const struct sim_written *written);

/* A segment of side `from` reached the other one undamaged. */
void sim_flow_arrived(struct sim_flow *flow, unsigned from, const struct sim_seg *seg);

#endif
