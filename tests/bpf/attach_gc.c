/* What dead runs left is removed, what lives is not. */
#include "attach_world.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* "bpft/vha/link bpft//instance": what was found, in order. */
struct told {
	char text[512];
	size_t used;
};

static void on_found(const char *instance, const char *ifname, const char *what, void *ctx)
{
	struct told *told = ctx;

	told->used += (size_t)snprintf(told->text + told->used, sizeof(told->text) - told->used,
	                               "%s%s/%s/%s", told->used > 0 ? " " : "",
	                               instance == NULL ? "" : instance,
	                               ifname == NULL ? "" : ifname, what);
}

/* Removes; true when it told exactly that. A dry run before it tells the same and changes nothing. */
static const char *collects(const char *instance, const char *wanted)
{
	struct told dry = { 0 }, told = { 0 };
	struct world_pins before;
	struct hz_err err = { 0 };

	world_pins(&before);
	if (hz_xdp_gc(instance, instance == NULL, true, on_found, &dry, &err) < 0)
		return "refused";
	if (!world_pins_are(&before))
		return "a dry run changed something";
	if (hz_xdp_gc(instance, instance == NULL, false, on_found, &told, &err) < 0)
		return "refused";
	if (strcmp(told.text, wanted) == 0 && strcmp(dry.text, wanted) == 0)
		return NULL;
	printf("# told %s, dry %s\n", told.text, dry.text);
	return "told otherwise";
}

static const char *nothing_is_nothing(void)
{
	struct told told = { 0 };
	struct hz_err err = { 0 };

	return hz_xdp_gc(NULL, true, false, on_found, &told, &err) == 0 && told.used == 0
	               ? NULL
	               : "something";
}

static const char *what_is_attached_stays(void)
{
	struct world_pins before;
	const char *why;
	int link_fd;

	if (world_foreign_attach(WORLD_B, false, &link_fd) == 0 ||
	    world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    world_attach(WORLD_B, WORLD_CHAIN, NULL, NULL) != 0)
		return "attach failed";
	world_pins(&before);
	why = collects(NULL, "");
	if (why != NULL)
		return why;
	return world_pins_are(&before) ? NULL : "something is gone";
}

static const char *gone_interface_loses_its_pins(void)
{
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 ||
	    world_attach(WORLD_B, 0, NULL, NULL) != 0 || !world_run("ip link del " WORLD_A))
		return "attach failed";
	why = collects(NULL, "bpft/" WORLD_A "/link");
	if (why != NULL)
		return why;
	return world_id("vips_" WORLD_A) == 0 && world_id("link_" WORLD_B) != 0 &&
	                       world_id("beat") != 0
	               ? NULL
	               : "too much or too little";
}

static const char *last_interface_takes_the_instance_along(void)
{
	struct world_pins none = { 0 };
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || !world_run("ip link del " WORLD_A))
		return "attach failed";
	why = collects(NULL, "bpft/" WORLD_A "/link bpft//instance");
	return why == NULL && !world_pins_are(&none) ? "something is left" : why;
}

static const char *pins_without_link_and_unfinished_folders_go(void)
{
	struct world_pins none = { 0 };
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || unlink(WORLD_PINS "/link_" WORLD_A) != 0 ||
	    mkdir("/sys/fs/bpf/hz-other~", 0700) != 0)
		return "attach failed";
	why = collects(NULL, "other~//folder bpft/" WORLD_A "/pins bpft//instance");
	return why == NULL && !world_pins_are(&none) ? "something is left" : why;
}

static const char *of_one_instance_leaves_the_others(void)
{
	const char *why;

	if (world_attach(WORLD_A, 0, NULL, NULL) != 0 || !world_run("ip link del " WORLD_A) ||
	    mkdir("/sys/fs/bpf/hz-other~", 0700) != 0)
		return "attach failed";
	why = collects("other", "other~//folder");
	if (why == NULL && world_id("beat") == 0)
		why = "another one's is gone";
	return why;
}

/* An interface that somebody else has now: only our pins go. */
static const char *replaced_chain_loses_its_pins_only(void)
{
	struct world_pins none = { 0 };
	const char *why;
	uint32_t third;
	int link_fd;

	if (world_foreign_attach(WORLD_A, false, &link_fd) == 0 ||
	    world_attach(WORLD_A, WORLD_CHAIN, NULL, NULL) != 0)
		return "not chained";
	third = world_foreign_attach(WORLD_A, false, &link_fd);
	why = collects(NULL, "bpft/" WORLD_A "/link bpft//instance");
	if (why == NULL && (!world_pins_are(&none) || world_program(WORLD_A) != third))
		why = "too much or too little";
	return why;
}

const struct world_test attach_gc_tests[] = {
	{ "gc.nothing_is_nothing", nothing_is_nothing },
	{ "gc.what_is_attached_stays", what_is_attached_stays },
	{ "gc.gone_interface_loses_its_pins", gone_interface_loses_its_pins },
	{ "gc.last_interface_takes_the_instance_along", last_interface_takes_the_instance_along },
	{ "gc.pins_without_link_and_unfinished_folders_go",
	  pins_without_link_and_unfinished_folders_go },
	{ "gc.of_one_instance_leaves_the_others", of_one_instance_leaves_the_others },
	{ "gc.replaced_chain_loses_its_pins_only", replaced_chain_loses_its_pins_only },
	{ NULL, NULL },
};
