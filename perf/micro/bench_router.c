/* What a lookup costs by kind and number of routes: host, decoding, policy, tree, parameters; and the walk of
 * the tree alone, in a path that was looked at before. Every lookup asks for
 * another route, in no order, so that the tree is as cold as its size makes it; the paths themselves lie
 * in the order in which they are asked for, as a received request lies in cache. Rounds are short, so
 * that most are not interrupted.
 *   bench_router [-r ROUTES] [-k KIND] [-n LOOKUPS] [-h HOSTS]    one line for each number and kind */
#include "core/base.h"
#include "core/clock.h"
#include "core/rng.h"
#include "router/route_table.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   80
#define ROUNDS     2001u
#define LOOKUPS    1000u
#define ASKS_MAX   16384u
#define METHOD_GET 1u

enum kind { STATIC, PARAMS, WILD, MISS, KINDS };
static const char *const kind_names[KINDS] = { "static", "two-param", "wildcard", "miss" };

struct ask {
	char path[TEXT_MAX];
	uint8_t bytes;
};

struct site {
	uint32_t routes, hosts;
	struct hz_route_conf *conf;
	char (*pattern)[TEXT_MAX];
	char (*host)[TEXT_MAX];
	struct hz_span *host_span;
	struct hz_route_table *table;
	struct hz_radix *radix;     /* the same without hosts and policy */
	struct hz_path_text *texts; /* [LOOKUPS] */
	double build_ms;
};

/* Route i: a third of each kind, as a site of services has them. */
static void route_text(char out[TEXT_MAX], uint32_t i, bool is_pattern, struct hz_rng *rng)
{
	uint32_t id = is_pattern ? 0 : (uint32_t)hz_rng_below(rng, 1000000);

	if (i % 3 == STATIC)
		snprintf(out, TEXT_MAX, "/api/v%u/service-%u/status", i % 7, i);
	else if (i % 3 == PARAMS && is_pattern)
		snprintf(out, TEXT_MAX, "/api/v%u/user-%u/:id/post/:slug", i % 7, i);
	else if (i % 3 == PARAMS)
		snprintf(out, TEXT_MAX, "/api/v%u/user-%u/%u/post/a-title-%u", i % 7, i, id,
		         id % 1000);
	else if (is_pattern)
		snprintf(out, TEXT_MAX, "/assets/%u/*path", i);
	else
		snprintf(out, TEXT_MAX, "/assets/%u/css/main-%u.css", i, id);
}

static int tree_open(struct site *site)
{
	struct hz_radix_route *routes = calloc(site->routes, sizeof(*routes));
	struct hz_radix_conflict conflict;
	int err = routes == NULL;

	for (uint32_t i = 0; err == 0 && i < site->routes; i++)
		routes[i] = (struct hz_radix_route){ .pattern = site->conf[i].pattern,
			                             .methods = METHOD_GET,
			                             .route = i,
			                             .forms = 1 };
	site->texts = calloc(LOOKUPS, sizeof(*site->texts));
	if (err == 0 && site->texts != NULL)
		err = hz_radix_build(routes, site->routes, 1, &site->radix, &conflict);
	free(routes);
	return err != 0 || site->texts == NULL;
}

