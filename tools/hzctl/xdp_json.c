#include "xdp_json.h"
#include "core/hint.h"
#include "figures.h"
#include "loader/xdp_maps.h"
#include "out.h"
#include "telemetry/names.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERFACES_MAX 64

/* Bits of enum hz_xdp_degraded, in their order. */
static const struct {
	const char *name;
	const char *help;
} degraded_names[] = {
	{ "generic",
	  "generic mode: XDP runs behind the kernel's buffers, at several times the cost" },
	{ "rx_vlan_offload", "rx-vlan-offload is on: a tagged frame would lose its tag before XDP; "
	                     "ethtool -K IF rxvlan off" },
	{ "chained", "chained before another program, whose owner may take both off" },
};

static json_t *degraded_json(uint32_t set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < HZ_ARRAY_LEN(degraded_names); i++)
		if ((set >> i & 1) != 0)
			json_array_append_new(list, json_string(degraded_names[i].name));
	return list;
}

void hz_xdp_json_degraded_text(FILE *to, const json_t *interface)
{
	const json_t *item;
	size_t i;

	if (hz_out_string(interface, "next")[0] != '\0')
		fprintf(to, "  next: %s\n", hz_out_string(interface, "next"));
	json_array_foreach (json_object_get(interface, "degraded"), i, item) {
		for (size_t k = 0; k < HZ_ARRAY_LEN(degraded_names); k++)
			if (strcmp(json_string_value(item), degraded_names[k].name) == 0)
				fprintf(to, "  degraded: %s\n", degraded_names[k].help);
	}
}

json_t *hz_xdp_json_interface(const struct hz_xdp_info *info)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:b, s:s, s:s, s:I, s:o, s:s}", "ifname",
	                 info->ifname, "ifindex", (json_int_t)info->ifindex, "program_id",
	                 (json_int_t)info->program_id, "mode",
	                 info->mode == HZ_XDP_NATIVE ? "native" : "generic", "is_ours",
	                 info->is_ours, "link",
	                 info->is_half ? "half" : (info->ifindex != 0 ? "up" : "gone"), "version",
	                 info->meta.version, "attached_unix", (json_int_t)info->meta.attached_unix,
	                 "degraded", degraded_json(info->degraded), "next", info->next);
}

int hz_xdp_json_interfaces(const char *instance, const char *ifname, json_t **out,
                           struct hz_err *err)
{
	struct hz_xdp_info *infos = calloc(INTERFACES_MAX, sizeof(*infos));
	json_t *list = json_array();
	int count;

	if (infos == NULL || list == NULL) {
		free(infos);
		json_decref(list);
		return hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
	}
	count = hz_xdp_list(instance, infos, INTERFACES_MAX, err);
	for (int i = 0; i < count && i < INTERFACES_MAX; i++)
		if (ifname == NULL || strcmp(infos[i].ifname, ifname) == 0)
			json_array_append_new(list, hz_xdp_json_interface(&infos[i]));
	free(infos);
	if (count < 0) {
		json_decref(list);
		return count;
	}
	*out = list;
	return 0;
}

static json_t *verdicts_json(const char *instance)
{
	struct hz_xdp_maps maps = { 0 };
	struct hz_verdicts sum = { 0 };
	json_t *object = json_object();
	struct hz_err ignored = { 0 };
	__u64 count[HZ_REASONS_MAX];

	if (hz_xdp_maps_open(instance, false, &maps, &ignored) != 0)
		return object;
	if (hz_xdp_verdicts_read(&maps, &sum) == 0) {
		memcpy(count, &sum, sizeof(count));
		for (uint32_t i = 0; i < HZ_REASON_COUNT; i++)
			json_object_set_new(object, hz_names_reason(i)->name,
			                    json_integer((json_int_t)count[i]));
	}
	hz_xdp_maps_close(&maps);
	return object;
}

