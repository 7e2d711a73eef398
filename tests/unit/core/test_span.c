#include "core/base.h"
#include "core/list.h"
#include "core/span_ops.h"
#include <hz_test.h>

static const struct hz_span nowhere = { NULL, 0 };

static void span_equality_is_by_length_and_bytes(void)
{
	CU_ASSERT_TRUE(hz_span_equals(hz_span_text("abc"), HZ_SPAN_LITERAL("abc")));
	CU_ASSERT_FALSE(hz_span_equals(hz_span_text("abc"), HZ_SPAN_LITERAL("abd")));
	CU_ASSERT_FALSE(hz_span_equals(hz_span_text("abc"), HZ_SPAN_LITERAL("abcd")));
	CU_ASSERT_FALSE(hz_span_equals(hz_span_text("abc"), HZ_SPAN_LITERAL("Abc")));
	CU_ASSERT_TRUE(hz_span_equals(hz_span_make("a\0b", 3), HZ_SPAN_LITERAL("a\0b")));
	CU_ASSERT_TRUE(hz_span_equals(nowhere, hz_span_text("")));
}

static void span_nocase_folds_ascii_letters_only(void)
{
	CU_ASSERT_TRUE(hz_span_equals_nocase(hz_span_text("Content-LENGTH"),
	                                     HZ_SPAN_LITERAL("content-length")));
	CU_ASSERT_FALSE(hz_span_equals_nocase(hz_span_text("a"), HZ_SPAN_LITERAL("ab")));
	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c, folded = (uint8_t)(c ^ 0x20);
		bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		CU_ASSERT_EQUAL(
			hz_span_equals_nocase(hz_span_make(&byte, 1), hz_span_make(&folded, 1)),
			is_letter);
	}
}

static void span_prefix_skip_first_and_find_respect_ends(void)
{
	struct hz_span span = HZ_SPAN_LITERAL("GET /path");

	CU_ASSERT_TRUE(hz_span_starts_with(span, HZ_SPAN_LITERAL("GET ")));
	CU_ASSERT_TRUE(hz_span_starts_with(span, span));
	CU_ASSERT_TRUE(hz_span_starts_with(span, nowhere));
	CU_ASSERT_FALSE(hz_span_starts_with(span, HZ_SPAN_LITERAL("GET /path/")));
	CU_ASSERT_FALSE(hz_span_starts_with(nowhere, HZ_SPAN_LITERAL("G")));
	CU_ASSERT_TRUE(hz_span_equals(hz_span_skip(span, 4), HZ_SPAN_LITERAL("/path")));
	CU_ASSERT_EQUAL(hz_span_skip(span, 9).len, 0);
	CU_ASSERT_EQUAL(hz_span_skip(span, SIZE_MAX).len, 0);
	CU_ASSERT_TRUE(hz_span_equals(hz_span_first(span, 3), HZ_SPAN_LITERAL("GET")));
	CU_ASSERT_EQUAL(hz_span_first(span, 100).len, 9);
	CU_ASSERT_EQUAL(hz_span_find(span, ' '), 3);
	CU_ASSERT_EQUAL(hz_span_find(hz_span_first(span, 3), ' '), 3);
	CU_ASSERT_EQUAL(hz_span_find(nowhere, ' '), 0);
}

static void span_trim_takes_spaces_and_tabs_from_both_ends(void)
{
	CU_ASSERT_TRUE(
		hz_span_equals(hz_span_trim(hz_span_text(" \t a b\t ")), HZ_SPAN_LITERAL("a b")));
	CU_ASSERT_EQUAL(hz_span_trim(hz_span_text(" \t")).len, 0);
	CU_ASSERT_EQUAL(hz_span_trim(nowhere).len, 0);
	CU_ASSERT_EQUAL(hz_span_trim(hz_span_text("\r\n")).len, 2);
}

struct number_row {
	const char *text;
	int result;
	uint64_t value;
};

static void numbers_check(const struct number_row *rows, size_t count,
                          int (*parse)(struct hz_span, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 4711;

		CU_ASSERT_EQUAL(parse(hz_span_text(rows[i].text), &value), rows[i].result);
		CU_ASSERT_EQUAL(value, rows[i].result == 0 ? rows[i].value : 4711);
	}
}

