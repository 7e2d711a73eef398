/* Marks: what somebody who looks at a picture of time wants to have told. hzd and hzctl tell of what they do and see, by
 * records; that hzd is dead nobody tells: that is what the maps are looked at for. */
#ifndef HZ_MARKS_H
#define HZ_MARKS_H

#include "collector/event_log.h"
#include "collector/map_view.h"

/* Of one instance's maps; zeroed it knows nothing. */
struct hz_marks {
	bool was_alive;   /* and did not end in order since */
	bool is_told;     /* that nobody turns */
	uint32_t views;   /* without anybody who turns */
	int64_t since_s;  /* the first of these */
	uint64_t stalled; /* bit per worker of which a record said so */
};

/* A change of state, at its own time. */
void hz_marks_take(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                   const struct hz_event_state *state);
/* Once per second, behind the records. */
void hz_marks_look(struct hz_marks *marks, struct hz_event_log *log, int64_t unix_s,
                   const struct hz_map_view *now);

#endif
