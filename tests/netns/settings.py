# SPDX-License-Identifier: BSD-2-Clause
"""Every setting of `syngate show settings`, changed on a running daemon, and what it then does: seen
on the wire, in the tables or in the counters, beside the kernel where it has the same one for each
network namespace. A setting without a scenario here is a failure. Run by settings.sh."""
import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import wire as w
from wire import Wrong

GAP = 0.15  # silence for so long: nothing comes
SLACK = 8.0  # so late may something be on a busy machine, where being late is no failure
PID = int(os.environ["SYNGATE_PID"])
GET = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SHOWN = {}  # setting: scenario


def shows(*names):
    def mark(fn):
        SHOWN.update({n: fn for n in names})
        return fn
    return mark


def table(page):
    """{name: (default, min, max)} of docs/settings.md"""
    with open(page) as f:
        rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+)-(\d+) \|", f.read(), re.M)
    return {r[0]: tuple(map(int, r[1:])) for r in rows}


DOC = table(sys.argv[1])
wire = w.Wire()
HOLD, TIGHT, ECHO, HTTP, OTHER = (w.Syngate(port) for port in (80, 81, 82, 83, 84))
KERNEL, KERNEL_TIGHT, KERNEL_CLOSES = w.Kernel(8080, 4096), w.Kernel(8081, 1), w.Kernel(8082, 64)


# --- helpers -------------------------------------------------------------------------------

def command(*argv):
    """(exit code, stdout, stderr)"""
    p = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


def check(what, got, want):
    if got != want:
        raise Wrong(f"{what}: got {got!r}, want {want!r}")


def within(what, value, least, most):
    if not least <= value <= most:
        raise Wrong(f"{what}: {value:.3f}, want {least:.3f} to {most:.3f}")


@contextlib.contextmanager
def setting(*targets, **values):
    """Settings that go back to their defaults afterwards."""
    targets = targets or (HOLD,)
    before = [{n: default_of(t, n) for n in values} for t in targets]
    try:
        for t in targets:
            for name, value in values.items():
                t.set(name, value)
        yield
    finally:
        for t, old in zip(targets, before):
            for name, value in old.items():
                t.set(name, value)


def default_of(target, name):
    if isinstance(target, w.Syngate):
        return DOC[name][0]
    return w.run("nsenter", "--net=/run/netns/server", "sysctl", "-n", f"net.ipv4.{name}").strip()


def rows(what, flow=None):
    got = json.loads(w.run("syngate", "show", what, "-j"))
    return [r for r in got if not flow or r["peer"] == f"{flow.addr}:{flow.sport}"]


def moved(before, *names):
    after = HOLD.counters()
    return [after[n] - before[n] for n in names]


def fresh(target, n=1, **kw):
    return [wire.flow(target.port, **kw) for _ in range(n)]


def opened(target, pause=0.02, **kw):
    """A connection; the pause is a round-trip time that can be measured."""
    f, = fresh(target, **kw)
    f.syn()
    f.expect("SA")
    wire.sleep(pause)
    f.send("A")
    w.until(f"{f} to be established", lambda: target.state(f) == "ESTAB")
    return f


def end(*flows):
    """RST, at the place where the other side waits for the next byte."""
    for f in flows:
        f.drain()
        f.send("R", seq=max((s.ack for s in f.got if s.flags & w.ACK), key=lambda a:
                            (a - f.iss) % 2 ** 32, default=f.snd_nxt), opt=b"")


def answers(flows, seconds=GAP):
    """How many of them hear something."""
    wire.sleep(seconds)
    return sum(bool(f.inbox) for f in flows)


def closing(target):
    """The server has closed, and its FIN is here."""
    f = opened(target)
    if isinstance(target, w.Kernel):
        target.sock.accept()[0].close()
    else:
        f.send("PA", GET % 10)
    while not f.expect().flags & w.FIN:
        pass
    return f


def server_closed(target):
    """FIN-WAIT-2, without an owner."""
    f = closing(target)
    f.send("A")
    w.until(f"{f} in FIN-WAIT-2", lambda: target.state(f) == "FIN-WAIT-2")
    return f


def time_wait(target):
    f = closing(target)
    f.send("FA")
    f.expect("A")
    return f


def gone_after(target, flow, begin):
    """How long after `begin` (time.time()) the flow is gone, from below and from above."""
    seen = begin
    while True:
        asked = time.time()
        if target.state(flow) == "gone":
            return seen - begin, time.time() - begin
        seen = asked
        if asked - begin > 2 * w.DEADLINE:
            raise Wrong(f"{flow} does not end: {target.state(flow)}")
        wire.sleep(0.02)


def lasted(what, target, flow, begin, seconds):
    least, most = gone_after(target, flow, begin)
    within(f"{what}: over after", most, seconds - 0.02, seconds + SLACK)
    within(f"{what}: still there after", least, 0, seconds + 1)


def one_second(fn):
    """Budgets count for a second of CLOCK_MONOTONIC: do it inside of one."""
    for _ in range(5):
        while not 0.02 < time.monotonic() % 1 < 0.3:
            wire.sleep(0.02)
        second = int(time.monotonic())
        got = fn()
        if int(time.monotonic()) == second:
            return got
    raise Wrong("this machine is too slow for what is counted in one second")


def paid_off(fn):
    """The driver's budgets pay what was spent within a second: from nothing owed, and quickly."""
    for _ in range(5):
        wire.sleep(1.05)
        began = time.monotonic()
        got = fn()
        if time.monotonic() - began < 0.9:
            return got
    raise Wrong("this machine is too slow for what is counted in a second")


@contextlib.contextmanager
def stopped():
    os.kill(PID, signal.SIGSTOP)
    try:
        yield time.time()
    finally:
        os.kill(PID, signal.SIGCONT)
    w.until("its workers to be alive again", alive)


def alive():
    workers = json.loads(w.run("syngate", "status", "-j"))[0]["workers"]
    f, = fresh(HOLD)
    f.syn()
    seg = f.expect()
    end(f)
    return all(x["alive"] for x in workers) and seg.flags & w.SYN


# --- the handshake -------------------------------------------------------------------------

