/* Key files: who may own and read them, and that a site has all of its keys or none. */
#include "hz_test.h"
#include "server/jwt_keys.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef\n"

struct rig {
	char dir[32];
	char key[64], revoked[64];
	struct hz_mw_jwt_conf conf[2];
	struct hz_site site;
	struct hz_err err;
};

static void file_write(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static void rig_open(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/hz-jwt-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->dir));
	snprintf(rig->key, sizeof(rig->key), "%s/key", rig->dir);
	snprintf(rig->revoked, sizeof(rig->revoked), "%s/revoked", rig->dir);
	rig->conf[0] = (struct hz_mw_jwt_conf){ .key_file = rig->key, .line = 7 };
	rig->conf[1] = rig->conf[0];
	rig->conf[1].line = 9;
	rig->site.jwts = &rig->conf[0];
}

static void rig_close(struct rig *rig)
{
	hz_jwt_keys_unload(&rig->site);
	unlink(rig->key);
	unlink(rig->revoked);
	rmdir(rig->dir);
}

static int load(struct rig *rig)
{
	int status;

	rig->err = (struct hz_err){ 0 };
	hz_jwt_keys_unload(&rig->site);
	status = hz_jwt_keys_load(&rig->site, NULL, &rig->err);
	CU_ASSERT_EQUAL(status == 0, rig->conf[0].policy != NULL);
	return status;
}

static void secret_is_its_owners_alone(void)
{
	static const mode_t wrong[] = { 0640, 0604, 0620, 0602, 0610, 0644 };
	struct rig rig;

	rig_open(&rig);
	CU_ASSERT_EQUAL(load(&rig), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.why, "line 7: jwt: "));
	file_write(rig.key, SECRET, 0600);
	CU_ASSERT_EQUAL(load(&rig), 0);
	file_write(rig.key, SECRET, 0400);
	CU_ASSERT_EQUAL(load(&rig), 0);
	for (size_t i = 0; i < HZ_ARRAY_LEN(wrong); i++) {
		file_write(rig.key, SECRET, wrong[i]);
		CU_ASSERT_EQUAL(load(&rig), -EPERM);
		CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.why, "mode 0600"));
		CU_ASSERT_EQUAL(rig.err.exit_code, 2);
	}
	rig_close(&rig);
}

static void public_key_may_be_read_but_not_written_by_others(void)
{
	struct rig rig;

	rig_open(&rig);
	rig.conf[0].alg = HZ_JWT_RS256;
	file_write(rig.key, "no PEM", 0664);
	CU_ASSERT_EQUAL(load(&rig), -EPERM);
	file_write(rig.key, "no PEM", 0644);
	CU_ASSERT_EQUAL(load(&rig), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.why, "not a public key in PEM"));
	rig_close(&rig);
}

static void key_that_is_no_plain_file_is_refused(void)
{
	struct rig rig;

	rig_open(&rig);
	CU_ASSERT_EQUAL(mkfifo(rig.key, 0600), 0);
	CU_ASSERT_EQUAL(load(&rig), -EINVAL); /* and opening it did not wait */
	unlink(rig.key);
	file_write(rig.revoked, SECRET, 0600);
	CU_ASSERT_EQUAL(symlink(rig.revoked, rig.key), 0);
	CU_ASSERT_EQUAL(load(&rig), -ELOOP);
	unlink(rig.key);
	if (geteuid() == 0) {
		file_write(rig.key, SECRET, 0600);
		CU_ASSERT_EQUAL(chown(rig.key, 65534, 65534), 0);
		CU_ASSERT_EQUAL(load(&rig), -EPERM);
	}
	rig_close(&rig);
}

static void list_of_revoked_is_refused_with_its_line(void)
{
	struct rig rig;

	rig_open(&rig);
	rig.conf[0].revoked_file = rig.revoked;
	file_write(rig.key, SECRET, 0600);
	CU_ASSERT_EQUAL(load(&rig), -ENOENT);
	file_write(rig.revoked, "jti a\nnonsense\n", 0644);
	CU_ASSERT_EQUAL(load(&rig), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.why, "revoked:2: neither"));
	file_write(rig.revoked, "jti a\n", 0666);
	CU_ASSERT_EQUAL(load(&rig), -EPERM);
	file_write(rig.revoked, "jti a\n", 0644);
	CU_ASSERT_EQUAL(load(&rig), 0);
	rig_close(&rig);
}

static void site_has_all_keys_or_none_and_keeps_them(void)
{
	struct hz_jwt_policy *policy;
	struct rig rig;

	rig_open(&rig);
	rig.conf[0].next = &rig.conf[1];
	rig.conf[1].key_file = "/nonexistent/key";
	file_write(rig.key, SECRET, 0600);
	CU_ASSERT_EQUAL(load(&rig), -ENOENT);
	CU_ASSERT(rig.conf[0].policy == NULL && rig.conf[1].policy == NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(rig.err.why, "line 9: jwt: /nonexistent/key"));
	rig.conf[1].key_file = rig.key;
	CU_ASSERT_EQUAL(load(&rig), 0);
	policy = rig.conf[1].policy;
	unlink(rig.key);
	CU_ASSERT_EQUAL(hz_jwt_keys_load(&rig.site, NULL, &rig.err),
	                0); /* a rebuild of the same site */
	CU_ASSERT_PTR_EQUAL(rig.conf[1].policy, policy);
	rig_close(&rig);
}

HZ_SUITE(jwt_keys, CASE(secret_is_its_owners_alone),
         CASE(public_key_may_be_read_but_not_written_by_others),
         CASE(key_that_is_no_plain_file_is_refused), CASE(list_of_revoked_is_refused_with_its_line),
         CASE(site_has_all_keys_or_none_and_keeps_them));
