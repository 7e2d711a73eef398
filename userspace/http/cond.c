#include "http/cond.h"
#include "http/http_date.h"
#include <string.h>

enum comparison { WEAK, STRONG };

enum match {
	MATCH_ABSENT, /* no such field */
	MATCH_YES,
	MATCH_NO,
	MATCH_BAD, /* not the grammar */
};

/* --- entity tags: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE, RFC 9110 8.8.3 -------------------------- */

static bool is_etagc(uint8_t byte)
{
	return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

/* One entity-tag at the start of text: its length, 0: none. */
static size_t etag_len(struct hz_span text)
{
	size_t at = text.len >= 2 && text.data[0] == 'W' && text.data[1] == '/' ? 2 : 0;

	if (at >= text.len || text.data[at] != '"')
		return 0;
	for (at++; at < text.len; at++) {
		if (text.data[at] == '"')
			return at + 1;
		if (!is_etagc(text.data[at]))
			return 0;
	}
	return 0;
}

bool hz_cond_etag_is_valid(struct hz_span text)
{
	return text.len != 0 && etag_len(text) == text.len;
}

static bool etag_is_weak(struct hz_span tag)
{
	return tag.data[0] == 'W';
}

static struct hz_span etag_opaque(struct hz_span tag)
{
	return etag_is_weak(tag) ? (struct hz_span){ tag.data + 2, tag.len - 2 } : tag;
}

/* RFC 9110 8.8.3.2. Both are valid. */
static bool etag_equals(struct hz_span a, struct hz_span b, enum comparison comparison)
{
	if (comparison == STRONG && (etag_is_weak(a) || etag_is_weak(b)))
		return false;
	a = etag_opaque(a);
	b = etag_opaque(b);
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* #entity-tag of one field line; empty elements are nothing (RFC 9110 5.6.1). */
static enum match list_match(struct hz_span list, const struct hz_cond_entity *entity,
                             enum comparison comparison)
{
	enum match result = MATCH_NO;
	bool needs_comma = false;

	while (list.len != 0) {
		uint8_t byte = list.data[0];
		size_t take = 1;

		if (byte == ',') {
			needs_comma = false;
		} else if (byte != ' ' && byte != '\t') {
			take = etag_len(list);
			if (take == 0 || needs_comma)
				return MATCH_BAD;
			needs_comma = true;
			if (entity->exists && entity->etag.len != 0 &&
			    etag_equals((struct hz_span){ list.data, take }, entity->etag,
			                comparison))
				result = MATCH_YES;
		}
		list.data += take;
		list.len -= take;
	}
	return result;
}

static bool is_star(struct hz_span value)
{
	return value.len == 1 && value.data[0] == '*';
}

/* All lines of the field together: "*" alone, or a list. */
static enum match field_match(const struct hz_http_req *req, struct hz_span name,
                              const struct hz_cond_entity *entity, enum comparison comparison)
{
	enum match result = MATCH_ABSENT;
	unsigned lines = 0;
	bool has_star = false;

	for (unsigned i = 0; i < req->header_count; i++) {
		struct hz_span value = req->header[i].value;
		enum match one;

		if (!hz_http_equals_nocase(req->header[i].name, name))
			continue;
		lines++;
		has_star = has_star || is_star(value);
		if (has_star)
			continue;
		one = list_match(value, entity, comparison);
		if (one == MATCH_BAD)
			return MATCH_BAD;
		if (one == MATCH_YES || result == MATCH_ABSENT)
			result = one;
	}
	if (!has_star)
		return result;
	if (lines > 1)
		return MATCH_BAD;
	return entity->exists ? MATCH_YES : MATCH_NO;
}

/* --- dates ------------------------------------------------------------------------------------------- */

/* The only line of the field; NULL: none or several. */
static const struct hz_http_header *only_line(const struct hz_http_req *req, struct hz_span name)
{
	const struct hz_http_header *found = NULL;

	for (unsigned i = 0; i < req->header_count; i++) {
		if (!hz_http_equals_nocase(req->header[i].name, name))
			continue;
		if (found != NULL)
			return NULL;
		found = &req->header[i];
	}
	return found;
}

/* Whether the entity was modified after the field's date: ABSENT when the field is to be ignored. */
static enum match modified_since(const struct hz_http_req *req, struct hz_span name,
                                 const struct hz_cond_entity *entity, uint64_t now_s)
{
	const struct hz_http_header *line = only_line(req, name);
	uint64_t date_s;

	if (line == NULL || !entity->exists || !entity->has_last_modified ||
	    !hz_http_date_parse(line->value, now_s, &date_s))
		return MATCH_ABSENT;
	return entity->last_modified_s > date_s ? MATCH_YES : MATCH_NO;
}

/* --- RFC 9110 13.2.2 --------------------------------------------------------------------------------- */

uint16_t hz_cond_evaluate(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                          uint64_t now_s)
{
	bool is_read = req->method == HZ_HTTP_GET || req->method == HZ_HTTP_HEAD;
	enum match match;

	if (req->method == HZ_HTTP_CONNECT || req->method == HZ_HTTP_OPTIONS ||
	    req->method == HZ_HTTP_TRACE)
		return 0;
	/* steps 1 and 2 */
	match = field_match(req, HZ_SPAN_LITERAL("if-match"), entity, STRONG);
	if (match == MATCH_NO || match == MATCH_BAD)
		return 412;
	if (match == MATCH_ABSENT &&
	    modified_since(req, HZ_SPAN_LITERAL("if-unmodified-since"), entity, now_s) == MATCH_YES)
		return 412;
	/* steps 3 and 4 */
	match = field_match(req, HZ_SPAN_LITERAL("if-none-match"), entity, WEAK);
	if (match == MATCH_YES)
		return is_read ? 304 : 412;
	if (match == MATCH_BAD)
		return is_read ? 0 : 412;
	if (match == MATCH_ABSENT && is_read &&
	    modified_since(req, HZ_SPAN_LITERAL("if-modified-since"), entity, now_s) == MATCH_NO)
		return 304;
	return 0;
}

bool hz_cond_range_applies(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                           uint64_t now_s)
{
	const struct hz_http_header *line;
	uint64_t date_s;

	if (hz_http_req_header(req, HZ_SPAN_LITERAL("if-range")) == NULL)
		return true;
	line = only_line(req, HZ_SPAN_LITERAL("if-range"));
	if (line == NULL || !entity->exists)
		return false;
	if (hz_cond_etag_is_valid(line->value))
		return entity->etag.len != 0 && etag_equals(line->value, entity->etag, STRONG);
	return entity->has_last_modified && hz_http_date_parse(line->value, now_s, &date_s) &&
	       date_s == entity->last_modified_s && date_s < now_s;
}
