/* Lines of an access log: the first byte chooses the format, the rest is nine texts, each a length of two bytes and so
 * many bytes. The line stays within its bound and is one line; JSON is read back by a second reader, which finds the
 * texts themselves; quoted fields, with \xXX undone, hold them too. */
#include "core/base.h"
#include "core/limits.h"
#include "fuzz_target.h"
#include "http/token.h"
#include "middleware/log_record.h"
#include <stdlib.h>
#include <string.h>

#define TEXTS 9

struct input {
	const uint8_t *data;
	size_t size;
};

static struct hz_span text_take(struct input *in)
{
	struct hz_span text = { in->data, 0 };

	if (in->size < 2)
		return text;
	text.len = (size_t)in->data[0] << 8 | in->data[1];
	in->data += 2;
	in->size -= 2;
	text.len = HZ_MIN(text.len, in->size);
	text.data = in->data;
	in->data += text.len;
	in->size -= text.len;
	return text;
}

/* --- a reader of UTF-8 and JSON strings of its own --------------------------------------------------- */

/* The character at p, of which left bytes are there: its code and length, or 0. */
static unsigned char_read(const uint8_t *p, size_t left, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned bytes = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (bytes == 0 || p[0] > 0xf7 || bytes > left)
		return 0;
	*code = bytes == 1 ? p[0] : p[0] & (0x7fu >> bytes);
	for (unsigned i = 1; i < bytes; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	if (bytes > 1 &&
	    (*code < least[bytes] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)))
		return 0;
	return bytes;
}

/* What the next character of a source text is written for: itself, or a byte that is none. */
static unsigned source_read(struct hz_span text, uint32_t *code)
{
	unsigned bytes = char_read(text.data, text.len, code);

	if (bytes == 0)
		*code = text.data[0];
	return bytes == 0 ? 1 : bytes;
}

/* One character of a JSON string; nothing may stand there raw that breaks lines or drives terminals. */
static const uint8_t *json_char(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
	unsigned bytes;

	if (*p != '\\') {
		bytes = char_read(p, (size_t)(end - p), code);
		FUZZ_HOLDS(bytes != 0 && *code >= 0x20 && *code != '"');
		FUZZ_HOLDS(!(*code >= 0x7f && *code < 0xa0) && *code != 0x2028 && *code != 0x2029);
		return p + bytes;
	}
	FUZZ_HOLDS(end - p >= 2);
	if (p[1] == '"' || p[1] == '\\') {
		*code = p[1];
		return p + 2;
	}
	FUZZ_HOLDS(p[1] == 'u' && end - p >= 6);
	*code = 0;
	for (unsigned i = 2; i < 6; i++) {
		unsigned digit = (unsigned)p[i] - '0', letter = (unsigned)p[i] - 'a';

		FUZZ_HOLDS(digit < 10 || letter < 6);
		*code = *code << 4 | (digit < 10 ? digit : letter + 10);
	}
	return p + 6;
}

/* What of a text is in the line. */
static struct hz_span seen(struct hz_span text)
{
	size_t most = HZ_LIMIT_log_text_bytes_max;

	if (text.len > most) {
		text.len = most;
		while (text.len > most - 3 && (text.data[text.len] & 0xc0) == 0x80)
			text.len--;
	}
	return text;
}

/* The string at p, behind its first quote, says the text (NULL: whatever); behind its last quote. */
static const uint8_t *json_string(const uint8_t *p, const uint8_t *end, const struct hz_span *text)
{
	struct hz_span left = text != NULL ? seen(*text) : (struct hz_span){ NULL, 0 };
	uint32_t got, want = 0;

	while (p < end && *p != '"') {
		p = json_char(p, end, &got);
		if (text == NULL)
			continue;
		FUZZ_HOLDS(left.len > 0);
		unsigned bytes = source_read(left, &want);

		FUZZ_HOLDS(got == want);
		left.data += bytes;
		left.len -= bytes;
	}
	FUZZ_HOLDS(p < end && left.len == 0);
	return p + 1;
}

