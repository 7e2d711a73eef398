/* Conditional requests, RFC 9110 13: whether a request goes on, given what is selected now. */
#ifndef HZ_COND_H
#define HZ_COND_H

#include "http/req.h"

/* The selected representation as it is now. Spans are the caller's. */
struct hz_cond_entity {
	bool exists; /* false: there is none; the rest does not count */
	bool has_last_modified;
	struct hz_span etag;      /* entity-tag as sent, with quotes and W/; empty: none */
	uint64_t last_modified_s; /* unix time */
};

/* Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of RFC 9110
 * 13.2.2. 0: perform the method; 304 or 412: answer that instead. To be asked when the answer without
 * conditions would be 2xx (13.2.1); methods that select nothing (CONNECT, OPTIONS, TRACE) have no
 * conditions. A list that is not the grammar matches nothing: 412, or the whole answer of GET and HEAD.
 * A date that is none, or in a field given twice, is ignored (13.1.3, 13.1.4). now_s is the clock's. */
uint16_t hz_cond_evaluate(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                          uint64_t now_s);

/* Whether the Range field of the request counts: there is no If-Range, or it names exactly what is
 * selected now, by a strong tag or by a date whose second is over (13.1.5, 8.8.2.2). */
bool hz_cond_range_applies(const struct hz_http_req *req, const struct hz_cond_entity *entity,
                           uint64_t now_s);

/* Whether text is one entity-tag, RFC 9110 8.8.3: what an entity's etag must be. */
bool hz_cond_etag_is_valid(struct hz_span text);

#endif
