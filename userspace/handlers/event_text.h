/* Messages as a client reads them: Server-Sent Events (WHATWG HTML 9.2.6) or lines of JSON. Written piece by piece
 * into whatever room there is. */
#ifndef HZ_EVENT_TEXT_H
#define HZ_EVENT_TEXT_H

#include "core/base.h"
#include <hz/span.h>

enum hz_event_text_kind {
	HZ_EVENT_TEXT_SSE, /* id, data: one field per line of the message, blank line */
	HZ_EVENT_TEXT_LINES, /* a message per line: its own line breaks, in JSON only white space, become blanks */
};

struct hz_event_text { /* zeroed but for kind before the first call */
	enum hz_event_text_kind kind;
	bool was_cr;         /* the last byte of the message was CR: LF belongs to it */
	struct hz_span note; /* what goes out before all else; constant text, or in text */
	char text[64];
};

/* What comes next; flush before anything further. */
void hz_event_text_hello(struct hz_event_text *text, uint64_t retry_ms); /* the stream begins */
void hz_event_text_begin(struct hz_event_text *text, uint64_t seq);      /* a message begins */
void hz_event_text_end(struct hz_event_text *text);                      /* and ends */
void hz_event_text_gap(struct hz_event_text *text,
                       uint64_t count);              /* that many were lost; 0: nobody
									   * knows how many */
void hz_event_text_beat(struct hz_event_text *text); /* nothing new, still here */
void hz_event_text_bye(struct hz_event_text *text);  /* the stream ends */

/* Moves it to *out; false: some of it is left. */
bool hz_event_text_flush(struct hz_event_text *text, struct hz_wspan *out);

/* Takes from *message, part of one, what there is room for; stops where something is to be flushed. */
void hz_event_text_put(struct hz_event_text *text, struct hz_span *message, struct hz_wspan *out);

#endif
