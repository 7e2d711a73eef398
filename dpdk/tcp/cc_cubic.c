/* CUBIC, RFC 9438: after a loss the window grows along a cubic curve of time, steep at first, level around
 * the window at which the loss came, steep again beyond; never slower than NewReno would. Slow start ends when
 * delay grows, RFC 9406 (HyStart++). All in integers: times in ms or us, windows in bytes, where a fraction
 * counts in 1/256. */
#include "tcp/tcp_rec.h"
#include "tcp/tcp_stack.h"

#define BETA_TENTHS 7u /* beta_cubic 0.7 */
#define SCALE       256u
#define AGE_MS_MAX  100000u /* after 100 s the window is at its limit for long */
#define W_MAX_SHIFT 4
/* RFC 9406 4.3 */
#define RTT_SAMPLES     8
#define RTT_STEP_MIN_US 4000u
#define RTT_STEP_MAX_US 16000u
#define SLOW_DIVISOR    4u
#define SLOW_ROUNDS     5
#define STEP_SEGMENTS   8u

_Static_assert((HZ_CC_CWND_MAX >> W_MAX_SHIFT) <= UINT16_MAX, "w_max holds every window");

/* Integer cube root, rounded down; two bits of the argument's three per step. */
static uint32_t cube_root(uint64_t x)
{
	uint64_t root = 0;

	for (int shift = 63; shift >= 0; shift -= 3) {
		uint64_t step;

		root *= 2;
		step = 3 * root * (root + 1) + 1;
		if (x >> shift >= step) {
			x -= step << shift;
			root++;
		}
	}
	return (uint32_t)root;
}

/* C * (t - K)^3 in bytes, C = 0.4 segments/s^3, for a distance in ms. */
static uint64_t curve(const struct hz_tcp_pcb *pcb, uint64_t distance_ms)
{
	uint64_t cube = distance_ms * distance_ms * distance_ms; /* <= 10^15 */

	return cube / 1000 * pcb->snd_mss * 2 / 5 / 1000000;
}

/* W_cubic(t), RFC 9438 figure 1. */
static uint32_t window_at(const struct hz_tcp_pcb *pcb, const struct hz_cubic *cubic,
                          uint64_t age_ms)
{
	uint64_t bytes;

	age_ms = HZ_MIN(age_ms, AGE_MS_MAX);
	if (age_ms >= cubic->k_ms) {
		bytes = cubic->origin + curve(pcb, age_ms - cubic->k_ms);
		return (uint32_t)HZ_MIN(bytes, HZ_CC_CWND_MAX);
	}
	bytes = curve(pcb, cubic->k_ms - age_ms);
	return bytes < cubic->origin ? cubic->origin - (uint32_t)bytes : 0;
}

static void epoch_begin(struct hz_tcp_pcb *pcb, struct hz_cubic *cubic)
{
	uint32_t w_max = (uint32_t)pcb->w_max << W_MAX_SHIFT;

	cubic->epoch_us = hz_tcp_us(hz_tcp_of(pcb));
	cubic->fraction = 0;
	cubic->reno = pcb->cwnd * SCALE;
	cubic->k_ms = 0;
	cubic->origin = HZ_MAX(w_max, pcb->cwnd);
	/* K = cbrt((W_max - cwnd) / C), in ms: RFC 9438 figure 2 */
	if (w_max > pcb->cwnd)
		cubic->k_ms = cube_root((w_max - pcb->cwnd) * 2500000000ull / pcb->snd_mss);
}

/* RFC 9438 4.3: alpha 0.53 makes up for beta 0.7; once at the old window both grow alike. */
static void reno_grow(const struct hz_tcp_pcb *pcb, struct hz_cubic *cubic, uint32_t bytes)
{
	uint64_t step = (uint64_t)bytes * pcb->snd_mss * SCALE / pcb->cwnd;

	if (cubic->reno / SCALE < (uint32_t)pcb->w_max << W_MAX_SHIFT)
		step = step * 9 / 17;
	cubic->reno = (uint32_t)HZ_MIN(cubic->reno + step, (uint64_t)HZ_CC_CWND_MAX * SCALE);
}

