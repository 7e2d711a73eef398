#!/usr/bin/env bash
# What the compiler does not check about this tree; see `checks` below, each prints `ok lint.NAME` or a
# line `not ok lint.NAME: FILE:LINE: WHY` per violation. Looks at what git tracks or would track.
#   tools/dev/lint.sh [NAME...]     all checks, or just these
# shellcheck disable=SC2317 # checks are called by their names
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
O=${O:-build}
: "${CC:=gcc}" "${BPF_CC:=clang-14}"
export CC BPF_CC
checks=(layers tokens stems functions headers shell paths readme programs format)
function_lines_max=70
file_lines_max=600

mapfile -d '' -t tree < <(git ls-files -coz --exclude-standard)
files=() sources=() product=() scripts=()
for file in "${tree[@]}"; do
	[ -f "$file" ] || continue
	files+=("$file")
	case $file in
	*.c | *.h) sources+=("$file") ;;
	*.sh) scripts+=("$file") ;;
	*.*) ;;
	*) [[ $(head -c 64 "$file" | head -n 1 | tr -d '\0') =~ ^\#!.*[/\ ](ba|da)?sh ]] && scripts+=("$file") ;;
	esac
	case $file in
	tests/*) ;;
	*.c | *.h) product+=("$file") ;;
	esac
done
if [ ${#sources[@]} -eq 0 ]; then
	echo "not ok lint: git lists no C source here"
	exit 1
fi

check_layers() {
	tools/dev/check-layers.sh includes "${sources[@]}"
}

check_tokens() {
	tools/dev/check-layers.sh tokens "${sources[@]}"
}

# A .c, its .h and its .def lie side by side; apart from them a stem is used once.
check_stems() {
	printf '%s\n' "${files[@]}" | awk -F/ '
	/\.(c|h|def)$/ {
		stem = $NF
		sub(/\..*/, "", stem)
		if (stem == "main")
			next
		folder = substr($0, 1, length($0) - length($NF))
		if ((stem in seen) && (seen_folder[stem] != folder))
			print $0 ": stem " stem " is taken by " seen[stem]
		else if (!(stem in seen)) {
			seen[stem] = $0
			seen_folder[stem] = folder
		}
	}'
}

