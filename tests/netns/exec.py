# SPDX-License-Identifier: BSD-2-Clause
"""A server that notes down all that its sockets tell it, and its clients. The server runs on the kernel's sockets and under
`syngate exec`: what it notes down must be the same.

    exec.py serve                   the server: lines of what it saw, on standard output
    exec.py ask HOST                its clients, in the same order
    exec.py pre-fork|threads PORT   servers for clients of any kind
"""
import array
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import threading

PORT = 7100
SCENES = []
LINGER0 = struct.pack("ii", 1, 0)


def scene(f):
    SCENES.append(f)
    return f


def note(*what):
    print(*what, flush=True)


def outcome(f, *args):
    """What it returns, or its error's name."""
    try:
        return f(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def until_over(s):
    """The peer, which is to reset it, may; and it has."""
    s.sendall(b".")
    until(s)


def until(s, events=select.POLLHUP | select.POLLERR):
    """Until it is over, whichever way that shows."""
    p = select.poll()
    p.register(s, select.POLLIN | select.POLLRDHUP)
    for _ in range(100):
        for _, ev in p.poll(10000):
            if ev & events:
                return
        s.recv(0, socket.MSG_DONTWAIT)


def exactly(c, n):
    got = b""
    while len(got) < n and (piece := c.recv(n - len(got))):
        got += piece
    return got


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER0)
    c.close()


# Each has the server's half, with a connection, and the client's, with its socket. `yield` is where the other one may go on:
# the client says a byte, the server answers with one.


@scene
def ends(s):
    """Data, the end, and an answer behind it."""
    note(s.recv(3, socket.MSG_WAITALL), s.recv(10), s.recv(10))
    s.sendall(b"answer")
    s.shutdown(socket.SHUT_WR)
    note(outcome(s.send, b"more"))


def ends_client(c):
    c.sendall(b"abc")
    c.shutdown(socket.SHUT_WR)
    assert exactly(c, 6) == b"answer"


@scene
def cut_short(s):
    """A body that was to have 1000 bytes, and a reset in the midst of it."""
    note(s.recv(1))
    s.sendall(b".")
    got = b""
    while True:
        piece = outcome(s.recv, 1000)
        if not isinstance(piece, bytes) or not piece:
            break
        got += piece
    note(len(got), piece, outcome(s.recv, 1000), outcome(s.getpeername))


def cut_short_client(c):
    c.sendall(b".")
    c.recv(1)
    c.sendall(b"x" * 600)
    while array_of(c, termios.TIOCOUTQ):
        pass
    reset(c)


def array_of(s, what):
    a = array.array("i", [0])
    fcntl.ioctl(s, what, a)
    return a[0]


@scene
def sends_after_reset(s):
    until_over(s)
    note(outcome(s.send, b"x"), outcome(s.send, b"x"))


@scene
def errors_are_told_once(s):
    until_over(s)
    note(errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
    note(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), outcome(s.recv, 10))


@scene
def signals(s):
    """SIGPIPE comes with EPIPE, and not with ECONNRESET; not with MSG_NOSIGNAL."""
    came = []
    signal.signal(signal.SIGPIPE, lambda *_: came.append(1))
    until_over(s)
    for call in (lambda: os.write(s.fileno(), b"x"), lambda: os.write(s.fileno(), b"x"),
                 lambda: s.sendmsg([b"x"], [], socket.MSG_NOSIGNAL),
                 lambda: os.writev(s.fileno(), [b"x", b"y"]),
                 lambda: sendfile(s)):
        note(outcome(call), len(came))
        came.clear()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def sendfile(s):
    with open("/proc/self/exe", "rb") as f:
        return os.sendfile(s.fileno(), f.fileno(), 0, 100)


def resets(c):
    c.recv(1)  # it has been accepted
    reset(c)


sends_after_reset_client = errors_are_told_once_client = signals_client = resets


