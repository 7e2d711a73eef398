#!/usr/bin/env python3
"""hz-collector beside others that stand still: a hzd that is stopped, a name server that says nothing, a pipe that
nobody empties. It answers and ends as if they were not there."""
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time

from hz_collector import PORT, recorded
from hz_e2e import (BIN, PATIENT, STACK, Process, Rig, expect, expect_equal, inside, main, note, tcp_connect,
                    temporary_directory, test, wait_until, write_file)

SWIFT_S = 0.3


def get(here, path):
    """(seconds, answer) of a question without a library in between."""
    started = time.monotonic()
    sock = tcp_connect(here.server, "127.0.0.1", PORT, 15)
    sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    answer = b""
    while piece := sock.recv(1 << 20):
        answer += piece
    sock.close()
    return time.monotonic() - started, answer.decode()


def swiftly_for(here, seconds, path):
    """Asks for so long; all answers were swift. Returns the last one."""
    slowest, answer, end = 0, "", time.monotonic() + seconds
    while time.monotonic() < end:
        took, answer = get(here, path)
        slowest = max(slowest, took)
        time.sleep(0.1)
    expect(slowest < SWIFT_S, f"{path} took {slowest:.2f} s")
    note(f"slowest answer {slowest * 1000:.0f} ms")
    return answer


def private(here, mounts, *words):
    """A collector that sees other mounts."""
    return Process("unshare", "-m", "sh", "-c", f"{mounts} && exec \"$@\"", "sh",
                   BIN + "/hz-collector", "-i", here.name, "--listen", f"127.0.0.1:{PORT}", *words,
                   netns=here.server)


def serving(collector):
    wait_until(lambda: "serving" in collector.output() or not collector.is_running(), 10,
               "does not serve")
    expect(collector.is_running(), collector.output())
    return collector


@test
def wedged_hzd_is_down_and_nobody_waits_for_it():
    here = Rig("a")
    hzd = here.start()
    collector = serving(private(here, "mount -t tmpfs none /sys/fs/bpf"))
    wait_until(lambda: "hz_up 1" in get(here, "/metrics")[1].splitlines(), 5, "not up")
    hzd.signal(signal.SIGSTOP)
    wait_until(lambda: "hz_up 0" in get(here, "/metrics")[1].splitlines(), 6, "hz_up is not 0")
    answer = swiftly_for(here, 8, "/metrics")
    expect("hz_up 0" in answer.splitlines(), "hz_up came back")
    sockets = len([fd for fd in os.listdir(f"/proc/{collector.pid}/fd")
                   if os.readlink(f"/proc/{collector.pid}/fd/{fd}").startswith("socket:")])
    expect(sockets <= 4, f"{sockets} sockets: questions pile up")
    hzd.signal(signal.SIGCONT)
    wait_until(lambda: "hz_up 1" in get(here, "/metrics")[1].splitlines(), 6, "not up again")


@test
def other_maps_are_found_by_a_question_that_waited():
    here = Rig("b")
    hzd = here.start()
    collector = serving(private(here, "mount -t tmpfs none /sys/fs/bpf"))
    hzd.end()
    here.detach()
    here.ctl("xdp", "detach", "all", check=False)
    hzd = here.start()
    wait_until(lambda: "other maps" in collector.output(), 8, f"not found: {collector.output()}")
    wait_until(lambda: "hz_up 1" in get(here, "/metrics")[1].splitlines(), 5, "not up")


@test
def name_server_that_says_nothing_is_waited_for_by_nobody():
    here = Rig("c")
    here.start()
    with inside(here.server):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.9", 53))
    STACK.callback(silent.close)
    silent.settimeout(0)
    resolv = temporary_directory() + "/resolv.conf"
    write_file(resolv, "nameserver 127.0.0.9\noptions timeout:30\n")
    collector = serving(private(here, f"mount --bind {resolv} /etc/resolv.conf",
                                "--otlp", "http://collector.example:4318"))
    wait_until(lambda: is_asked(silent), 14, "the name server is not asked", every=0.1)
    swiftly_for(here, 6.5, "/api/v1/status")  # a try ends after 5 s
    expect("trying again" in collector.output(), f"no try ended: {collector.output()}")
    wait_until(lambda: is_asked(silent), 5, "not asked again", every=0.01)
    collector.signal(signal.SIGTERM)
    expect_equal(collector.wait(1.5), 0, "exit code during a lookup")


