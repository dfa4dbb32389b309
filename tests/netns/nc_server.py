# SPDX-License-Identifier: BSD-2-Clause
"""Servers of the kernel's TCP for tests/netns/nc*.sh, a port each, IPv4 and IPv6. What became of
each connection goes to DIRECTORY/PORT, one line a connection: bytes, sha256, how it ended, peer."""
import hashlib
import os
import socket
import struct
import sys
import threading

DIR, DOWN = sys.argv[1], sys.argv[2]


def take(c, echo=False):
    """To the end of the stream: bytes and their sha256."""
    n, h = 0, hashlib.sha256()
    while True:
        piece = c.recv(262144)
        if not piece:
            return n, h.hexdigest()
        n += len(piece)
        h.update(piece)
        if echo:
            c.sendall(piece)


def give(c):
    with open(DOWN, "rb") as f:
        while piece := f.read(262144):
            c.sendall(piece)


def echo(c):
    return take(c, True)


def digest(c):
    """The client ends first: the answer comes behind its FIN."""
    got = take(c)
    c.sendall(f"{got[0]} {got[1]}\n".encode())
    return got


def first(c):
    """We end first, and go on reading."""
    give(c)
    c.shutdown(socket.SHUT_WR)
    return take(c)


def both(c):
    """Both ways at once."""
    t = threading.Thread(target=give, args=(c,))
    t.start()
    got = take(c)
    t.join()
    return got


def reset(c):
    c.sendall(b"last words\n")
    c.recv(1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return 1, "-"


STALLED = []


def stall(c):
    """Neither reads nor writes nor closes."""
    STALLED.append(c.dup())
    return 0, "-"


def serve(port, what):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    while True:
        c, peer = s.accept()
        threading.Thread(target=one, args=(port, what, c, peer), daemon=True).start()


def one(port, what, c, peer):
    n, digest_, end = 0, "-", "closed"
    try:
        n, digest_ = what(c)
    except OSError as e:
        end = e.strerror.replace(" ", "_")
    c.close()
    with open(os.path.join(DIR, str(port)), "a", encoding="ascii") as f:
        print(n, digest_, end, peer[0], peer[1], file=f)


PORTS = {7: echo, 9: digest, 19: first, 20: reset, 22: stall, 23: both}
os.makedirs(DIR, exist_ok=True)
for number, function in PORTS.items():
    threading.Thread(target=serve, args=(number, function)).start()
