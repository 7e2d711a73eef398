/* conn: asks workers for their connections and puts their answers together. A round takes several turns of
 * housekeeping, which waits for nobody: a worker that does not answer in time is named in the result. */
#include "core/endpoint.h"
#include "server/server_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_NS      HZ_NS_PER_S          /* then workers are told to stop where they are */
#define GRACE_NS      (250 * HZ_NS_PER_MS) /* for them to hear it */
#define LIMIT_DEFAULT HZ_LIMIT_census_conns_max

static const char *const sort_names[] = HZ_CONN_SORT_NAMES;
static const char *const option_names[] = HZ_CONN_OPTION_NAMES;
_Static_assert(HZ_ARRAY_LEN(sort_names) == HZ_CONN_SORT_COUNT, "a name for each order");

static int bad_value(struct hz_err *err, const char *key, const char *value)
{
	return hz_err_set(err, -EINVAL, 2, "usage", "hzctl conn help", "%s: '%.60s' cannot be", key,
	                  value);
}

static int state_read(const char *text, uint32_t *out, struct hz_err *err)
{
	if (text == NULL)
		return 0;
	for (unsigned i = 0; i < HZ_CONN_STATE_COUNT; i++) {
		if (strcmp(text, hz_conn_state_name((enum hz_conn_state)i)) == 0) {
			*out = 1u << i;
			return 0;
		}
	}
	return bad_value(err, "state", text);
}

static int sort_read(const char *text, uint8_t *out, struct hz_err *err)
{
	if (text == NULL)
		return 0;
	for (size_t i = 0; i < HZ_ARRAY_LEN(sort_names); i++) {
		if (strcmp(text, sort_names[i]) == 0) {
			*out = (uint8_t)i;
			return 0;
		}
	}
	return bad_value(err, "sort", text);
}

/* *worker: -1 is all of them. */
static int request_read(const struct hz_server *server, const json_t *request,
                        struct hz_conn_query *query, int *worker, struct hz_err *err)
{
	const char *cmd, *state = NULL, *peer = NULL, *sort = NULL;
	json_int_t limit = LIMIT_DEFAULT, id = -1;
	json_error_t error;
	int status;

	if (json_unpack_ex((json_t *)(uintptr_t)request, &error, 0,
	                   "{s:s, s?s, s?s, s?s, s?I, s?I !}", "cmd", &cmd, "state", &state, "peer",
	                   &peer, "sort", &sort, "limit", &limit, "worker", &id) != 0)
		return bad_value(err, "request", error.text);
	*query = (struct hz_conn_query){ 0 };
	status = state_read(state, &query->states, err);
	if (status == 0)
		status = sort_read(sort, &query->sort, err);
	if (status != 0)
		return status;
	if (peer != NULL && hz_conn_peer_parse(peer, query) != 0)
		return bad_value(err, "peer", peer);
	if (limit < 1 || limit > HZ_LIMIT_census_conns_max)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl conn help", "limit: 1..%d",
		                  HZ_LIMIT_census_conns_max);
	if (id < -1 || id >= (json_int_t)server->seats.count)
		return hz_err_set(err, -ENOENT, 1, "no_worker", "hzctl worker",
		                  "no worker %lld: there are %u", (long long)id,
		                  server->seats.count);
	query->limit = (uint32_t)limit;
	*worker = (int)id;
	return 0;
}

static void worker_ask(struct hz_server *server, uint32_t worker)
{
	struct hz_server_round *round = &server->round;

	if (!hz_conn_census_ask(&server->seats.seat[worker].census, &round->query)) {
		round->silent |= 1ull << worker; /* still has the question of an earlier round */
		return;
	}
	round->asked |= 1ull << worker;
	if (server->sock != NULL)
		hz_sock_census(server->sock, worker);
	else if (server->fp != NULL)
		hz_fastpath_census(server->fp, worker);
}

/* What workers gave back too late for the round they were asked in. */
static void stragglers_release(struct hz_server *server)
{
	for (uint32_t i = 0; i < server->seats.count; i++) {
		struct hz_conn_census *census = &server->seats.seat[i].census;

		if (hz_conn_census_is_done(census))
			hz_conn_census_release(census);
	}
}

int hz_control_conn_begin(struct hz_server *server, const json_t *request, uint64_t now_ns,
                          struct hz_err *err)
{
	struct hz_server_round *round = &server->round;
	struct hz_conn_query query;
	int worker = -1, status;

	status = request_read(server, request, &query, &worker, err);
	if (status != 0)
		return status;
	stragglers_release(server);
	*round = (struct hz_server_round){
		.is_running = true,
		.query = query,
		.until_ns = now_ns + ROUND_NS,
	};
	for (uint32_t i = 0; i < server->seats.count; i++) {
		if (worker < 0 || worker == (int)i)
			worker_ask(server, i);
	}
	return 0;
}

static bool is_answered(struct hz_server *server)
{
	for (uint32_t i = 0; i < server->seats.count; i++) {
		if ((server->round.asked & (1ull << i)) != 0 &&
		    !hz_conn_census_is_done(&server->seats.seat[i].census))
			return false;
	}
	return true;
}

