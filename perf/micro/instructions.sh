#!/usr/bin/env bash
# Instructions per request inside hz_worker_turn, by layer, counted by callgrind: the same on a noisy
# machine as on a quiet one. Inlined code counts for the file it was written in.
#   perf/micro/instructions.sh [REQUESTS [OPTION of bench_inproc, as -s SITE]...]
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${O:=build}"
requests=${1:-20000}
shift $(($# > 0))
connections=64
command -v valgrind >/dev/null || {
	echo "skip instructions: valgrind is not installed"
	exit 0
}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
valgrind --tool=callgrind --toggle-collect=hz_worker_turn --callgrind-out-file="$out" \
	"$O/perf/bench_inproc" -c "$connections" -n 1 -r "$requests" "$@" >/dev/null 2>&1 || {
	echo "instructions: the bench failed under valgrind" >&2
	exit 1
}
# The bench warms up with a run of the same length; each is rounded up to whole rounds.
counted=$(((requests + connections - 1) / connections * connections * 2))
callgrind_annotate --auto=no --threshold=100 "$out" | awk -v n="$counted" '
	/PROGRAM TOTALS/ { gsub(",", "", $1); total = $1 }
	/^ *[0-9,]+ \(.*%\) / {
		count = $1
		gsub(",", "", count)
		where = $0
		sub(/^ *[0-9,]+ \( *[0-9.]+%\) +/, "", where)
		sub(/:.*/, "", where)
		if (where !~ /dpdk\/rte_/ && match(where, /(dpdk|userspace|bpf)\/[a-z0-9_]+/))
			layer[substr(where, RSTART, RLENGTH)] += count
		else
			layer["libraries"] += count
	}
	END {
		layer["libraries"] -= total # the line of totals
		printf "%.0f instructions/request\n", total / n
		for (name in layer)
			printf "  %-22s %6.0f\n", name, layer[name] / n | "sort -k2,2nr"
	}'
