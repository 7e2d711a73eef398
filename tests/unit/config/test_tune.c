/* Every setting against its bounds and against what is no value at all. */
#include "config/tune.h"
#include "config/tune_cpus.h"

#include "hz_test.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t field(const struct hz_tune *tune, const struct hz_tune_attr *attr)
{
	uint32_t value;

	memcpy(&value, (const char *)tune + attr->offset, sizeof(value));
	return value;
}

/* Sets, and checks what must hold whatever the value: nothing changes and a sentence on failure. */
static int set(struct hz_tune *tune, const char *path, const char *value)
{
	struct hz_tune before = *tune;
	char why[160] = "";
	int err = hz_tune_set(tune, path, value, why, sizeof(why));

	CU_ASSERT_EQUAL(err != 0, why[0] != 0);
	if (err != 0)
		CU_ASSERT_EQUAL(memcmp(&before, tune, sizeof(before)), 0);
	return err;
}

static int set_number(struct hz_tune *tune, const char *path, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return set(tune, path, text);
}

static void defaults_are_those_of_the_table(void)
{
	struct hz_tune tune;

	memset(&tune, 0xff, sizeof(tune));
	hz_tune_defaults(&tune);
	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];

		CU_ASSERT_EQUAL(field(&tune, attr), attr->value);
		if (attr->kind == HZ_TUNE_PORTS) {
			CU_ASSERT(attr->value >> 16 >= attr->min &&
			          (attr->value & UINT16_MAX) <= attr->max);
		} else if (attr->kind != HZ_TUNE_CPUS && attr->kind != HZ_TUNE_DEVICES) {
			CU_ASSERT(attr->value >= attr->min && attr->value <= attr->max);
		}
	}
	CU_ASSERT_EQUAL(tune.cpu_count, 0);
	CU_ASSERT_EQUAL(tune.boot_mbufs, 16384);
}

static void number_is_held_to_its_bounds(void)
{
	unsigned seen = 0;

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];
		struct hz_tune tune;

		if (attr->kind != HZ_TUNE_U32)
			continue;
		seen++;
		hz_tune_defaults(&tune);
		CU_ASSERT_EQUAL(set_number(&tune, attr->path, attr->min), 0);
		CU_ASSERT_EQUAL(field(&tune, attr), attr->min);
		CU_ASSERT_EQUAL(set_number(&tune, attr->path, attr->max), 0);
		CU_ASSERT_EQUAL(field(&tune, attr), attr->max);
		CU_ASSERT_EQUAL(set_number(&tune, attr->path, (uint64_t)attr->max + 1), -ERANGE);
		if (attr->min > 0)
			CU_ASSERT_EQUAL(set_number(&tune, attr->path, attr->min - 1u), -ERANGE);
		/* Values that wrap to something in bounds when 32 or 64 bits are too few. */
		CU_ASSERT_EQUAL(set_number(&tune, attr->path, (1ull << 32) + attr->min), -ERANGE);
		CU_ASSERT_EQUAL(set(&tune, attr->path, "18446744073709551680"), -ERANGE);
	}
	CU_ASSERT(seen >= 10);
}

static const char *const junk[] = {
	"",   "-1",  "+1",  "0x10", "1e3", "1.0",   "01", "1 2",  " 1", "1\n\n",
	"1,", "one", "1\t", "١",    "NaN", "maybe", ",",  "1--3", "9x", "auto,",
};

static void junk_is_einval_everywhere(void)
{
	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		for (size_t k = 0; k < HZ_ARRAY_LEN(junk); k++) {
			struct hz_tune tune;

			if (hz_tune_attrs[i].kind == HZ_TUNE_CPUS && junk[k][0] == 0)
				continue; /* an empty list is one */
			hz_tune_defaults(&tune);
			CU_ASSERT_EQUAL(set(&tune, hz_tune_attrs[i].path, junk[k]), -EINVAL);
		}
	}
}

static void one_newline_or_space_is_dropped(void)
{
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	CU_ASSERT_EQUAL(set(&tune, "workers/burst", "64\n"), 0);
	CU_ASSERT_EQUAL(tune.worker_burst, 64);
	CU_ASSERT_EQUAL(set(&tune, "workers/burst", "65 "), 0);
	CU_ASSERT_EQUAL(tune.worker_burst, 65);
	CU_ASSERT_EQUAL(set(&tune, "workers/burst", "66 \n"), -EINVAL);
	CU_ASSERT_EQUAL(set(&tune, "boot/io", "ring\n"), 0);
	CU_ASSERT_EQUAL(set(&tune, "boot/cpus", "\n"), 0);
}

