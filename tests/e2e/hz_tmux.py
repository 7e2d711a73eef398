"""A terminal for tests: tmux with a server of its own, and a collector that says what a test wants."""
import contextlib
import http.server
import json
import os
import queue
import shutil
import threading
import time

from hz_e2e import PIDS, STACK, Skip, inside, run, steady, temporary_directory, wait_until


class Terminal:
    """A shell in a window of so many columns and rows."""

    def __init__(self, cols=80, rows=24, **env):
        if not shutil.which("tmux"):
            raise Skip("no tmux")
        self.socket = os.path.join(temporary_directory(), "tmux")
        words = [f"{name}={value}" for name, value in {"LANG": "C.UTF-8", "PS1": "$ ", **env}.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", cols, "-y", rows, "env", "-u", "LC_ALL", "-u",
                  "NO_COLOR", *words, "bash", "--norc", "--noprofile")
        self.shell = int(self.ask("#{pane_pid}"))
        PIDS.add(self.shell)
        STACK.callback(self.close)
        self.wait("$")

    def tmux(self, *words, check=True):
        return run("tmux", "-S", self.socket, *words, check=check).stdout

    def close(self):
        self.tmux("kill-server", check=False)

    def ask(self, what):
        return self.tmux("display-message", "-p", what).strip()

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")

    def text(self):
        return self.tmux("capture-pane", "-p")

    def colours(self):
        """The picture with its escape sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def command(self, line):
        self.tmux("send-keys", "-l", line)
        self.type("Enter")

    def resize(self, cols, rows):
        self.tmux("resize-window", "-x", cols, "-y", rows)

    def wait(self, part, timeout=10):
        """Until the picture has it; the picture."""
        wait_until(lambda: part in self.text(), timeout, f"no {part!r} in {self.text()}", every=0.05)
        return self.text()

    def wait_gone(self, part, timeout=10):
        wait_until(lambda: part not in self.text(), timeout, f"still {part!r}", every=0.05)

    def still(self):
        return steady(self.text, still=0.4)

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]


class Collector(http.server.ThreadingHTTPServer):
    """/events of a hz-collector: what is put into say() goes to every reader, and a tick each second unless it is
    silent."""
    daemon_threads = True

    def __init__(self, instance, port=0, netns=None):
        self.readers, self.instance, self.is_silent = [], instance, False
        with inside(netns) if netns else contextlib.nullcontext():
            super().__init__(("127.0.0.1", port), Reader)
        self.at = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        STACK.callback(self.close)

    def say(self, kind, record):
        for reader in list(self.readers):
            reader.put(f"event: {kind}\ndata: {json.dumps(record)}\n\n".encode())

    def wait_reader(self, timeout=10):
        wait_until(lambda: self.readers, timeout, "nobody reads /events")
        time.sleep(0.05)

    def close(self):
        for reader in list(self.readers):
            reader.put(None)
        self.shutdown()
        self.server_close()


class Reader(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/events":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        said = queue.Queue()
        tick = f"event: tick\ndata: {json.dumps({'status': {'instance': self.server.instance}})}\n\n".encode()
        said.put(tick)
        self.server.readers.append(said)
        try:
            while (event := self.next_event(said, tick)) is not None:
                self.wfile.write(event)
        except OSError:
            pass
        finally:
            self.server.readers.remove(said)

    def next_event(self, said, tick):
        while True:
            try:
                return said.get(timeout=1)
            except queue.Empty:
                if not self.server.is_silent:
                    return tick

    def log_message(self, *_):
        pass


def slow(total_us, path="/users/812", **more):
    """A record of a slow answer."""
    return {"kind": "slow", "worker": 1, "sequence": 7, "time_ns": 5, "time_unix_ms": int(time.time() * 1000),
            "connection": 9, "route": "app", "method": "GET", "path": path, "status": 200, "is_example": False,
            "trace_id": "4bf92f35", "span_id": "", "total_ns": total_us * 1000,
            "stages_ns": {"queue": 5000, "parse": 1000, "route": 300, "handler": total_us * 1000 - 8000, "tx": 1700},
            **more}
