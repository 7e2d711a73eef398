#!/usr/bin/env python3
"""README's packet path is true: every function of its table exists in the file it names, and one GET on
an open connection calls them in that order (gdb on the serving hzd, first hit of each)."""
import json
import os
import re
import shutil
import signal

from hz_e2e import (BIN, OUT, PATIENT, PORT, ROOT, SERVER4, Process, Rig, Skip, expect,
                    expect_equal, main, run, tcp_connect, test, wait_until)

ROW = re.compile(r"^\| `(\w+)` \| `([\w/.]+)` \|", re.M)
ARMED = "armed for the request"
ARRIVED = "hz_net_in"  # the first function that only runs when there is a frame


def table():
    """[(function, file)] of README's section, in its order."""
    with open(ROOT + "/README.md", encoding="utf-8") as file:
        section = file.read().split("\n## A packet's way\n", 1)[1].split("\n## ", 1)[0]
    rows = ROW.findall(section)
    expect(len(rows) >= 10, f"README's table has {len(rows)} rows")
    return rows


def user_rows():
    return [(function, file) for function, file in table() if not file.startswith("bpf/")]


def place(function, file):
    return f"{os.path.basename(file)}:{function}"


def gdb(*commands, **more):
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed: tools/dev/setup.sh")
    words = ["gdb", "-nx", "-batch"]
    for command in ("set pagination off", "set debuginfod enabled off", *commands):
        words += ["-ex", command]
    return words


def gdb_script(rows):
    """The first rows belong to every turn, so each waits for the one before; the rest is armed when the
    frame of the request is there, and then every first hit counts, whatever its order."""
    first = [row[0] for row in rows].index(ARRIVED) + 1
    text = ""
    for row in rows[:first]:
        if row[0] == ARRIVED:
            text += f"echo {ARMED}\\n\n"
        text += f"tbreak {place(*row)}\ncontinue\necho hit {place(*row)}\\n\n"
    for row in rows[first:-1]:
        text += (f"tbreak {place(*row)}\ncommands\nsilent\necho hit {place(*row)}\\n\ncontinue\n"
                 "end\n")
    text += f"tbreak {place(*rows[-1])}\ncontinue\necho hit {place(*rows[-1])}\\n\n"
    path = OUT + "/test-path.gdb"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


@test
def every_function_of_readme_is_in_its_file():
    for function, file in table():
        with open(f"{ROOT}/{file}", encoding="utf-8") as source:
            text = source.read()
        expect(re.search(rf"^[\w \t*]*\b{function}\(", text, re.M), f"no {function} in {file}")


@test
def every_function_of_readme_is_in_the_program():
    rows = user_rows()
    done = run(*gdb(*[f"info line {place(*row)}" for row in rows]), BIN + "/hzd", timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith("Line ")]
    expect_equal(len(lines), len(rows), f"functions gdb knows: {done.stdout}{done.stderr}")
    symbols = {line.split()[-1] for line in run("nm", BIN + "/hzd").stdout.splitlines()}
    for function, file in rows:
        expect(not function.startswith("hz_") or function in symbols, f"{file}: {function} is gone")


@test
def kernel_part_of_readme_is_in_the_object():
    rows = [(function, file) for function, file in table() if file.startswith("bpf/")]
    expect(rows, "README names no function of the kernel plane")
    for function, file in rows:
        name = os.path.basename(file).replace(".bpf.c", ".bpf.o")
        done = run("readelf", "-Ws", f"{OUT}/bpf/{name}")
        expect(re.search(rf"\bFUNC\b.*\b{function}$", done.stdout, re.M),
               f"{function} is not in {name}")


@test
def one_get_calls_the_functions_of_readme_in_order():
    here = Rig()
    # A process that gdb stops does not beat; XDP must go on steering to it.
    here.attach()
    daemon = here.serve(options=[PATIENT, "workers/spin_us=1000000"])
    sock = tcp_connect(here.client, SERVER4, PORT, 30)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  # what happens once per connection is over
    expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "GET before gdb")
    steered = here.verdicts()["steer"]
    rows = user_rows()
    watcher = Process(*gdb(f"source {gdb_script(rows)}"), "-p", str(daemon.pid))
    wait_until(lambda: ARMED in watcher.output() or not watcher.is_running(), 60,
               f"gdb: {watcher.output()[-500:]}")
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "GET under gdb")
    try:
        wait_until(lambda: not watcher.is_running(), 10, "some functions were not called")
    except AssertionError:
        watcher.signal(signal.SIGINT)
        watcher.end()
    hits = re.findall(r"^hit (\S+)$", watcher.output(), re.M)
    want = [place(*row) for row in rows]
    expect_equal(hits, want, f"order of calls (missing: {sorted(set(want) - set(hits))})")
    expect(here.verdicts()["steer"] > steered, "XDP did not steer the request")
    worker = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                            here.pins + "/workers").stdout)[0]["formatted"]["value"]
    expect(int(worker["requests"]) >= 2, "the worker did not count the requests")
    sock.close()


if __name__ == "__main__":
    main()
