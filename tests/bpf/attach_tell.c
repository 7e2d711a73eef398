/* What an interface runs is told in the stream, each change of it once. */
#include "abi/hz_abi.h"
#include "attach_world.h"
#include "core/base.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

struct listener {
	struct ring_buffer *ring;
	int fd;
	uint32_t count;
	struct hz_event_state last;
};

static int on_record(void *ctx, void *data, size_t bytes)
{
	struct listener *listener = ctx;

	listener->count++;
	memset(&listener->last, 0, sizeof(listener->last));
	memcpy(&listener->last, data, HZ_MIN(bytes, sizeof(listener->last)));
	return 0;
}

static bool listener_open(struct listener *listener)
{
	*listener = (struct listener){ .fd = world_open("events") };
	if (listener->fd >= 0)
		listener->ring = ring_buffer__new(listener->fd, on_record, listener, NULL);
	return listener->ring != NULL;
}

static void listener_close(struct listener *listener)
{
	ring_buffer__free(listener->ring);
	if (listener->fd >= 0)
		close(listener->fd);
}

/* Was exactly this told since the last call? */
static bool is_told(struct listener *listener, const char *ifname, uint32_t before, uint32_t now)
{
	const struct hz_event_state *last = &listener->last;

	return ring_buffer__consume(listener->ring) == 1 && last->header.kind == HZ_EVENT_STATE &&
	       last->header.time_ns != 0 && last->what == HZ_STATE_OF_XDP &&
	       last->before == before && last->now == now && strcmp(last->name, ifname) == 0;
}

static const char *changes_are_told(struct listener *listener)
{
	uint32_t first = world_program(WORLD_A), second;

	if (!is_told(listener, WORLD_A, 0, first))
		return "attach";
	if (world_attach(WORLD_A, WORLD_ENSURE, NULL, NULL) != 0 ||
	    ring_buffer__consume(listener->ring) != 0)
		return "ensure changed nothing and told of it";
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS | WORLD_DRY, NULL, NULL) != 0 ||
	    ring_buffer__consume(listener->ring) != 0)
		return "a dry run told of something";
	if (world_attach(WORLD_A, WORLD_UPDATE | WORLD_KEEP_CLAIMS, NULL, NULL) != 0)
		return "update failed";
	second = world_program(WORLD_A);
	if (!is_told(listener, WORLD_A, first, second))
		return "update";
	if (world_attach(WORLD_B, 0, NULL, NULL) != 0 ||
	    !is_told(listener, WORLD_B, 0, world_program(WORLD_B)))
		return "the other interface";
	if (world_detach(WORLD_A, NULL) != 0 || !is_told(listener, WORLD_A, second, 0))
		return "detach";
	second = world_program(WORLD_B);
	/* the last one takes the maps along; who holds the ring reads it to its end */
	if (world_detach(NULL, NULL) != 0 || !is_told(listener, WORLD_B, second, 0))
		return "detach all";
	return NULL;
}

static const char *tell_each_change_once(void)
{
	struct listener listener;
	const char *why = "cannot listen";

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	if (listener_open(&listener))
		why = changes_are_told(&listener);
	listener_close(&listener);
	return why;
}

static const char *tell_refused_nothing(void)
{
	struct listener listener;
	const char *why = "cannot listen";

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0)
		return "attach failed";
	if (listener_open(&listener)) {
		(void)ring_buffer__consume(listener.ring);
		why = world_attach(WORLD_A, 0, NULL, NULL) != 0 &&
		                      ring_buffer__consume(listener.ring) == 0
		              ? NULL
		              : "told, or not refused";
	}
	listener_close(&listener);
	return why;
}

const struct world_test attach_tell_tests[] = {
	{ "tell.each_change_once", tell_each_change_once },
	{ "tell.refused_nothing", tell_refused_nothing },
	{ NULL, NULL },
};
