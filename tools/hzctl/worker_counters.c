#include "worker_counters.h"
#include "core/base.h"
#include "figures.h"
#include "out.h"
#include <stddef.h>
#include <string.h>

#define HELP_COLUMN 46
#define COLUMNS     80

struct field {
	const char *name;
	size_t offset;
	bool is_gauge;
	const char *help;
};
#define COUNT(name, help)                                                                          \
	{                                                                                          \
#name, offsetof(struct hz_worker, name), false, help                               \
	}
#define GAUGE(name, help)                                                                          \
	{                                                                                          \
#name, offsetof(struct hz_worker, name), true, help                                \
	}

static const struct field fields[] = {
	COUNT(requests, "answers handed to the transport"),
	COUNT(responses_2xx, "answers with a status of 200..299"),
	COUNT(responses_4xx, "answers with a status of 400..499"),
	COUNT(responses_5xx, "answers with a status of 500..599"),
	COUNT(bad_requests, "requests refused by the parser"),
	COUNT(connections_opened, "connections established"),
	GAUGE(connections, "connections now, all states but TIME_WAIT"),
	GAUGE(connecting, "our own opens that are not answered yet, SYN_SENT"),
	GAUGE(pressure, "percent: connections or TCP's buffers, the fuller"),
	GAUGE(pressure_half_open, "percent: half-open table; SYN cookies when full"),
	COUNT(rx_packets, "frames received, or reads from sockets"),
	COUNT(tx_packets, "frames sent, or writes to sockets"),
	COUNT(rx_bytes, "bytes received, headers included where frames are"),
	COUNT(tx_bytes, "bytes sent, headers included where frames are"),
	COUNT(rx_bursts, "polls that found something"),
	COUNT(busy_ns, "time in turns that found work"),
	GAUGE(longest_gap_ns, "longest time between two turns"),
	COUNT(steered, "frames handed to the worker that owns their flow"),
	COUNT(retransmits, "segments sent again, tcpRetransSegs of RFC 4022"),
	COUNT(dropped, "frames refused: the sum of all drop_ below"),
};

static json_t *counter_json(const char *name, const char *help, uint64_t before, uint64_t now,
                            uint64_t interval_ns, bool is_gauge)
{
	uint64_t gained = now > before ? now - before : 0;
	json_t *per_s = json_null();

	if (!is_gauge && interval_ns > 0)
		per_s = json_integer(
			(json_int_t)((unsigned __int128)gained * HZ_NS_PER_S / interval_ns));
	return json_pack("{s:s, s:I, s:o, s:s}", "name", name, "value", (json_int_t)now, "per_s",
	                 per_s, "help", help);
}

static uint64_t value_at(const struct hz_worker *worker, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)worker + offset, sizeof(value));
	return value;
}

json_t *hz_worker_counters_make(const struct hz_worker *before, const struct hz_worker *now,
                                uint64_t interval_ns)
{
	json_t *counters = json_array();

	for (size_t i = 0; i < HZ_ARRAY_LEN(fields); i++)
		json_array_append_new(counters, counter_json(fields[i].name, fields[i].help,
		                                             value_at(before, fields[i].offset),
		                                             value_at(now, fields[i].offset),
		                                             interval_ns, fields[i].is_gauge));
	for (unsigned i = 0; i < HZ_COUNTER_COUNT; i++)
		json_array_append_new(counters,
		                      counter_json(hz_slot_counter_name((enum hz_counter)i),
		                                   hz_slot_counter_help((enum hz_counter)i),
		                                   before->counters[i], now->counters[i],
		                                   interval_ns, false));
	return counters;
}

/* As many words as fit the line, then the next one below. */
static void help_print(FILE *to, const char *help)
{
	const size_t width = COLUMNS - HELP_COLUMN;
	size_t len = strlen(help), take;

	while (len > width) {
		for (take = width; take > 0 && help[take] != ' '; take--)
			;
		if (take == 0)
			break; /* one long word */
		fprintf(to, "%.*s\n%*s", (int)take, help, HELP_COLUMN, "");
		help += take + 1;
		len -= take + 1;
	}
	fprintf(to, "%s\n", help);
}

void hz_worker_counters_text(FILE *to, const json_t *counters)
{
	const json_t *counter, *per_s;
	size_t i;

	fputs("counter                         value  per s  meaning\n", to);
	json_array_foreach (counters, i, counter) {
		char value[HZ_FIGURES_MAX], rate[HZ_FIGURES_MAX] = "-";

		hz_figures_count(hz_out_u64(counter, "value"), value);
		per_s = json_object_get(counter, "per_s");
		if (json_is_integer(per_s))
			hz_figures_short(hz_out_u64(counter, "per_s"), rate);
		fprintf(to, "%-19s %17s %6s  ", hz_out_string(counter, "name"), value, rate);
		help_print(to, hz_out_string(counter, "help"));
	}
}
