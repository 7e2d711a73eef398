/* conn on the control socket: a round of questions that workers, played by the test, answer or do not. */
#include "hz_test.h"
#include "server_rig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct world {
	struct server_rig *rig;
	struct hz_control *control;
	uint64_t now_ns;
};

static bool world_open(struct world *world, uint32_t workers)
{
	struct hz_err err = { 0 };

	*world = (struct world){ .rig = server_rig_open(RIG_SITE), .now_ns = HZ_NS_PER_S };
	return world->rig != NULL && server_rig_seats_open(world->rig, workers) == 0 &&
	       hz_control_open(&world->rig->server, &world->control, &err) == 0;
}

static void world_close(struct world *world)
{
	hz_control_close(world->control);
	server_rig_close(world->rig);
}

static int client_open(const struct world *world)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/ctl.sock", world->rig->dir);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void turns(struct world *world, int count)
{
	for (int i = 0; i < count; i++)
		hz_control_turn(world->control, world->now_ns);
}

static void say(struct world *world, int fd, const char *line)
{
	CU_ASSERT_EQUAL(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
	turns(world, 3);
}

/* The next line as JSON; NULL: there is none yet. */
static json_t *hear(struct world *world, int fd)
{
	static char line[1 << 20];
	size_t used = 0;
	ssize_t got;

	for (int i = 0; i < 1000; i++) {
		got = recv(fd, line + used, sizeof(line) - used, 0);
		used += got > 0 ? (size_t)got : 0;
		if (used > 0 && line[used - 1] == '\n')
			return json_loadb(line, used, JSON_REJECT_DUPLICATES, NULL);
		if (got <= 0 && used == 0)
			return NULL;
		turns(world, 1);
	}
	return NULL;
}

static struct hz_conn_census *census_of(struct world *world, uint32_t worker)
{
	return &world->rig->server.seats.seat[worker].census;
}

/* The worker's part: count connections of ages first_ns, first_ns + step_ns, ... */
static void worker_answers(struct world *world, uint32_t worker, uint32_t count, uint64_t first_ns,
                           uint64_t step_ns)
{
	struct hz_conn_census *census = census_of(world, worker);

	CU_ASSERT_FATAL(hz_conn_census_is_asked(census));
	for (uint32_t i = 0; i < count; i++) {
		struct hz_conn_info info = { .worker = worker,
			                     .state = HZ_CONN_STATE_established,
			                     .age_ns = first_ns + i * step_ns };

		info.remote.port = (uint16_t)(1000 + i);
		hz_conn_census_offer(census, &info);
	}
	hz_conn_census_finish(census, false);
}

static void round_merges_workers_in_order_up_to_the_limit(void)
{
	const json_t *result, *conns;
	struct world world;
	json_t *answer;
	int fd;

	CU_ASSERT_FATAL(world_open(&world, 2));
	fd = client_open(&world);
	say(&world, fd, "{\"cmd\":\"conn\",\"limit\":5}\n");
	CU_ASSERT_PTR_NULL(hear(&world, fd));
	CU_ASSERT(hz_control_is_waiting(world.control));
	worker_answers(&world, 0, 10, 0, 20 * HZ_NS_PER_MS);
	turns(&world, 1);
	CU_ASSERT_PTR_NULL(hear(&world, fd)); /* the other one is still at it */
	worker_answers(&world, 1, 10, 10 * HZ_NS_PER_MS, 20 * HZ_NS_PER_MS);
	turns(&world, 1);
	answer = hear(&world, fd);
	result = json_object_get(answer, "result");
	conns = json_object_get(result, "connections");
	CU_ASSERT_EQUAL_FATAL(json_array_size(conns), 5);
	for (size_t i = 0; i < 5; i++) {
		const json_t *conn = json_array_get(conns, i);

		CU_ASSERT_EQUAL(json_integer_value(json_object_get(conn, "age_ms")),
		                190 - 10 * (json_int_t)i);
		CU_ASSERT_EQUAL(json_integer_value(json_object_get(conn, "worker")),
		                i % 2 == 0 ? 1 : 0);
	}
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "matched")), 20);
	CU_ASSERT(json_is_false(json_object_get(result, "is_partial")));
	CU_ASSERT_FALSE(hz_control_is_waiting(world.control));
	json_decref(answer);
	close(fd);
	world_close(&world);
}

