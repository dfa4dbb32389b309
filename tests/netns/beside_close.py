# SPDX-License-Identifier: BSD-2-Clause
"""Closing in every order and in none, side by side with the kernel.

usage: beside_close.py QUEUES FAMILY [SCENARIO...]; needs beside_close.sh"""
import sys
import time

import closing
from closing import Settings, until
from wire import FIN, RST, Wrong

DATA = bytes(range(256)) * 8


def end(t, f):
    """Nothing of it is to be left over for the next."""
    f.tick += 10
    if t.look(f)[0] not in ("gone", "TIME-WAIT"):
        f.poke("R", seq=f.snd_nxt)


def one_segment(t, log, flows, rows, ack=None):
    """Each flow gets its own segment, and then one more: is anybody there?"""
    for f, (flags, off, size, tick) in zip(flows, rows):
        f.tick += tick
        kw = {"ack": 0 if "A" not in flags else ack(f) if ack else f.rcv_nxt}
        said = f.poke(flags, DATA[:size], seq=f.snd_nxt + off, **kw)
        state, timer, _ = t.look(f)
        log(f"{flags} {off:+} len {size} ts {tick:+}: {said}; {state} {timer}")
        end(t, f)


# flags, sequence number against what the server waits for, length, timestamp against the last
SEGMENTS = (
    ("A", 0, 0, 0), ("A", -1, 0, 0), ("A", 1, 0, 0), ("A", 0, 0, -5),
    ("A", -100, 50, 0), ("A", -100, 100, 0), ("A", 0, 50, 0), ("A", 100, 50, 0), ("A", -5, 50, 0),
    ("A", 3000000, 50, 0), ("A", 0, 50, -5),
    ("FA", 0, 0, 0), ("FA", 0, 50, 0), ("FA", 100, 0, 0), ("FA", -1, 0, 0), ("FA", 0, 0, -5),
    ("R", 0, 0, 0), ("R", -1, 0, 0), ("R", 1, 0, 0), ("R", 10000, 0, 0), ("R", 3000000, 0, 0),
    ("RA", 0, 0, 0), ("RA", 5, 0, 0), ("R", 0, 0, -5), ("R", -1000, 0, 0),
    ("S", 0, 0, 0), ("S", 1000, 0, 0), ("S", -1000, 0, 0), ("S", 3000000, 0, 0),
    ("SA", 0, 0, 0), ("SA", -1000, 0, 0),
)
RESETS = [r for r in SEGMENTS if "R" in r[0]]


def fin_wait_2_orphan(t, family, log):
    """Nobody has it any more, and the peer says this or that instead of FIN."""
    with Settings(t, tcp_invalid_ratelimit=0):
        one_segment(t, log, [t.fin_wait_2(family) for _ in SEGMENTS], SEGMENTS)


def fin_wait_1_orphan(t, family, log):
    """The same while the FIN is not acknowledged."""
    with Settings(t, tcp_invalid_ratelimit=0):
        for row in SEGMENTS:
            if row[0] == "S" and row[1] == 0:
                continue
            f = t.served(family)
            f.send("A", ack=f.rcv_nxt - 1)
            t.fence(f)
            one_segment(t, log, [f], [row], lambda f: f.rcv_nxt - 1)


def fin_acknowledged_by_data(t, family, log):
    """The ACK of the FIN of an orphan carries data, or a FIN, or both."""
    for flags, off, size in (("A", 0, 50), ("A", 100, 50), ("FA", 0, 0), ("FA", 0, 50),
                             ("FA", 100, 0), ("A", -50, 50)):
        f = t.served(family)
        said = f.poke(flags, DATA[:size], seq=f.snd_nxt + off)
        log(f"{flags} {off:+} len {size}: {said}; {t.look(f)[0]} {t.look(f)[1]}")
        log("and FIN again: " + f.poke("FA", seq=f.snd_nxt + off + size))
        end(t, f)


