#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Data at the edges: options of segments in a connection, old timestamps, the window's end, what is
# urgent, what a sender makes of MSS, window scale, silence and loss; beside a kernel listener of
# the same host (beside_edges.py). Both with CUBIC, whatever the host's default is. In native mode
# with one RX queue; and in skb mode with two what does not wait for timers.
#
#	beside_edges.sh [QUEUES FAMILY SCENARIO...]     in native mode
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

# edges MODE QUEUES FAMILY [SCENARIO...]
edges()
{
	local mode=$1

	shift
	beside_serve "$mode" "$1"
	S ip route replace 10.10.0.0/16 via $C4 congctl cubic
	S ip route replace fd10::/64 via $C6 congctl cubic
	# the client's own kernel is not to say that it has no way there: that undoes a back-off (RFC 6069)
	C ip route replace blackhole 10.10.0.0/16
	C ip route replace blackhole fd10::/64
	S ethtool -K s0 gso off tso off >/dev/null
	RC=0
	$PY "$TOP/tests/netns/$NAME.py" "$@" || RC=$?
	syngate_stop
	ip -n client link del c0
}

ns_new client server
if [ $# -gt 0 ]; then
	unhurried edges native "$@"
	exit
fi
unhurried edges native 1 4
unhurried edges skb 2 6 options_afterwards options_not_agreed_on old_timestamps echoes overlaps \
	urgent beyond_the_window zero_window delayed window_updates loss duplicates first_duplicate
