#include "opts.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

struct opt {
	char letter;
	const char *word;
	const char *value; /* name of its argument, or NULL */
};

static const struct opt opts_table[] = {
	{ 'j', "json", NULL },     { 'p', "pretty", NULL },  { 'i', "instance", "INSTANCE" },
	{ 'n', "netns", "NETNS" }, { 'V', "version", NULL }, { 'h', "help", NULL },
};
#define OPTS HZ_ARRAY_LEN(opts_table)

bool hz_opts_is_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	return len > 0 && len <= 32;
}

static int name_take(const char **to, const char *what, const char *text, struct hz_err *err)
{
	if (!hz_opts_is_name(text))
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl help",
		                  "'%.40s' is no name of %s: 1..32 letters, digits, '-' and '_'",
		                  text, what);
	*to = text;
	return 0;
}

static int opt_take(struct hz_opts *opts, int letter, const char *value, struct hz_err *err)
{
	switch (letter) {
	case 'j':
		opts->out.is_json = true;
		return 0;
	case 'p':
		opts->out.is_json = true;
		opts->out.is_pretty = true;
		return 0;
	case 'i':
		return name_take(&opts->instance, "an instance", value, err);
	case 'n':
		return name_take(&opts->netns, "a network namespace", value, err);
	case 'V':
		opts->wants_version = true;
		return 0;
	case 'h':
		opts->wants_help = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int hz_opts_parse(int argc, char **argv, struct hz_opts *opts, int *first, struct hz_err *err)
{
	struct option words[OPTS + 1] = { 0 };
	char letters[2 * OPTS + 3];
	size_t at = 0;
	int letter, status = 0;

	letters[at++] = '+'; /* stop at OBJECT: what follows are words, not flags */
	letters[at++] = ':'; /* messages are ours */
	for (size_t i = 0; i < OPTS; i++) {
		words[i].name = opts_table[i].word;
		words[i].has_arg = opts_table[i].value ? required_argument : no_argument;
		words[i].val = (unsigned char)opts_table[i].letter;
		letters[at++] = opts_table[i].letter;
		if (opts_table[i].value != NULL)
			letters[at++] = ':';
	}
	letters[at] = '\0';
	*opts = (struct hz_opts){ 0 };
	hz_err_what(err, "reading the options failed");
	optind = 0; /* a fresh start also when called again */
	while ((letter = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		if (letter == ':')
			status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl help",
			                    "option '%.40s' needs a value", argv[optind - 1]);
		else if (letter == '?')
			status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl help",
			                    "unknown option '%.40s'", argv[optind - 1]);
		else if (status == 0)
			status = opt_take(opts, letter, optarg, err);
	}
	*first = optind;
	return status;
}

void hz_opts_print(FILE *to)
{
	fputs("{ ", to);
	for (size_t i = 0; i < OPTS; i++)
		fprintf(to, "%s-%c|--%s%s%s", i > 0 ? " | " : "", opts_table[i].letter,
		        opts_table[i].word, opts_table[i].value ? " " : "",
		        opts_table[i].value ? opts_table[i].value : "");
	fputs(" }\n", to);
}

int hz_opts_enter_netns(const char *name, struct hz_err *err)
{
	char path[64];
	int fd, error = 0;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return hz_err_set(err, -errno, errno == EACCES ? 4 : 2, "netns", "ip netns list",
		                  "%s: %s", path, strerror(errno));
	if (setns(fd, CLONE_NEWNET) != 0)
		error = errno;
	close(fd);
	if (error != 0)
		return hz_err_set(err, -error, error == EPERM ? 4 : 1, "netns", "run it as root",
		                  "%s: %s", path, strerror(error));
	return 0;
}
