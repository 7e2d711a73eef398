/* The views of workers, connections and routes say what is in the maps, and are fit to be read when nothing is. */
#include "bpf_rig.h"
#include "telemetry/hist.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define TEXT_MAX 65536

struct views {
	struct bpf_object *object;
	char text[TEXT_MAX];
};

static int map_put(const struct views *views, const char *map, uint32_t key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(views->object, map);

	return bpf_map_update_elem(fd, &key, value, BPF_ANY);
}

/* The whole text into views->text: NULL, or what failed. */
static const char *view_read(struct views *views, const char *program, const char *map)
{
	union bpf_iter_link_info over = { .map.map_fd = (uint32_t)bpf_object__find_map_fd_by_name(
						  views->object, map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &over, .link_info_len = sizeof(over));
	struct bpf_program *prog = bpf_object__find_program_by_name(views->object, program);
	struct bpf_link *link = prog == NULL ? NULL : bpf_program__attach_iter(prog, &opts);
	ssize_t got = 0;
	size_t len = 0;
	int fd;

	if (link == NULL)
		return "no such view";
	fd = bpf_iter_create(bpf_link__fd(link));
	while (fd >= 0 && len + 1 < TEXT_MAX &&
	       (got = read(fd, views->text + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)got;
	views->text[len] = '\0';
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return fd >= 0 && got == 0 ? NULL : "the view cannot be read";
}

/* Does the text have this line? Runs of spaces count as one. */
static bool has_line(const char *text, const char *want)
{
	char line[256];

	while (*text != '\0') {
		size_t used = 0;

		for (; *text != '\0' && *text != '\n'; text++)
			if (used + 1 < sizeof(line) &&
			    !(*text == ' ' && (used == 0 || line[used - 1] == ' ')))
				line[used++] = *text;
		while (used > 0 && line[used - 1] == ' ')
			used--;
		line[used] = '\0';
		if (strcmp(line, want) == 0)
			return true;
		text += *text == '\n';
	}
	return false;
}

/* Each line is as long as the first: columns stand under their names. */
static const char *columns_align(const char *text)
{
	size_t first = strcspn(text, "\n");

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") != first) {
			printf("# %.*s|\n", (int)strcspn(line, "\n"), line);
			return "a line is not as long as the header";
		}
	return NULL;
}

static uint32_t lines_of(const char *text)
{
	uint32_t lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

/* --- nothing there --------------------------------------------------------------------------------- */

static const char *empty_maps_have_headers(struct views *views)
{
	const char *why = view_read(views, "show_workers", "workers");

	if (why == NULL && (strncmp(views->text, "worker cpu state ", 17) != 0 ||
	                    strstr(views->text, "\nno worker has started yet\n") == NULL ||
	                    lines_of(views->text) != 2))
		why = "workers";
	if (why == NULL)
		why = view_read(views, "show_conns", "connections");
	if (why == NULL &&
	    (strncmp(views->text, "worker state ", 13) != 0 ||
	     !has_line(views->text, "sum - 0 0 0 0 0 0 0 0") || lines_of(views->text) != 2))
		why = "connections";
	if (why == NULL)
		why = view_read(views, "show_routes", "route_names");
	if (why == NULL && (strncmp(views->text, "route ", 6) != 0 ||
	                    !has_line(views->text, "- 0 0 - - -") || lines_of(views->text) != 2))
		why = "routes";
	return why;
}

/* --- workers and connections ----------------------------------------------------------------------- */

static int worker_put(const struct views *views, uint32_t id, uint32_t state, uint64_t beat_age_ns)
{
	uint64_t now_ns = rig_now_ns();
	const struct hz_beat beat = { .state = state,
		                      .beat_ns = beat_age_ns == 0 ? 0 : now_ns - beat_age_ns };
	const struct hz_worker worker = {
		.cpu = id == 3 ? (uint32_t)-1 : id,
		.started_ns = now_ns - beat_age_ns - 100 * HZ_NS_PER_S,
		.busy_ns = 1000 * HZ_NS_PER_S + 25 * HZ_NS_PER_S + 50 * HZ_NS_PER_MS,
		.started_busy_ns = 1000 * HZ_NS_PER_S,
		.requests = 1000 + id,
		.connections = 10 + id,
		.longest_gap_ns = 5000000 + id * 1000,
		.retransmits = 20 + id,
		.dropped = 30 + id,
	};
	const struct hz_connections conns = { .syn_rcvd = id,
		                              .established = 100 + id,
		                              .fin_wait_1 = 1,
		                              .fin_wait_2 = 2,
		                              .close_wait = 3,
		                              .closing = 4,
		                              .last_ack = 5,
		                              .time_wait = 1000000 };

	if (map_put(views, "beat", id, &beat) != 0 || map_put(views, "workers", id, &worker) != 0)
		return -errno;
	return map_put(views, "connections", id, &conns);
}

/* 0 lives, 1 was killed, 2 ended, 3 starts, 63 has a state of another version; the others never were. */
static int workers_put(const struct views *views)
{
	const struct hz_cfg cfg = { .abi_major = HZ_ABI_MAJOR, .beat_timeout_ns = HZ_NS_PER_S };
	int status = map_put(views, "cfg", 0, &cfg);

	if (status == 0)
		status = worker_put(views, 0, HZ_STATE_READY, 1);
	if (status == 0)
		status = worker_put(views, 1, HZ_STATE_READY, 60 * HZ_NS_PER_S);
	if (status == 0)
		status = worker_put(views, 2, HZ_STATE_DOWN, 60 * HZ_NS_PER_S);
	if (status == 0)
		status = worker_put(views, 3, HZ_STATE_STARTING, 0);
	return status == 0 ? worker_put(views, 63, 99, 1) : status;
}

/* Of the row of a worker the words before and after the age of its beat, which is not known exactly. */
static const char *worker_row(const char *text, const char *before, uint64_t age_min_ms,
                              const char *after)
{
	char line[128];

	for (uint64_t age_ms = age_min_ms; age_ms < age_min_ms + 900; age_ms++) {
		snprintf(line, sizeof(line), "%s %lu %s", before, (unsigned long)age_ms, after);
		if (has_line(text, line))
			return NULL;
	}
	return before;
}

static const char *workers_show_their_state(struct views *views)
{
	const char *why = workers_put(views) != 0 ? "maps" : NULL;

	if (why == NULL)
		why = view_read(views, "show_workers", "workers");
	if (why == NULL)
		why = columns_align(views->text);
	if (why == NULL)
		why = worker_row(views->text, "0 0 ready 25.0 1000 10 5000", 0, "20 30");
	if (why == NULL)
		why = worker_row(views->text, "1 1 stale 25.0 1001 11 5001", 60000, "21 31");
	if (why == NULL)
		why = worker_row(views->text, "2 2 down 25.0 1002 12 5002", 60000, "22 32");
	if (why == NULL && !has_line(views->text, "3 - starting 25.0 1003 13 5003 - 23 33"))
		why = "one that starts";
	if (why == NULL)
		why = worker_row(views->text, "63 63 ? 25.0 1063 73 5063", 0, "83 93");
	if (why == NULL && lines_of(views->text) != 6)
		why = "a row of a worker that never was";
	if (why != NULL)
		printf("# %s\n", views->text);
	return why;
}

static const char *connections_show_their_sum(struct views *views)
{
	const char *why = workers_put(views) != 0 ? "maps" : NULL;

	if (why == NULL)
		why = view_read(views, "show_conns", "connections");
	if (why == NULL)
		why = columns_align(views->text);
	if (why == NULL && (!has_line(views->text, "0 ready 0 100 1 2 3 4 5 1000000") ||
	                    !has_line(views->text, "1 stale 1 101 1 2 3 4 5 1000000") ||
	                    !has_line(views->text, "63 ? 63 163 1 2 3 4 5 1000000")))
		why = "a row";
	if (why == NULL && !has_line(views->text, "sum - 69 569 5 10 15 20 25 5000000"))
		why = "the sum";
	if (why == NULL && lines_of(views->text) != 7)
		why = "a row of a worker that never was";
	if (why != NULL)
		printf("# %s\n", views->text);
	return why;
}

/* --- routes ---------------------------------------------------------------------------------------- */

static int route_put(const struct views *views, uint32_t slot, const char *name)
{
	struct hz_route_name route = { .generation = ~0ULL };

	snprintf(route.name, sizeof(route.name), "%s", name);
	return map_put(views, "route_names", slot, &route);
}

/* 100 answers of 1 us ... 100 us of worker 0, as many of 1 ms ... 100 ms of the last. */
static int routes_put(const struct views *views, uint32_t workers)
{
	struct hz_route_hist first = { .answers = { 0, 98, 0, 1, 1 }, .max_ns = 100000 };
	struct hz_route_hist last = { .answers = { 1, 90, 2, 3, 4 }, .max_ns = 100000000 };
	int status = route_put(views, 1, "/");

	for (uint64_t i = 1; i <= 100; i++) {
		first.bucket[hz_hist_bucket(i * 1000) >> 2]++;
		last.bucket[hz_hist_bucket(i * 1000000) >> 2]++;
	}
	if (status == 0)
		status = route_put(views, 200, "api/with-a-name-as-long-as-it-m");
	if (status == 0)
		status = route_put(views, HZ_ROUTE_SLOTS - 1, "idle");
	if (status == 0)
		status = map_put(views, "route_latency", 200, &first);
	return status == 0 ? map_put(views, "route_latency", (workers - 1) * HZ_ROUTE_SLOTS + 200,
	                             &last)
	                   : status;
}

/* What is printed of a quantile is the middle of the bucket that holds it. */
static bool is_near(uint64_t shown_ns, uint64_t true_ns)
{
	return hz_hist_bucket(shown_ns) >> 2 == hz_hist_bucket(true_ns) >> 2;
}

static const char *routes_show_what_each_took(struct views *views)
{
	const char *why = routes_put(views, HZ_ROUTE_WORKERS_MIN) != 0 ? "maps" : NULL;
	unsigned long long requests, errors, p50_ns, p99_ns, max_ns;
	const char *row, *one, *idle;

	if (why == NULL)
		why = view_read(views, "show_routes", "route_names");
	if (why == NULL)
		why = columns_align(views->text);
	if (why != NULL)
		return why;
	one = strstr(views->text, "\n/ ");
	row = strstr(views->text, "\napi/with-a-name-as-long-as-it-m ");
	idle = strstr(views->text, "\nidle ");
	if (one == NULL || row == NULL || idle == NULL || one > row || row > idle)
		return "a route is missing, or not in the order of slots";
	if (!has_line(views->text, "/ 0 0 - - -") || lines_of(views->text) != 5)
		return "a route without requests";
	if (sscanf(row + 33, "%llu %llu %llu %llu %llu", &requests, &errors, &p50_ns, &p99_ns,
	           &max_ns) != 5)
		return "the row";
	printf("# routes: %llu requests, p50 %llu ns, p99 %llu ns, max %llu ns\n", requests, p50_ns,
	       p99_ns, max_ns);
	if (requests != 200 || errors != 5 || max_ns != 100000000)
		return "counts";
	return is_near(p50_ns, 100000) && is_near(p99_ns, 98000000) ? NULL : "quantiles";
}

void view_tests(struct tap *tap, const char *object_path)
{
	struct views *views = calloc(1, sizeof(*views));
	struct bpf_map *routes;
	int status = -ENOMEM;

	if (views != NULL) {
		views->object = bpf_object__open_file(object_path, NULL);
		routes = bpf_object__find_map_by_name(views->object, "route_latency");
		bpf_map__set_max_entries(routes, HZ_ROUTE_WORKERS_MIN * HZ_ROUTE_SLOTS);
		status = bpf_object__load(views->object);
	}
	if (status != 0) {
		tap_fail(tap, "views", "cannot load %s: %s", object_path, strerror(-status));
	} else {
		tap_result(tap, "views.empty_maps_have_headers", empty_maps_have_headers(views));
		tap_result(tap, "views.workers_show_their_state", workers_show_their_state(views));
		tap_result(tap, "views.connections_show_their_sum",
		           connections_show_their_sum(views));
		tap_result(tap, "views.routes_show_what_each_took",
		           routes_show_what_each_took(views));
	}
	if (views != NULL)
		bpf_object__close(views->object);
	free(views);
}
