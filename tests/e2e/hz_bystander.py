"""Traffic that is none of hz's, on the interface hz serves: a test that has it run beside itself shows
that the kernel keeps what is the kernel's.

    with Bystander(rig) as other:
        ...whatever hz is put through...
    # leaving checks: every exchange came back whole, none was late, and there were enough of each kind

Kinds, over IPv4 and IPv6: a long TCP connection to another port of the claimed address that talks as ssh
does (short lines, now and then a burst); new connections there; datagrams in fragments; echo requests, in
fragments too; and the claimed port of an address that nobody claimed.

is_lossy: the test fills the link, which then loses frames on its own. What has no retransmission is asked
again, as resolvers do, and echo requests may be lost."""
import os
import re
import signal
import socket
import threading
import time

from hz_e2e import (PORT, SERVER4, SERVER6, Process, expect, inside, note, run, tcp_connect,
                    wait_until)

SSH_PORT, UDP_PORT = 22, 5353
OTHER4, OTHER6 = "10.7.0.3", "fd07::3"
BURST = 60000
DATAGRAM = 4000  # three fragments
ASKED_AGAIN = 30
LATE_S = 3.0  # an exchange that takes longer is a failure; two cores are shared by all tests


def _exact(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("closed early")
        data += more
    return data


class _Echo(threading.Thread):
    """A kernel server in the server's namespace: sends back what comes."""

    def __init__(self, netns, address, port, kind):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(netns):
            self.sock = socket.socket(family, kind)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.kind, self.accepted = kind, []
        if kind == socket.SOCK_STREAM:
            self.sock.listen(64)
        self.start()

    def run(self):
        try:
            while True:
                if self.kind == socket.SOCK_DGRAM:
                    data, sender = self.sock.recvfrom(65535)
                    if sender is None:  # shut down
                        return
                    self.sock.sendto(data, sender)
                else:
                    accepted = self.sock.accept()[0]
                    self.accepted.append(accepted)
                    threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def serve(sock):
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
        sock.close()

    def end(self):
        for sock in [self.sock, *self.accepted]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        self.join(5)


class _Client(threading.Thread):
    """exchange() over and over; counts, failures and the longest are kept."""

    def __init__(self, name, exchange, every):
        super().__init__(daemon=True)
        self.what, self.exchange, self.every = name, exchange, every
        self.done, self.failures, self.longest, self.stopping = 0, [], 0.0, False
        self.start()

    def run(self):
        while not self.stopping and len(self.failures) < 3:
            started = time.monotonic()
            try:
                self.exchange()
                took = time.monotonic() - started
                self.longest = max(self.longest, took)
                if took > LATE_S:
                    self.failures.append(f"took {took:.1f} s")
                self.done += 1
            except Exception as error:  # the main thread judges
                self.failures.append(f"{type(error).__name__}: {error}")
            time.sleep(self.every)


class Bystander:
    def __init__(self, rig, least=3, is_lossy=False):
        self.rig, self.least, self.is_lossy = rig, least, is_lossy
        self.servers, self.clients, self.socks, self.pings = [], [], [], []

    def __enter__(self):
        for address in (OTHER4 + "/24", OTHER6 + "/64"):
            run("ip", "-n", self.rig.server, "address", "replace", address, "dev", "eth1",
                *(["nodad"] if ":" in address else []))
        for address, other in ((SERVER4, OTHER4), (SERVER6, OTHER6)):
            self._serve(address, SSH_PORT, socket.SOCK_STREAM)
            self._serve(address, UDP_PORT, socket.SOCK_DGRAM)
            self._serve(other, PORT, socket.SOCK_STREAM)
            version = "v6" if ":" in address else "v4"
            self._client("session " + version, self._session(address), 0.01)
            self._client("connect " + version, self._connect(address, SSH_PORT), 0.05)
            self._client("fragments " + version, self._datagrams(address), 0.03)
            self._client("other address " + version, self._connect(other, PORT), 0.05)
            self.pings.append(Process("ping", "-q", "-i", "0.1", "-W", "5", address,
                                      netns=self.rig.client))
            self.pings.append(Process("ping", "-q", "-i", "0.2", "-s", "3000", "-W", "5", address,
                                      netns=self.rig.client))
        return self

    def _serve(self, *words):
        self.servers.append(_Echo(self.rig.server, *words))

    def _client(self, *words):
        self.clients.append(_Client(*words))

    def _session(self, address):
        sock = tcp_connect(self.rig.client, address, SSH_PORT, LATE_S * 2)
        self.socks.append(sock)
        turn = [0]

        def exchange():
            turn[0] += 1
            size = BURST if turn[0] % 20 == 0 else 1 + turn[0] % 100
            data = os.urandom(size)
            sock.sendall(data)
            expect(_exact(sock, size) == data, "other bytes came back")

        return exchange

    def _connect(self, address, port):
        def exchange():
            sock = tcp_connect(self.rig.client, address, port, LATE_S * 2)
            try:
                sock.sendall(b"who is there\n")
                expect(_exact(sock, 13) == b"who is there\n", "other bytes came back")
            finally:
                sock.close()

        return exchange

    def _datagrams(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(self.rig.client):
            sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(LATE_S / ASKED_AGAIN if self.is_lossy else LATE_S)
        self.socks.append(sock)

        def ask(data):
            sock.sendto(data, (address, UDP_PORT))
            got = sock.recv(65535)
            while self.is_lossy and got[:4] != data[:4]:  # of an earlier time
                got = sock.recv(65535)
            expect(got == data, "other bytes came back")

        def exchange():
            for _ in range(ASKED_AGAIN - 1 if self.is_lossy else 0):
                try:
                    return ask(os.urandom(DATAGRAM))
                except TimeoutError:
                    pass
            return ask(os.urandom(DATAGRAM))

        return exchange

    def wait(self, more=3, timeout=30):
        """Until every kind has had some more exchanges."""
        wanted = {client: client.done + more for client in self.clients}
        wait_until(lambda: all(client.done >= wanted[client] or client.failures
                               for client in self.clients), timeout, "other traffic stands still")

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.stopping = True
        for client in self.clients:
            client.join(LATE_S * 3)
        for ping in self.pings:
            ping.signal(signal.SIGINT)
            ping.wait(15)
        for sock in self.socks:
            sock.close()
        for server in self.servers:
            server.end()
        for ping in self.pings:
            ping.end()
        if kind is None:
            self.check()

    def check(self):
        note("beside it: " + ", ".join(f"{client.what} {client.done} (<= {client.longest * 1e3:.0f} ms)"
                                       for client in self.clients))
        for client in self.clients:
            expect(not client.failures, f"{client.what}: {client.failures}")
            expect(client.done >= self.least, f"{client.what}: only {client.done} exchanges")
        for ping in self.pings:
            found = re.search(r"(\d+) packets transmitted, (\d+) received", ping.output())
            expect(found, f"ping: {ping.output()!r}")
            sent, back = int(found.group(1)), int(found.group(2))
            # the last one may still be under way when ping is told to end
            expect(back >= (1 if self.is_lossy else max(1, sent - 1)), f"{' '.join(ping.command[-3:])}: {back} of {sent}")
