/* Building an index: the tree's list, its content, further codings, names of directories. */
#include "core/span_ops.h"
#include "handlers/files_index_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* While it is built. content holds the references until representations take them over. */
struct build {
	const struct hz_files_index_conf *conf;
	struct hz_files_index *index;
	struct content {
		struct hz_files_bytes *bytes[HZ_CODING_COUNT];
		const struct hz_files_file *before; /* same content as it had; NULL */
	} * content;                                /* owned; as index->file */
	uint64_t cache_left;
	uint64_t now_s;
};

/* Endings of files that are another file in a coding. */
static const struct hz_span coding_endings[HZ_CODING_COUNT] = {
	[HZ_CODING_GZIP] = { (const uint8_t *)".gz", 3 },
	[HZ_CODING_BR] = { (const uint8_t *)".br", 3 },
	[HZ_CODING_ZSTD] = { (const uint8_t *)".zst", 4 },
};

static int found_compare(const void *left, const void *right)
{
	const struct hz_files_found *a = left, *b = right;

	if (a->id.bytes != b->id.bytes)
		return a->id.bytes < b->id.bytes ? -1 : 1;
	return strcmp(a->path, b->path);
}

/* --- content ----------------------------------------------------------------------------------------- */

static uint64_t memory_bytes_max(const struct build *build)
{
	return HZ_MIN(build->cache_left, (uint64_t)HZ_LIMIT_files_memory_bytes_max);
}

/* What the index before had of this file, when it is the same and would be kept in the same place. */
static struct hz_files_bytes *content_share(const struct build *build,
                                            const struct hz_files_found *found,
                                            struct content *content)
{
	const struct hz_files_bytes *bytes;
	bool is_directory;

	if (build->conf->before == NULL)
		return NULL;
	content->before =
		hz_files_index_find(build->conf->before, hz_span_text(found->path), &is_directory);
	if (content->before == NULL)
		return NULL;
	bytes = content->before->rep[HZ_CODING_IDENTITY]->bytes;
	if (bytes->is_fresh || !hz_files_id_equals(&bytes->id, &found->id) ||
	    (bytes->fd == -1) != (bytes->bytes <= memory_bytes_max(build))) {
		content->before = NULL;
		return NULL;
	}
	return hz_files_bytes_get(bytes);
}

/* A file that is being written all the time is shown as it last was in peace. */
static struct hz_files_bytes *content_last(const struct build *build, const char *path)
{
	const struct hz_files_file *before;
	bool is_directory;

	if (build->conf->before == NULL)
		return NULL;
	before = hz_files_index_find(build->conf->before, hz_span_text(path), &is_directory);
	if (before == NULL || before->rep[HZ_CODING_IDENTITY]->bytes->fd != -1)
		return NULL;
	return hz_files_bytes_get(before->rep[HZ_CODING_IDENTITY]->bytes);
}

