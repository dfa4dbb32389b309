#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Closing in every order: client first, server first, both at once, half-close both ways,
# RST: the states at both ends are right at each step (states.py), and the built-in
# applications lose nothing when they close.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1 syngate
#	  loss.bpf.c holds                   :80  -> states.py 127.0.0.1:9000
#	  segments back                      :81  -> 127.0.0.1:9 (nobody)
#	                                     :82 http  :83 echo  :84 discard
. "$(dirname "$0")/../lib.sh"

net_up 1 loss
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --listen '*:81' --backend 127.0.0.1:9 \
	--listen '*:82' --app http --listen '*:83' --app echo --listen '*:84' --app discard
for host in $S4 $S6; do
	$PY "$TOP/tests/netns/states.py" $host 80 9000 81 || die "wrong state"
done

# closed by the server, by the client, and by the client in the middle of an upload
tw0=$(show timewait length)
C $PY "$TOP/tests/netns/peer.py" serial $S4 82 20 /bytes/1000
eq "TIME-WAIT is on the side that closed first: here" $(($(show timewait length) - tw0)) 20
C $PY "$TOP/tests/netns/peer.py" echo $S4 83 8 1000000
C $PY "$TOP/tests/netns/peer.py" echo $S6 83 8 1000000
head -c 1000000 /dev/urandom | C nc -N $S4 84
# a port that is used again right behind a RST: the SYN may overtake the end of the flow
for host in $S4 $S6; do
	C $PY "$TOP/tests/netns/peer.py" again $host 83 200
done
mid() { [ "$(show conns length)" = 0 ]; }
await "every connection to end" mid
eq "rows of show timewait in another state" \
	"$(show timewait '[.[] | select(.state != "TIME-WAIT")] | length')" 0
syngate_stop
