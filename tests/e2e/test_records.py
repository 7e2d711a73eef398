#!/usr/bin/env python3
"""What a server tells of itself in the stream: changes of state, refused sources; as lines, and as marks of the heatmap."""
import json
import os
import re
import time

from hz_collector import Collector
from hz_e2e import (BIN, PATIENT, SERVER4, PORT, Process, Rig, expect, expect_equal, main, note, steady, tcp_connect, test,
                    run, thread_stopped, wait_until)
from hz_ring import fill, stream_stats

TRIES = 40
world = {}


class Follow(Process):
    """hzctl trace follow, as the records that it has printed so far."""

    def __init__(self, rig, kind, *words):
        super().__init__(BIN + "/hzctl", *words, "-i", rig.name, "-n", rig.server, "trace", "follow", "kind", kind)

    def records(self):
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def wait_record(self, why, **want):
        """The one record that has all of these."""
        def found():
            return [one for one in self.records() if all(one.get(key) == value for key, value in want.items())]
        wait_until(lambda: len(found()) >= 1, 10, f"{why}: no {want} in {self.output()}", every=0.05)
        expect_equal(len(found()), 1, f"{why}: records with {want}")
        return found()[0]


def rig():
    """Attached, and followed from before its server starts."""
    if not world:
        here = world["rig"] = Rig()
        here.attach("ensure")
        world["collector"] = Collector(here)
        world["state"] = Follow(here, "state", "-j")
        wait_until(lambda: world["collector"].get("/api/v1/events?kind=state")["events"], 5, "nothing of the attachment")
        time.sleep(0.5)  # until it reads the stream
        world["hzd"] = here.serve(options=["shed/mode=off"])
    return world["rig"]


def permille(here, value):
    wait_until(lambda: here.ctl_json("get")["values"]["shed/level_permille"] == str(value), 5, f"level {value}")


@test
def changes_of_state_are_followed_as_they_come():
    here = rig()
    state, hzd = world["state"], world["hzd"]
    start = state.wait_record("start", what="daemon", before="down", now="ready")
    expect_equal(start["name"], f"process {hzd.pid}", "who started")
    expect(abs(start["time_unix_ms"] / 1000 - time.time()) < 30, "time")
    here.ctl("reload")
    state.wait_record("reload", what="site", before=1, now=2)
    with thread_stopped(hzd.pid, "hz-worker-0"):
        state.wait_record("a worker that stands still", what="worker", worker=0, before="ready", now="down")
    state.wait_record("and turns again", what="worker", worker=0, before="down", now="ready")
    expect("worker 0 does not turn: no beat for" in hzd.output() and "it was away for" in hzd.output(), "log")
    here.ctl("set", "shed/mode=fixed", "shed/fixed_permille=400")
    state.wait_record("shedding begins", what="shed", before=0, now=400)
    here.ctl("set", "shed/mode=off", "shed/fixed_permille=0")
    state.wait_record("shedding ends", what="shed", before=400, now=0)
    here.ctl("health", "maintenance", "on")
    state.wait_record("maintenance", what="daemon", before="ready", now="maintenance")
    here.ctl("health", "maintenance", "off")
    state.wait_record("and its end", what="daemon", before="maintenance", now="ready")
    program = here.ctl_json("xdp", "show")["interfaces"][0]["program_id"]
    here.ctl("xdp", "update", "dev", "eth1")
    update = state.wait_record("another program", what="xdp", name="eth1", before=program)
    expect_equal(update["now"], here.ctl_json("xdp", "show")["interfaces"][0]["program_id"], "its id")


def refused_of(records, reason):
    return sum(one["count"] for one in records if one["reason"] == reason)


@test
def refused_sources_are_told_at_once_and_then_summed():
    here = rig()
    lines, shed = Follow(here, "shed"), Follow(here, "shed", "-j")
    time.sleep(0.5)
    before = here.verdicts()["shed_reset"]
    here.ctl("set", "shed/verdict=reset", "shed/mode=fixed", "shed/fixed_permille=1000")
    permille(here, 1000)
    world["state"].wait_record("all are refused", what="shed", before=0, now=1000)
    for _ in range(TRIES):
        try:
            tcp_connect(here.client, SERVER4, PORT, 5).close()
            expect(False, "let in")
        except ConnectionRefusedError:
            pass
    here.ctl("set", "shed/mode=off", "shed/fixed_permille=0")
    refused = here.verdicts()["shed_reset"] - before
    expect(refused >= TRIES, f"{refused} refused")
    wait_until(lambda: refused_of(shed.records(), "shed_reset") >= refused, 5,
               f"{refused} refused, told of {shed.output()}", every=0.05)
    told = steady(shed.records, still=1.2)
    expect_equal(refused_of(told, "shed_reset"), refused, "flows that records tell of")
    expect_equal({(one["prefix"], one["prefix_bits"]) for one in told}, {("10.7.0.0/24", 24)}, "prefixes")
    firsts = [one for one in told if one["span_ns"] == 0]
    expect(1 <= len(firsts) <= os.cpu_count() and all(one["count"] == 1 for one in firsts), f"first ones: {firsts}")
    expect(all(0.9e9 < one["span_ns"] < 60e9 for one in told if one not in firsts), f"spans: {told}")
    text = lines.output()
    expect("shed  10.7.0.0/24  1 new flows  shed_reset  (the first one of CPU " in text, text)
    expect("new flows  shed_reset  (" in text and "summary)" in text, text)
    events = world["collector"].get("/api/v1/events?last=200&kind=shed")["events"]
    expect_equal(refused_of(events, "shed_reset"), refused, "the collector's events")
    note(f"{refused} flows of one source, {len(told)} records")
    lines.end()
    shed.end()


