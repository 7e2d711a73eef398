/* What libbpf and libxdp print: it misleads on a terminal ("permission error while running as root; try
 * raising 'ulimit -l'"), but of some errors it is the only cause there is. */
#ifndef HZ_XDP_CHATTER_H
#define HZ_XDP_CHATTER_H

#include "core/err.h"

#define HZ_XDP_CHATTER_MAX 4096

/* What was said while one of our calls ran. Owned by the caller, zeroed. */
struct hz_xdp_chatter {
	size_t len;
	char text[HZ_XDP_CHATTER_MAX];
};

/* From here on neither library writes to the terminal: each message goes to the listener of its thread,
 * without one to the log at debug level. Once per program, before threads and before anything of BPF. */
void hz_xdp_chatter_divert(void);

/* Between the two, what is said in this thread goes to *chatter. Not nested. */
void hz_xdp_chatter_listen(struct hz_xdp_chatter *chatter);
void hz_xdp_chatter_listen_end(void);

/* The last line that was said, as " (LINE)"; "" when there is none or chatter is NULL. */
void hz_xdp_chatter_cause(const struct hz_xdp_chatter *chatter, char *out, size_t room);
/* Appends it to err->why. */
void hz_xdp_chatter_explain(const struct hz_xdp_chatter *chatter, struct hz_err *err);

#endif
