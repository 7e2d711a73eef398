# Fuzzers of the HTTP parsers and of sites. libFuzzer drives them with `make fuzz`; the tests replay the
# committed corpora through the same functions without libFuzzer, on any compiler.
UNIT_http_EXTRA := tests/fuzz/h1_oracle.c tests/support/fake_stream.c
# The public request collections that unit_http reads are JSON.
$(O)/tests/unit_http: HZ_LDFLAGS += -Wl,--push-state,--no-as-needed -ljansson -Wl,--pop-state

FUZZ_TARGETS := h1 chunked site
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang-14
FUZZ_RIG := tests/fuzz/h1_oracle.c tests/support/fake_stream.c tests/unit/http/http_rig.c
FUZZ_REPLAY_OBJS = $(patsubst %.c,$(O)/obj/%.o,tests/fuzz/fuzz_replay.c tests/fuzz/fuzz_fault.c \
	$(foreach t,$(FUZZ_TARGETS),tests/fuzz/fuzz_$(t).c) $(FUZZ_RIG))
FUZZ_MODULES := http config router telemetry core
FUZZ_INCLUDES = -Itests/support $(call pkg_cflags,cunit)
# What each target is built from, beside its own file.
FUZZ_SRCS_h1 = $(FUZZ_RIG) $(wildcard userspace/http/*.c) \
	$(addprefix userspace/core/,clock.c pool.c rng.c source_table.c)
FUZZ_SRCS_chunked = $(FUZZ_SRCS_h1)
FUZZ_SRCS_site = $(wildcard userspace/config/*.c userspace/router/*.c) userspace/core/endpoint.c
FUZZ_LIBS_site = $(call pkg_libs,yaml-0.1)

TESTS += $(O)/tests/fuzz_replay
$(O)/obj/tests/fuzz/%.o: PKG_CFLAGS := $(FUZZ_INCLUDES)
$(O)/tests/fuzz_replay: $(FUZZ_REPLAY_OBJS) $(foreach m,$(FUZZ_MODULES),$(O)/lib/lib$(m).a)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(FUZZ_REPLAY_OBJS) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(call pkg_libs,yaml-0.1)

# One libFuzzer program per target, all of it built with ASan and UBSan.
$(O)/fuzz/%: tests/fuzz/fuzz_%.c FORCE
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -D_GNU_SOURCE -DHZ_LIBFUZZER -O1 -g $(INCLUDES) $(FUZZ_INCLUDES) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $@ $< \
		tests/fuzz/fuzz_fault.c $(FUZZ_SRCS_$*) $(FUZZ_LIBS_$*)

PHONY_TARGETS += fuzz
fuzz: $(foreach t,$(FUZZ_TARGETS),$(O)/fuzz/$(t)) ## run each libFuzzer target for FUZZ_SECONDS (60)
	$(Q)for t in $(FUZZ_TARGETS); do \
		mkdir -p $(O)/fuzz/found/$$t && \
		$(O)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/$$t- -dict=tests/fuzz/$$([ $$t = site ] && echo site || echo http).dict \
			$(O)/fuzz/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done
