#!/usr/bin/env python3
"""A flood of SYNs from addresses that do not exist, beside a client that has its connection already.

The client comes over the relay, whose 24 Mbit/s on its way are the bottleneck, not the few cores that
server, client, relay and flood share here; the flood enters behind it, and what answers it meets no
limit."""
import json
import time

from hz_bystander import Bystander
from hz_e2e import (OUT, PORT, SERVER4, Process, expect, expect_equal, main, note, run, test)
from hz_relay import MIB, client_socket, echo_on, no_fault, random_body, rig_once

PER_S, FLOOD_S, PAIRS = 10000, 3, 3
REACHED_LEAST = 0.95  # of the flood: an upload has not always the same number of segments
FALL_MOST = 0.05
LINK = ("there.rate_kbit=24000", "there.queue_bytes=64000", "delay_us=1000")
rigs = {}


def flood(rig):
    mac = run("ip", "-n", rig.server, "-br", "link", "show", "eth1").stdout.split()[2]
    process = Process(OUT + "/tests/helper_flood", "east", mac, SERVER4, PORT, PER_S, FLOOD_S,
                      netns=rig.middle)
    process.wait_line("ready")
    time.sleep(0.3)
    return process


def rate(rig, sock, body, is_flooded):
    """MiB/s of one upload, which was answered with the same bytes, and the frames that came for it."""
    before = reached(rig)
    process = flood(rig) if is_flooded else None
    seconds, _ = echo_on(sock, body)
    if process:
        expect(process.is_running(), "the flood ended before the upload")
        expect_equal(process.wait(10), 0, "exit of the flood")
        expect_equal(json.loads(process.output().splitlines()[-1])["sent"], PER_S * FLOOD_S,
                     "frames of the flood")
        process.end()
    return len(body) / MIB / seconds, reached(rig) - before


def reached(rig):
    """SYNs go to the worker until it has XDP answer them; segments of connections always do."""
    verdicts = rig.verdicts()
    return verdicts["steer"] + verdicts["cookie_syn_ack"]


@test
def kernels_traffic_goes_on_beside_a_flood():
    rig = rig_once(rigs)
    before = reached(rig)
    with rig.relay(("delay_us=100",), rigs["seed"]), Bystander(rig, is_lossy=True) as other:
        process = flood(rig)
        other.wait()
        expect_equal(process.wait(20), 0, "exit of the flood")
        process.end()
        other.wait()
    expect(reached(rig) - before > PER_S * FLOOD_S * 0.9, "hardly a flood")


@test
def syn_flood_costs_an_established_client_little():
    rig = rig_once(rigs)
    body = random_body(4 * MIB, rigs["seed"])
    rates, frames = {False: [], True: []}, {False: 0, True: 0}
    with rig.relay(LINK, rigs["seed"]) as did, client_socket(rig, 60) as sock:
        sock.connect((SERVER4, PORT))
        rate(rig, sock, body, False)
        for i in range(PAIRS):
            for is_flooded in (i % 2 == 0, i % 2 != 0):
                mib_per_s, more = rate(rig, sock, body, is_flooded)
                rates[is_flooded].append(mib_per_s)
                frames[is_flooded] += more
    no_fault(did)
    share = (frames[True] - frames[False]) / (PAIRS * PER_S * FLOOD_S)
    note(f"{share:.4f} of the flood came to the server, {frames[False]} segments of the uploads")
    expect(share >= REACHED_LEAST, f"only {share:.3f} of the flood came to the server")
    # The best of each: the link bounds it, and other work on the machine only ever takes away.
    ratio = max(rates[True]) / max(rates[False])
    note(f"MiB/s alone {[round(r, 2) for r in rates[False]]}, beside {PER_S} SYN/s "
         f"{[round(r, 2) for r in rates[True]]}: {ratio:.3f} of the best")
    expect(ratio >= 1 - FALL_MOST, f"goodput falls to {ratio:.3f}")


if __name__ == "__main__":
    main()
