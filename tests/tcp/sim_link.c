#include "sim_link.h"

#include "core/base.h"
#include "net/sw_csum.h"
#include <string.h>

#define NS_PER_MS    1000000ull
#define NS_PER_S     1000000000ull
#define LATE_MAX_S   25u /* below the MSL of 30 s that TIME_WAIT counts on */
#define ETH_BYTES    14u
#define OUTAGE_EVERY (20 * NS_PER_S)

static const struct sim_profile profiles[] = {
	{ .name = "clean", .delay_ms = 50, .is_clean = true, .is_fair = true },
	{ .name = "loss", .loss = 100, .delay_ms = 40, .jitter_us = 500 },
	{ .name = "burst", .loss = 5, .burst = 30, .delay_ms = 20, .jitter_us = 500 },
	{ .name = "reorder", .reorder = 300, .delay_ms = 10, .jitter_us = 30000, .is_fair = true },
	{ .name = "duplicate", .duplicate = 300, .late = 20, .delay_ms = 30, .is_fair = true },
	{ .name = "corrupt", .corrupt = 80, .delay_ms = 20 },
	{ .name = "slow",
	  .delay_ms = 50,
	  .rate_kbit = 8000,
	  .queue_bytes = 60000,
	  .is_fair = true },
	{ .name = "one_way",
	  .loss = 250,
	  .duplicate = 20,
	  .delay_ms = 30,
	  .jitter_us = 2000,
	  .is_one_way = true },
	{ .name = "far", .loss = 15, .reorder = 20, .delay_ms = 400, .jitter_us = 5000 },
	{ .name = "outage", .loss = 5, .delay_ms = 30, .jitter_us = 500, .outage_ms = 4000 },
	{ .name = "mtu", .delay_ms = 20, .jitter_us = 100, .mtu_min = 1280, .is_fair = true },
	{ .name = "worst",
	  .loss = 80,
	  .burst = 10,
	  .duplicate = 80,
	  .late = 10,
	  .reorder = 200,
	  .corrupt = 40,
	  .delay_ms = 60,
	  .jitter_us = 20000,
	  .rate_kbit = 20000,
	  .queue_bytes = 80000,
	  .outage_ms = 1000 },
};

const struct sim_profile *sim_link_profile(unsigned index)
{
	return index < HZ_ARRAY_LEN(profiles) ? &profiles[index] : NULL;
}

static uint32_t below(struct sim_link *link, uint64_t bound)
{
	return bound == 0 ? 0 : (uint32_t)hz_rng_below(link->rng, bound);
}

static bool happens(struct sim_link *link, uint32_t permille)
{
	return permille > 0 && below(link, 1000) < permille;
}

/* Up to and including the bound. */
static uint32_t part(struct sim_link *link, uint32_t bound)
{
	return below(link, (uint64_t)bound + 1);
}

static void way_choose(struct sim_link *link, struct sim_way *way, const struct sim_profile *p)
{
	*way = (struct sim_way){
		.loss = part(link, p->loss),
		.burst = part(link, p->burst),
		.duplicate = part(link, p->duplicate),
		.late = part(link, p->late),
		.reorder = part(link, p->reorder),
		.corrupt = part(link, p->corrupt),
		.delay_ns = 20000 + part(link, p->delay_ms) * NS_PER_MS / 2,
		.jitter_ns = part(link, p->jitter_us) * 1000ull,
		.outage_ns = part(link, p->outage_ms) * NS_PER_MS,
		.outage_every_ns = p->outage_ms > 0 ? OUTAGE_EVERY : 0,
	};
	if (p->rate_kbit > 0) {
		uint32_t kbit = p->rate_kbit / 16 + part(link, p->rate_kbit);

		way->byte_ns = 8 * 1000000ull / kbit;
		way->queue_bytes = p->queue_bytes / 2 + part(link, p->queue_bytes / 2);
	}
	if (p->mtu_min > 0)
		way->mtu = p->mtu_min + part(link, 1500 - p->mtu_min);
}

