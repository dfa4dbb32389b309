#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ECN (RFC 3168) with a kernel client that asks for it, over a path that marks every twentieth
# segment: down and up, IPv4 and IPv6. Windows are cut on both sides and told of, and nothing is
# sent again. A client that does not ask, and one that is refused.
#
#	client                               server
#	  c0 == loss.bpf.c: CE marks ======= s0 syngate  :80 http  :81 discard
. "$(dirname "$0")/../lib.sh"
SIZE=$((20 << 20))

# Linux's counter on the client's side
nstat_of() { C nstat -asz "$1" | awk -v n="$1" '$1 == n { print $2 }'; }
# set_ecn CLIENT SYNGATE
set_ecn()
{
	C sysctl -qw net.ipv4.tcp_ecn="$1"
	syngate set tcp_ecn="$2" >/dev/null
}
# moved COUNTER COMMAND...: by how much syngate's counter grew
moved()
{
	local before
	before=$(counter "$1")
	"${@:2}"
	GREW=$(($(counter "$1") - before))
}
down() { C curl -sS --fail -o /dev/null "http://$1:80/bytes/$SIZE"; }
up() { C $PY -c '
import socket, sys
s = socket.create_connection((sys.argv[1], 81), 10)
left = int(sys.argv[2])
while left > 0:
    left -= s.send(b"x" * min(left, 65536))
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b""' "${1//[\[\]]/}" $SIZE; }

net_up 1 loss
syngate_start --listen '*:80' --app http --listen '*:81' --app discard
set_ecn 1 2
loss_set 0 0 0 0 0 50
for host in $S4 "[$S6]"; do
	moved EcnEchoes down "$host"
	num "echoes of marks on a download, $host" "$GREW > 50"
	marks=$(nstat_of IpExtInCEPkts)$(nstat_of Ip6InCEPkts)
	moved InCEPkts up "$host"
	num "marks on an upload, $host" "$GREW > 50"
	num "marks that the client saw" "$marks > 50"
done
eq "segments sent again" "$(counter RetransSegs)" 0
eq "segments that the client sent again" "$(nstat_of TcpRetransSegs)" 0

for pair in '0 2' '1 0'; do
	# shellcheck disable=SC2086 # two words
	set_ecn $pair
	moved EcnEchoes down $S4
	eq "echoes with client, syngate = $pair" "$GREW" 0
	moved InCEPkts up $S4
	eq "marks with client, syngate = $pair" "$GREW" 0
done
syngate_stop
