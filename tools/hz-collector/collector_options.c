#include "collector_options.h"
#include "core/common.h"
#include <errno.h>
#include <getopt.h>

#define LISTEN_DEFAULT "127.0.0.1:9477"

static const char usage_text[] =
	"NAME\n"
	"  hz-collector - keeps and serves what a running hz tells of its latency\n"
	"\n"
	"SYNOPSIS\n"
	"  hz-collector [-i INSTANCE] [--listen AT] [--history FILE] [--otlp URL] [--user NAME]\n"
	"  hz-collector [-i INSTANCE] --lines\n"
	"\n"
	"DESCRIPTION\n"
	"  Reads the stream of an instance and its maps, keeps one hour in steps of 1 s and a day "
	"in\n"
	"  steps of 10 s, and serves them over HTTP: / the page, /metrics for Prometheus,\n"
	"  /api/v1/status, latency, heatmap and events as JSON, /events as an event stream. One\n"
	"  collector reads an instance. It needs no running hzd, and hzd does not need it.\n"
	"\n"
	"OPTIONS\n"
	"  -i, --instance INSTANCE   which one; default: the unnamed\n"
	"  -l, --listen AT           ADDR:PORT, [ADDR]:PORT or /PATH of a unix socket;\n"
	"                            default: " LISTEN_DEFAULT ". There are no passwords: beyond\n"
	"                            loopback everybody who comes reads everything\n"
	"      --lines               print each record as a line of JSON to stdout; without\n"
	"                            --listen nothing is served\n"
	"      --history FILE        keep columns of 10 s in an SQLite database, and begin with\n"
	"                            those of the last day; made if it is not there\n"
	"      --otlp URL            push to URL/v1/metrics each 10 s, and slow requests as\n"
	"                            spans to URL/v1/traces (OTLP/HTTP, JSON)\n"
	"      --user NAME           as root: become NAME, with group hz, once all is open\n"
	"  -V, --version             print the version\n"
	"  -h, --help                this text\n"
	"\n"
	"RIGHTS\n"
	"  Root or group hz, or a hzd whose control socket may be asked: it hands the descriptors\n"
	"  over. With all of them open every capability is dropped.\n"
	"\n"
	"SIGNALS\n"
	"  SIGINT and SIGTERM end it with 0.\n"
	"\n"
	"EXIT CODES\n"
	"  0 ended   1 failed   2 wrong usage   3 nothing attached   4 not permitted\n";

enum { OPTION_LINES = 256, OPTION_HISTORY, OPTION_OTLP, OPTION_USER };

static int usage_fail(const char *problem, const char *word, int *exit_code)
{
	struct hz_err err = { 0 };

	hz_err_what(&err, "wrong usage");
	(void)hz_err_set(&err, -EINVAL, 2, "usage", "hz-collector -h", "%s '%.40s'", problem, word);
	hz_err_print(stderr, "hz-collector", &err);
	*exit_code = err.exit_code;
	return 1;
}

static int text_print(const char *text, int *exit_code)
{
	*exit_code = fputs(text, stdout) < 0 || fflush(stdout) != 0;
	return 1;
}

/* 0, or 1: done. */
static int option_take(int option, char **argv, struct hz_collector_options *out, int *exit_code)
{
	switch (option) {
	case 'i':
		out->instance = optarg;
		return 0;
	case 'l':
		out->listen = optarg;
		return 0;
	case OPTION_LINES:
		out->has_lines = true;
		return 0;
	case OPTION_HISTORY:
		out->history = optarg;
		return 0;
	case OPTION_OTLP:
		out->otlp = optarg;
		return 0;
	case OPTION_USER:
		out->user = optarg;
		return 0;
	case 'V':
		return text_print("hz-collector " HZ_VERSION "\n", exit_code);
	case 'h':
		return text_print(usage_text, exit_code);
	case ':':
		return usage_fail("a value is missing behind", argv[optind - 1], exit_code);
	default:
		return usage_fail("unknown option", argv[optind - 1], exit_code);
	}
}

int hz_collector_options_read(int argc, char **argv, struct hz_collector_options *out,
                              int *exit_code)
{
	static const struct option options[] = {
		{ "instance", required_argument, NULL, 'i' },
		{ "listen", required_argument, NULL, 'l' },
		{ "lines", no_argument, NULL, OPTION_LINES },
		{ "history", required_argument, NULL, OPTION_HISTORY },
		{ "otlp", required_argument, NULL, OPTION_OTLP },
		{ "user", required_argument, NULL, OPTION_USER },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hz_collector_options tmp = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, ":i:l:Vh", options, NULL)) != -1)
		if (option_take(option, argv, &tmp, exit_code) != 0)
			return 1;
	if (optind != argc)
		return usage_fail("unexpected", argv[optind], exit_code);
	if (tmp.listen == NULL && !tmp.has_lines)
		tmp.listen = LISTEN_DEFAULT;
	*out = tmp;
	return 0;
}
