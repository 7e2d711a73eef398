/* An older version of the same ABI attached: what it did not pin is done without, by attach, by hzd and by readers. */
#include "attach_world.h"
#include "core/base.h"
#include "loader/xdp_maps.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

/* What came with minor version 1, and no view of it. */
static const char *const later[] = { "latency_log2",       "route_names", "route_latency",
	                             "shed_rows",          "subscribers", "subscriber_stats",
	                             "private/flush_turn", "prog_emit",   "prog_watch" };
#define LATER_COUNT (sizeof(later) / sizeof(later[0]))

static int unpin(const char *name)
{
	char path[HZ_PIN_PATH_MAX];

	snprintf(path, sizeof(path), WORLD_PINS "/%s", name);
	return unlink(path);
}

/* fd is closed. */
static int pin_instead(const char *name, int fd)
{
	char path[HZ_PIN_PATH_MAX];
	int status = fd < 0 ? fd : unpin(name);

	snprintf(path, sizeof(path), WORLD_PINS "/%s", name);
	if (status == 0)
		status = bpf_obj_pin(fd, path);
	if (fd >= 0)
		close(fd);
	return status;
}

static int older_attach(void)
{
	int status = world_attach(WORLD_A, 0, NULL, NULL);

	for (size_t i = 0; i < LATER_COUNT && status == 0; i++)
		status = unpin(later[i]);
	if (status == 0)
		status = pin_instead("stream_stats",
		                     bpf_map_create(BPF_MAP_TYPE_ARRAY, "stream_stats", 4,
		                                    HZ_STREAM_STATS_BYTES_0, 1, NULL));
	return status == 0 ? unpin("show/routes") : status;
}

/* Nothing of what came later, and all of the rest. */
static const char *writer_goes_without(struct hz_xdp_maps *maps)
{
	const int none[] = { maps->latency_log2_fd, maps->route_names_fd, maps->route_latency_fd,
		             maps->shed_rows_fd,    maps->subscribers_fd, maps->subscriber_fd,
		             maps->emit_prog_fd,    maps->watch_prog_fd };
	const struct hz_latency_pct pct = { .count = 7 };
	const struct hz_latency_log2 log2 = { .le_inf = 7 };
	uint64_t emitted = 0, refused = 0;

	if (!maps->is_older)
		return "not told";
	for (size_t i = 0; i < HZ_ARRAY_LEN(none); i++)
		if (none[i] != -1)
			return "opened what came later";
	if (maps->route_names != NULL || maps->route_latency != NULL || maps->shed_rows != NULL ||
	    maps->subscriber != NULL || maps->route_workers != 0)
		return "mapped what came later";
	if (maps->latency == NULL || maps->beat == NULL || maps->worker == NULL ||
	    maps->conns == NULL || maps->cookies == NULL)
		return "did not map what there is";
	if (hz_xdp_watch(maps->watch_prog_fd, HZ_NS_PER_S) != -EPERM)
		return "watched";
	if (hz_xdp_pct_write(maps, 0, &pct) != 0 || hz_xdp_log2_write(maps, 0, &log2) != 0)
		return "figures of a second";
	maps->latency->bucket[3]++;
	maps->latency->sum_ns += 3;
	if (hz_xdp_flush(maps, 0, true, &emitted, &refused) != 0 || emitted != 1)
		return "no deltas";
	return NULL;
}

static const char *maps_of_an_older_attach_are_written_as_far_as_they_go(void)
{
	struct hz_xdp_maps maps;
	struct hz_err err;
	const char *why;

	if (older_attach() != 0)
		return "attach failed";
	if (hz_xdp_maps_open(WORLD_INSTANCE, true, &maps, &err) != 0)
		return "refused";
	why = writer_goes_without(&maps);
	hz_xdp_maps_close(&maps);
	return why;
}

static const char *maps_of_an_older_attach_are_read_as_far_as_they_go(void)
{
	static struct hz_worker workers[HZ_WORKERS_MAX];
	struct hz_verdicts verdicts;
	struct hz_xdp_maps maps;
	struct hz_hist hist;
	struct hz_err err;
	const char *why = NULL;

	if (older_attach() != 0)
		return "attach failed";
	if (hz_xdp_maps_open(WORLD_INSTANCE, false, &maps, &err) != 0)
		return "refused";
	if (!maps.is_older || maps.route_names_fd != -1 || maps.route_workers != 0)
		why = "not told";
	else if (hz_xdp_hist_read(&maps, 0, &hist) != 0 ||
	         hz_xdp_workers_read(&maps, workers) != 0 ||
	         hz_xdp_verdicts_read(&maps, &verdicts) != 0)
		why = "what there is cannot be read";
	hz_xdp_maps_close(&maps);
	return why;
}

