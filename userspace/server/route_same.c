#include "server/route_same.h"

#include "core/span_ops.h"
#include <string.h>

static bool text_is_same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool spans_are_same(const struct hz_span *a, const struct hz_span *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!hz_span_equals(a[i], b[i]))
			return false;
	}
	return true;
}

/* --- middleware: one function per line of mw.def ------------------------------------------------------- */

static bool log_is_same(const struct hz_mw_log_conf *a, const struct hz_mw_log_conf *b)
{
	return text_is_same(a->to, b->to) && a->format == b->format &&
	       a->error_one_in == b->error_one_in && a->rest_one_in == b->rest_one_in;
}

static bool trace_is_same(const struct hz_mw_trace_conf *a, const struct hz_mw_trace_conf *b)
{
	return a->accepts == b->accepts;
}

static bool access_is_same(const struct hz_mw_access_conf *a, const struct hz_mw_access_conf *b)
{
	if (a->count != b->count || a->allows_rest != b->allows_rest)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct hz_mw_prefix *left = &a->prefix[i], *right = &b->prefix[i];

		if (memcmp(&left->addr, &right->addr, sizeof(left->addr)) != 0 ||
		    left->bits != right->bits || left->is_allowed != right->is_allowed)
			return false;
	}
	return true;
}

static bool cors_is_same(const struct hz_mw_cors_conf *a, const struct hz_mw_cors_conf *b)
{
	return a->is_any == b->is_any && a->has_credentials == b->has_credentials &&
	       a->origin_count == b->origin_count &&
	       spans_are_same(a->origin, b->origin, a->origin_count) &&
	       hz_span_equals(a->methods, b->methods) && hz_span_equals(a->headers, b->headers) &&
	       hz_span_equals(a->expose, b->expose) && a->max_age_s == b->max_age_s;
}

static bool headers_is_same(const struct hz_mw_headers_conf *a, const struct hz_mw_headers_conf *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (!hz_span_equals(a->field[i].name, b->field[i].name) ||
		    !hz_span_equals(a->field[i].value, b->field[i].value))
			return false;
	}
	return true;
}

static bool rate_is_same(const struct hz_mw_rate_conf *a, const struct hz_mw_rate_conf *b)
{
	return a->per == b->per && hz_span_equals(a->header, b->header) &&
	       hz_span_equals(a->scope, b->scope) && a->per_hour == b->per_hour &&
	       a->burst == b->burst && a->is_announced == b->is_announced;
}

static bool jwt_is_same(const struct hz_mw_jwt_conf *a, const struct hz_mw_jwt_conf *b)
{
	return a->alg == b->alg && text_is_same(a->key_file, b->key_file) &&
	       text_is_same(a->revoked_file, b->revoked_file) &&
	       hz_span_equals(a->issuer, b->issuer) && hz_span_equals(a->audience, b->audience) &&
	       a->leeway_s == b->leeway_s;
}

static bool timeout_is_same(const struct hz_mw_timeout_conf *a, const struct hz_mw_timeout_conf *b)
{
	return a->ns == b->ns;
}

static bool breaker_is_same(const struct hz_mw_breaker_conf *a, const struct hz_mw_breaker_conf *b)
{
	return a->failures_percent == b->failures_percent &&
	       a->requests_least == b->requests_least && a->probes == b->probes &&
	       a->late_ns == b->late_ns && a->window_ns == b->window_ns && a->open_ns == b->open_ns;
}

static bool mw_is_same(const struct hz_mw_set *a, const struct hz_mw_set *b)
{
#define HZ_MW(name, help)                                                                          \
	if ((a->name == NULL) != (b->name == NULL))                                                \
		return false;                                                                      \
	if (a->name != NULL && !name##_is_same(a->name, b->name))                                  \
		return false;
#include "core/mw.def"
#undef HZ_MW
	return true;
}

/* --- the rest ------------------------------------------------------------------------------------------- */

static bool files_are_same(const struct hz_site_files *a, const struct hz_site_files *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (!hz_span_equals(a->root, b->root) || a->cache_bytes != b->cache_bytes ||
	    a->is_coded != b->is_coded || a->index_count != b->index_count ||
	    a->type_count != b->type_count || !spans_are_same(a->index, b->index, a->index_count))
		return false;
	for (uint32_t i = 0; i < a->type_count; i++) {
		if (!hz_span_equals(a->type[i].extension, b->type[i].extension) ||
		    !hz_span_equals(a->type[i].type, b->type[i].type))
			return false;
	}
	return true;
}

static const char *topic_of(const struct hz_site *site, const struct hz_site_route *route)
{
	switch (route->handler) {
	case HZ_HANDLER_EVENTS:
	case HZ_HANDLER_LINES:
	case HZ_HANDLER_PUBLISH:
		return site->topic[route->topic].name;
	case HZ_HANDLER_RESPOND:
	case HZ_HANDLER_BYTES:
	case HZ_HANDLER_ECHO:
	case HZ_HANDLER_FILES:
	case HZ_HANDLER_REDIRECT:
	case HZ_HANDLER_MODULE:
	case HZ_HANDLER_OWN:
		break;
	}
	return NULL;
}

/* Which requests come to it. */
static bool match_is_same(const struct hz_site_route *a, const struct hz_site_route *b)
{
	return a->methods == b->methods && hz_span_equals(a->pattern, b->pattern) &&
	       a->host_count == b->host_count && spans_are_same(a->host, b->host, a->host_count) &&
	       a->paths.dot_segments == b->paths.dot_segments &&
	       a->paths.duplicate_slashes == b->paths.duplicate_slashes &&
	       a->paths.encoded_slash == b->paths.encoded_slash &&
	       a->paths.trailing_slash == b->paths.trailing_slash;
}

static bool answer_is_same(const struct hz_site_route *a, const struct hz_site_route *b)
{
	bool same = a->status == b->status && hz_span_equals(a->content_type, b->content_type) &&
	            hz_span_equals(a->body, b->body) &&
	            hz_span_equals(a->redirect_to, b->redirect_to) &&
	            a->json_count == b->json_count;

	for (uint32_t i = 0; same && i < a->json_count; i++)
		same = hz_span_equals(a->json[i].key, b->json[i].key) &&
		       hz_span_equals(a->json[i].value, b->json[i].value);
	return same;
}

static bool handler_is_same(const struct hz_site_route *a, const struct hz_site_route *b)
{
	return a->handler == b->handler && a->delay_ns == b->delay_ns &&
	       a->body_bytes_max == b->body_bytes_max && a->count_max == b->count_max &&
	       hz_span_equals(a->count_param, b->count_param) && a->own == b->own &&
	       text_is_same(a->module_file, b->module_file) &&
	       text_is_same(a->module_config, b->module_config) &&
	       a->heartbeat_ns == b->heartbeat_ns && a->retry_ms == b->retry_ms &&
	       a->readers_max == b->readers_max && a->closes_slow == b->closes_slow;
}

bool hz_route_is_same(const struct hz_site *a_site, const struct hz_site_route *a,
                      const struct hz_site *b_site, const struct hz_site_route *b)
{
	return match_is_same(a, b) && handler_is_same(a, b) && answer_is_same(a, b) &&
	       files_are_same(a->files, b->files) &&
	       text_is_same(topic_of(a_site, a), topic_of(b_site, b)) && mw_is_same(&a->mw, &b->mw);
}
