# SPDX-License-Identifier: BSD-2-Clause
"""One tuple on two RX queues, in every state. Run by moved.sh."""
import json
import os
import socket
import sys
import time

import wire as w
from wire import Wrong

MANY = 100  # tuples whose segments meet on both queues at once
GET = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SEED = int(os.environ.get("SEED", time.time_ns() % 2 ** 32))

SCENARIOS = []


def rows(what):
    """`show`, without a process for each look: docs/control-protocol.md"""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(w.DEADLINE)
        s.connect("/run/syngate/s0.sock")
        s.sendall(json.dumps({"cmd": "show", "what": what}).encode() + b"\n")
        text = b"".join(iter(lambda: s.recv(65536), b""))
    return json.loads(text)["result"]


class Gate(w.Syngate):
    def listener(self):
        return next(r for r in rows("listeners") if r["port"] == self.port)

    def queues(self):
        return tuple(self.listener()[k] for k in ("halfopen", "acceptq"))


wire = w.Wire(seed=SEED)
HOLD, ECHO, HTTP = (Gate(port) for port in (80, 82, 83))


def scenario(fn):
    SCENARIOS.append(fn)
    return fn


def check(what, got, want):
    if got != want:
        raise Wrong(f"{what}: got {got!r}, want {want!r}")


def rows_of(f, what="conns"):
    host = f"[{f.addr}]" if f.family == 6 else f.addr
    return [r for r in rows(what) if r["peer"] == f"{host}:{f.sport}"]


def state(f):
    return next((r["state"] for r in rows_of(f) + rows_of(f, "timewait")), "gone")


def any_queue():
    return wire.dice.randrange(2)


def offers(f):
    """What the SYN-ACKs of a flow say, without the clock in them."""
    return {(s.seq, s.ack, s.wnd, tuple(sorted((k, v) for k, v in s.opt.items() if k != "ts")))
            for s in f.got if s.flags == w.SYN | w.ACK}


def half_open(target, family, queue=0):
    f = wire.flow(target.port, family)
    f.syn(queue=queue)
    f.expect("SA")
    return f


def established(target, family, syn=0, ack=1):
    f = half_open(target, family, syn)
    f.send("A", queue=ack)
    w.until(f"{f} to be established", lambda: state(f) == "ESTAB")
    return f


def gone(*flows):
    for f in flows:
        w.until(f"{f} to be gone", lambda: state(f) == "gone")


def reset(flows, queue=None):
    """RST at the place where the server waits for the next byte."""
    for f in flows:
        f.drain()
        f.send("R", opt=b"", queue=any_queue() if queue is None else queue)


def read(f, size, again=None):
    """So many bytes, each once. again(): what a peer sends whose timer fires."""
    back, until = b"", time.monotonic() + w.DEADLINE
    while len(back) < size:
        before = f.rcv_nxt
        if again and not f.inbox and not wire.take(time.time() + 1) and time.monotonic() < until:
            again()
            continue
        seg = f.expect()
        if seg.flags & w.RST:
            raise Wrong(f"{f}: {f.show(seg)}")
        if seg.data and seg.seq == before:
            back += seg.data
            f.send("A", queue=any_queue())
    return back


def reopen(old):
    """A flow with the same tuple, for a connection that comes later."""
    f = wire.flow(HTTP.port, old.family, addr=old.addr, sport=old.sport, iss=old.snd_nxt + 1000)
    f.ts_base = old.ts_base
    return f


def reopened(f, old):
    """Its SYN-ACK; ACKs of the old connection may still be under way."""
    while True:
        seg = f.expect()
        if seg.flags & w.SYN:
            check("its ISN, by Linux's rule", (seg.seq - old.rcv_nxt) % 2 ** 32, 65537)
            return
        check("not of the old connection", (w.flags_text(seg.flags), seg.ack), ("A", old.snd_nxt))


