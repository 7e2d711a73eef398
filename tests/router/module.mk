# tests/router: the route table against its model, for longer than a unit test should take.
UNIT_router_EXTRA += tests/support/route_diff.c
ROUTE_LONG_LIBS := $(O)/lib/librouter.a $(O)/lib/libcore.a
$(O)/obj/tests/router/%.o: PKG_CFLAGS := -Itests/support
$(O)/tests/route_long: $(O)/obj/tests/router/route_long.o $(O)/obj/tests/support/route_diff.o $(ROUTE_LONG_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HZ_LDFLAGS) -o $@ $^

TESTS += $(O)/tests/route_long
