/* hzd: arguments in, hz_server_run, exit code out. */
#include "core/log.h"
#include "hz_fastpath.h"
#include "loader/xdp_chatter.h"
#include "server/server.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: hzd [-i INSTANCE] [-n NETNS] [-c SITE] [-l IF,ADDR:PORT]... [-o PATH=VALUE]... "
	"[-t [-j]] [-V]\n"
	"  -i INSTANCE       own run directory and pins: /run/hz-INSTANCE, "
	"/sys/fs/bpf/hz-INSTANCE\n"
	"  -n NETNS          enter this network namespace first (never `ip netns exec hzd`)\n"
	"  -c SITE           site.yaml (default /etc/hz[-INSTANCE]/site.yaml)\n"
	"  -l IF,ADDR:PORT   listen here instead of where the site says; IPv6 as [ADDR]:PORT\n"
	"  -o PATH=VALUE     a setting of this machine, e.g. boot/io=socket\n"
	"  -t                check the site and the files it names, and exit; with -j in JSON\n"
	"  -V                version and limits; -h this text\n"
	"settings, with bounds, default and unit:\n";

struct arguments {
	const char *instance;
	const char *netns;
	const char *site_path;
	bool check_only, is_json;
	struct hz_server_conf conf;
};

static int fail(struct hz_err *err)
{
	hz_err_print(stderr, "hzd", err);
	return err->exit_code;
}

static void help_print(void)
{
	fputs(usage, stdout);
	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];
		char values[48] = "";
		const char *when;

		if (attr->kind == HZ_TUNE_ENUM)
			snprintf(values, sizeof(values), "%s", attr->words);
		else if (attr->kind == HZ_TUNE_PORTS)
			snprintf(values, sizeof(values), "%u..%u, %u-%u", attr->min, attr->max,
			         attr->value >> 16, attr->value & UINT16_MAX);
		else if (attr->kind != HZ_TUNE_CPUS && attr->kind != HZ_TUNE_DEVICES)
			snprintf(values, sizeof(values), "%u..%u, %u%s%s", attr->min, attr->max,
			         attr->value, attr->unit[0] != '\0' ? " " : "", attr->unit);
		when = hz_tune_when_text(attr);
		printf("  %-24s %-26s  %s%s%s\n", attr->path, values, attr->help,
		       when[0] != '\0' ? "; " : "", when);
	}
}

static void version_print(void)
{
	printf("hzd %s\nABI %d.%d, histograms of %d buckets, workers at most %d\nlimits:\n",
	       HZ_VERSION, HZ_ABI_MAJOR, HZ_ABI_MINOR, HZ_HIST_BUCKETS, HZ_WORKERS_MAX);
#define HZ_LIMIT(name, value, help) printf("  %-28s %10d  %s\n", #name, (value), help);
#include "core/limits.def"
#undef HZ_LIMIT
}

/* 0: run; 1: done, exit 0; negative: err is filled. */
static int arguments_parse(int argc, char **argv, struct arguments *args, struct hz_err *err)
{
	int option, status = 0;

	opterr = 0; /* messages are ours */
	while (status == 0 && (option = getopt(argc, argv, "i:n:c:l:o:tjVh")) != -1) {
		switch (option) {
		case 'i':
			args->instance = optarg;
			break;
		case 'n':
			args->netns = optarg;
			break;
		case 'c':
			args->site_path = optarg;
			break;
		case 'l':
			status = hz_server_conf_listen(&args->conf, optarg, err);
			break;
		case 'o':
			status = hz_server_conf_set(&args->conf, optarg, err);
			break;
		case 't':
			args->check_only = true;
			break;
		case 'j':
			args->is_json = true;
			break;
		case 'V':
			version_print();
			return 1;
		case 'h':
			help_print();
			return 1;
		default:
			return hz_err_set(err, -EINVAL, 2, "usage", "hzd -h",
			                  strchr("inclo", optopt) != NULL
			                          ? "option -%c needs a value"
			                          : "unknown option -%c",
			                  isprint(optopt) ? optopt : '?');
		}
	}
	if (status == 0 && optind < argc)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzd -h", "unexpected '%s'",
		                  argv[optind]);
	if (status == 0 && args->instance != NULL && !hz_server_instance_is_valid(args->instance))
		return hz_err_set(err, -EINVAL, 2, "usage", "hzd -i NAME",
		                  "instance names are 1..32 letters, digits, - and _");
	return status;
}