static void round_names_a_silent_worker_and_leaves_it_its_buffer(void)
{
	const json_t *result, *silent;
	struct world world;
	json_t *answer;
	int fd;

	CU_ASSERT_FATAL(world_open(&world, 2));
	fd = client_open(&world);
	say(&world, fd, "{\"cmd\":\"conn\"}\n");
	worker_answers(&world, 1, 3, 0, 1);
	world.now_ns += HZ_NS_PER_S;
	turns(&world, 1);
	CU_ASSERT(hz_conn_census_is_withdrawn(census_of(&world, 0)));
	CU_ASSERT_PTR_NULL(hear(&world, fd));
	world.now_ns += HZ_NS_PER_S / 4;
	turns(&world, 1);
	answer = hear(&world, fd);
	result = json_object_get(answer, "result");
	silent = json_object_get(result, "silent_workers");
	CU_ASSERT(json_is_true(json_object_get(result, "is_partial")));
	CU_ASSERT_EQUAL(json_array_size(silent), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(silent, 0)), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "seen")), 3);
	json_decref(answer);
	CU_ASSERT(hz_conn_census_is_asked(census_of(&world, 0)));
	/* Asked again before it woke up: at once, without it. Then it wakes up, and answers again. */
	say(&world, fd, "{\"cmd\":\"conn\",\"worker\":0}\n");
	answer = hear(&world, fd);
	CU_ASSERT(json_is_true(json_object_get(json_object_get(answer, "result"), "is_partial")));
	json_decref(answer);
	hz_conn_census_finish(census_of(&world, 0), true);
	say(&world, fd, "{\"cmd\":\"conn\",\"worker\":0}\n");
	worker_answers(&world, 0, 2, 0, 1);
	turns(&world, 1);
	answer = hear(&world, fd);
	result = json_object_get(answer, "result");
	CU_ASSERT(json_is_false(json_object_get(result, "is_partial")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "seen")), 2);
	json_decref(answer);
	close(fd);
	world_close(&world);
}

static void round_of_a_client_that_left_ends_and_the_next_is_served(void)
{
	struct world world;
	json_t *answer;
	int gone, fd;

	CU_ASSERT_FATAL(world_open(&world, 1));
	gone = client_open(&world);
	fd = client_open(&world);
	say(&world, gone, "{\"cmd\":\"conn\"}\n");
	say(&world, fd, "{\"cmd\":\"conn\",\"limit\":7}\n{\"cmd\":\"ping\"}\n");
	close(gone);
	turns(&world, 2);
	worker_answers(&world, 0, 1, 0, 1);
	turns(&world, 2);
	CU_ASSERT_EQUAL(census_of(&world, 0)->query.limit, 7);
	CU_ASSERT_PTR_NULL(hear(&world, fd)); /* nor has the ping overtaken it */
	worker_answers(&world, 0, 4, 0, 1);
	turns(&world, 1);
	{
		char lines[4096] = "";
		ssize_t got = recv(fd, lines, sizeof(lines) - 1, 0);
		char *second = got > 0 ? strchr(lines, '\n') : NULL;

		CU_ASSERT_PTR_NOT_NULL_FATAL(second);
		answer = json_loadb(lines, (size_t)(second - lines), 0, NULL);
		CU_ASSERT_STRING_EQUAL(second + 1, "{\"ok\":true,\"result\":{}}\n");
	}
	CU_ASSERT_EQUAL(
		json_integer_value(json_object_get(json_object_get(answer, "result"), "seen")), 4);
	json_decref(answer);
	close(fd);
	world_close(&world);
}

/* About half a megabyte: more than a socket takes at once. */
static void round_answer_larger_than_the_socket_arrives_whole(void)
{
	struct world world;
	json_t *answer;
	int fd, small = 4096;

	CU_ASSERT_FATAL(world_open(&world, 1));
	fd = client_open(&world);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	say(&world, fd, "{\"cmd\":\"conn\"}\n");
	worker_answers(&world, 0, HZ_LIMIT_census_conns_max, 0, HZ_NS_PER_MS);
	turns(&world, 2);
	answer = hear(&world, fd);
	CU_ASSERT_EQUAL(
		json_array_size(json_object_get(json_object_get(answer, "result"), "connections")),
		HZ_LIMIT_census_conns_max);
	json_decref(answer);
	say(&world, fd, "{\"cmd\":\"ping\"}\n");
	answer = hear(&world, fd);
	CU_ASSERT(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(fd);
	world_close(&world);
}

static void request_that_cannot_be_is_refused_without_a_round(void)
{
	static const struct {
		const char *line, *code;
	} rows[] = {
		{ "{\"cmd\":\"conn\",\"state\":\"open\"}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"sort\":\"size\"}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"peer\":\"10.0.0.1/8\"}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"limit\":0}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"limit\":1025}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"limit\":\"5\"}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"color\":\"red\"}\n", "usage" },
		{ "{\"cmd\":\"conn\",\"worker\":1}\n", "no_worker" },
		{ "{\"cmd\":\"conn\",\"worker\":-2}\n", "no_worker" },
	};
	struct world world;
	int fd;

	CU_ASSERT_FATAL(world_open(&world, 1));
	fd = client_open(&world);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		const char *code;
		json_t *answer;

		say(&world, fd, rows[i].line);
		answer = hear(&world, fd);
		code = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
		CU_ASSERT_PTR_NOT_NULL_FATAL(code);
		CU_ASSERT_STRING_EQUAL(code, rows[i].code);
		CU_ASSERT_FALSE(hz_conn_census_is_asked(census_of(&world, 0)));
		json_decref(answer);
	}
	close(fd);
	world_close(&world);
}

HZ_SUITE(control_conn, CASE(round_merges_workers_in_order_up_to_the_limit),
         CASE(round_names_a_silent_worker_and_leaves_it_its_buffer),
         CASE(round_of_a_client_that_left_ends_and_the_next_is_served),
         CASE(round_answer_larger_than_the_socket_arrives_whole),
         CASE(request_that_cannot_be_is_refused_without_a_round));
