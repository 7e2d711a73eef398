#include "loader/xdp_served.h"
#include "loader/xdp_answer.h"
#include "loader/xdp_claim_maps.h"
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

int hz_xdp_served_program(const char *instance, const char *ifname, uint32_t *program_id)
{
	struct hz_xdp_link link;
	int status = hz_xdp_link_open(instance, ifname, &link);

	if (status != 0)
		return status;
	*program_id = link.ifindex != 0 ? link.program_id : 0;
	hz_xdp_link_close(&link);
	return 0;
}

int hz_xdp_served_mode(const char *instance, const char *ifname, enum hz_xdp_mode *out)
{
	struct hz_meta meta;
	int status = hz_xdp_link_meta(instance, ifname, &meta);

	if (status == 0)
		*out = meta.mode == XDP_FLAGS_SKB_MODE ? HZ_XDP_GENERIC : HZ_XDP_NATIVE;
	return status;
}

static bool answers_are(int resp_fd, uint32_t base, const struct hz_xdp_health *health)
{
	uint32_t kinds = health->is_udp ? HZ_RESPONSE_UDP_KINDS : HZ_RESPONSE_KINDS;
	struct hz_response want[HZ_RESPONSE_KINDS], got;
	int status = health->is_udp ? hz_xdp_answer_udp(want, health->body)
	                            : hz_xdp_answer_render(want, health->body);

	for (uint32_t i = 0; i < kinds && status == 0; i++) {
		uint32_t index = base + i;

		if (bpf_map_lookup_elem(resp_fd, &index, &got) != 0 ||
		    memcmp(&got, &want[i], sizeof(got)) != 0)
			status = -ESTALE;
	}
	return status == 0;
}

static int claim_check(const struct hz_xdp_claim_maps *maps, int fd, const void *key,
                       const struct hz_xdp_health *health)
{
	size_t path_bytes = health->is_udp ? 0 : strlen(health->path);
	struct hz_claim claim;

	if (bpf_map_lookup_elem(fd, key, &claim) != 0 || claim.kind != HZ_CLAIM_HEALTH)
		return -ENOENT;
	if (claim.path_bytes != path_bytes ||
	    memcmp(claim.path, health->path, HZ_MIN(path_bytes, sizeof(claim.path))) != 0 ||
	    !answers_are(maps->resp_fd, claim.response_base, health))
		return -ESTALE;
	return 0;
}

int hz_xdp_served_health(const char *instance, const char *ifname,
                         const struct hz_xdp_health *health)
{
	struct hz_xdp_claim_maps maps;
	struct hz_prober_key prober;
	struct hz_claim_key key;
	int status = hz_xdp_claim_maps_open(instance, ifname, true, &maps);

	if (status != 0)
		return status;
	for (uint32_t i = 0; i < health->from_count && status == 0; i++) {
		hz_xdp_claims_prober(&prober, health->endpoint.port, &health->from[i]);
		status = claim_check(&maps, maps.probers_fd, &prober, health);
	}
	if (health->from_count == 0) {
		hz_xdp_claims_key(&key, &health->endpoint, health->is_udp);
		status = claim_check(&maps, maps.vips_fd, &key, health);
	}
	hz_xdp_claim_maps_close(&maps);
	return status;
}

int hz_xdp_served_class(const char *instance, const char *ifname,
                        const struct hz_endpoint *endpoint, uint8_t *out)
{
	int status = 0, fd = hz_xdp_pins_open(instance, "vips", ifname, true);
	struct hz_claim_key key;
	struct hz_claim claim;

	if (fd < 0)
		return fd;
	hz_xdp_claims_key(&key, endpoint, false);
	if (bpf_map_lookup_elem(fd, &key, &claim) != 0)
		status = -errno;
	else if (claim.kind != HZ_CLAIM_SITE)
		status = -ENOENT;
	close(fd);
	if (status == 0)
		*out = claim.shed_class;
	return status;
}