/* Whichever it is: hzd has one way to go without; a reader reads what there is. */
static const char *one_that_is_missing_is_enough(void)
{
	struct hz_xdp_maps maps;
	const char *why = NULL;
	struct hz_err err;

	for (size_t i = 0; i < LATER_COUNT && why == NULL; i++) {
		if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
		    unpin(later[i]) != 0)
			return "attach failed";
		if (!hz_xdp_shared_is_later(later[i]))
			return "a pin is not known as later";
		if (hz_xdp_maps_open(WORLD_INSTANCE, true, &maps, &err) != 0)
			return "refused";
		/* hzd does not open private/flush_turn: prog_watch does without by itself */
		if (i != 6)
			why = writer_goes_without(&maps);
		hz_xdp_maps_close(&maps);
		if (why == NULL && hz_xdp_maps_open(WORLD_INSTANCE, false, &maps, &err) != 0)
			return "a reader is refused";
		if (why == NULL && i != 2 && maps.route_workers == 0)
			why = "a reader does without what there is";
		hz_xdp_maps_close(&maps);
	}
	return why;
}

/* The program is another one, the figures go on; what came later comes with the next attach of all. */
static const char *update_of_an_older_attach_swaps_the_program(void)
{
	struct hz_xdp_maps maps;
	uint32_t before, latency;
	struct hz_err err;
	bool is_older;

	if (older_attach() != 0)
		return "attach failed";
	before = world_program(WORLD_A);
	latency = world_id("latency");
	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) != 0 ||
	    world_program(WORLD_A) != before)
		return "ensure";
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, NULL) != 0 ||
	    world_program(WORLD_A) == before || world_program(WORLD_A) == 0)
		return "update";
	if (world_id("latency") != latency || world_id("shed_rows") != 0)
		return "pins changed";
	if (world_attach(WORLD_B, 0, NULL, NULL) != 0)
		return "a second interface";
	if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    hz_xdp_maps_open(WORLD_INSTANCE, true, &maps, &err) != 0)
		return "the way out";
	is_older = maps.is_older;
	hz_xdp_maps_close(&maps);
	return is_older ? "still older" : NULL;
}

/* --- words that were reserved ------------------------------------------------------------------------ */

/* `beat` as of a version that had no name for its last `words` words, or one too many. */
static int beat_of(uint32_t words, const char *name)
{
	static const char *const u64_name[] = { "turns", "shed" };
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct btf *btf = btf__new_empty();
	uint32_t bit = 64;
	int u32, u64, value, fd = -1;

	if (btf == NULL)
		return -1;
	u32 = btf__add_int(btf, "__u32", 4, 0);
	u64 = btf__add_int(btf, "__u64", 8, 0);
	value = btf__add_array(btf, u32, u64, words);
	opts.btf_value_type_id = (uint32_t)btf__add_struct(btf, "hz_beat", sizeof(struct hz_beat));
	(void)btf__add_field(btf, "beat_ns", u64, 0, 0);
	(void)btf__add_field(btf, "state", u32, bit, 0);
	(void)btf__add_field(btf, "queue", u32, bit + 32, 0);
	(void)btf__add_field(btf, "ifindex", u32, bit + 64, 0);
	(void)btf__add_field(btf, "pid", u32, bit + 96, 0);
	for (uint32_t i = 0; i < HZ_MIN(5 - words, 2u); i++)
		(void)btf__add_field(btf, u64_name[i], u64, 192 + 64 * i, 0);
	if (words == 2)
		(void)btf__add_field(btf, "later", u64, 320, 0);
	(void)btf__add_field(btf, name, value, 512 - 64 * words, 0);
	if (btf__load_into_kernel(btf) == 0) {
		opts.btf_fd = (uint32_t)btf__fd(btf);
		opts.btf_key_type_id = (uint32_t)u32;
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "beat", 4, sizeof(struct hz_beat),
		                    HZ_WORKERS_MAX, &opts);
	}
	btf__free(btf);
	return fd;
}

static const char *words_reserved_once_may_have_names_now(void)
{
	const struct {
		uint32_t words;
		const char *name;
		int status;
	} row[] = {
		{ 3, "reserved", 0 },       /* as it is */
		{ 4, "reserved", 0 },       /* before shed */
		{ 5, "reserved", 0 },       /* before turns */
		{ 4, "other", -EPROTO },    /* it had a meaning of its own */
		{ 2, "reserved", -EPROTO }, /* a newer one, which stores what we would not keep */
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(row); i++) {
		if (world_detach(NULL, NULL) != 0 || world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
		    pin_instead("beat", beat_of(row[i].words, row[i].name)) != 0)
			return "cannot pin";
		if (world_attach(WORLD_B, 0, NULL, NULL) != row[i].status)
			return row[i].status == 0 ? "refused" : "taken";
	}
	return NULL;
}

const struct world_test attach_older_tests[] = {
	{ "older.maps_are_written_as_far_as_they_go",
	  maps_of_an_older_attach_are_written_as_far_as_they_go },
	{ "older.maps_are_read_as_far_as_they_go",
	  maps_of_an_older_attach_are_read_as_far_as_they_go },
	{ "older.one_that_is_missing_is_enough", one_that_is_missing_is_enough },
	{ "older.update_swaps_the_program", update_of_an_older_attach_swaps_the_program },
	{ "older.words_reserved_once_may_have_names", words_reserved_once_may_have_names_now },
	{ NULL, NULL },
};
