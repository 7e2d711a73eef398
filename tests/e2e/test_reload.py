#!/usr/bin/env python3
"""Reload: all or nothing, under load, every answer from one snapshot."""
import http.client
import os
import re
import signal
import time

from hz_e2e import (PORT, SERVER4, Counting, Rig, expect, expect_equal, main, note, tcp_connect,
                    temporary_directory, test, wait_until, write_file)

SWAPS = 100
RETIRED_MAX = 8  # replaced configurations that requests may hold: retired_snapshots_max
WHO = b"GET /who HTTP/1.1\r\nHost: a.example\r\n\r\n"
SITE = """\
listen:
  - {{ interface: eth1, address: 10.7.0.2, port: 80 }}
limits: {{ requests_per_connection: 0, connections_per_source: 0 }}
routes:
  - {{ name: who, match: GET /who, respond: {{ status: {status}, content_type: text/{kind}, body: "{body}" }} }}
  - {{ name: only, match: GET /only/{kind}/:id, respond: {{ json: {{ kind: {kind}, id: "{{id}}" }} }} }}
"""
# A mixed answer shows: status, type, length and body all differ between the two.
SNAPSHOTS = {"a": (200, "text/a", b"A" * 40), "b": (404, "text/b", b"B" * 900)}
rigs = {}


def text_of(kind):
    status, _, body = SNAPSHOTS[kind]
    return SITE.format(status=status, kind=kind, body=body.decode())


def rig():
    if not rigs:
        rigs["site"] = temporary_directory() + "/site.yaml"
        write_file(rigs["site"], text_of("a"))
        rigs["rig"] = Rig()
        rigs["rig"].attach()
        rigs["hzd"] = rigs["rig"].serve(site=rigs["site"], listens=[])
    return rigs["rig"]


def kind_of(answer):
    """Which snapshot answered; a mixture is an error."""
    status, headers, body = answer
    for kind, want in SNAPSHOTS.items():
        if body == want[2]:
            got = (status, headers["Content-Type"], int(headers["Content-Length"]))
            expect_equal(got, (want[0], want[1], len(want[2])), f"head of an answer by {kind}")
            return kind
    raise AssertionError(f"answer of no snapshot: {status} {body[:40]!r}")


def generation(here):
    return int(here.ctl_json("status")["generation"])


@test
def hundred_swaps_under_load_lose_and_mix_nothing():
    here = rig()
    seen = {"a": 0, "b": 0}

    def exchange(http):
        seen[kind_of(http.get("/who"))] += 1

    clients = [Counting(here, exchange) for _ in range(4)]
    for client in clients:
        client.start()
    before = generation(here)
    for swap in range(SWAPS):
        write_file(rigs["site"], text_of("ba"[swap % 2]))
        here.ctl("reload")
        # The answer of reload means that it has happened.
        http = here.http()
        expect_equal(kind_of(http.get("/who")), "ba"[swap % 2], f"right after reload {swap}")
        http.close()
    done = sum(client.finish() for client in clients)
    failures = [failure for client in clients for failure in client.failures]
    note(f"{SWAPS} swaps, {done} requests: {seen['a']} by a, {seen['b']} by b")
    expect_equal(failures, [], "failed requests")
    expect(done > SWAPS and min(seen.values()) > 0, f"too little load to say anything: {seen}")
    expect_equal(generation(here) - before, SWAPS, "generations")


@test
def routes_of_the_old_snapshot_are_gone_after_the_swap():
    here = rig()
    for kind, other in (("b", "a"), ("a", "b")):
        write_file(rigs["site"], text_of(kind))
        here.ctl("reload")
        http = here.http()
        expect_equal(http.get(f"/only/{kind}/1")[0], 200, f"route of {kind}")
        expect_equal(http.get(f"/only/{other}/1")[0], 404, f"route of {other} after the swap")
        http.close()


