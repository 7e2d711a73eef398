/* The pinned maps as hzd and as a reader see them. */
#include "attach_world.h"
#include "loader/xdp_maps.h"
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* An instance that is attached, opened both ways. */
struct both {
	struct hz_xdp_maps hzd, reader;
};

static const char *both_open(struct both *both)
{
	struct hz_err err;

	memset(both, 0, sizeof(*both));
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	if (hz_xdp_maps_open(WORLD_INSTANCE, true, &both->hzd, &err) != 0)
		return "hzd cannot open them";
	if (hz_xdp_maps_open(WORLD_INSTANCE, false, &both->reader, &err) != 0) {
		hz_xdp_maps_close(&both->hzd);
		return "a reader cannot open them";
	}
	return NULL;
}

static void both_close(struct both *both)
{
	hz_xdp_maps_close(&both->hzd);
	hz_xdp_maps_close(&both->reader);
}

/* Runs a test over both and closes them. */
static const char *with_both(const char *(*run)(const struct both *both))
{
	struct both both;
	const char *why = both_open(&both);

	if (why == NULL) {
		why = run(&both);
		both_close(&both);
	}
	return why;
}

/* What hzd stores into memory a reader finds, each kind in its place. */
static const char *reader_sees(const struct both *both)
{
	const uint32_t index = 63 * HZ_STAGE_COUNT + HZ_STAGE_TX;
	struct hz_beat beats[HZ_WORKERS_MAX];
	struct hz_worker workers[HZ_WORKERS_MAX];
	struct hz_hist hist;

	both->hzd.latency[index].bucket[1023] = 77;
	both->hzd.latency[index].sum_ns = 78;
	both->hzd.beat[63].beat_ns = 79;
	both->hzd.worker[62].requests = 80;
	if (hz_xdp_hist_read(&both->reader, index, &hist) != 0 || hist.bucket[1023] != 77 ||
	    hist.sum_ns != 78 || hist.bucket[0] != 0)
		return "histogram";
	if (hz_xdp_hist_read(&both->reader, index - 1, &hist) != 0 || hist.sum_ns != 0)
		return "the histogram beside it";
	if (hz_xdp_beats_read(&both->reader, beats) != 0 || beats[63].beat_ns != 79 ||
	    beats[62].beat_ns != 0)
		return "beats";
	if (hz_xdp_workers_read(&both->reader, workers) != 0 || workers[62].requests != 80 ||
	    workers[61].requests != 0)
		return "workers";
	return NULL;
}

static const char *reader_sees_what_hzd_stores(void)
{
	return with_both(reader_sees);
}

static const char *reader_writes(const struct both *both)
{
	const struct hz_latency_pct pct = { .count = 1 };
	struct hz_cfg cfg;
	const uint8_t zeroes[sizeof(struct hz_hist)] = { 0 };
	const int fd[] = { both->reader.latency_fd,  both->reader.beat_fd,
		           both->reader.worker_fd,   both->reader.conns_fd,
		           both->reader.cfg_fd,      both->reader.latency_pct_fd,
		           both->reader.verdicts_fd, both->reader.stream_stats_fd };
	uint32_t zero = 0;

	if (both->reader.latency != NULL || both->reader.beat != NULL ||
	    both->reader.worker != NULL || both->reader.conns != NULL ||
	    both->reader.flush_prog_fd != -1)
		return "it has memory or the program";
	if (hz_xdp_cfg_read(&both->reader, &cfg) != 0 ||
	    hz_xdp_cfg_write(&both->reader, &cfg) != -EPERM ||
	    hz_xdp_pct_write(&both->reader, 0, &pct) != -EPERM)
		return "settings or percentiles";
	for (size_t i = 0; i < HZ_ARRAY_LEN(fd); i++)
		if (bpf_map_update_elem(fd[i], &zero, zeroes, BPF_ANY) != -EPERM)
			return "a map";
	return NULL;
}

static const char *reader_cannot_write(void)
{
	return with_both(reader_writes);
}

static const char *index_beyond(const struct both *both)
{
	struct hz_hist hist = { .sum_ns = 5 };
	struct hz_latency_pct pct = { 0 };
	uint64_t emitted = 3, refused = 4;

	if (hz_xdp_hist_read(&both->reader, HZ_HIST_ENTRIES, &hist) != -ENOENT || hist.sum_ns != 5)
		return "histogram";
	if (hz_xdp_pct_write(&both->hzd, HZ_STAGE_COUNT, &pct) != -E2BIG)
		return "percentiles";
	if (hz_xdp_flush(&both->hzd, HZ_HIST_ENTRIES, false, &emitted, &refused) == 0 ||
	    emitted != 3 || refused != 4)
		return "flush";
	return NULL;
}

static const char *index_beyond_is_an_error(void)
{
	return with_both(index_beyond);
}

