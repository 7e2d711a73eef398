/* Which slot of route_names and route_latency a route's name has. A name keeps it over reloads and restarts, as its
 * figures do; a route without one is called by its match (config/route_name.h), not by its place in the file. A new name takes a free one; when there is none, that of a name which neither the site nor a request under
 * way has any more, the one gone longest, and its figures begin anew: readers see a count that fell, as after
 * a restart of the map. Who gets none is counted in slot 0, with the answers of no route. */
#include "server/server_priv.h"
#include <string.h>

struct slots {
	struct hz_route_name *name;
	struct hz_route_hist *hist;
	uint32_t workers;
	bool is_used[HZ_ROUTE_SLOTS];
};

static void mark(struct slots *slots, const struct hz_snapshot *snapshot)
{
	slots->is_used[0] = true;
	for (uint32_t i = 0; i < snapshot->site->route_count; i++)
		slots->is_used[snapshot->routes[i].slot] = true;
}

/* 0: it has none. */
static uint16_t slot_of(const struct slots *slots, const char *name)
{
	for (uint16_t i = 1; i < HZ_ROUTE_SLOTS; i++) {
		if (strncmp(slots->name[i].name, name, HZ_ROUTE_NAME_BYTES) == 0)
			return i;
	}
	return 0;
}

/* 0: there is none. */
static uint16_t slot_free(const struct slots *slots)
{
	uint16_t oldest = 0;

	for (uint16_t i = 1; i < HZ_ROUTE_SLOTS; i++) {
		if (slots->is_used[i])
			continue;
		if (slots->name[i].name[0] == '\0')
			return i;
		if (oldest == 0 || slots->name[i].generation < slots->name[oldest].generation)
			oldest = i;
	}
	return oldest;
}

/* Its first byte goes first and comes last: no reader finds figures of one name below another. */
static void slot_name(struct slots *slots, uint16_t slot, const char *name)
{
	struct hz_route_name *to = &slots->name[slot];

	__atomic_store_n(&to->name[0], '\0', __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < slots->workers; i++)
		memset(&slots->hist[i * HZ_ROUTE_SLOTS + slot], 0, sizeof(*slots->hist));
	memset(to->name + 1, 0, sizeof(to->name) - 1);
	for (size_t i = 1; i < sizeof(to->name) - 1 && name[i - 1] != '\0'; i++)
		to->name[i] = name[i];
	__atomic_store_n(&to->name[0], name[0], __ATOMIC_RELEASE);
}

_Static_assert(HZ_SITE_NAME_MAX <= HZ_ROUTE_NAME_BYTES, "a route's name fits");

/* More than any site had before: generations of the server begin anew with it, those in the map do not. */
static uint64_t naming_next(const struct slots *slots)
{
	uint64_t newest = 0;

	for (uint16_t i = 0; i < HZ_ROUTE_SLOTS; i++)
		newest = HZ_MAX(newest, slots->name[i].generation);
	return newest + 1;
}

void hz_server_routes_name(const struct hz_server *server, struct hz_snapshot *snapshot)
{
	const bool is_kernel = server->maps.route_names != NULL;
	struct slots slots = {
		.name = is_kernel ? server->maps.route_names : server->shared.route_names,
		.hist = is_kernel ? server->maps.route_latency : server->shared.route_latency,
		.workers = is_kernel ? server->maps.route_workers : server->shared.route_workers,
	};
	/* Nobody else sees it yet. */
	struct hz_snapshot_route *routes = (struct hz_snapshot_route *)(uintptr_t)snapshot->routes;
	uint64_t naming;

	if (slots.name == NULL)
		return;
	naming = naming_next(&slots);
	for (uint32_t i = 0; i < snapshot->site->route_count; i++)
		routes[i].slot = slot_of(&slots, snapshot->site->route[i].name);
	mark(&slots, snapshot);
	if (server->app.snapshot != NULL)
		mark(&slots, server->app.snapshot);
	for (const struct hz_snapshot *s = server->retired; s != NULL; s = s->retired_next)
		mark(&slots, s);
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		uint16_t *slot = &routes[i].slot;

		if (*slot == 0) {
			*slot = slot_free(&slots);
			slots.is_used[*slot] = true;
			if (*slot != 0)
				slot_name(&slots, *slot, snapshot->site->route[i].name);
		}
		slots.name[*slot].generation = naming;
	}
}
