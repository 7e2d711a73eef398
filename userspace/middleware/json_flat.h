/* One JSON object of a stranger, member by member: RFC 8259 without leniency, in bounds, without allocating. Nested
 * values are checked and passed on as they are. Valid UTF-8 only; no lone surrogate; no name twice. */
#ifndef HZ_JSON_FLAT_H
#define HZ_JSON_FLAT_H

#include <hz/span.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
	HZ_JSON_DEPTH_MAX = 8,    /* arrays and objects inside each other, the outermost included */
	HZ_JSON_MEMBERS_MAX = 64, /* of the object, and of an array that is read */
	HZ_JSON_NAME_BYTES = 256, /* of a decoded name */
};

enum hz_json_kind {
	HZ_JSON_STRING,
	HZ_JSON_NUMBER,
	HZ_JSON_OBJECT,
	HZ_JSON_ARRAY,
	HZ_JSON_WORD, /* true, false, null */
};

struct hz_json_value {
	enum hz_json_kind kind;
	struct hz_span raw; /* as it stands in the text; a string with its quotes */
};

/* name is decoded and lives for this call; empty for what is in an array. 0, or what ends the reading. */
typedef int (*hz_json_member_fn)(void *ctx, struct hz_span name, const struct hz_json_value *value);

/* 0, -EINVAL (not JSON, not an object, twice), -E2BIG (beyond the bounds), or what member returned. Members before an
 * error have been told. */
int hz_json_flat_object(struct hz_span text, hz_json_member_fn member, void *ctx);

/* The same for an array that was passed on: a value's raw. */
int hz_json_flat_array(struct hz_span raw, hz_json_member_fn member, void *ctx);

/* A string that was passed on, decoded into room bytes at out. Its length, or -E2BIG. */
ssize_t hz_json_flat_text(struct hz_span raw, uint8_t *out, size_t room);

#endif
