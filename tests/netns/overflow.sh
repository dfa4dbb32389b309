#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A full accept queue holds backlog + 1. What the final ACK meets then is decided by
# tcp_abort_on_overflow: 0: ignored, the half-open entry stays (`acked`) and its SYN-ACK comes
# again; 1: RST. New SYNs are dropped. All of it is counted under Linux's names.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate --app hold --backlog 2
#	  loss.bpf.c keeps six clients
#	  half open until all are there
. "$(dirname "$0")/../lib.sh"

listener() { show listeners ".[0].$1"; }
mkfifo $T/hold

# six_at_once ABORT: six half-open clients, whose final ACKs then all come
six_at_once()
{
	syngate_start --listen '*:80' --app hold --backlog 2 --syn-backlog 64 \
		--set synack_rto_ms=200 --set tcp_abort_on_overflow=$1
	loss_set 0 0 0 0 1
	C $PY "$TOP/tests/netns/peer.py" half $S4 80 6 <$T/hold >$T/half.out 2>$T/half.err &
	HALF=$!
	exec 9>$T/hold
	await "six clients" grep -q connected $T/half.out
	eq "half-open entries" "$(listener halfopen)" 6
	loss_set 0 0
	full() { [ "$(listener acceptq)" = 3 ]; }
	await "a full accept queue" full
}

end_of_six()
{
	exec 9>&-
	wait $HALF
	syngate_stop
}

client_states() { C ss -Htan 'dport = :80' | awk '{ print $1 }' | sort | uniq -c | xargs; }

net_up 1 loss

six_at_once 0
acked() { [ "$(show halfopen '[.[] | select(.acked)] | length')" = 3 ]; }
await "three that are acknowledged and wait" acked
before=$(listener ListenOverflows)
again() { [ "$(listener ListenOverflows)" -ge $((before + 3)) ]; }
await "their SYN-ACKs and final ACKs to come again" again
eq "the accept queue holds backlog + 1" "$(listener acceptq)" 3
eq "half-open entries" "$(listener halfopen)" 3
eq "what the clients think" "$(client_states)" "6 ESTAB"
num "ListenDrops" "$(listener ListenDrops) >= $(listener ListenOverflows)"
dropped=$(counter AcceptQueueFull)
! C nc -zw1 $S4 80 2>/dev/null || die "a seventh client got in"
num "AcceptQueueFull: SYNs dropped" "$(counter AcceptQueueFull) > $dropped"
eq "RSTs" "$(counter EmbryonicRsts)" 0
say "abort_on_overflow=0: 3 in the queue, 3 wait, $(listener ListenOverflows) overflows"
end_of_six

six_at_once 1
reset() { [ "$(client_states)" = "3 ESTAB" ]; }
await "three to be reset" reset
eq "the accept queue holds backlog + 1" "$(listener acceptq)" 3
eq "half-open entries" "$(listener halfopen)" 0
eq "EmbryonicRsts" "$(counter EmbryonicRsts)" 3
num "ListenOverflows" "$(listener ListenOverflows) >= 3"
say "abort_on_overflow=1: 3 in the queue, 3 reset, $(listener ListenOverflows) overflows"
end_of_six
