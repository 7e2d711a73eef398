#!/usr/bin/env python3
"""Slow answers one by one: which of a second are told, and that each one is accounted for."""
import os
import signal
import time

from hz_collector import recorded
from hz_e2e import (BIN, SERVER4, Process, expect, expect_equal, main, note, shared_rig, steady,
                    temporary_directory, test, wait_until)
from hz_ring import stream_stats
from hz_stages import Notes, collector

PER_S, MILD, SECONDS = 10, 30, 5


class SlowNotes(Notes):
    """It tells of every answer, and from the first one on there is a reader."""

    def __init__(self, *options):
        collector()
        super().__init__("telemetry/slow_us=1", *options)


def told_and_refused():
    values = shared_rig().ctl_json("get", "telemetry/slow_told", "telemetry/slow_refused")["values"]
    return int(values["telemetry/slow_told"]), int(values["telemetry/slow_refused"])


def records_of(path):
    events = collector().get("/api/v1/events?kind=slow&last=100")["events"]
    return [record for record in events if record["path"] == path]


@test
def worst_of_each_second_is_told_whatever_came_before_it():
    with SlowNotes(f"telemetry/slow_per_s={PER_S}") as app:
        http = app.http()
        for _ in range(SECONDS):
            for _ in range(MILD):
                expect_equal(http.get("/worker")[0], 200, "a mild one")
            expect_equal(http.get("/block/20")[0], 204, "the worst")
            time.sleep(1.1)
        answers = SECONDS * (MILD + 1)
        wait_until(lambda: sum(told_and_refused()) == answers, 3,
                   f"{answers} answers, of which {told_and_refused()} are told and refused")
        told, refused = told_and_refused()
    note(f"{answers} answers: {told} told, {refused} refused")
    expect(told <= (SECONDS + 1) * PER_S, f"{told} told of {PER_S} a second")
    wait_until(lambda: len(records_of("/block/20")) == SECONDS, 3,
               f"{len(records_of('/block/20'))} of {SECONDS} stalls are told")


@test
def answers_held_for_the_end_of_a_second_are_told_by_an_orderly_stop():
    before = len(records_of("/block/21"))
    with SlowNotes(f"telemetry/slow_per_s={PER_S}") as app:
        http = app.http()
        expect_equal(http.get("/worker")[0], 200, "GET")
        time.sleep(1.1)
        for _ in range(MILD):
            expect_equal(http.get("/worker")[0], 200, "a mild one")
        expect_equal(http.get("/block/21")[0], 204, "the worst")
    wait_until(lambda: len(records_of("/block/21")) == before + 1, 3, "told at the end")


@test
def rate_of_one_is_the_worst_of_each_second():
    with SlowNotes("telemetry/slow_per_s=1") as app:
        http = app.http()
        for number in range(3):
            for _ in range(3):
                expect_equal(http.get("/block/1")[0], 204, "a mild one")
            expect_equal(http.get("/block/22")[0], 204, "the worst")
            time.sleep(1.1)
        wait_until(lambda: sum(told_and_refused()) == 12, 3, "all are told or refused")
        told, _ = told_and_refused()
        expect(3 <= told <= 6, f"{told} told in 3 seconds")
    wait_until(lambda: len(records_of("/block/22")) == 3, 3, "the worst of each")


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def lost_by_worker(here):
    rows = here.ctl_json("worker", "show", "id", "0")["workers"][0]["counters"]
    return next(row["value"] for row in rows if row["name"] == "slow_lost")


@test
def answers_lost_to_full_rings_are_counted_one_by_one():
    """The one reader is stopped until the kernel's ring is full: read + refused + lost are all that were slow."""
    here = shared_rig()
    collector().end()
    path = os.path.join(temporary_directory(), "lines")
    reader = Process("sh", "-c", f"exec {BIN}/hz-collector -i {here.name} --lines >>{path}")
    wait_until(lambda: os.path.exists(path), 3, "no reader")
    with SlowNotes("telemetry/slow_per_s=10000", "telemetry/interval_ms=60000") as app:
        lost_before, before = stream_stats(here)["slow_lost"], recorded(here)
        worker_before = lost_by_worker(here)
        reader.signal(signal.SIGSTOP)
        end = time.monotonic() + 20
        while stream_stats(here)["slow_lost"] < lost_before + 200:
            expect(time.monotonic() < end, f"the ring is not full: {stream_stats(here)}")
            here.wrk("-t1", "-c16", "-d1", url=f"http://{SERVER4}/worker")
        answers = steady(lambda: recorded(here)) - before
        by_kernel = steady(lambda: stream_stats(here)["slow_lost"] - lost_before)
        by_worker = steady(lambda: lost_by_worker(here)) - worker_before
        told, refused = steady(told_and_refused)
        reader.signal(signal.SIGCONT)
        expect_equal(told + refused + by_worker + by_kernel, answers, "slow answers, and what became of each")
        app.process.end()
    wait_until(lambda: '"now":"down"' in read_lines(path)[-1], 5, "the last record is not read")
    reader.signal(signal.SIGTERM)
    reader.wait(5)
    read = sum('"kind":"slow"' in line for line in read_lines(path))
    note(f"{answers} slow answers: {read} read, {refused} refused, {by_worker} and {by_kernel} lost")
    expect_equal(read, told, "records read, and told")


if __name__ == "__main__":
    main()
