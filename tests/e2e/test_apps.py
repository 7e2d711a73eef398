#!/usr/bin/env python3
"""The embedding API as others use it: programs and a module that know only what `make install` installed,
over AF_XDP and over kernel sockets."""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

from hz_e2e import (BIN, OUT, PATIENT, PORT, ROOT, SERVER4, Http, Process, expect,
                    expect_equal, main, note, run, shared_rig, status_field, tcp_connect,
                    temporary_directory, test, wait_until, write_file)

MIB = 1 << 20
SIZE = 50 * MIB
APPS = os.path.join(OUT, "tests")
SOCKET_PORT = 18484


class App:
    """One of the examples, served over AF_XDP or over kernel sockets, in a directory of its own."""

    def __init__(self, name, transport, *options, site=None):
        self.directory = temporary_directory()
        self.netns = shared_rig().client if transport == "af_xdp" else None
        self.host, self.port = (SERVER4, PORT) if self.netns else ("127.0.0.1", SOCKET_PORT)
        command = [f"{APPS}/helper_{name}", "-o", "boot/workers=1", "-o", "timeouts/lame_duck_ms=0"]
        if self.netns:
            # On a busy machine a worker may miss its beat, and XDP would speak for it.
            command += ["-i", shared_rig().name, "-l", f"eth1,{SERVER4}:{PORT}", "-o",
                        PATIENT]
        else:
            command += ["-i", shared_rig().name + "a", "-l", f"lo,127.0.0.1:{SOCKET_PORT}", "-o",
                        "boot/io=socket"]
        for option in options:
            command += ["-o", option]
        if site:
            self.site = os.path.join(self.directory, "site.yaml")
            write_file(self.site, site)
            command += ["-c", self.site]
        self.process = Process(*command, netns=shared_rig().server if self.netns else None,
                               cwd=self.directory,
                               env={**os.environ, "XDG_RUNTIME_DIR": self.directory})
        self.is_told = False
        self.process.wait_line("ready")

    def http(self, timeout=20.0):
        return Http(self.host, self.port, self.netns, timeout)

    def get(self, path, method="GET", body=None, headers=None):
        http_ = self.http()
        try:
            return http_.get(path, method, body, headers)
        finally:
            http_.close()

    def connect(self):
        return tcp_connect(self.netns, self.host, self.port, 20.0)

    def curl(self, *words, path="/"):
        return run("curl", "-sS", "--max-time", "60", *words, f"http://{self.host}:{self.port}{path}",
                   netns=self.netns, timeout=90)

    def tell(self):
        """To end, once: what a program does with a second signal, when hz is done, is its own affair."""
        if not self.is_told:
            self.process.signal(signal.SIGTERM)
        self.is_told = True

    def stop(self):
        self.tell()
        expect_equal(self.process.wait(20), 0, f"exit: {self.process.output()[-400:]}")
        self.process.end()


def with_app(name, *options, site=None):
    """Runs the check once over each transport; the program must end well, too."""
    def decorate(check):
        for transport in ("af_xdp", "socket"):
            def run_it(transport=transport):
                app = App(name, transport, *options, site=site)
                try:
                    check(app)
                finally:
                    if not app.process.is_running():
                        note(app.process.output()[-400:])
                app.stop()
            run_it.__name__ = f"{transport}_{check.__name__}"
            test(run_it)
        return check
    return decorate


# --- answers from another thread ------------------------------------------------------------------------


