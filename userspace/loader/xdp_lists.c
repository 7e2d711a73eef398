#include "loader/xdp_lists.h"
#include "core/endpoint.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_lock.h"
#include "loader/xdp_pins.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define EXIT_BUSY     6    /* of hzctl: timed out */
#define BATCH         4096 /* prefixes of one call */
#define KEY_BYTES_MAX sizeof(struct hz_acl_key6)
/* Calls that empty a trie, each of which takes a batch; as many again for what another one puts back meanwhile. */
#define CLEAR_CALLS (2 * (HZ_PREFIXES_MAX / BATCH + 1))

#define LOCK_NAME   "private"

static const size_t key_bytes[HZ_XDP_LISTS_FAMILIES] = { sizeof(struct hz_acl_key4),
	                                                 sizeof(struct hz_acl_key6) };

/* Room for one call. */
struct batch {
	uint32_t count;
	uint8_t key[BATCH * KEY_BYTES_MAX]; /* packed, as the family has them */
	struct hz_acl_entry entry[BATCH];
};

/* --- opening --------------------------------------------------------------------------------------- */

/* The instance's folder itself is open to group hz, whose members may read figures: any of them could hold it. */
static int lock_open(const char *instance)
{
	char path[HZ_PIN_PATH_MAX];
	int status = hz_xdp_pin_path(path, instance, LOCK_NAME, NULL), fd;

	if (status != 0)
		return status;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int hz_xdp_lists_open(const char *instance, struct hz_xdp_lists *out)
{
	struct hz_xdp_lists lists = HZ_XDP_LISTS_NONE;
	static const char *const name[] = { "acl",    "acl4",   "acl6",   "acl4_a",
		                            "acl4_b", "acl6_a", "acl6_b", "src_rate" };
	int *fd[] = { &lists.acl_fd,        &lists.outer_fd[0],   &lists.outer_fd[1],
		      &lists.trie_fd[0][0], &lists.trie_fd[0][1], &lists.trie_fd[1][0],
		      &lists.trie_fd[1][1], &lists.rate_fd };
	int status = 0;

	for (size_t i = 0; i < HZ_ARRAY_LEN(fd) && status == 0; i++) {
		*fd[i] = hz_xdp_shared_map(instance, name[i], false);
		status = HZ_MIN(*fd[i], 0);
	}
	if (status == 0) {
		lists.lock_fd = lock_open(instance);
		status = HZ_MIN(lists.lock_fd, 0);
	}
	if (status != 0) {
		hz_xdp_lists_close(&lists);
		return status;
	}
	lists.wait_ms = HZ_XDP_LISTS_WAIT_MS;
	*out = lists;
	return 0;
}

void hz_xdp_lists_close(struct hz_xdp_lists *lists)
{
	const int fd[] = { lists->acl_fd,        lists->outer_fd[0],   lists->outer_fd[1],
		           lists->trie_fd[0][0], lists->trie_fd[0][1], lists->trie_fd[1][0],
		           lists->trie_fd[1][1], lists->rate_fd,       lists->lock_fd };

	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++)
		if (fd[i] > 0) /* 0 in a zeroed one: never ours, stdin is open */
			close(fd[i]);
	*lists = (struct hz_xdp_lists)HZ_XDP_LISTS_NONE;
}

/* --- one slot ---------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct hz_acl *acl)
{
	return acl->generation % HZ_ACL_SLOTS;
}

static int trie_clear(int fd, struct batch *batch)
{
	uint8_t last[KEY_BYTES_MAX];

	for (int i = 0; i < CLEAR_CALLS; i++) {
		uint32_t count = BATCH;

		if (bpf_map_lookup_batch(fd, NULL, last, batch->key, batch->entry, &count, NULL) !=
		            0 &&
		    errno != ENOENT) /* the end, with what there was */
			return -errno;
		if (count == 0)
			return 0;
		if (bpf_map_delete_batch(fd, batch->key, &count, NULL) != 0)
			return -errno;
	}
	return -ELOOP; /* somebody else writes into it, without the lock */
}

static int slot_clear(const struct hz_xdp_lists *lists, uint32_t slot, struct batch *batch)
{
	int status = 0;

	for (int family = 0; family < HZ_XDP_LISTS_FAMILIES && status == 0; family++)
		status = trie_clear(lists->trie_fd[family][slot], batch);
	return status;
}

static int batch_flush(int fd, struct batch *batch)
{
	uint32_t count = batch->count;

	batch->count = 0;
	if (count > 0 && bpf_map_update_batch(fd, batch->key, batch->entry, &count, NULL) != 0)
		return -errno;
	return 0;
}

static void batch_add(struct batch *batch, int family, const struct hz_source_rule *rule)
{
	struct hz_acl_key4 key4 = { .prefixlen = rule->bits };
	struct hz_acl_key6 key6 = { .prefixlen = rule->bits, .addr = rule->addr };

	memcpy(&key4.addr, rule->addr.byte + 12, sizeof(key4.addr));
	memcpy(batch->key + batch->count * key_bytes[family],
	       family == HZ_XDP_LISTS_V4 ? (const void *)&key4 : (const void *)&key6,
	       key_bytes[family]);
	batch->entry[batch->count++] =
		(struct hz_acl_entry){ .list = rule->list, .prefixlen = rule->bits };
}

