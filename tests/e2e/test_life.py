#!/usr/bin/env python3
"""How hzd starts, refuses to start, drains and ends: exit codes, three-line errors, nothing left."""
import glob
import grp
import json
import os
import signal
import threading
import time

from hz_e2e import (BENCH_SITE, BIN, PATIENT, PORT, ROOT, SERVER4, SERVER6, Process, Rig, Skip, expect,
                    expect_equal, main, note, run, tcp_connect, temporary_directory,
                    test, thread_stopped, wait_until, write_file)

rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach("ensure")
    return rigs["rig"]


def three_lines(daemon, code, *needles):
    expect_equal(daemon.wait(15), code, f"exit code: {daemon.output()[-400:]}")
    lines = daemon.output().splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("hzd: ")]
    expect(at and lines[at[-1] + 1].startswith("  why:  ") and
           lines[at[-1] + 2].startswith("  try:  "), f"no error of three lines: {lines}")
    text = "\n".join(lines[at[-1]:])
    for needle in needles:
        expect(needle in text, f"no {needle!r} in {text!r}")


def slow_get(here, results, count, begun, goes_on):
    """A large answer that is in flight when the drain begins: read from then on, and slowly."""
    try:
        sock = tcp_connect(here.client, SERVER4, PORT, 20)
        sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % count)
        reader = sock.makefile("rb")
        length = None
        while (line := reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        begun.release()
        goes_on.wait(20)
        got = 0
        while got < (length or 0):
            piece = reader.read(min(65536, length - got))
            if not piece:
                break
            got += len(piece)
            time.sleep(0.01)
        results.append((length, got))
        sock.close()
    except OSError as error:
        begun.release()
        results.append((count, repr(error)))


@test
def sigterm_with_answers_in_flight_truncates_none():
    here = rig()
    daemon = here.serve(options=[PATIENT])
    count, size, results = 40, 4 << 20, []
    begun, goes_on = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=slow_get, args=(here, results, size, begun, goes_on))
               for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        expect(begun.acquire(timeout=20), "answers do not begin")
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    goes_on.set()
    for thread in threads:
        thread.join(40)
    expect_equal(daemon.wait(32), 0, "exit code of a drain")
    note(f"drained {count} answers of {size} bytes in {time.monotonic() - started:.1f} s")
    expect_equal([r for r in results if r != (size, size)], [], "truncated answers")
    expect_equal(len(results), count, "answers")


@test
def sigterm_answers_the_request_in_flight_and_closes():
    here = rig()
    daemon = here.serve()
    sock = tcp_connect(here.client, SERVER4, PORT)
    sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    time.sleep(0.1)
    daemon.signal(signal.SIGTERM)
    time.sleep(0.2)
    sock.sendall(b"world")
    answer = sock.makefile("rb").read()
    expect(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"helloworld"),
           f"answer to a request in flight: {answer[-80:]!r}")
    expect(b"connection: close" in answer.lower(), f"no Connection: close in {answer!r}")
    expect_equal(daemon.wait(10), 0, "exit code")


@test
def sigterm_with_idle_connections_ends_soon():
    here = rig()
    daemon = here.serve()
    idle = [tcp_connect(here.client, SERVER4, PORT) for _ in range(20)]
    http = here.http()
    http.get("/")
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    expect_equal(daemon.wait(10), 0, "exit code")
    expect(time.monotonic() - started < 5, "20 idle connections held the drain up")
    for sock in idle:
        sock.close()
    http.close()


@test
def lame_duck_says_503_to_probes_and_serves_on():
    here = rig()
    daemon = here.serve(options=["timeouts/lame_duck_ms=1500"])
    wait_until(lambda: here.health() == 200, 3, "not healthy")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: here.health() == 503, 0.5, "health during the drain")
    http = here.http()
    expect_equal(http.get("/")[0], 200, "a new connection in the lame-duck time")
    http.close()
    expect_equal(daemon.wait(10), 0, "exit code")


