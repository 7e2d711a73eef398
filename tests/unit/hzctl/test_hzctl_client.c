/* The control socket's client against servers that answer, refuse, lie, cut and stay silent. */
#include "../../../tools/hzctl/ctl_client.h"
#include "core/clock.h"
#include "hz_test.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
	char dir[64], path[96];
	int fd;
	const char *answer; /* NULL: says nothing until the client gives up */
	const char *first;  /* what the first of two clients is told; NULL: there is one client */
	size_t piece;       /* bytes per send; 0: all at once */
	char request[128];
	pthread_t thread;
};

/* The request may come in pieces. */
static void request_take(struct server *server, int fd)
{
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && strchr(server->request, '\n') == NULL) {
		got = recv(fd, server->request + used, sizeof(server->request) - 1 - used, 0);
		used += got > 0 ? (size_t)got : 0;
	}
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	size_t left = server->answer != NULL ? strlen(server->answer) : 0, part;
	const char *at = server->answer;
	int fd = accept(server->fd, NULL, NULL);

	if (server->first != NULL && fd != -1) {
		(void)!send(fd, server->first, strlen(server->first), MSG_NOSIGNAL);
		close(fd); /* its request is not even read */
		fd = accept(server->fd, NULL, NULL);
	}
	if (fd == -1)
		return NULL;
	request_take(server, fd);
	for (; left > 0; left -= part, at += part) {
		part = server->piece > 0 && server->piece < left ? server->piece : left;
		if (send(fd, at, part, MSG_NOSIGNAL) != (ssize_t)part)
			break;
		if (server->piece > 0)
			usleep(1000);
	}
	if (server->answer == NULL)
		(void)!recv(fd, server->request, 1, 0);
	close(fd);
	return NULL;
}

static void server_start(struct server *server)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(server->dir, sizeof(server->dir), "/tmp/hz-unit-ctl.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/ctl.sock", server->dir);
	memcpy(name.sun_path, server->path, strlen(server->path) + 1);
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(bind(server->fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CU_ASSERT_FATAL(listen(server->fd, 1) == 0);
	CU_ASSERT_FATAL(pthread_create(&server->thread, NULL, server_run, server) == 0);
}

static int call(struct server *server, json_t **result, struct hz_err *err)
{
	int status;

	memset(err, 0, sizeof(*err));
	server_start(server);
	status = hz_ctl_client_call_at(server->path, "status", result, err);
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	unlink(server->path);
	rmdir(server->dir);
	return status;
}

static void answer_ok_gives_the_result(void)
{
	struct server server = { .answer = "{\"ok\":true,\"result\":{\"generation\":7}}\n" };
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT_EQUAL(call(&server, &result, &err), 0);
	CU_ASSERT_STRING_EQUAL(server.request, "{\"cmd\":\"status\"}\n");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "generation")), 7);
	json_decref(result);
}

static void answer_in_pieces_is_joined(void)
{
	struct server server = { .answer = "{\"ok\":true,\"result\":{\"generation\":7}}\n",
		                 .piece = 3 };
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT_EQUAL(call(&server, &result, &err), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "generation")), 7);
	json_decref(result);
}

static void refusal_keeps_words_and_exit_code_of_hzd(void)
{
	struct server server = { .answer = "{\"ok\":false,\"error\":{\"code\":\"not_permitted\","
		                           "\"message\":\"reload failed\",\"why\":\"no\","
		                           "\"hint\":\"sudo\",\"exit\":4}}\n" };
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT_EQUAL(call(&server, &result, &err), -EREMOTEIO);
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_STRING_EQUAL(err.code, "not_permitted");
	CU_ASSERT_STRING_EQUAL(err.what, "reload failed");
	CU_ASSERT_STRING_EQUAL(err.why, "no");
	CU_ASSERT_STRING_EQUAL(err.hint, "sudo");
	CU_ASSERT_PTR_NULL(result);
}

static void full_server_is_asked_again(void)
{
	struct server server = {
		.first = "{\"ok\":false,\"error\":{\"code\":\"too_many_clients\",\"exit\":1}}\n",
		.answer = "{\"ok\":true,\"result\":{\"generation\":7}}\n",
	};
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT_EQUAL(call(&server, &result, &err), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "generation")), 7);
	json_decref(result);
}

