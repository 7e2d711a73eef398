/* What was typed into hzctl top. Pure: bytes in, keys out; sequences of a terminal may come in pieces. */
#ifndef HZ_TOP_KEYS_H
#define HZ_TOP_KEYS_H

#include <stdint.h>

enum hz_top_key {
	HZ_TOP_KEY_NONE,
	HZ_TOP_KEY_QUIT,
	HZ_TOP_KEY_VIEW, /* the first of HZ_TOP_VIEWS */
	HZ_TOP_KEY_NEXT = HZ_TOP_KEY_VIEW + 16,
	HZ_TOP_KEY_SORT,
	HZ_TOP_KEY_TURN,
	HZ_TOP_KEY_PAUSE,
	HZ_TOP_KEY_SUSPEND,
	HZ_TOP_KEY_REDRAW,
	HZ_TOP_KEY_UP,
	HZ_TOP_KEY_DOWN,
	HZ_TOP_KEY_PAGE_UP,
	HZ_TOP_KEY_PAGE_DOWN,
	HZ_TOP_KEY_HOME
};

struct hz_top_keys { /* zeroed at the start */
	uint8_t state;
	uint8_t number; /* parameter of a sequence so far */
};

enum hz_top_key hz_top_keys_feed(struct hz_top_keys *keys, uint8_t byte);

#endif
