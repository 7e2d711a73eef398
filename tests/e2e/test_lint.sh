#!/usr/bin/env bash
# The lint finds what it says it finds: one violation of each kind, seeded into a copy of the tree, is
# reported with its file; what only looks like one is not; a clean tree passes.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
if ! git ls-files >/dev/null 2>&1; then
	echo "skip lint: the sources are not in a git work tree"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

result() { # STATUS NAME WHY
	if [ "$1" -eq 0 ]; then
		echo "ok lint.$2"
	else
		echo "not ok lint.$2: $3"
		failed=1
	fi
}

lines() { # COUNT TEXT
	local i
	for ((i = 0; i < $1; i++)); do printf '%s\n' "$2"; done
}

# --- a copy of the tree with one violation of each kind ---------------------------------------------
tree=$work/tree
mkdir "$tree"
git ls-files -coz --exclude-standard | while IFS= read -r -d '' file; do
	[ ! -f "$file" ] || printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -xf - -C "$tree"
git -C "$tree" init -q

names=() wants=()
# seed NAME CHECK PLACE [WORD [FILE]]: stdin becomes FILE, which is PLACE when it is not given; lint must
# complain of PLACE in CHECK, with WORD.
seed() {
	local file=${5:-$3}
	mkdir -p "$tree/$(dirname "$file")"
	cat >"$tree/$file"
	names+=("$1")
	wants+=("^not ok lint\\.$2: $3(:[0-9]+)?: .*${4:-}")
}

seed http_including_router_is_reported layers userspace/http/zz_router.c 'router/radix\.h' <<<'#include "router/radix.h"'
seed tcp_including_http_is_reported layers dpdk/tcp/zz_http.c 'http/req\.h' <<<'#include "http/req.h"'
seed tcp_including_port_is_reported layers dpdk/tcp/zz_port.c 'port/port\.h' <<<'#include "port/port.h"'
seed core_including_telemetry_is_reported layers userspace/core/zz_hist.h 'telemetry' <<<'#include "telemetry/hist.h"'
seed own_header_in_angle_brackets_is_reported layers userspace/http/zz_angle.c 'config/site\.h' <<<'#include <config/site.h>'
seed dpdk_header_in_userspace_is_reported layers userspace/server/zz_rte.c 'rte_mbuf\.h' <<<'#include <rte_mbuf.h>'
seed urcu_outside_rcu_is_reported layers userspace/core/zz_urcu.c 'urcu-qsbr\.h' <<<'#include <urcu-qsbr.h>'
seed libbpf_outside_loader_is_reported layers userspace/http/zz_bpf.c 'bpf/libbpf\.h' <<<'#include <bpf/libbpf.h>'
seed folder_without_a_rule_is_reported layers userspace/zz_new/zz_new.c 'no layer rule' <<<'#include "core/base.h"'
seed strcpy_is_reported tokens userspace/http/zz_strcpy.c 'strcpy is banned; use' <<<'	strcpy(to, from);'
seed printf_outside_tools_is_reported tokens userspace/core/zz_printf.c 'printf is banned' <<<'	printf ("x");'
seed volatile_is_reported tokens userspace/core/zz_volatile.c 'volatile is banned' <<<'static volatile int x;'
seed packet_data_outside_port_is_reported tokens dpdk/tcp/zz_mtod.c 'rte_pktmbuf_mtod is banned' <<<'	p = rte_pktmbuf_mtod(m, void *);'
seed todo_in_comment_is_reported tokens userspace/core/zz_todo.c 'an issue' <<<"/* TO""DO: later */"
seed typedef_of_struct_is_reported tokens userspace/core/zz_typedef.c 'typedef' <<<'typedef struct thing thing_t;'
seed stem_used_twice_is_reported stems userspace/http/pool.c 'userspace/core/pool' <<<'int zz_pool;'
seed function_of_71_lines_is_reported functions userspace/core/zz_long.c '71 lines' < <(
	echo 'static void f(void)'
	echo '{'
	lines 69 '	x();'
	echo '}'
)
seed file_of_601_lines_is_reported functions userspace/core/zz_big.c '601 lines' < <(lines 601 '/* */')
seed header_that_needs_another_is_reported headers userspace/core/zz_alone.h 'uint64_t' <<<'uint64_t zz(void);'
seed packet_header_that_needs_another_is_reported headers dpdk/net/zz_alone_net.h 'uint64_t' <<<'uint64_t zz2(size_t zz3);'
seed kernel_header_that_needs_another_is_reported headers bpf/zz_alone_bpf.h '__u64' <<<'__u64 zz(void);'
seed script_with_unquoted_word_is_reported shell tools/dev/zz.sh 'SC2086' <<-'END'
	#!/bin/sh
	rm $1
