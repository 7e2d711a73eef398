/* A worker's door: one word of commands from housekeeping, and a bell for when the worker sleeps. Any
 * thread may post and ring; only the owner takes and sleeps. */
#ifndef HZ_MAILBOX_H
#define HZ_MAILBOX_H

#include "core/base.h"

enum hz_mail {
	HZ_MAIL_DRAIN = 1u << 0,  /* no new connections */
	HZ_MAIL_STOP = 1u << 1,   /* reset what is open and leave the loop */
	HZ_MAIL_CENSUS = 1u << 2, /* the census holds a question */
	HZ_MAIL_TRACE = 1u << 3,  /* trace_asked has changed */
};

struct hz_mailbox {
	HZ_LINE_ALIGNED uint32_t commands;  /* enum hz_mail bits, atomic; looked at every turn */
	HZ_LINE_ALIGNED uint32_t is_asleep; /* atomic; written by whoever rings */
	int event_fd;
};

int hz_mailbox_open(struct hz_mailbox *box); /* 0 or -errno */
void hz_mailbox_close(struct hz_mailbox *box);

void hz_mailbox_post(struct hz_mailbox *box, uint32_t commands);

/* Wakes the owner when it sleeps, after the caller has published something for it; a system call only
 * then. */
void hz_mailbox_ring(struct hz_mailbox *box);

static inline bool hz_mailbox_has_mail(const struct hz_mailbox *box)
{
	return __atomic_load_n(&box->commands, __ATOMIC_RELAXED) != 0;
}

uint32_t hz_mailbox_take(struct hz_mailbox *box); /* owner: all commands, the box is empty then */

/* Owner. Between lie_down and get_up every ring makes event_fd readable; the owner looks for work once
 * more after lie_down, so nothing published before it is missed. */
void hz_mailbox_lie_down(struct hz_mailbox *box);
void hz_mailbox_get_up(struct hz_mailbox *box);

#endif
