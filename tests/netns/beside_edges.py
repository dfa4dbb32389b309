# SPDX-License-Identifier: BSD-2-Clause
"""Data at the edges, side by side with the kernel's: what beside_data.py leaves out. The server's
end is in the test's hand on both sides, so what was read is compared, too. Here is what is
received; what is sent is in edges_sent.py.

usage: beside_edges.py QUEUES FAMILY [SCENARIO...]; needs beside_edges.sh"""
import socket
import struct
import sys
import time

import closing
import edges_sent
import wire as w
from closing import Settings, until
from edges_sent import reset

DATA = bytes(i % 251 for i in range(4000))

def signed(n):
    """A difference of sequence numbers."""
    return (n + 2 ** 31) % 2 ** 32 - 2 ** 31


def read(f, size=None):
    """What the server gets: so many bytes, or what there is up to the end of stream."""
    got = b""
    while size is None or len(got) < size:
        piece = f.hand.recv(65536)
        if not piece:
            break
        got += piece
    return got


def acked(t, f, end):
    """Wait until all that was sent is acknowledged; that may be delayed."""
    until("an ACK", lambda: f.got[-1].ack == end or
          t.wire.take(time.time() + 0.1) and f.got[-1].ack == end)


def each_option(t, family, log, rows, **kw):
    """One segment of 50 bytes with these options, and a good one behind it."""
    for name, make in rows:
        f = t.established(family, **kw)
        opt = make(f)
        opt += b"\0" * (-len(opt) % 4)
        said = f.poke("PA", DATA[:50], opt=opt)
        log(f"{name}: {said}; then " + f.poke("PA", DATA[50:100], seq=f.iss + 51))
        reset(f)


def stamp(f, tick=0, length=10):
    return struct.pack("!BBII", 8, length, f.tsval() + tick & 0xffffffff, f.ts_recent)


AFTERWARDS = (
    ("no timestamps", lambda f: b""),
    ("unknown", lambda f: b"\xfd\4ab" + stamp(f)),
    ("unknown, length 0", lambda f: stamp(f) + b"\xfd\0"),
    ("unknown, length 1", lambda f: b"\xfd\1" + stamp(f)),
    ("length 0 in front", lambda f: b"\xfd\0" + stamp(f)),
    ("longer than the header", lambda f: stamp(f) + b"\xfd\x20"),
    ("longer than the header in front", lambda f: b"\xfd\x20" + stamp(f)),
    ("kind alone", lambda f: stamp(f) + b"\1\1\1\1\1\xfd"),
    ("timestamps too short", lambda f: stamp(f, length=9)),
    ("timestamps too long", lambda f: stamp(f, length=11) + b"\1"),
    ("timestamps twice", lambda f: stamp(f, 5) + stamp(f, -5)),
    ("the end before them", lambda f: b"\0\1\1\1" + stamp(f)),
    ("not aligned", lambda f: b"\1" + stamp(f)),
    ("behind", lambda f: stamp(f)),
    ("MSS", lambda f: stamp(f) + w.options(mss=100)),
    ("window scale", lambda f: stamp(f) + b"\3\3\0"),
    ("SACK permitted", lambda f: stamp(f) + b"\4\2"),
    ("a block that nobody can have", lambda f: stamp(f) + b"\5\x0a" + bytes(8)),
    ("half a block", lambda f: stamp(f) + b"\5\6" + bytes(4)),
    ("an echo from the future", lambda f: w.options(ts=(f.tsval(), f.ts_recent + 1000000))),
    ("an echo of 0", lambda f: w.options(ts=(f.tsval(), 0))),
    ("forty bytes of NOP", lambda f: b"\1" * 40),
)


def options_afterwards(t, family, log):
    each_option(t, family, log, AFTERWARDS)


def options_not_agreed_on(t, family, log):
    """Timestamps and blocks where the SYN had none."""
    each_option(t, family, log, [r for r in AFTERWARDS if "SACK" in r[0] or "block" in r[0]
                                 or r[0].startswith(("timestamps", "behind", "no "))],
                ts=False, sack=False)


