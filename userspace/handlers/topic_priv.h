/* A topic from within. Private to topic.c and to tests that hold one as a publisher would. */
#ifndef HZ_TOPIC_PRIV_H
#define HZ_TOPIC_PRIV_H

#include "handlers/topic.h"

struct hz_topic {
	struct hz_topics *topics;
	char name[HZ_TOPIC_NAME_MAX];
	uint32_t index;
	uint32_t references; /* housekeeping's */
	uint64_t bytes;
	uint32_t readers; /* atomic, as all below */
	uint64_t skipped, closed, refused;
	bool is_open;
	bool is_taken; /* somebody is publishing */
	struct hz_msg_ring ring;
};

#endif
