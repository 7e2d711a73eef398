"""Where a message ends: lengths, chunks, and what would let two readers disagree."""
from hz_cases import HOST, case, cases, chunked, post, refused, request, want

MIB = 1 << 20

# --- Content-Length, RFC 9110 8.6 and RFC 9112 6.2 -----------------------------------------------------

cases("lengths",
      ("exact", post("hello"), want(200, b"hello")),
      ("zero", post(""), want(200, b"")),
      ("none", request("/echo", method="POST"), want(200, b"")),
      ("leading_zeros", request("/echo", "Content-Length: 0005\r\n", "POST", body="hello"),
       want(200, b"hello")),
      ("blanks_around", request("/echo", "Content-Length: \t5 \r\n", "POST", body="hello"),
       want(200, b"hello")),
      ("name_in_capitals", request("/echo", "CONTENT-LENGTH:5\r\n", "POST", body="hello"),
       want(200, b"hello")),
      ("body_of_all_bytes", post(bytes(range(256))), want(200, bytes(range(256)))),
      ("body_that_looks_like_a_request", post(request()), want(200, request())),
      ("body_of_line_ends", post("\r\n\r\n"), want(200, b"\r\n\r\n")),
      ("body_of_a_route_limit", post("0123456789", "/small"), want(200, b"0123456789")),
      ("body_of_the_largest", post(b"z" * MIB), want(200, b"z" * MIB)),
      ("body_to_nothing_is_passed_over", post("hello", "/none"), 404),
      ("two_bodies", post("one") + post("two"), want(200, b"one"), want(200, b"two")))
for _name, _value in (("empty", ""), ("sign_plus", "+5"), ("sign_minus", "-5"), ("hex", "0x5"),
                      ("letters", "five"), ("list", "5, 5"), ("list_of_two", "5,6"),
                      ("blank_inside", "5 5"), ("decimal_point", "5.0"), ("exponent", "5e0"),
                      ("underscore", "5_0"), ("quoted", '"5"'), ("comma_at_end", "5,"),
                      ("comma_first", ",5"), ("semicolon", "5;x"), ("nul", "5\0"),
                      ("beyond_63_bits", "9223372036854775808"),
                      ("beyond_64_bits", "18446744073709551616"),
                      ("beyond_64_bits_by_five", "18446744073709551621"),
                      ("of_many_digits", "1" * 100), ("high_digits", "\xd9\xa5"),
                      ("vertical_tab", "\x0b5"), ("form_feed", "5\x0c")):
    case(f"lengths.{_name}_is_refused",
         request("/echo", f"Content-Length: {_value}\r\n", "POST", body="hello"), 400, closes=True)
refused("lengths", 400,
        ("twice", request("/echo", "Content-Length: 5\r\n" * 2, "POST", body="hello")),
        ("twice_different",
         request("/echo", "Content-Length: 5\r\nContent-Length: 6\r\n", "POST", body="hello!")),
        ("twice_in_http_1_0", request("/echo", "Content-Length: 5\r\n" * 2, "POST", "HTTP/1.0")),
        ("blank_before_colon", request("/echo", "Content-Length : 5\r\n", "POST", body="hello")),
        ("folded", request("/echo", "Content-Length:\r\n 5\r\n", "POST", body="hello")))
refused("lengths", 413,
        ("one_more_than_the_route_takes", post("0123456789a", "/small")),
        ("one_more_than_the_largest", request("/echo", f"Content-Length: {MIB + 1}\r\n", "POST")),
        ("of_2_31", request("/echo", "Content-Length: 2147483648\r\n", "POST")),
        ("of_2_32", request("/echo", "Content-Length: 4294967296\r\n", "POST")),
        ("of_63_bits", request("/echo", "Content-Length: 9223372036854775807\r\n", "POST")))
case("lengths.too_large_for_nothing_says_what_is_worse",
     request("/none", f"Content-Length: {MIB + 1}\r\n", "POST"), 404, closes=True)
case("lengths.body_cut_short", request("/echo", "Content-Length: 5\r\n", "POST", body="hell"),
     waits=True)
case("lengths.body_not_begun", request("/echo", "Content-Length: 5\r\n", "POST"), waits=True)

# --- chunks, RFC 9112 7.1 ------------------------------------------------------------------------------