def old_timestamps(t, family, log):
    """PAWS: by how much, with which flags, in which place."""
    with Settings(t, tcp_invalid_ratelimit=0):
        for tick, off, size, flags in (
                (-1, 0, 50, "PA"), (-2, 0, 50, "PA"), (1, 0, 50, "PA"), (0, 0, 50, "PA"),
                (-2 ** 31 + 1, 0, 50, "PA"), (2 ** 31 - 1, 0, 50, "PA"), (-2, 0, 0, "A"),
                (-1, 100, 50, "PA"), (-2, 100, 50, "PA"), (-2, -50, 50, "PA"), (-2, 0, 50, "FA"),
                (-2, 0, 0, "S"), (-2, 0, 0, "RA"), (-2, 3000000, 50, "PA")):
            f = t.established(family)
            f.tick += 10
            f.poke("PA", DATA[:50])
            opt = w.options(ts=(f.tsval() + tick, f.ts_recent))
            seq = f.snd_nxt + off
            log(f"{flags} {off:+} len {size} ts {tick:+}: " +
                f.poke(flags, DATA[:size], seq=seq, opt=opt) + f"; {t.look(f)[0]}")
            reset(f)


def echoes(t, family, log):
    """Whose timestamp comes back (RFC 7323 4.3): the last in order's, not the hole's."""
    f = t.established(family)
    for off, size in ((0, 50), (100, 50), (200, 50), (50, 50), (-20, 40), (150, 50), (250, 10)):
        f.tick += 10
        log(f"{off:+} len {size} at {f.tick}: " + f.poke("PA", DATA[:size], seq=f.iss + 1 + off))
    reset(f)


def overlaps(t, family, log):
    """Whose bytes are read where two segments do not agree."""
    rows = (((100, 100), (50, 100), (0, 50), (150, 50)), ((100, 100), (150, 100), (0, 100)),
            ((100, 100), (50, 200), (0, 50)), ((50, 200), (100, 100), (0, 50)),
            ((100, 100), (100, 100), (0, 100)), ((100, 50), (200, 50), (100, 150), (0, 100)),
            ((0, 100), (50, 100)), ((100, 100), (0, 200)), ((100, 50), (0, 300)))
    for row in rows:
        f = t.established(family)
        said = [f.poke("PA", bytes([65 + n]) * size, seq=f.iss + 1 + off)
                for n, (off, size) in enumerate(row)]
        f.send("FA", seq=f.iss + 1 + max(off + size for off, size in row))
        got = read(f)
        runs = " ".join(f"{chr(c)}{got.count(c)}" for c in sorted(set(got)))
        log(f"{row}: {'; '.join(said)}; read {runs}")
        reset(f)


def urgent(t, family, log):
    """The urgent pointer, with what it points at and without (RFC 6093)."""
    for pointer, size, flags in ((1, 50, "UPA"), (50, 50, "UPA"), (0, 50, "UPA"),
                                 (100, 50, "UPA"), (65535, 50, "UA"), (10, 0, "UA"),
                                 (50, 50, "PA")):
        f = t.established(family)
        opt = f.opts(w.ACK)
        tcp = bytearray(w.tcp_bytes(f.src, f.dst, f.sport, f.port, f.snd_nxt, f.rcv_nxt,
                                    w.flags_of(flags), 65535, opt, DATA[:size]))
        tcp[18:20] = struct.pack("!H", pointer)
        tcp[16:18] = b"\0\0"
        pseudo = f.src + f.dst + struct.pack("!IHH", len(tcp), 0, 6)
        tcp[16:18] = struct.pack("!H", w.checksum(pseudo + bytes(tcp)))
        f.drain()
        t.wire.frame(w.ip_bytes(f.src, f.dst, bytes(tcp)), f.last_queue)
        t.fence(f)
        log(f"{flags} len {size} to {pointer}: " +
            (" and ".join(f.show(s) for s in f.inbox) or "silence"))
        f.drain()
        f.send("FA", DATA[50:100], seq=f.iss + 1 + size)
        acked(t, f, (f.iss + 52 + size) % 2 ** 32)
        log(f"{flags} len {size} to {pointer}: read", len(read(f)))
        reset(f)


def windowed(t, family, **kw):
    """A connection that has said something, and the offset of its window's end."""
    f = t.flow(family, **kw)
    f.shift = f.open().opt["wscale"]
    f.hand = t.accept()
    f.send("PA", DATA[:10])
    seg = f.next("A")
    return f, (seg.ack + (seg.wnd << f.shift)) % 2 ** 32


