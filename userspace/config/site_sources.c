/* Section `sources`: lists of prefixes, in the file itself and in files of their own. */
#include "config/site_read.h"
#include "config/source_lines.h"

#include "core/endpoint.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 1024u

static const char *const list_names[] = HZ_SOURCE_LIST_NAMES;

/* The keys come in pairs, `deny` and `deny_file`. */
static enum hz_source_list list_of(const struct hz_yaml_node *key)
{
	switch (key->text.data[0]) {
	case 'd':
		return HZ_SOURCE_DENY;
	case 'a':
		return HZ_SOURCE_ALLOW;
	default:
		return HZ_SOURCE_PROBE;
	}
}

static void set_fail(struct hz_site_reader *r, const struct hz_yaml_node *at, int status)
{
	if (status == -E2BIG)
		hz_site_read_fail(r, at, "more than %d prefixes", 2 * HZ_PREFIXES_MAX);
	else
		r->err = status;
}

static void prefixes_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	const struct hz_yaml_node *list = hz_site_read_list(r, key, 2 * HZ_PREFIXES_MAX);
	struct hz_source_set *set = into;

	if (list == NULL)
		return;
	for (const struct hz_yaml_node *item = list->first; item != NULL; item = item->next) {
		struct hz_mw_prefix prefix = { .bits = 0 };
		struct hz_source_place at;
		int status;

		if (!hz_site_read_prefix(r, item, &prefix))
			continue;
		at = (struct hz_source_place){ .line = item->line,
			                       .column = item->column,
			                       .width = item->width };
		status = hz_source_set_add(set, &prefix, list_of(key), &at);
		if (status != 0) {
			set_fail(r, item, status);
			return;
		}
	}
}

static void file_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_site_sources *sources = &r->site->sources;
	struct hz_site_source_file file = { .list = list_of(key),
		                            .line = key->value->line,
		                            .column = key->value->column,
		                            .width = key->value->width };
	struct hz_span text;

	(void)into;
	if (!hz_site_read_word(r, key, 1, PATH_BYTES_MAX, &text))
		return;
	if (hz_site_read_copy(r, text, &file.path))
		sources->file[sources->file_count++] = file;
}

static const struct hz_site_key sources_keys[] = {
	{ "deny", prefixes_read, false },  { "deny_file", file_read, false },
	{ "allow", prefixes_read, false }, { "allow_file", file_read, false },
	{ "probe", prefixes_read, false }, { "probe_file", file_read, false },
};

/* How many of each family; the kernel's tries have no room for more. */
static bool fits_kernel(const struct hz_source_set *set)
{
	uint32_t count[2] = { 0 };

	for (uint32_t i = 0; i < set->count; i++)
		count[hz_addr_is_v4(&set->entry[i].rule.addr)]++;
	return count[0] <= HZ_PREFIXES_MAX && count[1] <= HZ_PREFIXES_MAX;
}

static int path_of(const struct hz_site *site, const struct hz_site_source_file *file, char *out,
                   size_t room)
{
	bool is_relative = file->path.data[0] != '/' && site->directory != NULL;
	int len = snprintf(out, room, "%s%s%.*s", is_relative ? site->directory : "",
	                   is_relative ? "/" : "", (int)file->path.len,
	                   (const char *)file->path.data);

	return len < (int)room ? 0 : -ENAMETOOLONG;
}

