/* Frames at the rate of a core, made and sent by the kernel itself: a SYN to one address and port from
 * ever other addresses and ports. For tests of what a program on the other end of a veth does under load.
 *   helper_live OBJECT INTERFACE MAC ADDRESS PORT PER_S SECONDS
 * PER_S 0: as many as there can be. Prints `ready` before the first and counts as JSON after the last.
 * Exit: 0, 77 where the kernel cannot, or 1. */
#include "core/base.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define BATCH       64u /* a veth takes 256 before its other end has to run */
#define TURNS_PER_S 50u /* a call costs milliseconds before its first frame */
#define TURN_MAX    65536u
#define FRAME_BYTES 60u
#define SECONDS_MAX 600u

/* The handler has no argument. */
static volatile sig_atomic_t is_told_to_end;

static void on_term(int number)
{
	(void)number;
	is_told_to_end = 1;
}

struct live {
	int prog_fd;
	uint8_t frame[FRAME_BYTES];
	struct xdp_md in;
	uint64_t sent;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

static int own_mac(const char *ifname, uint8_t out[ETH_ALEN])
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	status = fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0 ? -errno : 0;
	memcpy(out, request.ifr_hwaddr.sa_data, ETH_ALEN);
	if (fd >= 0)
		close(fd);
	return status;
}

static uint16_t ip_csum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A SYN without options; nobody verifies its checksum before there is a connection. */
static int frame_make(struct live *live, char **argv)
{
	uint8_t *frame = live->frame, *ip = frame + ETH_HLEN, *tcp = ip + 20;
	unsigned long port = strtoul(argv[5], NULL, 10);
	uint16_t csum;

	if (sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &frame[0], &frame[1], &frame[2],
	           &frame[3], &frame[4], &frame[5]) != 6 ||
	    own_mac(argv[2], frame + ETH_ALEN) != 0 || inet_pton(AF_INET, argv[4], ip + 16) != 1 ||
	    port == 0 || port > UINT16_MAX)
		return -EINVAL;
	frame[12] = 0x08;
	ip[0] = 0x45;
	ip[3] = 40;
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	csum = ip_csum(ip);
	ip[10] = (uint8_t)(csum >> 8);
	ip[11] = (uint8_t)csum;
	tcp[2] = (uint8_t)(port >> 8);
	tcp[3] = (uint8_t)port;
	tcp[12] = 0x50;
	tcp[13] = 0x02;
	tcp[14] = 0xff;
	return 0;
}

static int turn_send(struct live *live, uint32_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = live->frame,
	            .data_size_in = sizeof(live->frame), .ctx_in = &live->in,
	            .ctx_size_in = sizeof(live->in), .repeat = (int)count,
	            .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	if (bpf_prog_test_run_opts(live->prog_fd, &opts) != 0)
		return errno == EINTR ? 0 : -errno; /* told to end: what went out is not known */
	live->sent += count;
	return 0;
}

static int run(struct live *live, uint64_t per_s, uint64_t seconds)
{
	uint64_t started_ns = clock_ns(), end_ns = started_ns + seconds * HZ_NS_PER_S, now_ns;
	uint64_t turn = per_s == 0 ? TURN_MAX : HZ_MIN(per_s / TURNS_PER_S, (uint64_t)TURN_MAX);
	int status = 0;

	while (status == 0 && !is_told_to_end && (now_ns = clock_ns()) < end_ns) {
		if (per_s == 0 || live->sent * HZ_NS_PER_S / per_s <= now_ns - started_ns)
			status = turn_send(live, (uint32_t)HZ_MAX(turn, (uint64_t)BATCH));
		else
			(void)usleep(200);
	}
	printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)live->sent,
	       (double)(clock_ns() - started_ns) / (double)HZ_NS_PER_S);
	return status;
}

int main(int argc, char **argv)
{
	struct live live = { .in = { .data_end = FRAME_BYTES } };
	struct bpf_object *object;
	struct bpf_program *program;
	unsigned long per_s, seconds;
	uint32_t zero = 0;
	int status;

	if (argc != 8)
		return 1;
	(void)signal(SIGTERM, on_term);
	setvbuf(stdout, NULL, _IOLBF, 0);
	per_s = strtoul(argv[6], NULL, 10);
	seconds = strtoul(argv[7], NULL, 10);
	live.in.ingress_ifindex = if_nametoindex(argv[2]);
	if (live.in.ingress_ifindex == 0 || seconds == 0 || seconds > SECONDS_MAX ||
	    frame_make(&live, argv) != 0) {
		fprintf(stderr, "helper_live: wrong words\n");
		return 1;
	}
	object = bpf_object__open_file(argv[1], NULL);
	program = object == NULL || bpf_object__load(object) != 0
	                  ? NULL
	                  : bpf_object__find_program_by_name(object, "live_tx");
	if (program == NULL) {
		fprintf(stderr, "helper_live: %s cannot be loaded\n", argv[1]);
		return 1;
	}
	live.prog_fd = bpf_program__fd(program);
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "live_frame"), &zero,
	                        live.frame, BPF_ANY) != 0) {
		fprintf(stderr, "helper_live: no frame to send\n");
		return 1;
	}
	puts("ready");
	status = run(&live, per_s, seconds);
	bpf_object__close(object);
	if (status != 0)
		fprintf(stderr, "helper_live: %s\n", strerror(-status));
	return status == -EINVAL || status == -EOPNOTSUPP ? 77 : status != 0;
}
