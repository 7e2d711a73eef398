#!/usr/bin/env python3
"""hz-collector beside a real hzd: what it serves is what the maps say, and neither needs the other."""
import json
import os
import signal
import socket
import stat
import time

from hz_collector import PORT, Collector, recorded
from hz_e2e import (BIN, Process, Rig, expect, expect_equal, main, note, run, status_field,
                    tcp_connect, temporary_directory, test, wait_until)

world = {}


def rig():
    if not world:
        world["rig"] = here = Rig()
        world["hzd"] = here.start(options=["shed/mode=off"])  # a busy machine is no reason to refuse anybody
        world["collector"] = Collector(here, "--user", "nobody")
        here.wrk("-t1", "-c16", "-d2")
        wait_until(lambda: world["collector"].samples()[0] == recorded(here), 6, "samples do not come", every=0.1)
    return world["rig"], world["collector"]


@test
def status_says_what_the_maps_say():
    here, collector = rig()
    status = collector.status()
    for key in ("instance", "version", "time_unix_ms", "is_alive", "state", "generation", "uptime_s",
                "totals", "workers", "stages", "routes", "verdicts", "connections", "shed_permille",
                "events_lost", "records", "refused", "lost"):
        expect(key in status, f"no {key}")
    expect_equal(status["history_s"], 0, "there is no history")
    totals = {row["name"]: row for row in status["totals"]}
    expect_equal(totals["served"]["total"], here.requests(), "served")
    expect_equal((status["is_alive"], status["state"], status["instance"]),
                 (True, "ready", here.name), "state")
    verdicts = here.verdicts()
    for row in status["verdicts"]:
        if row["reason"] in ("steer", "health_200"):
            expect_equal(row["total"], verdicts[row["reason"]], row["reason"])
    worker = status["workers"][0]
    expect(worker["state"] == "ready" and worker["beat_age_ms"] < 5000, f"worker: {worker}")
    expect(abs(status["time_unix_ms"] / 1000 - time.time()) < 3, "time")


@test
def columns_hold_every_sample_in_every_form():
    here, collector = rig()
    for stage in ("total", "parse", "handler", "tx"):
        expect_equal(collector.samples(stage)[0], recorded(here, stage), f"samples of {stage}")
    row = collector.get("/api/v1/latency?stage=total&last=600")["stages"][0]
    expect_equal(row["count"], recorded(here), "latency of ten minutes")
    metrics = collector.metrics()
    expect_equal(metrics['hz_request_duration_seconds_count{stage="total",worker="all"}'],
                 recorded(here), "count in /metrics")
    pct = next(r for r in here.ctl_json("latency")["stages"] if r["stage"] == "total")
    for key in ("p50_ns", "p99_ns"):
        # the same buckets; the fine columns add an error of 1/64 at most
        expect(abs(row[key] - pct[key]) <= pct[key] / 50, f"{key}: {row[key]}, hzctl {pct[key]}")
    heatmap = collector.get("/api/v1/heatmap?stage=total&last=120")
    bounds = heatmap["bounds_ns"]
    expect_equal((bounds[0], len(bounds), bounds == sorted(bounds)), (256, 105, True), "bounds")
    expect_equal({len(c["counts"]) for c in heatmap["columns"] if c["counts"]}, {104}, "rows")
    times = [column["t"] for column in heatmap["columns"]]
    expect_equal(times, list(range(heatmap["from_unix"], heatmap["from_unix"] + 120)), "times")


@test
def day_is_shown_in_no_more_columns_than_a_screen_has():
    for last, step in ((3600, 1), (3601, 10), (21600, 30), (86400, 120)):
        heatmap = rig()[1].get(f"/api/v1/heatmap?last={last}")
        expect_equal(heatmap["step_s"], step, f"step of {last} s")
        expect(abs(len(heatmap["columns"]) - last / step) <= 1, f"{len(heatmap['columns'])} columns")


@test
def day_has_every_sample_when_the_step_is_over():
    here, collector = rig()
    wait_until(lambda: collector.samples(last=86400)[0] == recorded(here), 12, "the step is never over", every=0.2)
    pct = next(r for r in here.ctl_json("latency")["stages"] if r["stage"] == "total")
    row = collector.get("/api/v1/latency?stage=total&last=86400")["stages"][0]
    expect_equal(row["count"], recorded(here), "latency of a day")
    for key in ("p50_ns", "p99_ns"):  # coarse columns: the middle of four buckets
        expect(abs(row[key] - pct[key]) <= pct[key] / 15, f"{key}: {row[key]}, hzctl {pct[key]}")


