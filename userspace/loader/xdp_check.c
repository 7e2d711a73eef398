/* Is our program on this interface, with the claims that are served? */
#include "core/endpoint.h"
#include "core/hint.h"
#include "loader/xdp_claims.h"
#include "loader/xdp_link.h"
#include "loader/xdp_maps.h"
#include "loader/xdp_owner.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define EXIT_BPF      6 /* of hzd */
#define LOOKS         4
#define LOOK_AGAIN_NS 2000000

struct check {
	const char *instance;
	const char *ifname;
	const struct hz_endpoint *claims;
	uint32_t claim_count;
	struct hz_err *err;
};

/* The command that makes it right. ensure replaces all claims: it names every one that is served. */
static int check_fail(const struct check *check, int status, const char *why)
{
	char hint[sizeof(check->err->hint)], list[sizeof(hint)] = "", text[HZ_ENDPOINT_TEXT_MAX];
	size_t used = 0;

	for (uint32_t i = 0; i < check->claim_count; i++) {
		hz_endpoint_print(&check->claims[i], text);
		used += (size_t)snprintf(list + used, sizeof(list) - used, " tcp:%s", text);
		if (used > sizeof(list) / 2) { /* half a command is worse than a pattern of one */
			snprintf(list, sizeof(list), " tcp:ADDR:PORT...");
			break;
		}
	}
	hz_hint_write(hint, sizeof(hint), check->instance, "xdp attach dev %s%s%s ensure",
	              check->ifname, used > 0 ? " claim" : "", list);
	return hz_err_set(check->err, status, EXIT_BPF, "xdp_not_attached", hint, "%s", why);
}

static int check_claims(const struct check *check)
{
	char text[HZ_ENDPOINT_TEXT_MAX], why[128];
	int status = 0, fd = hz_xdp_pins_open(check->instance, "vips", check->ifname, true);

	if (fd < 0)
		return check_fail(check, fd, "its claims are not pinned");
	for (uint32_t i = 0; i < check->claim_count && status == 0; i++) {
		struct hz_claim_key key;
		struct hz_claim claim;

		hz_xdp_claims_key(&key, &check->claims[i], false);
		if (bpf_map_lookup_elem(fd, &key, &claim) == 0 && claim.kind == HZ_CLAIM_SITE)
			continue;
		hz_endpoint_print(&check->claims[i], text);
		snprintf(why, sizeof(why), "%s is not claimed on %s", text, check->ifname);
		status = check_fail(check, -ENOENT, why);
	}
	close(fd);
	return status;
}

int hz_xdp_check_owner(const char *instance, const char *ifname, struct hz_err *err)
{
	char owner[HZ_INSTANCE_MAX + 1];
	uint32_t ifindex = if_nametoindex(ifname), attached = 0;

	hz_err_what(err, "checking %s failed", ifname);
	if (ifindex == 0 || hz_xdp_link_attached_id(ifindex, &attached) != 0 || attached == 0 ||
	    !hz_xdp_owner_find(instance, ifname, attached, owner))
		return 0;
	return hz_xdp_owner_refuse(owner, ifname, err);
}

/* The link and what the device runs, as of one moment: an update comes between the two looks. */
static int running_look(const struct check *check, uint32_t ifindex, struct hz_xdp_link *link,
                        uint32_t *attached)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };
	int status = 0;

	for (int i = 0; i < LOOKS; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = hz_xdp_link_open(check->instance, check->ifname, link);
		if (status != 0)
			return status;
		hz_xdp_link_close(link);
		*attached = 0;
		if (ifindex == 0 || (hz_xdp_link_attached_id(ifindex, attached) == 0 &&
		                     link->ifindex == ifindex && *attached == link->program_id))
			break;
	}
	return 0;
}

int hz_xdp_check(const char *instance, const char *ifname, const struct hz_endpoint *claims,
                 uint32_t claim_count, struct hz_err *err)
{
	const struct check check = { instance, ifname, claims, claim_count, err };
	struct hz_xdp_link link;
	uint32_t ifindex = if_nametoindex(ifname), attached = 0;
	int status = running_look(&check, ifindex, &link, &attached);

	hz_err_what(err, "checking %s failed", ifname);
	if (status != 0)
		return check_fail(&check, status,
		                  status == -ENOENT ? "the XDP program is not attached"
		                                    : "the pinned link cannot be opened");
	if (ifindex == 0)
		return check_fail(&check, -ENODEV,
		                  "there is no such interface in this network namespace");
	if (link.ifindex != ifindex)
		return check_fail(&check, -ENOLINK,
		                  "the program was attached to a device that is gone, or in "
		                  "another network namespace");
	if (attached != link.program_id)
		return check_fail(&check, -ENOLINK, "another program than ours is attached");
	return check_claims(&check);
}
