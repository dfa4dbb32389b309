# SPDX-License-Identifier: BSD-2-Clause
"""A daemon that is killed, stopped and started again, and clients who were there before,
during and after: outage.sh, outage_away.sh and outage_link.sh say which part is run."""
import argparse
import ctypes
import hashlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from wire import RST, SYN, Syngate, Wire, Wrong, run, until

PINS = "/sys/fs/bpf/syngate"
SERVER = "10.9.0.1"
RTO, RETRIES = 300, 3  # of SYN-ACKs, in ms: again at 0.3, 0.9 and 2.1 s, over at 4.5
BACK = 1.0             # seconds until a new daemon serves
PATIENCE = 10.0
SO_ATTACH_FILTER = 26


def say(*what):
    print("outage:", *what, flush=True)


# --- the daemon -----------------------------------------------------------------------------

class Daemon:
    """`syngate run` (or another command) in the server's namespace."""

    def __init__(self, *args):
        self.args = args
        self.proc = None
        self.ready = False

    def launch(self):
        """Start it; returns at once, with somebody who wants to be served from now on."""
        self.ready = False
        with open("/run/t/run.err", "ab") as err:
            self.proc = subprocess.Popen(
                ["nsenter", "--net=/run/netns/server", "env", "--default-signal=INT", *self.args],
                stdout=subprocess.PIPE, stderr=err)
        return Visitor()

    def is_ready(self):
        if not self.ready and select.select([self.proc.stdout], [], [], 0)[0]:
            if self.proc.stdout.readline() != b"ready\n":
                raise Wrong(f"it ended instead of serving: {open('/run/t/run.err').read()}")
            self.ready = True
        return self.ready

    def start(self):
        """Returns how long it took until somebody was served."""
        visitor = self.launch()
        until("ready", self.is_ready)
        return visitor.served()

    def start_only(self):
        """One that serves nobody before it is told to."""
        self.launch().took = 0
        until("ready", self.is_ready)

    def signal(self, sig):
        self.proc.send_signal(sig)

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def stop(self):
        """The orderly end: by itself, and with 0."""
        self.proc.terminate()
        if self.proc.wait(PATIENCE) != 0:
            raise Wrong(f"exit code {self.proc.returncode}")


def serve(*args):
    return Daemon("syngate", "run", "s0", *args, "--set", f"synack_rto_ms={RTO}",
                  "--set", f"tcp_synack_retries={RETRIES}", "--set", "timewait_ms=100")


def pinned(name, pins="s0"):
    """A map, as it is without any daemon."""
    return json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"{PINS}/{pins}/{name}"))


def driver(name):
    """A counter of the driver's."""
    return sum(cpu["value"].get(name, 0) for cpu in pinned("counters")[0]["formatted"]["values"])


def lengths(port):
    """(half-open, accept queue) of a listener, as the driver sees them."""
    for e in pinned("queues"):
        q = e["formatted"]["value"]
        if q["in_use"] and q["port"] == port:
            return q["halfopen"], q["acceptq"]
    raise Wrong(f"port {port} has no queues")


def live(table, pins="s0"):
    """Slots of a table that are not free."""
    return sum(slot & 3 != 0 for e in pinned(table, pins) for slot in e["formatted"]["value"]["slot"])


def silent():
    """Have the workers been so for longer than heartbeat_ms?"""
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
    return all(now - e["formatted"]["value"]["heartbeat"] > 300 for e in pinned("workers"))


def workers_alive():
    return all(w["alive"] for w in json.loads(run("syngate", "status", "-j"))[0]["workers"])


def settled():
    """Lengths are those of the rows, and all of it is over in the end."""
    for row in json.loads(run("syngate", "show", "listeners", "-j")):
        if row["halfopen"] or row["acceptq"]:
            return False
    return not json.loads(run("syngate", "show", "halfopen", "-j")) and \
        not json.loads(run("syngate", "show", "conns", "-j"))


# --- clients --------------------------------------------------------------------------------

