# hz: build, check, demo. `make help` prints the targets from the comments beside them.
#   V=1 shows commands; CC=clang; O=DIR builds elsewhere; SAN=asan|tsan in a build folder of its own;
#   HZ_TELEMETRY=0 without latency, which perf/scenarios/telemetry_cost.py compares with.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

SAN ?=
O ?= build$(if $(SAN),/$(SAN))
ifeq ($(strip $(O)),)
$(error O is empty: it names the folder to build in)
endif
ifeq ($(origin CC),default)
CC := gcc
endif
AR := ar
BPF_CC ?= clang-14
BPFTOOL ?= /usr/sbin/bpftool
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))')

VERSION := 0.1.0
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# --- flags -------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wcast-qual \
	-Wpointer-arith -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wimplicit-fallthrough -Wnull-dereference -Wswitch-enum -Wwrite-strings
INCLUDES := -Iuserspace -Iuserspace/include -Idpdk -Idpdk/include -Ibpf -I$(O)/gen
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT := -O2 -g
CFLAGS_asan := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
CFLAGS_tsan := -fsanitize=thread -fno-omit-frame-pointer
# gcc's -Wnull-dereference reports paths that only sanitizer instrumentation creates.
CFLAGS_SAN := $(CFLAGS_$(SAN)) $(if $(SAN),-Wno-null-dereference -Wno-maybe-uninitialized,-D_FORTIFY_SOURCE=2)
HZ_TELEMETRY ?= 1
HZ_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARNINGS) $(HARDEN) $(INCLUDES) $(CFLAGS_SAN) \
	-DHZ_VERSION='"$(VERSION)"' $(if $(filter 0,$(HZ_TELEMETRY)),-DHZ_TELEMETRY=0) $(CFLAGS)
HZ_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(CFLAGS_$(SAN)) $(LDFLAGS)

# Headers of packages are system headers: their warnings are not ours.
pkg_cflags = $(if $(1),$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1))))
pkg_libs = $(if $(1),$(shell pkg-config --libs $(1)))

# --- modules -----------------------------------------------------------------------------------
# Each module.mk names its module and sets, for module M:
#   M_DIR   folder (all its *.c form the archive)      M_DEPS  modules its code may call
#   M_PKGS  pkg-config packages                        M_LIBS  further linker words
#   M_BIN   set to a program's name when the module is a program, not an archive
#   M_GEN   generated headers that must exist before it compiles
MODULES :=
PHONY_TARGETS :=
TESTS :=

include $(sort $(wildcard bpf/module.mk dpdk/*/module.mk userspace/*/module.mk tools/*/module.mk \
	tests/*/module.mk perf/module.mk))

# Every module that M needs, M first; packages and libraries of all of them.
closure = $(1) $(foreach d,$($(1)_DEPS),$(call closure,$(d)))
uniq = $(if $(1),$(firstword $(1)) $(call uniq,$(filter-out $(firstword $(1)),$(1))))
mods_of = $(call uniq,$(strip $(call closure,$(1))))
archives_of = $(foreach m,$(1),$(if $($(m)_BIN),,$(O)/lib/lib$(m).a))
libs_of = $(call pkg_libs,$(sort $(foreach m,$(1),$($(m)_PKGS)))) $(foreach m,$(1),$($(m)_LIBS))

