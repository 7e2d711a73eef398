#!/usr/bin/env python3
"""hz on AF_XDP beside nginx: same veth, same client, same core for the server, interleaved.

  perf/scenarios/hz_vs_nginx.py [RUNS [SECONDS]]      defaults: 5 runs of each side, 4 s each

One server core (the last), one client core (the first). Each run starts its server anew and warms it
up; nginx runs on the bare interface, without our XDP program. Order A B B A, as often as needed. Every
run is kept; a ratio is the median of the pairs, with the lowest and the highest beside it.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from hz_e2e import (OUT, PORT, SERVER4, STACK, Process, Rig, run, wait_until,  # noqa: E402
                    wrk_parse)

NGINX_PORT = 8090
CLIENT_CPU, SERVER_CPU = 0, os.cpu_count() - 1
WARM_S = 1
# connections: (at least this ratio of requests/s, at most this ratio of p50 or None)
GOALS = {1: (2.0, 0.5), 16: (1.5, None), 64: (1.15, None)}
SIDES = ("hz", "nginx")


def read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def steal_percent(before, after):
    gained = [b - a for a, b in zip(before, after)]
    return 100 * gained[7] / max(1, sum(gained[:8]))


def cpu_times():
    return [int(word) for word in read("/proc/stat").splitlines()[0].split()[1:]]


def facts():
    """What a figure is worth nothing without."""
    model = [line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
             if line.startswith("model name")]
    return {
        "commit": run("git", "-C", ROOT, "rev-parse", "HEAD", check=False).stdout.strip(),
        "dirty": bool(run("git", "-C", ROOT, "status", "--porcelain", check=False).stdout),
        "flags": read(OUT + "/.flags"),
        "kernel": " ".join(os.uname()[i] for i in (0, 2)),
        "cpu": model[0] if model else os.uname().machine,
        "cpus": os.cpu_count(),
        "server_cpu": SERVER_CPU, "client_cpu": CLIENT_CPU,
        "clocksource": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not exposed",
        "hugepages": int(read("/proc/sys/vm/nr_hugepages") or 0),
        "loadavg": read("/proc/loadavg"),
        "driver": "veth, XDP native, AF_XDP copy mode",
        "offloads": "client: none (tx, tso, gso, gro off)",
        "mitigations": {os.path.basename(p): read(p) for p in sorted(
            "/sys/devices/system/cpu/vulnerabilities/" + name for name in
            os.listdir("/sys/devices/system/cpu/vulnerabilities"))}
        if os.path.isdir("/sys/devices/system/cpu/vulnerabilities") else {},
        "nginx": run("nginx", "-v", check=False).stderr.strip(),
        "wrk": (run("wrk", "-v", check=False).stdout.splitlines() or ["?"])[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def priority_raise():
    """nice has no effect between autogroups; the group's own does."""
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write("-10")
    except OSError:
        pass
    return read("/proc/self/autogroup")


def refuse_unless_release():
    if "-fsanitize" in read(OUT + "/.flags") or "-O2" not in read(OUT + "/.flags"):
        sys.exit(f"perf: {OUT} is not a release build; try: make")


# --- one run ----------------------------------------------------------------------------------------


def hz_start(rig):
    rig.attach("ensure")
    return rig.serve(options=[f"boot/cpus={SERVER_CPU}", "workers/spin_us=1000000"]), PORT


def nginx_start(rig):
    rig.ctl("xdp", "detach", "all", check=False)
    folder = tempfile.mkdtemp(prefix="hz-perf-")
    STACK.callback(lambda: run("rm", "-rf", folder, check=False))
    daemon = Process("taskset", "-c", SERVER_CPU, "nginx", "-p", folder, "-c",
                     ROOT + "/perf/compare/nginx.conf", netns=rig.server)
    wait_until(lambda: run("curl", "-s", f"http://{SERVER4}:{NGINX_PORT}/", netns=rig.client,
                           check=False).stdout == "Hello, World!", 5, daemon.output())
    return daemon, NGINX_PORT


def wrk(rig, port, connections, seconds):
    done = run("taskset", "-c", CLIENT_CPU, "wrk", "--latency", "-t1", f"-c{connections}",
               f"-d{seconds}", f"http://{SERVER4}:{port}/", netns=rig.client,
               timeout=seconds + 30)
    return wrk_parse(done.stdout)


