/* What a reader of /events is sent each second. */
#include "collector/web.h"
#include "hz_test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS 200 /* of the server, until something comes */

struct world {
	struct hz_feed *feed;
	struct hz_listen listen;
	struct hz_web *web;
	int reader;
	char text[1 << 16]; /* what came since the last look */
};

/* A server's socket on a free port, and a reader's that asks it. */
static void sockets_open(struct world *world)
{
	static const char request[] = "GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n";
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(addr);

	world->listen = (struct hz_listen){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
		                            .is_loopback = true };
	world->reader = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_FATAL(bind(world->listen.fd, (struct sockaddr *)&addr, bytes) == 0);
	CU_ASSERT_FATAL(listen(world->listen.fd, 1) == 0);
	CU_ASSERT_FATAL(getsockname(world->listen.fd, (struct sockaddr *)&addr, &bytes) == 0);
	CU_ASSERT_FATAL(connect(world->reader, (struct sockaddr *)&addr, bytes) == 0);
	CU_ASSERT_FATAL(send(world->reader, request, strlen(request), 0) ==
	                (ssize_t)strlen(request));
}

/* Turns until the reader has what; its text then, empty when it never came. */
static const char *world_hear(struct world *world, const char *what)
{
	size_t at = 0;

	memset(world->text, 0, sizeof(world->text));
	for (unsigned i = 0; i < TURNS && strstr(world->text, what) == NULL; i++) {
		ssize_t got;

		hz_web_turn(world->web);
		got = recv(world->reader, world->text + at, sizeof(world->text) - 1 - at,
		           MSG_DONTWAIT);
		at += got > 0 ? (size_t)got : 0;
		usleep(1000);
	}
	return strstr(world->text, what) != NULL ? world->text : "";
}

static bool world_open(struct world *world)
{
	struct hz_err err = { 0 };

	memset(world, 0, sizeof(*world));
	world->feed = calloc(1, sizeof(*world->feed));
	if (world->feed == NULL || hz_series_open(&world->feed->series, NULL, NULL) != 0)
		return false;
	world->feed->has_view = true;
	sockets_open(world);
	if (hz_web_open(&world->listen, world->feed, NULL, &world->web, &err) != 0)
		return false;
	return strstr(world_hear(world, "retry: 1000\n\n"), "200 OK") != NULL;
}

static void world_close(struct world *world)
{
	close(world->reader);
	hz_web_close(world->web);
	close(world->listen.fd);
	hz_series_close(&world->feed->series);
	hz_event_log_close(&world->feed->log);
	free(world->feed);
}

/* A second goes by; the marks of its tick. */
static const char *world_tick(struct world *world, char *out, size_t room)
{
	const char *text, *marks, *end;

	world->feed->known_s++;
	hz_web_tick(world->web);
	text = world_hear(world, "\n\n");
	marks = strstr(text, "\"marks\":");
	end = marks != NULL ? strstr(marks, ",\"lost\":") : NULL;
	snprintf(out, room, "%.*s", marks != NULL && end != NULL ? (int)(end - marks) : 0,
	         marks != NULL ? marks : "");
	return out;
}

static void mark_of_a_second_that_was_told_is_in_the_next_tick_alone(void)
{
	struct world *world = malloc(sizeof(*world));
	char marks[512];

	CU_ASSERT_FATAL(world != NULL && world_open(world));
	world->feed->known_s = 100;
	CU_ASSERT_STRING_EQUAL(world_tick(world, marks, sizeof(marks)), "\"marks\":[]");
	hz_event_log_mark(&world->feed->log, 101, "xdp", "eth0 attached"); /* read late */
	hz_event_log_mark(&world->feed->log, 60, "xdp", "eth1 attached");
	CU_ASSERT_STRING_EQUAL(world_tick(world, marks, sizeof(marks)),
	                       "\"marks\":[{\"t\":101,\"kind\":\"xdp\",\"text\":\"eth0 attached\"},"
	                       "{\"t\":60,\"kind\":\"xdp\",\"text\":\"eth1 attached\"}]");
	CU_ASSERT_STRING_EQUAL(world_tick(world, marks, sizeof(marks)), "\"marks\":[]");
	world_close(world);
	free(world);
}

static void marks_of_a_burst_beyond_the_log_are_those_it_kept(void)
{
	struct world *world = malloc(sizeof(*world));
	char *marks = malloc(sizeof(world->text));
	unsigned count = 0;

	CU_ASSERT_FATAL(world != NULL && marks != NULL && world_open(world));
	for (unsigned i = 0; i < HZ_EVENT_LOG_MARKS + 7; i++)
		hz_event_log_mark(&world->feed->log, 50, "xdp", "n%u.", i);
	(void)world_tick(world, marks, sizeof(world->text));
	for (const char *at = marks; (at = strstr(at, "\"t\":50")) != NULL; at++)
		count++;
	CU_ASSERT_EQUAL(count, HZ_EVENT_LOG_MARKS);
	CU_ASSERT_PTR_NULL(strstr(marks, "\"n6.\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(marks, "\"n7.\""));
	world_close(world);
	free(marks);
	free(world);
}

HZ_SUITE(web_ticks, CASE(mark_of_a_second_that_was_told_is_in_the_next_tick_alone),
         CASE(marks_of_a_burst_beyond_the_log_are_those_it_kept));
