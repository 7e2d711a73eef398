/* The only user of liburcu (QSBR flavour): readers cost nothing between quiescent states. */
#ifndef HZ_RCU_H
#define HZ_RCU_H

#include <stdbool.h>

void hz_rcu_reader_register(void); /* each worker thread, before its first read */
void hz_rcu_reader_unregister(void);
void hz_rcu_quiescent(void); /* worker, once per turn: holds no snapshot pointer */
void hz_rcu_offline(void);   /* worker, before it blocks */
void hz_rcu_online(void);
void hz_rcu_synchronize(void); /* housekeeping: every reader has been quiescent since */

/* Publishes pointer in *slot, returns what was there; free that after hz_rcu_synchronize. */
void *hz_rcu_publish(void **slot, void *pointer);
void *hz_rcu_read(void *const *slot); /* valid to the caller's next quiescent state */

#endif
