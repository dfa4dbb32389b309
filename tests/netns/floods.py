# SPDX-License-Identifier: BSD-2-Clause
"""What a flood must have done to the driver's counters; run by floods.sh.

    floods.py KIND DIRECTORY

In there are `before` and `after` (the counters and what else was counted at two quiet moments),
`load4` and `load6` (synload's reports), `clients` (a report of strangers a line). Says what is not
as it must be, and exits with 1."""
import json
import sys

KINDS = ["syn", "ack", "rst", "fin", "synack", "data", "fragment", "land", "bogus"]  # of `mixed`
NOT_TCP = "PassNotTcp PassNotLocal"


def read(name):
    with open(f"{sys.argv[2]}/{name}") as f:
        return [json.loads(line) for line in f]


def budget(loads, a_second):
    """What a prefix of each family is answered at most: a second's worth at once, then evenly."""
    return sum(a_second * 1.1 * (x["seconds"] + 1) for x in loads)


def mixed(loads, *kinds):
    """How many of these kinds were among those that took turns."""
    return sum((x["sent"] + len(KINDS) - 1 - KINDS.index(k)) // len(KINDS)
               for x in loads for k in kinds)


def expected(kind, loads, clients):
    """Rows of verdicts, and how many of all these there must be, at least and at most."""
    sent = sum(x["sent"] for x in loads)
    syns = ("SynAckSent", clients, clients)
    acks = ("SteerHandshake", clients, 10 * clients)
    either = ("SteerHandshake SteerCookie", clients, 10 * clients)
    good = ("SteerCookie", clients, 10 * clients)
    stray = ("StrayReset StrayDropped", sent, sent)
    twins = ("RepeatedSynLimited", 0, 3)  # two tuples of one tag
    return {
        "ack": [syns, acks, stray, ("StrayReset", 0.9 * sent, sent)],
        "fin": [syns, acks, stray, ("StrayReset", 0.9 * sent, sent)],
        "synack": [syns, acks, stray, ("StrayReset", 0.9 * sent, sent)],
        "data": [syns, acks, stray, ("StrayReset", 200, budget(loads, 100))],  # of one prefix
        "rst": [syns, acks, ("StrayDropped", sent, sent)],
        "fragment": [syns, acks, ("FirstFragment", sent, sent)],
        "land": [syns, acks, ("BadAddress", sent, sent)],
        "bogus": [syns, acks, ("BadFlags", sent, sent)],
        "checksum": [syns, acks, ("BadChecksum", sent, sent)],
        "syn": [either, twins, ("SynAckSent CookieSent RepeatedSynLimited", *[sent + clients] * 2),
                ("CookieSent", sent / 2, sent + clients), ("SteerCookie", 1, 10 * clients)],
        "cookies": [good, ("CookieSent", *[sent + clients] * 2)],
        "prefix": [either, twins,
                   ("SynAckSent CookieSent SynAckLimited RepeatedSynLimited", *[sent + clients] * 2),
                   ("SynAckSent CookieSent", 2000 + clients, budget(loads, 1000) + clients)],
        "mixed": [good, ("CookieSent", *[mixed(loads, "syn") + clients] * 2),
                  ("SteerNoCookie CookieLimited", *[mixed(loads, "ack", "fin", "data")] * 2),
                  ("StrayReset StrayDropped", *[mixed(loads, "rst", "synack")] * 2),
                  ("StrayDropped", mixed(loads, "rst"), sent),
                  ("FirstFragment", *[mixed(loads, "fragment")] * 2),
                  ("BadAddress", *[mixed(loads, "land")] * 2),
                  ("BadFlags", *[mixed(loads, "bogus")] * 2)],
    }[kind] + [("SteerFlow", clients, float("inf")), (NOT_TCP, 0, float("inf"))]


def main():
    kind = sys.argv[1]
    loads = read("load4") + read("load6")
    clients = sum(x["begun"] for x in read("clients"))
    before, after = read("before")[0], read("after")[0]
    grown = {k: v - before["verdicts"][k] for k, v in after["verdicts"].items()}
    rows = expected(kind, loads, clients)
    wrong = []

    def check(what, got, least, most):
        if not least <= got <= most:
            wrong.append(f"{what}: {got}, not {least:.0f} to {most:.0f}")

    def moved(name):
        return after[name] - before[name]

    for names, least, most in rows:
        check(names, sum(grown[n] for n in names.split()), least, most)
    for name in grown.keys() - set(" ".join(r[0] for r in rows).split()):
        check(name, grown[name], 0, 0)
    check("all verdicts, as frames that arrived", sum(grown.values()), *[moved("arrived")] * 2)
    tcp = sum(v for k, v in grown.items() if k not in NOT_TCP.split())
    check("all of TCP, as frames and segments sent", tcp,
          *[sum(x["sent"] for x in loads) + moved("segments") + moved("retrans")] * 2)
    check("SYNs that a client sent again", moved("again"), 0, 0)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


sys.exit(main())