@shows("tcp_timestamps", "tcp_sack", "tcp_window_scaling")
def options():
    """What the SYN-ACK echoes, and what the segments behind it carry."""
    def script(target):
        f, = fresh(target)
        f.syn()
        synack = f.expect("SA")
        f.ts &= "ts" in synack.opt
        f.send("A")
        f.send("PA", b"x" * 10)
        ack = f.expect("A")
        shift = synack.opt.get("wscale", 0)
        end(f)
        return sorted(synack.opt), sorted(ack.opt), bool(shift)
    for name, key in (("tcp_timestamps", "ts"), ("tcp_sack", "sack"),
                      ("tcp_window_scaling", "wscale")):
        for value in 0, 1:
            with setting(HOLD, KERNEL, **{name: value}):
                ours, theirs = script(HOLD), script(KERNEL)
            check(f"{name}={value} beside the kernel", ours, theirs)
            check(f"{name}={value}: {key} in the SYN-ACK", key in ours[0], bool(value))


@shows("tcp_synack_retries", "synack_rto_ms")
def synack_timer():
    for retries in 0, 2:
        with setting(synack_rto_ms=100, tcp_synack_retries=retries):
            f, = fresh(HOLD)
            f.syn()
            f.expect("SA")
            w.until("the half-open entry to go", lambda: not rows("halfopen", f))
            gone = time.time() - f.got[0].at
        f.drain()
        at = [s.at - f.got[0].at for s in f.got]
        check(f"SYN-ACKs with tcp_synack_retries={retries}", len(at), retries + 1)
        for i, t in enumerate(at):
            within(f"SYN-ACK number {i}", t, 0.1 * (2 ** i - 1) - 0.002, 0.1 * (2 ** i - 1) + 0.5)
        within("the entry's life", gone, 0.1 * (2 ** (retries + 1) - 1), 0.7 + SLACK)


@shows("tcp_max_syn_backlog")
def last_quarter():
    def script(target):
        flows = fresh(target, 12)
        before = target.counters()
        for f in flows:
            f.syn()
        got = answers(flows, 0.4)
        after = target.counters()
        end(*[f for f in flows if f.got])
        w.until("an empty half-open queue", lambda: target.queues()[0] == 0)
        return got, [after[n] - before[n] for n in ("ListenDrops", "TCPReqQFullDrop")]
    with setting(HOLD, KERNEL, tcp_max_syn_backlog=8):
        ours, theirs = script(HOLD), script(KERNEL)
    check("strangers beside the kernel", ours, theirs)
    check("strangers answered with tcp_max_syn_backlog=8", ours, (7, [5, 0]))
    check("and by default", script(HOLD)[0], 12)


@contextlib.contextmanager
def cookies(value):
    """They are off elsewhere, so that full queues drop here as on the kernel's side."""
    w.run("syngate", "set", f"tcp_syncookies={value}")
    try:
        yield
    finally:
        w.run("syngate", "set", "tcp_syncookies=0")


@shows("tcp_syncookies")
def tcp_syncookies():
    """Six SYNs at a queue for two: what is answered, what has an entry, how many got a cookie."""
    w.run("syngate", "listen", "s0", "*:84", "--app", "http", "--backlog", "1")
    for value, want in (0, (2, 2, [0, 4])), (1, (6, 2, [4, 0])), (2, (6, 0, [6, 0])):
        with cookies(value):
            flows = fresh(OTHER, 6)
            before = OTHER.counters()
            for f in flows:
                f.syn()
            got = answers(flows, 0.3)
            after = OTHER.counters()
            check(f"tcp_syncookies={value}", (got, OTHER.queues()[0], [
                after[n] - before[n] for n in ("SyncookiesSent", "TCPReqQFullDrop")]), want)
            if value:  # a cookie makes a connection as good as another
                f = flows[-1]
                f.expect("SA")
                f.send("A")
                w.until(f"{f} to be established", lambda: OTHER.state(f) == "ESTAB")
                check("SyncookiesRecv", OTHER.counters()["SyncookiesRecv"] -
                      before["SyncookiesRecv"], 1)
            end(*[f for f in flows if f.got])
            w.until("empty queues", lambda: OTHER.queues() == (0, 0))
    w.run("syngate", "unlisten", "s0", "*:84")


@shows("syncookie_limit")
def syncookie_limit():
    def round_of():
        flows = fresh(HOLD, 5)
        before = HOLD.counters()
        for f in flows:
            f.send("A", ack=1)
        check("RSTs while a cookie may be on its way", answers(flows), 0)
        return moved(before, "SyncookiesFailed", "CookieLimited")
    with cookies(2):
        f, = fresh(HOLD)
        f.syn()
        f.expect("SA")
        for value, want in (1, 1), (0, 0), (10000, 5):
            with setting(syncookie_limit=value):
                check(f"looked at with {value}", paid_off(round_of), [want, 5 - want])


@shows("syncookie_key_s")
def syncookie_key_s():
    """With a cookie under way: cookie_keys.py."""
    def key():
        return json.loads(w.run("syngate", "status", "-j"))[0]["cookie_key"]
    before = key()
    with setting(syncookie_key_s=0):
        wire.sleep(2.2)
    check("the key by default and without an end", key(), before)
    with setting(syncookie_key_s=1):
        w.until("a new key", lambda: key() != before)


@shows("somaxconn")
def somaxconn():
    """Listeners that exist follow."""
    def limits():
        return OTHER.listener()["syn_backlog"], OTHER.listener()["backlog"]
    w.run("syngate", "listen", "s0", "*:84", "--app", "hold")
    check("limits by default", limits(), (4096, 4096))
    with setting(somaxconn=1):
        check("limits", limits(), (1, 1))
        check("one that asked for 1", TIGHT.listener()["backlog"], 1)
        HOLD.set("somaxconn", 0)
        check("and now less", (limits(), TIGHT.listener()["backlog"]), ((0, 0), 0))
        HOLD.set("somaxconn", 1)
        a, b, (c,) = opened(OTHER), opened(OTHER), fresh(OTHER)
        before = HOLD.counters()
        c.syn()
        c.silent(GAP)
        check("ListenOverflows, ListenDrops", moved(before, "ListenOverflows", "ListenDrops"),
              [1, 1])
    c.syn()
    c.expect("SA")
    end(a, b, c)
    w.run("syngate", "unlisten", "s0", "*:84")


