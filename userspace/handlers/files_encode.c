#include "handlers/files_encode.h"

#include <brotli/encode.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* A file of this many bytes goes into one packet with its head, encoded or not. */
#define PLAIN_BYTES_MIN 512u
#define PLAIN_BYTES_MAX (1u << 30) /* zlib counts in 32 bits */

/* Tens of MB/s each: a tree is encoded within seconds of start, and on a reload only what changed. */
#define GZIP_LEVEL     6
#define BROTLI_QUALITY 5
#define ZSTD_LEVEL     6

#define GZIP_WINDOW    (15 + 16) /* zlib's way to say gzip: 16 on top of the window's bits */
#define GZIP_MEMORY    8

/* Each fills out, or says that it did not fit (0). */
static int gzip_encode(struct hz_span plain, uint8_t *out, size_t *bytes)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)plain.data,
		       .avail_in = (uInt)plain.len,
		       .next_out = out,
		       .avail_out = (uInt)*bytes };
	int status = deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
	                          Z_DEFAULT_STRATEGY);

	if (status != Z_OK)
		return -ENOMEM;
	status = deflate(&z, Z_FINISH);
	*bytes = z.total_out;
	deflateEnd(&z);
	return status == Z_STREAM_END ? 0 : -ENODATA;
}

static int brotli_encode(struct hz_span plain, uint8_t *out, size_t *bytes)
{
	/* Failure means no room: what else could fail, memory, the library aborts on or reports alike. */
	return BrotliEncoderCompress(BROTLI_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE,
	                             plain.len, plain.data, bytes, out) == BROTLI_TRUE
	               ? 0
	               : -ENODATA;
}

static int zstd_encode(struct hz_span plain, uint8_t *out, size_t *bytes)
{
	size_t got = ZSTD_compress(out, *bytes, plain.data, plain.len, ZSTD_LEVEL);

	if (ZSTD_isError(got))
		return -ENODATA;
	*bytes = got;
	return 0;
}

int hz_files_encode(enum hz_coding coding, struct hz_span plain, uint8_t **out, size_t *out_bytes)
{
	static int (*const encode[HZ_CODING_COUNT])(struct hz_span, uint8_t *, size_t *) = {
		[HZ_CODING_GZIP] = gzip_encode,
		[HZ_CODING_BR] = brotli_encode,
		[HZ_CODING_ZSTD] = zstd_encode,
	};
	size_t bytes = plain.len - plain.len / 10; /* what is longer is not worth it */
	uint8_t *room, *cut;
	int err;

	if (plain.len < PLAIN_BYTES_MIN || plain.len > PLAIN_BYTES_MAX)
		return -ENODATA;
	room = malloc(bytes);
	if (room == NULL)
		return -ENOMEM;
	err = encode[coding](plain, room, &bytes);
	if (err != 0) {
		free(room);
		return err;
	}
	cut = realloc(room, bytes);
	*out = cut != NULL ? cut : room;
	*out_bytes = bytes;
	return 0;
}
