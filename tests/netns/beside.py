# SPDX-License-Identifier: BSD-2-Clause
"""The same script on a listener of syngate's and on one of the kernel's, at the same time, and
what each of them did, compared: segment by segment, with times, queue lengths, states and
counters.

A script is a generator that is given a Side. It yields what it waits for: a number (seconds), a
flow (its next segment), or a function (until it is true). Many scripts run at once on one Wire.
"""
import json
import sys
import time

import wire as w
from wire import Wrong

GAP = 0.05  # between two segments of a script: time enough for the answer to the first
LATE = 0.4  # that far apart may two equal answers be on a busy machine
LAG = 0.3  # a script that wakes up so late may have met a timer that it wanted to avoid
BUSY = 75  # exit code: they differ, but scripts woke up late. lib.sh: unhurried


# what is counted on either side by chance
CHANCE = {"OutOfWindowIcmps": "the client's own kernel, which knows nothing of these connections, "
                              "sends an ICMP error now and then"}


class Busy(Wrong):
    """Wrong, perhaps for want of processor time."""


# --- looking -------------------------------------------------------------------------------

class Round:
    """One turn of play(): who asks in it for what a command shows gets the same answer."""
    began = 0.0
    lag = 0.0  # how late a script was woken up, at most
    shown = {}

    @classmethod
    def begin(cls):
        cls.began = time.monotonic()
        cls.shown = {}


def look(*argv):
    if argv not in Round.shown:
        Round.shown[argv] = w.run(*argv)
    return Round.shown[argv]


def rows(what):
    return json.loads(look("syngate", "show", what, "-j"))


def sockets(*what):
    text = look("nsenter", "--net=/run/netns/server", "ss", "-Hn", *what)
    return [line.split() for line in text.splitlines()]


class Syngate(w.Syngate):
    def queues(self):
        return next((r["halfopen"], r["acceptq"]) for r in rows("listeners")
                    if r["port"] == self.port)

    def state(self, flow):
        host = f"[{flow.addr}]" if flow.family == 6 else flow.addr
        return next((r["state"] for r in rows("conns") + rows("timewait")
                     if r["peer"] == f"{host}:{flow.sport}"
                     and r["local"].endswith(f":{flow.port}")), "gone")


class Kernel(w.Kernel):
    def __init__(self, port, backlog):
        super().__init__(port, backlog)
        self.backlog = backlog

    def queues(self):
        half = [r for r in sockets("-ta", "state", "syn-recv") if r[2].endswith(f":{self.port}")]
        wait = [r for r in sockets("-lt") if r[3].endswith(f":{self.port}")]
        return len(half), int(wait[0][1])

    def state(self, flow):
        host = f"[{flow.addr}]" if flow.family == 6 else f"{flow.addr}"
        names = f"{host}:{flow.sport}", f"[::ffff:{flow.addr}]:{flow.sport}"
        return next((r[0] for r in sockets("-ta") if r[4] in names
                     and r[3].endswith(f":{flow.port}")), "gone")


# --- scripts -------------------------------------------------------------------------------

class Peer(w.Flow):
    """A flow that learns from what comes by itself, keeps a record, and whose clock ticks by
    ten with each segment that it sends: echoes can be compared."""

    def __init__(self, wire, port, family, **kw):
        super().__init__(wire, port, family, **kw)
        self.ticks, self.learned, self.sent = 0, 0, []

    def tsval(self):
        return (self.ts_base + self.ticks) & 0xffffffff

    def send(self, flags, data=b"", **kw):
        self.ticks += 10
        super().send(flags, data, **kw)
        name = flags if isinstance(flags, str) else w.flags_text(flags)
        self.sent.append((self.sent_at, f"> {name}" + (f" len {len(data)}" if data else "")))

    def other(self):
        """The other of two queues."""
        return None if self.queue is None else 1 - self.queue

    def study(self):
        for seg in self.got[self.learned:]:
            self.learn(seg)
        self.learned = len(self.got)

    def rst(self):
        """End it: a RST just where the other side waits for the next segment, as RFC 5961 wants
        it, whatever our own numbers and clock have said before."""
        acks = [seg.ack for seg in self.got if seg.flags & w.ACK]
        self.send("R", seq=acks[-1] if acks else self.snd_nxt, opt=b"")

    def line(self, seg):
        text = self.show(seg)
        if seg.seq == 0:
            text = text.replace(f"seq {(0 - (self.irs or 0)) % 2 ** 32}", "seq =0")
        if seg.opt.get("mss"):
            text += f" mss {seg.opt['mss']}"
        if "ts" in seg.opt:
            echo = seg.opt["ts"][1]
            text += f" echo {(echo - self.ts_base) % 2 ** 32 if echo else 'none'}"
        return "< " + text

    def record(self):
        """[(seconds since the first segment, line)], in the order of time"""
        lines = self.sent + [(seg.at, self.line(seg)) for seg in self.got]
        lines.sort(key=lambda x: x[0])
        return [(at - lines[0][0], text) for at, text in lines]