static int site_open(struct site *site, const struct hz_clock *clock)
{
	struct hz_radix_conflict conflict;
	struct hz_rng rng = { { 0 } };
	uint64_t from;

	site->conf = calloc(site->routes, sizeof(*site->conf));
	site->pattern = calloc(site->routes, sizeof(*site->pattern));
	site->host = calloc(site->hosts + 1, sizeof(*site->host));
	site->host_span = calloc(site->hosts + 1, sizeof(*site->host_span));
	if (site->conf == NULL || site->pattern == NULL || site->host == NULL ||
	    site->host_span == NULL)
		return 1;
	for (uint32_t i = 0; i < site->hosts; i++) {
		int bytes = snprintf(site->host[i], TEXT_MAX, "www.shop-%u.example.org", i);

		site->host_span[i] = (struct hz_span){ (uint8_t *)site->host[i], (size_t)bytes };
	}
	for (uint32_t i = 0; i < site->routes; i++) {
		route_text(site->pattern[i], i, true, &rng);
		site->conf[i] = (struct hz_route_conf){
			.pattern = { (uint8_t *)site->pattern[i], strlen(site->pattern[i]) },
			.methods = METHOD_GET,
			.host = site->hosts > 0 ? &site->host_span[i % site->hosts] : NULL,
			.host_count = site->hosts > 0,
		};
	}
	from = hz_clock_now_ns(clock);
	if (hz_route_table_build(site->conf, site->routes, &site->table, &conflict) != 0) {
		fprintf(stderr, "bench_router: %s\n", conflict.why != NULL ? conflict.why : "?");
		return 1;
	}
	site->build_ms = (double)(hz_clock_now_ns(clock) - from) / 1e6;
	return tree_open(site);
}

static void site_close(struct site *site)
{
	hz_route_table_free(site->table);
	hz_radix_free(site->radix);
	free(site->texts);
	free(site->conf);
	free(site->pattern);
	free(site->host);
	free(site->host_span);
}

static void asks_fill(const struct site *site, enum kind kind, struct ask *asks, uint32_t *host,
                      struct hz_rng *rng)
{
	for (uint32_t i = 0; i < ASKS_MAX; i++) {
		uint32_t route = (uint32_t)hz_rng_below(rng, site->routes);

		route -= route % 3;
		route += kind == MISS ? route / 3 % 2 : kind;
		if (route >= site->routes)
			route = kind == MISS ? 0 : kind;
		route_text(asks[i].path, route, false, rng);
		/* Nearly all of the path is right. */
		if (kind == MISS)
			asks[i].path[strlen(asks[i].path) - (route % 3 == STATIC ? 1 : 13)] = '/';
		asks[i].bytes = (uint8_t)strlen(asks[i].path);
		host[i] = site->hosts > 0 ? route % site->hosts : 0;
	}
}

struct round {
	const struct site *site;
	const struct hz_clock *clock;
	enum kind kind;
	struct ask *asks;
	uint32_t *host;
	uint32_t first, lookups;
};

/* Nanoseconds per lookup; or a negative number when one is not as it must be. */
static double table_round(const struct round *round)
{
	enum hz_route_result want = round->kind == MISS ? HZ_ROUTE_NOT_FOUND : HZ_ROUTE_FOUND;
	uint64_t from = hz_clock_now_ns(round->clock);
	uint8_t memory[256];
	struct hz_arena arena;
	uint32_t wrong = 0;

	hz_arena_init(&arena, memory, sizeof(memory));
	for (uint32_t i = 0; i < round->lookups; i++) {
		uint32_t which = (round->first + i) % ASKS_MAX;
		const struct ask *one = &round->asks[which];
		struct hz_route_ask ask = {
			.method = METHOD_GET,
			.host = round->site->host_span[round->host[which]],
			.path = { (const uint8_t *)one->path, one->bytes },
			.arena = &arena,
		};
		struct hz_route_match match;

		wrong += hz_route_table_find(round->site->table, &ask, &match) != want;
	}
	return wrong > 0 ? -1 : (double)(hz_clock_now_ns(round->clock) - from) / round->lookups;
}

static double tree_round(const struct round *round)
{
	enum hz_radix_result want = round->kind == MISS ? HZ_RADIX_NOT_FOUND : HZ_RADIX_FOUND;
	const struct hz_radix_ask ask = { .method = METHOD_GET, .form = 1 };
	struct hz_path_text *texts = round->site->texts;
	struct hz_arena arena = { 0 };
	uint32_t wrong = 0, special;
	uint64_t from;

	for (uint32_t i = 0; i < LOOKUPS; i++) {
		const struct ask *one = &round->asks[(round->first + i) % ASKS_MAX];
		struct hz_span path = { (const uint8_t *)one->path, one->bytes };

		wrong += hz_path_text_set(&texts[i], path, &arena, &special) != 0;
	}
	from = hz_clock_now_ns(round->clock);
	for (uint32_t i = 0; i < LOOKUPS; i++) {
		struct hz_radix_match match;

		wrong += hz_radix_lookup(round->site->radix, &ask, &texts[i], &match) != want;
	}
	return wrong > 0 ? -1 : (double)(hz_clock_now_ns(round->clock) - from) / LOOKUPS;
}

