#!/usr/bin/env python3
"""A real Prometheus scrapes hz-collector in both forms, and its quantiles are hzctl's."""
import json
import re
import shutil
import time
import urllib.parse

from hz_collector import Collector, recorded
from hz_e2e import (BENCH_SITE, ROOT, SERVER4, Process, Rig, Skip, expect, expect_equal, main, note, run, temporary_directory,
                    test, wait_until, write_file)

SERIES_MAX = 1000
RULES = ROOT + "/configs/prometheus/hz.rules.yml"
DASHBOARD = ROOT + "/configs/grafana/hz.json"
METRICS = ROOT + "/userspace/collector/metrics.def"
# Expressions that have no data in one form, by panel: another one of the same panel has it.
OTHER_FORM = {("Latency of requests", "A", "native"), ("Latency of requests", "B", "text")}
PROTO = ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
         "encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3")
world = {}


def rig():
    """A server that has served a known load, its collector, and two Prometheus of different minds."""
    if not shutil.which("prometheus"):
        raise Skip("prometheus is not installed (make setup)")
    if not world:
        here = world["rig"] = Rig()
        with open(BENCH_SITE, encoding="utf-8") as file:
            world["site_text"] = file.read().replace("../../tests", ROOT + "/tests")
        world["site"] = temporary_directory() + "/site.yaml"
        write_file(world["site"], world["site_text"])
        here.start(site=world["site"])
        world["collector"] = Collector(here)
        here.wrk("-t1", "-c16", "-d3")
        for _ in range(20):
            here.health()
        start("text", 9491)
        start("native", 9492, "--enable-feature=native-histograms")
    return world["rig"], world["collector"]


def start(name, port, *words):
    directory = temporary_directory()
    with open(RULES, encoding="utf-8") as file:
        write_file(directory + "/rules.yml", file.read().replace("interval: 15s", "interval: 1s"))
    write_file(directory + "/prometheus.yml", json.dumps({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [directory + "/rules.yml"],
        "scrape_configs": [{"job_name": "hz", "static_configs": [{"targets": ["127.0.0.1:9477"]}]}]}))
    world[name] = Process("prometheus", f"--config.file={directory}/prometheus.yml",
                          f"--storage.tsdb.path={directory}/data",
                          f"--web.listen-address=127.0.0.1:{port}", *words,
                          netns=world["rig"].server)
    world[name].port = port


def query(name, expression):
    done = run("curl", "-sS", "--max-time", "5",
               f"http://127.0.0.1:{world[name].port}/api/v1/query?query=" +
               urllib.parse.quote(expression), netns=world["rig"].server, check=False)
    try:
        return json.loads(done.stdout)["data"]["result"]
    except (ValueError, KeyError):
        return []


def value(name, expression):
    result = query(name, expression)
    return float(result[0]["value"][1]) if result else None


@test
def both_forms_are_scraped():
    here, _ = rig()
    for name in ("text", "native"):
        wait_until(lambda: value(name, "hz_up") == 1, 15,  # pylint: disable=cell-var-from-loop
                   f"{name}: {world[name].output()[-300:]}", every=0.2)
        expect_equal(value(name, 'up{job="hz"}'), 1, f"up of {name}")
        expect_equal(value(name, "hz_config_generation"), 1, f"generation by {name}")
        expect_equal(value(name, 'hz_xdp_verdicts_total{reason="steer"}'),
                     here.verdicts()["steer"], f"steered by {name}")
    expect(value("text", 'hz_request_duration_seconds_bucket{stage="total",le="+Inf"}'),
           "no classic buckets in text")


@test
def counts_are_those_of_the_histograms():
    here, _ = rig()
    for stage in ("total", "parse", "health"):
        expect_equal(value("native", f'histogram_count(sum(hz_request_duration_seconds{{stage="{stage}"}}))'),
                     recorded(here, stage), f"native count of {stage}")
        expect_equal(value("text", f'sum(hz_request_duration_seconds_count{{stage="{stage}"}})'),
                     recorded(here, stage), f"count of {stage}")


