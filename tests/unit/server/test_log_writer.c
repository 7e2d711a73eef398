/* The log writer with real files: what it opens, what it refuses, and that lines and drops add up. */
#include "core/log.h"
#include "core/span_ops.h"
#include "http/token.h"
#include "hz_test.h"
#include "middleware/log_record.h"
#include "server/log_file.h"
#include "server/log_writer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct rig {
	char dir[32];
	char path[2][64];
	struct hz_mw_log_conf conf[2];
	struct hz_site site;
	struct hz_log_writer *writer;
};

static void rig_open(struct rig *rig, uint32_t lanes)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/hz-log-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	for (unsigned i = 0; i < 2; i++) {
		snprintf(rig->path[i], sizeof(rig->path[i]), "%s/%c.log", rig->dir, 'a' + (char)i);
		rig->conf[i] = (struct hz_mw_log_conf){ .to = rig->path[i], .line = 3 + i };
	}
	rig->site.logs = &rig->conf[0];
	CU_ASSERT_EQUAL_FATAL(hz_log_writer_open(lanes, &rig->writer), 0);
}

static void rig_close(struct rig *rig)
{
	hz_log_writer_unbind(&rig->site);
	hz_log_writer_close(rig->writer);
	for (unsigned i = 0; i < 2; i++)
		unlink(rig->path[i]);
	rmdir(rig->dir);
}

static int bind(struct rig *rig, struct hz_err *err)
{
	*err = (struct hz_err){ 0 };
	return hz_log_writer_bind(rig->writer, &rig->site, err);
}

/* A request with that User-Agent, as the middleware leaves it; false: dropped. */
static bool line_put(struct hz_log_sink *sink, uint32_t lane, const char *text)
{
	const struct hz_span texts[HZ_LOG_TEXTS] = { [HZ_LOG_AGENT] = hz_span_text(text) };
	struct hz_log_record *record = hz_log_record_begin(&sink->lane[lane].ring, texts);

	if (record == NULL) {
		__atomic_store_n(&sink->lane[lane].dropped, sink->lane[lane].dropped + 1,
		                 __ATOMIC_RELAXED);
		return false;
	}
	record->format = HZ_LOG_COMBINED;
	record->method = HZ_HTTP_OTHER;
	record->status = 200;
	record->minor = 1;
	record->is_complete = true;
	record->body_bytes = 0;
	record->arrived_ns = record->answered_ns = record->now_ns = 0;
	record->one_in = 1;
	record->port = 0;
	memset(record->addr, 0, sizeof(record->addr));
	hz_log_record_end(&sink->lane[lane].ring, record);
	return true;
}

/* Bytes of such a line. */
static size_t line_bytes(const char *text)
{
	return sizeof(":: - - [01/Jul/2026:12:34:56 +0000] \"-\" 200 0 \"-\" \"\"\n") - 1 +
	       strlen(text);
}

static size_t bytes_read(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, out, room - 1);

	if (fd != -1)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Of each line the User-Agent, with LF. */
static size_t file_read(const char *path, char *out, size_t room)
{
	char text[1024], *line, *at = text;
	size_t used = 0;

	bytes_read(path, text, sizeof(text));
	out[0] = '\0';
	while ((line = strsep(&at, "\n")) != NULL && at != NULL) {
		char *end = strrchr(line, '"'), *begin = end;

		CU_ASSERT_PTR_NOT_NULL_FATAL(end);
		CU_ASSERT_EQUAL(strncmp(line, ":: - - [", 8), 0);
		while (begin > line && begin[-1] != '"')
			begin--;
		*end = '\0';
		used += (size_t)snprintf(out + used, room - used, "%s\n", begin);
	}
	return used;
}

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* Until the file holds that, for at most two seconds. */
static bool file_becomes(const char *path, const char *want)
{
	char got[256];

	for (unsigned i = 0; i < 400; i++) {
		file_read(path, got, sizeof(got));
		if (strcmp(got, want) == 0)
			return true;
		nap_ms(5);
	}
	fprintf(stderr, "%s: '%s', not '%s'\n", path, got, want);
	return false;
}

