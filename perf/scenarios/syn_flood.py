#!/usr/bin/env python3
"""A flood of SYNs: what answering it costs, and what it costs others.

  perf/scenarios/syn_flood.py [RUNS [SECONDS]]      defaults: 3 runs of each side, 3 s each

1. SYNs answered per second and core: XDP's cookies beside the kernel's (net.ipv4.tcp_syncookies=2) with the
   same generator, live frames from ever other sources, made and answered on one core.
2. A good client (wrk, 16 connections that stay open) beside 10,000 and 200,000 SYN/s: the control is the same
   load as first fragments, which XDP drops. With cookies, and with shed/syn_cookies=off.
Ratios are medians of pairs made one after the other, with the lowest and the highest beside them.
"""
import json
import os
import statistics
import sys
import time

from health import mac, ratio_print
from hz_vs_nginx import (CLIENT_CPU, OUT, SERVER_CPU, facts, priority_raise, ratio_of,
                         refuse_unless_release, wrk)
from hz_e2e import PORT, SERVER4, Process, Rig, run, wait_until
from hz_live import checksum, syn

KERNEL_PORT = 8090
RATES = ((10000, 0.05), (200000, 0.20))
GOAL_CORE = 7.0
IP_AT = 14  # offset of the IP header in a frame


def dropped(frame_hex):
    """The same frame as the first of several fragments."""
    frame = bytearray.fromhex(frame_hex)
    frame[IP_AT + 6] |= 0x20
    frame[IP_AT + 10:IP_AT + 12] = bytes(2)
    frame[IP_AT + 10:IP_AT + 12] = checksum(bytes(frame[IP_AT:IP_AT + 20])).to_bytes(2, "big")
    return bytes(frame).hex()


class Bench:
    def __init__(self):
        self.rig = Rig("f")
        self.rig.attach("ensure")
        # a way back to all sources, or the kernel would not answer
        run("ip", "-n", self.rig.server, "route", "add", "default", "via", "10.7.0.9")
        # Answers go to a station that is not there and end at the far end of the link: what a client's stack makes
        # of them is not the question.
        far = OUT + "/tests-bpf/xdp_far.bpf.o"
        run("ip", "-n", self.rig.client, "link", "set", "dev", "eth0", "xdpdrv", "off")
        run("ip", "-n", self.rig.client, "link", "set", "dev", "eth0", "xdpdrv", "obj", far, "sec", "xdp")
        theirs = bytes.fromhex("0200000000f1")
        self.macs = mac(self.rig.server, "eth1") + theirs
        run("ip", "-n", self.rig.server, "neigh", "replace", "10.7.0.9", "lladdr", theirs.hex(":"), "dev", "eth1")
        run("sysctl", "-qw", "net.ipv4.tcp_syncookies=2", "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.eth1.rp_filter=0", netns=self.rig.server)
        self.hzd = None

    def serve(self, mode):
        if self.hzd:
            self.hzd.end()
        self.hzd = self.rig.serve(options=[f"boot/cpus={SERVER_CPU}", "workers/spin_us=1000000",
                                           f"shed/syn_cookies={mode}"])

    def syn(self, port):
        """To the right station: the kernel takes no other."""
        return self.macs.hex() + syn(port)[2 * len(self.macs):]

    def flood(self, frame, per_s, seconds):
        process = Process("taskset", "-c", CLIENT_CPU, OUT + "/tests/helper_live", "eth0", per_s, seconds, frame,
                          "random", netns=self.rig.client, env=dict(os.environ, O=OUT))
        process.wait_line("ready")
        return process

    def kernel_cookies(self):
        lines = [line.split() for line in
                 run("cat", "/proc/net/netstat", netns=self.rig.server).stdout.splitlines()
                 if line.startswith("TcpExt:")]
        return int(lines[1][lines[0].index("SyncookiesSent")])

    def answered(self, side, seconds):
        """SYN-ACKs per second of the generator's core; of the side none: frames dropped."""
        frame = {"xdp": self.syn(PORT), "kernel": self.syn(KERNEL_PORT), "none": dropped(self.syn(PORT))}[side]
        reason = "drop_fragment" if side == "none" else "cookie_syn_ack"
        count = self.kernel_cookies if side == "kernel" else lambda: self.rig.verdicts()[reason]
        if side == "xdp":
            # its first SYN tells XDP
            self.serve("always")
            wait_until(lambda: run("curl", "-s", "-o", "/dev/null", f"http://{SERVER4}/",
                                   netns=self.rig.client, check=False).returncode == 0, 5, "no answer")
        before = count()
        done = run("taskset", "-c", CLIENT_CPU, OUT + "/tests/helper_live", "eth0", 5000000, seconds, frame,
                   "random", netns=self.rig.client, env=dict(os.environ, O=OUT), check=False,
                   timeout=seconds + 60)
        if done.returncode != 0:
            return None
        told = json.loads(done.stdout.splitlines()[-1])
        return {"side": side, "rate_per_s": (count() - before) / told["seconds"], "sent": told["sent"]}

    def client(self, frame, per_s, seconds):
        """wrk beside a flood."""
        flood = self.flood(frame, per_s, seconds + 2)
        time.sleep(0.5)
        figures = wrk(self.rig, PORT, 16, seconds)
        flood.end()
        return figures


