#!/usr/bin/env python3
"""Refusing new connections: settings of a running hzd, what clients see of each verdict, who is left alone."""
import json
import threading
import time

from hz_bystander import Bystander
from hz_e2e import (PATIENT, PORT, SERVER4, Rig, expect, expect_equal, main, note, tcp_connect,
                    temporary_directory, test, wait_until, write_file)

TRIES = 60
SILENCE_S = 0.6  # where silence is expected, which is counted besides: a SYN is sent again after 1 s
ANSWER_S = 5  # until an answer that must come
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["hzd"] = rigs["rig"].start(options=[PATIENT, "shed/mode=adaptive"])
    return rigs["rig"]


def settle(here, **values):
    """Sets, and waits until the worker wants that refused."""
    here.ctl("set", *(f"shed/{name}={value}" for name, value in values.items()))
    permille = str(values.get("fixed_permille", 0))
    wait_until(lambda: here.ctl_json("get")["values"]["shed/level_permille"] == permille, ANSWER_S,
               f"the level does not become {permille}")


def attempt(here, timeout=ANSWER_S, port=PORT):
    """What one connection with a request ends in."""
    try:
        sock = tcp_connect(here.client, SERVER4, port, timeout)
    except ConnectionRefusedError:
        return "reset"
    except TimeoutError:
        return "silence"
    with sock:
        sock.settimeout(ANSWER_S)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
        return answer.decode()


