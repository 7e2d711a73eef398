/* What the world does by the stack's own interface: active opens and ICMP errors. */
#include "tcp_world.h"

#include <errno.h>
#include <string.h>

#define PEER_PORT 40000u

bool world_opening_end(struct app *app, const struct hz_stream *s)
{
	for (size_t i = 0; i < WORLD_OPENS_MAX; i++) {
		if (app->opening[i] == s) {
			app->opening[i] = NULL;
			return true;
		}
	}
	return false;
}

int world_connect(struct world *world, uint16_t local_port, uint16_t peer_port)
{
	const uint8_t macs[12] = { 2, 0, 0, 0, 0, world->peer_mac, 2, 0, 0, 0, 0, 2 };
	struct hz_tcp_target to = {
		.local_port = local_port,
		.remote_port = peer_port != 0 ? peer_port : PEER_PORT,
		.port = &world->fake.port,
		.proto = &world_app_ops,
		.owner = &world->app,
	};
	struct app *app = &world->app;
	size_t i = 0;
	int err;

	world_address(world, 1, &to.remote);
	world_address(world, 2, &to.local);
	to.l2_bytes = (uint8_t)(world_link(world, to.l2) - to.l2);
	memcpy(to.l2, macs, sizeof(macs));
	while (i < WORLD_OPENS_MAX && app->opening[i] != NULL)
		i++;
	if (i == WORLD_OPENS_MAX)
		return -ENFILE;
	err = hz_tcp_connect(world->tcp, &to, &app->opening[i]);
	if (err == 0)
		app->stream = app->opening[i];
	return err;
}

bool world_icmp(struct world *world, enum hz_tcp_icmp_kind kind, uint32_t seq, uint32_t mtu)
{
	struct hz_tcp_icmp icmp = {
		.kind = kind,
		.is_v6 = world->is_v6,
		.remote_port = PEER_PORT,
		.local_port = (uint16_t)world->our_port,
		.seq = world->isn_us + seq,
		.mtu = mtu,
	};

	world_address(world, 1, &icmp.remote);
	world_address(world, 2, &icmp.local);
	return hz_tcp_icmp_in(world->tcp, &icmp);
}
