#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# With --backend-limit nobody is accepted while every backend has its connections: the accept queue
# fills to backlog + 1, final ACKs and SYNs meet it as they do in Linux, and it goes on when a
# connection ends, whichever worker had it. One RX queue, then two.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate -> a 127.0.0.1:9000, b 127.0.0.1:9001
#	                                                            3 connections each, backlog 2
#	                                             :81 syngate -> c 127.0.0.1:9002, 1 connection
#	                                             :82 syngate -> d 127.0.0.1:9003 (refuses), c
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/servers.sh"

listener() { show listeners ".[] | select(.port == $1) | .$2"; }
acceptq_is() { [ "$(listener "$1" acceptq)" = "$2" ]; }
active() { show backends "[.[] | select(.port == $1) | .active] | join(\" \")"; }

net_up 2
server a 127.0.0.1:9000
server b 127.0.0.1:9001
server c 127.0.0.1:9002
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backend 127.0.0.1:9001 --backend-limit 3 \
	--backlog 2 --syn-backlog 64 --set synack_rto_ms=200 \
	--listen '*:81' --backend 127.0.0.1:9002 --backend-limit 1 --backlog 256 \
	--listen '*:82' --backend 127.0.0.1:9003 --backend 127.0.0.1:9002 --backend-limit 1 \
	--health-check 0

# --- a full house -------------------------------------------------------------------------------

hold 80
order open 6
eq "six connections" "$COUNTS" "a:3 b:3"
mkfifo $T/half
C $PY "$TOP/tests/netns/peer.py" half $S4 80 3 <$T/half >$T/half.out &
HALF=$!
exec 9>$T/half
await "three that are established" grep -q connected $T/half.out
await "them in the accept queue" acceptq_is 80 3
eq "active" "$(active 80)" "3 3"
eq "ListenOverflows" "$(listener 80 ListenOverflows)" 0
! C nc -zw1 $S4 80 2>/dev/null || die "a tenth client got in"
num "ListenOverflows of a SYN to a full queue" "$(listener 80 ListenOverflows) >= 1"
num "BackendLimit" "$(counter BackendLimit) >= 1"
eq "in the queue" "$(show acceptq length)" 3

order close a
await "the accept queue to be empty" acceptq_is 80 0
three_three() { [ "$(active 80)" = "3 3" ]; }
await "the places to be taken again" three_three
exec 9>&-
wait $HALF
three() { [ "$(active 80)" = "0 3" ]; }
await "their end" three
order open 3
eq "and three more" "$COUNTS" "a:3 b:3"
echo end >&"${HOLD[1]}"
wait $HOLD_PID
await "every end" idle 80

# --- one at a time, whichever worker has it -----------------------------------------------------

hold 81
order open 1
C $PY "$SERVERS" queue $S4 81 32 >$T/queue.out 2>$T/queue.err &
QUEUE=$!
await "32 that wait, and have said what they want" acceptq_is 81 32
eq "workers that have some" "$(show acceptq '[.[].worker] | unique | length')" 2
eq "active" "$(active 81)" 1
order close c
wait $QUEUE || die "somebody was not served: $(tail -n 1 $T/queue.err)"
eq "all of them" "$(cat $T/queue.out)" "32 served"
echo end >&"${HOLD[1]}"
wait $HOLD_PID
await "every end" idle 81

# --- and under load -----------------------------------------------------------------------------

coproc LOAD { nsenter --net=/run/netns/client $PY "$SERVERS" load $S4 81 --threads 16; }
read -r -t 60 _ <&"${LOAD[0]}"
thousand() { echo >&"${LOAD[1]}"; read -r -t 60 so_far <&"${LOAD[0]}"; [ "$(jq .c <<<"$so_far")" -gt 1000 ]; }
await "a thousand, one at a time" thousand
num "active" "$(active 81) <= 1"
exec {LOAD[1]}>&-
read -r -t 60 result <&"${LOAD[0]}"
eq "that failed" "$(jq -c .failed <<<"$result")" "[]"
await "every end" idle 81

# --- who was refused by one waits for a place at the other ----------------------------------------

hold 82
order open 1
eq "who answers" "$COUNTS" c:1
before=$(counter BackendRefused) failed=$(backend 127.0.0.1:9003 failed)
C $PY "$SERVERS" queue $S4 82 1 >$T/queue.out 2>$T/queue.err &
QUEUE=$!
refused() { [ "$(backend 127.0.0.1:9003 failed)" -gt "$failed" ]; }
await "d to refuse" refused
eq "it waits: active at c" "$(active 82)" "0 1"
order close c
wait $QUEUE || die "who had to wait was not served: $(tail -n 1 $T/queue.err)"
eq "BackendRefused" "$(counter BackendRefused)" "$before"
syngate_stop
