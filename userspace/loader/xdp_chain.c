#include "loader/xdp_chain.h"
#include "loader/xdp_fail.h"
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static bool link_runs(int fd, uint32_t ifindex, uint32_t program_id)
{
	struct bpf_link_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 && info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == ifindex && info.prog_id == program_id;
}

/* The one link that runs this program on this interface, or -ENOENT; with two, of which one must be in
 * another network namespace, -EBUSY: a link does not say in which it is. */
static int link_find(uint32_t ifindex, uint32_t program_id)
{
	uint32_t id = 0;
	int found = -ENOENT;

	while (bpf_link_get_next_id(id, &id) == 0) {
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue; /* it went meanwhile, or is of no interest */
		if (!link_runs(fd, ifindex, program_id)) {
			close(fd);
		} else if (found == -ENOENT) {
			found = fd;
		} else {
			close(fd);
			close(found);
			return -EBUSY;
		}
	}
	return found;
}

int hz_xdp_chain_swap(uint32_t ifindex, uint32_t mode_flag, int old_fd, int new_fd)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, by_netlink, .old_prog_fd = old_fd);
	LIBBPF_OPTS(bpf_link_update_opts, by_link, .flags = BPF_F_REPLACE,
	            .old_prog_fd = (uint32_t)old_fd);
	int status = bpf_xdp_attach((int)ifindex, new_fd, mode_flag, &by_netlink), link_fd;

	if (status != -EBUSY)
		return status;
	/* "Can't replace active BPF XDP link": then through the link */
	link_fd = link_find(ifindex, hz_xdp_link_program_id(old_fd));
	if (link_fd < 0)
		return -EBUSY;
	status = bpf_link_update(link_fd, new_fd, &by_link) == 0 ? 0 : -errno;
	close(link_fd);
	return status;
}

/* --- chaining --------------------------------------------------------------------------------------- */

static int foreign_query(uint32_t ifindex, enum hz_xdp_mode mode, uint32_t *program_id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int status = bpf_xdp_query((int)ifindex, 0, &opts);

	*program_id = mode == HZ_XDP_GENERIC ? opts.skb_prog_id : opts.drv_prog_id;
	return status;
}

int hz_xdp_chain_find(uint32_t ifindex, enum hz_xdp_mode mode, struct hz_xdp_foreign *out,
                      struct hz_err *err)
{
	struct hz_xdp_foreign foreign = HZ_XDP_FOREIGN_NONE;
	int status = foreign_query(ifindex, mode, &foreign.program_id);

	if (status != 0)
		return hz_xdp_fail(err, status, "xdp_query", "cannot ask what is attached", NULL);
	if (foreign.program_id == 0)
		return hz_err_set(err, -EEXIST, 1, "xdp_mode",
		                  mode == HZ_XDP_NATIVE ? "add: mode generic" : "add: mode native",
		                  "the program that is attached runs in another mode; both run in "
		                  "the same or not at all");
	foreign.prog_fd = bpf_prog_get_fd_by_id(foreign.program_id);
	if (foreign.prog_fd < 0)
		return hz_xdp_fail(err, -errno, "xdp_chain",
		                   "cannot get hold of the program that is attached", NULL);
	foreign.link_fd = link_find(ifindex, foreign.program_id);
	*out = foreign;
	return 0;
}

void hz_xdp_chain_close(struct hz_xdp_foreign *foreign)
{
	if (foreign->prog_fd >= 0)
		close(foreign->prog_fd);
	if (foreign->link_fd >= 0)
		close(foreign->link_fd);
	*foreign = (struct hz_xdp_foreign)HZ_XDP_FOREIGN_NONE;
}

/* All pins first, in place: whoever comes after a kill finds the other program by them, and whether ours
 * has its place yet by looking at the device. */
