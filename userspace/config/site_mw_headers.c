/* `headers: { Name: value }` */
#include "config/site_mw.h"
#include "core/span_ops.h"

#define FIELDS_MAX 32u
#define NAME_MAX   64u
#define VALUE_MAX  1024u

/* Fields that say how the answer is framed are hz's own. */
static bool is_ours(struct hz_span name)
{
	static const char *const ours[] = {
		"connection", "content-length",    "date",   "keep-alive", "te",
		"trailer",    "transfer-encoding", "upgrade"
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(ours); i++) {
		if (hz_span_equals_nocase(name, hz_span_text(ours[i])))
			return true;
	}
	return false;
}

static bool field_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                       struct hz_mw_field *field)
{
	struct hz_span value;

	if (!hz_span_is_token(key->text) || key->text.len > NAME_MAX) {
		hz_site_read_fail(r, key, "'%.*s' is no name of a field", HZ_SITE_WORD(key->text));
		return false;
	}
	if (is_ours(key->text)) {
		hz_site_read_fail(r, key, "'%.*s' is written by hz itself",
		                  HZ_SITE_WORD(key->text));
		return false;
	}
	if (!hz_site_read_word(r, key, 0, VALUE_MAX, &value))
		return false;
	return hz_site_read_copy(r, key->text, &field->name) &&
	       hz_site_read_copy(r, value, &field->value);
}

void hz_site_mw_headers_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                             struct hz_mw_set *set)
{
	const struct hz_yaml_node *map = key->value;
	struct hz_mw_headers_conf *conf;
	struct hz_mw_field *field;

	if (map->is_broken)
		return;
	if (map->kind != HZ_YAML_MAP || map->count == 0 || map->count > FIELDS_MAX) {
		hz_site_read_fail(r, map,
		                  "'headers' must be a mapping of 1 to %u fields, as "
		                  "{ X-Frame-Options: DENY }",
		                  FIELDS_MAX);
		return;
	}
	conf = hz_site_read_get(r, sizeof(*conf));
	field = hz_site_read_get(r, map->count * sizeof(*field));
	if (conf == NULL || field == NULL)
		return;
	conf->field = field;
	for (const struct hz_yaml_node *item = map->first; item != NULL; item = item->next) {
		if (field_read(r, item, &field[conf->count]))
			conf->count++;
	}
	set->headers = conf;
}