/* What hz_log says meanwhile, read back from a pipe in place of stderr. */
struct said {
	int saved, fd[2];
};

static void said_begin(struct said *said)
{
	fflush(stderr);
	said->saved = dup(STDERR_FILENO);
	CU_ASSERT_EQUAL_FATAL(pipe2(said->fd, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(said->fd[1], STDERR_FILENO);
	close(said->fd[1]);
}

static void said_end(struct said *said, char *out, size_t room)
{
	ssize_t n = read(said->fd[0], out, room - 1);

	out[n > 0 ? n : 0] = '\0';
	dup2(said->saved, STDERR_FILENO);
	close(said->saved);
	close(said->fd[0]);
}

static void lines_of_all_lanes_arrive_in_a_file_of_mode_0640(void)
{
	struct hz_err err;
	struct rig rig;
	struct stat st;

	rig_open(&rig, 2);
	umask(0);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	umask(022);
	CU_ASSERT_EQUAL(stat(rig.path[0], &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "one"));
	CU_ASSERT(file_becomes(rig.path[0], "one\n"));
	CU_ASSERT(line_put(rig.conf[0].sink, 1, "two"));
	CU_ASSERT(file_becomes(rig.path[0], "one\ntwo\n"));
	rig_close(&rig);
}

static void lines_before_the_end_are_written(void)
{
	struct hz_err err;
	char got[64];
	struct rig rig;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "last"));
	hz_log_writer_unbind(&rig.site);
	hz_log_writer_close(rig.writer);
	rig.writer = NULL;
	file_read(rig.path[0], got, sizeof(got));
	CU_ASSERT_STRING_EQUAL(got, "last\n");
	rig_close(&rig);
}

static void line_after_a_rotation_goes_to_the_new_file(void)
{
	struct hz_err err;
	char moved[80];
	struct rig rig;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "old"));
	CU_ASSERT(file_becomes(rig.path[0], "old\n"));
	snprintf(moved, sizeof(moved), "%s.1", rig.path[0]);
	CU_ASSERT_EQUAL(rename(rig.path[0], moved), 0);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "still old"));
	CU_ASSERT(file_becomes(moved, "old\nstill old\n"));
	hz_log_writer_reopen(rig.writer);
	nap_ms(20);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "new"));
	CU_ASSERT(file_becomes(rig.path[0], "new\n"));
	CU_ASSERT(file_becomes(moved, "old\nstill old\n"));
	unlink(moved);
	rig_close(&rig);
}

static void reopen_that_fails_keeps_the_old_file_and_is_said(void)
{
	struct hz_err err;
	struct said said;
	char text[512], moved[80];
	struct rig rig;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	snprintf(moved, sizeof(moved), "%s.1", rig.path[0]);
	CU_ASSERT_EQUAL(rename(rig.path[0], moved), 0);
	CU_ASSERT_EQUAL(symlink(moved, rig.path[0]), 0);
	said_begin(&said);
	hz_log_writer_reopen(rig.writer);
	said_end(&said, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot open again, the old file goes on"));
	nap_ms(20);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "x"));
	CU_ASSERT(file_becomes(moved, "x\n"));
	unlink(moved);
	rig_close(&rig);
}

