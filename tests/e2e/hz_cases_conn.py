"""What a connection lives through: expectations, pipelines, limits, keeping and closing."""
from hz_cases import HOST, case, cases, chunked, post, refused, request, want
from hz_talk import Heard

CONTINUE = "Expect: 100-continue\r\n"
PAUSE = 0.05
GO = Heard(b"100 Continue")


def expecting(body, fields="", target="/echo", version="HTTP/1.1"):
    return request(target, f"{CONTINUE}Content-Length: {len(body)}\r\n{fields}", "POST", version)


# --- Expect, RFC 9110 10.1.1 ---------------------------------------------------------------------------

case("expect.is_met_before_the_body", [expecting("hello"), GO, b"hello"], 100,
     want(200, b"hello"))
case("expect.is_met_once_for_a_body_in_pieces",
     [expecting("hello"), GO, b"he", PAUSE, b"llo"], 100, want(200, b"hello"))
case("expect.is_not_met_when_the_body_came_along", expecting("hello") + b"hello",
     want(200, b"hello"))
case("expect.is_met_for_chunks",
     [request("/echo", CONTINUE + "Transfer-Encoding: chunked\r\n", "POST"), GO,
      b"5\r\nhello\r\n0\r\n\r\n"], 100, want(200, b"hello"))
case("expect.without_body_is_answered", request("/echo", CONTINUE, "POST"), want(200, b""))
case("expect.with_length_zero_is_answered", expecting(""), want(200, b""))
case("expect.in_any_case",
     [request("/echo", "EXPECT: 100-Continue\r\nContent-Length: 5\r\n", "POST"), GO, b"hello"],
     100, 200)
case("expect.list_with_empty_elements",
     [request("/echo", "Expect: , 100-continue,\r\nContent-Length: 5\r\n", "POST"), GO,
      b"hello"], 100, 200)
case("expect.empty_is_none", request("/echo", "Expect:\r\nContent-Length: 5\r\n", "POST",
                                     body="hello"), 200)
case("expect.of_http_1_0_is_not_heard",
     [expecting("hello", "Connection: keep-alive\r\n", version="HTTP/1.0"), PAUSE, b"hello"],
     want(200, b"hello", connection="keep-alive"))
case("expect.twice_on_a_connection",
     [expecting("one"), GO, b"one", PAUSE, expecting("two"), Heard(b"100 Continue", 2), b"two"],
     100, want(200, b"one"), 100, want(200, b"two"))
case("expect.of_nothing_is_404_without_the_body", expecting("hello", target="/none"), 404,
     closes=True)
case("expect.of_another_method_is_405_without_the_body", expecting("hello", target="/json"), 405,
     closes=True)
case("expect.of_too_large_is_413_without_the_body", expecting("0123456789a", target="/small"), 413,
     closes=True)
for _name, _value in (("unknown", "200-ok"), ("list_with_unknown", "100-continue, x"),
                      ("parameter", "100-continue;a=b"), ("value", "100-continue=1"),
                      ("quoted", '"100-continue"'), ("number_only", "100"), ("cut", "100-continu")):
    case(f"expect.{_name}_is_417",
         request("/echo", f"Expect: {_value}\r\nContent-Length: 5\r\n", "POST"), 417, closes=True)

# --- pipelines, RFC 9112 9.3.2 ---------------------------------------------------------------------------

for _count in (2, 15, 16, 17, 33, 100):
    case(f"pipelining.{_count}_gets", request() * _count, *[want(200, b"Hello, World!")] * _count)
case("pipelining.answers_keep_their_order",
     b"".join(post(f"body {i}") for i in range(20)), *[want(200, f"body {i}") for i in range(20)])
case("pipelining.methods_mixed",
     request() + post("a") + request(method="HEAD") + chunked("1\r\nb\r\n0\r\n\r\n") +
     request("/none") + request("/json", method="DELETE") + request("*", method="OPTIONS"),
     200, want(200, b"a"), want(200, to_head=True), want(200, b"b"), 404, 405, 204)
case("pipelining.large_answers",
     request("/bytes/100000") * 5, *[want(200, b"x" * 100000)] * 5)
case("pipelining.large_answers_to_a_late_reader", request("/bytes/300000") * 5 + request(),
     *[want(200, b"x" * 300000)] * 5, 200)
case("pipelining.large_bodies", post(b"z" * 100000) * 3, *[want(200, b"z" * 100000)] * 3)
case("pipelining.last_one_says_close",
     request() * 3 + request(fields="Connection: close\r\n") + request() * 3,
     200, 200, 200, 200, closes=True)
