#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Files both ways over a path that loses, reorders and duplicates: the same sha256, and how fast,
# beside the same nginx on the kernel's own TCP, over the same path in turns.
#
#	client        path: 4 ms round trip, 400 Mbit/s       server
#	  c0 ---- p0 (path.c: loss, reorder, twice) p1 ------ s0 :80 syngate -> nginx 127.0.0.1:8080
#	                                                          10.9.0.1:8080 nginx
#
#	lossy.sh                    10 MiB at 1 % loss (make check)
#	lossy.sh full               100 MiB at 0.1, 1 and 5 % loss; a line each
. "$(dirname "$0")/../lib.sh"
MIB=10 RATES=100 ROUNDS=3 LEAST=0.6
[ "${1:-}" != full ] || { MIB=100 RATES='10 100 500' ROUNDS=1 LEAST=0; }

# The path between the two, made anew for each transfer: the same seed loses the same segments.
path_start() # LOSS SEED
{
	nsenter --net=/run/netns/path "$O/tests/netns/path" p0 p1 delay=2000 rate=400 queue=256 loss="$1" \
		dup=20 reorder=50 hold=1000 seed="$2" >$T/path.out &
	PATH_PID=$!
	await "the path" grep -q ready $T/path.out
}
path_stop() { kill $PATH_PID; wait $PATH_PID || :; [ -z "${V:-}" ] || cat $T/path.out; }

# transfer DOWN|UP PORT LOSS SEED: leaves MS
transfer()
{
	local t0

	path_start "$3" "$4"
	t0=$(ms)
	if [ "$1" = down ]; then
		C curl -sS --fail -m 300 -o $T/got "http://$S4:$2/down"
		MS=$(($(ms) - t0))
		eq "sha256, down, port $2, loss $3" "$(sha $T/got)" "$down"
	else
		rm -f $T/www/put/up
		C curl -sS --fail -m 300 -T $T/up "http://$S4:$2/put/up"
		MS=$(($(ms) - t0))
		eq "sha256, up, port $2, loss $3" "$(sha $T/www/put/up)" "$up"
	fi
	path_stop
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

ns_new client path server
veth client c0 path p0
veth path p1 server s0
dev_up client c0 $C4/24
dev_up server s0 $S4/24
for end in 'client c0' 'path p0' 'path p1' 'server s0'; do
	# shellcheck disable=SC2086 # two words
	set -- $end
	in_ns "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
	ip -n "$1" link set "$2" up
done
xdp_pass path p1 # or what syngate sends with XDP_TX does not arrive
path_start 0 1
await "the link" C ping -nqc1 -W1 $S4
path_stop
# the same algorithm on both sides, whatever the host's default is
S ip route replace 10.9.0.0/24 dev s0 src $S4 congctl cubic
C ip route replace 10.9.0.0/24 dev c0 src $C4 congctl cubic
nginx_start 8080
blob $T/www/down $MIB
blob $T/up $MIB
down=$(sha $T/www/down) up=$(sha $T/up)
syngate_start --listen '*:80' --backend 127.0.0.1:8080

for loss in $RATES; do
	for way in down up; do
		: >$T/ours
		: >$T/theirs
		for seed in $(seq "$ROUNDS"); do
			transfer $way 80 "$loss" "$seed"
			echo $MS >>$T/ours
			transfer $way 8080 "$loss" "$seed"
			echo $MS >>$T/theirs
		done
		ours=$(median <$T/ours) theirs=$(median <$T/theirs)
		say "$MIB MiB $way at $((loss / 100)).$((loss / 10 % 10)) % loss: syngate $ours ms," \
			"kernel $theirs ms, goodput ratio" \
			"$(awk "BEGIN { printf \"%.2f\", $theirs / $ours }")"
		num "goodput beside the kernel's, $way, loss $loss" "$theirs / $ours >= $LEAST"
	done
done
say "syngate: $(syngate show counters | awk '/RetransSegs|TCPSackRecovery|TCPTimeouts|TCPLossProbes |Undo|SpuriousRTO|DSACK/ && $2 { printf "%s %s, ", $1, $2 }')"
syngate_stop
