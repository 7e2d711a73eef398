/* One record of the ring buffer `events` as one line of JSON. The ring's content is input like any other:
 * every length and index is checked before it is used. */
#ifndef HZ_EVENT_JSON_H
#define HZ_EVENT_JSON_H

#include "abi/hz_abi.h"
#include <stddef.h>
#include <stdint.h>

#define HZ_EVENT_JSON_BYTES 16384 /* no line is longer */

/* Renders record[0..bytes-1] with its newline into out (HZ_EVENT_JSON_BYTES; not terminated). unix_minus_ns: what makes
 * the record's time one since 1970. Returns the length of the line, -EBADMSG when the record's lengths or indices lie,
 * or -ENOTSUP for a kind this version does not know. Text in it is printable ASCII; what is not known is null. */
int hz_event_json_line(const void *record, size_t bytes, uint64_t unix_minus_ns, char *out);

/* The header alone: 0, or -EBADMSG when the record cannot be as long as it says. */
int hz_event_json_header(struct hz_event *header, const void *record, size_t bytes);

/* A record HZ_EVENT_HIST_DELTA, checked and copied; pairs beyond pair_count are not written. 0, -EBADMSG, or -ENOTSUP
 * for a record of another kind. *delta is scratch if it fails. */
int hz_event_json_delta(struct hz_event_hist_delta *delta, const void *record, size_t bytes);

#endif
