# perf/micro: benches without a kernel in between.
BENCH_OBJS := $(patsubst %,$(O)/obj/%.o,perf/micro/bench_inproc perf/micro/bench_client tests/support/tcp_wire)
BENCH_LIBS := $(patsubst %,$(O)/lib/lib%.a,server worker tcp net port handlers http router config telemetry core)

$(O)/obj/perf/micro/%.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support
$(O)/obj/tests/support/tcp_wire.o: PKG_CFLAGS := -Itests/support
$(O)/perf/bench_inproc: $(BENCH_OBJS) $(BENCH_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(BENCH_OBJS) -Wl,--start-group $(BENCH_LIBS) -Wl,--end-group \
		$(call libs_of,$(server_ALL))

TESTS += $(O)/perf/bench_inproc
