#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Floods of every kind, IPv4 then IPv6, SECONDS_EACH (5) a kind and RATE (20000) frames a second.
# Beside each a hundred clients a second that nobody has seen before, and two connections that are
# there all the time. No client fails nor needs a second SYN; each frame that arrived is counted once
# and as what it was; what the daemon has grown by afterwards is nothing.
#
#	client                               server
#	  synload, on c0 10.9.0.2 fd09::2 -- s0 10.9.0.1 fd09::1 syngate
#	    from 198.18.0.0/15, 2001:2::/48      :80 -> nginx 127.0.0.1:8080   :82 echo
#	  strangers, from 10.2.0.0/16, fd02::/64
#	  two connections to :82
#
#	tests/netns/floods.sh [KIND...]      some of them, in their order below: who has sent cookies
#	                                     of late looks at strays. `make soak`: all, for 60 s each
. "$(dirname "$0")/../lib.sh"
alone
PEER="$PY $TOP/tests/netns/peer.py"
SECONDS_EACH=${SECONDS_EACH:-5} RATE=${RATE:-20000}
CLIENT_RATE=50 # new connections a second, of each family
RSS_MORE=2048  # kB that the daemon may have more than before the floods: what "show" leaves behind
# The sanitizer's allocator gives nothing back at once.
export ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64
KINDS=${*:-ack rst fin synack data fragment land bogus checksum syn cookies prefix mixed}

# --- the rig --------------------------------------------------------------------------------

install -m 0755 "$O/synload" "$O/tests/bench/strangers" /run/bin
net_up 1 none # synload has a program of its own for c0
ip -n client route add local 10.2.0.0/16 dev lo
ip -n client -6 route add local fd02::/64 dev lo
for prefix in 10.2.0.0/16 198.18.0.0/15; do ip -n server route add $prefix via $C4; done
for prefix in fd02::/64 2001:2::/48; do ip -n server -6 route add $prefix via $C6; done
mkdir -p $T/www
head -c 1000 /dev/urandom >$T/www/page
nginx_start 8080

# What ends here must go soon: TIME_WAIT, half-open entries. Who waits for a processor is not dead.
syngate_start --listen '*:80' --backend 127.0.0.1:8080 --syn-backlog 1024 --listen '*:82' --app echo \
	--set timewait_ms=100 --set synack_rto_ms=250 --set tcp_synack_retries=2 --set heartbeat_ms=2000

bpftool -j map dump pinned $PINS/s0/counters |
	jq '.[0].formatted.values[0].value | keys' >$T/verdicts

# --- what is counted ------------------------------------------------------------------------

# device NS DEV NAME: a counter of ethtool's, of all queues
device()
{
	in_ns "$1" ethtool -S "$2" | awk -v n="_$3:" 'index($1, n) { s += $2 } END { print s + 0 }'
}
mib() { C nstat -asz "$1" | awk 'END { print $2 }'; }
dropped() { ip -n "$1" -s -j link show "$2" | jq '.[0].stats64 | .tx.dropped + .rx.dropped'; }
rss() { awk '/^VmRSS/ { print $2 }' /proc/$SG_PID/status; }

# Frames that a full ring of the veth swallowed: neither end's program saw them.
lost()
{
	echo $(($(device client c0 xdp_xmit_errors) + $(device server s0 xdp_tx_errors) +
		$(dropped client c0) + $(dropped server s0)))
}

# snapshot FILE: of a moment in which nothing arrived
snapshot()
{
	local arrived

	arrived=$(device server s0 xdp_packets)
	syngate show counters -j | jq -c --slurpfile names $T/verdicts \
		--argjson arrived "$arrived" --argjson lost "$(lost)" \
		--argjson segments "$(mib TcpOutSegs)" --argjson again "$(mib TcpExtTCPSynRetrans)" \
		--argjson retrans "$(mib TcpRetransSegs)" \
		'{verdicts: with_entries(select(IN(.key; $names[0][]))),
			arrived: $arrived, lost: $lost, segments: $segments, again: $again, retrans: $retrans}' >"$1"
	[ "$arrived" = "$(device server s0 xdp_packets)" ]
}

# --- clients --------------------------------------------------------------------------------

# talk FD HOST: a connection that is there all the time. What it is told on FD it must hear again.
talk()
{
	mkfifo $T/talk$1
	C $PEER talk $2 82 <$T/talk$1 >$T/talk$1.out 2>$T/talk$1.err &
	TALK="$TALK $!"
}
TALK='' TOLD=0
talk 8 $S4
exec 8>$T/talk8
talk 9 $S6
exec 9>$T/talk9

# It goes on while $T/talking is there, and says how many lines it was.
LINE=$(printf '%01000d' 0)
talk_on()
{
	local n=0

	while [ -e $T/talking ]; do
		echo $LINE >&8
		echo $LINE >&9
		n=$((n + 1))
		read -rt 0.02 <>$T/never || :
	done
	echo $n >$T/talked
}
heard() { [ "$(grep -c same $T/talk8.out) $(grep -c same $T/talk9.out)" = "$TOLD $TOLD" ]; }

