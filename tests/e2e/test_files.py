#!/usr/bin/env python3
"""Files: to real clients, over AF_XDP and kernel sockets. Content, types, validators, codings, ranges,
large files and slow readers, changes on the disk."""
import email
import email.policy
import hashlib
import http.client
import os
import socket
import time

from hz_e2e import (BENCH_SITE, ROOT, Rig, expect, expect_equal, main, note, test,
                    wait_until)
from hz_files import PAGE, Served, put, state, state_of, swap_under_load

MIB = 1 << 20
BIG = 100 * MIB
SWAPS = 100
STALLED = 100  # clients; a worker has 64 buffers
servers = {}
TEXT = b"".join(b"%06d some text that can be made shorter\n" % i for i in range(4000))
CSS = b"".join(b".c%d { margin: %dpx }\n" % (i, i % 7) for i in range(500))


def big_bytes():
    """Not the same anywhere, and made quickly."""
    block = hashlib.shake_128(b"big").digest(MIB)
    return b"".join(bytes((i & 255,)) + block[1:] for i in range(BIG // MIB))


def served(transport):
    if transport not in servers:
        here = servers[transport] = Served(transport)
        put(here.www + "/text.txt", TEXT)
        put(here.www + "/style.css", CSS)
        put(here.www + "/page.html", b"<!doctype html><title>p</title>")
        put(here.www + "/docs/index.html", b"the index")
        put(here.www + "/empty", b"")
        put(here.www + "/.hidden", b"secret")
        put(here.directory + "/outside.txt", b"secret")
        os.symlink("../outside.txt", here.www + "/link.txt")
        put(here.www + "/big.bin", big_bytes())
        here.start()
    return servers[transport]


def on_both(function):
    """A test per transport, with the server as its argument."""
    for transport in ("af_xdp", "socket"):
        def run_one(transport=transport):
            function(served(transport))

        run_one.__name__ = f"{transport}.{function.__name__}"
        test(run_one)


@on_both
def curl_gets_content_type_and_validators(here):
    done = here.curl("/www/text.txt", "-D", "-")
    head, body = done.stdout.split(b"\r\n\r\n", 1)
    expect(body == TEXT, f"{len(body)} bytes of {len(TEXT)}")
    for line in (b"HTTP/1.1 200 OK", b"Content-Type: text/plain; charset=utf-8",
                 b"Accept-Ranges: bytes", b"Vary: Accept-Encoding", b"Last-Modified: ",
                 b"ETag: \""):
        expect(line in head, f"no {line} in {head}")
    for path, kind in (("/www/page.html", "text/html"), ("/www/style.css", "text/css"),
                       ("/www/big.bin", "application/octet-stream")):
        got = here.curl(path, "-o", "/dev/null", "-r", "0-0", "-w", "%{content_type}", text=True)
        expect(got.stdout.startswith(kind), f"{path} is {got.stdout}")
    expect_equal(here.get("/www/empty")[2], b"", "an empty file")


@on_both
def what_is_not_of_the_tree_is_not_there(here):
    for path in ("/www/.hidden", "/www/link.txt", "/www/nothing", "/www/../outside.txt",
                 "/www/%2e%2e/outside.txt", "/www/docs/../../outside.txt", "/www/text.txt/"):
        done = here.curl(path, "--path-as-is", "-w", "%{http_code}", text=True)
        expect_equal(done.stdout[-3:], "404", path)
        expect("secret" not in done.stdout, f"{path} came out")
    for path in ("/www/..%2foutside.txt", "/www/%00", "/../../outside.txt"):
        done = here.curl(path, "--path-as-is", "-w", "%{http_code}", text=True)
        expect_equal(done.stdout[-3:], "400", path)


@on_both
def conditions_get_304_and_412(here):
    _, headers, _ = here.get("/www/text.txt")
    etag, modified = headers["ETag"], headers["Last-Modified"]
    for fields, want in (({"If_None_Match": etag}, 304), ({"If_None_Match": '"x"'}, 200),
                         ({"If_Modified_Since": modified}, 304), ({"If_Match": '"x"'}, 412),
                         ({"If_Match": etag}, 200),
                         ({"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412)):
        status, headers, body = here.get("/www/text.txt", **fields)
        expect_equal(status, want, str(fields))
        if status == 304:
            expect_equal((body, headers["ETag"], headers["Content-Length"]), (b"", etag, None),
                         "a 304")
    done = here.curl("/www/text.txt", "-H", f"If-None-Match: {etag}", "-w", "%{http_code}",
                     text=True)
    expect_equal(done.stdout, "304", "curl")


@on_both
def ranges_are_exact(here):
    big = {"/www/text.txt": TEXT, "/www/big.bin": big_bytes()}
    for path, content in big.items():
        size = len(content)
        for asked, first, last in (("0-0", 0, 0), ("10-69999", 10, 69999), ("-5", size - 5, size - 1),
                                   (f"{size - 7}-", size - 7, size - 1)):
            done = here.curl(path, "-r", asked, "-D", "-")
            head, body = done.stdout.split(b"\r\n\r\n", 1)
            expect(b" 206 " in head, f"{path} {asked}: {head[:60]}")
            expect(f"Content-Range: bytes {first}-{last}/{size}".encode() in head, f"{head}")
            expect(body == content[first:last + 1], f"{path} {asked}: {len(body)} bytes")
        status, headers, _ = here.get(path, Range=f"bytes={size}-")
        expect_equal((status, headers["Content-Range"]), (416, f"bytes */{size}"), path)


@on_both
def several_ranges_come_in_parts(here):
    for path, content in (("/www/text.txt", TEXT), ("/www/big.bin", big_bytes())):
        status, headers, body = here.get(path, Range="bytes=5-9,100000-100099,70000-70000")
        expect_equal(status, 206, path)
        message = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body,
            policy=email.policy.HTTP)
        got = [(part["Content-Range"], part.get_payload(decode=False)) for part in
               message.iter_parts()]
        expect_equal([where for where, _ in got],
                     [f"bytes {a}-{b}/{len(content)}" for a, b in
                      ((5, 9), (100000, 100099), (70000, 70000))], path)
        for (a, b), where in (((5, 10), "5-9"), ((100000, 100100), "100000-100099")):
            expect(content[a:b] in body, f"{path}: part {where}")


@on_both
def resumed_download_is_the_whole_file(here):
    half = os.path.join(here.directory, "half")
    with open(half, "wb") as file:
        file.write(big_bytes()[:BIG // 2])
    here.curl("/www/big.bin", "-C", "-", "-o", half)
    with open(half, "rb") as file:
        expect(file.read() == big_bytes(), "the file that curl put together is another one")


@on_both
def codings_are_what_was_asked_for(here):
    for accept, want in (("gzip", "gzip"), ("br", "br"), ("zstd;q=0.5, gzip;q=0.4", "zstd"),
                         ("gzip;q=0", None), ("deflate", None), ("gzip;q=9", None)):
        _, headers, body = here.get("/www/style.css", Accept_Encoding=accept)
        expect_equal(headers["Content-Encoding"], want, accept)
        expect(want is not None or body == CSS, f"{accept}: {len(body)} bytes")
        expect(want is None or len(body) < len(CSS) // 2, f"{want}: {len(body)} bytes")
    done = here.curl("/www/style.css", "--compressed")
    expect(done.stdout == CSS, "curl --compressed")
    plain, coded = here.get("/www/style.css")[1], here.get("/www/style.css",
                                                           Accept_Encoding="br")[1]
    expect(plain["ETag"] != coded["ETag"], "one tag for two codings")


@on_both
def prepared_bodies_have_codings(here):
    for accept, want in (("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("identity", None)):
        _, headers, body = here.get("/page", Accept_Encoding=accept)
        expect_equal((headers["Content-Encoding"], headers["Vary"]), (want, "Accept-Encoding"),
                     accept)
        expect(want is None or len(body) < len(PAGE) // 2, f"{want}: {len(body)} bytes")
    expect_equal(here.curl("/page", "--compressed").stdout, PAGE.encode(), "curl --compressed")
    expect_equal(here.get("/slow", Accept_Encoding="gzip")[1]["Vary"], None, "a short one")


@on_both
def head_is_the_head_of_get(here):
    for path in ("/www/text.txt", "/www/big.bin", "/www/docs", "/www/nothing"):
        connection = here.http()
        answers = [connection.get(path, method) for method in ("HEAD", "GET")]
        connection.close()
        heads = [{k: v for k, v in headers.items() if k != "Date"} for _, headers, _ in answers]
        expect_equal(heads[0], heads[1], path)
        expect_equal((answers[0][0], answers[0][2]), (answers[1][0], b""), path)


@on_both
def directory_leads_to_its_index(here):
    status, headers, _ = here.get("/www/docs?a=b")
    expect_equal((status, headers["Location"]), (308, "/www/docs/?a=b"), "without slash")
    expect_equal(here.get("/www/docs/")[2], b"the index", "with slash")
    expect_equal(here.curl("/www/docs", "-L").stdout, b"the index", "curl -L")


@on_both
def redirect_and_delay_do_as_told(here):
    for path, location in (("/old/a/b?q", "/www/a/b?q"), ("/old//evil.example", "/www//evil.example"),
                           ("/old/a%0d%0aX:%20y", None)):
        status, headers, _ = here.get(path)
        if location is None:
            expect_equal(status, 400, path)
        else:
            expect_equal((status, headers["Location"]), (308, location), path)
    began = time.monotonic()
    expect_equal(here.get("/slow")[2], b"late", "delayed")
    took = time.monotonic() - began
    expect(0.2 <= took < 2, f"delayed by {took:.3f} s")


@on_both
def large_file_is_exact_for_a_slow_reader(here):
    want = hashlib.sha256(big_bytes()).hexdigest()
    connection = here.http()
    connection.request("GET", "/www/big.bin")
    response = connection.getresponse()
    expect_equal(response.getheader("Content-Length"), str(BIG), "length")
    got, at = hashlib.sha256(), 0
    before = here.rss_kib()
    while piece := response.read(1 << 18):
        got.update(piece)
        at += len(piece)
        if at % (8 * MIB) < (1 << 18):
            time.sleep(0.1)
    connection.close()
    expect_equal((at, got.hexdigest()), (BIG, want), "100 MiB")
    grown = here.rss_kib() - before
    expect(grown < 8 * 1024, f"resident memory grew by {grown} KiB for one large file")


@on_both
def half_closed_client_gets_the_whole_of_a_large_file(here):
    """A FIN says that no more requests come, not that nobody reads (RFC 9112 9.6)."""
    for attempt in range(4):
        connection = here.http()
        connection.request("GET", "/www/big.bin", headers={"Range": f"bytes=0-{20 * MIB - 1}"})
        connection.sock.shutdown(socket.SHUT_WR)
        body = connection.getresponse().read()
        connection.close()
        expect(body == big_bytes()[:20 * MIB], f"{len(body)} bytes, attempt {attempt}")


@on_both
def stalled_clients_do_not_keep_others_from_large_files(here):
    stalled = []
    for _ in range(STALLED):
        connection = here.http()
        connection.request("GET", "/www/big.bin")
        stalled.append(connection)
    began = time.monotonic()
    body = here.get("/www/big.bin", Range=f"bytes={10 * MIB}-{20 * MIB - 1}")[2]
    took = time.monotonic() - began
    expect(body == big_bytes()[10 * MIB:20 * MIB], f"{len(body)} bytes")
    note(f"{here.transport}: 10 MiB in {took:.2f} s beside {STALLED} clients that do not read")
    response = stalled[STALLED // 2].getresponse()
    expect(response.read(MIB) == big_bytes()[:MIB], "what a stalled client reads at last")
    for connection in stalled:
        connection.close()


@on_both
def change_of_a_large_file_ends_its_answers(here):
    path = here.www + "/other.bin"
    put(path, b"a" * (20 * MIB))
    here.reload()
    connection = here.http()
    connection.request("GET", "/www/other.bin")
    response = connection.getresponse()
    got = response.read(MIB)
    with open(path, "r+b") as file:
        for _ in range(20):
            file.write(b"b" * MIB)
    try:
        while piece := response.read(MIB):
            got += piece
        ended = "in order"
    except (OSError, http.client.HTTPException) as error:
        ended = type(error).__name__
    connection.close()
    expect(ended != "in order" and len(got) < 20 * MIB, f"{len(got)} bytes, ended {ended}")
    expect(b"b" not in got, "content of two states in one answer")

    def is_new():
        try:
            return here.get("/www/other.bin", Range="bytes=0-9")[2] == b"b" * 10
        except (OSError, http.client.HTTPException):  # of the state that is gone
            return False

    wait_until(is_new, 5, "the new content does not show")
    os.unlink(path)


@on_both
def changes_show_without_a_reload(here):
    path = here.www + "/live/page.txt"
    put(path, state(1))
    wait_until(lambda: here.get("/www/live/page.txt")[0] == 200, 5, "a new directory does not show")
    put(path, state(2))
    took = wait_until(lambda: state_of(here.get("/www/live/page.txt")[2]) == 2, 5,
                      "renaming over does not show")
    with open(path, "wb") as file:  # in place, as some editors do
        file.write(state(3))
    wait_until(lambda: here.get("/www/live/page.txt")[2] == state(3), 5,
               "writing in place does not show")
    os.unlink(path)
    wait_until(lambda: here.get("/www/live/page.txt")[0] == 404, 5, "unlinking does not show")
    note(f"{here.transport}: a change shows after {took:.2f} s")


@on_both
def slow_downloads_hold_up_no_change_and_changes_end_no_stream(here):
    stream, slow = here.http(), []
    stream.request("GET", "/events")
    expect_equal(stream.getresponse().status, 200, "a stream")
    path = here.www + "/live/busy.txt"
    for i in range(1, 13):
        connection = here.http()
        connection.request("GET", "/www/big.bin")
        slow.append((connection, connection.getresponse()))
        put(path, state(i))
        wait_until(lambda: here.get("/www/live/busy.txt")[2] == state(i), 5,
                   f"change {i} does not show beside {len(slow)} slow downloads")
        for _, response in slow:  # well above the least rate
            expect_equal(len(response.read(4000)), 4000, "bytes of a slow download")
    here.reload()
    stream.sock.settimeout(0.3)
    try:
        expect(stream.sock.recv(4096) != b"", "the stream ended")
    except TimeoutError:
        pass
    for connection, response in slow:
        expect_equal(len(response.read(MIB)), MIB, "bytes of a slow download at last")
        connection.close()
    stream.close()
    os.unlink(path)


@on_both
def answer_under_way_stays_of_its_state(here):
    """Of content in memory, which is another one meanwhile: several times, so that its place is used again."""
    path, old = here.www + "/live/memory.bin", hashlib.shake_128(b"old").digest(3 * MIB)
    put(path, old)
    wait_until(lambda: here.get("/www/live/memory.bin", Range="bytes=0-9")[2] == old[:10], 5, "new")
    connection = here.http()
    connection.request("GET", "/www/live/memory.bin")
    response = connection.getresponse()
    got = response.read(1000)
    for i in range(3):
        new = hashlib.shake_128(b"%d" % i).digest(3 * MIB)
        put(path, new)
        wait_until(lambda: here.get("/www/live/memory.bin", Range="bytes=0-9")[2] == new[:10], 5,
                   f"change {i} does not show")
    got += response.read()
    connection.close()
    expect(got == old, f"{len(got)} bytes, another content from "
           f"{next((i for i, (a, b) in enumerate(zip(got, old)) if a != b), len(got))} on")
    os.unlink(path)


@on_both
def changing_files_are_never_torn(here):
    swap_under_load(here, SWAPS, 6 * 1024)


@test
def bench_site_serves_its_files():
    here = Rig("b")
    here.attach()
    here.serve(site=BENCH_SITE)
    with open(os.path.join(ROOT, "tests/e2e/www/test.txt"), "rb") as file:
        want = file.read()
    expect(len(want) > 1000, f"test.txt has {len(want)} bytes")
    status, headers, body = here.http().get("/files/test.txt")
    expect_equal((status, headers["Content-Length"]), (200, str(len(want))), "test.txt")
    expect(body == want, "content of test.txt")
    expect_equal(here.http().get("/files/")[0], 200, "its index")
    figures = here.wrk("-t1", "-c64", "-d5", url="http://10.7.0.2/files/test.txt")
    note(f"wrk -c64 /files/test.txt: {figures['rate_per_s']:.0f} req/s")
    expect_equal(figures["errors"], 0, "errors of wrk")


if __name__ == "__main__":
    main()
