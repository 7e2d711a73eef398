# Fuzzers of the HTTP parsers. libFuzzer drives them with `make fuzz`; the tests replay the committed
# corpora through the same functions without libFuzzer, on any compiler.
UNIT_http_EXTRA := tests/fuzz/h1_oracle.c tests/support/fake_stream.c
# The public request collections that unit_http reads are JSON.
$(O)/tests/unit_http: HZ_LDFLAGS += -Wl,--push-state,--no-as-needed -ljansson -Wl,--pop-state

FUZZ_TARGETS := h1 chunked
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang-14
FUZZ_COMMON := tests/fuzz/h1_oracle.c tests/fuzz/fuzz_fault.c tests/support/fake_stream.c \
	tests/unit/http/http_rig.c
FUZZ_SRCS = $(foreach t,$(FUZZ_TARGETS),tests/fuzz/fuzz_$(t).c) $(FUZZ_COMMON)
FUZZ_REPLAY_OBJS = $(patsubst %.c,$(O)/obj/%.o,tests/fuzz/fuzz_replay.c $(FUZZ_SRCS))
FUZZ_INCLUDES = -Itests/support $(call pkg_cflags,cunit)

TESTS += $(O)/tests/fuzz_replay
$(O)/obj/tests/fuzz/%.o: PKG_CFLAGS := $(FUZZ_INCLUDES)
$(O)/tests/fuzz_replay: $(FUZZ_REPLAY_OBJS) $(foreach m,http telemetry core,$(O)/lib/lib$(m).a)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $(FUZZ_REPLAY_OBJS) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group

# One libFuzzer program per target, all of it built with ASan and UBSan.
$(O)/fuzz/%: tests/fuzz/fuzz_%.c $(FUZZ_COMMON) FORCE
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -D_GNU_SOURCE -DHZ_LIBFUZZER -O1 -g $(INCLUDES) $(FUZZ_INCLUDES) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $@ $< \
		$(FUZZ_COMMON) $(wildcard userspace/http/*.c) userspace/core/pool.c \
		userspace/core/clock.c userspace/core/rng.c

PHONY_TARGETS += fuzz
fuzz: $(foreach t,$(FUZZ_TARGETS),$(O)/fuzz/$(t)) ## run each libFuzzer target for FUZZ_SECONDS (60)
	$(Q)for t in $(FUZZ_TARGETS); do \
		mkdir -p $(O)/fuzz/found/$$t && \
		$(O)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/$$t- -dict=tests/fuzz/http.dict \
			$(O)/fuzz/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done
