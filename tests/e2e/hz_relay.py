"""Transfers over a bad link: hz and a Linux server behind the same relay, one after the other.

The rig has three namespaces (tools/dev/rig.sh up NAME relay). helper_relay joins them for one transfer at
a time and says afterwards what it did; started with the same seed it drops the same frames of either
side. One transfer is one request: the body goes up, comes back down, and is compared. hz answers over
AF_XDP on port 80, echo_server.py over kernel TCP on port 8090; the client is the kernel's. All kernel
sockets use CUBIC and remember nothing of earlier connections.
"""
import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import sys
import time

from hz_e2e import (OUT, PATIENT, PORT, ROOT, SERVER4, STACK, Process, Rig, Skip, expect,
                    expect_equal, inside, note, run, temporary_directory, test, write_file)

MIB = 1 << 20
LINUX_PORT = 8090
SITE = """\
listen: [ { interface: eth1, address: 10.7.0.2, port: 80 } ]
limits: { body_bytes: 16MiB, requests_per_connection: 0, connections_per_source: 0 }
routes:
  - { name: echo, match: POST /echo, echo: { body: 16MiB } }
  - { name: bytes, match: GET /bytes/:n, bytes: { count: n, max: 1GiB } }
"""
# 100 Mbit/s, 4 ms round trip, a queue of a little more than that product.
LINK = ("delay_us=2000", "rate_kbit=100000", "queue_bytes=64000")
GOODPUT_LEAST = 0.9  # of Linux's
# What the relay must never do by itself: a frame that is gone without a seed, or came too late.
FAULTS = ("send_failed", "oversize", "no_memory", "missed")


def cubic_or_skip():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as file:
        if "cubic" not in file.read().split():
            raise Skip("the kernel has no CUBIC (try: modprobe tcp_cubic)")


