#include "collector/web_query.h"
#include "abi/hz_abi.h"
#include "collector/event_log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROTO_TYPE "application/vnd.google.protobuf"
#define HOST_MAX   64 /* of one that can be an address */

static const char *const stage_names[HZ_STAGE_COUNT] = HZ_STAGE_NAMES;

/* Digits only; at most max. */
static bool number_read(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

int hz_web_query_read(struct hz_web_query *query, const char *stage, const char *last,
                      const char *kind, uint32_t last_max, const char **why)
{
	struct hz_web_query tmp = *query;

	if (stage != NULL) {
		tmp.stage = 0;
		while (tmp.stage < HZ_STAGE_COUNT && strcmp(stage_names[tmp.stage], stage) != 0)
			tmp.stage++;
		if (tmp.stage == HZ_STAGE_COUNT) {
			*why = "stage: total, queue, parse, route, handler, upstream, tx or health";
			return -EINVAL;
		}
	}
	if (last != NULL && (!number_read(last, last_max, &tmp.last) || tmp.last == 0)) {
		*why = "last: a number from 1 on, and not more than is kept";
		return -EINVAL;
	}
	if (kind != NULL) {
		tmp.kind = hz_event_log_find(kind);
		if (tmp.kind == 0) {
			*why = "kind: slow, shed, drop or state";
			return -EINVAL;
		}
	}
	*query = tmp;
	return 0;
}

/* A parameter of a media range, ";name=value" with optional white space: RFC 9110 12.5.1. */
static bool has_parameter(const char *range, size_t bytes, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	const char *end = range + bytes, *at = memchr(range, ';', bytes);

	while (at != NULL) {
		const char *next;

		at++;
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		next = memchr(at, ';', (size_t)(end - at));
		bytes = (size_t)((next != NULL ? next : end) - at);
		while (bytes > 0 && (at[bytes - 1] == ' ' || at[bytes - 1] == '\t'))
			bytes--;
		if (bytes == name_len + 1 + value_len && strncasecmp(at, name, name_len) == 0 &&
		    at[name_len] == '=' && strncasecmp(at + name_len + 1, value, value_len) == 0)
			return true;
		at = next;
	}
	return false;
}

static bool is_refused(const char *range, size_t bytes)
{
	return has_parameter(range, bytes, "q", "0") || has_parameter(range, bytes, "q", "0.0") ||
	       has_parameter(range, bytes, "q", "0.00") ||
	       has_parameter(range, bytes, "q", "0.000");
}

bool hz_web_query_wants_proto(const char *accept)
{
	size_t type_len = strlen(PROTO_TYPE), bytes;

	while (accept != NULL && *accept != '\0') {
		accept += strspn(accept, ", \t");
		bytes = strcspn(accept, ",");
		if (bytes > type_len && strncasecmp(accept, PROTO_TYPE, type_len) == 0 &&
		    has_parameter(accept, bytes, "proto", "io.prometheus.client.MetricFamily") &&
		    has_parameter(accept, bytes, "encoding", "delimited") &&
		    !is_refused(accept, bytes))
			return true;
		accept += bytes;
	}
	return false;
}

/* Cuts ":PORT" off. */
static bool host_copy(const char *host, char out[HOST_MAX])
{
	size_t len = strlen(host);
	const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
	uint32_t port;

	if (host[0] == '[') {
		if (end == NULL)
			return false;
		host++;
		len = (size_t)(end - host);
		end++;
	} else if (end != NULL) {
		len = (size_t)(end - host);
	}
	if (end != NULL && *end != '\0' && (*end != ':' || !number_read(end + 1, 65535, &port)))
		return false;
	if (len >= HOST_MAX)
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	return true;
}

bool hz_web_query_is_local_host(const char *host)
{
	char name[HOST_MAX];
	struct in6_addr address;

	if (host == NULL)
		return true;
	if (!host_copy(host, name))
		return false;
	if (host[0] == '[')
		return inet_pton(AF_INET6, name, &address) == 1;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1;
}
