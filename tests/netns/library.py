# SPDX-License-Identifier: BSD-2-Clause
"""Programs on libsyngate, and their clients: this process is both. The library is called through ctypes;
what it talks to is a Unix socket, so it does not matter which namespace it is in."""
import concurrent.futures
import contextlib
import ctypes
import errno
import itertools
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time

LIB = ctypes.CDLL(os.environ["LIBSYNGATE"], use_errno=True)
LIB.syngate_why.restype = ctypes.c_char_p
for f in ("recv", "send"):
    getattr(LIB, "syngate_" + f).restype = ctypes.c_ssize_t
NOWAIT = 0x40000000
RING = int(os.environ.get("SG_RINGS", "0"))  # SG_OPT_RING: connections without descriptors
HOSTS = {socket.AF_INET: "10.9.0.1", socket.AF_INET6: "fd09::1"}
PORT = 7000


class Failed(Exception):
    def __init__(self, rc):
        super().__init__(f"{errno.errorcode.get(-rc, rc)}: {LIB.syngate_why().decode()}")
        self.errno = -rc


def check(rc):
    if rc < 0:
        raise Failed(rc)
    return rc


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("instance", ctypes.c_char_p),
                ("backlog", ctypes.c_int), ("syn_backlog", ctypes.c_int),
                ("flags", ctypes.c_uint), ("ring_size", ctypes.c_uint), ("ring_conns", ctypes.c_uint)]


class Event(ctypes.Structure):
    _fields_ = [("conn", ctypes.c_void_p), ("events", ctypes.c_uint), ("data", ctypes.c_void_p)]


class Info(ctypes.Structure):
    _fields_ = ([("size", ctypes.c_size_t)] +
                [(n, ctypes.c_uint) for n in (
                    "admitted handshake_us state rtt_us rttvar_us min_rtt_us rto_ms backoff mss cwnd "
                    "ssthresh snd_wnd rcv_wnd unread unacked").split()] +
                [(n, ctypes.c_uint64) for n in ("retransmits", "bytes_in", "bytes_out")] +
                [("congestion", ctypes.c_char * 16)])


class Listener:
    def __init__(self, address=f"*:{PORT}", backlog=-1, instance=None, syn_backlog=-1, flags=RING, size=0, conns=0):
        o = Options(ctypes.sizeof(Options), instance, backlog, syn_backlog, flags, size, conns)
        self.h = ctypes.c_void_p()
        check(LIB.syngate_listen(ctypes.byref(self.h), address.encode(), ctypes.byref(o)))
        self.fd = LIB.syngate_listener_fd(self.h)

    def accept(self, flags=0):
        h = ctypes.c_void_p()
        check(LIB.syngate_accept(self.h, ctypes.byref(h), flags))
        return Conn(h, self)

    def readable(self, timeout=10):
        if RING and self.wait(0):  # which arms the descriptor
            return True
        return bool(select.select([self.fd], [], [], timeout)[0])

    def wait(self, timeout_ms=10000, most=64):
        """What syngate_wait() says: (handle or None, events), each."""
        ev = (Event * most)()
        n = check(LIB.syngate_wait(self.h, ev, most, timeout_ms))
        return [(e.conn, e.events) for e in ev[:n]]

    def flush(self):
        LIB.syngate_flush(self.h)

    def close(self):
        LIB.syngate_listener_close(self.h)


class Conn:
    def __init__(self, h, listener=None):
        self.h = h
        self.listener = listener
        self.fd = LIB.syngate_fd(h)
        self.extra = 0

    def recv(self, n=65536, flags=0):
        buf = ctypes.create_string_buffer(n)
        got = check(LIB.syngate_recv(self.h, buf, ctypes.c_size_t(n), flags))
        return buf.raw[:got]

    def recv_all(self):
        out = b""
        while piece := self.recv():
            out += piece
        return out

    def send(self, data, flags=0):
        return check(LIB.syngate_send(self.h, data, ctypes.c_size_t(len(data)), flags))

    def send_all(self, data):
        while data:
            data = data[self.send(data):]

    def error(self):
        return LIB.syngate_error(self.h)

    def readable(self):
        """Waits until it is."""
        while self.fd < 0:
            try:
                self.recv(1, socket.MSG_PEEK)
                return
            except Failed as e:
                eq("recv, nothing there", e.errno, errno.EAGAIN)
                self.listener.wait(100)
        if self.fd >= 0:
            select.select([self.fd], [], [], 10)

    def writable(self, seconds):
        end = time.monotonic() + seconds
        while self.fd < 0 and time.monotonic() < end:
            LIB.syngate_wait(self.listener.h, (Event * 1)(), 1, 50)
            try:
                self.send(b"\0", socket.MSG_DONTWAIT)
                self.extra += 1
                return True
            except Failed as e:
                eq("a full ring", e.errno, errno.EAGAIN)
        return bool(self.fd >= 0 and select.select([], [self.fd], [], seconds)[1])

    def shutdown(self, how=socket.SHUT_WR):
        check(LIB.syngate_shutdown(self.h, how))

    def set(self, level, name, value):
        raw = value if isinstance(value, bytes) else struct.pack("i", value)
        check(LIB.syngate_setsockopt(self.h, level, name, raw, len(raw)))

    def get(self, level, name, size=4):
        buf, n = ctypes.create_string_buffer(size), ctypes.c_uint(size)
        check(LIB.syngate_getsockopt(self.h, level, name, buf, ctypes.byref(n)))
        return struct.unpack("i", buf.raw)[0] if size == 4 else buf.raw[:n.value]

    def info(self):
        i = Info(ctypes.sizeof(Info))
        check(LIB.syngate_info(self.h, ctypes.byref(i)))
        return i

    def address(self, which):
        buf = ctypes.create_string_buffer(28)
        n = ctypes.c_uint(28)
        check(getattr(LIB, "syngate_" + which)(self.h, buf, ctypes.byref(n)))
        family, port = struct.unpack("=H", buf.raw[:2])[0], struct.unpack(">H", buf.raw[2:4])[0]
        at = slice(4, 8) if family == socket.AF_INET else slice(8, 24)
        return socket.inet_ntop(family, buf.raw[at]), port

    def close(self):
        LIB.syngate_close(self.h)

    def abort(self):
        LIB.syngate_abort(self.h)


class ConnectOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("instance", ctypes.c_char_p),
                ("source", ctypes.c_char_p), ("timeout_s", ctypes.c_uint)]


def connect(address, source=None, timeout=0, instance=None):
    """A connection of the program's own."""
    o = ConnectOptions(ctypes.sizeof(ConnectOptions), instance, source and source.encode(), timeout)
    h = ctypes.c_void_p()
    check(LIB.syngate_connect(ctypes.byref(h), address.encode(), ctypes.byref(o)))
    return Conn(h)


def client(family=socket.AF_INET, port=PORT, timeout=10):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect((HOSTS[family], port))
    return s


def pair(listener, family=socket.AF_INET):
    s = client(family)
    return s, listener.accept()


