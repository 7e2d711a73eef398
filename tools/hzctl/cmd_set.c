/* hzctl set and get: settings of a running hzd. */
#include "commands.h"
#include "ctl_client.h"
#include <errno.h>
#include <string.h>

static void values_text(FILE *to, const json_t *result)
{
	json_t *values = json_object_get(result, "values"), *value;
	const char *path;
	size_t i;

	json_object_foreach (values, path, value)
		fprintf(to, "%-28s %s\n", path,
		        json_is_string(value) ? json_string_value(value) : "-");
	json_array_foreach (json_object_get(result, "at_reload"), i, value)
		fprintf(to, "%s: with the next hzctl reload\n", json_string_value(value));
}

static int ask(const struct hz_opts *opts, json_t *request, struct hz_err *err)
{
	json_t *result = NULL;
	int status = hz_ctl_client_ask(opts->instance, request, &result, err);

	json_decref(request);
	return status == 0 ? hz_out_result(&opts->out, result, values_text, err) : status;
}

static int value_add(json_t *values, const char *word, struct hz_err *err)
{
	const char *equals = strchr(word, '=');
	char path[64];

	if (equals == NULL || equals == word || (size_t)(equals - word) >= sizeof(path))
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl set shed/mode=adaptive",
		                  "'%.40s' is not PATH=VALUE", word);
	memcpy(path, word, (size_t)(equals - word));
	path[equals - word] = '\0';
	if (json_object_get(values, path) != NULL)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl set PATH=VALUE...",
		                  "%s is there twice", path);
	if (json_object_set_new(values, path, json_string(equals + 1)) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl set PATH=VALUE...",
		                  "%s: the value is no text", path);
	return 0;
}

int hz_cmd_set(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	json_t *values = json_object();
	const char *word;
	int status = 0;

	for (; status == 0 && (word = hz_words_peek(words)) != NULL; words->at++)
		status = value_add(values, word, err);
	if (status == 0 && json_object_size(values) == 0)
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl set shed/mode=adaptive",
		                    "a PATH=VALUE is missing");
	if (status != 0) {
		json_decref(values);
		return status;
	}
	return ask(opts, json_pack("{s:s, s:o}", "cmd", "set", "values", values), err);
}

int hz_cmd_get(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	json_t *paths = json_array();
	const char *word;

	for (; (word = hz_words_peek(words)) != NULL; words->at++)
		json_array_append_new(paths, json_string(word));
	return ask(opts, json_pack("{s:s, s:o}", "cmd", "get", "paths", paths), err);
}
