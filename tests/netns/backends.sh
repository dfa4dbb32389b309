#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several servers behind one listener: the one with the fewest connections is next, over TCP and
# Unix sockets; one that is killed under load costs nobody who comes after that.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate -> a 127.0.0.1:9000
#	                                                            b [::1]:9001
#	                                                            c unix:/run/t/c.sock
#	                                             :81 syngate -> d unix:@d
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/servers.sh"

net_up
server a 127.0.0.1:9000
server b '[::1]:9001'
server c unix:$T/c.sock
server d unix:@d
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backend '[::1]:9001' \
	--backend unix:$T/c.sock --health-check 0 --listen '*:81' --backend unix:@d

# --- the fewest connections, in turns among equals --------------------------------------------

hold 80
order open 30
eq "30 connections" "$COUNTS" "a:10 b:10 c:10"
eq "as it is shown" "$(show backends '[.[] | select(.port == 80) | .active] | join(" ")')" "10 10 10"
order close b
gone() { [ "$(backend '[::1]:9001' active)" = 0 ]; }
await "b's connections to end" gone
order open 10
eq "10 more, where there is nobody" "$COUNTS" "a:10 b:10 c:10"
order open 6
eq "6 more" "$COUNTS" "a:12 b:12 c:12"
eq "conns by backend" "$(show conns '[.[] | select(.state == "ESTAB") | .backend] | group_by(.) |
	map("\(.[0]) \(length)") | join(", ")')" "127.0.0.1:9000 12, [::1]:9001 12, unix:$T/c.sock 12"
order close a
order close b
eq "what is left" "$COUNTS" "c:12"
echo end >&"${HOLD[1]}"
await "every connection to end" idle 80
eq "connects" "$(total 80 connected)" 46
eq "connects that failed" "$(total 80 failed)" 0

# --- Unix sockets -------------------------------------------------------------------------------

C $PY "$TOP/tests/netns/peer.py" talk $S6 81 <<<"over an abstract name" >$T/talk 2>&1 &&
	die "who answered was not d"
grep -q "b'd over an abstract name" $T/talk || die "said: $(cat $T/talk)"
eq "d's connects" "$(backend unix:@d connected)" 1

# --- one is killed ------------------------------------------------------------------------------

coproc LOAD { nsenter --net=/run/netns/client $PY "$SERVERS" load $S4 80; }
so_far() { echo >&"${LOAD[1]}"; read -r -t 60 SO_FAR <&"${LOAD[0]}"; }
read -r -t 60 _ <&"${LOAD[0]}"
all_three() { so_far; jq -e '.a > 20 and .b > 20 and .c > 20' <<<"$SO_FAR"; }
await "load on all three" all_three
at=$(server_kill a)
so_far
n=$(jq .b <<<"$SO_FAR")
more() { so_far; jq -e ".b > $n + 100" <<<"$SO_FAR"; }
await "a hundred on b after that" more
exec {LOAD[1]}>&-
read -r -t 60 result <&"${LOAD[0]}"
eq "clients that came after the end of a and failed" \
	"$(jq "[.failed[] | select(.[0] > $at)]" -c <<<"$result")" "[]"
num "retried" "$(counter BackendRetried) > 0"
eq "a's last error" "$(backend 127.0.0.1:9000 error)" "Connection refused"
num "a's failures" "$(backend 127.0.0.1:9000 failed) > 0"
say "a killed under load: $(jq -c .done <<<"$result"), $(jq '.failed | length' <<<"$result") that were" \
	"under way failed, $(counter BackendRetried) handed on"
await "every connection to end" idle 80

# --- all are gone -------------------------------------------------------------------------------

server_kill b >/dev/null
server_kill c >/dev/null
before=$(counter BackendRefused)
! C $PY "$TOP/tests/netns/peer.py" talk $S4 80 <<<"nobody" >/dev/null 2>&1 || die "somebody answered"
eq "BackendRefused" "$(counter BackendRefused)" $((before + 1))
eq "c's last error" "$(backend unix:$T/c.sock error)" "Connection refused"
syngate_stop
