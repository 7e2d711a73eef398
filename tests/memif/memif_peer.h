/* The other end of a memif: ARP, ping and one HTTP exchange, made of plain bytes, every frame that comes
 * looked at whole. */
#ifndef MEMIF_PEER_H
#define MEMIF_PEER_H

#include "port/port.h"

#define PEER_FRAME 2048u
#define PEER_IP    0x0a070001u
#define HZD_IP     0x0a070002u

struct peer {
	struct hz_port port;
	struct hz_slot slot;
	struct hz_worker worker;
	uint8_t hzd_mac[6]; /* of the last ARP answer */
	uint16_t next_port;
};

/* A client of the socket; EAL must run. NULL, or why not. */
const char *peer_open(struct peer *peer, const char *socket_path, unsigned serial);
void peer_close(struct peer *peer);

bool peer_send(struct peer *peer, const uint8_t *frame, size_t bytes);
/* The next frame, waiting up to ms; its length, 0: none. */
size_t peer_take(struct peer *peer, uint8_t frame[PEER_FRAME], unsigned ms);

/* Each NULL, or why not. peer_arp learns hzd's MAC; it repeats its request for as long as a link may take
 * to come up. */
const char *peer_arp(struct peer *peer);
const char *peer_ping(struct peer *peer, size_t bytes);
/* GET path on a connection of its own; the body must be body. */
const char *peer_get(struct peer *peer, const char *path, const char *body);
/* GET /bytes/N: N bytes, counted; every segment's checksum is right. */
const char *peer_get_bytes(struct peer *peer, uint32_t bytes);

/* The same over a path whose next hop takes mtu bytes, as it says in an ICMP error about the first larger
 * segment; from then on none may be larger. */
const char *peer_get_bytes_through(struct peer *peer, uint32_t bytes, uint16_t mtu);

#endif
