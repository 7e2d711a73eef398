/* A bad link between two interfaces: frames from one leave at the other, late, twice, bent or never.
 * For kernels without netem. relay_conf_usage has the command line; README.md says how to set the
 * interfaces up. Prints `ready`, runs until SIGTERM, SIGINT or its time is over, and prints what it did
 * as JSON. Exit: 0, or 1 when it could not start. */
#include "core/base.h"
#include "flight.h"
#include "relay_conf.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH             64u
#define FRAMES_MAX        16384u
#define SOCKET_BYTES      (16 << 20)
#define LATE_NS           HZ_NS_PER_MS
#define FRAME_BYTES_LEAST 14

/* One direction. in and out belong to struct relay. */
struct way {
	int in, out;
	struct impair impair;
	struct flight flight;
	uint64_t sent, send_failed, oversize, no_memory, missed; /* missed: by our own socket */
	uint64_t late, late_max_ns;
};

struct relay {
	int fd[2]; /* packet sockets, one per interface */
	int signal_fd;
	uint64_t end_ns;
	struct way way[2];
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* --- life ------------------------------------------------------------------------------------------ */

/* A socket for every frame that comes in at the interface and none that leaves it. fd or -errno. */
static int packet_open(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		                  .sll_protocol = htons(ETH_P_ALL),
		                  .sll_ifindex = (int)if_nametoindex(interface) };
	int one = 1, bytes = SOCKET_BYTES, err;
	int fd;

	if (at.sll_ifindex == 0)
		return -errno;
	/* Protocol 0 until bound: nothing of other interfaces gets in. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void relay_close(struct relay *relay)
{
	for (unsigned i = 0; i < 2; i++) {
		flight_close(&relay->way[i].flight);
		if (relay->fd[i] >= 0)
			close(relay->fd[i]);
	}
	if (relay->signal_fd >= 0)
		close(relay->signal_fd);
}

static int relay_open(struct relay *relay, const struct relay_conf *conf)
{
	sigset_t ends;
	int err = 0;

	*relay = (struct relay){ .fd = { -1, -1 }, .signal_fd = -1 };
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	relay->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (relay->signal_fd == -1)
		return -errno;
	for (unsigned i = 0; i < 2 && err == 0; i++) {
		relay->fd[i] = packet_open(conf->interface[i]);
		err = relay->fd[i] < 0 ? relay->fd[i]
		                       : flight_open(&relay->way[i].flight, FRAMES_MAX);
		impair_init(&relay->way[i].impair, &conf->way[i], conf->seed * 2 + i);
	}
	if (err != 0) {
		relay_close(relay);
		return err;
	}
	for (unsigned i = 0; i < 2; i++) {
		relay->way[i].in = relay->fd[i];
		relay->way[i].out = relay->fd[1 - i];
	}
	relay->end_ns = clock_ns() + conf->run_ns;
	return 0;
}

/* --- frames ---------------------------------------------------------------------------------------- */

static void frame_in(struct way *way, uint32_t frame, uint32_t bytes, uint64_t now_ns)
{
	uint8_t *data = flight_frame(&way->flight, frame);
	struct impair_fate fate;
	uint32_t copy;

	impair_decide(&way->impair, now_ns, bytes, &fate);
	if (fate.copies == 0) {
		flight_drop(&way->flight, frame);
		return;
	}
	if (fate.flip_bit != SIZE_MAX)
		data[fate.flip_bit / 8] ^= (uint8_t)(1u << fate.flip_bit % 8);
	flight_add(&way->flight, frame, bytes, fate.due_ns[0]);
	if (fate.copies == 1)
		return;
	copy = flight_take(&way->flight);
	if (copy == UINT32_MAX) {
		way->no_memory++;
		return;
	}
	memcpy(flight_frame(&way->flight, copy), data, bytes);
	flight_add(&way->flight, copy, bytes, fate.due_ns[1]);
}

/* One batch into the flight's own memory. Returns the number received. */
static unsigned receive(struct way *way)
{
	struct mmsghdr message[BATCH];
	struct iovec part[BATCH];
	uint32_t frame[BATCH];
	unsigned room = 0;
	uint64_t now_ns;
	int got;

	while (room < BATCH && (frame[room] = flight_take(&way->flight)) != UINT32_MAX) {
		part[room] = (struct iovec){ flight_frame(&way->flight, frame[room]),
			                     FLIGHT_FRAME_BYTES };
		message[room] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &part[room], .msg_iovlen = 1 } };
		room++;
	}
	got = recvmmsg(way->in, message, room, MSG_DONTWAIT | MSG_TRUNC, NULL);
	got = got < 0 ? 0 : got;
	now_ns = clock_ns();
	for (unsigned i = 0; i < room; i++) {
		bool is_frame = i < (unsigned)got && message[i].msg_len >= FRAME_BYTES_LEAST;

		if (is_frame && message[i].msg_len <= FLIGHT_FRAME_BYTES) {
			frame_in(way, frame[i], message[i].msg_len, now_ns);
			continue;
		}
		way->oversize +=
			is_frame; /* offloads are on somewhere: a hole that no one seeded */
		flight_drop(&way->flight, frame[i]);
	}
	return (unsigned)got;
}

static void lateness_note(struct way *way, uint64_t late_ns)
{
	way->late += late_ns > LATE_NS;
	way->late_max_ns = HZ_MAX(way->late_max_ns, late_ns);
}

