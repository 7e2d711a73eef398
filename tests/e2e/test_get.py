#!/usr/bin/env python3
"""What bench.yaml promises, to real clients: over AF_XDP and kernel sockets, IPv4 and IPv6."""
import http.client
import json
import os
import pwd

from hz_e2e import (BENCH_SITE, BIN, PATIENT, SERVER4, SERVER6, STACK, Http, Process, Rig, Skip,
                    expect, expect_equal, main, note, run, tcp_connect, temporary_directory, test,
                    wrk_parse)

MIB = 1 << 20
SOCKET_PORT = 18480
rigs = {}


def rig():
    """One rig and one hzd for the whole file."""
    if not rigs:
        rigs["rig"] = Rig()
        rigs["hzd"] = rigs["rig"].start(options=[PATIENT])
    return rigs["rig"]


def socket_hzd(**credentials):
    """hzd over kernel sockets on loopback, in a run directory of its own."""
    directory = temporary_directory(0o777)
    name = f"{rig().name}s"
    return Process(BIN + "/hzd", "-i", name, "-c", BENCH_SITE, "-l", f"lo,127.0.0.1:{SOCKET_PORT}",
                   "-o", "boot/io=socket", "-o", "boot/workers=1", "-o",
                   "timeouts/lame_duck_ms=0",
                   env={**os.environ, "XDG_RUNTIME_DIR": directory}, cwd="/", **credentials)


# --- what every transport must answer ------------------------------------------------------------------


def check_get(http):
    status, headers, body = http.get("/")
    expect_equal((status, body), (200, b"Hello, World!"), "GET /")
    expect(headers["Content-Type"].startswith("text/plain"), f"type {headers['Content-Type']}")
    expect_equal(headers["Content-Length"], "13", "length of GET /")
    expect(headers["Date"] is not None, "no Date (RFC 9110 6.6.1)")


def check_json(http):
    status, headers, body = http.get("/json")
    expect_equal((status, json.loads(body)), (200, {"message": "ok"}), "GET /json")
    expect_equal(headers["Content-Type"], "application/json", "type of /json")


def check_user(http):
    want = {"7": "7", "J%C3%BCrgen%20%22J%22": 'Jürgen "J"', "a%5Cb": "a\\b"}
    for sent, decoded in want.items():
        status, headers, body = http.get(f"/user/{sent}/post/a-slug")
        expect_equal(status, 200, f"status of id {sent}")
        values = sorted(json.loads(body).values())
        expect_equal(values, sorted([decoded, "a-slug"]), f"object of id {sent}")
        expect_equal(headers["Content-Type"], "application/json", "type of /user")


def check_head(http):
    for path in ("/", "/json", "/user/1/post/2", "/bytes/100"):
        got = http.get(path)
        head = http.get(path, method="HEAD")
        expect_equal((head[0], head[2]), (200, b""), f"HEAD {path}")
        expect_equal(head[1]["Content-Length"], str(len(got[2])), f"length of HEAD {path}")


def check_echo(http):
    for size in (0, 1, 1460, 65536, MIB):
        body = os.urandom(size)
        headers = {"Content-Type": "application/x-test"}
        status, got, answer = http.get("/echo", "POST", body, headers)
        expect_equal(status, 200, f"echo of {size}")
        expect(answer == body, f"echo of {size} bytes came back different ({len(answer)} bytes)")
        expect_equal(got["Content-Type"], "application/x-test", "echoed type")


def check_echo_chunked(http):
    for sizes in ((1,), (10, 0x1000, 3), (65536,) * 16):
        pieces = [os.urandom(size) for size in sizes]
        headers = {"Transfer-Encoding": "chunked", "Content-Type": "text/x-chunks"}
        status, _, answer = http.get("/echo", "POST", iter(pieces), headers, chunked=True)
        expect_equal(status, 200, f"chunked echo of {sizes}")
        expect(answer == b"".join(pieces), f"chunked echo of {sizes} came back different")


