/* What a client of hz-collector asks: lines stage, last, kind, Accept and Host (an empty one: not there). A second reader
 * of numbers and hosts agrees; what is refused changes nothing. */
#include "abi/hz_abi.h"
#include "collector/event_log.h"
#include "collector/web_query.h"
#include "fuzz_target.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LAST_MAX 86400

static char *line_take(char **at)
{
	char *line = *at != NULL ? strsep(at, "\n") : NULL;

	return line != NULL && line[0] != '\0' ? line : NULL;
}

static bool is_number(const char *text, unsigned long most)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && text[digits] == '\0' && strtoul(text, NULL, 10) <= most;
}

static void query_check(const char *stage, const char *last, const char *kind)
{
	struct hz_web_query query = { HZ_STAGE_COUNT, 77, 0 };
	const char *why = NULL;
	int status = hz_web_query_read(&query, stage, last, kind, LAST_MAX, &why);
	bool is_last_good =
		last == NULL || (is_number(last, LAST_MAX) && strtoul(last, NULL, 10) > 0);

	FUZZ_HOLDS(status == 0 || (status == -EINVAL && why != NULL && query.last == 77));
	FUZZ_HOLDS(status != 0 || is_last_good);
	FUZZ_HOLDS(query.stage <= HZ_STAGE_COUNT && query.last > 0 && query.last <= LAST_MAX);
	FUZZ_HOLDS(query.kind == 0 || hz_event_log_kind(query.kind) != NULL);
	if (stage == NULL && kind == NULL)
		FUZZ_HOLDS((status == 0) == is_last_good);
}

/* An address with or without a port, in brackets or not, or localhost: tried one after the other. */
static bool is_local(const char *host)
{
	const char *colon = host[0] == '[' ? strchr(host, ']') : host;
	char name[128];
	struct in6_addr address;
	size_t len;

	if (colon == NULL || strlen(host) >= sizeof(name))
		return false;
	colon = strchr(colon, ':');
	if (colon != NULL && !is_number(colon + 1, 65535))
		return false;
	len = colon != NULL ? (size_t)(colon - host) : strlen(host);
	memcpy(name, host, len);
	name[len] = '\0';
	if (name[0] == '[') {
		if (name[len - 1] != ']' || len > 65)
			return false;
		name[len - 1] = '\0';
		return inet_pton(AF_INET6, name + 1, &address) == 1;
	}
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1;
}

int fuzz_query_run(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *at = text;
	const char *stage, *last, *kind, *accept, *host;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	stage = line_take(&at);
	last = line_take(&at);
	kind = line_take(&at);
	accept = line_take(&at);
	host = line_take(&at);
	query_check(stage, last, kind);
	if (hz_web_query_wants_proto(accept))
		FUZZ_HOLDS(strcasestr(accept, "application/vnd.google.protobuf") != NULL &&
		           strcasestr(accept, "encoding=delimited") != NULL);
	if (host != NULL)
		FUZZ_HOLDS(hz_web_query_is_local_host(host) == is_local(host));
	free(text);
	return 0;
}

FUZZ_ENTRY(fuzz_query_run)
