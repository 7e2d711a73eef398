/* Nobody is waited for: a hzd that does not answer, maps that cannot be read, a reader of lines that takes none. */
#include "collector/feed.h"
#include "collector/line_out.h"
#include "core/base.h"
#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUESTION "{\"cmd\":\"stream\"}\n"
#define REFUSAL  "{\"ok\":false,\"error\":{\"why\":\"not now\",\"exit\":4}}\n"

/* A control socket of an instance that never was attached. */
struct hzd {
	char instance[24], folder[48], path[64];
	int fd;
};

static bool hzd_open(struct hzd *hzd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(hzd->instance, sizeof(hzd->instance), "unit%d", (int)getpid());
	snprintf(hzd->folder, sizeof(hzd->folder), "/run/hz-%s", hzd->instance);
	snprintf(hzd->path, sizeof(hzd->path), "%s/ctl.sock", hzd->folder);
	memcpy(name.sun_path, hzd->path, strlen(hzd->path));
	hzd->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return hzd->fd >= 0 && mkdir(hzd->folder, 0700) == 0 &&
	       bind(hzd->fd, (const struct sockaddr *)&name, sizeof(name)) == 0 &&
	       listen(hzd->fd, 8) == 0;
}

static void hzd_close(struct hzd *hzd)
{
	close(hzd->fd);
	unlink(hzd->path);
	rmdir(hzd->folder);
}

/* How many wait to be accepted; the last one is *last. */
static uint32_t questions_take(const struct hzd *hzd, int *last)
{
	char text[64] = "";
	uint32_t count = 0;
	int fd;

	while ((fd = accept(hzd->fd, NULL, NULL)) >= 0) {
		if (count++ > 0)
			close(*last);
		*last = fd;
		CU_ASSERT_EQUAL(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT),
		                (ssize_t)strlen(QUESTION));
		CU_ASSERT_STRING_EQUAL(text, QUESTION);
	}
	return count;
}

