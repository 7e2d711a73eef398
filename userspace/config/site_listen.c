/* Section `listen`. */
#include "config/site_read.h"

#include "core/endpoint.h"
#include <string.h>

#define INTERFACE_MAX (sizeof(((struct hz_site_listen *)0)->interface) - 1)

/* Names the kernel accepts (dev_valid_name): no slash, no space, neither "." nor "..". */
static void interface_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_listen *listen = into;
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, INTERFACE_MAX, &text))
		return;
	if (memchr(text.data, '/', text.len) != NULL || memchr(text.data, ' ', text.len) != NULL ||
	    memchr(text.data, ':', text.len) != NULL ||
	    (text.data[0] == '.' && (text.len == 1 || (text.len == 2 && text.data[1] == '.')))) {
		hz_site_read_fail(r, key->value, "'%.*s' is no name of an interface",
		                  HZ_SITE_WORD(text));
		return;
	}
	memcpy(listen->interface, text.data, text.len);
}

static void address_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_listen *listen = into;
	char text[HZ_ENDPOINT_TEXT_MAX];
	struct hz_span word;

	if (!hz_site_read_word(r, key, 1, sizeof(text) - 1, &word))
		return;
	memcpy(text, word.data, word.len);
	text[word.len] = 0;
	if (hz_addr_parse(text, &listen->endpoint.addr) != 0)
		hz_site_read_fail(r, key->value,
		                  "'%.*s' is no address, for example 10.7.0.2 or \"2001:db8::2\"",
		                  HZ_SITE_WORD(word));
}

static void listen_port_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_listen *listen = into;
	uint64_t port;

	if (hz_site_read_count(r, key, 1, 65535, &port))
		listen->endpoint.port = (uint16_t)port;
}

static void class_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const names[] = HZ_SHED_CLASS_NAMES;
	struct hz_site_listen *listen = into;
	struct hz_span word;

	if (!hz_site_read_word(r, key, 1, 16, &word))
		return;
	for (uint8_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		if (word.len != strlen(names[i]) || memcmp(word.data, names[i], word.len) != 0)
			continue;
		listen->shed_class = i;
		return;
	}
	hz_site_read_fail(r, key->value, "'%.*s' is no class: bulk, gold or control",
	                  HZ_SITE_WORD(word));
}

static const struct hz_site_key listen_keys[] = {
	{ "interface", interface_read, true },
	{ "address", address_read, true },
	{ "port", listen_port_read, true },
	{ "class", class_read, false },
};

static void listen_duplicate_check(struct hz_site_reader *r, const struct hz_yaml_node *item,
                                   const struct hz_site_listen *listen)
{
	for (uint32_t i = 0; i < r->site->listen_count; i++) {
		const struct hz_site_listen *other = &r->site->listen[i];

		if (other->endpoint.port == listen->endpoint.port &&
		    memcmp(&other->endpoint.addr, &listen->endpoint.addr,
		           sizeof(other->endpoint.addr)) == 0) {
			char text[HZ_ENDPOINT_TEXT_MAX];

			hz_endpoint_print(&listen->endpoint, text);
			hz_site_read_fail(r, item, "%s is listened on already, at line %u", text,
			                  other->line);
			return;
		}
	}
}

void hz_site_listen_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_SITE_LISTENS_MAX);

	(void)into;
	for (const struct hz_yaml_node *item = list != NULL ? list->first : NULL; item != NULL;
	     item = item->next) {
		struct hz_site_listen listen = { .line = item->line };

		if (!hz_site_read_map(r, item, "an entry of 'listen'", listen_keys,
		                      HZ_ARRAY_LEN(listen_keys), &listen))
			continue;
		listen_duplicate_check(r, item, &listen);
		r->site->listen[r->site->listen_count++] = listen;
	}
}
