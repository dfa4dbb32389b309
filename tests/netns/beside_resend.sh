#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Half-open entries at full length, on syngate and on kernel listeners of the same host at the same
# time: SYN-ACKs at 0, 1, 3, 7, 15, 31 s and the end at 63 s; old entries that lose retries when
# half of the queue is theirs; the last quarter, which strangers do not get (beside_resend.py).
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1 syngate: 80 hold, 81 hold --backlog 16,
#	                                                         82 http, in the last quarter
#	                                       8080, 8081, 8082: the kernel
. "$(dirname "$0")/../lib.sh"

net_up 2
wire_routes 2
S sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=64
syngate_start --listen '*:80' --app hold --backlog 1024 --listen '*:81' --app hold --backlog 16 \
	--listen '*:82' --app http --backlog 1024 --set tcp_max_syn_backlog=64 --set tcp_syncookies=0
$PY "$TOP/tests/netns/beside_resend.py" || die "not as Linux does it"
syngate_stop
