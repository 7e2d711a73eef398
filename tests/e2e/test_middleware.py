#!/usr/bin/env python3
"""Middleware as a client sees it, over AF_XDP and over kernel sockets: each test runs on both. Over sockets
there are two workers, so that a limit which each of them kept for itself would show."""
import json
import os
import re
import time

from hz_e2e import (BIN, PATIENT, PORT, SERVER4, SERVER6, Http, Process, Rig, expect, expect_equal,
                    main, run, temporary_directory, test, wait_until, write_file)

SOCKET_PORT = 18482
PAGE = "https://app.example.org"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SITE = f"""\
listen:
  - {{ interface: eth1, address: 10.7.0.2, port: 80 }}
limits: {{ requests_per_connection: 0, connections_per_source: 0 }}
topics: {{ news: }}
defaults:
  trace: on
  headers: {{ X-Content-Type-Options: nosniff }}
routes:
  - {{ name: plain, match: GET /plain, respond: {{ body: plain }} }}
  - {{ name: bare, match: GET /bare, respond: {{ body: bare }}, trace: off, headers: off }}
  - {{ name: own, match: GET /own, respond: {{ body: own }}, headers: {{ X-Own: "1" }},
      trace: {{ accept: false }} }}
  - {{ name: six, match: GET /six, respond: {{ body: six }},
      access: {{ allow: ["fd07::/16", "::1"] }} }}
  - {{ name: four, match: GET /four, respond: {{ body: four }},
      access: {{ deny: ["::/0", 10.7.0.0/16, 127.0.0.0/8], allow: [10.7.0.1, 127.0.0.1] }} }}
  - {{ name: page, match: "GET,PUT /page", respond: {{ body: page }},
      cors: {{ origins: ["{PAGE}"], methods: [GET, PUT], headers: [X-Token], credentials: true,
               max_age: 10m }} }}
  - {{ name: open, match: GET /open, respond: {{ body: open }}, cors: {{ origins: "*" }} }}
  - {{ name: few, match: GET /few, respond: {{ body: few }},
      rate: {{ per: client, limit: 6/h, burst: 50 }} }}
  - {{ name: all, match: GET /all, respond: {{ body: all }},
      rate: {{ per: route, limit: 6/h, burst: 50 }} }}
  - {{ name: keys, match: GET /keys, respond: {{ body: keys }},
      rate: {{ per: header X-Key, limit: 6/h, burst: 3, announce: true }} }}
  - {{ name: second, match: GET /second, respond: {{ body: second }},
      rate: {{ per: client, limit: 1/s, burst: 1 }} }}
  - {{ name: broken, match: GET /broken, respond: {{ status: 500, body: broken }},
      breaker: {{ failures: 50%, requests: 10, open: 1s, probes: 2 }} }}
  - {{ name: stream, match: GET /stream, events: {{ topic: news, limit: 1 }},
      breaker: {{ failures: 10%, requests: 4, open: 1s, probes: 1 }} }}
  - {{ name: small, match: POST /small, echo: {{ body: 10B }}, cors: {{ origins: ["{PAGE}"] }} }}
  - {{ name: echo, match: POST /echo, echo: {{ body: 1MiB }} }}
  - {{ name: late, match: GET /late, delay: 5s, respond: {{ body: late }}, timeout: 200ms,
      cors: {{ origins: ["{PAGE}"] }} }}
"""


class Place:
    """A hzd with the site, and how to reach it."""

    def http(self, six=False):
        return Http(self.host6 if six else self.host4, self.port, self.netns)

    def get(self, path, method="GET", six=False, **headers):
        """A connection of its own; names of fields with _ for -."""
        http = self.http(six)
        try:
            return http.get(path, method,
                            headers={name.replace("_", "-"): v for name, v in headers.items()})
        finally:
            http.close()

    def counter(self, name):
        found = self.ctl_json("worker", "show")["workers"]
        total = 0
        for worker in found:
            shown = self.ctl_json("worker", "show", "id", str(worker["id"]))["workers"][0]
            total += sum(c["value"] for c in shown["counters"] if c["name"] == name)
        return total


