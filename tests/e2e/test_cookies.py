#!/usr/bin/env python3
"""SYN cookies of XDP and a kernel's client: what its connections keep, and who gets in beside a flood."""
import json
import random
import signal
import socket
import time

from hz_bystander import Bystander
from hz_e2e import (OUT, PATIENT, PORT, SERVER4, SERVER6, Process, Rig, expect, expect_equal, inside,
                    main, note, run, tcp_connect, test, wait_until)

HALF_OPEN_MAX = 32
# A worker that waits for its core is not the matter: overload would refuse clients, rightly.
FLOODED = (f"shed/half_open_max={HALF_OPEN_MAX}", "shed/mode=off")
CLIENT_SCALE, CLIENT_RMEM = 10, 1 << 25  # tcp_select_initial_window: log2 of the buffer, less 15
FORGED = 2000
FLOOD_PER_S, FLOOD_S = 10000, 3
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
rigs = {}


class CookieRig(Rig):
    """One rig for the file; hzd is started anew where its settings differ."""

    hzd = None
    options = None

    def serving(self, *options):
        if self.options != options:
            if self.hzd:
                self.hzd.end()
            self.attach("ensure")
            self.hzd, self.options = self.serve(options=[PATIENT, *options]), options
        return self

    def worker(self):
        return self.ctl_json("worker", "show", "id", "0")["workers"][0]

    def counter(self, name):
        return sum(c["value"] for c in self.worker()["counters"] if c["name"] == name)

    def half_open(self):
        dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                              self.pins + "/connections").stdout)
        return sum(int(entry["formatted"]["value"]["syn_rcvd"]) for entry in dump)

    def sees(self, sock):
        """What the client's kernel and hz say of one connection."""
        port = sock.getsockname()[1]
        kernel = run("ss", "-tino", f"sport = :{port}", netns=self.client).stdout
        ours = [c for c in self.ctl_json("conn", "show")["connections"]
                if c["remote"].endswith(f":{port}")]
        expect_equal(len(ours), 1, f"connections of port {port}")
        return kernel.split(), ours[0]


def rig(*options):
    if not rigs:
        rigs["rig"] = CookieRig()
        run("sysctl", "-qw", f"net.ipv4.tcp_rmem=4096 131072 {CLIENT_RMEM}", netns=rigs["rig"].client)
    return rigs["rig"].serving(*options)


def exchange(sock):
    sock.sendall(REQUEST)
    answer = sock.recv(4096)
    expect(answer.startswith(b"HTTP/1.1 200"), f"answer {answer[:60]!r}")


def gained(after, before):
    return {k: after[k] - before[k] for k in after if after[k] != before[k]}


@test
def connection_keeps_scale_sack_and_timestamps():
    here = rig("shed/syn_cookies=always")
    for server in (SERVER4, SERVER6):
        verdicts, accepted = here.verdicts(), here.counter("syn_cookie_accepted")
        noted = here.counter("syn_cookie_noted")
        with tcp_connect(here.client, server, PORT) as sock:
            exchange(sock)
            kernel, ours = here.sees(sock)
            for word in ("ts", "sack", f"wscale:2,{CLIENT_SCALE}"):
                expect(word in kernel or any(k.startswith(word) for k in kernel),
                       f"the client lacks {word}: {kernel}")
            expect_equal(sorted(ours["options"]), ["sack", "timestamps", "wscale"], "of hz")
            expect_equal(ours["mss_bytes"], 1448 if server == SERVER4 else 1428, "MSS of hz")
        more = gained(here.verdicts(), verdicts)
        expect_equal(more.get("cookie_syn_ack"), 1, f"SYN-ACKs of XDP: {more}")
        expect(more.get("steer_cookie", 0) >= 1, f"echoes that XDP verified: {more}")
        expect_equal(here.counter("syn_cookie_accepted") - accepted, 1, "cookies accepted")
        expect_equal(here.counter("syn_cookie_noted") - noted, 1, "of them by the note")
    expect_equal(here.counter("syn_cookie_sent"), 0, "cookies that the worker had to send")


