/* What a NIC does to frames before XDP: told, refused with the command, or lived with under a name. */
#include "attach_world.h"
#include "loader/xdp_nic.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOTH 2

/* A NIC, what it comes to in native and in generic mode: a code word, or (NULL) the set of degraded. */
static const struct {
	const char *name;
	struct hz_xdp_nic nic;
	const char *refused[BOTH];
	const char *hint;
	uint32_t degraded[BOTH];
} rows[] = {
	{ "plain", { .driver = "igc", .mtu = 1500 }, .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "largest_mtu",
	  { .driver = "igc", .mtu = 3498 },
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "jumbo",
	  { .driver = "igc", .mtu = 3499 },
	  { "nic_mtu", NULL },
	  "ip link set dev eth1 mtu 3498",
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "lro",
	  { .driver = "igc", .mtu = 1500, .has_lro = true },
	  { "nic_lro", NULL },
	  "ethtool -K eth1 lro off",
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "gro_hw",
	  { .driver = "igc", .mtu = 1500, .has_gro_hw = true },
	  { "nic_lro", NULL },
	  "ethtool -K eth1 rx-gro-hw off",
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "rx_vlan",
	  { .driver = "igc", .mtu = 1500, .has_rx_vlan = true },
	  .degraded = { HZ_XDP_DEGRADED_RX_VLAN,
	                HZ_XDP_DEGRADED_RX_VLAN | HZ_XDP_DEGRADED_GENERIC } },
	{ "rx_vlan_with_vlans",
	  { .driver = "igc", .mtu = 1500, .has_rx_vlan = true, .has_vlans = true },
	  { "nic_rx_vlan", "nic_rx_vlan" },
	  "ethtool -K eth1 rxvlan off",
	  .degraded = { 0, 0 } },
	{ "vlans_with_their_tags",
	  { .driver = "igc", .mtu = 1500, .has_vlans = true },
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
	{ "veth_says_rx_vlan",
	  { .driver = "veth", .mtu = 1500, .has_rx_vlan = true, .has_vlans = true },
	  .degraded = { 0, HZ_XDP_DEGRADED_GENERIC } },
};

static const char *judged_by_the_table(void)
{
	for (size_t i = 0; i < HZ_ARRAY_LEN(rows); i++)
		for (int mode = HZ_XDP_NATIVE; mode <= HZ_XDP_GENERIC; mode++) {
			const char *refused = rows[i].refused[mode];
			struct hz_err err = { 0 };
			uint32_t degraded = 99;
			int status = hz_xdp_nic_judge(&rows[i].nic, "eth1", (enum hz_xdp_mode)mode,
			                              &degraded, &err);

			if (refused != NULL ? status == -EOPNOTSUPP && degraded == 99 &&
			                              world_told(&err, refused, 5, rows[i].hint)
			                    : status == 0 && degraded == rows[i].degraded[mode])
				continue;
			printf("# %s, mode %d: %d, %u\n", rows[i].name, mode, status, degraded);
			return "judged otherwise";
		}
	return NULL;
}

static const char *read_tells_mtu_and_driver(void)
{
	struct hz_xdp_nic nic;

	if (!world_run("ip link set " WORLD_A " mtu 1400"))
		return "no MTU to be set";
	if (hz_xdp_nic_read(WORLD_A, &nic) != 0 || nic.mtu != 1400 ||
	    strcmp(nic.driver, "veth") != 0 || nic.has_lro || nic.has_gro_hw || nic.has_vlans)
		return "of a veth";
	return hz_xdp_nic_read("vhnone", &nic) == -ENODEV ? NULL : "of none";
}

static const char *read_tells_features_as_they_change(void)
{
	struct hz_xdp_nic nic;

	for (int on = 1; on >= 0; on--) {
		if (!world_run(on ? "ethtool -K " WORLD_A " rxvlan on"
		                  : "ethtool -K " WORLD_A " rxvlan off"))
			return "ethtool";
		if (hz_xdp_nic_read(WORLD_A, &nic) != 0 || nic.has_rx_vlan != (on != 0))
			return "rx-vlan-offload";
	}
	return NULL;
}

static const char *attach_refuses_jumbo_without_a_trace(void)
{
	struct world_pins none = { 0 };
	struct hz_err err;

	if (!world_run("ip link set " WORLD_A " mtu 9000"))
		return "no MTU to be set";
	if (world_attach(WORLD_A, 0, NULL, &err) != -EOPNOTSUPP ||
	    !world_told(&err, "nic_mtu", 5, "ip link set dev " WORLD_A " mtu"))
		return "not refused";
	if (!world_pins_are(&none))
		return "a trace of the refused";
	return world_attach(WORLD_A, WORLD_GENERIC, NULL, NULL) == 0 ? NULL
	                                                             : "refused in generic mode";
}

/* Of the other end the kernel knows, and we do not. */
static const char *jumbo_peer_is_told_as_no_native_mode(void)
{
	struct hz_err err;

	if (!world_run("ip link set " WORLD_A "p mtu 9000"))
		return "no MTU to be set";
	return world_attach(WORLD_A, 0, NULL, &err) < 0 &&
	                       world_told(&err, "xdp_native", 5, "mode generic")
	               ? NULL
	               : "told otherwise";
}

const struct world_test attach_nic_tests[] = {
	{ "nic.judged_by_the_table", judged_by_the_table },
	{ "nic.read_tells_mtu_and_driver", read_tells_mtu_and_driver },
	{ "nic.read_tells_features_as_they_change", read_tells_features_as_they_change },
	{ "nic.attach_refuses_jumbo_without_a_trace", attach_refuses_jumbo_without_a_trace },
	{ "nic.jumbo_peer_is_told_as_no_native_mode", jumbo_peer_is_told_as_no_native_mode },
	{ NULL, NULL },
};
