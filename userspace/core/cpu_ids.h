/* CPU numbers, for what XDP keeps by them. */
#ifndef HZ_CPU_IDS_H
#define HZ_CPU_IDS_H

#include <stdint.h>

/* Rows in use of what is indexed by CPU number: the largest number that a CPU can ever have here,
 * and one; at most `most`, and `most` when the kernel does not say. This is not how many CPUs there
 * are: numbers may have gaps, more may be plugged in, a container is shown fewer than XDP runs on. */
uint32_t hz_cpu_ids(uint32_t most);
/* The same of the kernel's own words, "0-3,8-11": Documentation/admin-guide/cputopology.rst, `possible`. */
uint32_t hz_cpu_ids_in(const char *list, uint32_t most);

#endif
