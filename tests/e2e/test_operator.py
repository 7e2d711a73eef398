#!/usr/bin/env python3
"""What an operator types against hzd over kernel sockets, without root: hzctl's words, figures, exit
codes and errors, in text and as JSON."""
import json
import os
import shutil
import signal
import socket
import threading
import time

from hz_e2e import (BENCH_SITE, BIN, Http, PROCESSES, ROOT, Process, expect, expect_equal, main, note, run,
                    temporary_directory, test, wait_until, write_file)

NAME = f"e{os.getpid()}o"
PORT = 18590
NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}
places = {}


def env():
    if not places:
        places["dir"] = temporary_directory(0o777)
    return {**os.environ, "XDG_RUNTIME_DIR": places["dir"]}


def daemons():
    return [p for p in PROCESSES if p.command[0].endswith("/hzd")]


def run_directory():
    return f"{env()['XDG_RUNTIME_DIR']}/hz-{NAME}"


def serve(site=BENCH_SITE, options=(), ready=True):
    words = [BIN + "/hzd", "-i", NAME, "-c", site, "-l", f"lo,127.0.0.1:{PORT}"]
    for option in ["boot/io=socket", "timeouts/lame_duck_ms=0", *options]:
        words += ["-o", option]
    daemon = Process(*words, env=env(), **NOBODY)
    if ready:
        daemon.wait_line("ready")
    return daemon


def running():
    """The hzd of the test before, or a new one."""
    return daemons()[0] if daemons() else serve()


def try_ctl(*words):
    return run(BIN + "/hzctl", "-i", NAME, *words, env=env(), check=False, **NOBODY)


def ctl(*words, code=0):
    done = try_ctl(*words)
    expect_equal(done.returncode, code, f"hzctl {' '.join(words)}: {done.stdout}{done.stderr}")
    return done


def ctl_json(*words, code=0):
    done = ctl("-j", *words, code=code)
    return json.loads(done.stdout)


def get(path, count=1):
    http = Http("127.0.0.1", PORT)
    for _ in range(count):
        expect_equal(http.get(path)[0], 200, path)
    http.close()


@test
def status_counts_what_was_served():
    serve()
    get("/json", 30)
    status = ctl_json("status")
    expect_equal(status["state"], "ready", "state")
    expect_equal(status["requests"], 30, "requests")
    expect_equal(status["total"]["count"], 30, "samples")
    expect_equal(status["errors"], 0, "errors")
    expect(status["total"]["p50_ns"] <= status["total"]["p99_ns"] <= status["total"]["max_ns"] * 1.02,
           f"percentiles out of order: {status['total']}")
    text = ctl("status").stdout
    for needle in (f"listening on 127.0.0.1:{PORT}", "degraded: boot/io=socket", "generation 1",
                   "ready", "io socket", "limits   connections ", " of 131072, waiting requests 0 of "):
        expect(needle in text, f"no {needle!r} in {text}")


@test
def worker_and_latency_agree_with_status():
    running()
    get("/", 20)
    total = ctl_json("status")["requests"]
    workers = ctl_json("worker")["workers"]
    expect_equal(sum(worker["requests"] for worker in workers), total, "requests of the workers")
    stages = {s["stage"]: s for s in ctl_json("latency")["stages"]}
    expect_equal(stages["total"]["count"], total, "samples of total")
    expect_equal(stages["health"]["p50_ns"], None, "health without a kernel plane")
    one = ctl_json("latency", "show", "stage", "total", "worker", "0")["stages"][0]
    expect_equal(sum(bucket[2] for bucket in one["buckets"]), one["count"], "sum of buckets")
    for words in (["worker"], ["latency"], ["latency", "show", "stage", "total"]):
        done = ctl(*words)
        expect_equal(done.stderr, "", f"{words} on stderr")
        widths = {len(line.rstrip()) for line in done.stdout.splitlines()[1:9]}
        expect(words[-1] == "total" or len(widths) == 1, f"columns of {words}:\n{done.stdout}")


