#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# While nobody serves: the daemon was killed and no other started, it is stopped, or one worker of
# two hangs, which the driver notices within 200 ms while the other goes on. What is
# new goes to the kernel (fail_policy=pass), which serves it if it listens, or is answered
# until the half-open queue is full (hold). What is ours is dropped and never passed: the
# kernel resets nobody. A dead one is taken off with `detach`; a stopped one goes on, and
# nobody has lost anything but time.
#
#	client                                server
#	  c0 10.9.0.2 == 2 queues ==========  s0 10.9.0.1 syngate, 2 workers
#	  wrk, connect(), raw clients           :80 -> nginx 127.0.0.1:80   :83 echo
#	                                        nginx listens on 10.9.0.1:80, too
. "$(dirname "$0")/../lib.sh"

net_up 2
wire_routes 2
nginx_start 80
head -c 1000 /dev/urandom >$T/www/page
outage() { C $PY "$TOP/tests/netns/outage.py" "$@" || die "$*"; }

detach_dead() # WHAT
{
	eq "$1: status without a daemon" "$(syngate status 2>$T/status.err || echo $?)" 3
	grep -q "'s0' was killed; start it again" $T/status.err || die "$1: $(cat $T/status.err)"
	S syngate detach s0 | grep -q 'its daemon was dead' || die "$1: detach did not say so"
	eq "$1: programs left" "$(S ip -d link show s0 | grep -c 'prog/xdp' || :)" 0
	eq "$1: pins left" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate*')" ""
	eq "$1: sockets left" "$(find /run -mindepth 1 -path '/run/syngate*')" ""
	C curl -sS --fail -m 5 -o /dev/null http://$S4/page # the kernel's again
}

outage stopped --mode native --policy pass
outage stopped --mode skb --policy hold
for policy in pass hold; do
	outage hung --mode native --policy $policy
	outage dead --mode native --policy $policy
	detach_dead $policy
done
outage dead --mode skb --policy hold
detach_dead "skb"
