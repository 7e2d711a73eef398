/* What a start would refuse is found by a check, all of it, each at its place. */
#include "hz_test.h"
#include "server_rig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check {
	struct server_rig *rig;
	struct hz_site_errors *errors, *warnings;
	struct hz_site *site;
	struct hz_err err;
	struct hz_span text;
};

static int check_run(struct check *c, const char *text, uint32_t workers)
{
	struct hz_tune tune;
	int status;

	*c = (struct check){ .rig = server_rig_open(RIG_SITE),
		             .errors = calloc(1, sizeof(*c->errors)),
		             .warnings = calloc(1, sizeof(*c->errors)) };
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->rig);
	CU_ASSERT_FATAL(c->errors != NULL && c->warnings != NULL);
	hz_tune_defaults(&tune);
	tune.boot_workers = workers;
	CU_ASSERT_EQUAL_FATAL(server_rig_site_write(c->rig, text), 0);
	CU_ASSERT_EQUAL_FATAL(hz_site_load(c->rig->site_path, &c->site, &c->text, c->errors), 0);
	status = hz_server_site_check(c->site, &tune, c->errors, c->warnings, &c->err);
	for (const struct hz_mw_jwt_conf *jwt = c->site->jwts; jwt != NULL; jwt = jwt->next)
		CU_ASSERT_PTR_NULL(jwt->policy);
	CU_ASSERT_EQUAL(c->site->refs, 1);
	return status;
}

static void check_end(struct check *c)
{
	hz_site_free(c->site);
	free((void *)(uintptr_t)c->text.data);
	free(c->errors);
	free(c->warnings);
	server_rig_close(c->rig);
}

static bool error_is(const struct check *c, unsigned index, uint32_t line, uint32_t column,
                     const char *text, const char *hint)
{
	const struct hz_site_error *error = &c->errors->error[index];

	if (c->errors->count <= index || error->line != line || error->column != column ||
	    strstr(error->text, text) == NULL || strstr(error->hint, hint) == NULL) {
		fprintf(stderr, "%u:%u: %s (%s)\n", error->line, error->column, error->text,
		        error->hint);
		return false;
	}
	return true;
}

static void all_that_a_start_would_refuse_is_named_at_its_place(void)
{
	struct check c;
	int status = check_run(&c,
	                       "defaults:\n"
	                       "  log: { to: /nonexistent/access.log }\n"
	                       "routes:\n"
	                       "  - { name: f, match: GET /f/*path, files: ./none }\n"
	                       "  - name: g\n"
	                       "    match: GET /g/*path\n"
	                       "    files: { root: /nonexistent/either }\n"
	                       "  - { name: m, match: GET /m, module: { file: /nonexistent.so } }\n"
	                       "  - name: j\n"
	                       "    match: GET /j\n"
	                       "    jwt: { alg: HS256, key_file: /nonexistent/key,\n"
	                       "           revoked_file: /nonexistent/revoked }\n"
	                       "    respond: { body: x }\n",
	                       0);

	CU_ASSERT_EQUAL(status, -EINVAL);
	CU_ASSERT_EQUAL(c.errors->count, 6);
	CU_ASSERT(error_is(&c, 0, 2, 14, "log: /nonexistent/access.log: No such file",
	                   "install -d -m 0750 /nonexistent"));
	CU_ASSERT(error_is(&c, 1, 4, 44, "route 'f': files of './none': No such file", ""));
	CU_ASSERT(error_is(&c, 2, 7, 20, "route 'g': files of '/nonexistent/either': No such", ""));
	CU_ASSERT(error_is(&c, 3, 8, 47, "module /nonexistent.so: No such file", "ls -l"));
	CU_ASSERT(error_is(&c, 4, 11, 34, "jwt: /nonexistent/key: No such file", "ls -l"));
	CU_ASSERT(error_is(&c, 5, 12, 26, "jwt: /nonexistent/revoked: No such file", "ls -l"));
	CU_ASSERT_EQUAL(c.errors->error[5].width, strlen("/nonexistent/revoked"));
	check_end(&c);
}

static void site_that_could_start_leaves_nothing(void)
{
	char text[512], log[80];
	struct check c;
	struct server_rig *rig = server_rig_open(RIG_SITE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
	snprintf(log, sizeof(log), "%s/access.log", rig->dir);
	snprintf(text, sizeof(text),
	         "routes:\n  - { name: f, match: GET /f/*path, files: %s, log: { to: %s } }\n",
	         rig->dir, log);
	CU_ASSERT_EQUAL(check_run(&c, text, 0), 0);
	CU_ASSERT_EQUAL(c.errors->count, 0);
	CU_ASSERT_EQUAL(access(log, F_OK), -1);
	check_end(&c);
	server_rig_close(rig);
}

/* 131072 connections; an eighth of a worker's may wait. */
static void limit_beyond_what_can_wait_is_a_warning(void)
{
	static const char text[] =
		"topics: { t: {} }\n"
		"routes:\n"
		"  - { name: few, match: GET /f, events: { topic: t, limit: 16384 } }\n"
		"  - { name: many, match: GET /m, lines: { topic: t, limit: 16385 } }\n";
	struct check c;

	CU_ASSERT_EQUAL(check_run(&c, text, 2), 0);
	CU_ASSERT_EQUAL(c.errors->count, 0);
	CU_ASSERT_EQUAL(c.warnings->count, 1);
	CU_ASSERT(c.warnings->error[0].is_warning);
	CU_ASSERT_EQUAL(c.warnings->error[0].line, 4);
	CU_ASSERT_EQUAL(c.warnings->error[0].column, 60);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.warnings->error[0].text,
	                              "limit 16385 is never reached: on 2 workers 16384 requests"));
	check_end(&c);
	CU_ASSERT_EQUAL(check_run(&c, text, 0), 0); /* there may be more of them */
	CU_ASSERT_EQUAL(c.warnings->count, 0);
	check_end(&c);
}

HZ_SUITE(site_check, CASE(limit_beyond_what_can_wait_is_a_warning),
         CASE(all_that_a_start_would_refuse_is_named_at_its_place),
         CASE(site_that_could_start_leaves_nothing));