/* Sends what is due, one batch. Returns the number tried. */
static unsigned transmit(struct way *way)
{
	struct mmsghdr message[BATCH];
	struct iovec part[BATCH];
	uint32_t frame[BATCH];
	uint64_t now_ns = clock_ns();
	unsigned count = 0, done = 0;

	while (count < BATCH && flight_next_ns(&way->flight) <= now_ns) {
		struct flight_item item = flight_pop(&way->flight);

		lateness_note(way, now_ns - item.due_ns);
		frame[count] = item.frame;
		part[count] = (struct iovec){ flight_frame(&way->flight, item.frame), item.bytes };
		message[count] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &part[count], .msg_iovlen = 1 } };
		count++;
	}
	while (done < count) {
		int sent = sendmmsg(way->out, message + done, count - done, MSG_DONTWAIT);

		way->sent += sent > 0 ? (unsigned)sent : 0;
		way->send_failed += sent <= 0;
		done += sent > 0 ? (unsigned)sent : 1; /* the one that failed is gone */
	}
	for (unsigned i = 0; i < count; i++)
		flight_drop(&way->flight, frame[i]);
	return count;
}

/* Sleeps until a frame comes, one is due, or the end. Returns false at the end. */
static bool idle(struct relay *relay)
{
	struct pollfd on[3] = { { relay->fd[0], POLLIN, 0 },
		                { relay->fd[1], POLLIN, 0 },
		                { relay->signal_fd, POLLIN, 0 } };
	uint64_t now_ns = clock_ns(), until_ns = relay->end_ns;
	struct timespec sleep;

	for (unsigned i = 0; i < 2; i++)
		until_ns = HZ_MIN(until_ns, flight_next_ns(&relay->way[i].flight));
	until_ns = HZ_MAX(until_ns, now_ns) - now_ns;
	sleep = (struct timespec){ .tv_sec = (time_t)(until_ns / HZ_NS_PER_S),
		                   .tv_nsec = (long)(until_ns % HZ_NS_PER_S) };
	if (ppoll(on, 3, &sleep, NULL) < 0 && errno != EINTR)
		return false;
	return on[2].revents == 0 && clock_ns() < relay->end_ns;
}

static void run(struct relay *relay)
{
	do {
		unsigned busy;

		/* Bounded, so that a flood cannot keep the end of its time from it. */
		for (unsigned turn = 0; turn < 1000; turn++) {
			busy = 0;
			for (unsigned i = 0; i < 2; i++)
				busy += receive(&relay->way[i]) + transmit(&relay->way[i]);
			if (busy == 0)
				break;
		}
	} while (idle(relay));
}

static void missed_read(struct way *way)
{
	struct tpacket_stats stats;
	socklen_t bytes = sizeof(stats);

	if (getsockopt(way->in, SOL_PACKET, PACKET_STATISTICS, &stats, &bytes) == 0)
		way->missed = stats.tp_drops;
}

static void way_print(const char *name, const struct way *way)
{
	const struct impair_counts *counts = &way->impair.counts;
	const struct {
		const char *name;
		uint64_t value;
	} figure[] = {
		{ "frames", counts->frames },
		{ "bytes", counts->bytes },
		{ "sent", way->sent },
		{ "lost", counts->lost },
		{ "tail_dropped", counts->tail_dropped },
		{ "duplicated", counts->duplicated },
		{ "corrupted", counts->corrupted },
		{ "reordered", counts->reordered },
		{ "queue_bytes_max", counts->queue_bytes_max },
		{ "under_way", way->flight.count },
		{ "late_1ms", way->late },
		{ "late_max_us", way->late_max_ns / HZ_NS_PER_US },
		{ "send_failed", way->send_failed },
		{ "oversize", way->oversize },
		{ "no_memory", way->no_memory },
		{ "missed", way->missed },
	};

	printf("\"%s\": {", name);
	for (size_t i = 0; i < HZ_ARRAY_LEN(figure); i++)
		printf("%s\"%s\": %llu", i == 0 ? "" : ", ", figure[i].name,
		       (unsigned long long)figure[i].value);
	printf("}");
}

/* Without these a busy machine wakes us a time slice late; not allowed to: late_1ms shows it. */
static void timing_improve(void)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 1UL); /* the default rounds sleeps up by 50 us */
	sched_setscheduler(0, SCHED_FIFO, &lowest);
}

int main(int argc, char **argv)
{
	struct relay_conf conf;
	struct relay relay;
	const char *word, *why = relay_conf_read(argc, argv, &conf, &word);
	int err;

	if (why != NULL) {
		fprintf(stderr, "helper_relay: %s: %s\n", word, why);
		relay_conf_usage();
		return 1;
	}
	err = relay_open(&relay, &conf);
	if (err != 0) {
		fprintf(stderr, "helper_relay: %s and %s: %s\n", conf.interface[0],
		        conf.interface[1], strerror(-err));
		return 1;
	}
	timing_improve();
	printf("ready\n");
	fflush(stdout);
	run(&relay);
	missed_read(&relay.way[0]);
	missed_read(&relay.way[1]);
	printf("{");
	way_print("there", &relay.way[0]);
	printf(", ");
	way_print("back", &relay.way[1]);
	printf("}\n");
	relay_close(&relay);
	return 0;
}
