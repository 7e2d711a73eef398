/* Bytes through the socket transport: order, joining, back-pressure, ends. */
#include "hz_test.h"
#include "sock_rig.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void line_in_single_bytes_is_joined_and_echoed(void)
{
	static const char line[] = "a line that arrives byte by byte\n";
	struct rig *rig = rig_open(1, 16);
	char back[sizeof(line)] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "L", 1));
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		CU_ASSERT(rig_send(fd, &line[i], 1));
		usleep(500);
	}
	CU_ASSERT(rig_recv(fd, back, sizeof(line) - 1));
	CU_ASSERT_STRING_EQUAL(back, line);
	CU_ASSERT(rig->seen.presented > 2); /* it did arrive in pieces */
	close(fd);
	rig_close(rig);
}

static void pipeline_longer_than_a_call_is_presented_again(void)
{
	struct rig *rig = rig_open(1, 16);
	char lines[400], back[sizeof(lines)];
	int fd = rig_connect(rig);

	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % 4 == 3 ? '\n' : (char)('a' + i % 26);
	CU_ASSERT(rig_send(fd, "L", 1));
	CU_ASSERT(rig_send(fd, lines, sizeof(lines)));
	CU_ASSERT(rig_recv(fd, back, sizeof(back)));
	CU_ASSERT(memcmp(lines, back, sizeof(lines)) == 0);
	CU_ASSERT(rig->seen.presented >= 25); /* 100 lines, 4 per call */
	close(fd);
	rig_close(rig);
}

static void slow_reader_gets_every_byte_within_the_output_limit(void)
{
	const size_t total = 8u << 20;
	struct rig *rig = rig_open(1, 16);
	uint8_t chunk[8192];
	size_t done = 0, wrong = 0;
	int fd = rig_connect(rig);
	ssize_t part;

	CU_ASSERT(rig_send(fd, "G8388608\n", 9));
	CU_ASSERT(rig_wait(&rig->seen.shorts, 2));
	usleep(50000); /* the socket is full now and the server waits */
	while ((part = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		for (size_t i = 0; i < (size_t)part; i++)
			wrong += chunk[i] != rig_byte(done + i);
		done += (size_t)part;
	}
	CU_ASSERT_EQUAL(part, 0);
	CU_ASSERT_EQUAL(done, total);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(rig->seen.queued_max <= HZ_LIMIT_tx_bytes_max);
	CU_ASSERT(rig->seen.writables > 0);
	close(fd);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_DONE], 1);
	rig_close(rig);
}

/* Sends until the socket takes no more for 300 ms; the number of bytes sent. */
static size_t send_until_full(int fd, size_t most)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	uint8_t chunk[4096];
	size_t done = 0;
	ssize_t part;

	while (done < most && poll(&poll_fd, 1, 300) == 1) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = rig_byte(done + i);
		part = send(fd, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (part <= 0)
			break;
		done += (size_t)part;
	}
	return done;
}

static void writer_that_never_reads_is_stopped_and_loses_nothing(void)
{
	struct rig *rig = rig_open(1, 16);
	uint8_t chunk[8192];
	size_t sent, done = 0, wrong = 0;
	int fd = rig_connect(rig);
	ssize_t part;

	CU_ASSERT(rig_send(fd, "E", 1));
	sent = send_until_full(fd, 256u << 20);
	CU_ASSERT(sent > HZ_LIMIT_tx_bytes_max);
	CU_ASSERT(sent < 256u << 20);
	shutdown(fd, SHUT_WR);
	while ((part = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		for (size_t i = 0; i < (size_t)part; i++)
			wrong += chunk[i] != rig_byte(done + i);
		done += (size_t)part;
	}
	CU_ASSERT_EQUAL(done, sent);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(rig->seen.eofs, 1);
	CU_ASSERT(rig->seen.span_max <= 65536); /* nothing is read while output is blocked */
	close(fd);
	rig_close(rig);
}

static void unread_bytes_stop_at_the_hold_limit(void)
{
	struct rig *rig = rig_open(1, 16);
	size_t sent, done = 0, wrong = 0;
	uint8_t chunk[4096];
	int fd = rig_connect(rig);
	ssize_t part;

	CU_ASSERT(rig_send(fd, "N", 1));
	CU_ASSERT(rig_wait(&rig->seen.presented, 1));
	sent = send_until_full(fd, 32u << 20);
	CU_ASSERT(sent > HZ_LIMIT_hold_bytes_max);
	shutdown(fd, SHUT_WR);
	while ((part = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		for (size_t i = 0; i < (size_t)part; i++)
			wrong += chunk[i] != rig_byte(done + i);
		done += (size_t)part;
	}
	CU_ASSERT_EQUAL(done, sent);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(rig->seen.span_max <= HZ_LIMIT_hold_bytes_max);
	close(fd);
	rig_close(rig);
}

static void held_bytes_are_presented_again_after_on_timer(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[5] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "Nheld", 5));
	CU_ASSERT(rig_recv(fd, back, 4));
	CU_ASSERT_STRING_EQUAL(back, "held");
	CU_ASSERT_EQUAL(rig->seen.timers, 1);
	close(fd);
	rig_close(rig);
}

