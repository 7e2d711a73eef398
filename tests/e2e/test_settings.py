#!/usr/bin/env python3
"""Settings of a running hzd: each that is live, by what it does on the wire right after it was set."""
import json
import signal
import socket
import struct
import time

from hz_e2e import (PORT, SERVER4, Rig, expect, expect_equal, inside, main, note, run,
                    tcp_connect, test, wait_until)

LIVE_S = 0.1
STRANGER = "10.7.0.200"  # nobody there: SYN-ACKs to it are not answered
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["hzd"] = rigs["rig"].start(options=["shed/mode=off", "timeouts/drain_ms=500"])
    return rigs["rig"]


def values(*paths):
    return rig().ctl_json("get", *paths)["values"]


def put(path, value, acts, what):
    """Sets, and what follows must be seen within LIVE_S."""
    rig().ctl("set", f"{path}={value}")
    was_set = time.monotonic()
    looks = []

    def look():
        looks.append(time.monotonic())
        return acts()

    wait_until(look, 2, f"{path}={value}: {what}", every=0.005)
    took = looks[-1] - was_set  # it did when this look began
    note(f"{path}={value} acts after {took * 1e3:.0f} ms")
    expect(took <= LIVE_S, f"{path}={value} acts after {took * 1e3:.0f} ms")
    expect_equal(values(path)[path], str(value), "what get says")


def gains(name):
    """Whether the verdict was given since."""
    before = rig().verdicts()[name]
    return lambda: rig().verdicts()[name] > before


def connects(timeout=0.05):
    try:
        tcp_connect(rig().client, SERVER4, PORT, timeout).close()
        return True
    except (TimeoutError, socket.timeout):
        return False


def refused():
    try:
        tcp_connect(rig().client, SERVER4, PORT, 0.05).close()
    except ConnectionRefusedError:
        return True
    except (TimeoutError, socket.timeout):
        pass
    return False


def probe(text):
    """Everything that a health port says to it."""
    with tcp_connect(rig().client, SERVER4, 8081, 0.5) as sock:
        sock.sendall(text)
        sock.settimeout(0.03)
        answer = b""
        try:
            while piece := sock.recv(4096):
                answer += piece
        except TimeoutError:
            pass
        return answer


@test
def source_rate_is_live():
    here = rig()
    expect(connects(), "before")
    here.ctl("set", "shed/source_burst=1")
    put("shed/source_rate", 1, lambda: not connects(), "a source is served without a limit")
    shown = here.ctl_json("shed", "show")["source"]
    expect_equal((shown["rate_per_s"], shown["burst"]), (1, 1), "in shed show")
    put("shed/source_rate", 0, connects, "a source is limited still")
    log = rigs["hzd"].output()
    for line in ("set shed/source_burst 400 -> 1", "set shed/source_rate 0 -> 1",
                 "set shed/source_rate 1 -> 0"):
        expect(line in log, f"no {line!r} in the log: {log[-600:]}")


@test
def syn_cookies_are_live():
    rig()
    put("shed/syn_cookies", "always", lambda: connects() and int(values()["shed/cookies_sent"]) > 0,
        "no SYN is answered with a cookie")
    time.sleep(0.05)
    rig().ctl("set", "shed/syn_cookies=off")
    time.sleep(LIVE_S)
    before = values()["shed/cookies_sent"]
    for _ in range(5):
        expect(connects(0.5), "not served without cookies")
    expect_equal(values()["shed/cookies_sent"], before, "cookies after off")
    rig().ctl("set", "shed/syn_cookies=auto")


def csum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syns(first_port, count):
    """Half-open connections of somebody who is not there."""
    with inside(rig().client):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    source, target = socket.inet_aton(STRANGER), socket.inet_aton(SERVER4)
    for port in range(first_port, first_port + count):
        tcp = struct.pack("!HHIIBBHHH", port, PORT, port << 8, 0, 5 << 4, 2, 65535, 0, 0)
        pseudo = source + target + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", csum(pseudo + tcp)) + tcp[18:]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target)
        sock.sendto(head + tcp, (SERVER4, 0))
    sock.close()


