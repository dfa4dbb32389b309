#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The half-open and the accept queue of syngate and of the kernel, with backlogs of 0, 1, 5 and 64:
# the same client script makes the same connections wait in both, meets the same silence, the same
# back-off (tcp_abort_on_overflow=0) or RST (1), and moves the same counters. IPv4 and IPv6, in
# native and skb mode, with one RX queue and with two (beside_queues.py).
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:1000... syngate --app hold
#	                                       10.9.0.1:2000... the kernel
. "$(dirname "$0")/../lib.sh"

# The listeners of beside_queues.py, in its order; the last two are capped by somaxconn.
listeners()
{
	local port=1000 backlog

	for backlog in 0 0 1 1 5 5 64 64 0 0 1 1 5 5 64 64 0 0 1 1 5 5 64 64 100 100; do
		printf -- '--listen *:%d --app hold --backlog %d\n' $port $backlog
		port=$((port + 1))
	done
}

# round MODE QUEUES full|brief
round()
{
	say "$1 mode, $2 RX queue(s)"
	net_up "$2" pass "$1"
	wire_routes "$2" "$1"
	S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4096
	set -f # `*` is in no file's name here
	# shellcheck disable=SC2046 # words
	syngate_start --mode "$1" --max-listeners 32 --set somaxconn=64 --set tcp_syncookies=0 $(listeners)
	set +f
	RC=0
	$PY "$TOP/tests/netns/beside_queues.py" "$2" "$3" || RC=$?
	syngate_stop
	ip netns del client
	ip netns del server
}

unhurried round native 1 full
unhurried round native 2 brief
unhurried round skb 1 brief
unhurried round skb 2 full
