#include "hz_test.h"

#include "tcp/tcp_opts.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9293 3.2 and friends, as a table: 0 says any length from 2 on. */
static int want_length(uint8_t kind)
{
	switch (kind) {
	case 2:
		return 4;
	case 3:
		return 3;
	case 4:
		return 2;
	case 8:
		return 10;
	default:
		return 0;
	}
}

static bool is_good(uint8_t kind, uint8_t length, size_t room)
{
	if (kind == 0)
		return true;
	if (length < 2 || length > room)
		return false;
	if (kind == 5)
		return length >= 10 && length % 8 == 2;
	return want_length(kind) == 0 || want_length(kind) == length;
}

/* Every kind with every length, alone in 40 bytes of END behind it. */
static void opts_with_every_kind_and_length_match_table(void)
{
	uint8_t *data = malloc(40); /* exact, so that a read beyond shows under ASan */

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	for (unsigned pair = 0; pair < 65536; pair++) {
		uint8_t kind = (uint8_t)(pair >> 8), length = (uint8_t)pair;
		struct hz_tcp_opts opts;
		int want;

		if (kind == 1) /* NOP: the length byte is the next kind; covered as such */
			continue;
		memset(data, 0, 40);
		data[0] = kind;
		data[1] = length;
		want = is_good(kind, length, 40) ? 0 : -EINVAL;
		CU_ASSERT_EQUAL_FATAL(hz_tcp_opts_parse(data, 40, true, &opts), want);
		/* The last two bytes: only what fits there. */
		memset(data, 1, 40);
		data[38] = kind;
		data[39] = length;
		want = is_good(kind, length, 2) ? 0 : -EINVAL;
		CU_ASSERT_EQUAL_FATAL(hz_tcp_opts_parse(data, 40, true, &opts), want);
	}
	free(data);
}

static void opts_cut_anywhere_never_read_beyond(void)
{
	static const uint8_t syn[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
		                       0, 1, 0, 0,    0, 2, 1, 3,  3, 7 };

	for (size_t bytes = 0; bytes <= sizeof(syn); bytes++) {
		uint8_t *data = malloc(bytes + (bytes == 0));
		struct hz_tcp_opts opts;
		bool is_whole = bytes == 0 || bytes == 4 || bytes == 6 || bytes == 16 ||
		                bytes == 17 || bytes == 20;

		CU_ASSERT_PTR_NOT_NULL_FATAL(data);
		memcpy(data, syn, bytes);
		CU_ASSERT_EQUAL(hz_tcp_opts_parse(data, bytes, true, &opts),
		                is_whole ? 0 : -EINVAL);
		free(data);
	}
}

static void opts_of_linux_syn_are_read(void)
{
	static const uint8_t syn[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
		                       3, 4, 0, 0,    0, 9, 1, 3,  3, 99 };
	struct hz_tcp_opts opts;

	CU_ASSERT_EQUAL_FATAL(hz_tcp_opts_parse(syn, sizeof(syn), true, &opts), 0);
	CU_ASSERT_EQUAL(opts.mss, 1460);
	CU_ASSERT(opts.has_ts && opts.has_wscale && opts.has_sack_permitted);
	CU_ASSERT_EQUAL(opts.ts_val, 0x01020304);
	CU_ASSERT_EQUAL(opts.ts_ecr, 9);
	CU_ASSERT_EQUAL(opts.wscale, 14); /* RFC 7323 2.3: at most */
	CU_ASSERT_EQUAL_FATAL(hz_tcp_opts_parse(syn, sizeof(syn), false, &opts), 0);
	CU_ASSERT(opts.has_ts && !opts.has_wscale && !opts.has_sack_permitted && opts.mss == 0);
}

static void opts_aligned_timestamp_takes_short_way(void)
{
	static const uint8_t fast[] = { 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0 };
	static const uint8_t slow[] = { 8, 10, 0, 0, 1, 0, 0, 0, 2, 0, 1, 1 };
	struct hz_tcp_opts a, b;

	CU_ASSERT_EQUAL(hz_tcp_opts_parse(fast, sizeof(fast), false, &a), 0);
	CU_ASSERT_EQUAL(hz_tcp_opts_parse(slow, sizeof(slow), false, &b), 0);
	CU_ASSERT(a.has_ts && b.has_ts && a.ts_val == 256 && b.ts_val == 256 && a.ts_ecr == 512 &&
	          b.ts_ecr == 512);
}

static void opts_written_are_read_back(void)
{
	struct hz_tcp_sack_block block[3] = { { 1, 2 }, { 0xfffffff0, 5 }, { 7, 9 } };
	uint8_t data[40];
	struct hz_tcp_opts opts;
	size_t bytes = hz_tcp_opts_syn(data, 1440, 2, true);

	CU_ASSERT_EQUAL(bytes, 12);
	CU_ASSERT_EQUAL(hz_tcp_opts_parse(data, bytes, true, &opts), 0);
	CU_ASSERT(opts.mss == 1440 && opts.wscale == 2 && opts.has_wscale &&
	          opts.has_sack_permitted);
	bytes = hz_tcp_opts_syn(data, 536, -1, false);
	CU_ASSERT_EQUAL(bytes, 4);
	CU_ASSERT_EQUAL(hz_tcp_opts_parse(data, bytes, true, &opts), 0);
	CU_ASSERT(opts.mss == 536 && !opts.has_wscale && !opts.has_sack_permitted);
	bytes = hz_tcp_opts_sack(data, block, 3);
	CU_ASSERT_EQUAL(bytes, 28);
	CU_ASSERT_EQUAL(memcmp(data, "\1\1\5\x1a\0\0\0\1\0\0\0\2\xff\xff\xff\xf0", 16), 0);
	CU_ASSERT_EQUAL(hz_tcp_opts_parse(data, bytes, false, &opts), 0);
}

HZ_SUITE(tcp_opts, CASE(opts_with_every_kind_and_length_match_table),
         CASE(opts_cut_anywhere_never_read_beyond), CASE(opts_of_linux_syn_are_read),
         CASE(opts_aligned_timestamp_takes_short_way), CASE(opts_written_are_read_back));
