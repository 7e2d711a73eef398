/* Handler `respond`. */
#include "handlers/respond.h"

#include "handlers/answer.h"
#include "handlers/json_template.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed answer is `prepared`; one with holes is `tmpl` with status and type. */
struct respond {
	uint16_t status;
	struct hz_http_prepared prepared; /* both spans point into memory */
	struct hz_span content_type;      /* likewise */
	struct hz_json_template *tmpl;    /* owned; NULL: fixed */
	uint8_t *memory;                  /* owned */
};

static void respond_free(void *conf)
{
	struct respond *respond = conf;

	if (respond == NULL)
		return;
	hz_json_template_free(respond->tmpl);
	free(respond->memory);
	free(respond);
}

static enum hz_http_next respond_fixed_handle(const void *conf, struct hz_http_req *req,
                                              struct hz_http_resp *resp)
{
	const struct respond *respond = conf;

	(void)req;
	resp->status = respond->status;
	resp->prepared = &respond->prepared;
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

/* Head and body in one allocation, in the order in which they are sent. */
static int fixed_prepare(struct respond *respond, struct hz_span content_type, struct hz_span body)
{
	struct hz_span reason = hz_http_reason(respond->status);
	char status[32], length[48] = "";
	FILE *to;
	char *text = NULL;
	size_t bytes = 0;

	snprintf(status, sizeof(status), "HTTP/1.1 %u ", respond->status);
	if (!has_no_length(respond->status))
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body.len);
	to = open_memstream(&text, &bytes);
	if (to == NULL)
		return -ENOMEM;
	fputs(status, to);
	fwrite(reason.data, 1, reason.len, to);
	fputs("\r\n", to);
	if (content_type.len > 0) {
		fputs("Content-Type: ", to);
		fwrite(content_type.data, 1, content_type.len, to);
		fputs("\r\n", to);
	}
	fputs(length, to);
	if (body.len > 0)
		fwrite(body.data, 1, body.len, to);
	if (fclose(to) != 0) {
		free(text);
		return -ENOMEM;
	}
	respond->memory = (uint8_t *)text;
	respond->prepared.head = (struct hz_span){ respond->memory, bytes - body.len };
	respond->prepared.body = (struct hz_span){ respond->memory + bytes - body.len, body.len };
	return 0;
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
	*out = (struct hz_handler){
		.handle = respond->tmpl != NULL ? respond_json_handle : respond_fixed_handle,
		.free = respond_free,
		.conf = respond,
	};
	return 0;
}
