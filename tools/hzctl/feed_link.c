#include "feed_link.h"
#include "core/clock.h"
#include <errno.h>

#define SILENT_NS     (3 * HZ_NS_PER_S + HZ_NS_PER_S / 2)
#define SILENT_MAX_NS (15 * HZ_NS_PER_S) /* then the connection is taken for dead */
#define PAUSE_MIN_NS  HZ_NS_PER_S
#define PAUSE_MAX_NS  (8 * HZ_NS_PER_S)
#define HTTP_BUSY     503 /* it has just started, or as many read as may */

const char *hz_feed_link_instance(const char *instance, bool is_address_given)
{
	if (instance != NULL || is_address_given)
		return instance;
	return "";
}

void hz_feed_link_init(const struct hz_endpoint *endpoint, const char *instance,
                       hz_feed_client_fn *fn, void *ctx, struct hz_feed_link *out)
{
	*out = (struct hz_feed_link){ .client = { .fd = -1 },
		                      .endpoint = *endpoint,
		                      .instance = instance,
		                      .fn = fn,
		                      .ctx = ctx,
		                      .pause_ns = PAUSE_MIN_NS };
}

void hz_feed_link_close(struct hz_feed_link *link)
{
	hz_feed_client_close(&link->client);
}

static int link_open(struct hz_feed_link *link, uint64_t now_ns)
{
	link->ticks = 0;
	link->heard_ns = now_ns;
	return hz_feed_client_open(&link->endpoint, link->instance, link->fn, link->ctx,
	                           &link->client);
}

static int link_read(struct hz_feed_link *link, uint64_t now_ns)
{
	int status = hz_feed_client_turn(&link->client);

	if (link->client.ticks == link->ticks || link->client.other[0] != '\0')
		return status;
	link->ticks = link->client.ticks;
	link->heard_ns = now_ns;
	link->pause_ns = PAUSE_MIN_NS;
	link->was_live = true;
	return status;
}

int hz_feed_link_turn(struct hz_feed_link *link, bool is_ready, uint64_t now_ns, struct hz_err *err)
{
	int status = 0;

	if (link->client.fd < 0 && now_ns >= link->retry_ns)
		status = link_open(link, now_ns);
	else if (link->client.fd >= 0 && is_ready)
		status = link_read(link, now_ns);
	if (status == 0 && link->client.fd >= 0 && now_ns - link->heard_ns > SILENT_MAX_NS)
		status = -ETIMEDOUT;
	if (status == 0)
		return 0;
	(void)hz_feed_client_fail(&link->client, status, err);
	link->http_status = link->client.reader.http_status;
	hz_feed_client_close(&link->client);
	link->retry_ns = now_ns + link->pause_ns;
	link->pause_ns = HZ_MIN(2 * link->pause_ns, PAUSE_MAX_NS);
	return status;
}

bool hz_feed_link_is_passing(const struct hz_feed_link *link, int status)
{
	if (status == -EBADMSG)
		return link->http_status == HTTP_BUSY;
	return status != -EXDEV && status != -ENOMEM;
}

enum hz_feed_state hz_feed_link_state(const struct hz_feed_link *link, uint64_t now_ns)
{
	if (link->client.fd < 0)
		return HZ_FEED_DOWN;
	if (now_ns - link->heard_ns > SILENT_NS)
		return HZ_FEED_SILENT;
	return link->ticks > 0 ? HZ_FEED_LIVE : HZ_FEED_TRIES;
}
