#!/usr/bin/env bash
# clang-tidy (.clang-tidy says which checks) and cppcheck over the C sources of the product; prints
# `ok tidy.NAME` or a line `not ok tidy.NAME: FILE:LINE: WHY` per finding. Takes minutes.
#   CFLAGS_TIDY='-Iuserspace ...' tools/dev/check-tidy.sh [FILE...]      as `make tidy` calls it
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
O=${O:-build}

packages=(libdpdk liburcu-qsbr libbpf libxdp yaml-0.1 jansson)
read -ra given <<<"${CFLAGS_TIDY:--std=gnu11 -D_GNU_SOURCE}"
flags=(-Iuserspace -Iuserspace/include -Idpdk -Idpdk/include -Ibpf "-I$O/gen" '-DHZ_VERSION="0"')
for flag in "${given[@]}"; do
	case $flag in
	-DHZ_VERSION=* | -W* | -O* | -I*) ;; # the shell took the quotes of the first
	*) flags+=("$flag") ;;
	esac
done
mapfile -t system < <(pkg-config --cflags "${packages[@]}" | sed -E 's/(^| )-I/\1-isystem /g' | tr -s ' ' '\n')

if [ $# -gt 0 ]; then
	sources=("$@")
else
	mapfile -t sources < <(git ls-files -co --exclude-standard 'userspace/*.c' 'dpdk/*.c' 'tools/*.c')
fi

# Our own paths are relative to the root; FILE:LINE:COLUMN: warning: WHY [CHECK] is a finding. Those in
# $O/gen are bpftool's.
clang_tidy_findings() {
	# shellcheck disable=SC2016 # $1 and $@ are of the inner shell
	printf '%s\0' "${sources[@]}" |
		xargs -0 -r -I '{}' -P "$(nproc)" sh -c 'file=$1
			shift
			said=$(clang-tidy-14 --quiet --config-file=.clang-tidy "$file" -- "$@" 2>&1) || printf "%s\n" "$file: failed" "$said"' \
			one '{}' "${flags[@]}" "${system[@]}" |
		sed -E "s|^$PWD/||" |
		awk -v gen="${O#"$PWD/"}/gen/" 'index($0, gen) == 1 { found++; next }
		/: failed$/ { failed[$1] = $0; next }
		match($0, /^[^ :]+:[0-9]+:[0-9]+: (warning|error): /) { if (!seen[$0]++) print; found++ }
		END { if (!found) for (f in failed) print failed[f] " (run clang-tidy-14 by hand)" }'
}

# cppcheck sees no system headers, and gives up on a file that uses a macro of theirs as a statement.
macros=$(mktemp --suffix=.h)
trap 'rm -f "$macros"' EXIT
cat >"$macros" <<'END'
#define json_array_foreach(array, index, value)                                                    \
	for (index = 0; (value = json_array_get(array, index)) != NULL; index++)
#define LIBBPF_OPTS(type, name, ...) struct type name = { .sz = sizeof(struct type) }
END
cppcheck_findings() {
	cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=unmatchedSuppression --suppress=toomanyconfigs --max-configs=4 \
		--include="$macros" \
		--template='{file}:{line}: {message} [{id}]' -D_GNU_SOURCE -UNDEBUG '-DHZ_VERSION="0"' \
		-Iuserspace -Iuserspace/include -Idpdk -Idpdk/include -Ibpf "-I$O/gen" "${sources[@]}" 2>&1
}

findings_print() {
	local name=$1 findings=$2
	if [ -z "$findings" ]; then
		echo "ok tidy.$name"
		return 0
	fi
	while IFS= read -r line; do
		echo "not ok tidy.$name: $line"
	done <<<"$findings"
	return 1
}

failed=0
findings_print clang-tidy "$(clang_tidy_findings)" || failed=1
findings_print cppcheck "$(cppcheck_findings)" || failed=1
exit $failed
