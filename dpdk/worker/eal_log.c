/* A bounded memory stream under rte_log. */
#include "worker/eal_log.h"
#include <errno.h>
#include <pthread.h>
#include <rte_log.h>
#include <stdlib.h>
#include <string.h>

struct hz_eal_log {
	pthread_mutex_t lock; /* writers hold stdio's lock, readers do not */
	FILE *stream;
	size_t used;
	char text[HZ_EAL_LOG_BYTES]; /* the newest bytes, oldest first */
};

static ssize_t log_write(void *cookie, const char *bytes, size_t count)
{
	struct hz_eal_log *log = cookie;
	const char *from = bytes;
	size_t left = count;

	pthread_mutex_lock(&log->lock);
	if (left > sizeof(log->text)) {
		from += left - sizeof(log->text);
		left = sizeof(log->text);
	}
	if (log->used + left > sizeof(log->text)) {
		size_t keep = sizeof(log->text) - left;

		memmove(log->text, log->text + log->used - keep, keep);
		log->used = keep;
	}
	memcpy(log->text + log->used, from, left);
	log->used += left;
	pthread_mutex_unlock(&log->lock);
	return (ssize_t)count;
}

int hz_eal_log_open(struct hz_eal_log **out)
{
	const cookie_io_functions_t io = { .write = log_write };
	struct hz_eal_log *log = calloc(1, sizeof(*log));
	int err;

	if (log == NULL)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	log->stream = fopencookie(log, "w", io);
	if (log->stream == NULL) {
		err = -ENOMEM;
		goto fail;
	}
	setvbuf(log->stream, NULL, _IOLBF, 512);
	if (rte_openlog_stream(log->stream) != 0) {
		err = -EINVAL;
		goto fail;
	}
	*out = log;
	return 0;
fail:
	if (log->stream != NULL)
		fclose(log->stream);
	pthread_mutex_destroy(&log->lock);
	free(log);
	return err;
}

void hz_eal_log_close(struct hz_eal_log *log)
{
	if (log == NULL)
		return;
	/* NULL would mean the terminal to DPDK, whose threads may still have a word to say. */
	rte_log_set_global_level(RTE_LOG_EMERG);
	(void)rte_openlog_stream(NULL);
	fclose(log->stream);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

void hz_eal_log_explain(struct hz_eal_log *log, struct hz_err *err)
{
	size_t used = strlen(err->why);
	size_t end, start;

	fflush(log->stream);
	pthread_mutex_lock(&log->lock);
	end = log->used;
	while (end > 0 && log->text[end - 1] == '\n')
		end--;
	start = end;
	while (start > 0 && log->text[start - 1] != '\n')
		start--;
	if (end > start)
		snprintf(err->why + used, sizeof(err->why) - used, " [dpdk: %.*s]",
		         (int)(end - start), log->text + start);
	pthread_mutex_unlock(&log->lock);
}
