#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same work in generic (skb) mode, for drivers without native XDP.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate --mode skb -> nginx 127.0.0.1:8080
. "$(dirname "$0")/../lib.sh"

net_up
S ethtool -K s0 tx off tso off gso off gro off >/dev/null
nginx_start 8080
blob $T/www/down 10
blob $T/up 10
syngate_start --mode skb --listen '*:80' --backend 127.0.0.1:8080
eq "mode" "$(syngate status -j | jq -r '.[0].mode')" skb
S ip -d link show s0 | grep -q 'xdpgeneric' || die "not attached in generic mode"
head -c 1000 $T/www/down >$T/www/page
C $PY "$TOP/tests/netns/peer.py" serial $S4 80 1000 /page
C $PY "$TOP/tests/netns/peer.py" serial $S6 80 1000 /page
C wrk -t2 -c16 -d3s --timeout 5s -H 'Connection: close' http://$S4/page >$T/wrk.out
grep -E 'requests in|Socket errors|Non-2xx' $T/wrk.out
! grep -E 'Socket errors|Non-2xx' $T/wrk.out || die "wrk saw failed requests"
C curl -sS --fail -m 60 -o $T/got http://$S4/down
eq "sha256 down" "$(sha $T/got)" "$(sha $T/www/down)"
C curl -sS --fail -m 60 -T $T/up http://$S4/put/up
eq "sha256 up" "$(sha $T/www/put/up)" "$(sha $T/up)"
syngate_stop
