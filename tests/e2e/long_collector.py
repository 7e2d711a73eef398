#!/usr/bin/env python3
"""hz-collector under a hard hand: stopped for ten seconds, killed again and again under load. Each sample that was
recorded is delivered, and what the ring refused is counted, not lost."""
import json
import os
import signal
import threading
import time

from hz_collector import Collector, recorded
from hz_e2e import (BIN, Process, Rig, expect, expect_equal, main, note, run, temporary_directory,
                    test, wait_until)

KILLS = 20
PAIRS = 4


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


def p99_of(here, seconds):
    """The server's own, under load for so long."""
    thread, _ = load(here, seconds)
    time.sleep(0.5)
    rows = here.ctl_json("latency", "show", "stage", "total", "last", str(seconds - 2))["stages"]
    thread.join()
    return next(row["p99_ns"] for row in rows if row["stage"] == "total")


@test
def stopped_ten_seconds_does_not_slow_the_worker():
    here = Rig("d")
    here.start()
    collector = Collector(here)
    here.wrk("-t1", "-c16", "-d2")
    running, stopped = [], []
    for turn in range(2 * PAIRS):
        is_stopped = turn % 4 in (1, 2)  # running, stopped, stopped, running: what drifts is in both
        if is_stopped:
            collector.signal(signal.SIGSTOP)
        (stopped if is_stopped else running).append(p99_of(here, 10))
        collector.signal(signal.SIGCONT)
    running.sort()
    stopped.sort()
    middle = [sum(each[PAIRS // 2 - 1:PAIRS // 2 + 1]) / 2 for each in (running, stopped)]
    note(f"p99 of total, collector running {running}, stopped {stopped} ns; ratio of medians "
         f"{middle[1] / middle[0]:.3f}; load of the machine {os.getloadavg()[0]:.1f}")
    expect(middle[1] <= running[-1] * 1.1, f"stopped {middle[1]} ns, running {running}")


@test
def killed_twenty_times_under_load_loses_and_doubles_nothing():
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
