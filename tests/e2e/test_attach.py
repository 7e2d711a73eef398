#!/usr/bin/env python3
"""hzctl xdp: attach, ensure, refuse, detach; and hzd where nothing, or somebody else, is attached."""
import json
import os
import shlex

from hz_e2e import (BIN, OUT, PORT, SERVER4, SERVER6, Rig, expect, expect_equal, main, run,
                    tcp_connect, test, wait_until)

rigs = {}


def rig():
    """A rig with nothing attached and no hzd."""
    if not rigs:
        rigs["rig"] = Rig()
    here = rigs["rig"]
    if "hzd" in rigs:
        rigs.pop("hzd").end()
    here.ctl("xdp", "detach", "all", check=False)
    run("ip", "-n", here.server, "link", "set", "dev", "eth1", "xdp", "off", check=False)
    return here


def program_id(here):
    """What the kernel says is attached to eth1; 0 is nothing."""
    links = json.loads(run("ip", "-n", here.server, "-j", "link", "show", "dev", "eth1").stdout)
    return links[0].get("xdp", {}).get("prog", {}).get("id", 0)


def pins(here):
    found = []
    for folder, _, names in os.walk(here.pins):
        found += [os.path.join(folder, name) for name in names]
    return sorted(found)


def three_lines(done, code, *needles):
    """An error in the form of all hz tools: what, why, what to type."""
    expect_equal(done.returncode, code, f"exit code ({done.stderr!r})")
    lines = done.stderr.rstrip("\n").split("\n")
    expect(len(lines) == 3 and lines[1].startswith("  why:  ") and lines[2].startswith("  try:  "),
           f"not an error of three lines: {done.stderr!r}")
    for needle in needles:
        expect(needle in done.stderr, f"no {needle!r} in {done.stderr!r}")


def typed(text, check=True):
    """Types what the last `try:` line says, as it stands there."""
    words = shlex.split([line for line in text.splitlines() if line.startswith("  try:  ")][-1][8:])
    expect_equal(words[0], "hzctl", f"command of {text!r}")
    return run(BIN + "/hzctl", *words[1:], check=check)


@test
def attach_pins_link_maps_and_views():
    here = rig()
    here.attach()
    expect(program_id(here) != 0, "nothing attached")
    names = {os.path.relpath(path, here.pins) for path in pins(here)}
    wanted = {"link_eth1", "xsks_map_eth1", "vips_eth1", "latency", "latency_pct", "beat", "workers",
              "connections", "cfg", "verdicts", "events", "stream_stats", "prog_flush",
              "show/latency", "show/verdicts", "drops"}
    expect_equal(sorted(wanted - names), [], "pins missing")
    shown = json.loads(run("bpftool", "-j", "link", "show", "pinned",
                           here.pins + "/link_eth1").stdout)
    expect_equal(shown["prog_id"], program_id(here), "program of the pinned link")
    for path in pins(here):
        mode = os.stat(path).st_mode & 0o777
        expect(not mode & 0o002, f"{path} may be written by anybody: {mode:o}")
        expect(not mode & 0o004 or "/show/" in path, f"{path} may be read by anybody: {mode:o}")


@test
def attach_twice_without_ensure_is_refused():
    here = rig()
    here.attach()
    before = program_id(here)
    done = here.attach(check=False)
    expect(done.returncode == 1, f"exit {done.returncode}: {done.stderr}")
    expect_equal(program_id(here), before, "program")
    typed(done.stderr)
    expect_equal(program_id(here), 0, "program after what the error said to type")


@test
def show_of_a_missing_interface_is_an_error():
    here = rig()
    three_lines(here.ctl("xdp", "show", "dev", "eth9", check=False), 1, "eth9")
    expect_equal(here.ctl("xdp", "show", "dev", "eth1").stdout, "nothing is attached\n", "eth1")


@test
def hint_of_a_command_without_hzd_names_instance_and_namespace():
    here = rig()
    here.attach()
    done = here.ctl("xdp", "detach", "dev", "eth2", check=False)
    three_lines(done, 1, f"hzctl -i {here.name} -n {here.server} xdp show")
    expect("eth1" in typed(done.stderr).stdout, "show")


@test
def ensure_twice_changes_nothing():
    here = rig()
    here.attach("ensure")
    before, files = program_id(here), pins(here)
    here.attach("ensure")
    expect_equal((program_id(here), pins(here)), (before, files), "after the second ensure")