class Overlapping:
    """A client that always sends the rest of one request with the beginning of the next."""

    def __init__(self, here):
        self.sock = tcp_connect(here.client, SERVER4, PORT)
        self.sock.sendall(WHO + WHO[:2])
        self.kind = self.hear()

    def hear(self):
        """Which snapshot answered."""
        response = http.client.HTTPResponse(self.sock)
        response.begin()
        return kind_of((response.status, response.headers, response.read()))

    def again(self):
        self.sock.sendall(WHO[2:] + WHO[:2])
        return self.hear()


@test
def reload_is_seen_by_a_pipelining_client_and_held_up_by_none():
    here = rig()
    write_file(rigs["site"], text_of("a"))
    here.ctl("reload")
    clients = []
    for swap in range(2 * RETIRED_MAX):
        clients.append(Overlapping(here))
        for client in clients:
            client.again()  # what it began before was answered from before
        kind = "ba"[swap % 2]
        write_file(rigs["site"], text_of(kind))
        here.ctl("reload")
        for client in clients:
            client.again()
            expect_equal(client.again(), kind, f"who answers after reload {swap}")
    for client in clients:
        client.sock.close()


@test
def sighup_reloads():
    here = rig()
    write_file(rigs["site"], text_of("b"))
    rigs["hzd"].signal(signal.SIGHUP)
    http = here.http()
    wait_until(lambda: kind_of(http.get("/who")) == "b", 3, "SIGHUP changed nothing")
    write_file(rigs["site"], text_of("a"))
    here.ctl("reload")
    http.close()


def refused(here, text, pattern):
    """This site is refused with its place, and what runs is untouched."""
    before = generation(here)
    write_file(rigs["site"], text)
    done = here.ctl("reload", check=False)
    expect(done.returncode in (1, 2), f"exit {done.returncode} of a bad reload")
    expect(re.search(pattern, done.stderr + done.stdout), f"no {pattern} in: {done.stderr}")
    expect_equal(generation(here), before, "generation")
    http = here.http()
    expect_equal(kind_of(http.get("/who")), "a", "who answers after a refused reload")
    http.close()


@test
def unknown_key_is_refused_with_its_place():
    refused(rig(), text_of("b").replace("name: who", "nane: who"), r"site\.yaml:5:\d+: error: ")


@test
def broken_yaml_is_refused_with_its_place():
    refused(rig(), text_of("b") + "  - [\n", r"site\.yaml:\d+:\d+: error: ")


@test
def conflicting_routes_are_refused_with_both_lines():
    refused(rig(), text_of("b") + '  - { name: who2, match: GET /who, respond: { body: "x" } }\n',
            r"site\.yaml:7:\d+: error: (.|\n)*\b5\b")


@test
def changed_listen_is_refused_as_needing_a_restart():
    refused(rig(), text_of("b").replace("port: 80", "port: 81"),
            r"(?s)listen cannot change while running.*then start hzd again")


@test
def file_others_may_write_is_refused():
    here = rig()
    write_file(rigs["site"], text_of("b"))
    os.chmod(rigs["site"], 0o666)
    done = here.ctl("reload", check=False)
    expect(done.returncode != 0, "a site that anybody may write was loaded")
    http = here.http()
    expect_equal(kind_of(http.get("/who")), "a", "who answers")
    http.close()


@test
def missing_file_is_refused():
    here = rig()
    os.unlink(rigs["site"])
    expect(here.ctl("reload", check=False).returncode != 0, "reload of a missing file succeeded")
    write_file(rigs["site"], text_of("a"))
    here.ctl("reload")


@test
def old_snapshots_are_freed():
    """Memory after 300 more swaps is where it was after 100 (the allocator's arenas are warm by then)."""
    here = rig()

    def rss_kib():
        with open(f"/proc/{rigs['hzd'].pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4

    def swap(count):
        for i in range(count):
            write_file(rigs["site"], text_of("ba"[i % 2]))
            here.ctl("reload")
        time.sleep(1)

    swap(50)
    before = rss_kib()
    swap(300)
    grown = rss_kib() - before
    note(f"300 swaps: resident memory {grown:+d} KiB")
    expect(grown < 1024, f"resident memory grew by {grown} KiB in 300 swaps")


if __name__ == "__main__":
    main()
