#include "handlers/files_type.h"

#include "core/span_ops.h"

static const struct hz_files_type known[] = {
#define HZ_FILES_TYPE(extension, type)                                                             \
	{ { (const uint8_t *)(extension), sizeof(extension) - 1 },                                 \
	  { (const uint8_t *)(type), sizeof(type) - 1 } },
#include "handlers/files_types.def"
#undef HZ_FILES_TYPE
};

static struct hz_span extension_of(struct hz_span name)
{
	for (size_t i = name.len; i-- > 0;) {
		if (name.data[i] == '/')
			break;
		if (name.data[i] == '.')
			return hz_span_skip(name, i + 1);
	}
	return (struct hz_span){ NULL, 0 };
}

static const struct hz_files_type *type_find(struct hz_span extension,
                                             const struct hz_files_type *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (hz_span_equals_nocase(extension, types[i].extension))
			return &types[i];
	}
	return NULL;
}

struct hz_span hz_files_type_of(struct hz_span name, const struct hz_files_type *own,
                                uint32_t own_count)
{
	struct hz_span extension = extension_of(name);
	const struct hz_files_type *found = NULL;

	if (extension.len > 0)
		found = type_find(extension, own, own_count);
	if (found == NULL && extension.len > 0)
		found = type_find(extension, known, HZ_ARRAY_LEN(known));
	return found != NULL ? found->type : HZ_SPAN_LITERAL("application/octet-stream");
}

static bool ends_with(struct hz_span text, struct hz_span end)
{
	return text.len >= end.len && hz_span_equals(hz_span_skip(text, text.len - end.len), end);
}

bool hz_files_type_packs(struct hz_span type)
{
	static const char *const others[] = {
		"application/json",
		"application/x-ndjson",
		"application/xml",
		"application/yaml",
		"application/wasm",
		"application/rtf",
		"image/bmp",
		"font/ttf",
		"application/x-tar",
		"font/otf",
		"image/vnd.microsoft.icon",
	};

	type = hz_span_first(type, hz_span_find(type, ';'));
	if (hz_span_starts_with(type, HZ_SPAN_LITERAL("text/")) ||
	    ends_with(type, HZ_SPAN_LITERAL("+json")) || ends_with(type, HZ_SPAN_LITERAL("+xml")))
		return true;
	for (size_t i = 0; i < HZ_ARRAY_LEN(others); i++) {
		if (hz_span_equals(type, hz_span_text(others[i])))
			return true;
	}
	return false;
}