static void half_close_gets_the_echo_then_eof(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[6] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "Ehello", 6));
	shutdown(fd, SHUT_WR);
	CU_ASSERT(rig_recv(fd, back, 5));
	CU_ASSERT_STRING_EQUAL(back, "hello");
	CU_ASSERT(rig_is_eof(fd));
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.eofs, 1);
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_DONE], 1);
	close(fd);
	rig_close(rig);
}

static void half_close_behind_a_partial_line_is_told_once(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[4] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "Lab\nno end", 10));
	shutdown(fd, SHUT_WR);
	CU_ASSERT(rig_recv(fd, back, 3));
	CU_ASSERT_STRING_EQUAL(back, "ab\n");
	CU_ASSERT(rig_is_eof(fd));
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.eofs, 1);
	close(fd);
	rig_close(rig);
}

static void eof_is_told_once_to_who_answers_later(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[4] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "H", 1));
	shutdown(fd, SHUT_WR);
	CU_ASSERT(rig_recv(fd, back, 3));
	CU_ASSERT_STRING_EQUAL(back, "bye");
	CU_ASSERT(rig_is_eof(fd));
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.eofs, 1);
	close(fd);
	rig_close(rig);
}

static void shutdown_sends_what_was_written_first(void)
{
	struct rig *rig = rig_open(1, 16);
	char back[4] = "";
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "S", 1));
	CU_ASSERT(rig_recv(fd, back, 3));
	CU_ASSERT_STRING_EQUAL(back, "bye");
	CU_ASSERT(rig_is_eof(fd));
	CU_ASSERT(rig_send(fd, "dropped", 7)); /* input after shutdown goes nowhere */
	close(fd);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_DONE], 1);
	CU_ASSERT_EQUAL(rig->seen.presented, 1);
	rig_close(rig);
}

static void peer_that_never_closes_is_given_up_after_the_linger_time(void)
{
	struct rig *rig = rig_open(1, 16);
	uint64_t begin_ns = hz_clock_monotonic_ns(), took_ms;
	int fd = rig_connect(rig);

	CU_ASSERT(rig_send(fd, "S", 1));
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	took_ms = (hz_clock_monotonic_ns() - begin_ns) / HZ_NS_PER_MS;
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_TIMEOUT], 1);
	CU_ASSERT(took_ms >= 1990 && took_ms < 4000);
	close(fd);
	rig_close(rig);
}

/* Sends as fast as it can until the connection ends; the milliseconds that took. */
static uint64_t send_to_the_end(int fd)
{
	uint64_t begin_ns = hz_clock_monotonic_ns();
	uint8_t chunk[16384] = { 0 };
	struct timeval patience = { .tv_sec = 5 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
		;
	return (hz_clock_monotonic_ns() - begin_ns) / HZ_NS_PER_MS;
}

static void peer_that_goes_on_sending_is_reset_after_64_kib(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig);
	char bye[3];

	CU_ASSERT(rig_send(fd, "S", 1));
	CU_ASSERT(rig_recv(fd, bye, sizeof(bye)));
	CU_ASSERT(rig_is_eof(fd));
	CU_ASSERT(send_to_the_end(fd) < 1000);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	CU_ASSERT_EQUAL(rig->seen.closed[HZ_CLOSE_TIMEOUT], 1);
	CU_ASSERT(rig_load(&rig->worker[0].rx_bytes) < 3 * 65536);
	close(fd);
	rig_close(rig);
}

static void peer_that_drips_after_our_fin_is_reset_after_a_second(void)
{
	struct rig *rig = rig_open(1, 16);
	uint64_t begin_ns = hz_clock_monotonic_ns();
	int fd = rig_connect(rig);
	char bye[3];

	CU_ASSERT(rig_send(fd, "S", 1));
	CU_ASSERT(rig_recv(fd, bye, sizeof(bye)));
	CU_ASSERT(rig_is_eof(fd));
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 &&
	       hz_clock_monotonic_ns() - begin_ns < 5 * HZ_NS_PER_S)
		usleep(20000);
	begin_ns = (hz_clock_monotonic_ns() - begin_ns) / HZ_NS_PER_MS;
	CU_ASSERT(begin_ns >= 900 && begin_ns < 1900);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	close(fd);
	rig_close(rig);
}