@test
def half_open_max_is_live():
    rig()
    before = int(values()["shed/cookies_sent"])
    syns(20000, 40)
    time.sleep(0.05)
    expect_equal(int(values()["shed/cookies_sent"]) - before, 0, "cookies for 40 half-open connections")
    rig().ctl("set", "shed/half_open_max=16")
    time.sleep(0.03)
    syns(21000, 10)
    wait_until(lambda: int(values()["shed/cookies_sent"]) - before == 10, LIVE_S,
               "SYNs beyond the new level get no cookies")
    rig().ctl("set", "shed/half_open_max=4096")


@test
def health_answers_follow_their_settings():
    here = rig()
    ask = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(b"close" in probe(ask), "by default")
    put("health/keep_alive", 1, lambda: b"200" in probe(ask) and b"close" not in probe(ask),
        "answers close their connections")
    put("health/keep_alive", 0, lambda: b"close" in probe(ask), "answers keep their connections")

    def is_closed():
        try:
            probe(ask)
            return False
        except ConnectionRefusedError:
            return True

    put("health/in_kernel", 0, is_closed, "the kernel has no health port")
    put("health/in_kernel", 1, lambda: not is_closed() and b" 200 " in probe(ask), "probes are not answered")


@test
def ping_in_the_kernel_is_live():
    here = rig()

    def ping():
        run("ping", "-c", "1", "-W", "1", SERVER4, netns=here.client)

    counts = gains("icmp_echo")
    ping()
    expect(not counts(), "answered by XDP by default")
    here.ctl("set", "health/icmp_echo=1")
    ping()
    expect(counts(), "not answered by XDP")
    here.ctl("set", "health/icmp_echo=0")


@test
def maintenance_is_told_and_has_a_command_of_its_own():
    here = rig()
    done = here.ctl("set", "health/maintenance=1", check=False)
    expect_equal(done.returncode, 2, "exit")
    expect(f"hzctl -i {here.name} -n {here.server} health maintenance on|off" in done.stderr, done.stderr)
    here.ctl("health", "maintenance", "on")
    expect_equal((values()["health/maintenance"], here.health()), ("1", 503), "on")
    here.ctl("health", "maintenance", "off")
    expect_equal((values()["health/maintenance"], here.health()), ("0", 200), "off")
    counted = values("health/answered_200", "health/answered_503")
    verdicts = here.verdicts()
    expect_equal(counted, {"health/answered_200": str(verdicts["health_200"]),
                           "health/answered_503": str(verdicts["health_503"])}, "answers")


@test
def beat_timeout_is_live_and_a_worker_that_sleeps_beats_in_time():
    here = rig()
    here.ctl("set", "health/beat_timeout_ms=60")
    time.sleep(LIVE_S)
    until = time.monotonic() + 1.5
    answers = []
    while time.monotonic() < until:
        answers.append(here.health())
        time.sleep(0.01)
    well = answers.count(200)
    note(f"{well} of {len(answers)} probes of an idle server got 200 with a timeout of 60 ms")
    expect(well >= 0.9 * len(answers), f"{well} of {len(answers)} got 200")
    for timeout_ms in (300, 800):
        here.ctl("set", f"health/beat_timeout_ms={timeout_ms}")
        wait_until(lambda: here.health() == 200, 2, "not healthy")
        started = time.monotonic()
        rigs["hzd"].signal(signal.SIGSTOP)
        wait_until(lambda: here.health() == 503, 3, "health still says 200", every=0.005)
        took = (time.monotonic() - started) * 1e3
        rigs["hzd"].signal(signal.SIGCONT)
        expect(timeout_ms * 0.8 - 60 <= took <= timeout_ms + 100,
               f"503 after {took:.0f} ms with a timeout of {timeout_ms} ms")
    wait_until(lambda: here.health() == 200, 2, "goes on, yet not healthy")


