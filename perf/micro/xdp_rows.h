/* What bench_xdp measures: for each row a frame, and what the maps hold when it comes. */
#ifndef HZ_XDP_ROWS_H
#define HZ_XDP_ROWS_H

#include "bpf_rig.h"

enum how {
	AS_IS,         /* the frame stays as it is */
	ANSWERED,      /* it becomes the answer */
	NOTED,         /* something is put before it */
	FROM_ANYBODY,  /* another source each time */
	KNOWN_SOURCE,  /* within shed/source_rate */
	REFUSED_SOURCE /* beyond it */
};

struct xdp_row {
	const char *name;
	struct wire_spec spec;
	int reason;
	enum how how;
	double goal;      /* of the ratio, 0: none */
	bool is_flow;     /* acknowledges the cookie of its flow */
	bool is_listed;   /* the source is denied */
	bool has_no_list; /* nobody is */
	bool is_shed;     /* all new flows are refused, */
	uint32_t verdict; /* with this */
	bool has_cookies; /* XDP was told to send and verify them */
};

/* Ends with a row without a name. */
extern const struct xdp_row xdp_rows[];

/* 100,000 denied prefixes of either family, and the keys of cookies. 0 or -errno. */
int xdp_rows_open(struct rig *rig);
/* Maps as the row wants them. */
void xdp_rows_world(struct rig *rig, const struct xdp_row *row);
/* Its frame; in its world, whose cookie it may acknowledge. */
void xdp_rows_frame(struct rig *rig, const struct xdp_row *row, int version, int tags,
                    struct wire *out);

#endif
