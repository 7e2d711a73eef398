MODULES += collector
collector_DIR := userspace/collector
collector_DEPS := core telemetry
collector_PKGS := libbpf jansson libmicrohttpd sqlite3 libcurl
collector_LIBS := -lm
UNIT_collector_EXTRA := tests/support/server_rows.c
collector_GEN := $(O)/gen/page/page_html.h

# The page as an array: the program is one file.
$(O)/gen/page/page_html.h: userspace/collector/page/index.html
	$(call say,PAGE,$@)
	@mkdir -p $(@D)
	$(Q){ echo 'static const unsigned char page_html[] = {'; od -An -v -tu1 $< | \
		sed 's/  */,/g; s/^,//; s/$$/,/'; echo '};'; } >$@.tmp && mv $@.tmp $@
$(O)/obj/userspace/collector/web_doc.o: $(O)/gen/page/page_html.h

# hz_build_info says it; only this object is made anew for another commit.
$(O)/.commit: FORCE
	@mkdir -p $(O); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
$(O)/obj/userspace/collector/metric_set.o: $(O)/.commit
$(O)/obj/userspace/collector/metric_set.o: private HZ_CFLAGS += -DHZ_COMMIT='"$(COMMIT)"'
