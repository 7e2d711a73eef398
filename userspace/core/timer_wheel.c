/* A timer lies in the level whose slots are as wide as its distance from now: level l holds distances
 * of 64^l to 64^(l+1)-1 ticks, in slot (deadline_tick >> 6l) & 63. When the wheel enters a slot of a
 * level above 0, what is in it moves down ("cascades"), so every timer moves at most 5 times. */
#include "core/timer_wheel.h"
#include <assert.h>
#include <string.h>

#define SLOT_MASK (HZ_WHEEL_SLOTS - 1u)
#define REACH     (1ULL << (HZ_WHEEL_LEVELS * HZ_WHEEL_SLOT_BITS))
#define TICK_MAX  (UINT64_MAX >> HZ_WHEEL_TICK_SHIFT)

/* Rounded up, so that no timer fires early. */
static uint64_t tick_of_deadline(uint64_t deadline_ns)
{
	uint64_t tick = deadline_ns >> HZ_WHEEL_TICK_SHIFT;

	if ((deadline_ns & ((1ULL << HZ_WHEEL_TICK_SHIFT) - 1)) != 0 && tick < TICK_MAX)
		tick++;
	return tick;
}

static void list_push(struct hz_timer **head, struct hz_timer *timer)
{
	timer->next = *head;
	timer->prev_next = head;
	if (*head != NULL)
		(*head)->prev_next = &timer->next;
	*head = timer;
}

/* *to, which is empty, takes over the whole list *from. */
static void list_take(struct hz_timer **to, struct hz_timer **from)
{
	assert(*to == NULL);
	*to = *from;
	*from = NULL;
	if (*to != NULL)
		(*to)->prev_next = to;
}

static void off_slot_push(struct hz_timer **head, struct hz_timer *timer)
{
	timer->level = HZ_WHEEL_LEVELS;
	list_push(head, timer);
}

/* Into the slot of its deadline, which lies ahead. Beyond the reach of the wheel: into the furthest
 * slot, from where it is placed again. */
static void slot_push(struct hz_wheel *wheel, struct hz_timer *timer)
{
	uint64_t distance = timer->deadline_tick - wheel->now_tick;
	uint64_t tick = timer->deadline_tick;
	unsigned level;

	assert(timer->deadline_tick > wheel->now_tick);
	if (distance >= REACH) {
		distance = REACH - 1;
		tick = wheel->now_tick + distance;
	}
	level = (63u - (unsigned)__builtin_clzll(distance)) / HZ_WHEEL_SLOT_BITS;
	timer->level = level & 7u;
	timer->slot = (tick >> (level * HZ_WHEEL_SLOT_BITS)) & SLOT_MASK;
	wheel->occupied[level] |= 1ULL << timer->slot;
	list_push(&wheel->slot[level][timer->slot], timer);
}

void hz_wheel_init(struct hz_wheel *wheel, uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->now_tick = now_ns >> HZ_WHEEL_TICK_SHIFT;
}

void hz_wheel_cancel(struct hz_wheel *wheel, struct hz_timer *timer)
{
	if (!hz_timer_is_armed(timer))
		return;
	*timer->prev_next = timer->next;
	if (timer->next != NULL)
		timer->next->prev_next = timer->prev_next;
	timer->next = NULL;
	timer->prev_next = NULL;
	wheel->armed--;
	if (timer->level < HZ_WHEEL_LEVELS && wheel->slot[timer->level][timer->slot] == NULL)
		wheel->occupied[timer->level] &= ~(1ULL << timer->slot);
}

void hz_wheel_arm(struct hz_wheel *wheel, struct hz_timer *timer, uint64_t deadline_ns)
{
	hz_wheel_cancel(wheel, timer);
	timer->deadline_tick = tick_of_deadline(deadline_ns) & TICK_MAX;
	if (timer->deadline_tick <= wheel->now_tick)
		off_slot_push(&wheel->late, timer);
	else
		slot_push(wheel, timer);
	wheel->armed++;
}

