#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Under wrk: SIGTERM and another one; a service with two interfaces is killed, started and
# told again; the interface goes down and up, and away; so does its network namespace. What
# was going on goes on or ends, and nothing is left that a new daemon or `detach` cannot use.
#
#	client                                server
#	  c0 10.9.0.2 == 2 queues ==========  s0 10.9.0.1 syngate  :80 -> nginx 127.0.0.1:8080
#	  c1 10.8.0.2 ----------------------  s1 10.8.0.1          :83 echo
. "$(dirname "$0")/../lib.sh"

net_up 2
wire_routes 2
nginx_start 8080
head -c 1000 /dev/urandom >$T/www/page
outage() { C $PY "$TOP/tests/netns/outage.py" "$@" || die "$*"; }
nothing_left()
{
	eq "$1: pins" "$(find /sys/fs/bpf -mindepth 1 -path '*syngate*')" ""
	eq "$1: sockets" "$(find /run -mindepth 1 -path '/run/syngate*')" ""
}

outage orderly --rounds 3
nothing_left "SIGTERM"

veth client c1 server s1
dev_up client c1 10.8.0.2/24
dev_up server s1 10.8.0.1/24
client_end client c1
xdp_pass client c1
await "the second link" C ping -nqc1 -W1 10.8.0.1
outage service
nothing_left "service"
ip -n client link del c1

outage link
nothing_left "the interface goes"

# A namespace that is deleted lives on while somebody is in it, and goes with the last one.
net_link 2
mkfifo $T/go
outage load <$T/go >$T/load.out &
LOAD=$!
exec 9>$T/go
await "some load" grep -q 'under load' $T/load.out
ip netns del server
exec 9>&-
wait $LOAD || die "not served in a namespace without a name"
[ -e $PINS/s0 ] || die "nothing is left to be taken off"
kill -QUIT $NGINX_PID
gone() { ! ip -n client link show c0; }
await "the end of the namespace" gone
C syngate detach s0 | grep -q 'its daemon was dead' || die "detach did not say so"
nothing_left "the namespace goes"

# the same once more, and a new daemon finds what the dead one left
ns_new server
net_link 2
nginx_start 8080
syngate_start --listen '*:80' --backend 127.0.0.1:8080
kill -KILL $SG_PID
wait $SG_PID 2>/dev/null || :
kill -QUIT $NGINX_PID
await "nginx's end" ended $NGINX_PID
ip netns del server
await "the end of the namespace" gone
ns_new server
net_link 2
nginx_start 8080
syngate_start --listen '*:80' --backend 127.0.0.1:8080
eq "took_over, of another namespace" "$(syngate status -j | jq '.[0].took_over')" false
C curl -sS --fail -m 5 -o /dev/null http://$S4/page
syngate_stop
nothing_left "the next namespace"
