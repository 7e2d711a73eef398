#!/usr/bin/env python3
"""Refusals as records, on machines of any size: what is told, and what there is no room for is named."""
import re

from hz_e2e import PATIENT, Rig, Skip, expect, main, test

WORKERS_MOST = 16  # that this test starts


@test
def workers_without_room_for_routes_are_named():
    """There is a row for each CPU that can be, and at least 8: a queue more is a worker more."""
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
        cpus = int(re.split("[,-]", file.read().strip())[-1]) + 1
    queues = max(cpus, 8) + 1
    if queues > WORKERS_MOST:
        raise Skip(f"{queues} workers are too many for this test")
    here = Rig("q", queues=queues)
    here.start(options=[f"boot/workers={queues}", PATIENT])
    degraded = here.ctl_json("status")["degraded"]
    expect(any("no room for routes of all workers" in one for one in degraded), f"degraded: {degraded}")
    here.close()


if __name__ == "__main__":
    main()
