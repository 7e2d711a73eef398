/* Conditional requests: a byte of choices (method, representation), then lines: a letter for the field and
 * its value. A second opinion joins the lines of a field as RFC 9110 5.3 says and reads dates with the C
 * library; both decide alike. */
#include "core/base.h"
#include "fuzz_target.h"
#include "http/cond.h"
#include "http/http_date.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW        1700000000u
#define MODIFIED   784111777u
#define INPUT_MAX  1000
#define LINES_MAX  20
#define JOINED_MAX (INPUT_MAX + 2 * LINES_MAX + 1)

static const struct {
	char letter;
	const char *name;
} fields[] = { { 'm', "If-Match" },
	       { 'n', "If-None-Match" },
	       { 's', "If-Modified-Since" },
	       { 'u', "If-Unmodified-Since" },
	       { 'r', "If-Range" } };

/* --- a second opinion -------------------------------------------------------------------------------- */

/* All values of a field with commas between them; how many there were. */
static unsigned join(const struct hz_http_req *req, const char *name, char *out)
{
	unsigned lines = 0;
	size_t len = 0;

	for (unsigned i = 0; i < req->header_count; i++) {
		struct hz_span value = req->header[i].value;

		if (strncasecmp((const char *)req->header[i].name.data, name,
		                req->header[i].name.len) != 0 ||
		    strlen(name) != req->header[i].name.len)
			continue;
		if (lines++ != 0) {
			out[len++] = ',';
			out[len++] = ' ';
		}
		memcpy(out + len, value.data, value.len);
		len += value.len;
	}
	out[len] = '\0';
	return lines;
}

/* The tag at text, or 0. */
static size_t tag_span(const char *text)
{
	size_t weak = strncmp(text, "W/", 2) == 0 ? 2 : 0;
	size_t at = weak + 1;

	if (text[weak] != '"')
		return 0;
	while ((uint8_t)text[at] > 0x20 && text[at] != '"' && text[at] != 0x7f)
		at++;
	return text[at] == '"' ? at + 1 : 0;
}