@test
def wrong_words_are_errors_of_three_lines_with_exit_2():
    running()
    rows = [("statsu", "did you mean 'status'"), ("conf", "hzctl conf help"),
            ("latency last 1", "hzctl latency show last"), ("worker show idd 1", "mean 'id'"),
            ("latency show stage totl", "did you mean 'total'"), ("worker show id 64", "0..63"),
            ("worker show id", "hzctl worker help"), ("conn show state open", "hzctl conn help"),
            ("conn show peer 10.0.0.1/8", "10.7.0.0/24"), ("conn show limit 0", "1..1024"),
            ("trace pcap", "hzctl trace help"), ("trace start now", "hzctl trace help"),
            ("trace show first", "hzctl trace help"), ("trace show last 0", "1..262144"),
            ("status now", "hzctl help"), ("-x status", "hzctl help"),
            ("xdp attach", "hzctl xdp help")]
    for words, hint in rows:
        done = ctl(*words.split(), code=2)
        lines = done.stderr.splitlines()
        expect(len(lines) == 3 and lines[0].startswith("hzctl: ") and
               lines[1].startswith("  why:  ") and lines[2].startswith("  try:  ") and
               hint in lines[2], f"{words!r}: {done.stderr}")
        expect_equal(done.stdout, "", f"{words!r} on stdout")
        error = ctl_json(*words.split(), code=2)["error"]
        expect_equal(error["code"], "usage", f"{words!r}")
        expect_equal(set(error), {"code", "message", "why", "hint"}, f"keys of {words!r}")
    expect_equal(ctl_json("worker", "show", "id", "9", code=1)["error"]["code"], "no_worker", "")


@test
def sources_and_classes_without_a_kernel_plane_are_degraded_by_name():
    for daemon in daemons():
        daemon.end()
    site = temporary_directory(0o755) + "/site.yaml"

    def write(sources, kind="bulk"):
        write_file(site, f"listen: [ {{ interface: lo, address: 127.0.0.1, port: {PORT}, class: {kind} }} ]\n"
                         f"{sources}routes: [ {{ match: GET /, respond: {{ body: a }} }} ]\n")

    def degraded(word):
        return [line for line in ctl_json("status")["degraded"] if word in line]

    write("")
    serve(site=site)
    expect_equal(degraded("sources"), [], "before")
    write("sources: { deny: [10.0.0.0/8] }\n")
    ctl("reload")
    ctl("reload")
    expect_equal(len(degraded("sources")), 1, "after a reload with sources")
    write("")
    ctl("reload")
    expect_equal(degraded("sources"), [], "after a reload without")
    daemons()[0].end()
    write("", "gold")
    words = [BIN + "/hzd", "-i", NAME, "-c", site, "-o", "boot/io=socket"]
    Process(*words, env=env(), **NOBODY).wait_line("ready")
    expect_equal(len(degraded("class of a listen")), 1, "with a class")
    daemons()[0].end()


@test
def settings_that_nobody_looks_at_here_are_refused_by_name():
    running()
    for word, why in (("shed/mode=fixed", "kernel's TCP serves"), ("shed/syn_cookies=always", "kernel's TCP serves"),
                      ("shed/verdict=reset", "it is XDP's"), ("health/icmp_echo=1", "it is XDP's")):
        error = ctl_json("set", word, code=1)["error"]
        expect_equal(error["code"], "not_supported", word)
        expect(word in error["why"] and why in error["why"], f"{word}: {error}")
    ctl("set", "timeouts/drain_ms=1000")
    expect_equal(ctl_json("get", "timeouts/drain_ms")["values"], {"timeouts/drain_ms": "1000"}, "get")


@test
def conn_shows_sockets_and_trace_says_who_sees_their_frames():
    running()
    http = Http("127.0.0.1", PORT)
    http.get("/json")
    answer = ctl_json("conn", "show", "peer", "127.0.0.0/8")
    expect("127.0.0.1:%d" % http.sock.getsockname()[1] in
           [c["remote"] for c in answer["connections"]], f"{answer}")
    expect(all(c["congestion"] and c["mss_bytes"] > 0 for c in answer["connections"]), f"{answer}")
    http.close()
    error = ctl_json("trace", "start", code=1)["error"]
    expect_equal((error["code"], "tcpdump" in error["hint"]), ("no_frames", True), "trace start")
    expect_equal(ctl_json("trace", code=1)["error"]["code"], "no_trace", "trace show")


@test
def second_hzd_is_refused_with_the_pid_of_the_first():
    running()
    first = ctl_json("status")["pid"]
    second = serve(ready=False)
    expect_equal(second.wait(10), 3, second.output())
    expect(f"pid {first}" in second.output(), second.output())
    expect_equal(ctl_json("status")["pid"], first, "the first one was disturbed")


