#include "collector/rights_drop.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUPS_MAX 64

static int user_become(const char *user, struct hz_err *err)
{
	const struct passwd *entry = getpwnam(user);
	const struct group *group;
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX - 1;
	uid_t uid;
	gid_t gid;

	if (entry == NULL)
		return hz_err_set(err, -ENOENT, 2, "user", "--user NAME",
		                  "there is no user '%.40s'", user);
	uid = entry->pw_uid;
	gid = entry->pw_gid;
	if (getgrouplist(user, gid, groups, &count) < 0)
		return hz_err_set(err, -E2BIG, 1, "user", "", "'%.40s' is in too many groups",
		                  user);
	group = getgrnam("hz");
	if (group != NULL)
		groups[count++] = group->gr_gid;
	if (setgroups((size_t)count, groups) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return hz_err_set(err, -errno, 4, "not_permitted", "start it as root",
		                  "cannot become '%.40s': %s", user, strerror(errno));
	return 0;
}

/* What exec could give back. Without the right to, there is nothing to give up: no-new-privileges forbids it anyway. */
static void bounding_set_drop(void)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int hz_rights_drop(const char *user, struct hz_err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int status = 0;

	bounding_set_drop();
	if (user != NULL)
		status = user_become(user, err);
	if (status != 0)
		return status;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none) != 0)
		return hz_err_set(err, -errno, 1, "rights", "", "cannot give up rights: %s",
		                  strerror(errno));
	return 0;
}
