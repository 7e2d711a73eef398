/* Questions to rtnetlink: the route to an address, the neighbour on it. */
#include "net/neigh_kernel.h"

#include "core/endpoint.h"
#include "core/tsan.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOOD_NS      (30 * HZ_NS_PER_S) /* then asked again, and used meanwhile */
#define STALE_NS     (60 * HZ_NS_PER_S) /* then not used without an answer */
#define UNREACHED_NS (3 * HZ_NS_PER_S)
#define ASK_NS       (4 * HZ_NS_PER_S) /* the kernel gives up after three requests a second apart */
#define BUFFER_BYTES 4096
#define NUD_USABLE   (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

enum state {
	STATE_FREE,
	STATE_KNOWN,
	STATE_UNREACHABLE,
};

struct message {
	_Alignas(struct nlmsghdr) uint8_t bytes[BUFFER_BYTES];
};

/* --- shared table ------------------------------------------------------------------------------------ */

/* A copy that no write was in the middle of. False: it was being written. */
static bool way_read(const struct hz_neigh_kernel_way *way, struct hz_neigh_kernel_way *out)
{
	uint32_t before = __atomic_load_n(&way->seq, __ATOMIC_ACQUIRE);

	if ((before & 1) != 0)
		return false;
	memcpy(out, way, sizeof(*out));
	hz_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&way->seq, __ATOMIC_RELAXED) == before;
}

static void way_write(struct hz_neigh_kernel_way *way, const struct hz_neigh_kernel_way *in)
{
	uint32_t seq = way->seq;

	__atomic_store_n(&way->seq, seq + 1, __ATOMIC_RELAXED);
	hz_fence(__ATOMIC_RELEASE);
	way->state = in->state;
	way->told_ns = in->told_ns;
	way->remote = in->remote;
	way->local = in->local;
	memcpy(way->mac, in->mac, sizeof(way->mac));
	__atomic_store_n(&way->seq, seq + 2, __ATOMIC_RELEASE);
}

/* Housekeeping: that of remote, or the one told longest ago. */
static struct hz_neigh_kernel_way *way_for(struct hz_neigh_kernel *kernel,
                                           const struct hz_addr *remote)
{
	struct hz_neigh_kernel_way *best = &kernel->way[0];

	for (uint32_t i = 0; i < HZ_NEIGH_KERNEL_WAYS; i++) {
		struct hz_neigh_kernel_way *way = &kernel->way[i];

		if (way->state != STATE_FREE && memcmp(&way->remote, remote, sizeof(*remote)) == 0)
			return way;
		if (way->told_ns < best->told_ns)
			best = way;
	}
	return best;
}

static void question_put(struct hz_neigh_kernel *kernel, const struct hz_addr *remote)
{
	if (__atomic_load_n(&kernel->is_open, __ATOMIC_ACQUIRE) != 0)
		return; /* one at a time; who asks comes again */
	kernel->asked = *remote;
	kernel->asked_ns = kernel->env->now_ns;
	__atomic_store_n(&kernel->is_open, 1, __ATOMIC_RELEASE);
}

int hz_neigh_kernel_lookup(struct hz_neigh_kernel *kernel, const struct hz_addr *remote,
                           struct hz_addr *local, uint8_t mac[6])
{
	uint64_t now_ns = kernel->env->now_ns, age_ns;
	struct hz_neigh_kernel_way way;
	uint32_t i;

	for (i = 0; i < HZ_NEIGH_KERNEL_WAYS; i++)
		if (way_read(&kernel->way[i], &way) && way.state != STATE_FREE &&
		    memcmp(&way.remote, remote, sizeof(*remote)) == 0)
			break;
	if (i == HZ_NEIGH_KERNEL_WAYS) {
		question_put(kernel, remote);
		return -EAGAIN;
	}
	age_ns = now_ns > way.told_ns ? now_ns - way.told_ns
	                              : 0; /* told in the middle of our turn */
	if (way.state == STATE_UNREACHABLE && age_ns < UNREACHED_NS)
		return -EHOSTUNREACH;
	if (way.state == STATE_UNREACHABLE || age_ns >= GOOD_NS)
		question_put(kernel, remote);
	if (way.state == STATE_UNREACHABLE || age_ns >= STALE_NS)
		return -EAGAIN;
	*local = way.local;
	memcpy(mac, way.mac, sizeof(way.mac));
	return 0;
}

