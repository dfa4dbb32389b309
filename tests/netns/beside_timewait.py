# SPDX-License-Identifier: BSD-2-Clause
"""TIME_WAIT, side by side with the kernel's.

usage: beside_timewait.py QUEUES FAMILY [SCENARIO...]; needs beside_timewait.sh"""
import sys
import time

import closing
from closing import Settings, until
from wire import Wrong

TW = 60  # seconds
WAIT = 1.2  # long enough to see whether a timer was started anew
DATA = bytes(range(256)) * 40


def restarted(f, poked, look):
    """Does the timer run since the segment, or since before?"""
    state, timer, left = look
    if state == "gone":
        return "gone"
    now = time.time()
    since = (TW - left) - (now - poked), (TW - left) - (now - f.entered)
    kind = "timer restarted" if abs(since[0]) < abs(since[1]) else "timer goes on"
    if min(map(abs, since)) > 0.6:
        kind = f"timer at {left:.1f} s"
    return f"{state}, {timer}, {kind}"


def seen(f, look):
    """State and timer after the last segment; call it in good time."""
    return restarted(f, f.sent_at, look)


# --- what may come in TIME_WAIT ------------------------------------------------------------

# flags, sequence number against what the server waits for, length, timestamp against the last
SEGMENTS = (
    ("A", 0, 0, 0), ("A", 0, 0, 5), ("A", 0, 0, -5), ("A", -100, 0, 0), ("A", 100, 0, 0),
    ("A", -100, 50, 0), ("A", -50, 50, -5), ("A", 0, 50, 0), ("A", 100, 50, 0),
    ("A", 3000000, 50, 0), ("PA", 0, 50, -5),
    ("FA", -1, 0, 0), ("FA", -1, 0, -5), ("FA", 0, 0, 0), ("FA", 100, 0, 0), ("FA", -51, 50, 0),
    ("F", -1, 0, 0), ("none", 0, 0, 0), ("none", 0, 50, 0),
    ("R", 0, 0, 0), ("R", 1, 0, 0), ("R", -1, 0, 0), ("R", 0, 0, -5), ("RA", 0, 0, 0),
    ("RA", 1000, 0, 0), ("R", 1000, 0, 5),
    ("S", -1000, 0, 0), ("S", 0, 0, 0), ("S", 1000, 0, -5), ("S", -1000, 0, -5),
    ("SA", 0, 0, 0), ("SA", 1000, 0, 5), ("SA", -1000, 0, 5), ("SR", 0, 0, 0), ("SF", 1000, 0, 1),
)


def one_segment(t, family, log, ts, rows):
    """Each on a pair of its own: all wait together, then each gets its segment."""
    flows = [t.time_wait(family, ts=ts) for _ in rows]
    t.wire.sleep(WAIT)
    said = []
    for f, (flags, off, size, tick) in zip(flows, rows):
        f.tick += tick
        said.append(f.poke("" if flags == "none" else flags, DATA[:size], seq=f.snd_nxt + off))
    table = t.table()
    for f, (flags, off, size, tick), answer in zip(flows, rows, said):
        look = table.get((f.addr, f.sport, f.port), ("gone", "", 0))
        stamp = f" ts {tick:+}" if ts else ""
        log(f"{flags} {off:+} len {size}{stamp}: {answer}; {seen(f, look)}")


def segments_with_timestamps(t, family, log):
    with Settings(t, tcp_invalid_ratelimit=0):
        one_segment(t, family, log, True, SEGMENTS)


def segments_without_timestamps(t, family, log):
    with Settings(t, tcp_invalid_ratelimit=0):
        one_segment(t, family, log, False, [r for r in SEGMENTS if r[3] == 0])


def rfc1337(t, family, log):
    rows = [r for r in SEGMENTS if "R" in r[0]]
    with Settings(t, tcp_rfc1337=1, tcp_invalid_ratelimit=0):
        one_segment(t, family, log, True, rows)


def answers_are_limited(t, family, log):
    """One answer in tcp_invalid_ratelimit ms to what carries nothing; FINs and data always."""
    with Settings(t, tcp_invalid_ratelimit=60000):
        for flags, off, size in (("A", 100, 0), ("S", -1000, 0), ("FA", -1, 0), ("A", 0, 50)):
            f = t.time_wait(family)
            for turn in 1, 2, 3:
                log(f"{flags}, {turn}: " + f.poke(flags, DATA[:size], seq=f.snd_nxt + off))
        f = t.time_wait(family)
        log("A: " + f.poke("A", seq=f.snd_nxt + 100))
        log("S right behind: " + f.poke("S", seq=f.snd_nxt - 1000))
    f = t.time_wait(family)
    for turn in range(2):  # 500 ms
        log("A: " + f.poke("A", seq=f.snd_nxt + 100))
        t.wire.sleep(0.6)