END = "0\r\n\r\n"
ONE = "5\r\nhello\r\n"
for _name, _encoded, _body in (
        ("nothing", END, ""), ("one", ONE + END, "hello"),
        ("two", ONE + "6\r\n world\r\n" + END, "hello world"),
        ("small_hex", "a\r\n0123456789\r\n" + END, "0123456789"),
        ("capital_hex", "A\r\n0123456789\r\n" + END, "0123456789"),
        ("leading_zeros", "0005\r\nhello\r\n" + END, "hello"),
        ("sixteen_digits", "0000000000000005\r\nhello\r\n" + END, "hello"),
        ("zeros_at_the_end", ONE + "0000\r\n\r\n", "hello"),
        ("of_one_byte_each", "".join(f"1\r\n{c}\r\n" for c in "hello") + END, "hello"),
        ("of_line_ends", "2\r\n\r\n\r\n" + END, "\r\n"),
        ("that_look_like_the_end", "5\r\n0\r\n\r\n\r\n" + END, "0\r\n\r\n"),
        ("extension", "5;a\r\nhello\r\n" + END, "hello"),
        ("extension_with_value", "5;a=b\r\nhello\r\n" + END, "hello"),
        ("extension_quoted", '5;a="b c;d\\"\\\\"\r\nhello\r\n' + END, "hello"),
        ("extension_quoted_empty", '5;a=""\r\nhello\r\n' + END, "hello"),
        ("extensions", "5;a;b=c;d\r\nhello\r\n0;e\r\n\r\n", "hello"),
        ("extension_with_blanks", "5 ; a = b ; c\r\nhello\r\n" + END, "hello"),
        ("extension_with_tabs", "5\t;\ta\t=\tb\r\nhello\r\n" + END, "hello"),
        ("extension_of_256_bytes", f"5;{'a' * 256}\r\nhello\r\n" + END, "hello"),
        ("trailer", ONE + "0\r\nX-A: b\r\n\r\n", "hello"),
        ("trailers", ONE + "0\r\nX-A: b\r\nX-B:\r\n\r\n", "hello"),
        ("trailer_of_a_framing_field", ONE + "0\r\nContent-Length: 9\r\n\r\n", "hello"),
        ("trailer_of_host", ONE + "0\r\nHost: b\r\n\r\n", "hello"),
        ("trailer_of_high_bytes", ONE + "0\r\nX-A: \xff\t\r\n\r\n", "hello"),
        ("in_64_kib", "10000\r\n" + "z" * 65536 + "\r\n" + END, "z" * 65536)):
    case(f"chunked.{_name}", chunked(_encoded), want(200, _body))
case("chunked.then_another_request", chunked(ONE + END) + request(), want(200, b"hello"), 200)
case("chunked.up_to_a_route_limit", chunked("a\r\n0123456789\r\n" + END, "/small"), 200)
case("chunked.to_nothing_is_passed_over", chunked(ONE + "0\r\nX: y\r\n\r\n", "/none"), 404)
case("chunked.for_get", request(fields="Transfer-Encoding: chunked\r\n", body=ONE + END), 200)

