/* Checking patterns. What could never match is refused, because its author meant something else. */
#include "router/radix_pattern.h"

#include <errno.h>
#include <string.h>

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static const char *name_problem(struct hz_span name, const struct hz_span *names, uint32_t count)
{
	if (name.len == 0)
		return "a parameter needs a name";
	if (name.len > HZ_RADIX_NAME_MAX)
		return "a parameter's name is longer than 64 bytes";
	for (size_t i = 0; i < name.len; i++) {
		if (!is_name_byte(name.data[i]))
			return "a parameter's name is made of letters, digits, '_' and '-'";
	}
	for (uint32_t i = 0; i < count; i++) {
		if (names[i].len == name.len && memcmp(names[i].data, name.data, name.len) == 0)
			return "two parameters have the same name";
	}
	return count == HZ_LIMIT_route_params_max ? "too many parameters" : NULL;
}

static const char *static_problem(struct hz_span segment)
{
	if (segment.len > 0 && segment.data[0] == '.' &&
	    (segment.len == 1 || (segment.len == 2 && segment.data[1] == '.')))
		return "'.' and '..' are resolved before a path is matched";
	for (size_t i = 0; i < segment.len; i++) {
		uint8_t c = segment.data[i];

		if (c <= 0x20 || c == 0x7f)
			return "a space or control byte in a pattern";
		if (c == '%')
			return "a pattern is written decoded, without '%'";
		if (c == '?' || c == '#')
			return "a pattern is a path, without '?' and '#'";
		if (c == '*')
			return "'*' begins the last segment or stands nowhere";
	}
	return NULL;
}

int hz_radix_pattern_parse(struct hz_span pattern, uint8_t *key, size_t *key_bytes,
                           struct hz_span name[HZ_LIMIT_route_params_max], uint32_t *name_count,
                           const char **why)
{
	size_t used = 0, at = 0;
	uint32_t names = 0;

	*why = pattern.len == 0 || pattern.data[0] != '/' ? "a pattern begins with '/'"
	       : pattern.len > HZ_LIMIT_uri_bytes_max     ? "the pattern is too long"
	                                                  : NULL;
	while (*why == NULL && at < pattern.len) {
		struct hz_span segment = { pattern.data + at + 1, 0 };
		uint8_t first;

		while (at + 1 + segment.len < pattern.len && segment.data[segment.len] != '/')
			segment.len++;
		first = segment.len > 0 ? segment.data[0] : 0;
		key[used++] = HZ_RADIX_KEY_SLASH;
		if (first == ':' || first == '*') {
			struct hz_span found = { segment.data + 1, segment.len - 1 };

			*why = name_problem(found, name, names);
			if (*why != NULL)
				break;
			name[names++] = found;
			key[used++] = first == ':' ? HZ_RADIX_KEY_PARAM : HZ_RADIX_KEY_WILD;
		} else {
			*why = static_problem(segment);
			memcpy(key + used, segment.data, segment.len);
			used += segment.len;
		}
		at += 1 + segment.len;
		if (first == '*' && at < pattern.len)
			*why = "'*' begins the last segment or stands nowhere";
	}
	if (*why != NULL)
		return -EINVAL;
	*key_bytes = used;
	*name_count = names;
	return 0;
}
