/* A rig with one connection, as most tests of the request machine want it. */
#ifndef HTTP_BENCH_H
#define HTTP_BENCH_H

#include "http_rig.h"
#include <stdio.h>
#include <string.h>

#define H   "Host: a.example\r\n"
#define END "\r\n"

/* A case about what a build with HZ_TELEMETRY=0 leaves out. */
static inline void bench_unmeasured(void)
{
	HZ_SKIP("built with HZ_TELEMETRY=0");
}
#define MEASURED(fn)                                                                               \
	{                                                                                          \
#fn, HZ_TELEMETRY ? fn : bench_unmeasured                                          \
	}

struct bench {
	struct http_rig *rig;
	struct fake_stream fs;
};

static inline void bench_open(struct bench *b, size_t window)
{
	b->rig = http_rig_open(4);
	http_rig_connect(b->rig, &b->fs, window);
}

/* Ends the connection and proves that nothing of it is left. */
static inline void bench_close(struct bench *b)
{
	fake_stream_close(&b->fs, HZ_CLOSE_DONE);
	CU_ASSERT_PTR_NULL(b->fs.broken);
	if (b->fs.broken != NULL)
		printf("# rule of the seam: %s\n", b->fs.broken);
	CU_ASSERT(http_rig_is_clean(b->rig));
	fake_stream_free(&b->fs);
	http_rig_free(b->rig);
}

static inline void feed(struct bench *b, const char *text)
{
	fake_stream_feed(&b->fs, text, strlen(text));
}

#endif
