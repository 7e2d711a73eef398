#include "trace_view.h"
#include "core/tsan.h"
#include "ctl_client.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACES         2 /* of hz_ctl_client_rundir */
#define PATH_MAX_BYTES 112
#define SETTLE_LOOK_MS 1
#define COUNTS_BYTES   (2 * sizeof(uint64_t)) /* begun and ended */

static int read_exactly(int fd, void *out, size_t bytes, size_t at)
{
	size_t done = 0;
	ssize_t got;

	while (done < bytes) {
		got = pread(fd, (char *)out + done, bytes - done, (off_t)(at + done));
		if (got <= 0)
			return got < 0 ? -errno : -EPROTO;
		done += (size_t)got;
	}
	return 0;
}

static int head_read(int fd, struct hz_trace_head *head)
{
	struct stat info;
	int status = read_exactly(fd, head, sizeof(*head), 0);

	if (status != 0)
		return status;
	if (head->magic != HZ_TRACE_MAGIC || head->version != HZ_TRACE_VERSION ||
	    head->worker_count == 0 || head->worker_count > HZ_WORKERS_MAX)
		return -EPROTO;
	if (fstat(fd, &info) != 0)
		return -errno;
	return (size_t)info.st_size >= hz_trace_file_bytes(head->worker_count) ? 0 : -EPROTO;
}

_Static_assert(offsetof(struct hz_trace_ring, ended) == sizeof(uint64_t), "read with begun");

/* Copies a worker's ring into view->ring[worker] and appends what is whole; the order of the three parts is
 * that of telemetry/trace_ring.h. */
static int ring_read(int fd, struct hz_trace_view *view, uint32_t worker)
{
	size_t at = hz_trace_file_bytes(worker);
	struct hz_trace_ring *ring = &view->ring[worker];
	struct {
		uint64_t begun, ended;
	} before, after;
	uint16_t whole[HZ_TRACE_SLOTS];
	uint32_t count;
	int status = read_exactly(fd, &before, COUNTS_BYTES, at);

	hz_fence(__ATOMIC_ACQUIRE);
	if (status == 0)
		status = read_exactly(fd, ring, sizeof(*ring), at);
	hz_fence(__ATOMIC_ACQUIRE);
	if (status == 0)
		status = read_exactly(fd, &after, COUNTS_BYTES, at);
	if (status != 0)
		return status;
	count = hz_trace_ring_read(ring, before.ended, after.begun, view->head.started_ns, whole);
	for (uint32_t i = 0; i < count; i++) {
		const struct hz_trace_frame *frame = &ring->slot[whole[i]];

		view->frame[view->count++] = (struct hz_trace_view_frame){
			.unix_ns = frame->time_ns + view->head.unix_offset_ns,
			.worker = worker,
			.frame = frame,
		};
	}
	return 0;
}

/* By time; what one worker noted at the same time stays in its order. */
static int compare(const void *a, const void *b)
{
	const struct hz_trace_view_frame *x = a, *y = b;

	if (x->unix_ns != y->unix_ns)
		return x->unix_ns < y->unix_ns ? -1 : 1;
	if (x->worker != y->worker)
		return x->worker < y->worker ? -1 : 1;
	return x->frame->sequence < y->frame->sequence ? -1 : 1;
}

static int rings_read(int fd, struct hz_trace_view *view)
{
	uint32_t workers = view->head.worker_count;
	int status = 0;

	view->ring = calloc(workers, sizeof(*view->ring));
	view->frame = calloc((size_t)workers * HZ_TRACE_SLOTS, sizeof(*view->frame));
	if (view->ring == NULL || view->frame == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < workers && status == 0; i++)
		status = ring_read(fd, view, i);
	if (status == 0)
		qsort(view->frame, view->count, sizeof(*view->frame), compare);
	return status;
}

/* Names are text from a file: for a terminal, for JSON, and with an end. */
static void names_clean(struct hz_trace_head *head)
{
	for (unsigned i = 0; i < HZ_TRACE_IFACES; i++) {
		char *name = head->ifname[i];

		name[sizeof(head->ifname[i]) - 1] = '\0';
		for (; *name != '\0'; name++)
			*name = *name > ' ' && *name < 0x7f ? *name : '?';
	}
}

/* hzd may have died without a word. */
static bool is_tracing(const struct hz_trace_head *head)
{
	return head->stopped_ns == 0 && head->pid != 0 && head->pid <= INT_MAX &&
	       (kill((pid_t)head->pid, 0) == 0 || errno == EPERM);
}

