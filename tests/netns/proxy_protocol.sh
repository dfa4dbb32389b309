#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The PROXY protocol, versions 1 and 2, over IPv4 and IPv6: the header is the first piece that the
# backend reads, in one write with what the client has sent by then, and says what the client
# itself knows of its connection; how it was admitted and how long its handshake took; unique
# IDs. Then nginx and HAProxy as they read it.
#
#	client                            server
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1 syngate :80 v2, :81 v1 -> proxied.py 9000
#	  loss.bpf.c                                          :82 v2, :83 v1 -> nginx 8080
#	                                                      :84 v2, :85 v1 -> HAProxy 8081
. "$(dirname "$0")/../lib.sh"

PROXIED=$TOP/tests/netns/proxied.py
ask() { C $PY "$PROXIED" ask "$@"; }

haproxy_start()
{
	cat >$T/haproxy.cfg <<-END
	global
		maxconn 100
	defaults
		mode http
		timeout connect 5s
		timeout client 30s
		timeout server 30s
	frontend f
		bind 127.0.0.1:8081 accept-proxy
		http-request return status 200 hdr X-Client "%[src] %[src_port]" hdr X-Unique "%[fc_pp_unique_id,hex]"
	END
	nsenter --net=/run/netns/server haproxy -f $T/haproxy.cfg -db 2>$T/haproxy.err &
	await "HAProxy" listening server 8081
}

net_up 1 loss
NGINX_LISTEN='listen 127.0.0.1:8090 proxy_protocol;
	add_header X-Client "$proxy_protocol_addr $proxy_protocol_port" always;'
nginx_start 8080
haproxy_start
nsenter --net=/run/netns/server $PY "$PROXIED" serve 9000 >$T/proxied.out 2>$T/proxied.err &
await "the backend" listening server 9000
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --proxy-protocol v2 \
	--listen '*:81' --backend 127.0.0.1:9000 --proxy-protocol v1 \
	--listen '*:82' --backend 127.0.0.1:8090 --proxy-protocol v2 \
	--listen '*:83' --backend 127.0.0.1:8090 --proxy-protocol v1 \
	--listen '*:84' --backend 127.0.0.1:8081 --proxy-protocol v2 \
	--listen '*:85' --backend 127.0.0.1:8081 --proxy-protocol=v1
eq "as it is shown" "$(show listeners '[.[].proxy_protocol] | join(" ")')" "v2 v1 v2 v1 v2 v1"

for host in $S4 $S6; do
	ask $host 80 v2 --count 50
	ask $host 81 v1 --count 50
done

# the client's data comes while the backend does not answer our SYN yet
S nft add table inet t
S nft add chain inet t in '{ type filter hook input priority 0; }'
for port in 80 81; do
	S nft add rule inet t in tcp dport 9000 tcp flags '& (syn|ack) == syn' drop
	: >$T/early.out
	ask $S4 $port v$((82 - port)) --early >$T/early.out &
	ASK=$!
	await "the client's data" grep -q sent $T/early.out
	received() { [ "$(show conns '[.[] | select(.state == "ESTAB") | .recv_q] | add')" = 5 ]; }
	await "them to wait for the backend" received
	S nft flush chain inet t in
	wait $ASK || die "data that was early"
done

# SYN-ACKs that are lost: a handshake of a second
loss_set 0 0 1
ask $S6 80 v2 --least 900
loss_set 0 0

syngate set tcp_syncookies=2 >/dev/null
ask $S4 80 v2 --count 20 --cookie
ask $S6 80 v2 --count 20 --cookie
syngate set tcp_syncookies=1 >/dev/null
num "cookies" "$(counter SyncookiesRecv) >= 40"

# told PORT HOST: what the server was told of a client of this address and port
told()
{
	C curl -gsS --fail -m 10 -o /dev/null -D $T/head -w '%{local_ip} %{local_port}\n' "$1" >$T/own
	tr -d '\r' <$T/head | awk -F': ' 'tolower($1) == "x-client" { print $2 }'
}
: >$T/www/page
for port in 82 83 84 85; do
	for host in $S4 "[$S6]"; do
		got=$(told "http://$host:$port/page")
		eq "the client, told to the server behind port $port" "$got" "$(cat $T/own)"
	done
done
say "nginx and HAProxy know their clients"
told "http://$S4:84/" >/dev/null
grep -qiE '^x-unique: [0-9a-f]{32}' $T/head || die "HAProxy saw no unique ID: $(cat $T/head)"

blob $T/up 20
C curl -sS --fail -m 60 -T $T/up http://$S4:82/put/up
eq "an upload behind a header" "$(sha $T/www/put/up)" "$(sha $T/up)"

syngate listen s0 '*:86' --backend 127.0.0.1:9000 --proxy-protocol v1 >/dev/null
ask $S6 86 v1
rc=0
syngate listen s0 '*:87' --app echo --proxy-protocol v1 2>$T/said || rc=$?
eq "exit code of a PROXY protocol to nobody" $rc 1
grep -q -- '--proxy-protocol is for a --backend' $T/said || die "said: $(cat $T/said)"
syngate_stop
