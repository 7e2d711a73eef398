# Examples, built with what `make install` installed and nothing else: its header, its library, its hz.pc.
APPS_STAGE := $(O)/stage
APPS_PKG = PKG_CONFIG_PATH=$(APPS_STAGE)$(PREFIX)/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$(abspath $(APPS_STAGE)) pkg-config
APPS_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror $(CFLAGS_$(SAN))
APPS_STAMP := $(APPS_STAGE)/.stamp

$(APPS_STAMP): $(O)/lib/libhz.so.0 $(O)/bin/hzd $(wildcard userspace/include/hz/*.h) userspace/libhz/hz.pc.in
	$(Q)$(MAKE) --no-print-directory O=$(O) SAN=$(SAN) DESTDIR=$(APPS_STAGE) install
	$(Q)touch $@
$(O)/tests/helper_notes $(O)/tests/helper_shelf: $(O)/tests/helper_%: tests/apps/%.c tests/apps/app_args.c tests/apps/app_args.h $(APPS_STAMP)
	$(call say,APP,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(APPS_CFLAGS) $$($(APPS_PKG) --cflags hz) -o $@ $< tests/apps/app_args.c \
		$$($(APPS_PKG) --libs hz) -lpthread -Wl,-rpath,$(abspath $(APPS_STAGE))$(PREFIX)/lib
$(O)/tests/helper_module_tag.so: tests/apps/module_tag.c $(APPS_STAMP)
	$(call say,APP,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(APPS_CFLAGS) -fPIC -shared $$($(APPS_PKG) --cflags hz) -o $@ $<

TESTS += $(O)/tests/helper_notes $(O)/tests/helper_shelf $(O)/tests/helper_module_tag.so
