#include "core/rcu.h"
#include "core/tsan.h"
#include <urcu-qsbr.h>

/* ThreadSanitizer would call every correct reclamation a race. So the edge that a grace period is gets told to
 * it: from each quiescent state to the return of synchronize. A missing grace period is still reported. */
static char grace_token; /* only its address is used */

void hz_rcu_reader_register(void)
{
	urcu_qsbr_register_thread();
}

void hz_rcu_reader_unregister(void)
{
	hz_tsan_give(&grace_token);
	urcu_qsbr_unregister_thread();
}

void hz_rcu_quiescent(void)
{
	hz_tsan_give(&grace_token);
	urcu_qsbr_quiescent_state();
}

void hz_rcu_offline(void)
{
	hz_tsan_give(&grace_token);
	urcu_qsbr_thread_offline();
}

void hz_rcu_online(void)
{
	urcu_qsbr_thread_online();
}

void hz_rcu_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	hz_tsan_take(&grace_token);
}

/* Compiler builtins rather than rcu_xchg_pointer and rcu_dereference: the same instructions on x86, and
 * the sanitizer understands them. Acquire where consume would do costs nothing there. */
void *hz_rcu_publish(void **slot, void *pointer)
{
	return __atomic_exchange_n(slot, pointer, __ATOMIC_ACQ_REL);
}

void *hz_rcu_read(void *const *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}