static int all_pin(const struct hz_xdp_attach_opts *opts, const struct hz_xdp_foreign *foreign,
                   const struct hz_xdp_program *program)
{
	const struct hz_xdp_pin pins[] = {
		{ "foreign", foreign->prog_fd, 0600 },
		{ "next", program->next_fd, 0600 },
		{ "xsks_map", program->xsks_fd, 0660 },
		{ "vips", program->claims.vips_fd, 0640 },
		{ "probers", program->claims.probers_fd, 0640 },
		{ "resp", program->claims.resp_fd, 0640 },
		{ "meta", program->meta_fd, 0640 },
		{ "prog_xdp", program->prog_fd, 0600 },
		{ "hold", foreign->link_fd, 0600 },
	};
	size_t count = HZ_ARRAY_LEN(pins) - (foreign->link_fd < 0 ? 1 : 0);
	int status = hz_xdp_pins_stage(opts->instance, opts->ifname, pins, count);

	if (status == 0)
		status = hz_xdp_pins_commit(opts->instance, opts->ifname, pins, count);
	return status;
}

int hz_xdp_chain_attach(const struct hz_xdp_attach_opts *opts, uint32_t ifindex,
                        const struct hz_xdp_foreign *foreign, const struct hz_xdp_program *program,
                        struct hz_err *err)
{
	uint32_t zero = 0;
	int status;

	if (bpf_map_update_elem(program->next_fd, &zero, &foreign->prog_fd, BPF_ANY) != 0)
		return hz_xdp_fail(err, -errno, "xdp_chain",
		                   "the kernel does not let our program call the other, which was "
		                   "loaded for frames of several buffers or another attach type",
		                   NULL);
	status = all_pin(opts, foreign, program);
	if (status == 0)
		status = hz_xdp_chain_swap(ifindex, hz_xdp_link_mode_flag(opts->mode),
		                           foreign->prog_fd, program->prog_fd);
	if (status == 0)
		return 0;
	hz_xdp_pins_forget(opts->instance, opts->ifname);
	return hz_xdp_fail(err, status, "xdp_chain", "cannot take the place of the other program",
	                   NULL);
}

/* --- a chained attachment ---------------------------------------------------------------------------- */

/* Our program, if the device runs it: the pinned one, or after a kill in mid-update the staged one. */
static int running_open(const char *instance, const char *ifname, uint32_t attached_id)
{
	int fd = hz_xdp_pins_open(instance, "prog_xdp", ifname, false);

	if (fd >= 0 && hz_xdp_link_program_id(fd) == attached_id)
		return fd;
	if (fd >= 0)
		close(fd);
	fd = hz_xdp_pins_open_staged(instance, "prog_xdp", ifname);
	if (fd >= 0 && hz_xdp_link_program_id(fd) == attached_id)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* From another network namespace the device cannot be asked: what is pinned counts. */
static void running_look(const char *instance, const char *ifname, const struct hz_meta *meta,
                         struct hz_xdp_link *link)
{
	uint32_t attached = 0;

	if (meta->netns_inode == hz_xdp_link_netns()) {
		if (hz_xdp_link_attached_id(meta->ifindex, &attached) == 0 && attached != 0)
			link->fd = running_open(instance, ifname, attached);
	} else {
		link->fd = hz_xdp_pins_open(instance, "prog_xdp", ifname, false);
	}
	if (link->fd < 0)
		return;
	link->program_id = hz_xdp_link_program_id(link->fd);
	link->ifindex = meta->ifindex;
}

int hz_xdp_chain_open(const char *instance, const char *ifname, struct hz_xdp_link *out)
{
	struct hz_xdp_link link = { .fd = -1, .is_chained = true };
	int foreign_fd = hz_xdp_pins_open(instance, "foreign", ifname, false);
	struct hz_meta meta;

	if (foreign_fd < 0)
		return foreign_fd;
	link.next_id = hz_xdp_link_program_id(foreign_fd);
	close(foreign_fd);
	if (hz_xdp_link_meta(instance, ifname, &meta) == 0)
		running_look(instance, ifname, &meta, &link);
	*out = link;
	return 0;
}

int hz_xdp_chain_restore(const char *instance, const char *ifname, const struct hz_xdp_link *link)
{
	struct hz_meta meta;
	int foreign_fd, status = hz_xdp_link_meta(instance, ifname, &meta);

	if (status != 0)
		return status;
	if (meta.netns_inode != hz_xdp_link_netns())
		return -EXDEV;
	foreign_fd = hz_xdp_pins_open(instance, "foreign", ifname, false);
	if (foreign_fd < 0)
		return foreign_fd;
	status = hz_xdp_chain_swap(link->ifindex, meta.mode, link->fd, foreign_fd);
	close(foreign_fd);
	return status;
}
