#include "loader/nl_dump.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 32768 /* what the kernel fills at most per read of a dump */

enum { NOT_YET = 2 };

/* What is in one read of it: 1, 0, -EIO, or NOT_YET. */
static int answer_find(struct nlmsghdr *message, uint32_t left, uint16_t kind,
                       hz_nl_dump_match *match, uint32_t ifindex)
{
	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (message->nlmsg_type == kind && match(message, ifindex))
			return 1;
	}
	return NOT_YET;
}

static int dump_find(int fd, const struct nlmsghdr *ask, uint16_t kind, hz_nl_dump_match *match,
                     uint32_t ifindex)
{
	char answer[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	int found = NOT_YET;

	if (send(fd, ask, ask->nlmsg_len, 0) != (ssize_t)ask->nlmsg_len)
		return -errno;
	while (found == NOT_YET) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0)
			return -errno;
		found = answer_find((struct nlmsghdr *)answer, (uint32_t)got, kind, match, ifindex);
	}
	return found;
}

int hz_nl_dump_find(const struct nlmsghdr *ask, uint16_t kind, hz_nl_dump_match *match,
                    uint32_t ifindex)
{
	int found, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	found = dump_find(fd, ask, kind, match, ifindex);
	close(fd);
	return found;
}
