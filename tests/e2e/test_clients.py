#!/usr/bin/env python3
"""Clients that people use, against bench.yaml over AF_XDP and over kernel sockets: curl, wrk, ab, h2load,
slowhttptest, http.client and a browser find nothing that surprises them."""
import filecmp
import http.client
import os
import re

import hz_browser
from hz_e2e import (BENCH_SITE, BIN, PATIENT, PORT, ROOT, SERVER4, Http, Process, Rig, expect,
                    expect_equal, main, note, run, temporary_directory, test, wait_until, wrk_parse)

WWW = os.path.join(ROOT, "tests/e2e/www")
SOCKET_PORT = 8080  # not claimed by XDP: the kernel has it
REQUESTS = 20000
SLOW = 200  # connections of slowhttptest; its own limit is the 1,024 of select()
HEADER_MS = 3000
transports = {}


class Transport:
    """One rig; hzd over AF_XDP on port 80, another over kernel sockets on the same address."""

    def __init__(self, name):
        self.name, self.port = name, PORT
        if name == "af_xdp":
            self.rig = Rig()
            self.rig.start(options=[f"timeouts/header_ms={HEADER_MS}", PATIENT])
        else:
            self.rig, self.port = here("af_xdp").rig, SOCKET_PORT
            env = {**os.environ, "XDG_RUNTIME_DIR": temporary_directory(0o777)}
            hzd = Process(BIN + "/hzd", "-i", self.rig.name + "s", "-c", BENCH_SITE, "-l",
                          f"eth1,{SERVER4}:{SOCKET_PORT}", "-o", "boot/io=socket", "-o",
                          "boot/workers=1", "-o", f"timeouts/header_ms={HEADER_MS}",
                          netns=self.rig.server, env=env)
            hzd.wait_line("ready")
        self.base = f"http://{SERVER4}:{self.port}"

    def run(self, *words, **more):
        return run(*words, netns=self.rig.client, **more)

    def http(self):
        return Http(SERVER4, self.port, self.rig.client)


def here(name):
    if name not in transports:
        transports[name] = Transport(name)
    return transports[name]


def on_both(function):
    for name in ("af_xdp", "socket"):
        def one(name=name):
            function(here(name))
        one.__name__ = f"{function.__name__}_over_{name}"
        test(one)


def figure(pattern, text):
    found = re.search(pattern, text)
    expect(found is not None, f"no {pattern!r} in {text[-400:]}")
    return int(found.group(1))


# --- clients that fetch ---------------------------------------------------------------------------------


@on_both
def curl_fetches_resumes_revalidates_and_uploads(place):
    out = temporary_directory() + "/got"
    url = f"{place.base}/files/test.txt"
    source = os.path.join(WWW, "test.txt")
    curl = ("curl", "-sS", "--fail", "--max-time", "20")
    place.run(*curl, "-o", out, url)
    expect(filecmp.cmp(out, source, shallow=False), "a file came different")
    os.truncate(out, 1000)
    place.run(*curl, "-C", "-", "-o", out, url)  # a range from 1000 on
    expect(filecmp.cmp(out, source, shallow=False), "a resumed file came different")
    etags = temporary_directory() + "/etag"
    place.run(*curl, "--etag-save", etags, "-o", "/dev/null", url)
    code = place.run(*curl, "--etag-compare", etags, "-o", "/dev/null", "-w", "%{http_code}", url)
    expect_equal(code.stdout, "304", "with the ETag it had")
    code = place.run(*curl, "-z", source, "-o", "/dev/null", "-w", "%{http_code}", url)
    expect_equal(code.stdout, "304", "If-Modified-Since the file's own time")
    place.run(*curl, "--data-binary", "@" + source, "-o", out, place.base + "/echo")
    expect(filecmp.cmp(out, source, shallow=False), "an upload came back different")
    place.run(*curl, "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue",
              "--data-binary", "@" + source, "-o", out, place.base + "/echo")
    expect(filecmp.cmp(out, source, shallow=False), "a chunked upload came back different")
    codes = place.run(*curl, "--parallel", "--parallel-max", "16", "-w", "%{http_code}\n", "-o",
                      "/dev/null", f"{place.base}/user/[1-200]/post/x").stdout.split()
    expect_equal(codes, ["200"] * 200, "200 at once")


@on_both
def http_client_reuses_a_connection_for_every_kind_of_answer(place):
    client = place.http()
    for round_number in range(50):
        for method, path, want in (("GET", "/", 200), ("HEAD", "/files/test.txt", 200),
                                   ("GET", "/none", 404), ("POST", "/echo", 200),
                                   ("DELETE", "/json", 405), ("OPTIONS", "/json", 204)):
            body = b"x" * round_number if method == "POST" else None
            status, headers, got = client.get(path, method, body)
            expect_equal(status, want, f"{method} {path}")
            expect(headers["Connection"] != "close", f"{method} {path} closed the connection")
            if method == "POST":
                expect_equal(got, body, "echo")
    client.close()


