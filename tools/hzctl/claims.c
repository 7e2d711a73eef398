#include "claims.h"
#include "core/endpoint.h"
#include <errno.h>
#include <string.h>

#define HEALTH_PATH_DEFAULT "/healthz"
#define HEALTH_BODY_DEFAULT "ok"

static int room_check(uint32_t count, struct hz_err *err)
{
	if (count < HZ_CLAIMS_MAX)
		return 0;
	return hz_err_set(err, -E2BIG, 2, "too_many_claims", "", "more than %d claims",
	                  HZ_CLAIMS_MAX);
}

static int claim_put(struct hz_claims *claims, const struct hz_endpoint *endpoint,
                     uint8_t shed_class, struct hz_err *err)
{
	int status = room_check(claims->claim_count, err);

	if (status != 0)
		return status;
	claims->claim_class[claims->claim_count] = shed_class;
	claims->claim[claims->claim_count++] = *endpoint;
	return 0;
}

static int health_put(struct hz_claims *claims, const struct hz_xdp_health *health,
                      struct hz_err *err)
{
	int status = room_check(claims->health_count, err);

	if (status == 0)
		claims->health[claims->health_count++] = *health;
	return status;
}

int hz_claims_add(struct hz_claims *claims, enum hz_claim_kind kind, const char *text,
                  struct hz_err *err)
{
	struct hz_xdp_health health = { .path = HEALTH_PATH_DEFAULT, .body = HEALTH_BODY_DEFAULT };
	const char *colon = strchr(text, ':');

	health.is_udp = strncmp(text, "udp:", 4) == 0;
	if (colon == NULL || (!health.is_udp && strncmp(text, "tcp:", 4) != 0) ||
	    (health.is_udp && kind != HZ_CLAIM_HEALTH))
		return hz_err_set(err, -EINVAL, 2, "bad_claim",
		                  "tcp:10.7.0.2:80 or tcp:[2001:db8::2]:80", "'%.60s': %s", text,
		                  health.is_udp ? "a site is served over tcp only"
		                                : "a claim is PROTO:ADDR:PORT");
	if (hz_endpoint_parse(colon + 1, &health.endpoint) != 0)
		return hz_err_set(err, -EINVAL, 2, "bad_claim",
		                  "tcp:10.7.0.2:80 or tcp:[2001:db8::2]:80",
		                  "'%.60s' is no address and port", colon + 1);
	return kind == HZ_CLAIM_HEALTH ? health_put(claims, &health, err)
	                               : claim_put(claims, &health.endpoint, HZ_CLASS_BULK, err);
}

/* One address may carry several listens; its health ports are claimed once. */
static bool is_first_of_address(const struct hz_site *site, uint32_t index, const char *ifname)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(site->listen[i].interface, ifname) == 0 &&
		    memcmp(&site->listen[i].endpoint.addr, &site->listen[index].endpoint.addr,
		           sizeof(struct hz_addr)) == 0)
			return false;
	return true;
}

/* Probers have an entry only where their port is listened on. */
static bool is_claimed(const struct hz_site *site, const char *ifname,
                       const struct hz_endpoint *endpoint)
{
	for (uint32_t i = 0; i < site->listen_count; i++)
		if (strcmp(site->listen[i].interface, ifname) == 0 &&
		    memcmp(&site->listen[i].endpoint, endpoint, sizeof(*endpoint)) == 0)
			return true;
	return false;
}

static int healths_add(struct hz_claims *claims, const struct hz_site *site, const char *ifname,
                       const struct hz_addr *addr, struct hz_err *err)
{
	int status = 0;

	for (uint32_t i = 0; i < site->health_count && status == 0; i++) {
		struct hz_xdp_health health = {
			.endpoint = { .addr = *addr, .port = site->health[i].port },
			.path = site->health[i].path,
			.body = site->health[i].body,
			.is_udp = site->health[i].is_udp,
			.from_count = site->health[i].from_count,
			.from = site->health[i].from,
		};

		if (health.from_count == 0 || is_claimed(site, ifname, &health.endpoint))
			status = health_put(claims, &health, err);
	}
	return status;
}

int hz_claims_from_site(struct hz_claims *claims, struct hz_site *site, const char *ifname,
                        struct hz_err *err)
{
	int status = 0;

	claims->site = site;
	for (uint32_t i = 0; i < site->listen_count && status == 0; i++) {
		if (strcmp(site->listen[i].interface, ifname) != 0)
			continue;
		status = claim_put(claims, &site->listen[i].endpoint, site->listen[i].shed_class,
		                   err);
		if (status == 0 && is_first_of_address(site, i, ifname))
			status = healths_add(claims, site, ifname, &site->listen[i].endpoint.addr,
			                     err);
	}
	if (status == 0 && claims->claim_count == 0)
		return hz_err_set(err, -ENOENT, 2, "no_listen", "hzctl conf check FILE",
		                  "the site has no listen on %.15s", ifname);
	return status;
}

void hz_claims_free(struct hz_claims *claims)
{
	hz_site_free(claims->site);
	claims->site = NULL;
}
