# SPDX-License-Identifier: BSD-2-Clause
"""A client made by hand, for the tests: raw TCP segments on the client's end of the veth,
from addresses that no kernel answers for, each flow at its own pace. Used side by side on
syngate and on a kernel listener of the same host, so that both can be compared segment by
segment.

    client                                  server
      c0, this program, raw frames -------- s0 10.9.0.1 fd09::1
      is 10.10.0.0/16 and fd10::/64            routes both to c0 (wire_routes in lib.sh)
"""
import collections
import ctypes
import errno
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
SERVER = {4: "10.9.0.1", 6: "fd09::1"}
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
LETTERS = "FSRPAUEC"
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4
SHIFT = int(os.environ.get("WIRE_SHIFT", 0))  # wire_routes in lib.sh
DEADLINE = 10.0  # for what must come; generous, since the machine may be busy


class Wrong(Exception):
    """Something else happened than the test wants."""


def enter(ns):
    """This thread goes into a network namespace; sockets made here stay there."""
    fd = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {ns}")
    os.close(fd)


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def flags_of(text):
    return sum(1 << LETTERS.index(c) for c in text)


def flags_text(flags):
    return "".join(c for i, c in enumerate(LETTERS) if flags >> i & 1) or "none"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


# --- options ------------------------------------------------------------------------------

def options(mss=None, wscale=None, sack=False, ts=None, raw=b""):
    """The bytes of the options; ts = (value, echo)."""
    out = b""
    if mss is not None:
        out += struct.pack("!BBH", 2, 4, mss)
    if sack:
        out += b"\4\2"
    if ts is not None:
        out += struct.pack("!BBII", 8, 10, ts[0] & 0xffffffff, ts[1] & 0xffffffff)
    if wscale is not None:
        out += b"\3\3" + bytes([wscale])
    out += raw
    return out + b"\1" * (-len(out) % 4)


def options_read(data):
    """{'mss': n, 'wscale': n, 'sack': True, 'ts': (value, echo), 'blocks': [(l, r)...]}"""
    got = {}
    while data and data[0] != 0:
        if data[0] == 1:
            data = data[1:]
            continue
        kind, length = data[0], data[1]
        body = data[2:length]
        if kind == 2:
            got["mss"] = struct.unpack("!H", body)[0]
        elif kind == 3:
            got["wscale"] = body[0]
        elif kind == 4:
            got["sack"] = True
        elif kind == 5:
            words = struct.unpack(f"!{len(body) // 4}I", body)
            got["blocks"] = list(zip(words[::2], words[1::2]))
        elif kind == 8:
            got["ts"] = struct.unpack("!II", body)
        data = data[length:]
    return got


# --- segments -----------------------------------------------------------------------------

Segment = collections.namedtuple("Segment", "at src dst sport dport seq ack flags wnd opt data ttl")


def tcp_bytes(src, dst, sport, dport, seq, ack, flags, wnd, opt, data):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                       (20 + len(opt)) << 2, flags, wnd, 0, 0) + opt
    pseudo = src + dst + struct.pack("!IHH", len(head) + len(data), 0, 6)
    total = checksum(pseudo + head + data)
    return head[:16] + struct.pack("!H", total) + head[18:] + data


def ip_bytes(src, dst, payload):
    if len(src) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), 6, 64) + src + dst + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), random.getrandbits(16), 0x4000,
                       64, 6, 0) + src + dst
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def parse(frame, at):
    """The TCP segment of a frame, or None."""
    kind = struct.unpack("!H", frame[12:14])[0]
    ip = frame[14:]
    if kind == 0x0800 and len(ip) >= 20 and ip[9] == 6:
        src, dst, ttl = ip[12:16], ip[16:20], ip[8]
        tcp = ip[(ip[0] & 15) * 4:struct.unpack("!H", ip[2:4])[0]]
    elif kind == 0x86dd and len(ip) >= 40 and ip[6] == 6:
        src, dst, ttl = ip[8:24], ip[24:40], ip[7]
        tcp = ip[40:40 + struct.unpack("!H", ip[4:6])[0]]
    else:
        return None
    if len(tcp) < 20:
        return None
    sport, dport, seq, ack, off, flags, wnd = struct.unpack("!HHIIBBH", tcp[:16])
    off = (off >> 4) * 4
    return Segment(at, src, dst, sport, dport, seq, ack, flags, wnd, options_read(tcp[20:off]),
                   tcp[off:], ttl)