def check_too_large(http):
    """The refusal may overtake the body: a client that still writes may see a reset instead."""
    for headers, chunked in (({}, False), ({"Transfer-Encoding": "chunked"}, True)):
        body = bytes(MIB + 1)
        try:
            status = http.get("/echo", "POST", iter([body]) if chunked else body, headers,
                              chunked=chunked)[0]
            expect_equal(status, 413, f"one byte over the limit, chunked {chunked}")
        except (ConnectionError, http_error):
            http.close()
            expect_equal(declared_too_large(http, chunked), 413, f"refusal, chunked {chunked}")
        http.close()


http_error = http.client.HTTPException


def declared_too_large(http, chunked):
    """Only the head that announces too much; with chunks, the size line of the first."""
    sock = tcp_connect(http.netns, http.host, http.port)
    framing = (f"Transfer-Encoding: chunked\r\n\r\n{MIB + 1:x}\r\n" if chunked else
               f"Content-Length: {MIB + 1}\r\n\r\n")
    sock.sendall(f"POST /echo HTTP/1.1\r\nHost: x\r\n{framing}".encode())
    line = sock.makefile("rb").readline().decode()
    sock.close()
    return int(line.split()[1]) if line else 0


def check_bytes(http):
    for count in (0, 1, 1459, 65536, 10485760):
        status, headers, body = http.get(f"/bytes/{count}")
        expect_equal(status, 200, f"/bytes/{count}")
        expect(body == b"x" * count, f"/bytes/{count} is not {count} times x: {len(body)} bytes")
        expect_equal(headers["Content-Type"], "application/octet-stream", "type of /bytes")


def check_bad_counts(http):
    for count in ("10485761", "-1", "1e3", "0x10", "abc", "%20", "18446744073709551617", "1.0"):
        expect_equal(http.get(f"/bytes/{count}")[0], 400, f"/bytes/{count}")
        http.close()


def check_refusals(http):
    expect_equal(http.get("/nothing/here")[0], 404, "unknown path")
    status, headers, _ = http.get("/json", "DELETE")
    expect_equal(status, 405, "DELETE /json")
    allowed = {word.strip() for word in (headers["Allow"] or "").split(",")}
    expect(allowed >= {"GET", "HEAD"} and "DELETE" not in allowed, f"Allow is {headers['Allow']}")
    status, headers, _ = http.get("/echo")
    expect_equal((status, headers["Allow"]), (405, "POST"), "GET /echo")


