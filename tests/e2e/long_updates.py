#!/usr/bin/env python3
"""A hundred programs one after the other under a flood of a million SYNs per second: each frame has one reason,
each SYN its answer. test_coexist.py has the same at the rate at which answers go through the client's stack."""
import time

from hz_bystander import Bystander
from hz_e2e import HEALTH_PORT, PATIENT, Rig, expect, expect_equal, main, note, test
from hz_live import counted, far_attach, flood, flood_end, gained, syn_from_far

UPDATES, EVERY_S = 100, 0.25
PER_S, FLOOD_S = 1000000, 45  # it ends by itself: one that is told to does not know what its last call sent
PER_S_LEAST = 100000  # where others have the cores; what was reached is said


def updates_under(here, process):
    """The programs that ran, and the seconds of the slowest update."""
    programs, slowest = set(), 0.0
    for _ in range(UPDATES):
        started = time.monotonic()
        here.ctl("xdp", "update", "dev", "eth1")
        took = time.monotonic() - started
        slowest = max(slowest, took)
        programs.add(here.ctl_json("xdp", "show")["interfaces"][0]["program_id"])
        expect(process.is_running(), "the flood ended before the last update")
        time.sleep(max(0.0, EVERY_S - took))
    return programs, slowest


@test
def hundred_updates_under_a_million_syns_per_second_lose_nothing():
    here = Rig()
    here.attach()
    far_attach(here)
    here.serve(options=[PATIENT])
    expect_equal(here.http().get("/")[0], 200, "GET")
    before = counted(here)
    with Bystander(here, is_lossy=True):
        process = flood(here, HEALTH_PORT, PER_S, FLOOD_S, syn_from_far(HEALTH_PORT))
        programs, slowest = updates_under(here, process)
        done = flood_end(process, FLOOD_S + 30)
    more = gained(counted(here), before)
    note(f"{UPDATES} updates, the slowest {slowest * 1e3:.0f} ms, under {done['sent'] / done['seconds'] / 1e3:.0f} k "
         f"SYN/s: {done['sent']} sent, {more['no_room']} that the link had no room for, {more['health_syn_ack']} "
         f"answered; {more['seen']} frames in all, {more['reasons']} counted")
    expect_equal(len(programs), UPDATES, "programs that ran")
    expect(done["sent"] > PER_S_LEAST * FLOOD_S, f"hardly a flood: {done}")
    expect_equal(more["taken"] + more["no_room"], done["sent"], "SYNs on the link, of those sent")
    expect_equal(more["health_syn_ack"], more["taken"], "SYNs answered, of those that came")
    expect_equal(more["reasons"], more["seen"], "reasons, of the frames that came")
    expect_equal(here.http().get("/")[0], 200, "GET afterwards")


if __name__ == "__main__":
    main()