def last_ack_lost(t, family, log):
    """The first reason for TIME_WAIT."""
    for ts in True, False:
        f = t.time_wait(family, ts=ts)
        for turn in range(3):
            t.wire.sleep(WAIT)
            f.tick += 1
            log("FIN again: " + f.poke("FA", seq=f.snd_nxt - 1))
            log(seen(f, t.look(f)))
            f.entered = f.sent_at
        log("and twice more: " + f.poke("FA", seq=f.snd_nxt - 1) + ", " +
            f.poke("FA", seq=f.snd_nxt - 1))


# --- the pair is used anew ---------------------------------------------------------------------

# timestamps before and now; the new SYN against what is waited for; its timestamp
REOPENING = (
    (True, True, 1, 1), (True, True, 100000, 1), (True, True, -100000, 1), (True, True, 0, 1),
    (True, True, 0, 0), (True, True, 1, 0), (True, True, 100000, -1), (True, True, -100000, 0),
    (True, True, -100000, -1), (True, True, 2 ** 31 - 1, 0), (True, True, 2 ** 31 + 5, 0),
    (False, False, 1, 0), (False, False, 0, 0), (False, False, -1, 0), (False, False, 100000, 0),
    (False, False, -100000, 0), (True, False, 1000, 0), (True, False, -1000, 0),
    (False, True, 1000, 0), (False, True, -1000, 5),
)


def bye(f):
    """The server closes as well."""
    f.drain()
    f.hand.close()
    while not f.expect().flags & 1:
        pass
    f.send("A")


def talk(t, f, log):
    """The new connection: every byte in order, and no other."""
    f.hand = t.accept()
    f.send("PA", DATA[:1000])
    f.next("A")
    f.hand.sendall(b"answer")
    log("the client got " + repr(f.next("A").data))
    f.poke("A")
    f.send("FA")
    got = b""
    while piece := f.hand.recv(65536):
        got += piece
    log("the server got what was sent" if got == DATA[:1000] else f"the server got {got}")
    bye(f)


def reopening(t, family, log):
    for before, now, off, tick in REOPENING:
        f = t.time_wait(family, ts=before)
        f.tick += tick
        g = f.again(f.snd_nxt + off, f.tick, ts=now)
        what = f"ts {before} then {now}, SYN {off:+} ts {tick:+}"
        g.syn()
        t.fence(g)
        if not g.inbox:
            log(f"{what}: silence")
            continue
        if g.inbox[0].flags != 18:
            log(f"{what}: {f.show(g.inbox[0])}; {t.look(f)[0]}")
            continue
        synack = g.expect("SA")
        isn = (synack.seq - f.rcv_nxt) % 2 ** 32
        log(f"{what}: {g.show(synack)}, ISN {isn:+}; {t.look(g)[0]}")
        log(f"the SYN again: {g.poke('S', seq=g.iss, repeats=True)}")
        g.send("A")
        talk(t, g, log)


# The second reason: what the earlier connection left in the network comes late. Sequence
# number against the new connection's (None: it is the old one's), timestamps as of then.
OLD = (
    ("A", None, 500), ("PA", None, 1), ("FA", None, 0), ("A", None, 0), ("R", None, 0),
    ("RA", None, 0), ("S", None, 0),
    ("PA", 200, 500), ("FA", 0, 0), ("FA", 0, 100), ("A", 0, 0),
)


def old_duplicates(t, family, log, ts, where):
    with Settings(t, tcp_invalid_ratelimit=0):
        for flags, off, size in OLD:
            f = t.time_wait(family, ts=ts)
            g = f.again(f.snd_nxt + 1000, f.tick + 1000, ts=ts)
            g.syn()
            g.next("SA")
            if where == "ESTAB":
                g.send("A")
                g.hand = t.accept()
                g.send("PA", b"first")
                g.next("A")
            g.tick -= 1000
            seq = f.snd_nxt - max(size, 2) if off is None else g.snd_nxt + off
            if flags == "S":
                seq = f.iss
            ack = {} if flags in "SR" else {"ack": f.rcv_nxt}
            opt = closing.wire.options(ts=(g.tsval(), f.ts_recent)) if ts else b""
            answer = g.poke(flags, b"\xff" * size, seq=seq, opt=opt, **ack)
            g.tick += 1000
            log(f"{flags} {'old' if off is None else off} len {size} in {t.look(g)[0]}: {answer}")
            if where == "ESTAB":
                g.send("FA", b"second")
                got = b""
                while piece := g.hand.recv(65536):
                    got += piece
                log(f"the server got {got}")
                bye(g)
                continue
            g.send("A")
            talk(t, g, log)


def old_duplicates_syn_rcvd_ts(t, family, log):
    old_duplicates(t, family, log, True, "SYN-RECV")


def old_duplicates_syn_rcvd(t, family, log):
    old_duplicates(t, family, log, False, "SYN-RECV")


def old_duplicates_estab_ts(t, family, log):
    old_duplicates(t, family, log, True, "ESTAB")


def old_duplicates_estab(t, family, log):
    old_duplicates(t, family, log, False, "ESTAB")


