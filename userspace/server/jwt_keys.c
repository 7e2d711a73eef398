#include "server/jwt_keys.h"
#include "middleware/jwt_policy.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES_MAX     65536u
#define REVOKED_BYTES_MAX 33554432u /* of jwt_revoked_max lines */

/* Of one file that is read. */
struct source {
	const char *path;
	size_t bytes_max;
	mode_t forbidden; /* bits of the mode that the file must not have */
	uint32_t line;    /* in the site */
};

static int file_check(int fd, const struct source *source, size_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & source->forbidden) != 0)
		return -EPERM;
	if (st.st_size < 0 || (size_t)st.st_size > source->bytes_max)
		return -EFBIG;
	*bytes = (size_t)st.st_size;
	return 0;
}

static int content_read(int fd, uint8_t *text, size_t room, size_t *used)
{
	*used = 0;
	while (*used < room) {
		ssize_t n = read(fd, text + *used, room - *used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*used += (size_t)n;
	}
	return 0;
}

/* *out is the caller's, to be wiped and freed. */
static int file_read(const struct source *source, struct hz_span *out)
{
	int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	uint8_t *text = NULL;
	size_t room = 0, used = 0;
	int status;

	if (fd == -1)
		return -errno;
	status = file_check(fd, source, &room);
	if (status == 0) {
		text = malloc(room + 1);
		status = text == NULL ? -ENOMEM : content_read(fd, text, room, &used);
	}
	close(fd);
	if (status != 0) {
		free(text);
		return status;
	}
	*out = (struct hz_span){ text, used };
	return 0;
}

static void content_free(struct hz_span content)
{
	if (content.data != NULL)
		explicit_bzero((void *)(uintptr_t)content.data, content.len);
	free((void *)(uintptr_t)content.data);
}

static int file_explain(const struct source *source, int status, struct hz_err *err)
{
	const char *why = strerror(-status);
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "ls -l %.200s", source->path);
	if (status == -EPERM) {
		why = (source->forbidden & S_IROTH) != 0
		              ? "a secret must be of root or this user, with mode 0600"
		              : "it must be of root or this user, and writable by nobody else";
		snprintf(hint, sizeof(hint), "chmod %s %.200s",
		         (source->forbidden & S_IROTH) != 0 ? "0600" : "go-w", source->path);
	}
	if (status == -ELOOP)
		why = "a symbolic link, which could lead elsewhere at the next reload";
	if (status == -EINVAL)
		why = "not a regular file";
	if (status == -EFBIG)
		why = "too large";
	return hz_err_set(err, status, 2, "jwt_key", hint, "line %u: jwt: %s: %s", source->line,
	                  source->path, why);
}

/* *out as of file_read, with err filled. */
static int source_read(const struct source *source, struct hz_span *out, struct hz_err *err)
{
	int status = file_read(source, out);

	return status == 0 ? 0 : file_explain(source, status, err);
}

static int policy_build(struct hz_mw_jwt_conf *jwt, struct hz_span key, struct hz_span revoked,
                        struct hz_site_errors *all, struct hz_err *err)
{
	const struct hz_jwt_policy_conf conf = {
		.alg = jwt->alg,
		.key = key,
		.issuer = jwt->issuer,
		.audience = jwt->audience,
		.leeway_s = jwt->leeway_s,
		.revoked = revoked,
	};
	const char *why;
	uint32_t line;
	int status = hz_jwt_policy_build(&conf, &jwt->policy, &why, &line);

	if (status != 0 && line > 0)
		hz_err_set(err, status, 2, "jwt_key", "", "line %u: jwt: %s:%u: %s", jwt->line,
		           jwt->revoked_file, line, why);
	else if (status != 0)
		hz_err_set(err, status, 2, "jwt_key", "", "line %u: jwt: %s: %s", jwt->line,
		           jwt->key_file, why);
	return hz_site_problem(all, line > 0 ? &jwt->revoked_at : &jwt->key_at, status, err);
}

static int jwt_load(struct hz_mw_jwt_conf *jwt, struct hz_site_errors *all, struct hz_err *err)
{
	const struct source key_source = {
		.path = jwt->key_file,
		.bytes_max = KEY_BYTES_MAX,
		.forbidden = jwt->alg == HZ_JWT_HS256 ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH,
		.line = jwt->line,
	};
	const struct source revoked_source = {
		.path = jwt->revoked_file,
		.bytes_max = REVOKED_BYTES_MAX,
		.forbidden = S_IWGRP | S_IWOTH,
		.line = jwt->line,
	};
	struct hz_span key = { NULL, 0 }, revoked = { NULL, 0 };
	int key_status = source_read(&key_source, &key, err), revoked_status = 0;
	int status = hz_site_problem(all, &jwt->key_at, key_status, err);

	if (status == 0 && jwt->revoked_file != NULL) {
		revoked_status = source_read(&revoked_source, &revoked, err);
		status = hz_site_problem(all, &jwt->revoked_at, revoked_status, err);
	}
	if (status == 0 && key_status == 0 && revoked_status == 0)
		status = policy_build(jwt, key, revoked, all, err);
	content_free(key);
	content_free(revoked);
	return status;
}

int hz_jwt_keys_load(struct hz_site *site, struct hz_site_errors *all, struct hz_err *err)
{
	int status = 0;

	for (struct hz_mw_jwt_conf *jwt = site->jwts; status == 0 && jwt != NULL; jwt = jwt->next) {
		if (jwt->policy == NULL)
			status = jwt_load(jwt, all, err);
	}
	if (status != 0)
		hz_jwt_keys_unload(site);
	return status;
}

void hz_jwt_keys_unload(struct hz_site *site)
{
	for (struct hz_mw_jwt_conf *jwt = site->jwts; jwt != NULL; jwt = jwt->next) {
		hz_jwt_policy_put(jwt->policy);
		jwt->policy = NULL;
	}
}
