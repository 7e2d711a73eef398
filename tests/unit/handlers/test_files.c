/* What is answered for a file: heads, codings, conditions, ranges, directories. */
#include "files_rig.h"

#include "core/span_ops.h"
#include "hz_test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char ten[] = "0123456789";

/* a.txt of ten bytes from 2001-09-09T01:46:40Z. */
static struct files_rig *ten_open(void)
{
	const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct files_rig *rig = files_rig_open();
	char path[256];

	files_rig_text(rig, "a.txt", ten);
	files_rig_path(rig, "a.txt", path);
	CU_ASSERT_EQUAL(utimensat(-1, path, times, 0), 0);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	return rig;
}

static void etag_of(const struct files_rig *rig, const char *path, char out[64])
{
	bool is_directory;
	const struct hz_files_file *file = hz_files_index_find(hz_files_index_of(&rig->handler),
	                                                       hz_span_text(path), &is_directory);
	struct hz_span tag = hz_files_rep_etag(file->rep[HZ_CODING_IDENTITY]);

	snprintf(out, 64, "%.*s", (int)tag.len, (const char *)tag.data);
}

static void small_file_is_prepared_with_its_validators(void)
{
	struct files_rig *rig = ten_open();
	struct files_ask *ask = files_ask_open("a.txt");
	char etag[64], wanted[512], *head;

	etag_of(rig, "a.txt", etag);
	CU_ASSERT_EQUAL(strlen(etag), 34);
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_PTR_NOT_NULL(ask->flight.resp.prepared);
	head = files_ask_head(ask);
	snprintf(wanted, sizeof(wanted),
	         "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
	         "Content-Length: 10\r\nETag: %s\r\n"
	         "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nAccept-Ranges: bytes\r\n",
	         etag);
	CU_ASSERT_STRING_EQUAL(head, wanted);
	CU_ASSERT(files_ask_body_is(ask, ten));
	free(head);
	files_ask_close(ask);
	files_rig_close(rig);
}

/* FNV-1a of 128 bits over the content: the offset basis for no content. */
static void etag_is_of_the_content(void)
{
	struct files_rig *rig = files_rig_open();
	char a[64], b[64];

	files_rig_text(rig, "empty", "");
	files_rig_text(rig, "one", "same");
	files_rig_text(rig, "two", "same");
	files_rig_text(rig, "three", "samf");
	files_rig_age(rig, "two", 1000);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	etag_of(rig, "empty", a);
	CU_ASSERT_STRING_EQUAL(a, "\"6c62272e07bb014262b821756295c58d\"");
	etag_of(rig, "one", a);
	etag_of(rig, "two", b);
	CU_ASSERT_STRING_EQUAL(a, b);
	etag_of(rig, "three", b);
	CU_ASSERT_STRING_NOT_EQUAL(a, b);
	files_rig_close(rig);
}

static void time_of_the_future_is_not_told(void)
{
	struct files_rig *rig = files_rig_open();
	struct files_ask *ask = files_ask_open("a");
	char *head, *at;

	files_rig_text(rig, "a", "x");
	files_rig_age(rig, "a", -100000000);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	files_ask_run(ask, &rig->handler);
	head = files_ask_head(ask);
	at = strstr(head, "Last-Modified: ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	{
		char now[64];
		time_t t = time(NULL);

		strftime(now, sizeof(now), "%b %Y", gmtime(&t));
		CU_ASSERT_PTR_NOT_NULL(strstr(at, now));
	}
	free(head);
	files_ask_close(ask);
	files_rig_close(rig);
}

struct condition_row {
	const char *name, *value; /* value NULL: the file's tag */
	uint16_t status;
};