/* A check says the same before, but for who reads a FIFO, and makes nothing. */
static int open_is(const char *path)
{
	bool was_there = access(path, F_OK) == 0;
	int checked = hz_log_file_check(path);
	bool is_there = access(path, F_OK) == 0;
	int fd = hz_log_file_open(path);

	CU_ASSERT_EQUAL(is_there, was_there);
	CU_ASSERT_EQUAL(checked, fd >= 0 || fd == -ENXIO ? 0 : fd);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void file_that_others_could_have_put_there_is_refused(void)
{
	char other[80];
	struct rig rig;

	rig_open(&rig, 1);
	snprintf(other, sizeof(other), "%s/other", rig.dir);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), 0);
	CU_ASSERT_EQUAL(chmod(rig.path[0], 0660), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -EPERM);
	CU_ASSERT_EQUAL(chmod(rig.path[0], 0642), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -EPERM);
	CU_ASSERT_EQUAL(chmod(rig.path[0], 0644), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), 0);
	CU_ASSERT_EQUAL(link(rig.path[0], other), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -EMLINK);
	CU_ASSERT_EQUAL(unlink(rig.path[0]), 0);
	CU_ASSERT_EQUAL(open_is(other), 0);
	CU_ASSERT_EQUAL(symlink(other, rig.path[0]), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -ELOOP);
	unlink(rig.path[0]);
	unlink(other);
	CU_ASSERT_EQUAL(mkdir(other, 0700), 0);
	CU_ASSERT_EQUAL(open_is(other), -EISDIR);
	rmdir(other);
	CU_ASSERT_EQUAL(mkfifo(other, 0600), 0);
	CU_ASSERT_EQUAL(open_is(other), -ENXIO);
	unlink(other);
	CU_ASSERT_EQUAL(open_is("/dev/null"), -EINVAL);
	CU_ASSERT_EQUAL(open_is("/dev/null/x"), -ENOTDIR);
	CU_ASSERT_EQUAL(chmod(rig.dir, 0770), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -EACCES);
	CU_ASSERT_EQUAL(chmod(rig.dir, 01707), 0);
	CU_ASSERT_EQUAL(open_is(rig.path[0]), -EACCES);
	CU_ASSERT_EQUAL(access(rig.path[0], F_OK), -1); /* nothing was made there */
	CU_ASSERT_EQUAL(chmod(rig.dir, 0700), 0);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(open_is(rig.path[0]), 0);
		CU_ASSERT_EQUAL(chown(rig.path[0], 65534, 65534), 0);
		CU_ASSERT_EQUAL(open_is(rig.path[0]), -EPERM);
		unlink(rig.path[0]);
		CU_ASSERT_EQUAL(chown(rig.dir, 65534, 65534), 0);
		CU_ASSERT_EQUAL(open_is(rig.path[0]), -EACCES);
	}
	rig_close(&rig);
}

static void bind_gives_all_sinks_or_none_and_names_the_line(void)
{
	struct hz_err err;
	struct rig rig;

	rig_open(&rig, 1);
	rig.conf[0].next = &rig.conf[1];
	CU_ASSERT_EQUAL(mkdir(rig.path[1], 0700), 0);
	CU_ASSERT_EQUAL(bind(&rig, &err), -EISDIR);
	CU_ASSERT_PTR_NULL(rig.conf[0].sink);
	CU_ASSERT_PTR_NULL(rig.conf[1].sink);
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "line 4: log: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "neither a regular file nor a FIFO"));
	rmdir(rig.path[1]);
	CU_ASSERT_EQUAL(bind(&rig, &err), 0);
	CU_ASSERT_PTR_NOT_EQUAL(rig.conf[0].sink, rig.conf[1].sink);
	rig_close(&rig);
}

static void site_after_a_reload_goes_on_with_the_same_file(void)
{
	struct hz_mw_log_conf again = { .line = 9 };
	struct hz_site next = { .logs = &again };
	struct hz_log_sink *sink;
	struct hz_err err;
	struct rig rig;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	again.to = rig.path[0];
	sink = rig.conf[0].sink;
	CU_ASSERT_EQUAL(hz_log_writer_bind(rig.writer, &next, &err), 0);
	CU_ASSERT_PTR_EQUAL(again.sink, sink);
	hz_log_writer_unbind(&rig.site);
	CU_ASSERT_PTR_NULL(rig.conf[0].sink);
	nap_ms(20);
	CU_ASSERT(line_put(sink, 0, "on"));
	CU_ASSERT(file_becomes(rig.path[0], "on\n"));
	CU_ASSERT(line_put(sink, 0, "end"));
	hz_log_writer_unbind(&next); /* the last one: written and closed */
	CU_ASSERT(file_becomes(rig.path[0], "on\nend\n"));
	rig_close(&rig);
}

