/* ICMP errors about segments of ours: what they quote must be a packet that we could have sent, RFC 5927
 * 4. That it belongs to a connection and is in flight, TCP judges. */
#include "net/net_in.h"

#include "net/flow_hash.h"
#include "net/host.h"
#include <string.h>

/* RFC 792, RFC 1191, RFC 1122 3.2.2.1; RFC 4443 3. */
enum {
	V4_UNREACHABLE = 3,
	V4_TIME_EXCEEDED = 11,
	V4_PARAMETER = 12,
	V6_UNREACHABLE = 1,
	V6_TOO_BIG = 2,
	V6_TIME_EXCEEDED = 3,
	V6_PARAMETER = 4,
	CODE_PROTOCOL = 2, /* of V4_UNREACHABLE, likewise the next two */
	CODE_PORT = 3,
	CODE_TOO_BIG = 4,
	CODE_ADMIN_6 = 1, /* of V6_UNREACHABLE, likewise the next */
	CODE_PORT_6 = 4,
};

#define MTU_MIN_4    68u   /* RFC 791 3.2 */
#define MTU_MIN_6    1280u /* RFC 8200 5: a router that says less is not to be believed, RFC 8201 4 */
#define QUOTED_BYTES 8u    /* of the TCP header: ports and sequence number */

struct quoted {
	const uint8_t *tcp;
	uint32_t packet_bytes; /* of the packet it is from */
};

static uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

/* 0: nothing we listen to, source quench among it (RFC 6633). */
static int kind_of(const struct hz_net_icmp *icmp, uint8_t *kind)
{
	uint8_t type = icmp->data[0], code = icmp->data[1];

	*kind = HZ_PATH_UNREACHABLE;
	if (icmp->is_v6) {
		if (type == V6_TOO_BIG)
			*kind = HZ_PATH_TOO_BIG;
		else if (type == V6_UNREACHABLE && (code == CODE_ADMIN_6 || code == CODE_PORT_6))
			*kind = HZ_PATH_REFUSED;
		return type >= V6_UNREACHABLE && type <= V6_PARAMETER;
	}
	if (type == V4_UNREACHABLE && code == CODE_TOO_BIG)
		*kind = HZ_PATH_TOO_BIG;
	else if (type == V4_UNREACHABLE && (code == CODE_PROTOCOL || code == CODE_PORT))
		*kind = HZ_PATH_REFUSED;
	return type == V4_UNREACHABLE || type == V4_TIME_EXCEEDED || type == V4_PARAMETER;
}

/* A whole first fragment of TCP without options, as we send it. */
static bool quote_read_4(const struct hz_net_icmp *icmp, struct hz_path_error *error,
                         struct quoted *quoted)
{
	struct hz_ip4_hdr ip;

	if (icmp->bytes < sizeof(struct hz_icmp_hdr) + sizeof(ip) + QUOTED_BYTES)
		return false;
	memcpy(&ip, icmp->data + sizeof(struct hz_icmp_hdr), sizeof(ip));
	if (ip.version_ihl != 0x45 || ip.protocol != HZ_IPPROTO_TCP ||
	    (__builtin_bswap16(ip.fragment) & 0x3fffu) != 0)
		return false;
	error->local = hz_ip4_mapped(ip.src);
	error->remote = hz_ip4_mapped(ip.dst);
	quoted->tcp = icmp->data + sizeof(struct hz_icmp_hdr) + sizeof(ip);
	quoted->packet_bytes = __builtin_bswap16(ip.total_bytes);
	return true;
}

static bool quote_read_6(const struct hz_net_icmp *icmp, struct hz_path_error *error,
                         struct quoted *quoted)
{
	struct hz_ip6_hdr ip;

	if (icmp->bytes < sizeof(struct hz_icmp_hdr) + sizeof(ip) + QUOTED_BYTES)
		return false;
	memcpy(&ip, icmp->data + sizeof(struct hz_icmp_hdr), sizeof(ip));
	if (ip.version_class_flow[0] >> 4 != 6 || ip.next_header != HZ_IPPROTO_TCP)
		return false;
	memcpy(&error->local, ip.src, sizeof(error->local));
	memcpy(&error->remote, ip.dst, sizeof(error->remote));
	quoted->tcp = icmp->data + sizeof(struct hz_icmp_hdr) + sizeof(ip);
	quoted->packet_bytes = __builtin_bswap16(ip.payload_bytes) + (uint32_t)sizeof(ip);
	return true;
}

/* The packet must be larger than what the router says is too large for it, and at least a segment. */
static bool mtu_read(const struct hz_net_icmp *icmp, const struct quoted *quoted, uint16_t *mtu)
{
	uint32_t least = icmp->is_v6 ? MTU_MIN_6 : MTU_MIN_4;
	uint32_t told = icmp->is_v6 ? load32(icmp->data + 4) : load16(icmp->data + 6);

	*mtu = 0;
	if (told == 0 && !icmp->is_v6)
		return true; /* a router from before RFC 1191 */
	if (told < least || told >= quoted->packet_bytes)
		return false;
	*mtu = (uint16_t)told;
	return true;
}

enum hz_net_verdict hz_icmp_error_in(const struct hz_net_frame *frame,
                                     const struct hz_net_icmp *icmp, struct hz_packet *out)
{
	struct hz_path_error error = { .is_v6 = icmp->is_v6 };
	struct quoted quoted;
	uint8_t ports[4];

	if (!kind_of(icmp, &error.kind) || !(icmp->is_v6 ? quote_read_6(icmp, &error, &quoted)
	                                                 : quote_read_4(icmp, &error, &quoted)))
		return hz_net_drop(frame, HZ_COUNTER_drop_icmp);
	/* Sent by the address that is told of it, to somebody else. */
	if (memcmp(&error.local, &icmp->dst, sizeof(error.local)) != 0 ||
	    hz_host_has(frame->port->host, &error.remote) ||
	    (error.kind == HZ_PATH_TOO_BIG && !mtu_read(icmp, &quoted, &error.mtu)))
		return hz_net_drop(frame, HZ_COUNTER_drop_icmp);
	error.local_port = load16(quoted.tcp);
	error.remote_port = load16(quoted.tcp + 2);
	error.seq = load32(quoted.tcp + 4);
	memcpy(ports, quoted.tcp + 2, 2); /* as the peer sends them */
	memcpy(ports + 2, quoted.tcp, 2);
	out->flow_hash = hz_flow_hash(frame->net, &error.remote, &error.local, ports, icmp->is_v6);
	out->error = error;
	return HZ_NET_PATH;
}
