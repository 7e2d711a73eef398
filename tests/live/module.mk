# Frames at the rate of a core, for end-to-end tests.
LIVE_TX := $(O)/tests-bpf/live_tx.bpf.o
all: $(LIVE_TX)
$(LIVE_TX): tests/support/live_tx.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -c -o $@ $<

$(O)/obj/tests/live/live.o: PKG_CFLAGS = $(call pkg_cflags,libbpf)
$(O)/tests/helper_live: $(O)/obj/tests/live/live.o $(O)/lib/libcore.a | $(LIVE_TX)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

TESTS += $(O)/tests/helper_live
