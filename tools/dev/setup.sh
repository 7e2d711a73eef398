#!/usr/bin/env bash
# Installs what hz builds and tests with: Debian 12 packages, by name. Idempotent; needs root only
# when something is missing. `setup.sh build` leaves out what only the tests and benches need; `setup.sh
# browser` installs the one that a test of event streams starts, and nothing else asks for.
set -euo pipefail

build_packages=(build-essential pkg-config make clang-14 llvm-14 clang libbpf-dev libxdp-dev bpftool
	dpdk-dev libdpdk-dev liburcu-dev libyaml-dev libjansson-dev libssl-dev libnuma-dev libelf-dev
	zlib1g-dev libbrotli-dev libzstd-dev libmicrohttpd-dev libsqlite3-dev libcurl4-openssl-dev)
test_packages=(libcunit1-dev curl wrk apache2-utils nghttp2-client slowhttptest nginx-light haproxy
	iproute2 ethtool iputils-ping procps jq python3 gdb tcpdump shellcheck clang-format clang-tidy cppcheck
	valgrind libclang-rt-14-dev prometheus tmux)

browser_packages=(chromium)

case ${1:-all} in
build) packages=("${build_packages[@]}") ;;
browser) packages=("${browser_packages[@]}") ;;
*) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
esac

missing=()
for package in "${packages[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing packages: ${missing[*]}" >&2
	echo "  try:  sudo apt-get install ${missing[*]}" >&2
	exit 5
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# nginx must not start on its own: it is only a counterpart that tests start in their namespaces.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$log" "$policy"' EXIT
fi
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	[ "${V:-}" != 1 ] || cat "$log" >&2
	echo "setup: apt-get could not install the packages; is a Debian mirror reachable? (V=1 shows why)" >&2
	exit 1
fi
echo "setup: installed ${#missing[@]} packages"
