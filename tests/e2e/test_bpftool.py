#!/usr/bin/env python3
"""What README.md says to type without hz's tools, typed: with hzd alive, dead and never started; as root and as nobody."""
import glob
import json
import os
import re
import tempfile

from hz_e2e import (PATIENT, ROOT, STACK, Rig, expect, expect_equal, main, note, run, steady, test,
                    wait_until)

SECTION = "## Looking in without our tools"
NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": []}
STAGES = ["total", "queue", "parse", "route", "handler", "upstream", "tx", "health"]
BOUNDS = [f"{1 << e % 10}{'ns us ms s'.split()[e // 10]}" for e in range(8, 32)]
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach("ensure")
    return rigs["rig"]


def serving():
    """A rig whose server has served something and is quiet."""
    here = rig()
    if "hzd" not in rigs:
        rigs["hzd"] = here.serve(options=[PATIENT])
        rigs["http"] = here.http()  # stays open
        for _ in range(200):
            expect_equal(rigs["http"].get("/")[0], 200, "status")
        wait_until(lambda: pct(here)["total"]["count"] >= 200, 5, "latency_pct was not refreshed")
    return here


def commands():
    """The lines to type of README.md's section."""
    with open(ROOT + "/README.md", encoding="utf-8") as file:
        section = file.read().split(SECTION + "\n")[1].split("\n## ")[0]
    lines = section.split("```")[1].strip().splitlines()
    found = [re.sub(r"  +#.*$", "", line).strip() for line in lines]
    expect(len(found) >= 14, f"only {len(found)} commands in README.md")
    return found


def view_object():
    """The example view, compiled as its comment says; the object's path."""
    if "object" not in rigs:
        folder = tempfile.TemporaryDirectory()
        STACK.callback(folder.cleanup)
        rigs["object"] = folder.name + "/p99_view.bpf.o"
        run(os.environ.get("BPF_CC", "clang-14"), "-O2", "-g", "-target", "bpf", "-Ibpf", "-c", "-o",
            rigs["object"], "tests/apps/p99_view.bpf.c",
            "-I/usr/include/" + os.uname().machine + "-linux-gnu", cwd=ROOT)
    return rigs["object"]


def typed(here, command):
    """What a command of README.md prints, on this instance."""
    own = f"/sys/fs/bpf/hz-{here.name}-view"
    for word, mine in (("/sys/fs/bpf/hz/", here.pins + "/"), ("/sys/fs/bpf/p99_view", own),
                       ("p99_view.bpf.o", view_object())):
        command = command.replace(word, mine)
    return run("bash", "-o", "pipefail", "-c", command, netns=here.server).stdout


def pct(here):
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                          here.pins + "/latency_pct").stdout)
    return {row["formatted"]["value"]["stage"]: row["formatted"]["value"] for row in rows}


def show(here, name, **more):
    """Rows of a view as dictionaries by the words of its first line."""
    head, *rows = run("cat", f"{here.pins}/show/{name}", **more).stdout.splitlines()
    return [dict(zip(head.split(), row.split())) for row in rows]


def all_commands_work(here):
    """Types all but the last; what each printed, by command."""
    printed = {}
    own = f"/sys/fs/bpf/hz-{here.name}-view"
    for command in commands()[:-1]:
        printed[command] = typed(here, command)
        if " iter pin " in command:
            expect_equal(printed[command], "", "bpftool iter pin")
            printed[command] = run("cat", own).stdout
            os.unlink(own)
        expect(printed[command].strip(), f"{command}: printed nothing")
    return printed


def printed_by(printed, *words):
    found = [text for command, text in printed.items() if all(word in command for word in words)]
    expect_equal(len(found), 1, f"commands with {words}")
    return found[0]


@test
def views_before_the_first_start_say_so():
    here = rig()
    text = run("cat", here.pins + "/show/workers", **NOBODY).stdout
    expect("no worker has started yet" in text, text)
    expect_equal([row["worker"] for row in show(here, "connections")], ["sum"], "rows")
    expect_equal([row["route"] for row in show(here, "routes")], ["-"], "routes")
    all_commands_work(here)


@test
def readme_commands_work_while_hzd_serves():
    here = serving()
    printed = all_commands_work(here)
    rows = [json.loads(line) for line in printed_by(printed, "p50_ns,p99_ns").splitlines()]
    expect_equal([row["stage"] for row in rows], STAGES, "stages by jq")
    expect(int(rows[0]["p50_ns"]) > 0 and int(rows[0]["p99_ns"]) >= int(rows[0]["p50_ns"]), rows[0])
    expect_equal(printed_by(printed, "shed_drop").strip(), "0", "sum of a verdict")
    expect("beat_ns" in printed_by(printed, "map lookup"), "a beat without named fields")
    expect("eth1" in printed_by(printed, "net show"), "bpftool net show does not see it")
    expect_equal([line.split()[0] for line in printed_by(printed, "iter pin").splitlines()], STAGES,
                 "lines of one's own view")
    p99 = dict(line.split() for line in printed_by(printed, "iter pin").splitlines())["total"]
    expect_equal(int(p99), int(pct(here)["total"]["p99_ns"]), "p99 by one's own view")


