/* The documents below /api/v1, and when they have to be made anew. */
#ifndef HZ_WEB_DOC_H
#define HZ_WEB_DOC_H

#include "collector/feed.h"
#include "collector/web_body.h"
#include "collector/web_query.h"
#include <hz/span.h>

enum hz_web_doc {
	HZ_WEB_DOC_STATUS,
	HZ_WEB_DOC_LATENCY,
	HZ_WEB_DOC_HEATMAP,
	HZ_WEB_DOC_EVENTS,
	HZ_WEB_DOCS
};

struct hz_web_doc_kind {
	const char *path;
	enum hz_web_doc doc;
	uint32_t stage, last; /* when nothing is asked for */
	uint32_t last_max;
};

#define HZ_WEB_DOCS_KEPT 8
#define HZ_WEB_DOCS_SLOW                                                                           \
	8 /* made in one second of more than SWIFT_S, some 30 ms each: more are refused */
#define HZ_WEB_DOCS_SWIFT_S 600

struct hz_web_kept { /* an answer, for those that ask the same before it is stale */
	enum hz_web_doc doc;
	struct hz_web_query query;
	uint32_t left_s; /* 0: stale */
	uint64_t number; /* of those made so far */
	const char *data;
	size_t bytes;
	struct MHD_Response *response; /* owned; NULL: nothing is kept here */
};

struct hz_web_docs { /* zeroed: none; owned by the caller */
	struct hz_web_bodies *bodies;
	uint64_t made;
	uint32_t slow; /* of them in this second */
	struct hz_web_kept kept[HZ_WEB_DOCS_KEPT];
};

const struct hz_web_doc_kind *hz_web_doc_find(const char *path); /* NULL: no such document */
/* How much may be asked for: of the heatmap more with a history. */
uint32_t hz_web_doc_last_max(const struct hz_web_doc_kind *kind, const struct hz_feed *feed);

/* Valid to the next call with these docs; NULL: no memory, too much of it is
 * under way, or too much was asked for in this second. */
const struct hz_web_kept *hz_web_doc_get(struct hz_web_docs *docs, const struct hz_feed *feed,
                                         enum hz_web_doc doc, const struct hz_web_query *query);

/* Data of the event "tick": status, the newest column, and the marks behind the first marks_told.
 * lost: by readers of /events. */
void hz_web_doc_tick(struct hz_web_docs *docs, const struct hz_feed *feed, uint64_t marks_told,
                     uint64_t lost, struct hz_doc *out);

void hz_web_doc_expire(struct hz_web_docs *docs); /* another second began */
void hz_web_doc_close(struct hz_web_docs *docs);

struct hz_span hz_web_doc_page(void); /* page/index.html */

#endif
