/* Taking the program off, and saying where it is on. */
#include "core/hint.h"
#include "loader/xdp_attach.h"
#include "loader/xdp_bpffs.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_link.h"
#include "loader/xdp_make.h"
#include "loader/xdp_nic.h"
#include "loader/xdp_shared.h"
#include "loader/xdp_tell.h"
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* What is pinned under the name but is no link of ours (-EPROTO) only loses its pins. */
static int detach_one(const char *instance, const char *ifname)
{
	struct hz_xdp_link link;
	int status = hz_xdp_link_open(instance, ifname, &link);

	if (status == -ENOENT)
		status = hz_xdp_link_open_half(instance, ifname, &link);
	if (status == 0) {
		uint32_t before_id = link.ifindex != 0 ? link.program_id : 0;

		status = hz_xdp_link_detach(instance, ifname, &link);
		if (status == 0)
			hz_xdp_tell(instance, ifname, before_id, 0);
		return status;
	}
	if (status != -EPROTO)
		return status;
	hz_xdp_pins_forget(instance, ifname);
	return 0;
}

static int first_ifname(const char *ifname, void *ctx)
{
	memcpy(ctx, ifname, strlen(ifname) + 1);
	return 1;
}

/* From the start each time: a folder must not be read on after unlinking in it. */
static int detach_all(const char *instance)
{
	char ifname[IF_NAMESIZE];
	int status;

	while ((status = hz_xdp_pins_each(instance, HZ_XDP_PINS_HELD, first_ifname, ifname)) == 1) {
		status = detach_one(instance, ifname);
		if (status == -ENOENT) { /* staged, by a run that got no further */
			hz_xdp_pins_forget(instance, ifname);
			status = 0;
		}
		if (status != 0)
			return status;
	}
	return status;
}

/* The last interface takes the shared maps with it. */
static int detach_locked(const char *instance, const char *ifname)
{
	char left[IF_NAMESIZE];
	int status = ifname == NULL ? detach_all(instance) : detach_one(instance, ifname);

	if (status == 0)
		status = hz_xdp_pins_each(instance, HZ_XDP_PINS_HELD, first_ifname, left);
	if (status == 0)
		return hz_xdp_make_undo(instance);
	return status == 1 ? 0 : status;
}

int hz_xdp_detach(const char *instance, const char *ifname, struct hz_err *err)
{
	char path[HZ_PIN_PATH_MAX], hint[sizeof(err->hint)];
	int lock_fd, status = hz_xdp_pin_path(path, instance, ifname == NULL ? NULL : "xsks_map",
	                                      ifname);

	hz_err_what(err, "xdp detach %s%s failed", ifname == NULL ? "" : "dev ",
	            ifname == NULL ? "all" : ifname);
	if (status != 0)
		return hz_err_set(err, status, 2, "usage", "hzctl xdp help",
		                  "no such name of an interface or instance");
	status = hz_xdp_bpffs_mount(false, err);
	if (status == -ENOENT && ifname == NULL)
		return 0; /* without a BPF file system nothing is attached */
	if (status != 0)
		return status;
	lock_fd = hz_xdp_bpffs_lock(err);
	if (lock_fd < 0)
		return lock_fd;
	status = detach_locked(instance, ifname);
	close(lock_fd);
	hz_hint_write(hint, sizeof(hint), instance, "xdp show");
	if (status == -EXDEV)
		return hz_err_set(err, status, 1, "xdp_elsewhere", "hzctl -n NETNS xdp detach",
		                  "another program is to be put back, and its interface is in "
		                  "another network namespace");
	if (status == -ENOENT)
		return hz_err_set(err, status, 1, "xdp_not_attached", hint,
		                  "this instance is not attached to %s", ifname);
	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_detach", "cannot detach", NULL);
	return 0;
}

/* --- list ------------------------------------------------------------------------------------------ */

struct listing {
	const char *instance;
	struct hz_xdp_info *out;
	uint32_t max;
	uint32_t count;
};

static bool is_listed(const struct listing *listing, const char *ifname)
{
	for (uint32_t i = 0; i < listing->count && i < listing->max; i++)
		if (strcmp(listing->out[i].ifname, ifname) == 0)
			return true;
	return false;
}

/* A live link owns its hook; in this namespace one can look. */
static bool link_is_ours(const struct hz_xdp_link *link, const struct hz_meta *meta)
{
	uint32_t attached = 0;

	if (link->ifindex == 0 || meta->netns_inode != hz_xdp_link_netns())
		return link->ifindex != 0;
	return hz_xdp_link_attached_id(link->ifindex, &attached) == 0 &&
	       attached == link->program_id;
}

