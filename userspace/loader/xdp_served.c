#include "loader/xdp_served.h"
#include "loader/xdp_answer.h"
#include "loader/xdp_claims.h"
#include "loader/xdp_link.h"
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static int pin_id(const char *instance, const char *name, const char *ifname, uint32_t *out)
{
	int fd = hz_xdp_pins_open(instance, name, ifname, true);

	if (fd < 0)
		return fd;
	*out = hz_xdp_link_map_id(fd);
	close(fd);
	return *out != 0 ? 0 : -EPROTO;
}

int hz_xdp_served_read(const char *instance, const char *ifname, struct hz_xdp_served *out)
{
	struct hz_xdp_served served = { 0 };
	int status = pin_id(instance, "beat", NULL, &served.shared_id);

	if (status == 0)
		status = pin_id(instance, "xsks_map", ifname, &served.xsks_id);
	if (status == 0)
		*out = served;
	return status;
}

int hz_xdp_served_mode(const char *instance, const char *ifname, enum hz_xdp_mode *out)
{
	struct hz_meta meta;
	int status = hz_xdp_link_meta(instance, ifname, &meta);

	if (status == 0)
		*out = meta.mode == XDP_FLAGS_SKB_MODE ? HZ_XDP_GENERIC : HZ_XDP_NATIVE;
	return status;
}

static bool answers_are(int resp_fd, uint32_t base, const char *body)
{
	struct hz_response want[HZ_RESPONSE_KINDS], got;

	if (hz_xdp_answer_render(want, body) != 0)
		return false;
	for (uint32_t i = 0; i < HZ_RESPONSE_KINDS; i++) {
		uint32_t index = base + i;

		if (bpf_map_lookup_elem(resp_fd, &index, &got) != 0 ||
		    memcmp(&got, &want[i], sizeof(got)) != 0)
			return false;
	}
	return true;
}

int hz_xdp_served_health(const char *instance, const char *ifname,
                         const struct hz_xdp_health *health)
{
	int vips_fd = hz_xdp_pins_open(instance, "vips", ifname, true);
	int resp_fd = hz_xdp_pins_open(instance, "resp", ifname, true);
	int status = HZ_MIN(HZ_MIN(vips_fd, resp_fd), 0);
	struct hz_claim_key key;
	struct hz_claim claim;

	hz_xdp_claims_key(&key, &health->endpoint);
	if (status == 0 &&
	    (bpf_map_lookup_elem(vips_fd, &key, &claim) != 0 || claim.kind != HZ_CLAIM_HEALTH))
		status = -ENOENT;
	if (status == 0 &&
	    (claim.path_bytes != strlen(health->path) ||
	     memcmp(claim.path, health->path, HZ_MIN(claim.path_bytes, sizeof(claim.path))) != 0 ||
	     !answers_are(resp_fd, claim.response_base, health->body)))
		status = -ESTALE;
	if (vips_fd >= 0)
		close(vips_fd);
	if (resp_fd >= 0)
		close(resp_fd);
	return status;
}
