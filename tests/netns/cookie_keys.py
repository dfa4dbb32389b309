# SPDX-License-Identifier: BSD-2-Clause
"""Keys of SYN cookies: cookie_keys.sh."""
import json
import os
import socket
import subprocess
import sys

from outage import Daemon, until
from wire import Wire, Wrong, run

FILE = "/run/t/keys"
ERRORS = "/run/t/run.err"
KEY = [f"{n:x}" * 32 for n in (1, 2, 3, 4)]
PORT = 80


def put(*lines, mode=0o600):
    """As one does it who is careful: the new file takes the old one's place, whole."""
    with open(FILE + ".new", "w", encoding="ascii") as f:
        f.write("# cookies\n" + "".join(line + "\n" for line in lines))
    os.chmod(FILE + ".new", mode)
    os.rename(FILE + ".new", FILE)


def status(key, at="s0"):
    return json.loads(run("syngate", "status", "-j", "--instance", at))[0][key]


def counter(name, at="s0"):
    return json.loads(run("syngate", "show", "counters", "-j", "--instance", at))[name]


def said(what):
    with open(ERRORS, encoding="ascii") as f:
        return f.read().count(what)


class Server(Daemon):
    def __init__(self, *more, ns="server", instance="s0"):
        super().__init__("nsenter", f"--net=/run/netns/{ns}", "syngate", "run", "s0", "--instance",
                         instance, "--listen", f"*:{PORT}", "--app", "echo", "--set",
                         "tcp_syncookies=2", "--set", "heartbeat_ms=5000", *more)

    def __enter__(self):
        self.start_only()
        return self

    def __exit__(self, *_):
        self.stop()


def cookie(wire, **kw):
    f = wire.flow(PORT, **kw)
    f.syn()
    f.expect("SA")
    return f


def complete(f, at="s0"):
    """The final ACK, and it is a connection."""
    before = counter("SyncookiesRecv", at)
    f.send("A")
    until(f"{f} to be taken", lambda: counter("SyncookiesRecv", at) == before + 1)
    f.send("PA", b"hello")
    while f.expect().data != b"hello":
        pass
    f.send("RA")


def refused(f, at="s0"):
    before = counter("SyncookiesFailed", at)
    f.send("A")
    until(f"{f} to be refused", lambda: counter("SyncookiesFailed", at) == before + 1)


def both(wire):
    """With timestamps, where they carry the options, and without."""
    return [cookie(wire, family=family, ts=ts) for family in (4, 6) for ts in (True, False)]


def two_hosts(wire):
    put(KEY[0])
    with Server("--cookie-keys", FILE):
        mark = status("cookie_key")
        theirs = both(wire)
    with Server("--cookie-keys", FILE):  # with an ISN and places of its own
        if status("cookie_key") != mark:
            raise Wrong("the same key has another fingerprint")
        complete(cookie(wire))  # cookies are looked at only by who sends some
        for f in theirs:
            complete(f)
    with Server():
        complete(cookie(wire))
        refused(cookie_of_another(wire, theirs[0]))


def at_once(here):
    """A SYN to one, its final ACK to the other, which runs beside it, with a clock of its own in
    its timestamps; then with another key."""
    there = Wire("c1", server="other")
    put(KEY[0])
    with Server("--cookie-keys", FILE), \
            Server("--cookie-keys", FILE, ns="other", instance="other"):
        mark = status("cookie_key")
        if status("cookie_key", "other") != mark:
            raise Wrong("the same key has two fingerprints")
        mine, theirs = both(here), both(there)
        for f in mine:
            complete(cookie_of_another(there, f), "other")
        for f in theirs:
            complete(cookie_of_another(here, f))
        mine = both(here)
        put(KEY[1], KEY[2])
        until("both to have read it",
              lambda: mark not in (status("cookie_key"), status("cookie_key", "other")))
        for f in mine:
            refused(cookie_of_another(there, f), "other")


def cookie_of_another(wire, f):
    """The same final ACK as `f` sent, from the same port."""
    g = wire.flow(PORT, family=f.family, addr=f.addr, sport=f.sport, iss=f.iss, ts=f.ts)
    g.snd_nxt, g.rcv_nxt = (f.iss + 1) % 2 ** 32, (f.irs + 1) % 2 ** 32
    g.ts_recent, g.ts_base = f.ts_recent, f.ts_base
    return g


def changes(wire):
    put(KEY[0])
    with Server("--cookie-keys", FILE):
        early, late, old = both(wire), both(wire), both(wire)
        mark = status("cookie_key")

        def now(*keys):
            before = status("cookie_key")
            put(*keys)
            until("the file to be read", lambda: status("cookie_key") != before)
        now(KEY[1])
        for f in early + both(wire):
            complete(f)
        now(KEY[2], KEY[0])  # the file says that the first one counts still, and the second not
        for f in late + both(wire):
            complete(f)
        now(KEY[3])
        for f in old:
            refused(f)
        now(KEY[0])
        if status("cookie_key") != mark:
            raise Wrong("the first key again has another fingerprint")


def wrong(wire):
    put(KEY[0])
    with Server("--cookie-keys", FILE):
        mark, f = status("cookie_key"), cookie(wire)
        for what, why in ((lambda: put(KEY[1], mode=0o644), "can be read or written by others"),
                          (lambda: put(KEY[1][1:]), "line 2: a key is 32 hexadecimal digits"),
                          (lambda: put(), "has no key"), (lambda: os.unlink(FILE), "No such file"),
                          (lambda: socket.socket(socket.AF_UNIX).bind(FILE), "No such device")):
            before = said(why)
            what()
            until(f"the daemon to say '{why}'", lambda: said(why) > before)
            age = status("cookie_key_age")
            until("another look", lambda: status("cookie_key_age") >= age + 2)
            if said(why) != before + 1 or status("cookie_key") != mark:
                raise Wrong(f"'{why}': said {said(why) - before} times, key {status('cookie_key')}")
        complete(f)
    for mode, key, why in ((0o640, KEY[0], "chmod 600"), (0o600, "x", "line 2")):
        put(key, mode=mode)
        got = subprocess.run(["nsenter", "--net=/run/netns/server", "syngate", "run", "s0",
                              "--listen", "*:80", "--app", "echo", "--cookie-keys", FILE],
                             stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False,
                             timeout=10)
        if got.returncode != 1 or why not in got.stderr.decode():
            raise Wrong(f"started with a bad file: {got}")


def by_themselves(wire):
    with Server("--set", "syncookie_key_s=2"):
        f, mark = cookie(wire), status("cookie_key")
        until("another key", lambda: status("cookie_key") != mark)
        complete(f)
        g, mark = cookie(wire), status("cookie_key")
        until("a third key, or four seconds", lambda: status("cookie_key_age") >= 4 or
              status("cookie_key") != mark)
        if status("cookie_key") != mark:
            raise Wrong("a third key while the first one's cookies are good")
        if mark not in run("syngate", "status"):
            raise Wrong("status shows no fingerprint")
        complete(g)


def main():
    for scenario in two_hosts, at_once, changes, wrong, by_themselves:
        wire = Wire()
        try:
            scenario(wire)
        except Wrong as e:
            print(f"cookie_keys: {scenario.__name__}: {e}", file=sys.stderr)
            return 1
        print(f"cookie_keys: {scenario.__name__}: as it ought to be", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
