"""The collector's page as a visitor has it, and what it says read back into numbers."""
import json
import os
import re
import time

from hz_cdp import Browser, Tab
from hz_e2e import STACK, expect_equal, run, wait_until
from hz_fake_collector import BOUNDS_NS, ROWS, FakeCollector

THIN, GAP = "\u202f", "\u00a0"


class Place:
    """A namespace with a loopback and a way out that leads nowhere but counts, and one Chromium in it."""

    netns = f"hz-e{os.getpid()}-page"
    browser = None

    def open(self):
        if self.browser:
            return
        run("ip", "netns", "add", self.netns)
        STACK.callback(lambda: run("ip", "netns", "del", self.netns, check=False))
        for words in ("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1", "ip link set lo up",
                      "ip link add out type veth peer name nowhere", "ip link set nowhere up",
                      "ip address add 192.0.2.2/24 dev out", "ip link set out up",
                      "ip route add default via 192.0.2.1 dev out",
                      "ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev out"):
            run(*words.split(), netns=self.netns)
        self.browser = Browser(self.netns)

    def frames_out(self):
        links = json.loads(run("ip", "-j", "-s", "link", "show", "out", netns=self.netns).stdout)
        return links[0]["stats64"]["tx"]["packets"]


place = Place()


class Visit:
    """A collector and a page of it that is live: the first tick was shown."""

    def __init__(self, change=lambda collector: None, **tab):
        place.open()
        self.ticks = 0
        self.collector = FakeCollector(place.netns)
        change(self.collector)
        self.tab = Tab(place.browser, self.collector.url, **tab)

    def __enter__(self):
        wait_until(lambda: self.collector.streams, 15, "the page opens no stream")
        self.wait_history()
        self.tick()
        return self.collector, self.tab, self

    def __exit__(self, *_):
        self.tab.close()
        self.collector.close()

    def wait_history(self):
        """Each kind of thing that a page asks for once a stream is open, the last ones being the records."""
        wait_until(lambda: any("kind=state" in path for path in self.collector.requests[self.collector.opened_at:]), 15,
                   "the page does not ask for what was")
        self.tab.wait("document.querySelector('main').ariaBusy === 'false'", "it has all of it")
        self.tab.wait("document.querySelector('#cell-size').textContent", "the heatmap has its legend")

    def tick(self, **more):
        """A second of the collector, until it is seen."""
        self.ticks += 1
        self.collector.status["version"] = f"0.1.{self.ticks}"
        self.collector.tick(**more)
        self.tab.wait(f"document.querySelector('#facts').textContent.includes('version0.1.{self.ticks}up')",
                      f"tick {self.ticks} is shown")
        self.tab.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def hold(self):
        """A tick, and the picture stands still before the page's clock runs away from the collector's, which it
        does three seconds later: cells are then read at leisure."""
        for _ in range(5):
            started = time.monotonic()
            self.tick()
            self.tab.key("p")
            if time.monotonic() - started < 2:
                return
            self.tab.key("p")
        raise AssertionError("no tick is shown within 2 s")


def edge(ns):
    """A bound as the page writes it, three digits."""
    for size, unit in ((1, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")):
        value = ns / size
        if value < 999.5 or unit == "s":
            digits = 0 if value >= 99.95 or unit == "ns" else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f}{GAP}{unit}"


def grouped(number):
    return f"{number:,}".replace(",", THIN)


def clock(unix):
    return time.strftime("%H:%M:%S", time.gmtime(unix))


def read_cell(text, collector):
    """(seconds since 1970, row, count, answers of the column) of what the page says of a cell."""
    lines = text.split("\n")
    t = next(t for t in range(collector.now, collector.now - 200, -1) if clock(t) == lines[0])
    row = next(row for row in range(ROWS) if f"{edge(BOUNDS_NS[row])} – {edge(BOUNDS_NS[row + 1])}" == lines[1])
    count, all_of = (int(word.replace(THIN, "")) for word in
                     re.match(r"([^ ]+) of ([^ ]+) answers", lines[2]).groups())
    return t, row, count, all_of


def expect_newest(tab, collector, seconds):
    """So many of the newest seconds are in the heatmap as the collector has them."""
    tab.key("h")
    tab.key("End")
    for back in range(1, seconds + 1):
        t, _, count, all_of = read_cell(tab.text("#tip"), collector)
        expect_equal((t, all_of), (collector.now - back, sum(collector.counts(t))), f"{back} s ago: {count}")
        tab.key("ArrowLeft")


def heat_box(tab):
    """The canvas in the window: x, y, w, h."""
    return tab.js("(() => { const c = document.querySelector('#heat'); c.scrollIntoView({block: 'center'});"
                  " const r = c.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()")
