#!/usr/bin/env python3
"""hz-collector under a hard hand: stopped for ten seconds, killed again and again under load. Each sample that was
recorded is delivered, and what the ring refused is counted, not lost."""
import json
import os
import signal
import threading
import time

from hz_collector import Collector, recorded
from hz_e2e import (BIN, Process, Rig, Skip, expect, expect_equal, main, note, run,
                    temporary_directory, test, wait_until)

KILLS = 20
PAIRS = 6
PHASE_S = 4
CORES = sorted(os.sched_getaffinity(0))


def load(here, seconds):
    result = {}
    thread = threading.Thread(target=lambda: result.update(here.wrk("-t1", "-c16", f"-d{seconds}")))
    thread.start()
    return thread, result


@test
def stopped_ten_seconds_under_load_delivers_every_sample_at_its_time():
    here = Rig("a")
    here.start()
    collector = Collector(here)
    thread, figures = load(here, 14)
    time.sleep(2)
    collector.signal(signal.SIGSTOP)
    time.sleep(10)
    collector.signal(signal.SIGCONT)
    thread.join()
    time.sleep(2.2)
    for stage in ("total", "parse", "handler", "tx"):
        expect_equal(collector.samples(stage)[0], recorded(here, stage), f"samples of {stage}")
    columns = collector.get("/api/v1/heatmap?last=16")["columns"]
    busy = [column for column in columns if column["counts"] and sum(column["counts"])]
    expect(len(busy) >= 12, f"{len(busy)} seconds with samples: those of the stop are missing")
    status = collector.status()
    expect_equal(status["refused"], 0, "refused: the ring holds more than ten seconds")
    note(f"{figures['requests']} requests, {len(busy)} busy columns, {status['records']} records")


def lines_of(path):
    """Records by sequence; those of a reader that was killed before the ring knew come twice."""
    records, doubles = {}, 0
    with open(path, encoding="ascii") as file:
        for line in file:
            record = json.loads(line)
            if record["kind"] in ("drop", "shed"):  # XDP's, with numbers of their own
                continue
            doubles += record["sequence"] in records
            expect_equal(records.setdefault(record["sequence"], record), record, "a record read twice")
    return records, doubles


def p99_of(here):
    """The server's own, under load."""
    thread, _ = load(here, PHASE_S + 1)
    time.sleep(0.5)
    rows = here.ctl_json("latency", "show", "stage", "total", "last", str(PHASE_S))["stages"]
    thread.join()
    return next(row["p99_ns"] for row in rows if row["stage"] == "total")


def ring_fill(here):
    """Nobody reads: slow answers fill in a second what deltas would in a minute. The ring stays full then."""
    before = refused(here)
    here.ctl("set", "telemetry/slow_us=1", "telemetry/slow_per_s=10000")
    wait_until(lambda: here.wrk("-t1", "-c16", "-d1") and refused(here) > before, 30, "the ring takes it all")
    here.ctl("set", "telemetry/slow_us=0")


def pairs_of(here, disturbed):
    """p99 while disturbed() runs over p99 while all is well, in turns: what drifts is in both."""
    ratios = []
    for turn in range(PAIRS):
        order = (p99_of, disturbed) if turn % 2 == 0 else (disturbed, p99_of)
        found = {phase: phase(here) for phase in order}
        ratios.append(found[disturbed] / found[p99_of])
    ratios.sort()
    return ratios


