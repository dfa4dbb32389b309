#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 and a new daemon under wrk: it serves within a second; who was half open before
# gets the same SYN-ACK again, in its time, or completes, and nobody of them is ever reset;
# who was connected is. In native and skb mode, with either fail_policy, on two RX queues.
# Then kill -9 again and again in a storm of handshakes: both tables are whole afterwards.
#
#	client                                server
#	  c0 10.9.0.2 == 2 queues ==========  s0 10.9.0.1 syngate, 2 workers
#	  wrk, connect(), raw clients           :80 -> nginx 127.0.0.1:8080   :83 echo
. "$(dirname "$0")/../lib.sh"

net_up 2
wire_routes 2
nginx_start 8080
head -c 1000 /dev/urandom >$T/www/page
outage() { C $PY "$TOP/tests/netns/outage.py" "$@" || die "$*"; }

outage restart --mode native --policy hold
outage restart --mode skb --policy pass
outage restart --mode native --policy pass
outage storm --mode native --rounds 6
outage storm --mode skb --rounds 3
[ ! -e $PINS ] || die "pins are left: $(find $PINS)"
