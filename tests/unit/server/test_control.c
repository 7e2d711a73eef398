/* The control socket: what a client may send, how much, how long, how many at once. */
#include "http/h1_worker.h"
#include "hz_test.h"
#include "server_rig.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct world {
	struct server_rig *rig;
	struct hz_control *control;
	uint64_t now_ns;
	char path[64];
};

static bool world_open(struct world *world)
{
	struct hz_err err = { 0 };

	*world = (struct world){ .rig = server_rig_open(RIG_SITE), .now_ns = HZ_NS_PER_S };
	if (world->rig == NULL)
		return false;
	snprintf(world->path, sizeof(world->path), "%s/ctl.sock", world->rig->dir);
	return hz_control_open(&world->rig->server, &world->control, &err) == 0;
}

static void world_close(struct world *world)
{
	hz_control_close(world->control);
	CU_ASSERT_EQUAL(access(world->path, F_OK), -1);
	server_rig_close(world->rig);
}

static int client_open(const struct world *world)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(name.sun_path, world->path, strlen(world->path) + 1);
	if (fd != -1 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void turns(struct world *world)
{
	for (int i = 0; i < 40; i++) /* one accept per turn */
		hz_control_turn(world->control, world->now_ns);
}

/* What has arrived; 0 with is_eof false: nothing yet. */
static size_t receive(int fd, char *out, size_t bytes, bool *is_eof)
{
	ssize_t got = recv(fd, out, bytes - 1, 0);

	*is_eof = got == 0 || (got < 0 && errno == ECONNRESET);
	out[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

static bool is_closed(int fd)
{
	char rest[4096];
	bool is_eof;

	while (receive(fd, rest, sizeof(rest), &is_eof) > 0)
		;
	return is_eof;
}

/* Sends bytes; the one answer line as JSON, or NULL. */
static json_t *ask(struct world *world, int fd, const void *bytes, size_t len)
{
	char line[8192];
	bool is_eof;
	size_t got;

	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return NULL;
	turns(world);
	got = receive(fd, line, sizeof(line), &is_eof);
	if (got == 0 || line[got - 1] != '\n' || memchr(line, '\n', got) != line + got - 1)
		return NULL;
	return json_loadb(line, got, JSON_REJECT_DUPLICATES, NULL);
}

/* The code of the refusal that answers, "ok" when it is none, "" without an answer. */
static const char *ask_code(struct world *world, int fd, const void *bytes, size_t len,
                            char code[32])
{
	json_t *answer = ask(world, fd, bytes, len);
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "code"));

	snprintf(code, 32, "%s", answer == NULL ? "" : text != NULL ? text : "ok");
	json_decref(answer);
	return code;
}

static bool pings(struct world *world, int fd)
{
	static const char ping[] = "{\"cmd\":\"ping\"}\n";
	char code[32];

	return strcmp(ask_code(world, fd, ping, sizeof(ping) - 1, code), "ok") == 0;
}

static bool limit_is(const json_t *result, const char *name, json_int_t used, json_int_t most)
{
	const json_t *limit;
	size_t i;

	json_array_foreach (json_object_get(result, "limits"), i, limit)
		if (strcmp(json_string_value(json_object_get(limit, "name")), name) == 0)
			return json_integer_value(json_object_get(limit, "used")) == used &&
			       json_integer_value(json_object_get(limit, "limit")) == most;
	return false;
}

static int exit_for(int exit_code, const char *code)
{
	struct hz_err err = { 0 };
	json_t *answer;
	int exit;

	(void)hz_err_set(&err, -EIO, exit_code, code, "", "why");
	answer = hz_control_cmd_error(&err);
	exit = (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "exit"));
	json_decref(answer);
	return exit;
}

static void control_exit_codes_of_hzd_are_failures_to_hzctl(void)
{
	CU_ASSERT_EQUAL(exit_for(1, "busy"), 1);
	CU_ASSERT_EQUAL(exit_for(2, "bad_config"), 2);
	CU_ASSERT_EQUAL(exit_for(4, "not_permitted"), 4);
	CU_ASSERT_EQUAL(exit_for(6, "timeout"), 6);
	CU_ASSERT_EQUAL(exit_for(3, "xdp_busy"), 1);
	CU_ASSERT_EQUAL(exit_for(4, "no_device"), 1);
	CU_ASSERT_EQUAL(exit_for(5, "memory"), 1);
	CU_ASSERT_EQUAL(exit_for(6, "map"), 1);
	CU_ASSERT_EQUAL(exit_for(70, "getrandom"), 1);
}

