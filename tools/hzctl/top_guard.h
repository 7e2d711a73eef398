/* Who gives the terminal back when hzctl top cannot: killed, or crashed. The picture is drawn by a child; its parent
 * waits, passes signals on, and has the last word. */
#ifndef HZ_TOP_GUARD_H
#define HZ_TOP_GUARD_H

#include "core/err.h"
#include "top_term.h"
#include <signal.h>

/* The child's work: the exit code, or -errno with err filled. */
typedef int hz_top_guard_fn(void *ctx, struct hz_err *err);

/* Runs fn in a child that ends when this process does. Returns what fn did; an error's text is printed by the child, to the
 * terminal as it was before. The signals of hz_top_guard_signals are blocked in both. */
int hz_top_guard_run(struct hz_top_term *term, hz_top_guard_fn *fn, void *ctx, struct hz_err *err);

/* Those that end the picture, and SIGWINCH and SIGTSTP. */
void hz_top_guard_signals(sigset_t *out);

#endif
