/* hzctl reload and drain: asks hzd, prints what it did. */
#include "commands.h"
#include "ctl_client.h"

static void reload_text(FILE *to, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes"), *change;
	unsigned long long generation = hz_out_u64(result, "generation");
	size_t i;

	json_array_foreach (changes, i, change)
		fprintf(to, "  %s\n", json_is_string(change) ? json_string_value(change) : "-");
	fprintf(to,
	        "generation %llu -> %llu: %llu routes, built in %.1f ms, all workers switched "
	        "after %.1f ms\n",
	        generation > 0 ? generation - 1 : 0, generation,
	        (unsigned long long)hz_out_u64(result, "routes"),
	        json_number_value(json_object_get(result, "built_ms")),
	        json_number_value(json_object_get(result, "switched_ms")));
}

static void drain_text(FILE *to, const json_t *result)
{
	fprintf(to, "%s: probes fail first, then no new connections, then hzd ends\n",
	        hz_out_string(result, "state"));
}

static int ask(const struct hz_opts *opts, struct hz_words *words, const char *cmd,
               hz_out_text_fn *text, struct hz_err *err)
{
	json_t *result = NULL;
	int status;

	status = hz_words_end(words, err);
	if (status == 0)
		status = hz_ctl_client_call(opts->instance, cmd, &result, err);
	return status == 0 ? hz_out_result(&opts->out, result, text, err) : status;
}

int hz_cmd_reload(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return ask(opts, words, "reload", reload_text, err);
}

int hz_cmd_drain(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	return ask(opts, words, "drain", drain_text, err);
}
