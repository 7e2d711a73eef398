/* One frame again and again out of an interface, made by the kernel itself: more per second than any socket
 * can send from the same core. For floods, and for probers of what needs no state.
 *   helper_live INTERFACE PER_S SECONDS HEXFRAME [random]
 * random: another IPv4 source, port and sequence number each time; the frame has zeroes there and checksums
 * that fit. Only out of a veth in a namespace of tools/dev/rig.sh: not by mistake into a real network.
 * Prints `ready` before the first and counts as JSON after the last, or at SIGTERM. Exit: 0, 1 when it could not, 77 when the
 * kernel has no live frames. */
#include "core/base.h"
#include "xdp_live.h"
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PER_S_MAX   5000000u
#define SECONDS_MAX 600u
#define SLICE_MAX   65536u /* frames per call, which costs milliseconds before its first one */
#define BATCH       64u

struct live_run {
	struct live_template frame;
	uint32_t ifindex;
	uint64_t per_s, total, sent;
	int prog_fd;
};

/* The handler has no argument. */
static volatile sig_atomic_t is_told_to_end;

static void on_term(int number)
{
	(void)number;
	is_told_to_end = 1;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Is this network namespace one of the rig's, hz-NAME-c and so on? */
static bool is_rig(void)
{
	struct stat here, named;
	struct dirent *entry;
	bool is_found = false;
	DIR *folder = opendir("/run/netns");

	if (folder == NULL)
		return false;
	if (stat("/proc/self/ns/net", &here) == 0)
		while (!is_found && (entry = readdir(folder)) != NULL)
			is_found = strncmp(entry->d_name, "hz-", 3) == 0 &&
			           fstatat(dirfd(folder), entry->d_name, &named, 0) == 0 &&
			           named.st_ino == here.st_ino;
	closedir(folder);
	return is_found;
}

/* NULL, or why not there. */
static const char *place_check(const char *interface)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (char *)&info };
	int fd, status;

	if (!is_rig())
		return "not in a network namespace of a rig";
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	status = fd == -1 ? -1 : ioctl(fd, SIOCETHTOOL, &request);
	if (fd != -1)
		close(fd);
	return status == 0 && strcmp(info.driver, "veth") == 0 ? NULL : "not a veth";
}

/* NULL, or which word is wrong. */
static const char *words_read(struct live_run *run, int argc, char **argv)
{
	size_t digits = strlen(argv[4]);
	unsigned long seconds = strtoul(argv[3], NULL, 10);

	run->ifindex = if_nametoindex(argv[1]);
	run->per_s = strtoul(argv[2], NULL, 10);
	if (run->ifindex == 0)
		return argv[1];
	if (run->per_s == 0 || run->per_s > PER_S_MAX)
		return argv[2];
	if (seconds == 0 || seconds > SECONDS_MAX)
		return argv[3];
	if (digits < 2 * 42 || digits > 2 * LIVE_BYTES_MAX || digits % 2 != 0)
		return "HEXFRAME";
	for (size_t i = 0; i < digits / 2; i++)
		if (sscanf(argv[4] + 2 * i, "%2hhx", &run->frame.data[i]) != 1)
			return "HEXFRAME";
	if (argc == 6 && strcmp(argv[5], "random") != 0)
		return argv[5];
	run->frame.bytes = (uint32_t)digits / 2;
	run->frame.is_random = argc == 6;
	run->total = run->per_s * seconds;
	return NULL;
}

/* Returns the object, to close; NULL with errno. */
static struct bpf_object *program_load(struct live_run *run)
{
	const char *out = getenv("O") == NULL ? "build" : getenv("O");
	struct bpf_object *object;
	char path[512];
	uint32_t zero = 0;

	snprintf(path, sizeof(path), "%s/tests-bpf/xdp_live.bpf.o", out);
	object = bpf_object__open_file(path, NULL);
	if (object == NULL)
		return NULL;
	if (bpf_object__load(object) != 0 ||
	    bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "live"), &zero, &run->frame,
	                        BPF_ANY) != 0) {
		bpf_object__close(object);
		return NULL;
	}
	run->prog_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "xdp_live"));
	return object;
}

static int slice_send(struct live_run *run, uint32_t count)
{
	struct xdp_md where = { .data_end = run->frame.bytes, .ingress_ifindex = run->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->frame.data,
	            .data_size_in = run->frame.bytes, .ctx_in = &where,
	            .ctx_size_in = sizeof(where), .repeat = (int)count,
	            .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = HZ_MIN(count, BATCH));

	return bpf_prog_test_run_opts(run->prog_fd, &opts) == 0 ? 0 : -errno;
}

static int frames_send(struct live_run *run)
{
	const struct timespec nap = { .tv_nsec = 500000 };
	uint64_t start_ns = clock_ns(), end_ns = start_ns + run->total / run->per_s * HZ_NS_PER_S;
	int status = 0;

	while (run->sent < run->total && status == 0 && !is_told_to_end) {
		uint64_t now_ns = clock_ns();
		uint64_t due = (uint64_t)((unsigned __int128)(now_ns - start_ns) * run->per_s /
		                          HZ_NS_PER_S);
		uint64_t owed = HZ_MIN(HZ_MIN(due, run->total) - run->sent, (uint64_t)SLICE_MAX);

		if (now_ns >
		    end_ns + HZ_NS_PER_S) /* it does not keep up: the time is what counts */
			break;
		if (owed == 0) {
			nanosleep(&nap, NULL);
			continue;
		}
		status = slice_send(run, (uint32_t)owed);
		if (status == 0)
			run->sent += owed;
		else if (status == -EINTR &&
		         is_told_to_end) /* some of them went; how many is not told */
			status = 0;
	}
	printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)run->sent,
	       (double)(clock_ns() - start_ns) / (double)HZ_NS_PER_S);
	return status;
}

int main(int argc, char **argv)
{
	struct live_run run = { .prog_fd = -1 };
	struct bpf_object *object;
	const char *wrong;
	int status;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: helper_live INTERFACE PER_S SECONDS HEXFRAME [random]\n");
		return 1;
	}
	wrong = words_read(&run, argc, argv);
	if (wrong != NULL) {
		fprintf(stderr, "helper_live: %s is wrong or out of range\n", wrong);
		return 1;
	}
	wrong = place_check(argv[1]);
	if (wrong != NULL) {
		fprintf(stderr, "helper_live: %s: %s\n", argv[1], wrong);
		return 1;
	}
	libbpf_set_print(NULL);
	object = program_load(&run);
	if (object == NULL) {
		fprintf(stderr, "helper_live: cannot load its program: %s\n", strerror(errno));
		return 1;
	}
	(void)signal(SIGTERM, on_term);
	printf("ready\n");
	fflush(stdout);
	status = frames_send(&run);
	bpf_object__close(object);
	if (status != 0)
		fprintf(stderr, "helper_live: %s\n", strerror(-status));
	return status == 0 ? 0 : status == -EINVAL ? 77 : 1;
}
