# SPDX-License-Identifier: BSD-2-Clause
"""What a sender makes of MSS, window, silence and loss: the second half of beside_edges.py."""
import socket
import struct

import wire as w

RTT = 0.1  # of the path: time for a scenario before the first timer
SO_SNDBUFFORCE = 32


def reset(f):
    """Just where the server waits, whatever the script said before (RFC 5961 3.2)."""
    acks = [s.ack for s in f.got if s.flags & w.ACK]
    f.drain()
    f.send("R", seq=acks[-1], ack=0, opt=b"")
    f.on.fence(f)


def sender(t, family, rtt=RTT, syn_wnd=None, **kw):
    """A connection whose round trip the server takes for RTT."""
    f = t.flow(family, **kw)
    f.syn(**({} if syn_wnd is None else {"wnd": syn_wnd}))
    f.next("SA")
    t.wire.sleep(rtt)
    f.send("A", **({} if syn_wnd is None else {"wnd": syn_wnd}))
    f.hand = t.accept()
    f.hand.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20)
    f.first = (f.irs + 1) % 2 ** 32
    return f


def spread(segs):
    """Lengths, each with how often in a row; and PSH is the writer's affair."""
    out = []
    for s in segs:
        name = f"{len(s.data)}"
        if out and out[-1][0] == name:
            out[-1][1] += 1
        else:
            out.append([name, 1])
    return " ".join(f"{n}x{size}" for size, n in out) or "nothing"


def flight(t, f, seconds=0.06):
    """What it sends until it has nothing to do."""
    t.wire.sleep(seconds)
    got = [s for s in f.inbox if s.data]
    f.inbox.clear()
    for s in got:
        f.learn(s)
    return got


def at(f, seg):
    return (seg.seq - f.first) % 2 ** 32


def full(f):
    """Bytes of a full segment."""
    return min(f.mss, 1440 if f.family == 6 else 1460) - (12 if f.ts else 0)


def told(f, *flights):
    """What was sent in each, in full segments from the first on."""
    return " | ".join(",".join(f"{at(f, s) / full(f):g}" for s in got) or "-" for got in flights)


def fenced(t, f):
    """What it sends at once."""
    t.fence(f)
    return flight(t, f, 0)


def ack(f, n, blocks=(), **kw):
    """Everything up to byte n has come, and these blocks."""
    if blocks:
        body = b"".join(struct.pack("!II", (f.first + l) % 2 ** 32, (f.first + r) % 2 ** 32)
                        for l, r in blocks)
        kw["opt"] = w.options(ts=(f.tsval(), f.ts_recent) if f.ts else None,
                              raw=b"\5" + bytes([2 + len(body)]) + body)
    f.tick += 10
    f.send("A", ack=(f.first + n) % 2 ** 32, **kw)


def segment_sizes(t, family, log):
    """The peer's MSS, or none; with timestamps and without; ten segments at first."""
    for mss in None, 0, 1, 48, 64, 88, 536, 1000, 1400, 9000, 65535:
        for ts in True, False:
            f = sender(t, family, 0.05, mss=mss, ts=ts)
            f.hand.sendall(bytes(40000))
            log(f"MSS {mss}, ts {ts}: " + spread(flight(t, f, 0.04)))
            reset(f)


def scaled_windows(t, family, log):
    """How much one unit of the window is worth; that of a SYN is not scaled."""
    for wscale, wnd in ((None, 14480), (0, 14480), (1, 7240), (2, 3620), (7, 114), (10, 15),
                        (14, 1), (15, 1), (255, 1)):
        f = sender(t, family, 0.05, wscale=wscale, syn_wnd=14480)
        f.hand.sendall(bytes(40000))
        first = flight(t, f)
        ack(f, sum(len(s.data) for s in first), wnd=wnd)
        log(f"shift {wscale} window {wnd}: {told(f, first, flight(t, f))}")
        reset(f)


def backoff(t, family, log):
    """Nothing is ever acknowledged: the same segment, each time after twice as long."""
    f = sender(t, family, 0)
    f.hand.sendall(bytes(1000))
    t.wire.sleep(1.9)
    times = [s.at for s in f.inbox if s.data]
    gaps = [b - a for a, b in zip(times, times[1:])]
    log("all the same", {(at(f, s), len(s.data)) for s in f.inbox})
    log("first", 0.18 < gaps[0] < 0.4, "then doubled",
        [1.6 < b / a < 2.5 for a, b in zip(gaps[1:], gaps[2:])][:2])
    reset(f)


