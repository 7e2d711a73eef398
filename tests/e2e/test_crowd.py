#!/usr/bin/env python3
"""hz-collector among clients that ask nothing, take nothing or ask for much: those who scrape are answered, and
its memory stays what it says."""
import contextlib
import random
import socket
import sqlite3
import threading
import time

from hz_collector import PORT, Collector
from hz_e2e import (BIN, Process, Rig, expect, expect_equal, main, note, status_field, tcp_connect,
                    temporary_directory, test, wait_until)

MIB = 1 << 20


def leb128(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def column(rng):
    """Ten busy seconds, packed as hist_pack.h says: 110 coarse buckets in each of seven stages."""
    out = b""
    for stage in range(7):
        pairs, after = b"", 0
        for bucket in range(302, 302 + 4 * 110, 4):
            pairs += leb128(bucket - after) + leb128(rng.randrange(1, 20000))
            after = bucket + 1
        out += leb128(stage) + leb128(10**12) + leb128(10**8) + leb128(len(pairs)) + pairs
    return out


def with_full_day(here, path):
    """A collector that has a busy day behind it."""
    Collector(here, "--history", path).end()
    rng = random.Random(1)
    columns = [column(rng) for _ in range(20)]
    now = int(time.time()) // 10 * 10
    database = sqlite3.connect(path)
    with database:
        database.executemany("INSERT OR REPLACE INTO col VALUES(?,?,?)",
                             [(here.name, now - 10 * i, columns[i % 20]) for i in range(2, 8630)])
    database.close()
    return Collector(here, "--history", path)


def ask(here, path, window=None):
    sock = tcp_connect(here.server, "127.0.0.1", PORT)
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    return sock


def took(here, path, is_refusal_fine=False):
    started = time.monotonic()
    with ask(here, path) as sock:
        first = sock.recv(16)
        while sock.recv(1 << 20):
            pass
    expect(b" 200 " in first or is_refusal_fine and b" 503 " in first, f"{path}: {first}")
    return time.monotonic() - started


def resident(collector):
    return int(status_field(collector.pid, "VmRSS").split()[0]) * 1024


@test
def crowd_that_takes_nothing_of_a_busy_day_costs_little_memory_and_gives_it_back():
    here = Rig("a")
    here.start()
    collector = with_full_day(here, temporary_directory() + "/history.db")
    expect(took(here, "/api/v1/heatmap?last=86400") < 1, "a day's heatmap")
    time.sleep(1.5)
    before = resident(collector)
    crowd = [ask(here, f"/api/v1/heatmap?last={86400 - i}", 4096) for i in range(40)]
    time.sleep(1)
    most = resident(collector)
    for sock in crowd:
        sock.close()
    wait_until(lambda: resident(collector) - before < 3 * MIB, 14, "memory stays", every=0.2)
    note(f"40 that take nothing: {(most - before) / MIB:.1f} MiB more, of {before / MIB:.0f}")
    expect(most - before < 24 * MIB, f"{(most - before) / MIB:.0f} MiB for those who take nothing")


def ask_local(path, what):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)  # waits for room in the queue
    sock.settimeout(5)
    sock.sendall(f"GET {what} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n".encode())
    return sock


def ticks(sock, seconds):
    """Ticks that come in so long; fewer when the stream ends."""
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(socket.timeout):
            piece = sock.recv(1 << 20)
            count += piece.count(b"event: tick")
            if not piece:
                break
    return count


