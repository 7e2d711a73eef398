#!/usr/bin/env python3
"""A flood of SYNs: what answering it costs, and what it costs others.

  perf/scenarios/syn_flood.py [RUNS [SECONDS]]      defaults: 3 runs of each side, 3 s each

1. SYNs answered per second and core: XDP's cookies beside the kernel's (net.ipv4.tcp_syncookies=2) with the
   same generator, live frames from ever other sources, made and answered on one core. What making them costs,
   frames that XDP drops say; the goal is for the rest.
2. A good client (wrk, 16 connections that stay open) beside 10,000 and 200,000 SYN/s: the control is the same
   load as first fragments, which XDP drops. With cookies, and with shed/syn_cookies=off. Many short pairs. The
   flood shares the client's core, of which making it takes 2 % and 12 %; its answers are made there, too, as XDP runs
   where a frame is sent. How much of the rate was reached is part of each figure.
Ratios are medians of pairs made one after the other, with the lowest and the highest beside them, and for the
good client the interval that the median is in 95 times of 100.
"""
import json
import math
import os
import statistics
import sys

from health import FAR_MAC, as_fragment, far_end_put, mac, ratio_print
from hz_vs_nginx import (CLIENT_CPU, OUT, SERVER_CPU, facts, priority_raise, ratio_of,
                         refuse_unless_release)
from hz_e2e import PORT, SERVER4, Process, Rig, run, wait_until, wrk_parse
from hz_live import syn

KERNEL_PORT = 8090
RATES = ((10000, 0.05, 1.5), (200000, 0.20, None))  # SYN/s, the most that is lost, and p99 as a ratio
# Pairs of the good client by mode, for each run asked for; about five minutes in all.
MODES, PAIR_S = {"auto": 4, "off": 1}, 3
FLOOD_S = 600  # at most: the client's end ends it
REACHED_LEAST = 0.9
GOAL_CORE = 7.0


def dropped(frame_hex):
    """The same frame, and XDP drops it."""
    return as_fragment(bytes.fromhex(frame_hex)).hex()


class Bench:
    def __init__(self):
        self.rig = Rig("f")
        self.rig.attach("ensure")
        # a way back to all sources, or the kernel would not answer
        run("ip", "-n", self.rig.server, "route", "add", "default", "via", "10.7.0.9")
        far_end_put(self.rig)
        self.macs = mac(self.rig.server, "eth1") + FAR_MAC
        run("ip", "-n", self.rig.server, "neigh", "replace", "10.7.0.9", "lladdr", FAR_MAC.hex(":"), "dev", "eth1")
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

    def wait_answer(self):
        """Without cookies the half-open connections of a flood keep others out for a while."""
        wait_until(lambda: run("curl", "-s", "-m", "1", "-o", "/dev/null", f"http://{SERVER4}/",
                               netns=self.rig.client, check=False).returncode == 0, 60, "no answer")

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
            self.wait_answer()
        before = count()
        done = run("taskset", "-c", CLIENT_CPU, OUT + "/tests/helper_live", "eth0", 5000000, seconds, frame,
                   "random", netns=self.rig.client, env=dict(os.environ, O=OUT), check=False,
                   timeout=seconds + 60)
        if done.returncode != 0:
            return None
        told = json.loads(done.stdout.splitlines()[-1])
        return {"side": side, "rate_per_s": (count() - before) / told["seconds"], "sent": told["sent"]}

    def client(self, frame, per_s, seconds):
        """wrk, its connections open, beside a flood, and what the flood says of itself. Who comes after the flood
        does not get in where there are no cookies."""
        self.wait_answer()
        before = self.rig.requests()
        client = Process("taskset", "-c", CLIENT_CPU, "wrk", "--latency", "-t1", "-c16", f"-d{seconds}",
                         f"http://{SERVER4}:{PORT}/", netns=self.rig.client)
        wait_until(lambda: self.rig.requests() > before + 100, 5, "wrk does not begin")
        flood = self.flood(frame, per_s, FLOOD_S)
        client.wait(seconds + 30)
        figures = wrk_parse(client.output())
        flood.end()
        client.end()
        told = json.loads(flood.output().splitlines()[-1])
        figures.update(flood_sent=told["sent"], flood_seconds=told["seconds"],
                       flood_reached=told["sent"] / told["seconds"] / per_s)
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
    print(f"  beyond making and dropping a frame: XDP {statistics.median(c['ns'] for c in cost['xdp']):.0f} ns, "
          f"kernel {statistics.median(c['ns'] for c in cost['kernel']):.0f} ns")
    result["ratios"] += [
        ratio_print("made and answered, XDP / kernel", ratio_of(pairs, "rate_per_s"), None, True),
        ratio_print("answered, XDP / kernel", ratio_of(list(zip(cost["kernel"], cost["xdp"])), "ns"), GOAL_CORE, True)]
    result["runs"] += rounds


