#!/usr/bin/env python3
"""HTTP/1.1 as RFC 9110 and 9112 have it, over AF_XDP and over kernel sockets: what is answered, what is
refused, what is closed, and that no answer is lost. The cases are in hz_cases_*.py and hz_sweeps.py;
each has one result per transport."""
import contextlib
import os
import sys

import hz_cases_conn  # noqa: F401 (each registers its cases)
import hz_cases_files  # noqa: F401
import hz_cases_frame  # noqa: F401
import hz_cases_head  # noqa: F401
import hz_sweeps  # noqa: F401
from hz_cases import CASES
from hz_e2e import (BIN, PATIENT, ROOT, SERVER4, Process, Rig, expect, inside, main, note,
                    tcp_connect, temporary_directory, test)
from hz_talk import converse

SITE = os.path.join(ROOT, "tests/e2e/conformance.yaml")
SOCKET_PORT = 18481
servers = {}
results = {}


def af_xdp():
    """(namespace, host, port) of a hzd over AF_XDP."""
    here = Rig()
    servers["af_xdp"] = here.start(site=SITE, options=[PATIENT])
    return here.client, SERVER4, 80


def over_sockets():
    directory = temporary_directory(0o777)
    servers["socket"] = hzd = Process(
        BIN + "/hzd", "-i", f"e{os.getpid()}s", "-c", SITE, "-l", f"lo,127.0.0.1:{SOCKET_PORT}",
        "-o", "boot/io=socket", "-o", "boot/workers=1", "-o", "timeouts/lame_duck_ms=0",
        env={**os.environ, "XDG_RUNTIME_DIR": directory}, cwd="/")
    hzd.wait_line("ready")
    return None, "127.0.0.1", SOCKET_PORT


def is_wanted(name):
    return len(sys.argv) < 2 or sys.argv[1] in name


def run_all(transport, place):
    """All cases of a transport at once: many connections, so that waiting costs nothing."""
    netns, host, port = place()
    wanted = [c for c in CASES if is_wanted(f"{transport}.{c.name}")]
    talks = {c.name: c.talks() for c in wanted}
    everything = [talk for of_case in talks.values() for talk in of_case]
    with inside(netns) if netns else contextlib.nullcontext():
        converse(lambda: tcp_connect(None, host, port), everything)
    note(f"{transport}: {len(wanted)} cases in {len(everything)} connections")
    results[transport] = {c.name: c.judge(talks[c.name]) for c in wanted}


def register(transport, place, case):
    def run():
        if transport not in results:
            run_all(transport, place)
        why = results[transport][case.name]
        expect(why is None, f"{why}; sent {case.shown()}")

    run.__name__ = f"{transport}.{case.name}"
    test(run)


names = [c.name for c in CASES]
assert len(set(names)) == len(names), {n for n in names if names.count(n) > 1}
for _transport, _place in (("af_xdp", af_xdp), ("socket", over_sockets)):
    for _case in CASES:
        register(_transport, _place, _case)


@test
def server_lives_after_all_of_it():
    expect(servers, "nothing ran")
    for transport, hzd in servers.items():
        expect(hzd.is_running(), f"{transport}: {hzd.output()[-600:]}")


if __name__ == "__main__":
    main()
