#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Closing in every order, and in none: FIN_WAIT_2, data after close, RSTs in each state, a listener
# that goes: beside a kernel listener of the same host (beside_close.py). IPv4 on one RX queue;
# IPv6 on two, each pair on both.
. "$(dirname "$0")/../lib.sh"

serve() # QUEUES
{
	net_link "$1"
	wire_routes "$1"
	S sysctl -qw net.ipv4.tcp_syncookies=0
	syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backlog 64 \
		--listen '*:82' --app http
}

ns_new client server
if [ $# -gt 0 ]; then # QUEUES FAMILY SCENARIO...: some of it
	serve "$1"
	$PY "$TOP/tests/netns/beside_close.py" "$@" || die "not as the kernel"
	exit
fi
serve 1
$PY "$TOP/tests/netns/beside_close.py" 1 4 || die "not as the kernel, IPv4"
syngate_stop
ip -n client link del c0
rm -f /sys/fs/bpf/queue_pick
serve 2
$PY "$TOP/tests/netns/beside_close.py" 2 6 || die "not as the kernel, IPv6, two queues"
syngate_stop
