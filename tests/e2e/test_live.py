#!/usr/bin/env python3
"""helper_live: frames that the kernel makes reach the program, each once, and only in a rig."""
from hz_e2e import HEALTH_PORT, OUT, Rig, expect, expect_equal, main, note, run, test
from hz_live import flood, flood_end, syn

PER_S, SECONDS = 20000, 2
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach("ensure")
    return rigs["rig"]


def verdicts(here):
    return here.ctl_json("xdp", "show")["verdicts"]


@test
def live_frames_reach_the_program():
    here = rig()
    before = verdicts(here)
    sent = flood_end(flood(here, HEALTH_PORT, PER_S, SECONDS))["sent"]
    after = verdicts(here)
    answered = after["health_syn_ack"] - before["health_syn_ack"]
    note(f"{sent} sent, {answered} answered")
    expect_equal(sent, PER_S * SECONDS, "frames sent")
    # What the receiving ring has no room for is lost before any program sees it.
    expect(sent * 0.9 <= answered <= sent, f"{answered} of {sent} answered")
    other = sum(after.values()) - sum(before.values()) - answered
    expect(other < 100, f"{other} frames met another verdict")


@test
def live_frames_stay_in_the_rig():
    done = run(OUT + "/tests/helper_live", "lo", "1000", "1", syn(80), check=False)
    expect_equal(done.returncode, 1, "exit code")
    expect("namespace" in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
