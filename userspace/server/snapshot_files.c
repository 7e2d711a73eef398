/* Routes with files: from the site's words to a handler, and what was found in words again. */
#include "core/log.h"
#include "core/rcu.h"
#include "core/span_ops.h"
#include "handlers/delay.h"
#include "server/snapshot.h"
#include <errno.h>
#include <stdlib.h>

bool hz_snapshot_has_files(const struct hz_snapshot *snapshot)
{
	const struct hz_site *site = snapshot->site;

	for (uint32_t i = 0; i < site->route_count; i++) {
		if (site->route[i].handler == HZ_HANDLER_FILES)
			return true;
	}
	return false;
}

/* NULL: the route serves no files. */
static const struct hz_files_index *index_of(const struct hz_snapshot *snapshot, uint32_t route)
{
	return hz_files_index_of(hz_delay_inner(&snapshot->routes[route].handler));
}

/* The index of the same directory in the snapshot before; NULL. */
static const struct hz_files_index *index_before(const struct hz_snapshot *before,
                                                 const struct hz_site_files *files)
{
	const struct hz_files_index *index;

	for (uint32_t i = 0; before != NULL && i < before->site->route_count; i++) {
		const struct hz_site_files *theirs = before->site->route[i].files;

		if (theirs == NULL || !hz_span_equals(theirs->root, files->root))
			continue;
		index = index_of(before, i);
		if (index != NULL)
			return index;
	}
	return NULL;
}

static int files_error(const struct hz_site_route *route, int status, const char *why,
                       struct hz_err *err)
{
	return hz_err_set(err, status, 2, "bad_files", "", "line %u: route '%s': %s", route->line,
	                  route->name, why[0] != '\0' ? why : strerror(-status));
}

/* What the site says of a route's files. types is owned by the caller; NULL: no memory. */
static struct hz_files_conf conf_of(const struct hz_site *site, const struct hz_site_route *route,
                                    struct hz_files_type **types)
{
	const struct hz_site_files *files = route->files;

	*types = calloc(files->type_count + 1u, sizeof(**types));
	for (uint32_t i = 0; *types != NULL && i < files->type_count; i++)
		(*types)[i] =
			(struct hz_files_type){ files->type[i].extension, files->type[i].type };
	return (struct hz_files_conf){
		.directory = site->directory,
		.root = files->root,
		.index_name = files->index,
		.index_name_count = files->index_count,
		.cache_bytes = files->cache_bytes,
		.is_coded = files->is_coded,
		.type = *types,
		.type_count = files->type_count,
	};
}

int hz_snapshot_files_build(const struct hz_snapshot_conf *conf, uint32_t route_index,
                            const struct hz_handler_params *params, struct hz_files_watch *watch,
                            struct hz_handler *out, struct hz_err *err)
{
	const struct hz_site_route *route = &conf->site->route[route_index];
	struct hz_files_type *types;
	struct hz_files_conf build = conf_of(conf->site, route, &types);
	char why[200] = "";
	int status = -ENOMEM;

	build.params = *params;
	build.before = index_before(conf->before, route->files);
	build.pool = conf->files;
	build.watch = watch;
	if (types != NULL)
		status = hz_files_build(&build, out, why);
	free(types);
	return status == 0 ? 0 : files_error(route, status, why, err);
}

/* --- the same trees, as they are now ---------------------------------------------------------------------- */

static int tree_read(const struct hz_snapshot *snapshot, uint32_t route_index,
                     struct hz_files_watch *watch, struct hz_files_index **out, struct hz_err *err)
{
	const struct hz_site_route *route = &snapshot->site->route[route_index];
	struct hz_files_type *types;
	struct hz_files_conf conf = conf_of(snapshot->site, route, &types);
	char why[200] = "";
	int status = -ENOMEM;

	conf.before = index_of(snapshot, route_index);
	conf.watch = watch;
	if (types != NULL)
		status = hz_files_read_tree(&conf, out, why);
	free(types);
	return status == 0 ? 0 : files_error(route, status, why, err);
}

/* Each place of index that is not NULL: what is there becomes what its route serves, and the other way round. */
static void trees_switch(const struct hz_snapshot *snapshot, struct hz_files_index **index)
{
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		if (index[i] != NULL)
			index[i] = hz_files_switch(hz_delay_inner(&snapshot->routes[i].handler),
			                           index[i]);
	}
}

int hz_snapshot_files_renew(struct hz_snapshot *snapshot, struct hz_files_rep **held,
                            struct hz_err *err)
{
	const uint32_t count = snapshot->site->route_count;
	struct hz_files_index **index = calloc(count + 1u, sizeof(struct hz_files_index *));
	struct hz_files_watch watch;
	int status = 0;

	if (index == NULL)
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	(void)hz_files_watch_open(&watch); /* without it: files_follow.c */
	for (uint32_t i = 0; i < count && status == 0; i++) {
		if (index_of(snapshot, i) != NULL)
			status = tree_read(snapshot, i, &watch, &index[i], err);
	}
	if (status == 0) {
		trees_switch(snapshot, index);
		hz_rcu_synchronize();
		hz_files_watch_close(&snapshot->watch);
		snapshot->watch = watch;
	} else {
		hz_files_watch_close(&watch);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (index[i] != NULL)
			hz_files_index_retire(index[i], held);
	}
	free(index);
	return status;
}

void hz_snapshot_files_log(const struct hz_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		const struct hz_files_index *index = index_of(snapshot, i);
		const struct hz_files_stats *stats;

		if (index == NULL)
			continue;
		stats = hz_files_index_stats(index);
		hz_log(HZ_LOG_INFO,
		       "route %s: %u files, %u read when asked for, %u encodings, %.1f MiB in "
		       "memory, %u unchanged; left out: %u hidden, %u links and devices, %u too "
		       "deep, %u unreadable",
		       snapshot->site->route[i].name, stats->files, stats->large, stats->codings,
		       (double)stats->memory_bytes / (1 << 20), stats->shared,
		       stats->skipped.hidden, stats->skipped.special, stats->skipped.deep,
		       stats->skipped.unreadable);
	}
}
