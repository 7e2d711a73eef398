/* One line of a script about a segment, README.md of this folder. */
#ifndef HZ_SEG_PARSE_H
#define HZ_SEG_PARSE_H

#include "tcp_world.h"

enum {
	SEG_HAS_SEQ = 1,
	SEG_HAS_ACK = 2,
	SEG_HAS_WIN = 4,
	SEG_HAS_OPTIONS = 8,
	SEG_HAS_TS_VAL = 16,
	SEG_HAS_TS_ECR = 32,
};

/* Parses "FLAGS [seq N] [ack N] [win N] [len N] [<options>] ..." in place. NULL, or what is wrong.
 * *has: which fields were given. */
const char *seg_parse(char *text, struct seg *seg, unsigned *has);

/* As a line of the same language, for messages. */
void seg_print(const struct seg *seg, char *to, size_t room);

#endif
