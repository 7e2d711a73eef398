#!/usr/bin/env python3
"""hz beside Linux over links that lose, double, bend and reorder: what arrives is what was sent. The
ratio of goodputs is printed, not judged: transfers this short say little (long_relay.py judges)."""
import re

from hz_e2e import SERVER4, expect, main, note, run, test
from hz_relay import LINK, MIB, Setting, no_fault, random_body, rig_once

SETTINGS = (
    (Setting("clean", *LINK), 16 * MIB),
    (Setting("loss_of_1_percent", *LINK, "loss=1"), 2 * MIB),
    (Setting("bursts_of_4", *LINK, "loss=1", "burst=4"), 2 * MIB),
    (Setting("reordering", *LINK, "reorder=2", "reorder_us=1500"), 2 * MIB),
    (Setting("jitter", *LINK, "jitter_us=500"), 2 * MIB),
    (Setting("duplicates_and_bent_bits", *LINK, "duplicate=2", "corrupt=1"), 2 * MIB),
    (Setting("loss_of_10_percent", *LINK, "loss=10"), MIB // 8),
)
rigs = {}


def add(setting, size):
    def transfer():
        rig = rig_once(rigs)
        setting.pair(rig, random_body(size, rigs["seed"]), rigs["seed"], True, show=True)
        setting.show()

    transfer.__name__ = f"bytes_over_{setting.name}_arrive_exactly"
    test(transfer)


def pings(rig, count, *words):
    """Answers and their round trip times in ms, through the relay."""
    with rig.relay(words, rigs["seed"]) as did:
        done = run("ping", "-c", count, "-i", "0.01", "-W", "1", SERVER4, netns=rig.client,
                   check=False)
    no_fault(did)
    return [float(ms) for ms in re.findall(r"time=([\d.]+) ms", done.stdout)], done.stdout, did


@test
def relay_delay_is_that_asked_for():
    rig = rig_once(rigs)
    times, text, _ = pings(rig, 100, "delay_us=5000")
    expect(len(times) == 100, f"{len(times)} of 100 pings answered: {text[-200:]}")
    note(f"10 ms asked for: p50 {sorted(times)[50]:.2f} ms, highest {max(times):.2f} ms")
    expect(min(times) >= 10, f"an answer after {min(times)} ms")
    expect(sorted(times)[50] < 11, f"p50 {sorted(times)[50]} ms instead of 10")


@test
def relay_seed_decides_what_is_lost():
    rig = rig_once(rigs)
    first, second = (pings(rig, 100, "loss=20") for _ in range(2))
    numbers = [re.findall(r"icmp_seq=(\d+)", text) for _, text, _ in (first, second)]
    expect(numbers[0] == numbers[1], f"the same seed lost others: {numbers}")
    expect(40 < len(numbers[0]) < 85, f"{len(numbers[0])} of 100 pings left by 20 % each way")
    for way in ("there", "back"):
        did = first[2][way]
        expect(did["sent"] + did["lost"] == did["frames"], f"frames unaccounted for: {did}")


for each in SETTINGS:
    add(*each)

if __name__ == "__main__":
    main()