static void ring_slots_must_be_a_power_of_two(void)
{
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	CU_ASSERT_EQUAL(set(&tune, "boot/ring_slots", "1024"), 0);
	CU_ASSERT_EQUAL(set(&tune, "boot/ring_slots", "1000"), -EINVAL);
	CU_ASSERT_EQUAL(set(&tune, "boot/ring_slots", "1023"), -EINVAL);
	CU_ASSERT_EQUAL(set(&tune, "boot/mbufs", "5000"), 0);
	CU_ASSERT_EQUAL(tune.boot_ring_slots, 1024);
}

static void bool_takes_six_words(void)
{
	static const char *const yes[] = { "1", "y", "on" }, *const no[] = { "0", "n", "off" };
	static const char *const bad[] = { "yes", "true", "ON", "o", "2", "10", "1 y" };
	unsigned seen = 0;

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];
		struct hz_tune tune;

		if (attr->kind != HZ_TUNE_BOOL)
			continue;
		seen++;
		hz_tune_defaults(&tune);
		for (size_t k = 0; k < 3; k++) {
			CU_ASSERT_EQUAL(set(&tune, attr->path, yes[k]), 0);
			CU_ASSERT_EQUAL(field(&tune, attr), 1);
			CU_ASSERT_EQUAL(set(&tune, attr->path, no[k]), 0);
			CU_ASSERT_EQUAL(field(&tune, attr), 0);
		}
		for (size_t k = 0; k < HZ_ARRAY_LEN(bad); k++)
			CU_ASSERT_EQUAL(set(&tune, attr->path, bad[k]), -EINVAL);
	}
	CU_ASSERT(seen >= 2);
}

static void enum_takes_each_of_its_words(void)
{
	unsigned seen = 0;

	for (size_t i = 0; i < hz_tune_attr_count; i++) {
		const struct hz_tune_attr *attr = &hz_tune_attrs[i];
		char words[128], *rest = words, *word;
		struct hz_tune tune;
		uint32_t index = 0;

		if (attr->kind != HZ_TUNE_ENUM)
			continue;
		hz_tune_defaults(&tune);
		snprintf(words, sizeof(words), "%s", attr->words);
		while ((word = strsep(&rest, " ")) != NULL) {
			CU_ASSERT_EQUAL(set(&tune, attr->path, word), 0);
			CU_ASSERT_EQUAL(field(&tune, attr), index++);
			seen++;
		}
		CU_ASSERT_EQUAL(index, attr->max + 1);
		CU_ASSERT_EQUAL(set(&tune, attr->path, "0"), -EINVAL);
		CU_ASSERT_EQUAL(set(&tune, attr->path, attr->words), -EINVAL);
	}
	CU_ASSERT(seen >= 9);
}

static void unknown_path_is_enoent_with_the_nearest(void)
{
	struct hz_tune tune;
	char why[160];

	hz_tune_defaults(&tune);
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "worker/burst", "1", why, sizeof(why)), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why,
	                       "there is no setting 'worker/burst', did you mean 'workers/burst'?");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "xyzzy", "1", why, sizeof(why)), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why, "there is no setting 'xyzzy'");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "", "1", why, sizeof(why)), -ENOENT);
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "workers/burst", "999", why, sizeof(why)), -ERANGE);
	CU_ASSERT_STRING_EQUAL(why, "workers/burst must be 1 to 256 packets");
	CU_ASSERT_EQUAL(hz_tune_set(&tune, "boot/io", "tap", why, sizeof(why)), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "boot/io must be one of: af_xdp ring socket memif eal");
}

static void ports_of_table_are_as_listed(void)
{
	static const struct {
		const char *text;
		int err;
		uint32_t value;
	} rows[] = {
		{ "32768-60999", 0, 32768u << 16 | 60999 },
		{ "1024-65535\n", 0, 1024u << 16 | 65535 },
		{ "5000-5000", 0, 5000u << 16 | 5000 },
		{ "1023-2000", -ERANGE, 0 },
		{ "60000-65536", -ERANGE, 0 },
		{ "60000-4294967296", -ERANGE, 0 },
		{ "4294972296-4294972297", -ERANGE, 0 }, /* 5000 and one, had it 32 bits */
		{ "5001-5000", -EINVAL, 0 },
		{ "5000", -EINVAL, 0 },
		{ "5000-", -EINVAL, 0 },
		{ "-5000", -EINVAL, 0 },
		{ "0-5000", -EINVAL, 0 },
		{ "5000 6000", -EINVAL, 0 },
		{ "5000-6000-7000", -EINVAL, 0 },
		{ "05000-6000", -EINVAL, 0 },
	};

	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_tune tune;

		hz_tune_defaults(&tune);
		CU_ASSERT_EQUAL(set(&tune, "tcp/local_ports", rows[i].text), rows[i].err);
		CU_ASSERT_EQUAL(tune.tcp_local_ports,
		                rows[i].err == 0 ? rows[i].value : 0xc000ffff);
	}
}