static json_t *options_json(uint8_t options)
{
	json_t *names = json_array();

	for (size_t i = 0; i < HZ_ARRAY_LEN(option_names); i++) {
		if ((options & (1u << i)) != 0)
			json_array_append_new(names, json_string(option_names[i]));
	}
	return names;
}

static json_t *known(bool is_known, uint64_t value)
{
	return is_known ? json_integer((json_int_t)value) : json_null();
}

static json_t *conn_json(const struct hz_conn_info *info)
{
	char remote[HZ_ENDPOINT_TEXT_MAX], local[HZ_ENDPOINT_TEXT_MAX];
	const bool is_sampled = info->srtt_us != 0;

	hz_endpoint_print(&info->remote, remote);
	hz_endpoint_print(&info->local, local);
	return json_pack(
		"{s:i, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:i, "
		"s:o, s:s}",
		"worker", (int)info->worker, "state",
		hz_conn_state_name((enum hz_conn_state)info->state), "remote", remote, "local",
		local, "age_ms", (json_int_t)(info->age_ns / HZ_NS_PER_MS), "idle_ms",
		(json_int_t)(info->idle_ns / HZ_NS_PER_MS), "srtt_us",
		known(is_sampled, info->srtt_us), "rttvar_us", known(is_sampled, info->rttvar_us),
		"rto_us", (json_int_t)info->rto_us, "cwnd_bytes", (json_int_t)info->cwnd_bytes,
		"ssthresh_bytes",
		known(info->ssthresh_bytes != HZ_CONN_UNKNOWN, info->ssthresh_bytes),
		"in_flight_bytes", (json_int_t)info->in_flight_bytes, "send_queue_bytes",
		(json_int_t)info->send_queue_bytes, "receive_queue_bytes",
		(json_int_t)info->receive_queue_bytes, "retransmits", (json_int_t)info->retransmits,
		"mss_bytes", (int)info->mss_bytes, "options", options_json(info->options),
		"congestion", info->cc);
}

static int compare(const void *a, const void *b, void *query)
{
	return hz_conn_query_compare(query, *(const struct hz_conn_info *const *)a,
	                             *(const struct hz_conn_info *const *)b);
}

/* The first in order of all answers. */
static json_t *conns_json(struct hz_server *server, uint64_t held)
{
	struct hz_server_round *round = &server->round;
	const struct hz_conn_info **all = calloc(held + 1, sizeof(const struct hz_conn_info *));
	json_t *conns = json_array();
	size_t count = 0;

	if (all == NULL || conns == NULL) {
		free(all);
		json_decref(conns);
		return NULL;
	}
	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_conn_census *census = &server->seats.seat[i].census;

		if ((round->asked & (1ull << i)) == 0 || !hz_conn_census_is_done(census))
			continue;
		for (uint32_t j = 0; j < census->count; j++)
			all[count++] = &census->entry[j];
	}
	qsort_r(all, count, sizeof(const struct hz_conn_info *), compare, &round->query);
	for (size_t i = 0; i < HZ_MIN(count, (size_t)round->query.limit); i++)
		json_array_append_new(conns, conn_json(all[i]));
	free(all);
	return conns;
}

static json_t *silent_json(uint64_t silent)
{
	json_t *workers = json_array();

	for (int i = 0; i < HZ_WORKERS_MAX; i++) {
		if ((silent & (1ull << i)) != 0)
			json_array_append_new(workers, json_integer(i));
	}
	return workers;
}

static json_t *round_json(struct hz_server *server)
{
	struct hz_server_round *round = &server->round;
	uint64_t seen = 0, matched = 0, held = 0;
	bool is_partial = round->silent != 0;
	json_t *conns;

	for (uint32_t i = 0; i < server->seats.count; i++) {
		const struct hz_conn_census *census = &server->seats.seat[i].census;

		if ((round->asked & (1ull << i)) == 0)
			continue;
		if (!hz_conn_census_is_done(census)) {
			round->silent |= 1ull << i;
			is_partial = true;
			continue;
		}
		seen += census->seen;
		matched += census->matched;
		held += census->count;
		is_partial = is_partial || census->is_partial;
	}
	conns = conns_json(server, held);
	if (conns == NULL)
		return NULL;
	return json_pack("{s:o, s:I, s:I, s:s, s:b, s:o}", "connections", conns, "matched",
	                 (json_int_t)matched, "seen", (json_int_t)seen, "sort",
	                 sort_names[round->query.sort], "is_partial", is_partial, "silent_workers",
	                 silent_json(round->silent));
}

bool hz_control_conn_turn(struct hz_server *server, uint64_t now_ns, json_t **result)
{
	struct hz_server_round *round = &server->round;

	if (!is_answered(server) && now_ns < round->until_ns + GRACE_NS) {
		for (uint32_t i = 0; now_ns >= round->until_ns && i < server->seats.count; i++) {
			if ((round->asked & (1ull << i)) != 0)
				hz_conn_census_withdraw(&server->seats.seat[i].census);
		}
		return false;
	}
	*result = round_json(server);
	stragglers_release(server); /* a silent worker's buffer stays with it */
	round->is_running = false;
	return true;
}