@test
def request_its_asker_gave_up_is_not_carried_out():
    daemon = running()
    before = ctl_json("status")["generation"]
    daemon.signal(signal.SIGSTOP)
    ctl("reload", code=6)  # five seconds, then it tells its user that nothing happened
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: try_ctl("status").returncode == 0, 5, "not ready again")
    expect_equal(ctl_json("status")["generation"], before, "generation")


@test
def end_of_the_logs_reader_does_not_end_hzd():
    for process in daemons():
        process.end()
    reader, writer = os.pipe()
    words = [BIN + "/hzd", "-i", NAME, "-c", BENCH_SITE, "-l", f"lo,127.0.0.1:{PORT}", "-o",
             "boot/io=socket", "-o", "timeouts/lame_duck_ms=0"]
    daemon = Process("sh", "-c", 'exec "$@" >&"$0" 2>&1', str(writer), *words, env=env(),
                     pass_fds=[writer], **NOBODY)
    os.close(writer)
    with os.fdopen(reader, "rb") as log:
        wait_until(lambda: log.readline() in (b"ready\n", b""), 10, "not ready")
    ctl("reload")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: ctl_json("status")["generation"] == 3, 3, "SIGHUP changed nothing")
    daemon.end()
    expect_equal(daemon.process.returncode, 0, "exit code")


@test
def clients_beyond_the_seats_wait_for_their_turn():
    running()
    results = []

    def ask():
        done = run(BIN + "/hzctl", "-i", NAME, "-j", "status", env=env(), check=False, **NOBODY)
        results.append(done.returncode)

    holders = []
    for _ in range(15):  # idle clients take all seats but one
        holder = socket.socket(socket.AF_UNIX)
        holder.connect(run_directory() + "/ctl.sock")
        holders.append(holder)
    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(results, [0] * 24, "exit codes")
    for holder in holders:
        holder.close()


@test
def killed_hzd_leaves_figures_and_a_restart_begins_anew():
    daemon = running()
    before = ctl_json("status")["requests"]
    daemon.kill()
    time.sleep(0.6)  # beats count as dead after 500 ms
    down = ctl("-j", "status", code=3)
    expect_equal(json.loads(down.stdout)["state"], "down", "state")
    expect_equal(json.loads(down.stdout)["requests"], before, "requests after the end")
    for words in (["worker"], ["latency"]):
        done = ctl(*words)
        expect("hzd is not running" in done.stderr, f"{words}: {done.stderr!r}")
    expect("stale" in ctl("worker").stdout, "worker of a dead hzd")
    ctl("reload", code=3)
    serve()
    expect_equal(ctl_json("status")["requests"], 0, "requests after the restart")


def bench_text():
    """bench.yaml for another folder: its paths are relative to where it lies."""
    with open(BENCH_SITE, encoding="utf-8") as file:
        return file.read().replace("../..", ROOT)


@test
def reload_tells_what_changed_and_keeps_the_old_on_an_error():
    for process in daemons():
        process.end()
    good = bench_text()
    path = temporary_directory() + "/site.yaml"
    write_file(path, good)
    serve(path)
    extra = "  - { name: extra, match: GET /extra, respond: { body: \"x\" } }\n"
    for text, code in ((good + extra, 0), (good.replace("name: json", "nmae: json"), 2)):
        write_file(path, text)
        done = ctl("reload", code=code)
    expect("nmae" in done.stderr and "mean 'name'" in done.stderr and f"{path}:" in done.stderr,
           done.stderr)
    expect_equal(ctl_json("status")["generation"], 2, "generation")
    get("/extra")
    write_file(path, good)
    result = ctl_json("reload")
    expect_equal(result["generation"], 3, "generation")
    expect_equal(result["changes"], ["- route extra    /extra"], "changes")


APP_SITE = os.path.join(ROOT, "configs/site/app.yaml")


