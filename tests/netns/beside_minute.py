# SPDX-License-Identifier: BSD-2-Clause
"""TIME_WAIT and FIN_WAIT_2 without an owner at their full length, on the kernel and on syngate at
the same time: each begins, is started anew by what starts it anew, and ends when it should.

usage: beside_minute.py QUEUES FAMILY; needs beside_minute.sh"""
import sys
import time

import closing
import wire
from closing import until
from wire import Wrong

FULL = 60.0
EARLY = 0.1  # a clock tick of either side, and the time between a segment and our look
LATE = 6.0   # the kernel's timer wheel rounds a minute up by two seconds; and a busy machine
AGAIN = 5.0  # when what restarts a timer comes


class Wait:
    """One pair that waits on one target."""

    def __init__(self, target, name, flow, restart=None):
        self.target, self.name, self.flow, self.restart = target, name, flow, restart
        self.since = flow.sent_at
        self.ended = None

    def poke(self):
        """What comes in the middle: does it start the time anew?"""
        flags, off, anew, answer = self.restart
        f = self.flow
        said = f.poke(flags, seq=f.snd_nxt + off)
        if said.split()[0] != answer:
            raise Wrong(f"{self}: {said}, want {answer}")
        if anew:
            self.since = f.sent_at

    def check(self):
        """It ended in time, and a stray then meets nobody."""
        if self.ended is None:
            raise Wrong(f"{self}: still there after {time.time() - self.since:.1f} s")
        lasted = self.ended - self.since
        print(f"    {self.target.name:8} {self.name:32} {lasted:.2f} s")
        if not FULL - EARLY <= lasted <= FULL + LATE:
            raise Wrong(f"{self}: lasted {lasted:.2f} s")
        said = self.flow.poke("FA", seq=self.flow.snd_nxt - 1)
        if not said.startswith("R seq"):
            raise Wrong(f"{self}: a FIN behind the end: {said}, want R")

    def __repr__(self):
        return f"{self.target.name}, {self.name}"


def begin(t, family):
    """Nothing, FIN again, an old ACK, an old SYN; and FIN_WAIT_2 with and without its FIN."""
    yield Wait(t, "TIME-WAIT", t.time_wait(family))
    yield Wait(t, "TIME-WAIT, FIN again", t.time_wait(family), ("FA", -1, True, "A"))
    yield Wait(t, "TIME-WAIT, old ACK", t.time_wait(family), ("A", -100, True, "A"))
    yield Wait(t, "TIME-WAIT, ACK in place", t.time_wait(family), ("A", 0, True, "silence"))
    yield Wait(t, "TIME-WAIT, old SYN", t.time_wait(family), ("S", -1000, False, "A"))
    yield Wait(t, "FIN-WAIT-2", t.fin_wait_2(family))
    yield Wait(t, "FIN-WAIT-2, ACK", t.fin_wait_2(family), ("A", 0, False, "silence"))
    yield Wait(t, "FIN-WAIT-2, FIN: TIME-WAIT", t.fin_wait_2(family), ("FA", 0, True, "A"))


def watch(the_wire, waits):
    """Note when each is gone. Between two looks lies at most a fraction of a second."""
    stop = time.time() + FULL + AGAIN + LATE + 5
    while time.time() < stop and any(w.ended is None for w in waits):
        for target in {w.target for w in waits}:
            at, table = time.time(), target.table()
            for w in waits:
                f = w.flow
                if w.target is target and w.ended is None and \
                        (f.addr, f.sport, f.port) not in table:
                    w.ended = time.time()
                    if at - w.since < FULL - EARLY:
                        raise Wrong(f"{w}: gone after {at - w.since:.2f} s")
        the_wire.sleep(0.2)


def shortened(t, family):
    """A change of timewait_ms counts for the pairs that wait already."""
    f = t.time_wait(family)
    with closing.Settings(t, timewait_ms=1500):
        left = t.look(f)[2]
        if not left <= 1.5:
            raise Wrong(f"{left} s left, want 1.5 at most")
        until("the end of a short TIME-WAIT", lambda: t.look(f)[0] == "gone")
        lasted = time.time() - f.sent_at
        if not 1.4 < lasted < 5:
            raise Wrong(f"TIME-WAIT of 1.5 s lasted {lasted:.2f} s")
        g = t.time_wait(family)
        t.set("timewait_ms", 60000)
        if t.look(g)[2] < 55:
            raise Wrong(f"{t.look(g)[2]} s left, want 60")
    print(f"    syngate  TIME-WAIT cut to 1.5 s           {lasted:.2f} s")


def main():
    queues, family = int(sys.argv[1]), int(sys.argv[2])
    the_wire = wire.Wire()
    kernel, ours = closing.ByKernel(81), closing.BySyngate(80, 9000, 82)
    kernel.answer = closing.answer_of(82)
    for t in kernel, ours:
        t.start(the_wire, queues, family)
    shortened(ours, family)
    waits = [w for t in (kernel, ours) for w in begin(t, family)]
    first = min(w.since for w in waits)
    the_wire.sleep(first + AGAIN - time.time())
    for w in waits:
        if w.restart:
            w.poke()
    watch(the_wire, waits)
    for w in waits:
        w.check()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as e:
        sys.exit(f"beside_minute: {e}")