void sim_link_open(struct sim_link *link, const struct sim_profile *profile, struct hz_rng *rng)
{
	uint32_t good;

	memset(link, 0, offsetof(struct sim_link, frame));
	link->rng = rng;
	for (uint32_t i = 0; i < SIM_FLIGHT_MAX; i++)
		link->spare[i] = SIM_FLIGHT_MAX - 1 - i;
	link->spare_count = SIM_FLIGHT_MAX;
	way_choose(link, &link->way[0], profile);
	way_choose(link, &link->way[1], profile);
	if (profile->is_one_way) {
		good = below(link, 2);
		link->way[good].loss = link->way[good].duplicate = 0;
	}
	link->is_black_hole = below(link, 3) == 0;
	if (below(link, 4) == 0)
		link->strip = below(link, 8);
}

/* --- the heap of frames, by time -------------------------------------------------------------------- */

static bool is_before(const struct sim_link *link, uint32_t a, uint32_t b)
{
	const struct sim_frame *x = &link->frame[a], *y = &link->frame[b];

	return x->at_ns != y->at_ns ? x->at_ns < y->at_ns : (int32_t)(x->order - y->order) < 0;
}

static void heap_add(struct sim_link *link, uint32_t slot)
{
	uint32_t at = link->heap_count++;

	for (; at > 0 && is_before(link, slot, link->heap[(at - 1) / 2]); at = (at - 1) / 2)
		link->heap[at] = link->heap[(at - 1) / 2];
	link->heap[at] = slot;
}

static uint32_t heap_pop(struct sim_link *link)
{
	uint32_t first = link->heap[0], last = link->heap[--link->heap_count], at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= link->heap_count)
			break;
		if (child + 1 < link->heap_count &&
		    is_before(link, link->heap[child + 1], link->heap[child]))
			child++;
		if (!is_before(link, link->heap[child], last))
			break;
		link->heap[at] = link->heap[child];
		at = child;
	}
	link->heap[at] = last;
	return first;
}

/* --- what happens to one frame ----------------------------------------------------------------------- */

static uint32_t l3_offset(const uint8_t *bytes)
{
	uint32_t at = ETH_BYTES;

	while (bytes[at - 2] == 0x81 || bytes[at - 2] == 0x88)
		at += 4;
	return at;
}

static uint8_t *tcp_of(uint8_t *bytes)
{
	uint8_t *ip = bytes + l3_offset(bytes);

	return ip + (ip[0] >> 4 == 6 ? 40 : 20);
}

static void csum_adjust(uint8_t *tcp, const uint8_t *before, const uint8_t *after, uint32_t bytes)
{
	uint16_t csum, was, is;

	memcpy(&csum, tcp + 16, 2);
	was = hz_csum_fold(hz_csum_add(0, before, bytes));
	is = hz_csum_fold(hz_csum_add(0, after, bytes));
	/* RFC 1624 equation 3 */
	csum = (uint16_t)~hz_csum_fold((uint64_t)(uint16_t)~csum + (uint16_t)~was + is);
	memcpy(tcp + 16, &csum, 2);
}

/* As some middleboxes do it: the option becomes NOPs, the checksum follows. */
static void options_strip(const struct sim_link *link, uint8_t *bytes)
{
	static const uint8_t nop[40] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	uint8_t *tcp = tcp_of(bytes), before[60];
	uint32_t end = (tcp[12] >> 4) * 4u, at = 20;

	if (link->strip == 0 || !(tcp[13] & 2u))
		return;
	memcpy(before, tcp, end);
	while (at < end && tcp[at] != 0) {
		uint32_t kind = tcp[at], n = kind == 1 ? 1 : tcp[at + 1];

		if ((kind == 8 && (link->strip & SIM_STRIP_TS)) ||
		    (kind == 4 && (link->strip & SIM_STRIP_SACK)) ||
		    (kind == 3 && (link->strip & SIM_STRIP_SCALE)))
			memcpy(tcp + at, nop, n);
		at += n;
	}
	csum_adjust(tcp, before + 20, tcp + 20, end - 20);
}

/* Behind the link header, which has a checksum of its own on a real link. A change within one byte, or a
 * cut, is what the checksums and lengths must always find. */
