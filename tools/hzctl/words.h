/* The words behind OBJECT COMMAND: selectors and arguments, taken one by one. */
#ifndef HZ_WORDS_H
#define HZ_WORDS_H

#include "core/err.h"

struct hz_words {
	char **word;
	int count;
	int at;
	const char *object; /* for hints: "hzctl OBJECT help" */
};

const char *hz_words_peek(const struct hz_words *words); /* NULL: no more */
/* True, and the word is taken, when it is the next one. */
bool hz_words_take(struct hz_words *words, const char *word);
/* The next word as the value of name. 0 or -EINVAL with err filled (exit code 2), as all below. */
int hz_words_value(struct hz_words *words, const char *name, const char **out, struct hz_err *err);
int hz_words_number(struct hz_words *words, const char *name, uint64_t min, uint64_t max,
                    uint64_t *out, struct hz_err *err);
/* The next word as one of count names; *out is its index. */
int hz_words_choice(struct hz_words *words, const char *name, const char *const *choice,
                    size_t count, uint32_t *out, struct hz_err *err);
/* Is the next word one of choices, which end with NULL? */
bool hz_words_is_any(const struct hz_words *words, const char *const *choices);
/* The next word as the name of an interface. */
int hz_words_ifname(struct hz_words *words, const char **out, struct hz_err *err);
/* Complains about the next word; known is what could have stood there, separated by blanks. */
int hz_words_unknown(const struct hz_words *words, const char *known, struct hz_err *err);
/* 0 when all were taken. */
int hz_words_end(const struct hz_words *words, struct hz_err *err);

#endif
