#include "collector/doc_text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hz_doc_text_close(struct hz_doc *doc)
{
	free(doc->data);
	*doc = (struct hz_doc){ 0 };
}

void hz_doc_text_clear(struct hz_doc *doc)
{
	doc->bytes = 0;
	doc->is_failed = false;
}

void hz_doc_text_trim(struct hz_doc *doc)
{
	char *data = doc->bytes > 0 ? realloc(doc->data, doc->bytes) : NULL;

	if (data == NULL)
		return;
	doc->data = data;
	doc->size = doc->bytes;
}

/* Room for bytes more. */
static bool room_make(struct hz_doc *doc, size_t bytes)
{
	size_t size = HZ_MAX(doc->size, (size_t)4096);
	char *data;

	if (doc->is_failed || bytes > HZ_DOC_TEXT_MAX - doc->bytes) {
		doc->is_failed = true;
		return false;
	}
	if (bytes <= doc->size - doc->bytes)
		return true;
	while (size - doc->bytes < bytes)
		size *= 2;
	data = realloc(doc->data, size);
	if (data == NULL) {
		doc->is_failed = true;
		return false;
	}
	doc->data = data;
	doc->size = size;
	return true;
}

void hz_doc_text_add(struct hz_doc *doc, const void *data, size_t bytes)
{
	if (bytes == 0 || !room_make(doc, bytes))
		return;
	memcpy(doc->data + doc->bytes, data, bytes);
	doc->bytes += bytes;
}

void hz_doc_text_print(struct hz_doc *doc, const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		doc->is_failed = true; /* writers of more use add */
	else
		hz_doc_text_add(doc, text, (size_t)len);
}
