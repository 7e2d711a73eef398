#include "middleware/log_line.h"
#include "http/http_date.h"
#include "middleware/log_text.h"
#include <string.h>

/* Names, numbers, punctuation and an address, with room for the blocks in which texts are copied. */
#define FIXED_BYTES_MAX 768u
#define GROWTH_MAX      6u /* \u00XX */

/* Inlined, so that names of known lengths are stores: a third of a line's instructions otherwise. */
#define INLINE static inline __attribute__((always_inline))

INLINE uint8_t *put(uint8_t *out, const void *text, size_t bytes)
{
	memcpy(out, text, bytes);
	return out + bytes;
}
#define PUT(out, literal) put((out), (literal), sizeof(literal) - 1)

/* From "Sun, 06 Nov 1994 08:49:37 GMT". */
void hz_log_stamp_make(struct hz_log_stamp *stamp, uint64_t unix_s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint8_t date[HZ_HTTP_DATE_BYTES];
	unsigned month = 0;

	hz_http_date_write(date, unix_s);
	while (month < 11 && memcmp(months + (size_t)month * 3, date + 8, 3) != 0)
		month++;
	memcpy(stamp->json, "0000-00-00T", 11);
	memcpy(stamp->json, date + 12, 4);
	stamp->json[5] = (char)('0' + (month + 1) / 10);
	stamp->json[6] = (char)('0' + (month + 1) % 10);
	memcpy(stamp->json + 8, date + 5, 2);
	memcpy(stamp->json + 11, date + 17, 8);
	memcpy(stamp->combined, "00/Jan/0000:00:00:00 +0000", sizeof(stamp->combined));
	memcpy(stamp->combined, date + 5, 2);
	memcpy(stamp->combined + 3, date + 8, 3);
	memcpy(stamp->combined + 7, date + 12, 4);
	memcpy(stamp->combined + 12, date + 17, 8);
	stamp->unix_s = unix_s;
}

size_t hz_log_line_bound(const struct hz_log_entry *e)
{
	size_t bytes = e->method.len + e->target.len + e->host.len + e->route.len + e->referer.len +
	               e->agent.len + e->subject.len + e->trace_id.len + e->request_id.len;

	return FIXED_BYTES_MAX + GROWTH_MAX * bytes;
}

/* --- JSON -------------------------------------------------------------------------------------------- */

/* name is the text between two members: `","target":"`. */
INLINE uint8_t *json_text(uint8_t *out, const char *name, size_t name_bytes, struct hz_span text)
{
	if (text.len == 0)
		return out;
	out = put(out, name, name_bytes);
	out = hz_log_text_json(out, text);
	*out++ = '"';
	return out;
}
#define TEXT(out, name, text) json_text((out), ",\"" name "\":\"", sizeof(name) + 4, (text))

INLINE uint8_t *json_number(uint8_t *out, const char *name, size_t name_bytes, uint64_t value)
{
	return hz_log_text_number(put(out, name, name_bytes), value);
}
#define NUMBER(out, name, value) json_number((out), ",\"" name "\":", sizeof(name) + 3, (value))

static uint8_t *json_write(const struct hz_log_stamp *stamp, const struct hz_log_entry *e,
                           uint8_t *out)
{
	out = PUT(out, "{\"time\":\"");
	out = put(out, stamp->json, sizeof(stamp->json));
	*out++ = '.';
	*out++ = (uint8_t)('0' + e->ms / 100 % 10);
	*out++ = (uint8_t)('0' + e->ms / 10 % 10);
	*out++ = (uint8_t)('0' + e->ms % 10);
	out = PUT(out, "Z\",\"client\":\"");
	out = hz_log_text_addr(out, e->addr);
	*out++ = '"';
	out = NUMBER(out, "port", e->port);
	out = NUMBER(out, "worker", e->worker);
	out = TEXT(out, "method", e->method);
	out = TEXT(out, "target", e->target);
	if (e->method.len > 0 && e->target.len > 0)
		out = put(out, e->minor == 0 ? ",\"version\":\"1.0\"" : ",\"version\":\"1.1\"", 16);
	out = TEXT(out, "host", e->host);
	out = TEXT(out, "route", e->route);
	out = NUMBER(out, "status", e->status);
	out = NUMBER(out, "bytes", e->body_bytes);
	out = NUMBER(out, "answer_us", e->answer_us);
	out = NUMBER(out, "total_us", e->total_us);
	if (!e->is_complete)
		out = PUT(out, ",\"complete\":false");
	out = TEXT(out, "trace", e->trace_id);
	out = TEXT(out, "id", e->request_id);
	out = TEXT(out, "subject", e->subject);
	out = TEXT(out, "referer", e->referer);
	out = TEXT(out, "agent", e->agent);
	if (e->one_in > 1)
		out = NUMBER(out, "one_in", e->one_in);
	if (e->is_cut)
		out = PUT(out, ",\"cut\":true");
	return PUT(out, "}\n");
}

/* --- combined ---------------------------------------------------------------------------------------- */

static uint8_t *quoted(uint8_t *out, struct hz_span text)
{
	*out++ = '"';
	if (text.len == 0)
		*out++ = '-';
	out = hz_log_text_quoted(out, text);
	*out++ = '"';
	return out;
}

static uint8_t *request_line(const struct hz_log_entry *e, uint8_t *out)
{
	if (e->method.len == 0 || e->target.len == 0) /* it was refused before it was understood */
		return quoted(out, e->method);
	*out++ = '"';
	out = hz_log_text_quoted(out, e->method);
	*out++ = ' ';
	out = hz_log_text_quoted(out, e->target);
	return put(out, e->minor == 0 ? " HTTP/1.0\"" : " HTTP/1.1\"", 10);
}

/* client - subject [time] "request" status bytes "referer" "agent" */
static uint8_t *combined_write(const struct hz_log_stamp *stamp, const struct hz_log_entry *e,
                               uint8_t *out)
{
	out = hz_log_text_addr(out, e->addr);
	out = PUT(out, " - ");
	if (e->subject.len == 0)
		*out++ = '-';
	out = hz_log_text_bare(out, e->subject);
	out = PUT(out, " [");
	out = put(out, stamp->combined, sizeof(stamp->combined));
	out = PUT(out, "] ");
	out = request_line(e, out);
	*out++ = ' ';
	*out++ =
		(uint8_t)('0' + e->status / 100 % 10); /* 000 as nginx where nothing was answered */
	*out++ = (uint8_t)('0' + e->status / 10 % 10);
	*out++ = (uint8_t)('0' + e->status % 10);
	*out++ = ' ';
	out = hz_log_text_number(out, e->body_bytes);
	*out++ = ' ';
	out = quoted(out, e->referer);
	*out++ = ' ';
	out = quoted(out, e->agent);
	*out++ = '\n';
	return out;
}

uint8_t *hz_log_line_write(enum hz_log_format format, const struct hz_log_stamp *stamp,
                           const struct hz_log_entry *entry, uint8_t *out)
{
	return format == HZ_LOG_JSON ? json_write(stamp, entry, out)
	                             : combined_write(stamp, entry, out);
}
