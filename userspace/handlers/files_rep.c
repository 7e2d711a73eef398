#include "handlers/files_rep.h"

#include "http/http_date.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of the fixed text below, its numbers and the tag; without the type. */
#define TEXT_BYTES 512u

/* Text being put together in room that is known to suffice. */
struct writer {
	uint8_t *at;
};

static void put(struct writer *w, struct hz_span text)
{
	memcpy(w->at, text.data, text.len);
	w->at += text.len;
}

static void put_line(struct writer *w, struct hz_span name, struct hz_span value)
{
	put(w, name);
	put(w, HZ_SPAN_LITERAL(": "));
	put(w, value);
	put(w, HZ_SPAN_LITERAL("\r\n"));
}

static void put_length(struct writer *w, uint64_t bytes)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, bytes);

	put_line(w, HZ_SPAN_LITERAL("Content-Length"),
	         (struct hz_span){ (const uint8_t *)digits, (size_t)len });
}

/* What tells states of the file apart: RFC 9110 15.4.5 wants it in a 304, too. */
static void put_validators(struct writer *w, const struct hz_files_rep_conf *conf)
{
	uint8_t date[HZ_HTTP_DATE_BYTES];

	put_line(w, HZ_SPAN_LITERAL("ETag"),
	         (struct hz_span){ conf->bytes->tag, conf->bytes->tag_bytes });
	if (conf->modified_s != 0) {
		hz_http_date_write(date, conf->modified_s);
		put_line(w, HZ_SPAN_LITERAL("Last-Modified"),
		         (struct hz_span){ date, sizeof(date) });
	}
	if (conf->varies)
		put(w, HZ_SPAN_LITERAL("Vary: Accept-Encoding\r\n"));
}

static void heads_write(struct hz_files_rep *rep, const struct hz_files_rep_conf *conf)
{
	struct writer w = { .at = rep->text };
	const uint8_t *from = w.at;

	put(&w, HZ_SPAN_LITERAL("HTTP/1.1 200 OK\r\n"));
	put_line(&w, HZ_SPAN_LITERAL("Content-Type"), conf->type);
	rep->type = (struct hz_span){ w.at - 2 - conf->type.len, conf->type.len };
	put_length(&w, conf->bytes->bytes);
	rep->fields.data = w.at;
	put_validators(&w, conf);
	put(&w, HZ_SPAN_LITERAL("Accept-Ranges: bytes\r\n"));
	if (conf->coding != HZ_CODING_IDENTITY)
		put_line(&w, HZ_SPAN_LITERAL("Content-Encoding"), hz_coding_names[conf->coding]);
	rep->fields.len = (size_t)(w.at - rep->fields.data);
	rep->whole.head = (struct hz_span){ from, (size_t)(w.at - from) };
	if (conf->bytes->fd == -1)
		rep->whole.body = (struct hz_span){ conf->bytes->data, (size_t)conf->bytes->bytes };
	from = w.at;
	put(&w, HZ_SPAN_LITERAL("HTTP/1.1 304 Not Modified\r\n"));
	put_validators(&w, conf);
	rep->not_modified.head = (struct hz_span){ from, (size_t)(w.at - from) };
}

int hz_files_rep_build(const struct hz_files_rep_conf *conf, struct hz_files_rep **out)
{
	struct hz_files_rep *rep = calloc(1, sizeof(*rep) + TEXT_BYTES + conf->type.len);

	if (rep == NULL)
		return -ENOMEM;
	rep->bytes = conf->bytes;
	heads_write(rep, conf);
	*out = rep;
	return 0;
}

void hz_files_rep_free(struct hz_files_rep *rep)
{
	if (rep == NULL)
		return;
	hz_files_bytes_put(rep->bytes);
	free(rep);
}

void hz_files_rep_hold(struct hz_files_rep *rep)
{
	__atomic_fetch_add(&rep->holders, 1, __ATOMIC_RELAXED);
}

void hz_files_rep_release(struct hz_files_rep *rep)
{
	__atomic_fetch_sub(&rep->holders, 1, __ATOMIC_RELEASE);
}

static bool is_held(const struct hz_files_rep *rep)
{
	return __atomic_load_n(&rep->holders, __ATOMIC_ACQUIRE) != 0;
}

void hz_files_rep_retire(struct hz_files_rep *rep, struct hz_files_rep **list)
{
	if (rep == NULL || !is_held(rep)) {
		hz_files_rep_free(rep);
		return;
	}
	rep->retired = *list;
	*list = rep;
}

void hz_files_rep_reclaim(struct hz_files_rep **list, struct hz_files_held *out)
{
	*out = (struct hz_files_held){ 0 };
	while (*list != NULL) {
		struct hz_files_rep *rep = *list;

		if (!is_held(rep)) {
			*list = rep->retired;
			hz_files_rep_free(rep);
			continue;
		}
		list = &rep->retired;
		if (hz_files_bytes_is_shared(rep->bytes))
			continue; /* what is served has it, too */
		out->count++;
		out->memory_bytes += rep->bytes->fd == -1 ? rep->bytes->bytes : 0;
	}
}
