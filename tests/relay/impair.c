#include "impair.h"

#include "core/base.h"

#define LINK_HEADER_BYTES 14u
#define BURST_GAP_NS      (50 * HZ_NS_PER_MS)

void impair_init(struct impair *link, const struct impair_conf *conf, uint64_t seed)
{
	*link = (struct impair){ .conf = *conf };
	hz_rng_seed(&link->rng, seed);
}

/* Gilbert's model: in a burst all is lost. It ends after a frame with probability 1 / burst_frames and
 * begins with the one that makes loss_ppm of all frames lost in the long run. What disturbs a link passes
 * with time as well, or a burst would swallow a sender's timeouts one by one, for minutes. */
static bool is_lost(struct impair *link, uint64_t now_ns, uint64_t draw)
{
	const struct impair_conf *conf = &link->conf;
	uint64_t ends, begins;

	if (conf->burst_frames == 0 || conf->loss_ppm == 0 || conf->loss_ppm >= IMPAIR_PPM)
		return draw < conf->loss_ppm;
	link->is_in_burst &= now_ns - link->last_ns < BURST_GAP_NS;
	link->last_ns = now_ns;
	ends = IMPAIR_PPM / conf->burst_frames;
	begins = ends * conf->loss_ppm / (IMPAIR_PPM - conf->loss_ppm);
	link->is_in_burst = link->is_in_burst ? draw >= ends : draw < begins;
	return link->is_in_burst;
}

/* The bottleneck as a virtual clock: what it took and has not sent yet is the queue. *leave_ns: when the
 * last bit of the frame leaves. False: the queue is full. */
static bool rate_take(struct impair *link, uint64_t now_ns, size_t bytes, uint64_t *leave_ns)
{
	const struct impair_conf *conf = &link->conf;
	uint64_t queued, start_ns;

	*leave_ns = now_ns;
	if (conf->rate_bit_s == 0)
		return true;
	start_ns = HZ_MAX(now_ns, link->idle_at_ns);
	queued = (start_ns - now_ns) * (conf->rate_bit_s / 1000) / (8 * HZ_NS_PER_MS);
	if (queued + bytes > conf->queue_bytes)
		return false;
	link->counts.queue_bytes_max = HZ_MAX(link->counts.queue_bytes_max, queued + bytes);
	link->idle_at_ns = start_ns + bytes * 8 * HZ_NS_PER_MS / (conf->rate_bit_s / 1000);
	*leave_ns = link->idle_at_ns;
	return true;
}

void impair_decide(struct impair *link, uint64_t now_ns, size_t bytes, struct impair_fate *fate)
{
	const struct impair_conf *conf = &link->conf;
	struct impair_counts *counts = &link->counts;
	/* All of them for every frame: the next frame's numbers must not depend on this one's fate. */
	uint64_t lost = hz_rng_below(&link->rng, IMPAIR_PPM);
	uint64_t twice = hz_rng_below(&link->rng, IMPAIR_PPM);
	uint64_t bad = hz_rng_below(&link->rng, IMPAIR_PPM);
	uint64_t late = hz_rng_below(&link->rng, IMPAIR_PPM);
	uint64_t jitter = hz_rng_next(&link->rng) >> 32;
	uint64_t bit = hz_rng_next(&link->rng) >> 32;

	*fate = (struct impair_fate){ .flip_bit = SIZE_MAX };
	counts->frames++;
	counts->bytes += bytes;
	if (is_lost(link, now_ns, lost)) {
		counts->lost++;
		return;
	}
	if (!rate_take(link, now_ns, bytes, &fate->due_ns[0])) {
		counts->tail_dropped++;
		return;
	}
	fate->copies = 1;
	fate->due_ns[0] += conf->delay_ns + (jitter * conf->jitter_ns >> 32);
	if (late < conf->reorder_ppm) {
		fate->due_ns[0] += conf->reorder_ns;
		counts->reordered++;
	}
	if (bad < conf->corrupt_ppm && bytes > LINK_HEADER_BYTES) {
		fate->flip_bit = LINK_HEADER_BYTES * 8 + bit % ((bytes - LINK_HEADER_BYTES) * 8);
		counts->corrupted++;
	}
	if (twice < conf->duplicate_ppm) {
		fate->due_ns[1] = fate->due_ns[0];
		fate->copies = 2;
		counts->duplicated++;
	}
}
