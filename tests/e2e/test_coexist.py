#!/usr/bin/env python3
"""hz beside others on one interface: the kernel's traffic, other programs, other instances; and programs
that are exchanged under a flood."""
import json
import os
import signal
import time

from hz_bystander import Bystander
from hz_e2e import (BENCH_SITE, BIN, HEALTH_PORT, OUT, PATIENT, PORT, SERVER4, SERVER6, Process, Rig,
                    expect, expect_equal, main, note, run, test)
from hz_live import counted, flood, flood_end, gained

UPDATES = 100
FLOOD_S = 120  # at most: it ends with the last update
rigs = {}


def rig():
    """A rig with nothing attached and no hzd."""
    if not rigs:
        rigs["rig"] = Rig()
    here = rigs["rig"]
    for name in ("hzd", "flood"):
        if name in rigs:
            rigs.pop(name).end()
    here.ctl("xdp", "detach", "all", check=False)
    run("ip", "-n", here.server, "link", "set", "dev", "eth1", "xdp", "off", check=False)
    return here


def program_id(here, dev="eth1"):
    links = json.loads(run("ip", "-n", here.server, "-j", "link", "show", "dev", dev).stdout)
    return links[0].get("xdp", {}).get("prog", {}).get("id", 0)


def foreign_attach(here):
    run("ip", "-n", here.server, "link", "set", "dev", "eth1", "xdpdrv", "obj",
        f"{OUT}/tests-bpf/xdp_pass.bpf.o", "sec", "xdp")
    return program_id(here)


@test
def kernel_keeps_its_traffic_while_hz_comes_serves_and_goes():
    here = rig()
    with Bystander(here) as other:
        other.wait()
        here.attach()
        other.wait()
        daemon = here.serve()
        expect_equal(here.http().get("/")[0], 200, "GET")
        other.wait()
        here.ctl("xdp", "update", "dev", "eth1")
        other.wait()
        expect_equal(here.http().get("/")[0], 200, "GET after an update")
        daemon.kill()
        other.wait()
        here.detach()
        other.wait()


@test
def hundred_updates_under_a_flood_lose_nothing():
    here = rig()
    here.attach()
    rigs["hzd"] = here.serve(options=[PATIENT])
    expect_equal(here.http().get("/")[0], 200, "GET")
    before = counted(here)
    with Bystander(here, is_lossy=True) as other:
        process = rigs["flood"] = flood(here, HEALTH_PORT, seconds=FLOOD_S)
        programs, slowest = set(), 0.0
        for _ in range(UPDATES):
            expect(process.is_running(), f"the flood ended early: {process.output()!r}")
            started = time.monotonic()
            here.ctl("xdp", "update", "dev", "eth1")
            slowest = max(slowest, time.monotonic() - started)
            programs.add(program_id(here))
        other.wait()
        expect(process.is_running(), "the flood ended before the last update")
        process.signal(signal.SIGTERM)
        done = flood_end(process, FLOOD_S)
        rate = done["sent"] / done["seconds"]
    more = gained(counted(here), before)
    note(f"{UPDATES} updates, the slowest {slowest * 1e3:.0f} ms, under {rate / 1e3:.0f} k SYN/s: {more['taken']} "
         f"came over the veth, {more['health_syn_ack']} answered; {more['seen']} frames in all, "
         f"{more['reasons']} counted")
    expect_equal(len(programs), UPDATES, "programs that ran")
    expect(more["taken"] > 100000, f"hardly a flood: {more['taken']}")
    expect_equal(more["health_syn_ack"], more["taken"], "SYNs that were answered")
    expect_equal(more["reasons"], more["seen"], "frames that were counted of those that came")
    expect("cut off" not in rigs["hzd"].output(), "hzd took an update for somebody else's program")
    expect_equal(here.http().get("/")[0], 200, "GET afterwards")


@test
def foreign_program_is_chained_kept_over_hzd_and_restored():
    here = rig()
    foreign = foreign_attach(here)
    with Bystander(here) as other:
        here.attach("chain")
        ours = program_id(here)
        expect(ours not in (0, foreign), "ours does not run")
        shown = here.ctl_json("xdp", "show")["interfaces"][0]
        expect_equal((shown["is_ours"], shown["program_id"], shown["degraded"]), (True, ours, ["chained"]),
                     "show")
        expect("xdp_pass" in shown["next"] and str(foreign) in shown["next"], f"next: {shown['next']}")
        daemon = here.serve()
        expect_equal(here.http().get("/")[0], 200, "GET")
        expect_equal(here.health(), 200, "health")
        here.ctl("xdp", "update", "dev", "eth1")
        expect_equal(here.http().get("/")[0], 200, "GET after an update")
        other.wait()
        ours = program_id(here)
        daemon.end()
        expect_equal(program_id(here), ours, "the program after hzd has ended")
        daemon = here.serve()
        daemon.kill()
        expect_equal(program_id(here), ours, "the program after kill -9")
        done = here.detach()
        expect("xdp_pass" in done.stdout, f"detach does not say who is back: {done.stdout!r}")
        expect_equal(program_id(here), foreign, "the program after detach")
        other.wait()
    expect(not os.path.exists(here.pins), "pins are left")