@test
def large_answers_go_on_through_scaled_windows():
    """Several windows of each side: a wrong scale or an old timestamp would stall it."""
    here = rig("shed/syn_cookies=always")
    dropped = here.counter("drop_out_of_window")
    with tcp_connect(here.client, SERVER4, PORT, 10) as sock:
        for _ in range(3):
            sock.sendall(REQUEST)
            one = len(sock.recv(4096))
            sock.sendall(REQUEST * 4000)
            got = 0
            while got < 4000 * one:
                data = sock.recv(1 << 20)
                expect(data, "the connection ended")
                got += len(data)
            expect_equal(got, 4000 * one, "bytes of the answers")
        kernel, _ = here.sees(sock)
        again = sum(int(k.split("/")[1]) for k in kernel if k.startswith("retrans:"))
        dropped = here.counter("drop_out_of_window") - dropped
        # What a client sends again because the worker had to wait for its core came twice; nothing else is dropped.
        expect(dropped <= again, f"{dropped} segments dropped, {again} sent twice: {kernel}")


@test
def client_without_timestamps_gets_in_without_options():
    here = rig("shed/syn_cookies=always")
    switch = ["sysctl", "-qw"]
    run(*switch, "net.ipv4.tcp_timestamps=0", netns=here.client)
    try:
        with tcp_connect(here.client, SERVER4, PORT) as sock:
            exchange(sock)
            kernel, ours = here.sees(sock)
            expect(not any(k in ("ts", "sack") or k.startswith("wscale") for k in kernel),
                   f"the client has options: {kernel}")
            expect_equal(ours["options"], [], "options of hz")
            expect_equal(ours["mss_bytes"], 1460, "MSS of hz")
    finally:
        run(*switch, "net.ipv4.tcp_timestamps=1", netns=here.client)


