/* Replaced snapshots. Requests may hold them for as long as they run, but not for ever: who streams is told, has
 * timeouts/replaced_ms to end, and is reset then. So there is room for the next one again. */
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

#define HOLDERS_MAX 6 /* routes that one message names */

static void age_set(struct hz_snapshot *snapshot, enum hz_snapshot_age age)
{
	__atomic_store_n(&snapshot->age, (uint8_t)age, __ATOMIC_RELAXED);
}

static uint64_t replaced_limit_ns(const struct hz_server *server)
{
	return server->conf->tune.timeout_replaced_ms * HZ_NS_PER_MS;
}

void hz_server_retire(struct hz_server *server, struct hz_snapshot *snapshot)
{
	snapshot->replaced_ns = hz_clock_monotonic_ns();
	age_set(snapshot, HZ_SNAPSHOT_REPLACED);
	snapshot->retired_next = server->retired;
	server->retired = snapshot;
}

/* The last of the list is the oldest. */
static struct hz_snapshot *oldest_of(const struct hz_server *server, uint32_t *count)
{
	struct hz_snapshot *oldest = NULL;

	*count = 0;
	for (struct hz_snapshot *s = server->retired; s != NULL; s = s->retired_next) {
		oldest = s;
		++*count;
	}
	return oldest;
}

uint32_t hz_server_retired_count(const struct hz_server *server)
{
	uint32_t count;

	(void)oldest_of(server, &count);
	return count;
}

void hz_server_reclaim(struct hz_server *server)
{
	struct hz_snapshot **link = &server->retired, *oldest;
	uint64_t now_ns;
	uint32_t count;

	if (server->retired == NULL)
		return;
	now_ns = hz_clock_monotonic_ns();
	while (*link != NULL) {
		struct hz_snapshot *snapshot = *link;

		if (hz_snapshot_is_pinned(snapshot)) {
			if (snapshot->age < HZ_SNAPSHOT_OLD &&
			    now_ns - snapshot->replaced_ns >= replaced_limit_ns(server))
				age_set(snapshot, HZ_SNAPSHOT_OLD);
			link = &snapshot->retired_next;
			continue;
		}
		*link = snapshot->retired_next;
		hz_snapshot_free(snapshot);
	}
	oldest = oldest_of(server, &count);
	if (count >= HZ_LIMIT_retired_snapshots_max && oldest->age >= HZ_SNAPSHOT_OLD)
		age_set(oldest, HZ_SNAPSHOT_LAST);
}

/* --- who holds them -------------------------------------------------------------------------------- */

struct holders {
	uint32_t count;
	struct {
		const char *name;
		uint64_t requests;
	} route[HOLDERS_MAX];
	uint64_t all; /* requests, those of no route in route[] included */
};

static void holder_add(struct holders *holders, const char *name, uint32_t requests)
{
	uint32_t i = 0;

	while (i < holders->count && strcmp(holders->route[i].name, name) != 0)
		i++;
	if (i == HOLDERS_MAX)
		return;
	holders->route[i].name = name;
	holders->route[i].requests += requests;
	holders->count = HZ_MAX(holders->count, i + 1);
}

static void holders_of(const struct hz_snapshot *snapshot, struct holders *holders)
{
	for (uint32_t i = 0; i < HZ_WORKERS_MAX; i++)
		holders->all += __atomic_load_n(&snapshot->pins[i].count, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		uint32_t requests = __atomic_load_n(&snapshot->late[i], __ATOMIC_RELAXED);

		if (requests > 0)
			holder_add(holders, snapshot->site->route[i].name, requests);
	}
}

/* "5 of route 'ticks', 1 of route 'up', 2 others"; a request shows its route within about a second. */
static void holders_print(const struct holders *holders, char *out, size_t bytes)
{
	uint64_t others = holders->all;
	size_t used = 0;

	for (uint32_t i = 0; i < holders->count && used < bytes; i++) {
		used += (size_t)snprintf(
			out + used, bytes - used, "%s%llu of route '%s'", i > 0 ? ", " : "",
			(unsigned long long)holders->route[i].requests, holders->route[i].name);
		others -= HZ_MIN(others, holders->route[i].requests);
	}
	if (others > 0 && used < bytes)
		snprintf(out + used, bytes - used, "%s%llu %s", used > 0 ? ", " : "",
		         (unsigned long long)others,
		         used > 0 ? "others" : "whose routes are not known yet");
}

int hz_server_retired_room(struct hz_server *server, struct hz_err *err)
{
	struct holders holders = { 0 };
	char who[400] = "", hint[sizeof(err->hint)];
	const struct hz_snapshot *oldest;
	uint64_t age_ns, limit_ns = replaced_limit_ns(server);
	uint32_t count;

	hz_server_reclaim(server);
	oldest = oldest_of(server, &count);
	if (count < HZ_LIMIT_retired_snapshots_max)
		return 0;
	for (const struct hz_snapshot *s = server->retired; s != NULL; s = s->retired_next)
		holders_of(s, &holders);
	holders_print(&holders, who, sizeof(who));
	age_ns = hz_clock_monotonic_ns() - oldest->replaced_ns;
	snprintf(hint, sizeof(hint),
	         "try again in %llu s, when the oldest are reset (timeouts/replaced_ms)",
	         (unsigned long long)((age_ns < limit_ns ? limit_ns - age_ns : 0) / HZ_NS_PER_S +
	                              2));
	return hz_err_set(err, -EBUSY, 1, "busy", hint,
	                  "requests still hold %u older generations: %s", count, who);
}
