/* What connections to the same next hop have in common: port, local address, link header. Each distinct
 * set is one record, shared and counted, so that a connection keeps a pointer instead of 50 bytes, and
 * what is sent finds it in one warm cache line. */
#ifndef HZ_TCP_PATH_H
#define HZ_TCP_PATH_H

#include "core/pool.h"
#include "net/packet.h"

struct hz_tcp;

struct hz_tcp_path {
	struct hz_tcp *tcp;
	struct hz_port *port;
	struct hz_addr local;
	uint8_t l2
		[HZ_L2_BYTES_MAX]; /* right-aligned, so that the copy in front of IP has a fixed size */
	uint8_t l2_bytes;
	uint8_t is_v6;
	uint32_t refs;
	uint32_t next; /* of the bucket: index + 1, 0: none */
};
_Static_assert(sizeof(struct hz_tcp_path) == 64, "one cache line");

struct hz_tcp_paths {
	struct hz_pool pool;
	uint32_t *bucket; /* owned; index + 1 of the first path */
	uint32_t mask;
	struct hz_tcp_path *last; /* found by the last get, NULL: gone */
};

/* Room for as many as there are connections, and one while a connection changes its path: get never
 * fails. 0 or -errno. */
int hz_tcp_paths_open(struct hz_tcp_paths *paths, uint32_t connections_max);
void hz_tcp_paths_close(struct hz_tcp_paths *paths); /* accepts a zeroed one */

/* The path of answers to packet, with one reference more. */
struct hz_tcp_path *hz_tcp_path_get(struct hz_tcp *tcp, const struct hz_packet *packet);
void hz_tcp_path_put(struct hz_tcp_path *path);

/* *path, one of these, becomes the path of answers to packet: the next hop has another address now. */
void hz_tcp_path_change(struct hz_tcp_path **path, const struct hz_packet *packet);

/* A record of the caller's own, for an answer that belongs to no connection. */
void hz_tcp_path_fill(struct hz_tcp_path *path, const struct hz_packet *packet);

static inline const uint8_t *hz_tcp_path_l2(const struct hz_tcp_path *path)
{
	return path->l2 + HZ_L2_BYTES_MAX - path->l2_bytes;
}

#endif