/* What another program is in the place of ours, whose place ours has taken: the one that is chained, when
 * a run was killed before they were exchanged; else somebody's. */
static void chained_look(const struct hz_xdp_link *link, struct hz_xdp_info *info)
{
	uint32_t attached = 0;

	hz_xdp_link_program_name(link->next_id, info->next);
	if (link->ifindex != 0 || info->meta.netns_inode != hz_xdp_link_netns() ||
	    if_nametoindex(info->ifname) != info->meta.ifindex ||
	    hz_xdp_link_attached_id(info->meta.ifindex, &attached) != 0)
		return;
	info->ifindex = info->meta.ifindex;
	info->program_id = attached;
	info->is_half = attached == link->next_id;
}

static uint32_t degraded_look(const struct hz_xdp_link *link, const struct hz_xdp_info *info)
{
	uint32_t degraded = link->is_chained ? HZ_XDP_DEGRADED_CHAINED : 0, found = 0;
	struct hz_err ignored;
	struct hz_xdp_nic nic;

	if (info->mode == HZ_XDP_GENERIC)
		degraded |= HZ_XDP_DEGRADED_GENERIC;
	if (info->ifindex != 0 && info->meta.netns_inode == hz_xdp_link_netns() &&
	    hz_xdp_nic_read(info->ifname, &nic) == 0 &&
	    hz_xdp_nic_judge(&nic, info->ifname, info->mode, &found, &ignored) == 0)
		degraded |= found;
	return degraded;
}

static void info_fill(const struct hz_xdp_link *link, struct hz_xdp_info *info)
{
	info->ifindex = link->ifindex;
	info->program_id = link->program_id;
	info->mode = info->meta.mode == XDP_FLAGS_SKB_MODE ? HZ_XDP_GENERIC : HZ_XDP_NATIVE;
	info->is_ours = link_is_ours(link, &info->meta);
	if (link->is_chained)
		chained_look(link, info);
	info->degraded = degraded_look(link, info);
}

static int list_add(const char *ifname, void *ctx)
{
	struct listing *listing = ctx;
	struct hz_xdp_info info = { 0 };
	struct hz_xdp_link link;
	int status = hz_xdp_link_open(listing->instance, ifname, &link);

	if (status == -ENOENT) {
		status = hz_xdp_link_open_half(listing->instance, ifname, &link);
		info.is_half = status == 0;
	}
	if (status != 0)
		return status == -ENOENT ? 0 : status; /* detached since the folder was read */
	hz_xdp_link_close(&link);
	if (is_listed(listing, ifname))
		return 0;
	snprintf(info.ifname, sizeof(info.ifname), "%s", ifname);
	status = hz_xdp_link_meta(listing->instance, ifname, &info.meta);
	if (status != 0 && status != -ENOENT)
		return status;
	info_fill(&link, &info);
	if (listing->count < listing->max)
		listing->out[listing->count] = info;
	listing->count++;
	return 0;
}

int hz_xdp_list(const char *instance, struct hz_xdp_info *out, uint32_t max, struct hz_err *err)
{
	struct listing listing = { .instance = instance, .out = out, .max = max };
	int status = hz_xdp_pins_each(instance, HZ_XDP_PINS_HELD, list_add, &listing);

	if (status == 0)
		return (int)listing.count;
	hz_err_what(err, "xdp show failed");
	if (status == -EINVAL || status == -ENAMETOOLONG)
		return hz_err_set(err, status, 2, "usage", "hzctl help",
		                  "no such name of an instance");
	return hz_xdp_fail(err, status, "xdp_pins", "cannot read what is pinned", NULL);
}

int hz_xdp_find(const char *ifname, struct hz_xdp_found *out, struct hz_err *err)
{
	struct hz_xdp_found found = { .ifindex = if_nametoindex(ifname) };
	int status;

	hz_err_what(err, "xdp show dev %s failed", ifname);
	if (found.ifindex == 0)
		return hz_err_set(err, -ENODEV, 1, "no_interface", "ip link",
		                  "there is no interface %s in this network namespace", ifname);
	status = hz_xdp_link_attached_id(found.ifindex, &found.program_id);
	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_query", "cannot ask what is attached", NULL);
	if (found.program_id != 0)
		hz_xdp_link_program_name(found.program_id, found.text);
	*out = found;
	return 0;
}
