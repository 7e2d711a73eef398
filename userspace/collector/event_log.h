/* The last events of each kind, as lines of JSON, and marks: what somebody who looks at a picture of time wants to
 * have told. */
#ifndef HZ_EVENT_LOG_H
#define HZ_EVENT_LOG_H

#include "abi/hz_abi.h"
#include "collector/doc_text.h"

#define HZ_EVENT_LOG_ROOM  256  /* of each kind */
#define HZ_EVENT_LOG_BYTES 2048 /* longest line that is kept */
#define HZ_EVENT_LOG_MARKS 512
#define HZ_EVENT_LOG_KINDS (HZ_EVENT_STATE + 1)

struct hz_mark {
	int64_t unix_s;
	char kind[12]; /* reload shed_on shed_off restart stall drain xdp */
	char text[96]; /* of both: no quote, backslash or control byte */
};

struct hz_event_entry {
	uint64_t number; /* counts all that ever came */
	char *line;      /* owned; a JSON object, terminated */
};

struct hz_event_log { /* owned by the caller; one thread */
	uint64_t count;
	uint64_t refused; /* too long, or no memory */
	uint64_t came[HZ_EVENT_LOG_KINDS];
	struct hz_event_entry entry[HZ_EVENT_LOG_KINDS][HZ_EVENT_LOG_ROOM];
	uint64_t mark_count; /* that ever were */
	struct hz_mark mark[HZ_EVENT_LOG_MARKS];
};

/* "slow" and so on; NULL for a kind that is not kept. */
const char *hz_event_log_kind(uint32_t kind);
/* The kind of a name, or 0. */
uint32_t hz_event_log_find(const char *name);

/* Keeps line[0..bytes-1] (no newline), the oldest one of its kind goes. */
void hz_event_log_put(struct hz_event_log *log, uint32_t kind, const char *line, size_t bytes);
/* The last ones, of one kind or (0) of all, oldest first, as a JSON array. */
void hz_event_log_write(const struct hz_event_log *log, uint32_t kind, uint32_t last,
                        struct hz_doc *out);

void hz_event_log_mark(struct hz_event_log *log, int64_t unix_s, const char *kind,
                       const char *format, ...) HZ_PRINTF(4, 5);
/* A mark as it may stand in JSON, whatever kind and text are; both are cut to their room. */
void hz_event_log_mark_set(struct hz_mark *mark, int64_t unix_s, const char *kind,
                           const char *text);
/* One mark as a JSON object, behind a comma unless it is the first one; it stands for so many more of its kind. */
void hz_event_log_mark_write(const struct hz_mark *mark, uint64_t more, bool is_first,
                             struct hz_doc *out);
/* Number of the oldest mark that is kept; number n is mark[n % HZ_EVENT_LOG_MARKS]. */
uint64_t hz_event_log_marks_first(const struct hz_event_log *log);
/* Marks of from_s and later, in the order they came, as a JSON array. */
void hz_event_log_marks_write(const struct hz_event_log *log, int64_t from_s, struct hz_doc *out);
/* Those that came after so many, as many as are kept: a mark is of its own time, which may be one that was told
 * already. */
void hz_event_log_marks_since(const struct hz_event_log *log, uint64_t number, struct hz_doc *out);

void hz_event_log_close(struct hz_event_log *log); /* accepts a zeroed one */

#endif
