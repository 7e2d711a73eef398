#!/usr/bin/env python3
"""Event streams over AF_XDP and over kernel sockets: every reader gets every message in order or is told how many
it lost; who comes again goes on where it was; nothing is kept of who goes; a reload is not noticed and a drain
ends them. A browser reads a page with an EventSource."""
import json
import os
import resource
import selectors
import threading
import time

import hz_browser
from hz_e2e import (BIN, PATIENT, PORT, SERVER4, Http, Process, Rig, expect, expect_equal, main,
                    note, run, status_field, temporary_directory, test, wait_until, write_file)
from hz_events import Publisher, Reader, topic

SOCKET_PORT = 18482
MESSAGES = 10000
CLIENTS = 1000
PAGE = """\
<!doctype html><title>hz</title><script>
  var seen = [];
  var source = new EventSource("/events");
  function tell(text) { fetch("/report", { method: "POST", body: text }); }
  source.onopen = function() { tell("open"); };
  source.addEventListener("gap", function(e) { tell("gap " + e.data); });
  source.onmessage = function(e) {
    seen.push(e.lastEventId + "=" + e.data);
    if (e.data === "last") { source.close(); tell("seen " + JSON.stringify(seen)); }
  };
</script>
"""
SITE = """\
listen:
  - {{ interface: eth1, address: 10.7.0.2, port: 80 }}
limits: {{ requests_per_connection: 0, connections_per_source: 0 }}
topics:
  news: {{ keep: 20000, bytes: 32MiB }}
  few: {{ keep: 64, bytes: 256KiB }}
  reports:
routes:
  - {{ name: page, match: GET /, respond: {{ content_type: text/html, body: {page} }} }}
  - {{ name: events, match: GET /events, events: {{ topic: news, retry: 200ms }} }}
  - {{ name: lines, match: GET /lines, lines: {{ topic: news }} }}
  - {{ name: beats, match: GET /beats, events: {{ topic: reports, heartbeat: 500ms, limit: 2 }} }}
  - {{ name: drop, match: GET /drop, events: {{ topic: few, slow: drop }} }}
  - {{ name: droplines, match: GET /droplines, lines: {{ topic: few, slow: drop }} }}
  - {{ name: close, match: GET /close, events: {{ topic: few, slow: close }} }}
  - {{ name: latency, match: GET /latency, lines: {{ topic: hz.latency }} }}
  - {{ name: publish, match: POST /publish, publish: {{ topic: news }} }}
  - {{ name: pubfew, match: POST /few, publish: {{ topic: few }} }}
  - {{ name: report, match: POST /report, publish: {{ topic: reports }} }}
  - {{ name: reports, match: GET /reports, lines: {{ topic: reports }} }}
""".format(page=json.dumps(PAGE))
places = {}


class AfXdp:
    """hzd over AF_XDP, two workers."""

    def __init__(self):
        self.site = temporary_directory() + "/site.yaml"
        write_file(self.site, SITE)
        self.rig = Rig(queues=2)
        self.rig.attach("ensure")
        self.netns, self.host, self.port = self.rig.client, SERVER4, PORT
        self.start()

    def start(self):
        self.hzd = self.rig.serve(site=self.site, options=["boot/workers=2", PATIENT])

    def ctl(self, *words, check=True):
        return self.rig.ctl(*words, check=check)


class OverSockets:
    def __init__(self):
        self.site = temporary_directory() + "/site.yaml"
        write_file(self.site, SITE)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": temporary_directory(0o777)}
        self.netns, self.host, self.port = None, "127.0.0.1", SOCKET_PORT
        self.name = f"e{os.getpid()}s"
        self.start()

    def start(self):
        self.hzd = Process(BIN + "/hzd", "-i", self.name, "-c", self.site, "-l",
                           f"lo,127.0.0.1:{SOCKET_PORT}", "-o", "boot/io=socket", "-o",
                           "boot/workers=2", "-o", "timeouts/lame_duck_ms=0", env=self.env,
                           cwd="/")
        self.hzd.wait_line("ready")

    def ctl(self, *words, check=True):
        return run(BIN + "/hzctl", "-i", self.name, *words, env=self.env, check=check)


KINDS = {"af_xdp": AfXdp, "socket": OverSockets}


def here(kind):
    if kind not in places:
        places[kind] = KINDS[kind]()
    elif not places[kind].hzd.is_running():
        places[kind].start()
    return places[kind]


