/* What /api/v1/status says of a server is what hzctl top says. */
#include "collector/status_doc.h"
#include "hz_test.h"
#include "server_rows.h"
#include <stdlib.h>
#include <string.h>

static void server_is_told_as_hzctl_tells_it(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct server_world *world = calloc(1, sizeof(*world));
	struct hz_server_view server;
	json_t *doc;

	CU_ASSERT_FATAL(feed != NULL && world != NULL);
	for (size_t row = 0; row < server_rows_count(); row++) {
		struct hz_map_view *now = &feed->now;

		server_rows_make(row, world);
		now->time_ns = SERVER_ROWS_NOW_NS;
		now->cfg = world->cfg;
		now->workers = world->cfg.workers;
		memcpy(now->verdicts, &world->verdicts, sizeof(now->verdicts));
		memcpy(now->beat, world->beat, sizeof(now->beat));
		memcpy(now->worker, world->worker, sizeof(now->worker));
		server = hz_map_view_server(now);
		now->is_alive = hz_server_view_is_alive(&server);
		now->routes = SERVER_ROWS_ROUTE + 1;
		memcpy(now->route[SERVER_ROWS_ROUTE].name, world->route.name, HZ_ROUTE_NAME_BYTES);
		now->route[SERVER_ROWS_ROUTE].hist = world->route_now;
		feed->base[0][SERVER_ROWS_ROUTE] = now->route[SERVER_ROWS_ROUTE];
		feed->base[0][SERVER_ROWS_ROUTE].hist = world->route_then;
		feed->base_ns[0] = SERVER_ROWS_NOW_NS - SERVER_ROWS_WINDOW_NS;
		doc = hz_status_doc(feed);
		CU_ASSERT(server_rows_check(row, doc));
		json_decref(doc);
	}
	free(world);
	free(feed);
}

HZ_SUITE(server_rows, CASE(server_is_told_as_hzctl_tells_it));
