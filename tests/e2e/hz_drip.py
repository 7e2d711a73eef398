"""Clients that drip: a head byte by byte, a body byte by byte, an answer that is read byte by byte or not at
all; thousands of them in one thread, and what became of each. A Place is a server to do it to."""
import collections
import contextlib
import heapq
import json
import os
import resource
import select
import socket
import statistics
import threading
import time

from hz_e2e import (BENCH_SITE, BIN, PATIENT, PORT, SERVER4, Process, Rig, expect, expect_equal,
                    inside, note, run, status_field, tcp_connect, temporary_directory, test,
                    wait_until, write_file, wrk_parse)

SOCKET_PORT = 18484
CONTROL_PORT = 18486  # nginx, beside hz: the same swarm there shows what the swarm itself costs
NGINX = """\
daemon off; master_process off; pid {d}/pid; error_log {d}/error crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {d}; reset_timedout_connection on;
  client_header_timeout 60s; client_body_timeout 60s; send_timeout 60s;
  proxy_temp_path {d}; fastcgi_temp_path {d}; uwsgi_temp_path {d}; scgi_temp_path {d};
  server {{ listen {host}:{port} backlog=4096; root {d}/www; location /bytes {{ try_files /large =404; }} }}
}}
"""
HEADER_S = 10  # timeouts/header_ms, absolute
GRACE_S = 5    # h1_worker.h: then a body must have moved at 500 B/s
STALL_S = 30   # and an answer; more than this nobody is ahead
LOOK_S = 1     # deadlines of transfers are looked at once a second
SLACK_S = 1.5  # of this generator, on a busy machine
READ_BYTES = 1 << 20
CONNECTS_PER_S = 2500  # a queue of listen(2) that overflows would cost clients seconds
RATIO_MAX = 1.2        # p99 of normal clients
# So that p99 tells of hz and not of who else waits for a core: hz has the last one, normal clients go first on the
# other, and the swarm and nginx take what they leave.
HZ_CPU, CLIENT_CPU = os.cpu_count() - 1, 0
FIRST, LAST = -15, 15
RUNS = 3               # of a second each, for one figure
ALIVE_KIB = 24         # memory of a request that waits, and of its connection
POOLS_KIB = 24 * 1024  # what the first clients may take of pools that are touched when needed
FLAT_KIB = 1024        # by which a second swarm may raise what the first has left

# first: sent at once; drip: then, piece by piece, every so many seconds. earliest, latest: when the server
# may close, from the connection's beginning. reads: True: at once, 1: a byte every so often, 0: never.
Kind = collections.namedtuple("Kind", "name first drip every reads earliest latest status")
KINDS = (
    Kind("head", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a", 3.0, True, HEADER_S,
         HEADER_S + LOOK_S, b"408"),
    Kind("body", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n0", b"a", 1.7,
         True, GRACE_S, GRACE_S + 2 * LOOK_S, b"408"),
    Kind("reader", b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % READ_BYTES, None, 2.0, 1,
         GRACE_S, STALL_S + 3 * LOOK_S, None),
    Kind("deaf", b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % READ_BYTES, None, None, 0,
         GRACE_S, STALL_S + 3 * LOOK_S, None),
    # Twice as fast as it must be: it comes through.
    Kind("steady", b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
         b"Content-Length: 12000\r\n\r\n", b"a" * 1000, 1.0, True, 11, 13, b"200"),
)
STEADY = 5
# Thirds: head, body, answer.
TURNS = ("head", "body", "reader", "head", "body", "deaf")


class Client:
    __slots__ = ("kind", "sock", "began", "ended", "how", "received")

    def __init__(self, kind, sock):
        self.kind, self.sock = kind, sock
        self.began = self.ended = self.how = None
        self.received = b""