@shows("tcp_abort_on_overflow")
def abort_on_overflow():
    def script(target):
        """Two fill the accept queue; the third has sent its SYN before."""
        a, b, c = fresh(target, 3)
        a.open()
        w.until("the first", lambda: target.queues() == (0, 1))
        b.syn()
        b.expect("SA")
        c.syn()
        c.expect("SA")
        b.send("A")
        w.until("the second", lambda: target.queues() == (1, 2))
        before = target.counters()
        c.send("A")
        wire.sleep(GAP)
        stays = target.queues(), target.state(c), [s.flags for s in c.inbox if s.flags & w.RST]
        target.set("tcp_abort_on_overflow", 1)
        c.send("A")
        while (rst := c.expect()).flags & w.SYN:  # the SYN-ACK again, a second later
            pass
        after = target.counters()
        target.set("tcp_abort_on_overflow", 0)
        names = "ListenOverflows", "EmbryonicRsts", "OutRsts"
        end(a, b)
        return stays, w.flags_text(rst.flags), target.state(c), [after[n] - before[n]
                                                                 for n in names]
    ours, theirs = script(TIGHT), script(KERNEL_TIGHT)
    check("beside the kernel", ours, theirs)
    check("a RST", ours[1], "R")


@shows("verify_checksum")
def checksum():
    def bad(f, flags, seq, ack=0, data=b""):
        tcp = w.tcp_bytes(f.src, f.dst, f.sport, f.port, seq, ack, flags, 65535, f.opts(flags), data)
        wire.frame(w.ip_bytes(f.src, f.dst, tcp[:16] + bytes([tcp[16] ^ 0x55]) + tcp[17:]))
    before = HOLD.counters()
    f, g = fresh(HOLD)[0], opened(HOLD)
    bad(f, w.SYN, f.iss)
    bad(g, w.ACK, g.snd_nxt, g.rcv_nxt, b"bad")
    check("answers to wrong checksums", answers([f, g]), 0)
    check("counted", moved(before, "BadChecksum", "InCsumErrors"), [1, 2])
    with setting(verify_checksum=0):
        bad(f, w.SYN, f.iss)
        bad(g, w.ACK, g.snd_nxt, g.rcv_nxt, b"bad")
        f.expect("SA")
        check("acknowledged", (g.expect("A").ack - g.snd_nxt) % 2 ** 32, 3)
    f.snd_nxt = f.iss + 1
    end(f, g)


# --- buffers -------------------------------------------------------------------------------

def window(f, size=1):
    """What an ACK for one more piece of data offers, in bytes."""
    f.send("PA", b"x" * size)
    return f.expect("A").wnd << f.got[0].opt["wscale"]


@shows("tcp_moderate_rcvbuf", "tcp_rmem_default")
def rcvbuf():
    """The window of who has sent little: where the buffer begins, or the whole of tcp_rmem."""
    for value in 100000, 131072, 300000:
        with setting(tcp_rmem_default=value):
            f = opened(HOLD)
            within(f"tcp_rmem_default={value}", window(f), value - 1600, value)
            end(f)
    with setting(tcp_moderate_rcvbuf=0):
        f = opened(HOLD)
        within("tcp_moderate_rcvbuf=0", window(f), DOC["tcp_rmem"][0] - 128, DOC["tcp_rmem"][0])
        end(f)


@shows("tcp_ecn")
def ecn():
    """ECE in the SYN-ACK, beside the kernel."""
    for value in 0, 1, 2:
        with setting(HOLD, KERNEL, tcp_ecn=value):
            got = []
            for target in HOLD, KERNEL:
                f, = fresh(target)
                f.send("SEC", seq=f.iss)
                got.append(bool(f.expect().flags & w.ECE))
                end(f)
        check(f"tcp_ecn={value}", got, [bool(value)] * 2)


