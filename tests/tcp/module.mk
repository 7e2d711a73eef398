# Scripts and simulator around the real stack, and the fake port that unit tests share.
UNIT_net_EXTRA := tests/support/fake_port.c tests/unit/port/veth_wire.c
UNIT_tcp_EXTRA := tests/support/fake_port.c
UNIT_tcp_CFLAGS := -Itests/support

TCP_TEST_COMMON := $(patsubst %,$(O)/obj/tests/%.o,tcp/tcp_world tcp/seg_parse tcp/seg_direct tcp/world_open tcp/world_xdp support/fake_port)
TCP_TEST_LIBS := $(patsubst %,$(O)/lib/lib%.a,tcp net telemetry core)

$(O)/obj/tests/tcp/%.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk liburcu-qsbr) -Itests/support -Itests/tcp
$(O)/obj/tests/support/fake_port.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support

# Storms and blind attackers; the long ones are the same programs, which look at their names.
TCP_STORMS := $(foreach t,storm_tcp blind_tcp,$(O)/tests/$(t) $(O)/tests/$(t)_long)
$(O)/tests/storm_tcp $(O)/tests/storm_tcp_long: $(O)/obj/tests/tcp/storm_tcp.o
$(O)/tests/blind_tcp $(O)/tests/blind_tcp_long: $(O)/obj/tests/tcp/blind_tcp.o
$(TCP_STORMS): $(patsubst %,$(O)/obj/tests/tcp/%.o,tcp_peer frame_bend)

$(O)/tests/run_seg: $(O)/obj/tests/tcp/run_seg.o
$(O)/tests/sim_tcp: $(O)/obj/tests/tcp/sim_tcp.o
$(O)/tests/run_seg $(O)/tests/sim_tcp $(TCP_STORMS): $(TCP_TEST_COMMON) $(TCP_TEST_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TCP_TEST_LIBS) -Wl,--end-group \
		$(call pkg_libs,libdpdk liburcu-qsbr)

# Two of our stacks; no application of run_seg's.
SIM_PAIR_OBJS := $(patsubst %,$(O)/obj/tests/tcp/sim_%.o,pair plan host app link wire check) \
	$(O)/obj/tests/support/fake_port.o
$(O)/tests/sim_pair $(O)/tests/sim_pair_long: $(SIM_PAIR_OBJS) $(TCP_TEST_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TCP_TEST_LIBS) -Wl,--end-group \
		$(call pkg_libs,libdpdk liburcu-qsbr)

TESTS += $(O)/tests/run_seg $(O)/tests/sim_tcp $(TCP_STORMS) $(O)/tests/sim_pair $(O)/tests/sim_pair_long
