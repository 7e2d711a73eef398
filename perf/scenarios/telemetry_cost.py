#!/usr/bin/env python3
"""What telemetry costs: hzd as it is against one built without (`make HZ_TELEMETRY=0`).

  perf/scenarios/telemetry_cost.py [PAIRS [SECONDS]]      defaults: 8 pairs of each row, 3 s each run

Requests/s over AF_XDP on a veth, wrk on the first core, one worker on the last, each run with a server of its own, in order
A B B A; a ratio is the median of the pairs with the lowest and the highest beside it. Rows: one and 64 connections;
64 with hz-collector reading the stream, on wrk's core. The first row is the build without against itself: what
it differs from 1 is noise. Below, what a request takes in process (perf/micro/bench_inproc): cycles in pairs,
and instructions, which no noise touches.

What HZ_TELEMETRY=0 leaves out: the histograms, the clock reads at the ends of stages, and hzd's publishing of both.
Counters and beats stay: hzd itself acts on them. The XDP programs are the same.
"""
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
import hz_e2e  # noqa: E402
from hz_e2e import BENCH_SITE, OUT, Process, Rig, run  # noqa: E402
from hz_vs_nginx import (PORT, SERVER_CPU, CLIENT_CPU, cpu_times, facts, finish,  # noqa: E402
                         priority_raise, ratio_of, read, refuse_unless_release, steal_percent, verdict, wrk)

WITHOUT = OUT + "/without-telemetry"
WARM_S = 1
GOAL = 0.98  # requests/s with all of it, of those without
BUILDS = {"with": OUT, "without": WITHOUT, "collected": OUT}


def build():
    """The other build; a folder of its own, so that a second run finds it made."""
    run("make", "-C", ROOT, "-j2", f"O={WITHOUT}", "HZ_TELEMETRY=0", f"{WITHOUT}/bin/hzd",
        f"{WITHOUT}/perf/bench_inproc", timeout=1800)
    if "-DHZ_TELEMETRY=0" not in read(WITHOUT + "/.flags") or "-DHZ_TELEMETRY=0" in read(OUT + "/.flags"):
        sys.exit(f"perf: {OUT} and {WITHOUT} are not what they should be; try: make")


def serve(rig, side):
    hz_e2e.BIN = BUILDS[side] + "/bin"
    try:
        return rig.serve(options=[f"boot/cpus={SERVER_CPU}", "workers/spin_us=1000000"])
    finally:
        hz_e2e.BIN = OUT + "/bin"


def collector_start(rig):
    """Where it serves pages it does that too, on a port of its own."""
    words = [OUT + "/bin/hz-collector", "-i", rig.name]
    if "--listen" in run(words[0], "-h", check=False).stdout:
        words += ["--listen", "127.0.0.1:9478"]
    return Process("taskset", "-c", CLIENT_CPU, *words)


def one_run(rig, side, connections, seconds):
    daemon = serve(rig, side)
    collector = collector_start(rig) if side == "collected" else None
    wrk(rig, PORT, connections, WARM_S)
    recorded, before = samples(rig), cpu_times()
    figures = wrk(rig, PORT, connections, seconds)
    figures.update(side=side, connections=connections, samples=samples(rig) - recorded,
                   steal_percent=round(steal_percent(before, cpu_times()), 2))
    if collector:
        if not collector.is_running():
            sys.exit(f"perf: hz-collector ended: {collector.output()}")
        collector.end()
    daemon.end()
    # The comparison is none when a build is not what its name says.
    if (figures["samples"] == 0) != (side == "without"):
        sys.exit(f"perf: {figures['samples']} samples were recorded by the build {side} telemetry")
    return figures


def samples(rig):
    stages = rig.ctl_json("latency")["stages"]
    return next(stage["count"] for stage in stages if stage["stage"] == "total")


def pairs_of(measure, first, second, count):
    pairs = []
    for i in range(count):
        sides = (first, second) if i % 2 == 0 else (second, first)
        pair = [measure(side) for side in sides]
        pairs.append(tuple(pair if i % 2 == 0 else reversed(pair)))
    return pairs


def row_measure(rig, side, connections, count, seconds):
    pairs = pairs_of(lambda of: one_run(rig, of, connections, seconds), side, "without", count)
    rate, p99 = ratio_of(pairs, "rate_per_s"), ratio_of(pairs, "p99_ns")
    medians = [statistics.median(pair[i]["rate_per_s"] for pair in pairs) for i in (0, 1)]
    goal = "noise" if side == "without" else f"goal >= {GOAL}: {verdict(rate, GOAL, True)}"
    print(f"  {side:9} {connections:3} connections  {medians[0]:8.0f} against {medians[1]:8.0f} req/s  "
          f"{rate['median']:.3f} [{rate['low']:.3f}..{rate['high']:.3f}]  p99 {p99['median']:.2f}  {goal}",
          flush=True)
    return {"side": side, "connections": connections, "pairs": pairs, "rate": rate, "p99": p99}


# --- in process --------------------------------------------------------------------------------------


def cycles(side):
    done = run(BUILDS[side] + "/perf/bench_inproc", "-s", BENCH_SITE, "-n", "3", "-r", "100000")
    return {"cycles": float(re.search(r"^best +([0-9.]+) cycles", done.stdout, re.M).group(1))}


def instructions(side):
    done = run(ROOT + "/perf/micro/instructions.sh", "3200", BENCH_SITE, timeout=300,
               env={**os.environ, "O": BUILDS[side]})
    found = re.search(r"^(\d+) instructions/request", done.stdout, re.M)
    return int(found.group(1)) if found else None


def inproc_measure(count):
    pairs = pairs_of(cycles, "with", "without", count)
    ratio = ratio_of(pairs, "cycles")
    counts = {side: instructions(side) for side in ("with", "without")}
    added = statistics.median(a["cycles"] - b["cycles"] for a, b in pairs)
    print(f"  in process: {added:+.0f} cycles/request, ratio {ratio['median']:.3f} "
          f"[{ratio['low']:.3f}..{ratio['high']:.3f}]; instructions {counts['with']} against "
          f"{counts['without']}")
    return {"cycles": pairs, "ratio": ratio, "instructions": counts}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    refuse_unless_release()
    if SERVER_CPU == CLIENT_CPU:
        sys.exit("perf: needs two cores, one for each side")
    build()
    result = {"scenario": "telemetry_cost", "facts": facts(), "autogroup": priority_raise(), "rows": []}
    print(f"telemetry, {result['facts']['cpu']}, server on core {SERVER_CPU}, wrk on core {CLIENT_CPU}, "
          f"{count} pairs of {seconds} s, order A B B A")
    rig = Rig("t")
    rig.attach("ensure")
    for side, connections in (("without", 64), ("with", 1), ("with", 64), ("collected", 64)):
        result["rows"].append(row_measure(rig, side, connections, count, seconds))
    result["inproc"] = inproc_measure(count)
    runs = [figures for row in result["rows"] for pair in row["pairs"] for figures in pair]
    steal = max(figures["steal_percent"] for figures in runs)
    print(f"machine: steal at most {steal} %" + (", noisy" if steal > 2 else ""))
    finish(result, sum(figures["errors"] for figures in runs))


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(f"perf: {error}")