static const char *const names[TEXTS] = { "method", "target",  "host",  "route", "referer",
	                                  "agent",  "subject", "trace", "id" };

static void json_check(struct hz_span line, const struct hz_span text[TEXTS])
{
	const uint8_t *p = line.data, *end = p + line.len;
	unsigned found = 0;

	FUZZ_HOLDS(*p++ == '{');
	while (p < end && *p != '}') {
		const uint8_t *name = p + 1;
		int which = -1;

		FUZZ_HOLDS(*p == '"');
		for (p = name; p < end && ((*p >= 'a' && *p <= 'z') || *p == '_'); p++)
			;
		FUZZ_HOLDS(end - p > 3 && p[0] == '"' && p[1] == ':');
		for (int i = 0; i < TEXTS; i++) {
			if (strlen(names[i]) == (size_t)(p - name) &&
			    memcmp(names[i], name, (size_t)(p - name)) == 0)
				which = i;
		}
		p += 2;
		if (which >= 0) {
			FUZZ_HOLDS(*p == '"' && text[which].len > 0 && !(found >> which & 1));
			found |= 1u << which;
			p = json_string(p + 1, end, &text[which]);
		} else if (*p == '"') {
			p = json_string(p + 1, end, NULL);
		} else if (end - p > 5 && (*p == 't' || *p == 'f')) {
			FUZZ_HOLDS(memcmp(p, "true", 4) == 0 || memcmp(p, "false", 5) == 0);
			p += *p == 't' ? 4 : 5;
		} else {
			FUZZ_HOLDS(*p >= '0' && *p <= '9');
			while (p < end && *p >= '0' && *p <= '9')
				p++;
		}
		FUZZ_HOLDS(p < end && (*p == '}' || (*p == ',' && p[1] == '"')));
		p += *p == ',';
	}
	FUZZ_HOLDS(p + 2 == end && p[1] == '\n');
	for (unsigned i = 0; i < TEXTS; i++)
		FUZZ_HOLDS((found >> i & 1) == (text[i].len > 0));
}

/* --- combined ---------------------------------------------------------------------------------------- */

/* \xXX undone up to the byte stop, which ends it; behind that. */
static const uint8_t *escaped_check(const uint8_t *p, const uint8_t *end, struct hz_span text,
                                    uint8_t stop)
{
	bool is_none = text.len == 0;

	text = seen(text);
	if (is_none && *p == '-')
		p++;
	for (; p < end && *p != stop; text.data++, text.len--) {
		unsigned byte = *p;

		FUZZ_HOLDS(text.len > 0 && *p >= 0x20 && *p < 0x7f && *p != '"');
		if (*p == '\\') {
			char hex[3] = { (char)p[2], (char)p[3], '\0' };

			FUZZ_HOLDS(end - p > 4 && p[1] == 'x');
			byte = (unsigned)strtoul(hex, NULL, 16);
			p += 3;
		}
		FUZZ_HOLDS(byte == text.data[0]);
		p++;
	}
	FUZZ_HOLDS(p < end && text.len == 0);
	return p + 1;
}

