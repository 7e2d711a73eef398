/* A SYN flood: segments to one address and port, each from another random address and port, at a steady
 * rate. For tests of who else is served meanwhile.
 *   helper_flood INTERFACE MAC ADDRESS PORT PER_S SECONDS
 * Prints `ready` before the first and counts as JSON after the last; what an interface had no room for counts as
 * failed, and is made up for. Exit: 0, or 1 when it could not. */
#include "core/base.h"
#include "core/rng.h"
#include "tcp_wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH       64u
#define FRAME_BYTES 64u
#define PER_S_MAX   1000000u
#define SECONDS_MAX 600u

struct flood {
	int fd;
	uint8_t mac[12];
	uint32_t server_ip;
	uint16_t server_port;
	uint64_t total, sent, failed, period_ns;
	struct hz_rng rng;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* 0, or -errno. */
static int socket_open(struct flood *flood, const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		                  .sll_ifindex = (int)if_nametoindex(interface) };
	int fd, err;

	if (at.sll_ifindex == 0)
		return -errno;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
	if (fd == -1)
		return -errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	flood->fd = fd;
	return 0;
}

/* NULL, or which word is wrong. */
static const char *words_read(struct flood *flood, char **argv)
{
	uint8_t *mac = flood->mac;
	unsigned long port, per_s, seconds;
	struct in_addr address;

	/* Any source address will do: nobody's, locally administered. */
	memcpy(mac + 6, "\x02\0\0\0\0\xf1", 6);
	if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
	           mac + 4, mac + 5) != 6)
		return argv[2];
	if (inet_pton(AF_INET, argv[3], &address) != 1)
		return argv[3];
	port = strtoul(argv[4], NULL, 10);
	per_s = strtoul(argv[5], NULL, 10);
	seconds = strtoul(argv[6], NULL, 10);
	if (port == 0 || port > UINT16_MAX)
		return argv[4];
	if (per_s == 0 || per_s > PER_S_MAX)
		return argv[5];
	if (seconds == 0 || seconds > SECONDS_MAX)
		return argv[6];
	flood->server_ip = ntohl(address.s_addr);
	flood->server_port = (uint16_t)port;
	flood->total = (uint64_t)per_s * seconds;
	flood->period_ns = HZ_NS_PER_S / per_s;
	return NULL;
}

static size_t frame_fill(struct flood *flood, uint8_t *frame)
{
	uint64_t random = hz_rng_next(&flood->rng);
	struct tcp_wire_flow flow = {
		/* 11.0.0.0 to 126.255.255.255: nobody that answers, nobody that is refused unseen. */
		.client_ip = (11u + (uint32_t)(random >> 56) % 116u) << 24 |
		             (uint32_t)(random & 0xffffff),
		.client_port = (uint16_t)(1024 + (random >> 24) % 60000),
		.server_ip = flood->server_ip,
		.server_port = flood->server_port,
		.seq = (uint32_t)hz_rng_next(&flood->rng),
	};
	size_t bytes = tcp_wire_build(frame, &flow, TCP_WIRE_SYN, NULL, 0);

	memcpy(frame, flood->mac, sizeof(flood->mac));
	return bytes;
}

/* Ends at the first frame that there is no room for: the rest is owed still. */
static void batch_send(struct flood *flood, unsigned count)
{
	static uint8_t frame[BATCH][FRAME_BYTES];
	struct mmsghdr message[BATCH];
	struct iovec part[BATCH];
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++) {
		part[i] = (struct iovec){ frame[i], frame_fill(flood, frame[i]) };
		message[i] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &part[i], .msg_iovlen = 1 } };
	}
	while (done < count) {
		int sent = sendmmsg(flood->fd, message + done, count - done, 0);

		if (sent <= 0) {
			flood->failed++;
			return;
		}
		flood->sent += (unsigned)sent;
		done += (unsigned)sent;
	}
}

static void run(struct flood *flood)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	uint64_t start_ns = clock_ns();

	while (flood->sent < flood->total && flood->failed < flood->total) {
		uint64_t due = (clock_ns() - start_ns) / flood->period_ns;
		uint64_t owed = HZ_MIN(due, flood->total) - flood->sent, failed = flood->failed;

		if (owed != 0)
			batch_send(flood, (unsigned)HZ_MIN(owed, BATCH));
		if (owed == 0 || flood->failed != failed)
			nanosleep(&nap, NULL);
	}
}

int main(int argc, char **argv)
{
	struct flood flood = { .fd = -1 };
	const char *wrong;
	int err;

	if (argc != 7) {
		fprintf(stderr, "usage: helper_flood INTERFACE MAC ADDRESS PORT PER_S SECONDS\n");
		return 1;
	}
	wrong = words_read(&flood, argv);
	if (wrong != NULL) {
		fprintf(stderr, "helper_flood: %s is wrong or out of range\n", wrong);
		return 1;
	}
	err = socket_open(&flood, argv[1]);
	if (err != 0) {
		fprintf(stderr, "helper_flood: %s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	hz_rng_seed(&flood.rng, 1);
	printf("ready\n");
	fflush(stdout);
	run(&flood);
	printf("{\"sent\": %llu, \"failed\": %llu}\n", (unsigned long long)flood.sent,
	       (unsigned long long)flood.failed);
	close(flood.fd);
	return flood.sent == flood.total ? 0 : 1;
}
