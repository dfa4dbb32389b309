#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 10,000 connections one after another and 64 in parallel for 10 s through --backend, each
# with Connection: close: no request fails, and nothing is left in any queue.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate -> nginx 127.0.0.1:8080
. "$(dirname "$0")/../lib.sh"

net_up
nginx_start 8080
head -c 1000 /dev/urandom >$T/www/page
syngate_start --listen '*:80' --backend 127.0.0.1:8080

C $PY "$TOP/tests/netns/peer.py" serial $S4 80 10000 /page
eq "SYN-ACKs not resent: PassiveOpens" "$(counter PassiveOpens)" 10000
eq "resets" "$(counter EstabResets)" 0 # wrk will cut its connections off when its time is over

C wrk -t2 -c64 -d10s --timeout 5s -H 'Connection: close' http://$S4/page >$T/wrk.out
grep -E 'requests in|Socket errors|Non-2xx' $T/wrk.out
! grep -E 'Socket errors|Non-2xx' $T/wrk.out || die "wrk saw failed requests"
num "wrk's requests" "$(awk '/requests in/ { print $1 }' $T/wrk.out) > 5000"
C wrk -t2 -c64 -d3s --timeout 5s -H 'Connection: close' "http://[$S6]/page" >$T/wrk6.out
grep -E 'requests in|Socket errors|Non-2xx' $T/wrk6.out
! grep -E 'Socket errors|Non-2xx' $T/wrk6.out || die "wrk saw failed requests over IPv6"

idle() { [ "$(syngate show conns -j | jq length)" = 0 ]; }
wait_for 20 idle || die "connections that never end: $(syngate show conns -j)"
eq "left half open" "$(show listeners '.[0].halfopen')" 0
eq "left in the accept queue" "$(show listeners '.[0].acceptq')" 0
for c in ConnTableFull FlowTableFull ListenDrops TCPAbortOnTimeout NoWorkerSocket \
	HalfOpenBucketFull; do
	eq $c "$(counter $c)" 0
done
syngate_stop
