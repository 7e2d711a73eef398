/* Lists of sources: in the site, in files of their own, and all that may be wrong with them. */
#include "config/site.h"
#include "config/source_lines.h"
#include "core/endpoint.h"

#include "hz_test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hz_span span(const char *text)
{
	return (struct hz_span){ (const uint8_t *)text, strlen(text) };
}

static int parse(const char *text, struct hz_site **site, struct hz_site_errors *errors)
{
	*site = NULL;
	return hz_site_parse(span(text), site, errors);
}

/* On which list the prefix is; HZ_SOURCE_NONE: on none. */
static int list_of(const struct hz_source_rule *rule, uint32_t count, const char *addr,
                   uint8_t bits)
{
	struct hz_addr want;

	CU_ASSERT_EQUAL_FATAL(hz_addr_parse(addr, &want), 0);
	for (uint32_t i = 0; i < count; i++)
		if (rule[i].bits == bits && memcmp(&rule[i].addr, &want, sizeof(want)) == 0)
			return rule[i].list;
	return HZ_SOURCE_NONE;
}

static int set_list_of(const struct hz_source_set *set, const char *addr, uint8_t bits)
{
	int list = HZ_SOURCE_NONE;

	for (uint32_t i = 0; i < set->count && list == HZ_SOURCE_NONE; i++)
		list = list_of(&set->entry[i].rule, 1, addr, bits);
	return list;
}

static void sources_are_read_into_one_list(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;

	CU_ASSERT_EQUAL_FATAL(parse("sources: { deny: [203.0.113.0/24, \"2001:db8:bad::/48\"],\n"
	                            "  allow: [203.0.113.7], probe: [10.0.0.0/8, 0.0.0.0/0] }\n",
	                            &site, &errors),
	                      0);
	CU_ASSERT_EQUAL(site->sources.rule_count, 5);
	CU_ASSERT_EQUAL(site->sources.line, 1);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 5, "203.0.113.0", 24), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 5, "2001:db8:bad::", 48), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 5, "203.0.113.7", 32), HZ_SOURCE_ALLOW);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 5, "10.0.0.0", 8), HZ_SOURCE_PROBE);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 5, "0.0.0.0", 0), HZ_SOURCE_PROBE);
	hz_site_free(site);
}

static void site_without_sources_has_no_section(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;

	CU_ASSERT_EQUAL_FATAL(parse("listen: []\n", &site, &errors), 0);
	CU_ASSERT_EQUAL(site->sources.line, 0);
	CU_ASSERT_EQUAL(site->sources.rule_count, 0);
	hz_site_free(site);
	CU_ASSERT_EQUAL_FATAL(parse("sources: { deny: [] }\n", &site, &errors), 0);
	CU_ASSERT_EQUAL(site->sources.line, 1);
	CU_ASSERT_EQUAL(site->sources.rule_count, 0);
	hz_site_free(site);
}

/* The first error of a text is at this place and says this. */
static void sources_fail(const char *text, uint32_t line, uint32_t column, const char *says)
{
	struct hz_site_errors errors;
	struct hz_site *site;

	CU_ASSERT_EQUAL(parse(text, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_EQUAL(errors.error[0].line, line);
	CU_ASSERT_EQUAL(errors.error[0].column, column);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, says));
}

static void sources_that_are_wrong_have_a_place(void)
{
	sources_fail("sources:\n  deny: [10.0.0.1/8]\n", 2, 10, "'10.0.0.1/8' is no prefix");
	sources_fail("sources:\n  deny: 10.0.0.0/8\n", 2, 9, "'deny' must be a list");
	sources_fail("sources:\n  denny: []\n", 2, 3, "unknown key 'denny' in 'sources'");
	sources_fail("sources: [10.0.0.0/8]\n", 1, 10, "must be a mapping");
	sources_fail("sources:\n  deny_file: ''\n", 2, 14, "'deny_file'");
	sources_fail("listen: []\nsources:\n  deny: [10.0.0.0/8]\n  allow: [10.0.0.0/8]\n", 4, 11,
	             "10.0.0.0/8 is in 'allow', and in 'deny' at line 3");
	sources_fail("sources:\n  allow: [\"::/0\"]\n  deny: [10.0.0.0/8, \"::/0\"]\n", 3, 22,
	             "::/0 is in 'deny', and in 'allow' at line 2");
	sources_fail("sources:\n  deny: [\"10.0.0.1\\0/32\"]\n", 2, 10, "is no prefix");
}

/* --- lines --------------------------------------------------------------------------------------- */

