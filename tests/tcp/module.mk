# Scripts and simulator around the real stack, and the fake port that unit tests share.
UNIT_net_EXTRA := tests/support/fake_port.c
UNIT_tcp_EXTRA := tests/support/fake_port.c
UNIT_tcp_CFLAGS := -Itests/support

TCP_TEST_COMMON := $(patsubst %,$(O)/obj/tests/%.o,tcp/tcp_world tcp/seg_parse support/fake_port)
TCP_TEST_LIBS := $(patsubst %,$(O)/lib/lib%.a,tcp net telemetry core)

$(O)/obj/tests/tcp/%.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk liburcu-qsbr) -Itests/support -Itests/tcp
$(O)/obj/tests/support/fake_port.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support

$(O)/tests/run_seg: $(O)/obj/tests/tcp/run_seg.o
$(O)/tests/sim_tcp: $(O)/obj/tests/tcp/sim_tcp.o
$(O)/tests/run_seg $(O)/tests/sim_tcp: $(TCP_TEST_COMMON) $(TCP_TEST_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TCP_TEST_LIBS) -Wl,--end-group \
		$(call pkg_libs,libdpdk liburcu-qsbr)

TESTS += $(O)/tests/run_seg $(O)/tests/sim_tcp
