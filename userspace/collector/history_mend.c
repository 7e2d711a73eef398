#include "collector/history_mend.h"
#include "core/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first bytes of a database file, https://www.sqlite.org/fileformat.html 1.3. */
#define HEAD_BYTES     100
#define APPLICATION_AT 68

bool hz_history_mend_is_ours(const char *path)
{
	static const char magic[16] = "SQLite format 3", zero[HEAD_BYTES], ours[] = "hzco";
	char head[HEAD_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t bytes;

	if (fd == -1)
		return false;
	bytes = read(fd, head, sizeof(head));
	close(fd);
	if (bytes != (ssize_t)sizeof(head))
		return false;
	return memcmp(head, zero, sizeof(head)) == 0 ||
	       (memcmp(head, magic, sizeof(magic)) == 0 &&
	        memcmp(head + APPLICATION_AT, ours, 4) == 0);
}

int hz_history_mend_move(const char *path, int64_t now_s)
{
	static const char *const ends[] = { "-wal", "-shm", "" }; /* the last one is the file */
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < HZ_ARRAY_LEN(ends); i++) {
		int bytes =
			snprintf(to, sizeof(to), "%s.bad-%lld%s", path, (long long)now_s, ends[i]);

		if (bytes < 0 || (size_t)bytes >= sizeof(to))
			return -ENAMETOOLONG;
		snprintf(from, sizeof(from), "%s%s", path, ends[i]);
		if (rename(from, to) != 0 && (errno != ENOENT || ends[i][0] == '\0'))
			return -errno;
	}
	hz_log(HZ_LOG_WARN, "history: it is %s now, and a new one begins", to);
	return 0;
}