define module_rules
$(1)_SRCS ?= $$(sort $$(wildcard $$($(1)_DIR)/*.c))
$(1)_OBJS := $$(patsubst %.c,$$(O)/obj/%.o,$$($(1)_SRCS))
$(1)_ALL := $$(call mods_of,$(1))
$$($(1)_OBJS): PKG_CFLAGS := $$(call pkg_cflags,$$(sort $$(foreach m,$$($(1)_ALL),$$($$(m)_PKGS)))) $$($(1)_CFLAGS)
$$($(1)_OBJS): | $$(foreach m,$$($(1)_ALL),$$($$(m)_GEN))
ifdef $(1)_BIN
PROGRAMS += $$(O)/bin/$$($(1)_BIN)
$$(O)/bin/$$($(1)_BIN): $$($(1)_OBJS) $$(call archives_of,$$(filter-out $(1),$$($(1)_ALL)))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(HZ_LDFLAGS) -o $$@ $$($(1)_OBJS) -Wl,--start-group \
		$$(call archives_of,$$(filter-out $(1),$$($(1)_ALL))) -Wl,--end-group $$(call libs_of,$$($(1)_ALL))
else
$$(O)/lib/lib$(1).a: $$($(1)_OBJS)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$($(1)_OBJS)
ARCHIVES += $$(O)/lib/lib$(1).a
endif
endef
PROGRAMS :=
ARCHIVES :=
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))

# Objects depend on the flags they were made with.
FLAGS_STAMP := $(O)/.flags
$(FLAGS_STAMP): FORCE
	@mkdir -p $(O); echo '$(CC) $(HZ_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(HZ_CFLAGS)' >$@

$(O)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

include userspace/libhz/install.mk

# --- BPF objects: clang, UAPI headers only; the skeleton embeds the object in its loader -----------
BPF_WARNINGS := $(filter-out -Wmissing-prototypes -Wnull-dereference,$(WARNINGS))
BPF_CFLAGS := -std=gnu11 -O2 -g -fno-strict-aliasing -target bpf -mcpu=v3 $(BPF_WARNINGS) -Ibpf \
	-isystem /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
BPF_SRCS := $(sort $(wildcard bpf/*.bpf.c))
BPF_OBJS := $(patsubst bpf/%.bpf.c,$(O)/bpf/%.bpf.o,$(BPF_SRCS))
BPF_SKELS := $(patsubst bpf/%.bpf.c,$(O)/gen/skel/%.skel.h,$(BPF_SRCS))

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

# The section is read by libxdp; that libbpf does not know it is no news.
$(O)/gen/skel/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $* >$@.tmp 2>$@.log; status=$$?; \
		grep -v 'skipping unrecognized data section.* xdp_metadata' $@.log >&2; \
		rm -f $@.log; [ $$status -eq 0 ] && mv $@.tmp $@

# --- unit tests: tests/unit/LAYER/*.c linked only against what LAYER may use ------------------------
UNIT_LAYERS := $(sort $(foreach d,$(wildcard tests/unit/*/),$(notdir $(patsubst %/,%,$(d)))))
define unit_rules
UNIT_$(1)_OBJS := $$(patsubst %.c,$$(O)/obj/%.o,$$(sort $$(wildcard tests/unit/$(1)/*.c)) $$(UNIT_$(1)_EXTRA)) \
	$$(O)/obj/tests/support/unit_main.o
$$(filter-out %/unit_main.o,$$(UNIT_$(1)_OBJS)): PKG_CFLAGS := $$(call pkg_cflags,cunit $$(sort $$(foreach m,$$($(1)_ALL),$$($$(m)_PKGS)))) -Itests/support -D_GNU_SOURCE -Wno-error=null-dereference
$$(filter-out %/unit_main.o,$$(UNIT_$(1)_OBJS)): | $$(foreach m,$$($(1)_ALL),$$($$(m)_GEN))
$$(O)/tests/unit_$(1): $$(UNIT_$(1)_OBJS) $$(call archives_of,$$($(1)_ALL))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(HZ_LDFLAGS) -o $$@ $$(UNIT_$(1)_OBJS) -Wl,--start-group $$(call archives_of,$$($(1)_ALL)) \
		-Wl,--end-group $$(call libs_of,$$($(1)_ALL)) $$(call pkg_libs,cunit)
UNIT_TESTS += $$(O)/tests/unit_$(1)
endef
UNIT_TESTS :=
$(O)/obj/tests/support/unit_main.o: PKG_CFLAGS := $(call pkg_cflags,cunit) -Itests/support
$(foreach l,$(UNIT_LAYERS),$(eval $(call unit_rules,$(l))))

# --- targets -----------------------------------------------------------------------------------
.PHONY: all help setup setup-build tests check check-long demo perf fmt fmt-check lint tidy clean FORCE $(PHONY_TARGETS)
FORCE:

all: setup-build $(PROGRAMS) $(BPF_OBJS) ## build hzd hzctl hz-collector into build/bin (installs what is missing)

setup-build:
	@tools/dev/setup.sh build
setup: ## install Debian packages that building and testing need
	@tools/dev/setup.sh

tests: setup all $(UNIT_TESTS) $(TESTS) ## build every test program

check: tests ## build, lint and run all tests (root: everything; else root tests are skipped)
	@O=$(O) SAN=$(SAN) tests/run.sh check

check-long: tests ## the tests that need longer
	@O=$(O) SAN=$(SAN) tests/run.sh long

demo: setup all ## build, then serve, probe, crash, restart and load a server on a veth pair
	@O=$(O) tools/dev/demo.sh

perf: setup all $(TESTS) ## compare hz with nginx on one veth, interleaved (about 5 minutes)
	@O=$(O) perf/run.sh

FMT_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
fmt: ## format all C sources
	$(Q)clang-format-14 -i $(FMT_FILES)
fmt-check: ## say which C sources are not formatted
	$(Q)clang-format-14 --dry-run -Werror $(FMT_FILES)

lint: ## layers, banned tokens, stems, function length, headers alone, shellcheck
	$(Q)O=$(O) tools/dev/lint.sh

tidy: all ## clang-tidy and cppcheck over everything
	$(Q)O=$(O) CFLAGS_TIDY='$(filter-out -W% -f%,$(HZ_CFLAGS))' tools/dev/check-tidy.sh

clean: ## remove build/
	rm -rf $(O)

help: ## this list
	@echo 'usage: make [TARGET] [V=1] [CC=gcc|clang] [O=DIR] [SAN=asan|tsan]'
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | column -t -s $$'\t'

-include $(shell find $(O)/obj $(O)/bpf -name '*.d' 2>/dev/null)
