/* `jwt: { alg: HS256, key_file: /etc/hz/jwt.key, issuer: ..., audience: ..., leeway: 5s, revoked_file: ... }` */
#include "config/site_mw.h"

#include <string.h>

#define PATH_BYTES_MAX 1024u
#define NAME_BYTES_MAX 256u
#define LEEWAY_MAX_NS  (300 * HZ_NS_PER_S)

static void alg_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	static const char *const algs[] = {
		[HZ_JWT_HS256] = "HS256", [HZ_JWT_RS256] = "RS256", [HZ_JWT_ES256] = "ES256"
	};
	struct hz_mw_jwt_conf *jwt = into;
	struct hz_nearest nearest = { 0 };
	struct hz_span text;

	if (!hz_site_read_word(r, key, 1, SIZE_MAX, &text))
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(algs); i++) {
		struct hz_span name = { (const uint8_t *)algs[i], strlen(algs[i]) };

		if (text.len == name.len && memcmp(text.data, name.data, name.len) == 0) {
			jwt->alg = (enum hz_jwt_alg)i;
			return;
		}
		hz_nearest_offer(&nearest, text, name);
	}
	hz_site_errors_hint(hz_site_read_fail(r, key->value,
	                                      "'alg' is one of HS256, RS256, ES256, not '%.*s'",
	                                      HZ_SITE_WORD(text)),
	                    &nearest);
}

static void path_read(struct hz_site_reader *r, const struct hz_yaml_node *key, const char **out)
{
	struct hz_span text;
	char *path;

	if (!hz_site_read_word(r, key, 1, PATH_BYTES_MAX, &text))
		return;
	if (text.data[0] != '/') {
		hz_site_read_fail(r, key->value,
		                  "'%.*s' must be the absolute path of a file, not '%.*s'",
		                  HZ_SITE_WORD(key->text), HZ_SITE_WORD(text));
		return;
	}
	path = hz_site_read_get(r, text.len + 1);
	if (path == NULL)
		return;
	memcpy(path, text.data, text.len); /* the memory was zero: it ends */
	*out = path;
}

static void key_file_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_jwt_conf *jwt = into;

	jwt->key_at = hz_site_read_place(key->value);
	path_read(r, key, &jwt->key_file);
}

static void revoked_file_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_mw_jwt_conf *jwt = into;

	jwt->revoked_at = hz_site_read_place(key->value);
	path_read(r, key, &jwt->revoked_file);
}

static void issuer_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_span text;

	if (hz_site_read_word(r, key, 1, NAME_BYTES_MAX, &text))
		(void)hz_site_read_copy(r, text, &((struct hz_mw_jwt_conf *)into)->issuer);
}

static void audience_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_span text;

	if (hz_site_read_word(r, key, 1, NAME_BYTES_MAX, &text))
		(void)hz_site_read_copy(r, text, &((struct hz_mw_jwt_conf *)into)->audience);
}

static void leeway_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	uint64_t ns;

	if (!hz_site_read_time(r, key, 0, LEEWAY_MAX_NS, &ns))
		return;
	if (ns % HZ_NS_PER_S != 0)
		hz_site_read_fail(r, key->value, "'leeway' must be whole seconds");
	((struct hz_mw_jwt_conf *)into)->leeway_s = (uint32_t)(ns / HZ_NS_PER_S);
}

void hz_site_mw_jwt_read(struct hz_site_reader *r, const struct hz_yaml_node *key,
                         struct hz_mw_set *set)
{
	static const struct hz_site_key keys[] = {
		{ "alg", alg_read, true },        { "key_file", key_file_read, true },
		{ "issuer", issuer_read, false }, { "audience", audience_read, false },
		{ "leeway", leeway_read, false }, { "revoked_file", revoked_file_read, false },
	};
	struct hz_mw_jwt_conf *jwt = hz_site_read_get(r, sizeof(*jwt));

	if (jwt == NULL || key->value->is_broken)
		return;
	jwt->line = key->line;
	if (!hz_site_read_map(r, key->value, "'jwt'", keys, HZ_ARRAY_LEN(keys), jwt))
		return;
	jwt->next = r->site->jwts;
	r->site->jwts = jwt;
	set->jwt = jwt;
}
