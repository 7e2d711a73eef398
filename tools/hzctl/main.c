/* hzctl: the command line of hz. Options, then one command of the table, then its words. */
#include "commands.h"
#include "core/common.h"
#include "core/hint.h"
#include "loader/xdp_chatter.h"
#include <string.h>

static void version_print(const struct hz_opts *opts)
{
	if (opts->out.is_json)
		printf("{\"version\":\"%s\",\"abi\":\"%d.%d\"}\n", HZ_VERSION, HZ_ABI_MAJOR,
		       HZ_ABI_MINOR);
	else
		printf("hzctl %s (map ABI %d.%d)\n", HZ_VERSION, HZ_ABI_MAJOR, HZ_ABI_MINOR);
}

static int run(const struct hz_opts *opts, int argc, char **argv, struct hz_err *err)
{
	const struct hz_command *command;
	struct hz_words words;
	int status;

	err->exit_code = 0;
	command = hz_commands_find(argc, argv, &words, err);
	if (command == NULL)
		return err->code[0] != '\0' ? -1 : err->exit_code;
	if (opts->netns != NULL) {
		status = hz_opts_enter_netns(opts->netns, err);
		if (status != 0)
			return status;
	}
	return command->run(opts, &words, err);
}

/* "hzctl status" of a function that knows neither instance nor namespace. Usage stays as it is: that is
 * about the words, not about this machine. */
static void hint_complete(const struct hz_opts *opts, struct hz_err *err)
{
	static const char bare[] = "hzctl ";
	char command[sizeof(err->hint)];

	if (err->exit_code == 2 || strncmp(err->hint, bare, strlen(bare)) != 0 ||
	    err->hint[strlen(bare)] == '-')
		return;
	snprintf(command, sizeof(command), "%s", err->hint + strlen(bare));
	hz_hint_write(err->hint, sizeof(err->hint), opts->instance, "%s", command);
}

int main(int argc, char **argv)
{
	struct hz_err err = { 0 };
	struct hz_opts opts;
	int first, status;

	hz_xdp_chatter_divert();
	status = hz_opts_parse(argc, argv, &opts, &first, &err);
	if (status == 0 && opts.wants_version) {
		version_print(&opts);
		return 0;
	}
	if (status == 0 && opts.wants_help) {
		hz_commands_help(stdout, NULL);
		return 0;
	}
	if (status == 0)
		status = run(&opts, argc - first, argv + first, &err);
	if (status >= 0)
		return status;
	hint_complete(&opts, &err);
	hz_out_error(&opts.out, &err, NULL);
	return err.exit_code != 0 ? err.exit_code : 1;
}
