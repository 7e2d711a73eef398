/* Handler `respond`. */
#include "handlers/respond.h"

#include "handlers/answer.h"
#include "handlers/files_encode.h"
#include "handlers/files_type.h"
#include "handlers/json_template.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed answer in one coding. */
struct fixed {
	struct hz_http_prepared prepared; /* both spans point into memory */
	uint8_t *memory;                  /* owned; NULL: not in this coding */
};

/* A fixed answer is `fixed`; one with holes is `tmpl` with status and type. */
struct respond {
	uint16_t status;
	struct fixed fixed[HZ_CODING_COUNT];
	uint64_t bytes[HZ_CODING_COUNT]; /* of their bodies; HZ_CODING_NONE */
	struct hz_span content_type;     /* points into memory */
	struct hz_json_template *tmpl;   /* owned; NULL: fixed */
	uint8_t *memory;                 /* owned */
};

static void respond_free(void *conf)
{
	struct respond *respond = conf;

	if (respond == NULL)
		return;
	hz_json_template_free(respond->tmpl);
	for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
		free(respond->fixed[c].memory);
	free(respond->memory);
	free(respond);
}

static enum hz_http_next respond_fixed_handle(const void *conf, struct hz_http_req *req,
                                              struct hz_http_resp *resp)
{
	const struct respond *respond = conf;

	(void)req;
	resp->status = respond->status;
	resp->prepared = &respond->fixed[HZ_CODING_IDENTITY].prepared;
	return HZ_HTTP_ANSWER;
}

static enum hz_http_next respond_coded_handle(const void *conf, struct hz_http_req *req,
                                              struct hz_http_resp *resp)
{
	const struct respond *respond = conf;
	enum hz_coding coding = hz_accept_coding_choose(req, respond->bytes);

	resp->status = respond->status;
	resp->prepared = &respond->fixed[coding].prepared;
	return HZ_HTTP_ANSWER;
}

static enum hz_http_next respond_json_handle(const void *conf, struct hz_http_req *req,
                                             struct hz_http_resp *resp)
{
	const struct respond *respond = conf;

	if (hz_json_template_fill(respond->tmpl, req, &resp->body) != 0) {
		hz_answer(resp, 414);
		return HZ_HTTP_ANSWER;
	}
	resp->status = respond->status;
	resp->content_type = respond->content_type;
	resp->body_kind = HZ_BODY_SPAN;
	return HZ_HTTP_ANSWER;
}

/* RFC 9110 8.6 forbids Content-Length in a 204, and in a 304 it would have to be that of the 200. */
static bool has_no_length(uint16_t status)
{
	return status == 204 || status == 304;
}

/* RFC 9110 15.3.5, 15.3.6 and 15.4.5. A 205 says that its content is empty. */
static bool has_no_body(uint16_t status)
{
	return has_no_length(status) || status == 205;
}

static void line_print(FILE *to, const char *name, struct hz_span value)
{
	fputs(name, to);
	fwrite(value.data, 1, value.len, to);
	fputs("\r\n", to);
}

/* What all codings of an answer have in common. */
struct answer_conf {
	uint16_t status;
	struct hz_span content_type;
	bool varies; /* there is more than one */
};

/* Head and body in one allocation, in the order in which they are sent. */
static int fixed_make(const struct answer_conf *conf, enum hz_coding coding, struct hz_span body,
                      struct fixed *out)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);

	if (to == NULL)
		return -ENOMEM;
	fprintf(to, "HTTP/1.1 %u ", conf->status);
	line_print(to, "", hz_http_reason(conf->status));
	if (conf->content_type.len > 0)
		line_print(to, "Content-Type: ", conf->content_type);
	if (!has_no_length(conf->status))
		fprintf(to, "Content-Length: %zu\r\n", body.len);
	if (coding != HZ_CODING_IDENTITY)
		line_print(to, "Content-Encoding: ", hz_coding_names[coding]);
	if (conf->varies)
		fputs("Vary: Accept-Encoding\r\n", to);
	if (body.len > 0)
		fwrite(body.data, 1, body.len, to);
	if (fclose(to) != 0) {
		free(text);
		return -ENOMEM;
	}
	out->memory = (uint8_t *)text;
	out->prepared.head = (struct hz_span){ out->memory, bytes - body.len };
	out->prepared.body = (struct hz_span){ out->memory + bytes - body.len, body.len };
	return 0;
}

