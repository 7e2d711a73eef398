#include "feed_rig.h"
#include "core/base.h"
#include "hz_test.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void feed_rig_hear(void *ctx, const char *name, const char *data, size_t len)
{
	struct heard *heard = ctx;
	size_t at = strlen(heard->text);

	heard->count++;
	snprintf(heard->text + at, sizeof(heard->text) - at, "%s=%.*s;", name,
	         (int)HZ_MIN(len, 64u), data);
}

void feed_rig_record(void *ctx, const char *name, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	feed_rig_hear(ctx, name, text, strlen(text));
	free(text);
}

int feed_rig_listen(struct hz_endpoint *endpoint)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CU_ASSERT_FATAL(listen(fd, 1) == 0);
	CU_ASSERT_FATAL(getsockname(fd, (struct sockaddr *)&addr, &bytes) == 0);
	CU_ASSERT_FATAL(hz_addr_parse("127.0.0.1", &endpoint->addr) == 0);
	endpoint->port = ntohs(addr.sin_port);
	return fd;
}
