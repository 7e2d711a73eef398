"""A site that serves files, over AF_XDP or kernel sockets, and files that change while they are read.

The content of a file that changes tells which state of it that is, in each of its bytes: a mixture of two
states shows."""
import json
import os
import random
import threading
import time

from hz_e2e import (BIN, PATIENT, SERVER4, Counting, Http, Process, Rig, expect, expect_equal, note,
                    run, temporary_directory, write_file)

SITE = """\
listen:
  - { interface: eth1, address: 10.7.0.2, port: 80 }
limits: { requests_per_connection: 0, connections_per_source: 0 }
topics: { news: }
routes:
  - { name: events, match: GET /events, events: { topic: news } }
  - { name: www, match: GET /www/*path, files: www, cache: 16MiB }
  - { name: old, match: "GET /old/*rest", redirect: { to: "/www/{rest}" } }
  - { name: page, match: GET /page, respond: { content_type: text/html, body: PAGE } }
  - { name: slow, match: GET /slow, delay: 200ms, respond: { body: late } }
"""
PAGE = "<p>a page of the site's own</p>" * 100
SITE = SITE.replace("PAGE", json.dumps(PAGE))
SOCKET_PORT = 18483


def put(path, content):
    """Replaces a file in one step, as an editor or a deployment does."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".new")
    with open(beside, "wb") as file:
        file.write(content)
    os.rename(beside, path)


class Served:
    """hzd with SITE over a transport, and its directory of files."""

    def __init__(self, transport):
        self.transport = transport
        self.directory = temporary_directory()
        self.www = self.directory + "/www"
        os.mkdir(self.www)
        self.site = self.directory + "/site.yaml"
        write_file(self.site, SITE)

    def start(self):
        if self.transport == "af_xdp":
            self.rig = Rig("f")
            self.rig.attach()
            self.hzd = self.rig.serve(site=self.site, listens=[], options=[PATIENT])
        else:
            self.env = {**os.environ, "XDG_RUNTIME_DIR": self.directory}
            self.name = f"e{os.getpid()}fs"
            self.hzd = Process(
                BIN + "/hzd", "-i", self.name, "-c", self.site, "-l",
                f"lo,127.0.0.1:{SOCKET_PORT}", "-o", "boot/io=socket", "-o", "boot/workers=1",
                "-o", "timeouts/lame_duck_ms=0", env=self.env)
            self.hzd.wait_line("ready")
        return self

    def http(self, timeout=20.0):
        if self.transport == "af_xdp":
            return self.rig.http(timeout=timeout)
        return Http("127.0.0.1", SOCKET_PORT, timeout=timeout)

    def url(self, path):
        host = SERVER4 if self.transport == "af_xdp" else f"127.0.0.1:{SOCKET_PORT}"
        return f"http://{host}{path}"

    def curl(self, path, *words, text=False, check=True):
        netns = self.rig.client if self.transport == "af_xdp" else None
        return run("curl", "-sS", "--max-time", "60", *words, self.url(path), netns=netns,
                   text=text, check=check, timeout=90)

    def reload(self):
        if self.transport == "af_xdp":
            return self.rig.ctl("reload")
        return run(BIN + "/hzctl", "-i", self.name, "reload", env=self.env)

    def rss_kib(self):
        with open(f"/proc/{self.hzd.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4

    def get(self, path, **headers):
        http = self.http()
        answer = http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        http.close()
        return answer


# --- states of a file -----------------------------------------------------------------------------------


def state(number, room=60000):
    """Content of state number: its digits over and over, in a length of its own."""
    return b"%08d" % number * (1 + number * 977 % (room // 8))


def state_of(body):
    """Which state that is; anything else is torn."""
    expect(len(body) >= 8 and body[:8].isdigit(), f"torn: begins with {body[:20]!r}")
    number = int(body[:8])
    expect(body == state(number), f"torn: {len(body)} bytes of state {number}")
    return number


class Changing(threading.Thread):
    """Replaces, adds and removes files until stopped."""

    def __init__(self, www):
        super().__init__(daemon=True)
        self.www, self.number, self.stopping, self.failure = www, 0, False, None

    def run(self):
        rng = random.Random(5)
        try:
            while not self.stopping:
                self.number += 1
                put(f"{self.www}/changing/{rng.randrange(4)}.txt", state(self.number))
                extra = f"{self.www}/extra/{rng.randrange(8)}/f.txt"
                if self.number % 3 == 0:
                    put(extra, state(self.number))
                elif self.number % 7 == 0 and os.path.exists(extra):
                    os.unlink(extra)
                time.sleep(0.002)
        except OSError as error:
            self.failure = error

    def finish(self):
        self.stopping = True
        self.join(10)
        expect(self.failure is None, f"the changing thread: {self.failure}")


def swap_under_load(served, swaps, rss_kib_max):
    """Reloads while files change and clients read them: nothing fails, nothing is torn, memory is flat."""
    for i in range(4):
        put(f"{served.www}/changing/{i}.txt", state(0))
    served.reload()
    changing = Changing(served.www)
    changing.start()
    counts = {"": 0, "gzip": 0}

    def exchange(http):
        path = f"/www/changing/{random.randrange(4)}.txt"
        status, headers, body = http.get(path, headers={"Accept-Encoding": random.choice(
            ("identity", "gzip"))})
        expect_equal(status, 200, path)
        if headers["Content-Encoding"] == "gzip":
            import gzip
            body = gzip.decompress(body)
        state_of(body)
        counts[headers["Content-Encoding"] or ""] += 1

    clients = [Counting(served, exchange) for _ in range(4)]
    for client in clients:
        client.start()
    warm = max(swaps // 3, 20)
    rss = 0
    for swap in range(swaps):
        if swap == warm:
            rss = served.rss_kib()
        served.reload()
    grown = served.rss_kib() - rss
    done = sum(client.finish() for client in clients)
    changing.finish()
    failures = [failure for client in clients for failure in client.failures]
    note(f"{served.transport}: {swaps} reloads, {changing.number} changes, {done} requests "
         f"({counts['gzip']} gzip), resident memory {grown:+d} KiB after the first {warm}")
    expect_equal(failures, [], "failed or torn requests")
    expect(done > swaps and counts["gzip"] > 10, f"too little load: {done} {counts}")
    expect(changing.number > swaps // 4, f"only {changing.number} changes")
    expect(grown < rss_kib_max, f"resident memory grew by {grown} KiB")
