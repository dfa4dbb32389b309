# SPDX-License-Identifier: BSD-2-Clause
"""Close connections in every order and look at both ends at each step: ss(8) on the
client, `syngate show conns` and `show timewait` on syngate. This program is the client and
the backend behind syngate at once (sockets in two network namespaces), so it alone
decides who says what and when; tests/netns/loss.bpf.c holds segments back.

usage: states.py HOST PORT BACKEND_PORT PORT_WITHOUT_BACKEND"""
import ctypes
import json
import os
import socket
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
RULES = "/sys/fs/bpf/loss/maps/rules"
CLIENT4, CLIENT6 = "10.9.0.2", "fd09::2"
DEADLINE = 5.0
checks = 0


def enter(ns):
    fd = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {ns}")
    os.close(fd)


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def lose(to_client=False, to_server=False):
    """Hold back everything in a direction."""
    words = [1000 * to_client, 1000 * to_server, 0, 0, 0, 0]
    value = [str(b) for w in words for b in w.to_bytes(4, "little")]
    run("bpftool", "map", "update", "pinned", RULES, "key", "0", "0", "0", "0", "value", *value)


class Conn:
    """A connection through syngate, and its two ends in our hands."""

    def __init__(self, host, port):
        six = ":" in host
        self.c = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
        self.c.settimeout(DEADLINE)
        self.c.bind((CLIENT6 if six else CLIENT4, 0))
        addr, self.port = self.c.getsockname()[:2]
        self.peer = f"[{addr}]:{self.port}" if six else f"{addr}:{self.port}"
        self.to = host, port
        self.dport = port
        self.b = None

    def connect(self):
        self.c.connect(self.to)

    def accept(self, srv):
        srv.settimeout(DEADLINE)
        self.b, _ = srv.accept()
        self.b.settimeout(DEADLINE)

    def client_state(self):
        out = run("ss", "-Htan", f"sport = :{self.port} and dport = :{self.dport}")
        return out.split()[0] if out else "gone"

    def syngate_state(self):
        for what in "conns", "timewait":
            for row in json.loads(run("syngate", "show", what, "-j")):
                if row["peer"] == self.peer:
                    if (what == "timewait") != (row["state"] == "TIME-WAIT"):
                        fail(f"state {row['state']} listed in `show {what}`")
                    return row["state"]
        return "gone"

    def expect(self, step, client, syngate):
        """Both states, soon: a step is over when its segments have been answered."""
        global checks
        end = time.monotonic() + DEADLINE
        while True:  # neither end tells when its state changes
            got = self.client_state(), self.syngate_state()
            if got == (client, syngate):
                break
            if time.monotonic() > end:
                fail(f"{step}: client {got[0]}, syngate {got[1]}; "
                     f"want client {client}, syngate {syngate}")
            time.sleep(0.01)
        checks += 1
        print(f"    {step:<46} client {client:<11} syngate {syngate}")

    def carries(self, frm, to, what):
        frm.sendall(what)
        got = b""
        while len(got) < len(what):
            piece = to.recv(65536)
            if not piece:
                fail(f"end of stream before {what!r}")
            got += piece
        if got != what:
            fail(f"{got!r} came out for {what!r}")

    def ends(self, sock, who):
        if sock.recv(1) != b"":
            fail(f"{who} got data instead of the end of the stream")


def fail(text):
    print(f"states: {text}", file=sys.stderr)
    sys.exit(1)


def client_first(k):
    k.expect("connected", "ESTAB", "ESTAB")
    k.carries(k.c, k.b, b"request")
    k.c.shutdown(socket.SHUT_WR)
    k.ends(k.b, "the backend")
    k.expect("client has sent FIN", "FIN-WAIT-2", "CLOSE-WAIT")
    k.carries(k.b, k.c, b"late answer" * 10000)
    k.expect("the server still sends (half-close)", "FIN-WAIT-2", "CLOSE-WAIT")
    lose(to_server=True)
    k.b.close()
    k.ends(k.c, "the client")
    k.expect("server has sent FIN, its ACK is held back", "TIME-WAIT", "LAST-ACK")
    lose()
    k.expect("FIN sent again, ACK", "TIME-WAIT", "gone")