case("pipelining.second_half_later", [request() + request()[:20], PAUSE, request()[20:]], 200, 200)
case("pipelining.head_of_the_next_cut_short", request() + request()[:-2], 200, waits=True)
case("pipelining.empty_line_behind_a_body_begins_nothing",
     [post("hello") + b"\r\n", PAUSE, request()], 200, 200)
case("pipelining.empty_line_behind_a_body_in_pieces",
     [post("hello") + b"\r", PAUSE, b"\n", PAUSE, request()], 200, 200)
case("pipelining.second_empty_line_is_400",
     [request() + b"\r\n", PAUSE, b"\r\n" + request()], 200, 400, closes=True)
case("pipelining.our_fin_behind_it", [request() * 40], *[200] * 40)

# --- limits, RELIABILITY: 64 KiB of head, 100 fields, 8 KiB a line and a target ----------------------------

LINE = 8192
TARGET = 8192


def line_of(size):
    """A field line of that many bytes, without its CRLF."""
    return "X-A: " + "a" * (size - 5) + "\r\n"


def target_of(size):
    return "/any/" + "a" * (size - 5)


def head_of(size):
    """A whole request of that many bytes."""
    fields = line_of(8000) * 8
    rest = size - len(request(fields=fields)) - 2
    return request(fields=fields + line_of(rest))


cases("limits",
      ("line_of_its_limit", request(fields=line_of(LINE)), 200),
      ("line_of_its_limit_less_one", request(fields=line_of(LINE - 1)), 200),
      ("target_of_its_limit", request(target_of(TARGET)), 200),
      ("target_of_its_limit_less_one", request(target_of(TARGET - 1)), 200),
      ("query_of_the_targets_limit", request("/?" + "q" * (TARGET - 2)), 200),
      ("fields_of_their_limit", request(fields="A: b\r\n" * 99), 200),
      ("fields_of_their_limit_less_one", request(fields="A: b\r\n" * 98), 200),
      ("head_of_its_limit", head_of(65536), 200),
      ("head_of_its_limit_less_one", head_of(65535), 200),
      ("head_of_its_limit_with_body",
       request("/echo", line_of(8000) * 7 + "Content-Length: 5\r\n", "POST", body="hello"),
       want(200, b"hello")),
      # Decoded, its slashes merged, and in a parameter: the arena has room for all of it.
      ("escaped_target_of_the_limit_merged",
       request(("/merged" + "//%41%2F" * TARGET)[:TARGET - 8] + "/abcdefg"), want(200, b"merged")),
      ("name_of_its_limit", request(fields="n" * (LINE - 1) + ":\r\n"), 200))
refused("limits", 431,
        ("line_one_longer", request(fields=line_of(LINE + 1))),
        ("line_much_longer", request(fields=line_of(60000))),
        ("line_without_end", "GET / HTTP/1.1\r\n" + HOST + "X-A: " + "a" * 70000),
        ("name_without_end", "GET / HTTP/1.1\r\n" + HOST + "a" * 70000),
        ("fields_one_more", request(fields="A: b\r\n" * 100)),
        ("fields_many_more", request(fields="A: b\r\n" * 1000)),
        ("fields_without_end", "GET / HTTP/1.1\r\n" + HOST + "A: b\r\n" * 10000),
        ("head_one_longer", head_of(65537)),
        ("head_much_longer", request(fields=line_of(8000) * 20)))
refused("limits", 414,
        ("target_one_longer", request(target_of(TARGET + 1))),
        ("target_much_longer", request(target_of(60000))),
        ("target_without_end", "GET /" + "a" * 70000),
        ("absolute_target_one_longer", request("http://a.example/" + "a" * (TARGET - 16))))

# --- keeping and closing, RFC 9112 9.3 and 9.6 ---------------------------------------------------------------

for _name, _value in (("keep_alive", "keep-alive"), ("unknown", "x"), ("empty", ""),
                      ("empty_elements", ", ,\t,x,"), ("cut", "clos"), ("longer", "closed"),
                      ("quoted", '"close"'), ("parameter", "close;q=1")):
    case(f"keeping.connection_{_name}_keeps", request(fields=f"Connection: {_value}\r\n"), 200)
for _name, _value in (("close", "close"), ("capitals", "CLOSE"), ("list", "x, close"),
                      ("list_without_blanks", "x,close,y"), ("empty_elements", ",, close ,,"),
                      ("tabs", "\tclose\t"), ("against_keep_alive", "keep-alive, close"),
                      ("two_fields", "x\r\nConnection: close"),
                      ("keep_alive_behind", "close\r\nConnection: keep-alive")):
    case(f"keeping.connection_{_name}_closes", request(fields=f"Connection: {_value}\r\n") +
         request(), 200, closes=True)
