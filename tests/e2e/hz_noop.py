#!/usr/bin/env python3
"""Answers every request of every connection at once and does nothing for it: kernel TCP, one thread.

  hz_noop.py ADDRESS PORT
"""
import selectors
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)
    waiting = selectors.EpollSelector()
    waiting.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting.register(sock, selectors.EVENT_READ)
            elif key.fileobj.recv(4096):
                key.fileobj.send(ANSWER)
            else:
                waiting.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main()
