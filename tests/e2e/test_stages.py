#!/usr/bin/env python3
"""Where the time of a request goes: the stages add up to the total, and trouble shows in its own stage alone."""
import json
import time

from hz_e2e import (BIN, SERVER4, expect, expect_equal, main, note, run, shared_rig,
                    steady, tcp_connect, test, wait_until)
from hz_stages import (MS, STAGES, Notes, SocketNotes, at_least, collector, expect_sum, quantile_ns,
                       stages_of)

STALLS, ROUNDS = 15, 20


@test
def stages_of_quick_answers_add_up_to_the_total():
    with Notes() as app:
        done = shared_rig().wrk("-t1", "-c16", "-d2", url=f"http://{SERVER4}/worker")
        time.sleep(0.3)
        rows = app.stages()
        expect_sum(rows, done["requests"])
        expect(rows["queue"]["count"] >= 0.95 * rows["total"]["count"],
               f"queue of {rows['queue']['count']} among {rows['total']['count']}")
        expect(quantile_ns(rows["queue"], 0.5) > 0, "frames that waited for no time")


@test
def stages_of_answers_that_come_later_add_up_to_the_total():
    with Notes() as app:
        done = shared_rig().wrk("-t1", "-c16", "-d2", url=f"http://{SERVER4}/later/5")
        time.sleep(0.3)
        rows = app.stages()
        expect_sum(rows, done["requests"])
        for stage in ("handler", "total"):
            expect(at_least(rows[stage], 4.8 * MS) >= 0.99 * done["requests"],
                   f"{stage}: p50 {quantile_ns(rows[stage], 0.5)} ns of answers 5 ms later")
        for stage in ("parse", "route", "tx"):
            expect(quantile_ns(rows[stage], 0.9) < MS, f"{stage} has what the handler took")