static void damage(struct sim_link *link, struct sim_frame *frame)
{
	uint32_t from = l3_offset(frame->data);
	uint8_t *ip = frame->data + from;
	uint32_t total = ip[0] >> 4 == 6 ? 40u + (uint32_t)(ip[4] << 8 | ip[5])
	                                 : (uint32_t)(ip[2] << 8 | ip[3]);
	uint32_t at = below(link, total);

	frame->is_damaged = true;
	link->damaged++;
	if (below(link, 8) == 0) {
		frame->bytes = (uint16_t)(from + below(link, total));
		return;
	}
	/* Of IPv6 nothing covers class, flow label and hop limit, and they change nothing. */
	if (ip[0] >> 4 == 6 && (at < 4 || at == 7))
		at = 8;
	ip[at] ^= (uint8_t)(1 + below(link, 255));
}

static bool is_lost(struct sim_link *link, struct sim_way *way, uint64_t now_ns)
{
	if (way->outage_every_ns > 0 && now_ns % way->outage_every_ns < way->outage_ns)
		return true;
	if (way->is_in_burst)
		way->is_in_burst = !happens(link, 250);
	else
		way->is_in_burst = happens(link, way->burst);
	return way->is_in_burst || happens(link, way->loss);
}

/* When the last bit is on the wire, 0: the queue is full. */
static uint64_t queue_pass(struct sim_way *way, uint64_t now_ns, uint32_t bytes)
{
	uint64_t start_ns = HZ_MAX(way->busy_until_ns, now_ns);

	if (way->byte_ns == 0)
		return now_ns;
	if ((start_ns - now_ns) / way->byte_ns + bytes > way->queue_bytes)
		return 0;
	way->busy_until_ns = start_ns + bytes * way->byte_ns;
	return way->busy_until_ns;
}

static void copy_send(struct sim_link *link, struct sim_way *way, const struct sim_frame *from,
                      uint64_t wire_ns)
{
	uint64_t delay_ns = way->delay_ns + below(link, way->jitter_ns / 8 + 1);
	uint32_t slot;
	struct sim_frame *frame;

	if (link->spare_count == 0) {
		link->lost++;
		return;
	}
	if (happens(link, way->reorder))
		delay_ns += below(link, way->jitter_ns + 1);
	if (happens(link, way->late))
		delay_ns += below(link, LATE_MAX_S * NS_PER_S);
	slot = link->spare[--link->spare_count];
	frame = &link->frame[slot];
	memcpy(frame, from, offsetof(struct sim_frame, data) + from->bytes);
	frame->at_ns = wire_ns + delay_ns;
	frame->order = link->order++;
	if (happens(link, way->corrupt))
		damage(link, frame);
	heap_add(link, slot);
}

uint32_t sim_link_send(struct sim_link *link, uint64_t now_ns, uint8_t to, uint32_t tag,
                       const uint8_t *bytes, size_t count)
{
	struct sim_way *way = &link->way[to];
	struct sim_frame one;
	uint64_t wire_ns;

	link->sent++;
	one = (struct sim_frame){ .tag = tag, .bytes = (uint16_t)count, .to = to };
	memcpy(one.data, bytes, count);
	options_strip(link, one.data);
	if (way->mtu != 0 && count - l3_offset(bytes) > way->mtu) {
		link->too_big++;
		return link->is_black_hole ? 0 : way->mtu;
	}
	wire_ns = queue_pass(way, now_ns, (uint32_t)count);
	if (wire_ns == 0 || is_lost(link, way, now_ns)) {
		link->lost++;
		return 0;
	}
	copy_send(link, way, &one, wire_ns);
	if (happens(link, way->duplicate))
		copy_send(link, way, &one, wire_ns);
	return 0;
}

uint64_t sim_link_next_ns(const struct sim_link *link)
{
	return link->heap_count == 0 ? UINT64_MAX : link->frame[link->heap[0]].at_ns;
}

const struct sim_frame *sim_link_take(struct sim_link *link)
{
	uint32_t slot;

	if (link->heap_count == 0)
		return NULL;
	slot = heap_pop(link);
	link->spare[link->spare_count++] = slot;
	return &link->frame[slot];
}
