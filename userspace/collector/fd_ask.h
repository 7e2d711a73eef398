/* Asks hzd for the descriptors of its telemetry, over its control socket. Only hz_fd_ask_wait
 * waits: a hzd that is wedged takes a question and never answers. */
#ifndef HZ_FD_ASK_H
#define HZ_FD_ASK_H

#include "core/err.h"

#define HZ_FD_ASK_MAX        32 /* descriptors of one answer */
#define HZ_FD_ASK_LINE_BYTES 4096
#define HZ_FD_ASK_PATH_BYTES 108 /* of sockaddr_un */

struct hz_fd_ask {    /* one question; zeroed: none; owned by the caller */
	bool is_open; /* asked, not answered */
	int socket;   /* readable: take */
	size_t used;  /* of line */
	uint32_t fd_count;
	int fd[HZ_FD_ASK_MAX]; /* owned */
	char path[HZ_FD_ASK_PATH_BYTES];
	char line[HZ_FD_ASK_LINE_BYTES];
};

/* Sends {"cmd":"stream"} to the socket of an instance (NULL: the default one). 0, or -errno with
 * err filled and nothing open: -ENOENT nobody is there, -EACCES not permitted, -EBUSY as many
 * ask as may. */
int hz_fd_ask_begin(struct hz_fd_ask *ask, const char *instance, struct hz_err *err);

/* Writes the descriptors to fd[], -1 for names that hzd did not hand over; what it hands over
 * beyond is closed. 0; -EAGAIN: the answer is not there in full; or -errno with err filled and
 * every fd -1, -EREMOTEIO when hzd refused. Without -EAGAIN the question is ended. */
int hz_fd_ask_take(struct hz_fd_ask *ask, const char *const *names, uint32_t count, int *fd,
                   struct hz_err *err);

/* Until there is something to take: 0, or -errno with err filled and the question ended,
 * -ETIMEDOUT after wait_ms. */
int hz_fd_ask_wait(struct hz_fd_ask *ask, uint32_t wait_ms, struct hz_err *err);
void hz_fd_ask_end(struct hz_fd_ask *ask); /* accepts a zeroed one, and an ended one */

#endif
