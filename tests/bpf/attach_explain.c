/* A packet explained: by the maps as they are when it is asked about, however long the copy took before, and with the
 * rule that decided. */
#include "abi/shed_word.h"
#include "attach_ask.h"
#include "attach_world.h"
#include "loader/xdp_explain.h"
#include "loader/xdp_lists.h"
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define HOUR_NS (3600 * HZ_NS_PER_S)
#define BATCH   4096u

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool pin_write(const char *name, const void *key, const void *value)
{
	int fd = world_open(name);
	bool is_written = fd >= 0 && bpf_map_update_elem(fd, key, value, BPF_ANY) == 0;

	close(fd);
	return is_written;
}

/* One worker on queue 0 that beats now, 500 ms may pass until the next. */
static bool beat_write(uint64_t shed)
{
	const struct hz_beat beat = { .beat_ns = now_ns(),
		                      .state = HZ_STATE_READY,
		                      .ifindex = if_nametoindex(WORLD_A),
		                      .shed = shed };
	uint32_t zero = 0;

	return pin_write("beat", &zero, &beat);
}

/* Attached, with a socket and one worker that beats. Its socket, -1. */
static int server_start(void)
{
	const struct hz_cfg cfg = { .abi_major = HZ_ABI_MAJOR,
		                    .beat_timeout_ns = 500 * HZ_NS_PER_MS,
		                    .on_dead = HZ_ON_DEAD_PASS,
		                    .state = HZ_STATE_READY,
		                    .shed_verdict = HZ_SHED_RESET,
		                    .workers = 1 };
	int socket_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint32_t zero = 0;

	if (socket_fd >= 0 && world_attach(WORLD_A, 0, NULL, NULL) == 0 &&
	    pin_write("cfg", &zero, &cfg) && pin_write("xsks_map_" WORLD_A, &zero, &socket_fd) &&
	    beat_write(0))
		return socket_fd;
	close(socket_fd);
	return -1;
}

/* As many sources as there is room for, in batches: keys of IPv4 from 11.0.0.0 on. */
static bool sources_fill(void)
{
	struct hz_addr *key = calloc(BATCH, sizeof(*key));
	struct hz_src *value = calloc(BATCH, sizeof(*value));
	int fd = world_open("src");
	bool is_filled = fd >= 0 && key != NULL && value != NULL;

	for (uint32_t i = 0; i < HZ_SOURCES_MAX && is_filled; i += BATCH) {
		uint32_t count = BATCH;

		for (uint32_t k = 0; k < BATCH; k++)
			key[k] = (struct hz_addr){ .byte = { [10] = 0xff,
				                             0xff,
				                             11,
				                             (uint8_t)((i + k) >> 16),
				                             (uint8_t)((i + k) >> 8),
				                             (uint8_t)k } };
		is_filled = bpf_map_update_batch(fd, key, value, &count, NULL) == 0;
	}
	close(fd);
	free(key);
	free(value);
	return is_filled;
}

static bool client_write(int version, uint64_t ahead_ns)
{
	const struct hz_addr who =
		version == 4 ? (struct hz_addr){ .byte = { [10] = 0xff, 0xff, 10, 7, 0, 1 } }
			     : (struct hz_addr){ .byte = { 0xfd, 0x07 } };
	const struct hz_src known = { .due_ns = now_ns() + ahead_ns };

	return pin_write("src", &who, &known);
}

/* NULL: a SYN to the site meets this reason, and the rule holds this text. */
static const char *told_is(const struct hz_xdp_explain *explain, int version, enum hz_reason reason,
                           const char *text)
{
	const struct wire_spec spec = {
		.version = version, .port = 80, .source_port = 7, .flags = WIRE_SYN
	};
	struct hz_xdp_explained told;
	struct wire frame;

	wire_build(&frame, &spec);
	if (hz_xdp_explain_run(explain, frame.byte, frame.len, &told) != 0)
		return "not run";
	if (told.reason == reason && strstr(told.rule, text) != NULL)
		return NULL;
	printf("# reason %d: %s\n", (int)told.reason, told.rule);
	return "another reason, or another rule";
}

/* More time than beat_timeout between the copy and the packet; the worker has gone on meanwhile. */
static const char *slow_copy_kills_nobody(void)
{
	const struct timespec pause = { .tv_nsec = 700 * HZ_NS_PER_MS };
	struct hz_xdp_explain explain;
	struct hz_err err = { 0 };
	int socket_fd = server_start();
	uint64_t began_ns;
	const char *why;

	if (socket_fd < 0 || !sources_fill())
		return "no server";
	began_ns = now_ns();
	if (hz_xdp_explain_open(WORLD_INSTANCE, WORLD_A, &explain, &err) != 0)
		return "not opened";
	printf("# opened in %llu ms beside %u sources\n",
	       (unsigned long long)((now_ns() - began_ns) / HZ_NS_PER_MS), HZ_SOURCES_MAX);
	(void)nanosleep(&pause, NULL);
	why = beat_write(0) ? told_is(&explain, 4, HZ_REASON_steer, "site") : "no beat";
	(void)nanosleep(&pause, NULL);
	if (why == NULL)
		why = told_is(&explain, 4, HZ_REASON_pass_on_dead, "site");
	hz_xdp_explain_close(&explain);
	close(socket_fd);
	return why;
}

