# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The set-ups that several beside_* scripts share; each compares with NAME.py beside it. Source
# it behind lib.sh.

# On :80 syngate's hold, on :8080 the kernel's: half-open entries and strays.
# beside_hold MODE QUEUES SCRIPT...
beside_hold()
{
	local mode=$1 queues=$2

	shift 2
	say "$mode mode, $queues RX queue(s)"
	net_up "$queues" pass "$mode"
	wire_routes "$queues" "$mode"
	S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4096
	syngate_start --mode "$mode" --listen '*:80' --app hold --backlog 4096 --set tcp_syncookies=0
	RC=0
	$PY "$TOP/tests/netns/$NAME.py" "$queues" "$@" || RC=$?
	syngate_stop
	ip netns del client
	ip netns del server
}

# The server's end in the test's hand, on both sides (closing.py).
beside_serve() # MODE QUEUES
{
	net_link "$2" pass "$1"
	wire_routes "$2" "$1"
	S sysctl -qw net.ipv4.tcp_syncookies=0
	syngate_start --mode "$1" --listen '*:80' --backend 127.0.0.1:9000 --backlog 64 \
		--listen '*:82' --app http --set tcp_syncookies=0
}

beside_served() # MODE QUEUES FAMILY
{
	beside_serve "$1" "$2"
	$PY "$TOP/tests/netns/$NAME.py" "$2" "$3" ||
		die "not as the kernel: $1 mode, $2 RX queue(s), IPv$3"
	syngate_stop
	ip -n client link del c0
}

# Every mode, family and number of queues; or QUEUES FAMILY SCENARIO... alone, in native mode.
beside_closing()
{
	ns_new client server
	if [ $# -gt 0 ]; then
		beside_serve native "$1"
		$PY "$TOP/tests/netns/$NAME.py" "$@" || die "not as the kernel"
		return
	fi
	beside_served native 1 4
	beside_served native 2 6
	beside_served skb 1 6
	beside_served skb 2 4
}

# The same with a server of data on :82 and :8082; the kernel with our congestion control.
beside_data()
{
	local mode=$1 queues=$2

	shift 2
	say "$mode mode, $queues RX queue(s)"
	net_up "$queues" pass "$mode"
	wire_routes "$queues" "$mode"
	S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4096
	ip -n server route replace 10.10.0.0/16 via $C4 congctl cubic
	ip -n server route replace fd10::/64 via $C6 congctl cubic
	syngate_start --mode "$mode" --listen '*:80' --app hold --backlog 4096 \
		--listen '*:82' --app http --backlog 4096 --set tcp_syncookies=0
	RC=0
	$PY "$TOP/tests/netns/$NAME.py" "$queues" "$@" || RC=$?
	syngate_stop
	ip netns del client
	ip netns del server
}
