/* hz-collector: prints what the kernel streams as JSON lines, until SIGINT or SIGTERM. */
#include "collector/event_json.h"
#include "collector/ringbuf.h"
#include "core/common.h"
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CONSUME_EVERY_MS 1000 /* also without a wake-up: the kernel sends one per round only */

struct output {
	FILE *to;
	uint64_t lines;
	uint64_t malformed; /* records whose lengths lie */
	uint64_t unknown;   /* of a newer version */
};

static const char usage_text[] =
	"Usage: hz-collector [-i INSTANCE] [-V] [-h]\n"
	"Prints histogram deltas of a running hz, and samples of frames that XDP dropped, as JSON\n"
	"lines to stdout.\n"
	"  -i, --instance INSTANCE   which one, default: the unnamed\n"
	"  -V, --version             print the version\n"
	"  -h, --help                this text\n";

static int record_print(void *ctx, const void *record, size_t bytes)
{
	struct output *output = ctx;
	char line[HZ_EVENT_JSON_BYTES];
	int len = hz_event_json_line(record, bytes, line);

	if (len == -EBADMSG)
		output->malformed++;
	else if (len == -ENOTSUP)
		output->unknown++;
	if (len < 0)
		return 0;
	output->lines++;
	if (fwrite(line, 1, (size_t)len, output->to) != (size_t)len || fflush(output->to) != 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

/* Until a signal: 0. -errno: stdout or the ring failed. */
static int run(struct hz_ringbuf *ring, int signal_fd)
{
	struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
		                { .fd = hz_ringbuf_poll_fd(ring), .events = POLLIN } };
	int status = 0;

	while (status >= 0) {
		if (poll(fds, 2, CONSUME_EVERY_MS) < 0 && errno != EINTR)
			return -errno;
		status = hz_ringbuf_consume(ring);
		if (status >= 0 && (fds[0].revents & POLLIN))
			return 0;
	}
	return status;
}

static int signals_open(struct hz_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGPIPE); /* told by fwrite instead */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd == -1)
		return hz_err_set(err, -errno, 1, "signals", "", "signalfd: %s", strerror(errno));
	return fd;
}

static int collect(const char *instance, struct hz_err *err)
{
	struct output output = { .to = stdout };
	struct hz_ringbuf *ring = NULL;
	int signal_fd, status;

	signal_fd = signals_open(err);
	if (signal_fd < 0)
		return signal_fd;
	status = hz_ringbuf_open(instance, record_print, &output, &ring, err);
	if (status == 0) {
		status = run(ring, signal_fd);
		if (status == -EPIPE)
			status = 0; /* the reader has seen enough */
		if (status != 0)
			(void)hz_err_set(err, status, 1, "output", "", "%s", strerror(-status));
		hz_ringbuf_close(ring);
	}
	close(signal_fd);
	if (output.malformed + output.unknown > 0)
		fprintf(stderr,
		        "hz-collector: %llu malformed and %llu unknown records were skipped\n",
		        (unsigned long long)output.malformed, (unsigned long long)output.unknown);
	return status;
}

static int usage_fail(struct hz_err *err, const char *problem, const char *word)
{
	hz_err_what(err, "wrong usage");
	(void)hz_err_set(err, -EINVAL, 2, "usage", "hz-collector -h", "%s '%.40s'", problem, word);
	hz_err_print(stderr, "hz-collector", err);
	return err->exit_code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "instance", required_argument, NULL, 'i' },
		                                 { "version", no_argument, NULL, 'V' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	struct hz_err err = { 0 };
	const char *instance = NULL;
	int option;

	while ((option = getopt_long(argc, argv, ":i:Vh", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			instance = optarg;
			break;
		case 'V':
			puts("hz-collector " HZ_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		case ':':
			return usage_fail(&err, "a value is missing behind", argv[optind - 1]);
		default:
			return usage_fail(&err, "unknown option", argv[optind - 1]);
		}
	}
	if (optind != argc)
		return usage_fail(&err, "unexpected", argv[optind]);
	hz_err_what(&err, "reading events failed");
	if (collect(instance, &err) != 0) {
		hz_err_print(stderr, "hz-collector", &err);
		return err.exit_code;
	}
	return 0;
}
