/* Routes with files: from the site's words to a handler, and what was found in words again. */
#include "core/log.h"
#include "core/span_ops.h"
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

/* The index of the same directory in the snapshot before; NULL. */
static const struct hz_files_index *index_before(const struct hz_snapshot *before,
                                                 const struct hz_site_files *files)
{
	const struct hz_files_index *index;

	for (uint32_t i = 0; before != NULL && i < before->site->route_count; i++) {
		const struct hz_site_files *theirs = before->site->route[i].files;

		if (theirs == NULL || !hz_span_equals(theirs->root, files->root))
			continue;
		index = hz_files_index_of(&before->routes[i].handler);
		if (index != NULL)
			return index;
	}
	return NULL;
}

int hz_snapshot_files_build(const struct hz_snapshot_conf *conf, uint32_t route_index,
                            const struct hz_handler_params *params, struct hz_files_watch *watch,
                            struct hz_handler *out, struct hz_err *err)
{
	const struct hz_site_route *route = &conf->site->route[route_index];
	const struct hz_site_files *files = route->files;
	struct hz_files_type *types = calloc(files->type_count + 1u, sizeof(*types));
	struct hz_files_conf build = {
		.directory = conf->site->directory,
		.root = files->root,
		.index_name = files->index,
		.index_name_count = files->index_count,
		.cache_bytes = files->cache_bytes,
		.is_coded = files->is_coded,
		.type = types,
		.type_count = files->type_count,
		.params = *params,
		.before = index_before(conf->before, files),
		.pool = conf->files,
		.watch = watch,
	};
	char why[200] = "";
	int status = -ENOMEM;

	for (uint32_t i = 0; types != NULL && i < files->type_count; i++)
		types[i] = (struct hz_files_type){ files->type[i].extension, files->type[i].type };
	if (types != NULL)
		status = hz_files_build(&build, out, why);
	free(types);
	if (status == 0)
		return 0;
	return hz_err_set(err, status, 2, "bad_files", "", "line %u: route '%s': %s", route->line,
	                  route->name, why[0] != '\0' ? why : strerror(-status));
}

void hz_snapshot_files_log(const struct hz_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->site->route_count; i++) {
		const struct hz_files_index *index =
			hz_files_index_of(&snapshot->routes[i].handler);
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
