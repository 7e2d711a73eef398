"""Files, conditions and ranges: RFC 9110 8, 12.5.3, 13, 14. test.txt and docs/ are those of tests/e2e/www."""
import os

from hz_cases import case, cases, refused, request, want
from hz_talk import Malformed

WWW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "www")
with open(os.path.join(WWW, "test.txt"), "rb") as _file:
    TEXT = _file.read()
SIZE = len(TEXT)
FILE = "/files/test.txt"
PLAIN = {"content_type": "text/plain; charset=utf-8", "accept_ranges": "bytes",
         "content_encoding": None, "vary": "Accept-Encoding"}
OLD, LATE = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"


def get(fields="", target=FILE, method="GET"):
    return request(target, fields, method)


WHOLE = want(200, TEXT, **PLAIN)

# --- the tree --------------------------------------------------------------------------------------------

cases(
    "files",
    ("file_is_whole", get(), WHOLE),
    ("query_is_no_part_of_the_name", get(target=FILE + "?a=b"), WHOLE),
    ("name_is_decoded_once", get(target="/files/t%65st%2Etxt"), WHOLE),
    ("name_is_not_decoded_twice", get(target="/files/t%2565st.txt"), 404),
    ("dot_segments_are_resolved", get(target="/files/docs/./../test.txt"), WHOLE),
    ("head_has_no_body", get(method="HEAD"), want(200, b"", to_head=True, content_length=str(SIZE))),
    ("pipelined", get() * 3, WHOLE, WHOLE, WHOLE),
    ("beside_other_handlers", get() + request("/json") + get(), WHOLE, 200, WHOLE),
    ("directory_shows_its_index", get(target="/files/docs/"),
     want(200, content_type="text/html; charset=utf-8")),
    ("root_shows_its_index", get(target="/files/"), want(200, content_type="text/html; charset=utf-8")),
    ("directory_without_slash", get(target="/files/docs"), want(308, location="/files/docs/")),
    ("directory_keeps_the_query", get(target="/files/docs?a=%20b"),
     want(308, location="/files/docs/?a=%20b")),
    ("directory_of_a_long_way", get(target="/files/x/../docs"), want(308, location="/files/docs/")),
    ("absolute_form", get(target="http://a.example/files/test.txt"), WHOLE),
    *[(f"absent_{i}", get(target="/files/" + path), 404) for i, path in enumerate((
        "none", "test.txt/", "/test.txt", "docs//index.html", "TEST.TXT", "test.tx", "test.txt.",
        "test.txt%20", "test.txt;x", "..;/test.txt", "%5c..%5ctest.txt", ".git", "docs/none/",
        "%2e%2e%5ctest.txt", "test.txt%2500", "%252e%252e/README.md", "...", "docs/..."))],
    *[(f"outside_{i}", get(target=path), 404) for i, path in enumerate((
        "/files/../README.md", "/files/%2e%2e/README.md", "/files/docs/../../README.md",
        "/files/.%2e/www/test.txt", "/files/%2e./test_files.py"))],
    *[(f"never_{i}", get(target=path), 400) for i, path in enumerate((
        "/files/..%2fREADME.md", "/files/%00", "/files/test.txt%00.html", "/../files/test.txt",
        "/files/../../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd", "/files/%0a", "/files/%7f",
        "/files/docs%2findex.html"))],
    ("post_is_405", request(FILE, "Content-Length: 0\r\n", "POST"), want(405, allow="GET, HEAD")),
)
refused("files", 400, ("backslash_is_no_uri", get(target="/files/..\\README.md")),
        ("space_in_target", get(target="/files/a b")),
        ("bad_escape", get(target="/files/%zz")))

# --- codings ---------------------------------------------------------------------------------------------

for _name, _value, _coding in (
        ("gzip", "gzip", "gzip"), ("x_gzip", "x-gzip", "gzip"), ("any_case", "GZIP", "gzip"),
        ("br_only", "br", "br"), ("zstd_only", "zstd;q=0.001", "zstd"), ("weights", "gzip;q=0.2, br;q=0.1",
                                                                      "gzip"),
        ("identity_preferred", "gzip;q=0.5, identity", None), ("refused", "gzip;q=0", None),
        ("unknown", "compress, deflate", None), ("empty", "", None), ("not_acceptable", "*;q=0", None),
        ("bad_weight", "gzip;q=1.5", None), ("bad_list", "gzip br", None), ("four_digits",
                                                                          "gzip;q=0.1234", None),
        ("blanks", " gzip\t; Q=0.5 ,,", "gzip")):
    case(f"coding.{_name}", get(f"Accept-Encoding: {_value}\r\n"),
         want(200, TEXT if _coding is None else None, content_encoding=_coding,
              vary="Accept-Encoding"))

