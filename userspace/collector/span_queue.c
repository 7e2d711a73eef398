#include "collector/span_queue.h"

struct hz_doc *hz_span_queue_add(struct hz_span_queue *queue)
{
	struct hz_doc *span = &queue->span[queue->end % HZ_SPAN_QUEUE_MAX];

	if (queue->end - queue->first == HZ_SPAN_QUEUE_MAX) {
		if (queue->first < queue->out_end)
			queue->out_forgotten++; /* it may arrive yet */
		else
			queue->dropped++;
		queue->first++;
	}
	queue->end++;
	hz_doc_text_clear(span);
	return span;
}

void hz_span_queue_send(struct hz_span_queue *queue, struct hz_doc *out)
{
	for (uint64_t i = queue->first; i < queue->end; i++) {
		const struct hz_doc *span = &queue->span[i % HZ_SPAN_QUEUE_MAX];

		if (i > queue->first)
			hz_doc_text_add(out, ",", 1);
		hz_doc_text_add(out, span->data, span->bytes);
		out->is_failed |= span->is_failed;
	}
	queue->out_end = queue->end;
	queue->out_forgotten = 0;
}

uint64_t hz_span_queue_done(struct hz_span_queue *queue, bool is_taken)
{
	uint64_t taken = 0;

	if (!is_taken) {
		queue->dropped += queue->out_forgotten;
	} else if (queue->out_end > queue->first) {
		taken = queue->out_end - queue->first + queue->out_forgotten;
		queue->first = queue->out_end;
	} else {
		taken = queue->out_forgotten;
	}
	queue->out_end = queue->first;
	queue->out_forgotten = 0;
	return taken;
}

void hz_span_queue_close(struct hz_span_queue *queue)
{
	for (uint32_t i = 0; i < HZ_SPAN_QUEUE_MAX; i++)
		hz_doc_text_close(&queue->span[i]);
}