/* Whether an error of one file is an error of the index. */
static bool is_fatal(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

/* 0 with *out NULL: the file is left out. */
static int content_load(struct build *build, const struct hz_files_found *found,
                        struct content *content, struct hz_files_bytes **out)
{
	struct hz_files_stats *stats = &build->index->stats;
	int err;

	*out = content_share(build, found, content);
	if (*out != NULL) {
		stats->shared++;
		return 0;
	}
	err = hz_files_bytes_load(build->conf->root_fd, found->path, memory_bytes_max(build), out);
	if (err == -EBUSY)
		*out = content_last(build, found->path);
	if (err == 0 || *out != NULL)
		return 0;
	stats->skipped.unreadable += err != -ENOENT;
	return is_fatal(err) ? err : 0;
}

static int content_count(struct build *build, const struct hz_files_bytes *bytes)
{
	struct hz_files_stats *stats = &build->index->stats;

	if (bytes->fd != -1) {
		stats->large++;
		return stats->large > HZ_LIMIT_files_open_max ? -EMFILE : 0;
	}
	build->cache_left -= HZ_MIN(build->cache_left, bytes->bytes);
	stats->memory_bytes += bytes->bytes;
	return 0;
}

/* RFC 9110 8.8.2.1: never later than now. */
static uint64_t modified_s(const struct build *build, const struct hz_files_bytes *bytes)
{
	if (bytes->id.modified.tv_sec <= 0)
		return 0;
	return HZ_MIN((uint64_t)bytes->id.modified.tv_sec, build->now_s);
}

static int contents_load(struct build *build)
{
	struct hz_files_index *index = build->index;

	for (uint32_t i = 0; i < index->tree.count; i++) {
		struct content *content = &build->content[index->file_count];
		struct hz_files_file *file = &index->file[index->file_count];
		struct hz_files_bytes *bytes = NULL;
		int err = content_load(build, &index->tree.found[i], content, &bytes);

		if (err != 0)
			return err;
		if (bytes == NULL)
			continue;
		content->bytes[HZ_CODING_IDENTITY] = bytes;
		file->path = hz_span_text(index->tree.found[i].path);
		file->modified_s = modified_s(build, bytes);
		index->file_count++;
		err = content_count(build, bytes);
		if (err != 0)
			return err;
	}
	return 0;
}

/* --- further codings ------------------------------------------------------------------------------------- */

/* x.css.gz beside x.css, unless it is older: then it was made of another x.css. */
static struct hz_files_bytes *coding_beside(const struct build *build, struct hz_span path,
                                            const struct hz_files_bytes *plain,
                                            enum hz_coding coding)
{
	const struct hz_span ending = coding_endings[coding];
	uint8_t name[HZ_LIMIT_files_path_bytes_max + 8];
	const struct hz_files_file *beside;
	const struct hz_files_bytes *bytes;
	bool is_directory;

	memcpy(name, path.data, path.len);
	memcpy(name + path.len, ending.data, ending.len);
	beside = hz_files_index_find(build->index, (struct hz_span){ name, path.len + ending.len },
	                             &is_directory);
	if (beside == NULL)
		return NULL;
	bytes = build->content[beside - build->index->file].bytes[HZ_CODING_IDENTITY];
	if (bytes->id.modified.tv_sec < plain->id.modified.tv_sec ||
	    (bytes->id.modified.tv_sec == plain->id.modified.tv_sec &&
	     bytes->id.modified.tv_nsec < plain->id.modified.tv_nsec))
		return NULL;
	return hz_files_bytes_get(bytes);
}

/* One made of the file, or what was made of it before. 0 with *out NULL: it is not worth it. */
static int coding_make(const struct content *content, enum hz_coding coding,
                       struct hz_files_bytes **out)
{
	const struct hz_files_bytes *plain = content->bytes[HZ_CODING_IDENTITY];
	const struct hz_files_rep *before = NULL;
	int err;

	if (content->before != NULL)
		before = content->before->rep[coding];
	if (before != NULL && before->bytes->coding == coding) {
		*out = hz_files_bytes_get(before->bytes);
		return 0;
	}
	if (content->before != NULL && content->before->is_tried && before == NULL)
		return 0;
	err = hz_files_bytes_encode(plain, coding, out);
	return err == -ENODATA ? 0 : err;
}

static int codings_add(struct build *build, uint32_t number)
{
	struct hz_files_file *file = &build->index->file[number];
	struct content *content = &build->content[number];
	const struct hz_files_bytes *plain = content->bytes[HZ_CODING_IDENTITY];
	bool is_made = plain->fd == -1 && plain->bytes <= build->cache_left &&
	               hz_files_type_packs(hz_files_type_of(file->path, build->conf->type,
	                                                    build->conf->type_count));
	int err = 0;

	file->is_tried = is_made;
	for (unsigned c = HZ_CODING_IDENTITY + 1; c < HZ_CODING_COUNT && err == 0; c++) {
		struct hz_files_bytes **into = &content->bytes[c];

		*into = coding_beside(build, file->path, plain, c);
		if (*into != NULL || !is_made)
			continue;
		err = coding_make(content, c, into);
		if (err == 0 && *into != NULL)
			err = content_count(build, *into);
	}
	return err;
}

/* --- representations and names ------------------------------------------------------------------------------ */

static int reps_build(struct build *build, uint32_t number)
{
	struct hz_files_file *file = &build->index->file[number];
	struct content *content = &build->content[number];
	struct hz_files_rep_conf conf = {
		.type = hz_files_type_of(file->path, build->conf->type, build->conf->type_count),
		.modified_s = file->modified_s,
	};
	int err = 0;

	for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
		file->rep_count = (uint8_t)(file->rep_count + (content->bytes[c] != NULL));
	conf.varies = file->rep_count > 1;
	build->index->stats.codings += file->rep_count - 1u;
	for (unsigned c = 0; c < HZ_CODING_COUNT && err == 0; c++) {
		if (content->bytes[c] == NULL)
			continue;
		conf.bytes = content->bytes[c];
		conf.coding = c;
		err = hz_files_rep_build(&conf, &file->rep[c]);
		if (err == 0)
			content->bytes[c] = NULL;
	}
	return err;
}

/* "docs/index.html" is what "docs/" shows, and "docs" leads there. */
static void directory_name(struct hz_files_index *index, const struct hz_files_file *file,
                           struct hz_span name)
{
	size_t length = file->path.len - name.len;
	bool is_named = file->path.len >= name.len &&
	                hz_span_equals(hz_span_skip(file->path, length), name);

	if (!is_named || (length > 0 && file->path.data[length - 1] != '/'))
		return;
	hz_files_index_put(index, hz_span_first(file->path, length), file, false);
	if (length > 0)
		hz_files_index_put(index, hz_span_first(file->path, length - 1), file, true);
}

static void names_add(const struct build *build)
{
	struct hz_files_index *index = build->index;

	for (uint32_t n = 0; n < build->conf->index_name_count; n++) {
		for (uint32_t i = 0; i < index->file_count; i++)
			directory_name(index, &index->file[i], build->conf->index_name[n]);
	}
}

static int index_fill(struct build *build)
{
	const struct hz_files_index_conf *conf = build->conf;
	struct hz_files_index *index = build->index;
	int err = hz_files_tree_walk(conf->root_fd, conf->on_dir, conf->on_dir_ctx, &index->tree);

	if (err != 0)
		return err;
	if (index->tree.count > 0)
		qsort(index->tree.found, index->tree.count, sizeof(*index->tree.found),
		      found_compare);
	index->stats.skipped = index->tree.skipped;
	index->file = calloc(index->tree.count + 1u, sizeof(*index->file));
	build->content = calloc(index->tree.count + 1u, sizeof(*build->content));
	if (index->file == NULL || build->content == NULL)
		return -ENOMEM;
	err = contents_load(build);
	if (err == 0) /* each file by its name, as "docs/" and as "docs" */
		err = hz_files_index_table(index, 3 * index->file_count);
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < index->file_count; i++)
		hz_files_index_put(index, index->file[i].path, &index->file[i], false);
	for (uint32_t i = 0; i < index->file_count && conf->is_coded && err == 0; i++)
		err = codings_add(build, i);
	for (uint32_t i = 0; i < index->file_count && err == 0; i++)
		err = reps_build(build, i);
	names_add(build);
	index->stats.files = index->file_count;
	return err;
}

int hz_files_index_build(const struct hz_files_index_conf *conf, struct hz_files_index **out)
{
	struct build build = { .conf = conf,
		               .cache_left = conf->cache_bytes,
		               .now_s = (uint64_t)time(NULL) };
	uint32_t count;
	int err = -ENOMEM;

	build.index = calloc(1, sizeof(*build.index));
	if (build.index == NULL)
		return err;
	err = index_fill(&build);
	count = build.content != NULL ? build.index->file_count : 0;
	for (uint32_t i = 0; i < count; i++) {
		for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
			hz_files_bytes_put(build.content[i].bytes[c]);
	}
	free(build.content);
	if (err != 0) {
		hz_files_index_free(build.index);
		return err;
	}
	*out = build.index;
	return 0;
}