def check_bad_requests(http):
    for request in (b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"):
        sock = tcp_connect(http.netns, http.host, http.port)
        sock.sendall(request)
        answer = sock.makefile("rb").read()
        sock.close()
        expect(answer.startswith(b"HTTP/1.1 400 "), f"{request!r} got {answer[:60]!r}")


def check_pipeline(http):
    """16 requests in one write; the answers come in order, and byte by byte changes nothing."""
    request = b"".join(b"GET /user/%d/post/p HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(16))
    for step in (len(request), 7):
        sock = tcp_connect(http.netns, http.host, http.port)
        for at in range(0, len(request), step):
            sock.sendall(request[at:at + step])
        reader = sock.makefile("rb")
        for i in range(16):
            expect_equal(reader.readline(), b"HTTP/1.1 200 OK\r\n", f"answer {i}")
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            expect(str(i) in json.loads(reader.read(length)).values(), f"answer {i} out of order")
        sock.close()


CHECKS = (check_get, check_json, check_user, check_head, check_echo, check_echo_chunked,
          check_too_large, check_bytes, check_bad_counts, check_refusals, check_bad_requests,
          check_pipeline)


def check_all(make_http):
    for check in CHECKS:
        http = make_http()
        try:
            check(http)
        except AssertionError as error:
            raise AssertionError(f"{check.__name__}: {error}") from None
        except Exception as error:
            raise AssertionError(f"{check.__name__}: {type(error).__name__} {error}") from error
        finally:
            http.close()


# --- transports -------------------------------------------------------------------------------------


@test
def af_xdp_ipv4_keeps_the_contract():
    check_all(rig().http)


@test
def af_xdp_ipv6_keeps_the_contract():
    check_all(lambda: rig().http(SERVER6))


@test
def af_xdp_frames_never_reach_the_kernel():
    before = rig().verdicts()
    http = rig().http()
    for _ in range(100):
        http.get("/")
    after = rig().verdicts()
    gained = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    expect(gained.get("steer", 0) >= 100, f"steered only {gained}")
    odd = [k for k in gained if k not in ("steer", "pass_not_ip", "pass_not_ours")]
    expect_equal(odd, [], f"other verdicts on the way of a GET: {gained}")


@test
def socket_as_root_keeps_the_contract():
    daemon = socket_hzd()
    daemon.wait_line("ready")
    check_all(lambda: Http("127.0.0.1", SOCKET_PORT))
    daemon.end()
    expect_equal(daemon.process.returncode, 0, "exit of hzd on SIGTERM")


@test
def socket_as_nobody_keeps_the_contract():
    if run("test", "-r", BIN + "/hzd", check=False, user="nobody", group="nogroup",
           extra_groups=[]).returncode != 0:
        raise Skip("nobody may not read the build folder")
    daemon = socket_hzd(user="nobody", group="nogroup", extra_groups=[])
    daemon.wait_line("ready")
    expect_equal(os.stat(f"/proc/{daemon.pid}").st_uid, pwd.getpwnam("nobody").pw_uid, "uid")
    check_all(lambda: Http("127.0.0.1", SOCKET_PORT))
    daemon.end()


# --- stock clients ------------------------------------------------------------------------------------


def curl_gets(host):
    url = f"http://[{host}]" if ":" in host else f"http://{host}"
    done = rig().curl("-w", "\n%{http_code} %{http_version}", url + "/")
    expect_equal(done.stdout, "Hello, World!\n200 1.1", "curl")
    done = rig().curl(url + "/bytes/10485760", text=False)
    expect(done.stdout == b"x" * 10485760, f"10 MiB came as {len(done.stdout)} bytes")


@test
def curl_over_ipv4_is_byte_exact():
    curl_gets(SERVER4)


@test
def curl_over_ipv6_is_byte_exact():
    curl_gets(SERVER6)


@test
def curl_upload_waits_for_continue_and_comes_back():
    body = os.urandom(MIB)
    path = temporary_directory() + "/body"
    with open(path, "wb") as file:
        file.write(body)
    done = rig().curl("-H", "Expect: 100-continue", "--data-binary", "@" + path,
                      f"http://{SERVER4}/echo", text=False)
    expect(done.stdout == body, f"{len(done.stdout)} bytes came back")


def wrk_has_no_error(figures, served):
    note(f"wrk -c64: {figures['rate_per_s']:.0f} req/s, p50 {figures['p50_ns'] / 1e3:.0f} us, "
         f"p99 {figures['p99_ns'] / 1e3:.0f} us")
    expect_equal(figures["errors"], 0, "errors of wrk")
    expect(figures["requests"] > 1000, f"only {figures['requests']} requests in 10 s")
    expect(served is None or served >= figures["requests"],
           f"hzd counted {served}, wrk {figures['requests']}")


@test
def wrk_64_connections_ipv4_has_no_error():
    before = rig().requests()
    figures = rig().wrk("-t1", "-c64", "-d10")
    wrk_has_no_error(figures, rig().requests() - before)


@test
def wrk_64_connections_ipv6_has_no_error():
    before = rig().requests()
    figures = rig().wrk("-t1", "-c64", "-d5", url=f"http://[{SERVER6}]/")
    wrk_has_no_error(figures, rig().requests() - before)


@test
def wrk_64_connections_socket_has_no_error():
    daemon = socket_hzd()
    daemon.wait_line("ready")
    done = run("wrk", "--latency", "-t1", "-c64", "-d10", f"http://127.0.0.1:{SOCKET_PORT}/")
    wrk_has_no_error(wrk_parse(done.stdout), None)
    daemon.end()


@test
def two_workers_two_queues_serve_every_flow():
    STACK.close()
    rigs.clear()
    two = Rig("q", queues=2)
    two.attach()
    two.serve(options=["boot/workers=2"])
    for _ in range(64):  # a flow per connection: they land on either queue
        http = two.http()
        check_get(http)
        http.close()
    figures = two.wrk("-t1", "-c64", "-d5")
    wrk_has_no_error(figures, None)
    served = [int(worker["requests"]) for worker in two.workers()]
    expect(len(served) == 2 and min(served) > 0, f"requests per worker: {served}")


if __name__ == "__main__":
    main()
