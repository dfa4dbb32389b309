# SPDX-License-Identifier: BSD-2-Clause
"""How connections end, side by side: what beside_close.py and beside_timewait.py share. Each
scenario is run against the kernel and against syngate; what both did is a list of lines,
and the lists must be equal.

The server's side of a connection is in the test's hand as well: a socket that accept()
gives, which is the kernel's own connection or the backend behind syngate."""
import os
import re
import socket
import time

import wire
from wire import Flow, Kernel, Syngate, Wrong, enter, run, until

STATES = dict(enumerate("? ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED "
                        "CLOSE-WAIT LAST-ACK LISTEN CLOSING SYN-RECV".split()))
TIMERS = {0: "", 1: "on", 2: "keepalive", 3: "timewait", 4: "persist"}
REQUEST = b"GET /bytes/100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BACKLOG = 64
LAG = 0.05  # who sleeps longer by that much may have met another timer
AGAIN = 2  # times more for scenarios that were not alike
BUSY = 75  # exit code: not alike, but held up. lib.sh: unhurried
COUNTERS = """
    AttemptFails EmbryonicRsts EstabResets ListenDrops ListenOverflows OutRsts PassiveOpens
    PAWSEstab PAWSOldAck PAWSTimewait TCPAbortOnClose TCPAbortOnData TCPAbortOnTimeout
    TCPACKSkippedFinWait2 TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedSynRecv
    TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPChallengeACK TCPReqQFullDrop TCPSYNChallenge
    TCPTimeWaitOverflow TW TWKilled TWRecycled""".split()


class Peer(Flow):
    """A flow whose timestamps tick when told to, and which takes both RX queues in turn."""
    tick = 0
    sent = 0

    def __init__(self, on, family=4, **kw):
        super().__init__(on.wire, on.port, family, **kw)
        self.on = on

    def tsval(self):
        return (self.ts_base + self.tick) & 0xffffffff

    def send(self, flags, data=b"", queue=None, **kw):
        self.sent += 1
        if queue is None and self.on.queues_rx > 1:
            queue = self.sent % 2 if self.sent > 2 else 0  # SYN and ACK tell the owner
        super().send(flags, data, queue=queue, **kw)
        self.last_queue = queue

    def again(self, iss, tick, **kw):
        """Another connection on the same four-tuple."""
        new = Peer(self.on, self.family, addr=self.addr, sport=self.sport, iss=iss % 2 ** 32,
                   **kw)
        new.ts_base = self.ts_base
        new.tick = tick
        return new

    def is_repeat(self, seg):
        """A SYN, FIN or data sent again by a timer: when it comes is no matter here."""
        space = len(seg.data) + bool(seg.flags & (wire.SYN | wire.FIN))
        return space and any(s is not seg and s.at <= seg.at and s.seq == seg.seq and
                             s.flags == seg.flags and len(s.data) == len(seg.data)
                             for s in self.got[:self.got.index(seg)])

    def next(self, flags):
        """As expect(), past what is sent again."""
        while True:
            seg = self.expect()
            if self.is_repeat(seg):
                continue
            if seg.flags & ~wire.PSH != wire.flags_of(flags):
                raise Wrong(f"{self}: {self.show(seg)}, want {flags}")
            return seg

    def poke(self, flags, data=b"", repeats=False, **kw):
        """Send one segment. Returns all that is answered, in one line."""
        self.drain()
        self.send(flags, data, **kw)
        self.on.fence(self)
        got = [s for s in self.inbox if repeats or not self.is_repeat(s)]
        self.inbox.clear()
        return " and ".join(self.show(s) for s in got) or "silence"

    def show(self, seg):
        """Beside the numbers, which timestamp comes back and what is told to have come."""
        if seg.flags & wire.RST and seg.seq == 0 and self.irs is not None:
            seg = seg._replace(seq=self.irs)  # the absolute 0 of RFC 9293 3.10.7.1
        text = super().show(seg)
        echo = (seg.opt["ts"][1] - self.ts_base) % 2 ** 32 if "ts" in seg.opt else 0
        blocks = ",".join("-".join(str((edge - self.iss) % 2 ** 32) for edge in block)
                          for block in seg.opt.get("blocks", ()))
        return text.replace("ts", f"ts {echo}").replace("blocks", f"blocks {blocks}")


