#include "commands.h"
#include "config/nearest.h"
#include "core/span_ops.h"
#include <errno.h>
#include <string.h>

static const struct hz_command commands[] = {
	{ "xdp", "show", "[dev IF]", "programs, links, mode, verdicts", hz_cmd_xdp_show },
	{ "xdp", "attach",
	  "dev IF [site FILE | claim PROTO:ADDR:PORT... [health PROTO:ADDR:PORT...]]\n"
	  "[mode native|generic] [ensure] [chain] [wait] [dry-run] [yes-this-nic]",
	  NULL, hz_cmd_xdp_attach },
	{ "xdp", "update", "dev IF [site FILE | claim ...] [dry-run]",
	  "this version's program, live; claims stay", hz_cmd_xdp_update },
	{ "xdp", "detach", "dev IF | all", "off; the kernel keeps serving", hz_cmd_xdp_detach },
	{ "xdp", "gc", "[dry-run]", "pins of dead runs; -i: of one instance", hz_cmd_xdp_gc },
	{ "xdp", "explain", "flow PROTO SRC:PORT DST:PORT [dev IF]\npcap FILE [dev IF]",
	  "verdict and reason, sends nothing", hz_cmd_xdp_explain },
	{ "worker", "show", "[id N]", "state, load, longest gap per core; counters of one",
	  hz_cmd_worker_show },
	{ "latency", "show", "[stage NAME] [route NAME] [worker N] [last SEC]",
	  "histogram and percentiles", hz_cmd_latency_show },
	{ "conf", "check", "FILE", "explain it", hz_cmd_conf_check },
	{ "conn", "show",
	  "[state S] [peer ADDR[/LEN]] [worker N]\n"
	  "[sort age|cwnd|rtt|retransmits] [limit N]",
	  "connections of hzd", hz_cmd_conn_show },
	{ "health", "show", "", "what probes see right now", hz_cmd_health_show },
	{ "health", "maintenance", "on|off", "probes get 503, traffic goes on",
	  hz_cmd_health_maintenance },
	{ "shed", "show", "", "lists of sources, limits, who was refused", hz_cmd_shed_show },
	{ "shed", "sources", "[top N]", "sources that were refused most often",
	  hz_cmd_shed_sources },
	{ "trace", "show", "[last N]", "frames the workers saw, and why dropped",
	  hz_cmd_trace_show },
	{ "trace", "start", "", "keep the headers of the last frames", hz_cmd_trace_start },
	{ "trace", "stop", "", NULL, hz_cmd_trace_stop },
	{ "trace", "pcap", "FILE|-", "the same for tcpdump and wireshark", hz_cmd_trace_pcap },
	{ "trace", "follow", "[kind slow|shed|drop|state] [slow USEC]\n[count N] [from ADDR:PORT]",
	  "what happens, as it happens", hz_cmd_trace_follow },
	{ "topic", "show", "", "topics: kept, readers, losses", hz_cmd_topic_show },
	{ "topic", "publish", "NAME [MESSAGE]", "a message, else from stdin",
	  hz_cmd_topic_publish },
	{ "status", NULL, "", "one screen", hz_cmd_status },
	{ "top", NULL, "[from ADDR:PORT]", "live view, q quits", hz_cmd_top },
	{ "doctor", NULL, "", "check this machine", hz_cmd_doctor },
	{ "get", NULL, "[PATH...]", "settings of hzd", hz_cmd_get },
	{ "set", NULL, "PATH=VALUE...", "change some at once, all or none", hz_cmd_set },
	{ "reload", NULL, "", "read site.yaml again, all or nothing", hz_cmd_reload },
	{ "drain", NULL, "", "probes fail, connections finish, hzd ends", hz_cmd_drain },
};
#define COMMANDS    HZ_ARRAY_LEN(commands)
#define HELP_COLUMN 50

/* Names of objects or of one-word commands, each once, in table order. */
static void names_print(FILE *to, bool of_objects)
{
	const char *last = "";

	fputs("{ ", to);
	for (size_t i = 0; i < COMMANDS; i++) {
		if ((commands[i].verb != NULL) != of_objects ||
		    strcmp(commands[i].object, last) == 0)
			continue;
		fprintf(to, "%s%s", last[0] != '\0' ? " | " : "", commands[i].object);
		last = commands[i].object;
	}
	fputs(" }", to);
}

static void head_print(FILE *to)
{
	fputs("Usage: hzctl [OPTIONS] OBJECT { COMMAND | help }\n       hzctl [OPTIONS] ", to);
	names_print(to, false);
	fputs(" [ARGS]\n\nOBJECT  := ", to);
	names_print(to, true);
	fputs("\nOPTIONS := ", to);
	hz_opts_print(to);
	fputs("           COMMAND defaults to show; words are never abbreviated; -p implies -j\n",
	      to);
}