static void conditions_are_answered_304_and_412(void)
{
	static const struct condition_row rows[] = {
		{ "If-None-Match", NULL, 304 },
		{ "If-None-Match", "*", 304 },
		{ "If-None-Match", "\"x\"", 200 },
		{ "If-Match", NULL, 200 },
		{ "If-Match", "\"x\"", 412 },
		{ "If-Modified-Since", "Sun, 09 Sep 2001 01:46:40 GMT", 304 },
		{ "If-Modified-Since", "Sun, 09 Sep 2001 01:46:39 GMT", 200 },
		{ "If-Unmodified-Since", "Sun, 09 Sep 2001 01:46:40 GMT", 200 },
		{ "If-Unmodified-Since", "Sun, 09 Sep 2001 01:46:39 GMT", 412 },
		{ "If-Nothing", "*", 200 },
	};
	struct files_rig *rig = ten_open();
	char etag[64];

	etag_of(rig, "a.txt", etag);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct files_ask *ask = files_ask_open("a.txt");
		const char *value = rows[i].value != NULL ? rows[i].value : etag;

		files_ask_field(ask, "Accept", "*/*");
		files_ask_field(ask, rows[i].name, value);
		files_ask_run(ask, &rig->handler);
		CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), rows[i].status);
		if (rows[i].status == 304) {
			char wanted[256], *head = files_ask_head(ask);

			snprintf(wanted, sizeof(wanted),
			         "HTTP/1.1 304 Not Modified\r\nETag: %s\r\n"
			         "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n",
			         etag);
			CU_ASSERT_STRING_EQUAL(head, wanted);
			CU_ASSERT(files_ask_body_is(ask, ""));
			free(head);
		}
		files_ask_close(ask);
	}
	files_rig_close(rig);
}

struct range_row {
	const char *value;
	uint16_t status;
	const char *field; /* Content-Range */
	const char *body;
};

static void ranges_are_answered_206_and_416(void)
{
	static const struct range_row rows[] = {
		{ "bytes=0-0", 206, "Content-Range: bytes 0-0/10", "0" },
		{ "bytes=2-5", 206, "Content-Range: bytes 2-5/10", "2345" },
		{ "bytes=7-", 206, "Content-Range: bytes 7-9/10", "789" },
		{ "bytes=-3", 206, "Content-Range: bytes 7-9/10", "789" },
		{ "bytes=0-99", 206, "Content-Range: bytes 0-9/10", ten },
		{ "bytes=0-1,1-3", 206, "Content-Range: bytes 0-3/10", "0123" },
		{ "bytes=10-", 416, "Content-Range: bytes */10", "Range Not Satisfiable\n" },
		{ "bytes=5-4", 200, NULL, ten },
		{ "lines=1-2", 200, NULL, ten },
		{ "bytes=", 200, NULL, ten },
	};
	struct files_rig *rig = ten_open();

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct files_ask *ask = files_ask_open("a.txt");

		files_ask_field(ask, "Range", rows[i].value);
		files_ask_run(ask, &rig->handler);
		CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), rows[i].status);
		if (rows[i].field != NULL)
			CU_ASSERT(files_ask_has_line(ask, rows[i].field));
		if (rows[i].status == 206)
			CU_ASSERT(files_ask_has_line(ask, "Accept-Ranges: bytes"));
		CU_ASSERT(files_ask_body_is(ask, rows[i].body));
		files_ask_close(ask);
	}
	files_rig_close(rig);
}

static void range_counts_only_for_get_once_and_if_range_holds(void)
{
	struct files_rig *rig = ten_open();
	struct files_ask *ask = files_ask_open("a.txt");
	char etag[64];

	files_ask_field(ask, "Range", "bytes=0-0");
	ask->flight.req.method = HZ_HTTP_HEAD;
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 200);
	files_ask_close(ask);
	ask = files_ask_open("a.txt");
	files_ask_field(ask, "Range", "bytes=0-0");
	files_ask_field(ask, "range", "bytes=0-0");
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 200);
	files_ask_close(ask);
	ask = files_ask_open("a.txt");
	files_ask_field(ask, "Range", "bytes=0-0");
	files_ask_field(ask, "If-Range", "\"other\"");
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 200);
	files_ask_close(ask);
	etag_of(rig, "a.txt", etag);
	ask = files_ask_open("a.txt");
	files_ask_field(ask, "Range", "bytes=0-0");
	files_ask_field(ask, "If-Range", etag);
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 206);
	files_ask_close(ask);
	/* A condition that fails goes before the range. */
	ask = files_ask_open("a.txt");
	files_ask_field(ask, "Range", "bytes=0-0");
	files_ask_field(ask, "If-None-Match", etag);
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 304);
	files_ask_close(ask);
	files_rig_close(rig);
}

