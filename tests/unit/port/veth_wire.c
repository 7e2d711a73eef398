#include "veth_wire.h"
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int far_fd = -1;

bool wire_run(const char *const argv[])
{
	extern char **environ;
	union {
		const char *const *in;
		char *const *out;
	} args = { .in = argv };
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	status = posix_spawnp(&pid, argv[0], &quiet, NULL, args.out, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (status != 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool far_open(uint16_t type)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		                  .sll_protocol = (uint16_t)__builtin_bswap16(type),
		                  .sll_ifindex = (int)if_nametoindex(WIRE_FAR) };
	int room = 4 << 20;

	far_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, at.sll_protocol);
	if (far_fd == -1)
		return false;
	setsockopt(far_fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return bind(far_fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

static const char *pair_up(uint16_t type)
{
	static const char *const pair[] = {
		"ip",   "link", "add",  WIRE_NEAR, "numtxqueues", "2", "numrxqueues", "2", "type",
		"veth", "peer", "name", WIRE_FAR,  "numtxqueues", "1", "numrxqueues", "1", NULL
	};
	static const char *const near[] = { "ip", "link", "set", WIRE_NEAR, "up", NULL };
	static const char *const far[] = { "ip", "link", "set", WIRE_FAR, "up", NULL };

	if (geteuid() != 0)
		return "needs root";
	if (unshare(CLONE_NEWNET) != 0)
		return "no network namespace";
	if (!wire_run(pair) || !wire_run(near) || !wire_run(far))
		return "no veth pair";
	return far_open(type) ? NULL : "no packet socket";
}

const char *wire_up(void)
{
	return pair_up(WIRE_TYPE);
}

const char *wire_ip_up(void)
{
	return pair_up(0x0800);
}

bool wire_send(const uint8_t *frame, size_t bytes)
{
	return send(far_fd, frame, bytes, 0) == (ssize_t)bytes;
}

ssize_t wire_receive(uint8_t out[WIRE_FRAME])
{
	struct pollfd poller = { .fd = far_fd, .events = POLLIN };

	for (int tries = 0; tries < 1000; tries++) {
		struct sockaddr_ll from;
		socklen_t from_bytes = sizeof(from);
		ssize_t got;

		if (poll(&poller, 1, 1000) != 1)
			return -1;
		got = recvfrom(far_fd, out, WIRE_FRAME, MSG_TRUNC, (struct sockaddr *)&from,
		               &from_bytes);
		if (from.sll_pkttype != PACKET_OUTGOING)
			return got;
	}
	return -1;
}
