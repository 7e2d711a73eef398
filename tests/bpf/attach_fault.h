/* Calls of the loader that fail, or before which the process is killed: the linker sends them through
 * attach_fault.c (--wrap, module.mk). */
#ifndef HZ_ATTACH_FAULT_H
#define HZ_ATTACH_FAULT_H

#include <stdbool.h>

/* The nth call from now on fails once, or kills; 0: none does. */
void attach_fault_arm(unsigned nth, bool kills);
bool attach_fault_fired(void);

/* Which calls are tried in turn: each with HZ_EACH_CALL set, as the long set has it; else, as there are hundreds, every
 * fourth from one on that is drawn (HZ_FIRST_CALL=0..3 draws that one again). first: the first one from there on. */
unsigned attach_fault_first(unsigned first);
unsigned attach_fault_step(void);

#endif