@with_app("notes")
def notes_are_made_read_changed_and_deleted(app):
    for number in range(3):
        status, headers, body = app.get("/notes", "POST", json.dumps({"n": number}))
        expect_equal((status, headers["Location"]), (201, f"/notes/{number}"), "POST")
        expect_equal(json.loads(body), {"id": number}, "made")
    status, headers, body = app.get("/notes/1")
    expect_equal((status, json.loads(body)), (200, {"n": 1}), "GET")
    expect_equal(headers["Content-Type"], "application/json", "type")
    big = json.dumps({"text": "x" * 300000})
    expect_equal(app.get("/notes/1", "PUT", big)[0], 200, "PUT")
    expect_equal(app.get("/notes/1")[2].decode(), big, "what was put")
    expect_equal(app.get("/notes/0", "DELETE")[0], 204, "DELETE")
    expect_equal(app.get("/notes/0")[0], 404, "deleted")
    expect_equal(app.get("/notes/999999999")[0], 404, "never made")
    expect_equal(app.get("/notes", "POST", "no json")[0], 422, "no object")
    expect_equal(json.loads(app.get("/notes")[2]), {"count": 2}, "count")
    expect_equal(app.get("/nothing")[0], 500, "a handler that says nothing")
    expect_equal(app.get("/notes", "DELETE")[0], 405, "DELETE /notes")
    expect_equal(app.get("/notes/1", "HEAD")[2], b"", "HEAD")


@with_app("notes")
def thousand_tickets_are_open_at_once(app):
    """All of them wait for the same second; each gets its own answer."""
    socks = [app.connect() for _ in range(1000)]
    for number, sock in enumerate(socks):
        sock.sendall(b"GET /later/%d HTTP/1.1\r\nHost: x\r\n\r\n" % (2000 + number))
    for number, sock in enumerate(socks):
        reader = sock.makefile("rb")
        expect_equal(reader.readline(), b"HTTP/1.1 200 OK\r\n", f"answer {number}")
        while reader.readline() != b"\r\n":
            pass
        expect_equal(json.loads(reader.read(14)), {"later": 2000 + number}, f"body {number}")
        reader.close()
        sock.close()


