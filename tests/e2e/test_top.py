#!/usr/bin/env python3
"""hzctl top as people see it, in tmux: sizes, keys, a server that dies under it, and a terminal that is given back."""
import os
import re
import signal
import sys
import time

from hz_collector import Collector as RealCollector
from hz_e2e import BIN, SERVER4, Process, Rig, expect, expect_equal, main, run, test, wait_until
from hz_tmux import Collector, Terminal, slow

made = {}
BEAT = "health/beat_timeout_ms=3000"  # a busy machine may stop a worker for long


def rig():
    if "rig" not in made:
        made["rig"] = Rig()
        made["hzd"] = made["rig"].start(options=[BEAT])
        made["load"] = Process("wrk", "-t1", "-c4", "-d600", f"http://{SERVER4}/", netns=made["rig"].client)
        made["load"].signal(signal.SIGSTOP)
    return made["rig"]


def load(is_on):
    rig()
    made["load"].signal(signal.SIGCONT if is_on else signal.SIGSTOP)


def terminal(cols=80, rows=24, words="", **env):
    """A terminal in which top runs and has drawn."""
    here = rig()
    term = Terminal(cols, rows, **env)
    term.command(f"{BIN}/hzctl -i {here.name} top {words}")
    term.wait("events lost 0")
    term.wait("per second")
    return term


def end(term):
    term.type("q")
    term.wait_gone("events lost")
    term.close()


def fits(term, cols, rows):
    """The picture is as large as the terminal, its first and last line are where they belong."""
    lines = term.lines()
    expect(re.search(r"^hz \S+  \w+.*events lost \d+$", lines[0].rstrip()), f"first line {lines[0]!r}")
    expect_equal(len(lines[0].rstrip()), cols, "columns of the first line")
    expect(lines[rows - 1].startswith("1 all 2 latency"), f"last line {lines[rows - 1]!r}")


@test
def overview_in_80x24_shows_totals_heatmap_and_stages():
    term = terminal()
    load(True)
    wait_until(lambda: re.search(r"^served +[1-9]", term.text(), re.M), 10, "no requests per second", every=0.1)
    time.sleep(2)
    load(False)
    text = term.text()
    fits(term, 80, 24)
    for part in ("health ", "shed ", "errors ", "total latency, 2 min", "-120 s", "now", "stage  ", "handler"):
        expect(part in text, f"no {part!r} in {text}")
    expect("38;5;" in term.colours() and "\u2580" in text, "no colours in the heatmap")
    expect("q quit" in text.split("\n")[23], "no way out is told")
    wait_until(lambda: str(rig().requests()) in term.text().replace(" ", ""), 5, "total is not what hzd counted",
               every=0.2)
    end(term)


@test
def overview_in_200x60_shows_every_section():
    term = terminal(200, 60)
    fits(term, 200, 60)
    text = term.text()
    places = [text.index(part) for part in ("served", "total latency", "stage  ", "route  ", "verdict", "worst")]
    expect_equal(places, sorted(places), "order of the sections")
    expect("claimed flow handed to the AF_XDP socket" in text, "no meaning of a verdict")
    end(term)


@test
def resize_while_it_runs_draws_anew():
    term = terminal()
    for cols, rows in ((200, 60), (100, 20), (81, 25), (60, 8), (20, 2), (1, 1), (132, 43), (80, 24)):
        term.resize(cols, rows)
        if cols >= 60:
            wait_until(lambda c=cols: len(term.lines()[0].rstrip()) == c, 5,
                       f"{cols}x{rows}: {term.lines()[0]!r}", every=0.05)
            wait_until(lambda r=rows: term.lines()[r - 1].startswith("1 all"), 5,
                       f"{cols}x{rows}: no footer in {term.text()}", every=0.05)
        else:
            time.sleep(0.3)
    fits(term, 80, 24)
    end(term)


