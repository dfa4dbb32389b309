# SPDX-License-Identifier: BSD-2-Clause
"""The PROXY protocol, read by the letter of the specification. `serve` is a backend that says in
one line of JSON what header it got and what came with it; `ask` is a client that compares this
with what it knows of its own connection."""
import argparse
import json
import re
import socket
import struct
import sys
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = re.compile(rb"PROXY (TCP[46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n")
CRC32C, UNIQUE_ID, ADMITTED = 0x03, 0x05, 0xE0


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def parse_v1(data):
    m = V1.match(data)
    if not m or m.end() > 107:
        raise ValueError(f"not a version 1 header: {data[:110]!r}")
    family = socket.AF_INET if m[1] == b"TCP4" else socket.AF_INET6
    for addr in (m[2], m[3]):
        socket.inet_pton(family, addr.decode())
    return {"version": 1, "client": [m[2].decode(), int(m[4])],
            "server": [m[3].decode(), int(m[5])]}, m.end()


def parse_v2(data):
    ver_cmd, fam, size = struct.unpack_from("!BBH", data, 12)
    if ver_cmd != 0x21 or fam not in (0x11, 0x21) or len(data) < 16 + size:
        raise ValueError(f"not a whole version 2 header: {data!r}")
    family, n = (socket.AF_INET, 4) if fam == 0x11 else (socket.AF_INET6, 16)
    addrs = data[16:16 + 2 * n]
    sport, dport = struct.unpack_from("!HH", data, 16 + 2 * n)
    got = {"version": 2, "client": [socket.inet_ntop(family, addrs[:n]), sport],
           "server": [socket.inet_ntop(family, addrs[n:]), dport]}
    at = 16 + 2 * n + 4
    while at < 16 + size:
        kind, length = struct.unpack_from("!BH", data, at)
        value = data[at + 3:at + 3 + length]
        if at + 3 + length > 16 + size:
            raise ValueError(f"a TLV beyond the end: {data!r}")
        if kind == CRC32C:
            whole = data[:at + 3] + b"\0\0\0\0" + data[at + 7:16 + size]
            if struct.unpack("!I", value)[0] != crc32c(whole):
                raise ValueError("wrong CRC32c")
            got["crc"] = True
        elif kind == UNIQUE_ID:
            got["unique"] = value.hex()
        elif kind == ADMITTED:
            got["cookie"], got["handshake_us"] = struct.unpack("!BI", value)
        at += 3 + length
    return got, 16 + size


def talk(conn):
    """All of the header is in the first piece: one write, right after the connection is there."""
    with conn:
        try:
            data = conn.recv(65536)
            got, end = (parse_v2 if data.startswith(SIGNATURE) else parse_v1)(data)
            got["with"] = data[end:].decode()
        except (ValueError, OSError, struct.error) as e:
            got = {"error": str(e)}
        conn.sendall(json.dumps(got).encode() + b"\n")
        rest = b""
        while piece := conn.recv(65536):
            rest += piece
        conn.sendall(rest)


def cmd_serve(a):
    srv = socket.create_server(("127.0.0.1", a.port), backlog=128)
    print("listening", flush=True)
    while True:
        threading.Thread(target=talk, args=(srv.accept()[0],), daemon=True).start()


def name(s):
    return list(s.getsockname()[:2])


def check(got, s, a):
    want = {"version": int(a.version[1]), "client": name(s), "server": list(s.getpeername()[:2])}
    if got["version"] == 2:
        want.update(crc=True, cookie=int(a.cookie))
        if len(got["unique"]) != 32 or got["unique"] in a.seen:
            raise ValueError(f"a unique ID that is none: {got}")
        a.seen.add(got["unique"])
        if a.cookie and got["handshake_us"] != 0:
            raise ValueError(f"a cookie remembers no time: {got}")
        if not a.cookie and not a.least * 1000 <= got["handshake_us"] < 60e6:
            raise ValueError(f"the handshake took at least {a.least} ms: {got}")
    for key, value in want.items():
        if got.get(key) != value:
            raise ValueError(f"{key} is {value}: {got}")


def cmd_ask(a):
    """COUNT connections; `--early`: data is there before the backend answers."""
    a.seen = set()
    for i in range(a.count):
        with socket.create_connection((a.host, a.port), 20) as s:
            f = s.makefile("rb")
            if a.early:
                s.sendall(b"early")
                print("sent", flush=True)
            got = json.loads(f.readline())
            if "error" in got:
                raise ValueError(got["error"])
            check(got, s, a)
            if got["with"] != ("early" if a.early else ""):
                raise ValueError(f"not what came with it: {got}")
            late = b"late %d" % i
            s.sendall(late)
            s.shutdown(socket.SHUT_WR)
            if f.read() != late:
                raise ValueError("what came behind the header is not what was sent")
    print(f"{a.count} connections, {a.version} header right, {len(a.seen)} unique IDs")
    return 0


def main():
    p = argparse.ArgumentParser()
    sub = p.add_subparsers(required=True)
    q = sub.add_parser("serve")
    q.add_argument("port", type=int)
    q.set_defaults(run=cmd_serve)
    q = sub.add_parser("ask")
    q.add_argument("host")
    q.add_argument("port", type=int)
    q.add_argument("version", choices=["v1", "v2"])
    q.add_argument("--count", type=int, default=1)
    q.add_argument("--early", action="store_true")
    q.add_argument("--cookie", action="store_true")
    q.add_argument("--least", type=int, default=0)
    q.set_defaults(run=cmd_ask)
    a = p.parse_args()
    return a.run(a)


if __name__ == "__main__":
    sys.exit(main())
