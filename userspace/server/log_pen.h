/* Lines of an access log between the rings they come from and the file: a piece of memory in which the writer's thread
 * makes them, and where they stay until the file has taken them. Owned by the file; that thread's alone. */
#ifndef HZ_LOG_PEN_H
#define HZ_LOG_PEN_H

#include "middleware/log_record.h"
#include <sys/types.h>

struct hz_log_pen {
	uint8_t *text; /* owned */
	size_t at;     /* of it, taken by the file, */
	size_t end;    /* and made */
	struct hz_log_stamp stamp;
};

int hz_log_pen_open(struct hz_log_pen *pen);   /* 0 or -ENOMEM */
void hz_log_pen_close(struct hz_log_pen *pen); /* accepts a zeroed one */

/* Makes lines of records until there is no room for the next one; bytes of records that are done with: fewer than there
 * are only when write is to be called. */
size_t hz_log_pen_make(struct hz_log_pen *pen, struct hz_span records, uint32_t worker,
                       int64_t wall_offset_ns);

/* As much as fd takes now. Bytes, or -errno. */
ssize_t hz_log_pen_write(struct hz_log_pen *pen, int fd);

/* The file has the beginning of a line and not its end. */
bool hz_log_pen_is_torn(const struct hz_log_pen *pen);
/* The end of that line will not be written. */
void hz_log_pen_skip(struct hz_log_pen *pen);

/* Lines that were begun or not, and are not with the file. */
uint64_t hz_log_pen_lines(const struct hz_log_pen *pen);
/* The same of a ring's records. */
uint64_t hz_log_pen_records(struct hz_span records);

static inline bool hz_log_pen_is_empty(const struct hz_log_pen *pen)
{
	return pen->at == pen->end;
}

#endif