@test
def second_instance_on_the_interface_is_refused_with_3():
    here = rig()
    here.attach()
    ours = program_id(here)
    second = here.name + "b"
    words = ["-i", second, "-n", here.server]
    for more in ([], ["chain"], ["ensure"]):
        done = run(BIN + "/hzctl", *words, "xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER4}:83",
                   *more, check=False)
        expect_equal(done.returncode, 3, f"exit of attach {more} ({done.stderr!r})")
        expect(here.name in done.stderr, f"does not name the owner: {done.stderr!r}")
    daemon = Process(BIN + "/hzd", *words, "-c", BENCH_SITE, "-l", f"eth1,{SERVER4}:83", "-o",
                     "boot/workers=1")
    expect_equal(daemon.wait(10), 3, f"exit of hzd ({daemon.output()!r})")
    expect_equal(program_id(here), ours, "the program")
    expect(not os.path.exists("/sys/fs/bpf/hz-" + second), "the refused instance left pins")


@test
def instances_and_interfaces_of_their_own_go_side_by_side():
    here = rig()
    run("ip", "-n", here.server, "link", "add", "eth2", "type", "veth", "peer", "name", "eth3")
    run("ip", "-n", here.server, "link", "add", "eth4", "type", "veth", "peer", "name", "eth5")
    second = ["-i", here.name + "b", "-n", here.server]
    try:
        here.attach()
        here.ctl("xdp", "attach", "dev", "eth2", "claim", f"tcp:{SERVER4}:83")
        run(BIN + "/hzctl", *second, "xdp", "attach", "dev", "eth4", "claim", f"tcp:{SERVER4}:84")
        shown = [one["ifname"] for one in here.ctl_json("xdp", "show")["interfaces"]]
        expect_equal(sorted(shown), ["eth1", "eth2"], "interfaces of the first")
        rigs["hzd"] = here.serve()
        run(BIN + "/hzctl", *second, "xdp", "detach", "all")
        here.ctl("xdp", "detach", "dev", "eth2")
        expect_equal(here.http().get("/")[0], 200, "GET after the others went")
        expect_equal((program_id(here, "eth2"), program_id(here, "eth4")), (0, 0), "programs of the others")
    finally:
        run(BIN + "/hzctl", *second, "xdp", "detach", "all", check=False)
        for dev in ("eth2", "eth4"):
            run("ip", "-n", here.server, "link", "del", dev, check=False)


@test
def update_that_takes_a_served_claim_away_is_refused():
    here = rig()
    here.attach()
    rigs["hzd"] = here.serve()
    expect_equal(here.http().get("/")[0], 200, "GET")
    done = here.ctl("xdp", "update", "dev", "eth1", "claim", f"tcp:{SERVER4}:{PORT}", check=False)
    expect_equal(done.returncode, 1, "exit code")
    expect(f"[{SERVER6}]:{PORT}" in done.stderr and str(rigs["hzd"].pid) in done.stderr and
           "drain" in done.stderr, f"told otherwise: {done.stderr!r}")
    expect_equal(here.http(SERVER6).get("/")[0], 200, "GET by the claim that was to go")


@test
def generic_mode_is_told_by_hzctl_and_hzd():
    here = rig()
    expect("degraded: generic" in here.attach("mode", "generic").stdout, "attach does not tell")
    expect_equal(here.ctl_json("xdp", "show")["interfaces"][0]["degraded"], ["generic"], "show")
    rigs["hzd"] = here.serve()
    with Bystander(here) as other:
        expect_equal(here.http().get("/")[0], 200, "GET")
        other.wait()
    status = here.ctl_json("status")
    expect(any("generic" in word for word in status["degraded"]), f"status: {status['degraded']}")


@test
def gc_clears_what_a_vanished_interface_left():
    here = rig()
    run("ip", "-n", here.server, "link", "add", "eth6", "type", "veth", "peer", "name", "eth7")
    here.attach()
    here.ctl("xdp", "attach", "dev", "eth6", "claim", f"tcp:{SERVER4}:85")
    run("ip", "-n", here.server, "link", "del", "eth6")
    dry = here.ctl_json("xdp", "gc", "dry-run")
    expect_equal([one["ifname"] for one in dry["removed"]], ["eth6"], "dry run")
    expect(os.path.exists(here.pins + "/vips_eth6"), "a dry run removed something")
    expect("eth6" in here.ctl("xdp", "gc").stdout, "gc does not tell")
    expect(not os.path.exists(here.pins + "/vips_eth6"), "pins are left")
    expect(program_id(here) != 0, "what is attached is gone")
    expect_equal(here.ctl_json("xdp", "gc")["removed"], [], "a second time")


if __name__ == "__main__":
    main()
