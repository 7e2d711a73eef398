# BPF objects run by BPF_PROG_TEST_RUN, those of a second compiler as well, and attachment on veth.
BPF_TEST_LIBS := $(patsubst %,$(O)/lib/lib%.a,loader telemetry core)
BPF_ATTACH_SRCS := tests/bpf/bpf_attach.c $(sort $(wildcard tests/bpf/attach_*.c)) tests/bpf/tap.c tests/bpf/wire.c
# One program by its name: those that kill run beside the rest.
BPF_ATTACH_TESTS := $(addprefix $(O)/tests/,bpf_attach bpf_kill bpf_attach_long)
BPF_ATTACH_OBJS := $(patsubst %.c,$(O)/obj/%.o,$(BPF_ATTACH_SRCS))
BPF_LONG_MAIN := tests/bpf/model_long.c
BPF_MODEL_OBJS := $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard tests/bpf/model*.c) $(addprefix tests/bpf/, \
	bpf_rig.c prog_frames.c prog_model.c tap.c wire.c)))
BPF_RUN_OBJS := $(patsubst %.c,$(O)/obj/%.o,tests/bpf/tap.c tests/bpf/wire.c $(filter-out $(BPF_ATTACH_SRCS) $(BPF_LONG_MAIN), \
	$(wildcard tests/bpf/*.c)))
comma := ,
BPF_ALT_CC := $(shell command -v clang-19 2>/dev/null)
BPF_ALT_OBJS := $(if $(BPF_ALT_CC),$(patsubst %,$(O)/bpf-alt/%.bpf.o,hz_xdp hz_latency))

$(O)/bpf-alt/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_ALT_CC) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
-include $(wildcard $(O)/bpf-alt/*.d)

# A row of refusals for CPU 0 alone: what happens beyond HZ_WORKERS_MAX CPUs, on two.
BPF_ONE_ROW_OBJS := $(O)/bpf/one_row/hz_xdp.bpf.o $(if $(BPF_ALT_CC),$(O)/bpf-alt/one_row/hz_xdp.bpf.o)
$(O)/bpf-alt/one_row/hz_xdp.bpf.o: BPF_CC = $(BPF_ALT_CC)
$(BPF_ONE_ROW_OBJS): bpf/hz_xdp.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -DHZ_SHED_OWNERS=1 -MMD -MP -c -o $@ $<
-include $(wildcard $(BPF_ONE_ROW_OBJS:.o=.d))

$(BPF_RUN_OBJS) $(BPF_MODEL_OBJS) $(BPF_ATTACH_OBJS): PKG_CFLAGS = $(call pkg_cflags,libbpf libxdp)
$(O)/tests/bpf_prog_run: $(BPF_RUN_OBJS) $(BPF_TEST_LIBS) | $(BPF_ALT_OBJS) $(BPF_ONE_ROW_OBJS) \
	$(O)/bpf/hz_xdp.bpf.o $(O)/bpf/hz_latency.bpf.o
$(O)/tests/bpf_model_long: $(BPF_MODEL_OBJS) $(BPF_TEST_LIBS) | $(BPF_ALT_OBJS) $(O)/bpf/hz_xdp.bpf.o
$(BPF_ATTACH_TESTS): $(BPF_ATTACH_OBJS) $(BPF_TEST_LIBS)
# attach_fault.c makes these calls of the loader fail.
$(BPF_ATTACH_TESTS): BPF_TEST_WRAP := $(patsubst %,-Wl$(comma)--wrap=%,bpf_obj_pin bpf_map_update_elem \
	bpf_map_update_batch bpf_map_delete_batch \
	bpf_map_freeze bpf_link_create bpf_link_update bpf_object__open_skeleton \
	bpf_object__load_skeleton rename mkdir chmod chown \
	bpf_link_detach bpf_xdp_attach unlink unlinkat rmdir)
$(O)/tests/bpf_prog_run $(O)/tests/bpf_model_long $(BPF_ATTACH_TESTS):
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) $(BPF_TEST_WRAP) -o $@ $(filter %.o,$^) -Wl,--start-group $(BPF_TEST_LIBS) -Wl,--end-group \
		$(call pkg_libs,libbpf libxdp)

TESTS += $(O)/tests/bpf_prog_run $(O)/tests/bpf_model_long $(BPF_ATTACH_TESTS)
