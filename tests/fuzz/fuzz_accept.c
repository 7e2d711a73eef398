/* Accept-Encoding: field values, one per line. A second reader, which knows the grammar as a picture of each
 * element, finds the same weights. */
#include "fuzz_target.h"
#include "http/accept_coding.h"
#include <stdlib.h>
#include <string.h>

#define NOT_NAMED 9999u

struct opinion {
	unsigned weight[HZ_CODING_COUNT];
	unsigned any;
};

static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
			     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* "0.125" and so on, all of it. */
static bool weight_read(const char *text, unsigned *out)
{
	static const char *const pictures[] = { "0", "0.", "0.d", "0.dd", "0.ddd",
		                                "1", "1.", "1.0", "1.00", "1.000" };

	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
		const char *p = pictures[i];
		size_t at = 0;

		while (p[at] != '\0' &&
		       (p[at] == 'd' ? text[at] >= '0' && text[at] <= '9' : text[at] == p[at]))
			at++;
		if (p[at] != '\0' || text[at] != '\0')
			continue;
		*out = text[0] == '1' ? 1000 : 0;
		for (unsigned k = 2, unit = 100; k < at; k++, unit /= 10)
			*out += (unsigned)(text[k] - '0') * unit;
		return true;
	}
	return false;
}

static char *trimmed(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	for (len = strlen(text); len > 0 && strchr(" \t", text[len - 1]) != NULL; len--)
		text[len - 1] = '\0';
	return text;
}

static void lower(unsigned *place, unsigned weight)
{
	if (weight < *place)
		*place = weight;
}

static bool element_read(char *text, struct opinion *o)
{
	static const char *const names[] = { "identity", "gzip", "br", "zstd" };
	char *semicolon = strchr(text, ';'), *name;
	unsigned weight = 1000;

	if (semicolon != NULL)
		*semicolon = '\0';
	name = trimmed(text);
	if (*name == '\0' && semicolon == NULL)
		return true;
	if (*name == '\0' || name[strspn(name, tchars)] != '\0')
		return false;
	if (semicolon != NULL) {
		char *q = trimmed(semicolon + 1);

		if ((q[0] != 'q' && q[0] != 'Q') || q[1] != '=' || !weight_read(q + 2, &weight))
			return false;
	}
	if (strcmp(name, "*") == 0)
		lower(&o->any, weight);
	for (unsigned i = 0; i < HZ_CODING_COUNT; i++) {
		if (strcasecmp(name, names[i]) == 0 ||
		    (i == HZ_CODING_GZIP && strcasecmp(name, "x-gzip") == 0))
			lower(&o->weight[i], weight);
	}
	return true;
}

static bool line_read(char *line, struct opinion *o)
{
	bool is_good = true;

	for (char *next; line != NULL; line = next) {
		next = strchr(line, ',');
		if (next != NULL)
			*next++ = '\0';
		is_good = is_good && element_read(line, o);
	}
	return is_good;
}

static void opinion_check(char *text, const struct hz_accept_coding *got)
{
	struct opinion o = { .any = NOT_NAMED };
	bool is_good = true;

	for (unsigned i = 0; i < HZ_CODING_COUNT; i++)
		o.weight[i] = NOT_NAMED;
	for (char *next; text != NULL; text = next) {
		next = strchr(text, '\n');
		if (next != NULL)
			*next++ = '\0';
		is_good = line_read(text, &o) && is_good;
	}
	for (unsigned i = 0; i < HZ_CODING_COUNT; i++) {
		unsigned wanted = i == HZ_CODING_IDENTITY ? 1000 : 0;

		if (is_good && o.weight[i] != NOT_NAMED)
			wanted = o.weight[i];
		else if (is_good && o.any != NOT_NAMED)
			wanted = o.any;
		else if (is_good && i == HZ_CODING_IDENTITY)
			wanted = 1;
		FUZZ_HOLDS(got->weight[i] == wanted);
	}
}

int fuzz_accept_run(const uint8_t *data, size_t size)
{
	struct hz_http_req *req = calloc(1, sizeof(*req));
	struct hz_accept_coding got;
	char *text = malloc(size + 1), *exact = malloc(size + 1);
	size_t from = 0;

	if (req == NULL || text == NULL || exact == NULL)
		abort();
	memcpy(text, data, size);
	memcpy(exact, data, size);
	text[size] = '\0';
	exact = realloc(exact, size != 0 ? size : 1); /* so that a sanitizer sees over-reads */
	for (size_t i = 0; i <= size && req->header_count < HZ_LIMIT_header_count_max; i++) {
		if (i < size && data[i] != '\n')
			continue;
		req->header[req->header_count++] =
			(struct hz_http_header){ HZ_SPAN_LITERAL("accept-encoding"),
			                         { (uint8_t *)exact + from, i - from } };
		from = i + 1;
	}
	hz_accept_coding_read(req, &got);
	if (from == size + 1 && memchr(data, '\0', size) == NULL)
		opinion_check(text, &got);
	free(text);
	free(exact);
	free(req);
	return 0;
}

FUZZ_ENTRY(fuzz_accept_run)
