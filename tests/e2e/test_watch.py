#!/usr/bin/env python3
"""hzd is killed; the kernel's timer tells the collector what workers had recorded, and as XDP goes on answering probes how
long they took."""
import json
import os

from hz_e2e import BIN, PATIENT, Process, Rig, expect, expect_equal, main, note, run, test, wait_until

PROBES = 100
GETS = 100
STAGES = ("total", "queue", "parse", "route", "handler", "upstream", "tx", "health")


def samples(collector):
    """Told by the stream, by stage."""
    told = dict.fromkeys(STAGES, 0)
    for line in collector.output().splitlines():
        record = json.loads(line) if line.startswith("{") else {}
        if record.get("kind") == "hist_delta":
            told[record["stage"]] += record["samples"]
    return told


def recorded(here):
    """Counted by the kernel, by stage."""
    rows = [line.split() for line in run("cat", here.pins + "/show/latency").stdout.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 7 and row[0] in STAGES}


def health_samples(collector):
    return samples(collector)["health"]


def health_recorded(here):
    return recorded(here)["health"]


def timer_rounds(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                          here.pins + "/stream_stats").stdout)
    return int(rows[0]["formatted"]["value"]["timer_rounds"])


def timer_waits_ns(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", here.pins + "/private/flush_turn").stdout)
    return int(rows[0]["formatted"]["value"]["interval_ns"])


def map_exists(number):
    return run("bpftool", "map", "show", "id", number, check=False).returncode == 0


@test
def health_answers_of_a_dead_server_are_all_told():
    here = Rig()
    hzd = here.start(options=[PATIENT])
    collector = Process(BIN + "/hz-collector", "-i", here.name, "--lines")
    expect_equal(here.health(), 200, "a probe while hzd lives")
    wait_until(lambda: health_samples(collector) == health_recorded(here) > 0, 10,
               "hzd did not tell of the first")
    rounds = timer_rounds(here)
    hzd.kill()
    for _ in range(PROBES):
        expect(here.health() in (200, 503), "a probe of a dead server was not answered")
    recorded = health_recorded(here)
    expect(recorded > PROBES, f"{recorded} samples for {PROBES} probes")
    wait_until(lambda: health_samples(collector) >= recorded, 15,
               f"{health_samples(collector)} of {recorded}")
    expect_equal(health_samples(collector), health_recorded(here), "samples in the stream")
    expect(timer_rounds(here) > rounds, "by whom, if not by the timer?")
    note(f"{recorded} samples, {timer_rounds(here) - rounds} rounds of the timer")


@test
def samples_of_a_server_killed_within_its_interval_are_all_told():
    here = Rig("c")
    hzd = here.start(options=[PATIENT, "telemetry/interval_ms=5000"])
    collector = Process(BIN + "/hz-collector", "-i", here.name, "--lines")
    wait_until(lambda: timer_waits_ns(here) == 10e9, 5, "the timer does not wait for two intervals")
    http = here.http()
    for _ in range(GETS):
        expect_equal(http.get("/")[0], 200, "status")
    hzd.kill()
    http.close()
    want = recorded(here)
    expect(GETS - 1 <= want["total"] <= GETS, f"{want['total']} requests recorded of {GETS}")  # the last answer may be out first
    wait_until(lambda: samples(collector) == want, 15, f"{samples(collector)} of {want}", every=0.1)
    expect(timer_rounds(here) > 0, "by whom, if not by the timer?")


@test
def detach_ends_the_timer_under_a_dead_server():
    here = Rig("b")
    here.start().kill()
    shown = json.loads(run("bpftool", "-j", "map", "show", "pinned",
                           here.pins + "/private/flush_turn").stdout)
    expect(map_exists(shown["id"]), "no such map")
    here.detach()
    expect(not os.path.exists(here.pins), "pins are left")
    wait_until(lambda: not map_exists(shown["id"]), 10, "the timer's map is still there")


if __name__ == "__main__":
    main()
