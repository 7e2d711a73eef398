"""What the end-to-end tests stand on: a rig, processes in it, sockets in it, and results as lines.

A test file holds functions marked @test and ends with main(). Names are subject_condition_result; a
function that returns passed, AssertionError is a failure, Skip is a skip with its reason. Everything
a test started ends with it, and the last result of every file is the sweep: nothing is left behind.
"""
import atexit
import contextlib
import ctypes
import functools
import glob
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, os.environ.get("O", "build"))  # an absolute O wins
# For SAN=asan: a leak of a library we know, and no quarantine that looks like growing memory.
os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" +
                      os.path.join(ROOT, "tests/support/lsan.supp"))
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
BIN = os.path.join(OUT, "bin")
BENCH_SITE = os.path.join(ROOT, "configs/site/bench.yaml")
CLIENT4, SERVER4, CLIENT6, SERVER6 = "10.7.0.1", "10.7.0.2", "fd07::1", "fd07::2"
PORT, HEALTH_PORT = 80, 8081
# For a server whose health is not the matter: on a busy machine a worker may not run for half a second. Nor does it
# refuse anybody for that, unless a test says how it shall (Rig.serve).
PATIENT = "health/beat_timeout_ms=10000"
READY_S = 60  # for a start that waits for busy cores; no promise of hz's
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """The condition of a test is not there; the text says which."""


# --- results ---------------------------------------------------------------------------------------

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.300}, want {want!r:.300}")


def _one_line(error):
    text = str(error) or type(error).__name__
    return re.sub(r"\s+", " ", text)[:600]


def main(each_ends_its_own=False):
    """Runs this file's tests (those whose name holds argv[1]) and the sweep. each_ends_its_own: no test
    leaves a process to the next, so that one that failed does not make the others fail."""
    suite = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("test_")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = passed = 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    if os.geteuid() != 0:
        print(f"skip {suite}: needs root", flush=True)
        sys.exit(77)
    before = leftovers()
    for function in [t for t in TESTS if wanted in t.__name__] + [None]:
        name = f"{suite}.{function.__name__ if function else 'sweep_after_all_finds_nothing'}"
        started = time.monotonic()
        try:
            if function is None:
                STACK.close()
                expect_equal(sorted(leftovers() - before), [], "left behind")
            else:
                function()
        except Skip as skip:
            print(f"skip {name}: {_one_line(skip)}", flush=True)
        except Exception as error:  # a crash of the test is a failure of the test
            failed += 1
            print(f"not ok {name}: {type(error).__name__}: {_one_line(error)}", flush=True)
            for process in PROCESSES:
                process.show_log()
        else:
            passed += 1
            print(f"ok {name}", flush=True)
            note(f"{name} {time.monotonic() - started:.1f} s")
        if each_ends_its_own:
            for process in list(PROCESSES):
                process.end()
    sys.exit(1 if failed else 0)


def note(text):
    print(f"# {text}", flush=True)


# --- cleaning up ------------------------------------------------------------------------------------

STACK = contextlib.ExitStack()  # closed by main before the sweep, or at exit
atexit.register(STACK.close)
PROCESSES = []
PIDS = set()  # of all that ever ran


def _read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def leftovers():
    """Everything a test must take away again, as strings to compare before and after."""
    own = f"e{os.getpid()}"
    found = set()
    for pattern in (f"/run/netns/hz-{own}*", f"/sys/fs/bpf/hz-{own}*", f"/run/hz-{own}*",
                    f"/run/dpdk/hz-{own}*"):
        found.update(glob.glob(pattern))
    found.update(path for path in glob.glob("/run/hz-lock/hz-*")
                 if _read(path).strip() in {str(pid) for pid in PIDS})
    found.update(line.split()[1] for line in _read("/proc/self/mounts").splitlines()
                 if own in line.split()[1])
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("HugePages_"):
            found.add(re.sub(r"\s+", " ", line))
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        command = _read(path).replace("\0", " ")
        if f"-i {own}" in command:
            found.add("process " + command)
    return found


# --- commands and processes -------------------------------------------------------------------------


def run(*command, netns=None, timeout=60, check=True, text=True, **more):
    """Runs a command to its end; with netns inside that namespace (bpffs stays visible)."""
    command = [str(word) for word in command]
    if netns:
        command = ["nsenter", f"--net=/run/netns/{netns}"] + command
    done = subprocess.run(command, capture_output=True, text=text, timeout=timeout, check=False,
                          **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: "
                             f"{done.stderr or done.stdout}")
    return done


