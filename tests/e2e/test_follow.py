#!/usr/bin/env python3
"""hzctl trace follow as lines, of a collector that a test speaks for; and hzctl latency beside an open-loop client."""
import json
import subprocess
import time

from hz_e2e import BIN, PATIENT, STACK, Process, Rig, expect, expect_equal, main, note, run, test, wait_until
from hz_tmux import Collector, slow

made = {}


def rig():
    if "rig" not in made:
        made["rig"] = Rig()
        made["rig"].start(options=[PATIENT])
    return made["rig"]


def follow(*words, say=(), collector=None, count=None, is_json=True):
    """What trace follow prints of what a collector says."""
    here = rig()
    collector = collector or Collector(here.name)
    command = [BIN + "/hzctl", "-i", here.name] + (["-j"] if is_json else []) + ["trace", "follow", *words, "from",
                                                                                collector.at]
    if count:
        command += ["count", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    STACK.callback(process.kill)
    collector.wait_reader()
    for record in say:
        collector.say(record["kind"], record)
    if not count:
        collector.close()
    out, err = process.communicate(timeout=15)
    return out, err, process.returncode


@test
def follow_filters_by_kind_and_duration_and_ends_with_its_count():
    shed = {"kind": "shed", "time_unix_ms": 1000, "prefix": "10.7.3.0/24", "count": 2118, "reason": "drop_source_rate",
            "span_ns": 1000000000}
    state = {"kind": "state", "time_unix_ms": 1000, "what": "worker", "worker": 1, "before": "ready", "now": "down"}
    everything = [slow(150), shed, state, slow(641), slow(900)]
    out, _, status = follow("kind", "slow", "slow", "200", say=everything, count=2)
    expect_equal((status, [json.loads(line)["total_ns"] for line in out.splitlines()]), (0, [641000, 900000]), "slow")
    out, _, status = follow("slow", "700", say=everything, count=1)
    expect_equal([json.loads(line)["total_ns"] for line in out.splitlines()], [900000], "slow without a kind")
    out, _, status = follow("kind", "state", say=everything, count=1)
    expect_equal(json.loads(out), state, "a record passes as it is")
    out, _, status = follow(say=everything, count=5, is_json=False)
    lines = [line.split(" ", 1)[1] for line in out.splitlines()]
    expect_equal([line.split()[0] for line in lines], ["slow", "shed", "state", "slow", "slow"], "all kinds")
    expect_equal(lines[1], "shed  10.7.3.0/24  2 118 new flows  drop_source_rate  (1.0 s summary)", "line")
    expect("641 us  GET /users/812  app 200  worker 1  queue 5 parse 1 route 0 handler 633 tx 2  trace 4bf92f35"
           in lines[3], lines[3])


@test
def follow_without_its_collector_says_so():
    here = rig()
    done = run(BIN + "/hzctl", "-i", here.name, "trace", "follow", "kind", "slow", "from", "127.0.0.1:1", check=False)
    expect_equal(done.returncode, 3, done.stderr)
    expect("no hz-collector at 127.0.0.1:1" in done.stderr, done.stderr)
    _, err, status = follow("kind", "slow", collector=Collector("other"), count=1, is_json=False)
    expect(status == 1 and "is of instance 'other'" in err, err)
    process = subprocess.Popen([BIN + "/hzctl", "-i", here.name, "trace", "follow", "from", "127.0.0.1:1"],
                               stderr=subprocess.PIPE, text=True)
    STACK.callback(process.kill)
    expect("only dropped frames are followed" in process.stderr.readline(), "the rest goes on")
    time.sleep(0.3)
    expect(process.poll() is None, "it ended")
    process.terminate()
    expect_equal(process.wait(5), 0, "after SIGTERM")


def following(collector, *words, **more):
    """hzctl trace follow, with what it says on its error stream among the rest."""
    here = rig()
    process = Process(BIN + "/hzctl", "-i", here.name, "trace", "follow", *words, "from", collector.at, **more)
    collector.wait_reader()
    return process


def said(process, words):
    wait_until(lambda: words in process.output() or not process.is_running(), 15,
               f"it does not say {words!r}: {process.output()}")
    expect(words in process.output(), f"exit {process.process.poll()}: {process.output()}")


@test
def follow_outlives_its_collector_and_tells_the_gap():
    first = Collector(rig().name)
    process = following(first, "kind", "slow", "count", "2")
    first.say("slow", slow(150))
    said(process, "GET /users/812")
    first.close()
    said(process, "has closed the stream; trying again")
    time.sleep(2.5)
    expect(process.is_running(), f"it ended: {process.output()}")
    second = Collector(rig().name, port=first.server_address[1])
    second.wait_reader()
    said(process, "is back: nothing was told for")
    second.say("slow", slow(641))
    expect_equal(process.wait(5), 0, process.output())
    expect("641 us" in process.output(), process.output())
    expect_equal(process.output().count("trying again"), 1, "words about one gap")
    gap_s = int(process.output().split("nothing was told for ")[1].split()[0])
    expect(2 <= gap_s <= 12, f"a gap of {gap_s} s")


@test
def follow_of_a_silent_collector_says_so_once():
    collector = Collector(rig().name)
    collector.is_silent = True
    process = following(collector, "kind", "slow", "count", "1")
    said(process, "is silent; trying again")
    time.sleep(1.5)
    collector.is_silent = False
    said(process, "is back: nothing was told for")
    expect_equal(process.output().count("is silent"), 1, "words about one silence")
    collector.say("slow", slow(150))
    expect_equal(process.wait(5), 0, process.output())


@test
def follow_without_an_instance_wants_the_default_one_unless_it_is_told_where():
    here = rig()
    collector = Collector("other", port=9477, netns=here.server)
    command = [BIN + "/hzctl", "trace", "follow", "kind", "slow", "count", "1"]
    done = run(*command, netns=here.server, check=False)
    expect(done.returncode == 1 and "is of instance 'other'" in done.stderr, done.stderr)
    process = Process(*command, "from", "127.0.0.1:9477", netns=here.server)
    collector.wait_reader()
    collector.say("slow", slow(150))
    expect_equal(process.wait(5), 0, process.output())
    expect("GET /users/812" in process.output(), process.output())
    collector.close()


# --- percentiles -------------------------------------------------------------------------------------------


@test
def percentiles_of_an_open_loop_client_hold_those_of_the_server():
    here, rate, seconds = rig(), 400, 4
    http = here.http()
    http.get("/")
    view = subprocess.Popen([BIN + "/hzctl", "-j", "-i", here.name, "latency", "show", "last", str(seconds + 1)],
                            stdout=subprocess.PIPE, text=True)
    STACK.callback(view.kill)
    time.sleep(0.3)
    began, took = time.monotonic(), []
    for i in range(rate * seconds):
        due = began + i / rate  # an answer that is late makes the next ones late too: that is counted
        time.sleep(max(0, due - time.monotonic()))
        http.get("/")
        took.append((time.monotonic() - due) * 1e9)
    took.sort()
    stages = {stage["stage"]: stage for stage in json.loads(view.communicate(timeout=20)[0])["stages"]}
    total = stages["total"]
    expect_equal(total["count"], rate * seconds, "requests in the interval")
    for figure, part in (("p50_ns", 0.5), ("p99_ns", 0.99)):
        exact = took[int(len(took) * part)]
        note(f"{figure[:3]}: client {exact / 1e3:.0f} us, server {total[figure] / 1e3:.1f} us")
        expect(exact >= total[figure] * (1 - 1 / 64), f"{figure}: client {exact}, server {total[figure]}")
    expect_sum(stages)


def expect_sum(stages):
    """Of all answers: the stages together are the total, which is measured apart."""
    def sum_ns(name):
        return (stages[name]["mean_ns"] or 0) * stages[name]["count"]

    parts = sum(sum_ns(name) for name in ("queue", "parse", "route", "handler", "upstream", "tx"))
    total = sum_ns("total")
    note(f"total {total} ns, its stages together {parts} ns, queue of {stages['queue']['count']} answers")
    expect(total > 0 and abs(parts - total) <= 0.02 * total, f"stages {parts} ns, total {total} ns")


if __name__ == "__main__":
    main()
