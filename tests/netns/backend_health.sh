#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Health checks: a backend that cannot be connected to, three times in a row, gets no connections until
# one check succeeds; with all of them down they are asked all the same. TCP, Unix sockets, and one
# that drops SYNs.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate -> a 127.0.0.1:9000
#	                                                            b unix:/run/t/b.sock
#	                                                            SYNs dropped 127.0.0.1:9002
#	                                             :81 syngate -> a, b, no checks
#	                                             :82 syngate -> a 1 connection, nobody 127.0.0.1:9003
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/servers.sh"

on() { show backends ".[] | select(.port == $1 and .backend == \"$2\") | .$3"; } # PORT AT KEY
is() { [ "$(on 80 "$1" health)" = "$2" ]; }
B=unix:$T/b.sock
kill_it() { server_kill "$1" >/dev/null; }

net_up
S nft add table inet t
S nft add chain inet t in '{ type filter hook input priority 0; }'
S nft add rule inet t in tcp dport 9002 drop
server a 127.0.0.1:9000
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backend "$B" --backend 127.0.0.1:9002 \
	--health-check 1 --connect-timeout 1 \
	--listen '*:81' --backend 127.0.0.1:9000 --backend "$B" --health-check 0 \
	--listen '*:82' --backend 127.0.0.1:9000 --backend 127.0.0.1:9003 --backend-limit 1 \
	--health-check 1 --backlog 16

# --- found out without a client -----------------------------------------------------------------

await "b to be found down" is "$B" down
await "the one that drops SYNs to be found down" is 127.0.0.1:9002 down
eq "a" "$(on 80 127.0.0.1:9000 '| "\(.health) \(.failed)"')" "up 0"
eq "why b is down" "$(on 80 "$B" error)" "No such file or directory"
eq "why the other one is" "$(on 80 127.0.0.1:9002 error)" "Connection timed out"
eq "no connection asked b" "$(on 80 "$B" failed)" 0
grep -q "backend $B is down: No such file" $T/run.err || die "no line about b: $(cat $T/run.err)"
hold 80
order open 10
eq "who answers" "$COUNTS" a:10
eq "retried" "$(counter BackendRetried)" 0
order close a

# --- it comes, and goes -------------------------------------------------------------------------

server b "$B"
await "b to be found up" is "$B" up
grep -q "backend $B is up again" $T/run.err || die "no line about b: $(cat $T/run.err)"
await "a's connections to end" idle 80
order open 10
eq "who answers" "$COUNTS" "a:5 b:5"
echo end >&"${HOLD[1]}"
wait $HOLD_PID
coproc LOAD { nsenter --net=/run/netns/client $PY "$SERVERS" load $S4 80; }
read -r -t 60 _ <&"${LOAD[0]}"
so_far() { echo >&"${LOAD[1]}"; read -r -t 60 SO_FAR <&"${LOAD[0]}"; }
both() { so_far; jq -e '.a > 20 and .b > 20' <<<"$SO_FAR"; }
await "load on both" both
at=$(server_kill a)
await "a to be found down" is 127.0.0.1:9000 down
so_far
n=$(jq .b <<<"$SO_FAR")
retried=$(counter BackendRetried)
more() { so_far; jq -e ".b > $n + 100" <<<"$SO_FAR"; }
await "a hundred on b after that" more
eq "retried since a is down" "$(counter BackendRetried)" "$retried"
server a 127.0.0.1:9000
await "a to be found up" is 127.0.0.1:9000 up
so_far
n=$(jq .a <<<"$SO_FAR")
again() { so_far; jq -e ".a > $n + 20" <<<"$SO_FAR"; }
await "load on a again" again
exec {LOAD[1]}>&-
read -r -t 60 result <&"${LOAD[0]}"
eq "clients that came after the end of a and failed" \
	"$(jq "[.failed[] | select(.[0] > $at)]" -c <<<"$result")" "[]"

# --- at its limit, and the other one is down: rather wait ---------------------------------------

down() { [ "$(on 82 127.0.0.1:9003 health)" = down ]; }
await "9003 to be found down" down
hold 82
order open 1
retried=$(counter BackendRetried)
C $PY "$SERVERS" queue $S4 82 3 >$T/queue.out 2>$T/queue.err &
QUEUE=$!
waiting() { [ "$(show acceptq length)" = 3 ]; }
await "three that wait" waiting
order close a
wait $QUEUE || die "somebody was not served: $(tail -n 1 $T/queue.err)"
eq "retried" "$(counter BackendRetried)" "$retried"
echo end >&"${HOLD[1]}"
wait $HOLD_PID

# --- all are down -------------------------------------------------------------------------------

kill_it a
kill_it b
await "a to be found down" is 127.0.0.1:9000 down
await "b to be found down" is "$B" down
before=$(counter BackendRefused)
! C $PY "$TOP/tests/netns/peer.py" talk $S4 80 <<<"nobody" >/dev/null 2>&1 || die "somebody answered"
eq "BackendRefused" "$(counter BackendRefused)" $((before + 1))
eq "BackendDown: all three were asked" "$(counter BackendDown)" 3

# --- no checks ----------------------------------------------------------------------------------

for _ in 1 2 3 4; do
	! C $PY "$TOP/tests/netns/peer.py" talk $S4 81 <<<"nobody" >/dev/null 2>&1 ||
		die "somebody answered"
done
eq "without checks nobody is down" "$(show backends '[.[] | select(.port == 81) | "\(.health) \(.failed)"]
	| unique | join(", ")')" "up 4"
eq "as it is shown" "$(show listeners '[.[].health_check] | join(" ")')" "1 0 1"
syngate_stop