static void refusal_with_a_wild_exit_code_is_1(void)
{
	struct server server = { .answer = "{\"ok\":false,\"error\":{\"exit\":700}}\n" };
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT(call(&server, &result, &err) < 0);
	CU_ASSERT_EQUAL(err.exit_code, 1);
}

static void answer_that_is_no_object_is_an_error(void)
{
	static const char *const answers[] = { "\n",
		                               "[]\n",
		                               "{\"ok\":true}\n",
		                               "{\"ok\":1}\n",
		                               "{\"ok\":true,\"ok\":true,\"result\":{}}\n",
		                               "{\"ok\":true,\"result\":{}" };
	struct hz_err err;
	json_t *result = NULL;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct server server = { .answer = answers[i] };

		CU_ASSERT(call(&server, &result, &err) < 0);
		CU_ASSERT_EQUAL(err.exit_code, 1);
		CU_ASSERT_PTR_NULL(result);
	}
}

static void answer_without_end_is_cut_off(void)
{
	size_t bytes = HZ_CTL_CLIENT_ANSWER_MAX + 100;
	struct server server = { 0 };
	char *answer = malloc(bytes + 1);
	struct hz_err err;
	json_t *result = NULL;

	memset(answer, ' ', bytes);
	answer[bytes] = '\0';
	server.answer = answer;
	CU_ASSERT_EQUAL(call(&server, &result, &err), -EMSGSIZE);
	CU_ASSERT_EQUAL(err.exit_code, 1);
	free(answer);
}

static void silence_times_out_with_6(void)
{
	struct server server = { .answer = NULL };
	uint64_t began_ns = hz_clock_monotonic_ns();
	struct hz_err err;
	json_t *result = NULL;

	CU_ASSERT_EQUAL(call(&server, &result, &err), -ETIMEDOUT);
	CU_ASSERT_EQUAL(err.exit_code, 6);
	CU_ASSERT((hz_clock_monotonic_ns() - began_ns) / HZ_NS_PER_MS >=
	          HZ_CTL_CLIENT_TIMEOUT_MS - 10);
}

static void socket_that_is_not_there_means_hzd_is_down(void)
{
	struct hz_err err = { 0 };
	json_t *result = NULL;

	CU_ASSERT_EQUAL(
		hz_ctl_client_call_at("/tmp/hz-unit-nowhere/ctl.sock", "ping", &result, &err),
		-ENOENT);
	CU_ASSERT_EQUAL(err.exit_code, 3);
	CU_ASSERT_STRING_EQUAL(err.code, "hzd_down");
	CU_ASSERT(err.hint[0] != '\0');
}

static void rundir_follows_the_instance(void)
{
	char dir[96];

	hz_ctl_client_rundir(NULL, 0, dir, sizeof(dir));
	CU_ASSERT_STRING_EQUAL(dir, "/run/hz");
	hz_ctl_client_rundir("edge", 0, dir, sizeof(dir));
	CU_ASSERT_STRING_EQUAL(dir, "/run/hz-edge");
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	hz_ctl_client_rundir("edge", 1, dir, sizeof(dir));
	CU_ASSERT_STRING_EQUAL(dir, "/run/user/7/hz-edge");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	hz_ctl_client_rundir("edge", 1, dir, sizeof(dir));
	CU_ASSERT_STRING_EQUAL(dir, "");
	unsetenv("XDG_RUNTIME_DIR");
}

HZ_SUITE(hzctl_client, CASE(answer_ok_gives_the_result), CASE(answer_in_pieces_is_joined),
         CASE(full_server_is_asked_again), CASE(refusal_keeps_words_and_exit_code_of_hzd),
         CASE(refusal_with_a_wild_exit_code_is_1), CASE(answer_that_is_no_object_is_an_error),
         CASE(answer_without_end_is_cut_off), CASE(silence_times_out_with_6),
         CASE(socket_that_is_not_there_means_hzd_is_down), CASE(rundir_follows_the_instance));