@shows("tcp_rmem")
def rmem():
    scale = 6
    HOLD.set("tcp_moderate_rcvbuf", 0)
    f = opened(HOLD)
    check("by default", window(f), DOC["tcp_rmem"][0] // 64 * 64 - 64)
    half, = fresh(ECHO)
    half.syn()
    for value in 4096, 100000, DOC["tcp_rmem"][2]:
        with setting(tcp_rmem=value):
            g = opened(HOLD)
            check(f"tcp_rmem={value}: window of the SYN-ACK", g.got[0].wnd, min(value, 65535))
            check("its scale", g.got[0].opt["wscale"], scale)
            within("the window in use", window(g), value - 128, value)
            if value == 4096:
                held = f.got[-1].wnd << scale
                within("what was promised is not taken back", window(f), held - 65, held)
                small_window_later(half)
            if value == DOC["tcp_rmem"][2]:
                within("a connection from before", window(f), value - 256, value)
            end(g)
    end(f)
    HOLD.set("tcp_moderate_rcvbuf", 1)


def small_window_later(half):
    """A half-open entry that was promised more than there is now: nothing is lost."""
    half.expect("SA")
    check("scale of the SYN-ACK then", half.got[0].opt["wscale"], 6)
    half.send("A")
    data = os.urandom(6000)
    first = half.snd_nxt
    back = b""
    deadline = time.monotonic() + w.DEADLINE
    acked = 0
    while len(back) < len(data):
        if time.monotonic() > deadline:
            raise Wrong(f"{half}: {len(back)} bytes of {len(data)} came back")
        for at in range(acked, len(data), 1000):
            half.send("PA", data[at:at + 1000], seq=(first + at) % 2 ** 32)
        wire.sleep(0.05)
        while half.inbox:
            seg = half.inbox.pop(0)
            new = seg.seq == half.rcv_nxt
            half.learn(seg)
            back += seg.data if new else b""
            acked = max(acked, (seg.ack - first) % 2 ** 32)
        half.send("A", seq=(first + acked) % 2 ** 32)
    check("echo", back, data)
    half.snd_nxt = (first + acked) % 2 ** 32
    end(half)


@shows("tcp_wmem")
def wmem():
    """A peer with a small window: what waits for it is no more than the buffer."""
    for value in 4096, 20000, 100000:
        with setting(tcp_wmem=value):
            f = opened(HTTP)
            f.send("PA", GET % 200000, wnd=8)
            f.expect("A")
            w.until("a full send buffer",
                    lambda: rows("conns", f)[0]["send_q"] >= min(value, 200000))
            check(f"send_q with tcp_wmem={value}", rows("conns", f)[0]["send_q"], value)
        end(f)


# --- ACKs ----------------------------------------------------------------------------------

@shows("delack_ms")
def delack():
    """How long the ACK of a lone segment waits, by default as long as the kernel's. Each is told of
    at once when a connection begins, and after a pause."""
    def waited(target):
        f = opened(target)
        for _ in range(16):
            f.send("PA", b"x" * 10)
            f.expect("A")
        f.send("PA", b"x" * 10)
        took = (f.expect("A").at - f.sent_at) * 1000
        end(f)
        return took
    before = HOLD.counters()
    for value, most in (400, 400 + SLACK * 1000), (0, 300):
        with setting(delack_ms=value):
            within(f"ACK with delack_ms={value}, ms", waited(HOLD), value - 2, most)
    check("DelayedACKs", moved(before, "DelayedACKs"), [1])
    for target in HOLD, KERNEL:
        within(f"{target.name}: ACK by default, ms", waited(target), 36, 44 + SLACK * 1000)


@shows("tcp_invalid_ratelimit")
def invalid_ratelimit():
    """Old segments without data: how many are answered."""
    def script(target):
        f = opened(target)
        got = []
        for value in 500, 0:
            target.set("tcp_invalid_ratelimit", value)
            f.drain()
            n = len(f.got)
            for _ in range(4):
                f.send("A", seq=(f.snd_nxt - 1000) % 2 ** 32)
                wire.sleep(0.06)
            wire.sleep(GAP)
            got.append(len(f.got) - n)
        target.set("tcp_invalid_ratelimit", 500)
        end(f)
        return got
    ours, theirs = script(HOLD), script(KERNEL)
    check("beside the kernel", ours, theirs)
    check("answers with 500, with 0", ours, [1, 4])


@shows("tcp_challenge_ack_limit")
def challenge_ack_limit():
    flows = [opened(HOLD) for _ in range(5)]

    def round_of():
        before = HOLD.counters()
        for f in flows:
            f.drain()
            f.send("R", seq=f.snd_nxt + 10, opt=b"")
        return answers(flows), moved(before, "TCPChallengeACK")[0]
    for value, want in (2, 2), (0, 0), (1000, 5):
        with setting(tcp_challenge_ack_limit=value):
            check(f"challenge ACKs with {value}", one_second(round_of), (want, want))
            wire.sleep(1.05 - time.monotonic() % 1)  # a second of its own for each
    end(*flows)


@shows("ip_default_ttl")
def default_ttl():
    """Of each packet: the driver's answers, a connection's, and a RST to nobody."""
    def script(target, family):
        f = wire.flow(target.port, family)
        f.syn()
        got = [f.expect("SA").ttl]
        f.send("A")
        w.until(f"{f} to be established", lambda: target.state(f) == "ESTAB")
        f.send("PA", b"x")
        got.append(f.expect("A").ttl)
        end(f)
        stray = wire.flow(target.port, family)
        stray.send("A", ack=1)
        return got + [stray.expect("R").ttl]
    for value in 64, 1, 255:
        with setting(HOLD, KERNEL, ip_default_ttl=value):
            ours, theirs = script(HOLD, 4), script(KERNEL, 4)
            check(f"ip_default_ttl={value} over IPv6", script(HOLD, 6), [value] * 3)
        check(f"ip_default_ttl={value} beside the kernel", ours, theirs)
        check(f"ip_default_ttl={value}", ours, [value] * 3)


@shows("rst_limit")
def rst_limit():
    def round_of():
        flows = fresh(HOLD, 5)
        before = HOLD.counters()
        for f in flows:
            f.send("A", ack=1)
        got = answers(flows)
        return got, moved(before, "StrayReset", "StrayDropped")
    for value, want in (1, 1), (0, 0), (1000000, 5):
        with setting(rst_limit=value):
            check(f"RSTs with {value}", paid_off(round_of), (want, [want, 5 - want]))


def from_prefix(third, count, family=4):
    """Flows of strangers in one /24 or /64."""
    host = "10.250.{}.{}" if family == 4 else "fd10:250:0:{}::{}"
    return [wire.flow(HOLD.port, family, addr=host.format(third, 1 + i)) for i in range(count)]


def answered_to(flags, *flows, **kw):
    before = HOLD.counters()
    for f in flows:
        f.send(flags, **kw)
    got = answers(flows)
    spent = moved(before, "SynAckSent", "SynAckLimited", "StrayReset", "StrayDropped")
    if flags == "S":
        end(*[f for f in flows if f.got])
    return got, spent


@shows("synack_prefix_limit")
def synack_prefix_limit():
    for family in 4, 6:
        for value, want in (1, 1), (0, 0), (1000000, 5):
            with setting(synack_prefix_limit=value):
                check(f"SYN-ACKs to a prefix with {value}, IPv{family}",
                      paid_off(lambda: answered_to("S", *from_prefix(1, 5, family))),
                      (want, [want, 5 - want, 0, 0]))
        with setting(synack_prefix_limit=1):
            check(f"two prefixes, IPv{family}", paid_off(lambda: answered_to(
                "S", *from_prefix(2, 3, family), *from_prefix(3, 3, family))), (2, [2, 4, 0, 0]))


@shows("synack_limit")
def synack_limit():
    def round_of():
        return answered_to("S", *from_prefix(4, 2), *from_prefix(5, 2))
    for value, want in (1, 1), (0, 0), (1000000, 4):
        with setting(synack_limit=value):
            check(f"SYN-ACKs with {value}", paid_off(round_of), (want, [want, 4 - want, 0, 0]))


@shows("rst_prefix_limit")
def rst_prefix_limit():
    def round_of():
        return answered_to("A", *from_prefix(6, 3), *from_prefix(7, 1), ack=1)
    for value, want in (1, 2), (0, 0), (1000000, 4):
        with setting(rst_prefix_limit=value):
            check(f"RSTs to prefixes with {value}", paid_off(round_of),
                  (want, [0, 0, want, 4 - want]))


# --- losses --------------------------------------------------------------------------------

def unacknowledged(size, **kw):
    """A download of which nothing is acknowledged; all that may be sent is here."""
    f = opened(HTTP, **kw)
    f.send("PA", GET % size)
    while sum(len(s.data) for s in f.got) < min(size, 10 * 1400):
        f.expect()
    return f


def again(f):
    """The first data that comes a second time, and how long after the last that was new."""
    end = i = at = 0
    while True:
        while i == len(f.got):
            f.expect()
        s, i = f.got[i], i + 1
        seq = (s.seq - f.irs) % 2 ** 32
        if s.data and seq < end:
            return s, s.at - at
        if s.data:
            end, at = seq + len(s.data), s.at


def far(f):
    """The highest number that came."""
    return max(((s.seq + len(s.data) - f.irs) % 2 ** 32 for s in f.got), default=0)


@shows("tcp_early_retrans")
def early_retrans():
    """A probe after two round trips, of 20 ms here, or the timeout after 220."""
    for value, least, most in (3, 0.03, 0.2), (0, 0.2, 0.2 + SLACK):
        before = HOLD.counters()
        with setting(tcp_early_retrans=value):
            f = unacknowledged(5000)
            took = again(f)[1]
        within(f"sent again with tcp_early_retrans={value}", took, least, most)
        check("TCPLossProbes", moved(before, "TCPLossProbes"), [1 if value else 0])
        end(f)


@shows("tcp_frto")
def frto():
    """The ACK of all that was sent before the timeout comes late: was it needless?"""
    for value, spurious in (2, 1), (0, 0):
        before = HOLD.counters()
        with setting(tcp_frto=value, tcp_early_retrans=0):
            f = unacknowledged(100000, ts=False)
            again(f)
            f.send("A", ack=(f.irs + far(f)) % 2 ** 32)
            w.until("an answer", lambda: moved(before, "OutSegs")[0] > 12)
        check(f"TCPSpuriousRTOs with tcp_frto={value}", moved(before, "TCPSpuriousRTOs"),
              [spurious])
        end(f)


@shows("tcp_congestion_control")
def congestion_control():
    """By how much a timeout cuts: what ten segments were out, 0.7 or half of it."""
    for value, name, tenths in (0, "cubic", 7), (1, "reno", 5):
        with setting(tcp_congestion_control=value, tcp_early_retrans=0):
            f = unacknowledged(100000)
            again(f)
            row, = rows("conns", f)
        check("its name", row["cc"], name)
        check("its state", row["ca"], "loss")
        check("ssthresh", row["ssthresh"], tenths * row["mss"])
        end(f)


KEPT = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n"


def download(f, size):
    f.send("PA", KEPT % size)
    begin = f.rcv_nxt
    while (f.rcv_nxt - begin) % 2 ** 32 < size:
        if f.expect().data:
            f.send("A")


@shows("tcp_slow_start_after_idle")
def slow_start_after_idle():
    for value in 1, 0:
        with setting(tcp_slow_start_after_idle=value):
            f = opened(HTTP)
            download(f, 300000)
            grown = rows("conns", f)[0]["cwnd"]
            wire.sleep(1.5)
            download(f, 10)
            idle = rows("conns", f)[0]["cwnd"]
        check(f"smaller with tcp_slow_start_after_idle={value}", idle < grown, bool(value))
        end(f)


@shows("tcp_min_rtt_wlen")
def min_rtt_wlen():
    for value, least, most in (1, 50000, 10 ** 6), (300, 1, 49000):
        with setting(tcp_min_rtt_wlen=value):
            f = opened(HTTP)
            download(f, 10)
            wire.sleep(1.2)
            f.send("PA", KEPT % 10)
            while not f.expect().data:
                pass
            wire.sleep(0.05)
            f.send("A")
            w.until("the ACK", lambda: rows("conns", f)[0]["send_q"] == 0)
            within(f"min_rtt_us with {value} s", rows("conns", f)[0]["min_rtt_us"], least, most)
        end(f)


# --- giving up -----------------------------------------------------------------------------

def stalled(target, data):
    """We do not acknowledge what the server sends. Returns the flow, and when that began."""
    f = opened(target)
    f.send("PA", data)
    while not f.expect().data:
        pass
    return f, f.got[-1].at


def given_up(what, f, retries, took):
    """Linux: a time, of so many doublings of 200 ms from the first retransmission on, and then
    the next timer. An RTO a little above 200 ms, as on a busy machine, has one timer less."""
    times = [s.at for s in f.got if s.data and s.seq == (f.irs + 1) % 2 ** 32]
    model = 0.2 * (2 ** (retries + 1) - 1)
    check(f"sent with {what}: 1 or 2 more", 1 <= len(times) - retries <= 2, True)
    check(f"{what}: the last one before its time", times[-1] - times[1] < model + 0.1, True)
    within("given up after", took, times[1] - times[0] + model - 0.01, 2 * model + SLACK)


@shows("tcp_retries2")
def retries2():
    for value in 1, 2:
        before = HOLD.counters()
        with setting(tcp_retries2=value, tcp_early_retrans=0):
            f, begin = stalled(ECHO, b"x" * 100)
            _, took = gone_after(ECHO, f, begin)
        given_up(f"tcp_retries2={value}", f, value, took)
        check("TCPAbortOnTimeout", moved(before, "TCPAbortOnTimeout"), [1])


@shows("tcp_orphan_retries")
def orphan_retries():
    owned, _ = stalled(ECHO, b"x" * 100)
    for value in 1, 2:
        with setting(tcp_orphan_retries=value, tcp_early_retrans=0):
            f, begin = stalled(HTTP, GET % 10)
            w.until("an orphan", lambda: not rows("conns", f) or rows("conns", f)[0]["orphan"])
            _, took = gone_after(HTTP, f, begin)
        given_up(f"tcp_orphan_retries={value}", f, value, took)
    check("one with an owner", ECHO.state(owned), "ESTAB")
    end(owned)


@shows("user_timeout_ms")
def user_timeout():
    with setting(user_timeout_ms=500):
        f, begin = stalled(ECHO, b"x" * 100)
        lasted("user_timeout_ms=500", ECHO, f, begin, 0.5)
    f, _ = stalled(ECHO, b"x" * 100)
    wire.sleep(1)
    check("without a limit", ECHO.state(f), "ESTAB")
    end(f)


@shows("tcp_max_orphans")
def max_orphans():
    """What has been closed and is not acknowledged: one may go on, the next is reset."""
    before = HOLD.counters()
    with setting(tcp_max_orphans=1):
        kept, one_too_many = opened(HTTP), opened(HTTP)
        for f, last in (kept, w.FIN), (one_too_many, w.RST):
            f.send("PA", GET % 10)
            while not f.expect().flags & last:
                pass
    check("TCPAbortOnMemory", moved(before, "TCPAbortOnMemory"), [1])
    end(kept)


@shows("keepalive", "tcp_keepalive_time", "tcp_keepalive_intvl", "tcp_keepalive_probes")
def keepalive():
    """A probe after two seconds; it is answered, the next two are not."""
    before = HOLD.counters()
    with setting(keepalive=1, tcp_keepalive_time=2, tcp_keepalive_intvl=1,
                 tcp_keepalive_probes=2):
        f = opened(HOLD)
        times = [time.time()]
        for answered in True, False, False:
            probe = f.expect("A")
            check("just left of what is next", probe.seq, (f.rcv_nxt - 1) % 2 ** 32)
            times.append(probe.at)
            if answered:
                f.send("A")
        times.append(f.expect("RA").at)
    for i, want in enumerate((2, 2, 1, 1)):
        within(f"span number {i}", times[i + 1] - times[i], want - 0.1, want + SLACK)
    check("TCPKeepAlive", moved(before, "TCPKeepAlive"), [3])
    f = opened(HOLD)  # off again
    f.silent(2.5)
    end(f)


@shows("tcp_syn_retries")
def syn_retries():
    """The daemon opens no TCP connection by itself: what can be shown is that driver and engine
    are told. What it does is shown by tests/unit/test_connect.c."""
    with setting(tcp_syn_retries=2):
        check("in the map", pinned("s0")["tcp_syn_retries"], 2)
    check("ActiveOpens", HOLD.counters()["ActiveOpens"], 0)


@shows("tcp_tw_reuse", "tcp_tw_reuse_delay")
def tw_reuse():
    """The same holds for these: tests/unit/test_connect.c and tests/engine show what they do."""
    with setting(tcp_tw_reuse=1, tcp_tw_reuse_delay=10):
        got = pinned("s0")
        check("in the map", (got["tcp_tw_reuse"], got["tcp_tw_reuse_delay"]), (1, 10))
    check("TWRecycled", HOLD.counters()["TWRecycled"], 0)


# --- the end -------------------------------------------------------------------------------

@shows("tcp_fin_timeout")
def fin_timeout():
    targets = HTTP, KERNEL_CLOSES
    before = [server_closed(t) for t in targets]
    with setting(*targets, tcp_fin_timeout=1):
        flows = [(t, server_closed(t)) for t in targets]
        for t, f in flows:
            lasted(f"{t.name}, tcp_fin_timeout=1", t, f, f.sent_at, 1)
    check("one from before", [t.state(f) for t, f in zip(targets, before)], ["FIN-WAIT-2"] * 2)
    end(*before)


@shows("timewait_ms")
def timewait():
    f = time_wait(HTTP)
    begin = f.sent_at
    within("what is left by default", rows("timewait", f)[0]["timer"]["ms"], 50000, 60000)
    with setting(timewait_ms=900):
        g = time_wait(HTTP)
        lasted("one that waited already", HTTP, f, begin, 0.9)
        lasted("timewait_ms=900", HTTP, g, g.sent_at, 0.9)


@shows("tcp_max_tw_buckets")
def max_tw_buckets():
    def script(target):
        """How many of five are in TIME_WAIT, and how many too many."""
        before = target.counters()["TCPTimeWaitOverflow"]
        flows = [time_wait(target) for _ in range(5)]
        states = [target.state(f) for f in flows]
        end(*flows)
        return states.count("TIME-WAIT"), target.counters()["TCPTimeWaitOverflow"] - before
    w.until("no TIME_WAIT", lambda: not rows("timewait"))
    with setting(HTTP, KERNEL_CLOSES, tcp_max_tw_buckets=2):
        ours, theirs = script(HTTP), script(KERNEL_CLOSES)
    check("beside the kernel", ours, theirs)
    check("by default", script(HTTP), (5, 0))


@shows("tcp_rfc1337")
def rfc1337():
    def script(target):
        f = time_wait(target)
        out = []
        for value in 1, 0:
            target.set("tcp_rfc1337", value)
            f.send("R", seq=f.snd_nxt)
            wire.sleep(GAP)
            out.append(target.state(f))
        return out
    ours, theirs = script(HTTP), script(KERNEL_CLOSES)
    check("beside the kernel", ours, theirs)
    check("after a RST, with 1 and 0", ours, ["TIME-WAIT", "gone"])


# --- the daemon away -----------------------------------------------------------------------

def who_answers():
    """'syngate': the driver; 'kernel': its RST, for nobody listens there."""
    f, = fresh(HOLD)
    f.syn()
    seg = f.expect()
    if seg.flags & w.SYN:
        f.send("R")
    return "syngate" if seg.flags & w.SYN else "kernel"


@shows("heartbeat_ms")
def heartbeat():
    for value, least, most in (2500, 2.4, 2.5 + SLACK), (100, 0.04, 2.2):
        with setting(heartbeat_ms=value), stopped() as begin:
            while who_answers() == "syngate":
                if time.time() - begin > 2 * w.DEADLINE:
                    raise Wrong("the driver does not see that the daemon hangs")
                wire.sleep(0.05)
            within(f"heartbeat_ms={value}: taken for dead after", time.time() - begin, least, most)


@shows("fail_policy")
def fail_policy():
    for value, word, number, who in (("hold", "hold", 1, "syngate"), ("pass", "pass", 0, "kernel"),
                                     (1, "hold", 1, "syngate"), (0, "pass", 0, "kernel")):
        with setting(heartbeat_ms=100, fail_policy=value):
            check("in the map", pinned("s0")["fail_policy"], number)
            check("what set says", w.run("syngate", "set", f"fail_policy={value}"),
                  f"fail_policy = {word}\n")
            check("its JSON", json.loads(w.run("syngate", "set", f"fail_policy={value}", "-j")),
                  {"name": "fail_policy", "value": number, "word": word})
            with stopped():
                wire.sleep(0.5)
                check(f"fail_policy={value}: who answers", who_answers(), who)
    code, out, err = command("syngate", "set", "fail_policy=drop")
    check("another word", (code, out), (1, ""))
    check("its message", err, "syngate: fail_policy 'drop': it is pass (0) or hold (1)\n")


# --- the path's MTU ------------------------------------------------------------------------

def too_big(f, mtu):
    """A router's ICMP error about the last segment that came to `f`."""
    s = [s for s in f.got if s.data][-1]
    quoted = w.ip_bytes(s.src, s.dst, struct.pack("!HHI", s.sport, s.dport, s.seq))
    head = struct.pack("!BBHHH", 3, 4, 0, 0, mtu)
    total = struct.pack("!H", w.checksum(head + quoted))
    head = head[:2] + total + head[4:] + quoted
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(head), 0, 0, 64, 1, 0) + s.dst + s.src
    wire.frame(ip[:10] + struct.pack("!H", w.checksum(ip)) + ip[12:] + head)


