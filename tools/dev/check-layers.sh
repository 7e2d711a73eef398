#!/usr/bin/env bash
# Holds C sources to tools/dev/layers.txt: which folder includes what, and which words nobody writes.
#   tools/dev/check-layers.sh includes|tokens FILE...     prints FILE:LINE: WHY for each violation
# Exit 1: there are violations.
set -euo pipefail
cd "$(dirname "$0")/../.."
mode=$1
shift

exec awk -v mode="$mode" '
function is_below(path, place) {
	return path == place || index(path, place "/") == 1
}

# A shell pattern with * only, as an anchored regular expression.
function pattern_regex(pattern) {
	gsub(/[.]/, "[.]", pattern)
	gsub(/[*]/, ".*", pattern)
	return "^" pattern "$"
}

function exists(path,    line, got) {
	got = (getline line < path)
	close(path)
	return got >= 0
}

function complain(why) {
	print FILENAME ":" FNR ": " why
	violations++
}

function table_read(    i) {
	if ($1 == "layer") {
		may[$2] = " "
		for (i = 3; i <= NF; i++)
			may[$2] = may[$2] $i " "
	} else if ($1 == "header") {
		header[++headers] = pattern_regex($2)
		header_text[headers] = $2
		for (i = 3; i <= NF; i++)
			header_place[headers, i - 2] = $i
		header_places[headers] = NF - 2
	} else if ($1 == "call" || $1 == "word") {
		banned[++bans] = $2
		ban_kind[bans] = $1
		ban_regex[bans] = "(^|[^A-Za-z0-9_])" $2 ($1 == "call" ? "[ \t]*[(]" : "([^A-Za-z0-9_]|$)")
		replacement[bans] = $3
		for (i = 4; i <= NF; i++)
			replacement[bans] = replacement[bans] " " $i
		any = any (any == "" ? "" : "|") $2
	} else if ($1 == "allow") {
		for (i = 3; i <= NF; i++)
			allowed[$2, ++allows[$2]] = $i
	} else if ($1 == "unless") {
		unless[$2] = $3
	} else if (NF > 0 && $1 !~ /^#/) {
		complain("no such kind of rule: " $1)
	}
}

# The rule of the longest folder that holds path; "" when there is none.
function folder_of(path,    at) {
	at = path
	while (at ~ /\//) {
		sub(/\/[^\/]*$/, "", at)
		if (at in may)
			return at
	}
	return ""
}

function quoted_check(name,    beside, first) {
	if (folder == "") {
		complain("folder has no layer rule in tools/dev/layers.txt")
		return
	}
	if (may[folder] == " * " || index(may[folder], " " name " ") > 0)
		return
	if (name !~ /\//) {
		beside = FILENAME
		sub(/[^\/]*$/, name, beside)
		if (!exists(beside))
			complain("\"" name "\" is not beside it and not allowed to " folder)
		return
	}
	first = name
	sub(/\/.*/, "", first)
	if (index(may[folder], " " first " ") == 0)
		complain(folder " may not include \"" name "\" (allowed:" may[folder] ")")
}

function angle_check(name,    i, j, is_allowed) {
	if (name ~ /^hz\// || exists("userspace/" name) || exists("dpdk/" name)) {
		quoted_check(name)
		return
	}
	for (i = 1; i <= headers; i++) {
		if (name !~ header[i])
			continue
		is_allowed = 0
		for (j = 1; j <= header_places[i]; j++)
			is_allowed = is_allowed || is_below(FILENAME, header_place[i, j])
		if (!is_allowed)
			complain("<" name "> belongs elsewhere (header " header_text[i] " in tools/dev/layers.txt)")
	}
}

# The line without what lies in comments, strings and character constants; in_comment lives across
# lines. What was in comments is left in comment_text.
function code_of(line,    out, at, c, two, quote) {
	out = ""
	comment_text = ""
	while (line != "") {
		if (in_comment) {
			at = index(line, "*/")
			if (at == 0) {
				comment_text = comment_text " " line
				return out
			}
			comment_text = comment_text " " substr(line, 1, at - 1)
			line = substr(line, at + 2)
			in_comment = 0
			continue
		}
		if (!match(line, /["\047]|\/[*\/]/))
			return out line
		out = out substr(line, 1, RSTART - 1)
		c = substr(line, RSTART, 1)
		two = substr(line, RSTART, 2)
		line = substr(line, RSTART + 1)
		if (two == "/*") {
			in_comment = 1
			line = substr(line, 2)
			out = out " "
		} else if (two == "//") {
			comment_text = comment_text " " line
			return out
		} else {
			quote = c == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^\047\\\\]|\\\\.)*\047"
			line = match(line, quote) ? substr(line, RLENGTH + 1) : ""
			out = out c c
		}
	}
	return out
}

function is_exempt(name,    i) {
	for (i = 1; i <= allows[name]; i++)
		if (is_below(FILENAME, allowed[name, i]))
			return 1
	return (name in unless) && $0 ~ unless[name]
}

function tokens_check(code,    i, text) {
	text = code comment_text
	if (code ~ /^[ \t]*typedef [^(;]*;/ || code ~ /^[ \t]*typedef (struct|union|enum)[^(]*[{]/)
		complain("typedef: write the struct, union or enum out (types of functions may have one)")
	if (text !~ any)
		return
	for (i = 1; i <= bans; i++)
		if ((ban_kind[i] == "call" ? code : text) ~ ban_regex[i] && !is_exempt(banned[i]))
			complain(banned[i] " is banned; use " replacement[i])
}

FNR == 1 {
	in_comment = 0
	folder = folder_of(FILENAME)
}
NR == FNR {
	table_read()
	next
}
mode == "tokens" {
	tokens_check(code_of($0))
	next
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", name)
	sub(/[">].*/, "", name)
	if ($0 ~ /include[ \t]*"/)
		quoted_check(name)
	else
		angle_check(name)
}
END {
	exit violations > 0
}' tools/dev/layers.txt "$@"
