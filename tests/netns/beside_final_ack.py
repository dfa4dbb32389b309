# SPDX-License-Identifier: BSD-2-Clause
"""What arrives for a half-open entry, each time on syngate and on the kernel: tcp_check_req()'s
order of checks, seen from outside. Run by beside_final_ack.sh.

Not here, because syngate is different on purpose:
- SYN+FIN, and segments without ACK that are not in the window: dropped as BadFlags before anything
  else is looked at. Linux takes SYN+FIN for a repeated SYN, and answers the others with an ACK.
- A final ACK that echoes the timestamp of an ACK which we sent in SYN_RECV: taken. Linux takes
  echoes of its SYN-ACKs alone, and so refuses a peer that does what RFC 7323 4.3 says.
"""
import sys

import beside
import wire as w
from beside import GAP

DELAY = 0.15  # the kernel delays the ACK of a FIN
QUIET = []  # scripts without waits of their own: each compared by its counters as well
TIMED = []  # those that take their time, run all at once


def quiet(fn):
    QUIET.append(fn)
    return fn


def timed(fn):
    TIMED.append(fn)
    return fn


def after(side, f, pause=GAP):
    """What has become of it, and nothing stays behind for the next script."""
    yield pause
    side.states(f)
    if side.target.state(f) != "gone":
        f.rst()
        yield GAP
        side.states(f)


def one(name, flags, data=b"", seq=0, ack=0, opt=None, syn=None, tick=None, **kw):
    """A script: SYN, then one segment. seq, ack: off what they should be; opt: f -> bytes."""
    def script(side):
        f = yield from side.half(**(syn or {}))
        if tick is not None:
            f.ticks += tick - 10
        extra = dict(kw)
        if opt is not None:
            extra["opt"] = opt(f)
        if seq or "R" in flags or "S" in flags or "A" not in flags:
            extra["seq"] = (f.iss + 1 + seq) % 2 ** 32
        if "A" in flags:
            extra["ack"] = (f.rcv_nxt + ack) % 2 ** 32
        f.send(flags, data, **extra)
        if "A" in flags and not seq and not ack and "R" not in flags and "S" not in flags:
            f.snd_nxt = (f.iss + 1 + len(data) + ("F" in flags)) % 2 ** 32
        yield from after(side, f, DELAY if "F" in flags else GAP)
    script.__name__ = name
    QUIET.append(script)


def ts(f, value=None, echo=None):
    """The timestamp option with something odd in it; absolute numbers."""
    value = f.tsval() if value is None else value
    return w.options(ts=(value, f.ts_recent if echo is None else echo))


# The final ACK as it should be, and what may ride on it
one("final_ack", "A")
one("final_ack_psh", "PA")
one("final_ack_urg", "UA")
one("final_ack_ece_cwr", "AEC")
one("final_ack_data", "PA", b"x" * 100)
one("final_ack_fin", "FA")
one("final_ack_data_fin", "FPA", b"x" * 100)
one("final_ack_zero_window", "A", wnd=0)
one("final_ack_options_unknown", "A", opt=lambda f: b"\xfd\x04\x12\x34" + ts(f))

# Acknowledgments of what was never sent
for n in (-1, 1, 1000, 2 ** 31):
    one(f"ack_off_by_{n}", "A", ack=n)
one("ack_bad_data", "PA", b"x" * 10, ack=1)
one("ack_bad_fin", "FA", ack=1)
one("ack_bad_rst", "RA", ack=1)
one("ack_bad_syn", "SA", seq=-1, ack=1)
one("ack_bad_and_old", "A", ack=1, tick=-100)
one("ack_bad_outside", "A", ack=1, seq=-100)

# Timestamps
one("ts_old", "A", tick=-1)
one("ts_much_older", "PA", b"x", tick=-100000)
one("ts_same", "A", tick=0)
one("ts_old_fin", "FA", tick=-1)
one("ts_old_rst", "R", tick=-1)
one("ts_half_way", "A", opt=lambda f: ts(f, f.ts_base + 10 + 2 ** 31 - 1))
one("ts_half_way_over", "A", opt=lambda f: ts(f, f.ts_base + 10 + 2 ** 31 + 1))
one("ts_echo_none", "A", opt=lambda f: ts(f, echo=0))
one("ts_echo_before", "A", opt=lambda f: ts(f, echo=(f.ts_recent - 1) % 2 ** 32))
one("ts_echo_after", "A", opt=lambda f: ts(f, echo=(f.ts_recent + 100000) % 2 ** 32))
one("ts_echo_before_data", "PA", b"x", opt=lambda f: ts(f, echo=(f.ts_recent - 1) % 2 ** 32))
one("ts_echo_before_rst", "RA", opt=lambda f: ts(f, echo=(f.ts_recent - 1) % 2 ** 32))
one("ts_missing", "A", opt=lambda f: b"")
one("ts_missing_data", "PA", b"x", opt=lambda f: b"")
one("ts_not_agreed", "A", syn={"ts": False}, opt=lambda f: w.options(ts=(5, 6)))
one("ts_not_agreed_old", "A", syn={"ts": False}, opt=lambda f: w.options(ts=(2 ** 31 + 5, 6)))

