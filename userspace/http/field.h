/* Telling a field by its name, as it is parsed: whoever asks for one later does not look through all of them. */
#ifndef HZ_HTTP_FIELD_H
#define HZ_HTTP_FIELD_H

#include "http/req.h"
#include <string.h>

static inline uint32_t hz_http_field_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t hz_http_field_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Both of len bytes (4 to 24), of tchars and of lower case letters and '-': setting bit 0x20 folds case
 * and makes no other tchar one of those. Words may overlap. */
static inline __attribute__((always_inline)) bool hz_http_field_is(const uint8_t *name,
                                                                   const char *lower, size_t len)
{
	const uint8_t *want = (const uint8_t *)lower;
	const uint64_t fold = 0x2020202020202020;

	if (len < 8)
		return (hz_http_field_load32(name) | (uint32_t)fold) ==
		               hz_http_field_load32(want) &&
		       (hz_http_field_load32(name + len - 4) | (uint32_t)fold) ==
		               hz_http_field_load32(want + len - 4);
	if (len > 16 && (hz_http_field_load64(name + 8) | fold) != hz_http_field_load64(want + 8))
		return false;
	return (hz_http_field_load64(name) | fold) == hz_http_field_load64(want) &&
	       (hz_http_field_load64(name + len - 8) | fold) ==
	               hz_http_field_load64(want + len - 8);
}

/* A bit for each length that a name of fields.def has. */
#define HZ_FIELD(id, name) | 1u << (sizeof(name) - 1)
enum {
	HZ_HTTP_FIELD_LENGTHS = 0
#include "http/fields.def"
};
#undef HZ_FIELD

_Static_assert(HZ_LIMIT_header_count_max <= UINT8_MAX, "field_at is a byte");

/* Field `at` of req, whose name is set, is found by hz_http_req_field if it is one of fields.def. */
static inline void hz_http_field_note(struct hz_http_req *req, uint32_t at)
{
	const struct hz_span name = req->header[at].name;
	uint32_t bit = 0;
	unsigned field = 0;

#define HZ_FIELD(id, text)                                                                         \
	if (name.len == sizeof(text) - 1 && hz_http_field_is(name.data, text, sizeof(text) - 1)) { \
		field = HZ_HTTP_FIELD_##id;                                                        \
		bit = 1u << HZ_HTTP_FIELD_##id;                                                    \
	} else
#include "http/fields.def"
#undef HZ_FIELD
	{
		return;
	}
	if ((req->fields & bit) != 0) {
		req->fields_again |= bit;
		return;
	}
	req->fields |= bit;
	req->field_at[field] = (uint8_t)at;
}

#endif