int hz_trace_view_open_at(const char *path, struct hz_trace_view *out)
{
	struct hz_trace_view view = { .count = 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int status;

	if (fd == -1)
		return -errno;
	status = head_read(fd, &view.head);
	if (status == 0)
		names_clean(&view.head);
	if (status == 0)
		status = rings_read(fd, &view);
	view.is_on = is_tracing(&view.head);
	close(fd);
	if (status != 0)
		hz_trace_view_close(&view);
	else
		*out = view;
	return status;
}

static int open_failed(int status, const char *path, struct hz_err *err)
{
	switch (status) {
	case -ENOENT:
		return hz_err_set(err, status, 1, "no_trace", "hzctl trace start",
		                  "nothing was traced since hzd started");
	case -EACCES:
	case -EPERM:
		return hz_err_set(err, status, 4, "not_permitted", "sudo, or join group hz-admin",
		                  "%s: %s: frames hold what clients sent", path, strerror(-status));
	case -EPROTO:
		return hz_err_set(err, status, 1, "trace_file", "hzctl of the version of hzd",
		                  "%s is no trace of this version", path);
	default:
		return hz_err_set(err, status, 1, "trace_file", "", "%s: %s", path,
		                  strerror(-status));
	}
}

/* The index-th place where a trace may lie; "" when there is no such place. */
static void path_of(const char *instance, unsigned index, char out[PATH_MAX_BYTES])
{
	char dir[96];

	hz_ctl_client_rundir(instance, index, dir, sizeof(dir));
	snprintf(out, PATH_MAX_BYTES, "%s%s%s", dir, dir[0] != '\0' ? "/" : "",
	         dir[0] != '\0' ? HZ_TRACE_FILE : "");
}

int hz_trace_view_open(const char *instance, struct hz_trace_view *out, struct hz_err *err)
{
	int status = -ENOENT;
	char path[PATH_MAX_BYTES] = "";

	for (unsigned i = 0; i < PLACES && status == -ENOENT; i++) {
		path_of(instance, i, path);
		if (path[0] != '\0')
			status = hz_trace_view_open_at(path, out);
	}
	return status == 0 ? 0 : open_failed(status, path, err);
}

static int silent_read(int fd, bool on, uint64_t *silent)
{
	struct hz_trace_head head;
	uint64_t is_on;
	int status = head_read(fd, &head);

	*silent = 0;
	for (uint32_t i = 0; i < head.worker_count && status == 0; i++) {
		status = read_exactly(fd, &is_on, sizeof(is_on),
		                      hz_trace_file_bytes(i) +
		                              offsetof(struct hz_trace_ring, is_on));
		if (status == 0 && (is_on != 0) != on)
			*silent |= 1ull << i;
	}
	return status;
}

int hz_trace_view_settle(const char *instance, bool on, unsigned wait_ms, uint64_t *silent,
                         struct hz_err *err)
{
	char path[PATH_MAX_BYTES] = "";
	int fd = -1, status = -ENOENT;

	*silent = 0;
	for (unsigned i = 0; i < PLACES && status == -ENOENT; i++) {
		path_of(instance, i, path);
		if (path[0] == '\0')
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		status = fd != -1 ? 0 : -errno;
	}
	for (unsigned waited_ms = 0; status == 0; waited_ms += SETTLE_LOOK_MS) {
		status = silent_read(fd, on, silent);
		if (*silent == 0 || waited_ms >= wait_ms)
			break;
		usleep(SETTLE_LOOK_MS * 1000);
	}
	if (fd != -1)
		close(fd);
	if (status == -ENOENT && !on)
		return 0; /* nothing was ever started */
	return status == 0 ? 0 : open_failed(status, path, err);
}

void hz_trace_view_close(struct hz_trace_view *view)
{
	free(view->frame);
	free(view->ring);
	view->frame = NULL;
	view->ring = NULL;
}

/* What an answer met on its way out is no fault of the frame that asked. */
static bool is_of_answer(uint8_t kind, unsigned counter)
{
	return kind != HZ_TRACE_TX &&
	       (counter == HZ_COUNTER_drop_no_mbuf || counter == HZ_COUNTER_drop_tx_full);
}

void hz_trace_view_verdict(const struct hz_trace_frame *frame, char out[HZ_TRACE_VIEW_VERDICT_MAX])
{
	static const char *const plain[] = {
		[HZ_TRACE_RX] = "accepted",
		[HZ_TRACE_TX] = "sent",
		[HZ_TRACE_RX_HANDED] = "handed over",
		[HZ_TRACE_RX_TAKEN] = "taken over",
	};
	const struct hz_counter_set drops = hz_slot_drops();
	bool is_dropped = false;
	size_t used = 0;

	out[0] = '\0';
	/* Why it was dropped comes first, then what it caused. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++) {
			bool is_reason =
				hz_counter_set_has(&drops, i) && !is_of_answer(frame->kind, i);
			int len;

			if (!hz_counter_set_has(&frame->moved, i) || is_reason != (pass == 0))
				continue;
			is_dropped |= is_reason;
			len = snprintf(out + used, HZ_TRACE_VIEW_VERDICT_MAX - used, "%s%s",
			               used > 0 ? " " : "",
			               hz_slot_counter_name((enum hz_counter)i));
			if (len < 0 || (size_t)len >= HZ_TRACE_VIEW_VERDICT_MAX - used)
				return; /* so many it cannot be; cut */
			used += (size_t)len;
		}
	}
	if (!is_dropped)
		snprintf(out + used, HZ_TRACE_VIEW_VERDICT_MAX - used, "%s%s%s",
		         used > 0 ? " (" : "", plain[frame->kind], used > 0 ? ")" : "");
}
