#!/usr/bin/env python3
"""However hzd ends and starts again: what was recorded is delivered, and what is said of a second is of that second."""
import json
import time

from hz_e2e import BIN, Process, Rig, expect, expect_equal, main, note, run, test, wait_until

LATE = "telemetry/interval_ms=60000"  # longer than any of these tests: no round of deltas comes by itself
STAGES = ("total", "queue", "parse", "route", "handler", "upstream", "tx", "health")
HIST_BYTES, FIRST_BUCKET = 8224, 32  # struct hz_hist of hz_abi.h: min, max, sum, overflow, buckets


class Lines(Process):
    """hz-collector as lines of records."""

    def __init__(self, rig):
        super().__init__(BIN + "/hz-collector", "-i", rig.name, "--lines")
        self.rig = rig

    def records(self, kind=None):
        every = [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]
        return [one for one in every if kind in (None, one["kind"])]

    def samples(self, stage, worker=None):
        return sum(one["samples"] for one in self.records("hist_delta")
                   if one["stage"] == stage and worker in (None, one["worker"]))

    def wait_samples(self, stage, count, timeout=10):
        wait_until(lambda: self.samples(stage) >= count, timeout, f"{stage}: {self.samples(stage)} of {count}", every=0.05)


def recorded(here):
    """Samples by stage, counted by the kernel."""
    rows = [line.split() for line in run("cat", here.pins + "/show/latency").stdout.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 7 and row[0] in STAGES}


def gets(here, count):
    http = here.http()
    for _ in range(count):
        expect_equal(http.get("/")[0], 200, "status")
    http.close()


def rates(here):
    """What latency_pct says, by stage."""
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", here.pins + "/latency_pct").stdout)
    return [int(row["formatted"]["value"]["rate_per_s"]) for row in rows]


def updated(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", here.pins + "/latency_pct").stdout)
    return int(rows[0]["formatted"]["value"]["updated_unix"])


def histogram_write(here, worker, stage, sample_ns, count):
    """Map latency as if a worker of an earlier run had recorded a sample below 32 ns so often."""
    words = [0] * (HIST_BYTES // 8)
    words[0:3] = sample_ns * count, sample_ns, sample_ns
    words[FIRST_BUCKET // 8 + sample_ns] = count
    value = b"".join(word.to_bytes(8, "little") for word in words)
    key = (worker * len(STAGES) + STAGES.index(stage)).to_bytes(4, "little")
    run("bpftool", "map", "update", "pinned", here.pins + "/latency", "key", *key, "value", *value)


@test
def samples_of_the_last_interval_are_delivered_before_an_orderly_end():
    here = Rig("a")
    hzd = here.start(options=[LATE])
    lines = Lines(here)
    gets(here, 100)
    expect_equal(lines.records("hist_delta"), [], "deltas before the interval is over")
    hzd.signal(15)
    expect_equal(hzd.wait(20), 0, "exit code")
    want = recorded(here)
    here.detach()  # and with the maps goes what was not delivered
    expect_equal(want["total"], 100, "requests recorded")
    wait_until(lambda: [one for one in lines.records("state") if one["now"] == "down"], 5, "no end", every=0.05)
    got = {stage: lines.samples(stage) for stage in want}
    expect_equal(got, want, "samples delivered")
    last = [one for one in lines.records() if one.get("what") != "xdp"][-1]
    expect_equal((last["kind"], last.get("what"), last.get("now")), ("state", "daemon", "down"), "the server's last record")
    note(f"{sum(got.values())} samples")


@test
def example_of_the_last_second_is_delivered_before_an_orderly_end():
    here = Rig("b")
    hzd = here.start(options=[LATE, "telemetry/slow_us=60000000"])
    lines = Lines(here)
    gets(here, 1)  # its second is over when the next one begins
    wait_until(lambda: lines.records("slow"), 5, "no example", every=0.05)
    told = len(lines.records("slow"))
    gets(here, 20)
    hzd.signal(15)
    expect_equal(hzd.wait(20), 0, "exit code")
    wait_until(lambda: [one for one in lines.records("state") if one["now"] == "down"], 5, "no end", every=0.05)
    examples = lines.records("slow")[told:]
    expect(1 <= len(examples) <= 3, f"examples of 20 requests: {examples}")
    expect(all(one["is_example"] for one in examples), f"examples: {examples}")


@test
def samples_of_workers_that_are_no_more_are_delivered_by_the_next_server():
    here = Rig("c")
    here.start(options=[LATE]).kill()  # the kernel's timer waits for two minutes now, or is stopped by the next hzd
    histogram_write(here, 40, "total", 20, 7)
    hzd = here.serve(options=["telemetry/interval_ms=500"])
    lines = Lines(here)
    wait_until(lambda: lines.samples("total", 40) == 7, 5, f"delivered: {lines.output()}", every=0.05)
    gets(here, 10)
    lines.wait_samples("total", 17)
    time.sleep(1.2)
    expect_equal(lines.samples("total"), 17, "samples, each once")
    hzd.signal(15)
    expect_equal(hzd.wait(20), 0, "exit code")


@test
def rate_of_the_first_second_is_of_that_second():
    here = Rig("d")
    here.attach("ensure")
    histogram_write(here, 0, "total", 20, 1000000)
    first = updated(here)
    here.serve()
    seen, end = [], time.monotonic() + 4
    while time.monotonic() < end:
        seen.append(max(rates(here)))
        time.sleep(0.1)
    expect(updated(here) > first, "not refreshed")
    expect_equal(max(seen), 0, "requests per second of a server that nobody asked")


@test
def maps_that_cannot_be_written_are_told_once():
    here = Rig("e")
    hzd = here.start()
    run("bpftool", "map", "freeze", "pinned", here.pins + "/latency_pct")
    wait_until(lambda: "cannot write latency_pct" in hzd.output(), 5, "not told")
    time.sleep(2.2)
    expect_equal(hzd.output().count("cannot write latency_pct"), 1, "lines in three seconds")


if __name__ == "__main__":
    main()