# --- the wire -----------------------------------------------------------------------------

class Wire:
    """Raw frames in and out of c0. Segments that come in go to the flow that they are for."""

    def __init__(self, dev="c0", seed=None, server="server"):
        self.dice = random.Random(seed)
        self.flows = {}
        self.next = {4: 0, 6: 0}
        self.base = self.dice.randrange(1, 200)  # runs in one namespace do not meet
        enter("client")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((dev, 0))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.sock.setblocking(False)
        mac = [json.loads(run("ip", "-n", ns, "-j", "link", "show", d))[0]["address"]
               for ns, d in ((server, "s0"), ("client", dev))]
        self.ether = b"".join(bytes.fromhex(m.replace(":", "")) for m in mac)
        self.mark = 0
        self.lag = 0.0  # how much longer than it was to did sleep() take, at most

    def peer(self, family):
        """An address of ours that was not used before."""
        n = self.next[family] = self.next[family] + 1
        if family == 6:
            return f"fd10::{self.base:x}:{n:x}"
        return f"10.10.{self.base + n // 250}.{n % 250 + 1}"

    def frame(self, ip, queue=None):
        """Send an IP packet; `queue`: the RX queue of the server that it is to arrive on."""
        mark = 0 if queue is None else queue + 1 + SHIFT
        if mark != self.mark:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            self.mark = mark
        kind = b"\x08\x00" if ip[0] >> 4 == 4 else b"\x86\xdd"
        self.raw(self.ether + kind + ip)

    def raw(self, frame):
        while True:
            try:
                self.sock.send(frame)
                return
            except BlockingIOError:
                select.select([], [self.sock], [], 1)
            except OSError as e:  # the veth's ring is full, the frame was not taken
                if e.errno != errno.ENOBUFS:
                    raise
                time.sleep(0.001)

    def take(self, until):
        """Hand out what has come, or wait for something until `until` (time.time())."""
        left = until - time.time()
        if not select.select([self.sock], [], [], max(0, left))[0]:
            return False
        while True:
            try:
                frame, anc, _, who = self.sock.recvmsg(65536, 256)
            except BlockingIOError:
                return True
            if who[2] == PACKET_OUTGOING:
                continue
            at = time.time()
            for level, kind, data in anc:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    s, ns = struct.unpack("qq", data[:16])
                    at = s + ns / 1e9
            seg = parse(frame, at)
            flow = seg and self.flows.get((seg.dst, seg.dport, seg.sport))
            if flow:
                flow.got.append(seg)
                flow.inbox.append(seg)

    def sleep(self, seconds):
        """Let time go by, taking in what comes."""
        until = time.time() + seconds
        while self.take(until) or time.time() < until:
            pass
        self.lag = max(self.lag, time.time() - until)

    def flow(self, port, family=4, **kw):
        return Flow(self, port, family, **kw)


