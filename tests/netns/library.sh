#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs on libsyngate: what their descriptors mean, the accept queue of a slow one, programs that die, that
# are wrong or hostile; a daemon that dies. With one and with two RX queues.
#
#	client                              server
#	  c0 10.9.0.2 fd09::2 ------------ s0 10.9.0.1 fd09::1   syngate *:80
#	  library.py, client and program                         *:7000 the program's
. "$(dirname "$0")/../lib.sh"
export LIBSYNGATE=$O/libsyngate.so SG_DAEMON
# with the sanitizers, python needs theirs first; what it leaks itself is not ours
ASAN=$(ldd "$LIBSYNGATE" | awk '/libasan/ { print $3 }')

try()
{
	C env ${ASAN:+LD_PRELOAD=$ASAN ASAN_OPTIONS=detect_leaks=0} \
		$PY "$TOP/tests/netns/library.py" "$@" >$T/library.out ||
		die "library.py, behind: $(tail -n 1 $T/library.out)"
}

# a way that syngate has nothing to do with; and somebody who does not answer
elsewhere()
{
	S ip link add x0 type veth peer name x1
	S ip addr add 10.10.0.1/24 dev x0
	S ip link set x0 up
	S ip link set x1 up
	C nft add table inet silent
	C nft add chain inet silent in '{ type filter hook input priority 0; }'
	C nft add rule inet silent in tcp dport 9998 drop
}

for queues in 1 2; do
	if [ $queues = 1 ]; then
		net_up 1
		elsewhere
	else
		ip -n server link del s0
		net_link 2
	fi
	syngate_start --listen '*:80' --app http
	SG_DAEMON=$SG_PID
	try streams half_close options cork facts facts_in_children back_pressure resets not_blocking \
		queue batch out_of_descriptors abort_on_overflow close_listener \
		connects connects_fail connects_at_once connected_dies \
		killed exits_in_order forked wrong_use unprivileged hostile descriptors
	say "$queues RX queues: $(wc -l <$T/library.out) parts"
	export SG_QUEUES=$queues
	SG_RINGS=1 try streams half_close options cork facts back_pressure resets not_blocking events shut_for_reading in_order queue abort_on_overflow \
		close_listener exhausted reused killed killed_closed exits_in_order wrong_use wrong_rings bounded child_refused hostile_rings hostile_at_once hostile_awake descriptors
	say "$queues RX queues, rings: $(wc -l <$T/library.out) parts"
	syngate_stop
done
ip -n server link del s0
net_link 8
syngate_start --listen '*:80' --app http
SG_DAEMON=$SG_PID SG_QUEUES=8
SG_RINGS=1 try streams in_order reused
syngate_stop
say "8 RX queues, rings: $(wc -l <$T/library.out) parts"
ip -n server link del s0
net_link 2
syngate_start --listen '*:80' --app http
SG_DAEMON=$SG_PID
try daemon_dies
wait $SG_PID 2>/dev/null || :
syngate_start --listen '*:80' --app http
SG_DAEMON=$SG_PID
try streams
syngate_stop
syngate_start --listen '*:80' --app http
SG_DAEMON=$SG_PID
SG_RINGS=1 try daemon_dies
wait $SG_PID 2>/dev/null || :
syngate_start --listen '*:80' --app http
syngate_stop
say "a daemon that dies is noticed, and the next one serves"
