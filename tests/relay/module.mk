# The bad link of end-to-end tests, the test of its model, and a SYN flood. helper_*: run by tests, not as one.
RELAY_MODEL := $(patsubst %,$(O)/obj/tests/relay/%.o,impair flight)
RELAY_LIBS := $(O)/lib/libcore.a

$(O)/obj/tests/relay/%.o: PKG_CFLAGS := -Itests/relay -Itests/support
$(O)/tests/helper_relay: $(patsubst %,$(O)/obj/tests/relay/%.o,relay relay_conf) $(RELAY_MODEL) $(RELAY_LIBS)
$(O)/tests/relay_model: $(O)/obj/tests/relay/relay_model.o $(RELAY_MODEL) $(RELAY_LIBS)
$(O)/tests/helper_flood: $(patsubst %,$(O)/obj/tests/%.o,relay/flood support/tcp_wire) $(RELAY_LIBS)
$(O)/tests/helper_relay $(O)/tests/helper_flood $(O)/tests/relay_model:
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^

TESTS += $(O)/tests/helper_relay $(O)/tests/helper_flood $(O)/tests/relay_model