class AfXdp(Place):
    def __init__(self):
        rig = Rig()
        self.host4, self.host6, self.port, self.netns = SERVER4, SERVER6, PORT, rig.client
        self.ctl_json = rig.ctl_json
        self.hzd = rig.start(site=site_file(), options=[PATIENT])


class Sockets(Place):
    def __init__(self):
        self.host4, self.host6, self.port, self.netns = "127.0.0.1", "::1", SOCKET_PORT, None
        self.directory = temporary_directory(0o777)
        self.name = f"e{os.getpid()}m"
        self.env = {**os.environ, "XDG_RUNTIME_DIR": self.directory}
        self.hzd = Process(BIN + "/hzd", "-i", self.name, "-c", site_file(),
                           "-l", f"lo,127.0.0.1:{SOCKET_PORT}", "-l", f"lo,[::1]:{SOCKET_PORT}",
                           "-o", "boot/io=socket", "-o", "boot/workers=2",
                           "-o", "timeouts/lame_duck_ms=0", env=self.env, cwd="/")
        self.hzd.wait_line("ready")

    def ctl_json(self, *words):
        return json.loads(run(BIN + "/hzctl", "-j", "-i", self.name, *words, env=self.env).stdout)


def site_file():
    path = temporary_directory() + "/site.yaml"
    write_file(path, SITE)
    return path


places = {}


def place_of(name, kind):
    if name not in places:
        places[name] = kind()
    return places[name]


def on_both(function):
    """Two tests of one function."""
    for name, kind in (("af_xdp", AfXdp), ("socket", Sockets)):
        def run_it(name=name, kind=kind):
            function(place_of(name, kind))
            expect(places[name].hzd.is_running(), "hzd ended")

        run_it.__name__ = f"{name}.{function.__name__}"
        test(run_it)
    return function


# --- defaults, headers -----------------------------------------------------------------------------------


@on_both
def defaults_are_on_every_answer_that_does_not_turn_them_off(place):
    for path, status in (("/plain", 200), ("/nothing", 404)):
        got = place.get(path)
        expect_equal(got[0], status, path)
        expect_equal(got[1]["X-Content-Type-Options"], "nosniff", path)
        expect(got[1]["traceparent"], f"no trace on {path}")
    got = place.get("/plain", "DELETE")
    expect_equal((got[0], got[1]["X-Content-Type-Options"]), (405, "nosniff"), "405")
    for name in ("X-Content-Type-Options", "traceparent", "X-Request-Id"):
        expect_equal(place.get("/bare")[1][name], None, f"{name} of /bare")
    got = place.get("/own")[1]
    expect_equal((got["X-Own"], got["X-Content-Type-Options"]), ("1", None), "fields of /own")


@on_both
def errors_of_http_on_a_route_have_its_fields(place):
    for path, method, fields, status in (("/small", "POST", {"Content_Length": "11"}, 413),
                                         ("/late", "GET", {}, 503)):
        got, headers, _ = place.get(path, method, Origin=PAGE, **fields)
        expect_equal(got, status, path)
        for name, value in (("X-Content-Type-Options", "nosniff"),
                            ("Access-Control-Allow-Origin", PAGE)):
            expect_equal(headers.get_all(name), [value], f"{name} of {status}")
        expect(headers["traceparent"], f"no trace on {status}")


@on_both
def bodies_that_no_handler_takes_leave_room_for_others(place):
    idle = [place.http() for _ in range(80)]
    for http in idle:
        http.connect()
        http.sock.sendall(b"GET /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" +
                          b"x" * 1048500)
    http = place.http()
    http.connect()
    http.sock.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n"
                      b"Connection: close\r\n\r\n" + b"a" * 5000)
    time.sleep(0.1)
    http.sock.sendall(b"b" * 4000)
    answer = b""
    while piece := http.sock.recv(65536):
        answer += piece
    expect(answer.startswith(b"HTTP/1.1 200 "), f"{answer[:60]}")
    expect(answer.endswith(b"a" * 5000 + b"b" * 4000), "another body")
    for each in idle:
        each.sock.sendall(b"x" * 76)
        expect(each.sock.recv(15).startswith(b"HTTP/1.1 200 "), "who sent a body for nothing")
        each.close()
    http.close()


# --- trace -----------------------------------------------------------------------------------------------


