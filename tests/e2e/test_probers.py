#!/usr/bin/env python3
"""Probers of every kind are satisfied, and told the truth in time, whatever becomes of the server."""
import json
import os
import shutil
import signal
import time

import hz_probers
from hz_e2e import (HEALTH_PORT, PORT, SERVER4, SERVER6, Rig, Skip, expect,
                    expect_equal, main, note, run, steady, temporary_directory, test,
                    wait_until, write_file)
from hz_overcommit import probes_under_overcommit

UDP_PORT = 8082
PROBER4, PROBER6 = "10.7.0.9", "fd07::9"
LATE_S = 0.5 + 0.1  # health/beat_timeout_ms and what an answer may take on top
SITE = f"""
listen:
  - {{ interface: eth1, address: {SERVER4}, port: {PORT} }}
  - {{ interface: eth1, address: "{SERVER6}", port: {PORT} }}
health:
  - {{ port: {HEALTH_PORT} }}
  - {{ port: {UDP_PORT}, protocol: udp }}
  - {{ port: {PORT}, from: [{PROBER4}, "{PROBER6}/128"] }}
routes:
  - {{ name: root, match: GET /, respond: {{ body: hello }} }}
  - {{ name: own, match: GET /healthz, respond: {{ body: the site }} }}
"""
rigs = {}


def rig():
    if not rigs:
        rigs["rig"] = here = Rig()
        run("ip", "addr", "add", PROBER4 + "/24", "dev", "eth0", netns=here.client)
        run("ip", "addr", "add", PROBER6 + "/64", "dev", "eth0", "nodad", netns=here.client)
        rigs["site"] = temporary_directory() + "/site.yaml"
        write_file(rigs["site"], SITE)
        here.ctl("xdp", "attach", "dev", "eth1", "site", rigs["site"])
    return rigs["rig"]


def start(*options):
    rigs["hzd"] = rig().serve(site=rigs["site"], listens=[], options=options)


def serving():
    here = rig()
    if "hzd" not in rigs or not rigs["hzd"].is_running():
        start()
    wait_until(lambda: here.health() == 200, 3, "a ready server is not reported healthy")
    return here


def restart(*options):
    serving()
    rigs["hzd"].end()
    start(*options)
    wait_until(lambda: rig().health() == 200, 3, "not healthy after a restart")
    return rig()


def told_all(here, status, what):
    for host, source in ((SERVER4, PROBER4), (SERVER6, PROBER6)):
        told = hz_probers.everybody(here.client, host, source)
        expect_equal({name: got for name, got in told.items() if got != status}, {},
                     f"{what}: probers of {host} that were not told {status}")


@test
def ready_server_satisfies_every_prober():
    here = serving()
    told_all(here, 200, "ready")
    for host in (SERVER4, SERVER6):
        for with_reset in (False, True):
            expect(hz_probers.tcp_check(here.client, host, with_reset=with_reset), f"TCP check {host}")
        expect_equal(hz_probers.udp_check(here.client, host, UDP_PORT), b"ok", f"UDP check {host}")


@test
def site_port_is_the_site_for_everybody_else():
    here = serving()
    expect_equal(here.http().get("/healthz")[2], b"the site", "GET of who is not named")
    before = steady(lambda: here.verdicts()["steer"])
    expect_equal(hz_probers.kubelet(here.client, SERVER4, PORT, PROBER4), 200, "prober")
    expect_equal(here.verdicts()["steer"], before, "frames of a prober that reached the worker")
    expect_equal(hz_probers.tcp_check(here.client, SERVER4, PORT), True, "a check by who is not named")


@test
def haproxy_checks_follow_maintenance():
    here = serving()
    if shutil.which("haproxy") is None:
        raise Skip("haproxy is not installed")
    balancer = hz_probers.Haproxy(here.client, SERVER4, SERVER6)
    everyone = hz_probers.HAPROXY_HTTP + hz_probers.HAPROXY_TCP
    wait_until(lambda: balancer.are(everyone, "UP"), 5, f"not all are up: {balancer.states()}")
    wait_until(lambda: balancer.are(hz_probers.HAPROXY_HTTP, "UP", "200"), 5, str(balancer.states()))
    here.ctl("health", "maintenance", "on")
    wait_until(lambda: balancer.are(hz_probers.HAPROXY_HTTP, "DOWN", "503"), 5, str(balancer.states()))
    expect(balancer.are(hz_probers.HAPROXY_TCP, "UP"), "the port itself stays open")
    here.ctl("health", "maintenance", "off")
    wait_until(lambda: balancer.are(everyone, "UP"), 5, str(balancer.states()))
    balancer.end()


