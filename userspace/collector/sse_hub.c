#include "collector/sse_hub.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 16384 /* what is copied at once */

static void ring_put(struct hz_sse_reader *reader, const char *data, size_t bytes)
{
	size_t at = (reader->first + reader->bytes) % HZ_SSE_BACKLOG_MAX;
	size_t part = HZ_MIN(bytes, HZ_SSE_BACKLOG_MAX - at);

	memcpy(reader->backlog + at, data, part);
	memcpy(reader->backlog, data + part, bytes - part);
	reader->bytes += bytes;
}

/* MHD_ContentReaderCallback: what waits, or sleep until something does. */
static ssize_t piece_read(void *ctx, uint64_t position, char *out, size_t room)
{
	struct hz_sse_reader *reader = ctx;
	size_t part = HZ_MIN(HZ_MIN(room, reader->bytes), HZ_SSE_BACKLOG_MAX - reader->first);

	(void)position;
	if (reader->connection == NULL)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (part == 0) {
		reader->is_suspended = true;
		MHD_suspend_connection(reader->connection);
		return 0;
	}
	memcpy(out, reader->backlog + reader->first, part);
	reader->first = (reader->first + part) % HZ_SSE_BACKLOG_MAX;
	reader->bytes -= part;
	return (ssize_t)part;
}

static void reader_free(void *ctx)
{
	struct hz_sse_reader *reader = ctx;

	free(reader->backlog);
	*reader = (struct hz_sse_reader){ 0 };
}

struct MHD_Response *hz_sse_hub_join(struct hz_sse_hub *hub, struct MHD_Connection *connection)
{
	static const char hello[] = ": hz\nretry: 1000\n\n";
	struct hz_sse_reader *reader = NULL;
	struct MHD_Response *response;

	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX && reader == NULL; i++)
		if (!hub->reader[i].is_used)
			reader = &hub->reader[i];
	if (reader == NULL)
		return NULL;
	*reader = (struct hz_sse_reader){ .is_used = true, .connection = connection };
	reader->backlog = malloc(HZ_SSE_BACKLOG_MAX);
	response = reader->backlog == NULL
	                   ? NULL
	                   : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES,
	                                                       piece_read, reader, reader_free);
	if (response == NULL) {
		reader_free(reader);
		return NULL;
	}
	ring_put(reader, hello, sizeof(hello) - 1);
	return response;
}

static void reader_wake(struct hz_sse_reader *reader)
{
	if (!reader->is_suspended)
		return;
	reader->is_suspended = false;
	MHD_resume_connection(reader->connection);
}

void hz_sse_hub_send(struct hz_sse_hub *hub, const char *name, const char *data, size_t bytes)
{
	char head[48];
	int head_bytes = snprintf(head, sizeof(head), "event: %s\ndata: ", name);

	if (head_bytes < 0 || (size_t)head_bytes >= sizeof(head))
		return;
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++) {
		struct hz_sse_reader *reader = &hub->reader[i];

		if (!reader->is_used || reader->connection == NULL)
			continue;
		if (bytes + (size_t)head_bytes + 2 > HZ_SSE_BACKLOG_MAX - reader->bytes) {
			reader->lost++;
			hub->lost++;
			continue;
		}
		ring_put(reader, head, (size_t)head_bytes);
		ring_put(reader, data, bytes);
		ring_put(reader, "\n\n", 2);
		reader_wake(reader);
	}
}

void hz_sse_hub_close(struct hz_sse_hub *hub)
{
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++) {
		if (!hub->reader[i].is_used)
			continue;
		reader_wake(&hub->reader[i]);
		hub->reader[i].connection = NULL;
	}
}

bool hz_sse_hub_has_readers(const struct hz_sse_hub *hub)
{
	for (uint32_t i = 0; i < HZ_SSE_READERS_MAX; i++)
		if (hub->reader[i].is_used)
			return true;
	return false;
}
