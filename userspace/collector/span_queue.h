/* Spans that wait to be pushed: the newest ones, the oldest make room. A push that fails leaves them where they are. */
#ifndef HZ_SPAN_QUEUE_H
#define HZ_SPAN_QUEUE_H

#include "collector/doc_text.h"

#define HZ_SPAN_QUEUE_MAX 256

struct hz_span_queue { /* zeroed: empty; owned by the caller, close with hz_span_queue_close */
	uint64_t first, end;    /* numbers of those that wait: first <= n < end */
	uint64_t out_end;       /* those below it are under way; first when none are */
	uint64_t out_forgotten; /* of those under way: made room for newer ones meanwhile */
	uint64_t dropped;       /* ever */
	struct hz_doc span[HZ_SPAN_QUEUE_MAX]; /* number n in n % MAX */
};

/* An empty document for the newest span; what was there is dropped when there are as many as may be. */
struct hz_doc *hz_span_queue_add(struct hz_span_queue *queue);

/* Writes those that wait, with commas between; they are under way then, until hz_span_queue_done. */
void hz_span_queue_send(struct hz_span_queue *queue, struct hz_doc *out);
/* Were they taken? Returns how many were; otherwise they wait again. */
uint64_t hz_span_queue_done(struct hz_span_queue *queue, bool is_taken);

void hz_span_queue_close(struct hz_span_queue *queue);

#endif