def log2(here, stage):
    row = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                         here.pins + "/latency_log2").stdout)[STAGES.index(stage)]
    return row["formatted"]["value"]


def raw_buckets(here, index):
    key = [f"{byte}" for byte in index.to_bytes(4, "little")]
    entry = json.loads(run("bpftool", "-j", "map", "lookup", "pinned", here.pins + "/latency", "key",
                           *key).stdout)
    return [int(count) for count in entry["formatted"]["value"]["bucket"]]


@test
def log2_counts_are_those_of_the_raw_buckets():
    here = serving()
    total = STAGES.index("total")
    raw = steady(lambda: raw_buckets(here, total), still=1.5)
    row = log2(here, "total")
    expect_equal([name for name in row if name.startswith("le_")],
                 [f"le_{bound}" for bound in BOUNDS] + ["le_inf"], "names of fields")
    for place, bound in enumerate(BOUNDS):  # 32 buckets an octave, the first one from 32 ns on
        expect_equal(int(row["le_" + bound]), sum(raw[:32 * (place + 4)]), f"le_{bound}")
    expect_equal(int(row["le_inf"]), sum(raw), "le_inf")
    expect(int(row["le_inf"]) >= 200, row)
    expect(0 < sum(int(row["le_" + bound]) < int(row["le_inf"]) for bound in BOUNDS), row)


@test
def views_say_what_is_served():
    here = serving()
    workers = show(here, "workers")
    expect_equal([(row["worker"], row["state"]) for row in workers], [("0", "ready")], "workers")
    expect_equal(int(workers[0]["requests"]), here.requests(), "requests")
    expect(0 <= float(workers[0]["busy%"]) <= 100 and int(workers[0]["beat_age_ms"]) < 10000,
           workers[0])
    connections = show(here, "connections")
    expect_equal([row["worker"] for row in connections], ["0", "sum"], "rows of connections")
    expect_equal(connections[0]["established"], "1", "the open connection")
    expect_equal(connections[1]["established"], "1", "the sum of established")


@test
def anybody_reads_views_and_nobody_maps():
    here = serving()
    views = sorted(glob.glob(here.pins + "/show/*"))
    expect_equal([os.path.basename(view) for view in views],
                 ["connections", "latency", "routes", "verdicts", "workers"], "views")
    for view in views:
        expect_equal(os.stat(view).st_mode & 0o777, 0o444, f"mode of {view}")
        expect(run("cat", view, **NOBODY).stdout, f"{view} is empty")
    for name in ("latency", "latency_pct", "latency_log2", "route_latency", "events", "cfg"):
        done = run("cat", f"{here.pins}/{name}", check=False, **NOBODY)
        expect(done.returncode != 0 and "Permission denied" in done.stderr, f"{name}: {done}")


@test
def readme_commands_work_when_hzd_is_dead():
    here = serving()
    before = {name: show(here, name) for name in ("latency", "routes")}
    requests = here.requests()
    rigs.pop("hzd").kill()
    printed = all_commands_work(here)
    expect_equal({name: show(here, name, **NOBODY) for name in before}, before, "views")
    wait_until(lambda: show(here, "workers")[0]["state"] == "stale", 15, "the dead worker lives")
    row = show(here, "workers", **NOBODY)[0]
    expect_equal((row["worker"], row["requests"]), ("0", str(requests)), "the dead worker's row")
    note(f"views of a dead server: {len(printed)} commands")


@test
def restarted_worker_is_busy_since_its_own_start():
    here = rig()
    rigs["hzd"] = here.serve(options=[PATIENT])
    first = here.workers()[0]
    expect(int(first["started_busy_ns"]) > 0, f"it forgot what it did before: {first}")
    expect(int(first["busy_ns"]) >= int(first["started_busy_ns"]), first)
    wait_until(lambda: show(here, "workers")[0]["state"] == "ready", 5, "not ready")


@test
def last_resort_detaches():
    here = rig()
    command = commands()[-1]
    expect("link detach" in command, f"the last command is {command}")
    typed(here, command)
    expect("prog" not in run("ip", "-d", "link", "show", "eth1", netns=here.server).stdout,
           "still attached")


if __name__ == "__main__":
    main()
