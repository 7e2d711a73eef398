/* Map contents to try the program with: as loader and hzd write them, and as nobody should. */
#ifndef HZ_MODEL_WORLDS_H
#define HZ_MODEL_WORLDS_H

#include "bpf_rig.h"
#include "prog_frames.h"

/* Claims and answers of the loader, and two health ports more; everything else drawn from what hzd could
 * have written at any moment. 0 or -errno. */
int worlds_sane(struct draw *draw, struct model_world *out);
/* The same with any bits in any field of any map. */
int worlds_hostile(struct draw *draw, struct model_world *out);

/* Writes a world into the maps of a rig that was opened bare. 0 or -errno. */
int worlds_apply(struct rig *rig, const struct model_world *world);
/* Random bytes into the maps that the program only writes. 0 or -errno. */
int worlds_scramble_counters(struct draw *draw, const struct rig *rig);

#endif
