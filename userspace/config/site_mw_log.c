/* `log: { to: /var/log/hz/access.log, format: json, sample: { 4xx: 10, rest: 100 } }` */
#include "config/site_mw.h"

#include <string.h>

#define PATH_BYTES_MAX 1024u
#define ONE_IN_MAX     1000000000u

static void to_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_log_conf *log = into;
	struct hz_span text;
	char *path;

	log->at = hz_site_read_place(key->value);
	if (!hz_site_read_word(r, key, 1, PATH_BYTES_MAX, &text))
		return;
	if (text.data[0] != '/' || text.data[text.len - 1] == '/') {
		hz_site_read_fail(r, key->value,
		                  "'to' must be the absolute path of a file, not '%.*s'",
		                  HZ_SITE_WORD(text));
		return;
	}
	path = hz_site_read_get(r, text.len + 1);
	if (path == NULL)
		return;
	memcpy(path, text.data, text.len); /* the memory was zero: it ends */
	log->to = path;
}

static void format_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const formats[] = {
		[HZ_LOG_JSON] = "json", [HZ_LOG_COMBINED] = "combined"
	};
	struct hz_mw_log_conf *log = into;
	struct hz_nearest nearest = { 0 };
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, SIZE_MAX, &text))
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(formats); i++) {
		struct hz_span name = { (const uint8_t *)formats[i], strlen(formats[i]) };

		if (text.len == name.len && memcmp(text.data, name.data, name.len) == 0) {
			log->format = (enum hz_log_format)i;
			return;
		}
		hz_nearest_offer(&nearest, text, name);
	}
	hz_site_errors_hint(hz_site_read_fail(r, key->value,
	                                      "'format' must be json or combined, not '%.*s'",
	                                      HZ_SITE_WORD(text)),
	                    &nearest);
}

static void one_in_read(struct hz_site_reader *r, const struct hz_yaml_node *key, uint32_t *out)
{
	uint64_t value;

	if (hz_site_read_count(r, key, 1, ONE_IN_MAX, &value))
		*out = (uint32_t)value;
}

static void errors_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	one_in_read(r, key, &((struct hz_mw_log_conf *)into)->error_one_in);
}

static void rest_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	one_in_read(r, key, &((struct hz_mw_log_conf *)into)->rest_one_in);
}

static void sample_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const struct hz_site_key keys[] = { { "4xx", errors_read, false },
		                                   { "rest", rest_read, false } };

	hz_site_read_map(r, key->value, "'sample'", keys, HZ_ARRAY_LEN(keys), into);
}

void hz_site_mw_log_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         struct hz_mw_set *set)
{
	static const struct hz_site_key keys[] = { { "to", to_read, true },
		                                   { "format", format_read, false },
		                                   { "sample", sample_read, false } };
	struct hz_mw_log_conf *log = hz_site_read_get(r, sizeof(*log));

	if (log == NULL || key->value->is_broken)
		return;
	log->error_one_in = log->rest_one_in = 1;
	log->line = key->line;
	if (!hz_site_read_map(r, key->value, "'log'", keys, HZ_ARRAY_LEN(keys), log))
		return;
	log->next = r->site->logs;
	r->site->logs = log;
	set->log = log;
}
