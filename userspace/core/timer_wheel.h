/* Hierarchical timer wheel (Varghese and Lauck 1987): 6 levels of 64 slots, tick 2^17 ns (131 us),
 * reaching 104 days. Arm, move and cancel are O(1); timers are intrusive; one thread. A timer never
 * fires early and fires at most one tick after its deadline, when advance() is called often enough. */
#ifndef HZ_TIMER_WHEEL_H
#define HZ_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ_WHEEL_TICK_SHIFT 17
#define HZ_WHEEL_SLOT_BITS  6
#define HZ_WHEEL_SLOTS      (1u << HZ_WHEEL_SLOT_BITS)
#define HZ_WHEEL_LEVELS     6
#define HZ_WHEEL_TICK_BITS  (64 - HZ_WHEEL_TICK_SHIFT)

struct hz_timer {
	struct hz_timer *next;
	struct hz_timer **prev_next; /* NULL: not armed; a zeroed timer is not */
	uint64_t deadline_tick : HZ_WHEEL_TICK_BITS;
	uint64_t level : 3; /* HZ_WHEEL_LEVELS: in no slot, but due */
	uint64_t slot : HZ_WHEEL_SLOT_BITS;
	uint64_t kind : 8; /* the owner's: tells its fire function which timer this is */
};
_Static_assert(sizeof(struct hz_timer) == 24, "a million connections have one each");

struct hz_wheel {
	uint64_t
		now_tick; /* everything up to and including this tick has fired or is in due, late */
	uint64_t occupied[HZ_WHEEL_LEVELS]; /* a bit per slot that is not empty */
	struct hz_timer *slot[HZ_WHEEL_LEVELS][HZ_WHEEL_SLOTS];
	struct hz_timer *due;  /* of now_tick, being fired or left over by the budget */
	struct hz_timer *late; /* armed with a deadline in the past: for the next advance */
	uint32_t armed;
};

void hz_wheel_init(struct hz_wheel *wheel, uint64_t now_ns);
/* Arms or moves. A deadline in the past fires at the next advance. */
void hz_wheel_arm(struct hz_wheel *wheel, struct hz_timer *timer, uint64_t deadline_ns);
void hz_wheel_cancel(struct hz_wheel *wheel, struct hz_timer *timer); /* also when not armed */

static inline bool hz_timer_is_armed(const struct hz_timer *timer)
{
	return timer->prev_next != NULL;
}

/* Calls fire(ctx, timer) for up to budget due timers, each disarmed before its call; fire may arm and
 * cancel any timer. Returns the number fired; when it equals budget, call again next turn. */
unsigned hz_wheel_advance(struct hz_wheel *wheel, uint64_t now_ns, unsigned budget,
                          void (*fire)(void *ctx, struct hz_timer *timer), void *ctx);

/* The first tick at which advance() has something to do, as a time: never later than the tick at which
 * the next timer fires; UINT64_MAX when nothing is armed. */
uint64_t hz_wheel_next_ns(const struct hz_wheel *wheel);

#endif
