#include "collector/map_look.h"
#include "core/base.h"
#include <errno.h>

static int begin(struct hz_map_look *look, const char *instance, uint64_t now_ns,
                 struct hz_map_source *out, struct hz_err *err)
{
	struct hz_err ask_err = { 0 };
	int asked, status;

	look->next_ns = now_ns + HZ_MAP_LOOK_EVERY_S * HZ_NS_PER_S;
	status = hz_map_source_pins(instance, out, err);
	if (status != -EACCES && status != -ENOENT)
		return status;
	asked = hz_fd_ask_begin(&look->ask, instance, &ask_err);
	if (asked == 0) {
		look->asked_ns = now_ns;
		return -EAGAIN;
	}
	if (asked == -ENOENT || asked == -EACCES)
		return status; /* the pin's words say what to do */
	*err = ask_err;
	return asked;
}

/* A hzd that is stopped has the question in its queue, where each further one would wait behind
 * it: one is enough, for as long as it may yet be answered. */
int hz_map_look_turn(struct hz_map_look *look, const char *instance, uint64_t now_ns,
                     struct hz_map_source *out, struct hz_err *err)
{
	int status;

	if (!look->ask.is_open && now_ns < look->next_ns)
		return -EAGAIN;
	if (!look->ask.is_open)
		return begin(look, instance, now_ns, out, err);
	status = hz_map_source_take(&look->ask, instance, out, err);
	if (status == -EAGAIN && now_ns - look->asked_ns >= HZ_MAP_LOOK_PATIENCE_S * HZ_NS_PER_S)
		hz_fd_ask_end(&look->ask);
	if (!look->ask.is_open)
		look->next_ns = now_ns + HZ_MAP_LOOK_EVERY_S * HZ_NS_PER_S;
	return status;
}

int hz_map_look_poll_fd(const struct hz_map_look *look)
{
	return look->ask.is_open ? look->ask.socket : -1;
}

void hz_map_look_end(struct hz_map_look *look)
{
	hz_fd_ask_end(&look->ask);
}
