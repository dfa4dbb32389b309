# SPDX-License-Identifier: BSD-2-Clause
"""Both queues, full, on syngate and on the kernel. Run by beside_queues.sh with the number of RX
queues, and `full` or `brief`: how long the back-off is watched.

Each script runs for IPv4 and IPv6, each on listeners of its own, and all at the same time.
"""
import sys

import beside
import wire as w
from beside import GAP

BACKLOGS = 0, 1, 5, 64
FREE = 64  # backlog of the listener in which places become free: what somaxconn leaves of 100
CROWD = 20
DELAY = 0.3  # so long the kernel may delay an ACK
FULL = sys.argv[2] == "full"


def answered(flows):
    return lambda: all(f.got for f in flows)


def halves(side, n):
    flows = [side.flow() for _ in range(n)]
    for f in flows:
        f.syn()
    yield answered(flows)
    return flows


def fill_syn_queue(side, backlog):
    """backlog + 1 get in, whatever the queue that they come on; the rest hears nothing, not
    even when the SYN-ACKs are sent again; the place of one that goes can be had again."""
    start = side.passed()
    flows = yield from halves(side, backlog + 1)
    late = [side.flow() for _ in range(3)]
    for f in late:
        f.syn()
    yield GAP
    flows[0].syn()  # one that is in is answered again
    side.lengths()
    yield side.since(start + 2)  # between the SYN-ACKs at 1 and 3 s
    side.lengths()
    side.states(flows[0], late[0])
    flows[0].rst()
    yield GAP
    side.lengths()
    late[0].syn()
    late[1].syn()
    yield GAP
    side.lengths()
    for f in flows[1:] + late[:1]:
        f.rst()
    yield from side.settled(0, 0)


def flood_syn_queue(side, backlog):
    """More than there is room for, all at once and on all queues: no more get in than that."""
    start = side.passed()
    crowd = side.many(backlog + 1 + CROWD)
    for f in crowd:
        f.syn()
    yield lambda: sum(bool(f.got) for f in crowd) > backlog
    yield side.since(start + 2)
    side.lengths()
    side.note("answered {}".format(sum(bool(f.got) for f in crowd)))
    for f in crowd:
        if f.got:
            f.rst()
    yield from side.settled(0, 0)


def fill_accept_queue(side, backlog):
    """backlog + 1 wait to be accepted. Then no SYN is answered, and a place is not free again
    because its connection is reset: who accept()s is to see that."""
    flows = yield from halves(side, backlog + 1)
    for n, f in enumerate(flows):
        f.send("A", queue=f.other() if n % 2 else None)
    yield from side.settled(0, backlog + 1)
    for f in [side.flow() for _ in range(3)]:
        f.syn()
    flows[0].send("PA", b"x" * 100)
    yield GAP * 2
    flows[-1].send("PFA", b"y" * 100)
    yield DELAY
    side.lengths()
    side.states(flows[0], flows[-1])
    flows[0].rst()
    yield GAP
    side.flow().syn()
    yield GAP
    side.lengths()


def fill(backlog):
    def script(side):
        yield from fill_syn_queue(side, backlog)
        yield from flood_syn_queue(side, backlog)
        yield from fill_accept_queue(side, backlog)
    return script


def flood_accept_queue(backlog):
    """Both queues at once: backlog wait, backlog + 1 are half open, and their final ACKs come all
    together on both queues: one gets in. Which one is chance."""
    def script(side):
        flows = yield from halves(side, backlog)
        for f in flows:
            f.send("A")
        yield from side.settled(0, backlog)
        crowd = side.many(backlog + 1)
        for f in crowd:
            f.syn()
        yield answered(crowd)
        for f in crowd:
            f.send("A", queue=f.other())
        yield from side.settled(backlog, backlog + 1)
        side.flow().syn()
        yield GAP
        for f in crowd:
            f.rst()
        yield from side.settled(0, backlog + 1)
    return script


