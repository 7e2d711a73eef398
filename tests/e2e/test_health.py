#!/usr/bin/env python3
"""Health in the kernel: the answer is the worker's true state, whether or not a server runs."""
import os
import signal
import sys
import time

from hz_bystander import Bystander
from hz_e2e import (CLIENT4, HEALTH_PORT, PORT, SERVER4, SERVER6, Process, Rig, expect,
                    expect_equal, inside, main, note, run, tcp_connect, test, wait_until)

BEAT_TIMEOUT_S = 0.5
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = Rig()
        rigs["rig"].attach()
        rigs["kernel"] = Process(sys.executable, "-m", "http.server", "8080", "--bind", SERVER4,
                                 "--directory", os.path.dirname(os.path.abspath(__file__)), netns=rigs["rig"].server)
    return rigs["rig"]


def serving():
    """The rig with a ready hzd; starts one if the last test killed it."""
    here = rig()
    if "hzd" not in rigs or not rigs["hzd"].is_running():
        rigs["hzd"] = here.serve()
    wait_until(lambda: here.health() == 200, 3, "a ready server is not reported healthy")
    return here


def kernel_server_answers(here):
    status = here.curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{SERVER4}:8080/",
                       check=False).stdout
    return status == "200"


@test
def health_before_any_server_is_503():
    expect_equal(rig().health(), 503, "no server ever started")
    expect_equal(rig().health(SERVER6), 503, "no server ever started, IPv6")


@test
def health_of_a_serving_worker_is_200():
    here = serving()
    for host in (SERVER4, SERVER6):
        expect_equal(here.health(host), 200, f"health at {host}")
        expect_equal(here.health(host, "/other"), 404, f"another path at {host}")
    done = here.curl(f"http://{SERVER4}:{HEALTH_PORT}/healthz")
    expect_equal(done.stdout.strip(), "ok", "body")


@test
def health_probes_never_reach_the_worker():
    here = serving()
    time.sleep(0.2)
    probes = 200
    before, packets = here.verdicts(), sum(int(w["rx_packets"]) for w in here.workers())
    for _ in range(probes):
        expect_equal(here.health(), 200, "probe")
    after = here.verdicts()
    gained = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    expect_equal(gained.get("health_200"), probes, f"answers counted in the kernel ({gained})")
    expect_equal(gained.get("steer", 0), 0, f"frames given to the worker ({gained})")
    expect_equal(sum(int(w["rx_packets"]) for w in here.workers()) - packets, 0,
                 "packets the worker received")


def until_503(here, killed_at):
    wait_until(lambda: here.health() == 503, 3, "health still says 200", every=0.005)
    return time.monotonic() - killed_at


@test
def health_after_kill_is_503_then_200_after_restart():
    here = serving()
    for _ in range(3):
        started = time.monotonic()
        rigs["hzd"].kill()
        took = until_503(here, started)
        note(f"kill -9: 503 after {took * 1e3:.0f} ms")
        expect(took <= BEAT_TIMEOUT_S + 0.1, f"503 came after {took * 1e3:.0f} ms")
        expect_equal(here.health(SERVER6), 503, "IPv6 after the kill")
        started = time.monotonic()
        rigs["hzd"] = here.serve()
        wait_until(lambda: here.health() == 200, 3, "restarted, yet not healthy")
        note(f"restart: 200 after {(time.monotonic() - started) * 1e3:.0f} ms")
        expect_equal(here.http().get("/")[2], b"Hello, World!", "GET after the restart")


@test
def health_of_a_stopped_process_is_503_until_it_goes_on():
    here = serving()
    started = time.monotonic()
    rigs["hzd"].signal(signal.SIGSTOP)
    took = until_503(here, started)
    note(f"SIGSTOP: 503 after {took * 1e3:.0f} ms")
    expect(took <= BEAT_TIMEOUT_S + 0.1, f"503 came after {took * 1e3:.0f} ms")
    rigs["hzd"].signal(signal.SIGCONT)
    wait_until(lambda: here.health() == 200, 2, "goes on, yet not healthy")


@test
def health_beat_timeout_follows_its_setting():
    here = serving()
    rigs["hzd"].end()
    rigs["hzd"] = here.serve(options=["health/beat_timeout_ms=1500"])
    wait_until(lambda: here.health() == 200, 3, "not healthy")
    started = time.monotonic()
    rigs["hzd"].kill()
    took = until_503(here, started)
    expect(1.3 <= took <= 1.6, f"503 after {took * 1e3:.0f} ms with a timeout of 1500 ms")


@test
def kernel_keeps_its_ports_while_the_server_is_dead():
    here = serving()
    expect(kernel_server_answers(here), "port 8080 unreachable while hzd serves")
    rigs["hzd"].kill()
    expect(kernel_server_answers(here), "port 8080 unreachable right after the kill")
    until_503(here, time.monotonic())
    expect(kernel_server_answers(here), "port 8080 unreachable while hzd is dead")
    for address in (SERVER4, SERVER6):
        run("ping", "-c3", "-i0.1", "-W1", address, netns=here.client)


@test
def kernels_traffic_goes_on_through_every_state_of_the_server():
    here = serving()
    with Bystander(here) as other:
        other.wait()
        rigs["hzd"].signal(signal.SIGSTOP)
        until_503(here, time.monotonic())
        other.wait()
        rigs["hzd"].signal(signal.SIGCONT)
        wait_until(lambda: here.health() == 200, 3, "goes on, yet not healthy")
        here.ctl("health", "maintenance", "on")
        wait_until(lambda: here.health() == 503, 3, "maintenance, yet healthy")
        other.wait()
        here.ctl("health", "maintenance", "off")  # it would outlive the server
        rigs["hzd"].kill()
        until_503(here, time.monotonic())
        other.wait()


@test
def claimed_port_of_a_dead_server_is_reset_not_silent():
    here = serving()
    rigs["hzd"].kill()
    until_503(here, time.monotonic())
    started = time.monotonic()
    try:
        tcp_connect(here.client, SERVER4, PORT, 3).close()
        raise AssertionError("port 80 accepted a connection without a server")
    except ConnectionRefusedError:
        expect(time.monotonic() - started < 1, "the refusal took a second")


@test
def kernel_server_answers_under_load_of_hz():
    here = serving()
    load = Process("wrk", "-t1", "-c16", "-d3", f"http://{SERVER4}/", netns=here.client)
    failures = 0
    while load.is_running():
        failures += not kernel_server_answers(here)
        time.sleep(0.1)
    expect_equal(failures, 0, "requests to port 8080 that failed")
    with inside(here.server):
        run("ping", "-c2", "-i0.1", "-W1", CLIENT4)


if __name__ == "__main__":
    main()
