#include "loader/xdp_attach.h"
#include "core/hint.h"
#include "loader/xdp_bpffs.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_guard.h"
#include "loader/xdp_job.h"
#include "loader/xdp_make.h"
#include "loader/xdp_nic.h"
#include "loader/xdp_owner.h"
#include "loader/xdp_tell.h"
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

void hz_xdp_job_meta(struct hz_xdp_job *job)
{
	struct hz_meta *meta = &job->meta;

	*meta = (struct hz_meta){
		.abi_major = HZ_ABI_MAJOR,
		.abi_minor = HZ_ABI_MINOR,
		.ifindex = job->ifindex,
		.mode = hz_xdp_link_mode_flag(job->opts->mode),
		.netns_inode = hz_xdp_link_netns(),
		.attached_unix = (uint64_t)time(NULL),
		.version = HZ_VERSION,
	};
	snprintf(meta->ifname, sizeof(meta->ifname), "%s", job->opts->ifname);
}

/* The link's pin comes last: with it the attachment is for good. Until then closing the link undoes it. */
static int attach_and_pin(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int link_fd = hz_xdp_link_create(job->program.prog_fd, job->ifindex, opts->mode, job->err);
	const struct hz_xdp_pin pins[] = {
		{ "xsks_map", job->program.xsks_fd, 0660 },
		{ "next", job->program.next_fd, 0600 },
		{ "vips", job->program.claims.vips_fd, 0640 },
		{ "probers", job->program.claims.probers_fd, 0640 },
		{ "resp", job->program.claims.resp_fd, 0640 },
		{ "meta", job->program.meta_fd, 0640 },
		{ "prog_xdp", job->program.prog_fd, 0600 },
		{ "link", link_fd, 0600 },
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

/* Half an attachment, of a run that was killed, is undone. A dry run leaves it where it is: true, it is in
 * nobody's way. */
static int half_undo(const struct hz_xdp_job *job, bool *is_half)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	struct hz_xdp_link half;
	int status = hz_xdp_link_open_half(opts->instance, opts->ifname, &half);

	*is_half = false;
	if (status == 0 && opts->dry_run) {
		*is_half = half.ifindex == job->ifindex;
		hz_xdp_link_close(&half);
	} else if (status == 0) {
		status = hz_xdp_link_detach(opts->instance, opts->ifname, &half);
	}
	if (status != 0 && status != -ENOENT && status != -EPROTO)
		return hz_xdp_fail(job->err, status, "xdp_pins",
		                   "cannot undo an attach that was killed", NULL);
	return 0;
}

/* Any other program on the device is in the way, or to be chained. */
static int device_clear(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	char owner[HZ_INSTANCE_MAX + 1];
	uint32_t attached = 0;
	bool is_half;
	int status = half_undo(job, &is_half);

	if (status != 0 || is_half)
		return status;
	if (!opts->chain)
		return hz_xdp_link_refuse_foreign(opts->instance, job->ifindex, opts->ifname,
		                                  job->err);
	status = hz_xdp_link_attached_id(job->ifindex, &attached);
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_query", "cannot ask what is attached",
		                   NULL);
	if (attached == 0)
		return 0;
	if (hz_xdp_owner_find(opts->instance, opts->ifname, attached, owner))
		return hz_xdp_owner_refuse(owner, opts->ifname, job->err);
	return hz_xdp_chain_find(job->ifindex, opts->mode, &job->foreign, job->err);
}

static int attach_fresh(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	char hint[sizeof(job->err->hint)];
	int status;

	if (opts->update) {
		hz_hint_write(hint, sizeof(hint), opts->instance, "xdp attach dev %s",
		              opts->ifname);
		return hz_err_set(job->err, -ENOENT, 1, "xdp_not_attached", hint,
		                  "this instance is not attached to %s", opts->ifname);
	}
	status = device_clear(job);
	if (status != 0)
		return status;
	hz_xdp_job_meta(job);
	status = hz_xdp_program_load(opts, &job->shared, &job->heirloom, job->claims, &job->meta,
	                             &job->program, job->err);
	if (status != 0 || opts->dry_run)
		return status;
	hz_xdp_pins_forget(opts->instance, opts->ifname); /* of a device that is gone */
	if (job->foreign.prog_fd < 0)
		return attach_and_pin(job);
	status = hz_xdp_chain_attach(opts, job->ifindex, &job->foreign, &job->program, job->err);
	if (status == 0)
		job->program_id = hz_xdp_link_program_id(job->program.prog_fd);
	return status;
}

/* What can fail of the lists fails before anything is attached. */
static int sources_fill(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status;

	if (!opts->has_sources || opts->dry_run)
		return 0;
	status = hz_xdp_lists_open(opts->instance, &job->lists);
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot open the lists of sources",
		                   NULL);
	job->lists.wait_ms = HZ_XDP_LISTS_WAIT_PATIENT_MS;
	return hz_xdp_lists_fill(&job->lists, opts->source, opts->source_count, job->err);
}

/* Where something runs already, the lists change with what is attached, after it. A new instance has nothing yet that
 * they could be for, and is taken back as a whole when anything fails: there they come first, so that nothing can
 * fail any more once it is attached. */
