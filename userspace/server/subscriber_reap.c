/* Rings that others put into `subscribers`: one that is full and that nobody has read for HZ_SUBSCRIBER_DEAD_NS goes, or a
 * reader that died would keep its place, and its memory, for ever. */
#include "core/log.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>

/* A ring that took the place of another one is not to answer for it: it counts from when it was first seen. */
static bool is_dead(const struct hz_server_subscriber *seen, const struct hz_subscriber *stats)
{
	uint64_t full_ns = __atomic_load_n(&stats->full_ns, __ATOMIC_RELAXED);
	uint64_t lost_ns = __atomic_load_n(&stats->lost_ns, __ATOMIC_RELAXED);
	uint64_t from_ns = HZ_MAX(full_ns, seen->since_ns);

	return full_ns != 0 && lost_ns > from_ns && lost_ns - from_ns >= HZ_SUBSCRIBER_DEAD_NS;
}

static void place_look(struct hz_server *server, uint32_t place, uint64_t now_ns)
{
	struct hz_server_subscriber *seen = &server->subscriber[place];
	struct hz_subscriber *stats = &server->maps.subscriber[place];
	uint32_t id = 0;
	int status = hz_xdp_subscriber_id(&server->maps, place, &id);

	if (status != 0 || id != seen->id) {
		seen->id = status == 0 ? id : 0;
		seen->since_ns = now_ns;
		return;
	}
	if (!is_dead(seen, stats))
		return;
	status = hz_xdp_subscriber_remove(&server->maps, place);
	if (status != 0) {
		hz_log(HZ_LOG_WARN, "cannot take subscriber %u out: %s", place, strerror(-status));
		seen->since_ns = now_ns; /* and tell it again when as much time has passed */
		return;
	}
	__atomic_fetch_add(&stats->reaped, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&stats->full_ns, 0, __ATOMIC_RELAXED);
	hz_log(HZ_LOG_WARN,
	       "subscriber %u is taken out: its ring, map %u, was full and not read for %u s",
	       place, id, (unsigned)(HZ_SUBSCRIBER_DEAD_NS / HZ_NS_PER_S));
}

void hz_server_subscribers_watch(struct hz_server *server, uint64_t now_ns)
{
	if (server->maps.subscriber == NULL || now_ns - server->subscribers_ns < HZ_NS_PER_S)
		return;
	server->subscribers_ns = now_ns;
	for (uint32_t place = 0; place < HZ_SUBSCRIBERS_MAX; place++)
		place_look(server, place, now_ns);
}
