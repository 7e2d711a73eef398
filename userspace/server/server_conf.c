/* What a server is told in words, by arguments of hzd or by options of a program. */
#include "core/endpoint.h"
#include "server/server.h"
#include <errno.h>
#include <string.h>

int hz_server_conf_listen(struct hz_server_conf *conf, const char *text, struct hz_err *err)
{
	struct hz_site_listen *listen = &conf->listen[conf->listen_count];
	const char *comma = strchr(text, ',');
	size_t len = comma != NULL ? (size_t)(comma - text) : 0;

	if (conf->listen_count == HZ_SITE_LISTENS_MAX)
		return hz_err_set(err, -E2BIG, 2, "usage", "", "at most %d -l",
		                  HZ_SITE_LISTENS_MAX);
	if (len == 0 || len >= sizeof(listen->interface) ||
	    hz_endpoint_parse(comma + 1, &listen->endpoint) != 0)
		return hz_err_set(err, -EINVAL, 2, "usage", "hzd -l eth1,10.7.0.2:80",
		                  "'-l %s' is not IF,ADDR:PORT", text);
	memcpy(listen->interface, text, len);
	listen->interface[len] = '\0';
	conf->listen_count++;
	return 0;
}

int hz_server_conf_set(struct hz_server_conf *conf, const char *text, struct hz_err *err)
{
	const char *equals = strchr(text, '=');
	char path[128], why[256] = "";
	int status;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(path))
		return hz_err_set(err, -EINVAL, 2, "usage", "hzd -o boot/io=socket",
		                  "'-o %s' is not PATH=VALUE", text);
	memcpy(path, text, (size_t)(equals - text));
	path[equals - text] = '\0';
	status = hz_tune_set(&conf->tune, path, equals + 1, why, sizeof(why));
	if (status != 0)
		return hz_err_set(err, status, 2, "setting", "hzd -h lists all settings", "%s",
		                  why);
	return 0;
}

bool hz_server_instance_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
	               len;
}
