#!/usr/bin/env python3
"""A further reader of the stream that dies: hz-collector misses nothing, and hzd takes the dead one's ring out."""
import json
import os
import re
import time

from hz_e2e import (BIN, PATIENT, ROOT, STACK, Process, Rig, expect, expect_equal, main, note, run,
                    steady, test, wait_until)

FULL_S = 10  # HZ_SUBSCRIBER_DEAD_NS


def commands():
    """What bpf/README.md says to type: create, put, look, take away."""
    with open(ROOT + "/bpf/README.md", encoding="utf-8") as file:
        section = file.read().split("\nAnother reader of the stream\n")[1]
    found = section.split("```")[1].strip().splitlines()
    expect_equal([re.search(r"map (\w+)", line)[1] for line in found],
                 ["create", "update", "dump", "delete"], "commands of bpf/README.md")
    return found


def typed(here, command, entries=None):
    command = command.replace("/sys/fs/bpf/hz/", here.pins + "/")
    command = command.replace("/sys/fs/bpf/my_ring", f"/sys/fs/bpf/hz-{here.name}-ring")
    if entries:
        command = re.sub(r"entries \d+", f"entries {entries}", command)
    return run(*command.split()).stdout


def stats(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                          here.pins + "/subscriber_stats").stdout)
    return {name: int(value) for name, value in rows[0]["formatted"]["value"].items()
            if name != "reserved"}


def is_taken(here):
    return run("bpftool", "map", "lookup", "pinned", here.pins + "/subscribers", "key", "0", "0",
               "0", "0", check=False).returncode == 0


def samples(collector):
    total = 0
    for line in collector.output().splitlines():
        record = json.loads(line) if line.startswith("{") else {}
        if record.get("kind") == "hist_delta" and record["stage"] == "total":
            total += record["samples"]
    return total


quiet = {}


@test
def ring_is_full_when_the_traffic_ends():
    here = Rig("q")
    hzd = here.start(options=[PATIENT, "telemetry/interval_ms=100"])
    create, put, _, _ = commands()
    ring = f"/sys/fs/bpf/hz-{here.name}-ring"
    STACK.callback(lambda: os.path.exists(ring) and os.unlink(ring))
    typed(here, create, entries=4096)
    typed(here, put)
    http = here.http()
    wait_until(lambda: http.get("/")[0] == 200 and stats(here)["lost"] > 0, 10, "never full")
    lost = steady(lambda: stats(here)["lost"])
    quiet.update(rig=here, hzd=hzd, lost=lost, since=time.monotonic())


@test
def dead_subscriber_is_taken_out_and_others_miss_nothing():
    here = Rig()
    hzd = here.start(options=[PATIENT, "telemetry/interval_ms=100"])
    collector = Process(BIN + "/hz-collector", "-i", here.name, "--lines")
    create, put, look, _ = commands()
    ring = f"/sys/fs/bpf/hz-{here.name}-ring"
    STACK.callback(lambda: os.path.exists(ring) and os.unlink(ring))
    typed(here, create, entries=4096)  # nobody will read it
    typed(here, put)
    expect(is_taken(here), "the ring is not there")
    http, served, lost_at = here.http(), 0, None
    started = time.monotonic()
    while is_taken(here):
        expect(time.monotonic() - started < 20, f"still there: {stats(here)}")
        expect_equal(http.get("/")[0], 200, "status")
        served += 1
        if lost_at is None and stats(here)["lost"] > 0:
            lost_at = time.monotonic()
        time.sleep(0.02)
    took = time.monotonic() - lost_at
    note(f"{served} requests, the ring was full for {took:.1f} s, {stats(here)}")
    expect(FULL_S <= took < FULL_S + 4, f"taken out after {took:.1f} s")
    # the place is free before the kernel has waited for programs that still use the ring
    wait_until(lambda: stats(here)["reaped"] == 1, 5, "not counted")
    wait_until(lambda: "subscriber 0 is taken out" in hzd.output(), 5, "hzd did not tell")
    row = stats(here)
    expect_equal((row["reaped"], row["full_ns"]), (1, 0), "reaped and full_ns")
    expect(row["records"] > 0 and row["lost"] > 0, f"{row}")
    expect("reaped" in typed(here, look), "no named fields")
    wait_until(lambda: samples(collector) >= served, 5, f"{samples(collector)} of {served}")
    expect_equal(samples(collector), served, "samples that the collector got")


@test
def dead_subscriber_of_a_quiet_server_was_taken_out_as_well():
    here = quiet["rig"]
    wait_until(lambda: not is_taken(here), max(1, FULL_S + 4 - (time.monotonic() - quiet["since"])),
               f"still there: {stats(here)}")
    wait_until(lambda: "subscriber 0 is taken out" in quiet["hzd"].output(), 5, "hzd did not tell")
    expect_equal(stats(here)["lost"], quiet["lost"], "lost on a server that was quiet")


@test
def subscriber_that_leaves_gets_nothing_more():
    here = Rig("b")
    here.start(options=[PATIENT, "telemetry/interval_ms=100"])
    create, put, _, leave = commands()
    ring = f"/sys/fs/bpf/hz-{here.name}-ring"
    STACK.callback(lambda: os.path.exists(ring) and os.unlink(ring))
    typed(here, create)
    typed(here, put)
    http = here.http()
    wait_until(lambda: http.get("/")[0] == 200 and stats(here)["records"] > 0, 5, "no copies")
    typed(here, leave)
    expect(not is_taken(here), "still there")
    row = stats(here)
    for _ in range(10):
        http.get("/")
        time.sleep(0.05)
    expect_equal(stats(here), row, "counters of a free place")
    expect_equal(row["lost"], 0, "lost")


if __name__ == "__main__":
    main()