static void control_status_names_what_runs(void)
{
	static const char *const keys[] = { "version",  "state",          "pid",     "uptime_s",
		                            "degraded", "reloaded_s_ago", "io",      "generation",
		                            "workers",  "connections",    "listens", "interfaces",
		                            "requests", "errors" };
	static const char line[] = "{\"cmd\":\"status\"}\n";
	const json_t *result, *worker;
	struct world world;
	json_t *answer;
	void *flight;
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	CU_ASSERT_EQUAL_FATAL(server_rig_seats_open(world.rig, 2), 0);
	world.rig->server.seats.seat[0].slot.worker->requests = 5;
	world.rig->server.seats.seat[1].slot.worker->requests = 7;
	world.rig->server.seats.seat[1].slot.worker->bad_requests = 2;
	flight = hz_pool_get(&world.rig->server.seats.seat[1].http->flights);
	fd = client_open(&world);
	answer = ask(&world, fd, line, sizeof(line) - 1);
	hz_pool_put(&world.rig->server.seats.seat[1].http->flights, flight);
	CU_ASSERT_TRUE(json_is_true(json_object_get(answer, "ok")));
	result = json_object_get(answer, "result");
	CU_ASSERT(limit_is(result, "connections", 0, 1024));
	CU_ASSERT(limit_is(result, "waiting requests", 1, 1024));
	CU_ASSERT(limit_is(result, "large heads", 0, 2 * (513 / HZ_LIMIT_waiting_big_part)));
	CU_ASSERT(limit_is(result, "body blocks", 0, 2 * HZ_LIMIT_body_blocks));
	CU_ASSERT(limit_is(result, "tickets", 0, 2 * HZ_LIMIT_tickets_per_worker));
	CU_ASSERT(limit_is(result, "replaced sites", 0, HZ_LIMIT_retired_snapshots_max));
	for (size_t i = 0; i < HZ_ARRAY_LEN(keys); i++)
		CU_ASSERT_PTR_NOT_NULL(json_object_get(result, keys[i]));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(result, "io")), "socket");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(result, "state")), "ready");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "requests")), 12);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "errors")), 2);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "workers")), 2);
	worker = json_array_get(json_object_get(result, "workers"), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(worker, "id")), 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(worker, "state")), "starting");
	json_decref(answer);
	close(fd);
	world_close(&world);
}

static void control_line_in_pieces_is_one_request(void)
{
	struct world world;
	char answer[64];
	bool is_eof;
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	CU_ASSERT_EQUAL(send(fd, "{\"cmd\":", 7, MSG_NOSIGNAL), 7);
	turns(&world);
	CU_ASSERT_EQUAL(receive(fd, answer, sizeof(answer), &is_eof), 0);
	CU_ASSERT_FALSE(is_eof);
	CU_ASSERT_EQUAL(send(fd, "\"ping\"}", 7, MSG_NOSIGNAL), 7);
	turns(&world);
	CU_ASSERT_EQUAL(receive(fd, answer, sizeof(answer), &is_eof), 0);
	CU_ASSERT_EQUAL(send(fd, "\n", 1, MSG_NOSIGNAL), 1);
	turns(&world);
	CU_ASSERT_TRUE(receive(fd, answer, sizeof(answer), &is_eof) > 0);
	CU_ASSERT_STRING_EQUAL(answer, "{\"ok\":true,\"result\":{}}\n");
	close(fd);
	world_close(&world);
}

static void control_lines_in_one_piece_are_answered_in_order(void)
{
	static const char lines[] = "{\"cmd\":\"ping\"}\n{\"cmd\":\"nope\"}\n{\"cmd\":\"ping\"}\n{";
	char answer[1024];
	struct world world;
	const char *at;
	bool is_eof;
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	CU_ASSERT_EQUAL(send(fd, lines, sizeof(lines) - 1, MSG_NOSIGNAL), sizeof(lines) - 1);
	turns(&world);
	CU_ASSERT_TRUE(receive(fd, answer, sizeof(answer), &is_eof) > 0);
	CU_ASSERT_EQUAL(strncmp(answer, "{\"ok\":true", 10), 0);
	at = strchr(answer, '\n') + 1;
	CU_ASSERT_EQUAL(strncmp(at, "{\"ok\":false", 11), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(at, "unknown_command"));
	at = strchr(at, '\n') + 1;
	CU_ASSERT_STRING_EQUAL(at, "{\"ok\":true,\"result\":{}}\n");
	close(fd);
	world_close(&world);
}