def overflow_reset(backlog):
    """tcp_abort_on_overflow=1: the final ACK, bare or with something in it, gets a RST; what comes
    behind finds nobody."""
    def script(side):
        waiting = yield from halves(side, backlog)
        for f in waiting:
            f.send("A")
        yield from side.settled(0, backlog)
        flows = yield from halves(side, min(backlog + 1, 6))
        forms = [("A", b""), ("A", b""), ("PA", b"x" * 10), ("FA", b""), ("PFA", b"x"), ("A", b"")]
        for f, (flags, data) in zip(flows, forms):
            f.send(flags, data)
            if f == flows[0]:
                yield GAP  # this one gets the place
        yield GAP
        for f in flows[1:]:
            f.send("PA", b"late")
        yield GAP
        side.lengths()
        side.states(*flows)
        side.flow().syn()
        yield GAP
        side.lengths()
    return script


def more_room(side, n):
    """The limit becomes n more than FREE: as many places are free."""
    if side.target.name == "kernel":
        side.target.sock.listen(FREE + n)
    else:
        side.target.set("somaxconn", FREE + n)


def overflow_wait(side):
    """tcp_abort_on_overflow=0: the final ACK is ignored, the entry stays, its SYN-ACKs come again
    at 1, 3 and 7 s, and when there is a place, the next ACK takes it. Nothing is lost of the data
    and the FIN that rode on the first."""
    waiting = yield from halves(side, FREE)
    for f in waiting:
        f.send("A")
    yield from side.settled(0, FREE)
    start = side.passed()
    first, plain, data, fin, behind, never = yield from halves(side, 6)
    first.send("A")
    yield from side.settled(5, FREE + 1)
    plain.send("A")
    data.send("PA", b"x" * 100)
    fin.send("PFA", b"y" * 100)
    behind.send("A")
    behind.send("PA", b"z" * 100)
    yield GAP
    side.lengths()
    side.states(plain, data, fin, behind, never)
    yield side.since(start + 1.5)
    for f in plain, data, behind:
        f.send("A", seq=f.iss + 1)
    if FULL:
        yield side.since(start + 3.5)
        plain.send("A")
    yield side.since(start + (5 if FULL else 2.4))  # on all sides: somaxconn is for all of them
    side.lengths()
    yield from overflow_end(side, plain, data, fin, behind, never)


def overflow_end(side, plain, data, fin, behind, never):
    """Three places become free; the rest is still refused, and goes at the client's RST."""
    more_room(side, 3)
    before = [(f, len(f.got)) for f in (plain, data, fin, behind, never)]
    yield lambda: all(len(f.got) > n for f, n in before)  # their SYN-ACKs come again
    side.lengths()
    plain.send("A")
    yield from side.settled(4, FREE + 2)
    data.send("PA", b"x" * 100, seq=data.iss + 1)
    yield GAP
    fin.send("PFA", b"y" * 100, seq=fin.iss + 1)
    yield from side.settled(2, FREE + 4)
    behind.send("PA", b"z" * 100, seq=behind.iss + 1)
    yield DELAY
    side.lengths()
    side.states(plain, data, fin, behind, never)
    behind.rst()
    never.rst()
    yield from side.settled(0, FREE + 4)


UNLIKE = {"DelayedACKs": "syngate acknowledges a FIN at once"}


def main():
    stage = beside.Stage(w.Wire(), int(sys.argv[1]), unlike=UNLIKE)
    port = 1000
    for what in "fill", "reset", "flood":
        for backlog in BACKLOGS:
            for family in 4, 6:
                stage.add(f"{what} {backlog}/{family}", port, port + 1000, backlog)
                port += 1
    for family in 4, 6:
        stage.add(f"wait/{family}", port, port + 1000, FREE)
        port += 1
    scripts = [(f"backlog {n}", f"fill {n}", fill(n)) for n in BACKLOGS]
    stage.run("full queues and tcp_abort_on_overflow=0",
              scripts + [("overflow", "wait", overflow_wait)])
    stage.run("both queues at once",
              [(f"flood {n}", f"flood {n}", flood_accept_queue(n)) for n in BACKLOGS])
    stage.set("tcp_abort_on_overflow", 1)
    stage.run("tcp_abort_on_overflow=1",
              [(f"overflow {n}", f"reset {n}", overflow_reset(n)) for n in BACKLOGS])
    stage.table()
    stage.verdict()


beside.main(main)
