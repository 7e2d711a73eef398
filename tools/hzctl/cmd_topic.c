/* hzctl topic: what hzd's topics hold, and a message for one. */
#include "commands.h"
#include "core/limits.h"
#include "ctl_client.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void show_text(FILE *to, const json_t *result)
{
	const json_t *topic, *topics = json_object_get(result, "topics");
	size_t i;

	fprintf(to, "%-24s %12s %8s %8s %10s %8s %8s\n", "topic", "published", "kept", "readers",
	        "skipped", "closed", "refused");
	json_array_foreach (topics, i, topic) {
		fprintf(to, "%-24s %12llu %8llu %8llu %10llu %8llu %8llu\n",
		        hz_out_string(topic, "name"),
		        (unsigned long long)hz_out_u64(topic, "published"),
		        (unsigned long long)hz_out_u64(topic, "kept"),
		        (unsigned long long)hz_out_u64(topic, "readers"),
		        (unsigned long long)hz_out_u64(topic, "skipped"),
		        (unsigned long long)hz_out_u64(topic, "closed"),
		        (unsigned long long)hz_out_u64(topic, "refused"));
	}
}

int hz_cmd_topic_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	json_t *request = json_pack("{s:s, s:s}", "cmd", "topic", "do", "show");
	json_t *result = NULL;
	int status = hz_words_end(words, err);

	if (status == 0)
		status = hz_ctl_client_ask(opts->instance, request, &result, err);
	json_decref(request);
	return status == 0 ? hz_out_result(&opts->out, result, show_text, err) : status;
}

/* What stdin holds, without the line's end that echo and editors add. text has one byte more than may be. */
static int stdin_read(char text[HZ_LIMIT_control_request_bytes_max + 1], size_t *bytes,
                      struct hz_err *err)
{
	*bytes = fread(text, 1, HZ_LIMIT_control_request_bytes_max + 1, stdin);
	if (ferror(stdin) != 0)
		return hz_err_set(err, -EIO, 1, "stdin", "", "cannot read the message");
	if (*bytes > 0 && text[*bytes - 1] == '\n')
		(*bytes)--;
	return 0;
}

/* The control socket takes lines of so many bytes, and JSON may need six for one. */
static int request_make(const char *topic, const char *text, size_t bytes, json_t **request,
                        struct hz_err *err)
{
	json_t *message = json_stringn(text, bytes);
	json_t *made = json_pack("{s:s, s:s, s:s, s:o*}", "cmd", "topic", "do", "publish", "topic",
	                         topic, "message", message);
	char *line = json_dumps(made, JSON_COMPACT);
	bool is_long = line != NULL && strlen(line) >= HZ_LIMIT_control_request_bytes_max;
	int status = 0;

	free(line);
	if (message == NULL || memchr(text, '\0', bytes) != NULL)
		status = hz_err_set(err, -EINVAL, 2, "usage", "POST it to a route with 'publish'",
		                    "a message from here is text in UTF-8");
	else if (is_long)
		status = hz_err_set(err, -EMSGSIZE, 2, "usage", "POST it to a route with 'publish'",
		                    "a message from here has room in one request of %d bytes",
		                    HZ_LIMIT_control_request_bytes_max);
	else if (line == NULL)
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl topic show",
		                    "'%.40s' is no name of a topic", topic);
	if (status == 0)
		*request = made;
	else
		json_decref(made);
	return status;
}

static void publish_text(FILE *to, const json_t *result)
{
	fprintf(to, "%s: message %llu\n", hz_out_string(result, "topic"),
	        (unsigned long long)hz_out_u64(result, "id"));
}

int hz_cmd_topic_publish(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	char text[HZ_LIMIT_control_request_bytes_max + 1];
	const char *topic = NULL, *message = text;
	json_t *request = NULL, *result = NULL;
	size_t bytes = 0;
	int status = hz_words_value(words, "publish", &topic, err);

	if (status == 0 && hz_words_peek(words) == NULL) {
		status = stdin_read(text, &bytes, err);
	} else if (status == 0) {
		status = hz_words_value(words, topic, &message, err);
		bytes = status == 0 ? strlen(message) : 0;
	}
	if (status == 0)
		status = hz_words_end(words, err);
	if (status == 0)
		status = request_make(topic, message, bytes, &request, err);
	if (status == 0)
		status = hz_ctl_client_ask(opts->instance, request, &result, err);
	json_decref(request);
	return status == 0 ? hz_out_result(&opts->out, result, publish_text, err) : status;
}