/* The limit as it is for this source now; explaining uses nothing up. */
static const char *rate_is_the_sources_own(void)
{
	const struct hz_source_rate rate = { HOUR_NS, HOUR_NS };
	struct hz_xdp_explain explain;
	struct hz_err err = { 0 };
	int socket_fd = server_start();
	const char *why = NULL;
	uint32_t zero = 0;

	if (socket_fd < 0 || !pin_write("src_rate", &zero, &rate) || !sources_fill())
		return "no server";
	if (hz_xdp_explain_open(WORLD_INSTANCE, WORLD_A, &explain, &err) != 0)
		return "not opened";
	for (int version = 4; version <= 6 && why == NULL; version += 2) {
		for (int i = 0; i < 4 && why == NULL; i++)
			why = beat_write(0) ? told_is(&explain, version, HZ_REASON_steer, "site")
			                    : "no beat";
		if (why == NULL && !client_write(version, HOUR_NS + HOUR_NS / 2))
			why = "cannot write the source";
		if (why == NULL)
			why = beat_write(0) ? told_is(&explain, version, HZ_REASON_drop_source_rate,
			                              version == 4 ? "10.7.0.1 is beyond"
			                                           : "fd07::/64 is beyond")
			                    : "no beat";
	}
	hz_xdp_explain_close(&explain);
	close(socket_fd);
	return why;
}

static const char *level_and_class_are_told(void)
{
	struct hz_xdp_explain explain;
	struct hz_err err = { 0 };
	int socket_fd = server_start();
	const char *why = NULL;

	if (socket_fd < 0)
		return "no server";
	if (hz_xdp_explain_open(WORLD_INSTANCE, WORLD_A, &explain, &err) != 0)
		return "not opened";
	if (!beat_write(hz_shed_word(0, 1000, 7, 0)))
		why = "no beat";
	if (why == NULL)
		why = told_is(&explain, 4, HZ_REASON_shed_reset,
		              "shed level 1000 of 1000 in class bulk, verdict rst; 503 at least "
		              "for 7");
	if (why == NULL && !beat_write(hz_shed_word(0, 0, 0, 1000)))
		why = "no beat";
	if (why == NULL)
		why = told_is(&explain, 6, HZ_REASON_shed_drop, "shut for 1000");
	hz_xdp_explain_close(&explain);
	close(socket_fd);
	return why;
}

static const char *list_is_told(uint8_t list, enum hz_reason reason, const char *text)
{
	const struct hz_source_rule rule = ask_rule("10.7.0.0", 24, list);
	struct hz_xdp_explain explain = { .skel = NULL };
	struct hz_xdp_lists lists;
	struct hz_err err = { 0 };
	int socket_fd = server_start();
	const char *why = NULL;

	if (socket_fd < 0 || hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
		return "no server";
	if (hz_xdp_lists_fill(&lists, &rule, 1, &err) != 0 || hz_xdp_lists_flip(&lists) != 0 ||
	    hz_xdp_explain_open(WORLD_INSTANCE, WORLD_A, &explain, &err) != 0)
		why = "no lists, or not opened";
	if (why == NULL)
		why = beat_write(0) ? told_is(&explain, 4, reason, text) : "no beat";
	if (why == NULL)
		why = beat_write(0) ? told_is(&explain, 6, HZ_REASON_steer, "site") : "no beat";
	hz_xdp_explain_close(&explain);
	hz_xdp_lists_close(&lists);
	close(socket_fd);
	return why;
}

static const char *allow_is_told(void)
{
	return list_is_told(HZ_SOURCE_ALLOW, HZ_REASON_steer,
	                    "site; 10.7.0.1 is in 10.7.0.0/24, which is on the allow list");
}

static const char *probe_is_told(void)
{
	return list_is_told(HZ_SOURCE_PROBE, HZ_REASON_steer, "on the probe list");
}

static const char *deny_is_told(void)
{
	return list_is_told(HZ_SOURCE_DENY, HZ_REASON_drop_deny, "10.7.0.1 is in 10.7.0.0/24");
}

const struct world_test attach_explain_tests[] = {
	{ "explain.slow_copy_kills_nobody", slow_copy_kills_nobody },
	{ "explain.rate_is_the_sources_own", rate_is_the_sources_own },
	{ "explain.level_and_class_are_told", level_and_class_are_told },
	{ "explain.allow_is_told", allow_is_told },
	{ "explain.probe_is_told", probe_is_told },
	{ "explain.deny_is_told", deny_is_told },
	{ NULL, NULL },
};