@test
def second_sigterm_skips_the_wait():
    here = rig()
    daemon = here.serve(options=["timeouts/lame_duck_ms=20000"])
    daemon.signal(signal.SIGTERM)
    time.sleep(0.3)
    expect(daemon.is_running(), "ended before its lame-duck time")
    daemon.signal(signal.SIGTERM)
    expect_equal(daemon.wait(3), 0, "exit code")


@test
def drain_deadline_resets_what_is_left():
    here = rig()
    daemon = here.serve(options=["timeouts/drain_ms=700"])
    sock = tcp_connect(here.client, SERVER4, PORT)
    sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    time.sleep(0.1)
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    expect_equal(daemon.wait(5), 0, "exit code")
    expect(time.monotonic() - started >= 0.6, "did not wait for the request in flight")
    sock.close()


@test
def hzctl_drain_is_sigterm():
    here = rig()
    daemon = here.serve()
    here.ctl("drain")
    expect_equal(daemon.wait(10), 0, "exit code")


@test
def hzctl_status_follows_the_life_of_hzd():
    here = rig()
    expect_equal(here.ctl("status", check=False).returncode, 3, "no hzd")
    daemon = here.serve()
    expect_equal(here.ctl("status", check=False).returncode, 0, "from `ready` on")
    expect_equal(here.ctl_json("status")["state"], "ready", "state")
    expect(here.ctl("status").stdout.splitlines()[0].endswith("  events lost 0"), "first line of status")
    daemon.kill()
    expect_equal(here.ctl("status", check=False).returncode, 3, "after kill -9")
    daemon = here.serve()  # a stale socket file is no obstacle
    expect_equal(here.ctl("status", check=False).returncode, 0, "restarted")
    daemon.end()


def not_ready(here, why):
    """Within the second of its look hzctl status says so, with this reason."""
    wait_until(lambda: here.ctl("status", check=False).returncode == 1, 3, "status says ready", 0.1)
    status = json.loads(here.ctl("-j", "status", check=False).stdout)
    expect_equal(status["state"], "not_ready", "state")
    expect(why in status["problem"], f"no {why!r} in {status['problem']!r}")
    expect(why in here.ctl("status", check=False).stdout, "text without the reason")


@test
def detach_and_attach_under_a_live_hzd_are_not_ready():
    here = Rig("x")
    daemon = here.start()
    done = here.detach()
    expect("hzd still runs" in done.stdout, f"no warning: {done.stdout}")
    not_ready(here, "not attached")
    here.attach()
    time.sleep(1.2)
    not_ready(here, "anew")
    expect_equal(here.health(), 503, "health of what nobody serves")
    expect_equal(daemon.output().count("eth1 is cut off"), 1, "lines of the log")
    daemon.end()
    daemon = here.serve()
    expect_equal(here.ctl("status", check=False).returncode, 0, "after the restart")
    expect("hzd still runs" in here.ctl("xdp", "detach", "all").stdout, "detach all says nothing")
    daemon.end()
    expect_equal(here.ctl("xdp", "detach", "all").stdout,
                 "nothing of this instance was attached\n", "detach all with nothing attached")
    here.close()


@test
def claims_taken_away_from_a_live_hzd_are_not_ready_until_they_are_back():
    here = Rig("y")
    daemon = here.start()
    wait_until(lambda: here.health() == 200, 3, "not healthy")
    others = ("xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER4}:81", "health",
              f"tcp:{SERVER4}:8081", "ensure")
    refused = here.ctl(*others, check=False)
    expect_equal(refused.returncode, 1, "exit of taking away what is served")
    expect(f"hzd (pid {daemon.pid}) serves on eth1" in refused.stderr, refused.stderr)
    daemon.signal(signal.SIGSTOP)  # who does not turn serves nothing
    wait_until(lambda: here.ctl(*others, check=False).returncode == 0, 5, "refused for a dead one", 0.1)
    daemon.signal(signal.SIGCONT)
    not_ready(here, f"{SERVER4}:{PORT} is not claimed")
    wait_until(lambda: here.health() == 503, 1, "healthy without its claims")
    here.ctl("xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER4}:{PORT}", f"tcp:[{SERVER6}]:{PORT}",
             f"tcp:{SERVER4}:81", "health", f"tcp:{SERVER4}:8081", "ensure")  # more may come at any time
    wait_until(lambda: here.ctl("status", check=False).returncode == 0, 3, "never ready again", 0.1)
    expect_equal(here.http().get("/")[0], 200, "GET")
    daemon.end()
    here.close()