@test
def native_quantiles_are_hzctls_within_five_percent():
    here, _ = rig()
    rows = {row["stage"]: row for row in here.ctl_json("latency")["stages"]}
    for stage in ("total", "parse", "handler", "health"):
        for part, key in ((0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")):
            ours = rows[stage][key] / 1e9
            theirs = value("native", f"histogram_quantile({part}, "
                           f'sum(hz_request_duration_seconds{{stage="{stage}"}}))')
            note(f"{stage} {key}: hzctl {ours * 1e6:.3f} us, native {theirs * 1e6:.3f} us, "
                 f"{100 * (theirs / ours - 1):+.1f} %")
            expect(abs(theirs - ours) <= 0.05 * ours, f"{stage} {key}: {theirs} and {ours}")


@test
def text_quantiles_lie_in_the_bucket_of_hzctls():
    """Bounds are a half apart: what is said lies as far away at most, for stages of half a microsecond too."""
    here, _ = rig()
    rows = {row["stage"]: row for row in here.ctl_json("latency")["stages"]}
    for stage in ("total", "parse", "handler", "tx", "health"):
        for part, key in ((0.5, "p50_ns"), (0.99, "p99_ns")):
            ours = rows[stage][key] / 1e9
            theirs = value("text", f"histogram_quantile({part}, sum by (le) "
                           f'(hz_request_duration_seconds_bucket{{stage="{stage}"}}))')
            note(f"{stage} {key}: hzctl {ours * 1e6:.3f} us, text {theirs * 1e6:.3f} us, "
                 f"{100 * (theirs / ours - 1):+.1f} %")
            if ours > 300e-9:  # below the first bound there is only zero
                expect(ours / 1.52 <= theirs <= ours * 1.52, f"{stage} {key}: {theirs} and {ours}")


def has_data(name, expression):
    """Is there a sample that is a number, or a histogram?"""
    expression = expression.replace("$__rate_interval", "5s").replace("$instance", ".*")
    return any("histogram" in row or row["value"][1] != "NaN" for row in query(name, expression))


@test
def every_expression_of_the_dashboard_has_data_in_both_forms():
    here, _ = rig()
    load = Process("wrk", "-t1", "-c4", "-d20", f"http://{SERVER4}/", netns=here.client)
    with open(DASHBOARD, encoding="utf-8") as file:
        rows = [(panel["title"], target["refId"], target["expr"]) for panel in json.load(file)["panels"]
                for target in panel["targets"]]
    for name in ("text", "native"):
        silent = []

        def all_speak():
            silent[:] = [row for row in rows if not has_data(name, row[2])]  # pylint: disable=cell-var-from-loop
            return all(row[:2] + (name,) in OTHER_FORM for row in silent)  # pylint: disable=cell-var-from-loop

        wait_until(all_speak, 10, silent, every=0.5)
        expect_equal({row[:2] for row in silent}, {row[:2] for row in OTHER_FORM if row[2] == name},
                     f"expressions that have no data by {name}")
    load.end()


@test
def every_metric_that_is_listed_is_sent():
    _, collector = rig()
    with open(METRICS, encoding="utf-8") as file:
        listed = set(re.findall(r"^HZ_METRIC\((\w+),", file.read(), re.M))
    typed = set(re.findall(r"^# TYPE (\w+) ", collector.curl("/metrics"), re.M))
    expect_equal(typed, listed, "metrics of a live server, and those of metrics.def")


@test
def promtool_finds_nothing_to_say_and_series_are_few():
    _, collector = rig()
    text = collector.curl("/metrics")
    done = run("promtool", "check", "metrics", input=text, check=False)
    expect_equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool check metrics")
    series = [line for line in text.splitlines() if not line.startswith("#")]
    expect(0 < len(series) <= SERIES_MAX, f"{len(series)} series")
    names = {re.split(r"[{ ]", line)[0] for line in series}
    for name in ("hz_requests_total", "hz_connections", "hz_evictions_total", "hz_shed_level_ratio",
                 "hz_worker_busy_ratio", "hz_worker_longest_gap_seconds", "hz_build_info",
                 "hz_telemetry_records_total", "hz_telemetry_refused_total", "hz_telemetry_lost_total"):
        expect(name in names, f"no {name}")
    expect_equal(len(series), value("text", 'scrape_samples_scraped{job="hz"}'), "samples of a scrape")


@test
def refused_reload_is_told():
    here, collector = rig()
    before = collector.metrics()
    expect_equal(before["hz_config_last_reload_success"], 1, "success before")
    expect(abs(before["hz_config_last_reload_timestamp_seconds"] - time.time()) < 300, "time of the start")
    write_file(world["site"], "listen: [\n")
    expect(here.ctl("reload", check=False).returncode != 0, "a broken site was taken")
    wait_until(lambda: collector.metrics()["hz_config_last_reload_success"] == 0, 4, "not told", every=0.2)
    write_file(world["site"], world["site_text"])
    here.ctl("reload")
    wait_until(lambda: collector.metrics()["hz_config_last_reload_success"] == 1, 4, "not told", every=0.2)
    expect_equal(collector.metrics()["hz_config_generation"], before["hz_config_generation"] + 1,
                 "generation")


@test
def form_is_the_one_that_was_asked_for():
    _, collector = rig()
    for accept, want in ((PROTO, "application/vnd.google.protobuf"), ("*/*", "text/plain"),
                         ("application/openmetrics-text", "text/plain"),
                         (PROTO.replace("q=0.7", "q=0"), "text/plain")):
        head = collector.curl("/metrics", "-o", "/dev/null", "-D", "-", "-H", f"Accept: {accept}")
        expect(f"Content-Type: {want}" in head, f"asked for {accept}: {head}")


if __name__ == "__main__":
    main()