# Sequence numbers
one("seq_left", "A", seq=-1)
one("seq_left_far", "A", seq=-2 ** 30)
one("seq_left_fin", "FA", seq=-1)
one("seq_left_data", "PA", b"x", seq=-1)
one("seq_left_overlap", "PA", b"xy", seq=-1)
one("seq_ahead", "A", seq=10)
one("seq_ahead_data", "PA", b"x" * 10, seq=10)
one("seq_right_far", "A", seq=2 ** 30)
one("seq_right_data", "PA", b"x", seq=2 ** 30)


def edge(name, flags, data, off):
    """At the right edge of the window that the SYN-ACK offered, off by so much."""
    def script(side):
        f = yield from side.half()
        f.send(flags, data, seq=(f.iss + 1 + f.got[0].wnd + off) % 2 ** 32, ack=f.rcv_nxt)
        yield from after(side, f)
    script.__name__ = name
    QUIET.append(script)


edge("edge_inside", "A", b"", -1)
edge("edge_inside_data", "PA", b"x", -1)
edge("edge_inside_data_over", "PA", b"xyz", -1)
edge("edge_at", "A", b"", 0)
edge("edge_at_data", "PA", b"x", 0)
edge("edge_outside", "A", b"", 1)
edge("edge_rst_inside", "R", b"", -1)
edge("edge_rst_at", "R", b"", 0)
edge("edge_rst_outside", "R", b"", 1)

# RST
one("rst", "R")
one("rst_ahead", "R", seq=100)
one("rst_left", "R", seq=-1)
one("rst_right", "R", seq=2 ** 30)
one("rst_ack", "RA")
one("rst_data", "R", b"x")
one("rst_no_ts", "R", opt=lambda f: b"")

# SYN, and segments without ACK
one("syn_other_in_window", "S", seq=10)
one("syn_other_left", "S", seq=-100)
one("syn_other_right", "S", seq=2 ** 30)
one("syn_other_old", "S", seq=10, tick=-100)
one("syn_ack", "SA", seq=-1)
one("syn_ack_in_window", "SA", seq=10)
one("syn_ack_ahead", "SA", seq=0)
one("syn_rst", "SR", seq=-1)
one("no_ack_flag_data", "P", b"x")
one("no_flag", "")


@quiet
def data_behind(side):
    """Data right behind the final ACK, no waiting in between."""
    f = yield from side.half()
    f.send("A")
    f.send("PA", b"x" * 100)
    yield GAP
    f.send("PA", b"y" * 50)
    yield from after(side, f)


@quiet
def data_overtakes(side):
    """Data overtakes the final ACK, which is then old."""
    f = yield from side.half()
    f.send("PA", b"x" * 100)
    yield GAP
    f.send("A", seq=f.iss + 1)
    yield from after(side, f)


# What a SYN may look like
def syn(name, flags="S", data=b"", finish=True, opt=None, **kw):
    def script(side):
        f = side.flow(**kw)
        extra = {} if opt is None else {"opt": opt(f)}
        f.send(flags, data, seq=f.iss, **extra)
        f.snd_nxt = (f.iss + 1) % 2 ** 32
        yield GAP
        if finish and f.irs is not None:
            f.send("A")
        yield from after(side, f)
    script.__name__ = "syn_" + name
    QUIET.append(script)


syn("no_options", mss=None, wscale=None, sack=False, ts=False)
syn("mss_only", wscale=None, sack=False, ts=False)
syn("ts_only", mss=None, wscale=None, sack=False)
syn("sack_only", mss=None, wscale=None, ts=False)
syn("wscale_only", mss=None, sack=False, ts=False)
for n in (0, 1, 48, 87, 9000, 65535):
    syn(f"mss_{n}", mss=n)
for n in (0, 14, 15, 255):
    syn(f"wscale_{n}", wscale=n)
syn("ecn", "SEC")
syn("ece", "SE")
syn("psh_urg", "SPU")
syn("data", data=b"GET /")
syn("fin", "SF", finish=False)
syn("rst", "SR", finish=False)
syn("unknown_option", opt=lambda f: w.options(1460, 7, True, (f.tsval(), 0), b"\xfe\x04ab"))
syn("unknown_first", opt=lambda f: w.options(raw=b"\xfe\x04ab" + w.options(1460, 7, True)))
syn("option_end", opt=lambda f: w.options(1460, raw=b"\0\3\3\7"))
syn("option_twice", opt=lambda f: w.options(1460, raw=b"\2\4\2\x18\3\3\1\3\3\2"))
syn("tsecr", opt=lambda f: w.options(1460, ts=(f.tsval(), 12345)))
syn("sack_blocks", opt=lambda f: w.options(1460, raw=b"\5\x0a" + b"\0" * 8))
syn("zero_window_opts", opt=lambda f: b"\1" * 40)


