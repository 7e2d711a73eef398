#!/usr/bin/env python3
"""tests/tcp/RFC_MAP.md names what is there: every script and unit test it names exists, every script is
named, every MUST of RFC 9293 has its row."""
import fnmatch
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPTS = os.path.join(TOP, "tests", "tcp")
MUSTS = set(range(1, 70))
SCRIPT_COUNT_MIN = 150


def result(name, bad):
    if bad:
        print(f"not ok rfc_map.{name}: {', '.join(sorted(bad)[:10])}")
    else:
        print(f"ok rfc_map.{name}")
    return not bad


def unit_tests():
    found = set()
    for folder, _, files in os.walk(os.path.join(TOP, "tests", "unit")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    found.update(re.findall(r"\bCASE\((\w+)\)", file.read()))
    return found


def musts_of(text):
    rows = re.findall(r"^\| ([0-9, ]+) \|", text.split("## Others")[0], re.M)
    return {int(n) for row in rows for n in row.split(",")}


def main():
    with open(os.path.join(SCRIPTS, "RFC_MAP.md"), encoding="utf-8") as file:
        text = file.read()
    scripts = {n[:-4] for n in os.listdir(SCRIPTS) if n.endswith(".seg")}
    cases = unit_tests()
    unknown, named = set(), set()
    for name in re.findall(r"`([a-z0-9_]+\*?)`", text):
        hits = fnmatch.filter(scripts, name)
        named.update(hits)
        if not hits and name not in cases:
            unknown.add(name)
    good = [
        result("every_name_in_it_exists", unknown),
        result("every_script_is_named", scripts - named),
        result("every_must_has_a_row", {str(n) for n in MUSTS ^ musts_of(text)}),
        result("at_least_150_scripts", [] if len(scripts) >= SCRIPT_COUNT_MIN else
               [f"only {len(scripts)}"]),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
