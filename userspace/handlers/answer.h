/* Answers the application gives when no handler does: short, text/plain, prepared at compile time. */
#ifndef HZ_ANSWER_H
#define HZ_ANSWER_H

#include "http/req.h"

/* The prepared answer for 400, 404, 412, 413, 414, 431, 500, 501 or 503; 500 for any other status. */
const struct hz_http_prepared *hz_answer_prepared(uint16_t status);

/* Fills resp with the prepared answer. */
void hz_answer(struct hz_http_resp *resp, uint16_t status);

/* The answer to a condition that does not hold: 304, which is a head alone, or 412. */
void hz_answer_condition(struct hz_http_resp *resp, uint16_t status);

/* 405 with Allow (RFC 9110 15.5.6): allow is a mask of method bits. The field lies in arena; without
 * room for it the answer is 500. */
void hz_answer_method(struct hz_http_resp *resp, uint32_t allow, struct hz_arena *arena);

/* 204 with Allow, the answer to OPTIONS where no route has it (RFC 9110 9.3.7): allow and OPTIONS itself.
 * As above. */
void hz_answer_options(struct hz_http_resp *resp, uint32_t allow, struct hz_arena *arena);

/* What the server as a whole can do, for OPTIONS of "*". */
#define HZ_ANSWER_ALLOW_ALL                                                                        \
	(HZ_METHOD_BIT(HZ_HTTP_METHOD_COUNT) - 1 - HZ_METHOD_BIT(HZ_HTTP_TRACE) -                  \
	 HZ_METHOD_BIT(HZ_HTTP_CONNECT))

#endif
