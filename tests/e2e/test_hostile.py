#!/usr/bin/env python3
"""Frames that no honest stack sends. hzd lives, good clients are served, the kernel keeps its own."""
import os
import random
import socket
import struct
import sys

from hz_e2e import (CLIENT4, CLIENT6, HEALTH_PORT, PATIENT, PORT, SERVER4, SERVER6, Process, Rig,
                    expect, expect_equal, inside, main, note, run, tcp_connect, test, wait_until)

SEED = int(os.environ.get("HZ_SEED", random.randrange(1 << 32)))
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
rigs = {}


def rig():
    if not rigs:
        note(f"seed {SEED} (HZ_SEED={SEED} repeats it)")
        here = rigs["rig"] = Rig()
        rigs["hzd"] = here.start(options=[PATIENT])
        with inside(here.client):
            rigs["raw"] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            rigs["raw"].bind(("eth0", 0))
        rigs["macs"] = mac(here.server, "eth1") + mac(here.client, "eth0")
        rigs["kernel"] = Process(sys.executable, "-m", "http.server", "8080", "--bind", SERVER4,
                                 "--directory", os.path.dirname(os.path.abspath(__file__)),
                                 netns=here.server)
        wait_until(lambda: kernel_server_answers(here), 10, "the kernel's own server is not up")
    return rigs["rig"]


def kernel_server_answers(here):
    done = here.curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{SERVER4}:8080/",
                     check=False)
    return done.stdout == "200"


def mac(netns, interface):
    # Not /sys/class/net: it shows the namespace that it was mounted in.
    text = run("ip", "-n", netns, "-br", "link", "show", interface).stdout.split()[2]
    return bytes.fromhex(text.replace(":", ""))


def send(frame):
    try:
        rigs["raw"].send(frame)
    except OSError:
        pass  # the kernel refuses some lengths; then there is nothing to survive