@on_both
def trace_goes_on_when_it_is_valid_and_begins_when_not(place):
    form = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
    got = place.get("/plain", traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="a=1",
                    X_Request_Id="client.7")[1]
    trace, span, flags = form.fullmatch(got["traceparent"]).groups()
    expect_equal((trace, flags, got["tracestate"]), (TRACE, "01", "a=1"), "trace that goes on")
    expect(span != PARENT, "the caller's span is not ours")
    expect_equal(got["X-Request-Id"], "client.7", "request id")
    spans = set()
    for wrong in (f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01",
                  f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-", "x"):
        got = place.get("/plain", traceparent=wrong, tracestate="a=1",
                        X_Request_Id="not sane")[1]
        trace, span, flags = form.fullmatch(got["traceparent"]).groups()
        expect((trace != TRACE, flags, got["tracestate"]) == (True, "00", None), f"{wrong}: {got}")
        expect(re.fullmatch("[0-9a-f]{32}", got["X-Request-Id"]), got["X-Request-Id"])
        spans.add(span)
    expect_equal(len(spans), 5, "different spans")
    got = place.get("/own", traceparent=f"00-{TRACE}-{PARENT}-01", X_Request_Id="client.7")[1]
    expect(TRACE not in got["traceparent"] and got["X-Request-Id"] != "client.7", "accept: false")


# --- access ----------------------------------------------------------------------------------------------


@on_both
def access_is_by_address(place):
    before = place.counter("access_denied")
    expect_equal([place.get("/six", six=six)[0] for six in (False, True)], [403, 200], "/six")
    expect_equal([place.get("/four", six=six)[0] for six in (False, True)], [200, 403], "/four")
    expect_equal(place.get("/six", X_Forwarded_For="fd07::1")[0], 403, "a field is no address")
    wait_until(lambda: place.counter("access_denied") - before == 3, 5, "3 refusals counted")


# --- cors ------------------------------------------------------------------------------------------------


@on_both
def cors_preflight_asks_the_route_of_its_method(place):
    ask = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "x-token"}
    status, got, body = place.get("/page", "OPTIONS", Origin=PAGE, **ask)
    expect_equal((status, body), (204, b""), "preflight")
    expect_equal((got["Access-Control-Allow-Origin"], got["Access-Control-Allow-Methods"],
                  got["Access-Control-Allow-Headers"], got["Access-Control-Allow-Credentials"],
                  got["Access-Control-Max-Age"], got["Vary"]),
                 (PAGE, "GET, PUT", "X-Token", "true", "600", "Origin"), "fields")
    status, got, _ = place.get("/page", "OPTIONS", Origin="https://evil.example.org", **ask)
    expect_equal((status, got["Access-Control-Allow-Origin"], got["Vary"]), (204, None, "Origin"),
                 "a stranger's preflight")
    for path, headers in (("/page", {"Origin": PAGE}), ("/plain", {"Origin": PAGE, **ask})):
        status, got, _ = place.get(path, "OPTIONS", **headers)
        expect_equal((status, got["Access-Control-Allow-Origin"]), (204, None), f"OPTIONS {path}")
        expect("GET" in got["Allow"], f"Allow of {path}")


@on_both
def cors_tells_listed_origins_alone(place):
    got = place.get("/page", Origin=PAGE)[1]
    expect_equal((got["Access-Control-Allow-Origin"], got["Vary"]), (PAGE, "Origin"), "listed")
    for headers in ({"Origin": PAGE + ".evil.org"}, {"Origin": "null"}, {}):
        status, got, body = place.get("/page", **headers)
        expect_equal((status, body, got["Access-Control-Allow-Origin"], got["Vary"]),
                     (200, b"page", None, "Origin"), f"{headers}")
    got = place.get("/open", Origin="https://anybody.example")[1]
    expect_equal((got["Access-Control-Allow-Origin"], got["Vary"]), ("*", None), "any origin")


# --- rate ------------------------------------------------------------------------------------------------


def statuses(place, path, count, **more):
    """Each over a connection of its own: they meet all workers."""
    return [place.get(path, **more)[0] for _ in range(count)]


