/* `hosts` of a route. The grammar is the router's (host_map.h); here an error has a place in the file. */
#include "config/site_route.h"

#include <arpa/inet.h>
#include <string.h>

#define NAME_BYTES_MAX  253u /* RFC 1035 2.3.4, as text */
#define LABEL_BYTES_MAX 63u

static bool is_label_byte(uint8_t c)
{
	/* '_' is in no host name (RFC 952), but in names that people do ask for. */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* "[::1]" */
static const char *literal_problem(struct hz_span name)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (name.len < 2 || name.len - 2 >= sizeof(text) || name.data[name.len - 1] != ']')
		return "no address in brackets";
	memcpy(text, name.data + 1, name.len - 2);
	text[name.len - 2] = 0;
	return inet_pton(AF_INET6, text, &addr) == 1 ? NULL : "no address in brackets";
}

static const char *labels_problem(struct hz_span name, uint32_t *labels)
{
	size_t label = 0;

	*labels = 1;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		if (c == '.' && label == 0)
			return "a label is empty";
		if (c == ':')
			return "a host is named without its port";
		if (c == '*')
			return "'*' stands for the first labels: *.example.org";
		if (c != '.' && !is_label_byte(c))
			return c >= 0x80 ? "a label beyond ASCII is written as xn--..."
			                 : "a label is made of letters, digits, '-' and '_'";
		label = c == '.' ? 0 : label + 1;
		*labels += c == '.';
		if (label > LABEL_BYTES_MAX)
			return "a label has at most 63 bytes";
	}
	return label == 0 ? "a label is empty" : NULL;
}

static const char *host_problem(struct hz_span name)
{
	bool is_wild = name.len >= 2 && name.data[0] == '*' && name.data[1] == '.';
	const char *problem;
	uint32_t labels;

	if (name.data[0] == '[')
		return literal_problem(name);
	if (is_wild)
		name = (struct hz_span){ name.data + 2, name.len - 2 };
	problem = labels_problem(name, &labels);
	return problem == NULL && is_wild && labels > HZ_LIMIT_host_labels_max
	               ? "a host with '*' has at most 16 labels"
	               : problem;
}

/* Names of hosts have no case (RFC 9110 4.2.3) and mean the same with a dot at their end. */
static struct hz_span host_clean(uint8_t *text, size_t len)
{
	if (text[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] |= 0x20;
	}
	return (struct hz_span){ text, len };
}

/* One name of the list into out; false after an error. */
static bool host_read(struct hz_site_reader *r, const struct hz_yaml_node *item,
                      const struct hz_span *before, uint32_t count, struct hz_span *out)
{
	const char *problem;
	uint8_t *text;

	if (item->kind != HZ_YAML_SCALAR || item->text.len == 0) {
		hz_site_read_fail(r, item, "an entry of 'hosts' must be the name of a host");
		return false;
	}
	text = hz_site_read_get(r, item->text.len);
	if (text == NULL)
		return false;
	memcpy(text, item->text.data, item->text.len);
	*out = host_clean(text, item->text.len);
	problem = out->len == 0               ? "a label is empty"
	          : out->len > NAME_BYTES_MAX ? "a name has at most 253 bytes"
	                                      : host_problem(*out);
	if (problem != NULL) {
		hz_site_read_fail(r, item, "'%.*s' is no host: %s", HZ_SITE_WORD(item->text),
		                  problem);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (before[i].len == out->len && memcmp(before[i].data, out->data, out->len) == 0) {
			hz_site_read_fail(r, item, "host '%.*s' again", HZ_SITE_WORD(item->text));
			return false;
		}
	}
	return true;
}

void hz_site_hosts_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *route_read)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, HZ_LIMIT_route_hosts_max);
	struct hz_site_route_read *rr = route_read;
	struct hz_span *hosts;
	uint32_t count = 0;

	if (list == NULL)
		return;
	if (list->count == 0) {
		hz_site_read_fail(r, key,
		                  "'hosts' needs a name; without the key a route is for "
		                  "any host");
		return;
	}
	hosts = hz_site_read_get(r, list->count * sizeof(*hosts));
	if (hosts == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL && r->err == 0;
	     item = item->next)
		count += host_read(r, item, hosts, count, &hosts[count]);
	rr->route->host = hosts;
	rr->route->host_count = count;
}