static void several_ranges_come_as_multipart(void)
{
	struct files_rig *rig = ten_open();
	struct files_ask *ask = files_ask_open("a.txt");
	char wanted[512], boundary[32] = "", *head, *at;

	files_ask_field(ask, "Range", "bytes=0-1, 8-");
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(ask->flight.resp.status, 206);
	head = files_ask_head(ask);
	at = strstr(head, "Content-Type: multipart/byteranges; boundary=");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(
		sscanf(at, "Content-Type: multipart/byteranges; boundary=%24[0-9a-v]", boundary),
		1);
	CU_ASSERT_EQUAL(strlen(boundary), 24);
	CU_ASSERT_PTR_NULL(strstr(head, "Content-Range"));
	snprintf(wanted, sizeof(wanted),
	         "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
	         "Content-Range: bytes 0-1/10\r\n\r\n01\r\n"
	         "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
	         "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--%s--\r\n",
	         boundary, boundary, boundary);
	CU_ASSERT(files_ask_body_is(ask, wanted));
	free(head);
	files_ask_close(ask);
	files_rig_close(rig);
}

/* --- codings ------------------------------------------------------------------------------------------------- */

static char *long_text(size_t bytes)
{
	char *text = malloc(bytes + 1);

	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)('a' + i * i / 100 % 26);
	text[bytes] = '\0';
	return text;
}

static struct files_ask *ask_coded(const struct files_rig *rig, const char *path,
                                   const char *accept)
{
	struct files_ask *ask = files_ask_open(path);

	if (accept != NULL)
		files_ask_field(ask, "accept-ENCODING", accept);
	files_ask_run(ask, &rig->handler);
	return ask;
}

static bool gunzip_is(const struct files_ask *ask, const char *text)
{
	size_t bytes, length = strlen(text);
	char *body = files_ask_body(ask, &bytes), *plain = calloc(1, length + 1);
	z_stream z = { .next_in = (Bytef *)body,
		       .avail_in = (uInt)bytes,
		       .next_out = (Bytef *)plain,
		       .avail_out = (uInt)length };
	bool is_same = inflateInit2(&z, 31) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END &&
	               z.total_out == length && memcmp(plain, text, length) == 0;

	inflateEnd(&z);
	free(body);
	free(plain);
	return is_same;
}

static void coding_is_chosen_by_weight_then_by_length(void)
{
	static const struct {
		const char *accept, *line;
	} rows[] = {
		{ "gzip", "Content-Encoding: gzip" },
		{ "gzip;q=0.9, br;q=0.5, zstd;q=0.1", "Content-Encoding: gzip" },
		{ "gzip;q=0.5, zstd;q=0.9", "Content-Encoding: zstd" },
		{ "br", "Content-Encoding: br" },
	};
	char *text = long_text(20000);
	struct files_rig *rig = files_rig_open();
	struct files_ask *ask;
	char *head;

	files_rig_text(rig, "a.css", text);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		ask = ask_coded(rig, "a.css", rows[i].accept);
		CU_ASSERT(files_ask_has_line(ask, rows[i].line));
		CU_ASSERT(files_ask_has_line(ask, "Vary: Accept-Encoding"));
		CU_ASSERT(files_ask_has_line(ask, "Content-Type: text/css; charset=utf-8"));
		if (strstr(rows[i].line, "gzip") != NULL)
			CU_ASSERT(gunzip_is(ask, text));
		files_ask_close(ask);
	}
	ask = ask_coded(rig, "a.css", "identity, gzip;q=0.9, br;q=0, *;q=0");
	head = files_ask_head(ask);
	CU_ASSERT_PTR_NULL(strstr(head, "Content-Encoding"));
	CU_ASSERT(files_ask_has_line(ask, "Vary: Accept-Encoding"));
	CU_ASSERT(files_ask_body_is(ask, text));
	free(head);
	files_ask_close(ask);
	ask = ask_coded(rig, "a.css", NULL);
	CU_ASSERT(files_ask_body_is(ask, text));
	files_ask_close(ask);
	/* Nothing acceptable: the file itself. */
	ask = ask_coded(rig, "a.css", "identity;q=0");
	CU_ASSERT(files_ask_body_is(ask, text));
	files_ask_close(ask);
	free(text);
	files_rig_close(rig);
}