def attempts(here, count=TRIES, port=PORT):
    """How many of so many at once were refused; all others were served."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(attempt(here, ANSWER_S, port)))
               for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(len(results), count, f"outcomes of port {port}")  # a thread that failed has none
    served = sum("Hello, World!" in one for one in results)
    expect_equal(results.count("reset") + served, count, f"refused or served of port {port}: {results}")
    return results.count("reset")


@test
def settings_change_as_one_or_not_at_all():
    here = rig()
    before = here.ctl_json("get")["values"]
    expect_equal(before["shed/mode"], "adaptive", "shed/mode")
    bad = here.ctl("set", "shed/mode=off", "shed/max_permille=1001", check=False)
    expect_equal(bad.returncode, 2, "exit of a value out of bounds")
    expect("0 to 1000" in bad.stderr, bad.stderr)
    late = here.ctl("set", "shed/mode=off", "boot/mbufs=4096", check=False)
    expect_equal(late.returncode, 1, "exit of a setting of the start")
    expect("only when hzd starts" in late.stderr, late.stderr)
    expect_equal(here.ctl("set", "shed/modes=off", check=False).returncode, 2, "no such path")
    expect_equal(here.ctl("set", "shed/mode", check=False).returncode, 2, "no value")
    expect_equal(here.ctl_json("get")["values"]["shed/mode"], "adaptive", "nothing was changed")
    here.ctl("set", "shed/mode=fixed", "shed/max_permille=700")
    after = here.ctl_json("get", "shed/mode", "shed/max_permille")["values"]
    expect_equal(after, {"shed/mode": "fixed", "shed/max_permille": "700"}, "what get says")
    here.ctl("set", "shed/mode=adaptive", "shed/max_permille=900")


@test
def verdicts_are_what_clients_see():
    here = rig()
    for verdict, seen, reason in (("drop", "silence", "shed_drop"), ("reset", "reset", "shed_reset"),
                                  ("answer503", "HTTP/1.1 503", "shed_503")):
        settle(here, mode="fixed", fixed_permille=1000, verdict=verdict)
        before = here.verdicts()[reason]
        got = attempt(here, SILENCE_S if seen == "silence" else ANSWER_S)
        expect(got.startswith(seen), f"{verdict}: {got!r}")
        wait_until(lambda: here.verdicts()[reason] > before, ANSWER_S, f"{verdict}: no {reason} is counted")
        if verdict == "answer503":
            expect("\r\nRetry-After: 1\r\n" in got and got.endswith("\r\n\r\n"), got)
        settle(here, mode="off")
        expect("Hello, World!" in attempt(here), f"{verdict}: refused though off")


@test
def half_is_refused_and_counted_and_told():
    here = rig()
    settle(here, mode="fixed", fixed_permille=500, verdict="reset")
    before = here.ctl_json("status")
    refused = attempts(here)
    expect(TRIES * 0.2 < refused < TRIES * 0.8, f"{refused} of {TRIES} refused")
    after = here.ctl_json("status")
    expect_equal(after["shed_refused"] - before["shed_refused"], refused, "shed_refused")
    expect_equal(after["shed_permille"], 500, "shed_permille")
    text = here.ctl("status").stdout
    expect("shed 500 permille" in text, text)
    shown = here.ctl_json("shed", "show")
    expect_equal([shown[key] for key in ("mode", "verdict", "level_permille")], ["fixed", "reset", 500], "shed show")
    verdicts = here.verdicts()
    for name in ("drop", "reset", "syn_ack"):
        expect_equal(shown["refused"][name], verdicts["shed_" + name], f"refused: {name}")
    expect_equal(shown["refused"]["answer503"], verdicts["shed_503"], "refused: answer503")
    expect("500 permille of new flows, verdict reset" in here.ctl("shed", "show").stdout, "text")
    settle(here, mode="off")


@test
def rate_of_refusals_is_in_status():
    here = rig()
    settle(here, mode="fixed", fixed_permille=1000, verdict="reset")
    ends = threading.Event()

    def knock():
        while not ends.is_set():
            attempt(here)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        status = here.ctl_json("status")
    finally:
        ends.set()
        thread.join()
    expect(status["shed_per_s"] > 0, f"shed_per_s {status['shed_per_s']}")
    settle(here, mode="off")
    expect_equal(here.ctl_json("status")["shed_per_s"], 0, "shed_per_s with nothing refused")


@test
def established_connections_and_health_live_on_at_all_refused():
    here = rig()
    settle(here, mode="off")
    conns = [here.http() for _ in range(10)]
    for conn in conns:
        expect_equal(conn.get("/")[0], 200, "before")
    for verdict in ("drop", "answer503"):
        settle(here, mode="fixed", fixed_permille=1000, verdict=verdict)
        attempt(here, SILENCE_S)
        for conn in conns * 20:
            expect_equal(conn.get("/")[0], 200, "of an established connection")
        expect_equal(here.health(), 200, "health")
    settle(here, mode="off")
    for conn in conns:
        conn.close()


@test
def classes_are_refused_three_to_one_and_control_never():
    here = Rig("c")
    lines = ["listen:"]
    for port, name in ((80, "bulk"), (81, "gold"), (82, "control")):
        lines.append(f"  - {{ interface: eth1, address: {SERVER4}, port: {port}, class: {name} }}")
    lines += ["limits: { connections_per_source: 0 }",
              "routes: [{ match: GET /, respond: { body: \"Hello, World!\" } }]"]
    site = temporary_directory() + "/site.yaml"
    write_file(site, "\n".join(lines) + "\n")
    here.ctl("xdp", "attach", "dev", "eth1", "site", site)
    here.serve(site=site, listens=[], options=[PATIENT])
    settle(here, mode="fixed", fixed_permille=900, verdict="reset")
    refused = {port: attempts(here, 200, port) for port in (80, 81, 82)}
    note(f"of 200 each: {refused}")
    expect(refused[80] > 160 and 35 < refused[81] < 90, f"not 900 and 300 permille: {refused}")
    expect_equal(refused[82], 0, "control")


@test
def class_that_is_not_claimed_is_refused_with_what_to_type():
    here = Rig("d")
    site = temporary_directory() + "/site.yaml"

    def write(name):
        write_file(site, f"listen: [ {{ interface: eth1, address: {SERVER4}, port: 80, class: {name} }}, "
                         f"{{ interface: eth1, address: {SERVER4}, port: 81 }} ]\n"
                         "routes: [{ match: GET /, respond: { body: \"Hello, World!\" } }]\n")

    def attach():
        here.ctl("xdp", "attach", "dev", "eth1", "site", site, "ensure")

    write("control")
    attach()
    hzd = here.serve(site=site, listens=[], options=[PATIENT])
    write("gold")
    late = here.ctl("reload", check=False)
    expect_equal(late.returncode, 1, "exit of a reload with another class")
    expect("line 1: the class of a listen cannot change while running" in late.stderr and
           f"hzctl -i {here.name} -n {here.server} xdp attach dev eth1 site {site} ensure, "
           "then restart hzd" in late.stderr, late.stderr)
    hzd.end()
    hzd = here.serve(site=site, listens=[], ready=False)
    expect_equal(hzd.wait(10), 6, "exit of a start with another class than is claimed")
    log = "".join(hzd.output())
    expect("class control, the site says gold" in log and f"attach dev eth1 site {site} ensure" in log, log)
    checked = here.ctl("conf", "check", site).stdout
    expect(f"listen  {SERVER4}:80 on eth1, class gold" in checked, checked)
    attach()
    here.serve(site=site, listens=[], options=[PATIENT])
    settle(here, mode="fixed", fixed_permille=900, verdict="reset")
    refused = attempts(here, 100, 80)
    expect(15 < refused < 50, f"gold is refused {refused} of 100 times, not 300 permille")


@test
def listens_of_the_command_line_are_weighed_as_they_are_claimed():
    here = Rig("l")
    site = temporary_directory() + "/site.yaml"
    write_file(site, f"listen: [ {{ interface: eth1, address: {SERVER4}, port: 80, class: gold }}, "
                     f"{{ interface: eth1, address: {SERVER4}, port: 81 }} ]\n"
                     "routes: [{ match: GET /, respond: { body: \"Hello, World!\" } }]\n")
    here.ctl("xdp", "attach", "dev", "eth1", "site", site)
    here.serve(listens=[f"eth1,{SERVER4}:80"], options=[PATIENT])
    settle(here, mode="fixed", fixed_permille=900, verdict="reset")
    refused = attempts(here, 100)
    expect(refused > 75, f"{refused} of 100 refused: gold alone, without the site's bulk, is as heavy as bulk")


@test
def kernels_traffic_goes_on_whatever_is_refused():
    here = rig()
    with Bystander(here) as other:
        for verdict, reason in (("drop", "shed_drop"), ("reset", "shed_reset"), ("answer503", "shed_503")):
            settle(here, mode="fixed", fixed_permille=1000, verdict=verdict)
            before = here.verdicts()[reason]
            attempt(here, SILENCE_S)
            other.wait()
            expect(here.verdicts()[reason] > before, f"{verdict}: nothing was refused")
    settle(here, mode="off")


@test
def dead_server_leaves_no_level_behind():
    here = rig()
    rigs["hzd"].end()
    rigs["hzd"] = here.serve()  # whose death is told in time
    settle(here, mode="fixed", fixed_permille=1000, verdict="drop")
    wait_until(lambda: attempt(here, SILENCE_S) == "silence", ANSWER_S, "let in while it lives")
    rigs["hzd"].kill()
    time.sleep(0.8)
    expect_equal(attempt(here), "reset", "the kernel has the port again")
    left = here.ctl("-j", "status", check=False)
    expect_equal(left.returncode, 3, "exit of status")
    status, verdicts = json.loads(left.stdout), here.verdicts()
    expect_equal(status["shed_refused"], sum(verdicts["shed_" + name] for name in ("drop", "reset", "syn_ack")),
                 "shed_refused without hzd")
    expect("\nshed " in here.ctl("status", check=False).stdout, "no row 'shed' without hzd")
    shown = here.ctl_json("shed", "show")
    expect_equal((shown["mode"], shown["verdict"], shown["level_permille"]), (None, "drop", 0),
                 "shed show without hzd")
    expect("mode unknown: hzd does not answer" in here.ctl("shed", "show").stdout, "text without hzd")
    rigs["hzd"] = here.serve(options=[PATIENT])
    expect("Hello, World!" in attempt(here), "a new run begins with what it was told")
    note(json.dumps(here.ctl_json("get", "shed/level_permille", "shed/refused")["values"]))


if __name__ == "__main__":
    main()
