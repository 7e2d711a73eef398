/* Runs the program and its model side by side. */
#ifndef HZ_PROG_MODEL_H
#define HZ_PROG_MODEL_H

#include "bpf_rig.h"
#include "model.h"

struct model_tally {
	bool is_hostile; /* which worlds */
	uint64_t frames;
	uint64_t mismatches; /* verdict, counter or bytes differ from the model's */
	uint64_t bad_sums;   /* answers with a wrong checksum */
	uint64_t strangers;  /* not ours by address, yet not passed */
	uint64_t reason[HZ_REASON_COUNT];
	uint64_t counters[HZ_REASON_COUNT]; /* the program's, as last read */
	uint64_t world_seed;
};

/* From HZ_SEED, never 0. */
uint64_t prog_model_seed(void);
/* false: a run was refused. A difference is printed and counted. */
bool prog_model_frame(struct rig *rig, const struct model_world *world, const struct wire *in,
                      struct model_tally *tally);
/* At least `frames` random frames in random worlds; rig was opened bare. */
bool prog_model_run(struct rig *rig, uint64_t seed, uint64_t frames, struct model_tally *tally);
void prog_model_results(struct tap *tap, const struct model_tally *tally);
/* Loads an object and does all of it. */
void prog_model_object(struct tap *tap, const char *object_path, uint64_t sane, uint64_t hostile);

#endif
