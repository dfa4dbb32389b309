# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the tests of `syngate nc` share; source it behind lib.sh.
#
#	near (syngate nc)              router                        far (kernel servers)
#	  n0 10.9.1.2 ---------- r0 10.9.1.1  r1 10.9.2.1 ---------- f0 10.9.2.2
#	     fd09:1::2              fd09:1::1    fd09:2::1              fd09:2::2
#	  default via 10.9.1.1        servers too                      nc_server.py

N4=10.9.1.2 R4=10.9.1.1 F4=10.9.2.2 N6=fd09:1::2 R6=fd09:1::1 F6=fd09:2::2
N() { in_ns near "$@"; }

# nc_up [QUEUES] [MIB of what servers send]
nc_up()
{
	ns_new near router far
	veth near n0 router r0 "${1:-1}"
	veth router r1 far f0
	dev_up near n0 $N4/24 $N6/64
	dev_up router r0 $R4/24 $R6/64
	dev_up router r1 10.9.2.1/24 fd09:2::1/64
	dev_up far f0 $F4/24 $F6/64
	client_end near n0
	client_end router r0
	client_end router r1
	client_end far f0
	in_ns router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# who does not answer is given up after three times this
	in_ns near sysctl -qw net.ipv4.neigh.n0.retrans_time_ms=200 \
		net.ipv6.neigh.n0.retrans_time_ms=200
	ip -n near route add default via $R4
	ip -n near route add default via $R6
	ip -n far route add default via 10.9.2.1
	ip -n far route add default via fd09:2::1
	await "the way to $F4" N ping -nqc1 -W1 $F4
	await "the way to $F6" N ping -nqc1 -W1 $F6
	blob $T/down "${2:-1}"
	for ns in router far; do
		nsenter --net=/run/netns/$ns $PY "$TOP/tests/netns/nc_server.py" $T/$ns $T/down &
		await "the servers in $ns" listening $ns 23
	done
}

# said NS PORT: the line about the last connection there; waits for it
said()
{
	await "$1's word about port $2" test -s $T/"$1"/"$2"
	tail -n1 $T/"$1"/"$2"
	rm $T/"$1"/"$2"
}

programs() { N ip -d link show n0 | grep -c 'prog/xdp' || :; }

nothing_left() # WHAT
{
	eq "$1: XDP programs on n0" "$(programs)" 0
	eq "$1: pins" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate*')" ""
	eq "$1: sockets" "$(find /run -mindepth 1 -path '/run/syngate*')" ""
	eq "$1: kernel sockets" "$(N ss -Hatn | grep -v LISTEN || :)" ""
}

# mib NAME: of the kernel's TCP in `near`
mib() { N nstat -asz "$1" | awk -v n="$1" '$1 == n { print $2 }'; }