static int sources_flip(struct hz_xdp_job *job, bool is_before)
{
	if (is_before != job->shared.is_new || hz_xdp_lists_flip(&job->lists) == 0)
		return 0;
	return hz_xdp_fail(job->err, -EIO, "lists",
	                   is_before ? "cannot make the lists of sources count"
	                             : "it is attached, the lists of sources are as before: "
	                               "ensure again",
	                   NULL);
}

static int attach_or_replace(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = hz_xdp_link_open(opts->instance, opts->ifname, &job->link);
	if (status != 0 && status != -ENOENT)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot open the pinned link",
		                   NULL);
	if (status == 0 && job->link.ifindex != 0)
		return hz_xdp_replace(job);
	return attach_fresh(job);
}

/* With the lock held. */
static int attach_locked(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = hz_xdp_shared_open(opts->instance, &job->shared, job->err);

	if (status != 0)
		return status;
	status = sources_fill(job);
	if (status == 0)
		status = sources_flip(job, true);
	if (status == 0)
		status = attach_or_replace(job);
	if (status == 0 && !opts->dry_run)
		hz_xdp_tell(opts->instance, opts->ifname,
		            job->link.ifindex != 0 ? job->link.program_id : 0, job->program_id);
	if (status == 0)
		status = sources_flip(job, false);
	else
		hz_xdp_lists_drop(&job->lists);
	if ((status != 0 || opts->dry_run) && job->shared.is_new) {
		hz_xdp_program_close(&job->program); /* removing needs descriptors too */
		hz_xdp_lists_close(&job->lists);
		hz_xdp_shared_close(&job->shared);
		(void)hz_xdp_make_undo(opts->instance);
	}
	return status;
}

static void attach_close(struct hz_xdp_job *job)
{
	hz_xdp_program_close(&job->program);
	hz_xdp_program_heirloom_close(&job->heirloom);
	hz_xdp_chain_close(&job->foreign);
	hz_xdp_lists_close(&job->lists);
	hz_xdp_shared_close(&job->shared);
	hz_xdp_link_close(&job->link);
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

/* The device as it is: may one attach to it, and at what price? */
static int device_check(struct hz_xdp_job *job, uint32_t *degraded)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	struct hz_xdp_nic nic;
	int status = hz_xdp_guard_check(opts->ifname, opts->yes_this_nic || opts->update,
	                                &job->ifindex, job->err);

	if (status != 0)
		return status;
	status = hz_xdp_nic_read(opts->ifname, &nic);
	if (status != 0)
		return hz_xdp_fail(job->err, status, "no_interface", "cannot ask for the interface",
		                   NULL);
	return hz_xdp_nic_judge(&nic, opts->ifname, opts->mode, degraded, job->err);
}

/* An update keeps the mode, whatever it was. */
static void update_mode(struct hz_xdp_attach_opts *opts)
{
	struct hz_meta meta;

	if (opts->update && hz_xdp_link_meta(opts->instance, opts->ifname, &meta) == 0)
		opts->mode = meta.mode == XDP_FLAGS_SKB_MODE ? HZ_XDP_GENERIC : HZ_XDP_NATIVE;
}

static void info_fill(const struct hz_xdp_job *job, uint32_t degraded, struct hz_xdp_info *out)
{
	uint32_t next_id = job->link.next_id != 0 ? job->link.next_id : job->foreign.program_id;

	*out = (struct hz_xdp_info){ .ifindex = job->ifindex,
		                     .program_id = job->program_id,
		                     .mode = job->opts->mode,
		                     .is_ours = job->program_id != 0,
		                     .degraded = degraded,
		                     .meta = job->meta };
	snprintf(out->ifname, sizeof(out->ifname), "%s", job->opts->ifname);
	if (next_id != 0) {
		out->degraded |= HZ_XDP_DEGRADED_CHAINED;
		hz_xdp_link_program_name(next_id, out->next);
	}
}

int hz_xdp_attach(const struct hz_xdp_attach_opts *asked, struct hz_xdp_info *out,
                  struct hz_err *err)
{
	struct hz_xdp_attach_opts opts = *asked;
	struct hz_xdp_job job = { .opts = &opts,
		                  .err = err,
		                  .shared = HZ_XDP_SHARED_NONE,
		                  .heirloom = HZ_XDP_HEIRLOOM_NONE,
		                  .foreign = HZ_XDP_FOREIGN_NONE,
		                  .lists = HZ_XDP_LISTS_NONE,
		                  .link = { .fd = -1 } };
	uint32_t degraded = 0;
	int lock_fd, status;

	hz_err_what(err, "xdp %s dev %s failed", opts.update ? "update" : "attach",
	            opts.ifname == NULL ? "?" : opts.ifname);
	status = opts_check(&opts, err);
	if (status == 0 && (!opts.update || opts.claim_count + opts.health_count > 0))
		status = hz_xdp_claims_build(&opts, &job.claims, err);
	if (status == 0) {
		update_mode(&opts);
		status = device_check(&job, &degraded);
	}
	if (status == 0)
		status = hz_xdp_bpffs_mount(true, err);
	if (status == 0) {
		lock_fd = hz_xdp_bpffs_lock(err);
		status = lock_fd < 0 ? lock_fd : attach_locked(&job);
		if (lock_fd >= 0)
			close(lock_fd);
	}
	if (status == 0)
		info_fill(&job, degraded, out);
	attach_close(&job);
	return status;
}
