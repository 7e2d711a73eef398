#include "loader/xdp_link.h"
#include "core/hint.h"
#include "loader/xdp_chain.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_owner.h"
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROGRAM_MAPS_MAX 64

/* Takes fd, which may be an error already. */
static int link_look(int fd, struct hz_xdp_link *out)
{
	struct bpf_link_info info = { 0 };
	uint32_t info_bytes = sizeof(info);
	int status;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) != 0) {
		status = -errno;
		close(fd);
		return status;
	}
	if (info.type != BPF_LINK_TYPE_XDP) {
		close(fd);
		return -EPROTO;
	}
	*out = (struct hz_xdp_link){ .fd = fd,
		                     .ifindex = info.xdp.ifindex,
		                     .program_id = info.prog_id };
	return 0;
}

int hz_xdp_link_open(const char *instance, const char *ifname, struct hz_xdp_link *out)
{
	int status = link_look(hz_xdp_pins_open(instance, "link", ifname, false), out);

	return status == -ENOENT ? hz_xdp_chain_open(instance, ifname, out) : status;
}

int hz_xdp_link_open_half(const char *instance, const char *ifname, struct hz_xdp_link *out)
{
	return link_look(hz_xdp_pins_open_staged(instance, "link", ifname), out);
}

void hz_xdp_link_close(struct hz_xdp_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

int hz_xdp_link_detach(const char *instance, const char *ifname, struct hz_xdp_link *link)
{
	int status = 0;

	if (link->is_chained && link->ifindex != 0)
		status = hz_xdp_chain_restore(instance, ifname, link);
	else if (!link->is_chained && bpf_link_detach(link->fd) != 0 && errno != ENOLINK)
		status = -errno; /* ENOLINK: the device is gone, there is nothing left to detach */
	hz_xdp_link_close(link);
	if (status == 0)
		hz_xdp_pins_forget(instance, ifname);
	return status;
}

int hz_xdp_link_update(const struct hz_xdp_link *link, enum hz_xdp_mode mode, int prog_fd)
{
	if (link->is_chained)
		return hz_xdp_chain_swap(link->ifindex, hz_xdp_link_mode_flag(mode), link->fd,
		                         prog_fd);
	return bpf_link_update(link->fd, prog_fd, NULL) == 0 ? 0 : -errno;
}

uint32_t hz_xdp_link_mode_flag(enum hz_xdp_mode mode)
{
	return mode == HZ_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* A map of a version with more to say is longer than what it would be read into. */
int hz_xdp_link_meta(const char *instance, const char *ifname, struct hz_meta *out)
{
	struct bpf_map_info info = { 0 };
	uint32_t zero = 0, bytes = sizeof(info);
	int status = 0, fd = hz_xdp_pins_open(instance, "meta", ifname, true);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0 || info.value_size != sizeof(*out))
		status = -EPROTO;
	else if (bpf_map_lookup_elem(fd, &zero, out) != 0)
		status = -errno;
	close(fd);
	return status;
}

uint64_t hz_xdp_link_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

int hz_xdp_link_attached_id(uint32_t ifindex, uint32_t *program_id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int status = bpf_xdp_query((int)ifindex, 0, &opts);

	if (status != 0)
		return status;
	/* prog_id is 0 when there are several: one per mode */
	*program_id = opts.prog_id != 0       ? opts.prog_id
	              : opts.drv_prog_id != 0 ? opts.drv_prog_id
	              : opts.skb_prog_id != 0 ? opts.skb_prog_id
	                                      : opts.hw_prog_id;
	return 0;
}

static int program_info(uint32_t id, struct bpf_prog_info *info)
{
	uint32_t bytes = sizeof(*info);
	int status = 0, fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, info, &bytes) != 0)
		status = -errno;
	close(fd);
	return status;
}

void hz_xdp_link_program_name(uint32_t id, char out[HZ_XDP_PROGRAM_TEXT_MAX])
{
	struct bpf_prog_info info = { 0 };

	if (program_info(id, &info) != 0) {
		snprintf(out, HZ_XDP_PROGRAM_TEXT_MAX, "program %u", id);
		return;
	}
	snprintf(out, HZ_XDP_PROGRAM_TEXT_MAX,
	         "program %u \"%s\" tag %02x%02x%02x%02x%02x%02x%02x%02x", id, info.name,
	         info.tag[0], info.tag[1], info.tag[2], info.tag[3], info.tag[4], info.tag[5],
	         info.tag[6], info.tag[7]);
}

int hz_xdp_link_refuse_foreign(const char *instance, uint32_t ifindex, const char *ifname,
                               struct hz_err *err)
{
	char name[HZ_XDP_PROGRAM_TEXT_MAX], hint[sizeof(err->hint)], owner[HZ_INSTANCE_MAX + 1];
	uint32_t id = 0;
	int status = hz_xdp_link_attached_id(ifindex, &id);

	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_query", "cannot ask what is attached", NULL);
	if (id == 0)
		return 0;
	if (hz_xdp_owner_find(instance, ifname, id, owner))
		return hz_xdp_owner_refuse(owner, ifname, err);
	hz_xdp_link_program_name(id, name);
	hz_hint_write(hint, sizeof(hint), instance, "xdp show dev %s", ifname);
	return hz_err_set(
		err, -EBUSY, 1, "xdp_busy", hint,
		"Device or resource busy: %s is attached, and not by this instance; chain "
		"would run ours before it",
		name);
}

int hz_xdp_link_create(int prog_fd, uint32_t ifindex, enum hz_xdp_mode mode, struct hz_err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = hz_xdp_link_mode_flag(mode));
	int status, fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);

	if (fd >= 0)
		return fd;
	status = -errno;
	if (mode == HZ_XDP_NATIVE &&
	    (status == -EOPNOTSUPP || status == -EINVAL || status == -ERANGE))
		return hz_err_set(err, status, 5, "xdp_native", "add: mode generic",
		                  "the driver has no native XDP for this interface as it is now "
		                  "(its MTU, a VLAN or a bond above a device): %s",
		                  strerror(-status));
	return hz_xdp_fail(err, status, "xdp_attach", "cannot attach", NULL);
}

uint32_t hz_xdp_link_program_id(int prog_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(prog_fd, &info, &bytes) == 0 ? info.id : 0;
}

uint32_t hz_xdp_link_map_id(int map_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(map_fd, &info, &bytes) == 0 ? info.id : 0;
}

bool hz_xdp_link_program_uses(uint32_t program_id, uint32_t map_id)
{
	uint32_t ids[PROGRAM_MAPS_MAX] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uintptr_t)ids };

	if (map_id == 0 || program_info(program_id, &info) != 0)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}
