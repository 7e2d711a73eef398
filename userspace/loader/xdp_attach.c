#include "loader/xdp_attach.h"
#include "core/hint.h"
#include "loader/xdp_claims.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_guard.h"
#include "loader/xdp_link.h"
#include "loader/xdp_program.h"
#include "loader/xdp_shared.h"
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* One call of hz_xdp_attach. */
struct attach {
	const struct hz_xdp_attach_opts *opts;
	struct hz_err *err;
	struct hz_xdp_claims *claims;
	struct hz_xdp_shared shared;
	struct hz_xdp_link link; /* fd -1: nothing is pinned */
	struct hz_xdp_program program;
	struct hz_meta meta; /* of what we attach, or found attached */
	uint32_t ifindex;
	uint32_t program_id; /* out */
};

static uint32_t mode_flag(enum hz_xdp_mode mode)
{
	return mode == HZ_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

static void meta_make(struct hz_meta *meta, const struct hz_xdp_attach_opts *opts, uint32_t ifindex)
{
	*meta = (struct hz_meta){
		.abi_major = HZ_ABI_MAJOR,
		.abi_minor = HZ_ABI_MINOR,
		.ifindex = ifindex,
		.mode = mode_flag(opts->mode),
		.netns_inode = hz_xdp_link_netns(),
		.attached_unix = (uint64_t)time(NULL),
		.version = HZ_VERSION,
	};
	snprintf(meta->ifname, sizeof(meta->ifname), "%s", opts->ifname);
}

/* --- attached already ----------------------------------------------------------------------------- */

/* Is what runs what would be attached now? The pins say so only while they belong to the program that
 * the link runs: a replacement that was killed half-way leaves pins of the other one. */
static bool runs_the_same(const struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int prog_fd = hz_xdp_pins_open(opts->instance, "prog_xdp", opts->ifname, false);
	int vips_fd = hz_xdp_pins_open(opts->instance, "vips", opts->ifname, false);
	int resp_fd = hz_xdp_pins_open(opts->instance, "resp", opts->ifname, false);
	bool is_same = prog_fd >= 0 && vips_fd >= 0 && resp_fd >= 0 &&
	               hz_xdp_link_program_id(prog_fd) == job->link.program_id &&
	               strncmp(job->meta.version, HZ_VERSION, sizeof(job->meta.version)) == 0 &&
	               hz_xdp_claims_are(job->claims, vips_fd, resp_fd);

	if (prog_fd >= 0)
		close(prog_fd);
	if (vips_fd >= 0)
		close(vips_fd);
	if (resp_fd >= 0)
		close(resp_fd);
	return is_same;
}

/* The sockets of a running hzd are in the map of the program that runs: the next one goes on with it,
 * as a map of its own would cut hzd off without a word. */
static int xsks_reuse(const struct attach *job)
{
	int fd = hz_xdp_pins_open(job->opts->instance, "xsks_map", job->opts->ifname, false);

	if (fd < 0)
		return fd;
	if (hz_xdp_link_program_uses(job->link.program_id, hz_xdp_link_map_id(fd)))
		return fd;
	close(fd);
	return -ESTALE;
}

static int replace_and_pin(struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	const struct hz_xdp_pin pins[] = {
		{ "vips", job->program.vips_fd, 0640 },
		{ "resp", job->program.resp_fd, 0640 },
		{ "meta", job->program.meta_fd, 0640 },
		{ "prog_xdp", job->program.prog_fd, 0600 },
	};
	int status;

	status = hz_xdp_pins_stage(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot pin the new program",
		                   NULL);
	if (bpf_link_update(job->link.fd, job->program.prog_fd, NULL) != 0) {
		status = -errno;
		hz_xdp_pins_drop(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
		return hz_xdp_fail(job->err, status, "xdp_replace", "cannot swap the program",
		                   NULL);
	}
	job->program_id = hz_xdp_link_program_id(job->program.prog_fd);
	status = hz_xdp_pins_commit(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins",
		                   "the program was swapped, its pins were not: ensure again",
		                   NULL);
	return 0;
}

static int refuse_detach_first(const struct attach *job, int status, const char *code,
                               const char *why)
{
	char hint[sizeof(job->err->hint)];

	hz_hint_write(hint, sizeof(hint), job->opts->instance, "xdp detach dev %s",
	              job->opts->ifname);
	return hz_err_set(job->err, status, 1, code, hint, "%s", why);
}

static int attach_replace(struct attach *job)
{
	int status, xsks_fd = xsks_reuse(job);

	if (xsks_fd < 0)
		return refuse_detach_first(job, xsks_fd, "xdp_sockets",
		                           "the pinned xsks_map is not the one of the attached "
		                           "program: hzd's sockets would be cut off");
	meta_make(&job->meta, job->opts, job->ifindex);
	status = hz_xdp_program_load(&job->shared, xsks_fd, job->claims, &job->meta, &job->program,
	                             job->err);
	if (status == 0 && !job->opts->dry_run)
		status = replace_and_pin(job);
	close(xsks_fd);
	return status;
}

static int attach_existing(struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	char why[96];

	job->program_id = job->link.program_id;
	snprintf(why, sizeof(why), "it is attached already, as program %u; ensure would replace it",
	         job->link.program_id);
	if (!opts->ensure)
		return refuse_detach_first(job, -EEXIST, "xdp_attached", why);
	if (hz_xdp_link_meta(opts->instance, opts->ifname, &job->meta) != 0)
		return refuse_detach_first(job, -EPROTO, "xdp_abi", "its pins are incomplete");
	if (job->meta.netns_inode != hz_xdp_link_netns() || job->link.ifindex != job->ifindex)
		return refuse_detach_first(job, -EEXIST, "xdp_elsewhere",
		                           "this instance is attached to an interface of this name "
		                           "in another network namespace; use another instance");
	if (job->meta.mode != mode_flag(opts->mode))
		return refuse_detach_first(job, -EEXIST, "xdp_mode",
		                           "it is attached in the other mode, which cannot be "
		                           "swapped live");
	if (!opts->dry_run)
		hz_xdp_pins_sweep(opts->instance, opts->ifname);
	return runs_the_same(job) ? 0 : attach_replace(job);
}

/* --- attaching ------------------------------------------------------------------------------------ */

/* The link's pin comes last: with it the attachment is for good. Until then closing the link undoes it. */
static int attach_and_pin(struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int link_fd = hz_xdp_link_create(job->program.prog_fd, job->ifindex, opts->mode, job->err);
	const struct hz_xdp_pin pins[] = {
		{ "xsks_map", job->program.xsks_fd, 0660 }, { "vips", job->program.vips_fd, 0640 },
		{ "resp", job->program.resp_fd, 0640 },     { "meta", job->program.meta_fd, 0640 },
		{ "prog_xdp", job->program.prog_fd, 0600 }, { "link", link_fd, 0600 },
	};
	int status;

	if (link_fd < 0)
		return link_fd;
	status = hz_xdp_pins_stage(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
	if (status == 0)
		status = hz_xdp_pins_commit(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
	if (status != 0)
		hz_xdp_pins_forget(opts->instance, opts->ifname);
	close(link_fd);
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot pin the attachment", NULL);
	job->program_id = hz_xdp_link_program_id(job->program.prog_fd);
	return 0;
}

/* Half an attachment, of a run that was killed, is undone; any other program on the device is in the
 * way. A dry run leaves the half where it is. */
static int device_clear(const struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	struct hz_xdp_link half;
	int status = hz_xdp_link_open_half(opts->instance, opts->ifname, &half);

	if (status == 0 && opts->dry_run) {
		close(half.fd);
		if (half.ifindex == job->ifindex)
			return 0;
	} else if (status == 0) {
		status = hz_xdp_link_detach(opts->instance, opts->ifname, &half);
	}
	if (status != 0 && status != -ENOENT && status != -EPROTO)
		return hz_xdp_fail(job->err, status, "xdp_pins",
		                   "cannot undo an attach that was killed", NULL);
	return hz_xdp_link_refuse_foreign(opts->instance, job->ifindex, opts->ifname, job->err);
}

static int attach_fresh(struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = device_clear(job);

	if (status != 0)
		return status;
	meta_make(&job->meta, opts, job->ifindex);
	status = hz_xdp_program_load(&job->shared, -1, job->claims, &job->meta, &job->program,
	                             job->err);
	if (status != 0 || opts->dry_run)
		return status;
	hz_xdp_pins_forget(opts->instance, opts->ifname); /* of a device that is gone */
	return attach_and_pin(job);
}

/* With the lock held. */
static int attach_locked(struct attach *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = hz_xdp_shared_open(opts->instance, &job->shared, job->err);

	if (status != 0)
		return status;
	status = hz_xdp_link_open(opts->instance, opts->ifname, &job->link);
	if (status != 0 && status != -ENOENT)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot open the pinned link",
		                   NULL);
	if (status == 0 && job->link.ifindex != 0)
		status = attach_existing(job);
	else
		status = attach_fresh(job);
	if ((status != 0 || opts->dry_run) && job->shared.is_new)
		(void)hz_xdp_shared_remove(opts->instance);
	return status;
}

static void attach_close(struct attach *job)
{
	hz_xdp_program_close(&job->program);
	hz_xdp_shared_close(&job->shared);
	if (job->link.fd >= 0)
		close(job->link.fd);
	free(job->claims);
}

static int opts_check(const struct hz_xdp_attach_opts *opts, struct hz_err *err)
{
	char path[HZ_PIN_PATH_MAX];

	if (opts->size != sizeof(*opts) || opts->ifname == NULL ||
	    hz_xdp_pin_path(path, opts->instance, "xsks_map", opts->ifname) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp help",
		                  "an interface has 1 to 15 characters, an instance 1 to %d of "
		                  "a-z, 0-9, - and _",
		                  HZ_INSTANCE_MAX);
	return 0;
}

int hz_xdp_attach(const struct hz_xdp_attach_opts *opts, struct hz_xdp_info *out,
                  struct hz_err *err)
{
	struct attach job = {
		.opts = opts, .err = err, .shared = HZ_XDP_SHARED_NONE, .link = { .fd = -1 }
	};
	int lock_fd, status;

	hz_err_what(err, "xdp attach dev %s failed", opts->ifname == NULL ? "?" : opts->ifname);
	status = opts_check(opts, err);
	if (status == 0)
		status = hz_xdp_claims_build(opts, &job.claims, err);
	if (status == 0)
		status = hz_xdp_guard_check(opts->ifname, opts->yes_this_nic, &job.ifindex, err);
	if (status == 0)
		status = hz_xdp_pins_mount(true, err);
	if (status == 0) {
		lock_fd = hz_xdp_pins_lock(err);
		status = lock_fd < 0 ? lock_fd : attach_locked(&job);
		if (lock_fd >= 0)
			close(lock_fd);
	}
	if (status == 0) {
		*out = (struct hz_xdp_info){ .ifindex = job.ifindex,
			                     .program_id = job.program_id,
			                     .mode = opts->mode,
			                     .is_ours = job.program_id != 0,
			                     .meta = job.meta };
		snprintf(out->ifname, sizeof(out->ifname), "%s", opts->ifname);
	}
	attach_close(&job);
	return status;
}
