# The object that tools/dev/rig.sh puts on the client end of its veth pair, the one perf/scenarios/syn_flood.py
# puts there, and that of helper_live.
RIG_XDP_PASS := $(O)/tests-bpf/xdp_pass.bpf.o
RIG_XDP_LIVE := $(O)/tests-bpf/xdp_live.bpf.o
RIG_XDP_FAR := $(O)/tests-bpf/xdp_far.bpf.o
all: $(RIG_XDP_PASS) $(RIG_XDP_FAR)
$(RIG_XDP_LIVE): tests/support/xdp_live.h
$(RIG_XDP_PASS) $(RIG_XDP_FAR) $(RIG_XDP_LIVE): $(O)/tests-bpf/%.bpf.o: tests/support/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -c -o $@ $<

# Streams of a topic are tested through http.
UNIT_handlers_EXTRA += tests/support/fake_stream.c
UNIT_api_EXTRA := tests/support/fake_stream.c
