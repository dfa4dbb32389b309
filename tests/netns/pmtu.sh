#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A narrow link behind a router, which the client does not know of. Its ICMP errors make segments
# smaller at once, and later connections begin with that size; where they are dropped, the size is
# found by probing; forged ones are counted and change nothing. The kernel's own server beside.
#
#	client                        router                        server
#	  c0 10.9.2.2 fd29::2 ------- r1, MTU 1400 or 1280
#	     MTU 1500                 r0 10.9.0.254 fd09::254 ===== s0 10.9.0.1 fd09::1, MTU 1500
#	                                                               :80 syngate, 1 or 2 queues
#	                                                               :8081 nginx, the backend
. "$(dirname "$0")/../lib.sh"
FAR4=10.9.2.2
R() { in_ns router "$@"; }

ns_new client router server
veth router r0 server s0 2
veth client c0 router r1
dev_up client c0 $FAR4/24 fd29::2/64
dev_up router r1 10.9.2.1/24 fd29::1/64
dev_up router r0 10.9.0.254/24 fd09::254/64
dev_up server s0 $S4/24 $S6/64
client_end router r0
client_end client c0
R ethtool -K r0 gro off >/dev/null
R ethtool -K r1 gro off >/dev/null
S ethtool -K s0 tx off tso off gso off >/dev/null
xdp_pass router r0
R sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 \
	net.ipv6.icmp.ratelimit=0
ip -n client route add default via 10.9.2.1
ip -n client route add default via fd29::1
ip -n server route add default via 10.9.0.254
ip -n server route add default via fd09::254
await "the path" C ping -nqc1 -W1 $S4
await "the path, IPv6" C ping -nqc1 -W1 $S6

mkdir -p $T/www
blob $T/www/down 10
want=$(sha $T/www/down)
nginx_start 8081 $T/www

start() # QUEUES SETTINGS...
{
	local s set=()

	S ethtool -L s0 rx "$1" tx 2 2>/dev/null || : # it has as many already
	shift
	for s; do set+=(--set "$s"); done
	syngate_start --listen '*:80' --backend $S4:8081 "${set[@]}"
}

# The router's errors do not reach the server, as with many a firewall.
bpftool prog load "$O/tests/netns/hole.bpf.o" /sys/fs/bpf/hole
silent()
{
	tc -n router qdisc add dev r0 clsact
	R tc filter add dev r0 egress bpf direct-action object-pinned /sys/fs/bpf/hole
}
talking() { tc -n router qdisc del dev r0 clsact; }

now() { date +%s.%N; }

down() # WHAT HOST[:PORT]
{
	local begin=$(now)

	C curl -gsS --fail -m 60 -o $T/got "http://$2/down" || die "$1: download failed"
	eq "$1: sha256" "$(sha $T/got)" "$want"
	say "$1: 10 MiB in $(jq -n "($(now) - $begin) * 1000 | round / 1000") s"
}

told() # MTU HOST
{
	local icmp

	R ip link set r1 mtu "$1"
	start 1
	down "$2 over MTU $1" "$2"
	eq "connections made smaller" "$(counter PmtuLowered)" 1
	eq "timeouts" "$(counter TCPTimeouts)" 0
	icmp=$(counter SteerIcmp)
	down "the same again" "$2"
	eq "ICMP errors for who knows the path" "$(counter SteerIcmp)" "$icmp"
	syngate_stop
}
told 1400 $S4
told 1280 $S4
told 1400 "[$S6]"
told 1280 "[$S6]"
R ip link set r1 mtu 1400
down "the kernel's server over MTU 1400" $S4:8081

# --- forged ones ------------------------------------------------------------------------

# forge PEER-PORT SEQUENCE-NUMBER: as the router's, with an MTU of 600
forge()
{
	R $PY - $S4 $FAR4 "$@" <<-'END'
	import socket, struct, sys
	us, peer = map(socket.inet_aton, sys.argv[1:3])
	port, seq = map(int, sys.argv[3:5])

	def checksum(b):
	    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
	    s = (s & 0xffff) + (s >> 16)
	    return ~((s & 0xffff) + (s >> 16)) & 0xffff

	ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1500, 0, 0x4000, 64, 6, 0, us, peer)
	body = ip + struct.pack("!HHI", 80, port, seq)
	head = struct.pack("!BBHHH", 3, 4, 0, 0, 600)
	head = struct.pack("!BBHHH", 3, 4, checksum(head + body), 0, 600)
	socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(
	    head + body, (sys.argv[1], 0))
	END
}

R ip link set r1 mtu 1500
start 1
C curl -sS -m 60 --limit-rate 400k -o $T/got http://$S4/down &
slow=$!
port() { show conns '.[] | select(.state == "ESTAB") | .peer | split(":")[1]'; }
has_port() { [ -n "$(port)" ]; }
await "a connection" has_port
for seq in 1 1000000000 2000000000 3000000000; do
	forge "$(port)" $seq
done
counted() { [ "$(counter OutOfWindowIcmps)" = 4 ]; }
await "4 forged errors, counted" counted
eq "mss after them" "$(show conns '.[] | select(.state == "ESTAB") | .mss')" 1448
eq "PmtuLowered" "$(counter PmtuLowered)" 0
say "4 forged errors: counted, and nothing has changed"
kill $slow
wait $slow || :
syngate_stop

# --- a black hole -------------------------------------------------------------------------

silent
hole() # MTU HOST
{
	R ip link set r1 mtu "$1"
	start 1
	down "$2 into a hole of MTU $1" "$2"
	eq "ICMP errors that arrived" "$(counter SteerIcmp)" 0
	num "PmtuBlackHole" "$(counter PmtuBlackHole) > 0"
	num "probes that passed" "$(counter TCPMTUPSuccess) > 0"
	say "timeouts $(counter TCPTimeouts), probes that passed $(counter TCPMTUPSuccess), that did not" \
		"$(counter TCPMTUPFail)"
	syngate_stop
}
hole 1400 $S4
hole 1280 $S4
hole 1280 "[$S6]"

R ip link set r1 mtu 1400
S ip route flush cache
S sysctl -qw net.ipv4.tcp_mtu_probing=1
down "the kernel's server with tcp_mtu_probing=1" $S4:8081
start 1 tcp_mtu_probing=0
! C curl -sS -m 12 -o $T/got http://$S4/down 2>/dev/null || die "no hole: it passed without probing"
eq "PmtuBlackHole with tcp_mtu_probing=0" "$(counter PmtuBlackHole)" 0
say "with tcp_mtu_probing=0: nothing in 12 s"
syngate_stop
talking

# --- two queues: errors come by the other one than the connection's -------------------------

start 2
eq "queues" "$(syngate status -j | jq '.[0].queues')" 2
pids=()
for i in {1..16}; do
	C curl -sS --fail -m 60 -o $T/got$i http://$S4/down &
	pids+=($!)
done
for p in "${pids[@]}"; do wait $p || die "a download over two queues failed"; done
for i in {1..16}; do
	eq "sha256 over two queues, $i" "$(sha $T/got$i)" "$want"
done
num "connections made smaller" "$(counter PmtuLowered) > 1"
num "passed from worker to worker" "$(counter Forwarded) > 0"
eq "ForwardDropped" "$(counter ForwardDropped)" 0
say "two queues: 16 downloads, $(counter PmtuLowered) made smaller, $(counter Forwarded) frames forwarded"
syngate_stop
