"""What tests of stages stand on: tests/apps/notes over AF_XDP or kernel sockets, and what its histograms gained."""
import functools
import json
import os

from hz_collector import Collector
from hz_e2e import (BIN, OUT, PATIENT, PORT, SERVER4, Http, Process, expect, note, run, shared_rig,
                    temporary_directory)

STAGES = ("queue", "parse", "route", "handler", "upstream", "tx")
SOCKET_PORT = 18487
MS = 1000000


@functools.cache
def collector():
    """Of all that follows."""
    return Collector(shared_rig())


class Notes:
    """tests/apps/notes over AF_XDP: /later/MS waits in its handler, /block/MS holds up the worker."""

    env = None

    def __init__(self, *options):
        here = shared_rig()
        self.name, self.at, self.netns = here.name, (SERVER4, PORT), here.client
        self.start(f"eth1,{SERVER4}:{PORT}", (PATIENT,) + options, netns=here.server)

    def start(self, listen, options, **more):
        command = [f"{OUT}/tests/helper_notes", "-i", self.name, "-l", listen]
        for option in ("boot/workers=1", "timeouts/lame_duck_ms=0") + options:
            command += ["-o", option]
        self.process = Process(*command, **more)
        self.process.wait_line("ready")

    def http(self):
        return Http(*self.at, self.netns, 20.0)

    def stages(self):
        """Since the last look: the map outlives who fills it."""
        now = stages_of(self.name, self.env)
        gained = {stage: {"count": row["count"] - self.before[stage]["count"],
                          "sum_ns": row["sum_ns"] - self.before[stage]["sum_ns"],
                          "buckets": less(row["buckets"], self.before[stage]["buckets"])}
                  for stage, row in now.items()}
        self.before = now
        return gained

    def __enter__(self):
        self.before = stages_of(self.name, self.env)
        return self

    def __exit__(self, *_):
        self.process.end()


class SocketNotes(Notes):
    """The same over kernel sockets."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.name, self.at, self.netns = shared_rig().name + "s", ("127.0.0.1", SOCKET_PORT), None
        self.env = {**os.environ, "XDG_RUNTIME_DIR": temporary_directory()}
        self.start(f"lo,127.0.0.1:{SOCKET_PORT}", ("boot/io=socket",), env=self.env)


def less(now, before):
    return {low: count - before.get(low, 0) for low, count in now.items()
            if count != before.get(low, 0)}


def stages_of(name, env=None):
    rows = {}
    for stage in STAGES + ("total",):
        done = run(f"{BIN}/hzctl", "-i", name, "-j", "latency", "show", "stage", stage, env=env)
        row = json.loads(done.stdout)["stages"][0]
        rows[stage] = {"count": row["count"], "sum_ns": (row["mean_ns"] or 0) * row["count"],
                       "buckets": {low: count for low, _, count in row["buckets"]}}
    return rows


def quantile_ns(row, share):
    """Low edge of the bucket."""
    seen = 0
    for low in sorted(row["buckets"]):
        seen += row["buckets"][low]
        if seen >= share * row["count"]:
            return low
    return 0


def at_least(row, ns):
    return sum(count for low, count in row["buckets"].items() if low >= ns)


def expect_sum(rows, requests):
    parts, total = sum(rows[stage]["sum_ns"] for stage in STAGES), rows["total"]["sum_ns"]
    expect(rows["total"]["count"] >= requests, f"{rows['total']['count']} of {requests} recorded")
    note(", ".join(f"{stage} {row['sum_ns'] / row['count'] / 1000:.1f} us"
                   for stage, row in rows.items() if row["count"]))
    expect(abs(parts - total) <= 0.02 * total, f"stages {parts} ns, total {total} ns")