static void span_u64_takes_digits_only_and_sees_overflow(void)
{
	static const struct number_row rows[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "00000000000000000000000000000018446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "100000000000000000000000000000", -ERANGE, 0 },
		{ "99999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "1_0", -EINVAL, 0 },
		{ "/", -EINVAL, 0 },
		{ ":", -EINVAL, 0 },
		{ "\xb1", -EINVAL, 0 },
	};

	numbers_check(rows, HZ_ARRAY_LEN(rows), hz_span_u64);
}

static void span_hex_takes_both_cases_and_sees_overflow(void)
{
	static const struct number_row rows[] = {
		{ "0", 0, 0 },
		{ "aF09", 0, 0xaf09 },
		{ "ffffffffffffffff", 0, UINT64_MAX },
		{ "0000ffffffffffffffff", 0, UINT64_MAX },
		{ "10000000000000000", -ERANGE, 0 },
		{ "fffffffffffffffff", -ERANGE, 0 },
		{ "fffffffffffffffffg", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "g", -EINVAL, 0 },
		{ "@", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "`", -EINVAL, 0 },
	};

	numbers_check(rows, HZ_ARRAY_LEN(rows), hz_span_hex);
}

static void span_printable_replaces_control_bytes_only(void)
{
	uint8_t text[] = "a\n\x1b[0m\x7f\xc3\xa4";

	hz_span_make_printable((struct hz_wspan){ text, sizeof(text) - 1 });
	CU_ASSERT_STRING_EQUAL((char *)text, "a??[0m?\xc3\xa4");
}

struct item {
	int value;
	struct hz_list node;
};

static int list_sum_in_order(struct hz_list *head)
{
	int sum = 0;

	HZ_LIST_FOR_EACH (node, head)
		sum = sum * 10 + HZ_LIST_ENTRY(node, struct item, node)->value;
	return sum;
}

static void list_keeps_order_through_pushes_and_removals(void)
{
	struct item item[5] = {
		{ .value = 1 }, { .value = 2 }, { .value = 3 }, { .value = 4 }, { .value = 5 }
	};
	struct hz_list head;

	hz_list_init(&head);
	CU_ASSERT_TRUE(hz_list_is_empty(&head));
	CU_ASSERT_PTR_NULL(hz_list_first(&head));
	CU_ASSERT_PTR_NULL(hz_list_pop_front(&head));
	hz_list_push_back(&head, &item[1].node);
	hz_list_push_back(&head, &item[2].node);
	hz_list_push_front(&head, &item[0].node);
	hz_list_push_back(&head, &item[3].node);
	hz_list_push_back(&head, &item[4].node);
	CU_ASSERT_EQUAL(list_sum_in_order(&head), 12345);
	hz_list_remove(&item[2].node);
	CU_ASSERT_FALSE(hz_list_is_linked(&item[2].node));
	hz_list_remove(&item[2].node); /* again: nothing */
	CU_ASSERT_EQUAL(list_sum_in_order(&head), 1245);
	CU_ASSERT_PTR_EQUAL(hz_list_pop_front(&head), &item[0].node);
	hz_list_remove(&item[4].node);
	CU_ASSERT_EQUAL(list_sum_in_order(&head), 24);
}

static void list_safe_walk_survives_removal_of_each(void)
{
	struct item item[5] = { 0 };
	struct hz_list head;
	unsigned seen = 0;

	hz_list_init(&head);
	for (size_t i = 0; i < 5; i++)
		hz_list_push_back(&head, &item[i].node);
	HZ_LIST_FOR_EACH_SAFE (node, after, &head) {
		hz_list_remove(node);
		seen++;
	}
	CU_ASSERT_EQUAL(seen, 5);
	CU_ASSERT_TRUE(hz_list_is_empty(&head));
}

HZ_SUITE(span, CASE(span_equality_is_by_length_and_bytes),
         CASE(span_nocase_folds_ascii_letters_only),
         CASE(span_prefix_skip_first_and_find_respect_ends),
         CASE(span_trim_takes_spaces_and_tabs_from_both_ends),
         CASE(span_u64_takes_digits_only_and_sees_overflow),
         CASE(span_hex_takes_both_cases_and_sees_overflow),
         CASE(span_printable_replaces_control_bytes_only),
         CASE(list_keeps_order_through_pushes_and_removals),
         CASE(list_safe_walk_survives_removal_of_each));
