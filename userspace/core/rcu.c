#include "core/rcu.h"
#include <urcu-qsbr.h>

/* ThreadSanitizer does not see into liburcu, which is not instrumented: it would call every correct
 * reclamation a race. So the edge that a grace period is gets told to it: from each quiescent state to
 * the return of synchronize. A missing grace period is still reported. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char grace_token; /* only its address is used */
#define TSAN_QUIESCENT() __tsan_release(&grace_token)
#define TSAN_GRACE()     __tsan_acquire(&grace_token)
#else
#define TSAN_QUIESCENT() ((void)0)
#define TSAN_GRACE()     ((void)0)
#endif

void hz_rcu_reader_register(void)
{
	urcu_qsbr_register_thread();
}

void hz_rcu_reader_unregister(void)
{
	TSAN_QUIESCENT();
	urcu_qsbr_unregister_thread();
}

void hz_rcu_quiescent(void)
{
	TSAN_QUIESCENT();
	urcu_qsbr_quiescent_state();
}

void hz_rcu_offline(void)
{
	TSAN_QUIESCENT();
	urcu_qsbr_thread_offline();
}

void hz_rcu_online(void)
{
	urcu_qsbr_thread_online();
}

void hz_rcu_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	TSAN_GRACE();
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
