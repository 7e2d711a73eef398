/* Servers as their maps would have them, and what whoever shows one has to say: the same rows for hzctl top and for
 * /api/v1/status. */
#ifndef SERVER_ROWS_H
#define SERVER_ROWS_H

#include "abi/hz_abi.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SERVER_ROWS_NOW_NS    (1000 * 1000000000ULL)
#define SERVER_ROWS_WINDOW_NS (10 * 1000000000ULL) /* of a route's percentiles */
#define SERVER_ROWS_ROUTE     1u                   /* its slot */

struct server_world {
	struct hz_cfg cfg;
	struct hz_beat beat[HZ_WORKERS_MAX];
	struct hz_worker worker[HZ_WORKERS_MAX];
	struct hz_verdicts verdicts;
	struct hz_route_name route;
	struct hz_route_hist route_now, route_then;
};

size_t server_rows_count(void);
void server_rows_make(size_t row, struct server_world *out);
/* Does the document say what it has to of this row? Prints what it says else. */
bool server_rows_check(size_t row, const json_t *doc);

#endif
