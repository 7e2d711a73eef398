/* Holding DPDK's interrupt thread. */
/* rte_intr_instance_alloc and its kin: new in 21.11, called stable from 23.11 on. */
#define ALLOW_EXPERIMENTAL_API
#include "port/intr_gate.h"
#include "core/base.h"
#include <errno.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BACK_S_MAX     2 /* a driver's callback that hangs must not hang housekeeping */
#define ROUNDS_A_ROUND 2 /* what one event causes is often the next one */

struct hz_intr_gate {
	struct rte_intr_handle *handle;
	int fd;          /* readable for ever */
	sem_t may_leave; /* posted for each turn of the thread */
	sem_t is_back;   /* posted when the thread stands in our callback */
	bool is_inside;  /* the thread is known to stand there */
};

static void stand_still(void *arg)
{
	struct hz_intr_gate *gate = arg;

	sem_post(&gate->is_back);
	while (sem_wait(&gate->may_leave) != 0)
		; /* EINTR */
}

static void wait_until_back(struct hz_intr_gate *gate)
{
	struct timespec until;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += BACK_S_MAX;
	do
		status = sem_clockwait(&gate->is_back, CLOCK_MONOTONIC, &until);
	while (status != 0 && errno == EINTR);
	gate->is_inside = status == 0;
}

static int handle_open(struct hz_intr_gate *gate)
{
	gate->handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (gate->handle == NULL)
		return -ENOMEM;
	if (rte_intr_fd_set(gate->handle, gate->fd) != 0 ||
	    rte_intr_type_set(gate->handle, RTE_INTR_HANDLE_EXT) != 0)
		return -rte_errno;
	return rte_intr_callback_register(gate->handle, stand_still, gate);
}

int hz_intr_gate_open(struct hz_intr_gate **out)
{
	struct hz_intr_gate *gate = calloc(1, sizeof(*gate));
	int status;

	if (gate == NULL)
		return -ENOMEM;
	sem_init(&gate->may_leave, 0, 0);
	sem_init(&gate->is_back, 0, 0);
	gate->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	status = gate->fd == -1 ? -errno : handle_open(gate);
	if (status != 0) {
		rte_intr_instance_free(gate->handle);
		if (gate->fd != -1)
			close(gate->fd);
		free(gate);
		return status;
	}
	wait_until_back(gate);
	*out = gate;
	return 0;
}

void hz_intr_gate_round(struct hz_intr_gate *gate)
{
	for (unsigned i = 0; i < ROUNDS_A_ROUND; i++) {
		if (gate->is_inside)
			sem_post(&gate->may_leave);
		wait_until_back(gate);
	}
}
