/* Calls of the loader that fail, or before which the process is killed: the linker sends them through
 * attach_fault.c (--wrap, module.mk). */
#ifndef HZ_ATTACH_FAULT_H
#define HZ_ATTACH_FAULT_H

#include <stdbool.h>

/* The nth call from now on fails once, or kills; 0: none does. */
void attach_fault_arm(unsigned nth, bool kills);
bool attach_fault_fired(void);

#endif