# --- conditions -------------------------------------------------------------------------------------------

NOT_MODIFIED = want(304, b"", content_length=None, content_type=None, vary="Accept-Encoding")
cases(
    "condition",
    ("if_none_match_any", get("If-None-Match: *\r\n"), NOT_MODIFIED),
    ("if_none_match_other", get('If-None-Match: "x", W/"y"\r\n'), WHOLE),
    ("if_none_match_bad", get("If-None-Match: x\r\n"), WHOLE),
    ("if_match_any", get("If-Match: *\r\n"), WHOLE),
    ("if_match_other", get('If-Match: "x"\r\n'), 412),
    ("if_match_of_nothing", get("If-Match: *\r\n", "/files/none"), 404),
    ("if_modified_since_old", get(f"If-Modified-Since: {OLD}\r\n"), WHOLE),
    ("if_modified_since_later", get(f"If-Modified-Since: {LATE}\r\n"),
     want(304, b"")),
    ("if_modified_since_junk", get("If-Modified-Since: yesterday\r\n"), WHOLE),
    ("if_none_match_goes_before_the_date",
     get(f'If-None-Match: "x"\r\nIf-Modified-Since: {LATE}\r\n'), WHOLE),
    ("if_unmodified_since_old", get(f"If-Unmodified-Since: {OLD}\r\n"), 412),
    ("if_match_goes_before_the_date",
     get(f"If-Match: *\r\nIf-Unmodified-Since: {OLD}\r\n"), WHOLE),
    ("head_is_not_modified", get("If-None-Match: *\r\n", method="HEAD"),
     want(304, b"", to_head=True)),
    ("pipelined", get("If-None-Match: *\r\n") + get(), NOT_MODIFIED, WHOLE),
)

# What has no validator: only "*" can match, and only what GET selects is known to be there.
cases(
    "condition_without_validator",
    ("get_if_match_any", get("If-Match: *\r\n", "/any/x"), 200),
    ("get_if_match_other", get('If-Match: "x"\r\n', "/any/x"), 412),
    ("get_if_none_match_any", get("If-None-Match: *\r\n", "/any/x"), want(304, b"", content_length=None)),
    ("get_if_none_match_other", get('If-None-Match: "x"\r\n', "/any/x"), 200),
    ("bytes_if_match_other", get('If-Match: "x"\r\n', "/bytes/10"), 412),
    ("put_if_match_any_is_not_performed", get("If-Match: *\r\n", "/thing", "PUT"), 412),
    ("put_if_none_match_any_is", get("If-None-Match: *\r\n", "/thing", "PUT"), 200),
    ("delete_if_match_other_is_not_performed", get('If-Match: "x"\r\n', "/thing", "DELETE"), 412),
    ("post_if_match_other_is_not_performed",
     get('If-Match: "x"\r\nContent-Length: 2\r\n', "/echo", "POST") + b"ab" + get(target="/any/x"), 412, 200),
    ("date_without_one_of_ours", get(f"If-Unmodified-Since: {OLD}\r\n", "/any/x"), 200),
    ("options_has_none", get('If-Match: "x"\r\n', "/any/x", "OPTIONS"), 204),
    ("not_found_goes_first", get('If-Match: "x"\r\n', "/none"), 404),
    ("pipelined", get("If-None-Match: *\r\n", "/any/x") + get(target="/any/x"), 304, 200),
)

# --- ranges ------------------------------------------------------------------------------------------------


def part(first, last):
    return want(206, TEXT[first:last + 1], content_range=f"bytes {first}-{last}/{SIZE}",
                content_type="text/plain; charset=utf-8", content_length=str(last + 1 - first))


def ranged(value, more=""):
    return get(f"Range: {value}\r\n{more}")


