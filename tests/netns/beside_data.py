# SPDX-License-Identifier: BSD-2-Clause
"""Data, each time on syngate and on the kernel: what a receiver acknowledges, and how it tells of
holes and of what came twice; what a SYN's options are answered with; what a sender sends, sends
again and probes. Run by beside_data.sh.

Not here, because syngate is different on purpose, or set up differently:
- The size of the window (65535 at first here, some 45 segments there) and what happens at its edge.
- A short segment that would just fill the peer's window: not sent (RFC 9293 3.8.6.2.1). Linux sends it.
- A window that is taken back over what is out: probed here, sent again at each timeout there.
- The first ACK behind data of the peer's, which says nothing new: a duplicate here (RFC 5681 2). Linux
  takes it for a window update. The scripts acknowledge something first.
- A tail loss probe is the last full segment's worth of bytes here, the last segment there.
- An application that answers at once spares the ACK of the request here.
"""
import socket
import struct
import sys
import threading

import beside
import wire as w
from beside import GAP

RECEIVED, SYNS, SENT = [], [], []
RTT = 0.2
SOON = 0.002  # time for an answer, but not for RACK's reordering timer
DATA = bytes(i % 251 for i in range(8000))


def sack(f, *blocks):
    """Options of an ACK with SACK blocks: bytes of the other side's data."""
    first = (f.irs + 1) % 2 ** 32
    body = b"".join(struct.pack("!II", (first + l) % 2 ** 32, (first + r) % 2 ** 32)
                    for l, r in blocks)
    raw = b"\1\1\5" + bytes([2 + len(body)]) + body
    return w.options(ts=(f.tsval(), f.ts_recent) if f.ts else None, raw=raw)


def gone(side, f):
    """A RST just where the other side waits for the next byte, once its last ACK is here."""
    yield 0.25
    f.rst()
    yield lambda: side.target.state(f) == "gone"


# --- receiving -----------------------------------------------------------------------------

def received(name, *pieces, **syn):
    """Pieces of a stream: (offset, bytes[, flags]), each with time for its answer."""
    def script(side):
        f = yield from side.opened(**syn)
        first = f.snd_nxt
        for off, size, *flags in pieces:
            f.send(flags[0] if flags else "PA", (DATA[off:] if off >= 0 else DATA)[:size],
                   seq=(first + off) % 2 ** 32)
            yield GAP
        side.states(f)
        yield from gone(side, f)
    script.__name__ = name
    RECEIVED.append(script)


received("in_order", (0, 100), (100, 100), (200, 1000))
received("full_segments", *[(n * 1428, 1428) for n in range(4)])
received("one_hole", (100, 100), (0, 100))
received("hole_of_one_byte", (1, 100), (0, 1))
received("hole_grows", (100, 100), (200, 100), (300, 100), (0, 100))
received("hole_at_both_ends", (200, 100), (100, 100), (300, 100), (0, 100))
received("three_holes", (100, 100), (300, 100), (500, 100), (0, 100), (400, 100), (200, 100))
received("five_holes", *[(n, 50) for n in (100, 300, 500, 700, 900)], (0, 100), (150, 150),
         (350, 150), (550, 150), (750, 150))