static void codings_have_tags_of_their_own(void)
{
	char *text = long_text(5000), plain[64];
	struct files_rig *rig = files_rig_open();
	struct files_ask *ask = files_ask_open("a.js");

	files_rig_text(rig, "a.js", text);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	etag_of(rig, "a.js", plain);
	files_ask_field(ask, "Accept-Encoding", "gzip");
	files_ask_field(ask, "If-None-Match", plain);
	files_ask_run(ask, &rig->handler);
	CU_ASSERT_EQUAL(hz_http_resp_status(&ask->flight.resp), 200);
	files_ask_close(ask);
	ask = files_ask_open("a.js");
	files_ask_field(ask, "Accept-Encoding", "gzip");
	files_ask_field(ask, "Range", "bytes=0-1");
	files_ask_run(ask, &rig->handler);
	CU_ASSERT(files_ask_has_line(ask, "Content-Encoding: gzip"));
	CU_ASSERT(files_ask_body_is(ask, "\x1f\x8b"));
	files_ask_close(ask);
	free(text);
	files_rig_close(rig);
}

static void what_is_not_worth_it_is_not_encoded(void)
{
	struct files_rig *rig = files_rig_open();
	char *text = long_text(5000);
	struct files_ask *ask;
	char *head;

	files_rig_text(rig, "short.css", "a { b: c }");
	files_rig_text(rig, "a.png", text);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	for (unsigned i = 0; i < 2; i++) {
		ask = ask_coded(rig, i == 0 ? "short.css" : "a.png", "gzip, br, zstd");
		head = files_ask_head(ask);
		CU_ASSERT_PTR_NULL(strstr(head, "Content-Encoding"));
		CU_ASSERT_PTR_NULL(strstr(head, "Vary"));
		free(head);
		files_ask_close(ask);
	}
	rig->conf.is_coded = false;
	files_rig_text(rig, "a.css", text);
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(hz_files_index_stats(hz_files_index_of(&rig->handler))->codings, 0);
	free(text);
	files_rig_close(rig);
}

static void coding_beside_is_taken_unless_it_is_older(void)
{
	char *text = long_text(5000);
	struct files_rig *rig = files_rig_open();
	struct files_ask *ask;

	files_rig_text(rig, "a.css", text);
	files_rig_text(rig, "a.css.gz", "not really gzip");
	files_rig_text(rig, "b.css", text);
	files_rig_text(rig, "b.css.gz", "made of an older file");
	files_rig_age(rig, "b.css.gz", 60);
	files_rig_text(rig, "c.bin", "c");
	files_rig_text(rig, "c.bin.br", "longer than c but asked for");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	ask = ask_coded(rig, "a.css", "gzip");
	CU_ASSERT(files_ask_has_line(ask, "Content-Encoding: gzip"));
	CU_ASSERT(files_ask_body_is(ask, "not really gzip"));
	files_ask_close(ask);
	ask = ask_coded(rig, "b.css", "gzip");
	CU_ASSERT(gunzip_is(ask, text));
	files_ask_close(ask);
	ask = ask_coded(rig, "c.bin", "br");
	CU_ASSERT(files_ask_has_line(ask, "Content-Encoding: br"));
	CU_ASSERT(files_ask_has_line(ask, "Content-Type: application/octet-stream"));
	files_ask_close(ask);
	/* By its own name it is a file like any other. */
	ask = ask_coded(rig, "a.css.gz", "gzip");
	CU_ASSERT(files_ask_has_line(ask, "Content-Type: application/gzip"));
	{
		char *head = files_ask_head(ask);

		CU_ASSERT_PTR_NULL(strstr(head, "Content-Encoding"));
		free(head);
	}
	files_ask_close(ask);
	free(text);
	files_rig_close(rig);
}