def converse(f, data):
    """Send all of it, each segment and each ACK on some queue, and read as much back."""
    first, acked, back, moved_at = f.snd_nxt, 0, b"", time.monotonic()
    sent = 0
    while len(back) < len(data) or acked < len(data):
        while sent < len(data) and sent - acked < 30000:
            size = wire.dice.randrange(1, 1400)
            f.send("A", data[sent:sent + size], seq=(first + sent) % 2 ** 32, queue=any_queue())
            sent = min(sent + size, len(data))
        wire.take(time.time() + 0.2)
        heard = bool(f.inbox)
        while f.inbox:
            seg = f.inbox.pop(0)
            new = seg.seq == f.rcv_nxt
            f.learn(seg)
            back += seg.data if new else b""
            acked = max(acked, (seg.ack - first) % 2 ** 32)
        f.send("A", seq=(first + sent) % 2 ** 32, queue=any_queue())
        if heard:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > w.DEADLINE:
            raise Wrong(f"{f}: stands still: {acked} acknowledged, {len(back)} back of {len(data)}")
        elif time.monotonic() - moved_at > 1:
            sent = acked  # as a peer does whose timer fires
    f.snd_nxt = (first + len(data)) % 2 ** 32
    check(f"{f}: what came back", back, data)


# --- SYN_RCVD ------------------------------------------------------------------------------

@scenario
def syn_again_on_the_other(family):
    """The same ISN and options, and one entry."""
    for a in 0, 1:
        f = half_open(ECHO, family, a)
        f.syn(queue=1 - a)
        f.expect("SA")
        check("offers", len(offers(f)), 1)
        check("entries", (len(rows_of(f, "halfopen")), ECHO.queues()[0]), (1, 1))
        f.send("A", queue=1 - a)
        w.until("the connection", lambda: state(f) == "ESTAB")
        check("its worker", rows_of(f)[0]["worker"], 1 - a)
        converse(f, os.urandom(2000))
        reset([f], a)
        gone(f)


@scenario
def end_of_syn_rcvd_on_the_other(family):
    """A RST and a new SYN that fit end the entry; an ACK of what was never sent does not."""
    for flags, extra in ("R", 0), ("S", 100):
        f = half_open(ECHO, family)
        f.send("A", ack=f.rcv_nxt + 7, queue=1)
        f.expect("R")
        check("after a wrong ACK", state(f), "SYN-RECV")
        f.send(flags, seq=(f.snd_nxt + extra) % 2 ** 32, queue=1)
        gone(f)
        check("half-open", ECHO.queues()[0], 0)


@scenario
def final_ack_with_data(family):
    f = half_open(ECHO, family)
    f.send("PA", b"first", queue=1)
    f.send("PA", b"second", queue=0)
    back = read(f, 11, lambda: f.send("PA", b"firstsecond", seq=f.iss + 1))
    check("echo", back, b"firstsecond")
    reset([f])
    gone(f)


# --- ESTABLISHED ---------------------------------------------------------------------------

@scenario
def transfer(family):
    f = established(ECHO, family)
    converse(f, os.urandom(200000))
    check("one connection", len(rows_of(f)), 1)
    f.send("FA", queue=0)
    while not f.expect().flags & w.FIN:
        pass
    f.send("A", queue=0)
    gone(f)


@scenario
def reset_on_the_other(family):
    for a in 0, 1:
        f = established(ECHO, family, a, a)
        reset([f], 1 - a)
        gone(f)


@scenario
def challenge_on_the_other(family):
    """A RST that is not quite right, a SYN: answered by the owner, and the connection lives."""
    f = established(ECHO, family, 0, 0)
    for flags, seq in ("R", f.snd_nxt + 10), ("S", f.snd_nxt + 10):
        f.send(flags, seq=seq % 2 ** 32, queue=1)
        check("ACK", (f.expect("A").ack - f.snd_nxt) % 2 ** 32, 0)
    converse(f, os.urandom(3000))
    reset([f])
    gone(f)


# --- TIME_WAIT -----------------------------------------------------------------------------

def get(f, size):
    """A page whose end is the server's FIN, everything on some queue."""
    f.send("PA", GET % size, queue=any_queue())
    body = b""
    while True:
        seg = f.expect()
        body += seg.data
        f.send("A", queue=any_queue())
        if seg.flags & w.FIN:
            break
    check(f"{f}: bytes of the page", len(body.split(b"\r\n\r\n", 1)[1]), size)