/* What sits on an interface that this instance is not attached to. */
static int foreign_add(const char *ifname, json_t *list, struct hz_err *err)
{
	struct hz_xdp_found found;
	int status = hz_xdp_find(ifname, &found, err);

	if (status == 0 && found.program_id != 0)
		json_array_append_new(list,
		                      json_pack("{s:s, s:I, s:I, s:b, s:s, s:s}", "ifname", ifname,
		                                "ifindex", (json_int_t)found.ifindex, "program_id",
		                                (json_int_t)found.program_id, "is_ours", 0, "link",
		                                "foreign", "program", found.text));
	return status;
}

int hz_xdp_json_show(const char *instance, const char *ifname, json_t **out, struct hz_err *err)
{
	json_t *interfaces = NULL, *verdicts;
	int status;

	status = hz_xdp_json_interfaces(instance, ifname, &interfaces, err);
	if (status != 0)
		return status;
	verdicts = json_array_size(interfaces) > 0 ? verdicts_json(instance) : json_object();
	if (ifname != NULL && json_array_size(interfaces) == 0)
		status = foreign_add(ifname, interfaces, err);
	if (status != 0) {
		json_decref(interfaces);
		json_decref(verdicts);
		return status;
	}
	*out = json_pack("{s:s?, s:o, s:o}", "instance", instance, "interfaces", interfaces,
	                 "verdicts", verdicts);
	return *out != NULL ? 0 : hz_err_set(err, -ENOMEM, 1, "memory", "", "out of memory");
}

static void interface_print(FILE *to, const json_t *interface, const char *instance)
{
	char detach[128];
	time_t attached = (time_t)hz_out_u64(interface, "attached_unix");
	const char *ifname = hz_out_string(interface, "ifname");
	const char *holder =
		hz_out_string(interface, "next")[0] != '\0' ? "chained" : "pinned link";
	char when[32] = "-";
	struct tm local;

	hz_hint_write(detach, sizeof(detach), instance, "xdp detach dev %s", ifname);
	if (attached != 0 && localtime_r(&attached, &local) != NULL)
		strftime(when, sizeof(when), "%F %T", &local);
	if (strcmp(hz_out_string(interface, "link"), "foreign") == 0) {
		fprintf(to, "%s  %s, not attached by this instance\n", ifname,
		        hz_out_string(interface, "program"));
		return;
	}
	if (strcmp(hz_out_string(interface, "link"), "half") == 0) {
		fprintf(to, "%s  half attached, by a run that was killed; attach again, or %s\n",
		        ifname, detach);
		return;
	}
	if (hz_out_u64(interface, "ifindex") == 0) {
		fprintf(to, "%s  the interface is gone; %s removes its pins\n", ifname, detach);
		return;
	}
	if (!json_is_true(json_object_get(interface, "is_ours")))
		holder = "NOT OURS: replaced by somebody";
	fprintf(to, "%s  xdp %s, program %llu, %s, by version %s on %s\n",
	        hz_out_string(interface, "ifname"), hz_out_string(interface, "mode"),
	        (unsigned long long)hz_out_u64(interface, "program_id"), holder,
	        hz_out_string(interface, "version"), when);
	hz_xdp_json_degraded_text(to, interface);
}

void hz_xdp_json_text(FILE *to, const json_t *result)
{
	const json_t *interfaces = json_object_get(result, "interfaces"), *interface;
	const json_t *verdicts = json_object_get(result, "verdicts");
	char count[HZ_FIGURES_MAX];
	size_t i;

	if (json_array_size(interfaces) == 0) {
		fputs("nothing is attached\n", to);
		return;
	}
	json_array_foreach (interfaces, i, interface)
		interface_print(to, interface,
		                json_string_value(json_object_get(result, "instance")));
	for (uint32_t k = 0; k < HZ_REASON_COUNT; k++) {
		const struct hz_names_reason *reason = hz_names_reason(k);

		if (hz_out_u64(verdicts, reason->name) == 0)
			continue;
		hz_figures_count(hz_out_u64(verdicts, reason->name), count);
		fprintf(to, "  %-5s  %-15s %15s  %s\n", reason->action, reason->name, count,
		        reason->help);
	}
}