static void types_of_the_site_win(void)
{
	const struct hz_files_type own[] = {
		{ HZ_SPAN_LITERAL("css"), HZ_SPAN_LITERAL("text/x-own") },
		{ HZ_SPAN_LITERAL("LOG"), HZ_SPAN_LITERAL("text/plain") },
	};
	static const struct {
		const char *path, *line;
	} rows[] = {
		{ "a.css", "Content-Type: text/x-own" },
		{ "a.log", "Content-Type: text/plain" },
		{ "A.HTML", "Content-Type: text/html; charset=utf-8" },
		{ "a.tar.gz", "Content-Type: application/gzip" },
		{ "x.d/readme", "Content-Type: application/octet-stream" },
		{ "a.unknown", "Content-Type: application/octet-stream" },
		{ "a.svg", "Content-Type: image/svg+xml" },
	};
	struct files_rig *rig = files_rig_open();

	rig->conf.type = own;
	rig->conf.type_count = HZ_ARRAY_LEN(own);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		files_rig_text(rig, rows[i].path, "x");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct files_ask *ask = ask_coded(rig, rows[i].path, NULL);

		CU_ASSERT(files_ask_has_line(ask, rows[i].line));
		files_ask_close(ask);
	}
	files_rig_close(rig);
}

/* --- directories --------------------------------------------------------------------------------------------- */

static void directory_shows_its_index_file(void)
{
	const struct hz_span names[] = { HZ_SPAN_LITERAL("index.html"), HZ_SPAN_LITERAL("a.txt") };
	struct files_rig *rig = files_rig_open();
	struct files_ask *ask;

	rig->conf.index_name = names;
	rig->conf.index_name_count = 2;
	files_rig_text(rig, "index.html", "root");
	files_rig_text(rig, "docs/index.html", "docs");
	files_rig_text(rig, "docs/a.txt", "second choice");
	files_rig_text(rig, "only/a.txt", "only");
	files_rig_text(rig, "none/b.txt", "b");
	files_rig_text(rig, "myindex.html", "no directory");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	ask = ask_coded(rig, "", NULL);
	CU_ASSERT(files_ask_body_is(ask, "root"));
	files_ask_close(ask);
	ask = ask_coded(rig, "docs/", NULL);
	CU_ASSERT(files_ask_body_is(ask, "docs"));
	files_ask_close(ask);
	ask = ask_coded(rig, "only/", NULL);
	CU_ASSERT(files_ask_body_is(ask, "only"));
	files_ask_close(ask);
	CU_ASSERT_EQUAL(files_rig_status(rig, "none/"), 404);
	CU_ASSERT_EQUAL(files_rig_status(rig, "none"), 404);
	CU_ASSERT_EQUAL(files_rig_status(rig, "docs//"), 404);
	CU_ASSERT_EQUAL(files_rig_status(rig, "docs/index.html/"), 404);
	CU_ASSERT_EQUAL(files_rig_status(rig, "my"), 404);
	files_rig_close(rig);
}

