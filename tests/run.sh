#!/usr/bin/env bash
# Runs test programs and adds up their lines: `ok NAME`, `not ok NAME: WHY`, `skip NAME: WHY`.
#   tests/run.sh check|long      all of the quick set, or of the long set
#   tests/run.sh PROGRAM...      just these
# A program that dies, exits non-zero without a `not ok`, or prints nothing counts as a failure.
# Ends with the skips and their reasons and the line `N passed, N failed`.
set -u
cd "$(dirname "$0")/.." || exit 70
: "${O:=build}"
export O
logs=$O/test-logs
mkdir -p "$logs"

list() {
	case $1 in
	check)
		[ -n "${SAN:-}" ] || echo "tools/dev/lint.sh"
		find "$O/tests" -maxdepth 1 -type f -perm -u+x -not -name '*_long' -not -name 'helper_*' 2>/dev/null | sort
		find tests/e2e -maxdepth 1 -name 'test_*' -perm -u+x 2>/dev/null | sort
		;;
	long)
		find "$O/tests" -maxdepth 1 -type f -perm -u+x -name '*_long' 2>/dev/null | sort
		find tests/e2e -maxdepth 1 -name 'long_*' -perm -u+x 2>/dev/null | sort
		;;
	esac
}

if [ "$#" -eq 1 ] && { [ "$1" = check ] || [ "$1" = long ]; }; then
	mapfile -t programs < <(list "$1")
else
	programs=("$@")
fi

passed=0 failed=0
skips=$(mktemp) failures=$(mktemp)
trap 'rm -f "$skips" "$failures"' EXIT
for program in "${programs[@]}"; do
	name=$(basename "$program")
	log=$logs/$name.log
	started=$(date +%s)
	timeout --kill-after=10 "${HZ_TEST_TIMEOUT:-600}" "$program" >"$log" 2>&1
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	skip=$(grep -c '^skip ' "$log")
	if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ "$bad" -eq 0 ]; then
		echo "not ok $name: exit status $status, last line: $(tail -n 1 "$log")" | tee -a "$log" >/dev/null
		bad=1
	elif [ $((ok + bad + skip)) -eq 0 ]; then
		echo "not ok $name: printed no result" | tee -a "$log" >/dev/null
		bad=1
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
	grep '^skip ' "$log" >>"$skips"
	grep '^not ok ' "$log" >>"$failures"
	printf '%-40s %5d passed %3d failed %3d skipped  %3d s\n' "$name" "$ok" "$bad" "$skip" $(($(date +%s) - started))
	if [ "$bad" -gt 0 ]; then
		grep '^not ok ' "$log" | head -n 20 | sed 's/^/    /'
		echo "    log: $log"
	fi
done
[ ! -s "$skips" ] || sort "$skips"
[ ! -s "$failures" ] || { echo "failures:"; cat "$failures"; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