def answers_are_limited(t, family, log):
    with Settings(t, tcp_invalid_ratelimit=60000):
        f = t.fin_wait_2(family)
        for flags, off, size in (("A", -10, 0), ("A", -10, 0), ("S", -1000, 0), ("A", -100, 50),
                                 ("A", -100, 50), ("FA", -1, 0), ("FA", -1, 0)):
            log(f"{flags} {off:+} len {size}: " + f.poke(flags, DATA[:size], seq=f.snd_nxt + off))
        end(t, f)


def fin_timeout(t, family, log):
    """FIN_WAIT_2 lasts tcp_fin_timeout, and a stray then meets nobody."""
    with Settings(t, tcp_fin_timeout=2):
        flows = [t.fin_wait_2(family) for _ in range(3)]
        f = flows[0]
        left = t.look(f)[2]
        log("timer", t.look(f)[1], 1 < left <= 2)
        t.wire.sleep(1.2)
        log("ACK: " + f.poke("A"))
        log("goes on:", t.look(f)[2] < left - 1)
        log("FIN: " + flows[1].poke("FA"))
        log(*t.look(flows[1])[:2], t.look(flows[1])[2] > 58)
        until("the end of FIN-WAIT-2", lambda: t.look(f)[0] == "gone")
        lasted = time.time() - f.entered
        log("it lasted", "2 s" if 1.9 < lasted < 3.5 else lasted)
        for flags in "A", "FA":
            log(f"{flags} of a stranger: " + f.poke(flags))
        log(*t.look(flows[1])[:1])


def reset_in(t, family, log, make, ack=None):
    with Settings(t, tcp_invalid_ratelimit=0):
        for row in RESETS:
            one_segment(t, log, [make()], [row], ack)


def reset_in_syn_rcvd(t, family, log):
    """RSTs for a half-open entry."""
    reset_in(t, family, log, lambda: t.half_open(family))


def reset_in_established(t, family, log):
    reset_in(t, family, log, lambda: t.established(family))


def close_wait(t, family):
    f = t.established(family)
    f.send("FA")
    f.next("A")
    return f


def reset_in_close_wait(t, family, log):
    reset_in(t, family, log, lambda: close_wait(t, family))


def last_ack(t, family):
    f = close_wait(t, family)
    f.hand.close()
    f.next("FA")
    return f


def reset_in_last_ack(t, family, log):
    reset_in(t, family, log, lambda: last_ack(t, family), lambda f: f.rcv_nxt - 1)


def reset_in_fin_wait_2(t, family, log):
    """Its owner has it still: it said shutdown(), not close()."""
    def make():
        f = t.established(family)
        f.hand.shutdown(1)
        f.next("FA")
        f.send("A")
        until("FIN-WAIT-2", lambda: t.look(f)[0] == "FIN-WAIT-2")
        return f
    reset_in(t, family, log, make)


def last_ack_of_last_ack(t, family, log):
    """What comes in LAST_ACK, beside the ACK that ends it."""
    with Settings(t, tcp_invalid_ratelimit=0):
        for flags, off, size, ack in (("A", 0, 0, 0), ("A", 0, 0, -1), ("FA", -1, 0, -1),
                                      ("FA", -1, 0, 0), ("A", -50, 50, -1), ("A", 0, 50, -1),
                                      ("A", 0, 0, 5), ("S", 0, 0, 0)):
            f = last_ack(t, family)
            kw = {"ack": f.rcv_nxt + ack if flags != "S" else 0}
            said = f.poke(flags, DATA[:size], seq=f.snd_nxt + off, **kw)
            log(f"{flags} {off:+} len {size} ack {ack:+}: {said}; {t.look(f)[0]}")
            end(t, f)


