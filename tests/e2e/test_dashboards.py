#!/usr/bin/env python3
"""Dashboard and rules that are shipped: each expression names metrics and labels that there are, and the rules do what they say."""
import json
import os
import re
import shutil

from hz_e2e import ROOT, Skip, expect, expect_equal, main, run, temporary_directory, test

METRICS = ROOT + "/userspace/collector/metrics.def"
RULES = ROOT + "/configs/prometheus/hz.rules.yml"
DASHBOARD = ROOT + "/configs/grafana/hz.json"
OF_PROMETHEUS = {"job", "instance", "alertname"}
STAGES = re.search(r"HZ_STAGE_NAMES.*?\{(.*?)\}", open(ROOT + "/bpf/abi/hz_abi.h", encoding="ascii").read(),
                   re.S).group(1)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def metrics():
    """{name: (type, labels)} of all series there are, of histograms their classic series too."""
    found = {}
    for name, kind, first, second in re.findall(
            r'^HZ_METRIC\((\w+), (\w+), ("\w+"|NULL), ("\w+"|NULL),', read(METRICS), re.M):
        labels = {label.strip('"') for label in (first, second)} - {"NULL"}
        found[name] = (kind, labels)
        if kind == "histogram":
            found[name + "_bucket"] = (kind, labels | {"le"})
            found[name + "_sum"] = found[name + "_count"] = (kind, labels)
    expect(len(found) > 15, f"{METRICS} is not understood")
    return found


def rules():
    """[(record or alert, name, expression)]; an expression has to stand on one line."""
    rows = re.findall(r"^ +- (record|alert): (\S+)\n +expr: (.+)$", read(RULES), re.M)
    expect_equal(len(rows), read(RULES).count("- record:") + read(RULES).count("- alert:"), "rules understood")
    return rows


def known():
    """Metrics, and what the rules record: its labels are those of its last `by`."""
    names = metrics()
    for kind, name, expression in rules():
        if kind == "record":
            groups = re.findall(r"by \(([^)]*)\)", expression)
            names[name] = ("recorded", {word.strip() for word in groups[-1].split(",")} - {"le"})
    names["up"] = names["ALERTS"] = ("prometheus", set())
    return names


def problems(expression, names):
    """What is wrong with an expression, in words."""
    wrong, labels = [], set(OF_PROMETHEUS)
    bare = re.sub(r'"[^"]*"', '""', expression)
    used = re.findall(r"\b(hz[_:][\w:]*|up\b)(\{[^}]*\})?", expression)
    for name, selector in used:
        if name not in names:
            wrong.append(f"no metric {name}")
            continue
        labels |= names[name][1]
        if names[name][0] == "counter" and not re.search(r"(rate|increase|changes)\(" + name, expression):
            wrong.append(f"{name} is a counter and not used by its rate")
        for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', selector):
            if label not in names[name][1] | OF_PROMETHEUS:
                wrong.append(f"{name} has no label {label}")
            if label == "stage" and f'"{value}"' not in STAGES:
                wrong.append(f"no stage {value}")
    for group in re.findall(r"(?:by|without|on|ignoring) \(([^)]*)\)", bare):
        wrong += [f"nothing here has a label {word.strip()}" for word in group.split(",")
                  if word.strip() not in labels]
    return wrong if used else wrong + ["names no metric of hz"]


def promtool(*words, check=True):
    if not shutil.which("promtool"):
        raise Skip("no promtool (Debian package prometheus)")
    return run("promtool", *words, check=check)


@test
def rules_name_metrics_and_labels_that_there_are():
    names = known()
    for _, name, expression in rules():
        expect_equal(problems(expression, names), [], f"{name}: {expression}")