@test
def stream_ticks_each_second_with_status_column_and_marks():
    here, collector = rig()
    run("kill", "-HUP", world["hzd"].pid)
    events = collector.events(3.3)
    ticks = [data for name, data in events if name == "tick"]
    expect(2 <= len(ticks) <= 4, f"{len(ticks)} ticks in 3.3 s")
    expect(all(set(t) >= {"status", "column", "marks"} for t in ticks), "keys of a tick")
    expect_equal([b["column"]["t"] - a["column"]["t"] for a, b in zip(ticks, ticks[1:])],
                 [1] * (len(ticks) - 1), "seconds between columns")
    marks = [mark["kind"] for tick in ticks for mark in tick["marks"]]
    expect_equal(marks, ["reload"], "marks told once")
    expect(here.ctl("status").returncode == 0, "hzd after SIGHUP")


@test
def quiet_seconds_of_a_collector_that_stood_still_are_known():
    here, collector = rig()
    client = here.http()
    begin = int(time.time()) - 2
    collector.signal(signal.SIGSTOP)
    try:
        for _ in range(2):
            time.sleep(2.5)
            client.get("/")
        time.sleep(2.5)
    finally:
        collector.signal(signal.SIGCONT)
    end = int(time.time())
    time.sleep(2.1)
    columns = [c for c in collector.get("/api/v1/heatmap?last=30")["columns"] if begin <= c["t"] < end]
    expect(len(columns) > 8, f"{len(columns)} columns")
    expect_equal([c["t"] - begin for c in columns if c["counts"] is None], [], "seconds that nobody knows")


@test
def strangers_and_wrong_questions_are_refused():
    collector = rig()[1]
    for want, words in ((405, ("-X", "POST", "-d", "x")), (405, ("-X", "DELETE")),
                        (413, ("-X", "GET", "-d", "x")), (421, ("-H", "Host: evil.example")),
                        (421, ("-H", "Host: 127.0.0.1.evil.example")), (200, ("-I",)),
                        (200, ("-H", "Host: localhost:1")), (200, ("-H", "Host: [::1]:9477"))):
        expect_equal(collector.code("/api/v1/status", *words), want, f"answer to {words}")
    for path, want in (("/api/v1/heatmap?last=0", 400), ("/api/v1/heatmap?last=86401", 400),
                       ("/api/v1/heatmap?last=-1", 400), ("/api/v1/latency?stage=nothing", 400),
                       ("/api/v1/events?kind=hist_delta", 400), ("/api/v1/none", 404),
                       ("/../etc/passwd", 404), ("/", 200), ("/api/v1/events?last=5&kind=slow", 200)):
        expect_equal(collector.code(path), want, f"answer to {path}")
    head = collector.curl("/", "-i")
    for field in ("Content-Security-Policy: frame-ancestors 'none'", "X-Content-Type-Options: nosniff"):
        expect(field in head, f"no {field}")


@test
def idle_and_slow_clients_are_bounded_in_number_and_memory():
    here, collector = rig()
    before = int(status_field(collector.pid, "VmRSS").split()[0])
    time.sleep(2.2)  # that a reader has left is noticed when the second tick cannot be sent
    readers = [tcp_connect(here.server, "127.0.0.1", PORT) for _ in range(17)]
    for reader in readers:
        reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    got = [reader.recv(12) for reader in readers]
    expect_equal(sorted(got), [b"HTTP/1.1 200"] * 16 + [b"HTTP/1.1 503"], "17 readers of /events")
    idle = [tcp_connect(here.server, "127.0.0.1", PORT) for _ in range(60)]
    idle[0].sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n")
    for sock in readers + idle:
        sock.close()
    wait_until(lambda: collector.code("/api/v1/status") == 200, 5, "no answer behind the crowd")
    grown = int(status_field(collector.pid, "VmRSS").split()[0]) - before
    expect(grown < 16 * 1024, f"{grown} KiB more")


@test
def rights_are_gone_once_all_is_open():
    collector = rig()[1]
    for field in ("CapEff", "CapPrm", "CapInh", "CapBnd"):
        expect_equal(int(status_field(collector.pid, field), 16), 0, field)
    expect_equal(status_field(collector.pid, "NoNewPrivs"), "1", "NoNewPrivs")
    expect_equal(set(status_field(collector.pid, "Uid").split()), {"65534"}, "uid")


@test
def second_collector_is_told_that_there_is_one():
    here, _ = rig()
    done = run(BIN + "/hz-collector", "-i", here.name, "--lines", netns=here.server, check=False)
    expect_equal(done.returncode, 1, done.stderr)
    expect("another hz-collector" in done.stderr, done.stderr)
    done = run(BIN + "/hz-collector", "-i", here.name, "--listen", f"127.0.0.1:{PORT}",
               netns=here.server, check=False)
    expect("in use" in done.stderr, done.stderr)
    done = run(BIN + "/hz-collector", "-i", here.name, "--listen", "nonsense", check=False)
    expect_equal(done.returncode, 2, done.stderr)


