/* One immutable generation of everything a request needs: routes, handlers, prepared answers, limits.
 * Built off the workers, self-tested, published with one pointer, freed when no request holds it. */
#ifndef HZ_SNAPSHOT_H
#define HZ_SNAPSHOT_H

#include "api/api.h"
#include "config/site.h"
#include "config/tune.h"
#include "core/err.h"
#include "handlers/files.h"
#include "handlers/topic.h"
#include "http/req.h"
#include "middleware/chain.h"
#include "router/route_table.h"

struct hz_snapshot_route {
	struct hz_handler handler; /* owned */
	struct hz_chain chain;     /* owned */
	uint64_t body_bytes_max;
	struct hz_span name;
	uint16_t slot; /* of route_names, since it is published; 0: with all others */
};

/* How many requests of one worker hold the snapshot. Written by that worker only. */
struct hz_snapshot_pins {
	uint64_t count;
} HZ_LINE_ALIGNED;

/* What requests that hold a snapshot have to know of it. */
enum hz_snapshot_age {
	HZ_SNAPSHOT_SERVED,
	HZ_SNAPSHOT_REPLACED, /* streams are told to come to an end */
	HZ_SNAPSHOT_OLD,  /* for timeouts/replaced_ms: streams of modules and programs are reset, */
	HZ_SNAPSHOT_LAST, /* and this is the oldest of as many as may be held: so is everybody */
};

struct hz_snapshot {
	struct hz_snapshot_pins pins[HZ_WORKERS_MAX];
	const struct hz_route_table *table;     /* owned */
	const struct hz_snapshot_route *routes; /* owned, site->route_count of them */
	struct hz_chain chain;                  /* owned: of answers without a route */
	uint32_t topic_count;
	struct hz_topic **topic; /* owned, with a reference each: by the site's index */
	struct hz_http_limits limits;
	uint64_t generation;
	struct hz_app_state *app;
	struct hz_site *site; /* one share: names, patterns and texts point into it */
	struct hz_files_watch
		watch; /* owned: on the trees of all routes; only housekeeping looks */
	struct hz_snapshot *retired_next;
	uint64_t replaced_ns;
	uint8_t age; /* atomic: enum hz_snapshot_age, written by housekeeping */
	/* owned, by route, and one more for requests without: how many have noticed that it was replaced; atomic */
	uint32_t *late;
};

/* What the application keeps beside its snapshot; owned by the server. */
struct hz_app_state {
	void *snapshot;              /* published struct hz_snapshot, read under RCU by workers */
	struct hz_jobs *jobs;        /* NULL: none */
	struct hz_files_pool *files; /* NULL: files that are not in memory are not served */
	struct hz_topics *topics;
	struct hz_api *api; /* handlers of others; NULL: none */
	struct hz_mw_worker worker[HZ_WORKERS_MAX];
};

struct hz_snapshot_conf {
	struct hz_site *site; /* one share of it goes over on success */
	const struct hz_tune *tune;
	uint64_t generation;
	const struct hz_snapshot *before; /* to share what did not change with; NULL */
	struct hz_files_pool *files;      /* as in struct hz_app_state */
	struct hz_topics *topics;   /* NULL: built to see whether it can be, never published */
	struct hz_site_errors *all; /* where all problems are put, not the first alone; NULL */
};

/* Reads the files that are served. Every route must find itself, or the build fails. 0 or -errno; -EINVAL with
 * err->why naming both lines of a conflict. */
int hz_snapshot_build(const struct hz_snapshot_conf *conf, struct hz_snapshot **out,
                      struct hz_err *err);
void hz_snapshot_free(struct hz_snapshot *snapshot); /* accepts NULL and half-built ones */

/* Makes a built snapshot the one that new requests see; returns the one it replaces, which is not freed before a
 * grace period and its last request (hz_rcu_synchronize, hz_snapshot_is_pinned). */
struct hz_snapshot *hz_app_publish(struct hz_app_state *app, struct hz_snapshot *snapshot);

/* snapshot_files.c: the handler of a route with files; 0 or -errno with err filled. */
int hz_snapshot_files_build(const struct hz_snapshot_conf *conf, uint32_t route_index,
                            const struct hz_handler_params *params, struct hz_files_watch *watch,
                            struct hz_handler *out, struct hz_err *err);
/* Reads the trees of the published snapshot anew and makes that what its requests find; those under way go on with
 * what they found, which is put into *held as long as they do. 0, or -errno with err filled and nothing changed. */
int hz_snapshot_files_renew(struct hz_snapshot *snapshot, struct hz_files_rep **held,
                            struct hz_err *err);
/* Whether a site has such routes. */
bool hz_snapshot_has_files(const struct hz_snapshot *snapshot);
void hz_snapshot_files_log(
	const struct hz_snapshot *snapshot); /* what was found, a line per route */

/* snapshot_topics.c: references to a site's topics; 0 or -errno with err filled. And the handlers of those. */
int hz_snapshot_topics_get(const struct hz_snapshot_conf *conf, struct hz_snapshot *snapshot,
                           struct hz_err *err);
int hz_snapshot_topics_build(const struct hz_snapshot *snapshot, const struct hz_site_route *route,
                             struct hz_handler *out);

bool hz_snapshot_is_pinned(const struct hz_snapshot *snapshot);

/* The application under http; app is a struct hz_app_state. */
extern const struct hz_http_app_ops hz_snapshot_app_ops;

#endif
