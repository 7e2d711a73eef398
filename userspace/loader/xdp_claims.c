#include "loader/xdp_claims.h"
#include "core/endpoint.h"
#include "loader/xdp_answer.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#define USAGE_CODE 2
#define HINT       "hzctl xdp help"

void hz_xdp_claims_key(struct hz_claim_key *out, const struct hz_endpoint *endpoint)
{
	*out = (struct hz_claim_key){
		.addr = endpoint->addr,
		.port = htons(endpoint->port),
		.protocol = IPPROTO_TCP,
	};
}

static int find(const struct hz_xdp_claims *claims, const struct hz_claim_key *key)
{
	for (uint32_t i = 0; i < claims->count; i++)
		if (memcmp(&claims->key[i], key, sizeof(*key)) == 0)
			return (int)i;
	return -ENOENT;
}

/* The same claim twice is one claim; the same flow for two purposes is a mistake. */
static int claim_add(struct hz_xdp_claims *claims, const struct hz_claim_key *key,
                     const struct hz_claim *claim)
{
	int at = find(claims, key);

	if (at >= 0)
		return memcmp(&claims->claim[at], claim, sizeof(*claim)) == 0 ? 0 : -EEXIST;
	if (claims->count == HZ_CLAIMS_MAX)
		return -ENOSPC;
	claims->key[claims->count] = *key;
	claims->claim[claims->count] = *claim;
	claims->count++;
	return 0;
}

/* XDP compares addresses byte for byte, so one that stands for many would never match. */
static bool addr_is_one_host(const struct hz_addr *addr)
{
	static const struct hz_addr any = { { 0 } };

	if (hz_addr_is_v4(addr))
		return addr->byte[12] != 0 && addr->byte[12] < 224;
	return memcmp(addr, &any, sizeof(any)) != 0 && addr->byte[0] != 0xff;
}

/* The flow, and the address for echo and for packets whose ports are out of sight. */
static int flow_add(struct hz_xdp_claims *claims, const struct hz_endpoint *endpoint,
                    const struct hz_claim *claim)
{
	const struct hz_claim address = { .kind = HZ_CLAIM_ADDRESS };
	struct hz_claim_key key;
	int status;

	if (endpoint->port == 0 || !addr_is_one_host(&endpoint->addr))
		return -EINVAL;
	hz_xdp_claims_key(&key, endpoint);
	status = claim_add(claims, &key, claim);
	if (status != 0)
		return status;
	key.port = 0;
	key.protocol = hz_addr_is_v4(&endpoint->addr) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	return claim_add(claims, &key, &address);
}

static int health_add(struct hz_xdp_claims *claims, const struct hz_xdp_health *health)
{
	const char *path = health->path == NULL ? "/healthz" : health->path;
	const char *body = health->body == NULL ? "ok" : health->body;
	struct hz_claim claim = { .kind = HZ_CLAIM_HEALTH,
		                  .response_base = claims->response_count };
	size_t len = strnlen(path, sizeof(claim.path) + 1);
	int status;

	if (len == 0 || len > sizeof(claim.path) || path[0] != '/' || strpbrk(path, " ?#") != NULL)
		return -EDOM;
	if (claims->response_count + HZ_RESPONSE_KINDS > HZ_RESPONSES_MAX)
		return -ENOSPC;
	claim.path_bytes = (uint8_t)len;
	memcpy(claim.path, path, len);
	status = hz_xdp_answer_render(&claims->response[claims->response_count], body);
	if (status != 0)
		return -EDOM;
	status = flow_add(claims, &health->endpoint, &claim);
	if (status == 0)
		claims->response_count += HZ_RESPONSE_KINDS;
	return status;
}

static int refuse(struct hz_err *err, int status, const struct hz_endpoint *endpoint)
{
	char text[HZ_ENDPOINT_TEXT_MAX];

	hz_endpoint_print(endpoint, text);
	switch (status) {
	case -EEXIST:
		return hz_err_set(err, status, USAGE_CODE, "claim_twice", HINT,
		                  "%s is claimed for two different things", text);
	case -ENOSPC:
		return hz_err_set(err, status, USAGE_CODE, "claims_many", HINT,
		                  "%s is one claim too many: at most %d claims and addresses and "
		                  "%d health ports",
		                  text, HZ_CLAIMS_MAX, HZ_RESPONSES_MAX / HZ_RESPONSE_KINDS);
	case -EDOM:
		return hz_err_set(err, status, USAGE_CODE, "health_text", HINT,
		                  "health on %s: the path begins with / and has at most 64 bytes, "
		                  "the body is printable and has at most %d",
		                  text, HZ_HEALTH_BODY_MAX);
	default:
		return hz_err_set(err, status, USAGE_CODE, "claim_address", HINT,
		                  "%s: a claim is one unicast address and a port", text);
	}
}

int hz_xdp_claims_build(const struct hz_xdp_attach_opts *opts, struct hz_xdp_claims **out,
                        struct hz_err *err)
{
	const struct hz_claim site = { .kind = HZ_CLAIM_SITE };
	struct hz_xdp_claims *claims;
	int status = 0;

	if (opts->claim_count + opts->health_count == 0)
		return hz_err_set(err, -EINVAL, USAGE_CODE, "claims_none", HINT,
		                  "nothing is claimed");
	claims = calloc(1, sizeof(*claims));
	if (claims == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	for (uint32_t i = 0; i < opts->claim_count && status == 0; i++) {
		status = flow_add(claims, &opts->claims[i], &site);
		if (status != 0)
			refuse(err, status, &opts->claims[i]);
	}
	for (uint32_t i = 0; i < opts->health_count && status == 0; i++) {
		status = health_add(claims, &opts->healths[i]);
		if (status != 0)
			refuse(err, status, &opts->healths[i].endpoint);
	}
	if (status != 0) {
		free(claims);
		return status;
	}
	*out = claims;
	return 0;
}

int hz_xdp_claims_write(const struct hz_xdp_claims *claims, int vips_fd, int resp_fd)
{
	for (uint32_t i = 0; i < claims->response_count; i++)
		if (bpf_map_update_elem(resp_fd, &i, &claims->response[i], BPF_ANY) != 0)
			return -errno;
	for (uint32_t i = 0; i < claims->count; i++)
		if (bpf_map_update_elem(vips_fd, &claims->key[i], &claims->claim[i], BPF_NOEXIST) !=
		    0)
			return -errno;
	if (bpf_map_freeze(vips_fd) != 0 || bpf_map_freeze(resp_fd) != 0)
		return -errno;
	return 0;
}

static uint32_t keys_count(int vips_fd)
{
	struct hz_claim_key key, next;
	const struct hz_claim_key *from = NULL;
	uint32_t count = 0;

	while (count <= HZ_CLAIMS_MAX && bpf_map_get_next_key(vips_fd, from, &next) == 0) {
		key = next;
		from = &key;
		count++;
	}
	return count;
}

bool hz_xdp_claims_are(const struct hz_xdp_claims *claims, int vips_fd, int resp_fd)
{
	struct hz_response response;
	struct hz_claim claim;

	if (keys_count(vips_fd) != claims->count)
		return false;
	for (uint32_t i = 0; i < claims->count; i++)
		if (bpf_map_lookup_elem(vips_fd, &claims->key[i], &claim) != 0 ||
		    memcmp(&claim, &claims->claim[i], sizeof(claim)) != 0)
			return false;
	for (uint32_t i = 0; i < claims->response_count; i++)
		if (bpf_map_lookup_elem(resp_fd, &i, &response) != 0 ||
		    memcmp(&response, &claims->response[i], sizeof(response)) != 0)
			return false;
	return true;
}
