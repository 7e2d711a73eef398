/* The last lines that DPDK logged, instead of its writing to the terminal: they become the reason of
 * an error. Bounded: a driver that repeats itself costs no memory. */
#ifndef HZ_EAL_LOG_H
#define HZ_EAL_LOG_H

#include "core/err.h"

#define HZ_EAL_LOG_BYTES 4096u

struct hz_eal_log; /* owned by the caller of open; DPDK writes to it from then on, from any thread */

int hz_eal_log_open(struct hz_eal_log **out); /* 0 or -errno */
/* DPDK logs to nobody afterwards. Accepts NULL. */
void hz_eal_log_close(struct hz_eal_log *log);

/* Appends the last line that was logged to err->why; nothing when there is none. */
void hz_eal_log_explain(struct hz_eal_log *log, struct hz_err *err);

#endif
