/* Addresses of a port. */
#include "net/host.h"

#include "core/endpoint.h"
#include "core/rng.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hz_host_open(const struct hz_host_conf *conf, struct hz_host **out)
{
	struct hz_host *host = calloc(1, sizeof(*host));
	int err;

	if (host == NULL)
		return -ENOMEM;
	host->conf = *conf;
	err = hz_rng_secret(host->neigh.key, sizeof(host->neigh.key));
	if (err != 0) {
		free(host);
		return err;
	}
	*out = host;
	return 0;
}

void hz_host_close(struct hz_host *host)
{
	free(host);
}

bool hz_host_has(const struct hz_host *host, const struct hz_addr *addr)
{
	for (uint32_t i = 0; i < host->conf.addr_count; i++)
		if (memcmp(&host->conf.addr[i].addr, addr, sizeof(*addr)) == 0)
			return true;
	return false;
}

const struct hz_host_addr *hz_host_beside(const struct hz_host *host, const struct hz_addr *addr)
{
	for (uint32_t i = 0; i < host->conf.addr_count; i++) {
		const struct hz_host_addr *own = &host->conf.addr[i];

		if (hz_addr_is_within(addr, &own->addr, own->prefix_bits))
			return own;
	}
	return NULL;
}