def per_core(bench, count, seconds, result):
    print("SYNs answered per second, made and answered on one core")
    listener = Process(sys.executable, "-c", "import socket,time; s=socket.create_server(('', "
                       f"{KERNEL_PORT})); print('ready', flush=True); time.sleep(3600)", netns=bench.rig.server)
    listener.wait_line("ready")
    rounds = []
    for i in range(count):
        order = ("xdp", "kernel", "none") if i % 2 == 0 else ("none", "kernel", "xdp")
        done = {side: bench.answered(side, seconds) for side in order}
        if None in done.values():
            print("  skip: this kernel has no live frames")
            return
        rounds.append(done)
    listener.end()
    for side in ("xdp", "kernel", "none"):
        rates = sorted(one[side]["rate_per_s"] for one in rounds)
        print(f"  {side:7} {statistics.median(rates):9.0f} per second [{rates[0]:.0f}..{rates[-1]:.0f}]")
    pairs = [(one["xdp"], one["kernel"]) for one in rounds]
    cost = {side: [{"ns": 1e9 / one[side]["rate_per_s"] - 1e9 / one["none"]["rate_per_s"]} for one in rounds]
            for side in ("xdp", "kernel")}
    less = ratio_of(list(zip(cost["kernel"], cost["xdp"])), "ns")
    print(f"  beyond making and dropping a frame: XDP {statistics.median(c['ns'] for c in cost['xdp']):.0f} ns, "
          f"kernel {statistics.median(c['ns'] for c in cost['kernel']):.0f} ns, {less['median']:.1f} times "
          f"[{less['low']:.1f}..{less['high']:.1f}]")
    result["ratios"].append(ratio_print("SYN-ACKs of XDP / kernel", ratio_of(pairs, "rate_per_s"), GOAL_CORE,
                                        True))
    result["runs"] += rounds


def beside(bench, count, seconds, result):
    wanted, control = bench.syn(PORT), dropped(bench.syn(PORT))
    for mode in ("auto", "off"):
        bench.serve(mode)
        for per_s, loss in RATES:
            pairs = []
            for i in range(count):
                order = (wanted, control) if i % 2 == 0 else (control, wanted)
                done = {frame: bench.client(frame, per_s, seconds) for frame in order}
                pairs.append((done[wanted], done[control]))
            p99 = [statistics.median(p[side]["p99_ns"] for p in pairs) / 1e3 for side in (0, 1)]
            errors = sum(p[0]["errors"] for p in pairs)
            print(f"a client beside {per_s} SYN/s, shed/syn_cookies={mode}: p99 {p99[0]:.0f} us, control "
                  f"{p99[1]:.0f} us, errors {errors}")
            for key, goal, at_least in (("rate_per_s", 1 - loss, True), ("p99_ns", None, False)):
                found = ratio_of(pairs, key)
                if goal is None or mode == "off":
                    print(f"  {key:34} {found['median']:6.2f} [{found['low']:.2f}..{found['high']:.2f}]")
                else:
                    result["ratios"].append(ratio_print(f"requests/s beside {per_s} / control", found, goal,
                                                        at_least))
            result["runs"] += [{"mode": mode, "per_s": per_s, "flood": a, "control": b} for a, b in pairs]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    refuse_unless_release()
    priority_raise()
    result = {"facts": facts(), "ratios": [], "runs": []}
    bench = Bench()
    per_core(bench, count, seconds, result)
    beside(bench, count, seconds, result)
    if os.environ.get("HZ_PERF_RESULT"):
        with open(os.environ["HZ_PERF_RESULT"], "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