@test
def maintenance_is_told_at_once_and_traffic_goes_on():
    here = serving()
    here.ctl("health", "maintenance", "on")
    told_all(here, 503, "maintenance")
    for host in (SERVER4, SERVER6):
        expect_equal(hz_probers.udp_check(here.client, host, UDP_PORT), None, f"UDP check {host}")
    expect_equal(here.http().get("/")[2], b"hello", "a request in maintenance")
    shown = here.ctl_json("health")
    expect_equal((shown["answer"], shown["state"], shown["maintenance"]), (503, "maintenance", True), "shown")
    status = here.ctl("-j", "status", check=False)
    expect_equal((status.returncode, json.loads(status.stdout)["state"]), (1, "maintenance"), "status")
    here.ctl("health", "maintenance", "off")
    told_all(here, 200, "maintenance is over")


@test
def maintenance_outlives_the_server():
    here = serving()
    here.ctl("health", "maintenance", "on")
    rigs["hzd"].kill()
    start()
    time.sleep(0.3)
    expect_equal(here.health(), 503, "restarted in maintenance")
    rigs["hzd"].kill()
    done = here.ctl("health", "maintenance", "off")
    expect("not running" in done.stderr, done.stderr)
    start()
    wait_until(lambda: here.health() == 200, 3, "maintenance ended while nobody served")


def until_told(here, status, what):
    """Until a prober of each family is told so."""
    started = time.monotonic()
    for host, source in ((SERVER4, PROBER4), (SERVER6, PROBER6)):
        wait_until(lambda: here.health(host) == status, 3, f"{what}: {host}", every=0.005)
        wait_until(lambda: hz_probers.kubelet(here.client, host, PORT, source) == status, 3,
                   f"{what}: {host} at the site's port", every=0.005)
    took = time.monotonic() - started
    note(f"{what}: {status} after {took * 1e3:.0f} ms")
    expect(took <= LATE_S, f"{what}: {status} only after {took * 1e3:.0f} ms")


@test
def death_and_stop_are_told_in_time():
    here = serving()
    rigs["hzd"].kill()
    until_told(here, 503, "kill -9")
    told_all(here, 503, "killed")
    expect_equal(hz_probers.udp_check(here.client, SERVER4, UDP_PORT), None, "UDP check of the dead")
    serving()
    rigs["hzd"].signal(signal.SIGSTOP)
    until_told(here, 503, "SIGSTOP")
    rigs["hzd"].signal(signal.SIGCONT)
    wait_until(lambda: here.health() == 200, 3, "goes on, yet not healthy")


@test
def drain_is_told_at_once():
    here = restart("timeouts/lame_duck_ms=3000")
    here.ctl("drain")
    until_told(here, 503, "drain")
    told_all(here, 503, "draining")
    expect_equal(here.http().get("/")[2], b"hello", "a request while probers are sent away")
    rigs["hzd"].end()


@test
def keep_alive_serves_many_probes_on_one_connection():
    here = restart("health/keep_alive=1")
    for host in (SERVER4, SERVER6):
        url = f"http://{hz_probers.host_text(host)}:{HEALTH_PORT}/healthz"
        done = here.curl("-w", "%{num_connects} ", "-o", "/dev/null", url, "-o", "/dev/null", url,
                         "-o", "/dev/null", url)
        expect_equal(done.stdout.split(), ["1", "0", "0"], f"connections for three probes of {host}")
    told_all(here, 200, "keep-alive")  # who asks for close, or speaks HTTP/1.0, gets it
    figures = here.wrk("-t1", "-c1", "-d1", url=f"http://{SERVER4}:{HEALTH_PORT}/healthz")
    expect(figures["requests"] > 2500, f"only {figures['requests']} probes in a second")
    expect_equal(figures["errors"], 0, "errors over the limit of answers of a connection")


@test
def health_out_of_the_kernel_is_the_kernels():
    here = restart("health/in_kernel=1", "health/icmp_echo=1")
    before = here.verdicts()["icmp_echo"]
    for host in (SERVER4, SERVER6):
        run("ping", "-c3", "-i0.1", "-W1", host, netns=here.client)
    expect_equal(here.verdicts()["icmp_echo"] - before, 6, "pings answered in XDP")
    rigs["hzd"].end()
    start("health/in_kernel=0")
    wait_until(lambda: here.http().get("/")[0] == 200, 3, "does not serve")
    expect_equal(here.health(), 0, "a health port that nobody serves")
    answer = hz_probers.exchange(here.client, SERVER4, b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
                                 b"Connection: close\r\n\r\n", PORT, PROBER4)
    expect(answer.endswith(b"the site"), f"a prober's request is the site's: {answer!r}")
    rigs["hzd"].end()


@test
def no_false_503_while_cores_are_overcommitted():
    here = serving()
    probes, wrong = probes_under_overcommit(here, float(os.environ.get("HZ_OVERCOMMIT_S", "20")))
    note(f"{probes} probes")
    expect(probes > 100, f"only {probes} probes")
    expect_equal(wrong, {}, "answers that were not 200")


if __name__ == "__main__":
    main()