def one_run(rig, side, connections, seconds):
    daemon, port = (hz_start if side == "hz" else nginx_start)(rig)
    wrk(rig, port, connections, WARM_S)
    before, used = cpu_times(), resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = wrk(rig, port, connections, seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    figures.update(side=side, connections=connections, seconds=seconds,
                   client_cpu_percent=round(100 * busy / seconds, 1),
                   steal_percent=round(steal_percent(before, cpu_times()), 2))
    if side == "hz":
        workers = rig.workers()
        figures["longest_gap_us"] = max(int(w["longest_gap_ns"]) for w in workers) // 1000
        figures["retransmits"] = sum(int(w["retransmits"]) for w in workers)
    daemon.end()
    return figures


def interleaved(rig, first, second, connections, count, seconds):
    """A B B A A B ...: count runs of each, as pairs in the order they were made."""
    pairs = []
    for i in range(count):
        sides = (first, second) if i % 2 == 0 else (second, first)
        pair = [one_run(rig, side, connections, seconds) for side in sides]
        pairs.append(tuple(pair if i % 2 == 0 else reversed(pair)))
    return pairs


# --- figures ----------------------------------------------------------------------------------------


def ratio_of(pairs, key):
    values = [a[key] / b[key] for a, b in pairs if b[key]]
    if not values:
        return None
    return {"median": statistics.median(values), "low": min(values), "high": max(values),
            "all": [round(value, 3) for value in values]}


def verdict(ratio, goal, at_least):
    """A goal holds when it holds at the pessimistic end."""
    if goal is None:
        return "no goal"
    worst = ratio["low"] if at_least else ratio["high"]
    sign = 1 if at_least else -1
    if sign * (worst - goal) >= 0:
        return "holds"
    distance = abs(ratio["median"] - goal) / goal * 100
    if sign * (ratio["median"] - goal) >= 0:
        return "undecided (the median holds, the worst pair does not)"
    return f"missed by {distance:.0f} %"


def show(pairs, connections):
    rate, p50 = ratio_of(pairs, "rate_per_s"), ratio_of(pairs, "p50_ns")
    rows = []
    for index, side in enumerate(SIDES):
        runs = [pair[index] for pair in pairs]
        rates = sorted(r["rate_per_s"] for r in runs)
        medians = sorted(r["p50_ns"] / 1e3 for r in runs)
        tails = sorted(r["p99_ns"] / 1e3 for r in runs)
        client = statistics.median(r["client_cpu_percent"] for r in runs)
        bound = ">=" if client > 90 else "  "
        print(f"  {side:5} {bound}{statistics.median(rates):8.0f} req/s [{rates[0]:.0f}..{rates[-1]:.0f}]"
              f"  p50 {statistics.median(medians):6.1f} us  p99 {statistics.median(tails):7.0f} us"
              f"  client CPU {client:3.0f} %  errors {sum(r['errors'] for r in runs)}")
    goal_rate, goal_p50 = GOALS[connections]
    for name, ratio, goal, at_least in (("req/s", rate, goal_rate, True),
                                        ("p50", p50, goal_p50, False)):
        sign = ">=" if at_least else "<="
        goal_text = f"goal {sign} {goal}" if goal is not None else "no goal"
        rows.append({"connections": connections, "figure": name, "ratio": ratio, "goal": goal,
                     "verdict": verdict(ratio, goal, at_least)})
        print(f"  hz/nginx {name:5} {ratio['median']:5.2f} [{ratio['low']:.2f}..{ratio['high']:.2f}]"
              f"  {goal_text}: {rows[-1]['verdict']}", flush=True)
    return rows


def finish(result, errors):
    """Leaves the figures where `run.sh` wants them; errors of any run are a failure."""
    target = os.environ.get("HZ_PERF_RESULT")
    if target:
        with open(target, "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)
    sys.exit(1 if errors else 0)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    refuse_unless_release()
    if SERVER_CPU == CLIENT_CPU:
        sys.exit("perf: needs two cores, one for each side")
    result = {"scenario": "hz_vs_nginx", "facts": facts(), "autogroup": priority_raise(),
              "runs": [], "ratios": []}
    print(f"hz against nginx, {result['facts']['cpu']}, server on core {SERVER_CPU}, wrk on core "
          f"{CLIENT_CPU}, {count} runs of {seconds} s each side, order A B B A")
    rig = Rig("p")
    control = interleaved(rig, "hz", "hz", 1, max(2, count // 2), seconds)
    aa = ratio_of(control, "rate_per_s")
    print(f"control, hz against itself at 1 connection: {aa['median']:.2f} "
          f"[{aa['low']:.2f}..{aa['high']:.2f}]", flush=True)
    result["control"] = {"ratio": aa, "runs": control}
    errors = 0
    for connections in GOALS:
        print(f"{connections} connection{'s' if connections > 1 else ''}")
        pairs = interleaved(rig, *SIDES, connections, count, seconds)
        result["runs"] += [figures for pair in pairs for figures in pair]
        result["ratios"] += show(pairs, connections)
        errors += sum(figures["errors"] for pair in pairs for figures in pair)
    steal = max(figures["steal_percent"] for figures in result["runs"])
    gap = max(figures.get("longest_gap_us", 0) for figures in result["runs"])
    result["noisy"] = steal > 2
    print(f"machine: steal at most {steal} %, longest gap of the worker {gap / 1e3:.1f} ms"
          + (", noisy" if result["noisy"] else ""))
    finish(result, errors)


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(f"perf: {error}")
