/* What the tests of refusing share. */
#ifndef HZ_PROG_SHED_H
#define HZ_PROG_SHED_H

#include "abi/shed_word.h"
#include "bpf_rig.h"

/* One ready worker that wants this refused, nobody told so far. */
void prog_shed_set(struct rig *rig, uint64_t word, uint32_t verdict);
/* The reason of a SYN to the site from this port; -1: the run failed. */
int prog_shed_syn(struct rig *rig, int version, uint16_t source_port, uint32_t seq);

static inline uint64_t prog_shed_all(uint32_t permille)
{
	return hz_shed_word(permille, permille, 0, 0);
}

void shed_words_tests(struct tap *tap, struct rig *rig);

#endif
