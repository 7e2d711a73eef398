#!/usr/bin/env bash
# The bench of tests, demo and perf, usable by hand: two network namespaces and one veth pair.
#   tools/dev/rig.sh up NAME [queues N|relay]      tools/dev/rig.sh down NAME
#
#   hz-NAME-c  eth0  10.7.0.1/24  fd07::1/64   the kernel's clients (curl, wrk)
#   hz-NAME-s  eth1  10.7.0.2/24  fd07::2/64   the interface hz serves; NAME is also its instance
#   hz-NAME-r  west, east                      with `relay`: eth0 ends at west and eth1 at east, and
#                                              nothing passes until helper_relay west east runs there
#
# The peer of eth1 carries a native XDP program, or what XDP answers on eth1 never arrives; its offloads
# are off, or its frames come with unfinished checksums. With `relay` they are off everywhere, or it
# would get frames that were never on a wire, and neighbours are fixed, so that losing their
# resolution is no part of a transfer. O= names the build folder (default build).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
: "${O:=build}"
case $O in /*) ;; *) O=$root/$O ;; esac
xdp_pass=$O/tests-bpf/xdp_pass.bpf.o
# Mounts that the first rig made and the last one takes away; the marks say whose they are.
bpffs_mark=/run/hz-rig.bpffs netns_mark=/run/hz-rig.netns

usage() {
	echo "usage: tools/dev/rig.sh up NAME [queues N | relay] | down NAME" >&2
	exit 2
}

die() { # WHAT WHY HINT
	printf 'rig: %s\n  why:  %s\n  try:  %s\n' "$1" "$2" "$3" >&2
	exit 1
}

is_mounted() { grep -q " $1 " /proc/self/mounts; }
in_ns() { nsenter --net="/run/netns/$1" "${@:2}"; }

mounts_take() {
	if ! is_mounted /sys/fs/bpf; then
		mount -t bpf bpf /sys/fs/bpf && : >"$bpffs_mark"
	fi
	is_mounted /run/netns || : >"$netns_mark"
}

mounts_release() {
	compgen -G '/run/netns/hz-*' >/dev/null && return 0
	# The kernel's own two files are in every bpffs.
	if [ -e "$bpffs_mark" ] && [ -z "$(ls -A -I '*.debug' -I 'lock~hz' /sys/fs/bpf)" ]; then
		umount /sys/fs/bpf 2>/dev/null && rm -f "$bpffs_mark"
	fi
	if [ -e "$netns_mark" ] && [ -z "$(ls -A /run/netns 2>/dev/null)" ]; then
		umount /run/netns 2>/dev/null || true
		rm -f "$netns_mark"
	fi
	return 0
}

link_up() { # NAMESPACE INTERFACE
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
}

addresses_add() { # NAMESPACE INTERFACE NUMBER
	ip -n "$1" address add "10.7.0.$3/24" dev "$2"
	ip -n "$1" address add "fd07::$3/64" dev "$2" nodad
}

# Duplicate address detection would keep IPv6 silent for a second, router solicitations would be frames
# that no test sent.
quiet() { # NAMESPACE INTERFACE
	# shellcheck disable=SC2016 # $0 is the inner shell's
	in_ns "$1" sh -c 'cd "/proc/sys/net/ipv6/conf/$0" &&
		echo 0 >accept_dad && echo 0 >router_solicitations && echo 0 >accept_ra' "$2"
}

offloads_off() { # NAMESPACE INTERFACE
	in_ns "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
}

queues_set() { # NAMESPACE INTERFACE N
	in_ns "$1" ethtool -L "$2" rx "$3" tx "$3" >/dev/null 2>&1 ||
		[ "$(in_ns "$1" ethtool -l "$2" | awk '/^RX:/ { n = $2 } END { print n }')" = "$3" ]
}

wait_carrier() {
	local i
	for ((i = 0; i < 100; i++)); do
		ip -n "$1" -o link show "$2" | grep -q LOWER_UP && return 0
		sleep 0.02
	done
	return 1
}

pair_make() { # NAMESPACE INTERFACE NAMESPACE INTERFACE
	ip link add name "$2" netns "$1" numrxqueues "$queues" numtxqueues "$queues" type veth \
		peer name "$4" netns "$3" numrxqueues "$queues" numtxqueues "$queues"
	quiet "$1" "$2"
	quiet "$3" "$4"
}

pair_up() { # NAMESPACE INTERFACE NAMESPACE INTERFACE
	link_up "$1" "$2"
	link_up "$3" "$4"
	wait_carrier "$1" "$2"
	wait_carrier "$3" "$4"
}

mac_of() { # NAMESPACE INTERFACE
	ip -n "$1" -br link show "$2" | awk '{ print $3 }'
}

neighbour_fix() { # NAMESPACE INTERFACE NUMBER MAC
	ip -n "$1" neighbour replace "10.7.0.$3" lladdr "$4" dev "$2" nud permanent
	ip -n "$1" neighbour replace "fd07::$3" lladdr "$4" dev "$2" nud permanent
}

# Attaching a program turns GRO on: offloads go off after it.
relay_make() {
	ip netns add "$relay"
	# The kernel in between says nothing of its own.
	in_ns "$relay" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
	pair_make "$client" eth0 "$relay" west
	pair_make "$relay" east "$server" eth1
	ip -n "$relay" link set dev east xdpdrv obj "$xdp_pass" sec xdp
	offloads_off "$client" eth0
	offloads_off "$relay" west
	offloads_off "$relay" east
	offloads_off "$server" eth1
	pair_up "$client" eth0 "$relay" west
	pair_up "$relay" east "$server" eth1
	neighbour_fix "$client" eth0 2 "$(mac_of "$server" eth1)"
	neighbour_fix "$server" eth1 1 "$(mac_of "$client" eth0)"
}

direct_make() {
	pair_make "$client" eth0 "$server" eth1
	queues_set "$client" eth0 "$queues"
	queues_set "$server" eth1 "$queues"
	offloads_off "$client" eth0
	ip -n "$client" link set dev eth0 xdpdrv obj "$xdp_pass" sec xdp
	pair_up "$client" eth0 "$server" eth1
}

rig_make() {
	ip netns add "$client"
	ip netns add "$server"
	if [ "$kind" = relay ]; then relay_make; else direct_make; fi
	addresses_add "$client" eth0 1
	addresses_add "$server" eth1 2
}

up() {
	[ "$(id -u)" -eq 0 ] || die "up $name failed" "network namespaces need root" "sudo $0 up $name"
	[ -e "$xdp_pass" ] || die "up $name failed" "$xdp_pass is not built" "make"
	if compgen -G "/run/netns/hz-$name-[crs]" >/dev/null; then
		die "up $name failed" "a rig of this name is up" "$0 down $name"
	fi
	exec 9<"$0"
	flock 9
	mounts_take
	# Not inside `if` or `||`: there, errexit would be off in rig_make.
	trap 'flock -u 9; down; die "up $name failed" "a command above failed" "$0 up $name"' ERR
	rig_make
	trap - ERR
	flock -u 9
	cat <<-END
	rig $name is up: $queues queue(s), native XDP on both ends possible, no offloads at the client
	  $client  eth0  10.7.0.1  fd07::1
	  $server  eth1  10.7.0.2  fd07::2
	next:
	  build/bin/hzctl -i $name -n $server xdp attach dev eth1 claim tcp:10.7.0.2:80 health tcp:10.7.0.2:8081
	  build/bin/hzd -i $name -n $server -c configs/site/bench.yaml -l eth1,10.7.0.2:80
	  nsenter --net=/run/netns/$client curl http://10.7.0.2/
	  tools/dev/rig.sh down $name
	END
}

# A namespace lives as long as a process in it: what the user started inside ends first, gently.
processes_end() { # NAMESPACE
	local pids i
	[ -e "/run/netns/$1" ] || return 0
	for signal in TERM KILL; do
		pids=$(ip netns pids "$1" 2>/dev/null || true)
		[ -n "$pids" ] || return 0
		# shellcheck disable=SC2086 # one word per process
		kill -"$signal" $pids 2>/dev/null || true
		for ((i = 0; i < 250; i++)); do
			[ -n "$(ip netns pids "$1" 2>/dev/null || true)" ] || return 0
			sleep 0.02
		done
	done
}

pins_remove() {
	local pins=/sys/fs/bpf/hz-$name
	[ -d "$pins" ] || return 0
	[ ! -x "$O/bin/hzctl" ] || "$O/bin/hzctl" -i "$name" xdp detach all >/dev/null 2>&1 || true
	rm -rf "$pins"
}

# What an hzd that was killed could not remove itself: its directories, and the locks of interfaces, which
# carry the number of their namespace.
run_directories_remove() {
	local namespace
	rm -rf "/run/hz-$name" "/run/dpdk/hz-$name"
	for namespace in "$client" "$server"; do
		[ ! -e "/run/netns/$namespace" ] ||
			rm -f "/run/hz-lock/hz-$(stat -Lc %i "/run/netns/$namespace")"-*.lock
	done
}

down() {
	[ "$(id -u)" -eq 0 ] || die "down $name failed" "network namespaces need root" "sudo $0 down $name"
	exec 9<"$0"
	processes_end "$client"
	processes_end "$server"
	processes_end "$relay"
	pins_remove
	run_directories_remove
	for namespace in "$client" "$server" "$relay"; do
		[ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace"
	done
	flock 9
	mounts_release
	flock -u 9
}

[ $# -ge 2 ] || usage
verb=$1 name=$2 queues=1 kind=direct
[[ $name =~ ^[a-z0-9][a-z0-9-]{0,23}$ ]] || usage
client=hz-$name-c server=hz-$name-s relay=hz-$name-r
case $verb,$# in
up,2) up ;;
up,3)
	[ "$3" = relay ] || usage
	kind=relay
	up
	;;
up,4)
	[[ "$3 $4" =~ ^queues\ [1-9][0-9]?$ ]] || usage
	queues=$4
	up
	;;
down,2) down ;;
*) usage ;;
esac
