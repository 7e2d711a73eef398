#include "loader/xdp_tell.h"
#include "loader/xdp_maps.h"
#include "loader/xdp_pins.h"
#include <stdio.h>
#include <unistd.h>

void hz_xdp_tell(const char *instance, const char *ifname, uint32_t before_id, uint32_t now_id)
{
	struct hz_event_state record = {
		.header = { .kind = HZ_EVENT_STATE, .bytes = sizeof(record) },
		.what = HZ_STATE_OF_XDP,
		.before = before_id,
		.now = now_id,
	};
	struct hz_xdp_maps maps = { .emit_prog_fd = -1 };

	if (before_id == now_id)
		return;
	maps.emit_prog_fd = hz_xdp_pins_open(instance, "prog_emit", NULL, false);
	if (maps.emit_prog_fd < 0)
		return;
	snprintf(record.name, sizeof(record.name), "%s", ifname);
	(void)hz_xdp_emit(&maps, &record, sizeof(record), true);
	close(maps.emit_prog_fd);
}
