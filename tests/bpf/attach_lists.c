/* Lists of sources in the pinned maps: written by attach and by a server, as large as they may be, and
 * exchanged while packets look at them. */
#include "attach_ask.h"
#include "attach_world.h"
#include "core/endpoint.h"
#include "loader/xdp_lists.h"
#include "wire.h"
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define MANY     100000u /* of each family */
#define FILLERS  5000u   /* of each family, while packets come */
#define SWAPS_NS (1500 * HZ_NS_PER_MS)
#define DENY     HZ_SOURCE_DENY

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HZ_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* 100.x.y.z/32 and 2001:db8:X:Y::/64, none of them a client's. */
static uint32_t fillers_put(struct hz_source_rule *rule, uint32_t each)
{
	for (uint32_t i = 0; i < each; i++) {
		uint32_t spread = i * 2654435761u; /* odd: no two alike */

		rule[2 * i] = ask_rule("100.0.0.0", 32, DENY);
		rule[2 * i].addr.byte[13] = (uint8_t)(i >> 16);
		rule[2 * i].addr.byte[14] = (uint8_t)(i >> 8);
		rule[2 * i].addr.byte[15] = (uint8_t)i;
		rule[2 * i + 1] = ask_rule("2001:db8::", 64, DENY);
		memcpy(rule[2 * i + 1].addr.byte + 4, &spread, sizeof(spread));
	}
	return 2 * each;
}

static int attach_with(const struct hz_source_rule *rule, uint32_t count, unsigned how)
{
	const struct hz_endpoint claims[] = { world_endpoint("10.7.0.2", 80),
		                              world_endpoint("fd07::2", 80) };
	const struct hz_xdp_attach_opts opts = {
		.size = sizeof(opts),
		.instance = WORLD_INSTANCE,
		.ifname = WORLD_A,
		.ensure = true,
		.dry_run = (how & WORLD_DRY) != 0,
		.claim_count = HZ_ARRAY_LEN(claims),
		.claims = claims,
		.has_sources = (how & WORLD_KEEP_CLAIMS) == 0,
		.source = rule,
		.source_count = count,
	};
	struct hz_xdp_info info;
	struct hz_err err = { 0 };

	return hz_xdp_attach(&opts, &info, &err);
}

static const char *attach_writes_and_keeps_lists(void)
{
	const struct hz_source_rule four = ask_rule("10.7.0.0", 24, DENY);
	const struct hz_source_rule six = ask_rule("fd07::1", 128, DENY);
	struct asker asker;
	const char *why = NULL;

	if (attach_with(&four, 1, 0) != 0 || !ask_open(&asker))
		return "attach failed";
	if (!ask_are_denied(&asker, true, false))
		why = "attach did not write them";
	else if (attach_with(&six, 1, WORLD_DRY) != 0 || !ask_are_denied(&asker, true, false))
		why = "a dry run changed them";
	else if (attach_with(NULL, 0, WORLD_KEEP_CLAIMS) != 0 ||
	         !ask_are_denied(&asker, true, false))
		why = "an attach without lists changed them";
	else if (attach_with(&six, 1, 0) != 0 || !ask_are_denied(&asker, false, true))
		why = "ensure did not exchange them";
	else if (attach_with(NULL, 0, 0) != 0 || !ask_are_denied(&asker, false, false))
		why = "ensure with empty ones did not take them away";
	close(asker.prog_fd);
	return why;
}

