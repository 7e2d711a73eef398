#!/usr/bin/env bash
# setup.sh with an apt-get that fails: one clear line, and what apt-get said with V=1. Every program it
# would change the machine with is a stand-in; a policy-rc.d of its own it takes away again.
# shellcheck disable=SC2016 # $i is of the stand-in
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
if [ "$(id -u)" -ne 0 ]; then
	echo "skip setup: needs root"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

result() { # STATUS NAME WHY
	if [ "$1" -eq 0 ]; then
		echo "ok setup.$2"
	else
		echo "not ok setup.$2: $3"
		failed=1
	fi
}

printf '#!/bin/sh\nexit 1\n' >"$work/dpkg-query"
printf '#!/bin/sh\nfor i in 1 2 3 4 5 6 7; do echo "E: apt line $i"; done\nexit 100\n' >"$work/apt-get"
chmod +x "$work/dpkg-query" "$work/apt-get"

said=$(PATH=$work:$PATH V='' tools/dev/setup.sh build 2>&1 >/dev/null)
status=$?
[ "$status" -eq 1 ] && [ "$(wc -l <<<"$said")" -eq 1 ] && grep -q 'mirror reachable.*V=1' <<<"$said"
result $? failing_apt_is_told_on_one_line "exit status $status: $said"

said=$(PATH=$work:$PATH V=1 tools/dev/setup.sh build 2>&1 >/dev/null)
grep -q 'apt line 1' <<<"$said" && grep -q 'mirror reachable' <<<"$said"
result $? failing_apt_is_quoted_with_v_1 "$said"

exit $failed
