#!/usr/bin/env bash
# One request after the other over shared memory: hzd on boot/io=memif on one core, bench_memif on another.
#   perf/micro/memif.sh [REQUESTS]
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${O:=build}"
[ "$(nproc)" -ge 2 ] || {
	echo "skip memif: client and server need a core each"
	exit 0
}
dir=$(mktemp -d)
trap 'kill "$hzd" 2>/dev/null && wait "$hzd"; rm -rf "$dir"' EXIT
"$O/bin/hzd" -i "memif-bench-$$" -c configs/site/bench.yaml -o boot/io=memif -o boot/hugepages=off \
	-o boot/mbufs=4096 -o boot/ring_slots=1024 -o boot/cpus=1 -o workers/spin_us=1000000 \
	-o "boot/device=mem0,socket=$dir/sock,ip=10.7.0.2/24" -l mem0,10.7.0.2:80 >"$dir/out" 2>&1 &
hzd=$!
for _ in $(seq 100); do
	grep -q ready "$dir/out" && break
	sleep 0.1
done
taskset -c 0 "$O/perf/bench_memif" "$dir/sock" "$@"
