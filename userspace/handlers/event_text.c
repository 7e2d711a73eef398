#include "handlers/event_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct words {
	const char *begin, *begun; /* around a message's number; NULL: it is not told */
	const char *gap, *gapped;  /* around a number of lost ones */
	struct hz_span line_break; /* for CRLF, CR or LF in a message */
	struct hz_span end;
	struct hz_span beat;
	struct hz_span bye;
};

/* A comment is a line that begins with a colon. */
static const struct words words[] = {
	[HZ_EVENT_TEXT_SSE] = {
		.begin = "id: ",
		.begun = "\ndata: ",
		.gap = "event: gap\ndata: ",
		.gapped = "\n\n",
		.line_break = HZ_SPAN_LITERAL("\ndata: "),
		.end = HZ_SPAN_LITERAL("\n\n"),
		.beat = HZ_SPAN_LITERAL(":\n\n"),
		.bye = HZ_SPAN_LITERAL(": end\n\n"),
	},
	[HZ_EVENT_TEXT_LINES] = {
		.gap = "{\"gap\":",
		.gapped = "}\n",
		.line_break = HZ_SPAN_LITERAL(" "),
		.end = HZ_SPAN_LITERAL("\n"),
		.beat = HZ_SPAN_LITERAL("\n"),
	},
};

static void number_note(struct hz_event_text *text, const char *before, uint64_t number,
                        const char *after)
{
	int bytes =
		snprintf(text->text, sizeof(text->text), "%s%" PRIu64 "%s", before, number, after);

	text->note = (struct hz_span){ (const uint8_t *)text->text, (size_t)bytes };
}

void hz_event_text_hello(struct hz_event_text *text, uint64_t retry_ms)
{
	if (text->kind == HZ_EVENT_TEXT_SSE)
		number_note(text, "retry: ", retry_ms, "\n\n");
}

void hz_event_text_begin(struct hz_event_text *text, uint64_t seq)
{
	const struct words *own = &words[text->kind];

	text->was_cr = false;
	if (own->begin != NULL)
		number_note(text, own->begin, seq, own->begun);
}

void hz_event_text_end(struct hz_event_text *text)
{
	text->note = words[text->kind].end;
}

void hz_event_text_gap(struct hz_event_text *text, uint64_t count)
{
	number_note(text, words[text->kind].gap, count, words[text->kind].gapped);
}

void hz_event_text_beat(struct hz_event_text *text)
{
	text->note = words[text->kind].beat;
}

void hz_event_text_bye(struct hz_event_text *text)
{
	text->note = words[text->kind].bye;
}

static void move(struct hz_span *from, struct hz_wspan *to, size_t bytes)
{
	if (bytes == 0)
		return;
	memcpy(to->data, from->data, bytes);
	from->data += bytes;
	from->len -= bytes;
	to->data += bytes;
	to->len -= bytes;
}

bool hz_event_text_flush(struct hz_event_text *text, struct hz_wspan *out)
{
	move(&text->note, out, HZ_MIN(text->note.len, out->len));
	return text->note.len == 0;
}

static size_t line_bytes(struct hz_span text)
{
	size_t bytes = 0;

	while (bytes < text.len && text.data[bytes] != '\n' && text.data[bytes] != '\r')
		bytes++;
	return bytes;
}

void hz_event_text_put(struct hz_event_text *text, struct hz_span *message, struct hz_wspan *out)
{
	struct hz_span room = { message->data, HZ_MIN(message->len, out->len) };
	bool is_lf;

	if (text->was_cr && message->len > 0 && message->data[0] == '\n') {
		text->was_cr = false;
		message->data++;
		message->len--;
		return;
	}
	move(message, out, line_bytes(room));
	if (message->len == 0 || out->len == 0) {
		text->was_cr = text->was_cr && room.len == 0;
		return;
	}
	is_lf = message->data[0] == '\n';
	text->was_cr = !is_lf;
	message->data++;
	message->len--;
	text->note = words[text->kind].line_break;
}
