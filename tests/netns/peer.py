# SPDX-License-Identifier: BSD-2-Clause
"""Small clients and servers for the tests: each subcommand checks what it does, prints one
line of figures and exits with 1 when anything was lost or wrong."""
import argparse
import hashlib
import os
import socket
import struct
import sys
import threading
import time


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def connect(host, port, timeout=60):
    s = socket.socket(family(host), socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect((host, port))
    return s


def http_get(host, port, path):
    """One request on a connection of its own; the body. Raises on anything odd."""
    with connect(host, port, 30) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
        buf = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            buf += piece
    head, sep, body = buf.partition(b"\r\n\r\n")
    if not sep or b" 200 " not in head.split(b"\r\n")[0]:
        raise ValueError(f"answer is {head[:60]!r}")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:") and int(line.split(b":")[1]) != len(body):
            raise ValueError(f"{len(body)} bytes instead of {line.decode()}")
    return body


def cmd_serial(a):
    """COUNT requests one after another, each on its own connection."""
    failed = 0
    want = None
    begin = time.monotonic()
    for i in range(a.count):
        try:
            body = http_get(a.host, a.port, a.path)
            want = body if want is None else want
            if body != want:
                raise ValueError("another body than the first")
        except (OSError, ValueError) as e:
            failed += 1
            print(f"request {i}: {e}", file=sys.stderr)
            if failed > 10:
                break
    took = time.monotonic() - begin
    print(f"{a.count} requests one after another, {failed} failed, {took:.1f} s")
    return failed != 0


def echo_one(a, i, result):
    data = hashlib.shake_128(f"{a.seed} {i}".encode()).digest(a.bytes)
    got = hashlib.sha256()
    n = 0
    try:
        s = connect(a.host, a.port, a.timeout)

        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        t = threading.Thread(target=send, daemon=True)
        t.start()
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            got.update(piece)
            n += len(piece)
        t.join()
        s.close()
        same = got.digest() == hashlib.sha256(data).digest()
        result[i] = None if same else f"{n} of {len(data)} bytes, sha256 differs"
    except OSError as e:
        result[i] = f"{e} after {n} bytes"


def cmd_echo(a):
    """COUNT connections at once send BYTES each, half-close, and read them all back."""
    result = ["never ended"] * a.count
    begin = time.monotonic()
    ts = [threading.Thread(target=echo_one, args=(a, i, result), daemon=True)
          for i in range(a.count)]
    for t in ts:
        t.start()
    for t in ts:
        t.join(max(0, begin + a.timeout - time.monotonic()))
    bad = [f"connection {i}: {r}" for i, r in enumerate(result) if r]
    print(*bad[:10], sep="\n", end="\n" if bad else "", file=sys.stderr)
    print(f"{a.count} connections of {a.bytes} bytes echoed, {len(bad)} with a loss, "
          f"{time.monotonic() - begin:.1f} s")
    sys.stdout.flush()
    os._exit(1 if bad else 0)  # threads may still hang in recv()


def cmd_talk(a):
    """A connection that lives on: a line in, the same line back, for each line on stdin."""
    with connect(a.host, a.port, 10) as s:
        print("connected", s.getsockname()[1], flush=True)
        f = s.makefile("rwb")
        for line in sys.stdin.buffer:
            f.write(line)
            f.flush()
            back = f.readline()
            if back != line:
                raise ValueError(f"{back!r} came back for {line!r}")
            print("same", flush=True)
    return 0


def cmd_tcp_echo(a):
    """A kernel server that sends back what it gets."""
    srv = socket.create_server((a.host, a.port), family=family(a.host), backlog=128)
    print("listening", flush=True)

    def serve(c):
        while data := c.recv(65536):
            c.sendall(data)
        c.close()

    while True:
        c, _ = srv.accept()
        if a.once:
            srv.close()
            serve(c)
            return 0
        threading.Thread(target=serve, args=(c,), daemon=True).start()


def cmd_udp_echo(a):
    s = socket.socket(family(a.host), socket.SOCK_DGRAM)
    s.bind((a.host, a.port))
    print("listening", flush=True)
    while True:
        data, who = s.recvfrom(65536)
        s.sendto(data, who)


def cmd_udp(a):
    """COUNT datagrams of BYTES, each waited for."""
    s = socket.socket(family(a.host), socket.SOCK_DGRAM)
    s.settimeout(2)
    back = 0
    for i in range(a.count):
        data = struct.pack("!I", i) + os.urandom(a.bytes - 4)
        s.sendto(data, (a.host, a.port))
        try:
            back += s.recvfrom(65536)[0] == data
        except TimeoutError:
            pass
    print(f"{a.count} datagrams of {a.bytes} bytes, {a.count - back} lost")
    return back != a.count


def cmd_again(a):
    """COUNT connections from one and the same port, each reset and at once followed by the next."""
    failed = 0
    for i in range(a.count):
        with socket.socket(family(a.host), socket.SOCK_STREAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.settimeout(10)
            try:
                s.bind(("", 41000))
                s.connect((a.host, a.port))
                s.sendall(b"abc")
                if s.recv(3) != b"abc":
                    raise ValueError("not the echo")
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except (OSError, ValueError) as e:
                failed += 1
                print(f"connection {i}: {e}", file=sys.stderr)
    print(f"{a.count} connections from one port, reset one after another, {failed} failed")
    return failed


def cmd_half(a):
    """COUNT connects that wait for their SYN-ACK and then stay silent until stdin ends."""
    socks = [connect(a.host, a.port) for _ in range(a.count)]
    print("connected", *(s.getsockname()[1] for s in socks), flush=True)
    sys.stdin.read()
    return 0


def main():
    p = argparse.ArgumentParser()
    sub = p.add_subparsers(dest="cmd", required=True)
    for name, extra in {
        "serial": "count path", "echo": "count bytes seed timeout", "talk": "",
        "tcp_echo": "once", "udp_echo": "", "udp": "count bytes", "half": "count",
        "again": "count",
    }.items():
        q = sub.add_parser(name.replace("_", "-"))
        q.set_defaults(run=globals()["cmd_" + name])
        q.add_argument("host")
        q.add_argument("port", type=int)
        for e in extra.split():
            if e in ("count", "bytes"):
                q.add_argument(e, type=int)
            elif e == "once":
                q.add_argument("--once", action="store_true")
            elif e == "path":
                q.add_argument("path", nargs="?", default="/")
            else:
                q.add_argument("--" + e, type=int, default={"timeout": 120}.get(e, 1))
    a = p.parse_args()
    return a.run(a)


if __name__ == "__main__":
    sys.exit(main())
