#!/usr/bin/env python3
"""What hz-collector sends elsewhere: metrics by OTLP/HTTP, columns into its history."""
import http.server
import json
import os
import signal
import socket
import threading
import time

from hz_collector import Collector, recorded
from hz_e2e import (PATIENT, STACK, Rig, expect, expect_equal, inside, main, temporary_directory, test, wait_until)


class OtlpServer(threading.Thread):
    """Takes what is pushed, in the server's namespace; answers 503 while it is `down`."""

    def __init__(self, here, port=4318):
        super().__init__(daemon=True)
        self.bodies, self.fields, self.down = [], {}, False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not outer.down:
                    outer.bodies.append((self.path, self.headers["Content-Type"], json.loads(body)))
                    outer.fields = dict(self.headers)
                self.send_response(503 if outer.down else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        with inside(here.server):
            self.server = http.server.HTTPServer(("127.0.0.1", port), Handler)
        STACK.callback(self.server.server_close)

    def run(self):
        self.server.serve_forever()

    def of(self, path):
        """What was pushed there: its kind and its body."""
        return [(kind, body) for where, kind, body in self.bodies if where == path]


@test
def metrics_are_pushed_and_the_history_outlives_a_kill():
    here = Rig()
    here.start(options=[PATIENT])
    path = temporary_directory(0o777) + "/history.db"
    server = OtlpServer(here)
    server.start()
    words = ("--history", path, "--otlp", "http://127.0.0.1:4318/", "--user", "nobody")
    os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = "api-key=a%20secret,x-other=2"
    STACK.callback(os.environ.pop, "OTEL_EXPORTER_OTLP_HEADERS", None)
    collector = Collector(here, *words)
    client = here.http()
    for _ in range(40):
        client.get("/")
    wait_until(lambda: server.of("/v1/metrics"), 14, "nothing was pushed", every=0.1)
    kind, body = server.of("/v1/metrics")[0]
    expect_equal(kind, "application/json", "content of a push")
    metrics = {m["name"]: m for m in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    points = metrics["hz_request_duration_seconds"]["exponentialHistogram"]["dataPoints"]
    total = next(p for p in points if p["attributes"][0]["value"]["stringValue"] == "total")
    buckets = sum(int(count) for count in total["positive"]["bucketCounts"])
    expect_equal(int(total["count"]), recorded(here), "count of the histogram")
    expect_equal(buckets + int(total["zeroCount"]), recorded(here), "and of its buckets")
    verdict = metrics["hz_xdp_verdicts_total"]["sum"]["dataPoints"][0]
    for point in (total, verdict):
        began = int(point["startTimeUnixNano"]) / 1e9
        expect(time.time() - 60 < began < int(point["timeUnixNano"]) / 1e9, f"began at {began}")
    expect_equal((server.fields["api-key"], server.fields["x-other"]), ("a secret", "2"), "fields")
    expect("startTimeUnixNano" not in metrics["hz_up"]["gauge"]["dataPoints"][0], "a gauge began")
    expect_equal(metrics["hz_up"]["gauge"]["dataPoints"][0]["asDouble"], 1, "hz_up")
    expect_equal(os.stat(path).st_uid, 65534, "owner of the history")
    known = wait_until_history(collector, 40)
    here.ctl("reload")
    wait_until(lambda: "reload" in marks_of(collector, 600), 4, "no mark of the reload")
    time.sleep(1.2)
    marks = marks_of(collector, 600)
    collector.kill()
    collector = Collector(here, *words)
    for last in (600, 86400, 7 * 86400):
        expect_equal(marks_of(collector, last), marks, f"marks of {last} s after a kill, of the file")
    first = next(data for name, data in collector.events(2.5) if name == "tick")
    expect_equal(first["marks"], [], "marks of an earlier run told as news")
    expect_equal(collector.samples(last=86400)[0], known, "samples after a kill, of the file")
    pushed = len(server.of("/v1/metrics"))
    wait_until(lambda: len(server.of("/v1/metrics")) > pushed, 14, "nothing more was pushed", every=0.1)
    expect_equal(began_of(server.of("/v1/metrics")[-1][1]), total["startTimeUnixNano"],
                 "when the counters began, after another start of the collector")
    one_of_them_is_a_span(server)


def one_of_them_is_a_span(server):
    wait_until(lambda: server.of("/v1/traces"), 14, "no example was pushed", every=0.1)
    span = server.of("/v1/traces")[0][1]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    of = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
    expect_equal((of["http.request.method"], of["url.path"], of["http.response.status_code"], of["hz.worker"]),
                 ("GET", "/", "200", "0"), "of the request")
    took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
    stages = sum(int(value) for key, value in of.items() if key.startswith("hz.stage."))
    expect_equal(stages, took, "sum of its stages")
    expect(len(span["traceId"]) == 32 and len(span["spanId"]) == 16, f"ids of {span}")


def began_of(body):
    metrics = {m["name"]: m for m in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    return metrics["hz_request_duration_seconds"]["exponentialHistogram"]["dataPoints"][0]["startTimeUnixNano"]


@test
def stop_and_start_in_the_middle_of_a_step_lose_no_sample():
    here = Rig("c")
    here.start(options=[PATIENT])
    words = ("--history", temporary_directory(0o777) + "/history.db", "--user", "nobody")
    client = here.http()
    collector = Collector(here, *words)
    sent = 0
    for turn in range(3):  # a step has 10 s: at least two of these stops are within one
        for _ in range(40):
            client.get("/")
        sent += 40
        wait_until(lambda: collector.samples()[0] == 40, 4, "no samples", every=0.1)
        collector.end()
        expect_equal(collector.process.returncode, 0, f"exit of run {turn}")
        collector = Collector(here, *words)
    wait_until(lambda: collector.samples(last=86400)[0] >= sent, 14, "the step is never over", every=0.2)
    expect_equal(collector.samples(last=86400)[0], sent, "samples of the day")
    expect_equal(collector.samples(last=30 * 86400)[0], sent, "samples of the month")
    expect_equal(collector.get(f"/api/v1/heatmap?last={7 * 86400}")["step_s"], 1200, "step of a week")
    expect_equal(collector.code(f"/api/v1/heatmap?last={30 * 86400 + 1}"), 400, "more than is kept")
    expect_equal(collector.code("/api/v1/latency?last=86401"), 400, "percentiles of more than a day")
    expect(0 < collector.status()["history_s"] < 120, "length of the history")


def marks_of(collector, last):
    return [mark["kind"] for mark in collector.get(f"/api/v1/heatmap?last={last}")["marks"]]


def wait_until_history(collector, least):
    wait_until(lambda: collector.samples(last=86400)[0] >= least, 12, "no column of 10 s", every=0.2)
    return collector.samples(last=86400)[0]


@test
def endpoint_that_refuses_is_told_once_and_tried_again():
    here = Rig("b")
    here.start(options=[PATIENT])
    server = OtlpServer(here)
    server.down = True
    server.start()
    collector = Collector(here, "--otlp", "http://me:pass-word@127.0.0.1:4318")
    wait_until(lambda: "answer 503" in collector.output(), 14, "not told", every=0.2)
    server.down = False
    wait_until(lambda: server.of("/v1/metrics"), 14, "not tried again", every=0.2)
    expect_equal(collector.output().count("answer 503"), 1, "lines about it")
    expect("pass-word" not in collector.output(), "the log has the password")
    expect(collector.metrics()["hz_collector_push_failed_total"] >= 1, "failed pushes in /metrics")


@test
def stop_pushes_what_came_last_and_waits_for_nobody_long():
    here = Rig("d")
    here.start(options=[PATIENT, "telemetry/slow_us=1", "telemetry/slow_per_s=10000",
                        "telemetry/interval_ms=100"])
    server = OtlpServer(here)
    server.start()
    collector = Collector(here, "--otlp", "http://127.0.0.1:4318")
    client, end = here.http(), int(time.time()) + 2.7  # spans go out at whole seconds
    while time.time() < end:
        client.get("/")
    collector.signal(signal.SIGTERM)
    expect_equal(collector.wait(4), 0, "exit code")
    bodies = server.of("/v1/metrics")
    expect_equal(len(bodies), 1, f"pushes of metrics before the first was due: {collector.output()}")
    metrics = {m["name"]: m for m in bodies[0][1]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    counts = [int(point["count"]) for point in
              metrics["hz_request_duration_seconds"]["exponentialHistogram"]["dataPoints"]
              if {"key": "stage", "value": {"stringValue": "total"}} in point["attributes"]]
    expect_equal(sum(counts), recorded(here), "samples in the last push")
    one_of_them_is_a_span(server)
    spans = [span for _, body in server.of("/v1/traces")
             for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    newest = max(int(span["endTimeUnixNano"]) for span in spans) / 1e9
    expect(newest > end - 0.5, f"the newest span of {len(spans)} is {end - newest:.2f} s older than the stop")
    expect("not taken" not in collector.output(), collector.output())
    with inside(here.server):
        silent = socket.create_server(("127.0.0.1", 4319))
    STACK.callback(silent.close)
    collector = Collector(here, "--otlp", "http://127.0.0.1:4319")
    time.sleep(1.2)  # there is nothing to push before the maps were read
    collector.signal(signal.SIGTERM)
    took = wait_until(lambda: not collector.is_running(), 4, "still waits", every=0.05)
    expect(took > 1, f"waited for {took} s only")
    expect_equal((collector.wait(1), collector.output().count("not taken")), (0, 1), collector.output())


if __name__ == "__main__":
    main(each_ends_its_own=True)
