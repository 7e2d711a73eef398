#!/usr/bin/env bash
# Instructions per segment inside the server's turns, counted by callgrind: the same on a noisy machine as on
# a quiet one. Each step of a short connection is a turn with a burst of one kind of segment; all of a turn
# counts: receive, answer, protocol, and its part of what a turn costs anyway.
#   perf/micro/segments.sh [CONNECTIONS]
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${O:=build}"
connections=${1:-6400}
command -v valgrind >/dev/null || {
	echo "skip segments: valgrind is not installed"
	exit 0
}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Instructions inside function $1, then by layer, one per line: NAME COUNT.
count() {
	valgrind --tool=callgrind --toggle-collect="$1" --callgrind-out-file="$out" \
		"$O/perf/bench_rate" -n "$connections" -b 32 >/dev/null 2>&1 || {
		echo "segments: the bench failed under valgrind" >&2
		exit 1
	}
	callgrind_annotate --auto=no --threshold=100 "$out" | awk -v n="$connections" '
		/PROGRAM TOTALS/ { gsub(",", "", $1); total = $1 }
		/^ *[0-9,]+ \(.*%\) / {
			count = $1
			gsub(",", "", count)
			if (match($0, /(dpdk|userspace)\/(tcp|net|port|http)/))
				layer[substr($0, RSTART, RLENGTH)] += count
		}
		END {
			printf "%.0f %.0f %.0f %.0f\n", total / n,
				(layer["dpdk/tcp"] + layer["dpdk/net"]) / n, layer["userspace/http"] / n,
				layer["dpdk/port"] / n
		}'
}

printf '| segment | instructions | of them TCP and IP | HTTP | port |\n|---|---|---|---|---|\n'
while read -r function name; do
	read -r total tcp http port < <(count "$function")
	printf '| %s | %s | %s | %s | %s |\n' "$name" "$total" "$tcp" "$http" "$port"
done <<'STEPS'
step_syn SYN, answered
step_handshake_ack ACK that opens the connection
step_request request segment and its response
hz_tcp_out_flush all that is sent for a connection: SYN-ACK, response, FIN
step_pure_ack pure ACK
step_fin FIN, answered by ours
step_last_ack last ACK, the connection goes
STEPS
