/* What hzctl top would show: samples that a test makes, figures from them, and a screen of any size. */
#ifndef TOP_RIG_H
#define TOP_RIG_H

#include "../../../tools/hzctl/top_layout.h"
#include <stdbool.h>

struct top_rig {
	struct hz_top_sample sample[3]; /* now, a second ago, ten seconds ago */
	struct hz_top_model model;
	struct hz_top_heat heat;
	struct hz_top_slow_list slow;
	struct hz_top_state state;
	struct hz_top_grid grid;
	char *text;
};

/* 1000 requests a second of 8 us, on one worker, ten seconds long. */
struct top_rig *top_rig_open(void);
void top_rig_close(struct top_rig *rig);

/* What stands there, in ASCII; the rig's. */
const char *top_rig_screen(struct top_rig *rig, unsigned rows, unsigned cols);
/* Has text the part? Prints the text when not. */
bool top_rig_has(const char *text, const char *part);

#endif