@test
def keys_switch_views_sort_and_pause():
    term = terminal()
    for key, part in (("2", "samples"), ("3", "per second"), ("4", "verdict"), ("5", "longest gap"), ("6", "worst")):
        term.type(key)
        text = term.wait(part, 3)
        expect("events lost 0" in text.split("\n")[0], f"view {key} has no lost events: {text}")
    for keys in (("Tab",), ("3", "s", "s", "r"), ("Down", "Up", "PageDown", "Home"), ("F5", "Left", "M-x")):
        term.type(*keys)
    expect("events lost 0" in term.wait("per second").split("\n")[0], "after many keys")
    term.type("1", "p")
    term.wait("p go on")
    frozen = term.text()
    time.sleep(1.5)
    expect_equal([line for line in term.text().split("\n") if line.startswith("served")],
                 [line for line in frozen.split("\n") if line.startswith("served")], "while it pauses")
    term.type("p")
    term.wait("p pause")
    end(term)


@test
def server_killed_is_told_and_its_return_too():
    here, term = rig(), terminal()
    load(True)
    time.sleep(1.2)
    made["hzd"].kill()
    text = term.wait(" down ", 15)
    expect("hzd is not running" in text, text)
    load(False)
    expect(re.search(r"^served +\S", text, re.M), "the figures it left are gone")
    made["hzd"] = here.serve(options=[BEAT])
    text = term.wait("  ready  ", 10)
    expect("hzd is not running" not in text, text)
    wait_until(lambda: re.search(r"-120 s.*B", term.text()), 5, f"no mark of the restart: {term.text()}", every=0.1)
    end(term)


@test
def maps_made_anew_are_found():
    here, term = rig(), terminal()
    made["hzd"].end()
    here.ctl("xdp", "detach", "all")
    text = term.wait("nothing newer: nothing is attached", 10)
    expect("events lost" in text.split("\n")[0], text)
    here.attach("ensure")
    made["hzd"] = here.serve(options=[BEAT])
    wait_until(lambda: "nothing newer" not in term.text(), 10, "it still reads the old maps")
    term.wait("  ready  ", 10)
    end(term)


def modes(term, tag):
    """What the shell sees of its terminal."""
    term.command(f"clear; stty -a | cksum; echo {tag}-end")
    term.wait(f"\n{tag}-end")
    found = re.search(r"^(\d+ \d+)$", term.text(), re.M)
    return found.group(1), term.ask("#{alternate_on} #{cursor_flag} #{wrap_flag}")


@test
def terminal_is_given_back_however_it_ends():
    here = rig()
    term = Terminal()
    before = modes(term, "before")
    expect_equal(before[1], "0 1 1", "flags of a terminal")

    def drawing():
        picture = term.children(term.shell)[0]
        return picture, term.children(picture)[0]

    ends = {
        "q": lambda: term.type("q"),
        "control-c": lambda: term.type("C-c"),
        "sigterm": lambda: os.kill(drawing()[0], signal.SIGTERM),
        "sigint-drawing": lambda: os.kill(drawing()[1], signal.SIGINT),
        "sighup": lambda: os.kill(drawing()[0], signal.SIGHUP),
        "kill-9-drawing": lambda: os.kill(drawing()[1], signal.SIGKILL),
        "crash": lambda: os.kill(drawing()[1], signal.SIGSEGV),
        "kill-9-waiting": lambda: os.kill(drawing()[0], signal.SIGKILL),
    }
    for name, finish in ends.items():
        term.command(f"clear; {BIN}/hzctl -i {here.name} top")
        term.wait("per second")
        expect_equal(term.ask("#{alternate_on} #{cursor_flag} #{wrap_flag}"), "1 0 0", "while it runs")
        finish()
        wait_until(lambda: term.ask("#{alternate_on}") == "0", 5, f"{name}: the picture stays")
        wait_until(lambda: not term.children(term.shell), 5, f"{name}: it still runs")
        expect_equal(modes(term, name), before, name)
    term.close()


HOG = """import os, sys
tty = os.open(sys.argv[1], os.O_RDONLY | os.O_NOCTTY)
while True:
    os.read(tty, 64)
"""


@test
def other_reader_of_the_terminal_does_not_end_it():
    term = terminal()
    top = term.children(term.shell)
    hog = Process("setsid", sys.executable, "-c", HOG, term.ask("#{pane_tty}"))
    for _ in range(100):  # whoever comes second reads nothing
        term.type("p")
    hog.kill()
    expect_equal(term.children(term.shell), top, "what runs")
    end(term)