static int double_compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/* Rounds of one kind, sorted. 0, or 1 when a lookup went wrong. */
static int rounds_run(struct round *round, double (*run)(const struct round *round),
                      uint32_t rounds, double ns[ROUNDS])
{
	for (uint32_t i = 0; i < rounds; i++) {
		round->first = i * LOOKUPS;
		ns[i] = run(round);
	}
	qsort(ns, rounds, sizeof(*ns), double_compare);
	return ns[0] < 0;
}

static int kind_run(const struct site *site, const struct hz_clock *clock, enum kind kind,
                    uint32_t lookups)
{
	uint32_t rounds = lookups == 0 ? ROUNDS : 1;
	struct round round = { .site = site, .clock = clock, .kind = kind };
	double *ns = calloc(2 * ROUNDS, sizeof(*ns)), *tree = ns + ROUNDS;
	int status = 1;
	struct hz_rng rng;

	round.asks = calloc(ASKS_MAX, sizeof(*round.asks));
	round.host = calloc(ASKS_MAX, sizeof(*round.host));
	round.lookups = lookups == 0 ? LOOKUPS : lookups;
	if (ns != NULL && round.asks != NULL && round.host != NULL) {
		hz_rng_seed(&rng, 7);
		asks_fill(site, kind, round.asks, round.host, &rng);
		status = rounds_run(&round, table_round, rounds, ns);
		if (status == 0 && lookups == 0)
			status = rounds_run(&round, tree_round, rounds, tree);
	}
	if (status != 0)
		fprintf(stderr, "bench_router: %s went wrong\n", kind_names[kind]);
	else
		printf("%6u routes %-9s %6.1f ns/lookup, %5.1f of them in the tree; median of %u "
		       "rounds (first tenth %.1f and %.1f)\n",
		       site->routes, kind_names[kind], ns[rounds / 2], tree[rounds / 2], rounds,
		       ns[rounds / 10], tree[rounds / 10]);
	free(round.asks);
	free(round.host);
	free(ns);
	return status;
}

static int site_run(uint32_t routes, uint32_t hosts, int kind, uint32_t lookups,
                    const struct hz_clock *clock)
{
	struct site site = { .routes = routes, .hosts = hosts };
	int status = site_open(&site, clock);

	if (status == 0)
		printf("%6u routes, %u hosts: built in %.2f ms, %zu bytes, %.0f per route\n",
		       routes, hosts, site.build_ms, hz_route_table_bytes(site.table),
		       (double)hz_route_table_bytes(site.table) / routes);
	for (int k = 0; status == 0 && k < KINDS; k++) {
		if (kind < 0 || kind == k)
			status = kind_run(&site, clock, (enum kind)k, lookups);
	}
	site_close(&site);
	return status;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 10, 1000, 10000 };
	uint32_t routes = 0, lookups = 0, hosts = 0;
	struct hz_clock clock;
	int option, kind = -1, status = 0;

	while ((option = getopt(argc, argv, "r:k:n:h:")) != -1) {
		uint32_t value = optarg == NULL ? 0 : (uint32_t)strtoul(optarg, NULL, 10);

		if (option == 'r')
			routes = value;
		else if (option == 'n')
			lookups = value;
		else if (option == 'h')
			hosts = value;
		else if (option == 'k')
			kind = (int)value % KINDS;
		else
			return 2;
	}
	hz_clock_open(&clock);
	for (size_t i = 0; status == 0 && i < HZ_ARRAY_LEN(sizes); i++) {
		if (routes == 0 || i == 0)
			status = site_run(routes == 0 ? sizes[i] : routes, hosts, kind, lookups,
			                  &clock);
	}
	return status;
}
