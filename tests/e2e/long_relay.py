#!/usr/bin/env python3
"""Goodput of hz at least 0.9 of Linux's with CUBIC, both ways, 16 MiB, at every kind of link but the
worst (long_relay_worst.py). Sides take turns, both meet the same seeds."""
from hz_e2e import main
from hz_relay import LINK, Setting, judge

PAIRS = 2

for link in (
        Setting("clean", *LINK),
        Setting("loss_of_0.1_percent", *LINK, "loss=0.1"),
        Setting("loss_of_1_percent", *LINK, "loss=1"),
        Setting("loss_of_3_percent", *LINK, "loss=3"),
        Setting("bursts_of_4", *LINK, "loss=1", "burst=4"),
        Setting("reordering", *LINK, "reorder=2", "reorder_us=1500"),
        Setting("duplicates_and_bent_bits", *LINK, "duplicate=2", "corrupt=0.5")):
    judge(link, PAIRS)

if __name__ == "__main__":
    main()