@on_both
def rate_of_a_client_holds_for_all_workers_together(place):
    before = place.counter("rate_limited")
    expect_equal(statuses(place, "/few", 80).count(200), 50, "answers over IPv4")
    expect_equal(statuses(place, "/few", 60, six=True).count(200), 50, "answers over IPv6")
    status, got, body = place.get("/few")
    expect_equal((status, body), (429, b"Too Many Requests"), "beyond")
    expect(500 < int(got["Retry-After"]) <= 600, got["Retry-After"])
    expect_equal(got["RateLimit-Policy"], '"few";q=6;w=3600;hz-burst=50', "policy")
    expect_equal(got["RateLimit"], f'"few";r=0;t={got["Retry-After"]}', "what is left")
    expect_equal(got["X-Content-Type-Options"], "nosniff", "headers on a refusal")
    wait_until(lambda: place.counter("rate_limited") - before == 41, 5, "41 refusals counted")


@on_both
def rate_of_a_route_is_everybodys(place):
    both = statuses(place, "/all", 40) + statuses(place, "/all", 40, six=True)
    expect_equal(both.count(200), 50, "answers")


@on_both
def rate_of_a_field_is_by_its_value(place):
    for key in ("a", "b"):
        expect_equal(statuses(place, "/keys", 5, X_Key=key), [200] * 3 + [429] * 2, f"key {key}")
    left = [place.get("/keys", six=True)[1]["RateLimit"] for _ in range(3)]
    expect_equal(left, ['"keys";r=2', '"keys";r=1', '"keys";r=0'], "announced, without the field")


@on_both
def rate_refusal_ends_when_it_said(place):
    with_keep_alive = place.http()
    expect_equal(with_keep_alive.get("/second")[0], 200, "first")
    status, got, _ = with_keep_alive.get("/second")
    expect_equal((status, got["Retry-After"]), (429, "1"), "second")
    wait_until(lambda: with_keep_alive.get("/second")[0] == 200, 3, "refused for good")
    with_keep_alive.close()


# --- breaker ---------------------------------------------------------------------------------------------


@on_both
def breaker_opens_probes_and_opens_again(place):
    opened, refused = place.counter("breaker_opened"), place.counter("breaker_refused")
    http = place.http()  # one connection: one worker
    seen = [http.get("/broken") for _ in range(15)]
    expect_equal([got[0] for got in seen], [500] * 10 + [503] * 5, "statuses")
    expect_equal((seen[-1][1]["Retry-After"], seen[-1][2]), ("1", b"Service Unavailable"), "open")
    wait_until(lambda: http.get("/broken")[0] == 500, 5, "no probe")  # and it fails
    expect_equal(http.get("/broken")[0], 503, "after a probe that failed")
    wait_until(lambda: place.counter("breaker_opened") - opened == 2, 5, "opened twice")
    expect(place.counter("breaker_refused") - refused >= 6, "refusals counted")
    expect_equal(place.get("/plain")[0], 200, "another route")
    http.close()


def begun(place):
    """A stream that goes on, and the status of its answer."""
    http = place.http()
    http.request("GET", "/stream")
    return http, http.getresponse().status


@test
def af_xdp_breaker_probe_that_streams_holds_the_breaker_no_longer():
    """Over one worker: each has a breaker of its own."""
    place = place_of("af_xdp", AfXdp)
    stream, status = begun(place)
    expect_equal(status, 200, "the one reader that may be")
    expect_equal({place.get("/stream")[0] for _ in range(5)}, {503}, "readers beyond")
    refused = place.counter("breaker_refused")
    expect_equal(place.get("/stream")[0], 503, "another one")
    wait_until(lambda: place.counter("breaker_refused") == refused + 1, 5, "by the breaker")
    stream.close()

    def is_probe():
        nonlocal stream, status
        stream, status = begun(place)
        return status == 200

    wait_until(is_probe, 5, "no probe", every=0.2)
    refused = place.counter("breaker_refused")
    expect_equal(place.get("/stream")[0], 503, "beyond the limit, while the probe streams")
    time.sleep(1.1)  # figures are shown once per second
    expect_equal(place.counter("breaker_refused"), refused, "refused by the breaker")
    stream.close()


if __name__ == "__main__":
    main()
