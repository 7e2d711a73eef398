"""Every byte value at every place of the grammar, and every way to cut a request in pieces."""
from hz_cases import (CASES, HOST, PROBE, Case, Want, as_bytes, chunked, judge, post, request,
                      want)
from hz_talk import Talk

ALPHA = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGIT = "0123456789"
HEX = DIGIT + "abcdefABCDEF"
TCHAR = ALPHA + DIGIT + "!#$%&'*+-.^_`|~"
PCHAR = ALPHA + DIGIT + "-._~!$&'()*+,;=:@"
REG_NAME = ALPHA + DIGIT + "-._~!$&'()*+,;="
VALUE = "\t" + "".join(map(chr, list(range(0x20, 0x7f)) + list(range(0x80, 0x100))))
OWS = " \t"


class Sweep(Case):
    """256 connections: build(byte as text) is sent; fits(text) is the status (200: and it goes on)."""

    def __init__(self, name, build, status):
        self.name, self.build, self.status = name, build, status
        self.steps = [build("?")]

    def talks(self):
        return [Talk([self.build(chr(byte)) + PROBE]) for byte in range(256)]

    def judge(self, talks):
        for byte, talk in enumerate(talks):
            status = self.status(chr(byte))
            why = judge(talk, [Want(200), Want(200)] if status == 200 else [Want(status)])
            if why:
                return f"byte {byte:#04x}: {why}"
        return None


def sweep(name, build, allowed, others=400, **special):
    """allowed are answered 200; special: a status for some of the rest, as s501="..."."""
    def status(text):
        for key, texts in special.items():
            if text in texts:
                return int(key[1:])
        return 200 if text in allowed else others

    CASES.append(Sweep(f"bytes.{name}", build, status))


def field(line):
    return request(fields=line)


# --- the head ------------------------------------------------------------------------------------------

sweep("first_of_method", lambda c: request(method=c + "ET"), "G", s501=TCHAR.replace("G", ""))
sweep("inside_method", lambda c: request(method="G" + c + "T"), "E", s501=TCHAR.replace("E", ""))
sweep("after_method", lambda c: as_bytes(f"GET{c}/ HTTP/1.1\r\n{HOST}\r\n"), " ")
sweep("in_path", lambda c: request(f"/any/x{c}y"), PCHAR + "/?")
sweep("in_query", lambda c: request(f"/?x{c}y"), PCHAR + "/?")
sweep("first_of_escape", lambda c: request(f"/?%{c}1"), HEX)
sweep("second_of_escape", lambda c: request(f"/?%4{c}"), HEX)
sweep("after_target", lambda c: as_bytes(f"GET /{c}HTTP/1.1\r\n{HOST}\r\n"), " ")
sweep("in_protocol_name", lambda c: request(version=f"H{c}TP/1.1"), "T")
sweep("in_major_version", lambda c: request(version=f"HTTP/{c}.1"), "1",
      s505=DIGIT.replace("1", ""))
sweep("in_minor_version", lambda c: request(version=f"HTTP/1.{c}",
                                            fields="Connection: keep-alive\r\n"), "1",
      s505=DIGIT[2:], s200="0")
sweep("between_version_digits", lambda c: request(version=f"HTTP/1{c}1"), ".")
sweep("cr_of_request_line", lambda c: as_bytes(f"GET / HTTP/1.1{c}\n{HOST}\r\n"), "\r")
sweep("lf_of_request_line", lambda c: as_bytes(f"GET / HTTP/1.1\r{c}{HOST}\r\n"), "\n")
sweep("first_of_name", lambda c: field(f"{c}A: b\r\n"), TCHAR)
sweep("inside_name", lambda c: field(f"X{c}A: b\r\n"), TCHAR + ":")
sweep("after_name", lambda c: field(f"X-A{c}b\r\n"), ":")
sweep("before_value", lambda c: field(f"X-A:{c}b\r\n"), VALUE)
sweep("inside_value", lambda c: field(f"X-A: b{c}c\r\n"), VALUE)
sweep("after_value", lambda c: field(f"X-A: b{c}\r\n"), VALUE)
sweep("cr_of_field", lambda c: field(f"X-A: b{c}\n"), "\r")
sweep("lf_of_field", lambda c: field(f"X-A: b\r{c}Y: z\r\n"), "\n")
sweep("cr_of_head", lambda c: as_bytes(f"GET / HTTP/1.1\r\n{HOST}{c}\n"), "\r")
sweep("lf_of_head", lambda c: as_bytes(f"GET / HTTP/1.1\r\n{HOST}\r{c}"), "\n")
sweep("in_host", lambda c: request(host=f"Host: a{c}b\r\n"), REG_NAME)
sweep("in_port", lambda c: request(host=f"Host: a:8{c}\r\n"), DIGIT + OWS)
sweep("in_host_of_target", lambda c: request(f"http://a{c}json"), REG_NAME + "/?")
sweep("in_length", lambda c: request("/echo", f"Content-Length: 0{c}\r\n", "POST",
                                     body="z" * (int(c) if c in DIGIT else 0)), DIGIT + OWS)