/* The body in all codings that are worth it; what is owned by the caller, also on failure. */
static int codings_make(struct hz_span content_type, struct hz_span body,
                        struct hz_wspan coded[HZ_CODING_COUNT])
{
	int err = 0;

	for (enum hz_coding c = HZ_CODING_IDENTITY + 1;
	     c < HZ_CODING_COUNT && err == 0 && hz_files_type_packs(content_type); c++) {
		err = hz_files_encode(c, body, &coded[c].data, &coded[c].len);
		if (err == -ENODATA)
			err = 0;
	}
	return err;
}

static int fixed_prepare(struct respond *respond, struct hz_span content_type, struct hz_span body)
{
	struct answer_conf conf = { .status = respond->status, .content_type = content_type };
	struct hz_wspan coded[HZ_CODING_COUNT] = { 0 };
	int err = codings_make(content_type, body, coded);

	for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
		conf.varies |= coded[c].data != NULL;
	if (err == 0)
		err = fixed_make(&conf, HZ_CODING_IDENTITY, body,
		                 &respond->fixed[HZ_CODING_IDENTITY]);
	for (enum hz_coding c = HZ_CODING_IDENTITY + 1; c < HZ_CODING_COUNT; c++) {
		struct hz_span bytes = { coded[c].data, coded[c].len };

		if (err == 0 && bytes.data != NULL)
			err = fixed_make(&conf, c, bytes, &respond->fixed[c]);
		free(coded[c].data);
	}
	for (unsigned c = 0; c < HZ_CODING_COUNT; c++)
		respond->bytes[c] = respond->fixed[c].memory != NULL
		                            ? respond->fixed[c].prepared.body.len
		                            : HZ_CODING_NONE;
	return err;
}

static bool is_coded(const struct respond *respond)
{
	for (unsigned c = HZ_CODING_IDENTITY + 1; c < HZ_CODING_COUNT; c++) {
		if (respond->fixed[c].memory != NULL)
			return true;
	}
	return false;
}

static int holes_prepare(struct respond *respond, struct hz_span content_type)
{
	respond->memory = malloc(content_type.len + 1);
	if (respond->memory == NULL)
		return -ENOMEM;
	if (content_type.len > 0)
		memcpy(respond->memory, content_type.data, content_type.len);
	respond->content_type = (struct hz_span){ respond->memory, content_type.len };
	return 0;
}

static int json_prepare(struct respond *respond, const struct hz_respond_conf *conf)
{
	struct hz_span body;
	int err = hz_json_template_build(conf, &respond->tmpl);

	if (err != 0)
		return err;
	if (respond->tmpl->hole_count > 0)
		return holes_prepare(respond, conf->content_type);
	body = (struct hz_span){ respond->tmpl->text, respond->tmpl->literal_bytes };
	err = fixed_prepare(respond, conf->content_type, body);
	hz_json_template_free(respond->tmpl);
	respond->tmpl = NULL;
	return err;
}

/* A field value must not end the line it stands on (RFC 9110 5.5). */
static bool is_field_value(struct hz_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f)
			return false;
	}
	return true;
}

int hz_respond_build(const struct hz_respond_conf *conf, struct hz_handler *out)
{
	struct respond *respond;
	int err;

	if (conf->status < 200 || conf->status > 599 || !is_field_value(conf->content_type))
		return -EINVAL;
	if (has_no_body(conf->status) && (conf->json_count > 0 || conf->body.len > 0))
		return -EINVAL;
	respond = calloc(1, sizeof(*respond));
	if (respond == NULL)
		return -ENOMEM;
	respond->status = conf->status;
	err = conf->json_count > 0 ? json_prepare(respond, conf)
	                           : fixed_prepare(respond, conf->content_type, conf->body);
	if (err != 0) {
		respond_free(respond);
		return err;
	}
	*out = (struct hz_handler){ .handle = respond_fixed_handle,
		                    .has_no_validator = conf->status < 300,
		                    .free = respond_free,
		                    .conf = respond };
	if (respond->tmpl != NULL)
		out->handle = respond_json_handle;
	else if (is_coded(respond))
		out->handle = respond_coded_handle;
	return 0;
}
