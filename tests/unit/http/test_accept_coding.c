/* Accept-Encoding. */
#include "http/accept_coding.h"

#include "core/base.h"
#include "core/span_ops.h"
#include "hz_test.h"
#include <stdio.h>
#include <stdlib.h>

struct row {
	const char *value;
	uint16_t identity, gzip, br, zstd;
};

static const struct row rows[] = {
	{ "gzip", 1, 1000, 0, 0 },
	{ "gzip, br", 1, 1000, 1000, 0 },
	{ "gzip, deflate, br, zstd", 1, 1000, 1000, 1000 },
	{ "GZip;Q=0.5 ,\tBR ; q=1.000", 1, 500, 1000, 0 },
	{ "x-gzip;q=0.25", 1, 250, 0, 0 },
	{ "", 1, 0, 0, 0 },
	{ " , ,", 1, 0, 0, 0 },
	{ ",gzip,,", 1, 1000, 0, 0 },
	{ "*", 1000, 1000, 1000, 1000 },
	{ "*;q=0.3", 300, 300, 300, 300 },
	{ "gzip;q=0, *", 1000, 0, 1000, 1000 },
	{ "gzip, *;q=0", 0, 1000, 0, 0 },
	{ "identity;q=0", 0, 0, 0, 0 },
	{ "identity;q=0.5, gzip;q=1.0, *;q=0", 500, 1000, 0, 0 },
	{ "gzip;q=0.001", 1, 1, 0, 0 },
	{ "gzip;q=0.", 1, 0, 0, 0 },
	{ "gzip;q=1.", 1, 1000, 0, 0 },
	{ "gzip;q=0.7, gzip;q=0.2", 1, 200, 0, 0 },
	{ "gzip;q=0.2, x-gzip", 1, 200, 0, 0 },
	{ "gzipp", 1, 0, 0, 0 },
	{ "gzi", 1, 0, 0, 0 },
	/* Not the grammar: identity and nothing else. */
	{ "gzip;q=1.001", 1000, 0, 0, 0 },
	{ "gzip;q=0.0001", 1000, 0, 0, 0 },
	{ "gzip;q=2", 1000, 0, 0, 0 },
	{ "gzip;q=", 1000, 0, 0, 0 },
	{ "gzip;q=.5", 1000, 0, 0, 0 },
	{ "gzip;q=05", 1000, 0, 0, 0 },
	{ "gzip;q=-0", 1000, 0, 0, 0 },
	{ "gzip;q=0,5", 1, 0, 0, 0 }, /* "5" is a token */
	{ "gzip;q = 0.5", 1000, 0, 0, 0 },
	{ "gzip;level=9", 1000, 0, 0, 0 },
	{ "gzip;", 1000, 0, 0, 0 },
	{ ";q=1", 1000, 0, 0, 0 },
	{ "gzip;q=0.5;q=0.6", 1000, 0, 0, 0 },
	{ "gzip br", 1000, 0, 0, 0 },
	{ "br, \"gzip\"", 1000, 0, 0, 0 },
	{ "br, g(zip", 1000, 0, 0, 0 },
};

static void fields_read(const char *const *values, unsigned count, struct hz_accept_coding *out)
{
	struct hz_http_req *req = calloc(1, sizeof(*req));

	for (unsigned i = 0; i < count; i++)
		req->header[req->header_count++] =
			(struct hz_http_header){ HZ_SPAN_LITERAL("Accept-Encoding"),
			                         hz_span_trim(hz_span_text(values[i])) };
	hz_accept_coding_read(req, out);
	free(req);
}

static bool weights_are(const struct hz_accept_coding *a, const struct row *row)
{
	return a->weight[HZ_CODING_IDENTITY] == row->identity &&
	       a->weight[HZ_CODING_GZIP] == row->gzip && a->weight[HZ_CODING_BR] == row->br &&
	       a->weight[HZ_CODING_ZSTD] == row->zstd;
}

static void fields_give_their_weights(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_accept_coding got;

		fields_read(&rows[i].value, 1, &got);
		CU_ASSERT(weights_are(&got, &rows[i]));
		if (!weights_are(&got, &rows[i]))
			fprintf(stderr, "'%s': %u %u %u %u\n", rows[i].value, got.weight[0],
			        got.weight[1], got.weight[2], got.weight[3]);
	}
}

static void no_field_means_identity(void)
{
	const struct row want = { NULL, 1000, 0, 0, 0 };
	struct hz_accept_coding got;

	fields_read(NULL, 0, &got);
	CU_ASSERT(weights_are(&got, &want));
}

static void fields_given_twice_are_one_list(void)
{
	const char *const values[] = { "br;q=0.5", "gzip, br" };
	const char *const spoilt[] = { "br;q=0.5", "gzip;" };
	const struct row both = { NULL, 1, 1000, 500, 0 }, none = { NULL, 1000, 0, 0, 0 };
	struct hz_accept_coding got;

	fields_read(values, 2, &got);
	CU_ASSERT(weights_are(&got, &both));
	fields_read(spoilt, 2, &got);
	CU_ASSERT(weights_are(&got, &none));
}

HZ_SUITE(accept_coding, CASE(fields_give_their_weights), CASE(no_field_means_identity),
         CASE(fields_given_twice_are_one_list));