@scene
def lingers(s):
    """close() with SO_LINGER of 0 resets."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER0)
    note(struct.unpack("ii", s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)))
    s.recv(1)


def lingers_client(c):
    c.sendall(b".")
    assert outcome(c.recv, 1) == "ECONNRESET"


@scene
def never_read(s):
    """close() with unread data resets."""
    select.select([s], [], [], 10)


never_read_client = lingers_client


@scene
def whole(s):
    """What was written before close() arrives, all of it."""
    with open("/proc/self/exe", "rb") as f:
        note(s.sendfile(f, 0, 1 << 20), s.sendall(b"z" * 300000))


def whole_client(c):
    n = 0
    while piece := c.recv(1 << 16):
        n += len(piece)
    assert n == (1 << 20) + 300000, n


@scene
def looks(s):
    """MSG_PEEK, FIONREAD, MSG_DONTWAIT, readv, read."""
    note(s.recv(1))
    s.sendall(b".")
    select.select([s], [], [], 10)
    note(s.recv(3, socket.MSG_PEEK), s.recv(2), array_of(s, termios.FIONREAD))
    buf = bytearray(4)
    note(os.readv(s.fileno(), [buf]), bytes(buf), os.read(s.fileno(), 100))
    note(outcome(s.recv, 10, socket.MSG_DONTWAIT))
    s.setblocking(False)
    note(outcome(s.recv, 10))


def looks_client(c):
    c.sendall(b".")
    c.recv(1)
    c.sendall(b"0123456789")
    c.recv(1)


@scene
def names(s):
    note(s.recv(1), s.recv(1))
    note(s.getsockname()[:2], s.getpeername()[0], s.family, s.type)
    for name in ("SO_TYPE", "SO_DOMAIN", "SO_PROTOCOL", "SO_ACCEPTCONN", "SO_ERROR"):
        note(name, s.getsockopt(socket.SOL_SOCKET, getattr(socket, name)))
    note(outcome(s.listen), outcome(s.connect, ("192.0.2.1", 9)))


@scene
def options(s):
    tcp = socket.IPPROTO_TCP
    for level, name, value in ((tcp, socket.TCP_NODELAY, 1), (tcp, socket.TCP_CORK, 1), (tcp, socket.TCP_CORK, 0),
                               (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (tcp, socket.TCP_KEEPIDLE, 77),
                               (tcp, socket.TCP_KEEPINTVL, 7), (tcp, socket.TCP_KEEPCNT, 5),
                               (tcp, socket.TCP_USER_TIMEOUT, 9000), (tcp, socket.TCP_DEFER_ACCEPT, 1)):
        s.setsockopt(level, name, value)
        if name != socket.TCP_DEFER_ACCEPT:
            note(name, s.getsockopt(level, name))
    note(outcome(s.setsockopt, tcp, socket.TCP_KEEPIDLE, 0))
    info = s.getsockopt(tcp, socket.TCP_INFO, 104)
    note("state", info[0], "RTT is known", struct.unpack_from("I", info, 68)[0] > 0)
    note(s.recv(1))
    s.sendall(b".")
    note(s.recv(1))
    note("state", s.getsockopt(tcp, socket.TCP_INFO, 104)[0])


def short_client(c):
    c.sendall(b".")
    c.shutdown(socket.SHUT_WR)
    c.recv(1)


names_client = short_client


def options_client(c):
    c.sendall(b".")
    c.recv(1)
    c.shutdown(socket.SHUT_WR)
    c.recv(1)


@scene
def copies(s):
    """dup(2): the last one closes."""
    d = os.dup(s.fileno())
    e = fcntl.fcntl(d, fcntl.F_DUPFD_CLOEXEC, 50)
    f = os.dup2(e, 60)
    s.close()
    os.close(d)
    os.write(e, b"one")
    os.close(e)
    two = socket.socket(fileno=f)
    note(two.getsockname()[:2])
    os.write(f, b"two")
    two.shutdown(socket.SHUT_WR)
    note(two.recv(10), two.recv(10))
    two.close()
    note(outcome(os.write, f, b"x"))


def copies_client(c):
    assert exactly(c, 6) == b"onetwo"
    assert c.recv(1) == b""
    c.sendall(b"end")


@scene
def children(s):
    """A child has it, whatever its parent does; it ends with the last one, however that ends."""
    pid = os.fork()
    if pid == 0:
        s.sendall(b"child")
        s.recv(1)
        os.kill(os.getpid(), signal.SIGKILL)
    s.close()
    os.waitpid(pid, 0)


def children_client(c):
    assert exactly(c, 5) == b"child"
    c.sendall(b".")
    assert outcome(c.recv, 1) == b""


# --- listening ---------------------------------------------------------------------------------


def listener(port, family=socket.AF_INET, watch=None, reuse=False):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.bind(("", port))
    if watch:
        s.setblocking(False)
        watch.register(s, select.EPOLLIN)
    s.listen(50)
    return s


def listening():
    """What listening sockets say, and how they are watched."""
    watch = select.epoll()
    with listener(PORT + 1, watch=watch) as s:
        for name in ("SO_TYPE", "SO_DOMAIN", "SO_PROTOCOL", "SO_ACCEPTCONN", "SO_ERROR", "SO_REUSEADDR"):
            note(name, s.getsockopt(socket.SOL_SOCKET, getattr(socket, name)))
        note(s.getsockname(), outcome(s.getpeername), s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[0])
        with listener(PORT + 4, watch=watch) as lone:
            note(outcome(lone.accept))
        note("ready")
        note([ev & select.EPOLLIN for _, ev in watch.poll(10)])
        c, peer = s.accept()
        note(peer[0], c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        note(c.recv(1))
        c.close()
        note(watch.poll(0))
    with listener(PORT + 1) as s:
        note("again", s.getsockname())


def mapped():
    with listener(PORT + 2, socket.AF_INET6) as s:
        note("ready")
        c, peer = s.accept()
        note(peer[0], c.getsockname()[:2], c.getpeername()[0], c.family)
        c.sendall(b".")
        c.close()


def shared():
    """Two sockets at one address: who waits for both gets them all."""
    with listener(PORT + 3, reuse=True) as a, listener(PORT + 3, reuse=True) as b:
        note("ready")
        got = 0
        while got < 10:
            for s in select.select([a, b], [], [], 10)[0]:
                s.setblocking(False)
                c = outcome(s.accept)
                if isinstance(c, tuple):
                    c[0].close()
                    got += 1
        note(got)


def serve():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    listening()
    mapped()
    shared()
    with listener(PORT) as lst:
        note("ready")
        for f in SCENES:
            s, _ = lst.accept()
            note("--", f.__name__)
            f(s)
            s.close()


def ask(host):
    def client(port):
        while True:
            s = socket.socket()
            s.settimeout(20)
            try:
                s.connect((host, port))
                return s
            except ConnectionRefusedError:
                s.close()
                select.select([], [], [], 0.02)

    with client(PORT + 1) as c:
        c.sendall(b".")
        c.recv(1)
    with client(PORT + 2) as c:
        c.recv(1)
    for _ in range(10):
        client(PORT + 3).close()
    for f in SCENES:
        c = client(PORT)
        globals()[f.__name__ + "_client"](c)
        c.close()


# --- workers -----------------------------------------------------------------------------------


def answer(s):
    while True:
        c, _ = s.accept()
        c.sendall(b"%d %d" % (os.getpid(), threading.get_native_id()))
        c.close()


def pre_fork(port):
    s = listener(port)
    for _ in range(3):
        if os.fork() == 0:
            answer(s)
    s.close()
    note("ready")
    os.wait()


def threads(port):
    s = listener(port)
    for _ in range(3):
        threading.Thread(target=answer, args=(s,), daemon=True).start()
    note("ready")
    signal.pause()


def many(host, port):
    """How many processes or threads answered."""
    seen = set()
    for _ in range(200):
        with socket.create_connection((host, port), 10) as c:
            seen.add(c.recv(100))
    note(len(seen))


def gone(port):
    """The daemon goes: accept() says so, nobody turns in circles, and the next one serves."""
    s = listener(port)
    note("ready")
    note(outcome(s.accept))
    note("busy" if select.select([s], [], [], 0.2)[0] else "quiet")
    s.close()
    sys.stdin.readline()
    s = listener(port)
    note("ready")
    c, _ = s.accept()
    c.sendall(b"again")
    c.close()


if __name__ == "__main__":
    {"serve": serve, "ask": ask, "pre-fork": lambda p: pre_fork(int(p)), "threads": lambda p: threads(int(p)),
     "many": lambda h, p: many(h, int(p)), "gone": lambda p: gone(int(p))}[sys.argv[1]](*sys.argv[2:])
