#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Segments that belong to no connection, and segments that an established one does not
# want: RST, challenge ACK or silence, the same from syngate as from the kernel, with the same
# numbers and counters (beside_strays.py). With names of its scripts as arguments, those only,
# with their records.
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
	$PY "$TOP/tests/netns/beside_strays.py" "$queues" "$@" || die "not as Linux does it"
	syngate_stop
	ip netns del client
	ip netns del server
}

round native 2 "$@"
round skb 1 "$@"
