/* The command line of hzctl: options, command table, words, claims. */
#include "../../../tools/hzctl/claims.h"
#include "../../../tools/hzctl/commands.h"
#include "core/endpoint.h"
#include "hz_test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cuts line into argv at its blanks; how many there are. */
static int split(char *line, char **argv, int max)
{
	int count = 0;

	for (char *at = line; at != NULL && *at != '\0' && count < max - 1; count++) {
		argv[count] = at;
		at = strchr(at, ' ');
		if (at != NULL)
			*at++ = '\0';
	}
	argv[count] = NULL;
	return count;
}

static void options_before_the_object_are_taken(void)
{
	char line[] = "hzctl -p -i edge --netns ns1 xdp show -j", *argv[16];
	struct hz_err err = { 0 };
	struct hz_opts opts;
	int first;

	CU_ASSERT_EQUAL(hz_opts_parse(split(line, argv, 16), argv, &opts, &first, &err), 0);
	CU_ASSERT_EQUAL(first, 6); /* -j behind the object is a word, not a flag */
	CU_ASSERT(opts.out.is_json && opts.out.is_pretty);
	CU_ASSERT_STRING_EQUAL(opts.instance, "edge");
	CU_ASSERT_STRING_EQUAL(opts.netns, "ns1");
}

static void options_that_are_wrong_are_usage_errors(void)
{
	static const char *const wrong[] = { "-x", "-i", "-i a/b", "-n ../x", "--nope", "-i x=y" };
	char line[40], *argv[16];
	struct hz_opts opts;
	struct hz_err err;
	int first;

	for (size_t i = 0; i < HZ_ARRAY_LEN(wrong); i++) {
		memset(&err, 0, sizeof(err));
		snprintf(line, sizeof(line), "hzctl %s", wrong[i]);
		CU_ASSERT_EQUAL(hz_opts_parse(split(line, argv, 16), argv, &opts, &first, &err),
		                -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
		CU_ASSERT(err.why[0] != '\0');
	}
}

static void object_without_command_means_show(void)
{
	char line[] = "worker", *argv[16];
	struct hz_words words;
	struct hz_err err = { 0 };
	const struct hz_command *command =
		hz_commands_find(split(line, argv, 16), argv, &words, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(command);
	CU_ASSERT_STRING_EQUAL(command->verb, "show");
	CU_ASSERT_PTR_NULL(hz_words_peek(&words));
}

static void command_gets_the_words_behind_it(void)
{
	char line[] = "latency show stage total", *argv[16];
	struct hz_words words;
	struct hz_err err = { 0 };
	const struct hz_command *command =
		hz_commands_find(split(line, argv, 16), argv, &words, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(command);
	CU_ASSERT_PTR_EQUAL(command->run, hz_cmd_latency_show);
	CU_ASSERT(hz_words_take(&words, "stage"));
	CU_ASSERT_STRING_EQUAL(hz_words_peek(&words), "total");
}

static void command_misspelt_gets_the_nearest_name(void)
{
	char object[] = "latencey", verb[] = "xdp atach", *argv[16];
	struct hz_words words;
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NULL(hz_commands_find(split(object, argv, 16), argv, &words, &err));
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "'latency'"));
	memset(&err, 0, sizeof(err));
	CU_ASSERT_PTR_NULL(hz_commands_find(split(verb, argv, 16), argv, &words, &err));
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "'attach'"));
	CU_ASSERT_STRING_EQUAL(err.what, "xdp atach failed");
}

/* What the error of a line says to type. */
static void hint_is(const char *typed, const char *why, const char *hint)
{
	char line[64], *argv[16];
	struct hz_words words;
	struct hz_err err = { 0 };

	snprintf(line, sizeof(line), "%s", typed);
	CU_ASSERT_PTR_NULL(hz_commands_find(split(line, argv, 16), argv, &words, &err));
	CU_ASSERT_EQUAL(err.exit_code, 2);
	CU_ASSERT_STRING_EQUAL(err.why, why);
	CU_ASSERT_STRING_EQUAL(err.hint, hint);
}

