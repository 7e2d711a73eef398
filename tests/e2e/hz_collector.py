"""A hz-collector in the server's namespace of a rig, and what it says."""
import json
import socket
import time

from hz_e2e import BIN, Process, run, tcp_connect, wait_until

PORT = 9477


class Collector(Process):
    def __init__(self, rig, *words, port=PORT, wait=True):
        self.rig, self.port = rig, port
        super().__init__(BIN + "/hz-collector", "-i", rig.name, "--listen", f"127.0.0.1:{port}",
                         *words, netns=rig.server)
        if wait:
            wait_until(lambda: not self.is_running() or self.code("/api/v1/status") == 200, 10,
                       f"no answer: {self.output()}")

    def curl(self, path, *words, check=True):
        return run("curl", "-sS", "--max-time", "10", *words,
                   f"http://127.0.0.1:{self.port}{path}", netns=self.rig.server, check=check).stdout

    def code(self, path, *words):
        """The status of an answer, 0: there was none."""
        return int(self.curl(path, "-o", "/dev/null", "-w", "%{http_code}", *words, check=False))

    def get(self, path):
        return json.loads(self.curl(path))

    def status(self):
        return self.get("/api/v1/status")

    def samples(self, stage="total", last=600):
        """What the columns hold, those of no data counted apart."""
        columns = self.get(f"/api/v1/heatmap?stage={stage}&last={last}")["columns"]
        return (sum(sum(column["counts"]) for column in columns if column["counts"] is not None),
                sum(column["counts"] is None for column in columns))

    def metrics(self):
        """The text form as {series: value}."""
        rows = (line.rsplit(" ", 1) for line in self.curl("/metrics").splitlines()
                if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def events(self, seconds):
        """(name, data) of what /events sends in so many seconds."""
        sock = tcp_connect(self.rig.server, "127.0.0.1", self.port)
        sock.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                piece = sock.recv(1 << 20)
            except socket.timeout:
                break
            if not piece:
                break
            text += piece
        sock.close()
        found = []
        for block in text.split(b"\r\n\r\n", 1)[1].decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"])))
        return found


def recorded(rig, stage="total"):
    """Samples of a stage in the histograms themselves."""
    rows = rig.ctl_json("latency")
    rows = rows if isinstance(rows, list) else rows.get("stages", rows)
    return next(int(row["count"]) for row in rows if row["stage"] == stage)
