# SPDX-License-Identifier: BSD-2-Clause
"""Half-open entries at their full length, on syngate and on the kernel at the same time: a client
that never answers, the pruning of old entries when a queue is half full of them, and the last
quarter, which is for proven peers. Run by beside_halfopen.sh."""
import contextlib
import sys
import threading
import time

import beside
import wire as w
from wire import Wrong

TIMES = 0, 1, 3, 7, 15, 31  # of the SYN-ACKs
END = 63
EARLY, BEHIND = 0.010, 0.25  # how far from that syngate may be
WHEEL = 0.06                 # the kernel's timers are late by up to so much of their time
PRUNED = 16                  # backlog where entries are pruned
MOST = 64                    # tcp_max_syn_backlog
STRANGERS = MOST - MOST // 4 + 1  # what Linux admits of them, measured: 256 -> 193, 64 -> 49


# --- a client that never sends the final ACK ---------------------------------------------------

LIVES = []  # (side, flows, last seen, first seen gone)


def forever(side):
    """An entry by way of each queue: SYN-ACKs at TIMES, gone at END."""
    flows = [side.flow() for _ in range(2)]
    for f in flows:
        f.syn()
    yield side.since(END - 1.5)
    side.states(*flows)
    seen = time.time()
    while True:
        asked = time.time()
        states = [side.target.state(f) for f in flows]
        if "SYN-RECV" in states:
            seen = asked
        if states == ["gone", "gone"]:
            break
        if asked > flows[0].sent_at + END * (1 + WHEEL) + 1:
            raise Wrong(f"{states} after {asked - flows[0].sent_at:.1f} s")
        yield 0.1
    LIVES.append((side, flows, seen, time.time()))
    side.lengths()


def schedule(side, flows, seen, gone):
    """syngate's times: never early, and late by no more than BEHIND, each timer by itself."""
    for f in flows:
        at = [seg.at - f.sent_at for seg in f.got]
        print(f"    {side.target.name:8} IPv{side.family} SYN-ACKs at " +
              " ".join(f"{t:.3f}" for t in at) +
              f", there at {seen - f.sent_at:.2f}, gone at {gone - f.sent_at:.2f}")
        if side.target.name == "kernel":
            continue
        if len(at) != len(TIMES):
            raise Wrong(f"{f}: {len(at)} SYN-ACKs")
        for n in range(1, len(TIMES)):
            late = at[n] - at[n - 1] - (TIMES[n] - TIMES[n - 1])
            if not -EARLY <= late <= BEHIND:
                raise Wrong(f"{f}: SYN-ACK {n} after {at[n]:.3f} s, want {TIMES[n]}")
    if side.target.name != "kernel":
        first, *_, last = sorted(f.got[-1].at + END - TIMES[-1] for f in flows)
        if gone < first - EARLY or seen > last + BEHIND:
            raise Wrong(f"the end: there {seen - last:+.3f}, gone {gone - first:+.3f} s off")


def late_repeat(side):
    """A SYN that comes again is answered, and starts the timer anew at the length it had."""
    f = yield from side.half()
    yield side.since(4)
    f.syn()
    yield side.since(22)
    f.syn()
    yield side.since(40)
    side.states(f)
    f.rst()
    yield beside.GAP
    side.states(f)


# --- pruning ------------------------------------------------------------------------------------

def quiet_times(waves):
    """When to look: where no SYN-ACK of any wave is due on either side."""
    due = sorted(at + t for at, _ in waves for t in TIMES + (END,))
    ends = [t * (1 + WHEEL) + 0.5 for t in due[:-1]]
    times = [(a + b) / 2 for a, b in zip(ends, due[1:]) if b - a > 0.8]
    return times + [(END + 1) * (1 + WHEEL) + waves[-1][0]]


