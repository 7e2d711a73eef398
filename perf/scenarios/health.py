#!/usr/bin/env python3
"""A health answer from XDP beside the same answer from a worker and from nginx `return 200`.

  perf/scenarios/health.py [RUNS [SECONDS]]      defaults: 5 runs of each side, 3 s each

1. Latency at 1, 10 and 50 thousand requests per second over connections that stay open, sides in turn;
   each answer is timed from the moment its request was due.
2. Answers per second to one connection of a kernel client.
3. Answers per second and core at saturation: XDP by live frames, nginx by wrk with 64 connections from another
   core. The core that makes live frames also answers them and takes the answers: what that costs without an
   answer, frames that XDP drops say, and the goal is for the rest, as nginx's core does not make its requests.
Ratios are medians of pairs made one after the other, with the lowest and the highest beside them.
"""
import contextlib
import json
import os
import socket
import statistics
import struct
import sys

from hz_vs_nginx import (CLIENT_CPU, OUT, SERVER_CPU, facts, finish, nginx_start, priority_raise,
                         ratio_of, refuse_unless_release, verdict)
from hz_e2e import (HEALTH_PORT, PORT, SERVER4, Rig, inside, run, temporary_directory,
                    wait_until, write_file, wrk_parse)

SITE = """
routes:
  - { name: healthz, match: GET /healthz, respond: { body: ok } }
limits: { requests_per_connection: 0 }
"""
RATES = ((1000, 8), (10000, 16), (50000, 64))
SIDES = ("xdp", "worker", "nginx")
FAR_MAC = bytes.fromhex("0200000000f1")  # xdp_far.bpf.c
GOAL_P99, GOAL_ONE, GOAL_CORE, GOAL_BUSY = 0.5, 7.0, 12.0, 2.0


class Bench:
    def __init__(self):
        self.rig = Rig("h")
        self.site = temporary_directory() + "/site.yaml"
        write_file(self.site, SITE)

    def start(self, side):
        """The server of this side; its port and path."""
        if side == "nginx":
            daemon, port = nginx_start(self.rig)
            return daemon, port, "/"
        self.rig.attach("ensure")
        daemon = self.rig.serve(site=self.site, options=[
            f"boot/cpus={SERVER_CPU}", "workers/spin_us=1000000", "health/keep_alive=1"])
        wait_until(lambda: self.rig.health() == 200, 3, "not healthy")
        return daemon, (HEALTH_PORT if side == "xdp" else PORT), "/healthz"

    def pace(self, side, rate, conns, seconds):
        daemon, port, path = self.start(side)
        done = run("taskset", "-c", CLIENT_CPU, OUT + "/perf/pace", SERVER4, port, path, rate, seconds, conns,
                   netns=self.rig.client, timeout=seconds + 60)
        daemon.end()
        return dict(json.loads(done.stdout), side=side, rate=rate)

    def wrk(self, side, conns, seconds):
        daemon, port, path = self.start(side)
        done = run("taskset", "-c", CLIENT_CPU, "wrk", "--latency", "-t1", f"-c{conns}", f"-d{seconds}",
                   f"http://{SERVER4}:{port}{path}", netns=self.rig.client, timeout=seconds + 60)
        daemon.end()
        return dict(wrk_parse(done.stdout), side=side, conns=conns)

    def saturate(self, side, seconds):
        """Live frames made on the client's core, how many a second XDP answered or, side none, dropped, and how
        busy the worker was."""
        daemon, _, _ = self.start("xdp")
        frame, reason = request_frame(self.rig), "health_200"
        if side == "none":
            frame, reason = as_fragment(frame), "drop_fragment"
        with far_end(self.rig):
            before, busy = self.rig.verdicts()[reason], self.busy_ns()
            done = run("taskset", "-c", CLIENT_CPU, OUT + "/tests/helper_live", "eth0", 5000000, seconds,
                       frame.hex(), netns=self.rig.client, check=False, timeout=seconds + 60,
                       env=dict(os.environ, O=OUT))
        if done.returncode != 0:
            daemon.end()
            return None
        took = json.loads(done.stdout.splitlines()[-1])["seconds"]
        counted = self.rig.verdicts()[reason] - before
        figures = {"side": side, "rate_per_s": counted / took, "seconds": took,
                   "worker_busy_percent": (self.busy_ns() - busy) / took / 1e7}
        daemon.end()
        return figures

    def busy_ns(self):
        return sum(int(worker["busy_ns"]) for worker in self.rig.workers())