/* --- rtnetlink ------------------------------------------------------------------------------------------ */

static uint32_t addr_bytes(const struct hz_addr *addr)
{
	return hz_addr_is_v4(addr) ? 4 : 16;
}

static uint8_t family_of(const struct hz_addr *addr)
{
	return hz_addr_is_v4(addr) ? AF_INET : AF_INET6;
}

static void attribute_add(struct message *message, uint16_t type, const void *data, uint32_t bytes)
{
	struct nlmsghdr *header = (void *)message->bytes;
	struct rtattr *attribute = (void *)(message->bytes + NLMSG_ALIGN(header->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
	memcpy(RTA_DATA(attribute), data, bytes);
	header->nlmsg_len =
		NLMSG_ALIGN(header->nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
}

static void address_add(struct message *message, uint16_t type, const struct hz_addr *addr)
{
	uint32_t bytes = addr_bytes(addr);

	attribute_add(message, type, addr->byte + 16 - bytes, bytes);
}

static void request_begin(struct message *message, uint16_t type, uint16_t flags, const void *body,
                          uint32_t bytes)
{
	struct nlmsghdr *header = (void *)message->bytes;

	memset(message, 0, sizeof(*message));
	header->nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	memcpy(NLMSG_DATA(header), body, bytes);
}

/* Sends message and takes its answer in place: the kernel has it ready when send returns. 0, or what the
 * kernel said, or -EPROTO. */
static int exchange(struct hz_neigh_kernel *kernel, struct message *message, uint16_t want_type)
{
	struct nlmsghdr *header = (void *)message->bytes;
	const struct nlmsgerr *error = NLMSG_DATA(header);
	uint32_t sequence = ++kernel->sequence;
	ssize_t got;

	header->nlmsg_seq = sequence;
	if (send(kernel->fd, message, header->nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	do {
		got = recv(kernel->fd, message, sizeof(*message), MSG_DONTWAIT);
		if (got < (ssize_t)sizeof(*header))
			return got < 0 ? -errno : -EPROTO;
	} while (header->nlmsg_seq != sequence); /* left by one before */
	if (!NLMSG_OK(header, (size_t)got))
		return -EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) ? error->error : -EPROTO;
	return header->nlmsg_type == want_type ? 0 : -EPROTO;
}

/* The attribute of an answer whose own part has bytes; NULL: it has none of at least least bytes. */
static const void *attribute_find(const struct message *message, uint32_t bytes, uint16_t type,
                                  size_t least)
{
	const struct nlmsghdr *header = (const void *)message->bytes;
	const uint8_t *at = message->bytes + NLMSG_SPACE(bytes);
	size_t left;

	if (header->nlmsg_len < NLMSG_SPACE(bytes))
		return NULL;
	left = header->nlmsg_len - NLMSG_SPACE(bytes);
	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *attribute = (const void *)at;
		size_t step = RTA_ALIGN(attribute->rta_len);

		if (attribute->rta_len < sizeof(*attribute) || attribute->rta_len > left)
			return NULL;
		if (attribute->rta_type == type)
			return attribute->rta_len >= RTA_LENGTH(least) ? at + RTA_LENGTH(0) : NULL;
		if (step >= left)
			return NULL;
		at += step;
		left -= step;
	}
	return NULL;
}

static bool address_find(const struct message *message, uint16_t type, struct hz_addr *addr)
{
	uint32_t bytes = addr_bytes(addr); /* of the family that it has */
	const void *data = attribute_find(message, sizeof(struct rtmsg), type, bytes);

	if (data != NULL)
		memcpy(addr->byte + 16 - bytes, data, bytes);
	return data != NULL;
}

/* The next hop towards remote on the interface, and the source address. */
static int route_ask(struct hz_neigh_kernel *kernel, const struct hz_addr *remote,
                     struct hz_addr *hop, struct hz_addr *local)
{
	const struct rtmsg body = { .rtm_family = family_of(remote),
		                    .rtm_dst_len = (uint8_t)(addr_bytes(remote) * 8) };
	const struct rtmsg *answer;
	struct message message;
	const void *oif;
	uint32_t index;
	int err;

	request_begin(&message, RTM_GETROUTE, 0, &body, sizeof(body));
	/* Without RTA_OIF: with it the kernel takes whom it knows no route to for a neighbour. */
	address_add(&message, RTA_DST, remote);
	err = exchange(kernel, &message, RTM_NEWROUTE);
	if (err != 0)
		return err;
	answer = NLMSG_DATA((struct nlmsghdr *)(void *)message.bytes);
	oif = attribute_find(&message, sizeof(body), RTA_OIF, sizeof(index));
	if (oif == NULL || answer->rtm_type != RTN_UNICAST)
		return -EHOSTUNREACH;
	memcpy(&index, oif, sizeof(index));
	*hop = *local = *remote;
	(void)address_find(&message, RTA_GATEWAY, hop);
	if (index != kernel->ifindex || !address_find(&message, RTA_PREFSRC, local))
		return -EHOSTUNREACH;
	return 0;
}

/* Makes the kernel look for hop, or look again: what a packet of its own would do. */
static void neighbour_poke(struct hz_neigh_kernel *kernel, const struct hz_addr *hop)
{
	const struct ndmsg body = { .ndm_family = family_of(hop),
		                    .ndm_ifindex = (int)kernel->ifindex,
		                    .ndm_state = NUD_NONE,
		                    .ndm_flags = NTF_USE };
	struct message message;

	request_begin(&message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, &body, sizeof(body));
	address_add(&message, NDA_DST, hop);
	(void)exchange(kernel, &message,
	               NLMSG_ERROR); /* without the right to, it stays as it was */
}

/* 0, -EAGAIN: being looked for, or -EHOSTUNREACH. */
static int neighbour_ask(struct hz_neigh_kernel *kernel, const struct hz_addr *hop, uint8_t mac[6])
{
	const struct ndmsg body = { .ndm_family = family_of(hop),
		                    .ndm_ifindex = (int)kernel->ifindex };
	struct message message;
	const struct ndmsg *answer;
	const void *address;
	int err;

	request_begin(&message, RTM_GETNEIGH, 0, &body, sizeof(body));
	address_add(&message, NDA_DST, hop);
	err = exchange(kernel, &message, RTM_NEWNEIGH);
	if (err == -ENOENT) {
		neighbour_poke(kernel, hop);
		return -EAGAIN;
	}
	if (err != 0)
		return -EHOSTUNREACH;
	answer = NLMSG_DATA((struct nlmsghdr *)(void *)message.bytes);
	if ((answer->ndm_state & NUD_FAILED) != 0)
		return -EHOSTUNREACH;
	address = attribute_find(&message, sizeof(body), NDA_LLADDR, 6);
	if ((answer->ndm_state & NUD_USABLE) == 0 || address == NULL)
		return -EAGAIN;
	memcpy(mac, address, 6);
	if ((answer->ndm_state & NUD_STALE) != 0)
		neighbour_poke(kernel, hop);
	return 0;
}

void hz_neigh_kernel_turn(struct hz_neigh_kernel *kernel, uint64_t now_ns)
{
	struct hz_neigh_kernel_way way = { .told_ns = now_ns };
	struct hz_addr hop;
	int err;

	if (__atomic_load_n(&kernel->is_open, __ATOMIC_ACQUIRE) == 0)
		return;
	way.remote = kernel->asked;
	err = route_ask(kernel, &way.remote, &hop, &way.local);
	if (err == 0)
		err = neighbour_ask(kernel, &hop, way.mac);
	if (err == -EAGAIN && now_ns - kernel->asked_ns < ASK_NS)
		return;
	way.state = err == 0 ? STATE_KNOWN : STATE_UNREACHABLE;
	way_write(way_for(kernel, &way.remote), &way);
	__atomic_store_n(&kernel->is_open, 0, __ATOMIC_RELEASE);
}

int hz_neigh_kernel_open(uint32_t ifindex, struct hz_neigh_kernel **out)
{
	struct hz_neigh_kernel *kernel =
		aligned_alloc(_Alignof(struct hz_neigh_kernel), sizeof(*kernel));
	int err;

	if (kernel == NULL)
		return -ENOMEM;
	memset(kernel, 0, sizeof(*kernel));
	kernel->ifindex = ifindex;
	kernel->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (kernel->fd == -1) {
		err = -errno;
		free(kernel);
		return err;
	}
	*out = kernel;
	return 0;
}

void hz_neigh_kernel_close(struct hz_neigh_kernel *kernel)
{
	if (kernel == NULL)
		return;
	close(kernel->fd);
	free(kernel);
}
