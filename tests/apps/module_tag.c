/* Example of a module: answers with its configuration and what the wildcard matched; with `stream`, with the number of
 * bytes it was sent. */
#include <errno.h>
#include <hz/hz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tag_open(const char *config, void **ctx, char *why, size_t why_bytes)
{
	if (strcmp(config, "bad") == 0) {
		snprintf(why, why_bytes, "'bad' is no tag");
		return -EINVAL;
	}
	*ctx = strdup(config);
	return *ctx != NULL ? 0 : -ENOMEM;
}

static int tag_handle(struct hz_request *req, void *ctx)
{
	struct hz_span path = hz_request_param(req, "path");
	char text[256];
	int bytes = snprintf(text, sizeof(text), "%s:%.*s", (const char *)ctx, (int)path.len,
	                     (const char *)path.data);

	if (bytes < 0 || bytes >= (int)sizeof(text))
		return -E2BIG;
	return hz_respond(req, 200, "text/plain", text, (size_t)bytes);
}

const struct hz_module hz_module = {
	.size = sizeof(struct hz_module),
	.api_version = HZ_API_VERSION,
	.name = "tag",
	.open = tag_open,
	.close = free,
	.handler = tag_handle,
};
