"""A collector that says what it is told: the page is tested against it, also in states that are hard to bring
about. Its clock stands still until tick(). By hand: `tests/e2e/hz_fake_collector.py [PORT]` serves a busy day."""
import contextlib
import http.server
import json
import os
import queue
import random
import sys
import threading
import time
import urllib.parse

from hz_e2e import ROOT, inside

PAGE = os.path.join(ROOT, "userspace/collector/page/index.html")
# Four rows per octave from 256 ns to 17 s.
BOUNDS_NS = [2 ** octave * (4 + quarter) // 4 for octave in range(8, 34) for quarter in range(4)] + [2 ** 34]
ROWS = len(BOUNDS_NS) - 1
START_UNIX = 1_795_000_000  # any full ten seconds
STAGES = ("total", "queue", "parse", "route", "handler", "upstream", "tx", "health")


def row_of(ns):
    return max(row for row in range(ROWS) if BOUNDS_NS[row] <= ns)


def figures(count, per_s, scale_ns):
    """A row of a stage; one that was not measured is null throughout."""
    shape = {"mean_ns": 1.2, "p50_ns": 1, "p90_ns": 3.2, "p99_ns": 8.1, "p999_ns": 16, "max_ns": 80.1}
    return {"count": count, "per_s": per_s,
            **{key: None if count is None else int(scale_ns * factor) for key, factor in shape.items()}}


def busy_status():
    scales = {"total": 8000, "queue": 968, "parse": 420, "route": 110, "handler": 5900, "upstream": 0, "tx": 600,
              "health": 600}
    return {
        "instance": "shop", "version": "0.1.0", "is_alive": True, "state": "ready", "generation": 7,
        "uptime_s": 187_500.5, "history_s": 0, "shed_permille": 0, "events_lost": 0, "records": 81_234, "refused": 0,
        "connections": {"established": 4096},
        "totals": [
            {"name": "health", "per_s": 88_012, "total": 15_200_000_000, "p50_ns": 600, "p99_ns": 1400,
             "p999_ns": 3100, "max_ns": 19_000},
            {"name": "served", "per_s": 1_421_990, "total": 244_900_000_000, "p50_ns": 8000, "p99_ns": 41_000,
             "p999_ns": 96_000, "max_ns": 641_022},
            {"name": "shed", "per_s": 0, "total": 1_100_000, "p50_ns": None, "p99_ns": None, "p999_ns": None,
             "max_ns": None},
            {"name": "errors", "per_s": 0, "total": 9201, "p50_ns": None, "p99_ns": None, "p999_ns": None,
             "max_ns": None}],
        "workers": [{"id": i, "cpu": 2 + i, "state": "ready", "busy_ratio": 0.61 - i / 20,
                     "requests_per_s": 711_204 - 9000 * i, "connections": 2048, "longest_gap_ns": 38_000 + i,
                     "beat_age_ms": i} for i in range(2)],
        "stages": [{"stage": stage, **(figures(None, None, 0) if stage == "upstream" else
                                       figures(14_219_900, 1_421_990, scales[stage]))} for stage in STAGES],
        "routes": [{"name": name, "requests": int(9e9 / rank), "window_s": 14, "per_s": int(800_000 / rank),
                    "errors": errors,
                    "p50_ns": 7000 * rank, "p99_ns": 39_000 * rank}
                   for rank, (name, errors) in enumerate(
                       (("user", 0), ("orders", 9001), ("static", 200), ("hello", 0)), 1)],
        "verdicts": [{"reason": "steer", "action": "STEER", "total": 262_000_000_000, "per_s": 1_630_000},
                     {"reason": "health_200", "action": "TX", "total": 15_200_000_000, "per_s": 88_012},
                     {"reason": "pass_not_ours", "action": "PASS", "total": 91_044, "per_s": 0.3},
                     {"reason": "shed_503", "action": "TX", "total": 1_100_000, "per_s": 0},
                     {"reason": "drop_deny", "action": "DROP", "total": 0, "per_s": 0}],
    }


def empty_status():
    """A collector that has not found hzd yet: nothing is known, and nothing is zero."""
    return {"instance": "shop", "version": "0.1.0", "is_alive": None, "state": None, "generation": None,
            "uptime_s": None, "totals": [], "workers": [], "stages": [], "routes": [], "verdicts": [],
            "connections": {}, "shed_permille": None, "events_lost": None, "records": None, "refused": None}


def busy_counts(t, middle_ns=8000, answers=1_420_000):
    """What a second at work looks like: most answers around middle_ns, a tail over three octaves."""
    rng = random.Random(t)
    counts = [0] * ROWS
    middle = row_of(middle_ns) + rng.choice((0, 0, 0, 1))
    for distance in range(-6, 22):
        falling = 0.45 if distance < 0 else 0.62
        row = middle + distance
        if 0 <= row < ROWS:
            counts[row] = int(answers * 0.3 * falling ** abs(distance) * rng.uniform(0.8, 1.2))
    return counts


def slow_record(sequence, time_unix, stages_ns, **more):
    return {"kind": "slow", "worker": sequence % 2, "sequence": sequence, "time_ns": sequence * 1_000_000,
            "time_unix_ms": time_unix * 1000 + sequence % 1000, "connection": 4711 + sequence, "route": "user",
            "method": "GET", "path": f"/users/{sequence}", "status": 200, "is_example": False,
            "trace_id": f"{0x4bf92f3577b34da6a3ce929d0e0e4736 ^ sequence:032x}",
            "span_id": f"{0x00f067aa0ba902b7 ^ sequence:016x}", "stages_ns": stages_ns,
            "total_ns": sum(stages_ns.values()), **more}


class FakeCollector:
    """Owns its socket and threads until close(). What it serves are its attributes; the lock is for those who
    change several of them."""

    def __init__(self, netns=None, port=0):
        self.now = START_UNIX
        self.status = busy_status()
        self.counts = lambda t: busy_counts(t % 60)  # of a second; None: no data
        self.marks, self.slow, self.records = [], [], []
        self.broken = set()  # paths answered with 503
        self.history_end = None  # the heatmap ends here; None: now
        self.requests = []
        self.streams = []
        self.streams_opened = self.opened_at = 0  # how many; requests when the last one was
        self.lock = threading.RLock()
        with inside(netns) if netns else contextlib.nullcontext():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,),
                                                                                  {"collector": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.drop_streams()
        self.server.shutdown()
        self.server.server_close()

    def full_status(self):
        return {**self.status, "time_unix_ms": self.now * 1000}

    def send(self, name, data):
        with self.lock:
            for stream in self.streams:
                stream.put(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def tick(self, marks=()):
        """A second passes."""
        with self.lock:
            self.now += 1
            self.marks += marks
            self.send("tick", {"status": self.full_status(), "marks": list(marks),
                               "column": {"t": self.now - 1, "counts": self.counts(self.now - 1)}})

    def add_slow(self, record):
        with self.lock:
            self.slow.append(record)
            self.send("slow", record)

    def drop_streams(self):
        with self.lock:
            for stream in self.streams:
                stream.put(None)

    def heatmap(self, last):
        """At most 720 columns beyond an hour, as the collector sums them; of weeks a part stands for all."""
        step = 1 if last <= 3600 else next(s for s in (10, 20, 30, 60, 120, 600, 1200, 1800, 3600) if last // s <= 720)
        end = self.history_end or self.now
        columns = []
        for t in range((end - last) // step * step, end, step):
            seconds = [self.counts(each) for each in range(t, min(t + step, end), max(1, step // 120))]
            known = [counts for counts in seconds if counts is not None]
            columns.append({"t": t, "counts": [sum(row) for row in zip(*known)] if known else None})
        return {"stage": "total", "from_unix": end - last, "step_s": step, "bounds_ns": BOUNDS_NS,
                "columns": columns, "marks": self.marks}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector = None

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            self.serve()
        except ConnectionError:
            self.close_connection = True  # the page went away, or asks for something else by now

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with self.collector.lock:
            self.collector.requests.append(self.path)
            is_broken = url.path in self.collector.broken
        if is_broken:
            self.answer(503, "text/plain", b"told to fail\n")
        elif url.path == "/":
            with open(PAGE, "rb") as file:
                self.answer(200, "text/html; charset=utf-8", file.read())
        elif url.path == "/events":
            self.stream()
        else:
            self.api(url.path, query)

    def api(self, path, query):
        with self.collector.lock:
            if path == "/api/v1/status":
                said = self.collector.full_status()
            elif path == "/api/v1/heatmap":
                said = self.collector.heatmap(int(query["last"]))
            elif path == "/api/v1/events":
                every = self.collector.slow + self.collector.records
                said = {"events": [each for each in every if each["kind"] == query["kind"]][-int(query["last"]):]}
            else:
                self.answer(404, "text/plain", b"not here\n")
                return
        self.answer(200, "application/json", json.dumps(said).encode())

    def stream(self):
        mine = queue.Queue()
        asked = len(self.collector.requests)  # what the page asks for next may come before we know it has the head
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        with self.collector.lock:
            self.collector.streams.append(mine)
            self.collector.streams_opened += 1
            self.collector.opened_at = asked
        try:
            while (chunk := mine.get()) is not None:
                self.wfile.write(chunk)
                self.wfile.flush()
        finally:
            with self.collector.lock:
                self.collector.streams.remove(mine)
        self.close_connection = True


def main():
    collector = FakeCollector(port=int(sys.argv[1]) if len(sys.argv) > 1 else 9477)
    collector.now = int(time.time())
    print(collector.url, flush=True)
    while True:
        time.sleep(1)
        collector.tick()
        collector.add_slow(slow_record(collector.now % 100_000, collector.now, {
            "queue": 512_000, "parse": 1000, "route": 200, "handler": random.randrange(10**6), "upstream": 0,
            "tx": 2000}))


if __name__ == "__main__":
    main()