@test
def marks_say_each_change_once():
    here = rig()
    collector = world["collector"]
    here.ctl("drain")
    expect_equal(world["hzd"].wait(20), 0, "exit code after drain")
    world["state"].wait_record("the end", what="daemon", before="draining", now="down")
    here.detach()
    wait_until(lambda: "eth1 detached" in str(collector.get("/api/v1/heatmap?last=120")["marks"]), 5, "no last mark")
    marks = collector.get("/api/v1/heatmap?last=120")["marks"]
    kinds = [mark["kind"] for mark in marks]
    expect_equal(kinds, ["xdp", "restart", "reload", "stall", "shed_on", "shed_off", "xdp", "shed_on", "shed_off",
                         "drain", "xdp"], f"marks {marks}")
    texts = [mark["text"] for mark in marks]
    expect_equal([texts[0], texts[6], texts[10]], ["eth1 attached", "eth1 updated", "eth1 detached"], "marks of XDP")
    expect_equal(texts[3], "worker 0 does not turn", "stall")
    expect_equal(collector.status()["events_lost"], 0, "lost events")


@test
def death_is_marked_and_told_by_nobody():
    here = rig()
    collector = world["collector"]
    here.attach()
    hzd = here.serve(options=["shed/mode=off"])
    wait_until(lambda: collector.status()["is_alive"], 8, "not alive", every=0.1)
    hzd.kill()

    def stalls():
        return [mark["text"] for mark in collector.get("/api/v1/heatmap?last=120")["marks"] if mark["kind"] == "stall"]
    wait_until(lambda: "no worker turns" in stalls(), 8, f"marks {stalls()}", every=0.1)
    status = collector.status()
    expect_equal((status["is_alive"], status["state"]), (False, "down"), "state")
    totals = {row["name"]: row["per_s"] for row in status["totals"]}
    expect_equal((totals["served"], totals["errors"], totals["health"]), (None, None, 0.0), "rates of a dead server")
    worker = status["workers"][0]
    expect_equal((worker["busy_ratio"], worker["requests_per_s"]), (None, None), "rates of a dead worker")
    expect_equal(stalls().count("no worker turns"), 1, "marks of one death")


@test
def programs_that_others_take_off_are_told_once():
    here = Rig("off")
    here.attach("ensure")
    collector = Collector(here)

    def changes():
        events = collector.get("/api/v1/events?last=200&kind=state")["events"]
        return [(one["name"], one["before"], one["now"]) for one in events if one["what"] == "xdp"]

    def running():
        return here.ctl_json("xdp", "show")["interfaces"][0]["program_id"]
    wait_until(changes, 5, "nothing of the attachment")
    here.serve(options=[PATIENT])
    want = [("eth1", 0, running())]
    run("bpftool", "link", "detach", "pinned", here.pins + "/link_eth1")
    want.append(("eth1", want[0][2], 0))
    wait_until(lambda: changes() == want, 5, f"detached by bpftool: {want} in {changes()}", every=0.1)
    here.attach("ensure")
    want.append(("eth1", 0, running()))
    wait_until(lambda: changes() == want, 5, f"attached again: {want} in {changes()}", every=0.1)
    time.sleep(1.5)  # until hzd has seen it
    run("ip", "-n", here.server, "link", "delete", "eth1")
    want.append(("eth1", want[2][2], 0))
    wait_until(lambda: changes() == want, 5, f"device gone: {want} in {changes()}", every=0.1)
    expect_equal(steady(changes, still=2.5), want, "changes of XDP")
    here.close()


@test
def detachment_by_hzctl_is_not_told_twice():
    here = Rig("on")
    here.attach("ensure")
    collector = Collector(here)
    here.serve(options=[PATIENT])

    def ends():
        events = collector.get("/api/v1/events?last=200&kind=state")["events"]
        return [one["before"] for one in events if one["what"] == "xdp" and one["now"] == 0]
    program = here.ctl_json("xdp", "show")["interfaces"][0]["program_id"]
    time.sleep(1.5)
    here.detach()
    wait_until(ends, 5, "not told", every=0.1)
    expect_equal(steady(ends, still=2.5), [program], "detached programs")
    here.close()


@test
def changes_that_the_ring_has_no_room_for_are_counted_at_the_end():
    here = Rig("full")
    here.attach("ensure")
    taken = fill(here)
    hzd = here.serve(options=[PATIENT])
    here.ctl("reload")
    here.ctl("drain")
    expect_equal(hzd.wait(20), 0, "exit code after drain")
    lost = stream_stats(here)["state_lost"]
    logged = [int(count) for count in re.findall(r"(\d+) changes of state are missing", hzd.output())]
    expect(lost >= 3, f"{lost} lost of: start, reload and end")  # and the drain, if it is seen
    expect_equal(sum(logged), lost, f"logged: {hzd.output()}")
    note(f"{taken} records fill the ring, {lost} changes of state found no room")
    here.detach()
    here.close()


if __name__ == "__main__":
    main()