class Swarm(threading.Thread):
    """count clients of all kinds, or of one, opened and driven by a thread of its own until all were closed."""

    def __init__(self, place, count, only=None, timeout=STALL_S + 30):
        super().__init__(daemon=True)
        self.place, self.count, self.only, self.timeout = place, count, only, timeout
        self.epoll = select.epoll()
        self.clients, self.open, self.ticks, self.failure = [], {}, [], None
        self.is_told_to_end = False
        self.all_open = threading.Event()

    def run(self):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)
        os.sched_setaffinity(threading.get_native_id(), {CLIENT_CPU})
        try:
            self.begin()
            give_up = time.monotonic() + self.timeout
            while self.open and time.monotonic() < give_up and not self.is_told_to_end:
                self.turn()
        except Exception as error:  # the main thread judges
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self.all_open.set()
            for client in list(self.open.values()):
                client.sock.close()
            self.epoll.close()

    def begin(self):
        kinds = {kind.name: kind for kind in KINDS}
        began = time.monotonic()
        with inside(self.place.netns) if self.place.netns else contextlib.nullcontext():
            for i in range(self.count):
                kind = kinds[self.only or ("steady" if i < STEADY else TURNS[i % len(TURNS)])]
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                if kind.reads is not True:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                sock.settimeout(10)
                sock.connect((self.place.host, self.place.port))
                self.start_client(Client(kind, sock), i)
                if i % 64 == 0:
                    self.turn(max(0.0, began + i / CONNECTS_PER_S - time.monotonic()))
        self.all_open.set()

    def start_client(self, client, number):
        client.sock.setblocking(False)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.began = time.monotonic()
        client.sock.send(client.kind.first)
        self.clients.append(client)
        self.open[client.sock.fileno()] = client
        # Without EPOLLIN the ends of a connection are still told of.
        self.epoll.register(client.sock.fileno(), select.EPOLLRDHUP |
                            (select.EPOLLIN if client.kind.reads is True else 0))
        if client.kind.every:
            # Spread over the interval, so that the generator is no burst.
            first = client.kind.every * (number % 97 + 1) / 97
            heapq.heappush(self.ticks, (client.began + first, number, client))

    def end(self, client, how):
        if client.ended is None:
            client.ended, client.how = time.monotonic(), how
            del self.open[client.sock.fileno()]
            self.epoll.unregister(client.sock.fileno())
            client.sock.close()

    def heard(self, client, events):
        if events & (select.EPOLLERR | select.EPOLLHUP):
            self.end(client, "RST")
        elif client.kind.reads is not True:
            self.end(client, "FIN")
        else:
            try:
                data = client.sock.recv(4096)
            except OSError:
                self.end(client, "RST")
                return
            client.received += data
            if not data:
                self.end(client, "FIN")

    def tick(self, client):
        try:
            if client.kind.drip:
                client.sock.send(client.kind.drip)
            else:
                client.received = client.sock.recv(client.kind.reads)
        except BlockingIOError:
            pass
        except OSError:
            self.end(client, "RST")

    def turn(self, wait=0.2):
        if self.ticks:
            wait = min(wait, max(0.0, self.ticks[0][0] - time.monotonic()))
        for number, events in self.epoll.poll(wait, 512):
            if number in self.open:
                self.heard(self.open[number], events)
        now = time.monotonic()
        due = 0
        while self.ticks and self.ticks[0][0] <= now and due < 512:
            when, number, client = heapq.heappop(self.ticks)
            due += 1
            if client.ended is None:
                self.tick(client)
                heapq.heappush(self.ticks, (when + client.kind.every, number, client))

    def finish(self):
        self.join(self.timeout + 60)
        expect(self.failure is None, f"the clients failed: {self.failure}")

    def judge(self):
        """Each was closed, not before and not after its time, and told why where it listened."""
        for kind in KINDS:
            mine = [c for c in self.clients if c.kind is kind]
            times = sorted(c.ended - c.began for c in mine if c.ended)
            expect(len(times) == len(mine),
                   f"{len(mine) - len(times)} of {len(mine)} {kind.name} clients were not closed")
            note(f"{self.place.name} {kind.name}: {len(times)} closed after {times[0]:.2f} to "
                 f"{times[-1]:.2f} s, {kind.earliest} to {kind.latest} s wanted, "
                 f"{collections.Counter(c.how for c in mine)}")
            expect(times[0] >= kind.earliest - 0.1,
                   f"a {kind.name} client was closed after {times[0]:.2f} s already")
            expect(times[-1] <= kind.latest + SLACK_S,
                   f"a {kind.name} client was closed after {times[-1]:.2f} s")
            if kind.status:
                other = [c for c in mine if not c.received.startswith(b"HTTP/1.1 " + kind.status)]
                expect(not other, f"{len(other)} {kind.name} clients of {len(mine)} got "
                                  f"{other[0].received[:60] if other else b''}")


Control = collections.namedtuple("Control", "host port netns process")


