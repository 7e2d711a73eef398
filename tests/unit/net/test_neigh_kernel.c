/* Ways that the kernel knows, in a network namespace of our own. */
#include "../port/veth_wire.h"
#include "core/endpoint.h"
#include "hz_test.h"
#include "net/neigh_kernel.h"
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEER_MAC "02:00:00:00:07:02"

static struct hz_env env;
static struct hz_neigh_kernel *kernel;
static const char *why_not = "not tried";

#define IP(...) wire_run((const char *const[]){ "ip", __VA_ARGS__, NULL })

static struct hz_addr addr_of(const char *text)
{
	struct hz_addr addr = { { 0 } };

	CU_ASSERT_EQUAL(hz_addr_parse(text, &addr), 0);
	return addr;
}

static bool has_kernel(void)
{
	static bool is_tried;

	if (!is_tried) {
		is_tried = true;
		why_not = wire_up();
		if (why_not == NULL &&
		    !(IP("addr", "add", "10.9.0.1/24", "dev", WIRE_NEAR) &&
		      IP("addr", "add", "fd09::1/64", "dev", WIRE_NEAR, "nodad") &&
		      IP("neigh", "add", "10.9.0.2", "lladdr", PEER_MAC, "dev", WIRE_NEAR) &&
		      IP("neigh", "add", "fd09::2", "lladdr", PEER_MAC, "dev", WIRE_NEAR) &&
		      IP("route", "add", "192.0.2.0/24", "via", "10.9.0.2") &&
		      IP("route", "add", "unreachable", "198.51.100.0/24")))
			why_not = "no addresses";
		if (why_not == NULL &&
		    hz_neigh_kernel_open(if_nametoindex(WIRE_NEAR), &kernel) != 0)
			why_not = "no rtnetlink";
		if (why_not == NULL)
			kernel->env = &env;
		env.now_ns = hz_clock_monotonic_ns();
	}
	if (why_not != NULL)
		hz_test_skip(why_not);
	return why_not == NULL;
}

/* Asks, lets housekeeping turn, asks again. */
static int lookup(const char *remote, struct hz_addr *local, uint8_t mac[6])
{
	struct hz_addr addr = addr_of(remote);
	int err = hz_neigh_kernel_lookup(kernel, &addr, local, mac);

	if (err != -EAGAIN)
		return err;
	hz_neigh_kernel_turn(kernel, env.now_ns);
	return hz_neigh_kernel_lookup(kernel, &addr, local, mac);
}

static void kernel_tells_mac_and_source_of_a_neighbour(void)
{
	static const struct {
		const char *remote, *local;
	} rows[] = { { "10.9.0.2", "10.9.0.1" },
		     { "fd09::2", "fd09::1" },
		     { "192.0.2.7", "10.9.0.1" } }; /* behind the router .2 */

	if (!has_kernel())
		return;
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++) {
		struct hz_addr local, want = addr_of(rows[i].local);
		uint8_t mac[6] = { 0 };

		CU_ASSERT_EQUAL(lookup(rows[i].remote, &local, mac), 0);
		CU_ASSERT_EQUAL(memcmp(&local, &want, sizeof(want)), 0);
		CU_ASSERT_EQUAL(memcmp(mac, "\x02\0\0\0\x07\x02", 6), 0);
	}
}

static void kernel_without_a_route_is_unreachable_for_a_while(void)
{
	struct hz_addr local;
	uint8_t mac[6];

	if (!has_kernel())
		return;
	CU_ASSERT_EQUAL(lookup("198.51.100.1", &local, mac), -EHOSTUNREACH);
	CU_ASSERT_EQUAL(lookup("203.0.113.1", &local, mac), -EHOSTUNREACH);
	CU_ASSERT_EQUAL(lookup("10.9.0.1", &local, mac), -EHOSTUNREACH); /* its own */
	CU_ASSERT(IP("route", "add", "203.0.113.0/24", "via", "10.9.0.2"));
	CU_ASSERT_EQUAL(lookup("203.0.113.1", &local, mac), -EHOSTUNREACH);
	env.now_ns += 4 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL(lookup("203.0.113.1", &local, mac), 0);
}

/* The kernel asks on the wire, and its answer is ours. */
static void unknown_neighbour_is_looked_for_by_the_kernel(void)
{
	struct hz_addr local;
	uint8_t mac[6];

	if (!has_kernel())
		return;
	CU_ASSERT_EQUAL(lookup("10.9.0.77", &local, mac), -EAGAIN);
	CU_ASSERT(IP("neigh", "replace", "10.9.0.77", "lladdr", "02:00:00:00:00:77", "dev",
	             WIRE_NEAR, "nud", "stale"));
	CU_ASSERT_EQUAL(lookup("10.9.0.77", &local, mac), 0);
	CU_ASSERT_EQUAL(mac[5], 0x77);
	CU_ASSERT_EQUAL(lookup("10.9.0.78", &local, mac), -EAGAIN);
	env.now_ns += 4 * HZ_NS_PER_S; /* nobody answered */
	CU_ASSERT_EQUAL(lookup("10.9.0.78", &local, mac), -EHOSTUNREACH);
}

static void known_way_is_refreshed_while_it_is_used(void)
{
	struct hz_addr local, addr;
	uint8_t mac[6];

	if (!has_kernel())
		return;
	addr = addr_of("10.9.0.2");
	CU_ASSERT_EQUAL(lookup("10.9.0.2", &local, mac), 0);
	hz_neigh_kernel_turn(kernel, env.now_ns);
	env.now_ns += 40 * HZ_NS_PER_S;
	CU_ASSERT(IP("neigh", "replace", "10.9.0.2", "lladdr", "02:00:00:00:09:09", "dev",
	             WIRE_NEAR));
	CU_ASSERT_EQUAL(lookup("10.9.0.2", &local, mac), 0);
	CU_ASSERT_EQUAL(mac[5], 2); /* the old one until the kernel was asked */
	hz_neigh_kernel_turn(kernel, env.now_ns);
	CU_ASSERT_EQUAL(lookup("10.9.0.2", &local, mac), 0);
	CU_ASSERT_EQUAL(mac[5], 9);
	env.now_ns += 61 * HZ_NS_PER_S;
	CU_ASSERT_EQUAL(hz_neigh_kernel_lookup(kernel, &addr, &local, mac), -EAGAIN);
	hz_neigh_kernel_turn(kernel, env.now_ns);
}

static void more_ways_than_the_table_holds_replace_the_oldest(void)
{
	struct hz_addr local;
	uint8_t mac[6];
	char text[32];

	if (!has_kernel())
		return;
	for (unsigned i = 1; i < 200; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		env.now_ns++;
		CU_ASSERT_EQUAL(lookup(text, &local, mac), 0);
		CU_ASSERT_EQUAL(lookup(text, &local, mac), 0);
	}
	hz_neigh_kernel_close(kernel); /* the last case */
	kernel = NULL;
}

HZ_SUITE(neigh_kernel, CASE(kernel_tells_mac_and_source_of_a_neighbour),
         CASE(kernel_without_a_route_is_unreachable_for_a_while),
         CASE(unknown_neighbour_is_looked_for_by_the_kernel),
         CASE(known_way_is_refreshed_while_it_is_used),
         CASE(more_ways_than_the_table_holds_replace_the_oldest));
