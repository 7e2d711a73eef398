/* boot/device, word by word. */
#include "config/device_text.h"

#include "core/base.h"
#include "core/endpoint.h"
#include "core/span_ops.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
	struct hz_device device;
	char *why;
	size_t why_bytes;
};

static int fail(struct reader *in, const char *format, ...) HZ_PRINTF(2, 3);

static int fail(struct reader *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->why, in->why_bytes, format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_set(const struct hz_addr *addr)
{
	static const struct hz_addr none;

	return memcmp(addr, &none, sizeof(none)) != 0;
}

/* What a host can have as its address: RFC 1122 3.2.1.3, RFC 4291 2.5 and 2.7. */
static bool is_unicast(const struct hz_addr *addr)
{
	static const uint8_t zero[15];

	if (hz_addr_is_v4(addr))
		return addr->byte[12] != 0 && addr->byte[12] != 127 && addr->byte[12] < 224;
	return addr->byte[0] != 0xff &&
	       !(memcmp(addr->byte, zero, sizeof(zero)) == 0 && addr->byte[15] <= 1);
}

static int ip_add(struct reader *in, const char *value)
{
	struct hz_host_conf *host = &in->device.host;
	struct hz_host_addr *to = &host->addr[host->addr_count];
	const char *slash = strchr(value, '/');
	char text[HZ_ENDPOINT_TEXT_MAX];
	uint64_t bits;

	if (host->addr_count == HZ_HOST_ADDRS_MAX)
		return fail(in, "at most %u ip=", HZ_HOST_ADDRS_MAX);
	if (slash == NULL || (size_t)(slash - value) >= sizeof(text))
		return fail(in, "ip=%.50s is not ADDR/BITS, like ip=10.7.0.2/24", value);
	snprintf(text, sizeof(text), "%.*s", (int)(slash - value), value);
	if (hz_addr_parse(text, &to->addr) != 0 || !is_unicast(&to->addr))
		return fail(in, "ip=%.50s: not an address a host can have", value);
	if (hz_span_u64(hz_span_text(slash + 1), &bits) != 0 || bits == 0 ||
	    bits > (hz_addr_is_v4(&to->addr) ? 32u : 128u))
		return fail(in, "ip=%.50s: the prefix length is out of range", value);
	to->prefix_bits = (uint8_t)bits;
	host->addr_count++;
	return 0;
}

static int gateway_set(struct reader *in, const char *value)
{
	struct hz_addr addr, *to;

	if (hz_addr_parse(value, &addr) != 0 || !is_unicast(&addr))
		return fail(in, "gateway=%.50s: not an address a router can have", value);
	to = hz_addr_is_v4(&addr) ? &in->device.host.gateway4 : &in->device.host.gateway6;
	if (is_set(to))
		return fail(in, "gateway=%.50s: there is one of this family already", value);
	*to = addr;
	return 0;
}

static int mac_set(struct reader *in, const char *value)
{
	static const uint8_t none[6];
	uint8_t mac[6];
	bool is_good = strlen(value) == 17;

	for (size_t i = 0; i < sizeof(mac) && is_good; i++) {
		int high = hz_hex_digit((uint8_t)value[i * 3]);
		int low = hz_hex_digit((uint8_t)value[i * 3 + 1]);

		is_good = high >= 0 && low >= 0 && (i == 5 || value[i * 3 + 2] == ':');
		mac[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
	}
	if (!is_good || (mac[0] & 1) != 0 || memcmp(mac, none, sizeof(mac)) == 0)
		return fail(in, "mac=%.50s is not a station's, like mac=02:00:00:00:00:02", value);
	memcpy(in->device.host.mac, mac, sizeof(mac));
	return 0;
}

static int queues_set(struct reader *in, const char *value)
{
	uint64_t count;

	if (hz_span_u64(hz_span_text(value), &count) != 0 || count == 0 ||
	    count > HZ_DEVICE_QUEUES_MAX)
		return fail(in, "queues=%.50s is not 1 to %u", value, HZ_DEVICE_QUEUES_MAX);
	in->device.queues = (uint32_t)count;
	return 0;
}

static int driver_word_add(struct reader *in, const char *key, const char *value)
{
	char *args = in->device.args;
	size_t used = strlen(args);

	snprintf(args + used, sizeof(in->device.args) - used, "%s%s=%s", used == 0 ? "" : ",", key,
	         value);
	return 0;
}

/* word: "KEY=VALUE", which is cut in two. */
static int word_take(struct reader *in, char *word)
{
	static const struct {
		const char *key;
		int (*take)(struct reader *in, const char *value);
	} ours[] = {
		{ "ip", ip_add },
		{ "gateway", gateway_set },
		{ "mac", mac_set },
		{ "queues", queues_set },
	};
	char *equals = strchr(word, '=');

	if (equals == NULL || equals == word || equals[1] == '\0')
		return fail(in, "'%.50s' is not KEY=VALUE", word);
	*equals = '\0';
	for (size_t i = 0; i < HZ_ARRAY_LEN(ours); i++)
		if (strcmp(word, ours[i].key) == 0)
			return ours[i].take(in, equals + 1);
	return driver_word_add(in, word, equals + 1);
}

static bool is_on_link(const struct hz_host_conf *host, const struct hz_addr *addr)
{
	for (uint32_t i = 0; i < host->addr_count; i++)
		if (hz_addr_is_within(addr, &host->addr[i].addr, host->addr[i].prefix_bits))
			return true;
	return false;
}

/* What can only be judged when all words are read. */
static int whole_check(struct reader *in)
{
	const struct hz_host_conf *host = &in->device.host;

	if (host->addr_count == 0)
		return fail(in, "%s has no ip=ADDR/BITS, and the kernel gives it none",
		            in->device.name);
	for (uint32_t i = 0; i < host->addr_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (memcmp(&host->addr[i].addr, &host->addr[k].addr,
			           sizeof(host->addr[i].addr)) == 0)
				return fail(in, "%s has the same ip= twice", in->device.name);
	if ((is_set(&host->gateway4) && !is_on_link(host, &host->gateway4)) ||
	    (is_set(&host->gateway6) && !is_on_link(host, &host->gateway6)))
		return fail(in, "%s: gateway= is within no prefix of its ip=", in->device.name);
	return 0;
}

int hz_device_text_parse(const char *text, struct hz_device *out, char *why, size_t why_bytes)
{
	struct reader in = { .device = { .queues = 1 }, .why = why, .why_bytes = why_bytes };
	char words[HZ_DEVICE_TEXT_MAX], *rest = words, *word;
	size_t bytes = strlen(text);
	int status = 0;

	if (bytes >= sizeof(words))
		return fail(&in, "a device has at most %zu characters", sizeof(words) - 1);
	if (strpbrk(text, " \t\r\n") != NULL)
		return fail(&in, "a device has no blanks");
	memcpy(words, text, bytes + 1);
	word = strsep(&rest, ",");
	if (word[0] == '\0' || strlen(word) >= sizeof(in.device.name) || strchr(word, '=') != NULL)
		return fail(&in, "'%.50s' is not a name of 1 to %zu characters", word,
		            sizeof(in.device.name) - 1);
	memcpy(in.device.name, word, strlen(word));
	while (status == 0 && (word = strsep(&rest, ",")) != NULL)
		status = word_take(&in, word);
	if (status == 0)
		status = whole_check(&in);
	if (status == 0)
		*out = in.device;
	return status;
}