_BAD_CHUNKS = (
    ("size_missing", "\r\nhello\r\n"), ("size_negative", "-5\r\n"), ("size_signed", "+5\r\nhello\r\n"),
    ("size_0x", "0x5\r\nhello\r\n"), ("size_of_letters", "g\r\n"), ("size_underscore", "1_0\r\n"),
    ("size_h", "5h\r\nhello\r\n"), ("size_blank_first", " 5\r\nhello\r\n"),
    ("size_blank_last", "5 \r\nhello\r\n"), ("size_tab_last", "5\t\r\nhello\r\n"),
    ("size_nul", "5\0\r\nhello\r\n"), ("size_comma", "5,5\r\nhello\r\n"),
    ("size_decimal_point", "5.0\r\nhello\r\n"), ("size_quoted", '"5"\r\nhello\r\n'),
    ("size_of_17_digits", "00000000000000005\r\nhello\r\n"),
    ("size_bare_lf", "5\nhello\r\n"), ("size_bare_cr", "5\rhello\r\n"),
    ("size_two_crs", "5\r\r\nhello\r\n"), ("data_too_long", "5\r\nhello!\r\n"),
    ("data_too_short", "5\r\nhell\r\n" + END), ("data_bare_lf", "5\r\nhello\n" + END),
    ("data_bare_cr", "5\r\nhello\r" + END), ("data_without_end", "5\r\nhello" + END),
    ("data_and_blank", "5\r\nhello \r\n" + END), ("last_bare_lf", "0\n\n"),
    ("last_two_lfs", "0\r\n\n"), ("last_cr_and_more", "0\r\n\rX"), ("last_blank", "0 \r\n\r\n"),
    ("extension_empty", "5;\r\nhello\r\n"), ("extension_of_blanks", "5; \r\nhello\r\n"),
    ("extension_twice_empty", "5;;a\r\nhello\r\n"), ("extension_without_value", "5;a=\r\nhello\r\n"),
    ("extension_without_name", "5;=a\r\nhello\r\n"), ("extension_bracket", "5;a[=x\r\nhello\r\n"),
    ("extension_two_words", "5;a b\r\nhello\r\n"), ("extension_quote_open", '5;a="b\r\nhello\r\n'),
    ("extension_quote_and_more", '5;a="b"c\r\nhello\r\n'),
    ("extension_control", '5;a="\x01"\r\nhello\r\n'), ("extension_bare_lf", "5;a\nb\r\nhello\r\n"),
    ("extension_bare_cr", "5;a\rb\r\nhello\r\n"), ("extension_nul", "5;a\0\r\nhello\r\n"),
    ("extension_blank_last", "5;a=b \r\nhello\r\n"),
    ("extension_of_257_bytes", f"5;{'a' * 257}\r\nhello\r\n" + END),
    ("extensions_of_17_kib", f"1;{'a' * 255}\r\nz\r\n" * 70 + END),
    ("trailer_without_name", "0\r\n: x\r\n\r\n"), ("trailer_without_colon", "0\r\nX\r\n\r\n"),
    ("trailer_blank_before_colon", "0\r\nX : y\r\n\r\n"), ("trailer_blank_first", "0\r\n X: y\r\n\r\n"),
    ("trailer_folded", "0\r\nX: y\r\n z\r\n\r\n"), ("trailer_bare_lf", "0\r\nX: y\n\r\n"),
    ("trailer_bare_cr", "0\r\nX: y\rZ: a\r\n\r\n"), ("trailer_control", "0\r\nX: \x7f\r\n\r\n"),
    ("trailer_nul", "0\r\nX: \0\r\n\r\n"), ("trailer_is_a_request", "0\r\nGET / HTTP/1.1\r\n\r\n"))
for _name, _encoded in _BAD_CHUNKS:
    case(f"chunked.{_name}_is_refused", chunked(_encoded), 400, closes=True)
    # What a refused request sends is read by the same rules: nothing may hide in it.
    case(f"discarded.{_name}_is_refused", chunked(_encoded, "/none"), 400, closes=True)
case("chunked.trailers_of_9_kib_are_refused",
     chunked("0\r\n" + f"X-A: {'a' * 1000}\r\n" * 9 + "\r\n"), 431, closes=True)
for _name, _size in (("one_more", f"{MIB + 1:x}"), ("2_31", "80000000"), ("2_32", "100000000"),
                     ("2_63", "8000000000000000"), ("2_64_less_one", "FFFFFFFFFFFFFFFF")):
    case(f"chunked.size_of_{_name}_is_too_large", chunked(f"{_size}\r\n"), 413, closes=True)
case("chunked.sum_that_overflows_is_too_large", chunked("1\r\nz\r\nFFFFFFFFFFFFFFFF\r\n"), 413,
     closes=True)
case("chunked.one_more_than_the_route_takes", chunked("5\r\nhello\r\n6\r\n world\r\n" + END, "/small"),
     413, closes=True)
for _name, _encoded in (("size", "5"), ("size_line", "5\r"), ("data", "5\r\nhel"),
                        ("data_end", "5\r\nhello\r"), ("next_size", "5\r\nhello\r\n"),
                        ("last", "5\r\nhello\r\n0"), ("last_line", "0\r\n"), ("last_cr", "0\r\n\r"),
                        ("trailer", "0\r\nX: y\r\n"), ("extension", "5;a")):
    case(f"chunked.cut_in_{_name}", chunked(_encoded), waits=True)

# --- Transfer-Encoding and smuggling, RFC 9112 6.1, 6.3 and 11.2 -------------------------------------------

case("coding.name_in_any_case", request("/echo", "TRANSFER-encoding:\tchunked \r\n", "POST",
                                        body=ONE + END), want(200, b"hello"))
