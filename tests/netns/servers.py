# SPDX-License-Identifier: BSD-2-Clause
"""Servers behind syngate that say who they are, and clients that count whom they met."""
import argparse
import collections
import json
import os
import socket
import sys
import threading
import time

import peer


def listen(at, backlog):
    if at.startswith("unix:"):
        path = at[5:]
        s = socket.socket(socket.AF_UNIX)
        s.bind("\0" + path[1:] if path[0] == "@" else path)
        s.listen(backlog)
        return s
    host, port = at.rsplit(":", 1)
    host = host.strip("[]")
    return socket.create_server((host, int(port)), family=peer.family(host), backlog=backlog)


def cmd_fill(a):
    """A connection from this host to a server of this host, which stays."""
    if a.at.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect("\0" + a.at[6:] if a.at[5] == "@" else a.at[5:])
    else:
        host, port = a.at.split(":")
        s = peer.connect(host, int(port))
    print("connected", flush=True)
    threading.Event().wait()
    return s


def answer(name, conn):
    how = "end"
    try:
        with conn, conn.makefile("rb") as f:
            for line in f:
                conn.sendall(name + b" " + line)
    except OSError:
        how = "reset"
    print(how, flush=True)


def cmd_serve(a):
    """Each line comes back with NAME in front; how each connection ended is said. `--deaf`: nobody
    accepts."""
    srv = listen(a.at, a.backlog)
    print("listening", flush=True)
    if a.deaf:
        threading.Event().wait()
    while True:
        threading.Thread(target=answer, args=(a.name.encode(), srv.accept()[0]),
                         daemon=True).start()


def ask(host, port, timeout=30):
    s = peer.connect(host, port, timeout)
    s.sendall(b"hello\n")
    f = s.makefile("rb")
    line = f.readline()
    if not line.endswith(b" hello\n"):
        raise ValueError(f"the answer is {line!r}")
    return s, line.split()[0].decode()


def cmd_hold(a):
    """Connections that stay, by orders on stdin: `open N`, `close NAME`, `end`."""
    held = []
    for order in sys.stdin:
        word, *rest = order.split()
        if word == "open":
            held += [ask(a.host, a.port) for _ in range(int(rest[0]))]
        elif word == "close":
            for s, name in held:
                if name == rest[0]:
                    s.close()
            held = [h for h in held if h[1] != rest[0]]
        else:
            return 0
        count = collections.Counter(name for _, name in held)
        print(*(f"{name}:{count[name]}" for name in sorted(count)), flush=True)
    return 0


def cmd_queue(a):
    """COUNT clients that say what they want at once, and leave as soon as they have it."""
    socks = [peer.connect(a.host, a.port, 60) for _ in range(a.count)]
    for s in socks:
        s.sendall(b"hello\n")
    served = [None] * a.count

    def wait(i):
        with socks[i], socks[i].makefile("rb") as f:
            served[i] = f.readline().endswith(b" hello\n")

    threads = [threading.Thread(target=wait, args=(i,)) for i in range(a.count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f"{sum(map(bool, served))} served", flush=True)
    return not all(served)


def cmd_silent(a):
    """Two connections, one of which goes on talking until the other one ends."""
    silent, _ = ask(a.host, a.port)
    talking, _ = ask(a.host, a.port)
    end = threading.Event()
    how = []

    def wait():
        try:
            how.append("end" if silent.recv(1) == b"" else "data")
        except ConnectionResetError:
            how.append("reset")
        end.set()

    threading.Thread(target=wait, daemon=True).start()
    f = talking.makefile("rb")
    lines = 0
    while not end.is_set() or lines < 2:
        talking.sendall(b"hello\n")
        if not f.readline().endswith(b" hello\n"):
            raise ValueError(f"the one that talks was ended after {lines} lines")
        lines += 1
    print(f"silent: {how[0]}")
    return 0


def cmd_load(a):
    """THREADS clients, a connection a request, until stdin ends; when each that failed began."""
    done, failed, end = collections.Counter(), [], threading.Event()
    lock = threading.Lock()

    def client():
        while not end.is_set():
            begin = time.monotonic()
            try:
                s, name = ask(a.host, a.port)
                s.close()
                with lock:
                    done[name] += 1
            except (OSError, ValueError) as e:
                with lock:
                    failed.append([begin, str(e)])

    threads = [threading.Thread(target=client) for _ in range(a.threads)]
    for t in threads:
        t.start()
    print("running", flush=True)
    for line in sys.stdin:  # `so far`
        print(json.dumps(done), flush=True)
    end.set()
    for t in threads:
        t.join()
    print(json.dumps({"done": done, "failed": failed}))
    return 0


def cmd_kill(a):
    """End PID; prints a time at which it was gone."""
    os.kill(a.pid, 9)
    while os.path.exists(f"/proc/{a.pid}"):
        time.sleep(0.01)
    print(time.monotonic())
    return 0


def main():
    p = argparse.ArgumentParser()
    sub = p.add_subparsers(required=True)
    q = sub.add_parser("serve")
    q.add_argument("at")
    q.add_argument("name")
    q.add_argument("--backlog", type=int, default=128)
    q.add_argument("--deaf", action="store_true")
    q.set_defaults(run=cmd_serve)
    for name in ("hold", "silent", "load"):
        q = sub.add_parser(name)
        q.add_argument("host")
        q.add_argument("port", type=int)
        q.add_argument("--threads", type=int, default=8)
        q.set_defaults(run=globals()["cmd_" + name])
    q = sub.add_parser("queue")
    q.add_argument("host")
    q.add_argument("port", type=int)
    q.add_argument("count", type=int)
    q.set_defaults(run=cmd_queue)
    q = sub.add_parser("fill")
    q.add_argument("at")
    q.set_defaults(run=cmd_fill)
    q = sub.add_parser("kill")
    q.add_argument("pid", type=int)
    q.set_defaults(run=cmd_kill)
    a = p.parse_args()
    return a.run(a)


if __name__ == "__main__":
    sys.exit(main())
