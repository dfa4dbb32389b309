#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One tuple on two RX queues: moved between them in SYN_RCVD, ESTABLISHED and TIME_WAIT, and the
# same segment on both at once, many times (moved.py). Native and generic mode, IPv4 and IPv6. Each
# queue has a CPU of its own, so that the driver and the workers really race.
#
#	client                                   server
#	  wire.py, raw frames == 2 queues ====== s0 10.9.0.1 syngate, 2 workers
#	                                            :80 hold  :82 echo  :83 http
. "$(dirname "$0")/../lib.sh"

# tune NS DEV/FILE VALUE: in /sys/class/net; sysfs shows the namespace that mounted it
tune()
{
	# shellcheck disable=SC2016 # for the inner shell
	in_ns "$1" unshare --mount sh -ec 'mount -t sysfs sysfs /sys; echo "$2" >"/sys/class/net/$1"' \
		sh "$2" "$3"
}

round() # MODE
{
	say "$1 mode"
	ns_new client server
	net_link 2 pass "$1"
	wire_routes 2 "$1"
	tune server s0/queues/rx-0/rps_cpus 1
	tune server s0/queues/rx-1/rps_cpus 2
	syngate_start --mode "$1" --listen '*:80' --app hold --backlog 50 --syn-backlog 200 \
		--listen '*:82' --app echo --listen '*:83' --app http
	[ "$1" != native ] || tune server s0/threaded 1
	eq "workers" "$(syngate status -j | jq '.[0].workers | length')" 2
	$PY "$TOP/tests/netns/moved.py" || die "a tuple that moved was not the same any more"
	syngate_stop
	ip -n client link del c0
	ip netns del client
	ip netns del server
	rm -f /sys/fs/bpf/queue_pick
}

round native
round skb
