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
		find "$O/tests" -maxdepth 1 -type f -perm -u+x \( -name '*_long' -o -name bpf_attach -o -name bpf_kill \) \
			2>/dev/null | sort
		find tests/e2e -maxdepth 1 -name 'long_*' -perm -u+x 2>/dev/null | sort
		;;
	esac
}

if [ "$#" -eq 1 ] && { [ "$1" = check ] || [ "$1" = long ]; }; then
	mapfile -t programs < <(list "$1")
	[ "$1" = check ] || export HZ_EACH_CALL=1 # tests/bpf/attach_fault.h
else
	programs=("$@")
fi

# Who measures time or kills on time has the machine to itself; the others, which mostly wait, run two at a time.
is_alone() {
	case $1 in
	test_drip.py | test_flood.py | test_health.py | test_latency.py | test_life.py | test_live.py | \
		test_probers.py | test_reload.py | *_long | long_*) return 0 ;;
	*) return 1 ;;
	esac
}

# Runs one program and prints its line; what it printed is in its log, with one more `not ok` where it did not say so.
run() {
	local name log started status ok bad skip
	name=$(basename "$1") log=$logs/$(basename "$1").log started=$(date +%s)
	timeout --kill-after=10 "${HZ_TEST_TIMEOUT:-600}" "$1" >"$log" 2>&1
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	skip=$(grep -c '^skip ' "$log")
	if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ "$bad" -eq 0 ]; then
		printf '\nnot ok %s: exit status %s, last line: %s\n' "$name" "$status" "$(tail -n 1 "$log")" >>"$log"
		bad=1
	elif [ $((ok + bad + skip)) -eq 0 ]; then
		printf '\nnot ok %s: printed no result\n' "$name" >>"$log"
		bad=1
	fi
	{
		printf '%-40s %5d passed %3d failed %3d skipped  %3d s\n' "$name" "$ok" "$bad" "$skip" $(($(date +%s) - started))
		if [ "$bad" -gt 0 ]; then
			grep '^not ok ' "$log" | head -n 20 | sed 's/^/    /'
			echo "    log: $log"
		fi
	} >"$log.line"
	cat "$log.line" && rm "$log.line"
}

# At most WIDTH of the programs at a time.
run_all() {
	local width=$1 program
	shift
	for program in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$width" ]; do
			wait -n
		done
		run "$program" &
	done
	wait
}

interrupted() {
	local job
	for job in $(jobs -rp); do
		pkill -TERM -P "$job" # `timeout`, which tells its program
	done
	wait
	exit 130
}
trap interrupted INT TERM

quiet=() others=()
for program in "${programs[@]}"; do
	if is_alone "$(basename "$program")"; then quiet+=("$program"); else others+=("$program"); fi
done
run_all 2 "${others[@]}"
run_all 1 "${quiet[@]}"

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for program in "${programs[@]}"; do
	grep -E '^(ok|not ok|skip) ' "$logs/$(basename "$program").log" >>"$results"
done
passed=$(grep -c '^ok ' "$results")
failed=$(grep -c '^not ok ' "$results")
grep '^skip ' "$results" | sort
[ "$failed" -eq 0 ] || { echo "failures:" && grep '^not ok ' "$results"; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