sweep("in_connection", lambda c: field(f"Connection: x{c}y\r\n"), VALUE)

# --- chunks ----------------------------------------------------------------------------------------------

LAST = "0\r\n\r\n"


def data_of(text):
    return "z" * int(text, 16) + ("\r\n" + LAST if int(text, 16) else "\r\n") if text in HEX else ""


sweep("first_of_size", lambda c: chunked(f"{c}\r\n" + data_of(c)), HEX)
sweep("inside_size", lambda c: chunked(f"0{c}\r\n" + data_of(c)), HEX)
sweep("after_size", lambda c: chunked(f"1{c}\nz\r\n{LAST}"), "\r")
sweep("lf_of_size", lambda c: chunked(f"1\r{c}z\r\n{LAST}"), "\n")
sweep("first_of_extension", lambda c: chunked(f"1;{c}a\r\nz\r\n{LAST}"), TCHAR + OWS)
sweep("inside_extension", lambda c: chunked(f"1;a{c}b\r\nz\r\n{LAST}"), TCHAR + "=;")
sweep("inside_extension_value", lambda c: chunked(f"1;a=b{c}c\r\nz\r\n{LAST}"), TCHAR + ";")
sweep("inside_quotes", lambda c: chunked(f'1;a="b{c}c"\r\nz\r\n{LAST}'), VALUE.replace('"', ""))
sweep("quoted_by_backslash", lambda c: chunked(f'1;a="b\\{c}c"\r\nz\r\n{LAST}'), VALUE)
sweep("cr_of_data", lambda c: chunked(f"1\r\nz{c}\n{LAST}"), "\r")
sweep("lf_of_data", lambda c: chunked(f"1\r\nz\r{c}{LAST}"), "\n")
sweep("cr_of_last", lambda c: chunked(f"0\r\n{c}\n"), "\r")
sweep("lf_of_last", lambda c: chunked(f"0\r\n\r{c}"), "\n")
sweep("inside_trailer_name", lambda c: chunked(f"0\r\nX{c}A: b\r\n\r\n"), TCHAR + ":")
sweep("inside_trailer_value", lambda c: chunked(f"0\r\nX-A: b{c}c\r\n\r\n"), VALUE)
sweep("inside_data", lambda c: chunked(f"3\r\nz{c}z\r\n{LAST}"), [chr(i) for i in range(256)])
sweep("inside_body", lambda c: post(f"z{c}z"), [chr(i) for i in range(256)])

# --- pieces ----------------------------------------------------------------------------------------------

PAUSE = 0.003


class Split(Case):
    """The same bytes cut at every place, one connection per place, and then byte by byte: the same
    answers. is_head_lines: how many bytes of it are worth a cut."""

    def __init__(self, name, sent, wants, closes=False):
        super().__init__(name, sent, wants, closes)
        self.sent = b"".join(self.steps)

    def talks(self):
        sent = self.sent
        talks = [Talk([sent[:at], PAUSE, sent[at:]]) for at in range(1, len(sent))]
        every = [step for i in range(len(sent)) for step in (sent[i:i + 1], PAUSE / 10)]
        return talks + [Talk(every)]

    def judge(self, talks):
        for number, talk in enumerate(talks):
            why = judge(talk, self.wants)
            if why:
                is_last = number == len(talks) - 1
                return f"{'byte by byte' if is_last else f'cut at {number + 1}'}: {why}"
        return None


def split(name, sent, *wants, **more):
    wants = [w if isinstance(w, Want) else Want(w) for w in wants]
    CASES.append(Split(f"pieces.{name}", as_bytes(sent), wants, **more))


split("get", request("/any/%41?b", "X-A:  b \r\nY:\r\n"), want(200, b"any"))
split("post", post("hello"), want(200, b"hello"))
split("chunks", chunked('5;a="b"\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n'), want(200, b"hello!"))
split("absolute", request("http://[::1]:80/json?x", host="Host: b\r\n"), 200)
split("http_1_0", b"\r\n" + request(version="HTTP/1.0", host="",
                                    fields="connection: Keep-Alive\r\n"), 200)
split("pipeline", request(method="HEAD") + post("a") + request("/none"), want(200, to_head=True),
      want(200, b"a"), 404)
split("options", request("*", method="OPTIONS"), 204)
split("discarded_body", chunked("3\r\nabc\r\n0\r\n\r\n", "/none"), 404)
split("bad_field", request(fields="X : y\r\n"), 400, closes=True)
split("bad_version", request(version="HTTP/1.2"), 505, closes=True)
split("unknown_method", request(method="BREW"), 501, closes=True)
split("cl_te", request("/echo", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "POST",
                       body="0\r\n\r\n"), 400, closes=True)
split("bad_chunk", chunked("5\r\nhello!\r\n"), 400, closes=True)
split("too_large", chunked("5\r\nhello\r\n6\r\n world\r\n", "/small"), 413, closes=True)
split("expectation", request("/none", "Expect: 100-continue\r\nContent-Length: 5\r\n", "POST"),
      404, closes=True)