_OLD = {"version": "HTTP/1.0", "host": ""}
cases("keeping",
      ("http_1_0_keep_alive", request(fields="Connection: keep-alive\r\n", **_OLD),
       want(200, connection="keep-alive")),
      ("http_1_0_keep_alive_in_capitals", request(fields="Connection: Keep-Alive\r\n", **_OLD),
       want(200, connection="keep-alive")),
      ("http_1_0_keep_alive_for_nothing",
       request("/none", "Connection: keep-alive\r\n", **_OLD), want(404, connection="keep-alive")),
      ("not_found", request("/none"), 404),
      ("method_not_allowed", request(method="PUT"), 405),
      ("bad_count", request("/bytes/x"), 400))
case("keeping.http_1_0_closes", request(**_OLD) + request(), 200, closes=True)
case("keeping.http_1_0_close_closes", request(fields="Connection: close\r\n", **_OLD), 200,
     closes=True)
case("keeping.http_1_0_with_proxy_connection_closes",
     request(fields="Proxy-Connection: keep-alive\r\n", **_OLD), 200, closes=True)
case("keeping.upgrade_is_not_heard",
     request(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"), want(200, upgrade=None))
case("keeping.upgrade_to_h2_is_not_heard",
     request(fields="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
     200)
case("keeping.nothing_said", b"", waits=True)
case("keeping.head_cut_short", request()[:10], waits=True)
case("keeping.half_closed_client_gets_its_answer", request(), 200, waits=True)
case("keeping.half_closed_client_gets_all_answers", request() * 40, *[200] * 40, waits=True)
case("keeping.half_closed_client_gets_its_echo", post(b"z" * 200000), want(200, b"z" * 200000),
     waits=True)

# --- after an error: answer, FIN, drain, close (RFC 9112 9.6) --------------------------------------------------
# The client goes on sending and reads late: with a RST it would lose what was answered before.

GARBAGE = b"\xff" * 1000
_BAD = request(fields="X : y\r\n")
for _name, _bad, _status in (("bad_field", _BAD, 400), ("unknown_method", request(method="BREW"), 501),
                             ("too_many_fields", request(fields="A: b\r\n" * 200), 431),
                             ("too_long_target", request(target_of(9000)), 414),
                             ("wrong_version", request(version="HTTP/3.0"), 505),
                             ("bad_chunk", chunked("z"), 400),
                             ("too_large", post(b"0123456789a", "/small"), 413),
                             ("bad_expectation", request(fields="Expect: x\r\n"), 417)):
    case(f"closing.answers_before_{_name}_are_not_lost",
         [request() * 3 + _bad + GARBAGE] + [0.02, GARBAGE] * 10, 200, 200, 200, _status,
         closes=True, reads_late=True)
    case(f"closing.large_answer_before_{_name}_is_not_lost",
         [request("/bytes/200000") + _bad] + [0.02, GARBAGE] * 10, want(200, b"x" * 200000),
         _status, closes=True, reads_late=True)
case("closing.answers_before_close_are_not_lost",
     [request() * 3 + request(fields="Connection: close\r\n")] + [0.02, GARBAGE] * 10,
     200, 200, 200, 200, closes=True, reads_late=True)
case("closing.body_of_a_refused_request_does_not_reset",
     [request("/echo", "Content-Length: 2000000\r\n", "POST") + b"z" * 30000] +
     [0.02, b"z" * 1000] * 10, 413, closes=True, reads_late=True)
case("closing.nothing_behind_an_error_is_answered", request() + _BAD + request() * 5, 200, 400,
     closes=True)

# --- refused HEAD: no content, whatever the status (RFC 9110 9.3.2) --------------------------------------------

for _name, _sent, _status in (
        ("without_host", "HEAD / HTTP/1.1\r\n\r\n", 400),
        ("bad_field", request(method="HEAD", fields="X : y\r\n"), 400),
        ("bad_field_later", [b"HEAD / HTTP/1.1\r\n", PAUSE, b"Host : y\r\n"], 400),
        ("wrong_version", request(method="HEAD", version="HTTP/3.0"), 505),
        ("too_long_target", request(target_of(9000), method="HEAD"), 414),
        ("too_many_fields", request(method="HEAD", fields="A: b\r\n" * 200), 431),
        ("bad_expectation", request(method="HEAD", fields="Expect: x\r\n"), 417)):
    case(f"refused_head.{_name}", _sent, want(_status, b"", to_head=True), closes=True)