def on_both(function):
    """The same test over both transports."""
    for kind in KINDS:
        def one(kind=kind):
            function(here(kind))
        one.__name__ = f"{kind}.{function.__name__}"
        test(one)
    return function


def get(place, path, method="GET", body=None):
    client = Http(place.host, place.port, place.netns)
    answer = client.get(path, method, body)
    client.close()
    return answer


@on_both
def curl_shows_messages_as_they_come(place):
    curl = Process("curl", "-sN", "--max-time", "30", f"http://{place.host}:{place.port}/events",
                   netns=place.netns)
    wait_until(lambda: "retry: 200" in curl.output(), 5, "no head of the stream")
    first = topic(place, "news")["next"]
    place.ctl("topic", "publish", "news", "by hzctl")
    expect_equal(get(place, "/publish", "POST", b"two\nlines")[0], 204, "POST")
    want = f"id: {first}\ndata: by hzctl\n\nid: {first + 1}\ndata: two\ndata: lines\n\n"
    wait_until(lambda: curl.output().endswith(want), 5, f"curl has {curl.output()!r}")
    curl.end()


@on_both
def each_of_10000_messages_arrives_once_and_in_order(place):
    readers = [Reader(place), Reader(place, "/lines"), Reader(place, version="1.0"),
               Reader(place, "/lines"), Reader(place, receive_bytes=4096)]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None)
    texts = [f"{i} " + "x" * (i % 300) for i in range(MESSAGES)]

    def read(reader, size, pause):
        while len(reader.messages) < MESSAGES and reader.pump(size):
            time.sleep(pause)

    threads = [threading.Thread(target=read, args=(r, 1 << 16, 0), daemon=True)
               for r in readers[:4]]
    threads.append(threading.Thread(target=read, args=(readers[4], 4096, 0.002), daemon=True))
    for thread in threads:
        thread.start()
    publisher = Publisher(place)
    started = time.monotonic()
    publisher.send(*texts)
    published = time.monotonic() - started
    for thread in threads:
        thread.join(60)
    done = time.monotonic() - started
    for i, reader in enumerate(readers):
        expect_equal((reader.gaps, len(reader.messages)), ([], MESSAGES), f"reader {i}")
        expect(reader.texts() == texts, f"reader {i}: other messages or another order")
        reader.close()
    numbers = readers[0].numbers()
    expect_equal(numbers, list(range(numbers[0], numbers[0] + MESSAGES)), "numbers")
    publisher.close()
    note(f"{MESSAGES} messages published in {published:.1f} s, all at 5 readers after {done:.1f} s")


@on_both
def slow_reader_loses_what_it_is_told_and_stalls_nobody(place):
    """It reads nothing while 20 times as much is published as the transports hold for it."""
    slow = [Reader(place, "/drop", receive_bytes=4096), Reader(place, "/droplines",
                                                              receive_bytes=4096)]
    fast = Reader(place, "/drop")
    for reader in slow + [fast]:
        reader.read_until(lambda r: r.head is not None)
    first = topic(place, "few")["next"]
    publisher, total, longest = Publisher(place, "/few"), 20000, 0.0
    for start in range(0, total, 16):
        begun = time.monotonic()
        publisher.send(*[f"{i} " + "y" * 1000 for i in range(start, start + 16)])
        fast.read_until(lambda r: len(r.messages) >= start + 16)
        longest = max(longest, time.monotonic() - begun)
    publisher.close()
    expect_equal((fast.gaps, fast.numbers()), ([], list(range(first, first + total))),
                 "the fast reader")
    for reader in slow:
        reader.read_until(lambda r: r.texts() and r.texts()[-1].startswith(f"{total - 1} "))
        order = [int(text.split()[0]) for text in reader.texts()]
        expect(order == sorted(set(order)), "out of order, or twice")
        expect(reader.gaps, "20 MB found room: this says nothing")
        expect_equal(len(order) + sum(reader.gaps), total, "messages read and told lost")
        reader.close()
    fast.close()
    note(f"slow readers read {len(slow[0].messages)} and {len(slow[1].messages)} of {total}; 16 "
         f"messages took a fast one at most {longest * 1000:.0f} ms")


