#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Linux's order of checks on what arrives for a half-open entry: each segment to syngate and to
# a kernel listener, and the answers, the states and the counters are the same
# (beside_final_ack.py). With names of its scripts as arguments, those only, with their records.
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:80 syngate --app hold
#	                                       10.9.0.1:8080 the kernel
. "$(dirname "$0")/../lib.sh"

# round MODE QUEUES SCRIPT...
round()
{
	local mode=$1 queues=$2

	shift 2
	say "$mode mode, $queues RX queue(s)"
	net_up "$queues" pass "$mode"
	wire_routes "$queues" "$mode"
	S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4096
	syngate_start --mode "$mode" --listen '*:80' --app hold --backlog 4096
	RC=0
	$PY "$TOP/tests/netns/beside_final_ack.py" "$queues" "$@" || RC=$?
	syngate_stop
	ip netns del client
	ip netns del server
}

unhurried round native 1 "$@"
unhurried round skb 2 "$@"