class Side:
    """One of the two listeners, and the flows that a script has to it."""

    def __init__(self, wire, target, family=4, queues=1):
        self.wire, self.target, self.family, self.queues = wire, target, family, queues
        self.flows, self.crowd, self.notes = [], [], []
        self.began = time.monotonic()

    def flow(self, queue=None, **kw):
        """Its flows take turns on the RX queues."""
        if queue is None and self.queues > 1:
            queue = len(self.flows) % self.queues
        f = Peer(self.wire, self.target.port, self.family, queue=queue, **kw)
        self.flows.append(f)
        return f

    def many(self, n):
        """Flows of which only what they have in sum is compared."""
        self.crowd += [Peer(self.wire, self.target.port, self.family,
                            queue=i % self.queues if self.queues > 1 else None)
                       for i in range(n)]
        return self.crowd[-n:]

    def half(self, **kw):
        """A flow with a half-open entry: `f = yield from side.half()`"""
        f = self.flow(**kw)
        f.syn()
        seg = yield f
        if seg.flags != w.SYN | w.ACK:
            raise Wrong(f"{f}: {f.show(seg)} for a SYN")
        return f

    def opened(self, **kw):
        f = yield from self.half(**kw)
        f.send("A")
        yield lambda: self.target.state(f) == "ESTAB"
        return f

    def passed(self):
        """Seconds since the script began."""
        return time.monotonic() - self.began

    def since(self, seconds):
        """What is left until so long after the script began."""
        return max(0, seconds - self.passed())

    def note(self, text):
        self.notes.append(str(text))

    def states(self, *flows):
        self.note("states " + " ".join(self.target.state(f) for f in flows or self.flows))

    def record_text(self):
        return [[line for _, line in f.record()] for f in self.flows]

    def lengths(self):
        """What the queues hold goes into the record."""
        self.note("queues {} {}".format(*self.target.queues()))

    def settled(self, half, accept):
        """Wait for these lengths, which must be reached on both sides, and keep them on record."""
        yield lambda: self.target.queues() == (half, accept)
        self.lengths()


# --- playing -------------------------------------------------------------------------------

class Task:
    def __init__(self, name, script, side):
        self.name, self.side, self.script = name, side, script(side)
        self.wait, self.limit, self.again = 0.0, 0.0, 0.0
        self.done = False
        self.error = None

    def step(self, value=None):
        try:
            self.wait = self.script.send(value)
        except StopIteration:
            self.done = True
        except Wrong as e:
            self.done, self.error = True, e
        now = time.monotonic()
        self.limit = now + (self.wait if isinstance(self.wait, (int, float)) else w.DEADLINE)
        self.again = now

    def poll(self):
        """Go on if what it waits for is there. Returns when to look again."""
        now = Round.began
        if isinstance(self.wait, (int, float)):
            if now >= self.limit:
                Round.lag = max(Round.lag, time.monotonic() - self.limit)
                self.step()
            return self.limit
        if isinstance(self.wait, Peer):
            if self.wait.inbox:
                self.step(self.wait.inbox.pop(0))
                return now
        elif now >= self.again:
            self.again = now - now % GAP + GAP  # all at the same time: they share look()
            if self.wait():
                self.step()
                return now
        if now > self.limit:
            what = getattr(self.wait, "__qualname__", self.wait)  # lambdas: the script's name
            self.done, self.error = True, Wrong(f"waited in vain: {what}")
        return min(self.again, self.limit) if callable(self.wait) else self.limit


def play(wire, tasks):
    """Run scripts side by side until all are done."""
    for t in tasks:
        Round.begin()
        t.side.began = time.monotonic()
        t.step()
    while True:
        left = [t for t in tasks if not t.done]
        if not left:
            return
        Round.begin()
        soon = min(t.poll() for t in left) - time.monotonic()
        if soon > 0:
            wire.take(time.time() + soon)
        for t in tasks:
            for f in t.side.flows + t.side.crowd:
                f.study()


# --- comparing -----------------------------------------------------------------------------

def text_of(side):
    out = []
    for n, f in enumerate(side.flows):
        out += [f"flow {n}: {at:8.3f} {line}" for at, line in f.record()]
    return out + [f"note: {n}" for n in side.notes]


def apart(a, b, i):
    """How far apart in time the lines number i are: since the flow began or since the line
    before, whatever is less. A script that was late somewhere is late from there on."""
    whole = abs(a[i][0] - b[i][0])
    return min(whole, abs(a[i][0] - a[i - 1][0] - b[i][0] + b[i - 1][0])) if i else whole


def differences(ours, theirs, late, unlike):
    """The first line in which two records differ, or None. unlike: (there, here, reason)"""
    for n, (a, b) in enumerate(zip(ours.flows, theirs.flows)):
        a, b = a.record(), b.record()
        for i, ((ta, la), (tb, lb)) in enumerate(zip(a, b)):
            if la != (lb.replace(unlike[0], unlike[1]) if unlike else lb):
                return f"flow {n}: '{la}' here, '{lb}' there"
            if la[0] == "<" and apart(a, b, i) > late:
                return f"flow {n}: '{la}' after {ta:.3f} s here, {tb:.3f} s there"
        if len(a) != len(b):
            return f"flow {n}: {len(a)} segments here, {len(b)} there"
    if unlike and ours.record_text() == theirs.record_text():
        return f"listed as different: {unlike[2]}"
    if ours.notes != theirs.notes:
        return next((f"'{a}' here, '{b}' there" for a, b in zip(ours.notes, theirs.notes)
                     if a != b), "more notes on one side")
    return None


