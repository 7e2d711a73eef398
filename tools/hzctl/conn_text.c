#include "conn_text.h"
#include "core/clock.h"
#include "figures.h"
#include "out.h"

static void row_print(FILE *to, const json_t *conn)
{
	const json_t *srtt_us = json_object_get(conn, "srtt_us");
	char rtt[HZ_FIGURES_MAX] = "-", cwnd[HZ_FIGURES_MAX], flight[HZ_FIGURES_MAX];
	char age[HZ_FIGURES_MAX];

	if (json_is_integer(srtt_us))
		hz_figures_ns(hz_out_u64(conn, "srtt_us") * HZ_NS_PER_US, rtt);
	hz_figures_count(hz_out_u64(conn, "cwnd_bytes"), cwnd);
	hz_figures_count(hz_out_u64(conn, "in_flight_bytes"), flight);
	hz_figures_age(hz_out_u64(conn, "age_ms") / 1000, age);
	fprintf(to, "%-11s %2llu %7s %9s %9s %5llu %7s %s\n", hz_out_string(conn, "state"),
	        (unsigned long long)hz_out_u64(conn, "worker"), rtt, cwnd, flight,
	        (unsigned long long)hz_out_u64(conn, "retransmits"), age,
	        hz_out_string(conn, "remote"));
}

static void silent_print(FILE *to, const json_t *workers)
{
	const json_t *worker;
	size_t i;

	fputs("incomplete: ", to);
	if (json_array_size(workers) == 0)
		fputs("not all workers were through in time", to);
	json_array_foreach (workers, i, worker)
		fprintf(to, "%sworker %lld", i > 0 ? ", " : "",
		        (long long)json_integer_value(worker));
	fputs(json_array_size(workers) > 0 ? " did not answer\n" : "\n", to);
}

void hz_conn_text(FILE *to, const json_t *result)
{
	const json_t *conn, *conns = json_object_get(result, "connections");
	uint64_t matched = hz_out_u64(result, "matched"), seen = hz_out_u64(result, "seen");
	size_t i;

	if (json_array_size(conns) > 0)
		fputs("state        w     rtt      cwnd in flight   rtx     age peer\n", to);
	json_array_foreach (conns, i, conn)
		row_print(to, conn);
	hz_figures_many(to, seen, "connection");
	if (matched < seen) {
		char count[HZ_FIGURES_MAX];

		hz_figures_count(matched, count);
		fprintf(to, ", %s match", count);
	}
	if (json_array_size(conns) < matched)
		fprintf(to, ", the first %zu by %s shown", json_array_size(conns),
		        hz_out_string(result, "sort"));
	fputc('\n', to);
	if (json_is_true(json_object_get(result, "is_partial")))
		silent_print(to, json_object_get(result, "silent_workers"));
}
