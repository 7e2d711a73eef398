#include "sim_app.h"

#include "core/base.h"
#include "core/limits.h"
#include <errno.h>

#define NS_PER_MS 1000000ull

static uint64_t word_of(uint64_t key, uint32_t index)
{
	uint64_t x = (key + index) * 0x9e3779b97f4a7c15u;

	return (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
}

void sim_app_fill(uint64_t key, uint32_t offset, uint8_t *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(word_of(key, (offset + i) / 8) >> (offset + i) % 8 * 8);
}

bool sim_app_matches(uint64_t key, uint32_t offset, const uint8_t *from, uint32_t bytes)
{
	uint64_t word = word_of(key, offset / 8), differs = 0;

	for (uint32_t i = 0; i < bytes; i++) {
		uint32_t at = offset + i;

		if (at % 8 == 0)
			word = word_of(key, at / 8);
		differs |= from[i] ^ (uint8_t)(word >> at % 8 * 8);
	}
	return differs == 0;
}

static void rule(struct sim_app *app, bool holds, const char *text)
{
	if (!holds && app->broken == NULL)
		app->broken = text;
}

static void try_abort(struct sim_app *app)
{
	if (app->plan.end != SIM_END_ABORT || app->has_aborted ||
	    app->sent + app->got < app->plan.abort_at)
		return;
	app->has_aborted = true;
	hz_stream_abort(app->stream);
}

static void try_shutdown(struct sim_app *app)
{
	bool is_due = app->sent == app->plan.send_bytes && !app->is_shut && !app->has_aborted;

	if (app->plan.end == SIM_END_DONE)
		is_due &= app->got == app->peer->plan.send_bytes || app->saw_eof;
	else if (app->plan.end == SIM_END_EOF)
		is_due &= app->saw_eof;
	else if (app->plan.end == SIM_END_ABORT)
		is_due = false;
	if (!is_due)
		return;
	app->is_shut = true;
	hz_stream_shutdown(app->stream);
}

static uint32_t piece_write(struct sim_app *app, uint32_t bytes)
{
	uint8_t chunk[HZ_RESERVE_MAX];
	struct hz_wspan room = { chunk, sizeof(chunk) };

	if (app->plan.piece_bytes == 0) {
		bytes = HZ_MIN(bytes, (uint32_t)sizeof(chunk));
		sim_app_fill(app->plan.key, app->sent, chunk, bytes);
		return (uint32_t)hz_stream_write(app->stream, (struct hz_span){ chunk, bytes });
	}
	bytes = HZ_MIN(bytes, app->plan.piece_bytes);
	room = hz_stream_reserve(app->stream, bytes);
	if (room.len == 0)
		return 0;
	rule(app, room.len >= bytes, "reserve gave less than was asked for");
	sim_app_fill(app->plan.key, app->sent, room.data, bytes);
	hz_stream_commit(app->stream, bytes);
	return bytes;
}

static void pump(struct sim_app *app)
{
	while (app->sent < app->plan.send_bytes && !app->is_shut && !app->has_aborted) {
		uint32_t done = piece_write(app, app->plan.send_bytes - app->sent);

		app->sent += done;
		if (done == 0)
			break;
		try_abort(app);
	}
	try_shutdown(app);
}

static int app_open(void *proto_ctx, struct hz_stream *s)
{
	struct sim_app *app = proto_ctx;

	rule(app, app->open_count == 0, "on_open was called twice");
	if (app->plan.refuses) {
		app->has_aborted = true;
		return -ECONNREFUSED;
	}
	app->open_count++;
	app->stream = s;
	s->owner = app;
	hz_stream_timer(s, 0);
	try_abort(app);
	pump(app);
	return 0;
}

static void sleep_ms(struct sim_app *app, uint32_t ms)
{
	app->asleep_until_ns = app->env->now_ns + ms * NS_PER_MS;
	hz_stream_timer(app->stream, app->asleep_until_ns);
}

static size_t app_data(struct hz_stream *s, struct hz_span bytes)
{
	struct sim_app *app = s->owner;
	const struct sim_plan *plan = &app->plan;
	uint32_t n = (uint32_t)HZ_MIN(bytes.len, (size_t)plan->take_max);

	rule(app, app->open_count == 1 && app->close_count == 0, "on_data on a closed stream");
	rule(app, !app->is_shut && !app->has_aborted, "on_data after shutdown or abort");
	rule(app, bytes.len > 0, "on_data without data");
	rule(app, app->got + bytes.len <= app->peer->sent, "more was read than written");
	/* Once: what is presented again was checked with its first byte. */
	rule(app, sim_app_matches(app->peer->plan.key, app->got, bytes.data, n),
	     "the bytes read are not the bytes written");
	if (app->broken != NULL || app->env->now_ns < app->asleep_until_ns)
		return 0;
	if (plan->stall_ms > 0 && !app->has_stalled && app->got + n >= plan->stall_at) {
		app->has_stalled = true;
		sleep_ms(app, plan->stall_ms);
		return 0;
	}
	app->got += n;
	if (plan->nap_ms > 0 && app->got < app->peer->plan.send_bytes)
		sleep_ms(app, plan->nap_ms);
	try_abort(app);
	try_shutdown(app);
	return n;
}

static void app_eof(struct hz_stream *s)
{
	struct sim_app *app = s->owner;

	rule(app, !app->saw_eof, "on_eof was called twice");
	rule(app, app->peer->is_shut, "on_eof, but the peer did not close");
	app->saw_eof = true;
	try_shutdown(app);
}

static void app_writable(struct hz_stream *s)
{
	pump(s->owner);
}

static void app_timer(struct hz_stream *s)
{
	struct sim_app *app = s->owner;

	if (app->open_count == 0) { /* the open took too long */
		app->has_aborted = true;
		hz_stream_abort(s);
		return;
	}
	rule(app, app->env->now_ns >= app->asleep_until_ns, "on_timer came early");
	pump(app);
}

static void app_close(struct hz_stream *s, enum hz_close_why why)
{
	struct sim_app *app = s->owner;

	rule(app, app->close_count == 0, "on_close was called twice");
	app->close_count++;
	app->why = why;
	app->stream = NULL;
	rule(app, why != HZ_CLOSE_ABORT || app->has_aborted, "aborted without a reason");
}

const struct hz_proto_ops sim_app_ops = {
	.on_open = app_open,
	.on_data = app_data,
	.on_eof = app_eof,
	.on_writable = app_writable,
	.on_timer = app_timer,
	.on_close = app_close,
};
