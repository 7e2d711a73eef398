#include "core/err.h"
#include "core/log.h"
#include <errno.h>
#include <fcntl.h>
#include <hz_test.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void err_printed(const struct hz_err *err, char *out, size_t room)
{
	FILE *to = fmemopen(out, room, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	hz_err_print(to, "hzctl", err);
	fclose(to);
}

static void err_with_all_parts_prints_three_lines(void)
{
	struct hz_err err = { 0 };
	char out[1024] = "";

	CU_ASSERT_EQUAL(hz_err_set(&err, -EBUSY, 4, "xdp_busy", "hzctl xdp show dev eth1",
	                           "%s: program %d", "Device or resource busy", 412),
	                -EBUSY);
	hz_err_what(&err, "xdp attach dev %s failed", "eth1");
	CU_ASSERT_EQUAL(err.exit_code, 4);
	CU_ASSERT_STRING_EQUAL(err.code, "xdp_busy");
	err_printed(&err, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "hzctl: xdp attach dev eth1 failed\n"
	                            "  why:  Device or resource busy: program 412\n"
	                            "  try:  hzctl xdp show dev eth1\n");
}

static void err_without_hint_leaves_the_line_out(void)
{
	struct hz_err err = { 0 };
	char out[1024] = "";

	CU_ASSERT_EQUAL(hz_err_set(&err, -EIO, 1, "io", NULL, "%s", "disk"), -EIO);
	err_printed(&err, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "hzctl: failed\n  why:  disk\n");
}

static void err_text_too_long_is_cut_and_terminated(void)
{
	struct hz_err err = { 0 };
	char out[2048] = "";
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hz_err_set(&err, -1, 1, text, text, "%s", text);
	hz_err_what(&err, "%s", text);
	CU_ASSERT_EQUAL(strlen(err.code), sizeof(err.code) - 1);
	CU_ASSERT_EQUAL(strlen(err.what), sizeof(err.what) - 1);
	CU_ASSERT_EQUAL(strlen(err.why), sizeof(err.why) - 1);
	CU_ASSERT_EQUAL(strlen(err.hint), sizeof(err.hint) - 1);
	err_printed(&err, out, sizeof(out));
	CU_ASSERT_EQUAL(strlen(out), strlen("hzctl: \n  why:  \n  try:  \n") + strlen(err.what) +
	                                     strlen(err.why) + strlen(err.hint));
}

static void err_control_characters_do_not_break_the_form(void)
{
	struct hz_err err = { 0 };
	char out[1024] = "";

	hz_err_set(&err, -1, 1, "x", "", "a\nb\x1b[2J\tc");
	err_printed(&err, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "hzctl: failed\n  why:  a?b?[2J?c\n");
}

/* What a few lines of logging put on stderr, in a process of their own: a name is given once. */
static void logged(char *out, size_t room, void (*lines)(void))
{
	FILE *file = tmpfile();
	int status = 0;
	size_t got;
	pid_t child;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fflush(stderr);
	child = fork();
	if (child == 0) {
		dup2(fileno(file), STDERR_FILENO);
		lines();
		_exit(CU_get_number_of_failures() != 0);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
	rewind(file);
	got = fread(out, 1, room - 1, file);
	out[got] = '\0';
	fclose(file);
}

static void lines_of_three_levels(void)
{
	hz_log_open("hzd", HZ_LOG_INFO);
	errno = ENOENT;
	hz_log(HZ_LOG_ERROR, "port %d: %m", 3);
	hz_log(HZ_LOG_INFO, "two\nlines");
	hz_log(HZ_LOG_DEBUG, "not shown");
	CU_ASSERT_EQUAL(errno, ENOENT);
}

static void log_writes_one_line_each_up_to_its_level(void)
{
	char out[4096];

	unsetenv("JOURNAL_STREAM");
	logged(out, sizeof(out), lines_of_three_levels);
	CU_ASSERT_STRING_EQUAL(
		out, "hzd: error: port 3: No such file or directory\nhzd: info: two?lines\n");
}

static void lines_of_two_names(void)
{
	char name[100] = "first";

	hz_log(HZ_LOG_INFO, "before");
	hz_log_open(name, HZ_LOG_INFO);
	memset(name, 'x', sizeof(name) - 1); /* whose memory it was */
	hz_log(HZ_LOG_INFO, "own");
	hz_log_open("second", HZ_LOG_DEBUG);
	hz_log(HZ_LOG_INFO, "still");
	hz_log(HZ_LOG_DEBUG, "not shown");
}

/* Servers of one process begin and end while others log. */
static void log_keeps_a_copy_of_the_first_name(void)
{
	char out[4096];

	unsetenv("JOURNAL_STREAM");
	logged(out, sizeof(out), lines_of_two_names);
	CU_ASSERT_STRING_EQUAL(out, "hz: info: before\nfirst: info: own\nfirst: info: still\n");
}

static void log_under_the_journal_has_priorities(void)
{
	char out[4096];

	setenv("JOURNAL_STREAM", "8:1", 1);
	logged(out, sizeof(out), lines_of_three_levels);
	unsetenv("JOURNAL_STREAM");
	CU_ASSERT_STRING_EQUAL(
		out, "<3>hzd: error: port 3: No such file or directory\n<6>hzd: info: two?lines\n");
}

static void line_that_is_too_long(void)
{
	char text[3000];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hz_log_open("hzd", HZ_LOG_INFO);
	hz_log(HZ_LOG_WARN, "%s", text);
}

static void log_line_too_long_is_cut_with_its_newline(void)
{
	char out[4096];

	logged(out, sizeof(out), line_that_is_too_long);
	CU_ASSERT_TRUE(strlen(out) <= HZ_LOG_LINE_MAX);
	CU_ASSERT_TRUE(strlen(out) >= HZ_LOG_LINE_MAX - 2);
	CU_ASSERT_EQUAL(out[strlen(out) - 1], '\n');
	CU_ASSERT_EQUAL(strncmp(out, "hzd: warning: yyy", 17), 0);
}

static void log_that_cannot_be_written_keeps_errno(void)
{
	int saved = dup(STDERR_FILENO);

	hz_log_open("hzd", HZ_LOG_INFO);
	close(STDERR_FILENO);
	errno = ENOENT;
	hz_log(HZ_LOG_ERROR, "nowhere");
	CU_ASSERT_EQUAL(errno, ENOENT);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

HZ_SUITE(err, CASE(err_with_all_parts_prints_three_lines),
         CASE(err_without_hint_leaves_the_line_out), CASE(err_text_too_long_is_cut_and_terminated),
         CASE(err_control_characters_do_not_break_the_form),
         CASE(log_writes_one_line_each_up_to_its_level), CASE(log_keeps_a_copy_of_the_first_name),
         CASE(log_under_the_journal_has_priorities),
         CASE(log_line_too_long_is_cut_with_its_newline),
         CASE(log_that_cannot_be_written_keeps_errno));
