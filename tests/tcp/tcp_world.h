/* The real stack between a fake port and an application that a test directs, in virtual time. Segments
 * are described by numbers relative to the initial ones: the peer's SYN has seq 0, our SYN-ACK too.
 * Byte i of either stream has a fixed value, so that every payload is checked. */
#ifndef HZ_TCP_WORLD_H
#define HZ_TCP_WORLD_H

#include "core/cookie_keys.h"
#include "fake_port.h"
#include "net/packet.h"
#include "tcp/tcp.h"
#include "tcp/tcp_hdr.h"

#define WORLD_EVENTS_MAX 4096
#define WORLD_SACK_MAX   4
#define WORLD_FRAME_MAX  4096

/* One segment, either way. */
struct seg {
	uint32_t seq, ack; /* relative */
	uint32_t window;   /* as on the wire */
	uint32_t bytes;
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	bool has_ts, has_wscale, has_sackok;
	uint16_t mss; /* 0: no option */
	uint8_t wscale;
	uint32_t ts_val, ts_ecr;
	uint32_t sack_count;
	struct {
		uint32_t start, end;
	} sack[WORLD_SACK_MAX];
	/* injected only */
	bool has_bad_checksum;
	bool has_forged_payload; /* every byte inverted */
	uint8_t raw_options[40];
	uint8_t raw_option_bytes; /* instead of the above */
	uint8_t data_offset;      /* 0: the right one */
	uint32_t source_port;     /* 0: the usual one */
	const char *bad_payload;  /* first wrong byte, for captured ones */
};

enum app_event_kind {
	APP_OPEN,
	APP_DATA,
	APP_EOF,
	APP_WRITABLE,
	APP_TIMER,
	APP_CLOSE,
};

struct app_event {
	enum app_event_kind kind;
	uint32_t value; /* DATA: bytes shown; CLOSE: enum hz_close_why */
};

#define WORLD_OPENS_MAX 32

struct app {
	struct hz_stream *stream; /* NULL: no connection; our own opens from the start */
	struct hz_stream *opening[WORLD_OPENS_MAX]; /* on_open or on_close is due */
	uint32_t consume_max;                       /* per on_data call; UINT32_MAX: all */
	uint32_t read_offset;                       /* consumed so far */
	uint32_t write_offset;                      /* written so far */
	uint32_t write_left;                        /* to write as room comes */
	uint32_t reserve_bytes; /* 0: write(); else reserve/commit in pieces of this size */
	bool refuses;           /* on_open fails */
	bool is_idle;           /* says so when asked: may be evicted */
	bool is_single;         /* or fails while there is a connection */
	bool echo;              /* writes as many bytes as it consumes */
	bool shutdown_on_eof, shutdown_on_data, abort_on_data, shutdown_when_written;
	bool has_bad_data;
	uint32_t open_count, close_count;
	struct app_event event[WORLD_EVENTS_MAX];
	uint32_t event_first, event_count;
};

/* What lies before the frames that the peer sends. */
enum world_note {
	WORLD_NOTE_NONE,
	WORLD_NOTE_RIGHT, /* says MSS 1300, whatever the cookie says */
	WORLD_NOTE_FORGED,
	WORLD_NOTE_OF_OTHER_SEQ,
	WORLD_NOTE_OF_OTHER_ACK,
	WORLD_NOTE_OF_OTHER_PORT,
	WORLD_NOTE_OF_OTHER_SOURCE,
};

struct world {
	struct fake_port fake;
	struct hz_env env;
	struct hz_net net;
	struct hz_tcp *tcp;
	struct app app;
	uint64_t start_ns;
	bool is_v6;
	uint8_t tags;
	uint8_t peer_mac;          /* last byte of its address, ours ends with 2 */
	uint32_t isn_before;       /* isn_us of the SYN-ACK before the last */
	uint32_t isn_peer, isn_us; /* absolute */
	uint32_t ts_base_us;       /* subtracted from our timestamps: relative to the SYN-ACK's */
	uint32_t ts_last_us;       /* newest one seen, absolute */
	bool has_isn_us;
	enum hz_tcp_cc cc;
	uint32_t connections_max, time_wait_max;
	uint32_t our_port;                /* of the newest SYN that is ours, else the listener's */
	uint16_t lport_first, lport_last; /* struct hz_tcp_conf */
	uint8_t hop_limit, dscp;          /* struct hz_tcp_conf; checked in every frame */
	struct hz_tcp_keepalive keepalive;
	uint32_t worker_index, worker_count; /* we are one of several; 0: the only one */
	struct hz_cookies cookies;           /* shared with XDP, if has_xdp */
	bool has_xdp;
	enum world_note note;
	enum hz_tcp_cookie_mode cookie_mode;
	uint32_t half_open_max;
	bool is_exempt; /* the listener: overload sheds nothing of it */
};

/* Fill in is_v6, tags, connections_max and port fields before start. 0 or -errno. */
int world_open(struct world *world);
int world_start(struct world *world);
/* Returns the number of leaked packet buffers. */
uint32_t world_close(struct world *world);
/* As close and open, with the same port, which costs the most. Returns what leaked. */
uint32_t world_reset(struct world *world);

uint8_t world_peer_byte(uint32_t offset); /* of the peer's stream; offset 0 has seq 1 */
uint8_t world_our_byte(uint32_t offset);

/* Puts a frame on the wire towards the stack; world_turn lets it answer. */
void world_inject(struct world *world, const struct seg *seg);
/* The same in two steps: the frame, at most WORLD_FRAME_MAX bytes, and any frame at all. */
size_t world_frame(const struct world *world, const struct seg *seg, uint8_t *frame);
void world_inject_frame(struct world *world, const uint8_t *frame, size_t bytes);
void world_turn(struct world *world);

/* Runs timers up to now + ns, in order. */
void world_advance(struct world *world, uint64_t ns);

/* Shared by the files of the world: its application, addresses (2: ours, 1: the peer's), and the link header
 * of the peer's frames, returned is its end. */
extern const struct hz_proto_ops world_app_ops;
void world_address(const struct world *world, uint8_t last, struct hz_addr *addr);
uint8_t *world_link(const struct world *world, uint8_t *at);

/* world_xdp.c: keys; a SYN that XDP answered, of which the stack sees nothing; keys lost; the note about a frame,
 * written before it. */
void world_xdp_open(struct world *world);
void world_xdp_syn(struct world *world, const struct seg *syn);
void world_xdp_forget(struct world *world);
void world_xdp_note(const struct world *world, const struct hz_packet *packet);

/* True once for each of our own opens: when it is told how it went. */
bool world_opening_end(struct app *app, const struct hz_stream *s);

/* Opens a connection from local_port (0: chosen) to the peer's port. 0 or -errno of hz_tcp_connect. */
int world_connect(struct world *world, uint16_t local_port, uint16_t peer_port);

/* An ICMP error about a segment of ours with this relative number. What hz_tcp_icmp_in returned. */
bool world_icmp(struct world *world, enum hz_tcp_icmp_kind kind, uint32_t seq, uint32_t mtu);

/* The next captured segment. 1: *seg is filled; 0: none; -1: malformed, *why says it. */
int world_capture(struct world *world, struct seg *seg, const char **why);

/* Writes as the application: queued until there is room. */
void world_app_write(struct world *world, uint32_t bytes);

#endif