# clients SECONDS RATE: of each family, each from an address of its own, and none fails
STRANGER=256
clients()
{
	local p p4 p6

	C strangers $S4 80 10.2.$((STRANGER / 256)).$((STRANGER % 256)) $2 $1 20 >$T/clients4 &
	p4=$!
	C strangers $S6 80 "$(printf 'fd02::%x' $STRANGER)" $2 $1 20 >$T/clients6 &
	p6=$!
	for p in $p4 $p6; do wait $p || die "strangers"; done
	jq -se 'all(.done == .begun)' $T/clients4 $T/clients6 >/dev/null ||
		die "clients failed: $(cat $T/clients4 $T/clients6)"
	STRANGER=$((STRANGER + $(jq .begun $T/clients4)))
	cat $T/clients4 $T/clients6 >>$T/clients
}

# --- floods ---------------------------------------------------------------------------------

# load_of KIND FAMILY: synload's arguments
load_of()
{
	local one=198.18.7.0/24

	[ "$2" = 4 ] || one=2001:2:0:7::/64
	case $1 in
	data) echo "data --from $one --size 400" ;;
	prefix) echo "syn --from $one" ;;
	cookies) echo syn ;;
	checksum) echo syn --bad-checksum ;;
	*) echo "$1" ;;
	esac
}

flooded() { C ip -d link show c0 | grep -q prog/xdp; }

# flood KIND FAMILY
flood()
{
	local to=$S4 load

	[ "$2" = 4 ] || to="[$S6]"
	# shellcheck disable=SC2046 # a list of words
	nsenter --net=/run/netns/client nice -n 5 synload c0 $(load_of "$1" "$2") --to "$to:80" \
		--rate $FLOOD_RATE --time 600 -j >$T/load$2 2>$T/load.err &
	load=$!
	await "the flood" flooded
	clients "$(awk "BEGIN { print $SECONDS_EACH / 2 }")" $CLIENT_RATE
	kill -TERM $load
	await "the flood's end" ended $load
	wait $load || die "synload"
	num "$1, IPv$2: frames, whatever else this machine does" "$(jq .sent $T/load$2) >= 2000"
}

# Nothing is left but the two connections.
quiet()
{
	[ "$(show conns length) $(show timewait length) $(show listeners 'map(.halfopen) | add')" = "2 0 0" ]
}

# beside KIND: a flood and its clients. RC 75: frames were lost on the way, so it cannot be told.
beside()
{
	local v talking

	: >$T/clients
	: >$T/talking
	talk_on &
	talking=$!
	for v in 4 6; do flood "$1" $v; done
	rm $T/talking
	wait $talking
	TOLD=$((TOLD + $(cat $T/talked)))
	await "what was said on connections that were there before" heard
	await "an end of all that is half-open or in TIME_WAIT" quiet
	[ ! -e $T/after ] || mv $T/after $T/before
	await "a quiet moment" snapshot $T/after
	RC=0
	$PY "$TOP/tests/netns/floods.py" "$1" $T >$T/wrong || RC=1
	[ $RC = 0 ] || [ "$(jq .lost $T/after)" = "$(jq .lost $T/before)" ] || RC=75
	[ $RC != 1 ] || die "$1: $(cat $T/wrong $T/load4 $T/load6 $T/clients)"
	FLOOD_RATE=$((FLOOD_RATE / 2)) # of another try
}

rss_is_flat() { [ "$(rss)" -le $((RSS + RSS_MORE)) ]; }

# The daemon's memory is as large as it had to be at one time, and its tables are touched bit by bit.
# So at first there is more at once than will be again: half-open entries (of port 82, so that port 80
# has sent no cookies), and some hundreds of clients whose server does not answer.
warm_up()
{
	local to

	for to in $S4 "[$S6]"; do
		C synload c0 syn --to $to:82 --rate 20000 --time 0.5 >$T/load || die "synload"
	done
	xdp_pass client c0
	kill -STOP $NGINX_PID
	clients 3 1000 &
	await "a crowd of connections" crowd
	kill -CONT $NGINX_PID
	wait $! || die "clients before the floods"
	STRANGER=$((STRANGER + 3000))
	C ip link set dev c0 xdp off
	await "an end of all that is half-open or in TIME_WAIT" quiet
}
crowd() { [ "$(show conns length)" -ge 300 ]; }

warm_up
RSS=$(rss)
say "before: $RSS kB"
await "a quiet moment" snapshot $T/before
for kind in $KINDS; do
	case $kind in
	cookies | mixed) syngate set tcp_syncookies=2 >/dev/null ;;
	*) syngate set tcp_syncookies=1 >/dev/null ;;
	esac
	FLOOD_RATE=$RATE
	unhurried beside $kind
	rss_is_flat || die "$kind: the daemon has $(rss) kB, and had $RSS"
	say "$kind: $(jq -s 'map(.sent) | add' $T/load4 $T/load6) frames," \
		"$(jq -s 'map(.begun) | add' $T/clients) clients," \
		"$(jq -s '.[1].retrans - .[0].retrans' $T/before $T/after) segments sent again, $(rss) kB"
done

exec 8>&- 9>&-
for p in $TALK; do wait $p || die "a connection broke"; done
gone() { [ "$(show conns length)" = 0 ]; }
await "an end of both connections" gone
syngate_stop
grep -vE '^syngate: (warning|notice): s0' $T/run.err >$T/odd || :
[ ! -s $T/odd ] || die "it said: $(head -20 $T/odd)"
