# The bad link of end-to-end tests, the test of its model, a SYN flood, and a rush of connections. helper_*: run by tests, not as one.
RELAY_MODEL := $(patsubst %,$(O)/obj/tests/relay/%.o,impair flight)
RELAY_LIBS := $(O)/lib/libcore.a

$(O)/obj/tests/relay/%.o: PKG_CFLAGS := -Itests/relay -Itests/support
$(O)/tests/helper_relay: $(patsubst %,$(O)/obj/tests/relay/%.o,relay relay_conf) $(RELAY_MODEL) $(RELAY_LIBS)
$(O)/tests/relay_model: $(O)/obj/tests/relay/relay_model.o $(RELAY_MODEL) $(RELAY_LIBS)
$(O)/tests/helper_flood: $(patsubst %,$(O)/obj/tests/%.o,relay/flood support/tcp_wire) $(RELAY_LIBS)
$(O)/tests/helper_rush: $(O)/obj/tests/relay/rush.o $(RELAY_LIBS)
$(O)/obj/tests/relay/live.o: PKG_CFLAGS := -Itests/support $(call pkg_cflags,libbpf)
$(O)/tests/helper_live: $(O)/obj/tests/relay/live.o | $(O)/tests-bpf/xdp_live.bpf.o
$(O)/tests/helper_live: TEST_LIBS := $(call pkg_libs,libbpf)
$(O)/tests/helper_relay $(O)/tests/helper_flood $(O)/tests/helper_rush $(O)/tests/helper_live $(O)/tests/relay_model:
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^ $(TEST_LIBS)

TESTS += $(O)/tests/helper_relay $(O)/tests/helper_flood $(O)/tests/helper_rush $(O)/tests/helper_live $(O)/tests/relay_model
