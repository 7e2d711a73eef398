#!/usr/bin/env python3
"""The Linux side of transfers over the relay: reads the body of a request, then sends it back. One
connection at a time, kernel TCP with CUBIC.

  echo_server.py ADDRESS PORT
"""
import socket
import sys


def serve(sock):
    reader = sock.makefile("rb", buffering=262144)
    while reader.readline():
        length = 0
        while (line := reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = reader.read(length)
        if len(body) < length:
            return
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        sock.sendall(body)


def main():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen(8)
    print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        with sock:
            try:
                serve(sock)
            except OSError:
                pass  # a client that gave up


if __name__ == "__main__":
    main()
