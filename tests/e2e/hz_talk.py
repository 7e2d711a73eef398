"""Many short conversations at once: what to send and when, what came back, and reading it strictly.

A talk is a list of steps: bytes are sent, a float is a pause in seconds, Heard waits until the server said
something, END is our FIN. It is over when the server's FIN or RST came. Nothing here waits for a timeout
unless the server does."""
import collections
import heapq
import re
import selectors
import socket
import time

END = object()
AT_ONCE = 64
TALK_SECONDS = 20


class Heard:
    """Goes on when text was received for the n-th time."""

    def __init__(self, text, times=1):
        self.text, self.times = text, times


class Talk:
    """One connection. reads_late: nothing is read before the last step."""

    def __init__(self, steps, reads_late=False):
        self.steps = collections.deque(steps)
        self.reads_late = reads_late
        self.received = bytearray()
        self.ended = None  # "FIN", "RST", or why it did not end
        self.sock = None

    def interest(self, blocked=False):
        reads = not self.reads_late or not self.steps
        return ((selectors.EVENT_READ if reads else 0) |
                (selectors.EVENT_WRITE if blocked else 0))

    def send(self):
        """Steps up to a pause, which is returned, or until the socket is full: True."""
        while self.steps:
            step = self.steps[0]
            if isinstance(step, float):
                self.steps.popleft()
                return step
            if isinstance(step, Heard):
                if self.received.count(step.text) < step.times:
                    return None
                self.steps.popleft()
                continue
            try:
                if step is END:
                    self.sock.shutdown(socket.SHUT_WR)
                else:
                    sent = self.sock.send(step)
                    if sent < len(step):
                        self.steps[0] = memoryview(step)[sent:]
                        return True
            except BlockingIOError:
                return True
            except OSError:
                self.steps.clear()  # reading tells how it ended
                return None
            self.steps.popleft()
        return None

    def receive(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            self.ended = "RST"
            return
        self.received += data
        if not data:
            self.ended = "FIN"


class _Loop:
    def __init__(self, connect):
        self.connect = connect
        self.selector = selectors.DefaultSelector()
        self.open = set()
        self.wakes = []  # (when, order, talk)
        self.order = 0

    def watch(self, talk, blocked):
        self.selector.unregister(talk.sock) if talk.sock in self.selector.get_map() else None
        events = talk.interest(blocked)
        if events:
            self.selector.register(talk.sock, events, talk)

    def go_on(self, talk):
        said = talk.send()
        if isinstance(said, float):
            self.order += 1
            heapq.heappush(self.wakes, (time.monotonic() + said, self.order, talk))
        self.watch(talk, said is True)

    def start(self, talk):
        try:
            talk.sock = self.connect()
        except OSError as error:
            talk.ended = f"no connection: {error}"
            return
        talk.sock.setblocking(False)
        talk.started = time.monotonic()
        self.open.add(talk)
        self.go_on(talk)

    def finish(self, talk):
        self.open.discard(talk)
        if talk.sock in self.selector.get_map():
            self.selector.unregister(talk.sock)
        talk.sock.close()

    def turn(self):
        wait = max(0.0, self.wakes[0][0] - time.monotonic()) if self.wakes else 0.5
        for key, events in self.selector.select(min(wait, 0.5)):
            talk = key.data
            if events & selectors.EVENT_READ:
                talk.receive()
            if talk.ended:
                self.finish(talk)
            elif events & selectors.EVENT_WRITE or (talk.steps and
                                                    isinstance(talk.steps[0], Heard)):
                self.go_on(talk)
        now = time.monotonic()
        while self.wakes and self.wakes[0][0] <= now:
            talk = heapq.heappop(self.wakes)[2]
            if talk in self.open:
                self.go_on(talk)


def converse(connect, talks):
    """Runs all talks, AT_ONCE at a time."""
    loop = _Loop(connect)
    waiting = collections.deque(talks)
    swept = time.monotonic()
    while waiting or loop.open:
        while waiting and len(loop.open) < AT_ONCE:
            loop.start(waiting.popleft())
        loop.turn()
        now = time.monotonic()
        if now - swept < 1:
            continue
        swept = now
        for talk in [t for t in loop.open if now - t.started > TALK_SECONDS]:
            talk.ended = f"open after {TALK_SECONDS} s"
            loop.finish(talk)


# --- answers -----------------------------------------------------------------------------------------

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [ -~]*\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([ -~\x80-\xff]*)\Z")
DATE = re.compile(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|"
                  rb"Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT\Z")


class Malformed(Exception):
    """An answer that is not HTTP, or not what RFC 9110 asks of every answer."""


class Answer:
    """One answer at the start of received; to_head: a HEAD has no body whatever its length says."""

    def __init__(self, received, to_head):
        end = received.find(b"\r\n\r\n")
        if end < 0:
            raise Malformed(f"no whole head in {bytes(received[:200])!r}")
        lines = bytes(received[:end]).split(b"\r\n")
        found = STATUS_LINE.match(lines[0])
        if not found:
            raise Malformed(f"status line {lines[0]!r}")
        self.status = int(found.group(1))
        self.fields = {}
        for line in lines[1:]:
            field = FIELD.match(line)
            if not field:
                raise Malformed(f"field line {line!r}")
            name = field.group(1).decode().lower()
            if name in self.fields:
                raise Malformed(f"{name} twice")
            self.fields[name] = field.group(2).decode("latin-1")
        self.check_fields()
        length = 0 if to_head else int(self.fields.get("content-length", 0))
        self.bytes = end + 4 + length
        if len(received) < self.bytes:
            raise Malformed(f"{self.status} with {len(received) - end - 4} bytes of {length}")
        self.body = bytes(received[end + 4:self.bytes])

    def check_fields(self):
        if self.status == 100:
            if self.fields:
                raise Malformed(f"100 with {self.fields}")
            return
        if not DATE.match(self.fields.get("date", "").encode()):
            raise Malformed(f"{self.status} with Date {self.fields.get('date')!r}")
        length = self.fields.get("content-length")
        if self.status in (204, 304):
            if self.status == 204 and length is not None:
                raise Malformed("204 with Content-Length, RFC 9110 8.6")
        elif length is None or not length.isdigit():
            raise Malformed(f"{self.status} with Content-Length {length!r}")

    def closes(self):
        return self.fields.get("connection", "").lower() == "close"
