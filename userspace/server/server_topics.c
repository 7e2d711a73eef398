/* Topics as hzctl sees them, and the one that hz feeds itself. */
#include "server/server_priv.h"
#include <errno.h>
#include <sched.h>
#include <string.h>

#define TRIES_MAX                                                                                  \
	1000u /* a publisher on a worker is done within microseconds, unless it was interrupted */

/* Waits for another publisher, which workers must not. */
static int publish(struct hz_topic *topic, struct hz_span message, uint64_t *seq)
{
	int err = -EAGAIN;

	for (uint32_t i = 0; i < TRIES_MAX && err == -EAGAIN; i++) {
		if (i > 0)
			sched_yield();
		err = hz_topic_publish(topic, &message, 1, seq);
	}
	return err;
}

static json_t *topic_json(const struct hz_topic *topic)
{
	struct hz_topic_info info;

	hz_topic_info(topic, &info);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", info.name,
	                 "published", (json_int_t)(info.next - info.first), "next",
	                 (json_int_t)info.next, "kept", (json_int_t)(info.next - info.oldest),
	                 "keep", (json_int_t)info.keep, "bytes", (json_int_t)info.bytes, "readers",
	                 (json_int_t)info.readers, "skipped", (json_int_t)info.skipped, "closed",
	                 (json_int_t)info.closed, "refused", (json_int_t)info.refused);
}

static json_t *show(const struct hz_server *server)
{
	json_t *topics = json_array();
	const struct hz_topic *topic;

	for (uint32_t i = 0; (topic = hz_topics_at(server->app.topics, i)) != NULL; i++)
		json_array_append_new(topics, topic_json(topic));
	return json_pack("{s:o}", "topics", topics);
}

static int publish_cmd(const struct hz_server *server, const json_t *request, json_t **result,
                       struct hz_err *err)
{
	const char *name = json_string_value(json_object_get(request, "topic"));
	const json_t *message = json_object_get(request, "message");
	struct hz_span text = { (const uint8_t *)json_string_value(message),
		                json_string_length(message) };
	struct hz_topic *topic;
	uint64_t seq = 0;
	int status;

	if (name == NULL || text.len == 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl topic help",
		                  "a topic and a message, which is not empty");
	topic = hz_topics_find(server->app.topics, name);
	if (topic == NULL)
		return hz_err_set(err, -ENOENT, 1, "no_topic", "hzctl topic show",
		                  "no topic '%.32s' in 'topics' of the site", name);
	if (strncmp(name, "hz.", 3) == 0)
		return hz_err_set(err, -EPERM, 1, "own_topic", "hzctl topic show",
		                  "topics named hz. are hz's own");
	status = publish(topic, text, &seq);
	if (status != 0)
		return hz_err_set(err, status, 1, "busy", "try again", "topic '%.32s': %s", name,
		                  strerror(-status));
	*result = json_pack("{s:s, s:I}", "topic", name, "id", (json_int_t)seq);
	return 0;
}

int hz_server_topics_cmd(const struct hz_server *server, const json_t *request, bool may_change,
                         json_t **result, struct hz_err *err)
{
	const char *verb = json_string_value(json_object_get(request, "do"));

	if (verb != NULL && strcmp(verb, "show") == 0) {
		*result = show(server);
		return 0;
	}
	if (verb == NULL || strcmp(verb, "publish") != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl topic help", "show or publish");
	if (!may_change)
		return hz_err_set(err, -EPERM, 4, "not_permitted", "sudo, or join group hz-admin",
		                  "Operation not permitted: only root and group hz-admin publish");
	return publish_cmd(server, request, result, err);
}

/* Without samples there is no figure, which is not 0. */
static void figure_print(FILE *to, const struct hz_latency_pct *pct, const char *name, uint64_t ns)
{
	if (pct->count == 0)
		fprintf(to, ",\"%s\":null", name);
	else
		fprintf(to, ",\"%s\":%llu", name, (unsigned long long)ns);
}

static void stage_print(FILE *to, const struct hz_latency_pct *pct)
{
	fprintf(to, "{\"stage\":\"%.*s\",\"count\":%llu,\"rate_per_s\":%llu",
	        (int)sizeof(pct->stage), pct->stage, (unsigned long long)pct->count,
	        (unsigned long long)pct->rate_per_s);
	figure_print(to, pct, "mean_ns", pct->mean_ns);
	figure_print(to, pct, "p50_ns", pct->p50_ns);
	figure_print(to, pct, "p90_ns", pct->p90_ns);
	figure_print(to, pct, "p99_ns", pct->p99_ns);
	figure_print(to, pct, "p999_ns", pct->p999_ns);
	figure_print(to, pct, "p9999_ns", pct->p9999_ns);
	figure_print(to, pct, "max_ns", pct->max_ns);
	fputc('}', to);
}

void hz_server_topics_latency(const struct hz_server *server,
                              const struct hz_latency_pct pct[HZ_STAGE_COUNT])
{
	struct hz_topic *topic = hz_topics_find(server->app.topics, HZ_SITE_TOPIC_LATENCY);
	char text[4096];
	FILE *to = fmemopen(text, sizeof(text), "w");
	uint64_t seq;
	long bytes;

	if (to == NULL)
		return;
	fprintf(to, "{\"time_unix_s\":%llu,\"stages\":[", (unsigned long long)pct->updated_unix);
	for (uint32_t stage = 0; stage < HZ_STAGE_COUNT; stage++) {
		if (stage > 0)
			fputc(',', to);
		stage_print(to, &pct[stage]);
	}
	fputs("]}", to);
	bytes = ftell(to);
	/* A message that did not fit is not valid JSON. */
	if (fclose(to) == 0 && bytes > 0 && (size_t)bytes < sizeof(text) && topic != NULL)
		(void)publish(topic, (struct hz_span){ (const uint8_t *)text, (size_t)bytes },
		              &seq);
}