class Process:
    """A process with its output in a file, ended at the latest with the tests."""

    def __init__(self, *command, netns=None, **more):
        self.command = [str(word) for word in command]
        if netns:
            self.command = ["nsenter", f"--net=/run/netns/{netns}"] + self.command
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, text=True, **more)
        self.pid = self.process.pid
        PIDS.add(self.pid)
        PROCESSES.append(self)
        STACK.callback(self.end)

    def output(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode(errors="replace")

    def show_log(self):
        for line in self.output().splitlines()[-8:]:
            note(f"{os.path.basename(self.command[0])}[{self.pid}]: {line:.200}")

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def wait(self, timeout=30):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} still runs after {timeout} s") from None

    def wait_line(self, line, timeout=15):
        """Until the process printed this line; its early end is a failure that shows its output."""
        wait_until(lambda: line in self.output().splitlines() or not self.is_running(), timeout,
                   f"{os.path.basename(self.command[0])} did not print {line!r}: {self.output()}")
        expect(line in self.output().splitlines(),
               f"exit {self.process.poll()}: {self.output()[-500:]}")

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.is_running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        if self in PROCESSES:
            PROCESSES.remove(self)
            if os.environ.get("HZ_E2E_LOG"):
                self.show_log()


def wait_until(condition, timeout, why, every=0.01):
    """Seconds until condition() held."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > timeout:
            raise AssertionError(f"after {timeout} s: {why}")
        time.sleep(every)
    return time.monotonic() - started


def steady(read, still=0.3, timeout=5):
    """What read() gives once it has given nothing else for some time."""
    value, since, started = read(), time.monotonic(), time.monotonic()
    while time.monotonic() - since < still:
        if time.monotonic() - started > timeout:
            raise AssertionError(f"after {timeout} s it still moves: {value}")
        time.sleep(0.02)
        latest = read()
        if latest != value:
            value, since = latest, time.monotonic()
    return value


# --- network namespaces -----------------------------------------------------------------------------


@contextlib.contextmanager
def inside(netns):
    """The calling thread in another network namespace: sockets made there stay there."""
    with open("/proc/thread-self/ns/net", "rb") as home:
        with open(f"/run/netns/{netns}", "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {netns}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def tcp_connect(netns, host, port, timeout=5.0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with inside(netns) if netns else contextlib.nullcontext():
        sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect((host, port))
    except OSError:
        sock.close()
        raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Http(http.client.HTTPConnection):
    """http.client whose socket lives in a namespace."""

    def __init__(self, host, port=PORT, netns=None, timeout=10.0):
        super().__init__(host, port, timeout=timeout)
        self.netns = netns

    def connect(self):
        self.sock = tcp_connect(self.netns, self.host, self.port, self.timeout)

    def get(self, path, method="GET", body=None, headers=None, chunked=False):
        """One exchange: (status, headers, body)."""
        self.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
        response = self.getresponse()
        return response.status, response.headers, response.read()


# --- the rig and hz in it ---------------------------------------------------------------------------


class Rig:
    """Two namespaces, a veth pair, and an hz instance of the same name; with_relay: a third namespace
    in between, hz_relay.py."""

    def __init__(self, suffix="", queues=1, with_relay=False):
        self.name = f"e{os.getpid()}{suffix}"
        self.client, self.server = f"hz-{self.name}-c", f"hz-{self.name}-s"
        self.pins = f"/sys/fs/bpf/hz-{self.name}"
        kind = ["relay"] if with_relay else ["queues", queues]
        run(ROOT + "/tools/dev/rig.sh", "up", self.name, *kind)
        STACK.callback(self.close)

    def close(self):
        for process in [p for p in PROCESSES if self.name in p.command or self.server in
                        " ".join(p.command)]:
            process.end()
        run(ROOT + "/tools/dev/rig.sh", "down", self.name, check=False)

    def ctl(self, *words, check=True, timeout=30):
        """hzctl of this instance, looking from the server's namespace."""
        return run(BIN + "/hzctl", "-i", self.name, "-n", self.server, *words, check=check,
                   timeout=timeout)

    def ctl_json(self, *words):
        return json.loads(self.ctl("-j", *words).stdout)

    def attach(self, *more, check=True, health=True):
        words = ["xdp", "attach", "dev", "eth1", "claim", f"tcp:{SERVER4}:{PORT}",
                 f"tcp:[{SERVER6}]:{PORT}"]
        if health:
            words += ["health", f"tcp:{SERVER4}:{HEALTH_PORT}", f"tcp:[{SERVER6}]:{HEALTH_PORT}"]
        return self.ctl(*words, *more, check=check)

    def detach(self):
        return self.ctl("xdp", "detach", "dev", "eth1")

    def serve(self, site=BENCH_SITE, options=(), listens=None, ready=True, **more):
        """Starts hzd; by default on port 80 of both addresses, one worker."""
        if listens is None:
            listens = [f"eth1,{SERVER4}:{PORT}", f"eth1,[{SERVER6}]:{PORT}"]
        command = [BIN + "/hzd", "-i", self.name, "-n", self.server, "-c", site]
        for listen in listens:
            command += ["-l", listen]
        if PATIENT in options:
            options = ["shed/mode=off", *options]
        for option in ["boot/workers=1", "timeouts/lame_duck_ms=0", *options]:
            command += ["-o", option]
        daemon = Process(*command, **more)
        if ready:
            try:
                daemon.wait_line("ready", READY_S)
            except AssertionError:
                daemon.show_log()
                daemon.end()  # or the tests that follow find their interface taken
                raise
        return daemon

    def start(self, **more):
        self.attach("ensure")
        return self.serve(**more)

    def http(self, host=SERVER4, port=PORT, timeout=10.0):
        return Http(host, port, self.client, timeout)

    def curl(self, *words, check=True, text=True, timeout=60):
        return run("curl", "-sS", "--max-time", "30", *words, netns=self.client, check=check,
                   text=text, timeout=timeout)

    def wrk(self, *words, url=f"http://{SERVER4}/", timeout=120):
        """wrk's figures: requests, rate_per_s, errors, and percentiles in ns."""
        return wrk_parse(run("wrk", "--latency", *words, url, netns=self.client,
                             timeout=timeout).stdout)

    def health(self, host=SERVER4, path="/healthz", timeout=2.0):
        """Status of a health probe; 0 when nobody answered."""
        try:
            return Http(host, HEALTH_PORT, self.client, timeout).get(path)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def verdicts(self):
        """The XDP program's counters by reason, all CPUs added."""
        dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                              self.pins + "/verdicts").stdout)
        total = {}
        for cpu in dump[0]["formatted"]["values"]:
            for name, value in cpu["value"].items():
                if name != "reserved":
                    total[name] = total.get(name, 0) + int(value)
        return total

    def workers(self):
        """The pinned worker records that were ever used."""
        dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                              self.pins + "/workers").stdout)
        return [entry["formatted"]["value"] for entry in dump
                if int(entry["formatted"]["value"]["started_ns"]) != 0]

    def requests(self):
        return sum(int(worker["requests"]) for worker in self.workers())