def time_wait(family, last=1):
    f = established(HTTP, family, 0, 0)
    get(f, 5000)
    f.drain()
    f.send("FA", queue=last)
    f.expect("A")
    w.until("TIME-WAIT", lambda: state(f) == "TIME-WAIT")
    return f


@scenario
def fin_again_on_the_other(family):
    for last in 0, 1:
        f = time_wait(family, last)
        for queue in 1 - last, last, 1 - last:
            f.send("FA", seq=f.snd_nxt - 1, queue=queue)
            check("ACK again", (f.expect("A").ack - f.snd_nxt) % 2 ** 32, 0)
        check("one block", len(rows_of(f, "timewait")), 1)
        f.send("R", queue=1 - last)
        gone(f)


@scenario
def reopened_on_the_other(family):
    """The new connection has the old one's tuple: SYN, final ACK and data move, too."""
    for first in 0, 1:
        old = time_wait(family, 1 - first)
        f = reopen(old)
        f.syn(queue=first)
        reopened(f, old)
        f.syn(queue=1 - first)
        f.expect("SA")
        check("offers", len(offers(f)), 1)
        check("half-open", HTTP.queues()[0], 1)
        f.send("A", queue=1 - first)
        w.until("the connection", lambda: state(f) == "ESTAB")
        get(f, 20000)
        f.drain()
        f.send("FA", queue=first)
        f.expect("A")
        f.send("R", queue=1 - first)
        gone(f)


# --- both at once ------------------------------------------------------------------------------

def twice(f, flags, other=None, **kw):
    """The same segment on both queues, or `other` on the second one; nothing in between."""
    queues = [0, 1]
    wire.dice.shuffle(queues)
    kw.setdefault("seq", f.snd_nxt)
    kw["opt"] = f.opts(w.flags_of(flags))  # the same to the millisecond: neither is old
    f.send(flags, queue=queues[0], **kw)
    f.send(other or flags, queue=queues[1], **kw)


def all_open(flows):
    """Are they? A SYN-ACK that comes again is answered again."""
    wire.take(time.time())
    for f in flows:
        while f.inbox:
            if f.inbox.pop().flags & w.SYN:
                f.send("A")
    return ECHO.queues() == (0, 0) and \
        sum(r["state"] == "ESTAB" for r in rows("conns")) == len(flows)


def syn_again(f):
    """The SYN-ACK. Two SYNs that claim an entry at the same moment may both give way: then it
    comes for the next one."""
    until = time.monotonic() + w.DEADLINE
    while not f.inbox and time.monotonic() < until:
        if not wire.take(time.time() + 1):
            f.syn(queue=any_queue())
    f.expect("SA")


def crowd(target, family):
    """The same SYN on both queues, many times: one entry each."""
    flows = [wire.flow(target.port, family) for _ in range(MANY)]
    for f in flows:
        twice(f, "S", seq=f.iss)
        f.snd_nxt = (f.iss + 1) % 2 ** 32
    for f in flows:
        syn_again(f)
    wire.sleep(0.1)
    check("entries", target.queues()[0], MANY)
    check("rows", len(rows("halfopen")), MANY)
    check("SYN-ACKs that differ", [str(f) for f in flows if len(offers(f)) != 1], [])
    return flows


@scenario
def syn_twice(family):
    flows = crowd(ECHO, family)
    reset(flows)
    w.until("an empty half-open queue", lambda: ECHO.queues() == (0, 0))
    check("rows", rows("halfopen"), [])


@scenario
def final_ack_twice(family):
    """One connection each, and all of them work."""
    flows = crowd(ECHO, family)
    passive = ECHO.listener()["PassiveOpens"]
    for f in flows:
        f.drain()
        twice(f, "A")
    w.until("connections", lambda: all_open(flows))
    check("PassiveOpens", ECHO.listener()["PassiveOpens"] - passive, MANY)
    for f in flows:
        f.drain()
        twice(f, "PA", data=b"hello")
        f.snd_nxt = (f.snd_nxt + 5) % 2 ** 32
    for f in flows:
        check(f"{f}: echo", read(f, 5), b"hello")
    reset(flows)
    w.until("no connection", lambda: not rows("conns"))