static bool is_before(const struct hz_source_place *a, const struct hz_source_place *b)
{
	if (a->file != b->file)
		return a->file < b->file;
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* At the second of both places, naming the first. */
static void twice_fail(const struct hz_site *site, const struct hz_source_entry *twice,
                       struct hz_site_errors *errors)
{
	bool is_ordered = is_before(&twice[0].at, &twice[1].at);
	const struct hz_source_entry *first = &twice[is_ordered ? 0 : 1];
	const struct hz_source_entry *second = &twice[is_ordered ? 1 : 0];
	const struct hz_site_source_file *files = site->sources.file;
	char text[HZ_ENDPOINT_TEXT_MAX], path[2 * PATH_BYTES_MAX] = "";
	struct hz_site_error *error;

	hz_addr_print(&first->rule.addr, text);
	if (first->at.file > 0 &&
	    path_of(site, &files[first->at.file - 1], path, sizeof(path)) != 0)
		path[0] = '\0';
	error = hz_site_errors_add(errors, second->at.line, second->at.column, second->at.width,
	                           "%s/%u is in '%s', and in '%s' at %.100s%s%u", text,
	                           first->rule.bits, list_names[second->rule.list],
	                           list_names[first->rule.list], path,
	                           path[0] != '\0' ? ":" : "line ", first->at.line);
	if (error != NULL && second->at.file > 0 &&
	    path_of(site, &files[second->at.file - 1], path, sizeof(path)) == 0)
		snprintf(error->file, sizeof(error->file), "%s", path);
}

/* Places are of use until the site's files are read as well. */
static bool places_copy(struct hz_site *site, const struct hz_source_set *set)
{
	struct hz_source_place *place;

	if (site->sources.file_count == 0 || site->sources.rule != NULL)
		return true;
	place = hz_site_memory_get(site->memory, sizeof(*place) * (set->count + 1u));
	for (uint32_t i = 0; place != NULL && i < set->count; i++)
		place[i] = set->entry[i].at;
	site->sources.place = place;
	return place != NULL;
}

static bool set_copy(struct hz_site *site, const struct hz_source_set *set)
{
	struct hz_source_rule *rule;

	if (!places_copy(site, set))
		return false;
	rule = hz_site_memory_get(site->memory, sizeof(*rule) * (set->count + 1u));
	if (rule == NULL)
		return false;
	for (uint32_t i = 0; i < set->count; i++)
		rule[i] = set->entry[i].rule;
	site->sources.rule = rule;
	site->sources.rule_count = set->count;
	return true;
}

/* The site's own copy of a set that is complete. false: errors has why, or *status is -ENOMEM. */
static bool set_keep(struct hz_site *site, struct hz_source_set *set, struct hz_site_errors *errors,
                     int *status)
{
	const struct hz_source_entry *twice = hz_source_set_settle(set);

	if (twice != NULL) {
		twice_fail(site, twice, errors);
		return false;
	}
	if (!fits_kernel(set)) {
		hz_site_errors_add(errors, site->sources.line, 1, 7,
		                   "more than %d prefixes of a family", HZ_PREFIXES_MAX);
		return false;
	}
	if (set_copy(site, set))
		return true;
	*status = -ENOMEM;
	return false;
}

void hz_site_sources_read(struct hz_site_reader *r, const struct hz_yaml_node *key, void *into)
{
	struct hz_source_set set = { .entry = NULL };
	int status = 0;

	(void)into;
	r->site->sources.line = key->line;
	if (hz_site_read_map(r, key->value, "'sources'", sources_keys, HZ_ARRAY_LEN(sources_keys),
	                     &set) &&
	    !set_keep(r->site, &set, r->errors, &status)) {
		r->fail_count++;
		r->err = status;
	}
	hz_source_set_free(&set);
}

/* --- files ------------------------------------------------------------------------------------------- */

static const char *why_of(int status)
{
	switch (status) {
	case -EPERM:
		return "it must belong to root or you, and nobody else may write it";
	case -ELOOP:
		return "a symbolic link";
	case -EISDIR:
	case -EINVAL:
		return "not a regular file";
	case -EFBIG:
		return "larger than 16 MiB";
	default:
		return strerror(-status);
	}
}

/* 0, -EINVAL with errors, or -ENOMEM. */
static int file_load(const struct hz_site *site, uint32_t number, struct hz_source_set *set,
                     struct hz_site_errors *errors)
{
	const struct hz_site_source_file *file = &site->sources.file[number - 1];
	char path[2 * PATH_BYTES_MAX];
	struct hz_span text = { NULL, 0 };
	int status = path_of(site, file, path, sizeof(path));

	if (status == 0)
		status = hz_site_load_text(path, HZ_LIMIT_source_list_bytes_max, &text);
	if (status != 0) {
		hz_site_errors_add(errors, file->line, file->column, file->width, "%.100s: %s",
		                   path, why_of(status));
		return -EINVAL;
	}
	status = hz_source_lines_parse(text, path, number, file->list, set, errors);
	free((void *)(uintptr_t)text.data);
	if (status != -E2BIG)
		return status;
	hz_site_errors_add(errors, file->line, file->column, file->width, "more than %d prefixes",
	                   2 * HZ_PREFIXES_MAX);
	return -EINVAL;
}

int hz_site_sources_load(struct hz_site *site, struct hz_site_errors *errors)
{
	struct hz_site_sources *sources = &site->sources;
	struct hz_source_set set = { .entry = NULL };
	int status = 0;

	if (sources->file_count == 0)
		return 0;
	for (uint32_t i = 0; i < sources->rule_count && status == 0; i++) {
		const struct hz_mw_prefix prefix = { .addr = sources->rule[i].addr,
			                             .bits = sources->rule[i].bits };

		status =
			hz_source_set_add(&set, &prefix, sources->rule[i].list, &sources->place[i]);
	}
	for (uint32_t i = 0; i < sources->file_count && status != -ENOMEM; i++) {
		int one = file_load(site, i + 1, &set, errors);

		status = one != 0 ? one : status;
	}
	if (status == 0 && !set_keep(site, &set, errors, &status) && status == 0)
		status = -EINVAL;
	hz_source_set_free(&set);
	return status;
}