def median_interval(values):
    """Where the median of all such values is in 95 times of 100, whatever their distribution: ranks by the binomial
    one. Of fewer than six values that is the lowest and the highest, and less certain."""
    values, n = sorted(values), len(values)
    rank, below = 0, 0.5 ** n  # chance that at most `rank` values lie below the median
    while rank + 1 < n // 2 and below + math.comb(n, rank + 1) * 0.5 ** n <= 0.025:
        rank += 1
        below += math.comb(n, rank) * 0.5 ** n
    return values[rank], values[n - 1 - rank]


def beside_one(bench, count, mode, per_s, frames):
    """Pairs beside one rate: (with the flood, with the control)."""
    pairs = []
    for i in range(count):
        order = frames if i % 2 == 0 else frames[::-1]
        done = {frame: bench.client(frame, per_s, PAIR_S) for frame in order}
        pairs.append((done[frames[0]], done[frames[1]]))
    p99 = [statistics.median(p[side]["p99_ns"] for p in pairs) / 1e3 for side in (0, 1)]
    reached = [statistics.median(p[side]["flood_reached"] for p in pairs) for side in (0, 1)]
    print(f"a client beside {per_s} SYN/s, on the same core, shed/syn_cookies={mode}: p99 {p99[0]:.0f} us, control "
          f"{p99[1]:.0f} us, errors {sum(p[0]['errors'] for p in pairs)}; {reached[0] * 100:.0f} % of the flood "
          f"reached, control {reached[1] * 100:.0f} %{'' if min(reached) >= REACHED_LEAST else ': not reached'}")
    return pairs, min(reached) >= REACHED_LEAST


def beside(bench, count, result):
    frames = (bench.syn(PORT), dropped(bench.syn(PORT)))
    for mode, pairs_per_run in MODES.items():
        bench.serve(mode)
        for per_s, loss, p99_most in RATES:
            pairs, is_reached = beside_one(bench, count * pairs_per_run, mode, per_s, frames)
            for key, goal, at_least in (("rate_per_s", 1 - loss, True), ("p99_ns", p99_most, False)):
                found = ratio_of(pairs, key)
                if found is None:
                    sys.exit(f"perf: no {key} of the control")
                low, high = found["interval"] = median_interval(found["all"])
                if goal is None or mode == "off" or not is_reached:
                    print(f"  {key:34} {found['median']:6.2f} [{found['low']:.2f}..{found['high']:.2f}]")
                else:
                    result["ratios"].append(ratio_print(f"{key} beside {per_s} / control", found, goal, at_least))
                print(f"    the median is within [{low:.2f}..{high:.2f}]", flush=True)
            result["runs"] += [{"mode": mode, "per_s": per_s, "flood": a, "control": b} for a, b in pairs]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    refuse_unless_release()
    priority_raise()
    result = {"facts": facts(), "ratios": [], "runs": []}
    bench = Bench()
    per_core(bench, count, seconds, result)
    beside(bench, count, result)
    if os.environ.get("HZ_PERF_RESULT"):
        with open(os.environ["HZ_PERF_RESULT"], "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