def persist(t, family, log):
    """Window probes, further and further apart, whether they are answered or not."""
    for answered in True, False:
        f = sender(t, family, 0, wscale=None)
        ack(f, 0, wnd=0)
        t.fence(f)
        f.drain()
        f.hand.sendall(bytes(3000))
        probes = []
        while len(probes) < 3:
            seg = f.expect("A")
            probes.append(seg)
            if answered:
                ack(f, 0, wnd=0)
        gaps = [b.at - a.at for a, b in zip(probes, probes[1:])]
        log("answered", answered, {f"{(s.seq - f.first + 1) % 2 ** 32 - 1} len {len(s.data)}"
                                   for s in probes},
            "doubled", [1.6 < b / a < 2.5 for a, b in zip(gaps, gaps[1:])])
        ack(f, 0, wnd=full(f))
        log("a window of a segment:", told(f, flight(t, f)))
        ack(f, full(f), wnd=65535)
        log("window 65535: up to", max(at(f, s) + len(s.data) for s in flight(t, f)))
        reset(f)


def window_updates(t, family, log):
    """Whose window counts (RFC 9293 3.10.7.4: SND.WL1, SND.WL2)."""
    for name, seq, off, wnd in (("an old sequence number", -1, 2, 65535),
                                ("an old ACK", 0, 1, 65535), ("the same", 0, 2, 65535),
                                ("smaller", 0, 2, 2000), ("none", 0, 2, 0),
                                ("an ACK of what is not sent", 0, 50, 65535)):
        f = sender(t, family, wscale=None, syn_wnd=6000)
        f.hand.sendall(bytes(40000))
        first = flight(t, f, 0.03)
        ack(f, 2 * full(f), wnd=4 * full(f))
        second = flight(t, f, 0.03)
        ack(f, off * full(f), seq=f.snd_nxt + seq, wnd=wnd)
        third = flight(t, f, 0.03)
        ack(f, sum(len(s.data) for s in first + second + third), wnd=65535)
        log(f"{name}: {told(f, first, second, third)}, then {spread(flight(t, f, 0.03))}")
        reset(f)


def tail_probe(t, family, log):
    """Silence behind a flight: one segment of the tail again, before the timeout."""
    for size, kw in ((10, {}), (3, {}), (2.5, {}), (10, {"sack": False})):
        f = sender(t, family, **kw)
        size = int(size * full(f))
        f.hand.sendall(bytes(size))
        sent = flight(t, f, 0.05)
        t.wire.sleep(0.34)
        again = [s for s in f.inbox if s.data]
        log(f"{size / full(f):g} {kw}:", told(f, sent), "then", told(f, again[:1]))
        reset(f)


LOSS = (
    ("one hole, four blocks above", (0, (1, 2)), (0, (1, 3)), (0, (1, 4)), (0, (1, 5)),
     (5,), (10,)),
    ("two holes", (0, (1, 4)), (0, (5, 8), (1, 4)), (4,), (8,)),
    ("a whole block at once", (0, (3, 10)), (1, (3, 10)), (10,)),
    ("partial ACK", (0, (4, 10)), (2, (4, 10)), (3, (4, 10)), (12,)),
    ("blocks of what is not sent",) + ((0, (50, 60)),) * 4,
    ("blocks below the ACK",) + ((3, (0, 2)),) * 4,
    ("a block turned round",) + ((0, (5, 1)),) * 4,
    ("the second half", (0, (7, 10)), (0, (6, 10)), (0, (5, 10))),
    ("holes all over", (0, (1, 2)), (0, (3, 4), (1, 2)), (0, (5, 6), (3, 4), (1, 2)),
     (0, (7, 8), (5, 6), (3, 4)), (0, (9, 10), (7, 8), (5, 6))),
    ("D-SACK of what came again", (0, (4, 10)), (10, (0, 1))),
)


def loss(t, family, log):
    """Ten are out; what the peer tells of them."""
    for name, *acks in LOSS:
        f = sender(t, family)
        f.hand.sendall(bytes(100 * full(f)))
        flight(t, f, 0.03)
        m, said = full(f), []
        for n, *blocks in acks:
            ack(f, n * m, [(l * m, r * m) for l, r in blocks])
            said.append(fenced(t, f))
        log(f"{name}: {told(f, *said)}, and at last {told(f, flight(t, f))}")
        reset(f)


def duplicates(t, family, log):
    """Without SACK: duplicate ACKs, and what is none: another window, data."""
    for name, count, window, size in (("two", 2, 0, 0), ("three", 3, 0, 0), ("seven", 7, 0, 0),
                                      ("other windows", 4, 1, 0), ("with data", 4, 0, 1)):
        f = sender(t, family, sack=False)
        f.hand.sendall(bytes(100 * full(f)))
        flight(t, f, 0.03)
        ack(f, full(f))
        flight(t, f, 0.01)
        said = []
        for n in range(count):
            f.tick += 10
            f.send("A", b"z" * size, ack=f.first + full(f), wnd=65535 - n * window)
            said.append(fenced(t, f))
        ack(f, 2 * full(f))
        said.append(fenced(t, f))
        log(f"{name}: {told(f, *said)}")
        reset(f)