# --- a request that XDP answers as often as it comes ----------------------------------------------------


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp_frame(macs, source_port, seq, ack, flags, payload=b""):
    source, to = socket.inet_aton("10.7.0.77"), socket.inet_aton(SERVER4)
    tcp = struct.pack("!HHIIBBHHH", source_port, HEALTH_PORT, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    pseudo = source + to + struct.pack("!HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, source, to)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return macs + b"\x08\x00" + ip + tcp


def mac(netns, device):
    text = json.loads(run("ip", "-j", "link", "show", device, netns=netns).stdout)[0]["address"]
    return bytes.fromhex(text.replace(":", ""))


def request_frame(rig):
    """A GET with the acknowledgement of the cookie that a SYN brings: a frame that stays valid."""
    macs = mac(rig.server, "eth1") + mac(rig.client, "eth0")
    with inside(rig.client):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    with sock:
        sock.bind(("eth0", 0x0800))
        sock.settimeout(3)
        sock.send(tcp_frame(macs, 7777, 1000, 0, 2))
        while True:
            answer = sock.recv(2048)
            if answer[23] == 6 and answer[36:38] == struct.pack("!H", 7777):
                break
    cookie = struct.unpack("!I", answer[38:42])[0]
    return tcp_frame(macs[:6] + FAR_MAC, 7777, 1001, (cookie + 1) & 0xffffffff, 0x18,
                     b"GET /healthz HTTP/1.1\r\nHost: hz\r\nConnection: close\r\n\r\n")


def as_fragment(frame):
    """The same frame as the first of several fragments, which XDP drops."""
    frame = bytearray(frame)
    frame[20] |= 0x20
    frame[24:26] = bytes(2)
    frame[24:26] = struct.pack("!H", checksum(bytes(frame[14:34])))
    return bytes(frame)


def far_end_put(rig, name="xdp_far"):
    """Answers to FAR_MAC end at the client's end of the link: what a client's stack makes of them is not the
    question."""
    link = ("ip", "-n", rig.client, "link", "set", "dev", "eth0", "xdpdrv")
    run(*link, "off")
    run(*link, "obj", f"{OUT}/tests-bpf/{name}.bpf.o", "sec", "xdp")


@contextlib.contextmanager
def far_end(rig):
    far_end_put(rig)
    yield
    far_end_put(rig, "xdp_pass")


# --- what comes of it ------------------------------------------------------------------------------------


def in_turn(bench, sides, count, one):
    """count rounds, each of every side, forth and back."""
    rounds = []
    for i in range(count):
        order = sides if i % 2 == 0 else tuple(reversed(sides))
        done = {side: one(bench, side) for side in order}
        rounds.append(done)
    return rounds


def ratio(rounds, a, b, key):
    return ratio_of([(one[a], one[b]) for one in rounds], key)


def ratio_print(what, found, goal, at_least):
    sign = ">=" if at_least else "<="
    row = {"figure": what, "ratio": found, "goal": goal, "verdict": verdict(found, goal, at_least)}
    ends = f"  {what:34} {found['median']:6.2f} [{found['low']:.2f}..{found['high']:.2f}]"
    print(ends if goal is None else f"{ends}  goal {sign} {goal}: {row['verdict']}", flush=True)
    return row


def latency(bench, count, seconds, result):
    for rate, conns in RATES:
        print(f"{rate} requests/s over {conns} connections")
        rounds = in_turn(bench, SIDES, count, lambda b, s, r=rate, c=conns: b.pace(s, r, c, seconds))
        for side in SIDES:
            p50 = statistics.median(one[side]["p50_ns"] for one in rounds) / 1e3
            p99 = statistics.median(one[side]["p99_ns"] for one in rounds) / 1e3
            done = statistics.median(one[side]["answered"] for one in rounds) / seconds
            failed = sum(one[side]["failed"] for one in rounds)
            print(f"  {side:7} p50 {p50:8.1f} us  p99 {p99:9.1f} us  {done:7.0f} answers/s  failed {failed}")
        for other in ("worker", "nginx"):
            result["ratios"].append(ratio_print(f"p99 of XDP / {other} at {rate}/s",
                                                ratio(rounds, "xdp", other, "p99_ns"), GOAL_P99, False))
        result["runs"] += rounds


def one_connection(bench, count, seconds, result):
    print("one connection of a kernel client")
    rounds = in_turn(bench, ("xdp", "nginx"), count, lambda b, s: b.wrk(s, 1, seconds))
    for side in ("xdp", "nginx"):
        rate = statistics.median(one[side]["rate_per_s"] for one in rounds)
        print(f"  {side:7} {rate:8.0f} answers/s  errors {sum(one[side]['errors'] for one in rounds)}")
    result["ratios"].append(ratio_print("answers of XDP / nginx, one connection",
                                        ratio(rounds, "xdp", "nginx", "rate_per_s"), GOAL_ONE, True))
    result["runs"] += rounds


def saturation(bench, count, seconds, result):
    print("per core at saturation: live frames, made and answered on one core; nginx on a core of its own")
    if not os.access(OUT + "/tests/helper_live", os.X_OK):
        print("  skip: helper_live is not built")
        return
    rounds = in_turn(bench, ("xdp", "none", "nginx"), count, lambda b, s: b.wrk("nginx", 64, seconds)
                     if s == "nginx" else b.saturate(s, seconds))
    if any(one["xdp"] is None or one["none"] is None for one in rounds):
        print("  skip: this kernel has no live frames")
        return
    for side, what in (("xdp", "answers/s"), ("none", "frames/s dropped"), ("nginx", "answers/s")):
        print(f"  {side:7} {statistics.median(one[side]['rate_per_s'] for one in rounds):8.0f} {what}")
    busy = max(one["xdp"]["worker_busy_percent"] for one in rounds)
    print(f"  worker meanwhile {busy:.2f} % busy at most, goal <= {GOAL_BUSY:.0f}: "
          f"{'holds' if busy <= GOAL_BUSY else 'missed'}")
    for one in rounds:  # what answering takes beyond making a frame and dropping it
        one["answering"] = {"rate_per_s": 1 / (1 / one["xdp"]["rate_per_s"] - 1 / one["none"]["rate_per_s"])}
    result["worker_busy_percent"] = busy
    result["ratios"] += [
        ratio_print("made and answered / nginx", ratio(rounds, "xdp", "nginx", "rate_per_s"), None, True),
        ratio_print("answered / nginx per core", ratio(rounds, "answering", "nginx", "rate_per_s"), GOAL_CORE, True)]
    result["runs"] += rounds


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    refuse_unless_release()
    if SERVER_CPU == CLIENT_CPU:
        sys.exit("perf: needs two cores, one for each side")
    result = {"scenario": "health", "facts": facts(), "autogroup": priority_raise(), "runs": [], "ratios": []}
    print(f"health answers, {result['facts']['cpu']}, load {result['facts']['loadavg']}, server on core "
          f"{SERVER_CPU}, client on core {CLIENT_CPU}, {count} runs of {seconds} s each")
    bench = Bench()
    latency(bench, count, seconds, result)
    one_connection(bench, count, seconds, result)
    saturation(bench, count, seconds, result)
    finish(result, errors=0)


if __name__ == "__main__":
    main()