def sizes(f):
    return [len(s.data) for s in f.got if s.data]


def mss(f):
    return rows("conns", f)[0]["mss"]


def stuck(size=100000):
    """Nothing of what the server sends is acknowledged."""
    f, begin = stalled(HTTP, GET % size)
    return f, begin


def shrunk(f, begin, seconds=4):
    """(how long, what size): when the first segment comes again in a smaller one."""
    first = (f.irs + 1) % 2 ** 32
    end = time.time() + seconds
    while time.time() < end:
        wire.sleep(0.05)
        for s in f.got:
            if s.data and s.seq == first and len(s.data) < 1448:
                return s.at - begin, len(s.data)
    return None, None


@shows("tcp_retries1")
def retries1():
    for value, least in (0, 0.35), (2, 1.55):
        with setting(tcp_retries1=value, tcp_early_retrans=0):
            f, begin = stuck()
            took, size = shrunk(f, begin, 4 + SLACK)
        check("to what size", size, 1024)
        within(f"after how long with tcp_retries1={value}", took, least, 2 * least + SLACK)
        end(f)


@shows("tcp_mtu_probing", "tcp_base_mss")
def mtu_probing():
    for value, base, want in (0, 700, None), (1, 700, 700), (1, 900, 900):
        with setting(tcp_retries1=0, tcp_early_retrans=0, tcp_mtu_probing=value,
                     tcp_base_mss=base):
            f, begin = stuck()
            check(f"tcp_mtu_probing={value}", shrunk(f, begin)[1], want)
        end(f)
    with setting(tcp_mtu_probing=2, tcp_base_mss=700):
        f, _ = stuck()
        check("from the beginning", sizes(f)[0], 700)
    end(f)