def columns(ours, theirs):
    a, b = text_of(ours), text_of(theirs)
    a += [""] * (len(b) - len(a))
    b += [""] * (len(a) - len(b))
    return "\n".join(f"    {x:62.62} | {y:.62}" for x, y in zip(["here: syngate"] + a,
                                                              ["there: kernel"] + b))


class Stage:
    """Pairs of listeners, by name, and what differs on purpose: {script: (there, here, reason)}
    in a line, {counter: reason} in a counter."""

    def __init__(self, wire, queues=1, lines=(), unlike=()):
        self.wire, self.queues = wire, queues
        self.lines, self.unlike = dict(lines), CHANCE | dict(unlike)
        self.pairs, self.failed, self.total = {}, [], {}
        self.lags = []  # of the runs that failed: were they held up?

    def add(self, name, syngate_port, kernel_port, backlog):
        self.pairs[name] = (Syngate(syngate_port), Kernel(kernel_port, backlog))

    def any(self):
        return next(iter(self.pairs.values()))

    def counters(self):
        return [t.counters() for t in self.any()]

    def set(self, name, value):
        for t in self.any():
            t.set(name, value)

    def moved(self, before, names=None):
        """{name: (ours, theirs)} of the names that both have and that moved."""
        ours, theirs = [{n: after[n] - b.get(n, 0) for n in after}
                        for after, b in zip(self.counters(), before)]
        both = names or sorted(set(ours) & set(theirs))
        return {n: (ours[n], theirs[n]) for n in both if ours[n] or theirs[n]}

    def run(self, what, scripts, late=LATE, lag=LAG, show=False, skip=()):
        """scripts: [(name, pair, script)]. Each runs on both sides, in both families. They must
        not be woken up later than `lag` for the result to count."""
        before, failed = self.counters(), len(self.failed)
        Round.lag = 0.0
        rows, tasks = [], []
        for name, pair, script in scripts:
            for family in (4, 6):
                targets = self.pairs.get(f"{pair}/{family}") or self.pairs[pair]
                sides = [Side(self.wire, t, family, self.queues) for t in targets]
                for s in sides:
                    tasks.append(Task(name, script, s))
                rows.append((name, f"{name}, IPv{family}", sides, tasks[-2:]))
        play(self.wire, tasks)
        for short, name, sides, pair in rows:
            wrong = [f"{t.side.target.name}: {t.error}" for t in pair if t.error]
            wrong = "; ".join(wrong) or differences(*sides, late, self.lines.get(short))
            if wrong or show:
                print(f"{name}: {wrong or 'the same'}\n{columns(*sides)}")
            if wrong:
                self.failed.append(name)
        self.compare(what, self.arrived(before, skip), skip)
        if len(self.failed) > failed:
            print(f"{what}: scripts woke up late by {Round.lag:.3f} s at most")
            self.lags.append(Round.lag > lag)

    def check(self, what, fn, *args, lag=LAG):
        """One more thing that can be wrong about the last run."""
        try:
            fn(*args)
        except Wrong as e:
            print(f"{what}: {e}")
            self.failed.append(what)
            self.lags.append(Round.lag > lag)

    def arrived(self, before, skip=()):
        """What moved, once the last segments of the scripts have been counted on both sides."""
        end = time.monotonic() + w.DEADLINE
        while True:
            moved = self.moved(before)
            if time.monotonic() > end or not any(self.differs(*m, skip) for m in moved.items()):
                return moved
            self.wire.take(time.time() + GAP)

    def differs(self, name, pair, skip):
        return pair[0] != pair[1] and name not in self.unlike and name not in skip

    def compare(self, what, moved, skip=()):
        for name, (a, b) in moved.items():
            x, y = self.total.get(name, (0, 0))
            self.total[name] = x + a, y + b
            if self.differs(name, (a, b), skip):
                print(f"{what}: {name} +{a} here, +{b} there")
                self.failed.append(f"{what} {name}")

    def table(self):
        print(f"    {'counter':24} {'syngate':>8} {'kernel':>8}")
        for name, (a, b) in sorted(self.total.items()):
            print(f"    {name:24} {a:8} {b:8}  {'' if a == b else self.unlike.get(name, '')}")

    def verdict(self):
        if self.failed:
            names = list(dict.fromkeys(self.failed))
            kind = Busy if self.lags and all(self.lags) else Wrong
            raise kind(f"{len(names)} differ: {', '.join(names[:20])}" +
                        (", ..." if len(names) > 20 else ""))


def main(fn):
    """Run fn, which raises Wrong when the two sides differ."""
    try:
        fn()
    except Wrong as e:
        print(f"FAIL: {e}", file=sys.stderr)
        sys.exit(BUSY if isinstance(e, Busy) else 1)