static void control_malformed_line_is_answered_and_the_next_is_served(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *code;
	} rows[] = {
#define ROW(text, code) { text "\n", sizeof(text), code }
		ROW("", "bad_json"),
		ROW("{", "bad_json"),
		ROW("ping", "bad_json"),
		ROW("[]", "bad_json"),
		ROW("7", "bad_json"),
		ROW("null", "bad_json"),
		ROW("{\"cmd\":\"ping\"}}", "bad_json"),
		ROW("{\"cmd\":\"ping\"}\0{}", "bad_json"),
		ROW("{\"cmd\":\"\xff\xfe\"}", "bad_json"),
		ROW("\xc3\xa4\xc3", "bad_json"),
		ROW("{\"cmd\":\"ping\",\"cmd\":\"drain\"}", "bad_json"),
		ROW("{}", "unknown_command"),
		ROW("{\"cmd\":7}", "unknown_command"),
		ROW("{\"cmd\":\"\"}", "unknown_command"),
		ROW("{\"cmd\":\"PING\"}", "unknown_command"),
		/* The message quotes 32 bytes of it: the cut falls into a character. */
		ROW("{\"cmd\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa4\xc3\xa4\"}",
		    "unknown_command"),
#undef ROW
	};
	struct world world;
	char code[32];
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		CU_ASSERT_STRING_EQUAL(ask_code(&world, fd, rows[i].bytes, rows[i].len, code),
		                       rows[i].code);
		CU_ASSERT_TRUE(pings(&world, fd));
	}
	close(fd);
	world_close(&world);
}

static void control_deeply_nested_line_is_refused(void)
{
	char line[HZ_LIMIT_control_request_bytes_max];
	struct world world;
	char code[32];
	int fd;

	memset(line, '[', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	CU_ASSERT_STRING_EQUAL(ask_code(&world, fd, line, sizeof(line), code), "bad_json");
	CU_ASSERT_TRUE(pings(&world, fd));
	close(fd);
	world_close(&world);
}

static void control_oversized_line_is_refused_and_closed(void)
{
	char line[HZ_LIMIT_control_request_bytes_max];
	struct world world;
	char code[32];
	int fd;

	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"cmd\":\"ping\"}", 14);
	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	line[sizeof(line) - 1] = '\n'; /* the longest that is served */
	CU_ASSERT_STRING_EQUAL(ask_code(&world, fd, line, sizeof(line), code), "ok");
	line[sizeof(line) - 1] = ' ';
	CU_ASSERT_STRING_EQUAL(ask_code(&world, fd, line, sizeof(line), code), "too_long");
	CU_ASSERT_TRUE(is_closed(fd));
	close(fd);
	fd = client_open(&world);
	CU_ASSERT_TRUE(pings(&world, fd));
	close(fd);
	world_close(&world);
}

static void control_client_has_five_seconds_for_a_whole_line(void)
{
	struct world world;
	int trickler, talker;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	trickler = client_open(&world);
	talker = client_open(&world);
	turns(&world);
	for (int second = 0; second < 5; second++) {
		world.now_ns += HZ_NS_PER_S;
		CU_ASSERT_EQUAL(send(trickler, "{", 1, MSG_NOSIGNAL), 1);
		CU_ASSERT_TRUE(pings(&world, talker));
		CU_ASSERT_FALSE(is_closed(trickler));
	}
	world.now_ns += 1;
	turns(&world);
	CU_ASSERT_TRUE(is_closed(trickler));
	CU_ASSERT_TRUE(pings(&world, talker)); /* an answer begins a new five seconds */
	world.now_ns += 5 * HZ_NS_PER_S + 1;
	turns(&world);
	CU_ASSERT_TRUE(is_closed(talker)); /* idle */
	close(trickler);
	close(talker);
	world_close(&world);
}

static void control_seventeenth_client_is_told_busy_until_a_seat_is_free(void)
{
	int fd[HZ_LIMIT_control_clients_max], extra;
	char answer[512];
	struct world world;
	bool is_eof;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++) {
		fd[i] = client_open(&world);
		turns(&world);
	}
	extra = client_open(&world);
	turns(&world);
	CU_ASSERT_TRUE(receive(extra, answer, sizeof(answer), &is_eof) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"code\":\"too_many_clients\""));
	CU_ASSERT_TRUE(is_closed(extra));
	close(extra);
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++)
		CU_ASSERT_TRUE(pings(&world, fd[i]));
	close(fd[7]);
	turns(&world);
	fd[7] = client_open(&world);
	CU_ASSERT_TRUE(pings(&world, fd[7]));
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++)
		close(fd[i]);
	world_close(&world);
}

