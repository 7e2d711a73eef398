/* A list of sources. Every line is a prefix that a second, slower reader finds as
 * well, or an error with its place; what is kept is sorted, has no prefix twice and no bit beyond one. */
#include "config/source_lines.h"
#include "core/endpoint.h"
#include "fuzz_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX        4096
#define PREFIX_BYTES_MAX 49 /* an IPv6 address as long as can be, and /128 */

/* 1: a prefix, in *out; 0: nothing; -1: something else. By inet_pton and strtoul. */
static int line_read(const uint8_t *line, size_t len, struct hz_source_rule *out)
{
	char text[PREFIX_BYTES_MAX + 1], *slash, *end;
	size_t used = 0, from = 0;
	unsigned long bits;
	bool is_v4;

	while (used < len && line[used] != '#')
		used++;
	while (from < used && strchr(" \t\r", line[from]) != NULL && line[from] != 0)
		from++;
	while (used > from && strchr(" \t\r", line[used - 1]) != NULL && line[used - 1] != 0)
		used--;
	if (from == used)
		return 0;
	if (used - from > PREFIX_BYTES_MAX || memchr(line + from, 0, used - from) != NULL)
		return -1;
	memcpy(text, line + from, used - from);
	text[used - from] = 0;
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash = 0;
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->addr.byte + 12) == 1)
		memset(out->addr.byte + 10, 0xff, 2);
	else if (inet_pton(AF_INET6, text, out->addr.byte) != 1)
		return -1;
	is_v4 = hz_addr_is_v4(&out->addr);
	bits = is_v4 ? 32 : 128;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return -1;
		errno = 0;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != 0 || errno != 0 || bits > (is_v4 ? 32 : 128))
			return -1;
	}
	out->bits = (uint8_t)bits;
	for (size_t i = bits + (is_v4 ? 96 : 0); i < 128; i++)
		if ((out->addr.byte[i / 8] & (0x80 >> i % 8)) != 0)
			return -1;
	return 1;
}

static bool has(const struct hz_source_set *set, const struct hz_source_rule *rule)
{
	for (uint32_t i = 0; i < set->count; i++)
		if (set->entry[i].rule.bits == rule->bits &&
		    memcmp(&set->entry[i].rule.addr, &rule->addr, sizeof(rule->addr)) == 0)
			return true;
	return false;
}

/* The lines of text, one by one; how many were prefixes and how many were wrong. */
static void lines_walk(const uint8_t *data, size_t size, const struct hz_source_set *set,
                       unsigned *good, unsigned *bad)
{
	size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	*good = *bad = 0;
	while (at < size && *bad < HZ_SITE_ERRORS_MAX) {
		const uint8_t *stop = memchr(data + at, '\n', size - at);
		size_t len = stop != NULL ? (size_t)(stop - data) - at : size - at;
		struct hz_source_rule rule;
		int kind = line_read(data + at, len, &rule);

		FUZZ_HOLDS(kind != 1 || has(set, &rule));
		*good += kind == 1;
		*bad += kind == -1;
		at += len + 1;
	}
}

static void errors_check(const struct hz_site_errors *errors, unsigned bad)
{
	char *printed = NULL;
	size_t bytes;
	FILE *to = open_memstream(&printed, &bytes);

	FUZZ_HOLDS(errors->count == bad);
	for (uint32_t i = 0; i < errors->count; i++)
		FUZZ_HOLDS(errors->error[i].line > 0 && errors->error[i].column > 0 &&
		           errors->error[i].width > 0 && errors->error[i].text[0] != 0);
	hz_site_errors_print(to, "site.yaml", (struct hz_span){ NULL, 0 }, errors);
	fclose(to);
	for (size_t i = 0; i < bytes; i++)
		FUZZ_HOLDS((uint8_t)printed[i] >= 0x20 || printed[i] == '\n');
	free(printed);
}

static void settled_check(struct hz_source_set *set)
{
	uint32_t before = set->count;

	FUZZ_HOLDS(hz_source_set_settle(set) == NULL); /* all of one list */
	FUZZ_HOLDS(set->count <= before && (set->count > 0 || before == 0));
	for (uint32_t i = 1; i < set->count; i++) {
		const struct hz_source_rule *a = &set->entry[i - 1].rule;
		const struct hz_source_rule *b = &set->entry[i].rule;
		int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

		FUZZ_HOLDS(order < 0 || (order == 0 && a->bits < b->bits));
	}
}

int fuzz_sources_run(const uint8_t *data, size_t size)
{
	struct hz_site_errors errors = { .count = 0 };
	struct hz_source_set set = { .entry = NULL };
	unsigned good, bad, lines = 0;
	int err;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (lines > LINES_MAX) /* the second reader looks for each in all */
		return 0;
	err = hz_source_lines_parse((struct hz_span){ data, size }, "list", 1, HZ_SOURCE_DENY, &set,
	                            &errors);
	lines_walk(data, size, &set, &good, &bad);
	FUZZ_HOLDS(err == (bad > 0 ? -EINVAL : 0));
	FUZZ_HOLDS(set.count == good);
	errors_check(&errors, bad);
	settled_check(&set);
	hz_source_set_free(&set);
	return 0;
}

FUZZ_ENTRY(fuzz_sources_run)
