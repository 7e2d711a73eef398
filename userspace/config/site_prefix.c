/* Prefixes of addresses: `10.0.0.0/8`, `"2001:db8::/32"`; without bits one address. */
#include "config/site_read.h"

#include "core/endpoint.h"
#include "core/span_ops.h"
#include <string.h>

#define PREFIX_TEXT_MAX 49u /* an IPv6 address as long as can be, and /128 */

/* No bit is set beyond the prefix: who writes 10.0.0.1/8 means something else. */
static bool is_whole(const struct hz_addr *addr, uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++) {
		if ((addr->byte[i / 8] & (0x80u >> i % 8)) != 0)
			return false;
	}
	return true;
}

bool hz_site_prefix_parse(struct hz_span text, struct hz_mw_prefix *out)
{
	size_t slash = hz_span_find(text, '/');
	char addr[PREFIX_TEXT_MAX + 1];
	uint64_t bits, most;

	if (text.len == 0 || text.len > PREFIX_TEXT_MAX || memchr(text.data, 0, text.len) != NULL)
		return false;
	memcpy(addr, text.data, slash);
	addr[slash] = 0;
	if (hz_addr_parse(addr, &out->addr) != 0)
		return false;
	most = hz_addr_is_v4(&out->addr) ? 32 : 128;
	bits = most;
	if (slash < text.len && hz_span_u64(hz_span_skip(text, slash + 1), &bits) != 0)
		return false;
	if (bits > most || !is_whole(&out->addr, (uint32_t)bits + (most == 32 ? 96 : 0)))
		return false;
	out->bits = (uint8_t)bits;
	return true;
}

bool hz_site_read_prefix(struct hz_site_reader *r, const struct hz_yaml_node *item,
                         struct hz_mw_prefix *out)
{
	if (item->is_broken)
		return false;
	if (item->kind == HZ_YAML_SCALAR && hz_site_prefix_parse(item->text, out))
		return true;
	hz_site_read_fail(r, item,
	                  "'%.*s' is no prefix, as 10.0.0.0/8 or 2001:db8::/32, "
	                  "with no bit set beyond it",
	                  HZ_SITE_WORD(item->text));
	return false;
}