received("newest_block_first", (700, 50), (100, 50), (500, 50), (300, 50), (0, 100))
received("bridge", (100, 50), (200, 50), (150, 50), (0, 100))
received("swallow", (100, 50), (200, 50), (90, 200), (0, 90))
received("overlap_left", (0, 100), (50, 100))
received("overlap_right", (100, 100), (0, 150))
received("overlap_both", (100, 100), (50, 200), (0, 60))
received("inside", (0, 100), (20, 10))
received("inside_out_of_order", (100, 100), (120, 10), (0, 100))
received("twice", (0, 100), (0, 100))
received("twice_out_of_order", (200, 100), (200, 100), (0, 200))
received("half_old_half_there", (0, 100), (200, 100), (50, 200))
received("old_from_before", (0, 100), (-50, 100))
received("twice_and_a_hole", (0, 100), (200, 100), (0, 100), (100, 100))
received("fin_behind_a_hole", (100, 100, "FPA"), (0, 100))
received("bare_fin_behind_a_hole", (100, 0, "FA"), (0, 100))
received("data_behind_the_fin", (0, 100, "FPA"), (101, 100))
received("fin_twice", (0, 100, "FPA"), (0, 100, "FPA"))
received("probe_without_data", (0, 100), (99, 0, "A"), (99, 0, "A"))
received("probe_of_one_byte", (0, 100), (99, 1, "A"))
received("urgent_flag", (0, 100, "UPA"), (100, 100))
received("no_push", (0, 100, "A"), (100, 100, "A"))
for key in "sack", "ts":
    off = {key: False}
    received(f"no_{key}_one_hole", (100, 100), (0, 100), **off)
    received(f"no_{key}_five_holes", *[(n, 50) for n in (100, 300, 500, 700, 900)], (0, 100),
             (150, 150), **off)
    received(f"no_{key}_twice", (0, 100), (0, 100), **off)
    received(f"no_{key}_twice_out_of_order", (200, 100), (200, 100), (0, 200), **off)


# --- options of a SYN ------------------------------------------------------------------------

def syn(name, opt=None, ends=True, **kw):
    """How a SYN with these options is answered, and that the connection works."""
    def script(side):
        f = side.flow(**kw)
        f.syn(**({} if opt is None else {"opt": opt}))
        if ends:
            yield f
            f.send("A", **({} if opt is None else {"opt": b""}))
            yield lambda: side.target.state(f) == "ESTAB"
            f.send("PA", DATA[:10], **({} if opt is None else {"opt": b""}))
        yield GAP
        side.states(f)
        if ends:
            yield from gone(side, f)
    script.__name__ = "syn_" + name
    SYNS.append(script)


syn("plain")
for n in None, 0, 48, 536, 1220, 9000, 65535:
    syn(f"mss_{n}", mss=n)
for n in None, 0, 14, 15, 255:
    syn(f"wscale_{n}", wscale=n)
syn("no_sack", sack=False)
syn("no_timestamps", ts=False)
syn("nothing", opt=b"")
syn("mss_alone", opt=w.options(mss=1460))
syn("wscale_alone", opt=w.options(wscale=7))
syn("sack_alone", opt=w.options(sack=True))
syn("other_order", opt=b"\3\3\7\4\2\2\4\x05\xb4\0\0\0")
syn("nops_first", opt=b"\1" * 8 + w.options(mss=1000))
syn("end_of_list", opt=w.options(mss=1000) + b"\0\2\4\1")
syn("unknown", opt=b"\xfd\4ab" + w.options(mss=1000))
syn("fast_open_cookie", opt=b"\x22\x02\1\1" + w.options(mss=1000))
syn("mss_twice", opt=w.options(mss=1000) + w.options(mss=500))
syn("forty_bytes", opt=w.options(mss=1000) + b"\1" * 36)


# --- sending -----------------------------------------------------------------------------------

class Bytes(beside.Kernel):
    """What syngate's --app http does with GET /bytes/N, on the kernel's sockets."""

    def __init__(self, port, backlog, head):
        super().__init__(port, backlog)
        self.head = head
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        self.sock.settimeout(None)
        while True:
            conn, _ = self.sock.accept()
            threading.Thread(target=self.answer, args=(conn,), daemon=True).start()

    def answer(self, conn):
        try:
            size = int(conn.recv(4096).split(b"/bytes/")[1].split()[0])
            conn.sendall(self.head.replace(b"LENGTH", b"%d" % size) + b"x" * size)
            while conn.recv(4096):
                pass
        except OSError:
            pass
        conn.close()


