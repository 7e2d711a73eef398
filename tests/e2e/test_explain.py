#!/usr/bin/env python3
"""What XDP does with packets, told without sending any and shown while it happens: xdp explain, trace follow
kind drop, show/verdicts."""
import json
import os
import re
import struct
import subprocess
import tempfile
import time

from hz_e2e import (BIN, HEALTH_PORT, PORT, SERVER4, SERVER6, Rig, expect, expect_equal, main, run,
                    test, wait_until)

CLIENT4, CLIENT6 = "10.7.0.1", "fd07::1"
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["hzd"] = rigs["rig"].start()
    return rigs["rig"]


def verdicts(here):
    return here.ctl_json("xdp", "show")["verdicts"]


def flow(here, protocol, source, destination):
    packets = here.ctl_json("xdp", "explain", "flow", protocol, source, destination)["packets"]
    expect_equal(len(packets), 1, "packets explained")
    return packets[0]


def quiet(here):
    """The counters, once nothing moves them any more (neighbour discovery, the last of a connection)."""
    last = []

    def is_still():
        last.append(verdicts(here))
        return len(last) > 1 and last[-1] == last[-2]
    wait_until(is_still, 10, "verdicts that stand still", 0.5)
    return last[-1]


@test
def explain_names_verdict_reason_and_rule():
    here = rig()
    for source, server in ((CLIENT4, SERVER4), (f"[{CLIENT6}]", f"[{SERVER6}]")):
        for port, verdict, reason, rule in (
                (PORT, "steer", "steer", "site"), (HEALTH_PORT, "tx", "health_syn_ack", "/healthz"),
                (22, "pass", "pass_not_ours", "claimed, this port or protocol of it is not")):
            told = flow(here, "tcp", f"{source}:5000", f"{server}:{port}")
            expect_equal((told["verdict"], told["reason"]), (verdict, reason), f"port {port}")
            expect(rule in told["rule"], f"{rule!r} is not in {told['rule']!r}")
        told = flow(here, "udp", f"{source}:5000", f"{server}:{PORT}")
        expect_equal(told["reason"], "pass_not_ours", "UDP")
    told = flow(here, "tcp", f"{CLIENT4}:5000", f"10.99.0.1:{PORT}")
    expect("not claimed" in told["rule"], told["rule"])
    answer = flow(here, "tcp", f"{CLIENT4}:5000", f"{SERVER4}:{HEALTH_PORT}")["answer"]
    expect("[SA]" in answer and f"{CLIENT4}:5000" in answer, f"answer {answer!r}")


@test
def explain_touches_no_counter_and_no_sample():
    here = rig()
    before = quiet(here)
    for _ in range(5):
        flow(here, "tcp", f"{CLIENT4}:5000", f"{SERVER4}:{HEALTH_PORT}")
    expect_equal(verdicts(here), before, "verdicts after explaining")


@test
def explain_sees_what_the_live_maps_say():
    here = rig()
    here.ctl("xdp", "explain", "flow", "icmp", CLIENT4, SERVER4)
    rigs["hzd"].kill()
    wait_until(lambda: flow(here, "tcp", f"{CLIENT4}:5000",
                            f"{SERVER4}:{PORT}")["reason"] == "pass_on_dead", 5, "pass_on_dead")
    rigs["hzd"] = here.start()
    expect_equal(flow(here, "tcp", f"{CLIENT4}:5000", f"{SERVER4}:{PORT}")["reason"], "steer",
                 "after the restart")


def fragment():
    """The first fragment of a segment to the site: XDP drops it."""
    tcp = struct.pack("!HHIIBBHHH", 5001, PORT, 1, 0, 0x50, 2, 1000, 0, 0)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x2000, 64, 6, 0,
                         bytes(int(part) for part in CLIENT4.split(".")),
                         bytes(int(part) for part in SERVER4.split(".")))
    words = sum(struct.unpack("!10H", header))
    while words > 0xffff:
        words = (words & 0xffff) + (words >> 16)
    header = header[:10] + struct.pack("!H", ~words & 0xffff) + header[12:]
    return b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + header + tcp


@test
def explain_reads_captures_of_both_kinds():
    here = rig()
    frame = fragment()
    path = os.path.join(tempfile.gettempdir(), f"{here.name}.pcap")
    block = struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame + b"\0" * (-len(frame) % 4)
    ng = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
    ng += struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    ng += struct.pack("<II", 6, 12 + len(block)) + block + struct.pack("<I", 12 + len(block))
    classic = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    classic += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    try:
        for content in (classic, ng):
            with open(path, "wb") as file:
                file.write(content)
            packets = here.ctl_json("xdp", "explain", "pcap", path)["packets"]
            expect_equal([(p["verdict"], p["reason"]) for p in packets],
                         [("drop", "drop_fragment")], "capture")
        with open(path, "wb") as file:
            file.write(classic[:-3])
        done = here.ctl("xdp", "explain", "pcap", path, check=False)
        expect_equal(done.returncode, 1, "exit code of a cut capture")
        expect("damaged" in done.stderr, done.stderr)
    finally:
        os.unlink(path)


def fragment_send(here, count):
    """From the client's namespace, with the real addresses of the link."""
    script = ("import socket, sys, time\n"
              "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
              "s.bind(('eth0', 0))\n"
              "for _ in range(int(sys.argv[1])):\n"
              "    s.send(bytes.fromhex(sys.argv[2]))\n"
              "    time.sleep(0.01)\n")
    device = json.loads(run("ip", "-n", here.client, "-j", "link").stdout)
    name = [link["ifname"] for link in device if link["ifname"] != "lo"][0]
    run("ip", "netns", "exec", here.client, "python3", "-c", script.replace("eth0", name), str(count),
        fragment().hex())


@test
def follow_shows_a_drop_with_its_bytes():
    here = rig()
    time.sleep(0.7)  # the gate of the reason is open again
    follow = subprocess.Popen([BIN + "/hzctl", "-i", here.name, "-n", here.server, "-j", "trace", "follow",
                               "kind", "drop", "count", "2"], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        before = verdicts(here)["drop_fragment"]
        fragment_send(here, 150)
        out = follow.communicate(timeout=20)[0]
    finally:
        follow.kill()
    rows = [json.loads(line) for line in out.splitlines()]
    expect_equal([row["reason"] for row in rows], ["drop_fragment"] * 2, "reasons")
    expect_equal(rows[0]["data"], fragment()[:64].hex(), "bytes of the frame")
    expect(rows[1]["frames"] >= 1 and verdicts(here)["drop_fragment"] >= before + 150, "counted")


@test
def verdicts_view_says_what_hzctl_says_to_anybody():
    here = rig()
    counted = quiet(here)
    text = run("cat", here.pins + "/show/verdicts").stdout
    rows = {words[0]: (words[1], int(words[2])) for words in
            (line.split() for line in text.splitlines()[1:])}
    expect_equal({name: row[1] for name, row in rows.items()}, counted, "show/verdicts")
    expect(all(re.fullmatch("PASS|STEER|TX|DROP", row[0]) for row in rows.values()), "actions")
    nobody = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                             "cat", here.pins + "/show/verdicts"], capture_output=True, text=True,
                            check=False)
    expect(nobody.returncode == 0 and nobody.stdout.splitlines()[0] == text.splitlines()[0],
           f"nobody cannot read it: {nobody.stderr}")


if __name__ == "__main__":
    main()
