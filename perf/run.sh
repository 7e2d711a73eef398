#!/usr/bin/env bash
# make perf: every scenario and the in-process bench, figures beside their goals. A missed goal is said,
# not failed; exit 1 means that a run went wrong. Results as JSON in perf/results/.
#   perf/run.sh [RUNS [SECONDS]]      of each side and number of connections
set -uo pipefail
cd "$(dirname "$0")/.." || exit 70
: "${O:=build}"
export O
goal_cycles=650
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

inproc || status=1
if [ "$(id -u)" -ne 0 ]; then
	echo "skip hz_vs_nginx: needs root for namespaces and XDP"
else
	HZ_PERF_RESULT=$results/$stamp-hz_vs_nginx.json perf/scenarios/hz_vs_nginx.py "$@" || status=1
fi
echo "results: $results/$stamp-*"
exit "$status"