def asked(side, size, **syn):
    """A connection on which so much is on its way, and whose round trip is RTT: so a script has
    time before the first timer."""
    f = yield from side.half(**syn)
    yield RTT
    f.send("A")
    yield lambda: side.target.state(f) == "ESTAB"
    f.send("PA", b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
    yield lambda: any(s.data for s in f.got)
    # an application that answers at once spares the ACK: is it that quick? No matter
    f.got = [s for s in f.got if s.flags & w.SYN or s.data]
    f.learned = len(f.got)
    return f


def full(f, n):
    """Bytes of n full segments."""
    return n * (min(f.mss, 1440 if f.family == 6 else 1460) - (12 if f.ts else 0))


def sent(fn):
    SENT.append(fn)
    return fn


def over(side, f):
    side.states(f)
    f.rst()
    yield lambda: side.target.state(f) == "gone"


def data_of(f):
    """Bytes that have come, in order from the first on."""
    end = 0
    for s in sorted((s for s in f.got if s.data), key=lambda s: (s.seq - f.irs) % 2 ** 32):
        at = (s.seq - f.irs - 1) % 2 ** 32
        end = max(end, at + len(s.data)) if at <= end else end
    return end


def until_bytes(f, n):
    return lambda: data_of(f) >= n


def ack(f, n, *blocks, **kw):
    """Everything up to byte n has come, and these blocks."""
    f.send("A", ack=(f.irs + 1 + n) % 2 ** 32, opt=sack(f, *blocks) if blocks else None, **kw)


@sent
def initial_window(side):
    """Ten segments, and then nothing until a tail loss probe and a timeout."""
    f = yield from asked(side, 60000)
    yield until_bytes(f, full(f, 10))
    yield 0.5
    yield from over(side, f)


@sent
def initial_window_of_small_segments(side):
    f = yield from asked(side, 60000, mss=548)
    yield until_bytes(f, full(f, 10))
    yield GAP
    yield from over(side, f)


@sent
def slow_start(side):
    """Each segment acknowledged lets two go."""
    f = yield from asked(side, 200000)
    yield until_bytes(f, full(f, 10))
    for n in 2, 4, 10:
        ack(f, full(f, n))
        yield GAP
    yield from over(side, f)


@sent
def window_of_the_peer(side):
    """No more than what it offers, which is not scaled."""
    f = yield from asked(side, 60000, wscale=None)
    yield until_bytes(f, full(f, 10))
    for n, wnd in (10, full(f, 2)), (12, full(f, 1)):
        ack(f, full(f, n), wnd=wnd)
        yield GAP
    yield from over(side, f)


@sent
def zero_window(side):
    """Probes with nothing in them, further and further apart; then it opens."""
    f = yield from asked(side, 60000, wscale=None)
    yield until_bytes(f, full(f, 10))
    ack(f, full(f, 10), wnd=0)
    yield 1.4
    ack(f, full(f, 10), wnd=full(f, 2))
    yield GAP
    yield from over(side, f)


@sent
def three_duplicates(side):
    """Without SACK: fast retransmit at the third, and a partial ACK brings the next one."""
    f = yield from asked(side, 60000, sack=False)
    yield until_bytes(f, full(f, 10))
    ack(f, full(f, 1))  # for the kernel the first ACK behind our data is no duplicate
    yield GAP
    for _ in range(3):
        ack(f, full(f, 1))
        yield GAP / 5
    yield GAP
    ack(f, full(f, 3))
    yield GAP
    yield from over(side, f)


@sent
def limited_transmit(side):
    """The first two duplicates let a new segment go each (RFC 3042)."""
    f = yield from asked(side, 60000, sack=False)
    yield until_bytes(f, full(f, 10))
    ack(f, full(f, 1))
    yield GAP
    for _ in range(2):
        ack(f, full(f, 1))
        yield GAP / 5
    yield GAP
    yield from over(side, f)


@sent
def sacked_behind_the_first(side):
    """The first is missing, three behind it are there."""
    f = yield from asked(side, 60000)
    yield until_bytes(f, full(f, 10))
    for n in 1, 2, 3:
        ack(f, 0, (full(f, 1), full(f, n + 1)))
        yield SOON
    yield GAP
    yield from over(side, f)


@sent
def sacked_in_the_middle(side):
    """Two are missing: both come again, and once."""
    f = yield from asked(side, 60000)
    yield until_bytes(f, full(f, 10))
    ack(f, full(f, 1))
    yield GAP
    ack(f, full(f, 1), (full(f, 4), full(f, 7)), (full(f, 2), full(f, 3)))
    yield GAP
    yield from over(side, f)


@sent
def timeout(side):
    """Nothing is acknowledged: one segment again, each time after twice as long."""
    f = yield from asked(side, 1000)
    yield 1.0
    yield from over(side, f)


@sent
def timeout_answered(side):
    """What was sent again is acknowledged: the rest follows."""
    f = yield from asked(side, 8000, sack=False, ts=False)
    yield lambda: len([s for s in f.got if s.data]) >= 8
    ack(f, full(f, 1))
    yield GAP
    yield from over(side, f)


@sent
def fin_in_order(side):
    """Everything acknowledged, the client closes: the server's FIN, and the last ACK."""
    f = yield from asked(side, 1000)
    yield GAP
    f.send("FA", ack=f.rcv_nxt)
    yield GAP
    yield from over(side, f)


# --- both sides -----------------------------------------------------------------------------------

def quiet_line(peer, seg, line=beside.Peer.line):
    """PSH marks the end of a write, which is another one on each side; blocks are told."""
    seg = seg._replace(flags=seg.flags & ~w.PSH)
    text = line(peer, seg)
    for l, r in seg.opt.get("blocks", []):
        text += f" {(l - peer.iss - 1) % 2 ** 32}-{(r - peer.iss - 1) % 2 ** 32}"
    return text


def answer_head(wire):
    """The first lines of syngate's answer."""
    f = wire.flow(82)
    f.open()
    f.send("PA", b"GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    while True:
        seg = f.expect()
        if seg.data:
            f.send("R", seq=f.snd_nxt)
            head = seg.data.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            return head.replace(b"Content-Length: 1\r", b"Content-Length: LENGTH\r")


def main():
    queues, only = int(sys.argv[1]), sys.argv[2:]
    beside.Peer.line = quiet_line
    wire = w.Wire()
    stage = beside.Stage(wire, queues, LINES, COUNTERS)
    stage.add("hold", 80, 8080, 4096)
    stage.pairs["http"] = (beside.Syngate(82), Bytes(8082, 4096, answer_head(wire)))
    for what, pair, scripts in (("received", "hold", RECEIVED), ("syn", "hold", SYNS),
                                ("sent", "http", SENT)):
        wanted = [(fn.__name__, pair, fn) for fn in scripts if not only or fn.__name__ in only]
        if wanted:
            stage.run(what, wanted, late=LATE[what], show=bool(only))
    stage.table()
    stage.verdict()
    print(f"{len(RECEIVED)} scripts of received data, {len(SYNS)} of options and {len(SENT)} of "
          "sent data: the same on both sides")


LATE = {"received": beside.LATE, "syn": beside.LATE, "sent": 0.8}  # back-off doubles differences
LINES = {}
COUNTERS = {
    "DelayedACKs": "the kernel counts one that waits for a reader that never comes",
    "TCPOFOQueue": "to the kernel a FIN alone behind a hole is a segment out of order",
    # how often a timer fires in what a script takes
    "OutSegs": "timers", "RetransSegs": "timers", "TCPFastRetrans": "timers",
    "TCPLossProbes": "timers", "TCPLostRetransmit": "counted by runs here", "TCPTimeouts": "timers",
    "TCPSlowStartRetrans": "timers", "TCPWinProbe": "timers",
}

beside.main(main)