class Load:
    """
    wrk, a connection for each request, as long as we like. One that waits for its answer
    when the daemon dies waits on (it has nothing to send, so it hears no RST): each daemon
    gets new ones.
    """

    def __init__(self, conns=32, path="/page"):
        self.proc = subprocess.Popen(
            ["wrk", "-t1", f"-c{conns}", "-d120s", "--timeout", "5s", "-H", "Connection: close",
             f"http://{SERVER}{path}"], stdout=subprocess.PIPE, text=True)

    def end(self):
        """Requests, and how many times it failed to connect, read, write, in time."""
        if self.proc.poll() is not None:
            raise Wrong("wrk ended by itself")
        self.proc.send_signal(signal.SIGINT)
        out = self.proc.communicate(timeout=PATIENCE)[0]
        requests = int(re.search(r"(\d+) requests in", out)[1])
        errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        non = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        if non:
            raise Wrong(f"wrk: {non[0]}")
        say(f"wrk: {requests} requests;", errors[0] if errors else "no errors")
        return requests, [int(n) for n in errors.groups()] if errors else [0] * 4


class Visitor(threading.Thread):
    """New connections, one after another: when was the first one served that began here?"""

    def __init__(self, host=SERVER):
        super().__init__(daemon=True)
        self.host = host
        self.begin, self.took = time.monotonic(), None
        self.wrong = None
        self.start()

    def visit(self):
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as s:
            s.settimeout(0.25)
            s.connect((self.host, 80))
            s.settimeout(PATIENCE)
            s.sendall(b"GET /page HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            got = b""
            while piece := s.recv(65536):
                got += piece
        if not got.startswith(b"HTTP/1.1 200") or len(got.partition(b"\r\n\r\n")[2]) != 1000:
            self.wrong = f"answer is {got[:60]!r}, {len(got)} bytes"
        self.took = time.monotonic() - self.begin

    def run(self):
        while self.took is None:
            try:
                self.visit()
            except OSError:
                time.sleep(0.005)  # refused, reset or lost: the next one

    def served(self):
        """How long it took."""
        self.join(2 * PATIENCE)
        if self.wrong or self.took is None:
            raise Wrong(self.wrong or "nobody new was served")
        return self.took


class Transfer(threading.Thread):
    """One connection that sends for as long as we like and gets it all back."""

    def __init__(self, port, seed):
        super().__init__(daemon=True)
        self.sock = socket.create_connection((SERVER, port), PATIENCE)
        self.sock.settimeout(3 * PATIENCE)
        self.block = hashlib.shake_128(bytes([seed])).digest(65536)
        self.sent, self.want = 0, hashlib.sha256()
        self.over = False
        self.got, self.back = 0, hashlib.sha256()
        self.wrong = None
        self.sender = threading.Thread(target=self.send, daemon=True)
        self.start()

    def send(self):
        try:
            while not self.over:
                data = self.sent.to_bytes(8, "big") + self.block
                self.sock.sendall(data)
                self.want.update(data)
                self.sent += len(data)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.wrong = f"sending: {e}"

    def run(self):
        self.sender.start()
        try:
            while piece := self.sock.recv(1 << 20):
                self.got += len(piece)
                self.back.update(piece)
        except OSError as e:
            self.wrong = f"receiving: {e}"

    def end(self):
        self.over = True
        self.join(3 * PATIENCE)
        if self.wrong or self.is_alive():
            raise Wrong(f"transfer: {self.wrong or 'hangs'} after {self.got} of {self.sent} bytes")
        if self.back.digest() != self.want.digest():
            raise Wrong(f"transfer: {self.got} of {self.sent} bytes, not the same")
        return self.got


# --- clients made by hand -------------------------------------------------------------------

def quiet_wire(seed):
    """A Wire whose socket leaves out what is wrk's, or its buffer would be full of it."""
    ether, to4, to6 = 12, 14 + 16, 14 + 24
    ldh, jeq, ret = 0x28, 0x15, 0x06
    code = b"".join(struct.pack("HBBI", *c) for c in (
        (ldh, 0, 0, ether), (jeq, 0, 2, 0x0800),
        (ldh, 0, 0, to4), (jeq, 3, 4, 0x0a0a),
        (jeq, 0, 3, 0x86dd),
        (ldh, 0, 0, to6), (jeq, 0, 1, 0xfd10),
        (ret, 0, 0, 65535), (ret, 0, 0, 0)))
    wire = Wire(seed=seed)
    buf = ctypes.create_string_buffer(code)
    wire.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                         struct.pack("HL", len(code) // 8, ctypes.addressof(buf)))
    return wire


def half_open(wire, port, count):
    """So many flows, IPv4 and IPv6 on either queue, that have their SYN-ACK and keep still."""
    flows = [wire.flow(port, 6 if i % 4 > 1 else 4, queue=i % 2) for i in range(count)]
    for f in flows:
        f.syn()
    for f in flows:
        f.synack = f.expect("SA")
    return flows


def established(wire, port, count):
    flows = half_open(wire, port, count)
    for i, f in enumerate(flows):
        f.send("A")
        f.send("PA", b"before %d" % i)
    for i, f in enumerate(flows):
        echoed(f, b"before %d" % i)
    return flows


def no_reset(flows):
    for f in flows:
        if any(s.flags & RST for s in f.got):
            raise Wrong(f"{f}: reset: {[f.show(s) for s in f.got]}")


def echoed(flow, data):
    """It comes back, in the place where it belongs. What is lost we send again."""
    begin, end = flow.snd_nxt - len(data), time.time() + PATIENCE
    again = time.time() + 0.25
    while time.time() < end:
        no_reset([flow])
        for s in flow.got:
            if s.seq == flow.rcv_nxt and s.data == data:
                flow.inbox.clear()
                flow.learn(s)
                return
        if not flow.wire.take(again) and time.time() >= again:
            flow.send("PA", data, seq=begin)
            again += 0.25
    raise Wrong(f"{flow}: no echo: {[flow.show(s) for s in flow.got]}")


def ask(flows, ack="A"):
    """The final ACK and a request."""
    for i, f in enumerate(flows):
        if ack:
            f.send(ack)
        f.send("PA", b"hello %d" % i)


def answered(flows):
    for i, f in enumerate(flows):
        echoed(f, b"hello %d" % i)
        f.send("RA")


def complete(flows):
    ask(flows)
    answered(flows)


def synacks(flow):
    return [s for s in flow.got if s.flags & SYN]


def schedule(flow, ready):
    """Every SYN-ACK the same, and in their time; while the daemon was away they waited."""
    s, first = synacks(flow), flow.synack
    for x in s:
        if (x.seq, x.ack) != (first.seq, first.ack) or \
                any(x.opt.get(o) != first.opt.get(o) for o in ("mss", "wscale", "sack")):
            raise Wrong(f"{flow}: another SYN-ACK: {flow.show(x)}")
    if len(s) != 1 + RETRIES:
        raise Wrong(f"{flow}: {len(s)} SYN-ACKs at {[x.at - first.at for x in s]}")
    for i in range(1, len(s)):
        gap, want = s[i].at - s[i - 1].at, RTO / 1000 * 2 ** (i - 1)
        late = min(gap - want, s[i].at - ready) if s[i - 1].at < ready else gap - want
        # a round counts from its beginning, and on a busy machine it sends a little later
        if gap < want - 0.05 or late > 1:
            raise Wrong(f"{flow}: SYN-ACKs {[round(x.at - first.at, 3) for x in s]}")


# --- kill -9 and start again ----------------------------------------------------------------

def away(wire, policy):
    """Nobody is there. Returns a flow that was answered all the same, if it is to be."""
    f = wire.flow(83, queue=0)
    until("the heartbeat to be over", silent)
    if policy == "hold":
        f.syn()
        f.synack = f.expect("SA")
        return [f]
    refused = []

    def kernel():  # once the heartbeat is over
        x = wire.flow(83, queue=0)
        x.syn()
        wire.sleep(0.05)
        refused[:] = [s for s in x.got if s.flags & RST]
        return refused
    until("the kernel to refuse", kernel)
    return []


def restart_once(wire, d, policy):
    """Returns how long it took until somebody new was served."""
    begun = driver("SteerHandshake")
    load = [Load(16)]
    early, late, silent = (half_open(wire, 83, 12) for _ in range(3))
    old = established(wire, 83, 4)
    # or all of wrk's first requests may be among those that die with the daemon
    until("wrk to be at work", lambda: driver("SteerHandshake") > begun + 100)
    d.kill()
    held = away(wire, policy)
    visitor = d.launch()
    if policy == "hold":  # or wrk would see itself refused and end
        load.append(Load(16))
    turn = iter(early)
    while not d.is_ready():  # one ACK every few ms: wherever there is a gap, one falls into it
        f = next(turn, None)
        if f:
            f.send("A")
        wire.sleep(0.008)
    ready = time.time()
    took = visitor.served()
    if not json.loads(run("syngate", "status", "-j"))[0]["took_over"]:
        raise Wrong("nothing was taken over")
    for f in old:
        f.inbox.clear()
        f.send("PA", b"after")
    for f in old:
        f.expect("R")
    complete(early)
    complete(late + held)
    until("the silent ones' end", lambda: lengths(83)[0] == 0)
    wire.sleep(0.01)
    no_reset(silent)
    for f in silent:
        schedule(f, ready)
    for x in load:
        if x.end()[0] == 0:
            raise Wrong("wrk had no request served")
    return took


def cmd_restart(a):
    """Under wrk, on two queues: a new daemon serves within a second and knows who is half open."""
    wire = quiet_wire(a.seed)
    d = serve("--mode", a.mode, "--set", f"fail_policy={a.policy}", "--listen", "*:80",
              "--backend", "127.0.0.1:8080", "--listen", "*:83", "--app", "echo")
    d.start()
    took = [restart_once(wire, d, a.policy)]
    while min(took) > BACK and len(took) < 4:  # the machine may be busy; four times it is not
        took.append(restart_once(wire, d, a.policy))
    until("the queues to be empty", settled)
    if not workers_alive():
        raise Wrong("a worker is not alive")
    d.stop()
    say(f"{a.mode}, {a.policy}: a new connection served after the start of the new daemon, s:",
        *(f"{t:.2f}" for t in took))
    if min(took) > BACK:
        raise Wrong("too late")


def cmd_storm(a):
    """kill -9 again and again while handshakes are under way: the tables are whole."""
    d = serve("--mode", a.mode, "--flow-entries", "4096", "--halfopen-entries", "4096",
              "--listen", "*:80", "--backend", "127.0.0.1:8080", "--set", "fail_policy=hold")
    d.start()
    took = []
    for i in range(a.rounds):
        load, before = Load(100), driver("SynAckSent")
        until("a storm", lambda: driver("SynAckSent") > before + 200 * (1 + i % 3))
        d.kill()
        took.append(d.start())
        load.end()
    until("the queues to be empty", settled)
    until("TIME_WAIT to end", lambda: live("flows") == 0)
    if live("halfopen") or lengths(80) != (0, 0):
        raise Wrong(f"{live('halfopen')} slots taken, lengths {lengths(80)}")
    d.stop()
    say(f"{a.mode}: {a.rounds} times kill -9 in a storm, a new connection served after, s:",
        *(f"{t:.2f}" for t in took))


# --- killed, and nobody starts another ------------------------------------------------------

def fill(wire, listening):
    """SYNs until one is not answered any more. Returns how many were."""
    for n in range(listening + 2):
        f = wire.flow(83, queue=n % 2)
        f.syn()
        until("an answer or a drop", lambda: wire.take(time.time()) or f.got or full())
        if not f.got:
            return n
    raise Wrong(f"{listening + 2} SYNs were answered")


def full():
    return driver("HalfOpenFull") + driver("HalfOpenReserved")


def cmd_dead(a):
    """What fail_policy says; what is ours is dropped and not passed: the kernel resets nothing."""
    wire = quiet_wire(a.seed)
    d = serve("--mode", a.mode, "--set", f"fail_policy={a.policy}", "--listen", "*:80",
              "--backend", "127.0.0.1:80", "--listen", "*:83", "--app", "echo",
              "--syn-backlog", "40")
    d.start()
    half, old = half_open(wire, 83, 12), established(wire, 83, 4)
    load, before = Load(8), driver("SynAckSent")
    until("some load", lambda: driver("SynAckSent") > before + 100)
    d.kill()
    load.proc.kill()
    if a.policy == "hold":
        until("the heartbeat to be over", silent)
        n = fill(wire, 40)
        if n == 0 or lengths(83) != (12 + n, 0) or not full():
            raise Wrong(f"{n} answered, lengths {lengths(83)}, refused {full()}")
        say(f"hold: {n} more SYNs answered, then none; half-open queue {lengths(83)[0]}")
    else:
        away(wire, "pass")
        took = Visitor().served()
        if not driver("PassFailPolicy"):
            raise Wrong("not counted as PassFailPolicy")
        say(f"pass: the kernel, which listens on port 80, serves after {took:.2f} s")
    for f in half + old:
        f.inbox.clear()
    lost = driver("NoWorkerSocket")
    ask(half)
    ask(old, None)
    wire.sleep(0.5)
    for f in half + old:
        if f.inbox:
            raise Wrong(f"{f}: {f.show(f.inbox[0])}, want silence")
    if driver("NoWorkerSocket") < lost + 2 * len(half) + len(old):
        raise Wrong(f"NoWorkerSocket was {lost}, is {driver('NoWorkerSocket')}")


# --- stopped, and going on ------------------------------------------------------------------

def stopped(wire, policy, early, old):
    """What clients see meanwhile. Returns flows that were answered, and one of the kernel's."""
    ask(early)
    ask(old, None)
    flows, kernel = away(wire, policy), None
    if policy == "pass":
        Visitor().served()
        kernel = socket.create_connection((SERVER, 80), PATIENCE)
    wire.sleep(1)  # five times heartbeat_ms
    no_reset(early + old)
    return flows, kernel


def cmd_stopped(a):
    """Nobody loses anything but time, and the kernel keeps whom it served meanwhile."""
    wire = quiet_wire(a.seed)
    d = serve("--mode", a.mode, "--set", f"fail_policy={a.policy}", "--listen", "*:80",
              "--backend", "127.0.0.1:80", "--listen", "*:83", "--app", "echo")
    d.start()
    load, transfers = Load(16), [Transfer(83, i) for i in range(2)]
    until("data to flow", lambda: all(t.got > 1 << 20 for t in transfers))
    early, late, old = half_open(wire, 83, 12), half_open(wire, 83, 12), established(wire, 83, 4)
    d.signal(signal.SIGSTOP)
    held, kernel = stopped(wire, a.policy, early, old)
    got = [t.got for t in transfers]
    d.signal(signal.SIGCONT)
    until("the workers to be alive", workers_alive)
    complete(late + held)
    answered(early)
    answered(old)
    complete(half_open(wire, 83, 4))  # the driver, too, has seen that they are alive
    if kernel:
        kernel.sendall(b"GET /page HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        if not kernel.recv(65536).startswith(b"HTTP/1.1 200"):
            raise Wrong("the kernel's connection did not go on")
    until("data to flow again", lambda: all(t.got > g + 1000 for t, g in zip(transfers, got)))
    size = sum(t.end() for t in transfers)
    requests, errors = load.end()
    if any(errors) or not requests:
        raise Wrong(f"wrk: {requests} requests, errors {errors}")
    until("the queues to be empty", settled)
    d.stop()
    say(f"{a.mode}, {a.policy}: stopped and gone on; {size >> 20} MiB across it, the same")


# --- one worker of two hangs ------------------------------------------------------------------

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000


class Hung:
    """One thread of the daemon stands still; the others do not."""

    def __init__(self, queue):
        self.tid = pinned("workers")[queue]["formatted"]["value"]["tid"]
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ptrace(PTRACE_SEIZE)
        self.ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, WALL)

    def ptrace(self, what):
        if self.libc.ptrace(what, self.tid, None, None):
            raise Wrong(f"ptrace {what:#x} of thread {self.tid}: {os.strerror(ctypes.get_errno())}")

    def go_on(self):
        self.ptrace(PTRACE_DETACH)


def on_queue(wire, queue, count):
    flows = [wire.flow(83, 6 if i % 2 else 4, queue=queue) for i in range(count)]
    for f in flows:
        f.syn()
    return flows


def noticed(wire, policy, since):
    """Seconds until the driver gives the kernel, which refuses, what is new on queue 0. Or, with
    `hold`, all the time that this may take: it answers as ever."""
    while time.time() < since + (PATIENCE if policy == "pass" else 0.3):
        x = on_queue(wire, 0, 1)[0]
        if policy == "hold":
            x.synack = x.expect("SA")
        wire.sleep(0.02)
        if any(s.flags & RST for s in x.got):
            return time.time() - since
    if policy == "pass":
        raise Wrong("the driver did not notice")
    return 0


def cmd_hung(a):
    """The other queue does not notice, the driver does within heartbeat_ms, and what is the hung
    one's waits for it: it is never given to the kernel."""
    wire = quiet_wire(a.seed)
    d = serve("--mode", a.mode, "--set", f"fail_policy={a.policy}", "--listen", "*:83",
              "--app", "echo")
    d.start()
    old = established(wire, 83, 8)
    waiting = on_queue(wire, 0, 4)
    for f in waiting:
        f.synack = f.expect("SA")
    hung, since = Hung(0), time.time()
    ask([f for f in old if f.queue == 0], None)
    took = noticed(wire, a.policy, since)
    if took > 0.3:  # 200 ms, and the time between two looks on a busy machine
        raise Wrong(f"noticed after {took:.3f} s")
    for _ in range(10):  # the other worker serves as ever
        flows = on_queue(wire, 1, 2)
        for f in flows:
            f.synack = f.expect("SA")
        complete(flows)
        wire.sleep(0.05)
    ask([f for f in old if f.queue == 1], None)
    answered([f for f in old if f.queue == 1])
    ask(waiting)
    no_reset([f for f in old if f.queue == 0] + waiting)
    hung.go_on()
    until("the workers to be alive", workers_alive)
    answered([f for f in old if f.queue == 0])
    answered(waiting)
    complete(half_open(wire, 83, 4))
    until("the queues to be empty", settled)
    d.stop()
    say(f"{a.mode}, {a.policy}: one worker hung" +
        (f", noticed after {1000 * took:.0f} ms" if took else ", answered all the time"))


# --- ended in good order, and what happens to the interface --------------------------------

def cmd_orderly(a):
    """SIGTERM and another one, under load: nothing is left in between, nobody waits long."""
    d = serve("--listen", "*:80", "--backend", "127.0.0.1:8080")
    d.start()
    took = []
    for _ in range(a.rounds):
        load, before = Load(32), driver("SynAckSent")
        until("some load", lambda: driver("SynAckSent") > before + 500)
        d.stop()
        if os.path.exists(PINS):
            raise Wrong("pins are left")
        took.append(d.start())
        load.end()
    d.stop()
    say("SIGTERM and another: served after, s:", *(f"{t:.2f}" for t in took))
    if min(took) > BACK:
        raise Wrong("too late")


def configure(*more):
    """What a service's start does, on both interfaces."""
    begin = time.monotonic()
    for dev in "s0", "s1":
        run("syngate", "attach", dev)
        run("syngate", "listen", dev, "*:80", "--backend", "127.0.0.1:8080")
        run("syngate", "listen", dev, "*:83", "--app", "echo")
    for port in more:
        run("syngate", "listen", "s0", port, "--app", "echo")
    return time.monotonic() - begin


def cmd_service(a):
    """syngated with two interfaces: what it is told again it takes over, the rest it forgets."""
    wire, other = quiet_wire(a.seed), "10.8.0.1"
    d = Daemon("syngated")
    d.start_only()
    configure("*:84")
    Visitor().served()
    Visitor(other).served()
    load = Load(16)
    half, forgotten = half_open(wire, 83, 8), half_open(wire, 84, 4)
    d.kill()
    load.proc.kill()
    begin = time.monotonic()
    d.start_only()
    took = configure()
    for v in Visitor(), Visitor(other):
        v.served()
    took = time.monotonic() - begin
    if [r["took_over"] for r in json.loads(run("syngate", "status", "-j"))] != [True, True]:
        raise Wrong("not both were taken over")
    complete(half)

    def refused():
        f = wire.flow(84)
        f.syn()
        wire.sleep(0.2)
        return any(s.flags & RST for s in f.got)
    until("the port that nobody asked for to be the kernel's", refused)
    if live("halfopen") or len(forgotten) != 4:
        raise Wrong("forgotten entries are there")
    until("the queues to be empty", settled)
    d.stop()
    say(f"syngated, two interfaces: attached, listening and serving again after {took:.2f} s")
    if took > 3 * BACK:  # eight commands, of which each is a process
        raise Wrong("too late")


def ip(*argv):
    run("ip", "-n", "server", *argv)


def cmd_link(a):
    """The interface goes down and comes up under load, and then goes for good."""
    d = serve("--listen", "*:80", "--backend", "127.0.0.1:8080", "--listen", "*:83",
              "--app", "echo")
    d.start()
    load, transfers = Load(16), [Transfer(83, i) for i in range(2)]
    until("data to flow", lambda: all(t.got > 1 << 20 for t in transfers))
    ip("link", "set", "s0", "down")
    time.sleep(0.3)
    got = [t.got for t in transfers]
    ip("link", "set", "s0", "up")
    ip("addr", "add", "fd09::1/64", "dev", "s0", "nodad")  # the kernel forgot it
    took = Visitor().served()
    Visitor("fd09::1").served()
    until("data to flow again", lambda: all(t.got > g + 1000 for t, g in zip(transfers, got)))
    size = sum(t.end() for t in transfers)
    load.end()
    if not workers_alive():
        raise Wrong("a worker is not alive")
    until("the queues to be empty", settled)
    say(f"down and up: served after {took:.2f} s; {size >> 20} MiB across it, the same")
    load = Load(32)
    before = driver("SynAckSent")
    until("some load", lambda: driver("SynAckSent") > before + 500)
    ip("link", "del", "s0")
    if d.proc.wait(PATIENCE) != 2:
        raise Wrong(f"exit code {d.proc.returncode}")
    load.proc.kill()
    if os.path.exists(PINS):
        raise Wrong("pins are left")


def cmd_load(a):
    """Serve under load until stdin ends; then be killed."""
    d = serve("--listen", "*:80", "--backend", "127.0.0.1:8080")
    d.start()
    load, before = Load(32), driver("SynAckSent")
    until("some load", lambda: driver("SynAckSent") > before + 500)
    print("under load", flush=True)
    sys.stdin.read()
    before = driver("SynAckSent")
    until("more load", lambda: driver("SynAckSent") > before + 500)
    d.kill()
    load.proc.kill()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("part")
    p.add_argument("--mode", default="native")
    p.add_argument("--policy", default="pass")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--seed", type=int, default=None)
    a = p.parse_args()
    try:
        globals()["cmd_" + a.part](a)
    except Wrong as e:
        print(f"outage: {a.part}, {a.mode}, {a.policy}: {e}", file=sys.stderr, flush=True)
        os._exit(1)  # threads may hang in recv()
    os._exit(0)


if __name__ == "__main__":
    main()