@test
def forged_acknowledgements_open_nothing():
    here = rig("shed/syn_cookies=always")
    tcp_connect(here.client, SERVER4, PORT).close()
    accepted, refused = here.counter("syn_cookie_accepted"), here.counter("syn_cookie_refused")
    mac = run("ip", "-n", here.server, "-br", "link", "show", "eth1").stdout.split()[2]
    rng = random.Random(5)
    with inside(here.client):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))

    def are_refused():
        """Some more, for what the ring of the veth had no room for."""
        for _ in range(FORGED // 4):
            raw.send(ack_frame(mac, rng.randrange(1024, 65536), rng.getrandbits(32),
                               rng.getrandbits(32)))
        return here.counter("syn_cookie_refused") - refused >= FORGED

    with raw:
        wait_until(are_refused, 15, "they are not refused")
    expect_equal(here.counter("syn_cookie_accepted"), accepted, "forged ones accepted")


def csum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


def ack_frame(mac, port, seq, ack):
    """From an address that does not exist; with 20 bytes of TCP."""
    addresses = socket.inet_aton("10.7.0.77") + socket.inet_aton(SERVER4)
    ip = b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0" + addresses
    ip = ip[:10] + csum(ip) + ip[12:]
    tcp = (port.to_bytes(2, "big") + PORT.to_bytes(2, "big") + seq.to_bytes(4, "big") +
           ack.to_bytes(4, "big") + b"\x50\x10\xff\xff\0\0\0\0")
    tcp = tcp[:16] + csum(addresses + b"\0\x06\0\x14" + tcp) + tcp[18:]
    link = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x77\x08\0"
    return link + ip + tcp


def flood(here, seconds):
    mac = run("ip", "-n", here.server, "-br", "link", "show", "eth1").stdout.split()[2]
    process = Process(OUT + "/tests/helper_flood", "eth0", mac, SERVER4, PORT, FLOOD_PER_S, seconds,
                      netns=here.client)
    process.wait_line("ready")
    return process


def syns_again(here):
    """SYNs that the client's kernel had to send again: they or their answers were lost."""
    lines = [line.split() for line in run("cat", "/proc/net/netstat", netns=here.client).stdout.splitlines()
             if line.startswith("TcpExt:")]
    return int(lines[1][lines[0].index("TCPSynRetrans")])


@test
def flood_beyond_the_level_is_answered_in_xdp_and_others_get_in():
    here = rig(*FLOODED)
    with tcp_connect(here.client, SERVER4, PORT) as first:
        exchange(first)
        before, again = here.verdicts(), syns_again(here)
        process = flood(here, FLOOD_S)
        time.sleep(0.5)
        times = []
        half_open = 0
        while process.is_running():
            begun = time.monotonic()
            with tcp_connect(here.client, SERVER4, PORT, 10) as sock:
                exchange(sock)
            times.append(time.monotonic() - begun)
            if len(times) % 50 == 0:
                half_open = max(half_open, here.half_open())
        exchange(first)  # which was there before
    expect_equal(json.loads(process.output().splitlines()[-1])["sent"], FLOOD_PER_S * FLOOD_S, "frames sent")
    more, again = gained(here.verdicts(), before), syns_again(here) - again
    times.sort()
    note(f"{len(times)} connections beside {FLOOD_PER_S} SYN/s: median "
         f"{times[len(times) // 2] * 1e3:.2f} ms, worst {times[-1] * 1e3:.1f} ms; {more}")
    expect(len(times) > 50, f"only {len(times)} connections")
    expect_equal(again, 0, "SYNs of the client that had to be sent again")
    expect(more["cookie_syn_ack"] > 0.9 * FLOOD_PER_S * FLOOD_S,
           f"XDP answered {more.get('cookie_syn_ack')} of {FLOOD_PER_S * FLOOD_S}")
    expect(more.get("steer_cookie", 0) >= len(times) // 2, f"echoes: {more}")
    expect(half_open <= HALF_OPEN_MAX, f"{half_open} half-open connections")


def answered_in_xdp(here, count):
    """Of so many SYNs one after the other."""
    before = here.verdicts()["cookie_syn_ack"]
    for _ in range(count):
        tcp_connect(here.client, SERVER4, PORT).close()
    return here.verdicts()["cookie_syn_ack"] - before


@test
def xdp_goes_on_only_while_it_is_told_to():
    """It is told for a moment only: now and then a SYN goes to the worker, which tells it again as long as there
    are too many half-open ones. Once they are gone all SYNs are the worker's."""
    here = rig(*FLOODED)
    process = flood(here, 1)
    expect_equal(process.wait(20), 0, "exit of the flood")
    expect(answered_in_xdp(here, 10) >= 5, "XDP does not answer right after a flood")
    wait_until(lambda: answered_in_xdp(here, 10) == 0, 20, "XDP still answers", 0.5)


@test
def kernels_traffic_goes_on_beside_a_flood_and_cookies():
    here = rig(*FLOODED)
    before = here.verdicts()["cookie_syn_ack"]
    with Bystander(here, is_lossy=True) as other:
        process = flood(here, 2)
        other.wait()
        expect_equal(process.wait(20), 0, "exit of the flood")
        other.wait()
    expect(here.verdicts()["cookie_syn_ack"] - before > FLOOD_PER_S, "XDP hardly answered")


@test
def half_open_connections_of_a_flood_hold_no_drain_up():
    here = rig("shed/syn_cookies=off", "shed/mode=off")
    expect_equal(flood(here, 1).wait(20), 0, "exit of the flood")
    half_open = here.half_open()
    expect(half_open > 1000, f"only {half_open} half-open connections")
    started = time.monotonic()
    here.hzd.signal(signal.SIGTERM)
    expect_equal(here.hzd.wait(20), 0, "exit code of the drain")
    took = time.monotonic() - started
    note(f"{half_open} half-open connections: ended {took:.2f} s after SIGTERM")
    expect(took < 3, f"the drain took {took:.1f} s")


if __name__ == "__main__":
    main()