def checksum(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp(source, sport, dport, seq, ack, flags, payload=b"", options=b"", bad=False, window=65535):
    """A TCP segment in IPv4 or IPv6, by the form of source, in Ethernet."""
    v6 = ":" in source
    family = socket.AF_INET6 if v6 else socket.AF_INET
    src = socket.inet_pton(family, source)
    dst = socket.inet_pton(family, SERVER6 if v6 else SERVER4)
    options += b"\1" * (-len(options) % 4)
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                       (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
    length = len(head) + len(payload)
    pseudo = src + dst + (struct.pack("!IHBB", length, 0, 0, 6) if v6 else
                          struct.pack("!BBH", 0, 6, length))
    value = checksum(pseudo + head + payload) ^ (0x5555 if bad else 0)
    segment = head[:16] + struct.pack("!H", value) + head[18:] + payload
    if v6:
        ip = struct.pack("!IHBB", 6 << 28, length, 6, 64) + src + dst
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0x4000, 64, 6, 0) + src + dst
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return rigs["macs"] + (b"\x86\xdd" if v6 else b"\x08\x00") + ip + segment


def good_client_is_served(here):
    """hzd lives, and every party is served: both families, health, the kernel's own port."""
    expect(rigs["hzd"].is_running(), f"hzd ended: {rigs['hzd'].output()[-600:]}")
    for host in (SERVER4, SERVER6):
        http = here.http(host, timeout=3)
        expect_equal(http.get("/")[2], b"Hello, World!", f"GET from {host} afterwards")
        http.close()
    expect_equal(here.health(), 200, "health afterwards")
    expect(kernel_server_answers(here), "the kernel's own server does not answer afterwards")


def sum_of_reasons_is_frames_seen(here, sent, frames):
    """Every frame has exactly one verdict."""
    before = sum(here.verdicts().values())
    for _ in range(sent):
        send(frames())
    wait_until(lambda: sum(here.verdicts().values()) - before >= sent, 5,
               f"{sum(here.verdicts().values()) - before} verdicts for {sent} frames")


@test
def random_frames_do_no_harm():
    here = rig()
    rng = random.Random(SEED)
    types = (b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x88\xa8", b"\x08\x06", b"\xff\xff")
    sum_of_reasons_is_frames_seen(here, 5000, lambda: rigs["macs"] + rng.choice(types) +
                                  rng.randbytes(rng.randrange(1, 1400)))
    good_client_is_served(here)


@test
def truncated_frames_do_no_harm():
    here = rig()
    for source in (CLIENT4, CLIENT6):
        for port in (PORT, HEALTH_PORT):
            frame = tcp(source, 4000, port, 1, 0, SYN, b"GET / HTTP/1.1\r\n\r\n", b"\2\4\5\xb4")
            for length in range(14, len(frame)):
                send(frame[:length])
    good_client_is_served(here)


@test
def lying_lengths_do_no_harm():
    here = rig()
    rng = random.Random(SEED + 1)
    for source in (CLIENT4, CLIENT6):
        for port in (PORT, HEALTH_PORT):
            base = tcp(source, 4001, port, 1, 0, SYN | ACK, b"x" * 40, b"\2\4\5\xb4\4\2\1\1")
            for at in range(14, 14 + 74):
                for value in (0, 1, 0x0f, 0x40, 0x7f, 0x80, 0xf0, 0xff, rng.randrange(256)):
                    send(base[:at] + bytes([value]) + base[at + 1:])
    good_client_is_served(here)


@test
def bad_checksums_are_dropped_and_counted():
    here = rig()

    def dropped():
        names = counter_names()
        return sum(int(worker["counters"][names.index("drop_tcp_checksum")])
                   for worker in here.workers())

    before = dropped()
    for port in range(2000, 2100):
        send(tcp(CLIENT4, port, PORT, 1, 0, SYN, bad=True))
        send(tcp(CLIENT6, port, PORT, 1, 0, SYN, bad=True))
    wait_until(lambda: dropped() - before >= 200, 3, f"{dropped() - before} of 200 counted")
    good_client_is_served(here)


def counter_names():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../userspace/telemetry/counters.def")
    with open(path, encoding="ascii") as file:
        return [line.split("(")[1].split(",")[0] for line in file
                if line.startswith("HZ_COUNTER(")]


@test
def twenty_thousand_random_segments_do_no_harm():
    here = rig()
    rng = random.Random(SEED + 2)
    for i in range(20000):
        source = CLIENT4 if i & 1 else CLIENT6
        send(tcp(source, rng.randrange(1, 65536), PORT, rng.getrandbits(32), rng.getrandbits(32),
                 rng.randrange(256), rng.randbytes(rng.choice((0, 0, 1, 40, 1000))),
                 rng.randbytes(rng.randrange(0, 40)), window=rng.randrange(65536)))
    good_client_is_served(here)


@test
def random_segments_to_the_health_port_do_no_harm():
    here = rig()
    rng = random.Random(SEED + 3)
    for i in range(10000):
        source = CLIENT4 if i & 1 else CLIENT6
        send(tcp(source, rng.randrange(1, 65536), HEALTH_PORT, rng.getrandbits(32),
                 rng.getrandbits(32), rng.randrange(256), rng.randbytes(rng.choice((0, 20, 200))),
                 rng.randbytes(rng.randrange(0, 40))))
    good_client_is_served(here)


@test
def blind_resets_do_not_end_a_connection():
    """RFC 5961 3.2: a reset has to hit the next sequence number exactly."""
    here = rig()
    sock = tcp_connect(here.client, SERVER4, PORT)
    own_port = sock.getsockname()[1]
    rng = random.Random(SEED + 4)
    for flags in (RST, RST | ACK, SYN, FIN | ACK):
        for _ in range(500):
            send(tcp(CLIENT4, own_port, PORT, rng.getrandbits(32), rng.getrandbits(32), flags))
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "the connection did not survive")
    sock.close()


@test
def half_open_connections_do_not_lock_others_out():
    here = rig()
    rng = random.Random(SEED + 5)
    for _ in range(5000):
        send(tcp(f"10.7.0.{rng.randrange(3, 255)}", rng.randrange(1024, 65536), PORT,
                 rng.getrandbits(32), 0, SYN, options=b"\2\4\5\xb4\4\2\1\1"))
    good_client_is_served(here)


@test
def unclaimed_traffic_passes_untouched():
    here = rig()
    before = here.verdicts()
    run("ping", "-c20", "-i0.01", "-W1", "-s1400", SERVER4, netns=here.client)
    run("ping", "-c20", "-i0.01", "-W1", "-s1400", SERVER6, netns=here.client)
    after = here.verdicts()
    gained = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    expect(gained.get("pass_not_ours", 0) >= 40, f"verdicts for 40 pings: {gained}")
    expect_equal([k for k in gained if k.startswith("drop")], [], f"drops: {gained}")


@test
def vlan_tagged_segments_do_no_harm():
    here = rig()
    for tags in (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05\x81\x00\x00\x06", b"\x81\x00\x00\x05" * 3):
        for source in (CLIENT4, CLIENT6):
            frame = tcp(source, 4100, PORT, 1, 0, SYN, options=b"\2\4\5\xb4")
            send(frame[:12] + tags + frame[12:])
    good_client_is_served(here)


@test
def fragments_are_not_steered():
    here = rig()
    before = here.verdicts()
    frame = tcp(CLIENT4, 4200, PORT, 1, 0, SYN)
    for field in (0x2000, 0x2001, 0x0001):  # first of several, a middle one, the last
        ip = frame[14:20] + struct.pack("!H", field) + frame[22:24] + b"\0\0" + frame[26:34]
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        send(frame[:14] + ip + frame[34:])
    wait_until(lambda: sum(here.verdicts().values()) - sum(before.values()) >= 3, 3, "no verdicts")
    after = here.verdicts()
    expect(after["drop_fragment"] > before["drop_fragment"], "the first fragment was not dropped")
    expect_equal(after["steer"], before["steer"], "fragments given to the worker")


@test
def slow_and_endless_heads_leave_others_alone():
    here = rig()
    slow = [tcp_connect(here.client, SERVER4, PORT) for _ in range(50)]
    for sock in slow:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
    endless = tcp_connect(here.client, SERVER4, PORT)
    try:
        endless.sendall(b"GET /")
        for _ in range(200):
            endless.sendall(b"a" * 1024)
        answer = endless.recv(4096)
    except ConnectionError:
        answer = b"reset"
    expect(answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 414", b"reset"),
           f"200 KiB of request line got {answer[:40]!r}")
    good_client_is_served(here)
    for sock in slow + [endless]:
        sock.close()


if __name__ == "__main__":
    main()