def pruned(*waves):
    """[(at, how many)]: SYNs of strangers. When more than half of the queue's room is taken, the
    old ones are given fewer SYN-ACKs the fewer young ones there are. Which of several equal ones
    go is chance: the lengths are compared, and how many got how many SYN-ACKs."""
    def script(side):
        flows = []
        for at, n in sorted(list(waves) + [(t, 0) for t in quiet_times(waves)]):
            yield side.since(at)
            if n:
                flows.append(side.many(n))
                for f in flows[-1]:
                    f.syn()
            else:
                side.note(f"at {at:.1f} s: {side.target.queues()}")
        for (at, _), wave in zip(waves, flows):
            side.note(f"SYNs at {at} s, SYN-ACKs: {sorted(len(f.got) for f in wave)}")
    return script


WAVES = {
    "all at once": ((0, 17),),
    "just not more than half": ((0, 8),),
    "just more than half": ((0, 9),),
    "a few more, later": ((0, 9), (5, 3)),
    "young ones keep coming": ((0, 10), (2, 2), (5, 2), (10, 2), (20, 3)),
    "old ones make room": ((0, 17), (12, 17)),
}


# --- the last quarter -----------------------------------------------------------------------------

def accept_and_close(listener):
    """The kernel's side of a connection."""
    conn, _ = listener.accept()
    with conn, contextlib.suppress(ConnectionResetError):
        while conn.recv(4096):
            pass


def connection(side, friend, ending):
    """A connection of this address to the listener beside it, which accepts and closes."""
    f = beside.Peer(side.wire, side.target.port + 1, side.family, addr=friend)
    side.crowd.append(f)
    if side.target.name == "kernel":
        threading.Thread(target=accept_and_close, args=(side.target.helper,), daemon=True).start()
    f.syn()
    yield f
    yield beside.GAP  # a round-trip time that can be measured
    f.send("A")
    if ending == "reset":
        yield beside.GAP
        f.send("R", seq=f.snd_nxt)
    elif ending == "close":
        f.send("FA")
        yield lambda: any(seg.flags & w.FIN for seg in f.got)
        f.send("A")
    yield beside.GAP * 4


def quarter(side):
    """No cookies: strangers get three quarters of tcp_max_syn_backlog, and who has once closed a
    connection in good order gets in beyond that. Not one whose connection is still open, nor one
    who reset it."""
    friends = [side.wire.peer(side.family) for _ in range(3)]
    for friend, ending in zip(friends, ("close", "open", "reset")):
        yield from connection(side, friend, ending)
    crowd = side.many(MOST + 6)
    for f in crowd:
        f.syn()
    yield lambda: sum(bool(f.got) for f in crowd) >= STRANGERS
    yield beside.GAP * 4
    side.lengths()
    admitted = sum(bool(f.got) for f in crowd)
    if admitted != STRANGERS:
        raise Wrong(f"{admitted} strangers, want {STRANGERS}")
    for friend in friends:  # who gets in?
        side.flow(addr=friend).syn()
        yield beside.GAP
    side.lengths()
    for f in crowd + side.flows:
        if f.got:
            f.rst()
    yield from side.settled(0, 0)


# --- all of it --------------------------------------------------------------------------------------

def add(stage):
    """The listeners, in the order of beside_halfopen.sh. Returns the scripts of the long run."""
    port, scripts = 1000, []
    for name, script in [("forever", forever), ("late repeat", late_repeat)] + \
            [(name, pruned(*waves)) for name, waves in WAVES.items()]:
        for family in 4, 6:
            stage.add(f"{name}/{family}", port, port + 1000, PRUNED)
            port += 1
        scripts.append((name, name, script))
    for family in 4, 6:
        stage.add(f"quarter/{family}", port, port + 1000, 4096)
        kernel = stage.pairs[f"quarter/{family}"][1]
        kernel.helper = beside.Kernel(kernel.port + 1, 16).sock
        port += 2
    return scripts


def main():
    stage = beside.Stage(w.Wire(), int(sys.argv[1]),
                         unlike={"DelayedACKs": "syngate acknowledges a FIN at once"})
    scripts = add(stage)
    stage.run("the last quarter", [("last quarter", "quarter", quarter)],
              skip=("OutSegs",))  # the kernel's FIN comes with its ACK or behind it
    stage.run("at full length", scripts, late=1.0)
    for life in LIVES:
        stage.check("schedule", schedule, *life)
    stage.table()
    stage.verdict()


beside.main(main)