def is_asked(sock):
    """Takes what came."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while sock.recv(512):
            count += 1
    return count > 0


@contextlib.contextmanager
def into_a_pipe(here, *words):
    """A collector whose lines go into a pipe that is full after a while: (process, what reads it)."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{here.server}",
                                BIN + "/hz-collector", "-i", here.name, "--lines", *words],
                               stdout=writer, stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        yield process, reader
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def fill(here, process, reader):
    """Requests for some seconds: what was said after the first lines is not in the pipe."""
    client, end = here.http(), time.monotonic() + 2.5
    while time.monotonic() < end:
        client.get("/")
    waiting = fcntl.ioctl(reader, termios.FIONREAD, bytes(4))
    expect(0 < int.from_bytes(waiting, sys.byteorder) <= 4096, "nothing in the pipe")
    expect(process.poll() is None, "it has ended")


@test
def lines_that_nobody_takes_stay_in_the_ring_and_none_is_lost():
    here = Rig("d")
    here.start(options=["telemetry/interval_ms=100", PATIENT])
    with into_a_pipe(here) as (process, reader):
        fill(here, process, reader)
        before = cpu_s(process.pid)
        time.sleep(1)
        expect(cpu_s(process.pid) - before < 0.2, "it turns while it waits")
        total, seen, text = recorded(here), 0, b""
        os.set_blocking(reader, False)
        end = time.monotonic() + 5
        while seen < total and time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                text += os.read(reader, 1 << 16)
            *whole, text = text.split(b"\n")
            rows = [json.loads(line) for line in whole]
            seen += sum(row["samples"] for row in rows if row.get("stage") == "total")
            time.sleep(0.001)
        expect_equal(seen, total, "samples in the lines")
    with into_a_pipe(here) as (process, reader):
        fill(here, process, reader)
        process.send_signal(signal.SIGTERM)
        expect_equal(process.wait(1), 0, "exit code")


@test
def lines_that_nobody_takes_hold_up_no_client():
    here = Rig("e")
    here.start(options=["telemetry/interval_ms=100", PATIENT])
    with into_a_pipe(here, "--listen", f"127.0.0.1:{PORT}") as (process, reader):
        fill(here, process, reader)
        swiftly_for(here, 2, "/api/v1/status")
        total = recorded(here)
        wait_until(lambda: f'worker="all"}} {total}' in get(here, "/metrics")[1], 5, "not counted")
        wait_until(lambda: json.loads(get(here, "/api/v1/latency?last=60")[1].split("\r\n\r\n")[1])
                   ["stages"][0]["count"] == total, 5, "columns have not all samples")
        process.send_signal(signal.SIGTERM)
        expect_equal(process.wait(1), 0, "exit code")


def samples_of(text):
    """Of all stages, in whole lines alone."""
    expect(text.endswith(b"\n"), f"a torn line: {text[-80:]}")
    return sum(row.get("samples", 0) for row in map(json.loads, text.splitlines()))


@test
def lines_end_whole_and_the_next_reader_has_the_rest():
    here = Rig("f")
    here.start(options=["telemetry/interval_ms=100", PATIENT])
    with into_a_pipe(here) as (process, reader):
        fill(here, process, reader)
        text = b""
        while b'"samples"' not in text:
            text += os.read(reader, 1 << 16)
        time.sleep(0.2)  # the pipe is full again, and a line waits
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        while piece := os.read(reader, 1 << 16):
            text += piece
        expect_equal(process.wait(1), 0, "exit code")
        seen = samples_of(text)
    total = sum(int(row["count"]) for row in here.ctl_json("latency")["stages"])
    expect(0 < seen < total, f"{seen} samples of {total} in the first lines")
    rest = Process(BIN + "/hz-collector", "-i", here.name, "--lines", netns=here.server)

    def both():
        lines = [line for line in rest.output().splitlines(True) if line.startswith("{")]
        return seen + (samples_of("".join(lines).encode()) if lines else 0)
    wait_until(lambda: both() >= total, 5, f"not all of {total}", every=0.2)
    expect_equal(both(), total, "samples of both")


@test
def end_of_the_lines_is_not_the_end_of_others():
    here = Rig("g")
    here.start(options=["telemetry/interval_ms=100", PATIENT])
    for stdout in ("a reader that leaves", "/dev/full"):
        reader, writer = os.pipe()
        if stdout == "/dev/full":
            os.close(writer)
            writer = os.open(stdout, os.O_WRONLY)
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{here.server}", BIN + "/hz-collector",
                                    "-i", here.name, "--lines", "--listen", f"127.0.0.1:{PORT}"],
                                   stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        os.close(reader)
        try:
            client = here.http()
            for _ in range(3):
                client.get("/")
                time.sleep(0.5)
            expect_equal(process.poll(), None, f"ended with {stdout}")
            total = recorded(here)
            wait_until(lambda: f'worker="all"}} {total}' in get(here, "/metrics")[1], 5, "not counted")
        finally:
            process.terminate()
            said = process.communicate(timeout=5)[1]
        expect_equal((process.returncode, said.count("no more lines")), (0, 1), f"with {stdout}: {said}")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(each_ends_its_own=True)
