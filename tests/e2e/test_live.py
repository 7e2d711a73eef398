#!/usr/bin/env python3
"""helper_live: frames that the kernel makes reach the program, each once, and only in a rig."""
import json
import os
import socket
import struct

from hz_e2e import HEALTH_PORT, OUT, SERVER4, Process, Rig, expect, expect_equal, main, note, run, test

PER_S, SECONDS = 20000, 2
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach("ensure")
    return rigs["rig"]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(port):
    """To SERVER4; source and sequence number are left to the helper."""
    source, to = bytes(4), socket.inet_aton(SERVER4)
    tcp = struct.pack("!HHIIBBHHH", 0, port, 0, 0, 0x50, 2, 1000, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(source + to + struct.pack("!HH", 6, 20) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, source, to)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return (b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + tcp).hex()


def verdicts(here):
    return here.ctl_json("xdp", "show")["verdicts"]


@test
def live_frames_reach_the_program():
    here = rig()
    before = verdicts(here)
    os.environ["O"] = OUT
    flood = Process(OUT + "/tests/helper_live", "eth0", PER_S, SECONDS, syn(HEALTH_PORT), "random",
                    netns=here.client)
    code = flood.wait(60)
    if code == 77:
        note("this kernel has no live frames")
        return
    expect_equal(code, 0, "exit code")
    sent = json.loads(flood.output().splitlines()[-1])["sent"]
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
