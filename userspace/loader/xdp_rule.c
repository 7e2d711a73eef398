#include "loader/xdp_rule.h"
#include "core/endpoint.h"
#include "loader/xdp_claims.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* Offset of the IP header; 0: there is none. */
static size_t ip_at(const uint8_t *frame, size_t bytes)
{
	size_t at = 12;

	while (bytes >= at + 6 && at < 20 &&
	       (get16(frame + at) == 0x8100 || get16(frame + at) == 0x88a8))
		at += 4;
	return bytes >= at + 2 && (get16(frame + at) == 0x0800 || get16(frame + at) == 0x86dd)
	               ? at + 2
	               : 0;
}

/* Destination of a packet whose ports follow the IP header at once; port 0: they do not. */
static bool key_read(const uint8_t *frame, size_t bytes, struct hz_claim_key *key)
{
	size_t l3 = ip_at(frame, bytes), l4;
	const uint8_t *ip = frame + l3;

	memset(key, 0, sizeof(*key));
	if (l3 == 0 || bytes < l3 + 20)
		return false;
	if (ip[0] >> 4 == 4) {
		key->addr.byte[10] = key->addr.byte[11] = 0xff;
		memcpy(key->addr.byte + 12, ip + 16, 4);
		key->protocol = ip[9];
		l4 = l3 + 20;
		if (ip[0] != 0x45)
			key->protocol = 0;
	} else {
		if (bytes < l3 + 40)
			return false;
		memcpy(key->addr.byte, ip + 24, 16);
		key->protocol = ip[6];
		l4 = l3 + 40;
	}
	if ((key->protocol == 6 || key->protocol == 17) && bytes >= l4 + 4)
		memcpy(&key->port, frame + l4 + 2, sizeof(key->port));
	return true;
}

static void claim_text(const struct hz_claim_key *key, const struct hz_claim *claim,
                       char out[HZ_XDP_RULE_MAX])
{
	struct hz_endpoint endpoint = { .addr = key->addr, .port = ntohs(key->port) };
	char text[HZ_ENDPOINT_TEXT_MAX];
	int path_bytes = HZ_MIN((int)claim->path_bytes, (int)sizeof(claim->path));

	hz_endpoint_print(&endpoint, text);
	snprintf(out, HZ_XDP_RULE_MAX, "claim %s:%s, %s", key->protocol == 6 ? "tcp" : "udp", text,
	         claim->kind == HZ_CLAIM_SITE ? "site" : "health");
	if (claim->kind == HZ_CLAIM_HEALTH)
		snprintf(out + strlen(out), HZ_XDP_RULE_MAX - strlen(out), " %.*s", path_bytes,
		         claim->path);
}

void hz_xdp_rule_text(int vips_fd, const uint8_t *frame, size_t bytes, char out[HZ_XDP_RULE_MAX])
{
	struct hz_claim_key key;
	struct hz_claim claim;
	char text[HZ_ENDPOINT_TEXT_MAX];

	out[0] = '\0';
	if (!key_read(frame, bytes, &key))
		return;
	if (key.port != 0 && bpf_map_lookup_elem(vips_fd, &key, &claim) == 0) {
		claim_text(&key, &claim, out);
		return;
	}
	hz_addr_print(&key.addr, text);
	key.port = 0;
	key.protocol = hz_addr_is_v4(&key.addr) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	snprintf(out, HZ_XDP_RULE_MAX, "%s is %s", text,
	         bpf_map_lookup_elem(vips_fd, &key, &claim) == 0
	                 ? "claimed, this port or protocol of it is not"
	                 : "not claimed");
}

bool hz_xdp_rule_claim(int vips_fd, const uint8_t *frame, size_t bytes, struct hz_claim *out)
{
	struct hz_claim_key key;

	return key_read(frame, bytes, &key) && key.port != 0 &&
	       bpf_map_lookup_elem(vips_fd, &key, out) == 0;
}

int hz_xdp_rule_sender(const uint8_t *frame, size_t bytes, struct hz_addr *out)
{
	size_t l3 = ip_at(frame, bytes);
	int version = l3 == 0 || bytes < l3 + 20 ? 0 : frame[l3] >> 4;

	*out = (struct hz_addr){ .byte = { [10] = 0xff, [11] = 0xff } };
	if (version == 4)
		memcpy(out->byte + 12, frame + l3 + 12, 4);
	else if (version == 6 && bytes >= l3 + 40)
		memcpy(out->byte, frame + l3 + 8, sizeof(out->byte));
	else
		version = 0;
	return version;
}

/* The entry of an address in the trie that counts. */
static bool entry_find(int acl_fd, int tries_fd, const void *key, struct hz_acl_entry *out)
{
	uint32_t zero = 0, slot, id;
	struct hz_acl acl;
	bool is_found;
	int fd;

	if (bpf_map_lookup_elem(acl_fd, &zero, &acl) != 0)
		return false;
	slot = acl.generation % HZ_ACL_SLOTS;
	if (bpf_map_lookup_elem(tries_fd, &slot, &id) != 0)
		return false;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return false;
	is_found = bpf_map_lookup_elem(fd, key, out) == 0;
	close(fd);
	return is_found;
}

bool hz_xdp_rule_source(int acl_fd, const int tries_fd[2], const uint8_t *frame, size_t bytes,
                        char out[HZ_XDP_RULE_MAX])
{
	static const char *const lists[] = HZ_SOURCE_LIST_NAMES;
	struct hz_acl_key6 key6 = { .prefixlen = 128 };
	struct hz_acl_key4 key4 = { .prefixlen = 32 };
	char source[HZ_ENDPOINT_TEXT_MAX], prefix[HZ_ENDPOINT_TEXT_MAX];
	struct hz_acl_entry entry;
	int version = hz_xdp_rule_sender(frame, bytes, &key6.addr);
	struct hz_addr net = key6.addr;
	uint32_t skip = version == 4 ? 96 : 0;

	memcpy(&key4.addr, key6.addr.byte + 12, sizeof(key4.addr));
	if (version == 0 ||
	    !entry_find(acl_fd, tries_fd[version == 6], version == 4 ? (const void *)&key4 : &key6,
	                &entry) ||
	    entry.list >= HZ_SOURCE_LISTS)
		return false;
	for (uint32_t bit = skip + entry.prefixlen; bit < 128; bit++)
		net.byte[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	hz_addr_print(&key6.addr, source);
	hz_addr_print(&net, prefix);
	snprintf(out, HZ_XDP_RULE_MAX, "%s is in %s/%u, which is on the %s list", source, prefix,
	         entry.prefixlen, lists[entry.list]);
	return true;
}
