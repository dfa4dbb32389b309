#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --app http serves a thousand requests, and the kernel's TCP in that namespace has no
# listener, opens nothing and gets no segment.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1:80 syngate --app http
. "$(dirname "$0")/../lib.sh"

kernel_tcp()
{
	S nstat -asz TcpPassiveOpens TcpActiveOpens TcpInSegs TcpOutSegs TcpOutRsts |
		awk '!/^#/ { printf "%s=%s ", $1, $2 }'
}

net_up
syngate_start --listen '*:80' --app http
before=$(kernel_tcp)
C $PY "$TOP/tests/netns/peer.py" serial $S4 80 500 /bytes/3000
C $PY "$TOP/tests/netns/peer.py" serial $S6 80 500 /bytes/3000
eq "the kernel's TCP counters" "$(kernel_tcp)" "$before"
eq "TcpPassiveOpens" "$(S nstat -asz TcpPassiveOpens | awk '/^Tcp/ { print $2 }')" 0
eq "kernel listeners" "$(S ss -Hltn)" ""
eq "PassiveOpens of syngate" "$(counter PassiveOpens)" 1000
num "InSegs of syngate" "$(counter InSegs) >= 3000"
say "the kernel: $before"
syngate_stop
