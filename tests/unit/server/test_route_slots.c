/* Slots of latency by route: who keeps one, who gets whose, and what is in it then. */
#include "core/rcu.h"
#include "hz_test.h"
#include "server_rig.h"
#include <stdlib.h>
#include <string.h>

#define WORKERS 2u

/* What outlives a server, as the maps do. */
static struct hz_route_name names[HZ_ROUTE_SLOTS];
static struct hz_route_hist hists[WORKERS * HZ_ROUTE_SLOTS];

/* Routes rFIRST to rLAST. */
static const char *site_of(unsigned first, unsigned last)
{
	static char text[64 * 400];
	size_t used;

	used = (size_t)snprintf(text, sizeof(text), "routes:\n");
	for (unsigned i = first; i <= last; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"  - { name: r%u, match: GET /%u, respond: { body: x } }\n", i, i);
	return text;
}

static struct server_rig *rig_open_site(const char *site)
{
	struct server_rig *rig = server_rig_open(site);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	rig->server.shared.route_names = names;
	rig->server.shared.route_latency = hists;
	rig->server.shared.route_workers = WORKERS;
	hz_server_routes_name(&rig->server, rig->server.app.snapshot);
	return rig;
}

static struct server_rig *rig_open(unsigned first, unsigned last)
{
	return rig_open_site(site_of(first, last));
}

static void begin_empty(void)
{
	memset(names, 0, sizeof(names));
	memset(hists, 0, sizeof(hists));
}

static bool reload_to_site(struct server_rig *rig, const char *site)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;
	int status;

	hz_rcu_reader_register();
	status = server_rig_site_write(rig, site);
	if (status == 0)
		status = hz_server_reload(&rig->server, &result, &err);
	hz_rcu_reader_unregister();
	json_decref(result);
	if (status != 0)
		printf("# %s\n", err.why);
	return status == 0;
}

static bool reload_to(struct server_rig *rig, unsigned first, unsigned last)
{
	return reload_to_site(rig, site_of(first, last));
}

static unsigned slot_of(const struct server_rig *rig, unsigned number)
{
	const struct hz_snapshot *snapshot = rig->server.app.snapshot;
	char name[16];

	snprintf(name, sizeof(name), "r%u", number);
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		if (strcmp(snapshot->site->route[i].name, name) == 0)
			return snapshot->routes[i].slot;
	}
	return HZ_ROUTE_SLOTS;
}

static bool is_named(unsigned slot, unsigned number)
{
	char name[16];

	snprintf(name, sizeof(name), "r%u", number);
	return slot > 0 && slot < HZ_ROUTE_SLOTS && strcmp(names[slot].name, name) == 0;
}

static void answers_add(unsigned slot, unsigned count)
{
	for (unsigned i = 0; i < WORKERS; i++)
		hists[i * HZ_ROUTE_SLOTS + slot].answers[1] += count;
}

static bool has_answers(unsigned slot, unsigned count)
{
	return hists[slot].answers[1] == count && hists[HZ_ROUTE_SLOTS + slot].answers[1] == count;
}

static void name_keeps_slot_and_figures_over_reloads_and_restarts(void)
{
	struct server_rig *rig;
	unsigned kept, gone;

	begin_empty();
	rig = rig_open(1, 3);
	kept = slot_of(rig, 2);
	gone = slot_of(rig, 1);
	CU_ASSERT(is_named(gone, 1) && is_named(kept, 2) && is_named(slot_of(rig, 3), 3));
	answers_add(kept, 5);
	answers_add(gone, 7);
	CU_ASSERT(reload_to(rig, 2, 4));
	CU_ASSERT_EQUAL(slot_of(rig, 2), kept);
	CU_ASSERT(is_named(slot_of(rig, 4), 4));
	CU_ASSERT_NOT_EQUAL(slot_of(rig, 4), gone); /* others are free */
	CU_ASSERT(is_named(gone, 1) && has_answers(gone, 7) && has_answers(kept, 5));
	CU_ASSERT_EQUAL(names[kept].generation, 2);
	CU_ASSERT_EQUAL(names[gone].generation, 1);
	server_rig_close(rig);
	rig = rig_open(1, 2);
	CU_ASSERT_EQUAL(slot_of(rig, 1), gone);
	CU_ASSERT_EQUAL(slot_of(rig, 2), kept);
	CU_ASSERT(has_answers(gone, 7) && has_answers(kept, 5));
	server_rig_close(rig);
}

static void route_beyond_the_slots_is_counted_with_those_of_none(void)
{
	struct server_rig *rig;

	begin_empty();
	rig = rig_open(1, HZ_ROUTE_SLOTS + 2);
	for (unsigned i = 1; i < HZ_ROUTE_SLOTS; i++)
		CU_ASSERT(is_named(slot_of(rig, i), i));
	for (unsigned i = HZ_ROUTE_SLOTS; i <= HZ_ROUTE_SLOTS + 2; i++)
		CU_ASSERT_EQUAL(slot_of(rig, i), 0);
	CU_ASSERT_EQUAL(names[0].name[0], '\0');
	server_rig_close(rig);
}