@shows("tcp_mtu_probe_floor")
def probe_floor():
    for value, want in (48, 250), (400, 400):
        with setting(tcp_retries1=0, tcp_early_retrans=0, tcp_base_mss=500,
                     tcp_mtu_probe_floor=value):
            f, _ = stuck()
            w.until("two steps down", lambda: mss(f) < 500)
        check(f"the second with tcp_mtu_probe_floor={value}", mss(f), want)
        end(f)


@shows("min_pmtu", "tcp_min_snd_mss")
def min_pmtu():
    for pmtu, snd, want in (552, 48, 500), (400, 48, 348), (68, 48, 48), (68, 200, 200):
        with setting(min_pmtu=pmtu, tcp_min_snd_mss=snd):
            f, _ = stuck()
            too_big(f, 68)
            w.until("smaller segments", lambda: mss(f) < 1448)
        check(f"mss with min_pmtu={pmtu}, tcp_min_snd_mss={snd}", mss(f), want)
        end(f)


@shows("mtu_expires")
def mtu_expires():
    for value, later in (1, 1448), (600, 948):
        with setting(mtu_expires=value):
            f, _ = stuck()
            too_big(f, 1000)
            w.until("smaller segments", lambda: mss(f) == 948)
            end(f)
            wire.sleep(1.1)
            g = opened(HTTP, addr=f.addr)
            check(f"a connection after 1.1 s with mtu_expires={value}", mss(g), later)
        end(g)