@test
def clients_that_take_nothing_make_room_and_readers_of_events_stay():
    """A unix socket has room for 200 KB, so that answers stay with the collector."""
    here = Rig("d")
    here.start()
    folder = temporary_directory()
    with_full_day(here, folder + "/history.db").end()
    collector = Process(BIN + "/hz-collector", "-i", here.name, "--history", folder + "/history.db",
                        "--listen", folder + "/sock", netns=here.server)
    wait_until(lambda: "serving" in collector.output(), 10, f"no start: {collector.output()}")
    time.sleep(1.2)
    stream = ask_local(folder + "/sock", "/events")
    expect(b"200" in stream.recv(12), "/events")
    before, crowd = resident(collector), []
    for i in range(100):  # answers that are shared as well hold their places
        crowd.append(ask_local(folder + "/sock", f"/api/v1/heatmap?last={86400 - (i if i < 5 else 0)}"))
    most = resident(collector) - before
    started = time.monotonic()
    with ask_local(folder + "/sock", "/metrics") as scrape:
        expect(b"200" in scrape.recv(12), "a scrape")
    scraped = time.monotonic() - started
    expect(scraped < 2, f"a scrape took {scraped:.1f} s")
    stream.settimeout(0.3)
    expect(ticks(stream, 2.5) >= 2, "a reader of events made room")
    note(f"{most / MIB:.1f} MiB for 100 that take nothing; a scrape took {scraped:.2f} s")
    expect(most < 24 * MIB, f"{most / MIB:.0f} MiB for those who take nothing")
    for sock in crowd:
        sock.close()


@test
def questions_about_a_day_hold_up_nobody_long():
    here = Rig("b")
    here.start()
    with_full_day(here, temporary_directory() + "/history.db")
    is_over = threading.Event()

    def hog():
        for i in range(10000):
            if is_over.is_set():
                return
            took(here, f"/api/v1/latency?last={86400 - i}", is_refusal_fine=True)

    alone = took(here, "/api/v1/latency?last=86400")
    thread = threading.Thread(target=hog)
    thread.start()
    times = sorted(took(here, "/api/v1/status") for _ in range(12))
    is_over.set()
    thread.join()
    note(f"a day's percentiles {alone * 1000:.0f} ms; beside them, status in {times[3] * 1000:.0f} ms")
    expect(times[3] < 0.3, f"status took {times[3]:.2f} s beside one client")


@test
def idle_connections_keep_nobody_out_and_a_slow_head_is_ended():
    here = Rig("c")
    here.start()
    Collector(here)
    idle, waited = [], 0
    for _ in range(8):
        idle += [tcp_connect(here.server, "127.0.0.1", PORT) for _ in range(64)]
        waited += took(here, "/metrics")
        time.sleep(0.2)
    note(f"eight scrapes among 64 new idle connections each: {waited:.2f} s")
    expect(waited < 2, "scrapes wait for idle clients")
    for sock in idle:
        sock.close()
    drip = tcp_connect(here.server, "127.0.0.1", PORT)
    drip.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    drip.settimeout(0.5)
    started = time.monotonic()
    while time.monotonic() - started < 14:
        try:
            drip.sendall(b"X: y\r\n")
            expect_equal(drip.recv(1), b"", "an answer to half a head")
            break
        except socket.timeout:
            continue
        except OSError:
            break
    expect(9 < time.monotonic() - started < 13, f"ended after {time.monotonic() - started:.0f} s")


@test
def one_address_of_elsewhere_has_a_quarter_of_the_places():
    here = Rig("e")
    here.start()
    collector = Process(BIN + "/hz-collector", "-i", here.name, "--listen", f"0.0.0.0:{PORT}",
                        netns=here.server)
    wait_until(lambda: "serving" in collector.output(), 10, f"no start: {collector.output()}")
    time.sleep(1.2)
    crowd = [tcp_connect(here.server, "127.0.0.1", PORT) for _ in range(24)]
    answered = 0
    for sock in crowd:
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answered += sock.recv(12) == b"HTTP/1.1 200"
    expect_equal(answered, 16, "connections of one address")
    for sock in crowd:
        sock.close()
    wait_until(lambda: is_scraped(here), 5, "no scrape")


def is_scraped(here):
    """Not while the collector has yet to see that the others are gone."""
    with contextlib.suppress(ConnectionError):
        return took(here, "/metrics") < 2
    return False


if __name__ == "__main__":
    main(each_ends_its_own=True)