for _name, _value in (("capital", "Chunked"), ("twice", "chunked, chunked"), ("gzip", "gzip"),
                      ("gzip_first", "gzip, chunked"), ("gzip_last", "chunked, gzip"),
                      ("identity", "identity"), ("identity_last", "chunked, identity"),
                      ("prefix", "xchunked"), ("suffix", "chunkedx"), ("cut", "chunke"),
                      ("parameter", "chunked;a=b"), ("quality", "chunked;q=0.5"), ("empty", ""),
                      ("comma_first", ",chunked"), ("comma_last", "chunked,"),
                      ("quoted", '"chunked"'), ("single_quoted", "'chunked'"), ("blank_inside", "chun ked"),
                      ("vertical_tab", "\x0bchunked"), ("form_feed", "chunked\x0c"),
                      ("nul", "chunked\0"), ("high_byte", "chunked\xff"), ("cow", "cow"),
                      ("bracket", "[chunked]"), ("colon", ":chunked"), ("dot", "chunked.")):
    case(f"coding.{_name}_is_refused",
         request("/echo", f"Transfer-Encoding: {_value}\r\n", "POST", body=ONE + END), 400,
         closes=True)

_TE = "Transfer-Encoding: chunked\r\n"
_CL = "Content-Length: 5\r\n"
_SECOND = request("/json")
for _name, _fields, _body in (
        ("cl_te", _CL + _TE, END), ("te_cl", _TE + _CL, END), ("te_cl_zero", _TE + "Content-Length: 0\r\n", END),
        ("cl_te_of_the_same_length", "Content-Length: 10\r\n" + _TE, ONE + END),
        ("te_te", _TE + _TE, END), ("te_identity", _TE + "Transfer-Encoding: identity\r\n", END),
        ("te_cow", _TE + "Transfer-Encoding: cow\r\n", END),
        ("te_cow_first", "Transfer-Encoding: cow\r\n" + _TE, END),
        ("te_blank_before_colon", "Transfer-Encoding : chunked\r\n" + _CL, "hello"),
        ("te_tab_before_colon", "Transfer-Encoding\t: chunked\r\n" + _CL, "hello"),
        ("te_folded", "Transfer-Encoding:\r\n chunked\r\n", END),
        ("te_folded_behind_another", "X: y\r\n" + " " + _TE, END),
        ("te_behind_bare_lf", "X: y\n" + _TE + _CL, "hello"),
        ("te_behind_bare_cr", "X: y\r" + _TE + _CL, "hello"),
        ("te_behind_nul", "X: y\0\r\n" + _TE, END),
        ("te_in_name_with_nul", "Transfer-Encoding\0: chunked\r\n" + _CL, "hello"),
        ("te_without_colon", "Transfer-Encoding chunked\r\n" + _CL, "hello"),
        ("cl_behind_bare_lf", "X: y\n" + _CL, "hello"), ("cl_twice", _CL + _CL, "hello"),
        ("cl_twice_different", _CL + "Content-Length: 0\r\n", "hello"),
        ("cl_twice_in_two_cases", _CL + "content-LENGTH: 5\r\n", "hello"),
        ("cl_list", "Content-Length: 5, 0\r\n", "hello"),
        ("cl_behind_colon", "Content-Length:: 5\r\n", "hello")):
    case(f"smuggling.{_name}", request("/echo", _fields, "POST", body=_body) + _SECOND, 400,
         closes=True)
refused("smuggling", 400,
        ("te_in_http_1_0", request("/echo", _TE, "POST", "HTTP/1.0", body=ONE + END) + _SECOND),
        ("te_and_keep_alive_in_http_1_0",
         request("/echo", _TE + "Connection: keep-alive\r\n", "POST", "HTTP/1.0", body=END)),
        ("host_twice_around_te", request("/echo", _TE + HOST, "POST", body=END) + _SECOND),
        ("te_cl_for_get", request(fields=_TE + _CL, body=END) + _SECOND),
        ("te_cl_for_nothing", request("/none", _TE + _CL, "POST", body=END) + _SECOND))
cases("smuggling",
      ("underscore_is_another_field", request("/echo", "Transfer_Encoding: chunked\r\n" + _CL, "POST",
                                              body="hello"), want(200, b"hello")),
      ("te_request_field_is_another", request("/echo", "TE: chunked\r\n" + _CL, "POST", body="hello"),
       want(200, b"hello")),
      ("connection_does_not_remove_a_length",
       request("/echo", "Connection: content-length\r\n" + _CL, "POST", body="hello"),
       want(200, b"hello")),
      ("connection_does_not_remove_a_coding",
       request("/echo", "Connection: transfer-encoding\r\n" + _TE, "POST", body=ONE + END),
       want(200, b"hello")),
      ("get_with_hidden_request_in_its_body",
       request(fields=f"Content-Length: {len(_SECOND)}\r\n") + _SECOND, want(200, b"Hello, World!")),
      ("method_override_is_not_heard",
       request(fields="X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /none\r\n"), 200),
      ("trailer_does_not_frame_the_next",
       chunked("0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n") + _SECOND, 200, 200))
