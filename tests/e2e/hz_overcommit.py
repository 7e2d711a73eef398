"""Probes while every core has twice as much to do as it can."""
import collections
import os
import sys
import time

from hz_e2e import SERVER4, SERVER6, Process

SPIN = "while True: pass"


def probes_under_overcommit(here, seconds):
    """Probes both families for so long beside two busy loops per core. (probes, {status: count} of those
    that were not 200)"""
    loops = [Process(sys.executable, "-c", SPIN) for _ in range(2 * (os.cpu_count() or 1))]
    wrong, probes, end = collections.Counter(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        status = here.health((SERVER4, SERVER6)[probes % 2], timeout=10)
        probes += 1
        if status != 200:
            wrong[status] += 1
        time.sleep(0.01)
    for loop in loops:
        loop.kill()
    return probes, dict(wrong)