static void lines_hold_prefixes_comments_and_blanks(void)
{
	static const char text[] =
		"\xef\xbb\xbf# from the feed of today\n\n10.1.0.0/16\r\n"
		"\t 10.2.0.1   # one host\n2001:db8::/32#\n  # nothing\n10.3.0.0/16";
	struct hz_site_errors errors = { .count = 0 };
	struct hz_source_set set = { .entry = NULL };

	CU_ASSERT_EQUAL(hz_source_lines_parse(span(text), "f", 1, HZ_SOURCE_DENY, &set, &errors),
	                0);
	CU_ASSERT_EQUAL(errors.count, 0);
	CU_ASSERT_EQUAL(set.count, 4);
	CU_ASSERT_EQUAL(set_list_of(&set, "10.1.0.0", 16), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(set_list_of(&set, "10.2.0.1", 32), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(set_list_of(&set, "2001:db8::", 32), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(set_list_of(&set, "10.3.0.0", 16), HZ_SOURCE_DENY);
	hz_source_set_free(&set);
}

static void lines_that_are_wrong_have_a_place_and_a_caret(void)
{
	static const char text[] = "10.1.0.0/16\n  10.2.0.0/33 # too many\n10.3.0.0 10.4.0.0\n";
	struct hz_site_errors errors = { .count = 0 };
	struct hz_source_set set = { .entry = NULL };
	char *printed = NULL;
	size_t bytes = 0;
	FILE *to;

	CU_ASSERT_EQUAL(
		hz_source_lines_parse(span(text), "/etc/hz/deny", 1, HZ_SOURCE_DENY, &set, &errors),
		-EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 2);
	to = open_memstream(&printed, &bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	hz_site_errors_print(to, "site.yaml", span("sources: of the site\n"), &errors);
	fclose(to);
	CU_ASSERT_STRING_EQUAL(
		printed,
		"/etc/hz/deny:2:3: error: '10.2.0.0/33' is no prefix, as 10.0.0.0/8 or "
		"2001:db8::/32, with no bit set beyond it\n"
		"    2 |   10.2.0.0/33 # too many\n"
		"      |   ^~~~~~~~~~~\n"
		"/etc/hz/deny:3:1: error: '10.3.0.0 10.4.0.0' is no prefix, as 10.0.0.0/8 or "
		"2001:db8::/32, with no bit set beyond it\n"
		"    3 | 10.3.0.0 10.4.0.0\n"
		"      | ^~~~~~~~~~~~~~~~~\n");
	free(printed);
	hz_source_set_free(&set);
}

static void lines_without_end_of_errors_are_cut(void)
{
	struct hz_site_errors errors = { .count = 0 };
	struct hz_source_set set = { .entry = NULL };
	char text[4 * HZ_SITE_ERRORS_MAX + 1];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 == 0 ? 'x' : '\n';
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL(hz_source_lines_parse(span(text), "f", 1, HZ_SOURCE_DENY, &set, &errors),
	                -EINVAL);
	CU_ASSERT_EQUAL(errors.count, HZ_SITE_ERRORS_MAX);
	hz_source_set_free(&set);
}

static void set_takes_twice_the_same_once(void)
{
	struct hz_site_errors errors = { .count = 0 };
	struct hz_source_set set = { .entry = NULL };
	const struct hz_source_entry *twice;

	CU_ASSERT_EQUAL(hz_source_lines_parse(span("10.1.0.0/16\n10.0.0.0/8\n10.1.0.0/16\n"), "f",
	                                      1, HZ_SOURCE_DENY, &set, &errors),
	                0);
	CU_ASSERT_PTR_NULL(hz_source_set_settle(&set));
	CU_ASSERT_EQUAL(set.count, 2);
	CU_ASSERT_EQUAL(hz_source_lines_parse(span("10.1.0.0/16\n"), "f", 1, HZ_SOURCE_ALLOW, &set,
	                                      &errors),
	                0);
	twice = hz_source_set_settle(&set);
	CU_ASSERT_PTR_NOT_NULL_FATAL(twice);
	CU_ASSERT_EQUAL(twice->rule.bits, 16);
	CU_ASSERT_NOT_EQUAL(twice[0].rule.list, twice[1].rule.list);
	hz_source_set_free(&set);
}

/* --- files ------------------------------------------------------------------------------------------ */

struct scratch {
	char folder[64], site[96], list[96];
};

static void file_write(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	fputs(text, to);
	fclose(to);
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
}

static void scratch_open(struct scratch *s, const char *site, const char *list)
{
	snprintf(s->folder, sizeof(s->folder), "/tmp/hz-unit-list-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->folder));
	snprintf(s->site, sizeof(s->site), "%s/site.yaml", s->folder);
	snprintf(s->list, sizeof(s->list), "%s/deny", s->folder);
	file_write(s->site, site);
	if (list != NULL)
		file_write(s->list, list);
}

static void scratch_close(struct scratch *s)
{
	unlink(s->list);
	unlink(s->site);
	rmdir(s->folder);
}

static int load(const struct scratch *s, struct hz_site **site, struct hz_site_errors *errors)
{
	struct hz_span text;
	int status;

	*site = NULL;
	status = hz_site_load(s->site, site, &text, errors);
	free((void *)(uintptr_t)text.data);
	return status;
}

static void list_file_lies_beside_the_site(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;
	struct scratch s;

	scratch_open(&s, "sources: { deny_file: deny, allow: [10.1.2.3], deny: [10.9.0.0/16] }\n",
	             "10.1.0.0/16\n10.9.0.0/16\n");
	CU_ASSERT_EQUAL_FATAL(load(&s, &site, &errors), 0);
	CU_ASSERT_EQUAL(site->sources.rule_count, 3);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 3, "10.1.0.0", 16), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 3, "10.9.0.0", 16), HZ_SOURCE_DENY);
	CU_ASSERT_EQUAL(list_of(site->sources.rule, 3, "10.1.2.3", 32), HZ_SOURCE_ALLOW);
	hz_site_free(site);
	scratch_close(&s);
}

static void list_file_that_is_wrong_is_named(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;
	struct scratch s;

	scratch_open(&s, "sources: { deny_file: deny }\n", "10.1.0.0/16\n10.1\n");
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_STRING_EQUAL(errors.error[0].file, s.list);
	CU_ASSERT_EQUAL(errors.error[0].line, 2);
	scratch_close(&s);
	scratch_open(&s, "listen: []\nsources: { deny_file: deny }\n", NULL);
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_EQUAL(errors.error[0].file[0], '\0');
	CU_ASSERT_EQUAL(errors.error[0].line, 2);
	CU_ASSERT_EQUAL(errors.error[0].column, 23);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, "No such file"));
	scratch_close(&s);
}

