/* What is attached already: it stays as it is, or another program takes over between two frames. */
#include "core/hint.h"
#include "loader/xdp_busy.h"
#include "loader/xdp_fail.h"
#include "loader/xdp_job.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static int refuse_detach_first(const struct hz_xdp_job *job, int status, const char *code,
                               const char *why)
{
	char hint[sizeof(job->err->hint)];

	hz_hint_write(hint, sizeof(hint), job->opts->instance, "xdp detach dev %s",
	              job->opts->ifname);
	return hz_err_set(job->err, status, 1, code, hint, "%s", why);
}

/* Is what runs what would be attached now? The pins say so only while they belong to the program that
 * the link runs: a replacement that was killed half-way leaves pins of the other one. */
static bool runs_the_same(const struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int prog_fd = hz_xdp_pins_open(opts->instance, "prog_xdp", opts->ifname, false);
	struct hz_xdp_claim_maps maps;
	bool is_same = prog_fd >= 0 && hz_xdp_link_program_id(prog_fd) == job->link.program_id &&
	               strncmp(job->meta.version, HZ_VERSION, sizeof(job->meta.version)) == 0;

	if (is_same)
		is_same = hz_xdp_claim_maps_open(opts->instance, opts->ifname, false, &maps) == 0;
	if (is_same) {
		is_same = hz_xdp_claim_maps_are(&maps, job->claims);
		hz_xdp_claim_maps_close(&maps);
	}
	if (prog_fd >= 0)
		close(prog_fd);
	return is_same;
}

/* A map of the program that runs; -ESTALE: what is pinned is of another one. */
static int running_map(const struct hz_xdp_job *job, const char *name)
{
	int fd = hz_xdp_pins_open(job->opts->instance, name, job->opts->ifname, false);

	if (fd < 0 || hz_xdp_link_program_uses(job->link.program_id, hz_xdp_link_map_id(fd)))
		return fd;
	close(fd);
	return -ESTALE;
}

/* The sockets of a running hzd are in the map of the program that runs: the next one goes on with it,
 * as a map of its own would cut hzd off without a word. The same holds for the program chained behind, and
 * without new claims for those that run. */
static int heirloom_open(struct hz_xdp_job *job)
{
	struct hz_xdp_heirloom *heirloom = &job->heirloom;
	char hint[sizeof(job->err->hint)];

	heirloom->xsks_fd = running_map(job, "xsks_map");
	if (heirloom->xsks_fd < 0)
		return refuse_detach_first(job, heirloom->xsks_fd, "xdp_sockets",
		                           "the pinned xsks_map is not the one of the attached "
		                           "program: hzd's sockets would be cut off");
	heirloom->next_fd = running_map(job, "next");
	if (heirloom->next_fd < 0 && job->link.is_chained)
		return refuse_detach_first(job, heirloom->next_fd, "xdp_chain",
		                           "the pinned next is not the one of the attached "
		                           "program: what is chained would be left out");
	if (job->claims != NULL)
		return 0;
	heirloom->claims.vips_fd = running_map(job, "vips");
	heirloom->claims.probers_fd = running_map(job, "probers");
	heirloom->claims.resp_fd = running_map(job, "resp");
	if (heirloom->claims.vips_fd >= 0 && heirloom->claims.probers_fd >= 0 &&
	    heirloom->claims.resp_fd >= 0)
		return 0;
	hz_hint_write(hint, sizeof(hint), job->opts->instance,
	              "xdp update dev %s site FILE, or claim tcp:ADDR:PORT", job->opts->ifname);
	return hz_err_set(job->err, -ESTALE, 1, "xdp_claims", hint,
	                  "the pinned claims are not those of the attached program");
}

static int swap_and_pin(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	const struct hz_xdp_pin pins[] = {
		{ "next", job->program.next_fd, 0600 },
		{ "vips", job->program.claims.vips_fd, 0640 },
		{ "probers", job->program.claims.probers_fd, 0640 },
		{ "resp", job->program.claims.resp_fd, 0640 },
		{ "meta", job->program.meta_fd, 0640 },
		{ "prog_xdp", job->program.prog_fd, 0600 },
	};
	int status;

	status = hz_xdp_pins_stage(opts->instance, opts->ifname, pins, HZ_ARRAY_LEN(pins));
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins", "cannot pin the new program",
		                   NULL);
	status = hz_xdp_link_update(&job->link, opts->mode, job->program.prog_fd);
	if (status != 0) {
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

static int replace(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = 0;

	if (job->claims != NULL)
		status = hz_xdp_busy_check(job);
	if (status == 0)
		status = heirloom_open(job);
	if (status != 0)
		return status;
	hz_xdp_job_meta(job);
	status = hz_xdp_program_load(opts, &job->shared, &job->heirloom, job->claims, &job->meta,
	                             &job->program, job->err);
	return status == 0 && !opts->dry_run ? swap_and_pin(job) : status;
}

/* What was attached may have been so by another hand, elsewhere, otherwise. */
static int existing_check(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	char why[96];

	snprintf(why, sizeof(why), "it is attached already, as program %u; ensure would replace it",
	         job->link.program_id);
	if (!opts->ensure && !opts->update)
		return refuse_detach_first(job, -EEXIST, "xdp_attached", why);
	if (hz_xdp_link_meta(opts->instance, opts->ifname, &job->meta) != 0)
		return refuse_detach_first(job, -EPROTO, "xdp_abi", "its pins are incomplete");
	if (job->meta.netns_inode != hz_xdp_link_netns() || job->link.ifindex != job->ifindex)
		return refuse_detach_first(job, -EEXIST, "xdp_elsewhere",
		                           "this instance is attached to an interface of this name "
		                           "in another network namespace; use another instance");
	if (job->meta.mode != hz_xdp_link_mode_flag(opts->mode))
		return refuse_detach_first(job, -EEXIST, "xdp_mode",
		                           "it is attached in the other mode, which cannot be "
		                           "swapped live");
	return 0;
}

/* A run that was killed after its swap left the pins of what runs staged: they come into their place. One
 * that was killed before it left what nobody needs. */
static int staged_settle(const struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int fd = hz_xdp_pins_open_staged(opts->instance, "prog_xdp", opts->ifname), status = 0;
	bool is_running = fd >= 0 && hz_xdp_link_program_id(fd) == job->link.program_id;

	if (fd >= 0)
		close(fd);
	if (is_running)
		status = hz_xdp_pins_finish(opts->instance, opts->ifname);
	else
		hz_xdp_pins_sweep(opts->instance, opts->ifname);
	if (status != 0)
		return hz_xdp_fail(job->err, status, "xdp_pins",
		                   "cannot finish a replacement that was killed", NULL);
	return 0;
}

int hz_xdp_replace(struct hz_xdp_job *job)
{
	const struct hz_xdp_attach_opts *opts = job->opts;
	int status = existing_check(job);

	job->program_id = job->link.program_id;
	if (status == 0 && !opts->dry_run)
		status = staged_settle(job);
	if (status != 0)
		return status;
	return opts->ensure && runs_the_same(job) ? 0 : replace(job);
}
