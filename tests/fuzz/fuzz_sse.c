/* An answer of hz-collector: whatever comes, in pieces of any size, gives the same events as in one piece, each within its
 * bounds. */
#include "../../tools/hzctl/sse_read.h"
#include "fuzz_target.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sum {
	uint64_t events, hash;
};

static void add(void *ctx, const char *name, const char *data, size_t len)
{
	struct sum *sum = ctx;

	FUZZ_HOLDS(strlen(name) < HZ_SSE_READ_NAME_MAX);
	FUZZ_HOLDS(len <= HZ_SSE_READ_LINE_MAX && memchr(data, '\n', len) == NULL);
	sum->events++;
	for (size_t i = 0; i < len; i++) /* a sanitizer looks on */
		sum->hash = sum->hash * 31 + (uint8_t)data[i];
	for (; *name != '\0'; name++)
		sum->hash = sum->hash * 37 + (uint8_t)*name;
}

static int feed(const char *bytes, size_t size, size_t piece, struct sum *sum)
{
	struct hz_sse_read reader;
	int status = hz_sse_read_open(&reader);

	memset(sum, 0, sizeof(*sum));
	if (status != 0)
		return status;
	for (size_t at = 0; at < size && status == 0; at += piece) {
		size_t len = size - at < piece ? size - at : piece;
		char *exact = malloc(len);

		if (exact == NULL)
			break;
		memcpy(exact, bytes + at, len);
		status = hz_sse_read_feed(&reader, exact, len, add, sum);
		free(exact);
	}
	FUZZ_HOLDS(status == 0 || status == -EBADMSG);
	FUZZ_HOLDS(sum->events == 0 || reader.http_status == 200);
	hz_sse_read_close(&reader);
	return status;
}

int fuzz_sse_run(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct sum whole, pieces;
	size_t piece = 1;
	int status;

	if (size == 0)
		return 0;
	piece += data[size - 1] % 64u;
	status = feed(bytes, size, size, &whole);
	FUZZ_HOLDS(feed(bytes, size, piece, &pieces) == status);
	FUZZ_HOLDS(whole.events == pieces.events && whole.hash == pieces.hash);
	return 0;
}

FUZZ_ENTRY(fuzz_sse_run)