# The house style puts both braces of a function, and nothing else, into column 0.
check_functions() {
	awk -v function_max="$function_lines_max" -v file_max="$file_lines_max" '
	function file_end() {
		if (lines > file_max)
			print file ": " lines " lines, at most " file_max
	}
	FNR == 1 {
		file_end()
		file = FILENAME
		is_inside = 0
	}
	{ lines = FNR }
	/^[A-Za-z_].*\(/ && !is_inside { title = FNR }
	/^[{]/ {
		is_inside = 1
		first = FNR
	}
	/^[}]/ && is_inside {
		is_inside = 0
		if (FNR - first + 1 > function_max)
			print FILENAME ":" title ": function of " FNR - first + 1 " lines, at most " function_max
	}
	END { file_end() }' "${product[@]}"
}

# pkg-config's -I as -isystem: the warnings of other people's headers are not ours.
system_flags() {
	pkg-config --cflags "$@" | sed -E 's/(^| )-I/\1-isystem /g' | tr -s ' ' '\n'
}

# Runs COMMAND... FILE... over the files on stdin, several at a time and a few files per run. What one
# run says comes out in one piece.
in_parallel() {
	local files_per_run=$1
	shift
	# shellcheck disable=SC2016 # $@ is of the inner shell
	xargs -0 -r -n "$files_per_run" -P "$(nproc)" sh -c \
		'said=$("$@" 2>&1) || printf "%s\n" "$said"' in_parallel "$@"
}

# Keeps the lines FILE:LINE:COLUMN: error: WHY of what a compiler said, without the column; when it said
# something else only (that it is not installed, say), the first line of that.
errors_only() {
	awk '
	match($0, /^[^ :]+:[0-9]+:[0-9]+: (fatal )?error: /) {
		at = substr($0, 1, RLENGTH)
		sub(/:[0-9]+: (fatal )?error: $/, ": ", at)
		if (!(at in seen))
			print at substr($0, RLENGTH + 1)
		seen[at] = 1
		found++
	}
	NR == 1 { first = $0 }
	END {
		if (NR > 0 && !found)
			print first
	}'
}

# Each header is a translation unit of its own.
compile_alone() {
	in_parallel 6 "$@" -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function \
		-Wno-unused-parameter -std=gnu11 -x c | errors_only
}

check_headers() {
	local header package plain=() packet=() kernel=() ours=() plain_flags packet_flags
	for package in libdpdk liburcu-qsbr cunit jansson yaml-0.1 libbpf; do
		pkg-config --exists "$package" || {
			echo "pkg-config does not know $package (try: make setup)"
			return
		}
	done
	for header in "${sources[@]}"; do
		case $header in
		bpf/abi/*.h) plain+=("$header") kernel+=("$header") ;;
		bpf/*.h) kernel+=("$header") ;;
		dpdk/include/*.h) plain+=("$header") ;;
		dpdk/*.h | perf/*.h | tests/*.h) packet+=("$header") ;;
		*.h) plain+=("$header") ;;
		esac
	done
	ours=(-D_GNU_SOURCE -Iuserspace -Iuserspace/include -Idpdk -Idpdk/include -Ibpf -Itests/support -Itests/bpf
		"-I$O/gen")
	mapfile -t plain_flags < <(system_flags liburcu-qsbr jansson yaml-0.1 libbpf)
	mapfile -t packet_flags < <(system_flags libdpdk cunit jansson)
	{
		[ ${#plain[@]} -eq 0 ] || printf '%s\0' "${plain[@]}" |
			compile_alone "$CC" "${ours[@]}" "${plain_flags[@]}"
		[ ${#packet[@]} -eq 0 ] || printf '%s\0' "${packet[@]}" |
			compile_alone "$CC" "${ours[@]}" "${packet_flags[@]}"
		[ ${#kernel[@]} -eq 0 ] || printf '%s\0' "${kernel[@]}" |
			compile_alone "$BPF_CC" -target bpf -O2 -DHZ_MAPS_XDP -DHZ_MAPS_LATENCY -Ibpf \
				-isystem "/usr/include/$("$CC" -print-multiarch)"
	} | sort -u
}

check_shell() {
	shellcheck -x -P SCRIPTDIR -f gcc "${scripts[@]}" | sed -E 's/^([^:]+:[0-9]+):[0-9]+: /\1: /'
}

# The tree stands alone: no path of the machine or of notes that are not part of it.
check_paths() {
	grep -InE 'shared/desig[n]|(^|[^[:alnum:]_.})/-])/wor[k](/|[^[:alnum:]_-]|$)' "${files[@]}" |
		sed -E 's/^([^:]+:[0-9]+):/\1: names a place outside the repository: /' | cut -c1-160
}

# What a folder is for, said in it. Folders of tests by layer, and of benches, are rows of one table.
check_readme() {
	local file folder
	for file in "${files[@]}"; do
		case $file in
		*/*.c | */*.h | */*.def | */*.py | */*.sh) folder=${file%/*} ;;
		*) continue ;;
		esac
		case $folder in
		tests/unit/* | perf/*) folder=${folder%/*} ;;
		esac
		[ -s "$folder/README.md" ] || echo "$folder: sources without a README.md"
	done | sort -u
}

# tests/run.sh finds tests by their mode.
check_programs() {
	local file
	for file in "${files[@]}"; do
		case $file in
		tests/e2e/test_* | tests/e2e/long_*)
			[ -x "$file" ] || echo "$file: a test that may not be executed is never run (chmod +x)"
			;;
		esac
	done
}

check_format() {
	printf '%s\0' "${sources[@]}" | in_parallel 30 clang-format-14 --dry-run -Werror | errors_only |
		sed -E 's/: code should be clang-formatted.*/: not formatted (make fmt)/' |
		sort -u -t: -k1,1
}

failed=0
for name in "${@:-${checks[@]}}"; do
	if ! declare -F "check_$name" >/dev/null; then
		echo "not ok lint.$name: no such check (there are: ${checks[*]})"
		failed=1
		continue
	fi
	violations=$("check_$name" 2>&1)
	if [ -z "$violations" ]; then
		echo "ok lint.$name"
	else
		while IFS= read -r line; do
			echo "not ok lint.$name: $line"
		done <<<"$violations"
		failed=1
	fi
done
exit $failed
