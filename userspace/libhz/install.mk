# libhz.so: all of hz but main, compiled once more, position independent and with nothing exported that
# <hz/hz.h> does not mark. `make install` puts it, hzd and the tools below DESTDIR PREFIX.
PREFIX ?= /usr/local
DESTDIR ?=
LIBHZ_ABI := 0
LIBHZ := $(O)/lib/libhz.so.$(LIBHZ_ABI)
LIBHZ_MODULES := $(call mods_of,libhz)
LIBHZ_OBJS := $(foreach m,$(LIBHZ_MODULES),$(patsubst %.c,$(O)/pic/%.o,$($(m)_SRCS)))
LIBHZ_CFLAGS := $(filter-out -fPIE,$(HZ_CFLAGS)) -fPIC -fvisibility=hidden

$(LIBHZ_OBJS): PIC_CFLAGS := $(call pkg_cflags,$(sort $(foreach m,$(LIBHZ_MODULES),$($(m)_PKGS))))
$(LIBHZ_OBJS): | $(foreach m,$(LIBHZ_MODULES),$($(m)_GEN))
$(O)/pic/%.o: %.c $(FLAGS_STAMP)
	$(call say,PIC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBHZ_CFLAGS) $(PIC_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBHZ): $(LIBHZ_OBJS) userspace/libhz/hz.map
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,libhz.so.$(LIBHZ_ABI) -Wl,--version-script,userspace/libhz/hz.map \
		-Wl,-z,defs $(filter-out -pie,$(HZ_LDFLAGS)) -o $@ $(LIBHZ_OBJS) $(call libs_of,$(LIBHZ_MODULES))

# hzd has the functions of <hz/hz.h> for its modules.
$(O)/bin/hzd: HZ_LDFLAGS += -Wl,--whole-archive $(O)/lib/libapi.a -Wl,--no-whole-archive \
	-Wl,--dynamic-list,userspace/libhz/hzd.list
$(O)/bin/hzd: userspace/libhz/hzd.list

libhz: $(LIBHZ) ## build libhz.so, the embedding library
install: all libhz ## install hzd, the tools, libhz and its header below DESTDIR PREFIX (/usr/local)
	$(Q)install -d $(DESTDIR)$(PREFIX)/{bin,lib/pkgconfig,include/hz}
	$(Q)install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 755 $(LIBHZ) $(DESTDIR)$(PREFIX)/lib
	$(Q)ln -sfn libhz.so.$(LIBHZ_ABI) $(DESTDIR)$(PREFIX)/lib/libhz.so
	$(Q)install -m 644 userspace/include/hz/*.h $(DESTDIR)$(PREFIX)/include/hz
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' userspace/libhz/hz.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/hz.pc
	$(Q)[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true # or programs do not find libhz; only root may
.PHONY: libhz install

-include $(shell find $(O)/pic -name '*.d' 2>/dev/null)