@on_both
def slow_reader_is_closed_where_the_route_says_so(place):
    before = topic(place, "few")
    slow = Reader(place, "/close", receive_bytes=4096)
    slow.read_until(lambda r: r.head is not None)
    publisher = Publisher(place, "/few")
    for _ in range(100):
        publisher.send(*["z" * 1000] * 160)
        if topic(place, "few")["closed"] != before["closed"]:
            break
    publisher.close()
    slow.read_until(lambda r: r.is_over)
    expect_equal(slow.gaps, [], "gaps")
    wait_until(lambda: topic(place, "few")["closed"] == before["closed"] + 1, 5, "not counted")
    again = Reader(place, "/close", last_id=slow.last_id)
    again.read_until(lambda r: r.messages)
    missing = again.messages[0][0] - slow.last_id - 1
    expect_equal(again.gaps, [missing], "what it is told when it comes again")
    slow.close()
    again.close()


@on_both
def reader_that_comes_again_misses_nothing(place):
    publisher = Publisher(place)
    reader, seen = Reader(place), []
    reader.read_until(lambda r: r.head is not None)
    for round_ in range(10):
        publisher.send(*[f"{round_}.{i}" for i in range(20)])
        if round_ % 2 == 0:
            reader.read_until(lambda r: len(r.messages) >= 7)
        seen += reader.texts()
        last = reader.last_id
        reader.reset()
        reader = Reader(place, last_id=last)
    reader.read_until(lambda r: r.texts() and r.texts()[-1] == "9.19")
    seen += reader.texts()
    expect_equal(seen, [f"{r}.{i}" for r in range(10) for i in range(20)], "messages")
    reader.close()
    publisher.close()


@on_both
def quiet_stream_has_heartbeats(place):
    reader = Reader(place, "/beats")
    reader.read_until(lambda r: r.head is not None)
    reader.sock.settimeout(1.0)
    started = time.monotonic()
    reader.read_until(lambda r: r.beats == 6)
    took = time.monotonic() - started
    expect(2.4 < took < 3.6, f"6 heartbeats of 500 ms in {took:.2f} s")
    expect_equal(reader.messages, [], "messages")
    reader.close()
    wait_until(lambda: topic(place, "reports")["readers"] == 0, 5, "still counted")


@on_both
def limit_of_a_route_answers_503_and_head_begins_nothing(place):
    readers = [Reader(place, "/beats") for _ in range(3)]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None)
    expect_equal(sorted(r.status for r in readers), [200, 200, 503], "statuses")
    status, headers, body = get(place, "/beats", "HEAD")
    expect_equal((status, headers["Content-Type"], body), (200, "text/event-stream", b""), "HEAD")
    for reader in readers:
        reader.close()
    wait_until(lambda: topic(place, "reports")["readers"] == 0, 5, "readers are still counted")
    expect_equal(get(place, "/publish", "POST", b"")[0], 400, "no message")
    expect_equal(get(place, "/publish", "POST", b"x" * 65537)[0], 413, "a message too long")
    expect_equal(get(place, "/publish", "GET")[0], 405, "GET of publish")
    done = place.ctl("topic", "publish", "news", "x" * 5000, check=False)
    expect_equal(done.returncode, 2, "exit code of what the control socket cannot carry")
    expect("POST it" in done.stderr, done.stderr)
    done = place.ctl("topic", "publish", "nws", "x", check=False)
    expect_equal(done.returncode, 1, "exit code of a topic that is not")


@on_both
def long_message_arrives_whole(place):
    text = "".join(chr(ord("a") + i % 26) for i in range(65536))
    readers = [Reader(place), Reader(place, "/lines", receive_bytes=4096)]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None)
    publisher = Publisher(place)
    publisher.send(text, "short")
    for reader in readers:
        reader.read_until(lambda r: len(r.messages) == 2)
        expect(reader.texts() == [text, "short"], "a long message changed")
        reader.close()
    publisher.close()


@on_both
def reader_that_goes_leaves_nothing(place):
    wait_until(lambda: topic(place, "news")["readers"] == 0, 5, "readers of tests before")
    readers = [Reader(place) for _ in range(30)]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None)
    expect_equal(topic(place, "news")["readers"], 30, "readers")
    for i, reader in enumerate(readers):
        if i % 2:
            reader.reset()
        else:
            reader.close()
    wait_until(lambda: topic(place, "news")["readers"] == 0, 5, "readers that are gone")


@on_both
def latency_comes_every_second(place):
    reader = Reader(place, "/latency")
    reader.read_until(lambda r: len(r.messages) >= 3)
    last = json.loads(reader.texts()[-1])
    total = next(stage for stage in last["stages"] if stage["stage"] == "total")
    expect(total["count"] > 0 and total["p99_ns"] >= total["p50_ns"] > 0, f"figures: {total}")
    expect(abs(last["time_unix_s"] - time.time()) < 5, "an old message")
    times = [json.loads(text)["time_unix_s"] for text in reader.texts()]
    expect(all(1 <= b - a <= 2 for a, b in zip(times, times[1:])), f"{times}")
    reader.close()