@with_app("notes")
def client_that_leaves_does_not_hurt_its_ticket(app):
    """Half of them reset while the ticket is open, half merely close; the rest are answered."""
    for _ in range(3):
        socks = [app.connect() for _ in range(200)]
        for sock in socks:
            sock.sendall(b"GET /later/400 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        for number, sock in enumerate(socks):
            if number % 4 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if number % 4 < 2:
                sock.close()
        for number, sock in enumerate(socks):
            if number % 4 >= 2:
                expect(sock.recv(100).startswith(b"HTTP/1.1 200 "), f"answer {number}")
                sock.close()
    expect_equal(app.get("/notes")[0], 200, "afterwards")


@with_app("notes", "timeouts/answer_ms=300")
def ticket_that_comes_too_late_is_503(app):
    started = time.monotonic()
    expect_equal(app.get("/later/1500")[0], 503, "late")
    expect(time.monotonic() - started < 1.2, "503 did not come in time")
    time.sleep(1.5)  # the ticket is finished now, for nobody
    expect_equal(app.get("/later/10")[0], 200, "afterwards")


@with_app("notes")
def worker_has_its_own_context_and_timers(app):
    gained = []
    while not gained or (max(gained) < 20 and len(gained) < 20):
        # 25 ticks; fewer when others have the processor, so the best of some such times counts.
        started, first = time.monotonic(), json.loads(app.get("/worker")[2])
        time.sleep(0.5)
        second, ended = json.loads(app.get("/worker")[2]), time.monotonic()
        expect_equal((first["worker"], second["calls"] - first["calls"]), (0, 1), "context")
        gained.append(second["ticks"] - first["ticks"])
        expect(gained[-1] <= (ended - started) / 0.02 + 1, f"early: {gained[-1]} ticks")
    expect(max(gained) >= 20, f"25 ticks of 20 ms in half a second: {gained}")


@with_app("notes")
def handler_that_blocks_is_named(app):
    """While it does, and after; once per second."""
    app.get("/block/40")
    time.sleep(1.2)
    expect("block" not in app.process.output(), "40 ms are no stall")
    app.get("/block/2500")
    app.get("/block/150")
    time.sleep(1.3)
    lines = [line for line in app.process.output().splitlines() if "worker 0: 'block'" in line]
    expect(any(re.search(r"blocks it, for \d+ ms now", line) for line in lines), f"now: {lines}")
    expect(any(re.search(r"blocked it for \d+ ms", line) for line in lines), f"was: {lines}")
    expect(2 <= len(lines) <= 5, f"a line per second: {lines}")


@with_app("notes")
def stop_while_tickets_are_open_answers_them_first(app):
    sock = app.connect()
    sock.sendall(b"GET /later/700 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.2)
    app.tell()
    expect(sock.recv(100).startswith(b"HTTP/1.1 200 "), "begun before the end")
    sock.close()


NOTES_SITE = 'routes: [{{ match: GET /page, respond: {{ body: "{body}" }} }}]\n'


@with_app("notes", site=NOTES_SITE.format(body="one"))
def ticket_and_routes_of_the_program_outlive_a_reload(app):
    """The program's routes are there again after it; a request begun before is answered, or its client gone."""
    expect_equal(app.get("/page")[2], b"one", "the site's route")
    waits, leaves = app.connect(), app.connect()
    for sock in (waits, leaves):
        sock.sendall(b"GET /later/1500 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.3)
    for body in ("two", "three"):
        write_file(app.site, NOTES_SITE.format(body=body))
        app.process.signal(signal.SIGHUP)
        wait_until(lambda: app.get("/page")[2] == body.encode(), 5, "reload")
    leaves.close()
    expect_equal(json.loads(app.get("/later/1")[2]), {"later": 1}, "its route afterwards")
    expect(waits.recv(100).startswith(b"HTTP/1.1 200 "), "begun before two reloads")
    waits.close()
    write_file(app.site, "routes: [{ match: GET /later/:x, respond: {} }]\n")
    app.process.signal(signal.SIGHUP)
    wait_until(lambda: "conflict" in app.process.output() or "same requests" in app.process.output(),
               5, "a site that takes the program's route is refused")
    expect_equal(json.loads(app.get("/later/1")[2]), {"later": 1}, "as it was")


def lines_of(sock, count, text=b""):
    """What came, with so many lines of JSON in it."""
    while text.count(b"\n{") + text.count(b"}\n") < 2 * count:
        more = sock.recv(4096)
        expect(more, f"the stream ended: {text}")
        text += more
    return text


def is_ended(sock):
    """Read to the last chunk; a reset is an error."""
    text = b""
    while not text.endswith(b"0\r\n\r\n"):
        more = sock.recv(4096)
        expect(more, f"closed without its last chunk: {text}")
        text += more
    return True


@with_app("notes", site="limits: { connections_per_source: 0 }\n")
def stream_of_the_program_ends_when_its_site_is_replaced(app):
    def log_has(generation):
        return f"generation {generation}:" in app.process.output()

    for number in range(3):
        socks = [app.connect() for _ in range(3)]
        for sock in socks:
            sock.sendall(b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")
            expect(b'{"count":%d}' % number in lines_of(sock, 1), "the first line")
        app.get("/notes", "POST", "{}")
        for sock in socks:
            expect(b'{"count":%d}' % (number + 1) in lines_of(sock, 1), "a change")
        app.process.signal(signal.SIGHUP)
        wait_until(lambda: log_has(number + 2), 5, "no reload")
        began = time.monotonic()
        expect(all(is_ended(sock) for sock in socks), "ended")
        expect(time.monotonic() - began < 4, f"{time.monotonic() - began:.1f} s to the end")
    last = app.connect()
    last.sendall(b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")
    lines_of(last, 1)
    app.tell()
    expect(is_ended(last), "a drain ends it, too")


# --- streams --------------------------------------------------------------------------------------------


def pattern(offset, size):
    """Bytes that differ wherever they lie: digests of positions."""
    first, last = offset // 32, (offset + size + 31) // 32
    block = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(first, last))
    return block[offset % 32:offset % 32 + size]


def big_file(app):
    path = os.path.join(app.directory, "sent.bin")
    with open(path, "wb") as file:
        for at in range(0, SIZE, MIB):
            file.write(pattern(at % (4 * MIB), MIB) if at < 4 * MIB else os.urandom(MIB))
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(
            hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


@with_app("shelf")
def fifty_mib_go_up_and_down_unchanged(app):
    sent = big_file(app)
    want = digest(sent)
    for name, words in (("length", ()), ("chunks", ("-H", "Transfer-Encoding: chunked"))):
        said = json.loads(app.curl("-T", sent, *words, path=f"/files/{name}").stdout)
        expect_equal(said, {"bytes": SIZE}, f"put with {name}")
        expect_equal(digest(os.path.join(app.directory, name)), want, f"put with {name}")
    for query in ("", "?chunked"):
        got = os.path.join(app.directory, "got.bin")
        app.curl("-o", got, path="/files/length" + query)
        expect_equal(digest(got), want, f"get{query}")


@with_app("shelf")
def slow_peers_are_waited_for_in_bounded_memory(app):
    """Eight readers who pause, and a writer who does: 50 MiB each way, and the program stays small."""
    sent = big_file(app)
    want = digest(sent)
    app.curl("-T", sent, path="/files/big")
    before = int(status_field(app.process.pid, "VmRSS").split()[0])
    results = []

    def read_slowly(pauses):
        sock = app.connect()
        sock.sendall(b"GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n")
        reader, sum_ = sock.makefile("rb", buffering=65536), hashlib.sha256()
        while reader.readline() != b"\r\n":
            pass
        for at in range(0, SIZE, MIB):
            if pauses and at % (16 * MIB) == 0:
                time.sleep(1.0)
            sum_.update(reader.read(MIB))
        results.append(sum_.hexdigest() == want)
        reader.close()
        sock.close()

    def write_slowly():
        sock = app.connect()
        sock.sendall(b"PUT /files/slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
        with open(sent, "rb") as file:
            for at in range(0, SIZE, MIB):
                if at % (16 * MIB) == 0:
                    time.sleep(1.0)
                sock.sendall(file.read(MIB))
        results.append(sock.recv(100).startswith(b"HTTP/1.1 201 "))
        sock.close()

    threads = [threading.Thread(target=read_slowly, args=(n < 6,)) for n in range(8)]
    threads.append(threading.Thread(target=write_slowly))
    for thread in threads:
        thread.start()
    peak = before
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, int(status_field(app.process.pid, "VmRSS").split()[0]))
        time.sleep(0.05)
    expect_equal(results, [True] * 9, "each exact")
    expect_equal(digest(os.path.join(app.directory, "slow")), want, "what was put slowly")
    note(f"memory {before} kB, at most {peak} kB")
    expect(peak - before < 48 * 1024, f"grew by {peak - before} kB for 9 transfers of 50 MiB")


@with_app("shelf")
def file_is_the_old_one_until_the_new_one_is_whole(app):
    expect_equal(app.get("/files/it", "PUT", b"old")[0], 201, "the first")
    new = b"n" * MIB
    for whole in (False, True):
        sock = app.connect()
        sock.sendall(b"PUT /files/it HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % MIB)
        sock.sendall(new[:MIB // 2])
        wait_until(lambda: any(name.startswith(".put") for name in os.listdir(app.directory)), 5,
                   "it is not being put")
        expect_equal(app.get("/files/it")[2], b"old", "while it is put")
        expect_equal(app.get("/files/.put-1")[0], 404, "names of what is being put")
        if whole:
            sock.sendall(new[MIB // 2:])
            expect(sock.recv(100).startswith(b"HTTP/1.1 201 "), "the second")
        sock.close()
        wait_until(lambda: not any(name.startswith(".put") for name in os.listdir(app.directory)), 5,
                   "its own name")
        expect_equal(app.get("/files/it")[2], new if whole else b"old", "afterwards")


@with_app("shelf")
def client_that_leaves_a_stream_leaves_nothing_behind(app):
    sent = big_file(app)
    app.curl("-T", sent, path="/files/big")
    fds = f"/proc/{app.process.pid}/fd"
    before = len(os.listdir(fds))
    for number in range(20):
        sock = app.connect()
        if number % 2 == 0:
            sock.sendall(b"GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(100000)
        else:
            sock.sendall(b"PUT /files/half HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
            sock.sendall(bytes(MIB))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    wait_until(lambda: len(os.listdir(fds)) <= before, 5, "descriptors of transfers are left")
    wait_until(lambda: not any(name.startswith(".put") for name in os.listdir(app.directory)), 5,
               "halves of files are left")
    expect_equal(app.get("/files/half")[0], 404, "a file that never was whole")
    expect_equal(app.get("/files/none")[0], 404, "afterwards")


# --- the library and modules ------------------------------------------------------------------------------


@test
def library_exports_what_the_header_says():
    with open(os.path.join(OUT, "stage/usr/local/include/hz/hz.h"), encoding="ascii") as file:
        header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    said = set(re.findall(r"HZ_API [^;(]*?\b(hz_\w+)\(", header))
    library = os.path.join(OUT, "stage/usr/local/lib/libhz.so")
    has = {re.sub("@.*", "", line.split()[2])
           for line in run("nm", "-D", "--defined-only", library).stdout.splitlines()}
    has = {name for name in has if not name.startswith(("HZ_", "__asan", "__odr", "__ubsan"))}
    expect_equal(sorted(has), sorted(said), "exported")
    exported = run("nm", "-D", "--defined-only", f"{BIN}/hzd").stdout
    for name in sorted(said):
        if not name.startswith(("hz_app_", "hz_error_")):
            expect(re.search(rf"\b{name}$", exported, re.M), f"hzd lacks {name} for modules")


@test
def header_compiles_alone_as_c_and_cplusplus():
    include = os.path.join(OUT, "stage/usr/local/include")
    for compiler, standard in (("gcc", "c11"), ("g++", "c++17"), ("clang-14", "c11")):
        if shutil.which(compiler):
            run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                "-fsyntax-only", "-x", "c++" if compiler == "g++" else "c", f"-I{include}",
                os.path.join(include, "hz/hz.h"), "-Wno-pragma-once-outside-header")


@test
def readme_example_is_built_as_it_says_and_serves():
    """Copied from README.md; only the port is another, for whoever has 8080."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        code = re.search(r"`app.c`:\n```c\n(.*?)```", file.read(), re.S).group(1)
    expect("127.0.0.1:8080" in code, "where it listens")
    directory, stage = temporary_directory(), os.path.join(OUT, "stage")
    write_file(os.path.join(directory, "app.c"), code.replace(":8080", ":18486"))
    env = {**os.environ, "PKG_CONFIG_PATH": stage + "/usr/local/lib/pkgconfig",
           "PKG_CONFIG_SYSROOT_DIR": stage, "LD_LIBRARY_PATH": stage + "/usr/local/lib",
           "XDG_RUNTIME_DIR": directory}
    # What a library built for a sanitizer needs besides; empty else.
    sanitizer = {"asan": "-fsanitize=address,undefined", "tsan": "-fsanitize=thread"}
    run("sh", "-c", "cc -Wall -Wextra -Werror app.c $(pkg-config --cflags --libs hz) " +
        sanitizer.get(os.environ.get("SAN", ""), ""), env=env, cwd=directory)
    app = Process("./a.out", env=env, cwd=directory)
    wait_until(lambda: hello_said("/hello/you") == b"you", 10, f"no answer: {app.output()}")
    app.signal(signal.SIGTERM)
    expect_equal(app.wait(20), 0, f"exit: {app.output()}")


def hello_said(path):
    try:
        return Http("127.0.0.1", 18486).get(path)[2]
    except OSError:
        return None


SITE = """listen:
  - {{ interface: lo, address: 127.0.0.1, port: 18485 }}
routes:
  - {{ name: root, match: GET /, respond: {{ body: "{body}" }} }}
  - {{ name: m, match: GET /m/*path, module: {{ file: {file}, config: "{config}" }} }}
{more}"""


class ModuleSite:
    def __init__(self):
        self.directory = temporary_directory()
        self.name = shared_rig().name + "m"
        self.module = os.path.join(self.directory, "tag.so")
        shutil.copy(f"{APPS}/helper_module_tag.so", self.module)
        os.chmod(self.module, 0o755)
        self.site = os.path.join(self.directory, "site.yaml")
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.directory}

    def write(self, body="one", config="tag", more="", file=None):
        write_file(self.site, SITE.format(body=body, config=config, more=more,
                                          file=file or self.module))

    def check(self):
        return run(f"{BIN}/hzd", "-t", "-c", self.site, check=False, env=self.env)

    def start(self):
        hzd = Process(f"{BIN}/hzd", "-i", self.name, "-c", self.site, "-o", "boot/io=socket", "-o",
                      "boot/workers=1", "-o", "timeouts/lame_duck_ms=0", env=self.env)
        hzd.wait_line("ready")
        return hzd

    def reload(self):
        return run(f"{BIN}/hzctl", "-i", self.name, "reload", check=False, env=self.env)

    @staticmethod
    def get(path):
        return Http("127.0.0.1", 18485).get(path)


@test
def module_of_the_site_answers_and_follows_reloads():
    site = ModuleSite()
    site.write()
    expect_equal(site.check().returncode, 0, "hzd -t")
    hzd = site.start()
    expect_equal(site.get("/m/a/b")[::2], (200, b"tag:a/b"), "the module")
    site.write(config="other", body="two")
    expect_equal(site.reload().returncode, 0, "reload")
    expect_equal(site.get("/m/x")[2], b"other:x", "its new configuration")
    site.write(config="bad")
    refused = site.reload()
    expect(refused.returncode == 1 or refused.returncode == 2, f"bad: {refused}")
    expect("'bad' is no tag" in refused.stderr, f"the module's own words: {refused.stderr}")
    expect_equal(site.get("/m/x")[2], b"other:x", "as it was")
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, "exit")


@test
def module_that_was_not_loaded_at_start_needs_a_restart():
    site = ModuleSite()
    site.write()
    hzd = site.start()
    second = os.path.join(site.directory, "second.so")
    shutil.copy(site.module, second)
    site.write(body="two", more=f"  - {{ match: GET /s/*path, module: {{ file: {second} }} }}\n")
    refused = site.reload()
    expect_equal(refused.returncode, 1, f"exit: {refused.stderr}")
    expect("was not loaded at start" in refused.stderr, refused.stderr)
    said = run(f"{BIN}/hzctl", "-j", "-i", site.name, "reload", check=False, env=site.env)
    expect("needs_restart" in said.stdout + said.stderr, f"code: {said}")
    expect_equal(site.get("/")[2], b"one", "the running configuration was not touched")
    hzd.signal(signal.SIGTERM)
    hzd.wait()
    hzd = site.start()
    expect_equal(site.get("/s/x")[2], b":x", "after a restart")
    hzd.signal(signal.SIGTERM)
    hzd.wait()


@test
def module_has_a_context_per_worker_which_outlives_reloads():
    site = ModuleSite()
    site.write()
    hzd = site.start()
    first = json.loads(site.get("/m/worker")[2])
    site.write(config="other")
    expect_equal(site.reload().returncode, 0, "reload")
    second = json.loads(site.get("/m/worker")[2])
    expect_equal((first["calls"], second["calls"]), (1, 2), "calls")
    wait_until(lambda: json.loads(site.get("/m/worker")[2])["ticks"] >= second["ticks"] + 10, 10,
               "ticks after a reload")
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, "exit")


@test
def ticket_of_a_module_outlives_reload_and_client():
    site = ModuleSite()
    site.write()
    hzd = site.start()
    waits, leaves = (tcp_connect(None, "127.0.0.1", 18485, 20.0) for _ in range(2))
    for sock in (waits, leaves):
        sock.sendall(b"GET /m/later/1000 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.2)
    site.write(config="other")
    expect_equal(site.reload().returncode, 0, "reload")
    leaves.close()
    expect_equal(site.get("/m/later/1")[2], b"other", "the new configuration")
    got = b""
    while not got.endswith(b"tag"):
        got += waits.recv(1000) or b"(end)tag"
    expect(got.startswith(b"HTTP/1.1 200 ") and b"(end)" not in got, f"the old one: {got}")
    waits.close()
    last = tcp_connect(None, "127.0.0.1", 18485, 20.0)
    last.sendall(b"GET /m/later/700 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.2)
    last.close()
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, "exit, with a ticket that nobody waits for")


@test
def module_that_blocks_its_worker_is_named_by_its_route():
    site = ModuleSite()
    site.write()
    hzd = site.start()
    expect_equal(site.get("/m/block/10")[0], 200, "10 ms are no stall")
    time.sleep(0.2)
    expect("block" not in hzd.output(), f"named: {hzd.output()}")
    expect_equal(site.get("/m/block/300")[0], 200, "300 ms are one")
    wait_until(lambda: re.search(r"worker 0: 'm' block(s|ed) it,? for \d+ ms", hzd.output()), 3,
               f"nobody named: {hzd.output()}")
    hzd.signal(signal.SIGTERM)
    expect_equal(hzd.wait(), 0, "exit")


CANNOT_BEGIN = """#include <hz/hz.h>
static int begin(struct hz_loop *loop, void **ctx) { (void)loop; *ctx = 0; return -5; }
static int handle(struct hz_request *req, void *ctx) { (void)ctx; return hz_respond(req, 204, 0, 0, 0); }
const struct hz_module hz_module = { .size = sizeof(struct hz_module), .api_version = 1,
    .name = "stubborn", .handler = handle, .worker_begin = begin };
"""


@test
def module_that_cannot_begin_on_a_worker_ends_hzd_and_is_named():
    site = ModuleSite()
    source = os.path.join(site.directory, "stubborn.c")
    write_file(source, CANNOT_BEGIN)
    run("gcc", "-shared", "-fPIC", "-I", os.path.join(OUT, "stage/usr/local/include"), "-o",
        site.module, source)
    site.write()
    hzd = Process(f"{BIN}/hzd", "-i", site.name, "-c", site.site, "-o", "boot/io=socket", "-o",
                  "boot/workers=1", env=site.env)
    expect_equal(hzd.wait(), 70, "exit")
    expect("could not begin with module stubborn: Input/output error" in hzd.output(),
           f"said: {hzd.output()}")


@test
def module_that_is_not_safe_or_not_one_is_refused_by_name():
    site = ModuleSite()
    cases = {}
    site.write(file=site.directory + "/none.so")
    cases["not there"] = (site.check(), "No such file")
    os.symlink(site.module, site.directory + "/link.so")
    site.write(file=site.directory + "/link.so")
    cases["a link"] = (site.check(), "symbolic link")
    site.write()
    os.chmod(site.module, 0o775)
    cases["others may write it"] = (site.check(), "may write it")
    os.chmod(site.module, 0o755)
    run("gcc", "-shared", "-o", site.module, "-x", "c", "/dev/null")
    cases["no hz_module"] = (site.check(), "defines no hz_module")
    site.write(file="tag.so")
    cases["a relative path"] = (site.check(), "absolute path")
    for what, (done, text) in cases.items():
        expect_equal(done.returncode, 2, f"{what}: {done.stderr}")
        expect(text in done.stderr, f"{what}: {done.stderr}")


if __name__ == "__main__":
    main(each_ends_its_own=True)
