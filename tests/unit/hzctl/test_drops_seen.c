/* Which dropped frames hzctl trace follow prints. */
#include "../../../tools/hzctl/drops_seen.h"
#include "hz_test.h"

static struct hz_sample sample_of(uint32_t reason, uint16_t cpu, uint64_t time_ns)
{
	return (struct hz_sample){ .header = { .worker = cpu, .time_ns = time_ns },
		                   .reason = reason };
}

static bool is_new(struct hz_drops_seen *seen, uint32_t reason, uint16_t cpu, uint64_t time_ns)
{
	const struct hz_sample sample = sample_of(reason, cpu, time_ns);

	return hz_drops_seen_is_new(seen, &sample);
}

static void drop_written_while_others_were_read_is_shown_at_the_next_look(void)
{
	struct hz_drops_seen seen = { .began_ns = 100 };

	/* the slot of CPU 0 was read before it wrote at 200, that of CPU 1 after it wrote at 201 */
	CU_ASSERT(is_new(&seen, HZ_REASON_drop_deny, 1, 201));
	CU_ASSERT(is_new(&seen, HZ_REASON_drop_deny, 0, 200));
	/* the same with two reasons on one CPU, whose older slot was being written */
	CU_ASSERT(is_new(&seen, HZ_REASON_shed_drop, 0, 300));
	CU_ASSERT(is_new(&seen, HZ_REASON_drop_fragment, 0, 299));
	/* and two at the same time */
	CU_ASSERT(is_new(&seen, HZ_REASON_shed_drop, 2, 300));
}

static void drop_is_shown_once_and_none_of_before(void)
{
	struct hz_drops_seen seen = { .began_ns = 100 };

	CU_ASSERT(!is_new(&seen, HZ_REASON_drop_deny, 3, 100));
	CU_ASSERT(is_new(&seen, HZ_REASON_drop_deny, 3, 101));
	CU_ASSERT(!is_new(&seen, HZ_REASON_drop_deny, 3, 101));
	CU_ASSERT(is_new(&seen, HZ_REASON_drop_deny, 3, 102));
	CU_ASSERT(!is_new(&seen, HZ_REASON_drop_deny, 3, 101));
	CU_ASSERT(is_new(&seen, HZ_REASON_COUNT - 1, HZ_WORKERS_MAX - 1, 101));
}

HZ_SUITE(drops_seen, CASE(drop_written_while_others_were_read_is_shown_at_the_next_look),
         CASE(drop_is_shown_once_and_none_of_before));