def old_duplicate_in_order(t, family, log):
    """Just what the new connection waits for, without timestamps: its ACK tells that it is old."""
    f = t.time_wait(family, ts=False)
    g = f.again(f.snd_nxt + 1000, 0, ts=False)
    g.open()
    g.hand = t.accept()
    g.send("PA", b"first")
    g.next("A")
    log("old data: " + g.poke("A", b"\xff" * 500, seq=g.snd_nxt, ack=f.rcv_nxt))
    g.send("FA", b"second")
    got = b""
    while len(got) < 11:
        got += g.hand.recv(65536)
    log("the server got", "only what was sent" if got == b"firstsecond" else "more")
    if len(got) == 11:
        bye(g)
    else:
        g.hand.close()
        g.poke("R", seq=g.iss + 506, ack=0)


# --- limits ------------------------------------------------------------------------------------

def reuse_and_full_queues(t, family, log):
    """A pair that is known goes past the half-open queue's limit, not past the accept queue's."""
    pairs = [t.time_wait(family) for _ in range(3)]
    t.unlisten()
    for f in pairs[2:]:
        log("SYN without a listener: " + f.poke("S", seq=f.snd_nxt + 1000, ack=0))
        log(t.look(f)[0])
    t.listen(0)
    others = [t.flow(family) for _ in range(2)]
    for o in others:
        o.syn()
        t.fence(o)
        log(f"another's SYN: {[o.show(s) for s in o.inbox]}; queues {t.queues()}")
    new = []
    for f in pairs[:2]:
        f.tick += 1
        new.append(f.again(f.snd_nxt + 1000, f.tick))
    new[0].syn()
    log("half-open queue full, SYN: " + new[0].show(new[0].next("SA")))
    log(f"queues {t.queues()}")
    new[0].send("A")
    until("its place", lambda: t.queues()[1] == 1)
    log(f"queues {t.queues()}, {t.look(new[0])[0]}")
    log("accept queue full, SYN: " + new[1].poke("S", seq=new[1].iss))
    log(f"queues {t.queues()}, {t.look(new[1])[0]}")
    log("the old FIN again: " + pairs[1].poke("FA", seq=pairs[1].snd_nxt - 1))
    t.restore()
    log(f"listener closed: {[new[0].show(s) for s in new[0].inbox]}")


def too_many(t, family, log):
    """tcp_max_tw_buckets: who would be one too many is gone at once."""
    t.settle()
    flows = [t.established(family) for _ in range(5)]
    with Settings(t, tcp_max_tw_buckets=t.time_waits() + 3):
        for f in flows:
            f.hand.close()
            f.next("FA")
            f.send("FA")
            f.next("A")
            t.fence(f)
            log(f"closed: {t.look(f)[0]}")
        for f in flows:
            log("FIN again: " + f.poke("FA", seq=f.snd_nxt - 1))


def simultaneous(t, family, log):
    """Both sides' FINs cross: CLOSING."""
    with Settings(t, tcp_invalid_ratelimit=0):
        for flags, off, size in (("A", 0, 0), ("A", -1, 0), ("FA", -1, 0), ("FA", -51, 50),
                                 ("A", 0, 50), ("R", 0, 0), ("R", -1, 0), ("R", 9, 0),
                                 ("S", 0, 0)):
            f = t.established(family)
            f.hand.close()
            fin = f.next("FA")
            f.rcv_nxt = fin.seq
            f.tick += 1
            log("FIN that crosses: " + f.poke("FA"))
            log(t.look(f)[0])
            ack = (fin.seq + 1) % 2 ** 32
            end = {} if flags in "RS" else {"ack": ack if flags == "A" and off == 0 else fin.seq}
            f.tick += 1
            log(f"{flags} {off:+} len {size}: " +
                f.poke(flags, DATA[:size], seq=f.snd_nxt + off, **end))
            log(*t.look(f)[:2])
            log("and the ACK of its FIN: " + f.poke("A", ack=ack))
            log(*t.look(f)[:2])
            log("FIN again: " + f.poke("FA", seq=f.snd_nxt - 1, ack=ack))
            if t.look(f)[0] != "gone":
                f.poke("R", ack=0)


def main():
    queues, family = int(sys.argv[1]), int(sys.argv[2])
    scenarios = (segments_with_timestamps, segments_without_timestamps, rfc1337,
                 answers_are_limited, last_ack_lost, reopening, old_duplicates_syn_rcvd_ts,
                 old_duplicates_syn_rcvd, old_duplicates_estab_ts, old_duplicates_estab,
                 old_duplicate_in_order, simultaneous, too_many, reuse_and_full_queues)
    return closing.main(scenarios, queues, family, sys.argv[3:], DIFFERENCES)


# What is meant to differ: {scenario: {as the kernel: as syngate}}
DIFFERENCES = {
    # Linux's fast path takes data in order before it looks at how old the ACK is (RFC 5961 5.2)
    "old_duplicate_in_order": {
        "old data: A seq 1 ack 506": "old data: A seq 1 ack 6",
        "the server got more": "the server got only what was sent",
    },
}

if __name__ == "__main__":
    sys.exit(main())