static void combined_check(struct hz_span line, const struct hz_span text[TEXTS])
{
	const uint8_t *p = line.data, *end = p + line.len;
	unsigned breaks = 0;

	for (size_t i = 0; i < line.len; i++)
		breaks += line.data[i] < 0x20;
	FUZZ_HOLDS(breaks == 1 && end[-1] == '\n');
	p = memchr(p, ' ', line.len);
	FUZZ_HOLDS(p != NULL && memcmp(p, " - ", 3) == 0);
	p = escaped_check(p + 3, end, text[6], ' ');
	FUZZ_HOLDS(end - p > 31 && *p == '[' && memcmp(p + 27, "] \"", 3) == 0);
	p += 30;
	if (text[0].len == 0) {
		FUZZ_HOLDS(*p == '-');
		p++;
	} else {
		struct hz_span method = seen(text[0]), target = seen(text[1]);

		if (memchr(method.data, ' ', method.len) != NULL || text[1].len == 0)
			return; /* no method: where it ends cannot be seen */
		p = escaped_check(p, end, method, ' ');
		if (target.len > 0 && memchr(target.data, ' ', target.len) != NULL)
			return;
		p = escaped_check(p, end, target, ' ');
		FUZZ_HOLDS(end - p > 9 && memcmp(p, "HTTP/1.", 7) == 0);
		p += 8;
	}
	FUZZ_HOLDS(*p++ == '"' && *p++ == ' ');
	for (unsigned i = 0; i < 3; i++, p++)
		FUZZ_HOLDS(*p >= '0' && *p <= '9');
	FUZZ_HOLDS(*p++ == ' ');
	while (*p >= '0' && *p <= '9')
		p++;
	FUZZ_HOLDS(*p++ == ' ' && *p++ == '"');
	p = escaped_check(p, end, text[4], '"');
	FUZZ_HOLDS(*p++ == ' ' && *p++ == '"');
	p = escaped_check(p, end, text[5], '"');
	FUZZ_HOLDS(p + 1 == end);
}

/* One ring for all runs, which it goes round. */
static struct hz_byte_ring *ring_shared(void)
{
	static struct hz_byte_ring ring;

	if (ring.base == NULL)
		FUZZ_HOLDS(hz_byte_ring_open(&ring, 65536) == 0);
	return &ring;
}

/* From the worker, whose texts have nothing behind them, to the writer, whose room ends at the bound. */
static void line_pass(const struct hz_span text[TEXTS], uint8_t choice, struct hz_log_entry *entry)
{
	struct hz_byte_ring *ring = ring_shared();
	struct hz_log_record *record = hz_log_record_begin(ring, text + 1);
	struct hz_log_stamp stamp = { 0 };
	struct hz_span line;
	uint8_t *room;

	FUZZ_HOLDS(record != NULL);
	record->one_in = choice >> 3;
	record->arrived_ns = 0;
	record->answered_ns = choice;
	record->now_ns = (uint64_t)choice * 86400 * HZ_NS_PER_S;
	record->body_bytes = choice;
	memset(record->addr, 0, sizeof(record->addr));
	record->addr[choice & 15] = choice;
	record->status = 200;
	record->method = (uint8_t)(text[0].len == 0 ? HZ_HTTP_OTHER : HZ_HTTP_GET);
	record->minor = choice >> 1 & 1;
	record->is_complete = choice >> 2 & 1;
	hz_log_record_end(ring, record);
	record = NULL;
	line = hz_byte_ring_peek(ring);
	hz_log_record_read(hz_log_record_at(line), 1, 0, &stamp, entry);
	if (text[0].len > 0)
		entry->method = text[0];
	room = malloc(hz_log_line_bound(entry)); /* so that a sanitizer sees what goes beyond */
	if (room == NULL)
		abort();
	hz_byte_ring_consume(ring, line.len);
	line.data = room;
	line.len = (size_t)(hz_log_line_write(choice & 1 ? HZ_LOG_COMBINED : HZ_LOG_JSON, &stamp,
	                                      entry, room) -
	                    room);
	FUZZ_HOLDS(line.len <= hz_log_line_bound(entry));
	if (choice & 1)
		combined_check(line, text);
	else
		json_check(line, text);
	free(room);
}

int fuzz_log_run(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct hz_log_entry entry;
	struct hz_span text[TEXTS];
	uint8_t choice;

	if (size < 1)
		return 0;
	choice = in.data[0];
	in.data++;
	in.size--;
	for (unsigned i = 0; i < TEXTS; i++)
		text[i] = text_take(&in);
	text[0].len = HZ_MIN(text[0].len, (size_t)HZ_LIMIT_log_text_bytes_max);
	line_pass(text, choice, &entry);
	return 0;
}

FUZZ_ENTRY(fuzz_log_run)