static uint32_t descriptors_open(void)
{
	uint32_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void control_many_clients_one_after_another_leak_nothing(void)
{
	struct world world;
	uint32_t before;
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	before = descriptors_open();
	for (int i = 0; i < 200; i++) {
		fd = client_open(&world);
		if (i % 2 == 0)
			CU_ASSERT_TRUE(pings(&world, fd));
		close(fd); /* every second one before it was even accepted */
		turns(&world);
	}
	CU_ASSERT_EQUAL(descriptors_open(), before);
	world_close(&world);
}

static void control_client_that_does_not_read_is_dropped(void)
{
	static const char line[] = "{\"cmd\":\"status\"}\n";
	struct world world;
	bool is_full = false;
	int fd, other;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	for (int i = 0; i < 10000 && !is_full; i++) { /* its lines wait where they are */
		is_full = send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0 && errno == EAGAIN;
		hz_control_turn(world.control, world.now_ns);
	}
	CU_ASSERT_TRUE(is_full);
	world.now_ns += 5 * HZ_NS_PER_S + 1;
	turns(&world);
	CU_ASSERT_TRUE(send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	other = client_open(&world);
	CU_ASSERT_TRUE(pings(&world, other));
	close(other);
	close(fd);
	world_close(&world);
}

static void control_out_of_descriptors_rests_instead_of_spinning(void)
{
	struct rlimit before, none;
	struct pollfd poll_fd;
	struct world world;
	char answer[64];
	bool is_eof;
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns(&world);
	poll_fd = (struct pollfd){ .fd = hz_control_poll_fd(world.control), .events = POLLIN };
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
	CU_ASSERT_EQUAL(poll(&poll_fd, 1, 0), 0);
	CU_ASSERT_FALSE(pings(&world, fd)); /* still waits, its line with it */
	world.now_ns += HZ_NS_PER_S;
	turns(&world);
	CU_ASSERT_TRUE(receive(fd, answer, sizeof(answer), &is_eof) > 0);
	CU_ASSERT_TRUE(pings(&world, fd));
	close(fd);
	world_close(&world);
}

static void control_socket_replaces_a_stale_file_and_is_closed_to_strangers(void)
{
	struct hz_control *control = NULL;
	struct hz_err err = { 0 };
	struct server_rig *rig = server_rig_open(RIG_SITE);
	struct stat info;
	char path[64];
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	snprintf(path, sizeof(path), "%s/ctl.sock", rig->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(hz_control_open(&rig->server, &control, &err), 0);
	CU_ASSERT_EQUAL(stat(path, &info), 0);
	CU_ASSERT_TRUE(S_ISSOCK(info.st_mode));
	CU_ASSERT_EQUAL(info.st_mode & 0777, 0660);
	hz_control_close(control);
	rig->server.rundir.path[strlen(rig->server.rundir.path) - 1] = '/';
	CU_ASSERT_NOT_EQUAL(hz_control_open(&rig->server, &control, &err), 0);
	CU_ASSERT_EQUAL(err.exit_code, 7);
	server_rig_close(rig);
}

static void control_drain_asked_twice_does_not_skip_the_wait(void)
{
	json_t *request = json_pack("{s:s}", "cmd", "drain");
	struct world world;
	json_t *answer;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	for (int i = 0; i < 2; i++) {
		answer = hz_control_cmd_run(&world.rig->server, request, true);
		CU_ASSERT_TRUE(json_is_true(json_object_get(answer, "ok")));
		json_decref(answer);
		CU_ASSERT_EQUAL(world.rig->server.state, HZ_STATE_DRAINING);
		CU_ASSERT_FALSE(world.rig->server.is_done);
	}
	json_decref(request);
	world_close(&world);
}

/* In a child that became nobody: 0 when ping is answered and both changes are refused with exit code 4.
 * The parent runs the control socket meanwhile. */
static int stranger_run(void *ctx)
{
	static const struct {
		const char *line, *needle;
	} rows[] = {
		{ "{\"cmd\":\"ping\"}\n", "{\"ok\":true" },
		{ "{\"cmd\":\"reload\"}\n", "\"exit\":4" },
		{ "{\"cmd\":\"drain\"}\n", "\"exit\":4" },
	};
	struct world *world = ctx;
	struct pollfd poll_fd = { .fd = client_open(world), .events = POLLIN };
	char answer[1024];
	bool is_eof;

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		if (send(poll_fd.fd, rows[i].line, strlen(rows[i].line), MSG_NOSIGNAL) < 0 ||
		    poll(&poll_fd, 1, 5000) != 1)
			return 10 + (int)i;
		receive(poll_fd.fd, answer, sizeof(answer), &is_eof);
		if (strstr(answer, rows[i].needle) == NULL)
			return 20 + (int)i;
	}
	return 0;
}

struct loop {
	struct world *world;
	bool is_over;
};

static void *loop_run(void *arg)
{
	struct timespec nap = { .tv_nsec = (long)HZ_NS_PER_MS };
	struct loop *loop = arg;

	while (!__atomic_load_n(&loop->is_over, __ATOMIC_ACQUIRE)) {
		hz_control_turn(loop->world->control, loop->world->now_ns);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

static void control_stranger_may_read_but_not_change(void)
{
	struct world world;
	struct loop loop = { .world = &world };
	pthread_t thread;
	int result;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	CU_ASSERT_EQUAL(chmod(world.rig->dir, 0755), 0);
	CU_ASSERT_EQUAL(chmod(world.path, 0666), 0); /* the mode keeps others out already */
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, loop_run, &loop), 0);
	result = server_rig_as_nobody(stranger_run, &world, NULL);
	__atomic_store_n(&loop.is_over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	if (result == RIG_NO_RIGHTS)
		hz_test_skip("needs root to become somebody else");
	else
		CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_EQUAL(world.rig->server.generation, 1);
	CU_ASSERT_EQUAL(world.rig->server.drain_ns, 0);
	world_close(&world);
}

/* A client whose own timeout has run tells its user that nothing happened. */
static void control_request_of_a_client_that_has_gone_is_not_carried_out(void)
{
	static const char lines[] = "{\"cmd\":\"reload\"}\n{\"cmd\":\"drain\"}\n";
	struct world world;
	char code[32];
	int fd;

	CU_ASSERT_TRUE_FATAL(world_open(&world));
	fd = client_open(&world);
	CU_ASSERT_EQUAL(send(fd, lines, sizeof(lines) - 1, MSG_NOSIGNAL), sizeof(lines) - 1);
	close(fd);
	turns(&world);
	CU_ASSERT_EQUAL(world.rig->server.generation, 1);
	CU_ASSERT_EQUAL(world.rig->server.drain_ns, 0);
	fd = client_open(&world); /* one that only ended its writing side still listens */
	CU_ASSERT_EQUAL(send(fd, lines, sizeof(lines) - 1, MSG_NOSIGNAL), sizeof(lines) - 1);
	CU_ASSERT_EQUAL(shutdown(fd, SHUT_WR), 0);
	turns(&world);
	CU_ASSERT_EQUAL(world.rig->server.generation, 2);
	CU_ASSERT_NOT_EQUAL(world.rig->server.drain_ns, 0);
	CU_ASSERT_TRUE(recv(fd, code, sizeof(code), 0) > 0);
	close(fd);
	world_close(&world);
}

HZ_SUITE(control, CASE(control_exit_codes_of_hzd_are_failures_to_hzctl),
         CASE(control_status_names_what_runs), CASE(control_line_in_pieces_is_one_request),
         CASE(control_lines_in_one_piece_are_answered_in_order),
         CASE(control_malformed_line_is_answered_and_the_next_is_served),
         CASE(control_deeply_nested_line_is_refused),
         CASE(control_oversized_line_is_refused_and_closed),
         CASE(control_client_has_five_seconds_for_a_whole_line),
         CASE(control_seventeenth_client_is_told_busy_until_a_seat_is_free),
         CASE(control_many_clients_one_after_another_leak_nothing),
         CASE(control_client_that_does_not_read_is_dropped),
         CASE(control_out_of_descriptors_rests_instead_of_spinning),
         CASE(control_socket_replaces_a_stale_file_and_is_closed_to_strangers),
         CASE(control_drain_asked_twice_does_not_skip_the_wait),
         CASE(control_stranger_may_read_but_not_change),
         CASE(control_request_of_a_client_that_has_gone_is_not_carried_out));