static void list_file_others_may_write_is_refused(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;
	struct scratch s;

	scratch_open(&s, "sources: { deny_file: deny }\n", "10.1.0.0/16\n");
	CU_ASSERT_EQUAL(chmod(s.list, 0666), 0);
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, "nobody else may write it"));
	scratch_close(&s);
}

static void list_file_against_the_site_is_refused(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;
	struct scratch s;

	scratch_open(&s, "listen: []\nsources: { deny_file: deny, allow: [10.1.0.0/16] }\n",
	             "\n  10.1.0.0/16\n");
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_EQUAL(errors.error[0].line, 2);
	CU_ASSERT_EQUAL(errors.error[0].column, 3);
	CU_ASSERT_STRING_EQUAL(errors.error[0].file, s.list);
	CU_ASSERT_STRING_EQUAL(errors.error[0].text,
	                       "10.1.0.0/16 is in 'deny', and in 'allow' at line 2");
	scratch_close(&s);
	scratch_open(&s, "sources: { deny_file: deny, allow_file: deny }\n", "\n10.2.0.0/16\n");
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_EQUAL(errors.error[0].line, 2);
	CU_ASSERT_STRING_EQUAL(errors.error[0].file, s.list);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, "is in 'allow', and in 'deny' at "));
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, "/deny:2"));
	scratch_close(&s);
}

/* As many as a trie has room for, and one more. */
static void list_file_holds_as_many_as_the_kernel_takes(void)
{
	struct hz_site_errors errors;
	struct hz_site *site;
	struct scratch s;
	FILE *to;

	scratch_open(&s, "sources: { deny_file: deny }\n", "");
	to = fopen(s.list, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	for (uint32_t i = 0; i < HZ_PREFIXES_MAX; i++)
		fprintf(to, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
	fclose(to);
	CU_ASSERT_EQUAL_FATAL(load(&s, &site, &errors), 0);
	CU_ASSERT_EQUAL(site->sources.rule_count, HZ_PREFIXES_MAX);
	hz_site_free(site);
	to = fopen(s.list, "a");
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	fputs("11.0.0.0/8\n", to);
	fclose(to);
	CU_ASSERT_EQUAL(load(&s, &site, &errors), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(errors.count, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.error[0].text, "prefixes of a family"));
	scratch_close(&s);
}

HZ_SUITE(sources, CASE(sources_are_read_into_one_list), CASE(site_without_sources_has_no_section),
         CASE(sources_that_are_wrong_have_a_place), CASE(lines_hold_prefixes_comments_and_blanks),
         CASE(lines_that_are_wrong_have_a_place_and_a_caret),
         CASE(lines_without_end_of_errors_are_cut), CASE(set_takes_twice_the_same_once),
         CASE(list_file_lies_beside_the_site), CASE(list_file_that_is_wrong_is_named),
         CASE(list_file_others_may_write_is_refused), CASE(list_file_against_the_site_is_refused),
         CASE(list_file_holds_as_many_as_the_kernel_takes));
