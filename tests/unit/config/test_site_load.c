/* Files: who may own and write them, and the sites that are shipped. */
#include "config/site.h"

#include "hz_test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char folder[64];
	char file[96];
	char other[96];
};

static void scratch_open(struct scratch *s, const char *text)
{
	FILE *to;

	snprintf(s->folder, sizeof(s->folder), "/tmp/hz-unit-site-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->folder));
	snprintf(s->file, sizeof(s->file), "%s/site.yaml", s->folder);
	snprintf(s->other, sizeof(s->other), "%s/other", s->folder);
	to = fopen(s->file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	fputs(text, to);
	fclose(to);
	CU_ASSERT_EQUAL(chmod(s->file, 0644), 0);
}

static void scratch_close(struct scratch *s)
{
	unlink(s->other);
	unlink(s->file);
	rmdir(s->folder);
}

static int load(const char *path, uint32_t *error_count)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	struct hz_span text;
	int err = hz_site_load(path, &site, &text, &errors);

	CU_ASSERT_EQUAL(err == 0, site != NULL);
	*error_count = errors.count;
	hz_site_free(site);
	free((void *)(uintptr_t)text.data);
	return err;
}

static void file_others_may_write_is_refused(void)
{
	struct scratch s;
	uint32_t errors;

	scratch_open(&s, "listen: []\n");
	CU_ASSERT_EQUAL(load(s.file, &errors), 0);
	CU_ASSERT_EQUAL(chmod(s.file, 0600), 0);
	CU_ASSERT_EQUAL(load(s.file, &errors), 0);
	CU_ASSERT_EQUAL(chmod(s.file, 0664), 0);
	CU_ASSERT_EQUAL(load(s.file, &errors), -EPERM);
	CU_ASSERT_EQUAL(chmod(s.file, 0646), 0);
	CU_ASSERT_EQUAL(load(s.file, &errors), -EPERM);
	scratch_close(&s);
}

static void file_of_another_user_is_refused(void)
{
	struct scratch s;
	uint32_t errors;

	if (geteuid() != 0)
		HZ_SKIP("needs root");
	scratch_open(&s, "listen: []\n");
	CU_ASSERT_EQUAL(chown(s.file, 65534, 65534), 0);
	CU_ASSERT_EQUAL(load(s.file, &errors), -EPERM);
	scratch_close(&s);
}

static void what_is_no_regular_file_is_refused(void)
{
	struct scratch s;
	uint32_t errors;

	scratch_open(&s, "listen: []\n");
	CU_ASSERT_EQUAL(load(s.other, &errors), -ENOENT);
	CU_ASSERT_EQUAL(symlink(s.file, s.other), 0);
	CU_ASSERT_EQUAL(load(s.other, &errors), -ELOOP);
	unlink(s.other);
	CU_ASSERT_EQUAL(mkfifo(s.other, 0600), 0);
	CU_ASSERT_EQUAL(load(s.other, &errors), -EINVAL);
	CU_ASSERT_EQUAL(errors, 0);
	CU_ASSERT_EQUAL(load(s.folder, &errors), -EISDIR);
	CU_ASSERT_EQUAL(load("/dev/null", &errors), -EINVAL);
	CU_ASSERT_EQUAL(errors, 0);
	scratch_close(&s);
}

static void file_beyond_the_limit_is_refused(void)
{
	struct scratch s;
	uint32_t errors;

	scratch_open(&s, "listen: []\n");
	CU_ASSERT_EQUAL(truncate(s.file, HZ_LIMIT_site_bytes_max + 1), 0);
	CU_ASSERT_EQUAL(load(s.file, &errors), -EFBIG);
	scratch_close(&s);
}

static void bad_content_leaves_errors_and_text(void)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	struct hz_span text;
	struct scratch s;

	scratch_open(&s, "listen: 5\n");
	CU_ASSERT_EQUAL(hz_site_load(s.file, &site, &text, &errors), -EINVAL);
	CU_ASSERT_EQUAL(errors.count, 1);
	CU_ASSERT_EQUAL(text.len, 10);
	CU_ASSERT_EQUAL(memcmp(text.data, "listen: 5\n", 10), 0);
	free((void *)(uintptr_t)text.data);
	scratch_close(&s);
}

/* The checkout may belong to somebody else: the text is copied first. */
static void shipped_site_is_good(const char *name, uint32_t routes)
{
	struct hz_site_errors errors;
	struct hz_site *site = NULL;
	char path[128], text[8192];
	size_t bytes;
	FILE *from;

	snprintf(path, sizeof(path), "configs/site/%s.yaml", name);
	from = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	bytes = fread(text, 1, sizeof(text), from);
	fclose(from);
	CU_ASSERT_EQUAL_FATAL(
		hz_site_parse((struct hz_span){ (uint8_t *)text, bytes }, &site, &errors), 0);
	CU_ASSERT_EQUAL(site->listen_count, 1);
	CU_ASSERT_EQUAL(site->health_count, 1);
	CU_ASSERT_EQUAL(site->health[0].port, 8081);
	CU_ASSERT_EQUAL(site->route_count, routes);
	if (strcmp(name, "bench") == 0) {
		CU_ASSERT_EQUAL(site->limits.connections_per_source, 0);
		CU_ASSERT_EQUAL(site->limits.requests_per_connection, 0);
		CU_ASSERT_EQUAL(site->route[0].body.len, 13);
		CU_ASSERT_EQUAL(site->route[3].body_bytes_max, 1048576);
		CU_ASSERT_EQUAL(site->route[4].count_max, 10485760);
	}
	hz_site_free(site);
}

static void shipped_sites_are_good(void)
{
	shipped_site_is_good("minimal", 1);
	shipped_site_is_good("bench", 6);
	shipped_site_is_good("app", 8);
}

HZ_SUITE(site_load, CASE(file_others_may_write_is_refused), CASE(file_of_another_user_is_refused),
         CASE(what_is_no_regular_file_is_refused), CASE(file_beyond_the_limit_is_refused),
         CASE(bad_content_leaves_errors_and_text), CASE(shipped_sites_are_good));
