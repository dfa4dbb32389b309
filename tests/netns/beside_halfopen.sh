#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Half-open entries on syngate and on the kernel, a minute long, in the mixtures that matter:
# Linux's pruning with more and fewer young entries, repeated SYNs that start a timer anew, and
# who gets into the last quarter and who does not (beside_halfopen.py).
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:1000... syngate --app hold
#	                                       10.9.0.1:2000... the kernel
. "$(dirname "$0")/../lib.sh"

# The listeners of beside_halfopen.py, in its order; who wants to be proven goes to `discard`.
listeners()
{
	local port

	for port in {1000..1015}; do
		printf -- '--listen *:%d --app hold --backlog 16\n' "$port"
	done
	for port in 1016 1018; do
		printf -- '--listen *:%d --app hold --backlog 4096\n' $port
		printf -- '--listen *:%d --app discard --backlog 16\n' $((port + 1))
	done
}

round()
{
	net_up 2
	wire_routes 2
	S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=64
	set -f # `*` is in no file's name here
	# shellcheck disable=SC2046 # words
	syngate_start --max-listeners 32 --set tcp_max_syn_backlog=64 --set tcp_syncookies=0 $(listeners)
	set +f
	RC=0
	$PY "$TOP/tests/netns/beside_halfopen.py" 2 || RC=$?
	syngate_stop
	ip netns del client
	ip netns del server
}

unhurried round
