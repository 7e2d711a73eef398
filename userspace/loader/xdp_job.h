/* One call of hz_xdp_attach, between its parts: a fresh attachment and the replacement of one. */
#ifndef HZ_XDP_JOB_H
#define HZ_XDP_JOB_H

#include "loader/xdp_chain.h"
#include "loader/xdp_lists.h"
#include "loader/xdp_program.h"

struct hz_xdp_job { /* lives in hz_xdp_attach, which closes what is in it */
	const struct hz_xdp_attach_opts *opts;
	struct hz_err *err;
	struct hz_xdp_claims *claims; /* NULL: those that run */
	struct hz_xdp_shared shared;
	struct hz_xdp_link link; /* fd -1: nothing is pinned */
	struct hz_xdp_heirloom heirloom;
	struct hz_xdp_foreign foreign;
	struct hz_xdp_lists lists;
	struct hz_xdp_program program;
	struct hz_meta meta; /* of what we attach, or found attached */
	uint32_t ifindex;
	uint32_t program_id; /* out */
};

void hz_xdp_job_meta(struct hz_xdp_job *job);

/* With the lock held and job->link alive: what is attached stays, or is exchanged live. */
int hz_xdp_replace(struct hz_xdp_job *job);

#endif
