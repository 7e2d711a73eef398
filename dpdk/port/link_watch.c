/* rtnetlink: link up, link down, link gone. */
#include "port/link_watch.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES          16384
#define MESSAGES_PER_POLL_MAX 256 /* the rest waits for the next poll */

static void set_up(struct hz_link_watch *watch, uint32_t ifindex, bool is_up)
{
	for (uint32_t i = 0; i < watch->port_count; i++) {
		if (watch->port[i]->ifindex == ifindex)
			__atomic_store_n(&watch->port[i]->link_up, is_up, __ATOMIC_RELAXED);
	}
}

static void set_gone(struct hz_link_watch *watch, uint32_t ifindex)
{
	for (uint32_t i = 0; i < watch->port_count; i++) {
		if (watch->port[i]->ifindex == ifindex)
			__atomic_store_n(&watch->port[i]->is_gone, true, __ATOMIC_RELAXED);
	}
}

/* Asks for one link; the answer is RTM_NEWLINK, or an error that echoes the request. */
static int ask(struct hz_link_watch *watch, uint32_t ifindex)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request;

	memset(&request, 0, sizeof(request));
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = RTM_GETLINK;
	request.header.nlmsg_flags = NLM_F_REQUEST;
	request.header.nlmsg_seq = ++watch->sequence;
	request.link.ifi_family = AF_UNSPEC;
	request.link.ifi_index = (int)ifindex;
	if (send(watch->fd, &request, sizeof(request), MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

static int ask_all(struct hz_link_watch *watch)
{
	for (uint32_t i = 0; i < watch->port_count; i++) {
		int err = ask(watch, watch->port[i]->ifindex);

		if (err != 0)
			return err;
	}
	return 0;
}

/* An error answers one of our requests and carries it: ENODEV says that link is no more. */
static void take_error(struct hz_link_watch *watch, struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);
	struct ifinfomsg link;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*error) + sizeof(link)))
		return;
	memcpy(&link, error + 1, sizeof(link));
	if (error->error == -ENODEV && error->msg.nlmsg_type == RTM_GETLINK)
		set_gone(watch, (uint32_t)link.ifi_index);
}

static void take_message(struct hz_link_watch *watch, struct nlmsghdr *header)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);

	if (header->nlmsg_type == NLMSG_ERROR) {
		take_error(watch, header);
		return;
	}
	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*link)))
		return;
	if (header->nlmsg_type == RTM_DELLINK && link->ifi_family == AF_UNSPEC)
		set_gone(watch, (uint32_t)link->ifi_index);
	else if (header->nlmsg_type == RTM_NEWLINK)
		/* IFF_UP is what AF_XDP refuses on (ENETDOWN); the carrier's word comes late. */
		set_up(watch, (uint32_t)link->ifi_index, (link->ifi_flags & IFF_UP) != 0);
}

/* One datagram. False: nothing more to read. */
static bool take_datagram(struct hz_link_watch *watch)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER_BYTES];
	struct nlmsghdr *header = (void *)buffer;
	struct sockaddr_nl from = { 0 };
	socklen_t from_bytes = sizeof(from);
	ssize_t got = recvfrom(watch->fd, buffer, sizeof(buffer), MSG_DONTWAIT,
	                       (struct sockaddr *)&from, &from_bytes);
	unsigned left;

	if (got < 0 && errno == ENOBUFS)
		return ask_all(watch) == 0;
	if (got <= 0)
		return false;
	if (from.nl_pid != 0)
		return true; /* not from the kernel */
	left = (unsigned)got;
	for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
		take_message(watch, header);
	return true;
}

int hz_link_watch_open(struct hz_link_watch *watch, struct hz_port *const *ports, uint32_t count)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct hz_link_watch tmp = { .fd = -1 };
	int err;

	for (uint32_t i = 0; i < count; i++) {
		if (ports[i]->ifindex == 0)
			continue;
		if (tmp.port_count == HZ_LINK_WATCH_PORTS_MAX)
			return -ENOSPC;
		tmp.port[tmp.port_count++] = ports[i];
	}
	tmp.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (tmp.fd == -1)
		return -errno;
	if (bind(tmp.fd, (const struct sockaddr *)&local, sizeof(local)) != 0)
		err = -errno;
	else
		err = ask_all(&tmp);
	if (err != 0) {
		close(tmp.fd);
		return err;
	}
	*watch = tmp;
	(void)hz_link_watch_poll(watch);
	return 0;
}

const struct hz_port *hz_link_watch_poll(struct hz_link_watch *watch)
{
	for (unsigned i = 0; i < MESSAGES_PER_POLL_MAX && take_datagram(watch); i++)
		;
	for (uint32_t i = 0; i < watch->port_count; i++) {
		if (__atomic_load_n(&watch->port[i]->is_gone, __ATOMIC_RELAXED))
			return watch->port[i];
	}
	return NULL;
}

void hz_link_watch_close(struct hz_link_watch *watch)
{
	if (watch->fd > 0)
		close(watch->fd);
	watch->fd = -1;
	watch->port_count = 0;
}
