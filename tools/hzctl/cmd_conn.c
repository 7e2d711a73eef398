/* hzctl conn show: asks hzd, whose workers look through their connections. */
#include "commands.h"
#include "conn_text.h"
#include "core/limits.h"
#include "ctl_client.h"
#include "telemetry/conn_info.h"
#include <errno.h>

#define LIMIT_DEFAULT 20u
#define KNOWN_WORDS   "state peer worker sort limit"

static const char *const sort_names[] = HZ_CONN_SORT_NAMES;

static int state_take(struct hz_words *words, json_t *request, struct hz_err *err)
{
	const char *names[HZ_CONN_STATE_COUNT];
	uint32_t state;
	int status;

	for (unsigned i = 0; i < HZ_CONN_STATE_COUNT; i++)
		names[i] = hz_conn_state_name((enum hz_conn_state)i);
	status = hz_words_choice(words, "state", names, HZ_CONN_STATE_COUNT, &state, err);
	if (status == 0)
		json_object_set_new(request, "state", json_string(names[state]));
	return status;
}

static int peer_take(struct hz_words *words, json_t *request, struct hz_err *err)
{
	struct hz_conn_query query;
	const char *text = "";
	int status = hz_words_value(words, "peer", &text, err);

	if (status != 0)
		return status;
	if (hz_conn_peer_parse(text, &query) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "peer 10.7.0.0/24, peer 2001:db8::1",
		                  "'%.60s' is no address or network", text);
	json_object_set_new(request, "peer", json_string(text));
	return 0;
}

static int sort_take(struct hz_words *words, json_t *request, struct hz_err *err)
{
	uint32_t sort;
	int status = hz_words_choice(words, "sort", sort_names, HZ_CONN_SORT_COUNT, &sort, err);

	if (status == 0)
		json_object_set_new(request, "sort", json_string(sort_names[sort]));
	return status;
}

static int number_take(struct hz_words *words, const char *name, uint64_t min, uint64_t max,
                       json_t *request, struct hz_err *err)
{
	uint64_t number;
	int status = hz_words_number(words, name, min, max, &number, err);

	if (status == 0)
		json_object_set_new(request, name, json_integer((json_int_t)number));
	return status;
}

static int request_take(struct hz_words *words, json_t *request, struct hz_err *err)
{
	int status = 0;

	json_object_set_new(request, "limit", json_integer(LIMIT_DEFAULT));
	while (status == 0 && hz_words_peek(words) != NULL) {
		if (hz_words_take(words, "state"))
			status = state_take(words, request, err);
		else if (hz_words_take(words, "peer") || hz_words_take(words, "source"))
			status = peer_take(words, request, err);
		else if (hz_words_take(words, "worker"))
			status = number_take(words, "worker", 0, HZ_WORKERS_MAX - 1, request, err);
		else if (hz_words_take(words, "sort"))
			status = sort_take(words, request, err);
		else if (hz_words_take(words, "limit") || hz_words_take(words, "top"))
			status = number_take(words, "limit", 1, HZ_LIMIT_census_conns_max, request,
			                     err);
		else
			status = hz_words_unknown(words, KNOWN_WORDS, err);
	}
	return status;
}

int hz_cmd_conn_show(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	json_t *request = json_pack("{s:s}", "cmd", "conn");
	json_t *result = NULL;
	bool is_partial;
	int status;

	status = request_take(words, request, err);
	if (status == 0)
		status = hz_ctl_client_ask(opts->instance, request, &result, err);
	json_decref(request);
	if (status != 0)
		return status;
	is_partial = json_is_true(json_object_get(result, "is_partial"));
	status = hz_out_result(&opts->out, result, hz_conn_text, err);
	return status == 0 && is_partial ? 6 : status; /* what is there was printed and says so */
}
