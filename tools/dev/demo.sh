#!/usr/bin/env bash
# make demo: hz from nothing to answering, crashing, coming back and racing nginx, in under a minute, in
# namespaces of its own. Asks nothing, leaves nothing; Ctrl-C at any time.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 70
: "${O:=build}"
name=demo client=hz-demo-c server=hz-demo-s
address=10.7.0.2 health=http://10.7.0.2:8081/healthz
pins=/sys/fs/bpf/hz-$name
steps=7
tmp='' hzd_pid='' nginx_pid='' step_name=start last_command='' rig_is_up=''
started=$SECONDS
worker_cpu=$(($(nproc) - 1))
client_cpu=0

bold='' dim='' red='' reset=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' reset=$'\e[0m'
fi

machine_state() { # what must be the same afterwards
	compgen -G "/run/netns/hz-$name*"
	compgen -G "/sys/fs/bpf/hz-$name*"
	compgen -G "/run/hz-$name*"
	compgen -G "/run/dpdk/hz-$name*"
	awk '{ print $2 }' /proc/self/mounts
	grep '^HugePages_' /proc/meminfo
}

stop() { # PID
	local i
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 0
	kill -TERM "$1" 2>/dev/null
	for ((i = 0; i < 250; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.02
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

clean_up() {
	stop "$hzd_pid"
	stop "$nginx_pid"
	hzd_pid='' nginx_pid=''
	[ -z "$rig_is_up" ] || tools/dev/rig.sh down "$name" || true
	rig_is_up=''
	[ -z "$tmp" ] || rm -rf "$tmp"
	tmp=''
}

on_exit() {
	local status=$?
	trap '' INT TERM HUP
	clean_up
	exit "$status"
}

step() { # NUMBER NAME
	step_name="$1/$steps $2"
	printf '%s%-14s%s' "$bold" "$step_name" "$reset"
}

say() { printf '%s\n' "$*"; }

fail() { # CAUSE...
	printf '%sFAILED%s\n  step     %s\n  command  %s\n' "$red" "$reset" "$step_name" "$last_command"
	printf '%s\n' "$*" | tail -n 15 | sed '1s/^/  cause    /; 2,$s/^/           /'
	say "  by hand  tools/dev/rig.sh up $name, then the command above"
	exit 1
}

try() { # COMMAND...: its output in $out, or the demo ends with it
	last_command="$*"
	out=$("$@" 2>&1) || fail "exit $?: $out"
}

in_client() { nsenter --net="/run/netns/$client" "$@"; }
code_of() { in_client curl -s -o /dev/null -m 2 -w '%{http_code}' "$1"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

hzd_start() {
	last_command="$O/bin/hzd -i $name -n $server -c configs/site/bench.yaml -l eth1,$address:80"
	"$O/bin/hzd" -i "$name" -n "$server" -c configs/site/bench.yaml -l "eth1,$address:80" \
		-o boot/workers=1 -o "boot/cpus=$worker_cpu" -o timeouts/lame_duck_ms=0 >"$tmp/hzd.log" 2>&1 &
	hzd_pid=$!
	local i
	for ((i = 0; i < 1000; i++)); do
		grep -q '^ready$' "$tmp/hzd.log" && return 0
		kill -0 "$hzd_pid" 2>/dev/null || fail "$(cat "$tmp/hzd.log")"
		sleep 0.01
	done
	fail "hzd did not become ready within 10 s"
}

wait_health() { # CODE MS
	local until=$(($(now_ms) + $2)) code
	last_command="nsenter --net=/run/netns/$client curl $health"
	while code=$(code_of "$health"); [ "$code" != "$1" ]; do
		[ "$(now_ms)" -lt "$until" ] || fail "health still answers $code, not $1, after $2 ms"
		sleep 0.005
	done
}

verdict() { # REASON
	bpftool -j map dump pinned "$pins/verdicts" | jq "[.[0].formatted.values[].value.$1] | add"
}

worker_packets() {
	bpftool -j map dump pinned "$pins/workers" | jq '[.[].formatted.value.rx_packets] | add'
}

do_doctor() {
	local status warnings
	step 1 doctor
	last_command="$O/bin/hzctl doctor"
	out=$("$O/bin/hzctl" doctor 2>&1)
	status=$?
	[ "$status" -eq 0 ] || fail "$out"
	warnings=$(grep -c '^ *warn' <<<"$out")
	if [ "$warnings" -eq 0 ]; then
		say "ok"
	else
		say "ok, $warnings warning(s): $(grep '^ *warn' <<<"$out" | sed -E 's/^ *warn +//; s/ {2,}.*//' |
			head -n 3 | paste -sd, | sed 's/,/, /g') ${dim}(hzctl doctor)$reset"
	fi
}

do_network() {
	step 2 network
	rig_is_up=1
	try tools/dev/rig.sh up "$name"
	try in_client ping -c 1 -W 1 "$address"
	say "$client 10.7.0.1  <-- veth -->  $server $address      (own namespaces)"
}

do_memory() {
	local pages
	step 3 memory
	pages=$(cat /proc/sys/vm/nr_hugepages 2>/dev/null || echo 0)
	if [ "$pages" -gt 0 ]; then say "$pages huge pages"; else say "no hugepages: fine for a demo"; fi
}

do_server() {
	local from
	step 4 server
	try "$O/bin/hzctl" -i "$name" -n "$server" xdp attach dev eth1 claim "tcp:$address:80" \
		health "tcp:$address:8081" ensure
	from=$(now_ms)
	hzd_start
	say "xdp native attached by pinned link; 1 worker on core $worker_cpu, ready after $(($(now_ms) - from)) ms"
}

do_curl() {
	local hello user
	step 5 curl
	try in_client curl -sS -m 5 "http://$address/"
	hello=$out
	[ "$hello" = "Hello, World!" ] || fail "GET / answered '$hello'"
	try in_client curl -sS -m 5 "http://$address/user/7/post/hi%20there"
	user=$out
	[ "$(jq -r '[.[]] | join(",")' <<<"$user" 2>&1)" = "7,hi there" ] || fail "/user/… answered '$user'"
	say "GET / -> $hello    GET /user/7/post/hi%20there -> $user"
}

# curl walks 1000 URLs that differ in their fragment only, which is not sent.
do_health() {
	local answered packets counted from took back
	step 6 health
	wait_health 200 2000
	packets=$(worker_packets) counted=$(verdict health_200)
	try in_client curl -s -m 30 -o /dev/null -w '%{http_code}\n' "$health#[1-1000]"
	answered=$(grep -c '^200$' <<<"$out")
	counted=$(($(verdict health_200) - counted)) packets=$(($(worker_packets) - packets))
	[ "$answered" -eq 1000 ] || fail "$answered of 1000 probes were answered 200"
	if [ "$counted" -lt 1000 ] || [ "$packets" -ne 0 ]; then
		fail "the kernel counted $counted answers, the worker received $packets packets"
	fi
	say "1000 probes, $counted answered in the kernel, $packets packets reached the worker"
	from=$(now_ms)
	kill -KILL "$hzd_pid"
	wait "$hzd_pid" 2>/dev/null
	wait_health 503 2000
	took=$(($(now_ms) - from))
	from=$(now_ms)
	hzd_start
	wait_health 200 2000
	back=$(($(now_ms) - from))
	printf '%-14sserver killed: 503 after %d ms; restarted: 200 again after %d ms\n' '' "$took" "$back"
}

nginx_start() {
	last_command="nginx -p $tmp/nginx -c $root/perf/compare/nginx.conf"
	mkdir -p "$tmp/nginx"
	nsenter --net="/run/netns/$server" taskset -c "$worker_cpu" nginx -p "$tmp/nginx" \
		-c "$root/perf/compare/nginx.conf" >"$tmp/nginx.log" 2>&1 &
	nginx_pid=$!
	local i
	for ((i = 0; i < 200; i++)); do
		[ "$(code_of "http://$address:8090/")" = 200 ] && return 0
		kill -0 "$nginx_pid" 2>/dev/null || fail "$(cat "$tmp/nginx.log")"
		sleep 0.02
	done
	fail "nginx does not answer: $(cat "$tmp/nginx.log")"
}

# One short run: requests per second and median, into $tmp/SIDE.CONNECTIONS.
load_run() { # SIDE PORT CONNECTIONS
	try in_client taskset -c "$client_cpu" wrk -t1 -c"$3" -d2 --latency "http://$address:$2/"
	if grep -qE 'Socket errors|Non-2xx' <<<"$out"; then
		fail "$1: $(grep -E 'Socket errors|Non-2xx' <<<"$out")"
	fi
	awk '/^ +50%/ { p50 = $2 } /^Requests\/sec/ { rate = $2 }
		END { if (sub(/us$/, "", p50)) u = 1; else if (sub(/ms$/, "", p50)) u = 1000; else u = 1
			print rate, p50 * u }' <<<"$out" >>"$tmp/$1.$3"
}

median() { # FILE COLUMN
	awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# hz nginx nginx hz hz nginx: what drifts, drifts for both.
do_load() {
	local connections side
	step 7 load
	nginx_start
	for connections in 1 64; do
		for side in hz nginx nginx hz hz nginx; do
			if [ "$side" = hz ]; then load_run hz 80 "$connections"; else load_run nginx 8090 "$connections"; fi
		done
	done
	for connections in 1 64; do
		[ "$connections" -eq 1 ] || printf '%-14s' ''
		awk -v c="$connections" -v hr="$(median "$tmp/hz.$connections" 1)" \
			-v nr="$(median "$tmp/nginx.$connections" 1)" \
			-v hp="$(median "$tmp/hz.$connections" 2)" -v np="$(median "$tmp/nginx.$connections" 2)" 'BEGIN {
			printf "%2d connection%s  hz %6.0f req/s, p50 %4.0f us   nginx %6.0f req/s, p50 %4.0f us   = %.2fx, p50 %.2fx\n",
				c, c == 1 ? " " : "s", hr, hp, nr, np, hr / nr, hp / np }'
	done
}

where_next() {
	cat <<-END
	${dim}what the kernel saw, any time, also with hzd dead:$reset
	$(head -n 2 <"$tmp/view" | sed 's/^/  /')
	END
}

main() {
	local before after
	if [ "$(id -u)" -ne 0 ]; then
		echo "demo: needs root for namespaces and XDP" >&2
		echo "  try:  sudo make demo   (or without root: build/bin/hzd -c configs/site/bench.yaml -l lo,127.0.0.1:8080 -o boot/io=socket)" >&2
		exit 4
	fi
	if [ -e "/run/netns/$client" ] || [ -e "/run/netns/$server" ]; then
		echo "demo: a rig of this name is up; tools/dev/rig.sh down $name" >&2
		exit 1
	fi
	before=$(machine_state)
	tmp=$(mktemp -d)
	trap on_exit EXIT
	trap 'echo; exit 130' INT TERM HUP
	do_doctor
	do_network
	do_memory
	do_server
	do_curl
	do_health
	do_load
	cat "$pins/show/latency" >"$tmp/view" 2>/dev/null && where_next
	clean_up
	after=$(machine_state)
	if [ "$before" != "$after" ]; then
		last_command='comparing namespaces, pins, mounts and huge pages with the start'
		fail "$(diff <(echo "$before") <(echo "$after"))"
	fi
	say "all cleaned up after $((SECONDS - started)) s; by hand: tools/dev/rig.sh up $name, the commands it prints, then"
	say "  hzctl -i $name latency           cat /sys/fs/bpf/hz-$name/show/latency"
	say "  hzctl -i $name status            bpftool map dump pinned /sys/fs/bpf/hz-$name/latency_pct"
}

main