@test
def on_dead_is_live():
    here = rig()
    here.ctl("set", "health/beat_timeout_ms=100")
    passed = "passed to the kernel"
    for on_dead, acts, what, met, fates in (
            ("drop", lambda: not refused() and not connects(), "is not dropped", (503, 503), ("answered", "dropped")),
            ("pass", refused, "is not the kernel's", (0, None), (passed, passed))):
        here.ctl("set", f"health/on_dead={on_dead}")
        rigs["hzd"].signal(signal.SIGSTOP)
        wait_until(lambda: here.health() != 200, 2, "not dead")
        expect(acts(), f"{on_dead}: claimed traffic {what}")
        told = here.ctl_json("health", "show")
        expect_equal((here.health(), told["answer"]), met, f"{on_dead}: a probe, and what hzctl says of it")
        expect_equal((told["tcp"], told["udp"]), fates, f"{on_dead}: {told}")
        rigs["hzd"].signal(signal.SIGCONT)
        wait_until(lambda: here.health() == 200, 2, "goes on, yet not healthy")
    here.ctl("set", "health/on_dead=answer503", "health/beat_timeout_ms=500")


@test
def settings_of_the_next_reload_say_so():
    here = rig()
    done = here.ctl("set", "timeouts/idle_ms=150")
    expect("timeouts/idle_ms: with the next hzctl reload" in done.stdout, done.stdout)

    def idle_ends():
        with tcp_connect(here.client, SERVER4, PORT, 3) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            sock.recv(4096)
            sock.settimeout(0.6)
            try:
                return sock.recv(4096) == b""
            except TimeoutError:
                return False

    expect(not idle_ends(), "before the reload")
    here.ctl("reload")
    expect(idle_ends(), "after the reload")


@test
def settings_that_are_not_there_are_told_with_what_to_type():
    here = rig()
    done = here.ctl("set", "boot/mbufs=4096", check=False)
    expect_equal(done.returncode, 1, "exit of a setting of the start")
    expect(f"restart hzd -i {here.name} with -o boot/mbufs=4096" in done.stderr, done.stderr)
    done = here.ctl("get", "shed/levle_permille", check=False)
    expect_equal(done.returncode, 2, "exit of a wrong name")
    expect("did you mean 'shed/level_permille'?" in done.stderr and
           f"hzctl -i {here.name} -n {here.server} get shed/level_permille" in done.stderr, done.stderr)
    everything = values()
    expect("boot/cpus" in everything and "boot/device" in everything, "lists are left out")
    expect_equal(here.ctl("get", "boot/cpus").returncode, 0, "exit of get boot/cpus")


@test  # the last one: the map stays frozen
def transaction_that_fails_in_the_kernel_changes_nothing():
    here = rig()
    before = values()
    run("bpftool", "map", "freeze", "pinned", f"{here.pins}/src_rate")
    done = here.ctl("set", "shed/verdict=reset", "shed/source_rate=7", "shed/max_permille=800", check=False)
    expect_equal(done.returncode, 1, f"exit: {done.stderr!r}")
    expect("map src_rate: Operation not permitted" in done.stderr and
           f"hzctl -i {here.name} -n {here.server} xdp show" in done.stderr, done.stderr)
    wrong = {path: value for path, value in values().items()
             if path.startswith("shed/") and value != before[path] and "cookies_sent" not in path}
    expect_equal(wrong, {}, "settings that changed")
    cfg = json.loads(run("bpftool", "-j", "map", "dump", "pinned", here.pins + "/cfg").stdout)
    expect_equal(cfg[0]["formatted"]["value"]["shed_verdict"], 0, "the verdict that XDP has")


if __name__ == "__main__":
    main()
