/* Edges between threads that ThreadSanitizer cannot see, because they lie in liburcu, which is not instrumented: what
 * came before hz_tsan_give(address) is visible after hz_tsan_take(address). Nothing in other builds.
 * And fences, which ThreadSanitizer does not know. */
#ifndef HZ_TSAN_H
#define HZ_TSAN_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define hz_tsan_give(address) __tsan_release(address)
#define hz_tsan_take(address) __tsan_acquire(address)
#else
#define hz_tsan_give(address) ((void)(address))
#define hz_tsan_take(address) ((void)(address))
#endif

/* ThreadSanitizer knows no fences and gcc refuses to build them for it: a full barrier there. */
#ifdef __SANITIZE_THREAD__
#define hz_fence(order) __sync_synchronize()
#else
#define hz_fence(order) __atomic_thread_fence(order)
#endif

#endif
