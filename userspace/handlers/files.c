/* Handler `files`: lookup, choice of a coding, conditions, ranges; then an answer that is prepared, or the plan of
 * one that is read as it is sent. */
#include "handlers/files.h"

#include "core/rcu.h"
#include "core/span_ops.h"
#include "handlers/answer.h"
#include "handlers/answer_redirect.h"
#include "http/cond.h"
#include "router/path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct files {
	void *index; /* owned struct hz_files_index; published, so that it can be another one */
	struct hz_files_pool *pool;
	uint32_t param;
};

/* Fields that make an answer other than the file as it is. */
struct asked {
	bool has_condition;
	bool has_accept;
	uint8_t range_count;
	struct hz_span range;
};

/* --- what is asked ---------------------------------------------------------------------------------------- */

/* One look at each field, by its length first: most have none of these. */
static void asked_read(const struct hz_http_req *req, struct asked *out)
{
	*out = (struct asked){ 0 };
	for (unsigned i = 0; i < req->header_count; i++) {
		const struct hz_span name = req->header[i].name;

		switch (name.len) {
		case sizeof("range") - 1:
			if (hz_http_equals_nocase(name, HZ_SPAN_LITERAL("range"))) {
				out->range = req->header[i].value;
				out->range_count = out->range_count == 0 ? 1 : 2;
			}
			break;
		case sizeof("accept-encoding") - 1:
			out->has_accept |=
				hz_http_equals_nocase(name, HZ_SPAN_LITERAL("accept-encoding"));
			break;
		case sizeof("if-match") - 1:
		case sizeof("if-none-match") - 1:
		case sizeof("if-modified-since") - 1:
		case sizeof("if-unmodified-since") - 1:
			out->has_condition |= (name.data[0] | 0x20) == 'i';
			break;
		default:
			break;
		}
	}
}

