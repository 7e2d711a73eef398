/* The end of the stream of events: what was recorded since housekeeping's last turn, and behind
 * it that we are down. */
#include "server/server_priv.h"

void hz_server_last_tell(struct hz_server *server, bool is_stuck)
{
	const uint64_t now_ns = hz_clock_monotonic_ns();

	hz_server_slow_turn(server, now_ns); /* makes room for the examples */
	if (!is_stuck)
		hz_seats_slow_end(&server->seats, now_ns);
	hz_server_slow_close(server);
	hz_publish_finish(server->publish, server);
	hz_server_events_close(server);
}
