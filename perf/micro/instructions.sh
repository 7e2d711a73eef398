#!/usr/bin/env bash
# Instructions per request inside hz_worker_turn, by layer, counted by callgrind: the same on a noisy
# machine as on a quiet one. Inlined code counts for the file it was written in.
#   perf/micro/instructions.sh [REQUESTS [SITE [OPTION of bench_inproc]...]]
# SITE is taken without its routes to files: valgrind before 3.20 has no openat2(2), which they need.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${O:=build}"
requests=${1:-20000}
site=${2:-configs/site/bench.yaml}
shift $(($# < 2 ? $# : 2))
connections=64
command -v valgrind >/dev/null || {
	echo "skip instructions: valgrind is not installed"
	exit 0
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
out=$tmp/callgrind.out
grep -v ' files: ' "$site" >"$tmp/site.yaml"
valgrind --tool=callgrind --toggle-collect=hz_worker_turn --callgrind-out-file="$out" \
	"$O/perf/bench_inproc" -c "$connections" -n 1 -r "$requests" -s "$tmp/site.yaml" \
	"$@" >/dev/null 2>"$tmp/errors" || {
	grep '^bench:' "$tmp/errors" >&2 || true
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
