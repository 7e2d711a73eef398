#include "http/h1_write.h"
#include "core/text_put.h"
#include "http/h1_scan.h"
#include "http/http_date.h"
#include <string.h>

/* Status line, Content-Type, Content-Length, Connection and Date with their CRLFs and the blank line,
 * without what the response brings. */
#define FRAME_BYTES 192

static const struct hz_span close_line = { (const uint8_t *)"Connection: close\r\n", 19 };
static const struct hz_span keep_line = { (const uint8_t *)"Connection: keep-alive\r\n", 24 };

void hz_h1_date_update(struct hz_h1_date *date, uint64_t unix_s)
{
	if (date->is_rendered && date->unix_s == unix_s)
		return;
	memcpy(date->line, "Date: ", 6);
	hz_http_date_write(date->line + 6, unix_s);
	memcpy(date->line + 6 + HZ_HTTP_DATE_BYTES, "\r\n", 2);
	date->unix_s = unix_s;
	date->is_rendered = true;
}

/* RFC 9110 6.4.1: no content with 1xx, 204 and 304, and no Content-Length (8.6). */
static bool has_no_content(uint16_t status)
{
	return status < 200 || status == 204 || status == 304;
}

uint64_t hz_h1_body_bytes(const struct hz_http_resp *resp, const struct hz_http_body *request_body)
{
	if (resp->prepared != NULL)
		return resp->prepared->body.len;
	if (has_no_content(resp->status) || resp->status == 205) /* RFC 9110 15.3.6 */
		return 0;
	switch (resp->body_kind) {
	case HZ_BODY_SPAN:
		return resp->body.len;
	case HZ_BODY_REQUEST:
		return request_body != NULL ? request_body->bytes : 0;
	case HZ_BODY_GENERATED:
	case HZ_BODY_SOURCE:
		return resp->body_bytes;
	case HZ_BODY_NONE:
	default:
		return 0;
	}
}

size_t hz_h1_head_bound(const struct hz_http_resp *resp)
{
	size_t bytes = FRAME_BYTES;

	for (unsigned i = 0; i < resp->field_count; i++)
		bytes += resp->field[i].len;
	if (resp->prepared != NULL)
		return bytes + resp->prepared->head.len;
	return bytes + resp->content_type.len + resp->extra.len;
}

static uint8_t *status_line(uint8_t *out, uint16_t status)
{
	if (status == 200)
		return hz_put_span(out, HZ_SPAN_LITERAL("HTTP/1.1 200 OK\r\n"));
	out = hz_put_span(out, HZ_SPAN_LITERAL("HTTP/1.1 "));
	out = hz_put_decimal(out, status);
	*out++ = ' ';
	out = hz_put_span(out, hz_http_reason(status));
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

static uint8_t *content_type_line(uint8_t *out, struct hz_span type)
{
	const uint8_t *end;

	if (type.len == 0)
		return out;
	end = type.data + type.len;
	if (hz_h1_scan_value(type.data, end, type.data) != end)
		return out;
	out = hz_put_span(out, HZ_SPAN_LITERAL("Content-Type: "));
	out = hz_put_span(out, type);
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

static uint8_t *framing_line(uint8_t *out, uint64_t body_bytes, enum hz_h1_framing framing)
{
	if (framing == HZ_H1_CHUNKED)
		return hz_put_span(out, HZ_SPAN_LITERAL("Transfer-Encoding: chunked\r\n"));
	if (framing == HZ_H1_UNTIL_CLOSE)
		return out;
	out = hz_put_span(out, HZ_SPAN_LITERAL("Content-Length: "));
	out = hz_put_decimal(out, body_bytes);
	return hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
}

size_t hz_h1_head_write(uint8_t *out, const struct hz_http_resp *resp, uint64_t body_bytes,
                        enum hz_h1_framing framing, const struct hz_h1_date *date,
                        enum hz_h1_connection connection)
{
	const uint8_t *from = out;

	if (resp->prepared != NULL) {
		out = hz_put_span(out, resp->prepared->head);
	} else {
		out = status_line(out, resp->status);
		out = content_type_line(out, resp->content_type);
		out = hz_put_span(out, resp->extra);
		if (!has_no_content(resp->status))
			out = framing_line(out, body_bytes, framing);
	}
	for (unsigned i = 0; i < resp->field_count; i++)
		out = hz_put_span(out, resp->field[i]);
	if (connection != HZ_H1_KEEP)
		out = hz_put_span(out, connection == HZ_H1_CLOSE ? close_line : keep_line);
	out = hz_put_span(out, (struct hz_span){ date->line, HZ_H1_DATE_BYTES });
	out = hz_put_span(out, HZ_SPAN_LITERAL("\r\n"));
	return (size_t)(out - from);
}
