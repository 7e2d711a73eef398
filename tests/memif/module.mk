# hzd over memif, with a peer of ours at the other end.
MEMIF_OBJS := $(patsubst %,$(O)/obj/%.o,tests/memif/memif_http tests/memif/memif_peer tests/support/tcp_wire)
MEMIF_LIBS := $(patsubst %,$(O)/lib/lib%.a,port net telemetry core)

$(O)/obj/tests/memif/%.o: PKG_CFLAGS = $(call pkg_cflags,libdpdk) -Itests/support
$(O)/tests/memif_http: $(MEMIF_OBJS) $(MEMIF_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(MEMIF_OBJS) -Wl,--start-group $(MEMIF_LIBS) -Wl,--end-group \
		$(call libs_of,port net telemetry core)
$(O)/tests/memif_http: | $(O)/bin/hzd

TESTS += $(O)/tests/memif_http
