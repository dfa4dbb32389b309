#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 100 MiB down and 100 MiB up through --backend, over IPv4 and IPv6: the same sha256.
#
#	client                                    server
#	  c0 10.9.0.2 fd09::2 ------------------- s0 10.9.0.1 fd09::1 :80 syngate
#	                                             -> nginx 127.0.0.1:8080 (PUT into put/)
. "$(dirname "$0")/../lib.sh"

net_up
nginx_start 8080
blob $T/www/down 100
blob $T/up 100
down=$(sha $T/www/down) up=$(sha $T/up)
syngate_start --listen '*:80' --backend 127.0.0.1:8080

for host in $S4 "[$S6]"; do
	t0=$(ms)
	C curl -sS --fail -m 120 -o $T/got "http://$host/down"
	t1=$(ms)
	eq "sha256 of 100 MiB from $host" "$(sha $T/got)" "$down"
	rm -f $T/got $T/www/put/up
	t2=$(ms)
	C curl -sS --fail -m 120 -T $T/up "http://$host/put/up"
	t3=$(ms)
	eq "sha256 of 100 MiB to $host" "$(sha $T/www/put/up)" "$up"
	say "$host: 100 MiB down in $((t1 - t0)) ms, up in $((t3 - t2)) ms, same sha256"
done
eq EstabResets "$(counter EstabResets)" 0
syngate_stop