class Flow:
    """One connection, or what pretends to be one. Sends what it is told to, whatever has come."""

    def __init__(self, wire, port, family=4, addr=None, sport=None, iss=None, queue=None,
                 mss=1460, wscale=7, sack=True, ts=True):
        self.wire, self.port, self.family, self.queue = wire, port, family, queue
        self.addr = addr or wire.peer(family)
        self.sport = sport or wire.dice.randrange(20000, 60000)
        self.src, self.dst = address(self.addr), address(SERVER[family])
        self.iss = wire.dice.getrandbits(32) if iss is None else iss
        self.mss, self.wscale, self.sack, self.ts = mss, wscale, sack, ts
        self.ts_base = wire.dice.getrandbits(31)
        self.snd_nxt = self.iss
        self.irs = self.rcv_nxt = None
        self.ts_recent = 0
        self.sent_at = None  # of the last segment sent
        self.got, self.inbox = [], []  # all that came; what expect() has not taken yet
        wire.flows[self.src, self.sport, port] = self

    def tsval(self):
        return (self.ts_base + int(time.monotonic() * 1000)) & 0xffffffff

    def opts(self, flags):
        ts = (self.tsval(), self.ts_recent if flags & ACK else 0) if self.ts else None
        if flags & SYN:
            return options(self.mss, self.wscale, self.sack, ts)
        return options(ts=ts)

    def send(self, flags, data=b"", seq=None, ack=None, wnd=65535, opt=None, queue=None):
        """One segment. seq, ack: absolute; what is not given is what a good peer would send."""
        flags = flags_of(flags) if isinstance(flags, str) else flags
        if seq is None:
            seq = self.snd_nxt
            self.snd_nxt = (seq + len(data) + bool(flags & SYN) + bool(flags & FIN)) % 2 ** 32
        if ack is None:
            ack = self.rcv_nxt or 0 if flags & ACK else 0
        opt = self.opts(flags) if opt is None else opt
        tcp = tcp_bytes(self.src, self.dst, self.sport, self.port, seq, ack, flags, wnd, opt, data)
        self.sent_at = time.time()
        self.wire.frame(ip_bytes(self.src, self.dst, tcp),
                        self.queue if queue is None else queue)

    def syn(self, **kw):
        """The SYN, or the same SYN again."""
        self.send("S", seq=self.iss, **kw)
        if self.snd_nxt == self.iss:
            self.snd_nxt = (self.iss + 1) % 2 ** 32

    def learn(self, seg):
        """Keep the numbers of a segment as a peer would that gets everything in order."""
        if "ts" in seg.opt:
            self.ts_recent = seg.opt["ts"][0]
        if seg.flags & SYN:
            self.irs = seg.seq
            self.rcv_nxt = (seg.seq + 1) % 2 ** 32
        elif self.rcv_nxt == seg.seq:
            self.rcv_nxt = (seg.seq + len(seg.data) + bool(seg.flags & FIN)) % 2 ** 32

    def expect(self, flags=None, within=DEADLINE):
        """The next segment that comes, which must have just these flags (PSH aside)."""
        until = time.time() + within
        while not self.inbox:
            if not self.wire.take(until) and time.time() >= until:
                raise Wrong(f"{self}: nothing in {within} s, want {flags}")
        seg = self.inbox.pop(0)
        if flags is not None and seg.flags & ~PSH != flags_of(flags) & ~PSH:
            raise Wrong(f"{self}: {self.show(seg)}, want {flags}")
        self.learn(seg)
        return seg

    def silent(self, seconds):
        """Nothing may come for so long."""
        self.wire.sleep(seconds)
        if self.inbox:
            raise Wrong(f"{self}: {self.show(self.inbox[0])}, want silence")

    def drain(self):
        """Forget what has come."""
        self.wire.take(time.time())
        self.inbox.clear()

    def open(self, **kw):
        """SYN, SYN-ACK, ACK. Returns the SYN-ACK."""
        self.syn(**kw)
        synack = self.expect("SA")
        self.send("A", **kw)
        return synack

    def show(self, seg):
        """A segment in one line, numbers relative to the first ones."""
        seq = (seg.seq - (self.irs if self.irs is not None else seg.seq)) % 2 ** 32
        ack = f" ack {(seg.ack - self.iss) % 2 ** 32}" if seg.flags & ACK else ""
        size = f" len {len(seg.data)}" if seg.data else ""
        opt = " ".join(sorted(seg.opt))
        return f"{flags_text(seg.flags)} seq {seq}{ack}{size}{' <' + opt + '>' if opt else ''}"

    def __repr__(self):
        host = f"[{self.addr}]" if self.family == 6 else self.addr
        return f"{host}:{self.sport} > :{self.port}"