static const char *settings_pass(const struct both *both)
{
	struct hz_cfg cfg, seen;

	if (hz_xdp_cfg_read(&both->hzd, &cfg) != 0 || cfg.abi_major != HZ_ABI_MAJOR ||
	    cfg.state != HZ_STATE_NONE || cfg.workers != 0 || cfg.beat_timeout_ns == 0)
		return "as attached";
	cfg.workers = 3;
	cfg.generation = 4;
	if (hz_xdp_cfg_write(&both->hzd, &cfg) != 0 || hz_xdp_cfg_read(&both->reader, &seen) != 0)
		return "write or read";
	return memcmp(&cfg, &seen, sizeof(cfg)) == 0 ? NULL : "something else was read";
}

static const char *settings_pass_to_readers(void)
{
	return with_both(settings_pass);
}

static const char *flush_counts(const struct both *both)
{
	uint64_t emitted = 10, refused = 20;

	both->hzd.latency[5].bucket[9] = 1;
	both->hzd.latency[5].sum_ns = 9;
	if (hz_xdp_flush(&both->hzd, 5, true, &emitted, &refused) != 0 || emitted != 11 ||
	    refused != 20)
		return "a gain";
	if (hz_xdp_flush(&both->hzd, 5, true, &emitted, &refused) != 0 || emitted != 11)
		return "no gain";
	return NULL;
}

static const char *flush_adds_to_its_counts(void)
{
	return with_both(flush_counts);
}

/* A frame through the pinned program is counted once, where readers look. */
static const char *verdicts_count(const struct both *both)
{
	const uint8_t arp[64] = { [12] = 0x08, [13] = 0x06 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = arp, .data_size_in = sizeof(arp),
	            .repeat = 5);
	struct hz_verdicts before, after;
	int fd = world_open("prog_xdp_" WORLD_A), status;

	if (fd < 0 || hz_xdp_verdicts_read(&both->reader, &before) != 0)
		return "no program, no counters";
	status = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	if (status != 0 || opts.retval != XDP_PASS ||
	    hz_xdp_verdicts_read(&both->reader, &after) != 0)
		return "not run";
	before.pass_not_ip += 5;
	return memcmp(&before, &after, sizeof(before)) == 0 ? NULL : "other counts";
}

static const char *verdicts_are_summed(void)
{
	return with_both(verdicts_count);
}

static const char *not_attached_says_what_to_type(void)
{
	struct hz_xdp_maps maps;
	struct hz_err err;

	for (int writable = 0; writable < 2; writable++)
		if (hz_xdp_maps_open(WORLD_INSTANCE, writable, &maps, &err) != -ENOENT ||
		    !world_told(&err, "xdp_not_attached", 6,
		                "hzctl -i " WORLD_INSTANCE " xdp attach dev"))
			return "told otherwise";
	return NULL;
}

/* A zeroed one must not close descriptor 0, nor a closed one anything. */
static const char *close_accepts_none(void)
{
	struct hz_xdp_maps maps;

	memset(&maps, 0, sizeof(maps));
	hz_xdp_maps_close(&maps);
	hz_xdp_maps_close(&maps);
	return lseek(0, 0, SEEK_CUR) != -1 || errno != EBADF ? NULL : "stdin was closed";
}

static const char *check_finds_claims(void)
{
	const struct hz_endpoint good[] = { world_endpoint("10.7.0.2", 80),
		                            world_endpoint("fd07::2", 80) };
	const struct hz_endpoint unclaimed = world_endpoint("10.7.0.2", 82);
	const struct hz_endpoint health = world_endpoint("10.7.0.2", 8080);
	struct hz_err err;

	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, good, 2, &err) != -ENOENT ||
	    !world_told(&err, "xdp_not_attached", 6, "xdp attach dev " WORLD_A))
		return "before attaching";
	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, good, 2, &err) != 0)
		return "what is claimed";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, &unclaimed, 1, &err) != -ENOENT ||
	    !world_told(&err, "xdp_not_attached", 6, "10.7.0.2:82"))
		return "what is not claimed";
	if (hz_xdp_check(WORLD_INSTANCE, WORLD_A, &health, 1, &err) != -ENOENT)
		return "a health port is not for hzd to serve";
	return hz_xdp_check(WORLD_INSTANCE, WORLD_B, good, 2, &err) == -ENOENT ? NULL : "other";
}

const struct world_test attach_maps_tests[] = {
	{ "maps.reader_sees_what_hzd_stores", reader_sees_what_hzd_stores },
	{ "maps.reader_cannot_write", reader_cannot_write },
	{ "maps.index_beyond_is_an_error", index_beyond_is_an_error },
	{ "maps.settings_pass_to_readers", settings_pass_to_readers },
	{ "maps.flush_adds_to_its_counts", flush_adds_to_its_counts },
	{ "maps.verdicts_are_summed", verdicts_are_summed },
	{ "maps.not_attached_says_what_to_type", not_attached_says_what_to_type },
	{ "maps.close_accepts_none", close_accepts_none },
	{ "check.finds_claims", check_finds_claims },
	{ NULL, NULL },
};
