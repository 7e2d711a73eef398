#!/usr/bin/env python3
"""Who gets in at hz-collector's unix socket, and who may keep a collector from reading: nobody who may not read himself."""
import json
import os
import stat

from hz_collector import Collector
from hz_e2e import (BIN, Process, Rig, expect, expect_equal, main, run, temporary_directory, test,
                    wait_until, write_file)

NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": []}
SQUAT = """
import socket, sys, time
sock = socket.socket(socket.AF_UNIX)
sock.bind("\\0hz-collector-ring-" + sys.argv[1])
if sys.argv[2] == "listen":
    sock.listen(1)
print("holds", flush=True)
time.sleep(60)
"""


def serve_at(here, path, umask):
    collector = Process("sh", "-c", f"umask {umask}; exec \"$@\"", "sh", BIN + "/hz-collector",
                        "-i", here.name, "--listen", path, "--user", "nobody", netns=here.server)
    wait_until(lambda: "serving" in collector.output() or not collector.is_running(), 10, "no start")
    expect(collector.is_running(), collector.output())
    return collector


def status_as(path, **who):
    return run("curl", "-sS", "--unix-socket", path, "http://hz/api/v1/status", check=False, **who)


@test
def socket_belongs_to_its_user_and_goes_with_it():
    here = Rig("a")
    here.start()
    folder = temporary_directory(0o777)
    path = folder + "/sock"
    for umask in ("000", "077"):
        collector = serve_at(here, path, umask)
        there = os.stat(path)
        expect_equal((stat.S_IMODE(there.st_mode), there.st_uid), (0o660, 65534), "mode and owner")
        wait_until(lambda: "ready" in status_as(path, **NOBODY).stdout, 5,
                   f"its own user is refused: {status_as(path, **NOBODY).stderr}")
        stranger = status_as(path, user="daemon", group="daemon", extra_groups=[])
        expect(stranger.returncode != 0, "a stranger gets in")
        collector.end()
        expect(not os.path.exists(path), "the socket stays behind")
    collector = serve_at(here, path, "022")
    collector.kill()
    collector = serve_at(here, path, "022")
    os.unlink(path)
    write_file(path, "of somebody else")
    collector.end()
    expect(os.path.exists(path), "a file of somebody else is gone")
    done = run(BIN + "/hz-collector", "-i", here.name, "--listen", path, check=False)
    expect_equal((done.returncode, os.path.exists(path)), (1, True), done.stderr)


def ring_id(here):
    return str(json.loads(run("bpftool", "-j", "map", "show", "pinned", here.pins + "/events").stdout)["id"])


def second_is_refused(here, netns, *before):
    done = run(*before, BIN + "/hz-collector", "-i", here.name, "--lines", netns=netns, check=False,
               timeout=10)
    expect_equal(done.returncode, 1, done.stderr)
    expect("another hz-collector" in done.stderr, done.stderr)
    return done.stderr


@test
def stranger_with_the_name_of_the_lock_keeps_no_collector_out():
    here = Rig("b")
    here.start()
    for how in ("listen", "silent"):
        squatter = Process("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           "python3", "-c", SQUAT, ring_id(here), how, netns=here.server)
        squatter.wait_line("holds")
        collector = Collector(here)
        expect(collector.is_running(), collector.output())
        expect("taken" in collector.output(), "not told")
        second_is_refused(here, here.server)
        collector.end()
        squatter.end()


@test
def second_reader_is_refused_in_any_namespace():
    here = Rig("c")
    here.start()
    collector = Collector(here)
    second_is_refused(here, here.client)
    hidden = ("unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/fs/bpf && exec \"$@\"", "sh")
    told = second_is_refused(here, here.server, *hidden)
    expect(f"process {collector.pid} of user 0" in told, told)
    collector.end()


if __name__ == "__main__":
    main(each_ends_its_own=True)