@test
def browser_lays_out_a_page_with_its_style_sheet_over_af_xdp():
    place = here("af_xdp")
    document = hz_browser.loaded(place.rig.client, f"{place.base}/files/")
    expect("Served by hz from memory." in document, f"document: {document[:300]}")
    expect("style.css" in document, "no style sheet linked")


# --- load generators ------------------------------------------------------------------------------------


@on_both
def wrk_counts_no_error(place):
    for path in ("/", "/files/test.txt", "/bytes/65536"):
        figures = wrk_parse(place.run("wrk", "--latency", "-t1", "-c32", "-d3",
                                      place.base + path).stdout)
        expect_equal(figures["errors"], 0, f"errors of wrk at {path}")
        expect(figures["requests"] > 0, "wrk got nothing")
        note(f"{place.name}: wrk -c32 {path}: {figures['rate_per_s']:.0f}/s")


@on_both
def ab_completes_every_request_with_and_without_keep_alive(place):
    """ab speaks HTTP/1.0: with -k it asks for keep-alive as RFC 9112 C.2.2 lets it."""
    for words, kept in ((("-k",), REQUESTS), ((), 0)):
        count = REQUESTS if kept else REQUESTS // 4
        said = place.run("ab", "-q", *words, "-c", "16", "-n", count, place.base + "/").stdout
        expect_equal(figure(r"Complete requests:\s+(\d+)", said), count, "complete")
        expect_equal(figure(r"Failed requests:\s+(\d+)", said), 0, "failed")
        expect("Non-2xx" not in said, "answers other than 200")
        if kept:
            expect_equal(figure(r"Keep-Alive requests:\s+(\d+)", said), kept, "kept alive")


@on_both
def ab_posts_a_file(place):
    said = place.run("ab", "-q", "-k", "-c", "4", "-n", "2000", "-T", "text/plain", "-p",
                     os.path.join(WWW, "test.txt"), place.base + "/echo").stdout
    expect_equal(figure(r"Complete requests:\s+(\d+)", said), 2000, "complete")
    expect_equal(figure(r"Failed requests:\s+(\d+)", said), 0, "failed")
    expect_equal(figure(r"Document Length:\s+(\d+)", said),
                 os.path.getsize(os.path.join(WWW, "test.txt")), "length")


@on_both
def h2load_pipelines_http_1_1(place):
    for depth in (1, 16):
        said = place.run("h2load", "--h1", "-c", "16", "-m", depth, "-n", REQUESTS,
                         place.base + "/").stdout
        for what in ("succeeded", "2xx"):
            expect_equal(figure(rf"(\d+) {what}", said), REQUESTS, f"{what} at depth {depth}")
        for what in ("failed", "errored", "timeout"):
            expect_equal(figure(rf"(\d+) {what}", said), 0, f"{what} at depth {depth}")


# --- clients that attack --------------------------------------------------------------------------------


@on_both
def slowhttptest_denies_nobody_the_service(place):
    """Its four attacks. While each runs its own probe finds the service; slow heads are closed in time."""
    attacks = {
        "slow head": ("-H", "-i", "1", "-u", place.base + "/"),
        "slow body": ("-B", "-i", "1", "-s", "8192", "-u", place.base + "/echo"),
        "ranges": ("-R", "-t", "HEAD", "-a", "10", "-b", "3000", "-u",
                   place.base + "/files/test.txt"),
        "slow read": ("-X", "-w", "1", "-y", "64", "-n", "1", "-z", "8", "-u",
                      place.base + "/bytes/1048576"),
    }
    for name, words in attacks.items():
        said = place.run("slowhttptest", *words, "-c", SLOW, "-r", SLOW, "-l", "8", "-p", "2",
                         timeout=60).stdout
        said = re.sub(r"\x1b\[[0-9;]*m", "", said)
        service = re.findall(r"service available:\s+(\w+)", said)
        expect(len(service) > 0, f"{name}: said nothing of the service: {said[-300:]}")
        expect_equal(set(service), {"YES"}, f"{name}: service available")
        ending = re.search(r"Exit status:\s*(.+)", said)
        note(f"{place.name}: {name}: {ending.group(1).strip() if ending else 'no exit status'}")
        if name == "slow head":
            expect(ending is not None and "No open connections left" in ending.group(1),
                   f"slow heads still open after {HEADER_MS} ms: {said[-300:]}")
        expect_equal(place.http().get("/")[0], 200, f"after {name}")


@on_both
def requests_after_all_that_find_no_connection_left_open(place):
    client = place.http()
    expect_equal(client.get("/")[0], 200, "GET /")
    if place.name == "af_xdp":
        def alone():
            return sum(int(w["connections"]) for w in place.rig.workers()) <= 1
        wait_until(alone, 90, "connections of clients that are gone")
    client.close()


if __name__ == "__main__":
    main()
