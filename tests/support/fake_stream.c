#include "fake_stream.h"
#include <stdlib.h>
#include <string.h>

static struct fake_stream *fake_of(const struct hz_stream *s)
{
	return (struct fake_stream *)(uintptr_t)s;
}

static void rule(struct fake_stream *fs, bool holds, const char *text)
{
	if (!holds && fs->broken == NULL)
		fs->broken = text;
}

static void *take_memory(size_t bytes)
{
	void *memory = malloc(bytes != 0 ? bytes : 1);

	if (memory == NULL)
		abort();
	return memory;
}

static void reserved_drop(struct fake_stream *fs)
{
	free(fs->reserved);
	fs->reserved = NULL;
	fs->reserved_len = 0;
}

static void down_begin(struct fake_stream *fs)
{
	rule(fs, fs->is_up, "down-call outside a call up");
	rule(fs, fs->is_open, "down-call on a closed stream");
}

static void out_append(struct fake_stream *fs, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return;
	if (fs->out_cap - fs->out_len < len) {
		fs->out_cap = (fs->out_len + len) * 2;
		fs->out = realloc(fs->out, fs->out_cap);
		if (fs->out == NULL)
			abort();
	}
	memcpy(fs->out + fs->out_len, bytes, len);
	fs->out_len += len;
	fs->queued += len;
}

static size_t room(const struct fake_stream *fs)
{
	return fs->queued < fs->window ? fs->window - fs->queued : 0;
}

static struct hz_wspan fake_reserve(struct hz_stream *s, size_t min_bytes)
{
	struct fake_stream *fs = fake_of(s);
	size_t len = room(fs);

	down_begin(fs);
	reserved_drop(fs);
	fs->reserves++;
	rule(fs, min_bytes >= 1 && min_bytes <= HZ_RESERVE_MAX, "reserve of an impossible size");
	rule(fs, !fs->is_shutdown && !fs->is_aborted, "reserve after the end of output");
	if (len < min_bytes) {
		fs->wants_writable = true;
		return (struct hz_wspan){ NULL, 0 };
	}
	if (len > fs->reserve_max)
		len = fs->reserve_max > min_bytes ? fs->reserve_max : min_bytes;
	fs->reserved = take_memory(len);
	fs->reserved_len = len;
	memset(fs->reserved, 0xa5, len);
	return (struct hz_wspan){ fs->reserved, len };
}

static void fake_commit(struct hz_stream *s, size_t bytes)
{
	struct fake_stream *fs = fake_of(s);

	down_begin(fs);
	fs->commits++;
	rule(fs, fs->reserved != NULL && bytes <= fs->reserved_len, "commit of more than reserved");
	if (fs->reserved != NULL && bytes <= fs->reserved_len)
		out_append(fs, fs->reserved, bytes);
	reserved_drop(fs);
}

static size_t fake_write(struct hz_stream *s, struct hz_span bytes)
{
	struct fake_stream *fs = fake_of(s);
	size_t take = room(fs) < bytes.len ? room(fs) : bytes.len;

	down_begin(fs);
	reserved_drop(fs);
	fs->writes++;
	rule(fs, !fs->is_shutdown && !fs->is_aborted, "write after the end of output");
	out_append(fs, bytes.data, take);
	if (take < bytes.len)
		fs->wants_writable = true;
	return take;
}

static void fake_shutdown(struct hz_stream *s)
{
	struct fake_stream *fs = fake_of(s);

	down_begin(fs);
	reserved_drop(fs);
	rule(fs, !fs->is_shutdown, "shutdown twice");
	fs->is_shutdown = true;
}

static void fake_abort(struct hz_stream *s)
{
	struct fake_stream *fs = fake_of(s);

	down_begin(fs);
	reserved_drop(fs);
	fs->is_aborted = true;
	fs->wants_writable = false;
}

static void fake_timer(struct hz_stream *s, uint64_t deadline_ns)
{
	struct fake_stream *fs = fake_of(s);

	down_begin(fs);
	reserved_drop(fs);
	fs->timers++;
	fs->deadline_ns = deadline_ns;
}

static void fake_wake(struct hz_stream *s)
{
	struct fake_stream *fs = fake_of(s);

	rule(fs, fs->is_open, "down-call on a closed stream");
	fs->wants_writable = true;
}

static void fake_peer(const struct hz_stream *s, uint8_t addr[16], uint16_t *port)
{
	const struct fake_stream *fs = fake_of(s);

	memcpy(addr, fs->peer_addr, sizeof(fs->peer_addr));
	*port = 1;
}

static bool fake_is_exempt(const struct hz_stream *s)
{
	return fake_of(s)->is_exempt;
}

static const struct hz_stream_ops fake_ops = {
	.reserve = fake_reserve,
	.commit = fake_commit,
	.write = fake_write,
	.shutdown = fake_shutdown,
	.abort = fake_abort,
	.timer = fake_timer,
	.wake = fake_wake,
	.peer = fake_peer,
	.is_exempt = fake_is_exempt,
};

