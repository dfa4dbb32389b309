# SPDX-License-Identifier: BSD-2-Clause
"""Strays and unwanted segments, each time on syngate and on the kernel: RFC 9293 3.10.7.1 for
those without a connection, RFC 5961 for those on an established one. Run by beside_strays.sh."""
import sys

import beside
import wire as w
from beside import GAP

ALONE, LIMITED = [], []


def stray(name, flags, data=b"", **kw):
    """A segment of no connection: what comes back, if anything."""
    def script(side):
        f = side.flow()
        f.send(flags, data, seq=f.iss, ack=(f.iss + 12345) % 2 ** 32, **kw)
        yield GAP
        side.states(f)
    script.__name__ = name
    ALONE.append(script)


# SFA is left out: no TCP sends SYN and FIN together. Linux resets it, here it is BadFlags.
for text in "A", "PA", "FA", "FPA", "UA", "AEC", "SA", "R", "RA", "RFA", "F", "P", "none", \
        "U", "FPU", "SF", "SR", "SRA", "SRAF", "FSRPAUEC":
    stray("stray_" + text, text if text != "none" else 0)
stray("stray_A_data", "PA", b"x" * 100)
stray("stray_FA_data", "FA", b"x" * 100)
stray("stray_SA_data", "SA", b"x" * 100)
stray("stray_A_no_options", "A", opt=b"")
stray("stray_A_zero_ack", "A", wnd=0)


def unwanted(name, flags, data=b"", seq=0, ack=0, tick=None, opt=None, scripts=ALONE, then=True):
    """A segment to an established connection, off by seq and ack; then it still carries data."""
    def script(side):
        f = yield from side.opened()
        if tick is not None:
            f.ticks += tick - 10
        extra = {"opt": opt(f)} if opt else {}
        f.send(flags, data, seq=(f.snd_nxt + seq) % 2 ** 32, ack=(f.rcv_nxt + ack) % 2 ** 32,
               **extra)
        yield GAP
        side.states(f)
        if side.target.state(f) != "gone" and then:
            if tick is not None:
                f.ticks += 10 - tick
            f.drain()
            f.send("PA", b"still here")
            yield f
            side.states(f)
        if side.target.state(f) != "gone":
            f.wire.take(0)  # the RST goes where the last answer says
            f.rst()
        yield lambda: side.target.state(f) == "gone"
    script.__name__ = name
    scripts.append(script)


# SYN: challenge ACK, wherever it lies
unwanted("syn_exact", "S")
unwanted("syn_in_window", "S", seq=1000)
unwanted("syn_left", "S", seq=-1000)
unwanted("syn_right", "S", seq=2 ** 30)
unwanted("syn_ack", "SA")
unwanted("syn_ack_first", "SA", seq=-1)
# RST: exact ends it, in the window challenges, outside is silent
unwanted("rst_exact", "R")
unwanted("rst_exact_ack", "RA")
unwanted("rst_exact_bad_ack", "RA", ack=100000)
unwanted("rst_in_window", "R", seq=1)
unwanted("rst_in_window_far", "R", seq=10000)
unwanted("rst_left", "R", seq=-1)
unwanted("rst_right", "R", seq=2 ** 30)
unwanted("rst_old", "R", tick=-100)
# ACK: too new and too old are challenged, a little old is not
unwanted("ack_of_future", "A", ack=1)
unwanted("ack_of_future_data", "PA", b"x" * 10, ack=1)
unwanted("ack_far_future", "A", ack=2 ** 30)
unwanted("ack_of_isn", "A", ack=-1)
unwanted("ack_old", "A", ack=-2 ** 30)
unwanted("ack_old_data", "PA", b"x" * 10, ack=-2 ** 30)
# Outside the window, or old
unwanted("data_left", "PA", b"x", seq=-1)
unwanted("data_left_far", "PA", b"x" * 10, seq=-1000)
unwanted("data_right", "PA", b"x", seq=2 ** 30)
unwanted("fin_right", "FA", seq=2 ** 30)
unwanted("bare_left", "A", seq=-1)
unwanted("bare_right", "A", seq=2 ** 30)
unwanted("paws", "PA", b"x" * 10, tick=-100)
unwanted("paws_bare", "A", tick=-100)
unwanted("paws_syn", "S", tick=-100)
unwanted("no_ack_flag", "P", b"x" * 10)
unwanted("no_flag", 0)
unwanted("no_timestamp", "PA", b"x" * 10, opt=lambda f: b"", then=False)
unwanted("urgent", "UPA", b"x" * 10, then=False)


def scripted(fn):
    LIMITED.append(fn)
    return fn


@scripted
def bare_is_limited(side):
    """Bare segments outside the window are answered at most every 500 ms, data always."""
    f = yield from side.opened()
    for at in 0.1, 0.2, 0.4, 0.7, 0.8, 1.35:
        yield side.since(at)
        f.send("A", seq=(f.snd_nxt - 100) % 2 ** 32)
    for at in 1.45, 1.55:
        yield side.since(at)
        f.send("PA", b"x", seq=(f.snd_nxt - 100) % 2 ** 32)
    yield GAP
    f.rst()
    yield GAP
    side.states(f)


@scripted
def after_a_reset(side):
    """What comes behind a RST of ours is a stray."""
    f = yield from side.opened()
    f.rst()
    yield lambda: side.target.state(f) == "gone"
    f.send("PA", b"x")
    yield f
    f.send("FA")
    yield GAP
    side.states(f)


def main():
    queues, only = int(sys.argv[1]), sys.argv[2:]
    stage = beside.Stage(w.Wire(), queues)
    stage.add("all", 80, 8080, 4096)
    for fn in ALONE:
        if not only or fn.__name__ in only:
            stage.run(fn.__name__, [(fn.__name__, "all", fn)], show=bool(only))
    wanted = [fn for fn in LIMITED if not only or fn.__name__ in only]
    if wanted:
        stage.run("in time", [(fn.__name__, "all", fn) for fn in wanted], show=bool(only))
    stage.table()
    stage.verdict()
    print(f"{len(ALONE)} scripts one by one and {len(LIMITED)} in time: the same on both sides")


beside.main(main)
