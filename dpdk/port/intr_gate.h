/* DPDK's interrupt thread, let through only when no worker is inside a driver. net_memif connects,
 * reconnects and disconnects on that thread, and a disconnect unmaps the rings under a worker that is
 * just reading them: without the gate a peer that leaves can take hzd with it.
 *
 * A descriptor that is always readable keeps the thread inside our callback, where it waits. A round
 * lets it out; on its way back to us it handles everything else that was waiting.
 *
 * There is no close: rte_eal_cleanup does not end that thread (22.11) but takes the memory it works on, so
 * it has to stand still until the process ends. The gate stays with it. */
#ifndef HZ_INTR_GATE_H
#define HZ_INTR_GATE_H

struct hz_intr_gate; /* owned by the thread that stands in it */

/* From here on the interrupt thread stands still between rounds. EAL must run. 0 or -errno. */
int hz_intr_gate_open(struct hz_intr_gate **out);

/* Everything that waits for the interrupt thread, once. The caller has made sure that no other thread
 * is inside a driver and none enters one before this returns. */
void hz_intr_gate_round(struct hz_intr_gate *gate);

#endif