def probed(threshold, interval):
    """Were sizes tried above 1000 after an ICMP error has left 2 bytes to be tried?"""
    with setting(tcp_mtu_probing=2, tcp_base_mss=1000, tcp_probe_threshold=threshold,
                 tcp_probe_interval=interval):
        f = opened(HTTP)
        f.send("PA", KEPT % 100)
        while not f.expect().data:
            pass
        before = HOLD.counters()
        too_big(f, 1000 + 2 + 52)
        w.until("the error", lambda: moved(before, "SteerIcmp") == [1])
        f.send("A")
        wire.sleep(1.2)
        for _ in range(3):
            download(f, 200000)
        grown = moved(before, "TCPMTUPSuccess")[0]
    end(f)
    return grown > 0


@shows("tcp_probe_interval", "tcp_probe_threshold")
def probe_interval():
    check("a search that is over for 600 s", probed(8, 600), False)
    check("for a second", probed(8, 1), True)
    check("that ends only at 1 byte", probed(1, 600), True)


# --- all of them ---------------------------------------------------------------------------

def pinned(instance):
    """The settings as bpftool shows them, which is as the driver has them."""
    dump = w.run("bpftool", "-j", "map", "dump", "pinned",
                 f"/sys/fs/bpf/syngate/{instance}/settings")
    return json.loads(dump)[0]["formatted"]["value"]


