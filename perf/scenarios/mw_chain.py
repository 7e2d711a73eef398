#!/usr/bin/env python3
"""What middleware costs: each link alone, and one after the other, against a route that has none.

  perf/scenarios/mw_chain.py [PAIRS [SECONDS]]      defaults: 4 pairs of each row, 2 s each run

Requests/s over AF_XDP on a veth, wrk on the first core, one worker on the last: one daemon whose site is
reloaded between runs, in order A B B A against `none`; a ratio is the median of the pairs with the lowest
and the highest beside it. Beside them what a request takes in process (perf/micro/bench_inproc): cycles
in pairs as well, instructions by callgrind. Every request of every row brings the token.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from hz_e2e import OUT, SERVER4, STACK, Rig, run, wrk_parse, write_file  # noqa: E402
from hz_vs_nginx import (CLIENT_CPU, SERVER_CPU, facts, finish, priority_raise, ratio_of,  # noqa: E402
                         refuse_unless_release, verdict)

CONNECTIONS, WARM_S = 64, 1
GOAL = 0.75  # requests/s with all four, of those without
SITE = """\
listen:
  - {{ interface: eth1, address: 10.7.0.2, port: 80 }}
limits: {{ requests_per_connection: 0, connections_per_source: 0 }}
routes:
  - {{ name: root, match: GET /, respond: {{ body: "Hello, World!", content_type: text/plain }}{links} }}
"""
LINKS = {
    "trace": "trace: on",
    "rate": "rate: {{ per: client, limit: 1000000/s, burst: 1000000 }}",
    "jwt": "jwt: {{ alg: HS256, key_file: {d}/key }}",
    "log": "log: {{ to: {d}/access.log }}",
}
ROWS = [[name] for name in LINKS] + [list(LINKS)[:count] for count in range(2, len(LINKS) + 1)]
SECRET = b"0123456789abcdef0123456789abcdef"


def name_of(links):
    return " + ".join(links) or "none"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token_make():
    claims = {"iss": "us", "sub": "alice", "exp": int(time.time()) + 86400}
    signed = ".".join(base64url(json.dumps(part).encode())
                      for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return signed + "." + base64url(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())


class Bench:
    """A folder with the key, the token and a site for each row."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.folder = tempfile.mkdtemp(prefix="hz-perf-")
        STACK.callback(lambda: run("rm", "-rf", self.folder, check=False))
        write_file(self.folder + "/key", SECRET.decode() + "\n")
        os.chmod(self.folder + "/key", 0o600)
        self.field = "Authorization: Bearer " + token_make()

    def site(self, links, name="row.yaml"):
        path = f"{self.folder}/{name}"
        text = "".join(", " + LINKS[link].format(d=self.folder) for link in links)
        write_file(path, SITE.format(links=text))
        return path

    def log_empty(self):
        if os.path.exists(self.folder + "/access.log"):
            os.truncate(self.folder + "/access.log", 0)

    # --- over AF_XDP ---

    def serve(self):
        self.rig = Rig("m")
        self.rig.attach("ensure")
        return self.rig.serve(site=self.site(LINKS, "site.yaml"), listens=[],
                              options=[f"boot/cpus={SERVER_CPU}", "workers/spin_us=1000000"])

    def wrk(self, seconds):
        done = run("taskset", "-c", str(CLIENT_CPU), "wrk", "--latency", "-t1", f"-c{CONNECTIONS}",
                   f"-d{seconds}", "-H", self.field, f"http://{SERVER4}/", netns=self.rig.client,
                   timeout=seconds + 30)
        return wrk_parse(done.stdout)

    def rate(self, links):
        self.site(links, "site.yaml")
        self.rig.ctl("reload")
        self.wrk(WARM_S)
        figures = self.wrk(self.seconds)
        self.log_empty()
        return figures

    # --- in process ---

    def bench(self, links, *options):
        return run(OUT + "/perf/bench_inproc", "-s", self.site(links), "-f", self.field, *options)

    def cycles(self, links):
        done = self.bench(links, "-n", "3", "-r", "100000")
        self.log_empty()
        return {"cycles": float(re.search(r"^best +([0-9.]+) cycles", done.stdout, re.M).group(1))}

    def instructions(self, links):
        done = run(ROOT + "/perf/micro/instructions.sh", "3200", self.site(links), "-f",
                   self.field, timeout=300)
        self.log_empty()
        found = re.search(r"^(\d+) instructions/request", done.stdout, re.M)
        return int(found.group(1)) if found else None


def pairs_of(measure, links, count):
    """As (with, without), in the order they were made."""
    pairs = []
    for i in range(count):
        sides = (links, []) if i % 2 == 0 else ([], links)
        pair = [measure(side) for side in sides]
        pairs.append(tuple(pair if i % 2 == 0 else reversed(pair)))
    return pairs


def text_of(ratio):
    return f"{ratio['median']:5.3f} [{ratio['low']:.3f}..{ratio['high']:.3f}]"


def row_measure(bench, links, count, base):
    rates, cycles = pairs_of(bench.rate, links, count), pairs_of(bench.cycles, links, count)
    instructions = bench.instructions(links)
    row = {"links": links, "rates": rates, "cycles": cycles, "instructions": instructions,
           "rate_ratio": ratio_of(rates, "rate_per_s"), "cycles_ratio": ratio_of(cycles, "cycles")}
    median = sorted(pair[0]["rate_per_s"] for pair in rates)[count // 2]
    added = "" if None in (instructions, base) else f"  {instructions} ({instructions - base:+d})"
    print(f"  {name_of(links):24} {median:8.0f} req/s  {text_of(row['rate_ratio'])}"
          f"  cycles {text_of(row['cycles_ratio'])}{added}", flush=True)
    return row


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    refuse_unless_release()
    if SERVER_CPU == CLIENT_CPU:
        sys.exit("perf: needs two cores, one for each side")
    result = {"scenario": "mw_chain", "facts": facts(), "autogroup": priority_raise(), "rows": []}
    bench = Bench(seconds)
    daemon = bench.serve()
    print(f"middleware, {result['facts']['cpu']}, {CONNECTIONS} connections, {count} pairs of "
          f"{seconds} s, order A B B A against none; in process: cycles in pairs, instructions")
    base = bench.instructions([])
    for links in [[]] + ROWS:  # none against none first: what it differs from 1 is noise
        result["rows"].append(row_measure(bench, links, count, base))
    ratio = result["rows"][-1]["rate_ratio"]
    print(f"  all of them: goal >= {GOAL} of the requests/s without: {verdict(ratio, GOAL, True)}")
    errors = sum(figures["errors"] for row in result["rows"] for pair in row["rates"]
                 for figures in pair)
    daemon.end()
    finish(result, errors)


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(f"perf: {error}")