/* What the peer does not take is not with the kernel either. */
static void answer_nobody_reads_stays_with_us(void)
{
	struct rig *rig = rig_open(1, 16);
	int fd = rig_connect(rig), queued = 0;

	CU_ASSERT(rig_send(fd, "G10000000\n", 10));
	usleep(300000);
	CU_ASSERT_EQUAL(ioctl(fd, FIONREAD, &queued), 0);
	CU_ASSERT(rig_load(&rig->worker[0].tx_bytes) < (uint64_t)queued + 3 * 65536);
	close(fd);
	CU_ASSERT(rig_wait(&rig->seen.closes, 1));
	rig_close(rig);
}

/* More than the linger time later: what the kernel kept must not have been thrown away. */
static void last_bytes_wait_for_a_slow_reader(void)
{
	enum { BYTES = 160000, SLOW_MS = 2500 };
	struct rig *rig = rig_open(1, 16);
	uint8_t *data = malloc(BYTES);
	int small = 65536, fd = rig_connect(rig);
	size_t wrong = 0;

	CU_ASSERT_FATAL(data != NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	CU_ASSERT(rig_send(fd, "G160000\n", 8));
	usleep(SLOW_MS * 1000);
	CU_ASSERT_EQUAL(rig->seen.closes, 0);
	CU_ASSERT_EQUAL(rig_load(&rig->conns[0].fin_wait_1), 1);
	CU_ASSERT(rig_recv(fd, data, BYTES));
	for (size_t i = 0; i < BYTES; i++)
		wrong += data[i] != rig_byte(i);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(rig_is_eof(fd));
	close(fd);
	CU_ASSERT(rig_wait(&rig->seen.closed[HZ_CLOSE_DONE], 1));
	free(data);
	rig_close(rig);
}

static void fin_is_fin_wait_1_until_everything_is_acknowledged(void)
{
	enum {
		BYTES = 160000
	}; /* more than the peer takes, and what is left fits into the kernel */
	struct rig *rig = rig_open(1, 16);
	uint8_t *data = malloc(BYTES);
	int small = 65536, fd = rig_connect(rig);

	CU_ASSERT_FATAL(data != NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	CU_ASSERT(rig_send(fd, "G160000\n", 8));
	for (int i = 0; i < 200 && rig_load(&rig->conns[0].fin_wait_1) == 0; i++)
		usleep(10000);
	CU_ASSERT_EQUAL(rig_load(&rig->conns[0].fin_wait_1), 1);
	CU_ASSERT(rig_recv(fd, data, BYTES));
	CU_ASSERT(rig_is_eof(fd));
	for (int i = 0; i < 200 && rig_load(&rig->conns[0].fin_wait_2) == 0; i++)
		usleep(10000);
	CU_ASSERT_EQUAL(rig_load(&rig->conns[0].fin_wait_2), 1);
	CU_ASSERT_EQUAL(rig_load(&rig->conns[0].fin_wait_1), 0);
	close(fd);
	free(data);
	rig_close(rig);
}

HZ_SUITE(sock_data, CASE(line_in_single_bytes_is_joined_and_echoed),
         CASE(pipeline_longer_than_a_call_is_presented_again),
         CASE(slow_reader_gets_every_byte_within_the_output_limit),
         CASE(writer_that_never_reads_is_stopped_and_loses_nothing),
         CASE(unread_bytes_stop_at_the_hold_limit),
         CASE(held_bytes_are_presented_again_after_on_timer),
         CASE(half_close_gets_the_echo_then_eof),
         CASE(half_close_behind_a_partial_line_is_told_once),
         CASE(eof_is_told_once_to_who_answers_later), CASE(shutdown_sends_what_was_written_first),
         CASE(peer_that_never_closes_is_given_up_after_the_linger_time),
         CASE(peer_that_goes_on_sending_is_reset_after_64_kib),
         CASE(peer_that_drips_after_our_fin_is_reset_after_a_second),
         CASE(answer_nobody_reads_stays_with_us), CASE(last_bytes_wait_for_a_slow_reader),
         CASE(fin_is_fin_wait_1_until_everything_is_acknowledged));
