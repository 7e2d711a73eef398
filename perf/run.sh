#!/usr/bin/env bash
# make perf: every scenario and the in-process bench, figures beside their goals. A missed goal is said,
# not failed; exit 1 means that a run went wrong. Results as JSON in perf/results/.
#   perf/run.sh [RUNS [SECONDS]]      of each side and number of connections
set -uo pipefail
cd "$(dirname "$0")/.." || exit 70
: "${O:=build}"
export O
goal_cycles=650
goal_conn_bytes=384
goal_part=90
goal_rate=150000
goal_tcp_cycles=200
goal_p50_ns=2500
goal_match_ns=60
status=0
results=perf/results
stamp=$(date -u +%Y%m%dT%H%M%SZ)-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
mkdir -p "$results"

# One server core, one direct call per layer, no kernel: what a request costs in user space.
inproc() {
	local bench=$O/perf/bench_inproc out=$results/$stamp-inproc.txt cycles
	echo "in-process: client and server over a ring port, no kernel"
	if [ ! -x "$bench" ]; then
		echo "  skip: $bench is not built"
		return 0
	fi
	"$bench" >"$out" 2>&1 || { tail -n 5 "$out"; return 1; }
	sed 's/^/  /' "$out"
	cycles=$(grep -oE '[0-9.]+ cycles/request' "$out" | head -n 1 | cut -d' ' -f1)
	[ -n "$cycles" ] || return 1
	awk -v c="$cycles" -v g="$goal_cycles" 'BEGIN {
		if (c <= g) printf "  %.0f cycles/request, goal <= %d: holds\n", c, g
		else printf "  %.0f cycles/request, goal <= %d: missed by %.0f %%\n", c, g, (c - g) * 100 / g }'
}

# Many connections, then short ones, TCP alone, one request at a time.
conns() {
	local out=$results/$stamp-conns.txt
	echo "in-process: many open connections, short connections, TCP and IP alone; over memif: one request"
	if [ ! -x "$O/perf/bench_conns" ] || [ ! -x "$O/perf/bench_rate" ]; then
		echo "  skip: bench_conns or bench_rate is not built"
		return 0
	fi
	{
		"$O/perf/bench_conns" && "$O/perf/bench_rate" && "$O/perf/bench_tcp" &&
			perf/micro/memif.sh
	} >"$out" 2>&1 || { tail -n 5 "$out"; return 1; }
	sed 's/^/  /' "$out"
	awk -v memory="$goal_conn_bytes" -v rate="$goal_rate" -v part="$goal_part" \
		-v tcp="$goal_tcp_cycles" -v p50="$goal_p50_ns" '
		function goal(what, value, sign, limit) {
			holds = sign == "<=" ? value <= limit : value >= limit
			printf "  %s %.0f, goal %s %d: %s\n", what, value, sign, limit, holds ? "holds" : "missed"
		}
		/^[0-9]+ connections: .* established/ { n = $1 }
		/bytes\/connection/ && n > 200000 { goal("bytes/connection at " n ":", $2, "<=", memory) }
		/of the first/ && n > 200000 { goal("% of requests/s at " n " (" $1 "):", $(NF - 7), ">=", part) }
		/bursts of 32:.*cycles\/request/ { goal("cycles/request of TCP and IP:", $6, "<=", tcp) }
		/ p50 [0-9]+ ns/ { goal("ns p50 over memif:", $9, "<=", p50) }
		/connections\/s/ { goal("connections/s:", $(NF - 1), ">=", rate) }' "$out"
}

# Router and parser by themselves. The router's goal is for the match, hosts and decoding come on top.
parts() {
	local out=$results/$stamp-parts.txt
	echo "router: lookups by kind and number of routes; parser: heads of two sizes"
	if [ ! -x "$O/perf/bench_router" ] || [ ! -x "$O/perf/bench_parse" ]; then
		echo "  skip: bench_router or bench_parse is not built"
		return 0
	fi
	{ "$O/perf/bench_router" && "$O/perf/bench_parse"; } >"$out" 2>&1 || { tail -n 5 "$out"; return 1; }
	sed 's/^/  /' "$out"
	awk -v match_ns="$goal_match_ns" '
		function goal(what, value, limit) {
			printf "  %s %.1f ns, goal <= %d: %s\n", what, value, limit,
				value <= limit ? "holds" : "missed"
		}
		/10000 routes two-param/ { goal("two parameters at 10000 routes, in the tree:", $6, match_ns) }
		/ns\/head/ { goal("head of " $1 " bytes:", $6, $10) }' "$out"
}

# Verdicts of the XDP program, by BPF_PROG_TEST_RUN.
verdicts() {
	local out=$results/$stamp-xdp.txt
	echo "XDP: verdicts against a program that only drops"
	if [ ! -x "$O/perf/bench_xdp" ]; then
		echo "  skip: bench_xdp is not built"
		return 0
	fi
	"$O/perf/bench_xdp" >"$out" 2>&1 || { tail -n 5 "$out"; return 1; }
	sed 's/^/  /' "$out"
}

inproc || status=1
conns || status=1
parts || status=1
if [ "$(id -u)" -ne 0 ]; then
	echo "skip verdicts, hz_vs_nginx, mw_chain, health, syn_flood: needs root for namespaces and XDP"
else
	verdicts || status=1
	HZ_PERF_RESULT=$results/$stamp-hz_vs_nginx.json perf/scenarios/hz_vs_nginx.py "$@" || status=1
	HZ_PERF_RESULT=$results/$stamp-mw_chain.json perf/scenarios/mw_chain.py || status=1
	HZ_PERF_RESULT=$results/$stamp-health.json perf/scenarios/health.py || status=1
	HZ_PERF_RESULT=$results/$stamp-syn_flood.json perf/scenarios/syn_flood.py || status=1
fi
echo "results: $results/$stamp-*"
exit "$status"
