/* Commands and the bell. */
#include "worker/mailbox.h"
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int hz_mailbox_open(struct hz_mailbox *box)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd == -1)
		return -errno;
	*box = (struct hz_mailbox){ .event_fd = fd };
	return 0;
}

void hz_mailbox_close(struct hz_mailbox *box)
{
	if (box->event_fd > 0)
		close(box->event_fd);
	box->event_fd = -1;
}

void hz_mailbox_post(struct hz_mailbox *box, uint32_t commands)
{
	__atomic_fetch_or(&box->commands, commands, __ATOMIC_SEQ_CST);
	hz_mailbox_ring(box);
}

void hz_mailbox_ring(struct hz_mailbox *box)
{
	const uint64_t one = 1;

	/* Pairs with lie_down. Both read and write the word, so one comes first: either this sees the
	 * sleeper, or the sleeper's last look sees what the caller published before. */
	if (__atomic_fetch_or(&box->is_asleep, 0, __ATOMIC_ACQ_REL) == 0)
		return;
	/* Fails only when the counter is full, and then it is readable already. */
	(void)!write(box->event_fd, &one, sizeof(one));
}

uint32_t hz_mailbox_take(struct hz_mailbox *box)
{
	return __atomic_exchange_n(&box->commands, 0, __ATOMIC_ACQUIRE);
}

void hz_mailbox_lie_down(struct hz_mailbox *box)
{
	(void)__atomic_exchange_n(&box->is_asleep, 1, __ATOMIC_ACQ_REL);
}

void hz_mailbox_get_up(struct hz_mailbox *box)
{
	uint64_t rings;

	__atomic_store_n(&box->is_asleep, 0, __ATOMIC_RELAXED);
	(void)!read(box->event_fd, &rings, sizeof(rings));
}
