/* hz-collector: keeps and serves what a running hz tells, until SIGINT or SIGTERM. */
#include "collector/collect.h"
#include "collector_options.h"
#include "core/log.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int signals_open(struct hz_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGPIPE); /* told by fwrite and send instead */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd == -1)
		return hz_err_set(err, -errno, 1, "signals", "", "signalfd: %s", strerror(errno));
	return fd;
}

static int collect(const struct hz_collector_options *options, struct hz_err *err)
{
	const struct hz_collect_conf conf = {
		.instance = options->instance,
		.listen = options->listen,
		.history = options->history,
		.otlp = options->otlp,
		.otlp_fields = getenv("OTEL_EXPORTER_OTLP_HEADERS"),
		.user = options->user,
		.has_lines = options->has_lines,
	};
	struct hz_collect *all = NULL;
	int signal_fd, status;

	signal_fd = signals_open(err);
	if (signal_fd < 0)
		return signal_fd;
	status = hz_collect_open(&conf, &all, err);
	if (status == 0)
		status = hz_collect_run(all, signal_fd, err);
	hz_collect_close(all);
	close(signal_fd);
	return status;
}

/* Documents of some megabytes come and go: what is mapped for itself goes back to the kernel
 * when it is freed. Set, it no longer grows with what was freed: mallopt(3). */
#define MAPPED_BYTES (128 << 10)

int main(int argc, char **argv)
{
	struct hz_collector_options options;
	struct hz_err err = { 0 };
	int exit_code;

	if (hz_collector_options_read(argc, argv, &options, &exit_code) != 0)
		return exit_code;
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	hz_log_open("hz-collector", HZ_LOG_INFO);
	hz_err_what(&err, "collecting failed");
	if (collect(&options, &err) != 0) {
		hz_err_print(stderr, "hz-collector", &err);
		return err.exit_code;
	}
	return 0;
}
