#include "loader/xdp_owner.h"
#include "core/hint.h"
#include "loader/xdp_link.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OWNED 3

/* "hz" or "hz-NAME"; a folder that is being built or removed ends in ~. */
static bool instance_of(const char *folder, char out[HZ_INSTANCE_MAX + 1])
{
	size_t len = strlen(folder);

	if (strncmp(folder, "hz", 2) != 0 || folder[len - 1] == '~')
		return false;
	if (len == 2) {
		out[0] = '\0';
		return true;
	}
	if (folder[2] != '-' || len - 3 == 0 || len - 3 > HZ_INSTANCE_MAX)
		return false;
	memcpy(out, folder + 3, len - 3 + 1);
	return true;
}

int hz_xdp_owner_each(int (*on_instance)(const char *instance, void *ctx), void *ctx)
{
	DIR *dir = opendir(HZ_BPFFS);
	char instance[HZ_INSTANCE_MAX + 1];
	struct dirent *entry;
	int status = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (status == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_DIR && instance_of(entry->d_name, instance))
			status = on_instance(instance[0] == '\0' ? NULL : instance, ctx);
	closedir(dir);
	return status;
}

struct search {
	const char *except;
	const char *ifname;
	uint32_t program_id;
	char *out;
};

static int is_owner(const char *instance, void *ctx)
{
	const struct search *search = ctx;
	uint32_t id = 0;
	int fd;

	if (instance == NULL ? search->except == NULL
	                     : search->except != NULL && strcmp(instance, search->except) == 0)
		return 0;
	fd = hz_xdp_pins_open(instance, "prog_xdp", search->ifname, false);
	if (fd >= 0) {
		id = hz_xdp_link_program_id(fd);
		close(fd);
	}
	if (id == 0 || id != search->program_id)
		return 0;
	snprintf(search->out, HZ_INSTANCE_MAX + 1, "%s", instance == NULL ? "" : instance);
	return 1;
}

bool hz_xdp_owner_find(const char *instance, const char *ifname, uint32_t program_id,
                       char out[HZ_INSTANCE_MAX + 1])
{
	struct search search = { instance, ifname, program_id, out };

	return hz_xdp_owner_each(is_owner, &search) == 1;
}

int hz_xdp_owner_refuse(const char *owner, const char *ifname, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	hz_hint_write(hint, sizeof(hint), owner[0] == '\0' ? NULL : owner, "xdp show dev %s",
	              ifname);
	return hz_err_set(err, -EBUSY, EXIT_OWNED, "xdp_owned", hint,
	                  "%s belongs to %s%s: one interface has one instance", ifname,
	                  owner[0] == '\0' ? "the default instance" : "instance ", owner);
}