def server_first(k):
    k.expect("connected", "ESTAB", "ESTAB")
    k.carries(k.b, k.c, b"greeting")
    lose(to_server=True)
    k.b.shutdown(socket.SHUT_WR)
    k.ends(k.c, "the client")
    k.expect("server has sent FIN, its ACK is held back", "CLOSE-WAIT", "FIN-WAIT-1")
    lose()
    k.expect("FIN sent again, ACK", "CLOSE-WAIT", "FIN-WAIT-2")
    k.carries(k.c, k.b, b"late request" * 10000)
    k.expect("the client still sends (half-close)", "CLOSE-WAIT", "FIN-WAIT-2")
    lose(to_client=True)
    k.c.close()
    k.ends(k.b, "the backend")
    k.expect("client has sent FIN, its ACK is held back", "LAST-ACK", "TIME-WAIT")
    lose()
    k.expect("FIN sent again, ACK again", "gone", "TIME-WAIT")


def both_cross(k):
    k.expect("connected", "ESTAB", "ESTAB")
    lose(to_client=True, to_server=True)
    k.c.shutdown(socket.SHUT_WR)
    k.b.shutdown(socket.SHUT_WR)
    k.expect("both FINs are on their way", "FIN-WAIT-1", "FIN-WAIT-1")
    lose()
    k.expect("both FINs arrived", "TIME-WAIT", "TIME-WAIT")


def both_syngate_closing(k):
    k.expect("connected", "ESTAB", "ESTAB")
    lose(to_client=True)
    k.b.shutdown(socket.SHUT_WR)
    k.expect("server's FIN is held back", "ESTAB", "FIN-WAIT-1")
    k.c.shutdown(socket.SHUT_WR)
    k.expect("client's FIN arrives, server's has not", "FIN-WAIT-1", "CLOSING")
    lose()
    k.expect("server's FIN arrives", "TIME-WAIT", "TIME-WAIT")


def both_client_closing(k):
    k.expect("connected", "ESTAB", "ESTAB")
    lose(to_server=True)
    k.c.shutdown(socket.SHUT_WR)
    k.expect("client's FIN is held back", "FIN-WAIT-1", "ESTAB")
    k.b.shutdown(socket.SHUT_WR)
    k.expect("server's FIN arrives, client's has not", "CLOSING", "FIN-WAIT-1")
    lose()
    k.expect("client's FIN arrives", "TIME-WAIT", "TIME-WAIT")


def client_resets(k):
    k.expect("connected", "ESTAB", "ESTAB")
    k.c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    k.c.close()
    k.expect("client has sent RST", "gone", "gone")
    try:
        k.ends(k.b, "the backend")
    except ConnectionResetError:
        pass


def refused(host, port):
    """No backend there: the client is reset, and it is counted."""
    global checks
    before = json.loads(run("syngate", "show", "counters", "-j"))["BackendRefused"]
    k = Conn(host, port)
    try:
        k.connect() # the RST may come before we have looked
        k.c.recv(1)
        fail("no backend, but no RST came")
    except ConnectionResetError:
        pass
    k.expect("backend refuses: RST", "gone", "gone")
    if json.loads(run("syngate", "show", "counters", "-j"))["BackendRefused"] != before + 1:
        fail("BackendRefused was not counted")


def main():
    host, port, backend_port, dead_port = sys.argv[1], *map(int, sys.argv[2:])
    enter("server")
    srv = socket.create_server(("127.0.0.1", backend_port))
    enter("client")
    for case in (client_first, server_first, both_cross, both_syngate_closing,
                 both_client_closing, client_resets):
        print(f"  {case.__name__.replace('_', ' ')}, {host}")
        k = Conn(host, port)
        k.connect()
        k.accept(srv)
        case(k)
        k.c.close()
        k.b.close()
    print(f"  refused, {host}")
    refused(host, dead_port)
    print(f"{checks} times both states were right, {host}")


if __name__ == "__main__":
    main()
