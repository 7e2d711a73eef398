# Fuzzers of the HTTP parsers, of sites, of TCP options and of frames. libFuzzer drives them with `make fuzz`; the tests replay the
# committed corpora through the same functions without libFuzzer, on any compiler.
UNIT_http_EXTRA := tests/fuzz/h1_oracle.c tests/support/fake_stream.c
# The public request collections that unit_http reads are JSON.
$(O)/tests/unit_http: HZ_LDFLAGS += -Wl,--push-state,--no-as-needed -ljansson -Wl,--pop-state

FUZZ_TARGETS := h1 chunked site frame tcp_opts host uri range cond accept mw log jwt pcap sources record query sse
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang-14
FUZZ_RIG := tests/fuzz/h1_oracle.c tests/support/fake_stream.c tests/unit/http/http_rig.c
FUZZ_REPLAY_OBJS = $(patsubst %.c,$(O)/obj/%.o,tests/fuzz/fuzz_replay.c tests/fuzz/fuzz_fault.c \
	$(foreach t,$(FUZZ_TARGETS),tests/fuzz/fuzz_$(t).c) $(FUZZ_RIG) $(FUZZ_TCP_RIG) $(FUZZ_MW_RIG) $(FUZZ_SRCS_pcap) $(FUZZ_SRCS_sse))
FUZZ_MODULES := collector tcp net middleware http config router telemetry core
FUZZ_INCLUDES = -Itests/support -Itests/tcp $(call pkg_cflags,cunit libdpdk)
FUZZ_TCP_RIG := tests/tcp/tcp_world.c tests/tcp/world_open.c tests/tcp/world_xdp.c tests/tcp/frame_bend.c tests/support/fake_port.c
FUZZ_MW_RIG := tests/unit/middleware/mw_rig.c
# What each target is built from, beside its own file.
FUZZ_SRCS_h1 = $(FUZZ_RIG) $(wildcard userspace/http/*.c) \
	$(addprefix userspace/core/,clock.c pages.c pool.c rng.c source_table.c)
FUZZ_SRCS_chunked = $(FUZZ_SRCS_h1)
FUZZ_SRCS_uri = $(addprefix userspace/http/,h1_parse.c h1_target.c token.c) $(addprefix userspace/router/,path.c path_text.c)
FUZZ_SRCS_pcap = tools/hzctl/pcap_read.c
FUZZ_COLLECTOR := $(addprefix userspace/collector/,doc_text.c event_json.c event_log.c hist_pack.c stage_series.c \
	tier.c web_query.c) userspace/telemetry/hist.c
FUZZ_SRCS_record = $(FUZZ_COLLECTOR)
FUZZ_LIBS_record = $(call pkg_libs,jansson)
FUZZ_SRCS_query = $(FUZZ_COLLECTOR)
FUZZ_SRCS_sse = tools/hzctl/sse_read.c
FUZZ_SRCS_range = userspace/http/range.c
FUZZ_SRCS_accept = $(addprefix userspace/http/,accept_coding.c token.c)
FUZZ_SRCS_cond = $(addprefix userspace/http/,cond.c http_date.c req.c token.c)
FUZZ_SRCS_mw = $(FUZZ_MW_RIG) $(wildcard userspace/middleware/*.c) \
	$(addprefix userspace/http/,h1_wait.c http_date.c req.c token.c) \
	$(addprefix userspace/core/,clock.c endpoint.c jobs.c msg_ring.c pages.c pool.c rng.c)
FUZZ_LIBS_mw = $(call pkg_libs,libcrypto liburcu-qsbr)
FUZZ_SRCS_jwt = $(addprefix userspace/middleware/,base64url.c json_flat.c jwt_token.c)
FUZZ_LIBS_jwt = $(call pkg_libs,jansson)
FUZZ_SRCS_log = $(addprefix userspace/middleware/,log_line.c log_record.c log_text.c) \
	$(addprefix userspace/http/,http_date.c token.c) userspace/core/byte_ring.c
FUZZ_SRCS_site = $(wildcard userspace/config/*.c userspace/router/*.c) userspace/core/endpoint.c userspace/core/err.c
FUZZ_LIBS_site = $(call pkg_libs,yaml-0.1)
FUZZ_SRCS_sources = $(FUZZ_SRCS_site)
FUZZ_LIBS_sources = $(FUZZ_LIBS_site)
FUZZ_SRCS_frame = $(FUZZ_TCP_RIG) $(wildcard dpdk/tcp/*.c dpdk/net/*.c userspace/telemetry/*.c userspace/core/*.c)
FUZZ_LIBS_frame = $(call pkg_libs,libdpdk liburcu-qsbr)
FUZZ_SRCS_tcp_opts = dpdk/tcp/tcp_opts.c
FUZZ_SRCS_host = tests/support/fake_port.c $(wildcard dpdk/net/*.c userspace/telemetry/*.c) \
	$(addprefix userspace/core/,endpoint.c rng.c clock.c)
FUZZ_LIBS_host = $(call pkg_libs,libdpdk)

TESTS += $(O)/tests/fuzz_replay
$(O)/obj/tests/fuzz/%.o: PKG_CFLAGS := $(FUZZ_INCLUDES)
$(O)/tests/fuzz_replay: $(FUZZ_REPLAY_OBJS) $(foreach m,$(FUZZ_MODULES),$(O)/lib/lib$(m).a)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(FUZZ_REPLAY_OBJS) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(call pkg_libs,yaml-0.1 libdpdk liburcu-qsbr libcrypto jansson)

# One libFuzzer program per target, all of it built with ASan and UBSan.
$(O)/fuzz/%: tests/fuzz/fuzz_%.c FORCE
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -D_GNU_SOURCE -DHZ_LIBFUZZER -O1 -g $(INCLUDES) $(FUZZ_INCLUDES) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-fsanitize-coverage-ignorelist=tests/fuzz/coverage.ignore -o $@ $< \
		tests/fuzz/fuzz_fault.c $(FUZZ_SRCS_$*) $(FUZZ_LIBS_$*)

PHONY_TARGETS += fuzz
fuzz: $(foreach t,$(FUZZ_TARGETS),$(O)/fuzz/$(t)) ## run each libFuzzer target for FUZZ_SECONDS (60)
	$(Q)for t in $(FUZZ_TARGETS); do \
		case $$t in h1 | chunked | uri | range | cond | accept | mw) dict=http ;; site) dict=site ;; *) dict= ;; esac; \
		mkdir -p $(O)/fuzz/found/$$t && \
		$(O)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/$$t- $${dict:+-dict=tests/fuzz/$$dict.dict} \
			$(O)/fuzz/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done