class Place:
    """A hzd with the site of the benches."""

    def memory_kib(self):
        return int(status_field(self.hzd.pid, "VmRSS").split()[0])

    def worker(self):
        return self.ctl_json("worker", "show", "id", "0")["workers"][0]

    def counter(self, name):
        return sum(c["value"] for c in self.worker()["counters"] if c["name"] == name)

    def pressure(self):
        """Only the packet path has packet memory."""
        return 0

    def control(self):
        """Where the same clients do the same to nginx, in the same namespace."""
        directory = temporary_directory()
        os.mkdir(directory + "/www")
        write_file(directory + "/www/large", "x" * READ_BYTES)
        write_file(directory + "/conf", NGINX.format(d=directory, host=self.host, port=CONTROL_PORT))
        nginx = Process("nice", "-n", LAST, "taskset", "-c", CLIENT_CPU, "nginx", "-c", directory + "/conf", netns=self.server_netns)
        wait_until(lambda: self.answers(CONTROL_PORT), 10, f"nginx: {nginx.output()}")
        return Control(self.host, CONTROL_PORT, self.netns, nginx)

    def answers(self, port):
        try:
            tcp_connect(self.netns, self.host, port).close()
        except OSError:
            return False
        return True

    def pin(self):
        for thread in os.listdir(f"/proc/{self.hzd.pid}/task"):
            os.sched_setaffinity(int(thread), {HZ_CPU})

    def p99_us(self, seconds):
        """Of four normal clients."""
        words = ["nice", "-n", FIRST, "taskset", "-c", CLIENT_CPU, "wrk", "--latency", "-t1", "-c4", f"-d{seconds}s",
                 f"http://{self.host}:{self.port}/"]
        figures = wrk_parse(run(*words, netns=self.netns, timeout=seconds + 60).stdout)
        expect(figures["errors"] == 0, f"{figures['errors']} errors of normal clients")
        expect(figures["requests"] > 0, "normal clients were not served")
        return figures["p99_ns"] / 1000


class AfXdp(Place):
    name = "af_xdp"

    def __init__(self, options=()):
        self.rig = Rig(suffix="d")
        self.host, self.port, self.netns = SERVER4, PORT, self.rig.client
        self.server_netns = self.rig.server
        self.ctl_json = self.rig.ctl_json
        self.hzd = self.rig.start(options=[PATIENT, *options])

    def pressure(self):
        """Of the packet memory that output, or input out of order, may hold, in percent; or of the
        connections, if these are more."""
        return int(self.rig.workers()[0]["pressure"])


class Sockets(Place):
    name = "socket"
    host, port, netns, server_netns = "127.0.0.1", SOCKET_PORT, None, None

    def __init__(self, options=()):
        env = {**os.environ, "XDG_RUNTIME_DIR": temporary_directory(0o777)}
        own = f"e{os.getpid()}ds"
        words = []
        for option in ("boot/io=socket", "boot/workers=1", "timeouts/lame_duck_ms=0", *options):
            words += ["-o", option]
        self.hzd = Process(BIN + "/hzd", "-i", own, "-c", BENCH_SITE, "-l",
                           f"lo,{self.host}:{self.port}", *words, env=env, cwd="/")
        self.hzd.wait_line("ready")
        self.ctl_json = lambda *what: json.loads(
            run(BIN + "/hzctl", "-j", "-i", own, *what, env=env).stdout)


# --- swarms over both transports, and what is expected of each ------------------------------------------

places = {}  # name: (place, figures)


class Figures:
    """Of one place, over all swarms."""

    def __init__(self, place):
        self.quiet_us, self.control_us, self.during_us, self.swarms = [], [], [], []
        self.before_kib, self.peak_kib, self.after_kib = place.memory_kib(), 0, []
        self.pressure, self.pressure_after = 0, 100
        self.count_from_now(place)

    def count_from_now(self, place):
        self.counted = {name: place.counter(name) for name in COUNTERS}


COUNTERS = ("http_timeout", "timeout", "evicted", "http_no_memory")