@test
def ensure_with_other_claims_replaces_them_under_a_running_server():
    here = rig()
    here.attach("ensure")
    rigs["hzd"] = here.serve()
    http = here.http()
    expect_equal(http.get("/")[0], 200, "before")
    here.ctl("xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER4}:{PORT}",
             f"tcp:[{SERVER6}]:{PORT}", f"tcp:{SERVER4}:81", "health", f"tcp:{SERVER4}:8082",
             "ensure")
    expect_equal(http.get("/")[0], 200, "the same connection after the claims changed")
    wait_until(lambda: here.curl("-o", "/dev/null", "-w", "%{http_code}",
                                 f"http://{SERVER4}:8082/healthz", check=False).stdout == "200",
               2, "the new health port does not answer")
    http.close()


@test
def foreign_program_is_refused_by_name_and_left_alone():
    here = rig()
    run("ip", "-n", here.server, "link", "set", "dev", "eth1", "xdpdrv", "obj",
        f"{OUT}/tests-bpf/xdp_pass.bpf.o", "sec", "xdp")
    foreign = program_id(here)
    for word in ([], ["ensure"]):
        done = here.attach(*word, check=False)
        three_lines(done, 1, "xdp_pass", "eth1")
        expect_equal(program_id(here), foreign, "the foreign program")
        shown = typed(done.stderr)
        expect("xdp_pass" in shown.stdout and f"program {foreign} " in shown.stdout,
               f"show of a foreign program: {shown.stdout!r}")
    one = here.ctl_json("xdp", "show", "dev", "eth1")["interfaces"][0]
    expect_equal((one["link"], one["is_ours"], one["program_id"]), ("foreign", False, foreign), "")
    done = here.ctl("xdp", "detach", "dev", "eth1", check=False)
    expect(done.returncode != 0, "detach of somebody else's program succeeded")
    expect_equal(program_id(here), foreign, "the foreign program after detach")
    expect_equal(pins(here), [], "pins after a refused attach")


@test
def interface_of_the_default_route_needs_yes_this_nic():
    here = rig()
    for route in (["route", "add", "default", "via", "10.7.0.1"],
                  ["-6", "route", "add", "default", "via", "fd07::1"]):
        run("ip", "-n", here.server, *route)
        try:
            three_lines(here.attach(check=False), 1, "yes-this-nic", "default route")
            expect_equal(program_id(here), 0, "program after the refusal")
            here.attach("yes-this-nic")
            expect(program_id(here) != 0, "yes-this-nic did not attach")
            here.detach()
        finally:
            run("ip", "-n", here.server, *[w.replace("add", "del") for w in route])


@test
def dry_run_changes_nothing():
    here = rig()
    here.attach("dry-run")
    expect_equal((program_id(here), pins(here)), (0, []), "after a dry run")


@test
def detach_leaves_no_program_and_no_pin():
    here = rig()
    here.attach()
    here.detach()
    expect_equal((program_id(here), pins(here)), (0, []), "after detach")
    here.attach()
    here.ctl("xdp", "detach", "all")
    expect_equal((program_id(here), os.path.exists(here.pins)), (0, False), "after detach all")


@test
def wrong_words_are_usage_errors():
    here = rig()
    for words in (["xdp", "attach"], ["xdp", "attach", "dev", "eth1", "claim", "tcp:10.7.0.2"],
                  ["xdp", "attach", "dev", "eth1", "claim", "sctp:10.7.0.2:80"],
                  ["xdp", "attach", "dev", "eth1", "claim", "tcp:10.7.0.2:65536"],
                  ["xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER6}:80"],
                  ["xdp", "attach", "dev", "eth1", "mode", "turbo", "claim", "tcp:10.7.0.2:80"],
                  ["xdp", "frobnicate"], ["nonsense"]):
        expect_equal(here.ctl(*words, check=False).returncode, 2, f"exit code of {words}")
    expect_equal((program_id(here), pins(here)), (0, []), "after wrong words")


@test
def missing_interface_is_an_error_of_three_lines():
    here = rig()
    done = here.ctl("xdp", "attach", "dev", "eth7", "claim", f"tcp:{SERVER4}:80", check=False)
    three_lines(done, 1, "eth7")
    error = json.loads(here.ctl("-j", "xdp", "attach", "dev", "eth7", "claim", f"tcp:{SERVER4}:80",
                                check=False).stdout)["error"]
    expect_equal(sorted(error), ["code", "hint", "message", "why"], "keys of a JSON error")


