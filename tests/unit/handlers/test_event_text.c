/* Messages as Server-Sent Events and as lines: the same bytes whatever room there is, however the message is cut. */
#include "handlers/event_text.h"

#include "hz_test.h"
#include <stdio.h>
#include <string.h>

struct sample {
	const char *message;
	const char *sse; /* with number 7 */
	const char *line;
};

static const struct sample samples[] = {
	{ "hello", "id: 7\ndata: hello\n\n", "hello\n" },
	{ "", "id: 7\ndata: \n\n", "\n" },
	{ "a\nb", "id: 7\ndata: a\ndata: b\n\n", "a b\n" },
	{ "a\rb", "id: 7\ndata: a\ndata: b\n\n", "a b\n" },
	{ "a\r\nb", "id: 7\ndata: a\ndata: b\n\n", "a b\n" },
	{ "a\n\rb", "id: 7\ndata: a\ndata: \ndata: b\n\n", "a  b\n" },
	{ "\r\r\n\n", "id: 7\ndata: \ndata: \ndata: \ndata: \n\n", "   \n" },
	{ "end\n", "id: 7\ndata: end\ndata: \n\n", "end \n" },
	{ ": no comment\nid: 9\n\nevent: x",
	  "id: 7\ndata: : no comment\ndata: id: 9\ndata: \ndata: event: x\n\n",
	  ": no comment id: 9  event: x\n" },
};

/* Writes a message in pieces of cut bytes into rooms of room bytes. */
static size_t write_out(enum hz_event_text_kind kind, const char *message, size_t cut, size_t room,
                        char *out)
{
	struct hz_event_text text = { .kind = kind };
	struct hz_span left = { (const uint8_t *)message, strlen(message) }, piece = { NULL, 0 };
	bool is_ended = false;
	size_t used = 0;

	hz_event_text_begin(&text, 7);
	for (unsigned n = 0; n < 10000; n++) {
		struct hz_wspan to = { (uint8_t *)out + used, room };

		while (hz_event_text_flush(&text, &to) && to.len > 0 && !is_ended) {
			if (piece.len > 0) {
				hz_event_text_put(&text, &piece, &to);
			} else if (left.len > 0) {
				piece = (struct hz_span){ left.data, HZ_MIN(cut, left.len) };
				left.data += piece.len;
				left.len -= piece.len;
			} else {
				hz_event_text_end(&text);
				is_ended = true;
			}
		}
		used += room - to.len;
		if (is_ended && text.note.len == 0)
			break;
	}
	out[used] = '\0';
	return used;
}

static void message_is_the_same_in_any_room_and_pieces(void)
{
	char out[1000];

	for (size_t i = 0; i < HZ_ARRAY_LEN(samples); i++) {
		for (size_t cut = 1; cut <= strlen(samples[i].message) + 1; cut++) {
			for (size_t room = 1; room < 80; room++) {
				write_out(HZ_EVENT_TEXT_SSE, samples[i].message, cut, room, out);
				if (strcmp(out, samples[i].sse) != 0) {
					printf("# sample %zu cut %zu room %zu\n", i, cut, room);
					CU_FAIL_FATAL("events differ");
				}
				write_out(HZ_EVENT_TEXT_LINES, samples[i].message, cut, room, out);
				if (strcmp(out, samples[i].line) != 0) {
					printf("# sample %zu cut %zu room %zu\n", i, cut, room);
					CU_FAIL_FATAL("lines differ");
				}
			}
		}
	}
}

static void note_is(struct hz_event_text *text, const char *want)
{
	char out[100];
	struct hz_wspan to = { (uint8_t *)out, sizeof(out) };

	CU_ASSERT(hz_event_text_flush(text, &to));
	out[sizeof(out) - to.len] = '\0';
	CU_ASSERT_STRING_EQUAL(out, want);
}

static void notes_of_events_are_comments_and_fields(void)
{
	struct hz_event_text text = { .kind = HZ_EVENT_TEXT_SSE };

	hz_event_text_hello(&text, 3000);
	note_is(&text, "retry: 3000\n\n");
	hz_event_text_gap(&text, UINT64_MAX);
	note_is(&text, "event: gap\ndata: 18446744073709551615\n\n");
	hz_event_text_beat(&text);
	note_is(&text, ":\n\n");
	hz_event_text_bye(&text);
	note_is(&text, ": end\n\n");
	hz_event_text_begin(&text, UINT64_MAX);
	note_is(&text, "id: 18446744073709551615\ndata: ");
}

static void notes_of_lines_are_json_or_empty(void)
{
	struct hz_event_text text = { .kind = HZ_EVENT_TEXT_LINES };

	hz_event_text_hello(&text, 3000);
	note_is(&text, "");
	hz_event_text_gap(&text, 12);
	note_is(&text, "{\"gap\":12}\n");
	hz_event_text_beat(&text);
	note_is(&text, "\n");
	hz_event_text_bye(&text);
	note_is(&text, "");
}

HZ_SUITE(event_text, CASE(message_is_the_same_in_any_room_and_pieces),
         CASE(notes_of_events_are_comments_and_fields), CASE(notes_of_lines_are_json_or_empty));