static struct hz_files_rep *rep_choose(const struct hz_files_file *file,
                                       const struct hz_http_req *req)
{
	uint64_t bytes[HZ_CODING_COUNT];

	for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
		bytes[c] = file->rep[c] != NULL ? file->rep[c]->bytes->bytes : HZ_CODING_NONE;
	return file->rep[hz_accept_coding_choose(req, bytes)];
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static void prepared_answer(struct hz_http_resp *resp, uint16_t status,
                            const struct hz_http_prepared *prepared)
{
	resp->status = status;
	resp->prepared = prepared;
}

/* No room in the arena: of it only the target, and fields as long, can have taken so much. */
static void no_room_answer(struct hz_http_resp *resp)
{
	*resp = (struct hz_http_resp){ .field_count = 0 };
	hz_answer(resp, 414);
}

/* Reads the content when it is asked for: resp has status and fields. */
static void read_answer(const struct files *files, struct hz_http_req *req,
                        const struct hz_files_plan *plan, struct hz_http_resp *resp)
{
	if (files->pool == NULL) {
		*resp = (struct hz_http_resp){ .field_count = 0 };
		hz_answer(resp, 503);
	} else if (hz_files_read(files->pool, req, plan, resp) != 0) {
		no_room_answer(resp);
	}
}

static void whole_answer(const struct files *files, const struct hz_files_rep *rep,
                         struct hz_http_req *req, struct hz_http_resp *resp)
{
	const struct hz_files_plan plan = { .bytes = rep->bytes, .count = rep->bytes->bytes };

	if (hz_files_rep_is_in_memory(rep)) {
		prepared_answer(resp, 200, &rep->whole);
		return;
	}
	resp->status = 200;
	resp->content_type = rep->type;
	resp->extra = rep->fields;
	read_answer(files, req, &plan, resp);
}

/* fields and Content-Range in one piece; part NULL: of a 416. Empty: no room. */
static struct hz_span range_fields(struct hz_http_req *req, struct hz_span fields,
                                   const struct hz_range_part *part, uint64_t total_bytes)
{
	uint8_t *text = hz_arena_get(req->arena, fields.len + HZ_RANGE_FIELD_MAX);
	size_t len;

	if (text == NULL)
		return (struct hz_span){ NULL, 0 };
	if (fields.len > 0)
		memcpy(text, fields.data, fields.len);
	len = hz_range_field_write(text + fields.len, part, total_bytes);
	return (struct hz_span){ text, fields.len + len };
}

/* 416 tells how long the file is, so that the client can do better (RFC 9110 15.5.17). */
static void unsatisfiable_answer(const struct hz_files_rep *rep, struct hz_http_req *req,
                                 struct hz_http_resp *resp)
{
	resp->extra = range_fields(req, (struct hz_span){ NULL, 0 }, NULL, rep->bytes->bytes);
	if (resp->extra.len == 0) {
		no_room_answer(resp);
		return;
	}
	resp->status = 416;
	resp->content_type = HZ_SPAN_LITERAL("text/plain");
	resp->body_kind = HZ_BODY_SPAN;
	resp->body = HZ_SPAN_LITERAL("Range Not Satisfiable\n");
}

static void part_answer(const struct files *files, const struct hz_files_rep *rep,
                        const struct hz_range_part *part, struct hz_http_req *req,
                        struct hz_http_resp *resp)
{
	const struct hz_files_plan plan = { .bytes = rep->bytes,
		                            .first = part->first,
		                            .count = part->bytes };

	resp->extra = range_fields(req, rep->fields, part, rep->bytes->bytes);
	if (resp->extra.len == 0) {
		no_room_answer(resp);
		return;
	}
	resp->status = 206;
	resp->content_type = rep->type;
	if (!hz_files_rep_is_in_memory(rep)) {
		read_answer(files, req, &plan, resp);
		return;
	}
	resp->body_kind = HZ_BODY_SPAN;
	resp->body = (struct hz_span){ rep->bytes->data + part->first, (size_t)part->bytes };
}

/* --- several ranges ------------------------------------------------------------------------------------------ */

#define BOUNDARY_BYTES 24u

/* Of one answer, in its arena. */
struct multipart {
	struct hz_range range;
	struct hz_range_multipart body;
	const struct hz_files_bytes *bytes;
	uint8_t *room;
	uint8_t content_type[sizeof("multipart/byteranges; boundary=") - 1 + BOUNDARY_BYTES];
};

/* Random, so that no file can hold it by intent. */
static void boundary_write(struct hz_rng *rng, uint8_t *out)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t bits = 0;

	for (unsigned i = 0; i < BOUNDARY_BYTES; i++, bits >>= 5) {
		if (i % 12 == 0)
			bits = hz_rng_next(rng);
		out[i] = (uint8_t)digits[bits & 31];
	}
}

static void multipart_produce(const void *ctx, uint64_t offset, struct hz_wspan out)
{
	const struct multipart *multipart = ctx;

	while (out.len > 0) {
		struct hz_range_piece piece;
		struct hz_span bytes;

		hz_range_piece_at(&multipart->body, offset, multipart->room, &piece);
		bytes = piece.text;
		if (bytes.len == 0)
			bytes = (struct hz_span){ multipart->bytes->data + piece.content_first,
				                  (size_t)piece.content_bytes };
		bytes = hz_span_first(bytes, out.len);
		memcpy(out.data, bytes.data, bytes.len);
		offset += bytes.len;
		out.data += bytes.len;
		out.len -= bytes.len;
	}
}

/* NULL: no room. */
static struct multipart *multipart_open(const struct hz_files_rep *rep,
                                        const struct hz_range *range, struct hz_http_req *req)
{
	const struct hz_span type = HZ_SPAN_LITERAL("multipart/byteranges; boundary=");
	struct multipart *multipart = hz_arena_get(req->arena, sizeof(*multipart));

	if (multipart == NULL)
		return NULL;
	multipart->range = *range;
	multipart->bytes = rep->bytes;
	memcpy(multipart->content_type, type.data, type.len);
	boundary_write(&req->env->rng, multipart->content_type + type.len);
	multipart->body = (struct hz_range_multipart){
		.range = &multipart->range,
		.boundary = { multipart->content_type + type.len, BOUNDARY_BYTES },
		.content_type = rep->type,
		.total_bytes = rep->bytes->bytes,
	};
	multipart->room = hz_arena_get(req->arena, hz_range_text_bound(&multipart->body));
	return multipart->room != NULL ? multipart : NULL;
}

