/* The documents below /api/v1, and when they have to be made anew. */
#ifndef HZ_WEB_DOC_H
#define HZ_WEB_DOC_H

#include "collector/feed.h"
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

/* One answer of each kind is kept, for those that ask the same within the second. */
struct hz_web_docs { /* zeroed: none; owned by the caller */
	struct {
		bool is_fresh;
		uint32_t age_s;
		struct hz_web_query query;
		struct hz_doc doc;
	} kept[HZ_WEB_DOCS];
};

const struct hz_web_doc_kind *hz_web_doc_find(const char *path); /* NULL: no such document */
/* How much may be asked for: of the heatmap more with a history. */
uint32_t hz_web_doc_last_max(const struct hz_web_doc_kind *kind, const struct hz_feed *feed);

/* Valid to the next call with these docs; is_failed: no memory. */
const struct hz_doc *hz_web_doc_get(struct hz_web_docs *docs, const struct hz_feed *feed,
                                    enum hz_web_doc doc, const struct hz_web_query *query);

/* Data of the event "tick": status, the newest column, and marks from marks_from_s on. lost: by readers of /events. */
void hz_web_doc_tick(struct hz_web_docs *docs, const struct hz_feed *feed, int64_t marks_from_s,
                     uint64_t lost, struct hz_doc *out);

void hz_web_doc_expire(struct hz_web_docs *docs); /* another second began */
void hz_web_doc_close(struct hz_web_docs *docs);

struct hz_span hz_web_doc_page(void); /* page/index.html */

#endif
