#include "tcp/tcp_lport.h"

#include "net/flow_hash.h"
#include "tcp/tcp_listen.h"
#include "tcp/tcp_stack.h"
#include <errno.h>

/* RFC 6056 3.3.3: F(local address, remote address, remote port, secret). The tuple has no local port yet,
 * so that no initial sequence number comes from the same input. */
static uint32_t offset_of(const struct hz_tcp *tcp, const struct hz_packet *packet)
{
	__u64 k[2], word[5] = { 0 };
	struct hz_tcp_key key;

	hz_tcp_key_of(packet, &key);
	memcpy(k, tcp->conf.secret, sizeof(k));
	memcpy(word, &key, sizeof(key));
	return (uint32_t)hz_siphash(k[0], k[1], word, 5);
}

static void port_set(const struct hz_tcp *tcp, struct hz_packet *packet, uint16_t local)
{
	packet->l4[2] = (uint8_t)(local >> 8);
	packet->l4[3] = (uint8_t)local;
	packet->flow_hash = hz_flow_hash(&tcp->conf.net, &packet->src, &packet->dst, packet->l4,
	                                 packet->is_v6 != 0);
}

/* Its answers come to this worker, and would be taken for nothing else. */
static int check(const struct hz_tcp *tcp, const struct hz_packet *packet, uint16_t local)
{
	if (tcp->conf.is_ours != NULL &&
	    !tcp->conf.is_ours(tcp->conf.is_ours_ctx, packet->port, packet->flow_hash))
		return -EADDRNOTAVAIL;
	if (hz_tcp_listen_has(tcp, &packet->dst, local) ||
	    hz_tcp_lookup(tcp, packet) != HZ_TCP_REF_NONE)
		return -EADDRINUSE;
	return 0;
}

int hz_tcp_lport_choose(struct hz_tcp *tcp, struct hz_packet *packet, uint16_t wanted)
{
	uint32_t first = tcp->conf.lport_first, count = tcp->conf.lport_last - first + 1, offset;

	port_set(tcp, packet, wanted);
	if (wanted != 0)
		return check(tcp, packet, wanted);
	offset = offset_of(tcp, packet);
	for (uint32_t tries = 0; tries < count; tries++) {
		uint16_t local = (uint16_t)(first + (tcp->lport_next++ + offset) % count);

		if (local == 0)
			continue;
		port_set(tcp, packet, local);
		if (check(tcp, packet, local) == 0)
			return 0;
	}
	return -EADDRNOTAVAIL;
}