@test
def suspended_and_continued_it_draws_again():
    term = terminal()
    term.type("C-z")
    term.wait("Stopped")
    expect_equal(term.ask("#{alternate_on} #{cursor_flag}"), "0 1", "while it is stopped")
    term.command("clear; echo still-a-shell")
    term.wait("still-a-shell\n")
    term.command("fg")
    term.wait("per second")
    fits(term, 80, 24)
    end(term)


@test
def without_a_terminal_it_is_one_plain_snapshot():
    here = rig()
    done = here.ctl("top")
    expect("\033" not in done.stdout and "events lost 0" in done.stdout.split("\n")[0], done.stdout)
    for part in ("served", "stage", "route", "verdict", "longest gap"):
        expect(part in done.stdout, f"no {part}: {done.stdout}")
    status = here.ctl_json("top")
    expect_equal(status["instance"], here.name, "instance")
    expect(status["is_alive"] is True and status["state"] == "ready", str(status)[:200])
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        term = Terminal(140, 50, **env)
        term.command(f"env {' '.join(f'{k}={v}' for k, v in env.items())} {BIN}/hzctl -i {here.name} top; echo over")
        expect("events lost 0" in term.wait("\nover"), f"{env}: {term.text()}")
        term.close()


def keys_of(status):
    """Those of a status, and of the rows of its lists and of its objects."""
    rows = {name: value[0] if isinstance(value, list) else value for name, value in status.items()}
    return {name: sorted(row) if isinstance(row, dict) else "" for name, row in rows.items()}


@test
def json_has_the_keys_of_the_collectors_status():
    here = rig()
    collector = RealCollector(here)
    told = collector.status()
    collector.end()
    del told["history_s"]  # of what the collector alone keeps
    top = here.ctl_json("top")
    expect_equal(top.keys(), told.keys(), "keys")
    for name in top:
        expect_equal(keys_of(top)[name], keys_of(told)[name], f"keys of {name}")
    expect_equal([row["reason"] for row in top["verdicts"]], [row["reason"] for row in told["verdicts"]], "verdicts")
    expect_equal((top["state"], [worker["state"] for worker in top["workers"]]),
                 (told["state"], [worker["state"] for worker in told["workers"]]), "states")


@test
def reader_that_goes_away_ends_it():
    here = rig()
    done = run("sh", "-c", f"{BIN}/hzctl -i {here.name} top | head -n 1", timeout=10)
    expect("events lost" in done.stdout, done.stdout)


@test
def nothing_attached_is_an_error_of_three_lines():
    done = run(BIN + "/hzctl", "-i", rig().name + "x", "top", check=False)
    expect_equal(done.returncode, 3, done.stderr)
    expect_equal([line.split(":")[0].strip() for line in done.stderr.splitlines()], ["hzctl", "why", "try"],
                 "lines")


# --- what the collector tells ------------------------------------------------------------------------------


@test
def slow_answers_are_listed_worst_first_and_cannot_steer_the_terminal():
    collector = Collector(rig().name)
    term = terminal(160, 30, words=f"from {collector.at}")
    collector.wait_reader()
    term.type("6")
    term.wait("none lately")
    collector.say("slow", slow(900))
    collector.say("slow", slow(5200, "/\033[2J\033[31m\a漢字\x9b2J"))
    collector.say("shed", {"kind": "shed"})
    text = term.wait("5.2 ms")
    expect_equal(re.findall(r"(5\.2 ms|900 us) 200", text), ["5.2 ms", "900 us"], "order")
    expect("/?[2J?[31m????2J" in text and "\033[31m" not in term.colours(), f"a path steers the terminal: {text}")
    expect("handler 5.2 ms" in text and "trace 4bf92f35" in text, text)
    collector.is_silent = True
    term.wait("hz-collector does not answer")
    collector.is_silent = False
    term.wait_gone("hz-collector does not answer")
    collector.close()
    term.wait("hz-collector does not answer")
    expect("5.2 ms" in term.text(), "what it told is gone with it")
    end(term)


if __name__ == "__main__":
    main()