class Hands:
    """What the two targets have in common here."""

    def start(self, the_wire, queues_rx, family):
        self.wire, self.queues_rx = the_wire, queues_rx
        self.fences = [self.fence_new(family, n) for n in range(queues_rx)]

    def flow(self, family=4, **kw):
        return Peer(self, family, **kw)

    def fence(self, flow):
        """Return when what was sent before on this way has been dealt with: data that came
        long ago is answered at once, and in turn. A fence for each worker, since one that
        gets a stranger's segment passes it on to its owner, behind which ours must stand."""
        for f in self.fences:
            f.drain()
            f.send("A", b"x", seq=f.snd_nxt - 1000, queue=flow.last_queue)
            f.expect("A")

    def fence_new(self, family, n):
        f = self.flow(family)
        f.open(queue=n)
        f.hand = self.accept()
        return f

    def established(self, family=4, **kw):
        f = self.flow(family, **kw)
        f.open()
        f.hand = self.accept()
        return f

    def time_wait(self, family=4, **kw):
        """A pair in TIME_WAIT: the server closed first."""
        f = self.established(family, **kw)
        f.hand.close()
        f.next("FA")
        f.tick += 1
        f.send("FA")
        f.next("A")
        until("TIME-WAIT", lambda: self.look(f)[0] == "TIME-WAIT")
        f.entered = time.time()
        return f

    def half_open(self, family=4, **kw):
        f = self.flow(family, **kw)
        f.syn()
        f.next("SA")
        return f

    def served(self, family=4, extra=b"", **kw):
        """The server has answered and closed: nobody has the connection any more. What it
        sent is not acknowledged yet."""
        f = self.flow(family, **kw)
        f.open()
        self.fence(f)  # on two queues the request could be faster than the ACK
        f.send("PA", REQUEST + extra)
        self.serve()
        while not f.expect().flags & (wire.FIN | wire.RST):
            pass
        return f

    def fin_wait_2(self, family=4, **kw):
        f = self.served(family, **kw)
        f.send("A")
        until("FIN-WAIT-2", lambda: self.look(f)[0] == "FIN-WAIT-2")
        f.entered = time.time()
        return f

    def look(self, flow):
        """(state, timer, seconds)"""
        return self.table().get((flow.addr, flow.sport, flow.port), ("gone", "", 0))

    def mine(self):
        """The flows that this program made and the target still has."""
        flows = {(f.addr, f.sport, f.port): f for f in self.wire.flows.values()}
        return [(flows[who], row) for who, row in self.table().items() if who in flows]

    def small(self, size):
        """How much the servers of connections to come hold that is not read."""
        self.door().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def leave(self):
        """Nothing is to be left over for who comes next."""
        for f, row in self.mine():
            if row[0] != "TIME-WAIT":
                f.tick += 10
                f.send("R")

    def settle(self):
        """Until no pair is in TIME_WAIT by halves."""
        mid = "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "CLOSE-WAIT"
        left = []

        def nothing():
            left[:] = [f"{f}: {row[0]}" for f, row in self.mine() if row[0] in mid]
            return not left
        try:
            until("the end", nothing)
        except Wrong:
            raise Wrong(f"still there: {left}")

    def changes(self, before):
        """Which counters moved since, and by how much."""
        after = self.counters()
        moved = {n: after.get(n, 0) - before.get(n, 0) for n in COUNTERS}
        return " ".join(f"{n} {d}" for n, d in moved.items() if d) or "no counter"


class ByKernel(Hands, Kernel):
    def __init__(self, port, backlog=BACKLOG):
        super().__init__(port, backlog)

    def door(self):
        return self.sock

    def accept(self):
        conn = self.sock.accept()[0]
        conn.settimeout(wire.DEADLINE)
        return conn

    def serve(self):
        """As --app http with `Connection: close`."""
        conn = self.accept()
        want = len(REQUEST)
        while want:
            want -= len(conn.recv(want))
        conn.sendall(self.answer)
        conn.close()

    def unlisten(self):
        self.sock.close()

    def listen(self, backlog):
        """Nobody accepts."""
        Kernel.__init__(self, self.port, backlog)

    def restore(self):
        self.unlisten()
        self.listen(BACKLOG)

    def arrived(self, flow, size):
        """Until the server could read so much."""
        until("data", lambda: len(flow.hand.recv(size, socket.MSG_PEEK)) == size)

    def time_waits(self):
        enter("server")
        with open("/proc/thread-self/net/sockstat") as f:
            n = int(re.search(r"tw (\d+)", f.read())[1])
        enter("client")
        return n

    def sysctl(self, name):
        return run("nsenter", "--net=/run/netns/server", "sysctl", "-n",
                   f"net.ipv4.{name}").strip()

    def table(self):
        """{(peer, port, our port): (state, timer, seconds)}"""
        rows = {}
        enter("server")
        for name in "tcp", "tcp6":
            with open(f"/proc/thread-self/net/{name}") as f:
                rows.update(filter(None, map(self.row, f.readlines()[1:])))
        enter("client")
        return rows

    @staticmethod
    def row(line):
        part = line.split()
        addr, sport = part[2].split(":")
        raw = b"".join(bytes.fromhex(addr[i:i + 8])[::-1] for i in range(0, len(addr), 8))
        if raw[:12] == b"\0" * 10 + b"\xff\xff":
            raw = raw[12:]
        if len(raw) == 16 and not any(raw):
            return None
        timer, when = part[5].split(":")
        key = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
        return ((key, int(sport, 16), int(part[1].split(":")[1], 16)),
                (STATES[int(part[3], 16)], TIMERS[int(timer)], int(when, 16) / 100))


