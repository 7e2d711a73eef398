/* Which descriptor is new: from sets made up, and from real sockets. */
#include "hz_test.h"
#include "port/xsk_fds.h"
#include <sys/socket.h>
#include <unistd.h>

static void xsk_fds_added_is_the_one_new_or_none(void)
{
	const struct hz_xsk_fds none = { .count = 0 };
	const struct hz_xsk_fds one = { { 7 }, 1 }, two = { { 9, 7 }, 2 },
				three = { { 9, 7, 3 }, 3 };

	CU_ASSERT_EQUAL(hz_xsk_fds_added(&none, &none), -1);
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&one, &one), -1);
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&none, &one), 7);
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&one, &two), 9);
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&two, &one), -1);
	/* Of two it is unknown which belongs to whom. */
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&one, &three), -1);
}

static void xsk_fds_read_finds_af_xdp_sockets_only(void)
{
	struct hz_xsk_fds before, now;
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int xsk;

	CU_ASSERT_EQUAL_FATAL(hz_xsk_fds_read(&before), 0);
	xsk = socket(44 /* AF_XDP */, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (xsk == -1) {
		close(other);
		HZ_SKIP("no AF_XDP socket: needs CAP_NET_RAW");
	}
	CU_ASSERT_EQUAL(hz_xsk_fds_read(&now), 0);
	CU_ASSERT_EQUAL(now.count, before.count + 1);
	CU_ASSERT_EQUAL(hz_xsk_fds_added(&before, &now), xsk);
	close(xsk);
	close(other);
}

HZ_SUITE(xsk_fds, CASE(xsk_fds_added_is_the_one_new_or_none),
         CASE(xsk_fds_read_finds_af_xdp_sockets_only));
