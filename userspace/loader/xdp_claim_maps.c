#include "loader/xdp_claim_maps.h"
#include "loader/xdp_pins.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

int hz_xdp_claim_maps_open(const char *instance, const char *ifname, bool is_reader,
                           struct hz_xdp_claim_maps *out)
{
	const struct hz_xdp_claim_maps maps = {
		.vips_fd = hz_xdp_pins_open(instance, "vips", ifname, is_reader),
		.probers_fd = hz_xdp_pins_open(instance, "probers", ifname, is_reader),
		.resp_fd = hz_xdp_pins_open(instance, "resp", ifname, is_reader),
	};
	int status = HZ_MIN(HZ_MIN(maps.vips_fd, maps.probers_fd), HZ_MIN(maps.resp_fd, 0));

	if (status == 0)
		*out = maps;
	else
		hz_xdp_claim_maps_close(&maps);
	return status;
}

void hz_xdp_claim_maps_close(const struct hz_xdp_claim_maps *maps)
{
	const int fds[] = { maps->vips_fd, maps->probers_fd, maps->resp_fd };

	for (size_t i = 0; i < HZ_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int hz_xdp_claim_maps_write(const struct hz_xdp_claim_maps *maps,
                            const struct hz_xdp_claims *claims)
{
	const uint32_t shed = HZ_RESPONSE_SHED;

	for (uint32_t i = 0; i < claims->response_count; i++)
		if (bpf_map_update_elem(maps->resp_fd, &i, &claims->response[i], BPF_ANY) != 0)
			return -errno;
	if (bpf_map_update_elem(maps->resp_fd, &shed, &claims->response[shed], BPF_ANY) != 0)
		return -errno;
	for (uint32_t i = 0; i < claims->prober_count; i++)
		if (bpf_map_update_elem(maps->probers_fd, &claims->prober[i],
		                        &claims->prober_claim[i], BPF_NOEXIST) != 0)
			return -errno;
	for (uint32_t i = 0; i < claims->count; i++)
		if (bpf_map_update_elem(maps->vips_fd, &claims->key[i], &claims->claim[i],
		                        BPF_NOEXIST) != 0)
			return -errno;
	if (bpf_map_freeze(maps->vips_fd) != 0 || bpf_map_freeze(maps->probers_fd) != 0 ||
	    bpf_map_freeze(maps->resp_fd) != 0)
		return -errno;
	return 0;
}

#define KEY_BYTES_MAX sizeof(struct hz_prober_key)

static bool is_among(const uint8_t *key, const void *keys, uint32_t count, size_t key_bytes)
{
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(key, (const char *)keys + i * key_bytes, key_bytes) == 0)
			return true;
	return false;
}

/* The keys of the map are these, each of which is there once. Asking the map for each would not do: a
 * trie answers with what is more general. */
static bool keys_are(int fd, const void *keys, uint32_t count, size_t key_bytes)
{
	uint8_t key[KEY_BYTES_MAX], next[KEY_BYTES_MAX];
	const uint8_t *from = NULL;
	uint32_t found = 0;

	while (found <= count && bpf_map_get_next_key(fd, from, next) == 0) {
		if (!is_among(next, keys, count, key_bytes))
			return false;
		memcpy(key, next, sizeof(key));
		from = key;
		found++;
	}
	return found == count;
}

static bool claims_are(int fd, uint32_t count, const void *keys, size_t key_bytes,
                       const struct hz_claim *claims)
{
	struct hz_claim claim;

	if (!keys_are(fd, keys, count, key_bytes))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_lookup_elem(fd, (const char *)keys + i * key_bytes, &claim) != 0 ||
		    memcmp(&claim, &claims[i], sizeof(claim)) != 0)
			return false;
	return true;
}

bool hz_xdp_claim_maps_are(const struct hz_xdp_claim_maps *maps, const struct hz_xdp_claims *claims)
{
	struct hz_response response;

	if (!claims_are(maps->vips_fd, claims->count, claims->key, sizeof(claims->key[0]),
	                claims->claim) ||
	    !claims_are(maps->probers_fd, claims->prober_count, claims->prober,
	                sizeof(claims->prober[0]), claims->prober_claim))
		return false;
	for (uint32_t i = 0; i < claims->response_count; i++)
		if (bpf_map_lookup_elem(maps->resp_fd, &i, &response) != 0 ||
		    memcmp(&response, &claims->response[i], sizeof(response)) != 0)
			return false;
	return true;
}
