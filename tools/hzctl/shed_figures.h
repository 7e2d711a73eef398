/* What was refused, by XDP and by the workers, and how hard they are pressed: from the maps, whether hzd runs or not. */
#ifndef HZ_SHED_FIGURES_H
#define HZ_SHED_FIGURES_H

#include "telemetry_view.h"

struct hz_shed_figures {
	bool has_xdp;              /* else only what the workers know */
	uint32_t verdict;          /* enum hz_shed_verdict, of refused SYNs */
	uint64_t pressure_percent; /* of the worker that is pressed hardest; 0 when none beats */
	uint64_t level_permille;   /* of new flows that it wants refused; the same */
	uint64_t drop, reset, syn_ack;    /* SYNs that XDP refused, by verdict */
	uint64_t answer_503;              /* requests of such flows that XDP answered */
	uint64_t requests;                /* that workers answered 503 */
	uint64_t denied, source_rate;     /* by the lists, by the limit per source */
	uint64_t cookies, worker_cookies; /* SYNs answered with a cookie: by XDP, by workers */
	uint64_t cookies_back;            /* of them, acknowledged and verified in XDP */
};

/* 0 or -errno. */
int hz_shed_figures_read(const struct hz_telemetry_view *view, struct hz_shed_figures *out);

/* Flows and requests refused under overload, all of them. */
uint64_t hz_shed_figures_refused(const struct hz_shed_figures *figures);

#endif