/* Congestion avoidance, RFC 9438 4.2 to 4.5. */
static void avoid(struct hz_tcp_pcb *pcb, uint32_t bytes)
{
	struct hz_cubic *cubic = &pcb->rec->cc.cubic;
	uint32_t age_ms, target;
	uint64_t step;

	if (cubic->epoch_us == 0)
		epoch_begin(pcb, cubic);
	age_ms = (hz_tcp_us(hz_tcp_of(pcb)) - cubic->epoch_us) / 1000;
	reno_grow(pcb, cubic, bytes);
	if (window_at(pcb, cubic, age_ms) < cubic->reno / SCALE) {
		pcb->cwnd = HZ_MAX(pcb->cwnd, cubic->reno / SCALE);
		return;
	}
	target = window_at(pcb, cubic, (uint64_t)age_ms + pcb->srtt_us / 1000);
	target = HZ_MIN(target, pcb->cwnd + pcb->cwnd / 2);
	if (target <= pcb->cwnd)
		return;
	step = (uint64_t)(target - pcb->cwnd) * SCALE * bytes / pcb->cwnd + cubic->fraction;
	cubic->fraction = (uint32_t)(step % SCALE);
	pcb->cwnd = (uint32_t)HZ_MIN(pcb->cwnd + step / SCALE, HZ_CC_CWND_MAX);
}

/* RFC 9406 4.2: one round trip has passed. */
static void round_next(struct hz_tcp_pcb *pcb, struct hz_cubic *cubic)
{
	if (cubic->is_slow && ++cubic->slow_rounds >= SLOW_ROUNDS)
		pcb->ssthresh = pcb->cwnd;
	cubic->has_round = true;
	cubic->round_end = pcb->rec->snd_nxt;
	cubic->last_rtt_us = cubic->rtt_us;
	cubic->rtt_us = 0;
	cubic->samples = 0;
}

/* Growing delay makes it slower, shrinking delay proves that to have been a mistake. */
static void delay_watch(struct hz_tcp_pcb *pcb, struct hz_cubic *cubic)
{
	uint32_t rtt_us = pcb->rec->rack_rtt_us, step_us;

	if (!cubic->has_round || hz_seq_geq(pcb->snd_una, cubic->round_end))
		round_next(pcb, cubic);
	if (rtt_us == 0)
		return;
	if (cubic->rtt_us == 0 || rtt_us < cubic->rtt_us)
		cubic->rtt_us = rtt_us;
	if (cubic->samples < RTT_SAMPLES)
		cubic->samples++;
	if (cubic->samples < RTT_SAMPLES || cubic->last_rtt_us == 0)
		return;
	step_us = HZ_MIN(HZ_MAX(cubic->last_rtt_us / 8, RTT_STEP_MIN_US), RTT_STEP_MAX_US);
	if (!cubic->is_slow && cubic->rtt_us >= cubic->last_rtt_us + step_us) {
		cubic->is_slow = true;
		cubic->slow_rounds = 0;
		cubic->base_rtt_us = cubic->rtt_us;
	} else if (cubic->is_slow && cubic->rtt_us < cubic->base_rtt_us) {
		cubic->is_slow = false;
	}
}

static void acked(struct hz_tcp_pcb *pcb, uint32_t bytes, uint32_t flight)
{
	struct hz_cubic *cubic = &pcb->rec->cc.cubic;
	uint32_t step_max = STEP_SEGMENTS * pcb->snd_mss;

	if (pcb->cwnd < pcb->ssthresh) {
		/* Only the first slow start does not know where it will end, RFC 9406 4.3. */
		if (pcb->ssthresh == HZ_CC_CWND_MAX)
			delay_watch(pcb, cubic);
		if (cubic->is_slow)
			bytes = HZ_MAX(HZ_MIN(bytes, step_max) / SLOW_DIVISOR, 1u);
		bytes = hz_cc_slow_start(pcb, bytes, flight, step_max);
		if (bytes == 0)
			return;
	}
	if (flight + 2u * pcb->snd_mss < pcb->cwnd) {
		cubic->epoch_us = 0; /* RFC 9438 5.8: the curve waits for the application */
		return;
	}
	avoid(pcb, bytes);
}

/* RFC 9438 4.6 and 4.7 */
static uint32_t ssthresh(struct hz_tcp_pcb *pcb, uint32_t flight)
{
	uint32_t cwnd = HZ_MIN(pcb->cwnd, HZ_CC_CWND_MAX);

	/* Fast convergence: a flow that loses earlier than last time leaves room for another one. */
	if (cwnd < (uint32_t)pcb->w_max << W_MAX_SHIFT)
		cwnd = cwnd * (10 + BETA_TENTHS) / 20;
	pcb->w_max = (uint16_t)(cwnd >> W_MAX_SHIFT);
	return HZ_MAX(flight * BETA_TENTHS / 10, 2u * pcb->snd_mss);
}

/* After a timeout the curve starts level from where slow start ends, RFC 9438 4.8. */
static void moved(struct hz_tcp_pcb *pcb)
{
	if (pcb->rec->phase == HZ_TCP_LOSS)
		pcb->w_max = 0;
	pcb->rec->cc.cubic.epoch_us = 0;
	pcb->rec->cc.cubic.is_slow = false;
}

const struct hz_cc_ops hz_cc_cubic_ops = {
	.name = "cubic",
	.acked = acked,
	.ssthresh = ssthresh,
	.moved = moved,
};
