#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draw the connections of a capture as sequence diagrams: who sent what, and which state
(RFC 9293 3.3.2) each side was in after it. The states follow from the segments alone.

usage: ladder.py CAPTURE.pcap SERVER-PORT [SYN-ACKS-COUNTED-BY-XDP]

The capture is the client's. SYN-ACKs are marked as XDP's when the driver counted as many
as the capture has. Prints, last, `states CLIENT-PORT CLIENT-STATE SERVER-STATE` on stderr."""
import ipaddress
import struct
import sys

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WIDTH = 38


class Segment:
    def __init__(self, when, src, dst, tcp, length):
        self.when = when
        self.src, self.dst = src, dst
        self.sport, self.dport, self.seq, self.ack, off, self.flags = struct.unpack(
            "!HHIIBB", tcp[:14])
        self.header = (off >> 4) * 4
        self.length = length - self.header

    def name(self):
        names = [n for bit, n in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK"))
                 if self.flags & bit]
        return ",".join(names)


def read_pcap(path):
    with open(path, "rb") as f:
        head = f.read(24)
        magic = head[:4]
        end = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        tick = 1e-9 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
        while len(rec := f.read(16)) == 16:
            sec, frac, caplen, _ = struct.unpack(end + "IIII", rec)
            yield sec + frac * tick, f.read(caplen)


def decode(when, frame):
    """A TCP segment out of an Ethernet frame, or None."""
    proto, ip = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if proto == 0x0800 and ip[9] == 6:
        ihl = (ip[0] & 15) * 4
        length = struct.unpack("!H", ip[2:4])[0] - ihl
        src, dst, tcp = ip[12:16], ip[16:20], ip[ihl:]
    elif proto == 0x86DD and ip[6] == 6:
        length = struct.unpack("!H", ip[4:6])[0]
        src, dst, tcp = ip[8:24], ip[24:40], ip[40:]
    else:
        return None
    return Segment(when, ipaddress.ip_address(src), ipaddress.ip_address(dst), tcp, length)


class End:
    """One side's state, moved by what it sends and what it receives."""

    def __init__(self, state):
        self.state = state
        self.fin_end = None  # the acknowledgment that covers our FIN

    def sends(self, s):
        if s.flags & RST:
            self.state = "CLOSED"
        elif s.flags & SYN and self.state == "CLOSED":
            self.state = "SYN-SENT"
        elif s.flags & FIN:
            self.fin_end = (s.seq + s.length + 1) & 0xFFFFFFFF
            self.state = {"ESTAB": "FIN-WAIT-1", "SYN-RECV": "FIN-WAIT-1",
                          "CLOSE-WAIT": "LAST-ACK"}.get(self.state, self.state)

    def receives(self, s):
        if s.flags & RST:
            self.state = "CLOSED"
            return
        if s.flags & SYN:
            self.state = {"LISTEN": "SYN-RECV", "SYN-SENT": "ESTAB"}.get(self.state, self.state)
            return
        if s.flags & ACK and self.state == "SYN-RECV":
            self.state = "ESTAB"
        if s.flags & ACK and s.ack == self.fin_end:
            self.state = {"FIN-WAIT-1": "FIN-WAIT-2", "CLOSING": "TIME-WAIT",
                          "LAST-ACK": "CLOSED"}.get(self.state, self.state)
        if s.flags & FIN:
            self.state = {"ESTAB": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING",
                          "FIN-WAIT-2": "TIME-WAIT"}.get(self.state, self.state)


def arrow(s, rightwards, base):
    text = s.name()
    if s.length: # an ACK as well, as every segment from there on
        text = f"{s.length} bytes" + (" and FIN" if s.flags & FIN else "")
    ours, theirs = (0, 1) if rightwards else (1, 0)
    if base[ours] is not None:
        text += f" seq {(s.seq - base[ours]) & 0xFFFFFFFF}"
    if s.flags & ACK and base[theirs] is not None:
        text += f" ack {(s.ack - base[theirs]) & 0xFFFFFFFF}"
    text = f" {text} "
    return f"{text:-^{WIDTH - 1}}>" if rightwards else f"<{text:-^{WIDTH - 1}}"


def draw(segs, xdp):
    first = segs[0]
    client, server = End("CLOSED"), End("LISTEN")
    base = [None, None]
    left, right = f"{first.src}:{first.sport}", f"{first.dst}:{first.dport}"
    print(f"    ms  {'client ' + left:>24}  {'':{WIDTH}}  syngate {right}")
    print(f"{'':8}{client.state:>24}  |{'':{WIDTH - 2}}|  {server.state}")
    for s in segs:
        rightwards = s.sport == first.sport and s.src == first.src
        if base[0 if rightwards else 1] is None:
            base[0 if rightwards else 1] = s.seq
        before = client.state, server.state
        (client if rightwards else server).sends(s)
        (server if rightwards else client).receives(s)
        after = client.state, server.state
        shown = [a if a != b else "" for a, b in zip(after, before)]
        note = ""
        if s.flags & SYN and s.flags & ACK and xdp:
            note = "* XDP answered, in the driver"
        elif after[1] == "ESTAB" != before[1]:
            note = " final ACK: into the accept queue"
        elif after[1] == "SYN-RECV" != before[1]:
            note = " half-open queue"
        print(f"{(s.when - first.when) * 1000:6.1f}  {shown[0]:>24}  "
              f"{arrow(s, rightwards, base)}  {shown[1]:<10}{note}".rstrip())
    print(f"states {first.sport} {client.state} {server.state}", file=sys.stderr)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    port = int(sys.argv[2])
    conns = {}
    for when, frame in read_pcap(sys.argv[1]):
        s = decode(when, frame)
        if s and port in (s.sport, s.dport):
            key = (s.src, s.sport) if s.dport == port else (s.dst, s.dport)
            conns.setdefault(key, []).append(s)
    whole = [c for c in conns.values() if c[0].flags & SYN and not c[0].flags & ACK]
    if not whole:
        sys.exit(f"ladder: no connection to port {port} from its SYN on in {sys.argv[1]}")
    synacks = sum(s.flags & (SYN | ACK) == SYN | ACK for c in whole for s in c)
    xdp = len(sys.argv) == 4 and int(sys.argv[3]) == synacks > 0
    for c in whole:
        draw(c, xdp)


if __name__ == "__main__":
    main()