static void command_left_out_says_what_to_type(void)
{
	hint_is("conf", "a command is missing behind 'conf'", "hzctl conf help");
	hint_is("latency last 1", "unknown command 'last'",
	        "hzctl latency help, or hzctl latency show last ...");
	hint_is("conf chekc", "unknown command 'chekc'",
	        "hzctl conf help, or did you mean 'check'?");
	hint_is("conf zzzzzzzz", "unknown command 'zzzzzzzz'", "hzctl conf help");
}

static void word_abbreviated_is_refused(void)
{
	char line[] = "xdp sh", *argv[16];
	struct hz_words words;
	struct hz_err err = { 0 };

	CU_ASSERT_PTR_NULL(hz_commands_find(split(line, argv, 16), argv, &words, &err));
	CU_ASSERT_EQUAL(err.exit_code, 2);
}

static void number_out_of_range_is_refused(void)
{
	static const char *const wrong[] = { "64", "-1", "0x1", "", "1e3", "99999999999999999999" };
	struct hz_err err;
	uint64_t value;

	for (size_t i = 0; i < HZ_ARRAY_LEN(wrong); i++) {
		char *argv[] = { strdup(wrong[i]) };
		struct hz_words words = { .word = argv, .count = 1 };

		CU_ASSERT_EQUAL(hz_words_number(&words, "id", 0, 63, &value, &err), -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
		free(argv[0]);
	}
}

static void help_fits_a_screen_and_names_every_command(void)
{
	static const char *const names[] = { "xdp ",   "attach dev IF", "detach dev IF",
		                             "worker", "latency",       "conf",
		                             "health", "status",        "doctor",
		                             "reload", "drain",         "-n|--netns NETNS" };
	size_t bytes = 0, longest = 0, column = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &bytes);

	hz_commands_help(to, NULL);
	fclose(to);
	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(text, names[i]));
	}
	CU_ASSERT_PTR_NULL(strstr(text, "chaos")); /* only what exists */
	for (size_t i = 0; i < bytes; i++) {
		column = text[i] == '\n' ? 0 : column + 1;
		longest = HZ_MAX(longest, column);
	}
	CU_ASSERT(longest <= 110);
	free(text);
}

static void claim_takes_both_families(void)
{
	struct hz_claims *claims = calloc(1, sizeof(*claims));
	char text[HZ_ENDPOINT_TEXT_MAX];
	struct hz_err err = { 0 };

	CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_SITE, "tcp:10.7.0.2:80", &err), 0);
	CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_HEALTH, "tcp:[2001:db8::2]:8081", &err), 0);
	CU_ASSERT_EQUAL(claims->claim_count, 1);
	CU_ASSERT_EQUAL(claims->health_count, 1);
	hz_endpoint_print(&claims->claim[0], text);
	CU_ASSERT_STRING_EQUAL(text, "10.7.0.2:80");
	hz_endpoint_print(&claims->health[0].endpoint, text);
	CU_ASSERT_STRING_EQUAL(text, "[2001:db8::2]:8081");
	CU_ASSERT_STRING_EQUAL(claims->health[0].path, "/healthz");
	CU_ASSERT_STRING_EQUAL(claims->health[0].body, "ok");
	hz_claims_free(claims);
	free(claims);
}

static void claim_malformed_is_refused(void)
{
	static const char *const wrong[] = { "",
		                             "tcp",
		                             "tcp:",
		                             "udp:10.7.0.2:80",
		                             "10.7.0.2:80",
		                             "tcp:10.7.0.2",
		                             "tcp:10.7.0.2:0",
		                             "tcp:10.7.0.2:65536",
		                             "tcp:2001:db8::2:80",
		                             "TCP:10.7.0.2:80" };
	struct hz_claims *claims = calloc(1, sizeof(*claims));
	struct hz_err err;

	for (size_t i = 0; i < HZ_ARRAY_LEN(wrong); i++) {
		CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_SITE, wrong[i], &err), -EINVAL);
		CU_ASSERT_EQUAL(err.exit_code, 2);
	}
	CU_ASSERT_EQUAL(claims->claim_count, 0);
	CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_HEALTH, "udp:10.7.0.2:80", &err), 0);
	CU_ASSERT(claims->health[0].is_udp);
	CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_HEALTH, "xdp:10.7.0.2:80", &err), -EINVAL);
	free(claims);
}