class BySyngate(Hands, Syngate):
    """A proxy; the same listener with --app http is `http`."""

    def __init__(self, port, backend_port, http):
        super().__init__(port)
        self.backend_port = backend_port
        self.http_port = http
        enter("server")
        self.srv = socket.create_server(("127.0.0.1", backend_port), backlog=128)
        self.srv.settimeout(wire.DEADLINE)
        enter("client")

    def door(self):
        return self.srv

    def accept(self):
        conn = self.srv.accept()[0]
        conn.settimeout(wire.DEADLINE)
        return conn

    def served(self, family=4, extra=b"", **kw):
        port, self.port = self.port, self.http_port
        try:
            return super().served(family, extra, **kw)
        finally:
            self.port = port

    def serve(self):
        """It does so itself."""

    def unlisten(self):
        run("syngate", "unlisten", "s0", f"*:{self.port}")

    def listen(self, backlog):
        run("syngate", "listen", "s0", f"*:{self.port}", "--app", "hold", "--backlog",
            str(backlog))

    def restore(self):
        self.unlisten()
        run("syngate", "listen", "s0", f"*:{self.port}", "--backend",
            f"127.0.0.1:{self.backend_port}", "--backlog", str(BACKLOG))

    def arrived(self, flow, size):
        ByKernel.arrived(self, flow, size)

    def time_waits(self):
        return len(wire.json.loads(run("syngate", "show", "timewait", "-j")))

    def sysctl(self, name):
        return str(wire.json.loads(run("syngate", "show", "settings", "-j"))[name])

    def table(self):
        rows = {}
        for what in "conns", "timewait":
            for r in wire.json.loads(run("syngate", "show", what, "-j")):
                addr, sport = re.fullmatch(r"\[?(.*?)]?:(\d+)", r["peer"]).groups()
                key = addr, int(sport), int(r["local"].rpartition(":")[2])
                rows[key] = r["state"], r["timer"]["name"], r["timer"]["ms"] / 1000
        return rows


class Settings:
    """Settings for a time: with Settings(t, tcp_rfc1337=1): ..."""

    def __init__(self, target, **values):
        self.target, self.values = target, values

    def __enter__(self):
        self.old = {n: self.target.sysctl(n) for n in self.values}
        for n, v in self.values.items():
            self.target.set(n, v)

    def __exit__(self, *_):
        for n, v in self.old.items():
            self.target.set(n, v)


def record(scenario, target, family):
    """What a scenario logs, and which counters it moves."""
    lines = []
    before = target.counters()
    try:
        scenario(target, family, lambda *said: lines.append(" ".join(map(str, said))))
    except (Wrong, OSError) as e:
        lines.append(f"stopped: {type(e).__name__}: {e}")
    return lines + [f"counted: {target.changes(before)}"]


def compare(name, theirs, ours, differences):
    """Print where the two differ. Differences that are meant are in a table, with a reason."""
    same = True
    for i in range(max(len(theirs), len(ours))):
        k = theirs[i] if i < len(theirs) else "-"
        s = ours[i] if i < len(ours) else "-"
        if k == s and not k.startswith("stopped"):
            if "V" in os.environ:
                print(f"{name}: {k}")
            continue
        if differences.get(name, {}).get(k) == s:
            continue
        same = False
        print(f"{name}:\n    kernel:  {k}\n    syngate: {s}", flush=True)
    return same


def answer_of(port):
    """What --app http says to REQUEST."""
    with socket.create_connection((wire.SERVER[4], port), wire.DEADLINE) as s:
        s.sendall(REQUEST)
        got = b""
        while piece := s.recv(65536):
            got += piece
    return got


def main(scenarios, queues_rx, family, names, differences):
    """All scenarios on the kernel, then all on syngate: the kernel counts the connections
    between syngate and the backend, too."""
    the_wire = wire.Wire()
    kernel, ours = ByKernel(81), BySyngate(80, 9000, 82)
    kernel.answer = answer_of(82)
    wanted = [s for s in scenarios if not names or s.__name__ in names]
    lines = {}

    def play(these):
        for target in kernel, ours:
            target.start(the_wire, queues_rx, family)
            for s in these:
                lines[target, s] = record(s, target, family)
            target.leave()

    def apart(these):
        return [s for s in these if not compare(s.__name__, lines[kernel, s], lines[ours, s],
                                                differences)]
    play(wanted)
    unlike = apart(wanted)
    for _ in range(AGAIN):  # a timer that runs out in the midst of a script is no difference
        if unlike:
            print(f"again: {' '.join(s.__name__ for s in unlike)}")
            play(unlike)
            unlike = apart(unlike)
    bad = len(unlike)
    print(f"{len(wanted) - bad} of {len(wanted)} scenarios alike, "
          f"{sum(len(lines[kernel, s]) for s in wanted)} observations")
    return (BUSY if the_wire.lag > LAG else 1) if bad else 0