@on_both
def reload_is_not_noticed_by_a_stream_and_never_refused_for_one(place):
    reader, publisher = Reader(place), Publisher(place)
    reader.read_until(lambda r: r.head is not None)
    for i in range(3):
        place.ctl("reload")
        publisher.send(f"message {i}")
    reader.read_until(lambda r: len(r.messages) == 3)  # on the connection that it had
    seen, comes = [], 0
    for i in range(3, 33):
        place.ctl("reload")
        publisher.send(f"message {i}")
        if i % 5 == 0:
            reader.read_until(lambda r: r.is_over or len(seen + r.texts()) > i)
        if reader.is_over:  # what an EventSource does then
            seen, comes = seen + reader.texts(), comes + 1
            reader.close()
            reader = Reader(place, last_id=reader.last_id)
    reader.read_until(lambda r: len(seen + r.texts()) >= 33)
    expect_equal(seen + reader.texts(), [f"message {i}" for i in range(33)], "messages")
    expect(comes > 0, "the stream held a generation for ever")
    reader.close()
    publisher.close()
    note(f"33 reloads: the stream came again {comes} times")


def last_id_of(place, *texts):
    publisher, reader = Publisher(place), Reader(place)
    reader.read_until(lambda r: r.head is not None)
    publisher.send(*texts)
    reader.read_until(lambda r: len(r.messages) == len(texts))
    publisher.close()
    reader.close()
    return reader.last_id


@on_both
def reader_of_a_life_before_is_told_and_gets_all_there_is(place):
    """Also when this life has published more than the reader had."""
    last = last_id_of(place, "a", "b", "c")
    expect(last < 1 << 53, f"JavaScript cannot tell {last} from its neighbour")
    place.hzd.end()
    place.start()
    expect(last_id_of(place, *"ABCDEFGH") > last, "numbers went back")
    again = Reader(place, last_id=last).read_until(lambda r: len(r.messages) == 8)
    expect_equal((again.gaps, again.texts()), ([0], list("ABCDEFGH")), "after a restart")
    again.close()
    wait_until(lambda: topic(place, "news")["readers"] == 0, 5, "readers hold the generation")
    with open(place.site, encoding="utf-8") as file:
        site = file.read()
    without = "\n".join(line for line in site.split("\n") if "news" not in line)
    for text in (without, site):  # the topic goes, and another one of its name comes
        write_file(place.site, text)
        place.ctl("reload")
    expect_equal(topic(place, "news")["published"], 0, "published in a new topic")
    last_id_of(place, *"1234567890")
    again = Reader(place, last_id=last).read_until(lambda r: len(r.messages) == 10)
    expect_equal((again.gaps, again.texts()), ([0], list("1234567890")), "after a reload")
    again.close()


def time_to_the_last(readers, publisher, text):
    """Milliseconds."""
    with selectors.EpollSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ, reader)
        begun = time.monotonic()
        publisher.send(text)
        left = len(readers)
        while left > 0:
            found = selector.select(10)
            expect(found, f"{left} readers did not get it")
            for key, _ in found:
                expect(key.data.pump(), "a stream ended")
                if key.data.texts() and key.data.texts()[-1] == text:
                    selector.unregister(key.data)
                    left -= 1
    return (time.monotonic() - begun) * 1e3


@on_both
def message_reaches_400_readers_of_idle_workers_at_once(place):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    readers = [Reader(place) for _ in range(400)]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None and r.retry is not None)
    publisher, times = Publisher(place), []
    for i in range(7):
        time.sleep(0.3)  # nothing else happens in the meantime: the workers sleep
        times.append(time_to_the_last(readers, publisher, f"round {i}"))
    for reader in readers:
        reader.close()
    publisher.close()
    note("ms to the last of 400: " + " ".join(f"{took:.1f}" for took in times))
    expect(min(times) < 60, f"the last of 400 readers waited {min(times):.0f} ms at least")


def answer_times(place, count):
    client = Http(place.host, place.port, place.netns)
    times = []
    for _ in range(count):
        begun = time.monotonic()
        expect_equal(client.get("/")[0], 200, "a page beside the streams")
        times.append(time.monotonic() - begun)
    client.close()
    return sorted(times)