def unchanged(what, ratios):
    """Of PAIRS pairs whose median is 1 all lie above it once in 2^PAIRS: their extremes are the interval."""
    middle = (ratios[(PAIRS - 1) // 2] + ratios[PAIRS // 2]) / 2
    note(f"p99 of total, {what} against running: {middle:.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]; "
         f"load of the machine {os.getloadavg()[0]:.1f}")
    expect(ratios[0] <= 1 or middle <= 1.05, f"p99 with a collector that is {what}: {ratios}")


def start_apart(here, *options):
    """The worker has the last core for itself, as on a machine that is set up: what is asked is whether the collector
    holds it up, not what it costs when a scheduler has nowhere else to put a process that starts."""
    if len(CORES) < 2:
        raise Skip("one core")
    os.sched_setaffinity(0, CORES)
    here.start(options=["telemetry/interval_ms=100", f"boot/cpus={CORES[-1]}", *options])
    os.sched_setaffinity(0, CORES[:-1])  # ours, and that of all we start from now on


@test
def full_ring_does_not_slow_the_worker():
    here = Rig("d")
    start_apart(here, "telemetry/slow_us=0")
    collector = Collector(here)
    here.wrk("-t1", "-c16", "-d2")

    def stopped(here):
        collector.signal(signal.SIGSTOP)
        ring_fill(here)
        before = refused(here)
        p99_ns = p99_of(here)
        expect(refused(here) - before >= PHASE_S * 5, f"{refused(here) - before} refused: the ring was not full")
        collector.signal(signal.SIGCONT)
        time.sleep(1.5)  # it catches up
        return p99_ns

    unchanged("stopped", pairs_of(here, stopped))


@test
def killed_again_and_again_does_not_slow_the_worker():
    here = Rig("e")
    start_apart(here)
    made = [Collector(here)]
    here.wrk("-t1", "-c16", "-d2")

    def killed(here):
        is_over = threading.Event()

        def kill():
            while not is_over.wait(0.45):
                made.pop().kill()
                made.append(Collector(here, wait=False))

        thread = threading.Thread(target=kill)
        thread.start()
        p99_ns = p99_of(here)
        is_over.set()
        thread.join()
        return p99_ns

    unchanged("killed", pairs_of(here, killed))


@test
def killed_twenty_times_under_load_loses_and_doubles_nothing():
    os.sched_setaffinity(0, CORES)
    here = Rig("b")
    here.start(options=["telemetry/interval_ms=100"])
    path = temporary_directory() + "/lines"
    thread, _ = load(here, 11)
    for _ in range(KILLS):
        with open(path, "a", encoding="ascii") as out:
            reader = Process("sh", "-c", f"exec {BIN}/hz-collector -i {here.name} --lines >>{path}")
            out.flush()
        time.sleep(0.45)
        reader.kill()
    thread.join()
    time.sleep(1)
    last = Process("sh", "-c", f"exec {BIN}/hz-collector -i {here.name} --lines >>{path}")
    total = recorded(here)

    def delivered():
        return sum(record["samples"] for record in lines_of(path)[0].values()
                   if record.get("stage") == "total")

    wait_until(lambda: delivered() == total, 5, f"{delivered()} of {total} samples", every=0.2)
    last.end()
    records, doubles = lines_of(path)
    expect_equal(sorted(records), list(range(min(records), min(records) + len(records))),
                 "sequence of records")
    stats = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                           here.pins + "/stream_stats").stdout)[0]["formatted"]["value"]
    expect_equal(len(records), int(stats["records"]), "records that went out")
    note(f"{KILLS} kills, {total} samples in {len(records)} records, {doubles} read twice, "
         f"{stats['refused']} refused")


@test
def full_ring_refuses_counts_and_delivers_later():
    here = Rig("c")
    here.start(options=["telemetry/interval_ms=100"])
    collector = Collector(here)
    collector.signal(signal.SIGSTOP)
    ring = 1 << 20
    thread, _ = load(here, 8)
    thread.join()
    # What one interval adds is 4 KB or so: fill the rest with a reader that stands still, by many short loads.
    deadline = time.monotonic() + 60
    while refused(here) == 0 and time.monotonic() < deadline:
        here.wrk("-t1", "-c16", "-d4")
    expect(refused(here) > 0, f"a ring of {ring} bytes took it all")
    collector.signal(signal.SIGCONT)
    time.sleep(2.5)
    expect_equal(collector.samples("total")[0], recorded(here), "samples delivered")
    status = collector.status()
    expect_equal(status["refused"], refused(here), "refused in the status")
    expect_equal(collector.metrics()["hz_telemetry_refused_total"], refused(here), "and in /metrics")
    note(f"{status['refused']} refused, none lost")


def refused(here):
    stats = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                           here.pins + "/stream_stats").stdout)
    return int(stats[0]["formatted"]["value"]["refused"])


if __name__ == "__main__":
    main(each_ends_its_own=True)