static int family_of(const struct hz_source_rule *rule)
{
	return hz_addr_is_v4(&rule->addr) ? HZ_XDP_LISTS_V4 : HZ_XDP_LISTS_V6;
}

static int family_fill(struct hz_xdp_lists *lists, int family, const struct hz_source_rule *rule,
                       uint32_t count, struct batch *batch)
{
	int fd = lists->trie_fd[family][slot_of(&lists->next)], status = 0;

	batch->count = 0;
	for (uint32_t i = 0; i < count && status == 0; i++) {
		if (family_of(&rule[i]) != family)
			continue;
		batch_add(batch, family, &rule[i]);
		if (rule[i].list < HZ_SOURCE_LISTS)
			lists->next.prefixes[family][rule[i].list]++;
		if (batch->count == BATCH)
			status = batch_flush(fd, batch);
	}
	return status == 0 ? batch_flush(fd, batch) : status;
}

/* --- fill, flip, drop ---------------------------------------------------------------------------------- */

/* Which slot is the free one is known from `acl` alone: when that cannot be read, none is touched. */
static int fill_locked(struct hz_xdp_lists *lists, const struct hz_source_rule *rule,
                       uint32_t count)
{
	struct batch *batch;
	struct hz_acl now;
	uint32_t zero = 0;
	int status;

	if (bpf_map_lookup_elem(lists->acl_fd, &zero, &now) != 0)
		return -errno;
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return -ENOMEM;
	lists->next = (struct hz_acl){ .generation = now.generation + 1,
		                       .loaded_unix = (uint64_t)time(NULL) };
	status = slot_clear(lists, slot_of(&lists->next), batch); /* of one that was killed */
	for (int family = 0; family < HZ_XDP_LISTS_FAMILIES && status == 0; family++)
		status = family_fill(lists, family, rule, count, batch);
	if (status != 0)
		(void)slot_clear(lists, slot_of(&lists->next), batch);
	free(batch);
	return status;
}

/* Who holds it, the hint finds out: /proc/self/fd names the folder that is open. */
static int busy_fail(const struct hz_xdp_lists *lists, struct hz_err *err)
{
	char link[32], path[HZ_PIN_PATH_MAX] = "", hint[sizeof(err->hint)];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", lists->lock_fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	snprintf(hint, sizeof(hint), "fuser -v %s", path);
	return hz_err_set(err, -EBUSY, EXIT_BUSY, "lists_busy", hint,
	                  "another one has been writing the lists of sources for %u ms",
	                  lists->wait_ms);
}

int hz_xdp_lists_fill(struct hz_xdp_lists *lists, const struct hz_source_rule *rule, uint32_t count,
                      struct hz_err *err)
{
	int status = hz_xdp_lock_take(lists->lock_fd, lists->wait_ms);

	if (status == -EBUSY)
		return busy_fail(lists, err);
	if (status == 0) {
		status = fill_locked(lists, rule, count);
		if (status != 0)
			(void)flock(lists->lock_fd, LOCK_UN);
	}
	lists->is_filled = status == 0;
	if (status != 0)
		return hz_xdp_fail(err, status, "lists",
		                   "cannot write the lists of sources into the kernel", NULL);
	return 0;
}

/* Programs that took the name of the old slot before it changed are through with it: the kernel waits for
 * them when an element of an array of maps is written, be it with what it holds. */
static int readers_wait(const struct hz_xdp_lists *lists, uint32_t slot)
{
	return bpf_map_update_elem(lists->outer_fd[HZ_XDP_LISTS_V4], &slot,
	                           &lists->trie_fd[HZ_XDP_LISTS_V4][slot], BPF_ANY) == 0
	               ? 0
	               : -errno;
}

/* What is left in a slot that nobody looks at costs memory and nothing else. */
static void slot_forget(const struct hz_xdp_lists *lists, uint32_t slot)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch != NULL)
		(void)slot_clear(lists, slot, batch);
	free(batch);
}

int hz_xdp_lists_flip(struct hz_xdp_lists *lists)
{
	uint32_t zero = 0, old = slot_of(&lists->next) == 0;

	if (!lists->is_filled)
		return 0;
	if (bpf_map_update_elem(lists->acl_fd, &zero, &lists->next, BPF_ANY) != 0) {
		int status = -errno;

		hz_xdp_lists_drop(lists);
		return status;
	}
	lists->is_filled = false;
	if (readers_wait(lists, old) == 0)
		slot_forget(lists, old);
	(void)flock(lists->lock_fd, LOCK_UN);
	return 0;
}

void hz_xdp_lists_drop(struct hz_xdp_lists *lists)
{
	if (!lists->is_filled)
		return;
	lists->is_filled = false;
	slot_forget(lists, slot_of(&lists->next));
	(void)flock(lists->lock_fd, LOCK_UN);
}

int hz_xdp_lists_rate(const struct hz_xdp_lists *lists, uint32_t per_s, uint32_t burst)
{
	struct hz_source_rate rate = { 0 };
	uint32_t zero = 0;

	if (per_s > 0) {
		rate.each_ns = HZ_NS_PER_S / per_s;
		rate.ahead_ns = rate.each_ns * (burst > 0 ? burst - 1 : 0);
	}
	return bpf_map_update_elem(lists->rate_fd, &zero, &rate, BPF_ANY) == 0 ? 0 : -errno;
}