static void claims_beyond_the_table_are_refused(void)
{
	struct hz_claims *claims = calloc(1, sizeof(*claims));
	struct hz_err err = { 0 };
	char text[32];

	for (unsigned i = 1; i <= HZ_CLAIMS_MAX; i++) {
		snprintf(text, sizeof(text), "tcp:10.7.0.2:%u", i);
		CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_SITE, text, &err), 0);
	}
	CU_ASSERT_EQUAL(hz_claims_add(claims, HZ_CLAIM_SITE, "tcp:10.7.0.2:999", &err), -E2BIG);
	CU_ASSERT_EQUAL(claims->claim_count, HZ_CLAIMS_MAX);
	free(claims);
}

static void site_claims_its_interface_and_health_at_each_address(void)
{
	struct hz_claims *claims = calloc(1, sizeof(*claims));
	struct hz_site *site = NULL;
	struct hz_site_errors *errors = calloc(1, sizeof(*errors));
	struct hz_err err = { 0 };
	static const char text[] = "listen:\n"
				   "  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
				   "  - { interface: eth1, address: 10.7.0.2, port: 81 }\n"
				   "  - { interface: eth1, address: 10.7.0.3, port: 80 }\n"
				   "  - { interface: eth2, address: 10.8.0.2, port: 80 }\n"
				   "health:\n"
				   "  - { port: 8081, path: /up, body: fine }\n"
				   "  - { port: 81, from: [10.9.0.0/24] }\n"
				   "  - { port: 8081, protocol: udp }\n"
				   "routes:\n"
				   "  - { name: r, match: GET /, respond: { body: x } }\n";

	CU_ASSERT_EQUAL_FATAL(
		hz_site_parse((struct hz_span){ (const uint8_t *)text, sizeof(text) - 1 }, &site,
	                      errors),
		0);
	CU_ASSERT_EQUAL(hz_claims_from_site(claims, site, "eth1", &err), 0);
	CU_ASSERT_EQUAL(claims->claim_count, 3);
	/* once per address, not per listen; probers only where their port is listened on */
	CU_ASSERT_EQUAL_FATAL(claims->health_count, 5);
	CU_ASSERT_EQUAL(claims->health[1].from_count, 1);
	CU_ASSERT_EQUAL(claims->health[1].endpoint.port, 81);
	CU_ASSERT(claims->health[2].is_udp);
	CU_ASSERT_STRING_EQUAL(claims->health[3].path, "/up");
	CU_ASSERT_STRING_EQUAL(claims->health[3].body, "fine");
	CU_ASSERT_EQUAL(claims->health[3].endpoint.addr.byte[15], 3);
	CU_ASSERT(claims->health[4].is_udp);
	claims->claim_count = 0;
	CU_ASSERT_EQUAL(hz_claims_from_site(claims, site, "eth9", &err), -ENOENT);
	hz_claims_free(claims);
	free(claims);
	free(errors);
}

HZ_SUITE(hzctl_words, CASE(options_before_the_object_are_taken),
         CASE(options_that_are_wrong_are_usage_errors), CASE(object_without_command_means_show),
         CASE(command_gets_the_words_behind_it), CASE(command_misspelt_gets_the_nearest_name),
         CASE(command_left_out_says_what_to_type), CASE(word_abbreviated_is_refused),
         CASE(number_out_of_range_is_refused), CASE(help_fits_a_screen_and_names_every_command),
         CASE(claim_takes_both_families), CASE(claim_malformed_is_refused),
         CASE(claims_beyond_the_table_are_refused),
         CASE(site_claims_its_interface_and_health_at_each_address));