static bool same_tag(const char *a, size_t a_len, const char *b, bool is_strong)
{
	size_t b_len = strlen(b);

	if (is_strong && (*a == 'W' || *b == 'W'))
		return false;
	if (*a == 'W') {
		a += 2;
		a_len -= 2;
	}
	if (*b == 'W') {
		b += 2;
		b_len -= 2;
	}
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* 1: matches, 0: not, -1: no list. */
static int list_decide(const char *text, const char *etag, bool exists, bool is_strong)
{
	bool after_tag = false;
	int found = 0;

	if (strcmp(text, "*") == 0)
		return exists;
	while (*text != '\0') {
		size_t len = tag_span(text);

		if (*text == ',') {
			after_tag = false;
			text++;
		} else if (*text == ' ' || *text == '\t') {
			text++;
		} else if (len == 0 || after_tag) {
			return -1;
		} else {
			after_tag = true;
			if (exists && *etag != '\0' && same_tag(text, len, etag, is_strong))
				found = 1;
			text += len;
		}
	}
	return found;
}

/* text read by the C library in one form, and written again: the same but for the weekday. */
#define FORM(name, format)                                                                         \
	static bool is_##name(const char *text, const char *weekday, struct tm *tm)                \
	{                                                                                          \
		const char *rest = text + strlen(weekday);                                         \
		char again[64];                                                                    \
                                                                                                   \
		memset(tm, 0, sizeof(*tm));                                                        \
		if (strncmp(text, weekday, strlen(weekday)) != 0 ||                                \
		    strptime(rest, format, tm) == NULL)                                            \
			return false;                                                              \
		strftime(again, sizeof(again), format, tm);                                        \
		return strcmp(again, rest) == 0 && is_day(tm);                                     \
	}

/* The C library makes the 1st of March out of a 29th of February that is none. */
static bool is_day(const struct tm *tm)
{
	struct tm check = *tm;

	check.tm_sec = 0;
	timegm(&check);
	return check.tm_mday == tm->tm_mday && tm->tm_sec <= 60;
}

#pragma GCC diagnostic ignored "-Wformat-y2k" /* two digits are what this form has */
FORM(imf, ", %d %b %Y %H:%M:%S GMT")
FORM(rfc850, ", %d-%b-%y %H:%M:%S GMT")
FORM(asctime, " %b %e %H:%M:%S %Y")
FORM(asctime_zero, " %b %d %H:%M:%S %Y")

static bool date_decide(const char *text, uint64_t *out)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const long_days[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
		                                 "Thursday", "Friday", "Saturday" };
	struct tm tm;
	int year;

	for (size_t i = 0; i < 7; i++) {
		if (is_imf(text, days[i], &tm) && strlen(text) == 29)
			goto found;
		if ((is_asctime(text, days[i], &tm) || is_asctime_zero(text, days[i], &tm)) &&
		    strlen(text) == 24)
			goto found;
		if (!is_rfc850(text, long_days[i], &tm))
			continue;
		for (year = 2073; (year - tm.tm_year - 1900) % 100 != 0;)
			year--;
		tm.tm_year = year - 1900;
		if (tm.tm_mday == 29 && tm.tm_mon == 1 &&
		    (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
			return false;
		goto found;
	}
	return false;
found:
	if (tm.tm_year < 70)
		return false;
	*out = (uint64_t)timegm(&tm);
	return true;
}

static bool date_of(const struct hz_http_req *req, const char *name, uint64_t *out)
{
	char text[JOINED_MAX];

	return join(req, name, text) == 1 && date_decide(text, out);
}

static unsigned decide(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                       const char *etag)
{
	bool is_read = req->method == HZ_HTTP_GET || req->method == HZ_HTTP_HEAD;
	bool is_dated = entity->exists && entity->has_last_modified;
	char text[JOINED_MAX];
	uint64_t date;
	int match;

	if (req->method == HZ_HTTP_OPTIONS)
		return 0;
	if (join(req, "If-Match", text) != 0) {
		if (list_decide(text, etag, entity->exists, true) != 1)
			return 412;
	} else if (is_dated && date_of(req, "If-Unmodified-Since", &date) &&
	           entity->last_modified_s > date) {
		return 412;
	}
	if (join(req, "If-None-Match", text) != 0) {
		match = list_decide(text, etag, entity->exists, false);
		if (match == 0 || (match < 0 && is_read))
			return 0;
		return is_read ? 304 : 412;
	}
	if (is_read && is_dated && date_of(req, "If-Modified-Since", &date) &&
	    entity->last_modified_s <= date)
		return 304;
	return 0;
}

static bool decide_range(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                         const char *etag)
{
	char text[JOINED_MAX];
	unsigned lines = join(req, "If-Range", text);
	uint64_t date;

	if (lines == 0)
		return true;
	if (lines > 1 || !entity->exists)
		return false;
	if (*text != '\0' && tag_span(text) == strlen(text))
		return *etag != '\0' && same_tag(text, strlen(text), etag, true);
	return entity->has_last_modified && date_decide(text, &date) &&
	       date == entity->last_modified_s;
}

/* --- the input ------------------------------------------------------------------------------------------ */

static void lines_read(char *text, struct hz_http_req *req)
{
	char *save = NULL;

	req->header_count = 0;
	for (char *line = strtok_r(text, "\n", &save);
	     line != NULL && req->header_count < LINES_MAX; line = strtok_r(NULL, "\n", &save)) {
		struct hz_http_header *field = &req->header[req->header_count];
		char *value = line + 1;
		size_t len;

		while (*value == ' ' || *value == '\t')
			value++;
		len = strlen(value);
		while (len != 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++) {
			if (fields[i].letter != *line)
				continue;
			field->name = (struct hz_span){ (const uint8_t *)fields[i].name,
				                        strlen(fields[i].name) };
			field->value = (struct hz_span){ (const uint8_t *)value, len };
			req->header_count++;
			break;
		}
	}
}

int fuzz_cond_run(const uint8_t *data, size_t size)
{
	static const enum hz_http_method methods[] = { HZ_HTTP_GET, HZ_HTTP_HEAD, HZ_HTTP_PUT,
		                                       HZ_HTTP_OPTIONS };
	static const char *const etags[] = { "", "\"a\"", "W/\"a\"", "\"\"" };
	static struct hz_http_req req;
	struct hz_cond_entity entity;
	const char *etag;
	char *text;

	if (size < 1 || size > INPUT_MAX || memchr(data, '\0', size) != NULL)
		return 0;
	text = malloc(size);
	if (text == NULL)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	lines_read(text, &req);
	req.method = methods[data[0] & 3];
	etag = etags[data[0] >> 2 & 3];
	entity = (struct hz_cond_entity){
		.exists = (data[0] & 16) == 0,
		.has_last_modified = (data[0] & 32) == 0,
		.etag = { (const uint8_t *)etag, strlen(etag) },
		.last_modified_s = MODIFIED,
	};
	FUZZ_HOLDS(hz_cond_evaluate(&req, &entity, NOW) == decide(&req, &entity, etag));
	FUZZ_HOLDS(hz_cond_range_applies(&req, &entity, NOW) == decide_range(&req, &entity, etag));
	free(text);
	return 0;
}

FUZZ_ENTRY(fuzz_cond_run)