/* What is open goes on, but a site that could not open it again is not taken. */
static void site_after_a_reload_is_refused_where_the_directory_is_not_safe(void)
{
	struct hz_mw_log_conf again;
	struct hz_site next = { .logs = &again };
	struct hz_err err = { 0 };
	struct rig rig;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	again = (struct hz_mw_log_conf){ .to = rig.path[0], .line = 5 };
	CU_ASSERT_EQUAL(chmod(rig.dir, 0777), 0);
	CU_ASSERT_EQUAL(hz_log_writer_bind(rig.writer, &next, &err), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.why, "line 5: log: "));
	CU_ASSERT_EQUAL(chmod(rig.dir, 0700), 0);
	CU_ASSERT_EQUAL(hz_log_writer_bind(rig.writer, &next, &err), 0);
	hz_log_writer_unbind(&next);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "still here"));
	rig_close(&rig);
}

static void more_files_than_the_limit_are_refused(void)
{
	static const uint32_t count = HZ_LIMIT_log_files_max + 1;
	struct hz_mw_log_conf conf[HZ_LIMIT_log_files_max + 1] = { 0 };
	char path[HZ_LIMIT_log_files_max + 1][64];
	struct hz_err err;
	struct rig rig;

	rig_open(&rig, 1);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%u", rig.dir, i);
		conf[i] = (struct hz_mw_log_conf){ .to = path[i], .next = rig.site.logs };
		rig.site.logs = &conf[i];
	}
	conf[0].next = NULL;
	CU_ASSERT_EQUAL(bind(&rig, &err), -EMFILE);
	rig.site.logs = &conf[count - 2];
	nap_ms(50); /* those of the attempt are closed */
	CU_ASSERT_EQUAL(bind(&rig, &err), 0);
	hz_log_writer_unbind(&rig.site);
	rig.site.logs = NULL;
	for (uint32_t i = 0; i < count; i++)
		unlink(path[i]);
	rig_close(&rig);
}

/* Lines in a pipe's reader, to its end or until there is nothing now; whole ones only. */
static uint64_t lines_read(int fd, uint64_t *bytes)
{
	static char room[1 << 16];
	uint64_t lines = 0;
	ssize_t n;

	while ((n = read(fd, room, sizeof(room))) > 0) {
		*bytes += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++)
			lines += room[i] == '\n';
	}
	return lines;
}

