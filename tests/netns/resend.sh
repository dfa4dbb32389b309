#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A client that never sends its final ACK gets SYN-ACKs with binary exponential back-off,
# tcp_synack_retries of them, and then the half-open entry is gone. TIME_WAIT lasts
# timewait_ms, 60 s if nobody says otherwise.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate
#	  loss.bpf.c lets nothing
#	  but SYNs out
. "$(dirname "$0")/../lib.sh"

RTO=100
net_up 1 loss
syngate_start --listen '*:80' --app hold
eq "default synack_rto_ms" "$(show settings .synack_rto_ms)" 1000
eq "default tcp_synack_retries" "$(show settings .tcp_synack_retries)" 5
eq "default timewait_ms" "$(show settings .timewait_ms)" 60000
eq "default tcp_fin_timeout" "$(show settings .tcp_fin_timeout)" 60
syngate_stop

syngate_start --listen '*:80' --app http --set synack_rto_ms=$RTO --set timewait_ms=1500
C tcpdump -i c0 -nn --immediate-mode -tt -l 'tcp[tcpflags] & (tcp-syn|tcp-ack) == 18' \
	>$T/synacks 2>$T/tcpdump.err &
DUMP=$!
await tcpdump grep -q listening $T/tcpdump.err
loss_set 0 0 0 0 1
mkfifo $T/hold
C $PY "$TOP/tests/netns/peer.py" half $S4 80 1 <$T/hold >$T/half.out 2>$T/half.err &
HALF=$!
exec 9>$T/hold
await "the half-open entry" test -s $T/half.out
eq "half-open entries" "$(show listeners '.[0].halfopen')" 1
eq "state" "$(show conns '.[0].state')" SYN-RECV
eq "show halfopen names the peer" "$(show halfopen '.[0].peer')" \
	"$C4:$(awk '{ print $2 }' $T/half.out)"
# When it was still there the question was asked at `seen`: that bounds its end from below,
# and however slow the asking is, an end that is late shows.
gone()
{
	local asked=$EPOCHREALTIME

	[ "$(show listeners '.[0].halfopen')" != 0 ] || return 0
	seen=$asked
	return 1
}
seen=0
wait_for 15 gone || die "half-open entry stays"
t_gone=$EPOCHREALTIME
kill $DUMP
wait $DUMP 2>/dev/null || :

# 0, 1, 3, 7, 15, 31 times the RTO; the entry goes at 63
awk -v rto=$RTO -v gone="$t_gone" -v seen="$seen" '
	{ at[n++] = $1 }
	END {
		if (n != 6) { print n " SYN-ACKs instead of 6"; exit 1 }
		for (i = 1; i <= n; i++) {
			want = rto * 2 ^ (i - 1)
			got = ((i < n ? at[i] : gone) - at[i - 1]) * 1000
			line = line sprintf(" %.0f", got)
			late = (i < n ? got : (seen - at[i - 1]) * 1000) - want
			if (got < want - 5 || late > 99) bad = 1
		}
		print "ms between SYN-ACKs, and to the end:" line
		exit bad
	}' $T/synacks || die "not the back-off schedule"
eq TCPReqExpired "$(counter TCPReqExpired)" 1
eq TCPSynRetrans "$(counter TCPSynRetrans)" 5
eq "half-open rows" "$(show halfopen length)" 0
exec 9>&-
wait $HALF
loss_set 0 0

# TIME_WAIT
C curl -sS --fail -H 'Connection: close' http://$S4/bytes/10 >/dev/null
t0=$(ms)
eq "in TIME_WAIT" "$(show timewait length)" 1
num "its timer" "$(show timewait '.[0].timer.ms') <= 1500 && $(show timewait '.[0].timer.ms') > 1000"
over()
{
	local asked

	asked=$(ms)
	[ "$(show timewait length)" != 0 ] || return 0
	seen=$asked
	return 1
}
await "TIME_WAIT's end" over
took=$(($(ms) - t0))
num "TIME_WAIT of 1500 ms, over after $took ms" "$took > 1400"
num "TIME_WAIT of 1500 ms, still there after $((seen - t0)) ms" "$seen - $t0 < 1550"
syngate_stop

syngate_start --listen '*:80' --app http
C curl -sS --fail -H 'Connection: close' http://$S4/bytes/10 >/dev/null
left=$(show timewait '.[0].timer.ms')
num "TIME_WAIT's timer by default" "$left <= 60000 && $left > 59000"
say "TIME_WAIT of 1500 ms took $took ms; by default $left ms are left after a moment"
syngate_stop
