#include "words.h"
#include "config/nearest.h"
#include "core/span_ops.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>

const char *hz_words_peek(const struct hz_words *words)
{
	return words->at < words->count ? words->word[words->at] : NULL;
}

bool hz_words_take(struct hz_words *words, const char *word)
{
	const char *next = hz_words_peek(words);

	if (next == NULL || strcmp(next, word) != 0)
		return false;
	words->at++;
	return true;
}

static int usage(const struct hz_words *words, struct hz_err *err, const char *why,
                 const char *word)
{
	char hint[64];

	snprintf(hint, sizeof(hint), "hzctl %s%shelp", words->object ? words->object : "",
	         words->object ? " " : "");
	return hz_err_set(err, -EINVAL, 2, "usage", hint, "%s '%.200s'", why, word);
}

int hz_words_value(struct hz_words *words, const char *name, const char **out, struct hz_err *err)
{
	const char *next = hz_words_peek(words);

	if (next == NULL)
		return usage(words, err, "a value is missing behind", name);
	words->at++;
	*out = next;
	return 0;
}

int hz_words_number(struct hz_words *words, const char *name, uint64_t min, uint64_t max,
                    uint64_t *out, struct hz_err *err)
{
	const char *text = "";
	uint64_t value;
	char hint[64];
	int status = hz_words_value(words, name, &text, err);

	if (status != 0)
		return status;
	if (hz_span_u64(hz_span_text(text), &value) != 0 || value < min || value > max) {
		snprintf(hint, sizeof(hint), "%s %llu..%llu", name, (unsigned long long)min,
		         (unsigned long long)max);
		return hz_err_set(err, -EINVAL, 2, "usage", hint, "'%.40s' is no number for %s",
		                  text, name);
	}
	*out = value;
	return 0;
}

static void suggest(struct hz_err *err, const struct hz_nearest *nearest)
{
	char rest[sizeof(err->hint)];

	if (nearest->word.len == 0)
		return;
	snprintf(rest, sizeof(rest), "%s", err->hint);
	snprintf(err->hint, sizeof(err->hint), "did you mean '%.*s'? %.100s",
	         (int)nearest->word.len, (const char *)nearest->word.data, rest);
}

int hz_words_choice(struct hz_words *words, const char *name, const char *const *choice,
                    size_t count, uint32_t *out, struct hz_err *err)
{
	struct hz_nearest nearest = { 0 };
	const char *text = "";
	int status = hz_words_value(words, name, &text, err);

	if (status != 0)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, choice[i]) == 0) {
			*out = (uint32_t)i;
			return 0;
		}
		hz_nearest_offer(&nearest, hz_span_text(text), hz_span_text(choice[i]));
	}
	status = usage(words, err, "unknown name", text);
	suggest(err, &nearest);
	return status;
}

int hz_words_unknown(const struct hz_words *words, const char *known, struct hz_err *err)
{
	struct hz_span left = hz_span_text(known);
	struct hz_nearest nearest = { 0 };
	const char *text = hz_words_peek(words);
	size_t end;
	int status;

	if (text == NULL)
		return usage(words, err,
		             strchr(known, ' ') != NULL ? "a word is missing, one of"
		                                        : "a word is missing:",
		             known);
	while (left.len > 0) {
		end = hz_span_find(left, ' ');
		hz_nearest_offer(&nearest, hz_span_text(text),
		                 hz_span_first(left, HZ_MIN(end, left.len)));
		left = hz_span_skip(left, HZ_MIN(end, left.len - 1) + 1);
	}
	status = usage(words, err, "unknown word", text);
	suggest(err, &nearest);
	return status;
}

int hz_words_end(const struct hz_words *words, struct hz_err *err)
{
	return words->at == words->count ? 0 : hz_words_unknown(words, "", err);
}

bool hz_words_is_any(const struct hz_words *words, const char *const *choices)
{
	const char *word = hz_words_peek(words);

	for (; word != NULL && *choices != NULL; choices++)
		if (strcmp(word, *choices) == 0)
			return true;
	return false;
}

int hz_words_ifname(struct hz_words *words, const char **out, struct hz_err *err)
{
	int status = hz_words_value(words, "dev", out, err);

	if (status == 0 && (strlen(*out) == 0 || strlen(*out) >= IF_NAMESIZE))
		return hz_err_set(err, -EINVAL, 2, "usage", "ip link",
		                  "'%.40s' is no interface name", *out);
	return status;
}
