#!/usr/bin/env python3
"""Refusals as records, on machines of any size: what is told, and what there is no room for is named."""
import json
import os
import re
import signal
import socket
import time
from collections import Counter

from hz_e2e import (BIN, OUT, PATIENT, PORT, SERVER4, Process, Rig, Skip, expect, expect_equal, inside, main, note, run, test,
                    wait_until)

WORKERS_MOST = 16  # that this test starts
PER_S, FLOOD_S = 20000, 2
PREFIXES, AGAIN_S = 200, 4
FIRSTS_MAX, SUMS_MAX, REASONS = 64, 64, 4  # HZ_SHED_FIRSTS_MAX, limits.def shed_sums_max, HZ_SHED_REASONS


class Lines(Process):
    """hz-collector --lines, as the records `shed` that it has printed so far."""

    def __init__(self, rig):
        super().__init__(BIN + "/hz-collector", "-i", rig.name, "--lines")

    def records(self):
        lines = (line for line in self.output().splitlines(keepends=True) if line.endswith("\n"))
        return [one for one in map(json.loads, (line for line in lines if line.startswith("{"))) if one["kind"] == "shed"]

    def flows(self):
        return sum(one["count"] for one in self.records())


def csum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


def syn_frame(mac, source):
    addresses = socket.inet_aton(source) + socket.inet_aton(SERVER4)
    ip = b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0" + addresses
    ip = ip[:10] + csum(ip) + ip[12:]
    tcp = b"\x30\x39" + PORT.to_bytes(2, "big") + bytes(8) + b"\x50\x02\xff\xff\0\0\0\0"
    tcp = tcp[:16] + csum(addresses + b"\0\x06\0\x14" + tcp) + tcp[18:]
    return bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x78\x08\0" + ip + tcp


def mac_of(here):
    return run("ip", "-n", here.server, "-br", "link", "show", "eth1").stdout.split()[2]


def refusing(here):
    hzd = here.serve(options=["shed/verdict=drop", "shed/mode=fixed", "shed/fixed_permille=1000"])
    wait_until(lambda: here.ctl_json("get")["values"]["shed/level_permille"] == "1000", 5, "does not refuse all")
    return hzd


def flood_anywhere(here, mac):
    """Hardly a /24 comes twice, and there are more than places for them."""
    flood = Process(OUT + "/tests/helper_flood", "eth0", mac, SERVER4, PORT, PER_S, FLOOD_S, netns=here.client)
    expect_equal(flood.wait(FLOOD_S + 15), 0, f"exit of the flood: {flood.output()}")


def flood_again(here, mac, seconds):
    """The same /24 over and over: more than are summed by name."""
    frames = [syn_frame(mac, f"11.9.{number}.7") for number in range(PREFIXES)]
    with inside(here.client):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for frame in frames:
            raw.send(frame)
        time.sleep(0.02)
    raw.close()


@test
def flood_from_anywhere_is_told_in_full_by_few_records():
    here = Rig()
    here.attach("ensure")
    lines = Lines(here)
    hzd = refusing(here)
    mac = mac_of(here)
    flood_anywhere(here, mac)
    flood_again(here, mac, AGAIN_S)
    refused = here.verdicts()["shed_drop"]
    expect(refused > PER_S * FLOOD_S / 2, f"hardly a flood: {refused} refused")
    wait_until(lambda: lines.flows() >= refused, 5, f"{refused} refused, {lines.flows()} told")
    time.sleep(1.2)
    records = lines.records()
    expect_equal(sum(one["count"] for one in records), refused, "flows that records tell of")
    firsts = [one for one in records if one["span_ns"] == 0]
    sums = [one for one in records if one["span_ns"] != 0]
    rounds = sorted({one["time_ns"] for one in sums})
    most_named = 0
    for at in rounds:
        of_round = [one for one in sums if one["time_ns"] == at]
        named = sum(one["prefix_bits"] != 0 for one in of_round)
        most_named = max(most_named, named)
        expect(named <= SUMS_MAX and len(of_round) - named <= REASONS, f"{len(of_round)} sums, {named} of prefixes")
    # A turn takes the time first and begins the round then: what came meanwhile belongs to either.
    by_cpu = Counter(one["cpu"] for one in firsts)
    for cpu, count in by_cpu.items():
        expect(count <= FIRSTS_MAX * (len(rounds) + 1), f"CPU {cpu}: {count} first ones in {len(rounds)} rounds")
    cpus = os.cpu_count()
    expect(len(records) <= (len(rounds) + 1) * (cpus * FIRSTS_MAX + SUMS_MAX + REASONS), f"{len(records)} records")
    expect(any(one["prefix_bits"] == 0 for one in sums), "nothing was without a place: no test of it")
    expect(max(by_cpu.values()) >= FIRSTS_MAX, f"first ones: {by_cpu}")
    expect_equal(most_named, SUMS_MAX, "sums by name of the busiest round")
    note(f"{refused} flows told by {len(firsts)} first ones and {len(sums)} sums of {len(rounds)} rounds")
    hzd.end()
    lines.end()
    here.close()


@test
def refusals_of_the_last_moment_are_told_at_the_end():
    here = Rig("end")
    here.attach("ensure")
    lines = Lines(here)
    hzd = refusing(here)
    flood_again(here, mac_of(here), 0.2)
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(20), 0, f"exit code: {hzd.output()}")
    refused = here.verdicts()["shed_drop"]
    expect(refused > PREFIXES, f"only {refused} refused")
    wait_until(lambda: lines.flows() >= refused, 3, f"{refused} refused, {lines.flows()} told")
    expect_equal(lines.flows(), refused, "flows that records tell of")
    lines.end()
    here.close()


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