def descriptors_for(count):
    """hzd inherits them too. Whether there are enough for a swarm to each place at once."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expect(hard > count + 1000, f"{hard} descriptors for {count} clients")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 18), hard))
    return hard > 2 * count + 1000


def measure(place, into):
    for _ in range(RUNS):
        into.append(place.p99_us(1))


def sample(place, figures):
    figures.peak_kib = max(figures.peak_kib, place.memory_kib())
    figures.pressure = max(figures.pressure, place.pressure())


def no_connection_is_left(place):
    wait_until(lambda: place.worker()["connections"] == 0, 10,
               f"{place.worker()['connections']} connections are left")


@contextlib.contextmanager
def dripped_on(place, count, only=None):
    """With all of these clients at it, who then go away."""
    swarm = Swarm(place, count, only)
    swarm.start()
    swarm.all_open.wait()
    yield
    swarm.is_told_to_end = True
    swarm.finish()


def touch(place, count):
    """A request's memory lies in a pool, and kinds of requests touch different parts of it: each has touched its
    own of all there is, before a swarm of all kinds may not raise it any more."""
    for only in ("head", "body", "reader"):
        with dripped_on(place, count * 2 // 3, only):  # as many as wait at once in one of all kinds
            pass
        no_connection_is_left(place)


def control(place, figures, count):
    server = place.control()
    with dripped_on(server, count):
        measure(place, figures.control_us)
    server.process.end()


def wave(count, group):
    """A swarm to each place of the group, their starts apart so that each is measured with all of its clients
    there; then all of them to their ends."""
    for place, figures in group:
        measure(place, figures.quiet_us)
        control(place, figures, count)
    for place, figures in group:
        swarm = Swarm(place, count)
        figures.swarms.append(swarm)
        swarm.start()
        swarm.all_open.wait()
        measure(place, figures.during_us)
        sample(place, figures)
    for place, figures in group:
        figures.swarms[-1].finish()
        sample(place, figures)
        no_connection_is_left(place)
    for place, figures in group:
        measure(place, figures.quiet_us)
        figures.after_kib.append(place.memory_kib())
        figures.pressure_after = lowest_pressure(place)


def lowest_pressure(place):
    """Within a second: what is left in queues stays, what the last answers hold goes."""
    lowest, end = place.pressure(), time.monotonic() + 1
    while lowest > 0 and time.monotonic() < end:
        time.sleep(0.05)
        lowest = min(lowest, place.pressure())
    return lowest


def tests(count, waves, judge_p99):
    """Adds the tests: the first one does everything, the others look at what came of it."""
    def start():
        is_room = descriptors_for(count)
        for kind in (Sockets, AfXdp):  # on one core: who polls goes last
            place = kind()
            place.pin()
            place.p99_us(1)  # what the first requests touch
            places[place.name] = place, Figures(place)
        both = list(places.values())
        if waves > 1:
            for place, figures in both:
                touch(place, count)
                figures.count_from_now(place)
        for _ in range(waves):
            for group in [both] if is_room else [[one] for one in both]:
                wave(count, group)

    start.__name__ = f"swarms_of_{count}_come_and_go"
    test(start)
    for name in ("af_xdp", "socket"):
        for look in (closed_on_time, counted_one_by_one, judge_p99, memory_is_bounded):
            def run_one(name=name, look=look):
                expect(name in places and places[name][1].after_kib, "there was no swarm")
                look(*places[name])

            run_one.__name__ = f"{name}.{look.__name__}"
            test(run_one)


def closed_on_time(_, figures):
    for swarm in figures.swarms:
        swarm.judge()


def counted_one_by_one(place, figures):
    """Everybody but the steady ones by its deadline, nobody for want of memory."""
    gained = {name: place.counter(name) - figures.counted[name] for name in COUNTERS}
    note(f"{place.name}: {gained}")
    expect_equal(gained["http_no_memory"], 0, "requests refused for want of memory")
    expect_equal(gained["http_timeout"] + gained["timeout"] + gained["evicted"],
                 sum(len(swarm.clients) - STEADY for swarm in figures.swarms), "clients counted")


def show_p99(place, figures):
    """Of what normal clients see while the swarm is here, and while it is at nginx beside."""
    ratio = statistics.median(figures.during_us) / statistics.median(figures.control_us)
    note(f"{place.name}: p99 quiet {sorted(figures.quiet_us)} us, while nginx is dripped on "
         f"{sorted(figures.control_us)} us, while hz is {sorted(figures.during_us)} us, ratio of medians of "
         f"these two {ratio:.2f}")
    return ratio


def normal_clients_are_served_as_before(place, figures):
    """The bound of a machine that others use too: the best during is not worse than the worst without."""
    show_p99(place, figures)
    without = max(figures.quiet_us + figures.control_us)
    expect(min(figures.during_us) <= RATIO_MAX * without,
           f"p99 of at least {min(figures.during_us)} us with drippers, at most {without} us without")


def normal_p99_is_at_most_1_2_times(place, figures):
    ratio = show_p99(place, figures)
    expect(ratio <= RATIO_MAX, f"p99 is {ratio:.2f} times that while nginx is dripped on")


def memory_is_bounded(place, figures):
    clients = len(figures.swarms[0].clients)
    note(f"{place.name}: {figures.before_kib} KiB before, {figures.peak_kib} at most, "
         f"{figures.after_kib} after each; packet memory {figures.pressure} % at most, "
         f"{figures.pressure_after} % after")
    expect(figures.peak_kib - figures.before_kib <= clients * ALIVE_KIB + POOLS_KIB,
           f"{figures.peak_kib - figures.before_kib} KiB for {clients} clients")
    expect_equal(figures.pressure_after, 0, "percent of packet memory left in queues")
    expect(figures.after_kib[-1] - figures.after_kib[0] <= FLAT_KIB,
           f"memory grows with each swarm: {figures.after_kib} KiB")