@test
def stopped_worker_is_not_ready():
    here = rig()
    daemon = here.serve()
    with thread_stopped(daemon.pid, "hz-worker-0"):
        time.sleep(0.7)
        not_ready(here, "worker 0 does not turn")
    wait_until(lambda: here.ctl("status", check=False).returncode == 0, 3, "never ready again")
    daemon.end()


@test
def generic_mode_is_what_status_says():
    here = Rig("g")
    here.attach("mode", "generic")
    here.serve()
    expect_equal(here.ctl_json("status")["interfaces"][0]["mode"], "generic", "mode")
    here.close()


@test
def health_of_the_site_must_be_claimed():
    here = rig()
    path = temporary_directory() + "/site.yaml"
    text = ("listen:\n  - { interface: eth1, address: 10.7.0.2, port: 80 }\n"
            "health:\n  - { port: PORT, path: /healthz, body: ok }\n"
            "routes:\n  - { name: r, match: GET /, respond: { body: x } }\n")
    write_file(path, text.replace("PORT", "8082"))
    daemon = here.serve(site=path, listens=[], ready=False)
    three_lines(daemon, 6, "10.7.0.2:8082", f"site {path} ensure")
    daemon = here.serve(site=path, listens=[f"eth1,{SERVER4}:{PORT}"])  # -l: the site's do not count
    expect(any("health" in word for word in here.ctl_json("status")["degraded"]), "status is silent")
    daemon.end()
    write_file(path, text.replace("PORT", "8081"))
    daemon = here.serve(site=path, listens=[])
    expect(not any("health" in word for word in here.ctl_json("status")["degraded"]), "degraded")
    for change in (("PORT", "8082"), ("body: ok", "body: fine"), ("/healthz", "/health")):
        write_file(path, text.replace(*change).replace("PORT", "8081"))
        done = here.ctl("reload", check=False)
        expect(done.returncode == 1 and "health cannot change" in done.stderr, done.stderr)
    daemon.end()
    three_lines(here.serve(site=path, listens=[], ready=False), 6, "another path or body")


@test
def stopped_hzd_is_not_called_ended():
    here = rig()
    daemon = here.serve()
    here.http().get("/")
    daemon.signal(signal.SIGSTOP)
    time.sleep(0.6)
    done = here.ctl("health", check=False)
    expect(f"pid {daemon.pid}) does not move" in done.stderr, done.stderr)
    done = here.ctl("status", check=False)  # after its five seconds, from the maps
    expect_equal(done.returncode, 6, "exit code")
    expect("served" in done.stdout and "not_answering" in done.stdout, done.stdout + done.stderr)
    daemon.signal(signal.SIGCONT)
    daemon.end()


@test
def restart_serves_within_a_second():
    here = rig()
    here.serve().kill()
    started = time.monotonic()
    daemon = here.serve()
    http = here.http()
    expect_equal(http.get("/")[0], 200, "GET after restart")
    took = time.monotonic() - started
    note(f"start to first 200: {took * 1e3:.0f} ms")
    expect(took < 1.5, f"{took:.2f} s")
    http.close()
    daemon.end()


@test
def deleted_interface_exits_4():
    here = Rig("d")
    daemon = here.start()
    run("ip", "-n", here.server, "link", "del", "eth1")
    three_lines(daemon, 4, "eth1")
    here.close()


@test
def link_down_and_up_serves_again():
    here = Rig("u")
    daemon = here.start()
    run("ip", "-n", here.server, "link", "set", "eth1", "down")
    time.sleep(0.5)
    expect(daemon.is_running(), f"a link down ended hzd: {daemon.output()[-300:]}")
    run("ip", "-n", here.server, "link", "set", "eth1", "up")
    http = here.http(timeout=3)
    expect_equal(http.get("/")[0], 200, "GET after down and up")
    http.close()
    here.close()