def pipeline(app, path, count):
    """Seconds from one packet with so many requests to the end of the last answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: hz\r\n\r\n".encode()
    with tcp_connect(app.netns, *app.at) as sock:
        began, got = time.monotonic(), b""
        sock.sendall(request * count)
        while got.count(b"HTTP/1.1 200") < count or not got.endswith(b"}"):
            piece = sock.recv(4096)
            expect(piece, f"it ended after {got}")
            got += piece
        return time.monotonic() - began


def expect_pipeline(app):
    """Each of three that take 100 ms one after the other counts from when it came."""
    took = pipeline(app, "/later/100", 3)
    wait_until(lambda: stages_of(app.name, app.env)["total"]["count"] -
               app.before["total"]["count"] == 3, 5, "three answers")
    rows = app.stages()
    total, queue = (sorted(rows[stage]["buckets"]) for stage in ("total", "queue"))
    note(f"{took * 1000:.0f} ms; total {total}, queue {queue}")
    expect_sum(rows, 3)
    for number in (1, 2, 3):
        expect(total[number - 1] >= number * 97 * MS, f"total of answer {number}: {total}")
        expect(total[number - 1] <= took * 1e9 - (3 - number) * 97 * MS,
               f"total of answer {number} of {took} s: {total}")
    for number in (1, 2):
        expect(queue[number - 3] >= number * 97 * MS, f"wait of answer {number + 1}: {queue}")
    expect(at_least(rows["queue"], 10 * MS) == 2, f"the first one waited for none: {queue}")
    for stage in ("parse", "route", "tx"):
        expect_equal(at_least(rows[stage], 10 * MS), 0, f"long times in {stage}")
    expect(at_least(rows["handler"], 110 * MS) == 0, "handlers have what queue has")


@test
def pipelined_requests_count_from_when_they_came():
    with Notes() as app:
        expect_pipeline(app)


@test
def pipelined_requests_over_kernel_sockets_count_from_when_they_came():
    with SocketNotes() as app:
        expect_pipeline(app)


def shape(rows):
    return {stage: {"p50_us": quantile_ns(row, 0.5) / 1000, "over_2_ms": at_least(row, 2 * MS)}
            for stage, row in rows.items() if row["count"]}


def heat_over(stage, ns):
    """Samples of the last minute in cells that begin at ns or above."""
    heatmap = collector().get(f"/api/v1/heatmap?stage={stage}&last=60")
    return sum(count for column in heatmap["columns"] if column["counts"] is not None
               for low, count in zip(heatmap["bounds_ns"], column["counts"]) if low >= ns)


def heat_before(ns):
    """The same of each stage, when all that came before has arrived: hzd sends what it gained once a second."""
    return steady(lambda: {stage: heat_over(stage, ns) for stage in STAGES}, still=1.5, timeout=10)


@test
def handler_that_stalls_shows_in_its_stage_and_nowhere_else():
    with Notes("telemetry/slow_us=4000") as app:
        heat = heat_before(4 * MS)
        http = app.http()
        for number in range(20 * STALLS):
            path = "/block/5" if number % 20 == 0 else "/worker"
            expect_equal(http.get(path)[0], 204 if "block" in path else 200, path)
        rows = app.stages()
        note(str(shape(rows)))
        expect(quantile_ns(rows["handler"], 0.99) >= 4.8 * MS, "p99 of handler")
        expect(at_least(rows["handler"], 4.8 * MS) >= STALLS, "handlers that stalled")
        for stage in ("queue", "parse", "route", "tx"):
            # A worker whose core is taken away for a while waits, too; a few times.
            expect(at_least(rows[stage], 4 * MS) <= STALLS // 3, f"{stage}: {shape(rows)}")
        wait_until(lambda: heat_over("handler", 4 * MS) - heat["handler"] >= STALLS, 5,
                   "stalls in the heatmap of handler")
        for stage in ("queue", "parse", "route", "tx"):
            gained = heat_over(stage, 4 * MS) - heat[stage]
            expect(gained <= STALLS // 3, f"{gained} in the heatmap of {stage}")


@test
def answer_behind_a_stall_waits_in_queue_and_nowhere_else():
    with Notes("telemetry/slow_us=1000") as app:
        heat = heat_before(MS)["queue"]
        held, behind = app.http(), app.http()
        for http in (held, behind):
            expect_equal(http.get("/worker")[0], 200, "GET")
        app.stages()
        for _ in range(ROUNDS):
            held.request("GET", "/block/5")
            time.sleep(0.001)  # the worker is in it
            expect_equal(behind.get("/worker")[0], 200, "GET")
            response = held.getresponse()
            expect_equal((response.status, response.read()), (204, b""), "what held it up")
        rows = app.stages()
        note(str(shape(rows)))
        expect(at_least(rows["queue"], 2 * MS) >= 0.8 * ROUNDS, f"waits: {shape(rows)}")
        expect(at_least(rows["handler"], 2 * MS) <= ROUNDS * 1.1, f"handlers: {shape(rows)}")
        for stage in ("parse", "route", "tx"):
            expect(at_least(rows[stage], 2 * MS) <= 0.1 * ROUNDS, f"{stage}: {shape(rows)}")
        wait_until(lambda: heat_over("queue", MS) - heat >= 0.8 * ROUNDS, 5,
                   "waits in the heatmap of queue")


def told(path, enough):
    """What was told of answers of that path, examples apart, when it is enough."""
    def of_path():
        return [record for record in collector().get("/api/v1/events?kind=slow&last=100")["events"]
                if record["path"] == path and not record["is_example"]]

    wait_until(lambda: len(of_path()) >= enough, 5, f"slow answers of {path}", every=0.2)
    return of_path()


@test
def both_are_told_with_route_worker_and_stages():
    for record in told("/block/5", STALLS + ROUNDS // 2):
        expect_equal((record["route"], record["worker"], record["status"], record["method"]),
                     ("block", 0, 204, "GET"), "a stall")
        expect(record["stages_ns"]["handler"] >= 4.8 * MS, f"{record}")
        parts = sum(record["stages_ns"][stage] or 0 for stage in STAGES)
        expect(abs(parts - record["total_ns"]) <= 0.02 * record["total_ns"],
               f"stages {parts} ns, total {record['total_ns']} ns of a record")
    waits = [record for record in told("/worker", ROUNDS // 2)
             if record["stages_ns"]["queue"] >= 2 * MS and record["stages_ns"]["handler"] < MS]
    expect(len(waits) >= ROUNDS // 2, f"{len(waits)} of {ROUNDS} waited in queue")
    for record in waits:
        expect_equal((record["worker"], record["status"], bool(record["route"])), (0, 200, True),
                     "a wait")


@test
def slow_answers_beyond_their_rate_are_counted():
    with Notes("telemetry/slow_us=1", "telemetry/slow_per_s=10"):
        began = time.monotonic()
        done = shared_rig().wrk("-t1", "-c16", "-d2", url=f"http://{SERVER4}/worker")
        time.sleep(0.3)
        values = shared_rig().ctl_json("get", "telemetry/slow_told", "telemetry/slow_refused")["values"]
        seconds = time.monotonic() - began
    told_count, refused = int(values["telemetry/slow_told"]), int(values["telemetry/slow_refused"])
    note(f"{done['requests']} answers in {seconds:.1f} s: {told_count} told, {refused} refused")
    expect(10 <= told_count <= 11 * (seconds + 2), f"{told_count} told of 10 a second")
    expect(refused > 100, f"{refused} refused")


@test
def queue_that_nobody_measures_is_told_as_unknown():
    app = SocketNotes()
    name, env, http = app.name, app.env, app.http()
    for _ in range(20):
        expect_equal(http.get("/worker")[0], 200, "GET")
    expect_equal(http.get("/later/5")[0], 200, "GET")

    def rows():
        done = run(f"{BIN}/hzctl", "-i", name, "-j", "latency", env=env)
        return {row["stage"]: row for row in json.loads(done.stdout)["stages"]}

    wait_until(lambda: rows()["total"]["count"] == 21, 5, "21 answers")
    by_stage = rows()
    expect_equal((by_stage["queue"]["count"], by_stage["queue"]["p50_ns"],
                  by_stage["queue"]["mean_ns"]), (0, None, None), "queue over kernel sockets")
    parts = sum((by_stage[stage]["mean_ns"] or 0) * by_stage[stage]["count"] for stage in STAGES)
    total = by_stage["total"]["mean_ns"] * 21
    expect(abs(parts - total) <= 0.02 * total, f"stages {parts} ns, total {total} ns")
    text = run(f"{BIN}/hzctl", "-i", name, "latency", env=env).stdout
    line = next(line for line in text.splitlines() if line.startswith("queue"))
    expect("not measured" in line, f"hzctl latency says of queue: {line!r}")
    app.process.end()


if __name__ == "__main__":
    main()