def syngate(*args):
    return subprocess.run(["syngate", *args], check=True, capture_output=True, text=True).stdout


def rows(what):
    return json.loads(syngate("show", what, "-j"))


def listening(port=PORT):
    found = [r for r in rows("listeners") if r["port"] == port]
    return found[0] if found else None


def counter(name):
    return json.loads(syngate("show", "counters", "-j"))[name]


def wait(what, true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def eq(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.200}, want {want!r:.200}")


def fails(what, code, f, *args):
    try:
        got = f(*args)
    except (Failed, OSError) as e:
        if e.errno != code:
            raise AssertionError(f"{what}: {e}, want {errno.errorcode[code]}") from e
        return str(e)
    raise AssertionError(f"{what}: no error but {got!r}, want {errno.errorcode[code]}")


def is_reset(s):
    """The client's end was reset, not closed."""
    fails("the client's recv", errno.ECONNRESET, s.recv, 1)


def everything(s):
    out = b""
    while piece := s.recv(1 << 20):
        out += piece
    return out


@contextlib.contextmanager
def apart(f):
    """Does it in a thread meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(f)
        yield
        done.result(30)


# --- what a descriptor means -------------------------------------------------------------------


def streams():
    """Data both ways, over IPv4 and IPv6, more than fits any buffer; who is who."""
    blob = os.urandom(3 << 20)
    with_listener = Listener()
    for family in HOSTS:
        s, c = pair(with_listener, family)
        eq("the peer", c.address("peer"), s.getsockname()[:2])
        eq("our own", c.address("local"), s.getpeername()[:2])
        with apart(lambda: (s.sendall(blob), s.shutdown(socket.SHUT_WR))):
            eq("what came in", c.recv_all(), blob)
        eq("its error at the end of the stream", c.error(), 0)
        with apart(lambda: (c.send_all(blob), c.close())):
            eq("what went out", everything(s), blob)
        s.close()
    with_listener.close()


def half_close():
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"question")
    s.shutdown(socket.SHUT_WR)
    eq("all that was asked", c.recv_all(), b"question")
    c.send_all(b"an answer")
    eq("the answer", s.recv(100), b"an answer")
    c.shutdown()
    eq("its end", s.recv(100), b"")
    c.close()
    s2, c2 = pair(lst)
    c2.send_all(b"greeting")
    c2.shutdown()
    eq("greeting", s2.recv(100) + s2.recv(100), b"greeting")
    s2.sendall(b"late")
    eq("what comes after our end", c2.recv(), b"late")
    c2.close()
    lst.close()


def back_pressure():
    """Who does not read stops the other; nothing is lost."""
    lst = Listener()
    s, c = pair(lst)
    s.settimeout(0.5)
    sent = 0
    piece = bytes(range(256)) * 256
    try:
        while sent < 64 << 20:
            sent += s.send(piece)
    except TimeoutError:
        pass
    if not 1 << 16 < sent < 32 << 20:
        raise AssertionError(f"{sent} bytes went to somebody who does not read")
    s.shutdown(socket.SHUT_WR)
    eq("bytes that arrived", len(c.recv_all()), sent)
    s.settimeout(10)
    sent = 0
    while True:
        try:
            sent += c.send(piece, socket.MSG_DONTWAIT)
        except Failed as e:
            eq("a full socket", e.errno, errno.EAGAIN)
            if not c.writable(0.5):
                break
    c.close()
    eq("bytes that left", len(everything(s)), sent + c.extra)
    lst.close()


def resets():
    """A reset is no end of stream, either way."""
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"half of")
    eq("what came", c.recv(), b"half of")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    fails("recv after a reset", errno.ECONNRESET, c.recv)
    eq("error after a reset", c.error(), -errno.ECONNRESET)
    fails("send after a reset", errno.ECONNRESET, c.send, b"x")
    c.close()
    s, c = pair(lst)
    c.abort()
    is_reset(s)
    s, c = pair(lst)
    s.sendall(b"never read")
    c.readable()
    c.close()  # with unread data: RST, as Linux
    is_reset(s)
    s, c = pair(lst)
    c.send_all(b"x" * 100000)
    c.close()
    eq("bytes before the end", len(everything(s)), 100000)
    lst.close()


def not_blocking():
    lst = Listener()
    fails("accept, nobody there", errno.EAGAIN, lst.accept, NOWAIT)
    eq("readable, nobody there", lst.readable(0), False)
    s = client()
    eq("readable", lst.readable(), True)
    c = lst.accept(NOWAIT | socket.SOCK_NONBLOCK)
    fails("recv, nothing there", errno.EAGAIN, c.recv)
    s.sendall(b"now")
    c.readable()
    eq("recv", c.recv(), b"now")
    c.close()
    lst.close()


# --- options and facts -------------------------------------------------------------------------

TCP_ESTABLISHED, TCP_CLOSE, TCP_CLOSE_WAIT = 1, 7, 8


def options():
    """What was set is what is got; what was not is the daemon's default; what is wrong is refused."""
    lst = Listener()
    s, c = pair(lst)
    tcp, ip = socket.IPPROTO_TCP, socket.IPPROTO_IP
    for name in (socket.TCP_NODELAY, socket.TCP_CORK, socket.TCP_QUICKACK):
        for value in (0, 1, 0):
            c.set(tcp, name, value)
            eq(f"TCP option {name}", c.get(tcp, name), value)
    knobs = {k["name"]: k["value"] for k in settings()}
    for level, name, knob, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, "keepalive", 1),
                                     (tcp, socket.TCP_KEEPIDLE, "tcp_keepalive_time", 7),
                                     (tcp, socket.TCP_KEEPINTVL, "tcp_keepalive_intvl", 8),
                                     (tcp, socket.TCP_KEEPCNT, "tcp_keepalive_probes", 9),
                                     (tcp, socket.TCP_LINGER2, "tcp_fin_timeout", 10),
                                     (tcp, socket.TCP_USER_TIMEOUT, "user_timeout_ms", 60000),
                                     (ip, socket.IP_TTL, "ip_default_ttl", 17)):
        eq(knob, c.get(level, name), knobs[knob])
        c.set(level, name, value)
        eq(knob + ", set", c.get(level, name), value)
    c.set(ip, socket.IP_TTL, -1)
    eq("ip_default_ttl again", c.get(ip, socket.IP_TTL), knobs["ip_default_ttl"])
    for level, name, value in ((tcp, socket.TCP_KEEPIDLE, 0), (tcp, socket.TCP_KEEPCNT, 128),
                               (ip, socket.IP_TTL, 0), (ip, socket.IP_TOS, 256), (tcp, socket.TCP_NODELAY, b"x")):
        fails(f"option {name} = {value!r}", errno.EINVAL, c.set, level, name, value)
    fails("no such option", errno.ENOPROTOOPT, c.set, tcp, 99, 1)
    eq("SO_ERROR", c.get(socket.SOL_SOCKET, socket.SO_ERROR), 0)
    eq("SO_PROTOCOL", c.get(socket.SOL_SOCKET, socket.SO_PROTOCOL), tcp)
    eq("SO_DOMAIN", c.get(socket.SOL_SOCKET, socket.SO_DOMAIN), socket.AF_INET)
    eq("TCP_CONGESTION", c.get(tcp, socket.TCP_CONGESTION, 16).strip(b"\0"), b"cubic")
    eq("TCP_MAXSEG", 500 < c.get(tcp, socket.TCP_MAXSEG) < 1461, True)
    c.set(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    is_reset(s)
    s, c = pair(lst, socket.AF_INET6)
    c.set(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xb8)
    eq("IPV6_TCLASS", c.get(socket.IPPROTO_IPV6, socket.IPV6_TCLASS), 0xb8)
    eq("SO_DOMAIN", c.get(socket.SOL_SOCKET, socket.SO_DOMAIN), socket.AF_INET6)
    c.set(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if c.fd < 0:
        c.close()
    else:
        os.close(c.fd)  # a plain close
    is_reset(s)
    if c.fd >= 0:
        c.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # of one that is over: as on Linux
    lst.close()


def settings():
    return [{"name": k, "value": v} for k, v in json.loads(syngate("show", "settings", "-j")).items()]


def cork():
    """What is written with a cork on waits for more, and goes at once when it comes off."""
    lst = Listener()
    s, c = pair(lst)
    c.set(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    c.send_all(b"head")
    wait("the daemon to have it", lambda: c.info().unacked == 4)
    eq("readable with the cork on", bool(select.select([s], [], [], 0.1)[0]), False)
    c.set(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    eq("what comes", s.recv(100), b"head")
    c.close()
    lst.close()


def facts():
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"x" * 1000)
    eq("a piece", c.recv(400), b"x" * 400)
    c.send_all(b"y" * 3000)
    eq("what comes back", b"".join(s.recv(1) for _ in range(3000)), b"y" * 3000)
    i = c.info()
    eq("its state", (i.admitted, i.state), (0, TCP_ESTABLISHED))
    eq("bytes in, out, unread", (i.bytes_in, i.bytes_out, i.unread), (1000, 3000, 600))
    eq("what it measured", i.min_rtt_us > 0 and i.rtt_us > 0 and i.rto_ms >= 200 and i.mss > 500, True)
    eq("congestion control", i.congestion, b"cubic")
    raw = c.get(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    eq("TCP_INFO's state and length", (raw[0], len(raw)), (TCP_ESTABLISHED, 104))
    eq("TCP_INFO's RTT", struct.unpack_from("I", raw, 68)[0] > 0, True)
    s.shutdown(socket.SHUT_WR)
    wait("its FIN", lambda: c.info().state == TCP_CLOSE_WAIT)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # several at once
        for i in pool.map(lambda _: c.info(), range(400)):
            eq("bytes in", i.bytes_in, 1000)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    wait("the reset", c.error)
    eq("when it is over", c.info().state, TCP_CLOSE)
    eq("TCP_INFO then", c.get(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[0], TCP_CLOSE)
    eq("SO_ERROR", c.get(socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNRESET)
    c.close()
    s, c = pair(lst)
    daemon = int(os.environ["SG_DAEMON"])
    os.kill(daemon, signal.SIGSTOP)
    wait("it to stop", lambda: all(t == "T" for t in thread_states(daemon)))
    try:
        said = fails("facts of a daemon that is stopped", errno.ETIMEDOUT, c.info)
    finally:
        os.kill(daemon, signal.SIGCONT)
    if "does not answer" not in said:
        raise AssertionError(said)
    eq("facts of one that goes on", c.info().state, TCP_ESTABLISHED)
    c.close()
    lst.close()


def thread_states(pid):
    tasks = f"/proc/{pid}/task"
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/stat", encoding="ascii") as f:
            yield f.read().rpartition(")")[2].split()[0]


def facts_in_children():
    """Processes that share a connection ask at the same time."""
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"0123456789")
    wait("them", lambda: c.info().bytes_in == 10)

    def ask():
        for _ in range(200):
            eq("bytes in", c.info().bytes_in, 10)
        os._exit(0)

    pids = []
    for _ in range(4):
        pids.append(os.fork())
        if pids[-1] == 0:
            ask()
    for pid in pids:
        eq("a child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    c.close()
    lst.close()


# --- connections of the program's own -------------------------------------------------------------

OURS = 2
PEERS = {socket.AF_INET: ("10.9.0.2", "10.9.0.2:9000"), socket.AF_INET6: ("fd09::2", "[fd09::2]:9000")}


def server(family=socket.AF_INET, port=9000, backlog=100):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((PEERS[family][0], port))
    s.listen(backlog)
    s.settimeout(10)
    return s


def connects():
    """To kernel's servers, over IPv4 and IPv6: data both ways, ends, who is who."""
    blob = os.urandom(1 << 20)
    for family, (_, address) in PEERS.items():
        with server(family) as lst:
            c = connect(address)
            s = lst.accept()[0]
            eq("the peer", c.address("peer"), s.getsockname()[:2])
            eq("our own", c.address("local"), s.getpeername()[:2])
            eq("how it came to be", (c.info().admitted, c.info().state), (OURS, TCP_ESTABLISHED))
            with apart(lambda: (c.send_all(blob), c.shutdown())):
                eq("what went out", everything(s), blob)
            with apart(lambda: (s.sendall(blob), s.close())):
                eq("what came in", c.recv_all(), blob)
            eq("its error at the end", c.error(), 0)
            c.close()
            c = connect(address, source=HOSTS[family] if family == socket.AF_INET else "[fd09::1]:7654")
            s = lst.accept()[0]
            if family == socket.AF_INET6:
                eq("the port that was asked for", s.getpeername()[1], 7654)
                fails("it once more", errno.EADDRINUSE, connect, address, "[fd09::1]:7654")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
            fails("recv after a reset", errno.ECONNRESET, c.recv)
            c.close()
            c = connect(address)
            s = lst.accept()[0]
            c.abort()
            is_reset(s)


def connects_fail():
    fails("refused", errno.ECONNREFUSED, connect, "10.9.0.2:9999")
    fails("no answer in time", errno.ETIMEDOUT, connect, "10.9.0.2:9998", None, 1)
    fails("no neighbour", errno.EHOSTUNREACH, connect, "10.9.0.77:80")
    fails("the daemon's own host", errno.EINVAL, connect, "10.9.0.1:80")
    fails("no way", errno.ENETUNREACH, connect, "192.0.2.1:80")
    fails("another's address", errno.EADDRNOTAVAIL, connect, "10.9.0.2:80", "10.9.0.3")
    fails("no port", errno.EINVAL, connect, "10.9.0.2:0")
    fails("no address", errno.EINVAL, connect, "*:80")
    fails("no such daemon", errno.ESRCH, connect, "10.9.0.2:80", None, 0, b"nobody")
    said = fails("not attached", errno.ENODEV, connect, "10.10.0.2:80")
    if "syngate attach x0" not in said:
        raise AssertionError(said)


def connects_at_once():
    """One that is not answered keeps nobody waiting, nor the daemon."""
    with server() as lst, concurrent.futures.ThreadPoolExecutor(60) as pool:
        slow = [pool.submit(fails, "no answer", errno.ETIMEDOUT, connect, "10.9.0.2:9998", None, 6)
                for _ in range(10)]
        slow += [pool.submit(fails, "no neighbour", errno.EHOSTUNREACH, connect, f"10.9.0.{i}:80")
                 for i in range(80, 90)]
        for _ in range(5):
            conns = list(pool.map(lambda _: connect("10.9.0.2:9000"), range(40)))
            socks = {(s := lst.accept()[0]).getpeername(): s for _ in conns}
            for c in conns:
                c.send_all(str(c.fd).encode())
            for c in conns:
                s = socks[c.address("local")]
                eq("what it sent", s.recv(100), str(c.fd).encode())
                c.close()
                s.close()
        eq("those that are not answered, still at it", any(f.done() for f in slow[:10]), False)
        for f in slow:
            f.result(30)


def connected_dies():
    """A program that dies resets them; a child has a channel of its own."""
    lst = server()

    def program(tell):
        c = connect("10.9.0.2:9000")
        if os.fork() == 0:
            os.close(c.fd)
            connect("10.9.0.2:9000")
        tell()
        signal.pause()

    pid = in_child(program)
    socks = [lst.accept()[0] for _ in range(2)]
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        child = int(f.read())
    os.kill(child, signal.SIGKILL)
    is_reset(socks[1])
    eq("its parent's, which is alive", select.select([socks[0]], [], [], 0.1)[0], [])
    end(pid)
    is_reset(socks[0])
    lst.close()


# --- the accept queue ----------------------------------------------------------------------------


def queue():
    """Nobody accepts: it holds backlog + 1; whoever accepts makes room for one more, at once."""
    lst = Listener(backlog=3)
    held = [client() for _ in range(4)]
    wait("four that wait", lambda: listening()["acceptq"] == 4)
    before = counter("ListenOverflows") + counter("ListenDrops")
    fails("a fifth", errno.ETIMEDOUT, lambda: client_or_timeout(0.5))
    wait("it to be counted", lambda: counter("ListenOverflows") + counter("ListenDrops") > before)
    eq("still four", listening()["acceptq"], 4)
    taken = [lst.accept()]
    wait("three that wait", lambda: listening()["acceptq"] == 3)
    held.append(client())
    wait("four again", lambda: listening()["acceptq"] == 4)
    taken += [lst.accept() for _ in range(4)]
    wait("an empty queue", lambda: listening()["acceptq"] == 0)
    eq("all of them", {c.address("peer") for c in taken}, {s.getsockname()[:2] for s in held})
    for c in taken:
        c.close()
    lst.close()


BATCH = 2


def batch():
    """Several in one message: each is one of the queue until it is accepted, and reset if it never is."""
    lst = Listener(backlog=100, flags=BATCH)
    held = [client() for _ in range(40)]
    wait("forty that wait", lambda: listening()["acceptq"] == 40)
    for s in held:
        s.sendall(b"early")
    taken = [lst.accept(NOWAIT | socket.SOCK_CLOEXEC) for _ in range(5)]
    wait("thirty-five that wait", lambda: listening()["acceptq"] == 35)
    taken += [lst.accept() for _ in range(30)]
    wait("five that wait", lambda: listening()["acceptq"] == 5)
    eq("who came", len({c.address("peer") for c in taken}), 35)
    for c in taken:
        eq("what came early", c.recv(), b"early")
        c.close()
    lst.close()
    ends = sorted(type(end_of(s)).__name__ for s in held)
    eq("how they end", (ends.count("bytes"), ends.count("ConnectionResetError")), (35, 5))


def end_of(s):
    try:
        return s.recv(1)
    except OSError as e:
        return e


def out_of_descriptors():
    """Without a free descriptor the connection is lost, says so, and no longer counts."""
    for flags in (0, BATCH):
        lst = Listener(backlog=100, flags=flags)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = [client() for _ in range(3)]
        wait("three that wait", lambda: listening()["acceptq"] == 3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
        spare = []
        try:
            while True:
                spare.append(os.dup(0))
        except OSError:
            pass
        try:
            said = fails("accept", errno.EMFILE, lst.accept)
        finally:
            for fd in spare:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if "ulimit -n" not in said:
            raise AssertionError(said)
        for _ in range(2):
            try:
                lst.accept().close()
            except Failed as e:  # it came in the same message
                eq("accept", (e.errno, flags), (errno.EMFILE, BATCH))
        wait("an empty queue", lambda: listening()["acceptq"] == 0)
        for s in held:
            s.close()
        s, c = pair(lst)
        c.close()
        lst.close()
        wait("the listener to go", lambda: listening() is None)


def client_or_timeout(seconds):
    try:
        return client(timeout=seconds)
    except TimeoutError as e:
        raise OSError(errno.ETIMEDOUT, str(e)) from e


def burst():
    """SYNs at once: some are answered before the queue is full, and their final ACKs meet a full one."""
    socks = [socket.socket() for _ in range(20)]
    for s in socks:
        s.setblocking(False)
        s.connect_ex((HOSTS[socket.AF_INET], PORT))
    return socks


def connected(socks):
    return [s for s in socks if select.select([], [s], [], 0)[1]]


def resets_of(socks):
    """How many of them are reset, now or in a moment."""
    time.sleep(0.05)  # nothing says that no more are to come
    return sum(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET for s in socks)


def abort_on_overflow():
    """A final ACK that meets a full queue: a reset, if tcp_abort_on_overflow is 1."""
    for abort in (0, 1):
        syngate("set", f"tcp_abort_on_overflow={abort}")
        for _ in range(50):
            lst = Listener(backlog=0, syn_backlog=50)  # no cookies: their ACKs are dropped
            socks = burst()
            wait("one that waits", lambda: listening()["acceptq"] == 1)
            too_many = len(connected(socks)) - 1
            reset = resets_of(socks)
            lst.accept().close()
            lst.close()
            for s in socks:
                s.close()
            if too_many > 0:
                break
        eq("a final ACK met a full queue", too_many > 0, True)
        eq(f"reset of {too_many}, tcp_abort_on_overflow = {abort}", reset, abort * too_many)
    syngate("set", "tcp_abort_on_overflow=0")


def close_listener():
    """Those that wait are reset, those that were accepted go on."""
    lst = Listener(backlog=20)
    s, c = pair(lst)
    waiting = [client() for _ in range(12)]  # more than are on their way at a time
    wait("twelve that wait", lambda: listening()["acceptq"] == 12)
    lst.close()
    for w in waiting:
        is_reset(w)
    eq("the listener", listening(), None)
    s.sendall(b"still here")
    eq("an accepted one", c.recv(), b"still here")
    eq("what is known of it", c.info().bytes_in, 10)
    c.set(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    c.send_all(b"I know")
    eq("its answer", s.recv(100), b"I know")
    c.close()
    eq("its end", s.recv(1), b"")
    again = Listener(backlog=20)
    s, c = pair(again)
    c.close()
    again.close()


# --- programs that die ---------------------------------------------------------------------------


def in_child(f):
    """Runs f(tell) in a process of its own, until it says something by tell(). Its pid."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        try:
            f(lambda: os.close(w))
        except BaseException as e:
            print("the child:", e, file=sys.stderr, flush=True)
        os._exit(1)
    os.close(w)
    eq("the child", os.read(r, 1), b"")
    os.close(r)
    return pid


def end(pid, how=signal.SIGKILL):
    os.kill(pid, how)
    os.waitpid(pid, 0)


def killed():
    """Its connections are reset in every state, and its listener is closed."""
    def program(tell):
        lst = Listener(backlog=20)
        tell()
        held = [lst.accept() for _ in range(3)]
        for c in held:
            c.send_all(c.recv(1))
        if RING:
            lst.flush()
        signal.pause()

    pid = in_child(program)
    socks = [client() for _ in range(3)]
    for s in socks:
        s.sendall(b"x")
    for s in socks[:2]:
        eq("what comes back", s.recv(1), b"x")
    socks[0].sendall(b"never read")
    socks += [client() for _ in range(11)]
    wait("eleven that wait", lambda: listening()["acceptq"] == 11)
    end(pid)
    eq("the third one's", socks[2].recv(1), b"x")
    for s in socks:
        is_reset(s)
    wait("the listener to go", lambda: listening() is None)
    lst = Listener()  # the address is free
    s, c = pair(lst)
    c.close()
    lst.close()


def exits_in_order():
    """What was closed by syngate_close() is sent whole, whatever the program does then."""
    def program(tell):
        lst = Listener()
        tell()
        for _ in range(10):
            c = lst.accept()
            c.send_all(b"x" * 200000)
            c.close()
        os._exit(0)

    pid = in_child(program)
    socks = [client() for _ in range(10)]
    for s in socks:
        eq("bytes of a program that has ended", len(everything(s)), 200000)
    os.waitpid(pid, 0)
    wait("the listener to go", lambda: listening() is None)


def forked():
    """Two processes accept from one listener; when one is killed the other goes on."""
    lst = Listener(backlog=100)

    def program(tell):
        tell()
        while True:
            c = lst.accept()
            c.send_all(str(os.getpid()).encode())
            c.close()

    pids = [in_child(program) for _ in range(2)]

    def ask():
        with client() as s:
            return int(s.recv(100))

    def answered_by(pid):
        return any(ask() == pid for _ in range(200))

    for pid in pids:
        eq("both accept", answered_by(pid), True)
    end(pids[0])
    for _ in range(20):
        eq("the one that is left", ask(), pids[1])
    end(pids[1])
    s, c = pair(lst)  # and their parent
    c.close()
    lst.close()


# --- who may, and who is wrong ---------------------------------------------------------------------


def wrong_use():
    fails("no address", errno.EINVAL, Listener, "80")
    fails("no port", errno.EINVAL, Listener, "*:0")
    fails("no such daemon", errno.ESRCH, lambda: Listener(instance=b"nobody"))
    lst = Listener()
    said = fails("taken", errno.EADDRINUSE, Listener)
    if f"*:{PORT}" not in said:
        raise AssertionError(said)
    fails("another's", errno.EADDRINUSE, Listener, "*:80")
    lst.close()


def unprivileged():
    path = "/run/syngate/s0.app"

    def as_nobody(address, code):
        pid = os.fork()
        if pid == 0:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            try:
                Listener(address, instance=b"s0").close()
                os._exit(0)
            except Failed as e:
                os._exit(e.errno)
        eq(f"{address} as nobody", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), code)

    as_nobody(f"*:{PORT}", errno.EACCES)
    os.chmod(path, 0o666)
    as_nobody(f"*:{PORT}", 0)
    as_nobody("*:81", errno.EACCES)
    os.chmod(path, 0o600)


def raw():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect("/run/syngate/s0.app")
    return s


MAGIC = 0x53474333


def listen_message(flags=0, size=0, conns=0):
    return struct.pack("=II16sHHiiIIII", MAGIC, 1, bytes(16), PORT, 0, -1, -1, flags, size, conns, 0)


LISTEN = listen_message()


def hostile():
    """Garbage is refused, and nobody else notices."""
    other = Listener("*:7001")
    theirs = client(port=7001)
    c = other.accept()
    for junk in (b"", b"x", b"\0" * 52, LISTEN[:-1], LISTEN + b"x", os.urandom(52), os.urandom(60000),
                 struct.pack("=II", MAGIC, 3) + LISTEN[8:], struct.pack("=II", MAGIC, 99) + LISTEN[8:]):
        s = raw()
        s.send(junk)
        left = s.recv(1000)
        if left and struct.unpack("=Ii", left[:8])[1] >= 0:
            raise AssertionError(f"{junk!r} was taken")
        s.close()
    crowd = [raw() for _ in range(50)]  # that say nothing
    # a listener whose program writes what it likes
    s = raw()
    s.send(LISTEN)
    data, fds, _, _ = socket.recv_fds(s, 1000, 4)
    eq("listening", struct.unpack("=Ii", data[:8]), (MAGIC, 0))
    size = os.fstat(fds[0]).st_size
    fails("to cut the memory short", errno.EPERM, os.ftruncate, fds[0], 0)
    waiting = [client() for _ in range(20)]
    refused = counter("ProgramRefused")
    SLOTS = 8768  # of struct sg_channel_memory; each has two lines, the daemon's and the program's
    wait("them", lambda: listening()["acceptq"] == 20)
    for slot in range(20):
        at = SLOTS + 128 * slot
        gen = struct.unpack("=Q", os.pread(fds[0], 8, at))[0] >> 32
        os.pwrite(fds[0], struct.pack("=Q8iI", gen << 32 | 0xffff0000, *[-7] * 8, 99), at + 64)
    os.pwrite(fds[0], b"\xff" * 8192, 576)
    os.eventfd_write(fds[1], 1)
    wait("options to be refused", lambda: counter("ProgramRefused") > refused + 20)
    for taken in (0xffffffff, 1, 0x80000000, 5):
        os.pwrite(fds[0], bytes(256) + struct.pack("=I", taken) + os.urandom(1 << 20), 0)
        os.eventfd_write(fds[1], 1)
        more = client()
        more.close()
    os.pwrite(fds[0], b"\xff" * size, 0)
    for _ in range(5):
        s.send(os.urandom(20))  # which ends it
        try:
            s.recv(1000)
        except OSError:
            break
    s.close()
    for fd in fds:
        os.close(fd)
    wait("the listener to go", lambda: listening() is None)
    for one in odd_descriptors():
        hostile_connect(one)
    for w in waiting:
        w.close()
    for one in crowd:
        one.close()
    theirs.sendall(b"unharmed?")
    eq("another program", c.recv(), b"unharmed?")
    c.send_all(b"yes")
    eq("its client", theirs.recv(10), b"yes")
    c.close()
    other.close()
    eq("nothing is left in the queue", listening(), None)


CONNECT = (struct.pack("=II", MAGIC, 4) + bytes(10) + b"\xff\xff\x0a\x09\0\x02" + bytes(16) +
           struct.pack("=HHI", 9000, 0, 1))


def odd_descriptors():
    """What is not an end of a pair of stream sockets."""
    return [[], [os.open("/dev/null", os.O_RDWR)], [socket.socket().detach()],
            [s.detach() for s in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[:1]],
            [socket.socket(socket.AF_UNIX).detach()], [raw().detach()], list(os.pipe()),
            [os.open("/dev/null", os.O_RDWR) for _ in range(100)]]


def hostile_connect(fds):
    before = counter("ProgramRefused")
    s = raw()
    s.send(struct.pack("=II", MAGIC, 2) + LISTEN[8:])
    _, got, _, _ = socket.recv_fds(s, 1000, 4)
    socket.send_fds(s, [CONNECT], fds)
    eq(f"a channel that sent {len(fds)} odd descriptors", s.recv(1000), b"")
    s.close()
    for fd in fds + got:
        os.close(fd)
    wait("it to be counted", lambda: counter("ProgramRefused") > before)


# --- rings ---------------------------------------------------------------------------------------

IN, OUT, END = 1, 2, 4


def events():
    """By edges: connections that wait, data, room, ends; and a descriptor for others' epoll."""
    lst = Listener(size=4096)
    eq("nothing yet", lst.wait(20), [])
    s = client()
    eq("one that waits", lst.wait(), [(None, IN)])
    c = lst.accept(NOWAIT | socket.SOCK_NONBLOCK)
    fails("another", errno.EAGAIN, lst.accept, NOWAIT)
    eq("nothing new", lst.wait(20), [])
    s.sendall(b"data")
    eq("data", lst.wait(), [(c.h.value, IN)])
    eq("once", lst.wait(20), [])
    eq("which is there all the same", c.recv(2) + c.recv(), b"data")
    fails("no more of it", errno.EAGAIN, c.recv)
    sent = 0
    while True:
        try:
            sent += c.send(bytes(5000))
        except Failed as e:
            eq("full", e.errno, errno.EAGAIN)
            if not lst.wait(300):
                break
    eq("more than a ring", sent > 4096, True)
    got = len(s.recv(100, socket.MSG_WAITALL))
    while got < sent - 4096:
        got += len(s.recv(sent - 4096 - got))
    eq("room", lst.wait(), [(c.h.value, OUT)])
    eq("readable, nothing new", lst.readable(0.02), False)
    s.shutdown(socket.SHUT_WR)
    eq("readable", bool(select.select([lst.fd], [], [], 10)[0]), True)
    eq("the end", lst.wait(0), [(c.h.value, IN)])
    eq("the end", c.recv(), b"")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    eq("a reset", lst.wait(), [(c.h.value, IN | END)])
    eq("its error", c.error(), -errno.ECONNRESET)
    c.close()
    eq("nothing of who is gone", lst.wait(20), [])
    started = time.monotonic()
    eq("in time", (lst.wait(300), time.monotonic() - started >= 0.3), ([], True))
    lst.close()


def exhausted():
    """When all rings are in use connections wait in the accept queue, and get those that become free."""
    lst = Listener(conns=512, size=4096, backlog=1000)
    socks = [client() for _ in range(520)]
    wait("all of them", lambda: listening()["acceptq"] == 520)
    conns = [lst.accept() for _ in range(512 if queues() == 1 else 256)]
    wait("those that wait", lambda: listening()["acceptq"] == len(socks) - len(conns))
    if queues() == 1:
        fails("one more", errno.EAGAIN, lst.accept, NOWAIT)
    some = 100 if queues() == 1 else 256  # either queue has room for what it got then
    for c in conns[:some]:
        c.close()
    conns = conns[some:] + [lst.accept() for _ in range(len(socks) - len(conns))]
    for s in socks:
        s.sendall(s.getsockname()[1].to_bytes(2, "big"))
    for c in conns:
        eq("its own", int.from_bytes(c.recv(2, socket.MSG_WAITALL), "big"), c.address("peer")[1])
        c.close()
    for s in socks:
        s.close()
    lst.close()


def in_order():
    """Who came first is accepted first, whatever ring it has."""
    lst = Listener(backlog=200)
    for turn in range(3):
        socks = [client() for _ in range(60)]
        wait("them", lambda: listening()["acceptq"] == 60)
        conns = [lst.accept() for _ in socks]
        came = [s.getsockname()[1] for s in socks]
        got = [c.address("peer")[1] for c in conns]
        if queues() == 1:
            eq("their order", got, came)
        eq("all of them", sorted(got), sorted(came))
        for i in (range(0, 60, 2), range(59, 0, -2), ()):
            for k in i:
                conns[k].close()
        for s in socks:
            s.close()
    lst.close()


def queues():
    return int(os.environ["SG_QUEUES"])


def reused():
    """Thousands of short ones, in rings that others had before."""
    lst = Listener(conns=256 * queues(), size=4096)

    def ask(i):
        with client() as s:
            s.sendall(b"%d\n" % i)
            eq("the answer", everything(s), b"%d\n" % i * 700)

    def serve():
        left = set(range(3000))
        while left:
            c = lst.accept()
            left.remove(int(line := c.recv(100)))
            c.send_all(line * 700)
            c.close()

    with apart(serve), concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in pool.map(ask, range(3000)):
            pass
    lst.close()


def wrong_rings():
    for what, size, conns in (("too small", 2048, 256), ("no power of two", 5000, 256), ("too large", 1 << 21, 256),
                              ("no multiple", 4096, 100), ("too many", 4096, 1 << 17), ("too much", 1 << 20, 65536)):
        fails(what, errno.EINVAL, lambda size=size, conns=conns: Listener(size=size, conns=conns))
    if queues() == 2:
        said = fails("one share for two queues", errno.EINVAL, lambda: Listener(conns=256))
        if "ring_conns" not in said:
            raise AssertionError(said)
    lst = Listener()
    s, c = pair(lst)
    fails("no such flag", errno.EOPNOTSUPP, c.recv, 1, socket.MSG_OOB)
    pid = os.fork()
    if pid == 0:
        try:
            lst.wait(0)
        except Failed as e:
            os._exit(e.errno)
        os._exit(0)
    eq("a child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), errno.EPERM)
    c.send_all(b"not disturbed")
    lst.flush()
    eq("its parent", s.recv(100), b"not disturbed")
    plain = Listener("*:7002", flags=0)
    fails("to wait for descriptors", errno.EINVAL, plain.wait)
    plain.close()
    c.close()
    lst.close()


def shut_for_reading():
    """What has come can be read, then it is the end, as in Linux."""
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"before")
    c.readable()
    c.shutdown(socket.SHUT_RD)
    eq("what had come", c.recv(), b"before")
    eq("the end", c.recv(), b"")
    c.send_all(b"still")
    lst.flush()
    eq("what goes out", s.recv(100), b"still")
    c.close()
    lst.close()


def child_refused():
    """Nothing that a forked child does with them comes through."""
    lst = Listener()
    s, c = pair(lst)
    s.sendall(b"for the parent")
    c.readable()

    def child():
        for what, f in (("recv", c.recv), ("send", lambda: c.send(b"x")), ("accept", lambda: lst.accept(NOWAIT)),
                        ("wait", lambda: lst.wait(0)), ("shutdown", c.shutdown), ("facts", c.info),
                        ("an option", lambda: c.set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))):
            fails(what, errno.EPERM, f)
        lst.flush()
        c.abort()
        lst.close()
        os._exit(0)

    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException as e:
            print("the child:", e, file=sys.stderr, flush=True)
        os._exit(1)
    eq("the child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    eq("the parent's", c.recv(), b"for the parent")
    c.send_all(b"an answer")
    lst.flush()
    eq("the answer", s.recv(100), b"an answer")
    c.close()
    s, c = pair(lst)  # the listener is there
    c.close()
    lst.close()


def killed_closed():
    """It had closed its listener by then: those that it had accepted are reset all the same."""
    def program(tell):
        lst = Listener()
        tell()
        held = [lst.accept() for _ in range(2)]
        for c in held:
            c.send_all(b"x")
        lst.close()
        held[0].recv(1)
        signal.pause()

    pid = in_child(program)
    socks = [client() for _ in range(2)]
    for s in socks:
        eq("what it sends", s.recv(1), b"x")
    wait("the listener to go", lambda: listening() is None)
    end(pid)
    for s in socks:
        is_reset(s)
    wait("nobody to be left", lambda: not [r for r in rows("conns") if r["state"] == "ESTAB" and r["local"].endswith(f":{PORT}")])


def bounded():
    """All programs' rings together: a quarter of the machine's memory."""
    quarter = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 4
    conns, size = 2048, 1 << 20
    while conns * 2 * size > quarter // 2:
        conns, size = (conns // 2, size) if conns > 512 else (conns, size // 2)
    lst = []
    try:
        for i in range(200):
            lst.append(Listener(f"*:{7100 + i}", size=size, conns=conns))
    except Failed as e:
        eq("the last one", (e.errno, "MiB are left" in str(e)), (errno.ENOSPC, True))
    most = quarter // (conns * 2 * size)
    eq(f"listeners, {most} or one less", len(lst) in (most - 1, most), True)
    eq("the one that was refused", listening(7100 + len(lst)), None)
    for one in lst[1:]:
        one.close()
    wait("them to go", lambda: [r["port"] for r in rows("listeners") if r["port"] > 7000] == [7100])
    Listener("*:7099", size=size, conns=conns).close()
    lst[0].close()


SLOT_BYTES, RING_BYTES = 128, 192  # struct sg_channel_slot, struct sg_ring
SLOTS_AT = 512 + 64 + 8192  # in struct sg_channel_memory; `ask` is in front of it
ASK_AT = 512 + 64
RINGS_AT = 64 + 256 + 128 + 8192  # in struct sg_ring_memory


def hostile_rings():
    """Whatever is written into the shared pages: that program's connections suffer, and nobody else's."""
    import random

    rand = random.Random(4711)
    other = Listener("*:7001")
    theirs = client(port=7001)
    c = other.accept()
    before = counter("ProgramRefused")
    for _ in range(6):
        s = raw()
        s.send(listen_message(1, 4096, 512))
        data, fds, _, _ = socket.recv_fds(s, 1000, 4)
        eq("listening", (struct.unpack("=Ii", data[:8]), len(fds)), ((MAGIC, 0), 4))
        fails("to cut the rings short", errno.EPERM, os.ftruncate, fds[2], 0)
        ring_bytes = os.fstat(fds[2]).st_size
        for turn in range(60):
            socks = [client() for _ in range(3)]
            for one in socks:
                one.sendall(b"x" * 3000)
            for slot in list(range(8)) + [rand.randrange(512) for _ in range(8)]:
                at = RINGS_AT + slot * RING_BYTES
                word = rand.choice((0, 1, 4095, 4097, 0x7fffffff, 0x80000000, 0xffffffff, rand.getrandbits(32)))
                os.pwrite(fds[2], struct.pack("=I", word), at + rand.choice((0, 4, 8, 12, 16, 128, 132, 136)))
                if turn % 3 == 0:
                    os.pwrite(fds[2], os.urandom(RING_BYTES), at)
                if turn % 5 == 0:
                    os.pwrite(fds[0], os.urandom(SLOT_BYTES), SLOTS_AT + slot * SLOT_BYTES)
            if turn % 7 == 0:
                os.pwrite(fds[2], os.urandom(RINGS_AT), 0)
                os.pwrite(fds[2], os.urandom(4096), rand.randrange(ring_bytes - 4096))
            os.pwrite(fds[0], b"\xff" * 64, ASK_AT)
            os.pwrite(fds[0], struct.pack("=I", rand.getrandbits(32)), 256)  # `taken`
            os.eventfd_write(fds[1], 1)
            for one in socks:
                one.close()
            theirs.sendall(b"unharmed?")
            eq("another program", c.recv(9, socket.MSG_WAITALL), b"unharmed?")
            c.send_all(b"yes")
            other.flush()
            eq("its client", theirs.recv(3), b"yes")
        s.close()
        for fd in fds:
            os.close(fd)
        wait("the listener to go", lambda: listening() is None)
    eq("indices that made no sense, counted", counter("ProgramRefused") > before, True)
    c.close()
    other.close()


def hammer(fds, seed):
    """Writes into all that is shared, as fast as it can, until it is killed; rings that, now and then."""
    import mmap
    import random

    rand = random.Random(seed)
    slots = mmap.mmap(fds[0], 0)
    rings = mmap.mmap(fds[2], 0)
    words = [0, 1, 5, 100, 4096, 0x7fffffff, 0xffffffff]
    for n in itertools.count():
        slot = rand.randrange(40)
        word = struct.pack("=I", rand.choice(words) if n % 2 else rand.getrandbits(32))
        at = RINGS_AT + slot * RING_BYTES + rand.choice((0, 4, 8, 12, 16, 128, 132, 136))
        rings[at:at + 4] = word
        at = SLOTS_AT + slot * SLOT_BYTES + 64 + 4 * rand.randrange(16)
        slots[at:at + 4] = word
        slots[ASK_AT:ASK_AT + 64] = b"\xff" * 64
        slots[256:260] = word  # `taken`
        if n % 64 == 0:
            rings[:RINGS_AT] = os.urandom(RINGS_AT)
            os.eventfd_write(fds[1], 1)


def hostile_at_once():
    """The same while the daemon looks at it: nothing that it has found sound changes under it."""
    other = Listener("*:7001")
    theirs = client(port=7001)
    c = other.accept()
    for seed in range(3):
        s = raw()
        s.send(listen_message(1, 4096, 512))
        fds = socket.recv_fds(s, 1000, 4)[1]
        pid = os.fork()
        if pid == 0:
            hammer(fds, seed)
        try:
            for _ in range(60):
                with contextlib.suppress(OSError):  # reset, or not even that
                    for _ in range(4):
                        with client(timeout=0.5) as one:
                            one.sendall(b"x" * 6000)
                theirs.sendall(b"unharmed?")
                eq("another program", c.recv(9, socket.MSG_WAITALL), b"unharmed?")
                c.send_all(b"yes")
                other.flush()
                eq("its client", theirs.recv(3), b"yes")
        finally:
            end(pid)
        s.close()
        for fd in fds:
            os.close(fd)
        wait("the listener to go", lambda: listening() is None)
    c.close()
    other.close()


def sleeps():
    """How often its workers have gone to sleep."""
    daemon, n = os.environ["SG_DAEMON"], 0
    for tid in os.listdir(f"/proc/{daemon}/task"):
        with open(f"/proc/{daemon}/task/{tid}/status", encoding="ascii") as f:
            said = dict(line.split(":", 1) for line in f)
        if said["Name"].strip().startswith("sg/"):
            n += int(said["voluntary_ctxt_switches"])
    return n


def hostile_awake():
    """Whatever is written there, the daemon goes to sleep again."""
    s = raw()
    s.send(listen_message(1, 4096, 512))
    fds = socket.recv_fds(s, 1000, 4)[1]
    os.pwrite(fds[2], b"\5" * RINGS_AT, 0)
    os.pwrite(fds[0], b"\5" * 8192, ASK_AT)
    os.pwrite(fds[0], b"\5" * 256, 256)  # `taken`
    before = sleeps()
    wait("its workers to sleep", lambda: sleeps() > before + 20 * queues())
    s.close()
    for fd in fds:
        os.close(fd)


def descriptors():
    """The daemon keeps none of what programs have left."""
    daemon = int(os.environ["SG_DAEMON"])

    def count():
        return len(os.listdir(f"/proc/{daemon}/fd"))

    lst = Listener()
    s, c = pair(lst)
    c.close()
    s.close()
    lst.close()
    wait("the listener to go", lambda: listening() is None)
    before = count()
    for _ in range(3):
        lst = Listener(backlog=100)
        both = [pair(lst) for _ in range(50)]
        waiting = [client() for _ in range(20)]
        for i, (s, c) in enumerate(both):
            (c.close, c.abort)[i % 2]()
        lst.close()
        for s in waiting + [s for s, _ in both]:
            s.close()
    wait("its descriptors to go", lambda: count() <= before)


def interfaces():
    """On those that are attached later as well, unless somebody else has the port there; one goes, the others stay."""
    def warnings():
        with open(os.environ["SG_WARNINGS"], encoding="ascii") as f:
            return f.read()

    def both(*hosts):
        out = []
        for host in hosts:
            s = socket.create_connection((host, PORT), 10)
            out.append((s, lst.accept()))
            s.sendall(host.encode())
            eq("through " + host, out[-1][1].recv(), host.encode())
        return out

    lst = Listener(conns=2048)
    (s0, c0), = both("10.9.0.1")
    syngate("attach", "x0")
    (s1, c1), (x1, d1) = both("10.9.0.1", "10.10.0.1")
    syngate("detach", "s0")
    for s, c in ((s0, c0), (s1, c1)):
        is_reset(s)
        eq("its error", c.error(), -errno.ECONNRESET)
    x1.sendall(b"still here")
    eq("the other one's", d1.recv(), b"still here")
    both("10.10.0.1")
    for _ in range(3):
        syngate("attach", "s0")
        syngate("detach", "s0")
    syngate("attach", "s0")
    held = [pair for _ in range(300) for pair in both("10.10.0.1", "10.9.0.1")]
    for c in (c0, c1):  # which somebody may have forgotten
        fails("recv, of one that was reset long ago", errno.ECONNRESET, c.recv)
        fails("send", errno.ECONNRESET, c.send, b"x")
        eq("its error", c.error(), -errno.ECONNRESET)
        c.close()
    for s, c in held:
        c.send_all(b"bye")
        c.close()
    lst.flush()
    for s, c in held:
        eq("its end", everything(s), b"bye")
    syngate("detach", "s0")
    lst.close()
    wait("the listener to go", lambda: listening() is None)
    syngate("attach", "s0")
    syngate("listen", "s0", f"*:{PORT}", "--app", "discard")
    syngate("detach", "x0")
    fails("a port that somebody has", errno.EADDRINUSE, Listener)
    syngate("unlisten", "s0", f"*:{PORT}")
    lst = Listener()
    both("10.9.0.1")
    d1.close()
    lst.close()
    fails("listen without interfaces", errno.ENODEV, lambda: (syngate("detach", "s0"), Listener()))
    eq("warnings", "does not there" in warnings(), False)


def shares():
    """A worker that comes later gets rings that the first one no longer needs; and a held one is not given away."""
    lst = Listener(conns=512, backlog=600)

    def busy(host, n):
        socks = [socket.create_connection((host, PORT), 10) for _ in range(n)]
        return socks, [lst.accept() for _ in socks]

    def let_go(socks, conns):
        for c in conns:
            c.close()
        lst.flush()
        for s in socks:
            eq("its end", s.recv(1), b"")
            s.close()

    socks, conns = busy("10.9.0.1", 512)
    syngate("attach", "x0")
    waiting = socket.create_connection(("10.10.0.1", PORT), 10)
    fails("when the first one has all of them", errno.EAGAIN, lst.accept, NOWAIT)
    let_go(socks, conns)
    c = lst.accept()
    eq("who waited", c.address("peer"), waiting.getsockname()[:2])
    let_go([waiting], [c])
    for host in ("10.10.0.1", "10.9.0.1"):
        let_go(*busy(host, 250))
    lst.close()
    syngate("detach", "x0")


def daemon_dies():
    """The last one: its programs are told, and listen anew with the next."""
    lst = Listener()
    s, c = pair(lst)
    os.kill(int(os.environ["SG_DAEMON"]), signal.SIGKILL)
    if RING:
        for _ in range(3):  # not only once
            eq("wait", lst.wait(), [(None, IN)])
        eq("readable", bool(select.select([lst.fd], [], [], 10)[0]), True)
    fails("accept", errno.ECONNRESET, lst.accept)
    fails("recv", errno.ECONNRESET, c.recv)
    eq("error", c.error(), -errno.ECONNRESET)
    c.close()
    lst.close()
    fails("listen", errno.ESRCH, Listener)


def main():
    for name in sys.argv[1:]:
        globals()[name]()
        print(f"{name}: ok", flush=True)


main()