# --- whom it talks to -----------------------------------------------------------------------

class Syngate:
    """A listener of syngate, as its tools show it."""
    name = "syngate"

    def __init__(self, port):
        self.port = port

    def queues(self):
        """(half-open, waiting to be accepted)"""
        for row in json.loads(run("syngate", "show", "listeners", "-j")):
            if row["port"] == self.port:
                return row["halfopen"], row["acceptq"]
        raise Wrong(f"no listener on port {self.port}")

    def listener(self):
        return next(r for r in json.loads(run("syngate", "show", "listeners", "-j"))
                    if r["port"] == self.port)

    def counters(self):
        return json.loads(run("syngate", "show", "counters", "-j"))

    def set(self, name, value):
        run("syngate", "set", f"{name}={value}")

    def state(self, flow):
        """The state of a flow as ss prints it, or 'gone'."""
        host = f"[{flow.addr}]" if flow.family == 6 else flow.addr
        for what in "conns", "timewait":
            for row in json.loads(run("syngate", "show", what, "-j")):
                if row["peer"] == f"{host}:{flow.sport}" and \
                        row["local"].endswith(f":{flow.port}"):
                    return row["state"]
        return "gone"


class Kernel:
    """A listener of the kernel's, in the same namespace; nobody accepts unless told to."""
    name = "kernel"

    def __init__(self, port, backlog, family=6):
        enter("server")
        self.port = port
        self.sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        if family == 6:  # both families, as syngate's *:PORT
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("::" if family == 6 else "", port))
        self.sock.listen(backlog)
        self.sock.settimeout(DEADLINE)
        enter("client")

    def queues(self):
        ss = ["nsenter", "--net=/run/netns/server", "ss", "-Hn"]
        accept = run(*ss, "-ltn", f"sport = :{self.port}").split()[1]
        half = run(*ss, "-tan", "state", "syn-recv", f"sport = :{self.port}")
        return len(half.splitlines()), int(accept)

    def counters(self):
        """nstat's names without their prefixes."""
        out = {}
        enter("server")
        for name in "snmp", "netstat":
            with open(f"/proc/thread-self/net/{name}") as f:
                lines = f.read().splitlines()
            for names, values in zip(lines[::2], lines[1::2]):
                if names.split(":")[0] in ("Tcp", "TcpExt"):
                    out.update(zip(names.split()[1:], map(int, values.split()[1:])))
        enter("client")
        return out

    def set(self, name, value):
        name = name if "." in name else f"net.ipv4.{name}"
        run("nsenter", "--net=/run/netns/server", "sysctl", "-qw", f"{name}={value}")

    def state(self, flow):
        ss = ["nsenter", "--net=/run/netns/server", "ss", "-Hnta"]
        host = f"[{flow.addr}]" if flow.family == 6 else flow.addr
        for line in run(*ss, f"sport = :{flow.port} and dport = :{flow.sport}").splitlines():
            if host in line:
                return line.split()[0]
        return "gone"


def until(what, condition, within=DEADLINE):
    """Wait until condition() is true: nothing tells when a queue changes."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"waited in vain for {what}")
        time.sleep(0.02)


def main(scenarios):
    """Run the scenarios named on the command line, all of them if none is."""
    failed = 0
    for fn in scenarios:
        if sys.argv[1:] and fn.__name__ not in sys.argv[1:]:
            continue
        try:
            fn()
        except Wrong as e:
            failed += 1
            print(f"{fn.__name__}: FAIL: {e}", file=sys.stderr)
    return failed != 0
