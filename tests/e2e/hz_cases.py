"""The cases of test_conformance.py: a name, what a client sends, what must come back.

    case("group.name", bytes, 200)             answered 200, and the connection goes on
    case("group.name", bytes, 200, 404)        two answers
    case("group.name", bytes, 400, closes=True)   answered and closed, whatever follows
    case("group.name", bytes, waits=True)      not complete: no answer, and our FIN ends it

An answer is a status, or want(status, ...) for more than that. That a connection goes on is proved by
a further request on it, so that no case waits for a timeout."""
from hz_talk import END, Answer, Malformed, Talk

HOST = "Host: a.example\r\n"
PROBE = b"GET /json HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
CASES = []


class Want:
    def __init__(self, status, body=None, to_head=False, fields=None):
        self.status, self.body, self.to_head, self.fields = status, body, to_head, fields or {}
        self.check = None  # called with the answer; raises Malformed


def want(status, body=None, to_head=False, **fields):
    """fields: content_type="text/plain" and so on; None: must not be there."""
    return Want(status, body, to_head, fields)


def as_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def request(target="/", fields="", method="GET", version="HTTP/1.1", host=HOST, body=""):
    """A request; fields are whole lines."""
    return as_bytes(f"{method} {target} {version}\r\n{host}{fields}\r\n") + as_bytes(body)


def post(body, target="/echo", fields=""):
    body = as_bytes(body)
    return request(target, f"Content-Length: {len(body)}\r\n{fields}", "POST") + body


def chunked(encoded, target="/echo", fields=""):
    """encoded: chunks as they are sent, the last one and trailers too."""
    return request(target, f"Transfer-Encoding: chunked\r\n{fields}", "POST") + as_bytes(encoded)


class Case:
    def __init__(self, name, steps, wants, closes=False, waits=False, reads_late=False):
        self.name, self.closes, self.waits = name, closes, waits
        self.wants = [w if isinstance(w, Want) else Want(w) for w in wants]
        self.steps = list(steps) if isinstance(steps, (list, tuple)) else [as_bytes(steps)]
        self.reads_late = reads_late
        if waits:
            self.steps.append(END)
        elif not closes:
            self.steps.append(PROBE)
            self.wants.append(Want(200))

    def talks(self):
        return [Talk(self.steps, self.reads_late)]

    def shown(self):
        return repr(b"".join(s for s in self.steps if isinstance(s, bytes)))[:200]

    def judge(self, talks):
        """Why this is wrong; None: it is right."""
        return judge(talks[0], self.wants, self.waits)


def judge(talk, wants, waits=False):
    rest = talk.received
    at = 0
    for number, expected in enumerate(wants):
        is_last = number == len(wants) - 1
        try:
            answer = Answer(rest[at:], expected.to_head)
        except Malformed as error:
            return f"answer {number}, want {expected.status}: {error}; ended by {talk.ended}"
        at += answer.bytes
        if answer.status != expected.status:
            return f"answer {number} is {answer.status}, want {expected.status}"
        if expected.body is not None and answer.body != as_bytes(expected.body):
            return f"answer {number} has body {answer.body[:80]!r}"
        for name, value in expected.fields.items():
            got = answer.fields.get(name.replace("_", "-"))
            if got != value:
                return f"answer {number} has {name} {got!r}, want {value!r}"
        if expected.check:
            try:
                expected.check(answer)
            except Malformed as error:
                return f"answer {number}: {error}"
        if answer.status != 100 and answer.closes() != (is_last and not waits):
            return f"answer {number} of {len(wants)} says close: {answer.closes()}"
    if at != len(rest):
        return f"then {bytes(rest[at:at + 80])!r}"
    if talk.ended != "FIN":
        return f"ended by {talk.ended}"
    return None


def case(name, steps, *wants, **more):
    CASES.append(Case(name, steps, wants, **more))


def cases(group, *rows, **more):
    """Rows of (name, what is sent, answers...)."""
    for name, steps, *wants in rows:
        case(f"{group}.{name}", steps, *wants, **more)


def refused(group, status, *rows):
    """Rows of (name, what is sent): answered with status and closed."""
    for name, steps in rows:
        case(f"{group}.{name}", steps, status, closes=True)