/* The next tick at which a slot that is not empty is entered, on any level; UINT64_MAX: none. */
static uint64_t next_entry_tick(const struct hz_wheel *wheel)
{
	uint64_t nearest = UINT64_MAX;

	for (unsigned level = 0; level < HZ_WHEEL_LEVELS; level++) {
		unsigned shift = level * HZ_WHEEL_SLOT_BITS;
		uint64_t index = (wheel->now_tick >> shift) + 1;
		unsigned first = (unsigned)(index & SLOT_MASK);
		uint64_t bits = wheel->occupied[level];
		uint64_t tick;

		if (bits == 0)
			continue;
		if (first != 0)
			bits = bits >> first | bits << (HZ_WHEEL_SLOTS - first);
		tick = (index + (unsigned)__builtin_ctzll(bits)) << shift;
		if (tick < nearest)
			nearest = tick;
	}
	return nearest;
}

/* Empties the slot that level enters at now_tick: downwards, or into due. */
static void cascade(struct hz_wheel *wheel, unsigned level)
{
	unsigned slot = (unsigned)(wheel->now_tick >> (level * HZ_WHEEL_SLOT_BITS)) & SLOT_MASK;
	struct hz_timer *timer = wheel->slot[level][slot];

	wheel->slot[level][slot] = NULL;
	wheel->occupied[level] &= ~(1ULL << slot);
	while (timer != NULL) {
		struct hz_timer *next = timer->next;

		if (timer->deadline_tick <= wheel->now_tick)
			off_slot_push(&wheel->due, timer);
		else
			slot_push(wheel, timer);
		timer = next;
	}
}

/* Level l is entered anew whenever the l * 6 bits below its index are zero. */
static void tick_enter(struct hz_wheel *wheel, uint64_t tick)
{
	wheel->now_tick = tick;
	for (unsigned level = 0; level < HZ_WHEEL_LEVELS; level++) {
		if ((tick & ((1ULL << (level * HZ_WHEEL_SLOT_BITS)) - 1)) != 0)
			break;
		cascade(wheel, level);
	}
}

static unsigned due_fire(struct hz_wheel *wheel, unsigned budget,
                         void (*fire)(void *ctx, struct hz_timer *timer), void *ctx)
{
	unsigned fired = 0;

	while (wheel->due != NULL && fired < budget) {
		struct hz_timer *timer = wheel->due;

		hz_wheel_cancel(wheel, timer);
		fire(ctx, timer);
		fired++;
	}
	return fired;
}

unsigned hz_wheel_advance(struct hz_wheel *wheel, uint64_t now_ns, unsigned budget,
                          void (*fire)(void *ctx, struct hz_timer *timer), void *ctx)
{
	uint64_t target = now_ns >> HZ_WHEEL_TICK_SHIFT;
	unsigned fired = due_fire(wheel, budget, fire, ctx);

	if (fired == budget)
		return fired;
	/* What fire arms in the past from here on waits in late for the next call. */
	list_take(&wheel->due, &wheel->late);
	fired += due_fire(wheel, budget - fired, fire, ctx);
	while (fired < budget && wheel->now_tick < target) {
		uint64_t tick = next_entry_tick(wheel);

		if (tick > target) {
			wheel->now_tick = target;
			break;
		}
		tick_enter(wheel, tick);
		fired += due_fire(wheel, budget - fired, fire, ctx);
	}
	return fired;
}

uint64_t hz_wheel_next_ns(const struct hz_wheel *wheel)
{
	if (wheel->armed == 0)
		return UINT64_MAX;
	if (wheel->due != NULL || wheel->late != NULL)
		return wheel->now_tick << HZ_WHEEL_TICK_SHIFT;
	/* No slot begins after a deadline in it, so this is TICK_MAX at most and does not overflow. */
	return next_entry_tick(wheel) << HZ_WHEEL_TICK_SHIFT;
}
