#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The table of malformed frames (tests/bpf/malformed.h) to a running syngate, natively and in
# generic mode, from a raw socket (inject.c): each is counted under its verdict and by nothing
# else, `show counters` says the same, connections go on, and new ones are accepted.
#
#	client                            server
#	  c0 10.9.0.2 fd09::2 ----------- s0 10.9.0.1 fd09::1 syngate
#	     10.9.0.77 fd09::77 inject        :80 hold  :82 echo  :83 http
. "$(dirname "$0")/../lib.sh"
PEER="$PY $TOP/tests/netns/peer.py"

net_up
S ethtool -K s0 tx off tso off gso off gro off >/dev/null
MAC=$(ip -n server -j link show s0 | jq -r '.[0].address')

talk() # NUMBER HOST: a connection that is asked for an echo now and then
{
	mkfifo $T/talk$1
	C $PEER talk $2 82 <$T/talk$1 >$T/talk$1.out 2>$T/talk$1.err &
	TALK[$1]=$!
}
said() { [ "$(grep -c same $T/talk$1.out)" = "$2" ]; }

counters() { syngate show counters -j >$T/$1; }

# What the frames must have added; where the client's kernel sends too, at least that.
judge()
{
	jq -n --slurpfile a $T/before --slurpfile b $T/after --slurpfile w $T/want '
		$w[0] | to_entries[] | .got = $b[0][.key] - $a[0][.key]
		| select(if .key | IN("PassNotTcp", "PassNotLocal") then .got < .value
			 else .got != .value end)
		| "\(.key) +\(.got), not +\(.value)"' >$T/wrong
	[ ! -s $T/wrong ] || die "show counters: $(cat $T/wrong)"
}

hostile() # MODE
{
	syngate_start --mode $1 --listen '*:80' --app hold --listen '*:82' --app echo \
		--listen '*:83' --app http
	eq "mode" "$(syngate status -j | jq -r '.[0].mode')" $1
	talk 8 $S4
	exec 8>$T/talk8
	talk 9 $S6
	exec 9>$T/talk9
	for c in 8 9; do
		echo before >&$c
		await "the echo on a connection" said $c 1
	done
	counters before
	C "$O/tests/netns/inject" c0 "$MAC" $PINS/s0 >$T/want || die "inject, $1"
	counters after
	judge
	for c in 8 9; do
		echo after >&$c
		await "the echo on a connection that was there before" said $c 2
	done
	exec 8>&- 9>&-
	for c in 8 9; do
		wait ${TALK[$c]} || die "a connection broke: $(cat $T/talk$c.err)"
		rm $T/talk$c
	done
	C $PEER echo $S4 82 8 100000 >/dev/null
	C $PEER echo $S6 82 8 100000 >/dev/null
	C $PEER serial $S4 83 20 /bytes/1000 >/dev/null
	say "$1: $(jq '[.[]] | add' $T/want) counts as expected, $(jq .InErrs $T/want) errors"
	syngate_stop
}

hostile native
hostile skb