/* Nobody reads the pipe: the rings fill, the rest is dropped and counted. Then somebody does. */
static void pipe_that_nobody_reads_costs_lines_that_are_counted(void)
{
	const uint64_t puts = 100000;
	uint64_t written = 0, lines = 0, bytes = 0;
	struct hz_err err;
	struct said said;
	char text[1024], want[64], line[64];
	struct rig rig;
	int fd;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(mkfifo(rig.path[0], 0600), 0);
	fd = open(rig.path[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	said_begin(&said);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (uint64_t i = 0; i < puts; i++)
		written += line_put(rig.conf[0].sink, 0, line);
	CU_ASSERT(written >= HZ_LIMIT_log_ring_bytes / 2 / sizeof(struct hz_log_record));
	CU_ASSERT(written < puts);
	for (unsigned i = 0; i < 1000 && lines < written; i++) {
		lines += lines_read(fd, &bytes);
		nap_ms(2);
	}
	CU_ASSERT_EQUAL(lines, written);
	CU_ASSERT_EQUAL(bytes, written * line_bytes(line));
	nap_ms(50);
	said_end(&said, text, sizeof(text));
	snprintf(want, sizeof(want), ": %llu lines were dropped\n",
	         (unsigned long long)(puts - written));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
	CU_ASSERT_PTR_NULL(strstr(text, "cannot write")); /* full is not broken */
	close(fd);
	rig_close(&rig);
}

/* The reader goes away and comes back: said once, tried on, and nothing of what the ring held is lost. */
static void write_error_is_said_once_and_loses_nothing(void)
{
	uint64_t lines = 0, bytes = 0;
	struct hz_err err;
	struct said said;
	char text[1024], *at;
	struct rig rig;
	int fd;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(mkfifo(rig.path[0], 0600), 0);
	fd = open(rig.path[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	said_begin(&said);
	close(fd);
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "one"));
	nap_ms(350); /* several tries */
	CU_ASSERT(line_put(rig.conf[0].sink, 0, "two"));
	fd = open(rig.path[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (unsigned i = 0; i < 200 && lines < 2; i++) {
		lines += lines_read(fd, &bytes);
		nap_ms(5);
	}
	nap_ms(20);
	said_end(&said, text, sizeof(text));
	CU_ASSERT(lines == 2 && bytes == line_bytes("one") + line_bytes("two"));
	at = strstr(text, "cannot write: Broken pipe");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_PTR_NULL(strstr(at + 1, "cannot write"));
	CU_ASSERT_PTR_NOT_NULL(strstr(at, "written again"));
	close(fd);
	rig_close(&rig);
}

/* In time: the pipe takes nothing more. */
static bool is_filled(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ), held = 0;

	for (int i = 0; i < 500 && held < size; i++) {
		if (ioctl(fd, FIONREAD, &held) != 0)
			return false;
		nap_ms(10);
	}
	return held == size;
}

/* A line begun in one file does not end in another. */
static void reopen_within_a_line_begins_with_a_whole_one(void)
{
	struct hz_err err;
	uint64_t lines = 0, bytes = 0;
	char moved[80], line[1800], first[8] = "";
	struct rig rig;
	int fd, fresh;

	rig_open(&rig, 1);
	CU_ASSERT_EQUAL_FATAL(mkfifo(rig.path[0], 0600), 0);
	fd = open(rig.path[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(bind(&rig, &err), 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	while (line_put(rig.conf[0].sink, 0, line))
		; /* more than a pipe holds, whose size the line does not divide */
	CU_ASSERT(is_filled(fd));
	snprintf(moved, sizeof(moved), "%s.1", rig.path[0]);
	CU_ASSERT_EQUAL(rename(rig.path[0], moved), 0);
	CU_ASSERT_EQUAL_FATAL(mkfifo(rig.path[0], 0600), 0);
	fresh = open(rig.path[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	hz_log_writer_reopen(rig.writer);
	CU_ASSERT_EQUAL(poll(&(struct pollfd){ .fd = fresh, .events = POLLIN }, 1, 5000), 1);
	CU_ASSERT_EQUAL(read(fresh, first, 7), 7);
	CU_ASSERT_STRING_EQUAL(first, ":: - - ");
	lines = lines_read(fd, &bytes);
	CU_ASSERT(lines > 0 && bytes % line_bytes(line) != 0); /* it did end within a line */
	close(fd);
	while (lines_read(fresh, &bytes) > 0)
		nap_ms(10);
	close(fresh);
	unlink(moved);
	rig_close(&rig);
}

HZ_SUITE(log_writer, CASE(lines_of_all_lanes_arrive_in_a_file_of_mode_0640),
         CASE(lines_before_the_end_are_written), CASE(line_after_a_rotation_goes_to_the_new_file),
         CASE(reopen_that_fails_keeps_the_old_file_and_is_said),
         CASE(file_that_others_could_have_put_there_is_refused),
         CASE(bind_gives_all_sinks_or_none_and_names_the_line),
         CASE(site_after_a_reload_goes_on_with_the_same_file),
         CASE(site_after_a_reload_is_refused_where_the_directory_is_not_safe),
         CASE(more_files_than_the_limit_are_refused),
         CASE(pipe_that_nobody_reads_costs_lines_that_are_counted),
         CASE(write_error_is_said_once_and_loses_nothing),
         CASE(reopen_within_a_line_begins_with_a_whole_one));
