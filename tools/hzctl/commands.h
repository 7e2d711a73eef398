/* The command table: what exists in this release, with its grammar and help. */
#ifndef HZ_COMMANDS_H
#define HZ_COMMANDS_H

#include "opts.h"
#include "words.h"

/* Runs a command. >= 0: the exit code, everything is printed. -errno: err is filled, err->exit_code holds. */
typedef int hz_command_fn(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err);

struct hz_command {
	const char *object; /* or the whole command when verb is NULL */
	const char *verb;
	const char *args; /* lines separated by newlines */
	const char *help; /* may be NULL */
	hz_command_fn *run;
};

/* The command that argv names; words is set to what follows. NULL with err filled (exit code 2), or NULL with
 * err->exit_code 0 after printing the help that was asked for. */
const struct hz_command *hz_commands_find(int argc, char **argv, struct hz_words *words,
                                          struct hz_err *err);
void hz_commands_help(FILE *to, const char *object); /* NULL: everything */

hz_command_fn hz_cmd_xdp_show, hz_cmd_xdp_attach, hz_cmd_xdp_update, hz_cmd_xdp_detach,
	hz_cmd_xdp_gc;
hz_command_fn hz_cmd_worker_show, hz_cmd_latency_show;
hz_command_fn hz_cmd_health_show, hz_cmd_health_maintenance;
hz_command_fn hz_cmd_shed_show, hz_cmd_shed_sources;
hz_command_fn hz_cmd_conn_show;
hz_command_fn hz_cmd_trace_show, hz_cmd_trace_start, hz_cmd_trace_stop, hz_cmd_trace_pcap;
hz_command_fn hz_cmd_trace_follow, hz_cmd_xdp_explain;
hz_command_fn hz_cmd_topic_show, hz_cmd_topic_publish;
hz_command_fn hz_cmd_conf_check, hz_cmd_status, hz_cmd_top, hz_cmd_doctor, hz_cmd_reload,
	hz_cmd_drain, hz_cmd_get, hz_cmd_set;

#endif