@test
def hzd_without_attachment_says_what_to_type():
    here = rig()
    daemon = here.serve(ready=False)
    expect_equal(daemon.wait(10), 6, f"exit code: {daemon.output()}")
    expect("hzctl" in daemon.output() and "xdp attach dev" in daemon.output(),
           f"no command to type: {daemon.output()}")
    expect_equal((program_id(here), pins(here)), (0, []), "hzd attached something itself")
    typed(daemon.output().replace("dev IF claim tcp:ADDR:PORT", f"dev eth1 claim tcp:{SERVER4}:80"))
    expect(program_id(here) != 0, "not attached by what it said to type")


@test
def hzd_with_foreign_program_refuses_and_leaves_it():
    here = rig()
    run("ip", "-n", here.server, "link", "set", "dev", "eth1", "xdpdrv", "obj",
        f"{OUT}/tests-bpf/xdp_pass.bpf.o", "sec", "xdp")
    foreign = program_id(here)
    daemon = here.serve(ready=False)
    expect_equal(daemon.wait(10), 6, f"exit code: {daemon.output()}")
    expect_equal(program_id(here), foreign, "the foreign program")


@test
def hzd_with_unclaimed_listen_says_so():
    here = rig()
    here.attach()
    daemon = here.serve(listens=[f"eth1,{SERVER4}:81"], ready=False)
    expect_equal(daemon.wait(10), 6, f"exit code: {daemon.output()}")
    expect("81" in daemon.output(), f"does not name the port: {daemon.output()}")
    typed(daemon.output())
    rigs["hzd"] = here.serve(listens=[f"eth1,{SERVER4}:81"])


@test
def second_hzd_on_the_interface_exits_3_and_disturbs_nothing():
    here = rig()
    here.attach()
    rigs["hzd"] = here.serve()
    http = here.http()
    expect_equal(http.get("/")[0], 200, "first hzd")
    second = here.serve(ready=False)
    expect_equal(second.wait(10), 3, f"exit code of the second: {second.output()}")
    expect(str(rigs["hzd"].pid) in second.output(), f"names no owner: {second.output()}")
    for _ in range(20):
        expect_equal(http.get("/")[0], 200, "first hzd, same connection, afterwards")
    expect_equal(here.health(), 200, "health")
    http.close()


@test
def libraries_print_nothing():
    here = rig()
    for words in ([], ["ensure"]):
        done = here.attach(*words)
        expect_equal(done.stderr, "", f"stderr of attach {words}")
    daemon = here.serve()
    expect_equal(here.http().get("/")[0], 200, "GET")
    daemon.end()
    for library in ("libbpf", "libxdp"):
        expect(library not in daemon.output(), f"{library} in {daemon.output()!r}")
    expect_equal(here.ctl("xdp", "detach", "all").stderr, "", "stderr of detach")


@test
def program_survives_the_server():
    here = rig()
    here.attach()
    before = program_id(here)
    daemon = here.serve()
    daemon.kill()
    expect_equal(program_id(here), before, "program after kill -9")
    daemon = here.serve()
    daemon.end()
    expect_equal(program_id(here), before, "program after SIGTERM")


@test
def generic_mode_serves_too():
    here = rig()
    here.attach("mode", "generic")
    rigs["hzd"] = here.serve()
    expect_equal(here.http().get("/")[2], b"Hello, World!", "GET over generic XDP")
    expect_equal(here.health(), 200, "health over generic XDP")


@test
def show_names_program_mode_and_verdicts():
    here = rig()
    here.attach()
    done = here.ctl("xdp", "show")
    for word in ("eth1", "native", str(program_id(here))):
        expect(word in done.stdout, f"no {word!r} in {done.stdout!r}")
    json.loads(here.ctl("-j", "xdp", "show").stdout)


@test
def ports_outside_the_claims_stay_with_the_kernel():
    here = rig()
    here.attach()
    try:
        tcp_connect(here.client, SERVER4, 8090, 2).close()
        raise AssertionError("something answered on an unclaimed port")
    except ConnectionRefusedError:
        pass
    run(BIN + "/hzctl", "help")


if __name__ == "__main__":
    main()