@test
def descriptors_come_from_hzd_where_pins_are_not_to_be_seen():
    here, collector = rig()
    collector.end()
    path = temporary_directory() + "/sock"
    hidden = Process("unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/fs/bpf && exec "
                     f"{BIN}/hz-collector -i {here.name} --listen {path}", netns=here.server)
    wait_until(lambda: os.path.exists(path) or not hidden.is_running(), 5, "no socket")
    expect(hidden.is_running(), hidden.output())
    expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o660, "mode of the socket")
    wait_until(lambda: "ready" in run("curl", "-sS", "--unix-socket", path,
                                      "http://any.name/api/v1/status", check=False).stdout, 5,
               f"no status: {hidden.output()}")
    hidden.kill()
    again = Process(BIN + "/hz-collector", "-i", here.name, "--listen", path, netns=here.server)
    wait_until(lambda: "serving" in again.output(), 5, f"dead socket not replaced: {again.output()}")
    again.end()
    answer = ask(here, b'{"cmd":"stream"}\n')
    expect_equal(answer["result"]["fds"][0], "events", "first descriptor")
    world["collector"] = Collector(here)


def ask(here, line):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(f"/run/hz-{here.name}/ctl.sock")
        sock.sendall(line)
        data, fds, _, _ = socket.recv_fds(sock, 4096, 32)
        answer = json.loads(data)
        expect_equal(len(fds), len(answer["result"]["fds"]), "descriptors")
        for name, fd in zip(answer["result"]["fds"], fds):
            flags = int(next(line.split()[1] for line in open(f"/proc/self/fdinfo/{fd}")
                             if line.startswith("flags")), 8)
            expect_equal(flags & os.O_ACCMODE, os.O_RDWR if name == "events" else os.O_RDONLY,
                         f"mode of {name}")
            os.close(fd)
        return answer


@test
def nobody_without_a_group_gets_nothing():
    here, _ = rig()
    done = run(BIN + "/hz-collector", "-i", here.name, "--lines", check=False, user="nobody",
               group="nogroup", extra_groups=[])
    expect_equal(done.returncode, 4, done.stderr)
    done = run(BIN + "/hz-collector", "-i", "never-attached", check=False)
    expect_equal(done.returncode, 3, done.stderr)


@test
def death_and_return_of_hzd_are_seen_and_counters_go_on():
    here, collector = rig()
    client = here.http()
    for _ in range(50):
        client.get("/")
    time.sleep(2.1)
    served = collector.metrics()['hz_request_duration_seconds_count{stage="total",worker="all"}']
    world["hzd"].kill()
    took = wait_until(lambda: not collector.status()["is_alive"], 4, "still alive", every=0.1)
    status = collector.status()
    expect_equal((status["state"], status["workers"][0]["state"]), ("down", "stale"), "state")
    expect_equal(collector.metrics()["hz_up"], 0, "hz_up")
    time.sleep(1.2)
    world["hzd"] = here.serve()
    wait_until(lambda: collector.status()["is_alive"], 4, "not alive again", every=0.1)
    note(f"death seen after {took:.1f} s")
    client = here.http()
    for _ in range(10):
        client.get("/")
    total = served + 10
    wait_until(lambda: collector.metrics()['hz_request_duration_seconds_count{stage="total",'
                                           'worker="all"}'] == total, 4, f"not {total}")
    heatmap = collector.get("/api/v1/heatmap?last=20")
    kinds = [mark["kind"] for mark in heatmap["marks"]]
    expect("stall" in kinds and "restart" in kinds, f"marks {kinds}")
    expect(any(column["counts"] is None for column in heatmap["columns"][-8:]), "dead seconds are known")


@test
def maps_that_are_made_anew_are_found():
    here, collector = rig()
    old = collector.status()["records"]
    world["hzd"].end()
    here.detach()
    here.ctl("xdp", "detach", "all", check=False)
    wait_until(lambda: not collector.status()["is_alive"], 4, "not down", every=0.1)
    world["hzd"] = here.start()
    wait_until(lambda: collector.status()["is_alive"], 6, "other maps were not found", every=0.1)
    client = here.http()
    for _ in range(25):
        client.get("/")
    wait_until(lambda: collector.get("/api/v1/latency?stage=total&last=5")["stages"][0]["count"] == 25,
               4, "their samples do not come")
    status = collector.status()
    expect_equal(next(t["total"] for t in status["totals"] if t["name"] == "served"), 25, "served")
    expect(status["records"] < old, "records of the old maps")
    marks = collector.get("/api/v1/heatmap?last=30")["marks"]
    expect("xdp" in [mark["kind"] for mark in marks], f"marks {marks}")
    collector.signal(signal.SIGTERM)
    expect_equal(collector.wait(5), 0, "exit code")


if __name__ == "__main__":
    main()