@test
def dashboard_names_metrics_and_labels_that_there_are():
    names, board = known(), json.loads(read(DASHBOARD))
    seen = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            expect_equal(problems(target["expr"], names), [], f"{panel['title']}: {target['expr']}")
            seen |= set(re.findall(r"\bhz[_:][\w:]*", target["expr"]))
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                expect(any(label in names[name][1] | OF_PROMETHEUS for name in
                           re.findall(r"\bhz[_:][\w:]*", target["expr"])), f"{panel['title']}: {label}")
    for entry in board["annotations"]["list"]:
        expect_equal(problems(entry["expr"], names), [], entry["name"])
    expect_equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), "ids of panels")
    wanted = {name for name, (kind, _) in metrics().items()
              if kind != "histogram"} - {"hz_build_info"} - {n for n in metrics() if "reload" in n}
    expect_equal(sorted(wanted - seen), [], "metrics that the dashboard does not show")


MARKED = """
rule_files: []
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:  # reloads at 600 and 750 s, restarts at 1200 and 1800 s
      - { series: 'hz_config_generation{instance="a"}', values: "1x39 2x9 3x29 1x79" }
      - { series: 'hz_config_last_reload_timestamp_seconds{instance="a"}', values: "10x39 610x9 760x29 1210x39 1810x39" }
      - { series: 'hz_config_last_reload_success{instance="a"}', values: "1x159" }
    promql_expr_test:
"""


@test
def annotations_mark_reloads_and_restarts_whatever_the_range():
    """Also where a step of the picture is ten minutes: what was between two of them is marked."""
    text, entries = MARKED, {entry["name"]: entry for entry in json.loads(read(DASHBOARD))["annotations"]["list"]}
    for name, step, marked, bare in (("Reload", "30s", (600, 750), (630, 1200, 1800)),
                                     ("Restart", "30s", (1200, 1800), (600, 750, 1230)),
                                     ("Reload", "10m", (1185,), (1800, 2370)),
                                     ("Restart", "10m", (1200, 1800), (1185, 2400))):
        metric = "hz_config_generation" if name == "Reload" else "hz_config_last_reload_timestamp_seconds"
        values = {600: 2, 750: 3, 1185: 3} if name == "Reload" else {1200: 1210, 1800: 1810}
        expression = entries[name]["expr"].replace("$__interval", step).replace("$instance", ".*")
        for at_s in marked + bare:
            rows = f"""{{ labels: '{metric}{{instance="a"}}', value: {values[at_s]} }}""" if at_s in marked else ""
            text += f"      - {{ expr: '{expression}', eval_time: {at_s}s, exp_samples: [{rows}] }}\n"
    path = os.path.join(temporary_directory(), "annotations_test.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = promtool("test", "rules", path, check=False)
    expect(done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr)


@test
def wrong_expressions_are_found():
    names = known()
    for expression, want in (
            ("rate(hz_request_total[1m])", "no metric hz_request_total"),
            ("hz_requests_total > 5", "hz_requests_total is a counter and not used by its rate"),
            ('rate(hz_requests_total{code="5xx"}[1m])', "hz_requests_total has no label code"),
            ("sum by (worker) (rate(hz_requests_total[1m]))", "nothing here has a label worker"),
            ('hz:request_duration_seconds:p99_1m{stage="queu"}', "no stage queu"),
            ("vector(1)", "names no metric of hz")):
        expect_equal(problems(expression, names), [want], expression)


@test
def every_alert_of_the_contract_is_there():
    alerts = " ".join(expression for kind, _, expression in rules() if kind == "alert")
    for name in ("hz_up", "hz_shed_level_ratio", "p99_1m", "hz_evictions_total", "hz_telemetry_refused_total",
                 "hz_telemetry_lost_total", "hz_config_last_reload_success", "hz_worker_longest_gap_seconds", "hz_collector_dropped_total",
                 "hz_collector_push_failed_total"):
        expect(name in alerts, f"no alert about {name}")


@test
def promtool_accepts_rules_and_configuration():
    promtool("check", "rules", RULES)
    promtool("check", "config", ROOT + "/configs/prometheus/prometheus.yml")


@test
def alerts_fire_when_they_should_and_not_before():
    path = os.path.join(temporary_directory(), "rules_test.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(read(ROOT + "/tests/e2e/rules_test.yml").replace("RULES", RULES))
    done = promtool("test", "rules", path, check=False)
    expect(done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
