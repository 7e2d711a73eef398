#!/usr/bin/env python3
"""Two, five and ten times as many new connections as a worker can serve, over veth: how many are served still,
and what becomes of connections that were there before. tests/unit/worker/test_overload_sim.c has the same in
simulated time."""
from hz_bystander import Bystander
from hz_e2e import Skip, expect, expect_equal, main, note, test
from hz_rush import Rush

SECONDS, KEPT = 4, 8
LEAST = {2: 0.90, 5: 0.85, 10: 0.80}
P99_MOST = 3  # times the one of a server that is half busy
QUIET_P99_US = 5000  # of a server that is half busy; beyond, others have the cores
rushes = []


def rush_once():
    if not rushes:
        rushes.append(Rush("shed/verdict=reset", "shed/max_permille=1000"))
    return rushes[0]


@test
def overload_leaves_goodput_and_every_established_flow():
    rush = rush_once()
    half = rush.offer(400, SECONDS, KEPT)
    peak = max(rush.offer(rate, SECONDS, KEPT)["per_s"] for rate in (600, 700, 800, 900, 1000))
    note(f"half: p99 {half['p99_us']} us; peak {peak:.0f}/s")
    if half["p99_us"] > QUIET_P99_US or half["ok"] < half["offered"]:
        raise Skip(f"the cores are busy with other work: {half}")
    rush.rig.ctl("set", "shed/mode=adaptive")
    for times, least in LEAST.items():
        seen = rush.offer(int(peak * times), SECONDS, KEPT)
        note(f"{times}x: {seen['per_s'] / peak:.3f} of the peak, {seen}")
        expect(seen["per_s"] >= least * peak, f"goodput at {times}x is {seen['per_s'] / peak:.3f}")
        expect(seen["p99_us"] <= P99_MOST * half["p99_us"],
               f"p99 at {times}x is {seen['p99_us'] / half['p99_us']:.1f} times the one at half load")
        expect_equal(seen["kept_lost"], 0, f"established connections lost at {times}x")
        expect_equal(seen["kept_ok"], seen["kept_asked"], f"their answers at {times}x")
        rush.settle()


@test
def kernels_traffic_goes_on_beside_overload():
    """Apart from the figures, which it would take time from."""
    rush = rush_once()
    rush.rig.ctl("set", "shed/mode=adaptive")
    before = rush.rig.verdicts()["shed_reset"]
    with Bystander(rush.rig, is_lossy=True) as other:
        seen = rush.offer(5000, SECONDS)
        other.wait()
    note(f"beside it: {seen}")
    expect(rush.rig.verdicts()["shed_reset"] > before, "nothing was refused: no overload")


if __name__ == "__main__":
    main()
