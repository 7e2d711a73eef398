# perf/micro: benches without a kernel in between.
BENCHES := $(patsubst %,$(O)/perf/bench_%,inproc conns rate tcp)
BENCH_OBJS := $(patsubst %,$(O)/obj/%.o,perf/micro/bench_server perf/micro/bench_client tests/support/tcp_wire)
BENCH_LIBS := $(patsubst %,$(O)/lib/lib%.a,server worker tcp net port api handlers middleware http router config telemetry core)

$(O)/obj/perf/micro/%.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support
$(O)/obj/tests/support/tcp_wire.o: PKG_CFLAGS := -Itests/support
$(BENCHES): $(O)/perf/%: $(O)/obj/perf/micro/%.o $(BENCH_OBJS) $(BENCH_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $< $(BENCH_OBJS) -Wl,--start-group $(BENCH_LIBS) -Wl,--end-group \
		$(call libs_of,$(server_ALL))

BENCH_MEMIF_OBJS := $(patsubst %,$(O)/obj/%.o,perf/micro/bench_memif tests/memif/memif_peer tests/support/tcp_wire)

$(O)/obj/perf/micro/bench_memif.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support -Itests/memif
$(O)/perf/bench_memif: $(BENCH_MEMIF_OBJS) $(patsubst %,$(O)/lib/lib%.a,port net telemetry core)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(BENCH_MEMIF_OBJS) -Wl,--start-group \
		$(patsubst %,$(O)/lib/lib%.a,port net telemetry core) -Wl,--end-group \
		$(call libs_of,port net telemetry core)

TESTS += $(BENCHES) $(O)/perf/bench_memif

# Parts by themselves: no server around them.
PART_BENCHES := $(patsubst %,$(O)/perf/bench_%,router parse)
$(PART_BENCHES): $(O)/perf/%: $(O)/obj/perf/micro/%.o $(patsubst %,$(O)/lib/lib%.a,http router core)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^

$(O)/perf/bench_hist: $(O)/obj/perf/micro/bench_hist.o $(patsubst %,$(O)/lib/lib%.a,telemetry core)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^

TESTS += $(PART_BENCHES) $(O)/perf/bench_hist

# A client at a fixed rate, for scenarios.
$(O)/obj/perf/scenarios/pace.o: PKG_CFLAGS :=
$(O)/perf/pace: $(O)/obj/perf/scenarios/pace.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $<

TESTS += $(O)/perf/pace

# Verdicts of the XDP program, with the rig of its tests.
BENCH_XDP_OBJS := $(patsubst %,$(O)/obj/%.o,perf/micro/bench_xdp perf/micro/xdp_rows tests/bpf/bpf_rig tests/bpf/wire)
BENCH_XDP_LIBS := $(patsubst %,$(O)/lib/lib%.a,loader telemetry core)

$(O)/tests-bpf/xdp_again.bpf.o: perf/micro/xdp_again.bpf.c perf/micro/xdp_again.h
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -c -o $@ $<

$(O)/obj/perf/micro/bench_xdp.o $(O)/obj/perf/micro/xdp_rows.o: PKG_CFLAGS = $(call pkg_cflags,libbpf) -Itests/bpf -Iperf/micro
$(O)/perf/bench_xdp: $(BENCH_XDP_OBJS) $(BENCH_XDP_LIBS) | $(O)/tests-bpf/xdp_again.bpf.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(BENCH_XDP_OBJS) -Wl,--start-group $(BENCH_XDP_LIBS) -Wl,--end-group \
		$(call pkg_libs,libbpf libxdp)

TESTS += $(O)/perf/bench_xdp