static void command_print(FILE *to, const struct hz_command *command, bool names_object)
{
	const char *verb = command->verb != NULL ? command->verb : "";
	const char *args = command->args, *end;
	int column;

	column = fprintf(to, "%-9s%s%s", names_object ? command->object : "", verb,
	                 verb[0] != '\0' && args[0] != '\0' ? " " : "");
	while ((end = strchr(args, '\n')) != NULL) {
		fprintf(to, "%.*s\n%*s", (int)(end - args), args, 9 + (int)strlen(verb) + 1, "");
		args = end + 1;
	}
	column += fprintf(to, "%s", args);
	if (command->help != NULL)
		fprintf(to, "%*s%s", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "",
		        command->help);
	fputc('\n', to);
}

void hz_commands_help(FILE *to, const char *object)
{
	const char *last = "";

	if (object == NULL)
		head_print(to);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (object != NULL && strcmp(commands[i].object, object) != 0)
			continue;
		command_print(to, &commands[i], strcmp(commands[i].object, last) != 0);
		last = commands[i].object;
	}
}

static const struct hz_command *lookup(const char *object, const char *verb)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].object, object) != 0)
			continue;
		if (verb == NULL || commands[i].verb == NULL || strcmp(commands[i].verb, verb) == 0)
			return &commands[i];
	}
	return NULL;
}

/* verb NULL: objects are offered, else the verbs of object. */
static void unknown(const char *object, const char *verb, struct hz_err *err)
{
	const char *typed = verb != NULL ? verb : object;
	struct hz_nearest nearest = { 0 };
	char hint[160];

	for (size_t i = 0; i < COMMANDS; i++) {
		if (verb == NULL)
			hz_nearest_offer(&nearest, hz_span_text(typed),
			                 hz_span_text(commands[i].object));
		else if (strcmp(commands[i].object, object) == 0)
			hz_nearest_offer(&nearest, hz_span_text(typed),
			                 hz_span_text(commands[i].verb));
	}
	if (verb != NULL && nearest.word.len == 0 && lookup(object, "show") != NULL)
		snprintf(hint, sizeof(hint), "hzctl %s help, or hzctl %s show %.40s ...", object,
		         object, verb); /* the verb was left out before further words */
	else
		snprintf(hint, sizeof(hint), "hzctl %s%s%s%.*s%s", verb != NULL ? object : "",
		         verb != NULL ? " help" : "help",
		         nearest.word.len > 0 ? ", or did you mean '" : "", (int)nearest.word.len,
		         (const char *)nearest.word.data, nearest.word.len > 0 ? "'?" : "");
	(void)hz_err_set(err, -EINVAL, 2, "usage", hint, "unknown command '%.40s'", typed);
}

/* An object without a show says what it can do instead. */
static void verb_missing(const char *object, struct hz_err *err)
{
	char hint[64];

	snprintf(hint, sizeof(hint), "hzctl %s help", object);
	(void)hz_err_set(err, -EINVAL, 2, "usage", hint, "a command is missing behind '%s'",
	                 object);
}

const struct hz_command *hz_commands_find(int argc, char **argv, struct hz_words *words,
                                          struct hz_err *err)
{
	const struct hz_command *command;
	const char *verb;

	if (argc == 0 || strcmp(argv[0], "help") == 0) {
		hz_commands_help(argc == 0 ? stderr : stdout, NULL);
		err->exit_code = argc == 0 ? 2 : 0;
		return NULL;
	}
	*words = (struct hz_words){ .word = argv + 1, .count = argc - 1, .object = argv[0] };
	hz_err_what(err, "%.40s failed", argv[0]);
	command = lookup(argv[0], NULL);
	if (command == NULL) {
		unknown(argv[0], NULL, err);
		return NULL;
	}
	if (argc > 1 && strcmp(argv[1], "help") == 0) {
		hz_commands_help(stdout, argv[0]);
		err->exit_code = 0;
		return NULL;
	}
	if (command->verb == NULL) {
		words->object = NULL;
		return command;
	}
	if (argc == 1 && lookup(argv[0], "show") == NULL) {
		verb_missing(argv[0], err);
		return NULL;
	}
	verb = argc > 1 ? argv[1] : "show";
	hz_err_what(err, "%.40s %.40s failed", argv[0], verb);
	command = lookup(argv[0], verb);
	if (command == NULL)
		unknown(argv[0], verb, err);
	words->at = argc > 1 ? 1 : 0;
	return command;
}