@scenario
def limit_is_exact(family):
    """More final ACKs than the accept queue takes, each on both queues at once."""
    flows = [half_open(HOLD, family, any_queue()) for _ in range(60)]
    for f in flows:
        twice(f, "A")
    w.until("a full accept queue", lambda: HOLD.queues() == (9, 51))
    wire.sleep(0.2)
    check("queues", HOLD.queues(), (9, 51))
    check("states", sum(r["state"] == "ESTAB" for r in rows("conns")), 51)
    reset(flows)
    w.run("syngate", "unlisten", "s0", "*:80")
    w.run("syngate", "listen", "s0", "*:80", "--app", "hold", "--backlog", "50", "--syn-backlog",
          "200")
    w.until("empty queues", lambda: HOLD.queues() == (0, 0) and not rows("conns"))


@scenario
def ack_races_rst(family):
    """Whoever wins, nothing stays."""
    flows = crowd(ECHO, family)
    for f in flows:
        f.drain()
        twice(f, "A", "R")
    w.until("empty queues", lambda: ECHO.queues() == (0, 0))
    w.until("no connection", lambda: not rows("conns"))


@scenario
def ack_races_syn(family):
    """The same SYN and the final ACK: the connection is there, and not reset."""
    flows = crowd(ECHO, family)
    for f in flows:
        f.drain()
        q = any_queue()
        f.send("A", queue=q)
        f.syn(queue=1 - q)
    w.until("connections", lambda: all_open(flows))
    reset(flows)
    w.until("no connection", lambda: not rows("conns"))


@scenario
def fin_races_fin(family):
    """TIME_WAIT from both queues: one block each, and a SYN that reopens it on both."""
    flows = []
    for i in range(20):
        f = established(HTTP, family, i % 2, any_queue())
        get(f, 100)
        f.drain()
        twice(f, "FA")
        f.snd_nxt = (f.snd_nxt + 1) % 2 ** 32
        flows.append(f)
    w.until("TIME-WAIT", lambda: len(rows("timewait")) == len(flows))
    again = []
    for old in flows:
        f = reopen(old)
        twice(f, "S", seq=f.iss)
        f.snd_nxt = (f.iss + 1) % 2 ** 32
        again.append(f)
    for f, old in zip(again, flows):
        reopened(f, old)
    wire.sleep(0.1)
    check("SYN-ACKs that differ", [str(f) for f in again if len(offers(f)) != 1], [])
    check("half-open, TIME_WAIT", (HTTP.queues()[0], rows("timewait")), (len(flows), []))
    for f in again:
        f.drain()
        twice(f, "A")
        get(f, 1000)
    reset(again)
    w.until("no connection", lambda: not rows("conns"))


# --- the end -------------------------------------------------------------------------------

def is_empty():
    return not rows("conns") and all(
        (r["halfopen"], r["acceptq"], r["young"]) == (0, 0, 0) for r in rows("listeners"))


def nothing_left():
    """Lengths and tables: `show conns` has the half-open entries and the accept queues too."""
    w.until("empty queues and tables", is_empty)
    if rows("timewait"):
        HOLD.set("timewait_ms", 100)
        w.until("the end of TIME_WAIT", lambda: not rows("timewait"))
        HOLD.set("timewait_ms", 60000)


def verdict():
    for what in "halfopen", "acceptq":
        check(f"`show {what}`", rows(what), [])
    c = HOLD.counters()
    if not c["Forwarded"]:
        raise Wrong("nothing went from worker to worker: the segments came on one queue alone")
    check("ForwardDropped", c["ForwardDropped"], 0)
    print(f"segments from worker to worker: {c['Forwarded']}")


def play():
    for family in 4, 6:
        for fn in SCENARIOS:
            if sys.argv[1:] and fn.__name__ not in sys.argv[1:]:
                continue
            begin = time.monotonic()
            try:
                fn(family)
                nothing_left()
            except Wrong as e:  # the next ones would find what it left
                raise Wrong(f"IPv{family} {fn.__name__}: {e}, SEED={SEED}") from e
            print(f"IPv{family} {fn.__name__}: {time.monotonic() - begin:.1f} s")
    verdict()


try:
    play()
except Wrong as wrong:
    sys.exit(f"FAIL: {wrong}")