@on_both
def thousand_readers_get_each_message_soon(place):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    wait_until(lambda: topic(place, "news")["readers"] == 0, 5, "readers of tests before")
    rss = int(status_field(place.hzd.pid, "VmRSS").split()[0])
    readers = [Reader(place) for _ in range(CLIENTS)]
    selector = selectors.DefaultSelector()
    for reader in readers:
        reader.read_until(lambda r: r.head is not None and r.retry is not None)
        reader.sock.setblocking(False)
        selector.register(reader, selectors.EVENT_READ, reader)
    expect_equal(topic(place, "news")["readers"], CLIENTS, "readers")
    publisher, rounds = Publisher(place), []
    for count in range(1, 31):
        begun, left = time.monotonic(), CLIENTS
        publisher.send(f"round {count}")
        while left > 0:
            for key, _ in selector.select(10):
                before = len(key.data.messages)
                expect(key.data.pump(), "a stream ended")
                left -= before < count <= len(key.data.messages)
            expect(time.monotonic() - begun < 20, f"{left} of {CLIENTS} did not get round {count}")
        rounds.append(time.monotonic() - begun)
    grown = int(status_field(place.hzd.pid, "VmRSS").split()[0]) - rss
    times = answer_times(place, 200)
    rounds.sort()
    note(f"{CLIENTS} readers: a message at the last of them after {rounds[15] * 1e3:.1f} ms (p50), "
         f"{rounds[-1] * 1e3:.1f} ms (most), this client's own time included; "
         f"{grown / CLIENTS:.1f} KiB of memory each; a page beside them {times[100] * 1e6:.0f} us")
    for reader in readers:
        expect_equal(reader.texts(), [f"round {i}" for i in range(1, 31)], "messages")
        reader.close()
    publisher.close()
    expect(grown / CLIENTS < 64, f"{grown / CLIENTS:.1f} KiB per reader")
    wait_until(lambda: topic(place, "news")["readers"] == 0, 20, "readers that are gone")


def told(place, begins):
    """What the page reported that begins so: the topic keeps it, and reloads end who waits for it."""
    count = topic(place, "reports")["published"]
    if count == 0:
        return []
    reader = Reader(place, "/reports", last_id=0)
    reader.read_until(lambda r: len(r.messages) >= count)
    reader.close()
    return [text for text in reader.texts() if text.startswith(begins)]


@test
def browser_reads_a_page_with_an_eventsource_over_af_xdp():
    place = here("af_xdp")
    publisher = Publisher(place)
    first = topic(place, "news")["next"]
    page = hz_browser.opened(place.netns, f"http://{SERVER4}/")
    wait_until(lambda: told(place, "open"), 60, "the page did not open its stream", 0.1)
    want = ["one", "two\nlines", "grün", "\"quoted\""]
    publisher.send(*want)
    # So many reloads end its stream: it comes again, and misses nothing.
    for _ in range(8):
        place.ctl("reload")
    wait_until(lambda: topic(place, "news")["readers"] == 1, 10, "the browser did not come again")
    publisher.send("after", "last")
    wait_until(lambda: told(place, "seen"), 30, "the page has not seen the last message", 0.1)
    seen = json.loads(told(place, "seen")[0].removeprefix("seen "))
    expect_equal(seen, [f"{first + i}={text}" for i, text in enumerate(want + ["after", "last"])],
                 "what the page saw")
    expect(len(told(place, "open")) > 1, "the stream was never opened again")
    expect_equal(told(place, "gap"), [], "gaps")
    page.end()
    publisher.close()


@on_both
def drain_ends_streams_at_once(place):
    readers = [Reader(place), Reader(place, "/lines"), Reader(place, "/drop", version="1.0")]
    for reader in readers:
        reader.read_until(lambda r: r.head is not None)
    place.ctl("topic", "publish", "news", "the last word")
    started = time.monotonic()
    place.ctl("drain")
    for reader in readers:
        reader.read_to_end()
        expect(reader.is_over, "not ended in order")
    expect_equal(readers[0].texts()[-1], "the last word", "before the end")
    expect_equal(readers[0].beats, 1, "comments: the farewell")
    for reader in readers:
        reader.close()
    expect_equal(place.hzd.wait(10), 0, "exit code")
    took = time.monotonic() - started
    expect(took < 5, f"the drain took {took:.1f} s")
    note(f"streams ended and hzd gone {took:.2f} s after the drain")


if __name__ == "__main__":
    main()