END
seed script_without_suffix_is_looked_at shell tools/dev/zz-script 'SC2086' <<-'END'
	#!/usr/bin/env bash
	rm $1
END
seed note_outside_the_tree_is_reported paths perf/zz.md 'outside' <<<"see ../shared/""design/notes"
seed path_of_the_machine_is_reported paths perf/zz2.md 'outside' <<<"cd /wor""k/main"
seed folder_without_readme_is_reported readme userspace/zz_bare 'without a README\.md' userspace/zz_bare/zz_bare.c <<<'int zz_bare;'
seed test_that_is_no_program_is_reported programs tests/e2e/test_zz.py 'never run' <<<'#!/usr/bin/env python3'
seed empty_readme_is_reported readme tools/zz_empty 'without a README\.md' tools/zz_empty/zz-empty.sh <<<'#!/bin/sh'
seed badly_formatted_source_is_reported format userspace/core/zz_format.c 'make fmt' <<<'int  zz_format ;'

: >"$tree/tools/zz_empty/README.md"

# What must not be reported although it comes near.
{
	cat <<'END'
/* Not printf(), nor strcpy(x, y): words in comments and strings are no calls. */
#include "core/base.h"

typedef int zz_near_fn(void *ctx);
int zz_near(const char *text, zz_near_fn *call);
int zz_near_printf(const char *strcpy_name);

int zz_near(const char *text, zz_near_fn *call)
{
	const char *quoted = "say \"printf(\" and strcpy( /*"; /* system( */
	char quote = '"';

	/*
	 * atoi(text);
	 */
END
	lines 61 '	quote++;'
	printf '\treturn call(0);\n}\n'
} >"$tree/userspace/core/zz_near.c"

said=$(cd "$tree" && tools/dev/lint.sh 2>&1)
status=$?
for i in "${!names[@]}"; do
	grep -qE -- "${wants[i]}" <<<"$said"
	result $? "${names[i]}" "no line like ${wants[i]}"
done
near=$(grep zz_near <<<"$said")
[ -z "$near" ]
result $? words_in_comments_and_strings_pass "$near"
[ "$status" -eq 1 ]
result $? violations_make_the_exit_status_1 "exit status $status"

# --- a small tree that is clean, and tools that are missing ------------------------------------------
clean=$work/clean
mkdir -p "$clean/tools/dev" "$clean/userspace/core"
cp tools/dev/{lint.sh,check-layers.sh,layers.txt} "$clean/tools/dev/"
cp .clang-format "$clean/"
cp userspace/core/{base.h,README.md} "$clean/userspace/core/"
cp tools/dev/README.md "$clean/tools/dev/"
git -C "$clean" init -q
said=$(cd "$clean" && tools/dev/lint.sh 2>&1)
status=$?
[ "$status" -eq 0 ] && [ "$(grep -c '^ok lint\.' <<<"$said")" -eq 10 ] && ! grep -q '^not ok' <<<"$said"
result $? clean_tree_passes "exit status $status: $(grep -m 1 '^not ok' <<<"$said")"

said=$(cd "$clean" && CC=no-such-compiler tools/dev/lint.sh headers 2>&1)
grep -q '^not ok lint.headers: .*no-such-compiler' <<<"$said"
result $? missing_compiler_is_not_a_pass "$said"

said=$(cd "$clean" && tools/dev/lint.sh no_such_check 2>&1)
grep -q '^not ok lint.no_such_check: ' <<<"$said"
result $? unknown_check_is_not_a_pass "$said"

exit $failed
