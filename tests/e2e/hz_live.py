"""helper_live in a rig: frames that the kernel makes itself, at the rate of a core."""
import json
import os
import re
import socket
import struct

from hz_e2e import OUT, SERVER4, Process, Skip, expect, expect_equal, run, steady

PER_S_MAX = 5000000
FAR = "0200000000f1"


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


def syn_from_far(port):
    """The same from the station that xdp_far.bpf.c stands for: answers end at the far end of the link."""
    frame = syn(port)
    return frame[:12] + FAR + frame[24:]


def far_attach(rig):
    for more in (["off"], ["obj", OUT + "/tests-bpf/xdp_far.bpf.o", "sec", "xdp"]):
        run("ip", "-n", rig.client, "link", "set", "dev", "eth0", "xdpdrv", *more)


def counted(rig):
    """Once all is quiet: `reasons`, all verdicts added; `seen`, frames that met the program on eth1; `taken`,
    of the kernel's own making, which the veth took; `no_room`, which its ring had no room for."""
    def counter(netns, dev, name):
        found = re.search(rf"\b{name}: (\d+)", run("ethtool", "-S", dev, netns=netns).stdout)
        expect(found, f"ethtool -S {dev} has no {name}")
        return int(found.group(1))

    def read():
        verdicts = rig.verdicts()
        return {**verdicts, "reasons": sum(verdicts.values()),
                "seen": counter(rig.server, "eth1", "rx_queue_0_xdp_packets"),
                "taken": counter(rig.client, "eth0", "tx_queue_0_xdp_xmit"),
                "no_room": counter(rig.client, "eth0", "tx_queue_0_xdp_xmit_errors")}

    return steady(read, timeout=15)


def gained(after, before):
    return {name: after[name] - before[name] for name in after}


def flood(rig, port, per_s=PER_S_MAX, seconds=10, frame=None):
    """SYNs to a port of SERVER4 from ever other sources; it ends by itself, or is told to by SIGTERM."""
    process = Process(OUT + "/tests/helper_live", "eth0", per_s, seconds, frame or syn(port), "random",
                      netns=rig.client, env={**os.environ, "O": OUT})
    process.wait_line("ready")
    return process


def flood_end(process, timeout=60):
    """Its own counts: sent, seconds."""
    code = process.wait(timeout)
    if code == 77:
        raise Skip("the kernel has no live frames")
    expect_equal(code, 0, f"exit of the flood ({process.output()!r})")
    return json.loads(process.output().splitlines()[-1])
