/* Readers of /events. Each has a buffer of its own; what does not fit is lost to this reader, counted, and never waited
 * for. */
#ifndef HZ_SSE_HUB_H
#define HZ_SSE_HUB_H

#include "core/base.h"
#include <microhttpd.h>

#define HZ_SSE_READERS_MAX 16
#define HZ_SSE_BACKLOG_MAX (256u << 10) /* bytes of one reader that its socket has not taken */

struct hz_sse_reader {
	bool is_used, is_suspended;
	struct MHD_Connection *connection; /* the daemon's */
	uint64_t lost;                     /* events */
	size_t first, bytes;               /* of backlog, a ring */
	char *backlog;                     /* owned */
};

struct hz_sse_hub {    /* zeroed: nobody reads; owned by the caller */
	uint64_t lost; /* of all that ever read */
	struct hz_sse_reader reader[HZ_SSE_READERS_MAX];
};

/* The answer to a reader, to be queued and destroyed by the caller; NULL: there are as many as may be, or no memory. */
struct MHD_Response *hz_sse_hub_join(struct hz_sse_hub *hub, struct MHD_Connection *connection);

/* "event: NAME", "data: data" to all. data has no newline. */
void hz_sse_hub_send(struct hz_sse_hub *hub, const char *name, const char *data, size_t bytes);

/* Ends all streams: before the daemon stops, which wants nobody suspended. */
void hz_sse_hub_close(struct hz_sse_hub *hub);
bool hz_sse_hub_has_readers(const struct hz_sse_hub *hub);

#endif