def first_duplicate(t, family, log):
    """Behind data of the peer's, ACKs that say nothing new."""
    f = sender(t, family, sack=False)
    f.send("PA", b"request")
    f.hand.recv(100)
    f.hand.sendall(bytes(60 * full(f)))
    flight(t, f, 0.03)
    said = []
    for n in range(4):
        ack(f, 0)
        said.append(fenced(t, f))
    log(told(f, *said))
    reset(f)


def window_taken_back(t, family, log):
    """Ten are out, and the window shrinks below them: what comes at the timers?"""
    f = sender(t, family, wscale=None)
    f.hand.sendall(bytes(10 * full(f)))
    sent = flight(t, f, 0.03)
    ack(f, 0, wnd=0)
    t.wire.sleep(0.9)
    again = [s for s in f.inbox if f.sent_at < s.at]
    log(f"{told(f, sent)}, then", *sorted({f"{len(s.data) / full(f):g}" for s in again}))
    ack(f, 0, wnd=65535)
    t.wire.sleep(0.5)
    log("all of it", {at(f, s) // full(f) for s in f.got if s.data} == set(range(10)))
    reset(f)


def short_for_the_window(t, family, log):
    """A segment cut to fit the peer's window (RFC 9293 3.8.6.2.1)."""
    for part in 0.5, 1, 1.25, 1.75, 2, 2.5, 2.75:
        wnd = int(part * full(t.flow(family)))
        f = sender(t, family, 0.05, wscale=None, syn_wnd=wnd)
        f.hand.sendall(bytes(20000))
        log(f"window {part}: " + spread(flight(t, f)))
        reset(f)


SCENARIOS = (segment_sizes, scaled_windows, backoff, persist, window_updates, tail_probe, loss,
             duplicates, first_duplicate, window_taken_back, short_for_the_window)

# What is meant to differ: {scenario: {as the kernel: as syngate}}
DIFFERENCES = {
    # 88 is the least that a peer can bring us down to (Linux: 48): SYN cookies know none below
    "segment_sizes": {
        f"MSS {mss}, ts {ts}: 10x{n}": f"MSS {mss}, ts {ts}: 10x{76 if ts else 88}"
        for mss, ts, n in ((1, True, 36), (1, False, 48), (48, True, 36), (48, False, 48),
                           (64, True, 52), (64, False, 64))
    },
    # RFC 9293 3.8.6.2.1: full segments, and none cut off to fill the window; Linux halves a small
    # window, so that two fit, and fills it
    "scaled_windows": {
        f"shift {n} window 1: 0,1,2,3,4,5,6,7,8,9 | 10,11,12,13,14,15,16,17,18,19,20,21":
        f"shift {n} window 1: 0,1,2,3,4,5,6,7,8,9 | 10,11,12,13,14,15,16,17,18,19,20"
        for n in (14, 15, 255)
    },
    "short_for_the_window": {
        f"window {part}: 2x{int(part * m) // 2}": f"window {part}: 1x{min(m, int(part * m))}"
        for part in (0.5, 1, 1.25, 1.75) for m in (1448, 1428)
    },
    # PRR by the byte (RFC 6937); Linux counts segments and rounds up, and so sends one earlier
    "loss": {
        "one hole, four blocks above: 10 | 11 | 0 | 12 | 13 | 14,15,16, and at last -":
        "one hole, four blocks above: 10 | 11 | 0 | - | - | 12,13,14,15,16, and at last -",
    },
    # the same; and a duplicate is one only with the same window (RFC 5681 2)
    "duplicates": {
        "seven: 12 | 13 | 1 | 14 | - | 15 | 16 | -": "seven: 12 | 13 | 1 | - | 14 | 15 | - | 2",
        "other windows: 12 | 13 | 1 | 14 | -": "other windows: 12 | - | - | - | 13",
    },
    # a probe of the tail is the last full segment's worth of bytes; Linux sends the last segment
    "tail_probe": {"2.5 {}: 0,1,2 then 2": "2.5 {}: 0,1,2 then 1.5"},
    # Linux takes the first ACK behind data of the peer's for a window update
    "first_duplicate": {"- | 10 | 11 | 0": "10 | 11 | 0 | -"},
    # a window that is taken back is probed, with nothing in the probe (MAY-7); Linux sends again
    "window_taken_back": {
        "0,1,2,3,4,5,6,7,8,9, then 1": "0,1,2,3,4,5,6,7,8,9, then 0",
    },
}
