#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every setting, changed on a running daemon: its effect at once, on the wire or in the tables;
# its bounds; what listeners, half-open entries and connections that exist make of a new MTU or
# tcp_rmem; one daemon of two (settings.py). With names of settings as arguments, those alone.
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1 syngate :80 hold, :81 backlog 1, :82 echo, :83 http
#	                                       10.9.0.1:8080 and up: the kernel
#	                                    s1, nobody there: a second interface
. "$(dirname "$0")/../lib.sh"

net_up
wire_routes
ip -n server link add s1 type veth peer name p1
ip -n server link set s1 up
ip -n server link set p1 up
S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4096
syngate_start --listen '*:80' --app hold --listen '*:81' --app hold --backlog 1 \
	--listen '*:82' --app echo --listen '*:83' --app http --set tcp_syncookies=0
SYNGATE_PID=$SG_PID $PY "$TOP/tests/netns/settings.py" "$TOP/docs/settings.md" "$@" ||
	die "a setting without its effect"
syngate_stop