static void directory_without_slash_is_redirected_to_its_own_host(void)
{
	static const struct {
		const char *path, *query, *line;
	} rows[] = {
		{ "/files/docs", "", "Location: /files/docs/" },
		{ "/files/docs", "a=b&c", "Location: /files/docs/?a=b&c" },
		{ "/files/%64ocs", "", "Location: /files/docs/" },
		{ "/files/x/../docs", "", "Location: /files/docs/" },
		{ "//evil.example/..//files/docs", "", "Location: /files/docs/" },
		{ "//evil.example/%2e%2e/docs", "", "Location: /docs/" },
	};
	struct files_rig *rig = files_rig_open();

	files_rig_text(rig, "docs/index.html", "docs");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct files_ask *ask = files_ask_open("docs");

		ask->flight.req.path = hz_span_text(rows[i].path);
		ask->flight.req.query = hz_span_text(rows[i].query);
		files_ask_run(ask, &rig->handler);
		CU_ASSERT_EQUAL(ask->flight.resp.status, 308);
		CU_ASSERT(files_ask_has_line(ask, rows[i].line));
		files_ask_close(ask);
	}
	files_rig_close(rig);
}

static void root_that_is_none_is_refused_in_words(void)
{
	struct files_rig *rig = files_rig_open();

	rig->conf.root = hz_span_text("/nonexistent/www");
	CU_ASSERT_EQUAL(files_rig_build(rig), -ENOENT);
	CU_ASSERT_STRING_EQUAL(rig->why, "files of '/nonexistent/www': No such file or directory");
	files_rig_text(rig, "a", "x");
	rig->conf.root = HZ_SPAN_LITERAL("www/a");
	rig->conf.directory = rig->dir;
	CU_ASSERT_EQUAL(files_rig_build(rig), -ENOTDIR);
	rig->conf.root = HZ_SPAN_LITERAL("www");
	CU_ASSERT_EQUAL(files_rig_build(rig), 0);
	CU_ASSERT_EQUAL(files_rig_status(rig, "a"), 200);
	files_rig_close(rig);
}

static void arena_without_room_is_414(void)
{
	struct files_rig *rig = ten_open();

	files_rig_text(rig, "docs/index.html", "docs");
	CU_ASSERT_EQUAL_FATAL(files_rig_build(rig), 0);
	for (size_t room = 0; room < 1200; room += 8) {
		static const char *const ranges[] = { "bytes=0-0", "bytes=0-0,5-6", "bytes=10-" };

		for (size_t i = 0; i < HZ_ARRAY_LEN(ranges); i++) {
			struct files_ask *ask = files_ask_open("a.txt");
			uint16_t status;

			ask->flight.arena.size = room;
			files_ask_field(ask, "Range", ranges[i]);
			files_ask_run(ask, &rig->handler);
			status = hz_http_resp_status(&ask->flight.resp);
			CU_ASSERT(status == 414 || (room >= 64 && status == (i == 2 ? 416 : 206)));
			CU_ASSERT(room < 1192 || status != 414);
			files_ask_close(ask);
		}
	}
	files_rig_close(rig);
}

HZ_SUITE(files, CASE(small_file_is_prepared_with_its_validators), CASE(etag_is_of_the_content),
         CASE(time_of_the_future_is_not_told), CASE(conditions_are_answered_304_and_412),
         CASE(ranges_are_answered_206_and_416),
         CASE(range_counts_only_for_get_once_and_if_range_holds),
         CASE(several_ranges_come_as_multipart), CASE(coding_is_chosen_by_weight_then_by_length),
         CASE(codings_have_tags_of_their_own), CASE(what_is_not_worth_it_is_not_encoded),
         CASE(coding_beside_is_taken_unless_it_is_older), CASE(types_of_the_site_win),
         CASE(directory_shows_its_index_file),
         CASE(directory_without_slash_is_redirected_to_its_own_host),
         CASE(root_that_is_none_is_refused_in_words), CASE(arena_without_room_is_414));
