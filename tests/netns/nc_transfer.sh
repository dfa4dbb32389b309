#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# syngate nc: 100 MiB both ways at once with a kernel server behind a router, IPv4 and IPv6, native
# and skb mode, one RX queue and two: the same sha256 on both sides, and the client's kernel sees
# nothing of it. The topology is in tests/nc.sh, n0 and r0 with two queues.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../nc.sh"

nc_up 2 100
blob $T/up 100
up=$(sha $T/up) down=$(sha $T/down)

# move MODE QUEUES HOST
move()
{
	local t0 t1 line

	t0=$(ms)
	N timeout 120 syngate nc -v --mode "$1" "$3:23" <$T/up 2>$T/nc.err >$T/got ||
		die "$*: $(cat $T/nc.err)"
	t1=$(ms)
	eq "$*: sha256 of what came" "$(sha $T/got)" "$down"
	line=$(said far 23)
	eq "$*: what the server got" "$(echo "$line" | cut -d' ' -f1-3)" "104857600 $up closed"
	nothing_left "$*"
	say "$1, $2 queue(s), $3: 100 MiB each way in $((t1 - t0)) ms"
}

for queues in 2 1; do
	N ethtool -L n0 rx $queues tx $queues
	in_ns router ethtool -L r0 rx $queues tx $queues
	for mode in native skb; do
		move $mode $queues $F4
		move $mode $queues "[$F6]"
	done
done
num "segments that the client's kernel saw" "$(mib TcpInSegs) == 0"
num "segments that it sent" "$(mib TcpOutSegs) == 0 && $(mib TcpOutRsts) == 0"

# the server's segments come in on either queue, whatever worker has the connection
N ethtool -L n0 rx 2 tx 2
in_ns router ethtool -L r0 rx 2 tx 2
mkfifo $T/fifo
passed=0 own=0
echo one >$T/one
for try in $(seq 16); do
	N syngate nc $F4:7 <$T/fifo >$T/out 2>$T/nc.err &
	pid=$!
	exec 5>$T/fifo
	echo one >&5
	await "the echo" cmp $T/out $T/one
	if [ "$(counter Forwarded)" -gt 0 ]; then passed=$((passed + 1)); else own=$((own + 1)); fi
	exec 5>&-
	await "the end" ended $pid
	wait $pid || die "try $try: $(cat $T/nc.err)"
done
num "connections with segments on each queue" "$passed > 0 && $own > 0"
say "of 16 connections $passed had segments on the other worker's queue, $own on their own"