@quiet
def ts_zero(side):
    """A first timestamp of 0, as some send: no PAWS until there is one (Linux's reason)."""
    f = side.flow()
    f.ts_base = -10
    f.syn()
    yield f
    f.send("A", opt=w.options(ts=(2 ** 31 + 5, f.ts_recent)))
    yield from after(side, f)


@quiet
def ts_zero_repeat(side):
    f = side.flow()
    f.ts_base = -10
    f.syn()
    yield f
    f.syn(opt=w.options(1460, 7, True, (2 ** 31 + 5, 0)))
    yield from after(side, f)


# --- in time -------------------------------------------------------------------------------

# All ask for states at the same time, in the end, when no SYN-ACK is due (one is, at 2.3 and 3 s):
# the asking would hold up the others.
TIMED_END = 2.5


def repeated(name, *times, **kw):
    """A SYN at 0, and again at these times; then what the timer does."""
    def script(side):
        f = yield from side.half()
        for at in times:
            yield side.since(at)
            f.syn(**({k: v(f) for k, v in kw.items()}))
        yield from after(side, f, side.since(TIMED_END))
    script.__name__ = "syn_again_" + name
    TIMED.append(script)


repeated("at_once", 0.05)
repeated("soon", 0.1, 0.3, 0.52, 0.7, 1.1, 1.3)
repeated("late", 0.6, 0.9)
repeated("every_110_ms", *(n * 0.11 for n in range(1, 11)))
repeated("other_options", 0.1, opt=lambda f: w.options(1000, None, False, (f.tsval(), 0)))
repeated("no_options", 0.1, opt=lambda f: b"")
repeated("old_ts", 0.1, 0.3, 0.7, opt=lambda f: w.options(1460, 7, True, (f.ts_base, 0)))
repeated("window_0", 0.1, wnd=lambda f: 0)


def again(name, flags, data=b""):
    def script(side):
        f = yield from side.half()
        yield side.since(0.1)
        f.send(flags, data, seq=f.iss)
        yield from after(side, f, side.since(TIMED_END))
    script.__name__ = "syn_again_" + name
    TIMED.append(script)


again("ecn", "SEC")
again("psh_urg", "SPU")
again("data", "S", b"x" * 10)


@timed
def limit_is_shared(side):
    """One limit for the answers to repeated SYNs and to what lies outside the window."""
    f = yield from side.half()
    for at, what in (0.1, "syn"), (0.2, "ack"), (0.5, "ack"), (0.7, "ack"), (0.8, "syn"), \
            (1.1, "syn"), (1.3, "syn"):
        yield side.since(at)
        if what == "syn":
            f.syn()
        else:
            f.send("A", seq=f.iss - 100)
    yield from after(side, f, side.since(TIMED_END))


@timed
def limit_not_for_data(side):
    """Data outside the window is always answered, bare ACKs at most every 500 ms."""
    f = yield from side.half()
    for n in range(4):
        f.send("PA", b"x", seq=f.iss - 100)
        yield GAP
    for n in range(4):
        f.send("A", seq=f.iss - 100)
        yield GAP
    f.send("FA", seq=f.iss - 100)
    yield from after(side, f, side.since(TIMED_END))


@timed
def then_all_is_well(side):
    """Whatever came before, the right ACK completes it."""
    f = yield from side.half()
    echo = f.ts_recent
    for kw in {"seq": f.iss - 100}, {"ack": f.rcv_nxt + 1}, {"seq": f.iss + 2 ** 30}:
        f.send("A", **kw)
        yield GAP
    f.send("A", opt=ts(f, echo=echo))
    yield from after(side, f, side.since(TIMED_END))


@timed
def late_final_ack(side):
    """After two SYN-ACKs: an echo of the first, and an echo of the second, will do."""
    f = yield from side.half()
    g = yield from side.half()
    echo = f.ts_recent
    yield side.since(1.3)
    f.send("A", opt=w.options(ts=(f.tsval(), echo)))
    g.send("A")
    yield side.since(TIMED_END)
    side.states(g)
    g.rst()
    yield from after(side, f, 0)


COUNTERS = {"DelayedACKs": "syngate acknowledges a FIN at once"}


def main():
    queues, only = int(sys.argv[1]), sys.argv[2:]
    stage = beside.Stage(w.Wire(), queues, unlike=COUNTERS)
    stage.add("all", 80, 8080, 4096)
    for fn in QUIET:
        if not only or fn.__name__ in only:
            stage.run(fn.__name__, [(fn.__name__, "all", fn)], show=bool(only))
    wanted = [fn for fn in TIMED if not only or fn.__name__ in only]
    if wanted:
        stage.run("in time", [(fn.__name__, "all", fn) for fn in wanted], lag=0.03,
                  show=bool(only))
    stage.table()
    stage.verdict()
    print(f"{len(QUIET)} scripts one by one and {len(TIMED)} in time: the same on both sides")


beside.main(main)
