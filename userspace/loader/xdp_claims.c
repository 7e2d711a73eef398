#include "loader/xdp_claims.h"
#include "core/endpoint.h"
#include "loader/xdp_answer.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_CODE 2
#define HINT       "hzctl xdp help"

void hz_xdp_claims_key(struct hz_claim_key *out, const struct hz_endpoint *endpoint, bool is_udp)
{
	*out = (struct hz_claim_key){
		.addr = endpoint->addr,
		.port = htons(endpoint->port),
		.protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP,
	};
}

void hz_xdp_claims_prober(struct hz_prober_key *out, uint16_t port, const struct hz_mw_prefix *from)
{
	*out = (struct hz_prober_key){
		.prefixlen = 32u + from->bits + (hz_addr_is_v4(&from->addr) ? 96u : 0u),
		.port = htons(port),
		.addr = from->addr,
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
static int flow_add(struct hz_xdp_claims *claims, const struct hz_endpoint *endpoint, bool is_udp,
                    const struct hz_claim *claim)
{
	const struct hz_claim address = { .kind = HZ_CLAIM_ADDRESS };
	struct hz_claim_key key;
	int status;

	if (endpoint->port == 0 || !addr_is_one_host(&endpoint->addr))
		return -EINVAL;
	hz_xdp_claims_key(&key, endpoint, is_udp);
	status = claim_add(claims, &key, claim);
	if (status != 0)
		return status;
	key.port = 0;
	key.protocol = hz_addr_is_v4(&endpoint->addr) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	return claim_add(claims, &key, &address);
}

/* The claim, and its answers behind those there are. They count only once claims->response_count takes
 * them in. */
static int health_render(struct hz_xdp_claims *claims, const struct hz_xdp_health *health,
                         struct hz_claim *out, uint32_t *response_count)
{
	const char *path = health->path == NULL ? "/healthz" : health->path;
	const char *body = health->body == NULL ? "ok" : health->body;
	struct hz_response *response = &claims->response[claims->response_count];
	uint32_t kinds = health->is_udp ? HZ_RESPONSE_UDP_KINDS : HZ_RESPONSE_KINDS;
	struct hz_claim claim = { .kind = HZ_CLAIM_HEALTH,
		                  .response_base = claims->response_count };
	size_t len = strnlen(path, sizeof(claim.path) + 1);
	int status;

	if (len == 0 || len > sizeof(claim.path) || path[0] != '/' || strpbrk(path, " ?#") != NULL)
		return -EDOM;
	if (claims->response_count + kinds > HZ_RESPONSE_SHED)
		return -ENOSPC;
	if (!health->is_udp) {
		claim.path_bytes = (uint8_t)len;
		memcpy(claim.path, path, len);
	}
	status = health->is_udp ? hz_xdp_answer_udp(response, body)
	                        : hz_xdp_answer_render(response, body);
	if (status != 0)
		return -EDOM;
	*out = claim;
	*response_count = kinds;
	return 0;
}

/* Two claims that probers could not tell apart. */
static bool is_same_health(const struct hz_xdp_claims *claims, const struct hz_claim *a,
                           const struct hz_claim *b)
{
	return a->path_bytes == b->path_bytes && memcmp(a->path, b->path, sizeof(a->path)) == 0 &&
	       memcmp(&claims->response[a->response_base], &claims->response[b->response_base],
	              sizeof(struct hz_response) * HZ_RESPONSE_KINDS) == 0;
}

/* 1: added; 0: there already, as the same site has several addresses. */
static int prober_add(struct hz_xdp_claims *claims, const struct hz_prober_key *key,
                      const struct hz_claim *claim)
{
	for (uint32_t i = 0; i < claims->prober_count; i++)
		if (memcmp(&claims->prober[i], key, sizeof(*key)) == 0)
			return is_same_health(claims, &claims->prober_claim[i], claim) ? 0
			                                                               : -EEXIST;
	if (claims->prober_count == HZ_PROBERS_MAX)
		return -ENOSPC;
	claims->prober[claims->prober_count] = *key;
	claims->prober_claim[claims->prober_count++] = *claim;
	return 1;
}

/* On a site's port, which must be claimed. */
static int probers_add(struct hz_xdp_claims *claims, const struct hz_xdp_health *health)
{
	struct hz_prober_key prober;
	struct hz_claim_key key;
	struct hz_claim claim;
	uint32_t response_count;
	bool is_new = false;
	int at, status;

	hz_xdp_claims_key(&key, &health->endpoint, health->is_udp);
	at = find(claims, &key);
	if (at < 0 || claims->claim[at].kind != HZ_CLAIM_SITE)
		return -ENOENT;
	status = health_render(claims, health, &claim, &response_count);
	for (uint32_t i = 0; i < health->from_count && status >= 0; i++) {
		if (health->from[i].bits == 0)
			return -ERANGE;
		hz_xdp_claims_prober(&prober, health->endpoint.port, &health->from[i]);
		status = prober_add(claims, &prober, &claim);
		is_new = is_new || status > 0;
	}
	if (status < 0)
		return status;
	claims->claim[at].has_probers = 1;
	if (is_new)
		claims->response_count += response_count;
	return 0;
}

static int health_add(struct hz_xdp_claims *claims, const struct hz_xdp_health *health)
{
	struct hz_claim claim;
	uint32_t response_count;
	int status;

	if (health->from_count > 0)
		return probers_add(claims, health);
	status = health_render(claims, health, &claim, &response_count);
	if (status == 0)
		status = flow_add(claims, &health->endpoint, health->is_udp, &claim);
	if (status == 0)
		claims->response_count += response_count;
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
		                  "%s is one claim too many: at most %d claims and addresses, "
		                  "%d health ports and %d prefixes of probers",
		                  text, HZ_CLAIMS_MAX, HZ_RESPONSES_MAX / HZ_RESPONSE_KINDS,
		                  HZ_PROBERS_MAX);
	case -EDOM:
		return hz_err_set(err, status, USAGE_CODE, "health_text", HINT,
		                  "health on %s: the path begins with / and has at most 64 bytes, "
		                  "the body is printable and has at most %d",
		                  text, HZ_HEALTH_BODY_MAX);
	case -ENOENT:
		return hz_err_set(err, status, USAGE_CODE, "health_from", HINT,
		                  "health on %s for some sources: no site is claimed there", text);
	case -ERANGE:
		return hz_err_set(err, status, USAGE_CODE, "health_from", HINT,
		                  "health on %s: a prefix of no bits leaves the site to nobody",
		                  text);
	default:
		return hz_err_set(err, status, USAGE_CODE, "claim_address", HINT,
		                  "%s: a claim is one unicast address and a port", text);
	}
}

int hz_xdp_claims_build(const struct hz_xdp_attach_opts *opts, struct hz_xdp_claims **out,
                        struct hz_err *err)
{
	struct hz_claim site = { .kind = HZ_CLAIM_SITE };
	struct hz_xdp_claims *claims;
	int status = 0;

	if (opts->claim_count + opts->health_count == 0)
		return hz_err_set(err, -EINVAL, USAGE_CODE, "claims_none", HINT,
		                  "nothing is claimed");
	claims = calloc(1, sizeof(*claims));
	if (claims == NULL)
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	hz_xdp_answer_shed(&claims->response[HZ_RESPONSE_SHED]);
	for (uint32_t i = 0; i < opts->claim_count && status == 0; i++) {
		if (opts->claim_classes != NULL)
			site.shed_class = opts->claim_classes[i];
		status = flow_add(claims, &opts->claims[i], false, &site);
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
