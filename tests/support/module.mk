# The object that tools/dev/rig.sh puts on the client end of its veth pair.
RIG_XDP_PASS := $(O)/tests-bpf/xdp_pass.bpf.o
all: $(RIG_XDP_PASS)
$(RIG_XDP_PASS): tests/support/xdp_pass.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -c -o $@ $<

# Streams of a topic are tested through http.
UNIT_handlers_EXTRA += tests/support/fake_stream.c
UNIT_api_EXTRA := tests/support/fake_stream.c