/* An interface that is attached later has the lists of the instance. */
static const char *lists_are_the_instances(void)
{
	const struct hz_source_rule four = ask_rule("10.7.0.0", 24, DENY);
	struct asker asker;
	const char *why;

	if (attach_with(&four, 1, 0) != 0 || world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "attach failed";
	if (!ask_open(&asker))
		return "no program";
	close(asker.prog_fd);
	asker.prog_fd = world_open("prog_xdp_" WORLD_B);
	why = ask_are_denied(&asker, true, false) ? NULL : "another interface has other lists";
	close(asker.prog_fd);
	return why;
}

static int lists_write(const struct hz_source_rule *rule, uint32_t count)
{
	struct hz_xdp_lists lists;
	struct hz_err err = { 0 };
	int status = hz_xdp_lists_open(WORLD_INSTANCE, &lists);

	if (status != 0)
		return status;
	lists.wait_ms = HZ_XDP_LISTS_WAIT_PATIENT_MS;
	status = hz_xdp_lists_fill(&lists, rule, count, &err);
	if (status == 0)
		status = hz_xdp_lists_flip(&lists);
	hz_xdp_lists_close(&lists);
	return status;
}

/* The kernel takes no prefix of more bits than an address has: the second of three fails. */
static const char *failed_fill_leaves_what_was(void)
{
	const struct hz_source_rule good = ask_rule("10.7.0.0", 24, DENY);
	const struct hz_source_rule bad[] = { ask_rule("fd07::", 64, DENY),
		                              ask_rule("10.8.0.0", 33, DENY),
		                              ask_rule("10.9.0.0", 16, DENY) };
	struct hz_xdp_lists lists;
	struct hz_err err = { 0 };
	struct asker asker;
	const char *why = NULL;

	if (attach_with(&good, 1, 0) != 0 || !ask_open(&asker) ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
		return "attach failed";
	if (hz_xdp_lists_fill(&lists, bad, HZ_ARRAY_LEN(bad), &err) == 0)
		why = "it was taken";
	else if (err.exit_code != 5 || strcmp(err.code, "lists") != 0)
		why = "not told as that";
	else if (hz_xdp_lists_flip(&lists) != 0 || !ask_are_denied(&asker, true, false))
		why = "the lists before are gone, or half of the new ones count";
	else if (lists_write(bad, 1) != 0 || !ask_are_denied(&asker, false, true))
		why = "the lock was kept, or what failed is still there";
	hz_xdp_lists_close(&lists);
	close(asker.prog_fd);
	return why;
}

static const char *dropped_fill_leaves_what_was(void)
{
	const struct hz_source_rule good = ask_rule("10.7.0.0", 24, DENY);
	const struct hz_source_rule other = ask_rule("fd07::", 64, DENY);
	struct hz_xdp_lists lists;
	struct hz_err err = { 0 };
	struct asker asker;
	const char *why = NULL;

	if (attach_with(&good, 1, 0) != 0 || !ask_open(&asker) ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
		return "attach failed";
	if (hz_xdp_lists_fill(&lists, &other, 1, &err) != 0)
		why = "fill failed";
	else if (!ask_are_denied(&asker, true, false))
		why = "filled lists count before the flip";
	hz_xdp_lists_drop(&lists);
	if (why == NULL && (!ask_are_denied(&asker, true, false) || lists_write(&other, 1) != 0))
		why = "dropped ones count, or the lock was kept";
	hz_xdp_lists_close(&lists);
	close(asker.prog_fd);
	return why;
}

/* A trie's memory as the kernel accounts it. */
static uint64_t trie_bytes(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (info == NULL)
		return 0;
	while (fgets(line, sizeof(line), info) != NULL)
		if (strncmp(line, "memlock:", 8) == 0)
			bytes = strtoull(line + 8, NULL, 10);
	fclose(info);
	return bytes;
}

static uint32_t elements(int fd)
{
	uint8_t key[sizeof(struct hz_acl_key6)], next[sizeof(struct hz_acl_key6)];
	const void *from = NULL;
	uint32_t count = 0;

	while (count <= 4 * MANY && bpf_map_get_next_key(fd, from, next) == 0) {
		memcpy(key, next, sizeof(key));
		from = key;
		count++;
	}
	return count;
}

static const char *counts_check(const struct hz_xdp_lists *lists)
{
	struct hz_acl acl = { 0 };
	uint32_t zero = 0, slot;

	if (bpf_map_lookup_elem(lists->acl_fd, &zero, &acl) != 0)
		return "acl";
	slot = acl.generation % HZ_ACL_SLOTS;
	if (acl.prefixes[0][DENY] != MANY || acl.prefixes[1][DENY] != MANY)
		return "the numbers that are told";
	for (int family = 0; family < HZ_XDP_LISTS_FAMILIES; family++)
		if (elements(lists->trie_fd[family][slot]) != MANY ||
		    elements(lists->trie_fd[family][!slot]) != 0)
			return "prefixes in the tries";
	return NULL;
}

static const char *hundred_thousand_of_each_family_fit(void)
{
	struct hz_source_rule *rule = calloc(2 * MANY, sizeof(*rule));
	uint32_t count = rule == NULL ? 0 : fillers_put(rule, MANY);
	struct hz_xdp_lists lists;
	uint64_t took_ns = 0;
	const char *why = NULL;

	if (rule == NULL || world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0) {
		free(rule);
		return "attach failed";
	}
	for (int turn = 0; turn < 2 && why == NULL; turn++) { /* into either slot */
		uint64_t began_ns = now_ns();

		if (lists_write(rule, count) != 0)
			why = "they do not fit";
		took_ns = now_ns() - began_ns;
		if (why == NULL)
			why = counts_check(&lists);
	}
	printf("# 2 x %u prefixes: exchanged in %llu ms, %llu and %llu KiB\n", MANY,
	       (unsigned long long)(took_ns / HZ_NS_PER_MS),
	       (unsigned long long)(trie_bytes(lists.trie_fd[0][0]) +
	                            trie_bytes(lists.trie_fd[0][1])) /
	               1024,
	       (unsigned long long)(trie_bytes(lists.trie_fd[1][0]) +
	                            trie_bytes(lists.trie_fd[1][1])) /
	               1024);
	hz_xdp_lists_close(&lists);
	free(rule);
	if (why == NULL && took_ns > 10 * HZ_NS_PER_S)
		why = "it took more than 10 s";
	return why;
}

/* --- while packets come --------------------------------------------------------------------------------- */

/* 10.7/16 and fd07::/16 are denied by both lists, by prefixes of other lengths; 10.9/16 and fd09::/16 by one
 * of them. */
struct traffic {
	struct asker asker;
	bool is_over; /* atomic */
	uint64_t asked, seen_denied, seen_free;
	const char *why;
};

static void *traffic_run(void *ctx)
{
	struct traffic *traffic = ctx;

	while (traffic->why == NULL && !__atomic_load_n(&traffic->is_over, __ATOMIC_ACQUIRE)) {
		int before = ask_verdict(&traffic->asker, 0, 9),
		    six = ask_verdict(&traffic->asker, 1, 9);
		int after = ask_verdict(&traffic->asker, 0, 9);

		if (!ask_are_denied(&traffic->asker, true, true))
			traffic->why = "somebody on both lists came in";
		/* no two exchanges are as near to each other as these questions */
		else if (before == after && six != before)
			traffic->why = "the families had different lists";
		traffic->seen_denied += before == XDP_DROP;
		traffic->seen_free += before == XDP_PASS;
		traffic->asked++;
	}
	return NULL;
}

static uint32_t lists_make(struct hz_source_rule *rule, bool is_second)
{
	uint32_t count = fillers_put(rule, FILLERS);

	rule[count++] = is_second ? ask_rule("10.7.0.1", 32, DENY) : ask_rule("10.7.0.0", 16, DENY);
	rule[count++] = is_second ? ask_rule("fd07::1", 128, DENY) : ask_rule("fd07::", 16, DENY);
	if (is_second) {
		rule[count++] = ask_rule("10.9.0.0", 16, DENY);
		rule[count++] = ask_rule("fd09::", 16, DENY);
	}
	return count;
}

static const char *swaps_run(struct traffic *traffic, struct hz_source_rule *rule[2],
                             const uint32_t count[2])
{
	uint64_t until_ns = now_ns() + SWAPS_NS;
	const char *why = NULL;
	pthread_t thread;
	unsigned swaps = 0;

	if (pthread_create(&thread, NULL, traffic_run, traffic) != 0)
		return "no thread";
	while (now_ns() < until_ns && why == NULL) {
		swaps++;
		if (lists_write(rule[swaps % 2], count[swaps % 2]) != 0)
			why = "exchanging failed";
	}
	__atomic_store_n(&traffic->is_over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	printf("# %u exchanges of %u prefixes, packets beside them: %llu times five\n", swaps,
	       count[0], (unsigned long long)traffic->asked);
	if (why == NULL)
		why = traffic->why;
	if (why == NULL && (traffic->seen_denied == 0 || traffic->seen_free == 0))
		why = "no exchange was seen";
	return why;
}

static const char *no_packet_sees_half_a_list(void)
{
	struct hz_source_rule *rule[2] = { calloc(2 * FILLERS + 4, sizeof(*rule[0])),
		                           calloc(2 * FILLERS + 4, sizeof(*rule[0])) };
	struct traffic traffic = { .asked = 0 };
	uint32_t count[2];
	const char *why;

	if (rule[0] == NULL || rule[1] == NULL)
		abort();
	count[0] = lists_make(rule[0], false);
	count[1] = lists_make(rule[1], true);
	if (attach_with(rule[0], count[0], 0) != 0 || !ask_open(&traffic.asker)) {
		why = "attach failed";
	} else {
		why = swaps_run(&traffic, rule, count);
		close(traffic.asker.prog_fd);
	}
	free(rule[0]);
	free(rule[1]);
	return why;
}

static void *lock_hold(void *ctx)
{
	const struct timespec pause = { .tv_nsec = 300 * 1000000 };
	const int *fd = ctx;

	(void)nanosleep(&pause, NULL);
	(void)flock(*fd, LOCK_UN);
	return NULL;
}

/* A reload and an attach at the same time would write into one slot. */
static const char *one_writer_waits_for_another(void)
{
	const struct hz_source_rule good = ask_rule("10.7.0.0", 24, DENY);
	struct hz_xdp_lists lists;
	const char *why = NULL;
	uint64_t began_ns;
	pthread_t thread;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
		return "attach failed";
	if (flock(lists.lock_fd, LOCK_EX) != 0 ||
	    pthread_create(&thread, NULL, lock_hold, &lists.lock_fd) != 0)
		return "no lock, or no thread";
	began_ns = now_ns();
	if (lists_write(&good, 1) != 0)
		why = "it did not wait";
	else if (now_ns() - began_ns < 250 * HZ_NS_PER_MS)
		why = "it wrote beside another one";
	pthread_join(thread, NULL);
	hz_xdp_lists_close(&lists);
	return why;
}

/* Times of the algorithm from a rate and a burst. */
static const char *rate_is_written_as_times(void)
{
	static const struct {
		uint32_t per_s, burst;
		struct hz_source_rate rate;
	} rows[] = {
		{ 100, 10, { 10000000, 90000000 } },
		{ 1, 1, { 1000000000, 0 } },
		{ 1000000, 1000000, { 1000, 999999000 } },
		{ 0, 400, { 0, 0 } },
		{ 5, 0, { 200000000, 0 } },
	};
	struct hz_xdp_lists lists;
	struct hz_source_rate got;
	const char *why = NULL;
	uint32_t zero = 0;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_lists_open(WORLD_INSTANCE, &lists) != 0)
		return "attach failed";
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows) && why == NULL; i++)
		if (hz_xdp_lists_rate(&lists, rows[i].per_s, rows[i].burst) != 0 ||
		    bpf_map_lookup_elem(lists.rate_fd, &zero, &got) != 0 ||
		    memcmp(&got, &rows[i].rate, sizeof(got)) != 0)
			why = "another one";
	hz_xdp_lists_close(&lists);
	return why;
}

const struct world_test attach_lists_tests[] = {
	{ "lists.attach_writes_and_keeps_them", attach_writes_and_keeps_lists },
	{ "lists.are_those_of_the_instance", lists_are_the_instances },
	{ "lists.failed_fill_leaves_what_was", failed_fill_leaves_what_was },
	{ "lists.dropped_fill_leaves_what_was", dropped_fill_leaves_what_was },
	{ "lists.hundred_thousand_of_each_family_fit", hundred_thousand_of_each_family_fit },
	{ "lists.no_packet_sees_half_a_list", no_packet_sees_half_a_list },
	{ "lists.rate_is_written_as_times", rate_is_written_as_times },
	{ "lists.one_writer_waits_for_another", one_writer_waits_for_another },
	{ NULL, NULL },
};