def unread(t, family, log):
    """The server closes over data that it has not read: RST, and no FIN."""
    for size, closing_too in ((1, False), (1000, False), (1000, True)):
        f = t.established(family)
        f.poke("PA", DATA[:size])
        if closing_too:
            f.poke("FA")
        t.arrived(f, size)
        f.hand.close()
        seg = f.next("RA")
        log(f"{size} bytes unread: " + f.show(seg))
        until("its end", lambda: t.look(f)[0] == "gone")
        log("data then: " + f.poke("PA", DATA[:10], seq=f.snd_nxt))
        log("FIN then: " + f.poke("FA", seq=f.snd_nxt))


def half_close(t, family, log):
    """One way is closed, the other goes on."""
    f = t.established(family)
    f.send("FA")
    log("client's FIN: " + f.show(f.next("A")))
    log("the server sees", f.hand.recv(10))
    for n in range(3):
        f.hand.sendall(DATA[:500])
        seg = f.next("A")
        log("the server sends", seg.data == DATA[:500], f.show(seg))
        f.send("A")
    f.hand.close()
    log("the server's FIN: " + f.show(f.next("FA")))
    log("ACK: " + f.poke("A"), t.look(f)[0])
    f = t.established(family)
    f.hand.shutdown(1)
    log("server's FIN: " + f.show(f.next("FA")))
    f.send("A")
    got = b""
    for n in range(3):
        f.send("PA", DATA[n * 100:n * 100 + 100])
        while len(got) < n * 100 + 100:
            got += f.hand.recv(1000)
        t.fence(f)
    log("the client sent", got == DATA[:300], t.look(f)[0])
    f.drain()
    f.send("FA")
    log("client's FIN: " + f.show(f.next("A")))
    log("the server sees", f.hand.recv(10), *t.look(f)[:2])


def fin_out_of_order(t, family, log):
    """The FIN before its data, the FIN lost, the FIN twice."""
    f = t.established(family)
    size = 300
    log("FIN ahead: " + f.poke("FA", seq=f.snd_nxt + size), t.look(f)[0])
    log("the end of the data: " + f.poke("PA", DATA[100:size], seq=f.snd_nxt + 100), t.look(f)[0])
    log("the beginning: " + f.poke("A", DATA[:100], seq=f.snd_nxt), t.look(f)[0])
    got = b""
    while piece := f.hand.recv(1000):
        got += piece
    log("all of it", got == DATA[:size])
    f.snd_nxt += size + 1
    for n in range(2):
        log("FIN again: " + f.poke("FA", seq=f.snd_nxt - 1), t.look(f)[0])
    log("data behind the FIN: " + f.poke("PA", DATA[:10], seq=f.snd_nxt), t.look(f)[0])
    log("the last data with the FIN again: " +
        f.poke("FA", DATA[200:300], seq=f.snd_nxt - 101), t.look(f)[0])
    f.hand.close()
    f.next("FA")
    f.send("A")
    f = t.established(family)
    f.send("FA", DATA[:100])
    log("data and FIN in one: " + f.show(f.next("A")), t.look(f)[0])
    log("got", f.hand.recv(1000) == DATA[:100], f.hand.recv(10))
    end(t, f)


