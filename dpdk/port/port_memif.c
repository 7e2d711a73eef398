/* Arguments and socket paths of net_memif. */
#include "port/port_memif.h"
#include "core/span_ops.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOG2_RING_MAX 14u /* the driver's limit */
#define ID_MAX        65535u

struct memif_words {
	bool is_client;
	struct hz_span socket;
	uint64_t id;
	struct hz_span rest[8]; /* as they were given */
	uint32_t rest_count;
};

static bool word_is(struct hz_span word, const char *key, struct hz_span *value)
{
	size_t bytes = strlen(key);

	if (word.len <= bytes || memcmp(word.data, key, bytes) != 0 || word.data[bytes] != '=')
		return false;
	*value = hz_span_skip(word, bytes + 1);
	return true;
}

static bool span_equals(struct hz_span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* Of the others those that do not contradict what we say ourselves. */
static bool is_driver_word(struct hz_span word)
{
	static const char *const keys[] = { "bsize", "secret", "zero-copy", "owner-uid",
		                            "owner-gid" };
	struct hz_span value;

	for (size_t i = 0; i < HZ_ARRAY_LEN(keys); i++)
		if (word_is(word, keys[i], &value))
			return true;
	return false;
}

static int word_take(struct memif_words *words, struct hz_span word, struct hz_err *err)
{
	struct hz_span value;

	if (word_is(word, "socket", &value)) {
		words->socket = value;
	} else if (word_is(word, "role", &value)) {
		words->is_client = span_equals(value, "client");
		if (!words->is_client && !span_equals(value, "server"))
			return hz_err_set(err, -EINVAL, 2, "memif_args",
			                  "role=server or role=client",
			                  "'%.*s' is no role of a memif", (int)value.len,
			                  (const char *)value.data);
	} else if (word_is(word, "id", &value)) {
		if (hz_span_u64(value, &words->id) != 0 || words->id > ID_MAX)
			return hz_err_set(err, -EINVAL, 2, "memif_args", "id=0",
			                  "a memif id is 0 to %u", ID_MAX);
	} else if (words->rest_count < HZ_ARRAY_LEN(words->rest) && is_driver_word(word)) {
		words->rest[words->rest_count++] = word;
	} else {
		return hz_err_set(err, -EINVAL, 2, "memif_args",
		                  "socket=, role=, id=, bsize=, secret=, zero-copy=",
		                  "'%.*s' means nothing to a memif", (int)word.len,
		                  (const char *)word.data);
	}
	return 0;
}

static int words_read(const char *given, struct memif_words *out, struct hz_err *err)
{
	struct memif_words words = { 0 };
	struct hz_span left = hz_span_text(given);

	while (left.len > 0) {
		size_t bytes = hz_span_find(left, ',');
		int status = word_take(&words, (struct hz_span){ left.data, bytes }, err);

		if (status != 0)
			return status;
		left = hz_span_skip(left, HZ_MIN(bytes + 1, left.len));
	}
	if (words.socket.len == 0 ||
	    words.socket.len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return hz_err_set(err, -EINVAL, 2, "memif_args",
		                  "hzd -o boot/device=mem0,socket=/run/hz/mem0.sock,...",
		                  "a memif needs socket=PATH of at most %zu characters",
		                  sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	*out = words;
	return 0;
}

static uint32_t log2_of(uint32_t power_of_two)
{
	return (uint32_t)__builtin_ctz(power_of_two);
}

int hz_port_memif_args(const char *given, uint16_t queue, uint32_t ring_slots,
                       char out[HZ_PORT_MEMIF_ARGS_MAX], struct hz_err *err)
{
	struct memif_words words;
	int status = words_read(given, &words, err);
	bool is_abstract;
	size_t used;

	if (status != 0)
		return status;
	is_abstract = words.socket.data[0] == '@';
	if (is_abstract)
		words.socket = hz_span_skip(words.socket, 1);
	used = (size_t)snprintf(out, HZ_PORT_MEMIF_ARGS_MAX,
	                        "role=%s,id=%u,socket=%.*s,socket-abstract=%s,rsize=%u",
	                        words.is_client ? "client" : "server", (unsigned)(words.id + queue),
	                        (int)words.socket.len, (const char *)words.socket.data,
	                        is_abstract ? "yes" : "no",
	                        HZ_MIN(log2_of(ring_slots), LOG2_RING_MAX));
	for (uint32_t i = 0; i < words.rest_count && used < HZ_PORT_MEMIF_ARGS_MAX; i++)
		used += (size_t)snprintf(out + used, HZ_PORT_MEMIF_ARGS_MAX - used, ",%.*s",
		                         (int)words.rest[i].len, (const char *)words.rest[i].data);
	if (used >= HZ_PORT_MEMIF_ARGS_MAX)
		return hz_err_set(err, -EINVAL, 2, "memif_args", "", "memif arguments too long");
	return 0;
}

int hz_port_memif_path(const char *given, char out[HZ_PORT_MEMIF_PATH_MAX], struct hz_err *err)
{
	struct memif_words words;
	int status = words_read(given, &words, err);

	if (status == 0)
		snprintf(out, HZ_PORT_MEMIF_PATH_MAX, "%.*s", (int)words.socket.len,
		         (const char *)words.socket.data);
	return status;
}

/* Somebody has it open. Asked for with the wrong type, which a live socket refuses as such (EPROTOTYPE): a
 * real connection that closes at once ends a process with this driver (22.11 closes the descriptor and
 * leaves it registered with the interrupt thread, which panics). */
static bool is_alive(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_dead;

	if (fd == -1)
		return true; /* not known: better refused than taken from somebody */
	is_dead =
		connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return !is_dead;
}

int hz_port_memif_path_clear(const char *given, struct hz_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct memif_words words;
	struct stat st;
	int status = words_read(given, &words, err);

	if (status != 0)
		return status;
	if (words.is_client || words.socket.data[0] == '@')
		return 0;
	memcpy(at.sun_path, words.socket.data, words.socket.len);
	if (lstat(at.sun_path, &st) != 0)
		return 0; /* nothing in the way; what else may be wrong the driver will say */
	if (!S_ISSOCK(st.st_mode))
		return hz_err_set(err, -EEXIST, 4, "memif_socket", "socket=PATH of its own",
		                  "%s is there and is no socket", at.sun_path);
	if (is_alive(&at))
		return hz_err_set(err, -EBUSY, 3, "memif_socket", "ss -xlp",
		                  "another process serves memif on %s", at.sun_path);
	if (unlink(at.sun_path) != 0)
		return hz_err_set(err, -errno, 4, "memif_socket", "",
		                  "%s of a dead process cannot be removed: %s", at.sun_path,
		                  strerror(errno));
	return 0;
}
