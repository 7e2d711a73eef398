/* Hands the telemetry's descriptors to hz-collector, which opens nothing itself: {"cmd":"stream"} is answered with the names
 * of what comes along as SCM_RIGHTS. The ring is read-write, for its reader moves its position; the rest is read-only. */
#include "loader/xdp_pins.h"
#include "server/server_priv.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const names[] = {
#define HZ_STREAM_MAP(name, type, key_bytes, value_bytes, required) #name,
#include "telemetry/stream_maps.def"
#undef HZ_STREAM_MAP
};
_Static_assert(HZ_ARRAY_LEN(names) <= HZ_SERVER_STREAM_MAX, "room for all descriptors");

/* Once, at start: later hzd may have no right to open a pin. A map that this version's attach does not make is left
 * out. */
int hz_control_stream_open(struct hz_server *server, struct hz_err *err)
{
	struct hz_server_stream *stream = &server->stream;

	if (server->maps.latency == NULL)
		return 0;
	for (uint32_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		bool is_reader = strcmp(names[i], "events") != 0;
		int fd = hz_xdp_pins_open(server->conf->instance, names[i], NULL, is_reader);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return hz_err_set(err, fd, 6, "map", "hzctl doctor", "map %s: %s", names[i],
			                  strerror(-fd));
		stream->fd[stream->count] = fd;
		stream->name[stream->count++] = names[i];
	}
	return 0;
}

void hz_control_stream_close(struct hz_server *server)
{
	while (server->stream.count > 0)
		close(server->stream.fd[--server->stream.count]);
}

int hz_control_stream(const struct hz_server *server, bool may_read, json_t **result,
                      struct hz_err *err)
{
	json_t *list;

	if (!may_read)
		return hz_err_set(
			err, -EPERM, 4, "not_permitted", "sudo, or join group hz",
			"Operation not permitted: only root and the groups hz and hz-admin "
			"read the stream");
	if (server->stream.count == 0)
		return hz_err_set(
			err, -EOPNOTSUPP, 1, "no_stream", "hzctl latency",
			"Operation not supported: there is a stream with boot/io=af_xdp only");
	list = json_array();
	for (uint32_t i = 0; i < server->stream.count; i++)
		json_array_append_new(list, json_string(server->stream.name[i]));
	*result = json_pack("{s:o}", "fds", list);
	return 0;
}

ssize_t hz_control_stream_send(const struct hz_server *server, int fd, const char *data,
                               size_t bytes)
{
	char control[CMSG_SPACE(HZ_SERVER_STREAM_MAX * sizeof(int))] = { 0 };
	size_t fds_bytes = server->stream.count * sizeof(int);
	struct iovec line;
	struct msghdr message = { .msg_iov = &line,
		                  .msg_iovlen = 1,
		                  .msg_control = control,
		                  .msg_controllen = CMSG_SPACE(fds_bytes) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	memcpy(&line.iov_base, &data, sizeof(data)); /* an iovec has no const */
	line.iov_len = bytes;
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(fds_bytes);
	memcpy(CMSG_DATA(part), server->stream.fd, fds_bytes);
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