static void hzd_that_says_nothing_is_asked_once_until_patience_ends(void)
{
	struct hz_map_look look = { 0 };
	struct hz_map_source source;
	struct hz_err err = { 0 };
	struct hzd hzd;
	int client = -1, other = -1;

	if (geteuid() != 0)
		HZ_SKIP("needs root");
	CU_ASSERT_TRUE_FATAL(hzd_open(&hzd));
	for (uint64_t s = 100; s <= 100 + HZ_MAP_LOOK_PATIENCE_S; s++) {
		CU_ASSERT_EQUAL(
			hz_map_look_turn(&look, hzd.instance, s * HZ_NS_PER_S, &source, &err),
			-EAGAIN);
		CU_ASSERT_EQUAL(hz_map_look_poll_fd(&look) >= 0, s < 100 + HZ_MAP_LOOK_PATIENCE_S);
	}
	CU_ASSERT_EQUAL(questions_take(&hzd, &client), 1);
	CU_ASSERT_EQUAL(recv(client, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* given up */
	/* And anew, after the pause. */
	CU_ASSERT_EQUAL(hz_map_look_turn(&look, hzd.instance, 131 * HZ_NS_PER_S, &source, &err),
	                -EAGAIN);
	CU_ASSERT_EQUAL(questions_take(&hzd, &other), 0);
	CU_ASSERT_EQUAL(hz_map_look_turn(&look, hzd.instance, 132 * HZ_NS_PER_S, &source, &err),
	                -EAGAIN);
	CU_ASSERT_EQUAL_FATAL(questions_take(&hzd, &other), 1);
	/* An answer in two pieces; its words are better than those of the pins. */
	CU_ASSERT_EQUAL(send(other, REFUSAL, 9, MSG_NOSIGNAL), 9);
	CU_ASSERT_EQUAL(hz_map_look_turn(&look, hzd.instance, 132 * HZ_NS_PER_S, &source, &err),
	                -EAGAIN);
	CU_ASSERT_EQUAL(send(other, &REFUSAL[9], sizeof(REFUSAL) - 10, MSG_NOSIGNAL),
	                sizeof(REFUSAL) - 10);
	CU_ASSERT_EQUAL(hz_map_look_turn(&look, hzd.instance, 132 * HZ_NS_PER_S, &source, &err),
	                -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(err.why, "hzd: not now");
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_EQUAL(hz_map_look_poll_fd(&look), -1);
	hz_map_look_end(&look);
	close(client);
	close(other);
	hzd_close(&hzd);
}

/* What hz_log says from here to the end, in a file in place of stderr. */
struct said {
	int saved, fd;
};

static void said_begin(struct said *said)
{
	fflush(stderr);
	said->saved = dup(STDERR_FILENO);
	said->fd = memfd_create("said", MFD_CLOEXEC);
	CU_ASSERT_FATAL(said->saved >= 0 && said->fd >= 0);
	dup2(said->fd, STDERR_FILENO);
}

static void said_end(struct said *said, char *out, size_t room)
{
	ssize_t bytes = pread(said->fd, out, room - 1, 0);

	out[HZ_MAX(bytes, 0)] = '\0';
	dup2(said->saved, STDERR_FILENO);
	close(said->saved);
	close(said->fd);
}

static uint32_t count_of(const char *text, const char *word)
{
	uint32_t count = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		count++;
	}
	return count;
}

static void refusal_answer(struct hz_feed *feed, const struct hzd *hzd, const char *code)
{
	char text[128];
	int client = -1;

	feed->look.next_ns = 0; /* the pause is over */
	hz_feed_look(feed);
	CU_ASSERT_EQUAL_FATAL(questions_take(hzd, &client), 1);
	snprintf(text, sizeof(text),
	         "{\"ok\":false,\"error\":{\"code\":\"%s\",\"why\":\"of %s\",\"exit\":1}}\n", code,
	         code);
	CU_ASSERT_EQUAL(send(client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	hz_feed_look(feed);
	close(client);
}

/* The night of an upgrade: hzd serves, and the old collector cannot follow it. */
static void maps_that_cannot_be_followed_are_told_once_for_each_reason(void)
{
	static const char *const codes[] = { "abi", "abi", "abi", "busy", "busy", "abi" };
	struct hz_feed *feed = calloc(1, sizeof(*feed));
	struct said said;
	struct hzd hzd;
	char text[4096];

	if (geteuid() != 0) {
		free(feed);
		HZ_SKIP("needs root");
	}
	CU_ASSERT_TRUE_FATAL(hzd_open(&hzd));
	memset(feed->source.fd, 0xff, sizeof(feed->source.fd));
	feed->conf.instance = hzd.instance;
	said_begin(&said);
	for (size_t i = 0; i < HZ_ARRAY_LEN(codes); i++)
		refusal_answer(feed, &hzd, codes[i]);
	said_end(&said, text, sizeof(text));
	CU_ASSERT_EQUAL(count_of(text, "\n"), 3);
	CU_ASSERT_EQUAL(count_of(text, "no other maps: hzd: of abi"), 2);
	CU_ASSERT_EQUAL(count_of(text, "no other maps: hzd: of busy"), 1);
	hz_feed_close(feed);
	hzd_close(&hzd);
}

static void hzd_whose_queue_is_full_is_not_waited_for(void)
{
	struct hz_fd_ask ask[16];
	struct hz_err err = { 0 };
	struct hzd hzd;
	int status = 0;
	uint32_t asked = 0;

	if (geteuid() != 0)
		HZ_SKIP("needs root");
	CU_ASSERT_TRUE_FATAL(hzd_open(&hzd));
	while (asked < HZ_ARRAY_LEN(ask) && status == 0)
		status = hz_fd_ask_begin(&ask[asked++], hzd.instance, &err);
	CU_ASSERT_EQUAL(status, -EBUSY);
	for (uint32_t i = 0; i < asked; i++)
		hz_fd_ask_end(&ask[i]);
	hzd_close(&hzd);
}

static void maps_that_cannot_be_read_are_not_alive_for_ever(void)
{
	struct hz_feed *feed = calloc(1, sizeof(*feed));

	memset(feed->source.fd, 0xff, sizeof(feed->source.fd));
	feed->conf.instance = "unit-nowhere";
	feed->has_view = true;
	feed->now.is_alive = true;
	feed->now.stream.records = 7;
	CU_ASSERT_EQUAL_FATAL(hz_series_open(&feed->series, NULL, NULL), 0);
	for (uint32_t i = 1; i <= 5; i++) {
		hz_feed_tick(feed);
		CU_ASSERT_EQUAL(feed->now.is_alive, i < 3);
		CU_ASSERT_EQUAL(feed->now.stream.records, 7);
		CU_ASSERT_FALSE(feed->has_before);
	}
	hz_feed_close(feed);
}

/* What a pipe of one page takes, and no more. */
static void lines_into_a_full_pipe_wait_and_come_whole_and_in_order(void)
{
	struct hz_line_out *out = calloc(1, sizeof(*out));
	char line[HZ_EVENT_JSON_BYTES], got[HZ_EVENT_JSON_BYTES];
	int pipe_fd[2], taken = 0, flags;
	size_t seen = 0;

	(void)signal(SIGPIPE, SIG_IGN); /* as in hz-collector, which has it blocked */
	CU_ASSERT_EQUAL_FATAL(pipe(pipe_fd), 0);
	CU_ASSERT_TRUE(fcntl(pipe_fd[1], F_SETPIPE_SZ, 4096) > 0);
	(void)fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
	flags = fcntl(pipe_fd[1], F_GETFL);
	hz_line_out_open(out, pipe_fd[1]);
	CU_ASSERT_FALSE(hz_line_out_is_waiting(out));
	memset(line, 'a', sizeof(line));
	CU_ASSERT_EQUAL(hz_line_out_put(out, line, 4000), 0);
	CU_ASSERT_FALSE(hz_line_out_is_waiting(out));
	memset(line, 'b', sizeof(line));
	CU_ASSERT_EQUAL(hz_line_out_put(out, line, sizeof(line)), 0);
	CU_ASSERT_TRUE(hz_line_out_is_waiting(out));
	CU_ASSERT_EQUAL(hz_line_out_put(out, line, 10), -EAGAIN);
	CU_ASSERT_EQUAL(fcntl(pipe_fd[1], F_GETFL), flags); /* others' file, others' mode */
	while (seen < 4000 + sizeof(line)) {
		ssize_t part = read(pipe_fd[0], got, sizeof(got));

		CU_ASSERT_FATAL(part > 0);
		for (ssize_t i = 0; i < part; i++)
			CU_ASSERT_EQUAL_FATAL(got[i], seen + (size_t)i < 4000 ? 'a' : 'b');
		seen += (size_t)part;
		taken = hz_line_out_turn(out);
	}
	CU_ASSERT_EQUAL(taken, 0);
	CU_ASSERT_FALSE(hz_line_out_is_waiting(out));
	CU_ASSERT_EQUAL(hz_line_out_put(out, line, sizeof(line) + 1), -EMSGSIZE);
	close(pipe_fd[0]);
	CU_ASSERT_EQUAL(hz_line_out_put(out, line, 10), -EPIPE);
	CU_ASSERT_EQUAL(out->status, -EPIPE);
	CU_ASSERT_FALSE(hz_line_out_is_waiting(out));
	hz_line_out_close(out);
	CU_ASSERT_TRUE(fcntl(pipe_fd[1], F_GETFD) >= 0);
	close(pipe_fd[1]);
	free(out);
}

/* xdp attach may use the folder of the old pins again. */
static void lock_of_another_ring_in_our_own_folder_is_not_somebody_elses(void)
{
	struct hz_reader_lock lock = { -1, -1 }, next = { -1, -1 }, third = { -1, -1 };
	struct hz_err err = { 0 };
	char folder[48], instance[24];

	if (geteuid() != 0 || access("/sys/fs/bpf", W_OK) != 0)
		HZ_SKIP("needs root and a bpffs");
	snprintf(instance, sizeof(instance), "unit%d", (int)getpid());
	snprintf(folder, sizeof(folder), "/sys/fs/bpf/hz-%s", instance);
	CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0700), 0);
	CU_ASSERT_EQUAL(hz_reader_lock_open(&lock, instance, UINT32_MAX, NULL, &err), 0);
	CU_ASSERT_EQUAL(hz_reader_lock_open(&next, instance, UINT32_MAX - 1, NULL, &err),
	                -EADDRINUSE);
	CU_ASSERT_EQUAL(hz_reader_lock_open(&next, instance, UINT32_MAX - 1, &lock, &err), 0);
	hz_reader_lock_close(&lock);
	CU_ASSERT_EQUAL(hz_reader_lock_open(&third, instance, UINT32_MAX - 2, NULL, &err),
	                -EADDRINUSE);
	hz_reader_lock_close(&next);
	CU_ASSERT_EQUAL(hz_reader_lock_open(&third, instance, UINT32_MAX - 1, NULL, &err), 0);
	/* Who does not see the folder knows the name. */
	CU_ASSERT_EQUAL(hz_reader_lock_open(&next, "unit-nowhere", UINT32_MAX - 1, NULL, &err),
	                -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "process "));
	hz_reader_lock_close(&third);
	rmdir(folder);
}

HZ_SUITE(waiting, CASE(hzd_that_says_nothing_is_asked_once_until_patience_ends),
         CASE(maps_that_cannot_be_followed_are_told_once_for_each_reason),
         CASE(hzd_whose_queue_is_full_is_not_waited_for),
         CASE(maps_that_cannot_be_read_are_not_alive_for_ever),
         CASE(lines_into_a_full_pipe_wait_and_come_whole_and_in_order),
         CASE(lock_of_another_ring_in_our_own_folder_is_not_somebody_elses));
