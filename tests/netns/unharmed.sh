#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is not ours passes untouched while syngate has *:80 on s0: ping, UDP, TCP to other
# ports, TCP that is being forwarded to port 80 of somebody else, ARP and ND, fragments, our
# own connections to a port 80 elsewhere; and a kernel connection on port 80 that was there
# before goes on.
#
#	client                            server (router)                     behind
#	  c0 10.9.0.2 fd09::2 ----------- s0 10.9.0.1 fd09::1:80 syngate
#	                                  s1 10.9.1.1 fd19::1 ---------------- b0 10.9.1.2 fd19::2:80
. "$(dirname "$0")/../lib.sh"
PEER="$PY $TOP/tests/netns/peer.py"

net_up
ns_new behind
veth server s1 behind b0
dev_up server s1 10.9.1.1/24 fd19::1/64
dev_up behind b0 10.9.1.2/24 fd19::2/64
client_end behind b0
S sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip -n client route replace 10.9.1.0/24 via $S4
ip -n client route replace fd19::/64 via $S6
ip -n behind route replace default via 10.9.1.1
ip -n behind route replace default via fd19::1
# Frames of the other leg go out by s0: whole checksums and single frames, as on a NIC.
S ethtool -K s1 tx off tso off gso off gro off >/dev/null

# Kernel servers: on port 80 of the router itself (before syngate comes), on port 80 behind
# it, and on another port of the router.
server() # NS ARGUMENTS...
{
	local ns=$1
	shift
	nsenter --net=/run/netns/"$ns" $PEER "$@" >/dev/null 2>>$T/servers.err &
}
server server tcp-echo $S4 80 --once
server behind tcp-echo 10.9.1.2 80
server behind tcp-echo fd19::2 80
server client tcp-echo $C4 80
server server tcp-echo $S4 8081
server server udp-echo $S4 80
server server udp-echo $S6 80
for p in server:80 behind:80 client:80 server:8081; do
	await "server on $p" listening ${p%:*} ${p#*:}
done
server_udp() { [ "$(S ss -Hlun 'sport = :80' | wc -l)" = 2 ]; }
await "UDP servers" server_udp

mkfifo $T/talk
C $PEER talk $S4 80 <$T/talk >$T/talk.out 2>$T/talk.err &
TALK=$!
exec 8>$T/talk
said() { [ "$(grep -c same $T/talk.out)" = "$1" ]; }
await "the kernel's connection" grep -q connected $T/talk.out
echo before >&8
await "its echo" said 1

syngate_start --listen '*:80' --app http

echo after >&8
await "the kernel's connection after attach" said 2

ping_all() # HOST ARGUMENTS...
{
	local out

	out=$(C ping -nq -i 0.01 -W 2 "${@:2}" "$1") || die "ping ${*:2} $1: $out"
	grep -q ' 0% packet loss' <<<"$out" || die "ping ${*:2} $1: $out"
	say "ping ${*:2} $1: $(grep -o '[0-9]* packets.*loss' <<<"$out")"
}
ping_all $S4 -c 200
ping_all $S6 -c 200
ping_all 10.9.1.2 -c 100
ping_all $S4 -c 50 -s 4000
ping_all $S6 -c 50 -s 4000
C $PEER udp $S4 80 500 100
C $PEER udp $S6 80 500 100
C $PEER udp $S4 80 100 4000
C $PEER udp $S6 80 100 4000

tcp() # NS HOST PORT COUNT BYTES WHAT
{
	in_ns $1 $PEER echo $2 $3 $4 $5 >$T/echo.out 2>$T/echo.err || die "$6: $(cat $T/echo.err)"
	say "$6: $(cat $T/echo.out)"
}
tcp client $S4 8081 20 200000 "TCP to another port"
tcp client 10.9.1.2 80 20 200000 "TCP forwarded to port 80"
tcp client fd19::2 80 20 200000 "TCP forwarded to port 80"
tcp server $C4 80 5 200000 "our own connections to a port 80"

# ARP and ND: forget, and find again
for ns in client server; do
	ip -n $ns neigh flush all
	ip -n $ns -6 neigh flush all
done
C curl -sS --fail -m 5 -o /dev/null http://$S4/
C curl -sS --fail -m 5 -o /dev/null "http://[$S6]/"
ip -n client neigh show $S4 | grep -q lladdr || die "no ARP answer"
ip -n client -6 neigh show $S6 | grep -q lladdr || die "no ND answer"
say "ARP and ND resolve, and syngate answers on port 80: $(counter SynAckSent) SYN-ACKs"

echo last >&8
await "the kernel's connection at the end" said 3
exec 8>&-
wait $TALK || die "the kernel's connection broke: $(cat $T/talk.err)"

for c in PassNotTcp PassNotLocal PassNoListener PassKernelFlow; do
	num $c "$(counter $c) > 0"
done
eq "SYNs answered that were ours" "$(counter SynAckSent)" 2
syngate_stop
