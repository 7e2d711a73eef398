/* The collector's listening socket: "127.0.0.1:9477", "[::1]:9477" or the path of a unix socket. */
#ifndef HZ_LISTEN_AT_H
#define HZ_LISTEN_AT_H

#include "core/err.h"

struct hz_listen {
	int fd;
	bool is_loopback; /* or a unix socket: nobody from elsewhere */
	bool is_unix;
};

/* Opens what text names. A unix socket has mode 0660, and one of a dead
 * run is replaced. 0 or -errno with err filled: exit code 2 for a text that names nothing, else 1. */
int hz_listen_at_open(const char *text, struct hz_listen *out, struct hz_err *err);
/* "127.0.0.1:9477" as it came to be. */
void hz_listen_at_print(const struct hz_listen *listen, char *out, size_t room);

#endif