@functools.cache
def shared_rig():
    """One for all of a test program, without ports for health."""
    here = Rig()
    here.attach("ensure", health=False)
    return here


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


@contextlib.contextmanager
def thread_stopped(pid, name):
    """The one thread of this name stands still meanwhile, all others go on. Only for the main thread."""
    tids = [tid for tid in os.listdir(f"/proc/{pid}/task")
            if _read(f"/proc/{pid}/task/{tid}/comm").strip() == name]
    expect_equal(len(tids), 1, f"threads {name}")
    tid = int(tids[0])
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, tid, None, None) != 0:
            raise Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(tid, WALL)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, tid, None, None)


UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}


def wrk_parse(text):
    def duration(pattern):
        found = re.search(pattern + r"\s+([\d.]+)(us|ms|s|m)", text)
        return int(float(found.group(1)) * UNITS[found.group(2)]) if found else 0

    figures = {"requests": int(re.search(r"(\d+) requests in", text).group(1)),
               "rate_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
               "p50_ns": duration(r"50%"), "p90_ns": duration(r"90%"), "p99_ns": duration(r"99%"),
               "errors": 0}
    sockets = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if sockets:
        figures["errors"] += sum(int(group) for group in sockets.groups())
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if refused:
        figures["errors"] += int(refused.group(1))
    return figures


class Counting(threading.Thread):
    """A keep-alive client in a thread: exchange(connection) until stopped; failures are kept."""

    def __init__(self, rig, exchange):
        super().__init__(daemon=True)
        self.rig, self.exchange = rig, exchange
        self.done, self.failures, self.stopping = 0, [], False

    def run(self):
        connection = self.rig.http()
        while not self.stopping and len(self.failures) < 10:
            try:
                self.exchange(connection)
                self.done += 1
            except Exception as error:  # the main thread judges
                self.failures.append(_one_line(error) + " " + type(error).__name__)
                connection.close()
        connection.close()

    def finish(self):
        self.stopping = True
        self.join(30)
        return self.done


def temporary_directory(mode=0o755):
    directory = tempfile.mkdtemp(prefix="hz-e2e-")
    os.chmod(directory, mode)
    STACK.callback(lambda: run("rm", "-rf", directory, check=False))
    return directory


def write_file(path, text):
    """Replaces path in one step, as an editor or a deployment does."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


def status_field(pid, name):
    """A field of /proc/PID/status."""
    found = re.search(rf"^{name}:\s+(.*)$", _read(f"/proc/{pid}/status"), re.M)
    return found.group(1) if found else ""
