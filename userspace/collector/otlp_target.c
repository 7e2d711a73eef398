#include "collector/otlp_target.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void hz_otlp_target_origin(const char *url, char *out, size_t bytes)
{
	const char *host = strstr(url, "://"), *at;
	size_t scheme_len, len;

	host = host != NULL ? host + 3 : url;
	scheme_len = (size_t)(host - url);
	len = strcspn(host, "/?#");
	while ((at = memchr(host, '@', len)) != NULL) { /* a password may hold one too */
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	snprintf(out, bytes, "%.*s%.*s", (int)scheme_len, url, (int)len, host);
}

static int hex_of(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)tolower((unsigned char)digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* token, RFC 9110 5.6.2. */
static bool is_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("!#$%&'*+-.^_`|~", name[i]) == NULL)
			return false;
	return len > 0;
}

/* Returns the bytes written, or -EINVAL: a byte that ends a line, or no room. */
static int value_decode(const char *value, size_t len, char *out, size_t room)
{
	size_t bytes = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)value[i];

		if (byte == '%' && len - i > 2 && hex_of(value[i + 1]) >= 0 &&
		    hex_of(value[i + 2]) >= 0) {
			byte = (unsigned char)(hex_of(value[i + 1]) << 4 | hex_of(value[i + 2]));
			i += 2;
		}
		if (byte < ' ' || byte == 0x7f || bytes + 1 >= room)
			return -EINVAL;
		out[bytes++] = (char)byte;
	}
	out[bytes] = '\0';
	return (int)bytes;
}

int hz_otlp_target_header(const char **at, char line[HZ_OTLP_TARGET_LINE_BYTES])
{
	const char *name = *at + strspn(*at, ", \t"), *value;
	size_t len = strcspn(name, ","), name_len, head;

	if (len == 0)
		return 0;
	*at = name + len;
	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		len--;
	value = memchr(name, '=', len);
	if (value == NULL)
		return -EINVAL;
	name_len = (size_t)(value - name);
	while (name_len > 0 && (name[name_len - 1] == ' ' || name[name_len - 1] == '\t'))
		name_len--;
	value += 1;
	if (!is_name(name, name_len) || name_len + 2 >= HZ_OTLP_TARGET_LINE_BYTES)
		return -EINVAL;
	while (value < name + len && (*value == ' ' || *value == '\t'))
		value++;
	memcpy(line, name, name_len);
	memcpy(line + name_len, ": ", 2);
	head = name_len + 2;
	return value_decode(value, (size_t)(name + len - value), line + head,
	                    HZ_OTLP_TARGET_LINE_BYTES - head) < 0
	               ? -EINVAL
	               : 1;
}
