"""Readers of event streams and publishers, as clients see them: strict about chunks and fields."""
import contextlib
import json
import re
import socket
import struct

from hz_e2e import expect, expect_equal, inside


def connect(place, timeout=10.0, receive_bytes=0):
    """A socket to place, which has netns, host and port."""
    with inside(place.netns) if place.netns else contextlib.nullcontext():
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(timeout)
    sock.connect((place.host, place.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Reader:
    """One answer without an end, read piece by piece. messages holds (id, text) of events, or (None, text) of
    lines; gaps what was said to be lost; beats counts comments and empty lines."""

    def __init__(self, place, path="/events", last_id=None, version="1.1", receive_bytes=0,
                 timeout=20.0):
        self.sock = connect(place, timeout, receive_bytes)
        resume = "" if last_id is None else f"Last-Event-ID: {last_id}\r\n"
        self.sock.sendall(f"GET {path} HTTP/{version}\r\nHost: a\r\n{resume}\r\n".encode())
        self.head, self.status, self.retry = None, 0, None
        self.raw, self.body = bytearray(), bytearray()
        self.messages, self.gaps, self.beats = [], [], 0
        self.is_over = False  # ended in order: a last chunk, or the end of an HTTP/1.0 answer
        self.is_lines = self.is_chunked = False
        self.last_id = last_id

    def fileno(self):
        return self.sock.fileno()

    def pump(self, size=1 << 16):
        """One receive; False when the connection has ended."""
        data = self.sock.recv(size)
        self.raw += data
        if self.head is None:
            self._head()
        if self.head is not None:
            self._chunks()
            self._messages()
        if not data and not self.is_chunked and self.head is not None:
            self.is_over = True
        return bool(data)

    def read_until(self, condition):
        while not condition(self):
            expect(self.pump(), f"the stream ended early: {self.status}, {len(self.messages)} "
                   f"messages, gaps {self.gaps}")
        return self

    def read_to_end(self):
        while self.pump():
            pass
        return self

    def numbers(self):
        return [number for number, _ in self.messages]

    def texts(self):
        return [text for _, text in self.messages]

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def _head(self):
        end = self.raw.find(b"\r\n\r\n")
        if end == -1:
            return
        self.head = bytes(self.raw[:end]).decode()
        del self.raw[:end + 4]
        self.status = int(self.head.split()[1])
        self.is_chunked = "\r\nTransfer-Encoding: chunked" in self.head
        self.is_lines = "application/x-ndjson" in self.head

    def _chunks(self):
        if not self.is_chunked:
            self.body += self.raw
            self.raw.clear()
            return
        at = 0
        while True:
            line = self.raw.find(b"\r\n", at)
            if line == -1:
                break
            size = int(self.raw[at:line], 16)
            if len(self.raw) < line + 4 + size:
                break
            expect(self.raw[line + 2 + size:line + 4 + size] == b"\r\n", "a chunk without its end")
            self.body += self.raw[line + 2:line + 2 + size]
            at = line + 4 + size
            self.is_over = self.is_over or size == 0
        del self.raw[:at]

    def _messages(self):
        end = b"\n" if self.is_lines else b"\n\n"
        whole, found, rest = bytes(self.body).rpartition(end)
        if not found:
            return
        self.body = bytearray(rest)
        for block in whole.split(end):
            if self.is_lines:
                self._line(block.decode())
            else:
                self._event(block.decode())

    def _line(self, text):
        gap = re.fullmatch(r'\{"gap":(\d+)\}', text)
        if gap:
            self.gaps.append(int(gap.group(1)))
        elif text == "":
            self.beats += 1
        else:
            self.messages.append((None, text))

    def _event(self, block):
        """WHATWG HTML 9.2.6."""
        number, kind, data = None, "message", []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line.startswith(":"):
                self.beats += 1
            elif name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"no field of an event: {line!r}")
        if kind == "gap":
            self.gaps.append(int("\n".join(data)))
        elif data:
            self.last_id = number
            self.messages.append((number, "\n".join(data)))


class Publisher:
    """One connection that posts messages, 16 at a time."""

    def __init__(self, place, path="/publish"):
        self.sock, self.path = connect(place), path
        self.file = self.sock.makefile("rb")

    def send(self, *messages):
        for first in range(0, len(messages), 16):
            batch = [text.encode() for text in messages[first:first + 16]]
            self.sock.sendall(b"".join(
                f"POST {self.path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(text)}\r\n\r\n"
                .encode() + text for text in batch))
            for _ in batch:
                line = self.file.readline()
                expect_equal(line.split()[1:2], [b"204"], "status of a message")
                while self.file.readline() not in (b"\r\n", b""):
                    pass

    def close(self):
        self.file.close()
        self.sock.close()


def topic(place, name):
    """hzctl's figures of one topic."""
    topics = json.loads(place.ctl("-j", "topic", "show").stdout)["topics"]
    return next(entry for entry in topics if entry["name"] == name)
