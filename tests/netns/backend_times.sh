#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Backends that do not answer are given up after --connect-timeout, and the next one is tried; a
# connection that is silent both ways for --idle-timeout is reset at both ends.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate -> nobody, SYNs dropped 127.0.0.1:9000
#	                                                            a 127.0.0.1:9001
#	                                             :81 syngate -> deaf, its queue full 127.0.0.1:9002
#	                                             :82 syngate -> deaf, its queue full unix:@deaf
#	                                                            a 127.0.0.1:9001
#	                                             :83 syngate -> a, --idle-timeout 2
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/servers.sh"

net_up
S nft add table inet t
S nft add chain inet t in '{ type filter hook input priority 0; }'
S nft add rule inet t in tcp dport 9000 drop
server a 127.0.0.1:9001
server deaf 127.0.0.1:9002 --deaf --backlog 0
server deaf_unix unix:@deaf --deaf --backlog 0
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backend 127.0.0.1:9001 --connect-timeout 1 \
	--health-check 0 \
	--listen '*:81' --backend 127.0.0.1:9002 --connect-timeout 1 \
	--listen '*:82' --backend unix:@deaf --backend 127.0.0.1:9001 --health-check 0 \
	--listen '*:83' --backend 127.0.0.1:9001 --idle-timeout 2

# --- it does not answer -------------------------------------------------------------------------

# four turns: of two that are equal, each is the first one twice
for _ in 1 2 3 4; do
	hold 80
	order open 1
	eq "who answers" "$COUNTS" a:1
	echo end >&"${HOLD[1]}"
	wait $HOLD_PID
	await "its end" idle 80
done
num "BackendTimeout" "$(counter BackendTimeout) >= 1"
eq "all of them handed on" "$(counter BackendRetried)" "$(counter BackendTimeout)"
eq "why" "$(backend 127.0.0.1:9000 error)" "Connection timed out"
eq "its connects" "$(backend 127.0.0.1:9000 '| "\(.connected) \(.failed)"')" "0 $(counter BackendTimeout)"

# backlog 0 holds one; then the kernel drops SYNs to it
S $PY "$SERVERS" fill 127.0.0.1:9002 >$T/fill.out &
await "a full queue of the kernel's" grep -q connected $T/fill.out
before=$(counter BackendTimeout)
rc=0
C $PY "$TOP/tests/netns/peer.py" talk $S4 81 <<<"nobody" >$T/talk 2>&1 || rc=$?
eq "exit code of who was let down" $rc 1
grep -q ConnectionResetError $T/talk || die "said: $(tail -n 1 $T/talk)"
eq "BackendTimeout" "$(counter BackendTimeout)" $((before + 1))
eq "BackendRefused" "$(counter BackendRefused)" 1

# a Unix socket says so at once; backlog 0 holds one here, too
S $PY "$SERVERS" fill unix:@deaf >$T/fill_unix.out &
await "a full queue of the Unix socket's" grep -q connected $T/fill_unix.out
hold 82
order open 4
eq "who answers" "$COUNTS" a:4
num "connects to the Unix socket" "$(backend unix:@deaf failed) >= 2"
eq "why they failed" "$(backend unix:@deaf error)" "Resource temporarily unavailable"
echo end >&"${HOLD[1]}"
wait $HOLD_PID

# --- nothing moves ------------------------------------------------------------------------------

: >$T/a.out
C $PY "$SERVERS" silent $S4 83 >$T/silent || die "the one that talks"
eq "what the client saw of it" "$(cat $T/silent)" "silent: reset"
one_reset() { [ "$(grep -c reset $T/a.out)" = 1 ]; }
await "the backend's end of it: a RST" one_reset
eq "BackendIdle" "$(counter BackendIdle)" 1
eq "the other one ended by itself" "$(counter '| .BackendIdle + .TCPAbortOnTimeout')" 1
syngate_stop