@test
def site_that_shows_what_there_is_answers_as_its_file_says():
    for process in daemons():
        process.end()
    listed = ctl("conf", "check", APP_SITE).stdout
    for line in ("route   upload           POST,PUT /echo",
                 "route   admin            GET,HEAD /  at admin.example.org"):
        expect(line in listed.splitlines(), f"no {line!r} in {listed!r}")
    routes = {route["name"]: route for route in ctl_json("conf", "check", APP_SITE)["routes"]}
    expect_equal((routes["admin"]["methods"], routes["admin"]["hosts"], routes["home"]["hosts"]),
                 (["GET", "HEAD"], ["admin.example.org"], []), "as JSON")
    daemon = serve(APP_SITE)
    http = Http("127.0.0.1", PORT)
    for path, headers, want in (("/hello", {}, (200, b"hello\n")), ("/", {}, (308, None)),
                                ("/users/7", {}, (200, b'{"id":"7"}')),
                                ("/", {"Host": "admin.example.org"}, (200, b"admin\n")),
                                ("/static/test.txt", {}, (200, None))):
        status, fields, body = http.get(path, headers=headers)
        expect_equal((status, body if want[1] else None), want, f"GET {path} {headers}")
        expect(len(fields["X-Request-Id"] or "") > 0 and
               fields["X-Content-Type-Options"] == "nosniff", f"defaults at {path}: {fields}")
    http.request("GET", "/news")
    response = http.getresponse()
    expect_equal((response.status, response.headers["Content-Type"]), (200, "text/event-stream"),
                 "GET /news")
    other = Http("127.0.0.1", PORT)
    expect_equal(other.get("/news", "POST", b"tell all")[0], 204, "POST /news")
    line = b""
    while not line.startswith(b"data"):
        line = response.fp.readline()
        expect(line != b"", "the stream ended")
    expect_equal(line, b"data: tell all\n", "the message")
    other.close()
    http.close()
    daemon.end()


def told(text, *needles):
    """An error of at least what, why and try, with these words."""
    lines = text.splitlines()
    expect(any(line.startswith("  why:  ") and len(line) > 8 for line in lines) and
           any(line.startswith("  try:  ") and len(line) > 8 for line in lines),
           f"no why or no try: {text!r}")
    for needle in needles:
        expect(needle in text, f"no {needle!r} in {text!r}")


@test
def file_that_is_no_good_site_is_told_with_its_reason():
    for process in daemons():
        process.end()
    folder = temporary_directory()
    path = folder + "/site.yaml"
    good = bench_text()
    write_file(path, good)
    daemon = serve(path)

    def replaced_by(make, *needles):
        os.unlink(path)
        make()
        told(ctl("reload", code=2).stderr, *needles)
        told(ctl("conf", "check", path, code=2).stderr, *needles)
        (os.rmdir if os.path.isdir(path) else os.unlink)(path)
        write_file(path, good)

    def writable():
        write_file(path, good)
        os.chmod(path, 0o664)

    def of_a_stranger():
        write_file(path, good)
        os.chown(path, 1, 1)

    write_file(folder + "/other.yaml", good)
    replaced_by(lambda: os.mkdir(path), "not a regular file", f"ls -l {path}")
    replaced_by(lambda: os.mkfifo(path), "not a regular file")
    replaced_by(writable, "others than its owner may write it", f"chmod go-w {path}")
    replaced_by(of_a_stranger, "belongs to another user")
    replaced_by(lambda: os.symlink("other.yaml", path), "symbolic link", "readlink -f")
    os.unlink(path)
    told(ctl("reload", code=2).stderr, "No such file", f"ls -l {path}")
    write_file(path, good.replace("name: json", "nmae: json"))
    told(ctl("reload", code=2).stderr, "1 error", "nmae")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "nmae" in daemon.output(), 3, "the log says nothing")
    log = [line for line in daemon.output().splitlines() if line.startswith("hzd: error: ")]
    expect_equal((len(log), log[-1]), (6, f"hzd: error: try: hzctl conf check {path}"),
                 f"lines of the log, each of its own: {log}")
    write_file(path, good)
    ctl("reload")
    daemon.end()


WANTING = """\
listen: [ {{ interface: lo, address: 127.0.0.1, port: 18001 }} ]
routes:
  - {{ name: f, match: GET /f/*path, files: ./none }}
  - {{ name: l, match: GET /l, log: {{ to: {d}/no/access.log }}, respond: {{ body: x }} }}
  - {{ name: m, match: GET /m, module: {{ file: {d}/none.so }} }}
  - {{ name: j, match: GET /j, jwt: {{ alg: HS256, key_file: {d}/key }}, respond: {{ body: x }} }}
"""