/* What tcp/keepalive_* allow together is what the stack takes: a day at most. */
static void keepalive_bounds_keep_all_probes_within_a_day(void)
{
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	CU_ASSERT_FALSE(tune.tcp_keepalive); /* RFC 9293 3.8.4, MUST-25 */
	CU_ASSERT_EQUAL(set(&tune, "tcp/keepalive_interval_s", "3600"), 0);
	CU_ASSERT_EQUAL(set(&tune, "tcp/keepalive_count", "24"), 0);
	CU_ASSERT(tune.tcp_keepalive_interval_s * tune.tcp_keepalive_count <= 86400);
	CU_ASSERT_EQUAL(set(&tune, "tcp/keepalive_count", "1"), -ERANGE);
}

static const struct {
	const char *text;
	int err;
	uint32_t count;
	int first, last;
} lists[] = {
	{ "", 0, 0, 0, 0 },           { "0", 0, 1, 0, 0 },
	{ "1-3,6", 0, 4, 1, 6 },      { "6,1-3", 0, 4, 6, 3 },
	{ "5-5", 0, 1, 5, 5 },        { "0-63", 0, 64, 0, 63 },
	{ "0-64", -ERANGE, 0, 0, 0 }, { "1023", 0, 1, 1023, 1023 },
	{ "1024", -ERANGE, 0, 0, 0 }, { "99999999999999999999", -ERANGE, 0, 0, 0 },
	{ "3-1", -EINVAL, 0, 0, 0 },  { "1,", -EINVAL, 0, 0, 0 },
	{ ",1", -EINVAL, 0, 0, 0 },   { "1-", -EINVAL, 0, 0, 0 },
	{ "-1", -EINVAL, 0, 0, 0 },   { "1-2-3", -EINVAL, 0, 0, 0 },
	{ "1 2", -EINVAL, 0, 0, 0 },  { "01", -EINVAL, 0, 0, 0 },
	{ "1,1", -EEXIST, 0, 0, 0 },  { "1-4,3", -EEXIST, 0, 0, 0 },
};

static void cpu_list_of_table_is_as_listed(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(lists); i++) {
		int16_t cpu[64];
		uint32_t count = 77;
		struct hz_span text = { (const uint8_t *)lists[i].text, strlen(lists[i].text) };

		CU_ASSERT_EQUAL(hz_tune_cpus_parse(text, cpu, &count), lists[i].err);
		CU_ASSERT_EQUAL(count, lists[i].err == 0 ? lists[i].count : 77);
		if (lists[i].err == 0 && count > 0 && count <= 64) {
			CU_ASSERT_EQUAL(cpu[0], lists[i].first);
			CU_ASSERT_EQUAL(cpu[count - 1], lists[i].last);
		}
	}
}

static void cpu_list_replaces_the_one_before(void)
{
	struct hz_tune tune;

	hz_tune_defaults(&tune);
	CU_ASSERT_EQUAL(set(&tune, "boot/cpus", "1-3,6"), 0);
	CU_ASSERT_EQUAL(tune.cpu_count, 4);
	CU_ASSERT_EQUAL(tune.boot_cpus, 4);
	CU_ASSERT_EQUAL(set(&tune, "boot/cpus", "2,2"), -EINVAL);
	CU_ASSERT_EQUAL(set(&tune, "boot/cpus", "5000"), -ERANGE);
	CU_ASSERT_EQUAL(tune.cpu[3], 6);
	CU_ASSERT_EQUAL(set(&tune, "boot/cpus", ""), 0);
	CU_ASSERT_EQUAL(tune.cpu_count, 0);
}

HZ_SUITE(tune, CASE(defaults_are_those_of_the_table), CASE(number_is_held_to_its_bounds),
         CASE(junk_is_einval_everywhere), CASE(one_newline_or_space_is_dropped),
         CASE(ring_slots_must_be_a_power_of_two), CASE(bool_takes_six_words),
         CASE(enum_takes_each_of_its_words), CASE(unknown_path_is_enoent_with_the_nearest),
         CASE(ports_of_table_are_as_listed), CASE(keepalive_bounds_keep_all_probes_within_a_day),
         CASE(cpu_list_of_table_is_as_listed), CASE(cpu_list_replaces_the_one_before));
