/* Records of the stream as lines for people. */
#ifndef HZ_FEED_TEXT_H
#define HZ_FEED_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* One line for an object of the kinds slow, shed, drop and state; texts in it are a peer's. */
void hz_feed_text(FILE *to, const json_t *object);

#endif
