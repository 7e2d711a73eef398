/* The collector's listening socket: "127.0.0.1:9477", "[::1]:9477" or the path of a unix socket. */
#ifndef HZ_LISTEN_AT_H
#define HZ_LISTEN_AT_H

#include "core/err.h"
#include <sys/types.h>

#define HZ_LISTEN_AT_PATH_BYTES 108 /* of sockaddr_un */

struct hz_listen {        /* owned by the caller; close with hz_listen_at_close */
	int fd;           /* -1: closed */
	bool is_loopback; /* or a unix socket: nobody from elsewhere */
	bool is_unix;
	char path
		[HZ_LISTEN_AT_PATH_BYTES]; /* of a unix socket: what is removed again, if it is still ours */
	dev_t device;
	ino_t inode;
};

/* Opens what text names. A unix socket belongs to user (NULL: us) and group hz, where there is
 * one, has mode 0660, and replaces one of a dead run. 0 or -errno with err filled: exit code 2
 * for a text that names nothing, else 1. One thread: the umask is another one meanwhile. */
int hz_listen_at_open(const char *text, const char *user, struct hz_listen *out,
                      struct hz_err *err);
void hz_listen_at_close(struct hz_listen *listen);
/* "127.0.0.1:9477" as it came to be. */
void hz_listen_at_print(const struct hz_listen *listen, char *out, size_t room);

#endif
