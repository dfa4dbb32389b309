#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The pinned listeners, queues, counters and settings read well with bpftool alone: named
# fields, ports and limits as people write them, and the right values.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1 syngate   :80 http   :81 hold
. "$(dirname "$0")/../lib.sh"

# dump MAP JQ-EXPRESSION
dump() { bpftool -j map dump pinned $PINS/s0/"$1" | jq -r "$2"; }

net_up
syngate_start --listen '*:80' --app http --listen $S4:81 --app hold --backlog 3 \
	--syn-backlog 7 --set timewait_ms=45000
C $PY "$TOP/tests/netns/peer.py" serial $S4 80 5 /bytes/10
mkfifo $T/hold
C $PY "$TOP/tests/netns/peer.py" half $S4 81 2 <$T/hold >$T/half.out &
HALF=$!
exec 9>$T/hold
held() { [ "$(show listeners '[.[] | select(.port == 81)][0].acceptq')" = 2 ]; }
await "two in the accept queue" held

eq "ports of listeners" "$(dump listeners '[.[].formatted.key.port] | sort | join(" ")')" "80 81"
eq "wildcard address" \
	"$(dump listeners '.[].formatted | select(.key.port == 80) | [.key.addr.addr[] | tonumber] | add')" 0
eq "state of a listener is named" "$(dump listeners '.[0].formatted.value.state')" SG_LISTENER_OPEN
id=$(dump listeners '.[].formatted | select(.key.port == 81) | .value.id')
queue() { dump queues ".[$id].formatted.value.$1"; }
eq "queues[$id].port" "$(queue port)" 81
eq "queues[$id].acceptq" "$(queue acceptq)" 2
eq "queues[$id].halfopen" "$(queue halfopen)" 0
eq "queues[$id].backlog" "$(queue backlog)" 3
eq "queues[$id].syn_backlog" "$(queue syn_backlog)" 7
eq "queues[$id].PassiveOpens" "$(queue PassiveOpens)" 2
eq "SynAckSent in counters" \
	"$(dump counters '[.[0].formatted.values[].value.SynAckSent] | add')" 7
eq "... as in show counters" "$(counter SynAckSent)" 7
eq "timewait_ms in settings" "$(dump settings '.[0].formatted.value.timewait_ms')" 45000
eq "somaxconn in settings" "$(dump settings '.[0].formatted.value.somaxconn')" 4096
eq "netns in settings" "$(dump settings '.[0].formatted.value.netns')" \
	"$(S stat -Lc %i /proc/self/ns/net)"
eq "ifindex in settings" "$(dump settings '.[0].formatted.value.ifindex')" \
	"$(ip -n server -j link show s0 | jq '.[0].ifindex')"
num "heartbeat of a worker" "$(dump workers '.[0].formatted.value.heartbeat') > 0"
# without -j, as a person would look
bpftool map dump pinned $PINS/s0/queues >$T/view
grep -q '"acceptq": 2' $T/view || die "queues do not read well"
syngate set somaxconn=128 >/dev/null
eq "set shows in the map" "$(dump settings '.[0].formatted.value.somaxconn')" 128
exec 9>&-
wait $HALF
syngate_stop