/* Those gone longest first, and what they had counted is not the new name's. */
static void slot_of_a_name_that_is_gone_begins_anew(void)
{
	const unsigned all = HZ_ROUTE_SLOTS - 1;
	struct server_rig *rig;
	unsigned first, second;

	begin_empty();
	rig = rig_open(1, all);
	first = slot_of(rig, 1);
	second = slot_of(rig, 2);
	answers_add(first, 5);
	answers_add(second, 5);
	CU_ASSERT(reload_to(rig, 2, all)); /* r1 goes, then r2 */
	hz_server_reclaim(&rig->server);
	CU_ASSERT(reload_to(rig, 3, all));
	hz_server_reclaim(&rig->server);
	CU_ASSERT(reload_to(rig, 3, all + 1));
	CU_ASSERT_EQUAL(slot_of(rig, all + 1), first);
	CU_ASSERT(is_named(first, all + 1) && has_answers(first, 0));
	CU_ASSERT(is_named(second, 2) && has_answers(second, 5));
	server_rig_close(rig);
}

/* A server's own generations begin at 1 with each start. */
static void slot_gone_longest_is_so_over_a_restart(void)
{
	const unsigned all = HZ_ROUTE_SLOTS - 1;
	unsigned first, second;
	struct server_rig *rig;

	begin_empty();
	rig = rig_open(1, all);
	first = slot_of(rig, 1);
	second = slot_of(rig, 2);
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT(reload_to(rig, 1, all));
	CU_ASSERT(reload_to(rig, 2, all)); /* r1 goes */
	server_rig_close(rig);
	rig = rig_open(2, all);
	CU_ASSERT(reload_to(rig, 3, all)); /* r2 goes, in the second generation of this server */
	hz_server_reclaim(&rig->server);
	CU_ASSERT(reload_to(rig, 3, all + 1));
	CU_ASSERT_EQUAL(slot_of(rig, all + 1), first);
	CU_ASSERT(is_named(second, 2));
	server_rig_close(rig);
}

/* Wherever it stands in the file, and whatever stands above it. */
static void route_without_a_name_keeps_its_figures_over_a_reload(void)
{
	const struct hz_snapshot *snapshot;
	struct server_rig *rig;
	unsigned slot;

	begin_empty();
	rig = rig_open_site("routes:\n  - { match: GET /a, respond: { body: x } }\n");
	snapshot = rig->server.app.snapshot;
	slot = snapshot->routes[0].slot;
	CU_ASSERT_STRING_EQUAL(names[slot].name, "GET /a");
	answers_add(slot, 5);
	CU_ASSERT(reload_to_site(rig, "routes:\n"
	                              "  - { match: GET /new, respond: { body: x } }\n"
	                              "  - { match: GET /a, respond: { body: x } }\n"));
	snapshot = rig->server.app.snapshot;
	CU_ASSERT_EQUAL(snapshot->routes[1].slot, slot);
	CU_ASSERT_NOT_EQUAL(snapshot->routes[0].slot, slot);
	CU_ASSERT_STRING_EQUAL(names[snapshot->routes[0].slot].name, "GET /new");
	CU_ASSERT(has_answers(slot, 5) && has_answers(snapshot->routes[0].slot, 0));
	server_rig_close(rig);
}

static void slot_of_a_request_under_way_is_not_given_away(void)
{
	const unsigned all = HZ_ROUTE_SLOTS - 1;
	struct hz_snapshot *held;
	struct server_rig *rig;
	unsigned first;

	begin_empty();
	rig = rig_open(1, all);
	first = slot_of(rig, 1);
	held = rig->server.app.snapshot;
	held->pins[0].count = 1;
	CU_ASSERT(reload_to(rig, 2, all));
	hz_server_reclaim(&rig->server);
	CU_ASSERT(reload_to(rig, 2, all + 1));
	CU_ASSERT_EQUAL(slot_of(rig, all + 1), 0);
	CU_ASSERT(is_named(first, 1));
	held->pins[0].count = 0;
	hz_server_reclaim(&rig->server);
	CU_ASSERT(reload_to(rig, 2, all + 1));
	CU_ASSERT_EQUAL(slot_of(rig, all + 1), first);
	server_rig_close(rig);
}

HZ_SUITE(route_slots, CASE(name_keeps_slot_and_figures_over_reloads_and_restarts),
         CASE(route_beyond_the_slots_is_counted_with_those_of_none),
         CASE(slot_of_a_name_that_is_gone_begins_anew),
         CASE(slot_gone_longest_is_so_over_a_restart),
         CASE(route_without_a_name_keeps_its_figures_over_a_reload),
         CASE(slot_of_a_request_under_way_is_not_given_away));
