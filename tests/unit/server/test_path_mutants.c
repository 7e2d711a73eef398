/* Paths that try to leave a tree of files, against a second opinion: what the file system itself would say of the
 * path, were it decoded once. No answer may hold a byte from outside the tree. */
#include "core/rng.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include "server/snapshot.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUTANTS 20000u

/* What lies in the tree; the content of each is its path. */
static const char *const inside[] = {
	"a.txt",    "docs/index.html", "docs/b.txt", "x;y",       "back\\slash",
	"docs/c d", "%2e%2e",          "b..",        "pct%2ftxt", "z../f"
};

struct tree {
	char dir[64];
	struct hz_snapshot *snapshot;
};

static void tree_file(const struct tree *tree, const char *path, const char *text)
{
	char full[256], *slash;
	FILE *to;

	snprintf(full, sizeof(full), "%s/%s", tree->dir, path);
	for (slash = strchr(full + strlen(tree->dir) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	to = fopen(full, "w");
	if (to == NULL || fputs(text, to) == EOF || fclose(to) != 0)
		abort();
}

static struct hz_snapshot *snapshot_of(const char *text)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_site *site = NULL;
	struct hz_snapshot *snapshot = NULL;
	struct hz_tune tune;
	struct hz_err err = { 0 };

	hz_tune_defaults(&tune);
	if (hz_site_parse(hz_span_text(text), &site, errors) == 0 &&
	    hz_snapshot_build(
		    &(struct hz_snapshot_conf){ .site = site, .tune = &tune, .generation = 1 },
		    &snapshot, &err) != 0) {
		fprintf(stderr, "%s\n", err.why);
		hz_site_free(site);
	}
	free(errors);
	return snapshot;
}

static bool tree_open(struct tree *tree, const char *paths)
{
	char text[512], path[128];

	snprintf(tree->dir, sizeof(tree->dir), "/tmp/hz-mutants-XXXXXX");
	if (mkdtemp(tree->dir) == NULL)
		return false;
	for (size_t i = 0; i < HZ_ARRAY_LEN(inside); i++) {
		snprintf(path, sizeof(path), "www/%s", inside[i]);
		tree_file(tree, path, inside[i]);
	}
	tree_file(tree, "secret", "secret");
	tree_file(tree, "wwwevil/secret", "secret");
	tree_file(tree, "www/..a", "secret"); /* hidden */
	snprintf(path, sizeof(path), "%s/www/link", tree->dir);
	if (symlink("../secret", path) != 0)
		return false;
	snprintf(text, sizeof(text), "routes:\n  - { match: GET /s/*path, files: %s/www%s }\n",
	         tree->dir, paths);
	tree->snapshot = snapshot_of(text);
	return tree->snapshot != NULL;
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tree_close(struct tree *tree)
{
	hz_snapshot_free(tree->snapshot);
	CU_ASSERT_EQUAL(nftw(tree->dir, entry_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- the second opinion ------------------------------------------------------------------------------------- */

struct opinion {
	uint16_t status;
	const char *content; /* of a 200 */
};

struct segments {
	unsigned count;
	char name[64][128];
};

/* Decodes one segment; false: not a path at all. An escaped slash is '\x01'. */
static bool segment_decode(const char *from, size_t len, char out[128])
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned byte = (unsigned char)from[i];
		char hex[3] = { 0 }, *end;

		if (byte == '%') {
			if (len - i < 3)
				return false;
			memcpy(hex, from + i + 1, 2);
			byte = (unsigned)strtoul(hex, &end, 16);
			if (end != hex + 2 || hex[0] == '+' || hex[0] == '-' || hex[0] == ' ')
				return false;
			i += 2;
			if (byte < 0x20 || byte == 0x7f)
				return false;
			if (byte == '/')
				byte = 1;
		}
		if (used == 127)
			return false;
		out[used++] = (char)byte;
	}
	out[used] = '\0';
	return true;
}

/* All segments of an absolute path, dots resolved as a stack. */
static bool segments_of(const char *path, struct segments *s)
{
	const char *at = path + 1;

	s->count = 0;
	for (;;) {
		const char *slash = strchrnul(at, '/');
		char *name = s->name[s->count];

		if (s->count == 63 || !segment_decode(at, (size_t)(slash - at), name))
			return false;
		if (strcmp(name, "..") == 0) {
			if (s->count == 0)
				return false;
			s->count--;
		} else if (strcmp(name, ".") != 0) {
			s->count++;
		}
		if (*slash == '\0') {
			/* A path that ends with a dot segment ends with a slash. */
			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
				s->name[s->count++][0] = '\0';
			return true;
		}
		at = slash + 1;
	}
}

static struct opinion opinion_of(const char *path)
{
	struct segments s;
	char joined[8192] = "";
	size_t used = 0;

	if (!segments_of(path, &s))
		return (struct opinion){ 400, NULL };
	if (s.count == 0 || strcmp(s.name[0], "s") != 0)
		return (struct opinion){ 404, NULL };
	for (unsigned i = 1; i < s.count; i++) {
		used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s",
		                         i > 1 ? "/" : "", s.name[i]);
	}
	if (s.count == 1) /* "/s" is another path than "/s/" */
		return (struct opinion){ 404, NULL };
	if (strchr(joined, 1) != NULL) /* an escaped slash in a wildcard */
		return (struct opinion){ 400, NULL };
	for (size_t i = 0; i < HZ_ARRAY_LEN(inside); i++) {
		if (strcmp(joined, inside[i]) == 0)
			return (struct opinion){ 200, inside[i] };
	}
	if (strcmp(joined, "docs/") == 0)
		return (struct opinion){ 200, "docs/index.html" };
	return (struct opinion){ strcmp(joined, "docs") == 0 ? 308 : 404, NULL };
}

/* --- mutants ------------------------------------------------------------------------------------------------- */

static const char *const pieces[] = {
	"/",
	"/",
	"/",
	"..",
	".",
	"%2e",
	"%2E%2e",
	"%2f",
	"%5c",
	"\\",
	"%00",
	"%",
	"%2",
	"%zz",
	"%252e",
	"%25%32%65",
	";",
	"//",
	"a.txt",
	"%61.txt",
	"docs",
	"docs/",
	"b.txt",
	"index.html",
	"..;",
	"...",
	"..%2f",
	"%c0%ae",
	"secret",
	"wwwevil",
	"link",
	"x;y",
	"back%5Cslash",
	"c%20d",
	"s",
	"s/",
	"~",
	"%7f",
	"%0a",
	"%252e%252e",
	"..a",
	"b..",
	"pct%252ftxt",
	"z..",
	"/f",
	"www",
	"%2e%2e/secret",
	"../",
	"/./",
	"/../",
};

static void mutant_write(struct hz_rng *rng, char out[1024])
{
	uint64_t count = 1 + hz_rng_below(rng, 9);
	size_t used = (size_t)snprintf(out, 1024, "%s", hz_rng_below(rng, 8) == 0 ? "/" : "/s/");

	for (uint64_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, 1024 - used, "%s",
		                         pieces[hz_rng_below(rng, HZ_ARRAY_LEN(pieces))]);
}

struct exchange {
	struct hz_http_req req;
	struct hz_http_resp resp;
	struct hz_env env;
	struct hz_arena arena;
	uint8_t memory[16384];
};

static void exchange_run(struct exchange *x, const struct hz_snapshot *snapshot, const char *path)
{
	struct hz_http_route route = { 0 };

	memset(x, 0, offsetof(struct exchange, memory));
	hz_arena_init(&x->arena, x->memory, sizeof(x->memory));
	x->req = (struct hz_http_req){ .method = HZ_HTTP_GET,
		                       .path = hz_span_text(path),
		                       .arena = &x->arena,
		                       .env = &x->env };
	if (hz_snapshot_app_ops.route(snapshot, &x->req, &x->resp, &route) == HZ_HTTP_NEXT)
		hz_snapshot_app_ops.handle(snapshot, &x->req, &x->resp);
}

static bool answer_is(const struct exchange *x, const struct opinion *wanted)
{
	struct hz_span body = { NULL, 0 };

	if (hz_http_resp_status(&x->resp) != wanted->status)
		return false;
	if (x->resp.prepared != NULL)
		body = x->resp.prepared->body;
	return wanted->content == NULL || hz_span_equals(body, hz_span_text(wanted->content));
}

static void mutant_gets_what_the_oracle_says(void)
{
	struct exchange *x = malloc(sizeof(*x));
	struct tree tree;
	unsigned seen[600] = { 0 };
	struct hz_rng rng;

	CU_ASSERT_FATAL(tree_open(&tree, ""));
	hz_rng_seed(&rng, 20);
	for (unsigned i = 0; i < MUTANTS; i++) {
		struct opinion wanted;
		char path[1024];

		mutant_write(&rng, path);
		wanted = opinion_of(path);
		exchange_run(x, tree.snapshot, path);
		seen[wanted.status]++;
		if (!answer_is(x, &wanted))
			fprintf(stderr, "%s: %u, oracle %u\n", path, hz_http_resp_status(&x->resp),
			        wanted.status);
		CU_ASSERT(answer_is(x, &wanted));
	}
	/* Each kind often enough to mean something. */
	CU_ASSERT(seen[200] > 100 && seen[308] > 20 && seen[400] > 1000 && seen[404] > 1000);
	tree_close(&tree);
	free(x);
}

/* With every leniency there is, what comes back is still of the tree. */
static void lenient_route_stays_inside(void)
{
	struct exchange *x = malloc(sizeof(*x));
	struct tree tree;
	unsigned found = 0;
	struct hz_rng rng;

	CU_ASSERT_FATAL(tree_open(&tree, ", paths: { duplicate_slashes: merge, encoded_slash: any, "
	                                 "trailing_slash: redirect }"));
	hz_rng_seed(&rng, 21);
	for (unsigned i = 0; i < MUTANTS; i++) {
		bool is_inside = false;
		char path[1024];

		mutant_write(&rng, path);
		exchange_run(x, tree.snapshot, path);
		if (hz_http_resp_status(&x->resp) == 308)
			CU_ASSERT(x->resp.extra.len > 12 &&
			          memcmp(x->resp.extra.data, "Location: /", 11) == 0 &&
			          x->resp.extra.data[11] != '/' && x->resp.extra.data[11] != '\\');
		if (hz_http_resp_status(&x->resp) != 200)
			continue;
		found++;
		for (size_t k = 0; k < HZ_ARRAY_LEN(inside); k++)
			is_inside |=
				hz_span_equals(x->resp.prepared->body, hz_span_text(inside[k]));
		CU_ASSERT(is_inside);
	}
	CU_ASSERT(found > 100);
	tree_close(&tree);
	free(x);
}

HZ_SUITE(path_mutants, CASE(mutant_gets_what_the_oracle_says), CASE(lenient_route_stays_inside));
