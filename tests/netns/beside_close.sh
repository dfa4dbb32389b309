#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Closing in every order, and in none: FIN_WAIT_2, data after close, RSTs in each state, a listener
# that goes: beside a kernel listener of the same host (beside_close.py). In native and skb
# mode, IPv4 and IPv6, on one RX queue and on two, each pair on both.
. "$(dirname "$0")/../lib.sh"

# With QUEUES FAMILY SCENARIO... as arguments: those alone, in native mode.
serve() # MODE QUEUES
{
	net_link "$2" pass "$1"
	wire_routes "$2" "$1"
	S sysctl -qw net.ipv4.tcp_syncookies=0
	syngate_start --mode "$1" --listen '*:80' --backend 127.0.0.1:9000 --backlog 64 \
		--listen '*:82' --app http
}

round() # MODE QUEUES FAMILY
{
	serve "$1" "$2"
	$PY "$TOP/tests/netns/beside_close.py" "$2" "$3" ||
		die "not as the kernel: $1 mode, $2 RX queue(s), IPv$3"
	syngate_stop
	ip -n client link del c0
}

ns_new client server
if [ $# -gt 0 ]; then
	serve native "$1"
	$PY "$TOP/tests/netns/beside_close.py" "$@" || die "not as the kernel"
	exit
fi
round native 1 4
round native 2 6
round skb 1 6
round skb 2 4