@test
def missing_interface_exits_4():
    three_lines(rig().serve(listens=[f"eth9,{SERVER4}:{PORT}"], ready=False), 4, "eth9")


@test
def bad_site_exits_2_with_its_place():
    path = temporary_directory() + "/site.yaml"
    write_file(path, "listen:\n  - { interface: eth1, adress: 10.7.0.2, port: 80 }\nroutes: []\n")
    daemon = rig().serve(site=path, listens=[], ready=False)
    three_lines(daemon, 2)
    expect("site.yaml:2:" in daemon.output() and "address" in daemon.output(),
           f"no place or suggestion: {daemon.output()}")
    three_lines(rig().serve(site="/nonexistent.yaml", ready=False), 2, "/nonexistent.yaml")


@test
def bad_setting_exits_2_with_its_name():
    for option in ("boot/wokers=1", "boot/workers=65", "boot/workers=-1", "boot/workers=0x1",
                   "boot/io=carrier", "boot/ring_slots=100"):
        daemon = rig().serve(options=[option], ready=False)
        three_lines(daemon, 2, option.split("=", maxsplit=1)[0])


@test
def hugepages_on_without_any_exits_5():
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as file:
        if int(file.read()) != 0:
            raise Skip("this machine has huge pages")
    daemon = rig().serve(options=["boot/hugepages=on"], ready=False)
    three_lines(daemon, 5, "nr_hugepages")


@test
def hugepages_auto_without_any_is_named_degraded():
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as file:
        if int(file.read()) != 0:
            raise Skip("this machine has huge pages")
    here = rig()
    daemon = here.serve()
    expect(any("huge" in word for word in here.ctl_json("status")["degraded"]), "status is silent")
    daemon.end()


@test
def hugepages_off_is_named_degraded():
    here = rig()
    daemon = here.serve(options=["boot/hugepages=off"])
    expect(any("huge" in word for word in here.ctl_json("status")["degraded"]), "status is silent")
    expect("degraded: no huge" in daemon.output().replace("hugepages", "huge"), daemon.output())
    daemon.end()


@test
def settings_the_machine_cannot_serve_exit_2_and_start_no_worker():
    here = Rig("q", queues=2)
    here.attach()
    for option, needle in (("boot/workers=1", "2 receive queues"),
                           ("boot/workers=3", "2 receive queues"), ("boot/cpus=99", "CPU 99")):
        rest = [] if option.startswith("boot/workers") else ["boot/workers=2"]
        daemon = here.serve(options=[*rest, option], ready=False)
        three_lines(daemon, 2, "hzd: cannot start", needle)
    expect_equal([w["id"] for w in here.ctl_json("worker")["workers"] if w["id"] == 2], [],
                 "a worker that never ran")
    here.close()


@test
def missing_group_of_readers_is_told_once_at_start():
    try:
        grp.getgrnam("hz")
        count = 0
    except KeyError:
        count = 1
    here = rig()
    daemon = here.serve()
    expect_equal(daemon.output().count("warning: no group hz"), count, daemon.output())
    daemon.end()


@test
def lock_anybody_could_hold_does_not_keep_hzd_from_starting():
    """Whoever is not root can hold no lock that hzd takes."""
    here = rig()
    namespace = os.stat(f"/run/netns/{here.server}").st_ino
    daemon = here.serve()
    locks = [path for place in ("/run/lock", "/run/hz-lock")
             for path in glob.glob(f"{place}/hz-{namespace}-*.lock")]
    expect_equal(len(locks), 1, "locks of one interface")
    done = run("cat", locks[0], user="nobody", group="nogroup", extra_groups=[], cwd="/", check=False)
    expect(done.returncode != 0, f"nobody opens {locks[0]}")
    folder = os.stat(os.path.dirname(locks[0]))
    expect_equal((folder.st_uid, folder.st_mode & 0o777), (0, 0o700), "owner and mode of its folder")
    daemon.end()
    expect(not os.path.exists(locks[0]), "the lock's file outlived hzd")