static void up_end(struct fake_stream *fs)
{
	reserved_drop(fs);
	fs->is_up = false;
}

/* Presents what is held; then, when the peer has ended and nothing useful is left, says so once. */
static void present(struct fake_stream *fs)
{
	size_t len = fs->held_len;
	size_t consumed = 0;

	if (fs->is_aborted)
		return;
	if (len != 0) {
		uint8_t *view = take_memory(len);

		memcpy(view, fs->held, len);
		fs->is_up = true;
		consumed = fs->proto->on_data(&fs->s, (struct hz_span){ view, len });
		up_end(fs);
		memset(view, 0xdd, len);
		free(view);
		rule(fs, consumed <= len, "consumed more than presented");
		consumed = consumed <= len ? consumed : len;
		memmove(fs->held, fs->held + consumed, len - consumed);
		fs->held_len = len - consumed;
	}
	if (fs->is_eof_due && !fs->is_eof_told && !fs->is_aborted &&
	    (fs->held_len == 0 || consumed == 0)) {
		fs->is_eof_told = true;
		fs->is_up = true;
		fs->proto->on_eof(&fs->s);
		up_end(fs);
	}
}

int fake_stream_open_from(struct fake_stream *fs, struct hz_env *env,
                          const struct hz_proto_ops *proto, void *proto_ctx, size_t window,
                          const uint8_t addr[16])
{
	int err;

	*fs = (struct fake_stream){
		.s = { .ops = &fake_ops },
		.env = env,
		.proto = proto,
		.window = window,
		.reserve_max = 1460,
		.is_open = true,
		.is_up = true,
	};
	memcpy(fs->peer_addr, addr, sizeof(fs->peer_addr));
	err = proto->on_open(proto_ctx, &fs->s);
	up_end(fs);
	fs->is_open = err == 0;
	return err;
}

int fake_stream_open(struct fake_stream *fs, struct hz_env *env, const struct hz_proto_ops *proto,
                     void *proto_ctx, size_t window)
{
	static const uint8_t any[16];

	return fake_stream_open_from(fs, env, proto, proto_ctx, window, any);
}

void fake_stream_feed(struct fake_stream *fs, const void *bytes, size_t len)
{
	if (!fs->is_open || fs->is_aborted || len == 0)
		return;
	fs->held = realloc(fs->held, fs->held_len + len);
	if (fs->held == NULL)
		abort();
	memcpy(fs->held + fs->held_len, bytes, len);
	fs->held_len += len;
	present(fs);
}

size_t fake_stream_take(struct fake_stream *fs, size_t len)
{
	size_t take = len < fs->queued ? len : fs->queued;

	fs->queued -= take;
	if (fs->is_open && fs->wants_writable && room(fs) > 0 && !fs->is_aborted) {
		fs->wants_writable = false;
		fs->is_up = true;
		fs->proto->on_writable(&fs->s);
		up_end(fs);
		present(fs);
	}
	return take;
}

void fake_stream_take_all(struct fake_stream *fs, size_t piece)
{
	while (!fs->is_aborted && (fs->queued != 0 || fs->wants_writable)) {
		size_t before = fs->out_len;

		if (fake_stream_take(fs, piece) == 0 && fs->out_len == before)
			break; /* it waits for more room than the window ever has */
	}
}

bool fake_stream_advance(struct fake_stream *fs, uint64_t ns)
{
	fs->env->now_ns += ns;
	if (!fs->is_open || fs->is_aborted || fs->deadline_ns == 0 ||
	    fs->env->now_ns < fs->deadline_ns)
		return false;
	fs->deadline_ns = 0;
	fs->is_up = true;
	fs->proto->on_timer(&fs->s);
	up_end(fs);
	present(fs);
	return true;
}

void fake_stream_settle(struct fake_stream *fs, unsigned rounds)
{
	while (rounds-- > 0 && fake_stream_advance(fs, 0))
		;
}

void fake_stream_eof(struct fake_stream *fs)
{
	if (!fs->is_open || fs->is_aborted || fs->is_eof_due)
		return;
	fs->is_eof_due = true;
	present(fs);
}

void fake_stream_close(struct fake_stream *fs, enum hz_close_why why)
{
	if (!fs->is_open)
		return;
	fs->is_up = true;
	fs->proto->on_close(&fs->s, why);
	up_end(fs);
	fs->is_open = false;
	free(fs->held);
	fs->held = NULL;
	fs->held_len = 0;
}

void fake_stream_free(struct fake_stream *fs)
{
	fake_stream_close(fs, HZ_CLOSE_ABORT);
	reserved_drop(fs);
	free(fs->out);
	fs->out = NULL;
	fs->out_len = 0;
	fs->out_cap = 0;
}
