#include "files_rig.h"

#include "core/span_ops.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ASK_UNIX_S 4000000000u /* later than any file's time */

static const struct hz_span path_name = { (const uint8_t *)"path", 4 };
static const struct hz_span index_name = { (const uint8_t *)"index.html", 10 };

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

struct files_rig *files_rig_open(void)
{
	struct files_rig *rig = calloc(1, sizeof(*rig));

	must(rig != NULL, "calloc");
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/hz-files-XXXXXX");
	must(mkdtemp(rig->dir) != NULL, "mkdtemp");
	snprintf(rig->root, sizeof(rig->root), "%s/www", rig->dir);
	must(mkdir(rig->root, 0755) == 0, "mkdir");
	rig->conf = (struct hz_files_conf){ .root = hz_span_text(rig->root),
		                            .index_name = &index_name,
		                            .index_name_count = 1,
		                            .cache_bytes = 64u << 20,
		                            .is_coded = true,
		                            .params = { &path_name, 1 } };
	return rig;
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void files_rig_close(struct files_rig *rig)
{
	hz_handler_free(&rig->handler);
	must(nftw(rig->dir, entry_remove, 16, FTW_DEPTH | FTW_PHYS) == 0, "nftw");
	free(rig);
}

void files_rig_path(const struct files_rig *rig, const char *path, char out[256])
{
	snprintf(out, 256, "%s/%s", rig->root, path);
}

void files_rig_write(const struct files_rig *rig, const char *path, const char *text, size_t bytes)
{
	char full[256];
	FILE *to;

	files_rig_path(rig, path, full);
	for (char *slash = strchr(full + strlen(rig->root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	to = fopen(full, "w");
	must(to != NULL, full);
	must(fwrite(text, 1, bytes, to) == bytes, full);
	must(fclose(to) == 0, full);
}

void files_rig_text(const struct files_rig *rig, const char *path, const char *text)
{
	files_rig_write(rig, path, text, strlen(text));
}

void files_rig_age(const struct files_rig *rig, const char *path, long seconds)
{
	struct timespec times[2];
	char full[256];

	files_rig_path(rig, path, full);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[0].tv_nsec = 0;
	times[1] = times[0];
	must(utimensat(AT_FDCWD, full, times, 0) == 0, full);
}

int files_rig_build(struct files_rig *rig)
{
	struct hz_handler fresh = { 0 };
	int err;

	rig->conf.before = rig->handler.handle != NULL ? hz_files_index_of(&rig->handler) : NULL;
	err = hz_files_build(&rig->conf, &fresh, rig->why);
	if (err != 0)
		return err;
	hz_handler_free(&rig->handler);
	rig->handler = fresh;
	return 0;
}

/* --- requests ---------------------------------------------------------------------------------------------- */

static void ask_wake(struct hz_stream *stream)
{
	HZ_CONTAINER_OF(stream, struct files_ask, stream)->wakes++;
}

static const struct hz_stream_ops ask_stream_ops = { .wake = ask_wake };

struct files_ask *files_ask_open(const char *path)
{
	struct files_ask *ask = calloc(1, sizeof(*ask));
	struct hz_h1_flight *flight;

	must(ask != NULL, "calloc");
	flight = &ask->flight;
	ask->stream.ops = &ask_stream_ops;
	ask->env.unix_s = ASK_UNIX_S;
	hz_rng_seed(&ask->env.rng, 1);
	snprintf(ask->path, sizeof(ask->path), "/files/%s", path);
	flight->stream = &ask->stream;
	hz_arena_init(&flight->arena, flight->arena_memory, sizeof(flight->arena_memory));
	flight->req =
		(struct hz_http_req){ .method = HZ_HTTP_GET,
		                      .path = hz_span_text(ask->path),
		                      .arena = &flight->arena,
		                      .env = &ask->env,
		                      .param_count = 1,
		                      .param = { { path_name, hz_span_text(ask->path + 7) } } };
	return ask;
}

void files_ask_field(struct files_ask *ask, const char *name, const char *value)
{
	struct hz_http_req *req = &ask->flight.req;

	req->header[req->header_count++] =
		(struct hz_http_header){ hz_span_text(name), hz_span_text(value) };
}

void files_ask_run(struct files_ask *ask, const struct hz_handler *handler)
{
	must(handler->handle(handler->conf, &ask->flight.req, &ask->flight.resp) == HZ_HTTP_ANSWER,
	     "answer");
}

void files_ask_close(struct files_ask *ask)
{
	const struct hz_http_resp *resp = &ask->flight.resp;

	if (resp->source != NULL)
		resp->source->release(resp->source_ctx);
	free(ask);
}

uint16_t files_rig_status(const struct files_rig *rig, const char *path)
{
	struct files_ask *ask = files_ask_open(path);
	uint16_t status;

	files_ask_run(ask, &rig->handler);
	status = hz_http_resp_status(&ask->flight.resp);
	files_ask_close(ask);
	return status;
}

char *files_ask_head(const struct files_ask *ask)
{
	const struct hz_http_resp *resp = &ask->flight.resp;
	const struct hz_h1_date date = { 0 };
	uint8_t *head = calloc(1, hz_h1_head_bound(resp) + 1);
	size_t bytes;

	must(head != NULL, "calloc");
	bytes = hz_h1_head_write(head, resp, hz_h1_body_bytes(resp, NULL), HZ_H1_LENGTH, &date,
	                         HZ_H1_KEEP);
	head[bytes - HZ_H1_DATE_BYTES - 2] = '\0';
	return (char *)head;
}

char *files_ask_body(const struct files_ask *ask, size_t *bytes)
{
	const struct hz_http_resp *resp = &ask->flight.resp;
	uint64_t length = hz_h1_body_bytes(resp, NULL);
	uint8_t *body = calloc(1, length + 1);
	struct hz_span from = { NULL, 0 };

	must(body != NULL, "calloc");
	if (resp->prepared != NULL)
		from = resp->prepared->body;
	else if (resp->body_kind == HZ_BODY_SPAN)
		from = resp->body;
	if (from.len > 0)
		memcpy(body, from.data, from.len);
	/* In pieces of odd sizes, as space comes free. */
	for (uint64_t at = 0, take = 1;
	     resp->prepared == NULL && at < length && resp->body_kind == HZ_BODY_GENERATED;
	     at += take, take = take % 7 + 1) {
		take = HZ_MIN(take, length - at);
		resp->produce(resp->produce_ctx, at, (struct hz_wspan){ body + at, (size_t)take });
	}
	*bytes = (size_t)length;
	return (char *)body;
}

bool files_ask_body_is(const struct files_ask *ask, const char *text)
{
	size_t bytes;
	char *body = files_ask_body(ask, &bytes);
	bool is_same = bytes == strlen(text) && memcmp(body, text, bytes) == 0;

	if (!is_same)
		fprintf(stderr, "body: %.400s\n", body);
	free(body);
	return is_same;
}

bool files_ask_has_line(const struct files_ask *ask, const char *line)
{
	char *head = files_ask_head(ask), wanted[256];
	bool has;

	snprintf(wanted, sizeof(wanted), "\r\n%s\r\n", line);
	has = strstr(head, wanted) != NULL;
	if (!has)
		fprintf(stderr, "no '%s' in: %s\n", line, head);
	free(head);
	return has;
}