static int netns_enter(const char *name, struct hz_err *err)
{
	char path[256];
	int fd, status;

	if (strchr(name, '/') != NULL ||
	    snprintf(path, sizeof(path), "/run/netns/%s", name) >= (int)sizeof(path))
		return hz_err_set(err, -EINVAL, 2, "usage", "ip netns", "'%s' is no namespace name",
		                  name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	status = fd == -1 || setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
	if (fd != -1)
		close(fd);
	if (status != 0)
		return hz_err_set(err, status, status == -EPERM ? 7 : 4, "netns", "ip netns",
		                  "namespace %s: %s", name, strerror(-status));
	return 0;
}

static json_t *errors_list(const struct hz_site_errors *errors)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < errors->count && i < HZ_SITE_ERRORS_MAX; i++)
		json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:s, s:s}", "line",
		                                      (int)errors->error[i].line, "column",
		                                      (int)errors->error[i].column, "width",
		                                      (int)errors->error[i].width, "text",
		                                      errors->error[i].text, "hint",
		                                      errors->error[i].hint));
	return list;
}

/* {"file": ..., "errors": [{"line": 1, "column": 2, "width": 3, "text": ..., "hint": ...}], "warnings": []} */
static void errors_json(const char *path, const struct hz_site_errors *errors,
                        const struct hz_site_errors *warnings)
{
	json_t *answer = json_pack("{s:s, s:o, s:o}", "file", path, "errors", errors_list(errors),
	                           "warnings", errors_list(warnings));

	if (answer != NULL && json_dumpf(answer, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(answer);
}

static int errors_tell(const struct arguments *args, struct hz_span text,
                       const struct hz_site_errors *errors, struct hz_err *err)
{
	hz_site_errors_print(stderr, args->site_path, text, errors);
	return hz_err_set(err, -EINVAL, 2, "bad_config", "hzctl conf check FILE", "%s: %u error%s",
	                  args->site_path, errors->count, errors->count == 1 ? "" : "s");
}

static int site_check(const struct arguments *args, struct hz_span text,
                      struct hz_site_errors *errors, struct hz_err *err)
{
	struct hz_site_errors *warnings = calloc(1, sizeof(*warnings));
	struct hz_site *site = args->conf.site;
	int status;

	if (warnings == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	status = hz_server_site_check(site, &args->conf.tune, errors, warnings, err);
	if (args->is_json && (status == 0 || errors->count > 0))
		errors_json(args->site_path, errors, warnings);
	hz_site_errors_print(stderr, args->site_path, text, warnings);
	if (errors->count > 0)
		status = errors_tell(args, text, errors, err);
	else if (status == 0 && !args->is_json)
		printf("%s: ok, %u routes\n", args->site_path, site->route_count);
	free(warnings);
	return status;
}

/* Prints what is wrong, with line and column: in the file itself, and with -t in what it names. */
static int site_load(struct arguments *args, struct hz_err *err)
{
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_span text = { 0 };
	int status = -ENOMEM;

	if (errors != NULL)
		status = hz_site_load(args->site_path, &args->conf.site, &text, errors);
	if (status != 0 && errors != NULL && errors->count > 0)
		status = errors_tell(args, text, errors, err);
	else if (status != 0)
		(void)hz_site_load_explain(args->site_path, status, 2, err);
	else if (args->check_only)
		status = site_check(args, text, errors, err);
	if (args->check_only)
		hz_site_free(args->conf.site);
	free(errors);
	free((void *)(uintptr_t)text.data);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments args = { 0 };
	struct hz_err err = { 0 };
	char default_site[128];
	int status;

	signal(SIGPIPE, SIG_IGN); /* the reader of our log may end before we do */
	hz_log_open("hzd", HZ_LOG_INFO);
	hz_xdp_chatter_divert();
	hz_tune_defaults(&args.conf.tune);
	hz_err_what(&err, "wrong usage");
	status = arguments_parse(argc, argv, &args, &err);
	if (status != 0)
		return status > 0 ? 0 : fail(&err);
	snprintf(default_site, sizeof(default_site), "/etc/hz%s%s/site.yaml",
	         args.instance ? "-" : "", args.instance ? args.instance : "");
	if (args.site_path == NULL)
		args.site_path = default_site;
	hz_err_what(&err, "cannot start");
	if (site_load(&args, &err) != 0)
		return fail(&err);
	if (args.check_only)
		return 0;
	if (args.netns != NULL && netns_enter(args.netns, &err) != 0)
		return fail(&err);
	args.conf.instance = args.instance;
	args.conf.site_path = args.site_path;
	status = hz_server_run(&args.conf, &err) != 0 ? fail(&err) : 0;
	if (args.conf.is_stuck) /* what exit would run and unload is under a worker's feet */
		_exit(status);
	return status;
}