UNSATISFIABLE = want(416, content_range=f"bytes */{SIZE}")
cases(
    "range",
    ("first_byte", ranged("bytes=0-0"), part(0, 0)),
    ("middle", ranged("bytes=100-199"), part(100, 199)),
    ("last_byte", ranged(f"bytes={SIZE - 1}-{SIZE - 1}"), part(SIZE - 1, SIZE - 1)),
    ("open_end", ranged("bytes=5-"), part(5, SIZE - 1)),
    ("suffix", ranged("bytes=-7"), part(SIZE - 7, SIZE - 1)),
    ("suffix_beyond", ranged("bytes=-99999999"), part(0, SIZE - 1)),
    ("end_beyond", ranged("bytes=10-99999999"), part(10, SIZE - 1)),
    ("all_of_it", ranged(f"bytes=0-{SIZE - 1}"), part(0, SIZE - 1)),
    ("unit_in_any_case", ranged("BYTES=1-2"), part(1, 2)),
    ("overlapping_become_one", ranged("bytes=0-9,5-20"), part(0, 20)),
    ("one_of_two_satisfiable", ranged(f"bytes={SIZE}-,3-4"), part(3, 4)),
    ("empty_elements", ranged("bytes=,1-2,,"), part(1, 2)),
    ("beyond", ranged(f"bytes={SIZE}-"), UNSATISFIABLE),
    ("far_beyond", ranged("bytes=18446744073709551616-"), UNSATISFIABLE),
    ("suffix_of_nothing", ranged("bytes=-0"), UNSATISFIABLE),
    ("head_is_whole", get("Range: bytes=0-0\r\n", method="HEAD"),
     want(200, b"", to_head=True, content_length=str(SIZE))),
    ("given_twice_is_none", ranged("bytes=0-0", "Range: bytes=1-1\r\n"), WHOLE),
    ("if_range_other", ranged("bytes=0-0", 'If-Range: "x"\r\n'), WHOLE),
    ("if_range_weak", ranged("bytes=0-0", 'If-Range: W/"x"\r\n'), WHOLE),
    ("if_range_old_date", ranged("bytes=0-0", f"If-Range: {OLD}\r\n"), WHOLE),
    ("condition_goes_first", ranged("bytes=0-0", "If-None-Match: *\r\n"), NOT_MODIFIED),
    ("precondition_goes_first", ranged(f"bytes={SIZE}-", 'If-Match: "x"\r\n'), 412),
    ("of_nothing", get("Range: bytes=0-0\r\n", "/files/none"), 404),
    ("pipelined", ranged("bytes=0-0") + ranged("bytes=1-1") + get(), part(0, 0), part(1, 1), WHOLE),
    *[(f"ignored_{i}", ranged(value), WHOLE) for i, value in enumerate((
        "bytes", "bytes=", "bytes=a-b", "bytes=5-4", "bytes=--1", "bytes=1-2-3", "bytes=1", "lines=0-1",
        "bytes =0-1", "bytes=0-1 x", "bytes=0x0-1", "bytes=1.0-2", "bytes=" + "0-0," * 17, "",
        "bytes=0-1;q=1"))],
)


class Parts:
    """multipart/byteranges, RFC 9110 14.6: the parts as they were asked for, and nothing else."""

    def __init__(self, *bounds):
        self.bounds = bounds

    def __call__(self, answer):
        kind, _, boundary = answer.fields["content-type"].partition("; boundary=")
        if kind != "multipart/byteranges" or not 1 <= len(boundary) <= 70:
            raise Malformed(f"type {answer.fields['content-type']}")
        wanted = b""
        for first, last in self.bounds:
            wanted += (f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       f"Content-Range: bytes {first}-{last}/{SIZE}\r\n\r\n").encode()
            wanted += TEXT[first:last + 1] + b"\r\n"
        wanted += f"--{boundary}--\r\n".encode()
        if answer.body.removeprefix(b"\r\n") != wanted:
            raise Malformed(f"parts {answer.body[:200]!r}")


def parts(*bounds):
    wanted = want(206, content_range=None)
    wanted.check = Parts(*bounds)
    return wanted


cases(
    "range",
    ("two_parts", ranged("bytes=0-4,10-19"), parts((0, 4), (10, 19))),
    ("parts_in_the_order_asked_for", ranged("bytes=100-109,0-4"), parts((100, 109), (0, 4))),
    ("suffix_and_first", ranged("bytes=-5,0-0"), parts((SIZE - 5, SIZE - 1), (0, 0))),
    ("sixteen_parts", ranged("bytes=" + ",".join(f"{i * 9}-{i * 9 + 1}" for i in range(16))),
     parts(*[(i * 9, i * 9 + 1) for i in range(16)])),
    ("parts_pipelined", ranged("bytes=0-4,10-19") * 2, parts((0, 4), (10, 19)),
     parts((0, 4), (10, 19))),
)
