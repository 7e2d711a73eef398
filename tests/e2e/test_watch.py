#!/usr/bin/env python3
"""hzd is killed; XDP goes on answering probes, and the kernel's timer goes on telling the collector how long they took."""
import json
import os

from hz_e2e import BIN, PATIENT, Process, Rig, expect, expect_equal, main, note, run, test, wait_until

PROBES = 100


def health_samples(collector):
    total = 0
    for line in collector.output().splitlines():
        record = json.loads(line) if line.startswith("{") else {}
        if record.get("kind") == "hist_delta" and record["stage"] == "health":
            total += record["samples"]
    return total


def health_recorded(here):
    lines = run("cat", here.pins + "/show/latency").stdout.splitlines()
    return int([line.split()[1] for line in lines if line.startswith("health")][0])


def timer_rounds(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                          here.pins + "/stream_stats").stdout)
    return int(rows[0]["formatted"]["value"]["timer_rounds"])


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
