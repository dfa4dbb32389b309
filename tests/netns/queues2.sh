#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two RX queues. Both workers serve; clients whose SYN or SYN-ACK is lost, and clients at
# 5 and 10 % loss both ways, change queues on the way (the kernel re-hashes at each timeout) and lose
# nothing.
#
#	client                                server
#	  c0 10.9.0.2 == 2 queues, loss ===== s0 10.9.0.1 syngate, 2 workers
#	                                         :80 hold  :83 echo
. "$(dirname "$0")/../lib.sh"
PEER="$PY $TOP/tests/netns/peer.py"

net_up 2 loss
syngate_start --listen '*:80' --app hold --backlog 200 --listen '*:83' --app echo --backlog 200
eq "queues" "$(syngate status -j | jq '.[0].queues')" 2
eq "workers alive" "$(syngate status -j | jq '[.[0].workers[] | select(.alive)] | length')" 2

mkfifo $T/hold
C $PEER half $S4 80 64 <$T/hold >$T/half.out &
HALF=$!
exec 9>$T/hold
held() { [ "$(show conns '[.[] | select(.state == "ESTAB")] | length')" = 64 ]; }
await "64 connections" held
by_worker=$(show conns '[group_by(.worker)[] | length] | join(" ")')
num "connections of each worker ($by_worker)" "$(show conns '[.[].worker] | unique | length') == 2"
say "64 connections, by worker: $by_worker"
exec 9>&-
wait $HALF

lossy() # WHAT LOSS... -- COUNT BYTES SEED HOST
{
	local what=$1 rules=()

	shift
	while [ "$1" != -- ]; do rules+=("$1"); shift; done
	loss_set "${rules[@]}"
	C $PEER echo "$5" 83 "$2" "$3" --seed "$4" >$T/echo.out 2>$T/echo.err ||
		die "$what: $(cat $T/echo.err)"
	loss_set 0 0
	say "$what: $(cat $T/echo.out), segments lost so far (in out): $(loss_lost)"
}
lossy "first SYN-ACK lost" 0 0 1 -- 100 10000 1 $S4
lossy "first two SYNs lost, and a SYN-ACK" 0 0 2 2 -- 100 10000 2 $S6
fwd=$(counter Forwarded)
lossy "5 % loss both ways" 50 50 -- 40 300000 3 $S4
lossy "10 % loss both ways, IPv6" 100 100 -- 40 300000 4 $S6
num "segments that met a stranger's worker after a re-hash" "$(counter Forwarded) > $fwd"
say "segments passed from worker to worker: $(counter Forwarded)"
eq "ForwardDropped" "$(counter ForwardDropped)" 0
eq "ListenDrops" "$(counter ListenDrops)" 0
syngate_stop
