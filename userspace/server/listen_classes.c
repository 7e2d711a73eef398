/* Classes of new flows under overload: XDP takes them from the claims, which are frozen, so a site whose classes are
 * others would be served with the old ones. */
#include "core/endpoint.h"
#include "core/hint.h"
#include "server/server_priv.h"
#include <errno.h>

static const char *const class_names[] = HZ_SHED_CLASS_NAMES;

static const char *ifname_of(const struct hz_server *server, uint32_t listen)
{
	return server->port[server->listen_port[listen]].ifname;
}

static int class_fail(const struct hz_server *server, uint32_t listen, uint8_t claimed,
                      uint8_t wanted, struct hz_err *err)
{
	char text[HZ_ENDPOINT_TEXT_MAX], hint[sizeof(err->hint)];

	hz_endpoint_print(&server->listen[listen], text);
	hz_hint_write(hint, sizeof(hint), server->conf->instance,
	              "xdp attach dev %s site %s ensure", ifname_of(server, listen),
	              server->conf->site_path != NULL ? server->conf->site_path : "SITE");
	return hz_err_set(err, -ESTALE, 6, "class_not_claimed", hint,
	                  "%s is claimed with class %s, the site says %s", text,
	                  claimed < HZ_ARRAY_LEN(class_names) ? class_names[claimed] : "?",
	                  class_names[wanted]);
}

/* Weights mean something only between classes that are both there. */
static void mix_store(struct hz_server *server)
{
	bool has_bulk = false, has_gold = false;

	for (uint32_t i = 0; i < server->listen_count; i++) {
		has_bulk |= server->listen_class[i] == HZ_CLASS_BULK;
		has_gold |= server->listen_class[i] == HZ_CLASS_GOLD;
	}
	__atomic_store_n(&server->overload.is_mixed, has_bulk && has_gold, __ATOMIC_RELAXED);
}

void hz_server_classes_read(struct hz_server *server)
{
	uint8_t claimed;

	for (uint32_t i = 0; i < server->listen_count; i++)
		if (hz_xdp_served_class(server->conf->instance, ifname_of(server, i),
		                        &server->listen[i], &claimed) == 0)
			server->listen_class[i] = claimed;
	mix_store(server);
}

int hz_server_classes_check(const struct hz_server *server, struct hz_err *err)
{
	const struct hz_site_listen *listen = server->conf->site->listen;

	if (server->conf->listen_count > 0) /* -l has no class: what is claimed holds */
		return 0;
	for (uint32_t i = 0; i < server->listen_count; i++)
		if (server->listen_class[i] != listen[i].shed_class)
			return class_fail(server, i, server->listen_class[i], listen[i].shed_class,
			                  err);
	return 0;
}

void hz_server_classes_miss(struct hz_server *server)
{
	const struct hz_site *site = server->conf->site;
	bool has_class = false;

	for (uint32_t i = 0; i < site->listen_count; i++)
		has_class |= site->listen[i].shed_class != HZ_CLASS_BULK;
	if (has_class && server->conf->listen_count == 0)
		hz_server_degrade(server, "class of a listen is XDP's, which is not there: "
		                          "all flows are alike");
}