def listener_closed(t, family, log):
    """With connections in the accept queue, half-open ones, and one that was accepted."""
    mine = t.established(family)
    t.unlisten()
    t.listen(3)
    waiting = [t.flow(family) for _ in range(4)]
    for n, f in enumerate(waiting):
        f.open()
        until("its place", lambda: t.queues()[1] == n + 1)
    log("waiting with data: " + waiting[1].poke("PA", DATA[:100]))
    waiting[2].send("FA")
    log("waiting, and closed by its client: " + waiting[2].show(waiting[2].next("A")))
    log("waiting, reset by its client: " + waiting[3].poke("R", ack=0))
    log("queues", *t.queues())
    t.unlisten()
    for f in waiting[:3]:
        log("it is reset: " + f.show(f.next("RA")))
    t.fence(waiting[3])
    log("this one was gone:", [waiting[3].show(s) for s in waiting[3].inbox])
    t.listen(3)
    half = [t.half_open(family) for _ in range(4)]
    log("queues", *t.queues())
    t.unlisten()
    f = half[0]
    log("the final ACK of a half-open one: " + f.poke("A"))
    log("with data: " + half[1].poke("PA", DATA[:10]))
    log("the SYN again: " + half[2].poke("S", seq=half[2].iss))
    new = t.flow(family)
    log("a new SYN: " + new.poke("S"))
    t.listen(3)
    log("queues", *t.queues())
    log("listening again, the final ACK of an old one: " + half[3].poke("A"))
    log("the SYN of an old one: " + half[2].poke("S", seq=half[2].iss)[:2])
    f = t.flow(family)
    f.open()
    until("its place", lambda: t.queues()[1] == 1)
    log("and one goes through, queues", *t.queues())
    mine.hand.sendall(DATA[:100])
    log("the accepted one still talks:", mine.next("A").data == DATA[:100])
    mine.send("A")
    t.restore()
    log("at the end", f.show(f.next("RA")))
    mine.hand.close()
    mine.next("FA")
    mine.send("FA")
    log("and closes: " + mine.show(mine.next("A")))


def orphan_retries(t, family, log):
    """LAST_ACK and FIN_WAIT_1 without an owner and without an answer."""
    with Settings(t, tcp_orphan_retries=2):
        for make in (lambda: last_ack(t, family), lambda: t.served(family)):
            f = make()
            start = len(f.got)
            until("its end", lambda: not t.wire.take(time.time()) and t.look(f)[0] == "gone")
            gone = time.time()
            again = [s.at for s in f.got[start:] if s.flags & FIN]
            log("no RST", not [s for s in f.got[start:] if s.flags & RST])
            # two timeouts that begin at 200 ms take 1.4 s: the first timer behind that is the end
            log("not too soon", gone - again[0] > 1.35, "nor late", again[-1] - again[0] < 1.9)
            log("an ACK then: " + f.poke("A"))


def main():
    queues, family = int(sys.argv[1]), int(sys.argv[2])
    scenarios = (fin_wait_2_orphan, fin_wait_1_orphan, fin_acknowledged_by_data,
                 answers_are_limited, fin_timeout, reset_in_syn_rcvd, reset_in_established,
                 reset_in_close_wait, reset_in_last_ack, reset_in_fin_wait_2,
                 last_ack_of_last_ack, unread, half_close, fin_out_of_order, listener_closed,
                 orphan_retries)
    return closing.main(scenarios, queues, family, sys.argv[3:], DIFFERENCES)


# What is meant to differ: {scenario: {as the kernel: as syngate}}
RST_ANSWERED = "A seq 218 ack 56 <ts 0>; FIN-WAIT-2 timewait"
DIFFERENCES = {
    # RFC 9293 3.10.7.4: a RST that is not acceptable is dropped; Linux's FIN_WAIT_2 answers it
    "fin_wait_2_orphan": {
        f"{what}: {RST_ANSWERED}": f"{what}: silence; FIN-WAIT-2 timewait"
        for what in ("R -1 len 0 ts +0", "R +3000000 len 0 ts +0", "R +0 len 0 ts -5",
                     "R -1000 len 0 ts +0")
    },
    # without a listener the port is the kernel's, which resets strangers and counts it; and
    # Linux forgets the half-open entry of a listener that is gone when it next looks at it
    "listener_closed": {
        "queues 1 0": "queues 0 0",
        "counted: EstabResets 5 OutRsts 9 PassiveOpens 6 TW 1":
        "counted: EstabResets 5 OutRsts 5 PassiveOpens 6 TW 1",
    },
    # the unread data lies in the backend's socket: it is the backend's kernel that counts it
    "unread": {
        "counted: EstabResets 3 OutRsts 9 PassiveOpens 3 TCPAbortOnClose 3":
        "counted: EstabResets 3 OutRsts 9 PassiveOpens 3",
    },
}

if __name__ == "__main__":
    sys.exit(main())
