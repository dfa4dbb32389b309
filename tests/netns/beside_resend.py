# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of half-open entries that nobody completes, beside the kernel and in real time.
Run by beside_resend.sh."""
import sys
import time

import wire as w
from wire import Wrong

SCHEDULE = 0, 1, 3, 7, 15, 31
EARLY = 0.015
LATE = {"syngate": 0.5, "kernel": 5}  # the kernel's timer wheel is coarse where timers are long
PRUNED = 12  # of a backlog of 16: more than half
# When the lengths of the queue with old entries are compared: between the timers
LOOKS = 0.5, 2, 5, 6, 10, 13.5, 17, 29, 36, 60
YOUNG_AT, YOUNG = 14.7, 8  # so many come when the rest is old


def want(what, got, expected):
    if got != expected:
        raise Wrong(f"{what}: {got}, want {expected}")


def last_quarter(wire, ours, theirs):
    """Of tcp_max_syn_backlog=64 strangers get 49; a peer that is proven gets one more."""
    wire.take(time.time())
    friends = [proven(wire, t) for t in (ours, theirs)]
    before = [t.counters() for t in (ours, theirs)]
    crowds = [[wire.flow(t.port, 4 + 2 * (i % 2), queue=i // 2 % 2) for i in range(70)]
              for t in (ours, theirs)]
    for f in crowds[0] + crowds[1]:
        f.syn()
        wire.take(0)
    w.until("the strangers' SYN-ACKs", lambda: wire.take(time.time()) is not None and
            all(sum(bool(f.got) for f in c) >= 49 for c in crowds))
    wire.sleep(0.3)
    admitted = [sum(bool(f.got) for f in c) for c in crowds]
    want("strangers admitted (syngate, kernel)", admitted, [49, 49])
    drops = [t.counters()["ListenDrops"] - b["ListenDrops"]
             for t, b in zip((ours, theirs), before)]
    want("ListenDrops (syngate, kernel)", drops, [21, 21])
    full = [t.counters()["TCPReqQFullDrop"] - b["TCPReqQFullDrop"]
            for t, b in zip((ours, theirs), before)]
    want("TCPReqQFullDrop", full, [0, 0])
    for t, addr in zip((ours, theirs), friends):
        f = wire.flow(t.port, addr=addr)
        f.syn()
        if not f.expect().flags == w.SYN | w.ACK:
            raise Wrong(f"{t.name}: a proven peer got no SYN-ACK")
    print("last quarter of 64: 49 of 70 strangers and a proven peer, on both sides; 21 dropped")
    for c in crowds:
        for f in c:
            if f.got:
                f.send("R", seq=(f.iss + 1) % 2 ** 32)


def proven(wire, target):
    """The address of a peer that has had a connection which ended in good order."""
    f = wire.flow(target.port)
    f.open()
    f.send("PA", b"GET /bytes/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    if target.name == "kernel":
        conn, _ = target.sock.accept()
        conn.recv(1000)
        wire.sleep(0.05)
        conn.sendall(b"x")
        f.expect("A")
    while True:
        seg = f.expect()
        if seg.data or seg.flags & w.FIN:
            f.send("A")
        if target.name == "kernel" and seg.data:
            conn.close()
        if seg.flags & w.FIN:
            break
    f.send("FA")
    w.until("the end of the connection", lambda: wire.take(time.time()) is not None and
            target.state(f) in ("TIME-WAIT", "gone"))
    return f.addr


def schedule(flows):
    for f in flows:
        name = "kernel" if f.port > 8000 else "syngate"
        times = [s.at - f.got[0].at for s in f.got]
        late = [t - s for t, s in zip(times, SCHEDULE)]
        text = " ".join(f"{t:.2f}" for t in times)
        if len(times) != len(SCHEDULE) or min(late) < -EARLY or max(late) > LATE[name]:
            raise Wrong(f"{f}: SYN-ACKs at {text}")
        if len({(s.seq, s.ack, s.flags, tuple(sorted(s.opt))) for s in f.got}) != 1:
            raise Wrong(f"{f}: its SYN-ACKs are not the same")
        print(f"{name:7} IPv{f.family}: SYN-ACKs at {text} s")


def main():
    wire = w.Wire()
    single = w.Syngate(80), w.Kernel(8080, 1024)
    old = w.Syngate(81), w.Kernel(8081, 16)
    quarter = w.Syngate(82), w.Kernel(8082, 1024)
    last_quarter(wire, *quarter)

    begin = time.monotonic()
    flows = [wire.flow(t.port, family) for t in single for family in (4, 6)]
    crowd = [wire.flow(t.port, queue=i % 2) for t in old for i in range(PRUNED)]
    for f in flows + crowd:
        f.syn()
    seen, young = [], False
    for at in sorted(LOOKS + (YOUNG_AT,)):
        wire.sleep(begin + at - time.monotonic())
        if at == YOUNG_AT:
            for t in old:
                for i in range(YOUNG):
                    wire.flow(t.port, queue=i % 2).syn()
            continue
        seen.append((at, [t.queues()[0] for t in old]))
        if time.monotonic() - begin > at + 1:
            print(f"too busy to look at {at} s: left out")
            seen.pop()
    print("old entries, syngate and kernel:", ", ".join(f"{at} s {a} {b}" for at, (a, b) in seen))
    for at, (a, b) in seen:
        want(f"entries of the queue of 16 after {at} s (syngate, kernel)", a, b)
    if min(a for _, (a, _) in seen) >= PRUNED:
        raise Wrong("nothing was pruned")

    wire.sleep(begin + 62.5 - time.monotonic())
    want("half-open after 62.5 s", [t.queues()[0] for t in single], [2, 2])
    wire.sleep(begin + 63 - time.monotonic())
    for t in single:
        w.until(f"their end, {t.name}", lambda: t.queues()[0] == 0)
        gone = time.monotonic() - begin
        print(f"{t.name}: gone after {gone:.1f} s at the latest")
        if gone > 63 + 1 + LATE[t.name]:
            raise Wrong(f"{t.name}: gone after {gone:.1f} s")
    schedule(flows)


try:
    main()
except Wrong as e:
    sys.exit(f"FAIL: {e}")
