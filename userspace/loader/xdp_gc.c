/* Removing what dead runs left pinned. What is attached, and what a live one needs, stays. */
#include "loader/xdp_attach.h"
#include "loader/xdp_bpffs.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_link.h"
#include "loader/xdp_make.h"
#include "loader/xdp_owner.h"
#include "loader/xdp_shared.h"
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gc {
	bool dry_run;
	hz_xdp_gc_fn *on_found;
	void *ctx;
	int found;
};

/* The interfaces of an instance, each once: a folder must not be read on after unlinking in it. */
#define INTERFACES_MAX 64
struct names {
	uint32_t count;
	char ifname[INTERFACES_MAX][IF_NAMESIZE];
};

static int name_add(const char *ifname, void *ctx)
{
	struct names *names = ctx;

	for (uint32_t i = 0; i < names->count; i++)
		if (strcmp(names->ifname[i], ifname) == 0)
			return 0;
	if (names->count == INTERFACES_MAX)
		return -E2BIG;
	snprintf(names->ifname[names->count++], IF_NAMESIZE, "%s", ifname);
	return 0;
}

static void found(struct gc *gc, const char *instance, const char *ifname, const char *what)
{
	gc->found++;
	gc->on_found(instance, ifname, what, gc->ctx);
}

/* 1: it is attached and stays; 0: what was left of it is gone. */
static int interface_collect(struct gc *gc, const char *instance, const char *ifname)
{
	struct hz_xdp_link link;
	const char *what = "link";
	int status = hz_xdp_link_open(instance, ifname, &link);

	if (status == -ENOENT) {
		what = "half";
		status = hz_xdp_link_open_half(instance, ifname, &link);
	} else if (status == 0 && link.ifindex != 0) {
		hz_xdp_link_close(&link);
		return 1;
	}
	if (status == -ENOENT || status == -EPROTO)
		what = "pins";
	else if (status != 0)
		return status;
	found(gc, instance, ifname, what);
	if (gc->dry_run) {
		if (status == 0)
			hz_xdp_link_close(&link);
		return 0;
	}
	if (status == 0)
		return hz_xdp_link_detach(instance, ifname, &link);
	hz_xdp_pins_forget(instance, ifname);
	return 0;
}

/* What all interfaces share goes with the last one. */
static int instance_collect(const char *instance, void *ctx)
{
	struct names names = { 0 };
	struct gc *gc = ctx;
	char path[HZ_PIN_PATH_MAX];
	uint32_t live = 0;
	int status = hz_xdp_pin_path(path, instance, NULL, NULL);
	struct stat st;

	if (status != 0)
		return status;
	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	status = hz_xdp_pins_each(instance, HZ_XDP_PINS_ANY, name_add, &names);
	for (uint32_t i = 0; i < names.count && status == 0; i++) {
		status = interface_collect(gc, instance, names.ifname[i]);
		live += status > 0;
		status = HZ_MIN(status, 0);
	}
	if (status != 0 || live > 0)
		return status;
	found(gc, instance, NULL, "instance");
	return gc->dry_run ? 0 : hz_xdp_make_undo(instance);
}

/* "hz-NAME~", of a run that was killed while it made or removed it; all, or one instance's. */
static int folders_collect(struct gc *gc, const char *instance, bool all)
{
	char only[HZ_INSTANCE_MAX + 8], path[HZ_PIN_PATH_MAX];
	DIR *dir = opendir(HZ_BPFFS);
	struct dirent *entry;
	int status = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -errno;
	snprintf(only, sizeof(only), "hz%s%s~", instance == NULL ? "" : "-",
	         instance == NULL ? "" : instance);
	while (status == 0 && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (strncmp(entry->d_name, "hz", 2) != 0 || entry->d_name[len - 1] != '~' ||
		    (!all && strcmp(entry->d_name, only) != 0) ||
		    snprintf(path, sizeof(path), HZ_BPFFS "/%s", entry->d_name) >=
		            (int)sizeof(path))
			continue;
		found(gc, len > 3 ? entry->d_name + 3 : NULL, NULL, "folder");
		status = gc->dry_run ? 0 : hz_xdp_pins_remove(path);
		if (status == 0 && !gc->dry_run)
			rewinddir(dir);
	}
	closedir(dir);
	return status;
}

/* The instances of a folder that shrinks while it is read: by name, then one by one. */
#define INSTANCES_MAX 64
struct instances {
	uint32_t count;
	char name[INSTANCES_MAX][HZ_INSTANCE_MAX + 1];
};

static int instance_add(const char *instance, void *ctx)
{
	struct instances *all = ctx;

	if (all->count == INSTANCES_MAX)
		return 1; /* enough for one call; the next one takes the rest */
	snprintf(all->name[all->count++], sizeof(all->name[0]), "%s",
	         instance == NULL ? "" : instance);
	return 0;
}

static int gc_locked(struct gc *gc, const char *instance, bool all)
{
	struct instances names = { 0 };
	int status = folders_collect(gc, instance, all);

	if (status != 0 || !all)
		return status != 0 ? status : instance_collect(instance, gc);
	status = HZ_MIN(hz_xdp_owner_each(instance_add, &names), 0);
	for (uint32_t i = 0; i < names.count && status == 0; i++)
		status = instance_collect(names.name[i][0] == '\0' ? NULL : names.name[i], gc);
	return status;
}

int hz_xdp_gc(const char *instance, bool all, bool dry_run, hz_xdp_gc_fn *on_found, void *ctx,
              struct hz_err *err)
{
	struct gc gc = { .dry_run = dry_run, .on_found = on_found, .ctx = ctx };
	char path[HZ_PIN_PATH_MAX];
	int lock_fd, status = hz_xdp_pin_path(path, instance, NULL, NULL);

	hz_err_what(err, "xdp gc failed");
	if (status != 0)
		return hz_err_set(err, status, 2, "usage", "hzctl help",
		                  "no such name of an instance");
	status = hz_xdp_bpffs_mount(false, err);
	if (status != 0)
		return status == -ENOENT ? 0 : status; /* nothing is pinned where there is none */
	lock_fd = hz_xdp_bpffs_lock(err);
	if (lock_fd < 0)
		return lock_fd;
	status = gc_locked(&gc, instance, all);
	close(lock_fd);
	if (status == 0)
		return gc.found;
	return hz_xdp_fail(err, status, "xdp_gc", "cannot remove what is left", NULL);
}
