"""Probers as they are: what each sends, byte by byte where the program itself cannot run here."""
import os
import socket
import struct

from hz_e2e import HEALTH_PORT, PORT, Process, inside, run, temporary_directory, tcp_connect


def host_text(host):
    return f"[{host}]" if ":" in host else host


def exchange(netns, host, request, port=HEALTH_PORT, source=None):
    """Sends one request and reads to the end of the connection: what came, or b'' when nobody talks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with inside(netns):
        sock = socket.socket(family, socket.SOCK_STREAM)
    with sock:
        sock.settimeout(3)
        try:
            if source:
                sock.bind((source, 0))
            sock.connect((host, port))
            sock.sendall(request)
            data = b""
            while chunk := sock.recv(4096):
                data += chunk
            return data
        except OSError:
            return b""


def status_of(answer):
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) == 3 and words[0].startswith(b"HTTP/1.") else 0


def kubelet(netns, host, port=HEALTH_PORT, source=None):
    """The kubelet's HTTP probe: Go's client, keep-alive off. 200..399 is success."""
    request = (f"GET /healthz HTTP/1.1\r\nHost: {host_text(host)}:{port}\r\n"
               "User-Agent: kube-probe/1.29\r\nAccept: */*\r\nConnection: close\r\n\r\n")
    return status_of(exchange(netns, host, request.encode(), port, source))


def keepalived_http(netns, host, version):
    """keepalived 2.2.7's HTTP_GET; its own process wants IPVS, which is not everywhere. The answer must
    be whole when the connection ends."""
    close = {"1.0": "", "1.0C": "Connection: close\r\n", "1.1": "Connection: close\r\n"}[version]
    request = (f"GET /healthz HTTP/{version[:3]}\r\nUser-Agent: KeepAliveClient\r\n"
               f"{close}Host: {host_text(host)}:{HEALTH_PORT}\r\n\r\n")
    answer = exchange(netns, host, request.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if len(length) != 1 or int(length[0].split(b":")[1]) != len(body):
        return 0
    return status_of(answer)


def tcp_check(netns, host, port=HEALTH_PORT, with_reset=False):
    """Connect and close, by FIN as nginx does or by RST as HAProxy and keepalived do. Was it accepted?"""
    try:
        with tcp_connect(netns, host, port, 2) as sock:
            if with_reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return True
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(1) == b""
    except OSError:
        return False


def udp_check(netns, host, port, payload=b"are you there?"):
    """The answer, or None when the port is unreachable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with inside(netns):
        sock = socket.socket(family, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(2)
        sock.connect((host, port))
        sock.send(payload)
        try:
            return sock.recv(4096)
        except ConnectionRefusedError:
            return None


HAPROXY = """
global
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    timeout check 1s
    default-server inter 50ms fall 2 rise 1
backend get4
    option httpchk GET /healthz HTTP/1.1
    http-check send hdr Host hz
    server hz {server4}:{port} check
backend get6
    option httpchk GET /healthz
    server hz [{server6}]:{port} check
backend options4
    option httpchk OPTIONS /healthz
    server hz {server4}:{port} check
backend options6
    option httpchk OPTIONS /healthz HTTP/1.1
    http-check send hdr Host hz
    server hz [{server6}]:{port} check
backend head4
    option httpchk HEAD /healthz
    server hz {server4}:{port} check
backend tcp4
    mode tcp
    server hz {server4}:{port} check
backend tcp6
    mode tcp
    server hz [{server6}]:{port} check
"""
HAPROXY_HTTP = ("get4", "get6", "options4", "options6", "head4")
HAPROXY_TCP = ("tcp4", "tcp6")


class Haproxy:
    """HAProxy with a check of each kind, in the client's namespace."""

    def __init__(self, netns, server4, server6):
        self.folder = temporary_directory(0o700)
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w", encoding="ascii") as file:
            file.write(HAPROXY.format(folder=self.folder, server4=server4, server6=server6,
                                      port=HEALTH_PORT))
        self.process = Process("haproxy", "-db", "-f", path, netns=netns)

    def states(self):
        """{backend: (UP or DOWN, HTTP status of the last check)}; {} until it listens."""
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(self.folder + "/haproxy.sock")
            except OSError:
                return {}
            sock.sendall(b"show stat\n")
            text = b""
            while chunk := sock.recv(65536):
                text += chunk
        rows = [line.split(",") for line in text.decode().splitlines() if "," in line]
        names = rows[0]
        return {row[0].lstrip("# "): (row[names.index("status")].split()[0],
                                     row[names.index("check_code")])
                for row in rows[1:] if row[1] == "hz"}

    def are(self, backends, state, code=None):
        states = self.states()
        return all(states.get(name, ("", ""))[0] == state and
                   (code is None or states[name][1] == code) for name in backends)

    def end(self):
        self.process.end()


def curl_status(netns, host, *words, port=HEALTH_PORT, source=None):
    bound = ["--interface", source] if source else []
    return run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3", *bound, *words,
               f"http://{host_text(host)}:{port}/healthz", netns=netns, check=False).stdout


def everybody(netns, host, source):
    """{prober: status}, of all that speak HTTP; source is one that the site names on its own port."""
    return {
        "curl": int(curl_status(netns, host)),
        "curl HEAD": int(curl_status(netns, host, "-I")),
        "curl OPTIONS": int(curl_status(netns, host, "-X", "OPTIONS")),
        "curl HTTP/1.0": int(curl_status(netns, host, "--http1.0")),
        "kubelet": kubelet(netns, host),
        "kubelet, site's port": kubelet(netns, host, PORT, source),
        "curl, site's port": int(curl_status(netns, host, port=PORT, source=source)),
        "keepalived 1.0": keepalived_http(netns, host, "1.0"),
        "keepalived 1.0C": keepalived_http(netns, host, "1.0C"),
        "keepalived 1.1": keepalived_http(netns, host, "1.1"),
    }