def prefer(pid):
    """A server has its cores to itself where goodput matters. Here client, servers and whatever else runs
    share two: these go first, so that neither side waits for time slices. Children are as others."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(int(thread), os.SCHED_FIFO | os.SCHED_RESET_ON_FORK,
                                  os.sched_param(1))


class RelayRig(Rig):
    """hz, the Linux server, and the namespace of the relay between them and the client."""

    def __init__(self, suffix=""):
        cubic_or_skip()
        super().__init__(suffix, with_relay=True)
        self.middle = f"hz-{self.name}-r"
        try:
            self.furnish()
        except BaseException:
            self.close()  # or every test that follows would report the name as taken
            raise

    def furnish(self):
        site = temporary_directory() + "/relay.yaml"
        write_file(site, SITE)
        self.attach("ensure", health=False)
        # Attaching turned GRO on, and merged frames were never on a wire.
        run("ethtool", "-K", "eth1", "gro", "off", netns=self.server)
        for netns in (self.client, self.server):
            run("sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1", netns=netns)
        # The link is what is tested, not what XDP does while a busy machine keeps the worker waiting.
        self.hzd = self.serve(site, listens=[f"eth1,{SERVER4}:{PORT}"],
                              options=[PATIENT, "timeouts/drain_ms=500",
                                       "workers/spin_us=20"])
        self.linux = Process(sys.executable, ROOT + "/tests/e2e/echo_server.py", SERVER4, LINUX_PORT,
                             netns=self.server)
        self.linux.wait_line("ready")
        for pid in (self.hzd.pid, self.linux.pid, os.getpid()):
            prefer(pid)

    @contextlib.contextmanager
    def relay(self, words, seed, time_s=600):
        """The link is there inside; afterwards the dictionary holds what the relay did."""
        did = {}
        process = Process(OUT + "/tests/helper_relay", "west", "east", f"seed={seed}",
                          f"time_s={time_s}", *words, netns=self.middle)
        process.wait_line("ready")
        try:
            yield did
        finally:
            process.signal(signal.SIGTERM)
            expect_equal(process.wait(10), 0, f"exit of the relay: {process.output()[-300:]}")
            did.update(json.loads(process.output().splitlines()[-1]))
            process.end()


def no_fault(did):
    """The relay lost nothing on its own account."""
    for way in ("there", "back"):
        faults = {name: did[way][name] for name in FAULTS if did[way][name]}
        expect_equal(faults, {}, f"frames of way {way} that the relay itself lost")


def client_socket(rig, timeout):
    with inside(rig.client):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def head_read(reader):
    """Content-Length of an answer whose status is 200."""
    line, length = reader.readline(), None
    expect(line.startswith(b"HTTP/1.1 200 "), f"answered {line!r:.80}")
    while (line := reader.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return length


def echo(rig, port, body, timeout=300):
    """Up and down through a fresh connection: seconds of either direction."""
    with client_socket(rig, timeout) as sock:
        sock.connect((SERVER4, port))
        return echo_on(sock, body)


def echo_on(sock, body):
    """Up ends with the first byte of the answer, which is not begun before the body is complete."""
    started = time.monotonic()
    sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
    sock.sendall(body)
    reader = sock.makefile("rb", buffering=262144)
    reader.peek(1)
    turned = time.monotonic()
    expect_equal(head_read(reader), len(body), "length of the answer")
    digest, left = hashlib.sha256(), len(body)
    while left and (piece := reader.read1(min(left, 262144))):
        digest.update(piece)
        left -= len(piece)
    ended = time.monotonic()
    expect_equal(left, 0, f"bytes missing at the end of {len(body)}")
    expect(digest.digest() == hashlib.sha256(body).digest(), f"{len(body)} bytes came back different")
    return turned - started, ended - turned


class Setting:
    """One kind of link, and the seconds that either server took over it."""

    def __init__(self, name, *words):
        self.name, self.words = name, words
        self.seconds = {"hz": [], "linux": []}
        self.mib = 0

    def pair(self, rig, body, seed, hz_first, show=False):
        """One transfer of each server over a link with the same seed."""
        order = (("hz", PORT), ("linux", LINUX_PORT))
        for side, port in order if hz_first else reversed(order):
            with rig.relay(self.words, seed) as did:
                self.seconds[side].append(echo(rig, port, body))
            no_fault(did)
            if show:
                note(f"{self.name} {side}: {figures(did)}")
        self.mib += len(body) / MIB

    def goodput(self, side, way):
        """MiB/s over all transfers; way 0: up, 1: down."""
        return self.mib / sum(seconds[way] for seconds in self.seconds[side])

    def ratio(self, way):
        return self.goodput("hz", way) / self.goodput("linux", way)

    def show(self):
        for way, name in enumerate(("up", "down")):
            note(f"{self.name:24} {name:4}  hz {self.goodput('hz', way):6.2f} MiB/s  "
                 f"linux {self.goodput('linux', way):6.2f} MiB/s  ratio {self.ratio(way):.2f}  "
                 f"of {len(self.seconds['hz'])}")


def figures(did):
    """What is worth seeing of the relay's counts."""
    return "; ".join(
        way + " " + " ".join(f"{name} {value}" for name, value in did[way].items()
                             if value and name not in ("bytes", "under_way"))
        for way in ("there", "back"))


def random_body(size, seed):
    return random.Random(seed).randbytes(size)


RIGS = {}


def judge(setting, pairs):
    """Makes the test of this setting: pairs of 16 MiB, sides taking turns at being first."""
    def transfers():
        rig = rig_once(RIGS)
        for i in range(pairs):
            seed = RIGS["seed"] + i
            setting.pair(rig, random_body(16 * MIB, seed), seed, i % 2 == 0, show=i == 0)
        setting.show()
        for way, name in enumerate(("up", "down")):
            expect(setting.ratio(way) >= GOODPUT_LEAST,
                   f"goodput {name} is {setting.ratio(way):.2f} of Linux's: hz "
                   f"{setting.goodput('hz', way):.2f}, Linux {setting.goodput('linux', way):.2f} MiB/s")

    transfers.__name__ = f"goodput_over_{setting.name}_is_near_linux"
    test(transfers)


def rig_once(rigs):
    """One rig for a whole file; seeds are the test's number unless HZ_SEED says otherwise."""
    if not rigs:
        rigs["rig"] = RelayRig()
        rigs["seed"] = int(os.environ.get("HZ_SEED", "1"))
        note(f"HZ_SEED={rigs['seed']}")
        STACK.callback(rigs.clear)
    return rigs["rig"]