@test
def files_that_a_site_names_are_checked_with_it():
    """What a start would stumble over, one after the other, is told at once; hzctl has it from hzd."""
    directory = temporary_directory()
    path = os.path.join(directory, "site.yaml")
    write_file(path, WANTING.format(d=directory))
    checked = run(BIN + "/hzctl", "conf", "check", path, check=False)
    told_by_hzd = run(BIN + "/hzd", "-t", "-c", path, check=False)
    expect_equal((checked.returncode, told_by_hzd.returncode), (2, 2), "exit codes")
    for line, text in ((3, "files of './none'"), (4, "no/access.log"), (5, "none.so"), (6, "key")):
        for done in (checked, told_by_hzd):
            expect(any(f"{path}:{line}:" in said and text in said for said in done.stderr.splitlines()),
                   f"line {line}: {done.stderr}")
    expect_equal(checked.stderr.count("^~"), 4, f"carets: {checked.stderr}")
    error = json.loads(run(BIN + "/hzctl", "-j", "conf", "check", path, check=False).stdout)["error"]
    expect_equal([detail["line"] for detail in error["details"]], [3, 4, 5, 6], "lines in JSON")
    alone = os.path.join(directory, "hzctl")
    shutil.copy(BIN + "/hzctl", alone)
    done = run(alone, "-j", "conf", "check", path, check=False, env={"PATH": directory})
    expect_equal((done.returncode, json.loads(done.stdout)["files_checked"]), (0, False),
                 f"without hzd the text alone: {done}")
    expect("were not looked at" in done.stderr, f"which is said: {done.stderr}")


@test
def limit_that_is_never_reached_is_a_warning():
    """By what the hzd that runs has places for."""
    running()
    path = os.path.join(temporary_directory(), "site.yaml")
    write_file(path, "topics: { t: {} }\nroutes:\n"
                     "  - { match: GET /e, events: { topic: t, limit: 60000 } }\n")
    done = ctl("conf", "check", path)
    expect(f"{path}:3:" in done.stderr and "warning: " in done.stderr and "never reached" in done.stderr,
           f"no warning: {done}")
    expect("boot/connections_max" in ctl_json("conf", "check", path)["warnings"][0]["hint"], "in JSON")
    expect_equal(run(BIN + "/hzctl", "-i", "none", "conf", "check", path).stderr, "", "of no machine")


@test
def wrong_words_to_hzd_and_the_collector_are_told_with_a_try():
    done = run(BIN + "/hzd", "-i", "", check=False)
    told(done.stderr, "instance names", "hzd -i")
    for words in (["foo"], ["-x"], ["-i"]):
        done = run(BIN + "/hz-collector", *words, check=False)
        expect_equal(done.returncode, 2, f"exit code of {words}")
        told(done.stderr, "hz-collector: wrong usage", words[-1])
    for directory in ("/nonexistent", ""):
        done = run(BIN + "/hzd", "-i", NAME, "-c", BENCH_SITE, "-l", f"lo,127.0.0.1:{PORT}", "-o",
                   "boot/io=socket", env={**os.environ, "XDG_RUNTIME_DIR": directory}, check=False,
                   **NOBODY)
        expect_equal(done.returncode, 7, f"exit code with {directory!r}: {done.stderr}")
        told(done.stderr, "export XDG_RUNTIME_DIR=$(mktemp -d)")


@test
def drain_finishes_the_slow_download_and_ends_with_0():
    running()
    size = 8 << 20
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.connect(("127.0.0.1", PORT))
    sock.settimeout(10)
    sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
    got = len(sock.recv(4096))
    ctl("drain")
    ctl("drain")  # asking again does not cut it short
    for process in daemons():
        process.signal(signal.SIGTERM)  # nor does one signal, as a service manager sends it then
    expect_equal(ctl_json("status", code=1)["state"], "draining", "state")
    time.sleep(2.5)  # longer than the linger time
    started = time.monotonic()
    while piece := sock.recv(1 << 16):
        got += len(piece)
    expect(got > size, f"truncated: {got} of {size}")
    sock.close()
    for process in daemons():
        expect_equal(process.wait(10), 0, "exit code")
    note(f"ended {time.monotonic() - started:.1f} s after the download went on")
    wait_until(lambda: not os.path.exists(run_directory()), 1, "run directory is left")
    told = ctl("status", code=3).stderr
    expect(run_directory() in told, f"where it was is not named: {told}")


main()