def control(name, value):
    """What the daemon itself says, without the command line's checks in front."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(w.DEADLINE)
    s.connect("/run/syngate/s0.sock")
    s.sendall(json.dumps({"cmd": "set", "name": name, "value": value}).encode() + b"\n")
    text = b""
    while not text.endswith(b"\n"):
        text += s.recv(65536)
    return json.loads(text)


def bounds():
    """Each value at its bounds is taken, one beyond is not, and the message says what is."""
    for name, (default, low, high) in DOC.items():
        for value in low, high, default:
            check(f"set {name}={value}", w.run("syngate", "set", f"{name}={value}"),
                  f"{name} = {'pass hold'.split()[value] if name == 'fail_policy' else value}\n")
            check("in the map", pinned("s0")[name], value)
        check("its JSON", json.loads(w.run("syngate", "set", f"{name}={default}", "-j"))["value"],
              default)
        for value in low - 1, high + 1, 2 ** 32 + default, "", "1x", "0x1", " 1", "many":
            refused(name, value, low, high)
        check("nothing has changed", pinned("s0")[name], default)
    check("as `show settings` has them", json.loads(w.run("syngate", "show", "settings", "-j")),
          {n: d[0] for n, d in DOC.items()})


def refused(name, value, low, high):
    code, out, err = command("syngate", "set", f"{name}={value}")
    if name == "fail_policy":
        want = f"fail_policy '{value}': it is pass (0) or hold (1)"
    elif str(value).isdigit():
        want = f"{name} {value} is out of range; give a number from {low} to {high}"
    else:
        want = f"{name} '{value}' is not a number; give one from {low} to {high}"
    check(f"set {name}={value}", (code, out, err), (1, "", f"syngate: {want}\n"))
    check(f"the daemon, {name}={value}", control(name, str(value)),
          {"ok": False, "exit": 1,
           "error": f"{name} is a number from {low} to {high}, not '{value}'"})


def mtu():
    """A new MTU is offered by listeners that are there; what is half open stays as it is."""
    def offer(family):
        f = wire.flow(HOLD.port, family)
        f.syn()
        mss = f.expect("SA").opt["mss"]
        end(f)
        return mss
    half, = fresh(ECHO)
    half.syn()
    check("MSS of MTU 1500", half.expect("SA").opt["mss"], 1460)
    try:
        for size in 1400, 1500, 1280:
            w.run("ip", "-n", "server", "link", "set", "s0", "mtu", str(size))
            w.until(f"the MSS of MTU {size}", lambda: offer(4) == size - 40)
            check("over IPv6", offer(6), size - 60)
        half.send("A")
        half.send("PA", b"x" * 1200)
        while not half.expect().data:
            pass
        check("a half-open entry from before: echo", half.got[-1].data[:1], b"x")
        within("in segments of the smaller MTU", len(half.got[-1].data), 1, 1280 - 40 - 12)
    finally:
        w.run("ip", "-n", "server", "link", "set", "s0", "mtu", "1500")
    end(half)


@contextlib.contextmanager
def second_daemon():
    p = subprocess.Popen(["nsenter", "--net=/run/netns/server", "syngate", "run", "s1", "--listen",
                          "*:90", "--app", "hold"], stdout=subprocess.PIPE, text=True)
    try:
        if not select.select([p.stdout], [], [], w.DEADLINE)[0] or p.stdout.readline() != "ready\n":
            raise Wrong("the second daemon does not serve")
        yield
    finally:
        p.send_signal(signal.SIGTERM)
        check("its end", p.wait(w.DEADLINE), 0)


def has_sack():
    f, = fresh(HOLD)
    f.syn()
    got = "sack" in f.expect("SA").opt
    end(f)
    return got


def instances():
    """With --instance one daemon, without it all; on all interfaces of a daemon."""
    both = [lambda n=n: pinned(n)["tcp_sack"] for n in ("s0", "s1")]
    with second_daemon():
        w.run("syngate", "set", "tcp_sack=0", "--instance", "s1")
        check("set on s1 alone", [fn() for fn in both], [1, 0])
        check("s0 on the wire", has_sack(), True)
        code, out, err = command("syngate", "show", "settings")
        check("settings that differ", (code, out, "s0" in err and "--instance" in err),
              (1, "", True))
        w.run("syngate", "set", "tcp_sack=0")
        check("set on both", [fn() for fn in both], [0, 0])
        check("s0 on the wire", has_sack(), False)
        code, _, err = command("syngate", "set", "tcp_sack=1", "--instance", "s2")
        check("a daemon that is not there", (code, "s2" in err), (3, True))
        check("nothing set", [fn() for fn in both], [0, 0])
    w.run("syngate", "attach", "s1")
    check("what was set counts for what is attached later", [fn() for fn in both], [0, 0])
    w.run("syngate", "set", "tcp_sack=1")
    check("both interfaces of one daemon", [fn() for fn in both], [1, 1])
    attached_otherwise()
    w.run("syngate", "detach", "s1")


def attached_otherwise():
    """attach once more: fine, but options that it is not attached with are not ignored."""
    def again(*options):
        return command("syngate", "attach", "s1", *options)
    for fits in (), ("--mode", "native"), ("--max-listeners", "16"), ("--flow-entries", "262144"), \
            ("--halfopen-entries", "65536"):
        check(f"attach again {fits}", again(*fits), (0, "s1: attached already, native mode\n", ""))
    for other in ("--mode", "skb"), ("--max-listeners", "17"), ("--flow-entries", "1000"), \
            ("--halfopen-entries", "1000"):
        check(f"attach again {other}", again(*other), (1, "", "syngate: s1 is attached already, "
              "otherwise: --mode native --halfopen-entries 65536 --flow-entries 262144 "
              "--max-listeners 16; first take it off: syngate detach s1\n"))


def main():
    known = json.loads(w.run("syngate", "show", "settings", "-j"))
    check("settings without a scenario", sorted(set(known) - set(SHOWN)), [])
    check("scenarios without a setting", sorted(set(SHOWN) - set(known)), [])
    scenarios = list(dict.fromkeys(SHOWN.values())) + [bounds, mtu, instances]
    failed = []
    for fn in scenarios:
        names = [n for n, s in SHOWN.items() if s is fn] or [fn.__name__]
        if sys.argv[2:] and not set(names) & set(sys.argv[2:]):
            continue
        begin = time.monotonic()
        try:
            fn()
            print(f"{' '.join(names)}: {time.monotonic() - begin:.1f} s")
        except Wrong as e:
            failed.append(names[0])
            print(f"{' '.join(names)}: FAIL: {e}", file=sys.stderr)
    return bool(failed)


sys.exit(main())