@test
def missing_capability_exits_7_with_its_name():
    """Every capability of the start set, one at a time."""
    here = rig()
    for name in ("net_raw", "net_admin", "bpf"):
        command = ["setpriv", f"--bounding-set=-{name}", f"--inh-caps=-{name}", BIN + "/hzd", "-i",
                   here.name, "-n", here.server, "-c", BENCH_SITE, "-l", f"eth1,{SERVER4}:{PORT}"]
        three_lines(Process(*command), 7, name.upper())


@test
def socket_io_needs_no_root_and_names_itself_degraded():
    here = rig()
    directory = temporary_directory(0o777)
    name = here.name + "s"
    env = {**os.environ, "XDG_RUNTIME_DIR": directory}
    daemon = Process(BIN + "/hzd", "-i", name, "-c", BENCH_SITE, "-l", "lo,127.0.0.1:18581", "-o",
                     "boot/io=socket", "-o", "timeouts/lame_duck_ms=0", env=env, cwd="/",
                     user="nobody", group="nogroup", extra_groups=[])
    daemon.wait_line("ready")
    expect(os.path.isdir(f"{directory}/hz-{name}"), f"run directory: {os.listdir(directory)}")
    for words in (["status"], ["latency"], ["worker"]):
        run(BIN + "/hzctl", "-i", name, *words, env=env, cwd="/", user="nobody", group="nogroup",
            extra_groups=[])
    daemon.end()
    expect_equal(daemon.process.returncode, 0, "exit code")


@test
def port_in_use_of_socket_io_is_an_error_of_three_lines():
    holder = Process("python3", "-c", "import socket,time; s=socket.create_server(('127.0.0.1',"
                     "18582)); print('up', flush=True); time.sleep(60)")
    holder.wait_line("up")
    daemon = Process(BIN + "/hzd", "-i", rig().name + "p", "-c", BENCH_SITE, "-l",
                     "lo,127.0.0.1:18582", "-o", "boot/io=socket",
                     env={**os.environ, "XDG_RUNTIME_DIR": temporary_directory()})
    code = daemon.wait(10)
    expect(code not in (0, 139, 134), f"exit {code}: {daemon.output()}")
    expect("18582" in daemon.output() and "in use" in daemon.output(), daemon.output())
    holder.end()


@test
def version_check_and_help_touch_nothing():
    for words in (["-V"], ["-h"], ["-t", "-c", BENCH_SITE]):
        done = run(BIN + "/hzd", *words, cwd="/")
        expect(done.stdout, f"hzd {words} is silent")


@test
def restarts_under_load_leave_nothing():
    """20 kills: no pin, lock, socket file or huge page is added by any of them."""
    here = rig()
    counts = []
    for _ in range(20):
        daemon = here.serve()
        http = here.http()
        expect_equal(http.get("/")[0], 200, "GET")
        http.close()
        daemon.kill()
        counts.append(sum(len(files) for folder in (here.pins, f"/run/hz-{here.name}")
                          for _, _, files in os.walk(folder)))
    expect_equal(len(set(counts)), 1, f"files after each kill: {counts}")


@test
def rig_down_ends_what_runs_inside():
    here = Rig("r")
    daemon = here.start()
    run(ROOT + "/tools/dev/rig.sh", "down", here.name)
    expect(daemon.wait(5) is not None, "hzd outlived its rig")
    expect(not os.path.exists(here.pins), "pins outlived the rig")
    expect(not os.path.exists(f"/run/netns/{here.server}"), "namespace outlived the rig")
    expect(SERVER6 not in run("ip", "-6", "addr").stdout, "address left in the host's namespace")


@test
def rig_down_removes_the_lock_of_a_killed_hzd():
    here = Rig("k")
    namespace = os.stat(f"/run/netns/{here.server}").st_ino
    here.start().kill()
    expect_equal(len(glob.glob(f"/run/hz-lock/hz-{namespace}-*")), 1, "locks after kill -9")
    here.close()
    expect_equal(glob.glob(f"/run/hz-lock/hz-{namespace}-*"), [], "locks outlived the rig")


if __name__ == "__main__":
    main(each_ends_its_own=True)
