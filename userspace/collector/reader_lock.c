#include "collector/reader_lock.h"
#include "collector/map_source.h"
#include "core/log.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUPS_MAX 256
#define NOBODY     "nobody who may read the ring"

static int busy(struct hz_err *err, const char *who)
{
	return hz_err_set(err, -EADDRINUSE, 1, "busy", "ss -lptn | grep hz-collector",
	                  "another hz-collector reads this stream%s", who);
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* All namespaces share a folder of bpffs, and strangers cannot open it. *out is -1 where we
 * cannot either. */
static int folder_lock(const char *instance, const struct hz_reader_lock *old, int *out,
                       struct hz_err *err)
{
	char path[HZ_MAP_SOURCE_FOLDER_BYTES];
	int fd, status;

	hz_map_source_folder(instance, path);
	fd = *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (old != NULL && old->folder >= 0 && is_same(fd, old->folder)) {
		close(fd);
		*out = fcntl(old->folder, F_DUPFD_CLOEXEC, 0); /* one lock, held by both */
		return *out >= 0 ? 0
		                 : hz_err_set(err, -errno, 1, "lock", "", "%s", strerror(errno));
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	status = errno;
	close(fd);
	*out = -1;
	return status == EWOULDBLOCK ? busy(err, "") : 0;
}

static bool is_in_group(int fd, gid_t primary, const char *name)
{
	const struct group *group = getgrnam(name);
	gid_t groups[GROUPS_MAX];
	socklen_t bytes = sizeof(groups);

	if (group == NULL)
		return false;
	if (group->gr_gid == primary)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) != 0)
		return false;
	for (size_t i = 0; i < bytes / sizeof(groups[0]); i++)
		if (groups[i] == group->gr_gid)
			return true;
	return false;
}

/* Whoever holds the name, as the kernel knew it when it began to listen; false: it does not
 * listen, or its queue is full. */
static bool holder_get(const struct sockaddr_un *name, socklen_t bytes, struct ucred *holder,
                       bool *may_read)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t holder_bytes = sizeof(*holder);
	bool is_known;

	if (fd == -1)
		return false;
	is_known = connect(fd, (const struct sockaddr *)name, bytes) == 0 &&
	           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, holder, &holder_bytes) == 0;
	if (is_known)
		*may_read = holder->uid == 0 || holder->uid == geteuid() ||
		            is_in_group(fd, holder->gid, "hz") ||
		            is_in_group(fd, holder->gid, "hz-admin");
	close(fd);
	return is_known;
}

/* Anybody can take an abstract name: one whom hzd would give no descriptors reads nothing. */
static int name_is_taken(const struct sockaddr_un *name, socklen_t bytes, bool has_folder,
                         struct hz_err *err)
{
	struct ucred holder = { 0 };
	bool may_read = true;
	char who[64] = "";

	if (holder_get(name, bytes, &holder, &may_read))
		snprintf(who, sizeof(who), ": process %d of user %u", holder.pid, holder.uid);
	else
		may_read = !has_folder;
	if (may_read)
		return busy(err, who);
	hz_log(HZ_LOG_WARN, "the name of the reader's lock is taken by " NOBODY "%s: going on",
	       who);
	return 0;
}

static int name_lock(uint32_t ring_id, bool has_folder, int *out, struct hz_err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status, len;
	socklen_t bytes;

	*out = -1;
	if (fd == -1)
		return hz_err_set(err, -errno, 1, "socket", "", "%s", strerror(errno));
	/* 0, and the ring's id: another instance of bpffs may share its name. It goes with the
	 * process. */
	len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "hz-collector-ring-%u",
	               ring_id);
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
	/* Listens so that others can see who it is; nobody is ever accepted. */
	if (bind(fd, (const struct sockaddr *)&name, bytes) == 0 && listen(fd, 16) == 0) {
		*out = fd;
		return 0;
	}
	status = -errno;
	close(fd);
	if (status == -EADDRINUSE)
		return name_is_taken(&name, bytes, has_folder, err);
	return hz_err_set(err, status, 1, "socket", "", "%s", strerror(-status));
}

int hz_reader_lock_open(struct hz_reader_lock *lock, const char *instance, uint32_t ring_id,
                        const struct hz_reader_lock *old, struct hz_err *err)
{
	struct hz_reader_lock tmp = { -1, -1 };
	int status = folder_lock(instance, old, &tmp.folder, err);

	if (status == 0)
		status = name_lock(ring_id, tmp.folder >= 0, &tmp.name, err);
	if (status != 0) {
		hz_reader_lock_close(&tmp);
		return status;
	}
	*lock = tmp;
	return 0;
}

void hz_reader_lock_close(struct hz_reader_lock *lock)
{
	if (lock->folder >= 0)
		close(lock->folder);
	if (lock->name >= 0)
		close(lock->name);
	lock->folder = lock->name = -1;
}
