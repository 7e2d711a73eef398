/* Damaged sites: whatever the damage, an answer, and every error with its place. */
#include "config/site.h"

#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTANTS 4000u

static const char original[] =
	"# a site\n"
	"listen:\n"
	"  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
	"  - interface: eth2\n"
	"    address: \"2001:db8::2\"\n"
	"    port: 8080\n"
	"health: [{ port: 8081, path: /healthz, body: ok }, { port: 8082, protocol: udp },\n"
	"  { port: 80, from: [10.9.0.0/24, \"fd09::/64\"] }]\n"
	"limits: { header_bytes: 64KiB, header_count: 100, body_bytes: 1MiB,\n"
	"          requests_per_connection: 0 }\n"
	"routes:\n"
	"  - { name: hello, match: GET /hello, respond: { status: 200, body: \"h\xc3\xa9llo\\n\" } "
	"}\n"
	"  - { match: GET /u/:id/*rest, respond: { json: { id: \"{id}\", r: 'x{rest}{{}}' } } }\n"
	"  - name: echo\n"
	"    match: POST,PUT /echo\n"
	"    echo: { body: 1MiB }\n"
	"  - { match: GET /bytes/:n, bytes: { count: n, max: 10MiB } }\n";

static const char *const pieces[] = {
	"{",
	"}",
	"[",
	"]",
	": ",
	", ",
	"- ",
	"\n",
	"\t",
	"&a ",
	"*a",
	"!!str ",
	"<<: ",
	"|\n",
	">\n",
	"\"",
	"'",
	"#",
	"%",
	"---\n",
	"...\n",
	"?",
	"\xff",
	"\xc3",
	"\x01",
	"{{",
	"}}",
	"/",
	"/:id",
	"/*",
	":",
	"GET ",
	"0",
	"9999999999999999999999",
	"KiB",
	"routes:\n",
	"name: echo\n",
	"null",
};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* One change at a random place; returns the new length, which stays below room. */
static size_t mutate(uint64_t *state, char *text, size_t len, size_t room)
{
	size_t at = next_random(state) % (len + 1);
	size_t bytes = 1 + next_random(state) % 20;
	const char *piece = pieces[next_random(state) % HZ_ARRAY_LEN(pieces)];

	switch (next_random(state) % 5) {
	case 0: /* one byte becomes another */
		if (at < len)
			text[at] = (char)next_random(state);
		return len;
	case 1: /* some go */
		bytes = HZ_MIN(bytes, len - at);
		memmove(text + at, text + at + bytes, len - at - bytes);
		return len - bytes;
	case 2: /* the end goes */
		return at;
	case 3: /* some are doubled */
		bytes = HZ_MIN(bytes, HZ_MIN(len - at, room - len));
		memmove(text + at + bytes, text + at, len - at);
		return len + bytes;
	default: /* something comes between */
		bytes = strlen(piece);
		if (bytes > room - len)
			return len;
		memmove(text + at + bytes, text + at, len - at);
		memcpy(text + at, piece, bytes);
		return len + bytes;
	}
}

static bool error_has_place(const struct hz_site_error *error, size_t lines)
{
	return error->line >= 1 && error->line <= lines && error->column >= 1 &&
	       error->width >= 1 && error->text[0] != 0;
}

static bool mutant_is_answered(const char *text, size_t len, unsigned *accepted)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	uint8_t *copy = malloc(len + 1);
	size_t lines = 2, bytes; /* the end of the text may be on a line of its own */
	char *printed = NULL;
	FILE *to = open_memstream(&printed, &bytes);
	bool is_good;
	int err;

	memcpy(copy, text, len);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' || text[i] == '\r';
	/* YAML has more line breaks: NEL, LS and PS. */
	for (size_t i = 0; i + 1 < len; i++)
		lines += (uint8_t)text[i] == 0xc2 || (uint8_t)text[i] == 0xe2;
	err = hz_site_parse((struct hz_span){ copy, len }, &site, &errors);
	is_good = err == 0 ? site != NULL && errors.count == 0
	                   : err == -EINVAL && site == NULL && errors.count > 0;
	for (uint32_t i = 0; i < errors.count; i++)
		is_good = is_good && error_has_place(&errors.error[i], lines);
	hz_site_errors_print(to, "mutant", (struct hz_span){ copy, len }, &errors);
	fclose(to);
	*accepted += err == 0;
	hz_site_free(site);
	free(printed);
	free(copy);
	return is_good;
}

static void mutant_is_read_or_refused_with_places(void)
{
	unsigned accepted = 0, wrong = 0;

	for (unsigned i = 0; i < MUTANTS; i++) {
		char text[4096];
		size_t len = sizeof(original) - 1;
		uint64_t state = i * 7919u + 1;

		memcpy(text, original, len);
		for (unsigned n = 1 + i % 3; n > 0; n--)
			len = mutate(&state, text, len, sizeof(text));
		if (!mutant_is_answered(text, len, &accepted)) {
			wrong++;
			fprintf(stderr, "mutant %u:\n%.*s\n", i, (int)len, text);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	/* Damage must do damage, and not only that. */
	CU_ASSERT(accepted > MUTANTS / 100);
	CU_ASSERT(accepted < MUTANTS / 2);
}

static void every_beginning_of_a_site_is_answered(void)
{
	unsigned accepted = 0, wrong = 0;

	for (size_t len = 0; len < sizeof(original) - 1; len++)
		wrong += !mutant_is_answered(original, len, &accepted);
	CU_ASSERT_EQUAL(wrong, 0);
	accepted = 0;
	CU_ASSERT(mutant_is_answered(original, sizeof(original) - 1, &accepted));
	CU_ASSERT_EQUAL(accepted, 1);
}

HZ_SUITE(site_mutants, CASE(mutant_is_read_or_refused_with_places),
         CASE(every_beginning_of_a_site_is_answered));
