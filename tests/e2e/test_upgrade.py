#!/usr/bin/env python3
"""New hz beside what an older version of the same ABI attached: it serves, says what is missing, and update works."""
import os
import time

from hz_collector import Collector, recorded
from hz_e2e import Rig, expect, expect_equal, main, run, test, wait_until

# What came with minor version 1 of ABI 4.
LATER = ("latency_log2", "route_names", "route_latency", "shed_rows", "subscribers",
         "subscriber_stats", "private/flush_turn", "prog_emit", "prog_watch", "show/routes")
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach()
        for name in LATER:
            os.unlink(f"{rigs['rig'].pins}/{name}")
        short = f"{rigs['rig'].pins}/stream_stats"
        os.unlink(short)
        run("bpftool", "map", "create", short, "type", "array", "key", "4", "value", "24",
            "entries", "1", "name", "stream_stats")
        rigs["hzd"] = rigs["rig"].serve()
        rigs["collector"] = Collector(rigs["rig"])
    return rigs["rig"]


def degraded(here):
    return [text for text in here.ctl_json("status")["degraded"] if "older version" in text]


@test
def server_starts_and_says_what_is_missing():
    here = rig()
    expect_equal(len(degraded(here)), 1, "degraded by name")
    expect("hzctl xdp detach all" in degraded(here)[0], f"what to type: {degraded(here)}")
    http = here.http()
    for _ in range(50):
        expect_equal(http.get("/")[0], 200, "GET")
    expect_equal(here.health(), 200, "health in the kernel")
    time.sleep(2.5)  # what is refreshed each second is so
    said = rigs["hzd"].output()
    expect_equal(said.count("older version"), 1, f"told once: {said}")
    expect("cannot" not in said, f"complaints: {said}")


@test
def figures_are_read_with_and_without_the_server():
    here = rig()
    before = recorded(here)
    expect(before >= 50, f"{before} recorded")
    expect_equal(here.ctl_json("top")["state"], "ready", "hzctl top")
    expect_equal(here.ctl_json("status")["events_lost"], 0, "what an older attach does not count")
    done = here.ctl("latency", "show", "route", "root", check=False)
    expect_equal((done.returncode, "keeps no latency by route" in done.stderr), (1, True),
                 done.stderr)
    rigs["hzd"].kill()
    expect_equal(recorded(here), before, "samples, with hzd dead")
    here.ctl("worker", "show")
    rigs["hzd"] = here.serve()


@test
def collector_counts_what_is_served():
    here = rig()
    http = here.http()
    for _ in range(50):
        expect_equal(http.get("/")[0], 200, "GET")
    wait_until(lambda: rigs["collector"].samples()[0] == recorded(here), 5,
               f"{rigs['collector'].samples()} of {recorded(here)} samples")
    expect_equal(rigs["collector"].code("/metrics"), 200, "metrics")


@test
def update_under_the_server_swaps_the_program():
    here = rig()
    http = here.http()
    expect_equal(http.get("/")[0], 200, "before")
    before = recorded(here)
    here.ctl("xdp", "update", "dev", "eth1")
    expect_equal(http.get("/")[0], 200, "on the same connection")
    expect_equal(here.health(), 200, "health in the kernel")
    wait_until(lambda: recorded(here) > before, 3, "samples go on")


@test
def attach_anew_brings_the_rest():
    here = rig()
    rigs["hzd"].end()
    here.ctl("xdp", "detach", "all")
    here.attach()
    rigs["hzd"] = here.serve()
    expect_equal(degraded(here), [], "degraded")
    expect_equal(here.http().get("/")[0], 200, "GET")
    wait_until(lambda: "root" in run("cat", f"{here.pins}/show/routes").stdout, 3, "show/routes")


if __name__ == "__main__":
    main()
