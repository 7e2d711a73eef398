/* A document that grows in memory: JSON, metrics or protobuf. One that cannot grow remembers it, so that its writers
 * need not look. */
#ifndef HZ_DOC_TEXT_H
#define HZ_DOC_TEXT_H

#include "core/base.h"

#define HZ_DOC_TEXT_MAX (64u << 20) /* no document is larger */

struct hz_doc { /* zeroed: empty; owned by the caller, close with hz_doc_text_close */
	char *data;
	size_t bytes, size;
	bool is_failed; /* memory ran out: what it holds is cut off */
};

void hz_doc_text_close(struct hz_doc *doc); /* accepts a zeroed one; zeroes it */
void hz_doc_text_clear(struct hz_doc *doc); /* empty, its memory kept */

void hz_doc_text_trim(struct hz_doc *doc); /* gives back what it has not used; its data may move */

void hz_doc_text_add(struct hz_doc *doc, const void *data, size_t bytes);
void hz_doc_text_print(struct hz_doc *doc, const char *format, ...) HZ_PRINTF(2, 3);

#endif