static void parts_answer(const struct files *files, const struct hz_files_rep *rep,
                         const struct hz_range *range, struct hz_http_req *req,
                         struct hz_http_resp *resp)
{
	struct multipart *multipart = multipart_open(rep, range, req);
	struct hz_files_plan plan = { .bytes = rep->bytes };

	if (multipart == NULL) {
		no_room_answer(resp);
		return;
	}
	plan.parts = &multipart->body;
	plan.count = hz_range_multipart_bytes(&multipart->body);
	resp->status = 206;
	resp->content_type =
		(struct hz_span){ multipart->content_type, sizeof(multipart->content_type) };
	resp->extra = rep->fields;
	if (!hz_files_rep_is_in_memory(rep)) {
		read_answer(files, req, &plan, resp);
		return;
	}
	resp->body_kind = HZ_BODY_GENERATED;
	resp->body_bytes = plan.count;
	resp->produce = multipart_produce;
	resp->produce_ctx = multipart;
}

/* --- the handler ------------------------------------------------------------------------------------------- */

/* RFC 9110 13.2.2: conditions, then whether the range counts, then the range. */
static void file_answer(const struct files *files, const struct hz_files_file *file,
                        struct hz_http_req *req, struct hz_http_resp *resp)
{
	struct hz_files_rep *rep = file->rep[HZ_CODING_IDENTITY];
	struct hz_cond_entity entity = { .exists = true };
	struct hz_range range;
	struct asked asked;
	uint16_t status = 0;

	asked_read(req, &asked);
	if (asked.has_accept && file->rep_count > 1)
		rep = rep_choose(file, req);
	req->handler = rep;
	entity.etag = hz_files_rep_etag(rep);
	entity.last_modified_s = file->modified_s;
	entity.has_last_modified = file->modified_s != 0;
	if (asked.has_condition)
		status = hz_cond_evaluate(req, &entity, req->env->unix_s);
	if (status == 304) {
		prepared_answer(resp, 304, &rep->not_modified);
		return;
	}
	if (status != 0) {
		hz_answer(resp, status);
		return;
	}
	/* One Range field of a GET (14.2); what came twice is no Range field. */
	if (asked.range_count != 1 || req->method != HZ_HTTP_GET ||
	    !hz_cond_range_applies(req, &entity, req->env->unix_s)) {
		whole_answer(files, rep, req, resp);
		return;
	}
	switch (hz_range_parse(asked.range, rep->bytes->bytes, &range)) {
	case HZ_RANGE_WHOLE:
		whole_answer(files, rep, req, resp);
		break;
	case HZ_RANGE_UNSATISFIABLE:
		unsatisfiable_answer(rep, req, resp);
		break;
	case HZ_RANGE_PARTS:
		if (range.count == 1)
			part_answer(files, rep, &range.part[0], req, resp);
		else
			parts_answer(files, rep, &range, req, resp);
		break;
	}
}

/* To the same path with a slash at its end. It is written anew from the path as it was understood: one slash at its
 * beginning, so that it cannot name another host. */
static void directory_answer(struct hz_http_req *req, struct hz_http_resp *resp)
{
	struct hz_span path, encoded;
	uint32_t marks;
	uint8_t *text;

	if (hz_path_decode(req->path, req->arena, &path, &marks) != 0 ||
	    hz_path_merge(path, req->arena, &path) != 0 ||
	    hz_path_encode(path, req->arena, &encoded) != 0) {
		no_room_answer(resp);
		return;
	}
	text = hz_arena_get(req->arena, encoded.len + 1);
	if (text == NULL) {
		no_room_answer(resp);
		return;
	}
	memcpy(text, encoded.data, encoded.len);
	text[encoded.len] = '/';
	hz_answer_redirect(resp, (struct hz_span){ text, encoded.len + 1 }, req->query, req->arena);
}

static enum hz_http_next files_handle(const void *conf, struct hz_http_req *req,
                                      struct hz_http_resp *resp)
{
	const struct files *files = conf;
	const struct hz_files_file *file;
	bool is_directory;

