/* The table of neighbours of a port with a host, and the way to somebody. */
#include "net/neigh.h"

#include "core/endpoint.h"
#include "core/siphash.h"
#include "net/host.h"
#include "net/ip_hdr.h"
#include "net/neigh_kernel.h"
#include <errno.h>
#include <string.h>

#define ASK_EVERY_NS HZ_NS_PER_S        /* RFC 1122 2.3.2.1: at most one a second */
#define FRESH_NS     (30 * HZ_NS_PER_S) /* then asked again, while it stays in use */
#define UNREACHED_NS (3 * HZ_NS_PER_S)  /* that long a neighbour that is silent is not asked */

enum state {
	STATE_FREE,
	STATE_ASKED, /* mac is unknown */
	STATE_KNOWN,
};

static struct hz_neigh_entry *set_of(struct hz_neigh *neigh, const struct hz_addr *addr)
{
	__u64 word[2];
	uint64_t hash;

	memcpy(word, addr->byte, sizeof(word));
	hash = hz_siphash(neigh->key[0], neigh->key[1], word, 2);
	return &neigh->entry[(hash & (HZ_NEIGH_SETS - 1)) * HZ_NEIGH_WAYS];
}

static struct hz_neigh_entry *find(struct hz_neigh *neigh, const struct hz_addr *addr)
{
	struct hz_neigh_entry *set = set_of(neigh, addr);

	for (uint32_t i = 0; i < HZ_NEIGH_WAYS; i++)
		if (set[i].state != STATE_FREE && memcmp(&set[i].addr, addr, sizeof(*addr)) == 0)
			return &set[i];
	return NULL;
}

/* A free entry, or that of its set whose last question is the oldest. */
static struct hz_neigh_entry *take(struct hz_neigh *neigh, const struct hz_addr *addr)
{
	struct hz_neigh_entry *set = set_of(neigh, addr), *best = &set[0];

	for (uint32_t i = 0; i < HZ_NEIGH_WAYS; i++) {
		if (set[i].state == STATE_FREE) {
			best = &set[i];
			break;
		}
		if (set[i].asked_ns < best->asked_ns)
			best = &set[i];
	}
	*best = (struct hz_neigh_entry){ .addr = *addr, .state = STATE_ASKED };
	return best;
}

bool hz_neigh_answer(struct hz_neigh *neigh, const struct hz_addr *addr, const uint8_t mac[6],
                     uint64_t now_ns)
{
	struct hz_neigh_entry *entry = find(neigh, addr);

	/* Only while a question is open: the first answer to it counts, and later ones only repeat it. */
	if (entry == NULL || entry->tries == 0 || now_ns - entry->asked_ns > ASK_EVERY_NS)
		return false;
	/* While a known one was asked alone, nobody else may answer for it. */
	if (entry->state == STATE_KNOWN && entry->tries < HZ_LIMIT_neighbour_tries_max &&
	    memcmp(entry->mac, mac, sizeof(entry->mac)) != 0)
		return false;
	memcpy(entry->mac, mac, sizeof(entry->mac));
	entry->state = STATE_KNOWN;
	entry->confirmed_ns = now_ns;
	entry->tries = 0;
	return true;
}

static void ask(struct hz_port *port, struct hz_neigh_entry *entry, const struct hz_addr *local,
                uint64_t now_ns)
{
	/* A known one is asked alone, RFC 4861 7.3.3 and RFC 1122 2.3.2.1; the last time everybody. */
	bool is_alone =
		entry->state == STATE_KNOWN && entry->tries + 1 < HZ_LIMIT_neighbour_tries_max;
	const uint8_t *to_mac = is_alone ? entry->mac : NULL;

	entry->asked_ns = now_ns;
	entry->tries++;
	if (hz_addr_is_v4(&entry->addr))
		hz_arp_ask(port, local, &entry->addr, to_mac);
	else
		hz_nd_ask(port, local, &entry->addr, to_mac);
}

/* Asks where it is time. 0: mac is good to use. */
static int resolve(struct hz_port *port, struct hz_neigh_entry *entry, const struct hz_addr *local,
                   uint64_t now_ns)
{
	uint64_t silent_ns = now_ns - entry->asked_ns;

	if (entry->state == STATE_KNOWN && now_ns - entry->confirmed_ns < FRESH_NS)
		return 0;
	if (entry->tries == HZ_LIMIT_neighbour_tries_max && silent_ns >= ASK_EVERY_NS) {
		entry->state = STATE_ASKED;
		if (silent_ns < UNREACHED_NS)
			return -EHOSTUNREACH;
		entry->tries = 0;
	}
	if (entry->tries == 0 || silent_ns >= ASK_EVERY_NS)
		ask(port, entry, local, now_ns);
	return entry->state == STATE_KNOWN ? 0 : -EAGAIN;
}

/* The next hop towards remote and our address beside it. */
static int hop_choose(const struct hz_host *host, const struct hz_addr *remote, struct hz_addr *hop,
                      struct hz_addr *local)
{
	static const struct hz_addr none;
	const struct hz_addr *gateway =
		hz_addr_is_v4(remote) ? &host->conf.gateway4 : &host->conf.gateway6;
	const struct hz_host_addr *own;

	if (hz_host_has(host, remote))
		return -EINVAL;
	*hop = *remote;
	own = hz_host_beside(host, remote);
	if (own == NULL) {
		if (memcmp(gateway, &none, sizeof(none)) == 0)
			return -EHOSTUNREACH;
		*hop = *gateway;
		own = hz_host_beside(host, gateway);
	}
	if (own == NULL)
		return -EHOSTUNREACH;
	*local = own->addr;
	return 0;
}

static void way_fill(const struct hz_port *port, const uint8_t mac[6], bool is_v4,
                     struct hz_neigh_way *out)
{
	uint16_t type = is_v4 ? HZ_ETHERTYPE_IP4 : HZ_ETHERTYPE_IP6;

	memcpy(out->l2, mac, 6);
	memcpy(out->l2 + 6, port->mac, 6);
	out->l2[12] = (uint8_t)(type >> 8);
	out->l2[13] = (uint8_t)type;
	out->l2_bytes = HZ_ETH_BYTES;
}

static int lookup_at_kernel(struct hz_port *port, const struct hz_addr *remote,
                            struct hz_neigh_way *out)
{
	uint8_t mac[6];
	struct hz_addr local;
	int err;

	if (port->neigh == NULL)
		return -EHOSTUNREACH;
	err = hz_neigh_kernel_lookup(port->neigh, remote, &local, mac);
	if (err != 0)
		return err;
	out->local = local;
	way_fill(port, mac, hz_addr_is_v4(remote), out);
	return 0;
}

int hz_neigh_lookup(struct hz_port *port, const struct hz_addr *remote, struct hz_neigh_way *out)
{
	struct hz_host *host = port->host;
	struct hz_neigh_entry *entry;
	struct hz_addr hop, local;
	int err;

	if (host == NULL)
		return lookup_at_kernel(port, remote, out);
	err = hop_choose(host, remote, &hop, &local);
	if (err != 0)
		return err;
	entry = find(&host->neigh, &hop);
	if (entry == NULL)
		entry = take(&host->neigh, &hop);
	err = resolve(port, entry, &local, host->env->now_ns);
	if (err != 0)
		return err;
	out->local = local;
	way_fill(port, entry->mac, hz_addr_is_v4(remote), out);
	return 0;
}
