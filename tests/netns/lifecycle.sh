#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SIGINT, SIGTERM and `detach` leave no program, no pin, no socket and no directory; after
# kill -9 the next `run` takes over what it finds and serves.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate --app http
. "$(dirname "$0")/../lib.sh"

fetch() { C curl -sS --fail -m 5 -o /dev/null http://$S4/bytes/1000; }
programs() { S ip -d link show s0 | grep -c 'prog/xdp' || :; }

nothing_left() # WHAT
{
	eq "$1: XDP programs on s0" "$(programs)" 0
	eq "$1: bpftool net" "$(S bpftool -j net show dev s0 2>/dev/null | jq '.[0].xdp | length')" 0
	eq "$1: pins" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate*')" ""
	eq "$1: sockets" "$(find /run -mindepth 1 -path '/run/syngate*')" ""
	say "$1: nothing left"
}

net_up
nothing_left "before"
for sig in INT TERM; do
	syngate_start --listen '*:80' --app http
	fetch
	eq "programs while it runs" "$(programs)" 1
	[ -e $PINS/s0/link ] || die "the link is not pinned"
	syngate_stop $sig
	nothing_left "SIG$sig"
	grep -q . $T/run.err && die "it complained: $(cat $T/run.err)"
done

syngate_start --listen '*:80' --app http
syngate detach s0
wait $SG_PID || die "run did not end well after detach"
nothing_left "detach of a run"

syngate_start --listen '*:80' --app http
kill -KILL $SG_PID
wait $SG_PID 2>/dev/null || :
[ -e $PINS/s0/link ] || die "nothing was left"
S syngate detach s0
eq "detach without a daemon, again" "$(S syngate detach s0 2>/dev/null || echo $?)" 3
nothing_left "detach after kill -9"

# the interface goes while it is served
syngate_start --listen '*:80' --app http
ip -n server link del s0
rc=0
wait $SG_PID || rc=$?
eq "exit code of a run whose interface has gone" $rc 2
grep -q 's0 has gone' $T/run.err || die "it did not say why: $(cat $T/run.err)"
eq "s0 gone: pins" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate*')" ""
eq "s0 gone: sockets" "$(find /run -mindepth 1 -path '/run/syngate*')" ""
net_link

# the service
nsenter --net=/run/netns/server syngated >$T/syngated.out 2>$T/syngated.err &
SG_PID=$!
await "syngated" syngate status
syngate attach s0
syngate attach s0 # idempotent
syngate listen s0 '*:80' --app http
fetch
syngate unlisten s0 '*:80'
! C curl -s -m 2 -o /dev/null http://$S4/ || die "served after unlisten"
syngate listen s0 '*:80' --app http
fetch
syngate detach s0
eq "after detach: XDP programs on s0" "$(programs)" 0
eq "after detach: pins" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate/*')" ""
syngate detach s0 # idempotent
syngate attach s0
syngate listen s0 '*:80' --app http
fetch
syngate detach s0
syngate_stop TERM
nothing_left "detach and SIGTERM of syngated"

# kill -9
for i in 1 2 3; do
	syngate_start --listen '*:80' --app http
	fetch
	[ $i = 1 ] || eq "took_over" "$(syngate status -j | jq '.[0].took_over')" true
	kill -KILL $SG_PID
	wait $SG_PID 2>/dev/null || :
	[ -e $PINS/s0/link ] || die "nothing was left to take over"
	eq "programs after kill -9" "$(programs)" 1
done
syngate_start --listen '*:80' --app http
eq "took_over" "$(syngate status -j | jq '.[0].took_over')" true
C $PY "$TOP/tests/netns/peer.py" serial $S4 80 200 /bytes/1000
eq "one program, not two" "$(programs)" 1
syngate_stop
nothing_left "kill -9, run again, SIGTERM"