def beyond_the_window(t, family, log):
    """Data across the edge of the window and behind it, a RST and a FIN there."""
    with Settings(t, tcp_invalid_ratelimit=0):
        for off, size, flags in ((-50, 50, "PA"), (-50, 100, "PA"), (0, 50, "PA"), (1, 50, "PA"),
                                 (3000, 50, "PA"), (0, 0, "A"), (1, 0, "A"), (-1, 0, "FA"),
                                 (0, 0, "FA"), (0, 0, "R"), (-1, 0, "R"), (2, 0, "R"), (0, 0, "S")):
            f, end = windowed(t, family)
            f.drain()
            f.send(flags, DATA[:size], seq=end + off)
            t.fence(f)
            said = " and ".join(f.show(s._replace(opt={})) + "".join(
                f" block edge{signed(l - end):+} to {signed(r - end):+}"
                for l, r in s.opt.get("blocks", ())) for s in f.inbox) or "silence"
            log(f"{flags} {off:+} len {size}: {said}; {t.look(f)[0]}")
            reset(f)


def fill(t, f):
    """Send until the window is closed, what was dropped again. Returns how many bytes it took."""
    while room := f.got[-1].wnd << f.shift:
        f.snd_nxt = f.got[-1].ack
        for size in [1400] * (room // 1400) + [room % 1400]:
            f.send("A", b"x" * size, queue=f.queue)
        end = time.time() + 0.3
        while f.got[-1].ack != f.snd_nxt and time.time() < end:
            t.wire.take(end)
        if not f.got[-1].wnd:  # is it read, after all?
            t.wire.sleep(0.1)
    # the window is told in units of 1 << shift: what does not make a whole one may be taken still
    f.send("A", b"x" * (1 << f.shift), queue=f.queue)
    t.wire.sleep(0.2)  # longer than an ACK may be delayed
    f.snd_nxt = f.got[-1].ack
    return (f.snd_nxt - f.iss - 1) % 2 ** 32


def zero_window(t, family, log):
    """Nobody reads: the window closes; what comes then; and somebody reads."""
    with Settings(t, tcp_invalid_ratelimit=0):
        t.small(20000)
        f, _ = windowed(t, family, queue=0 if t.queues_rx > 1 else None)
        t.small(1 << 20)
        sent = fill(t, f)
        end = f.snd_nxt
        for flags, off, size in (("A", -1, 0), ("A", -1, 1), ("A", 0, 1), ("PA", 0, 100),
                                 ("PA", -50, 100), ("A", 0, 0), ("R", 1, 0), ("FA", 100, 0)):
            f.drain()
            f.send(flags, b"y" * size, seq=end + off, queue=f.queue)
            t.fence(f)
            log(f"{flags} {off:+} len {size}: " + (" and ".join(
                f"{sorted(s.opt)} ack {signed(s.ack - end):+} window {s.wnd}"
                for s in f.inbox) or "silence"))
        f.drain()
        log("read", len(read(f, sent)) == sent)
        until("a window update", lambda: t.wire.take(time.time() + 0.1) and f.got[-1].wnd)
        log("opens", f.got[-1].ack == end)
        f.send("FA", b"end", seq=end, queue=f.queue)
        acked(t, f, (end + 4) % 2 ** 32)
        log("the rest", read(f))
        reset(f)


def delayed(t, family, log):
    """How soon data is acknowledged: at first at once, in a conversation with its answer or after
    delack_ms, the second full segment at once."""
    f = t.established(family)
    for n in range(4):
        f.send("PA", DATA[:10])
        log("at once", f.expect("A").at - f.sent_at < 0.03)
    f.hand.recv(100)
    f.hand.sendall(b"answer")
    f.next("A")
    f.send("PA", DATA[:10])
    seg = f.expect("A")
    log("in a conversation", 0.035 < seg.at - f.sent_at < 0.25)
    f.drain()
    for n in range(4):
        f.send("PA", DATA[:1448 - (20 if family == 6 else 0)])
    t.fence(f)
    log("four full segments:", " and ".join(sorted({f.show(s) for s in f.inbox})[-1:]))
    reset(f)


def main():
    queues, family = int(sys.argv[1]), int(sys.argv[2])
    scenarios = (options_afterwards, options_not_agreed_on, old_timestamps, echoes, overlaps,
                 urgent, beyond_the_window, zero_window, delayed) + edges_sent.SCENARIOS
    return closing.main(scenarios, queues, family, sys.argv[3:],
                        DIFFERENCES | edges_sent.DIFFERENCES)


# What is meant to differ: {scenario: {as the kernel: as syngate}}
def malformed(name):
    return {f"{name}: A seq 1 ack 51 <ts 0>; then A seq 1 ack 101 <ts 0>":
            f"{name}: silence; then A seq 1 ack 1 <blocks 51-101 ts 0>"}


def overlapping(row, said, theirs, ours):
    return {f"{row}: {said}; read {theirs}": f"{row}: {said}; read {ours}"}


CHALLENGES = "TCPChallengeACK 1 TCPSYNChallenge 1"
DIFFERENCES = {
    # a segment whose options cannot be read is dropped by the driver, and counted; Linux reads as
    # far as it can
    "options_afterwards":
        malformed("unknown, length 0") | malformed("unknown, length 1") |
        malformed("length 0 in front") | malformed("longer than the header") |
        malformed("longer than the header in front") | malformed("kind alone") |
        malformed("timestamps too short"),
    # RFC 7323 5.3, R1: older is older; Linux lets one tick pass. And a bare ACK that was overtaken
    # says nothing new to be answered; to Linux the first behind data could still tell of a window
    "old_timestamps": {
        "PA +0 len 50 ts -1: A seq 1 ack 101 <ts 10>; ESTAB":
        "PA +0 len 50 ts -1: A seq 1 ack 51 <ts 10>; ESTAB",
        "PA +100 len 50 ts -1: A seq 1 ack 51 <blocks 151-201 ts 10>; ESTAB":
        "PA +100 len 50 ts -1: A seq 1 ack 51 <ts 10>; ESTAB",
        "A +0 len 0 ts -2: A seq 1 ack 51 <ts 10>; ESTAB": "A +0 len 0 ts -2: silence; ESTAB",
        f"counted: EstabResets 14 PassiveOpens 14 PAWSEstab 7 {CHALLENGES}":
        f"counted: EstabResets 14 PassiveOpens 14 PAWSEstab 8 {CHALLENGES}",
    },
    # RFC 9293 3.10.7.4 leaves open which of two bytes for one place is the right one: here the last
    # to come before the hole is filled
    "overlaps":
        overlapping(((100, 100), (150, 100), (0, 100)),
                    "A seq 1 ack 1 <blocks 101-201 ts 0>; "
                    "A seq 1 ack 1 <blocks 151-201,101-251 ts 0>; A seq 1 ack 251 <ts 0>",
                    "A100 B50 C100", "A50 B100 C100") |
        overlapping(((50, 200), (100, 100), (0, 50)),
                    "A seq 1 ack 1 <blocks 51-251 ts 0>; "
                    "A seq 1 ack 1 <blocks 101-201,51-251 ts 0>; A seq 1 ack 251 <ts 0>",
                    "A200 C50", "A100 B100 C50") |
        overlapping(((100, 100), (100, 100), (0, 100)),
                    "A seq 1 ack 1 <blocks 101-201 ts 0>; "
                    "A seq 1 ack 1 <blocks 101-201,101-201 ts 0>; A seq 1 ack 201 <ts 0>",
                    "A100 C100", "B100 C100"),
    # RFC 6093: urgent data is data in line; Linux takes a byte of it out unless SO_OOBINLINE is set
    "urgent": {
        f"{what}: read {n}": f"{what}: read {n + 1}"
        for what, n in (("UPA len 50 to 1", 99), ("UPA len 50 to 50", 99), ("UPA len 50 to 0", 99),
                        ("UPA len 50 to 100", 99), ("UA len 0 to 10", 49))
    },
    # RFC 9293 3.10.7.4: of a segment that goes beyond the window, what lies in it is taken (new
    # versions of Linux take nothing of it), and a FIN may stand at its edge, behind the last byte
    "beyond_the_window": {
        "PA -50 len 100: A seq 1 ack 11; ESTAB":
        "PA -50 len 100: A seq 1 ack 11 block edge-50 to +0; ESTAB",
        "FA +0 len 0: A seq 1 ack 11; ESTAB":
        "FA +0 len 0: A seq 1 ack 11 block edge+0 to +1; ESTAB",
    },
}

if __name__ == "__main__":
    sys.exit(main())