	file = hz_files_index_find(hz_rcu_read(&files->index), hz_handler_param(req, files->param),
	                           &is_directory);
	if (file == NULL)
		hz_answer(resp, 404);
	else if (is_directory)
		directory_answer(req, resp);
	else
		file_answer(files, file, req, resp);
	return HZ_HTTP_ANSWER;
}

/* An answer that is sent at once is over before the worker's next quiescent state; only a longer one counts. */
static void files_hold(const void *conf, struct hz_http_req *req)
{
	(void)conf;
	hz_files_rep_hold(req->handler);
}

static void files_finish(const void *conf, struct hz_http_req *req)
{
	(void)conf;
	if (HZ_UNLIKELY(req->is_held))
		hz_files_rep_release(req->handler);
}

static void files_free(void *conf)
{
	struct files *files = conf;

	if (files == NULL)
		return;
	hz_files_index_free(files->index);
	free(files);
}

const struct hz_files_index *hz_files_index_of(const struct hz_handler *handler)
{
	return handler->handle == files_handle ? ((const struct files *)handler->conf)->index
	                                       : NULL;
}

/* --- building ---------------------------------------------------------------------------------------------- */

static int root_open(const struct hz_files_conf *conf)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	char *root = strndup((const char *)conf->root.data, conf->root.len);
	int at = AT_FDCWD, fd, err;

	if (root == NULL)
		return -ENOMEM;
	if (conf->directory != NULL && root[0] != '/')
		at = open(conf->directory, flags);
	fd = at == -1 ? -1 : openat(at, root, flags);
	err = errno;
	if (at >= 0)
		close(at);
	free(root);
	return fd == -1 ? -err : fd;
}

static void why_write(const struct hz_files_conf *conf, int err, char why[200])
{
	const char *text = strerror(-err);

	if (err == -E2BIG)
		text = "more than 65536 files or directories";
	else if (err == -EMFILE)
		text = "too many files that the cache has no room for: each is kept open";
	snprintf(why, 200, "files of '%.*s%s': %s", (int)HZ_MIN(conf->root.len, (size_t)100),
	         (const char *)conf->root.data, conf->root.len > 100 ? "..." : "", text);
}

int hz_files_read_tree(const struct hz_files_conf *conf, struct hz_files_index **out, char why[200])
{
	struct hz_files_index_conf index = {
		.index_name = conf->index_name,
		.index_name_count = conf->index_name_count,
		.cache_bytes = conf->cache_bytes,
		.is_coded = conf->is_coded,
		.type = conf->type,
		.type_count = conf->type_count,
		.before = conf->before,
		.on_dir = conf->watch != NULL ? hz_files_watch_add : NULL,
		.on_dir_ctx = conf->watch,
	};
	int err = 0;

	why[0] = '\0';
	index.root_fd = root_open(conf);
	if (index.root_fd < 0)
		err = index.root_fd;
	if (err == 0) {
		err = hz_files_index_build(&index, out);
		close(index.root_fd);
	}
	if (err != 0)
		why_write(conf, err, why);
	return err;
}

struct hz_files_index *hz_files_switch(const struct hz_handler *handler,
                                       struct hz_files_index *fresh)
{
	struct files *files = handler->conf;

	return hz_rcu_publish(&files->index, fresh);
}

int hz_files_build(const struct hz_files_conf *conf, struct hz_handler *out, char why[200])
{
	struct hz_files_index *index = NULL;
	struct files *files;
	int err = -EINVAL;

	why[0] = '\0';
	if (conf->params.count == 0)
		return err;
	files = calloc(1, sizeof(*files));
	if (files == NULL)
		return -ENOMEM;
	files->pool = conf->pool;
	files->param = conf->params.count - 1;
	err = hz_files_read_tree(conf, &index, why);
	if (err != 0) {
		free(files);
		return err;
	}
	(void)hz_rcu_publish(&files->index, index);
	*out = (struct hz_handler){
		.handle = files_handle,
		.hold = files_hold,
		.finish = files_finish,
		.free = files_free,
		.conf = files,
	};
	return 0;
}
