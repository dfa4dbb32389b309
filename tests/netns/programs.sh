#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Servers that people run, each with a real client: through --backend, and run by `syngate exec`. Each also with clients that
# reset their connections in the midst, and with one whose server is killed in the midst: it must not take what it has for
# whole. The table is in docs/applications.md.
#
#	tests/netns/programs.sh [proxy|exec [ROW...]]		some of them, as `proxy nginx`
#
#	client                          server
#	  c0 10.9.0.2 fd09::2 -------- s0 10.9.0.1 fd09::1   syngate: *:PORT, --backend the program at 127.0.0.1
#	  curl, wrk, redis-benchmark,                        or the program itself, by `syngate exec`, at *:PORT
#	  iperf3, nc, programs.py
. "$(dirname "$0")/../lib.sh"
PROGRAMS="$TOP/tests/netns/programs.py"
WAYS=${1:-proxy exec}
ROWS=${*:2}
ROWS=${ROWS:-nginx redis haproxy python asyncio iperf3 nc}

mkdir -p $T/www/many $T/nginx
blob $T/www/big 100
head -c 1000 /dev/urandom >$T/www/small
for n in $(seq 0 49); do head -c $((n * n * 40)) $T/www/big >$T/www/many/$n; done
chmod -R a+rX $T
mkfifo $T/full $T/go
BIG=$(sha $T/www/big)

# server PORT OPTIONS... -- COMMAND...: in `server`, behind syngate, in the way that is tried; a program that is behind a
# proxy listens at 127.0.0.1. It reads from INPUT.
PROGRAM=
INPUT=/dev/null
server()
{
	local port=$1 options=()

	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	: >$T/program.out
	: >$T/program.err
	PORT=$port
	if [ "$WAY" = exec ]; then
		syngate_start --listen '*:9' --app discard
		set -- syngate exec --require -- "$@"
	fi
	nsenter --net=/run/netns/server "$@" <$INPUT >$T/program.out 2>$T/program.err &
	PROGRAM=$!
	if [ "$WAY" = exec ]; then
		await "$3" grep -q ': accelerated' $T/program.err
	else
		await "$1" listening server "$port"
		syngate_start --listen "*:$port" --backend "127.0.0.1:$port" "${options[@]}"
	fi
}

over()
{
	[ -z "$PROGRAM" ] || { kill "$PROGRAM" 2>/dev/null && wait "$PROGRAM" || :; }
	PROGRAM=
	syngate_stop
}

# Where a program is to listen.
at() { [ "$WAY" = exec ] && echo "$S4" || echo 127.0.0.1; }

# Clients that ask, read a little and reset the connection: nobody keeps anything of them.
resets() # TEXT [COUNT]
{
	await "the end of those before" nothing_left
	BEFORE=$(sockets)
	C $PY "$PROGRAMS" reset $S4 $PORT "$1" "${2:-20}"
	await "the end of what was reset" nothing_left
	await "the program's end of it" eval '[ "$(sockets)" -le "$BEFORE" ]'
}

nothing_left() { [ "$(show conns length)" = 0 ]; }

# How many the program has open.
sockets()
{
	local pid

	for pid in $PROGRAM $(pgrep -P $PROGRAM); do
		find /proc/"$pid"/fd -lname 'socket:*' 2>/dev/null
	done | wc -l
}

killed() # PID...
{
	kill -KILL "$@"
	wait $PROGRAM 2>/dev/null || : # the shell says `Killed`
	PROGRAM=
}

# The server dies while the client has not read all: it writes into a pipe that is full.
cut_short() # COMMAND...
{
	local rc=0 client

	rm -f $T/got
	C timeout 60 "$@" 2>$T/client.err > >(dd bs=100 count=1 of=$T/got status=none; read -r <$T/go; cat >>$T/got) &
	client=$!
	await "some of it" test -s $T/got
	# shellcheck disable=SC2046 # a list of processes
	killed $PROGRAM $(pgrep -P $PROGRAM)
	echo >$T/go
	wait $client || rc=$?
	num "$1 of what was cut short: exit code" "$rc != 0 && $rc != 124"
}

# The same with a client that sends what nobody reads.
cut_stuck()
{
	local client

	C $PY "$PROGRAMS" stuck $S4 $PORT >$T/stuck &
	client=$!
	await "a client that is stuck" grep -q stuck $T/stuck
	killed $PROGRAM
	wait $client || die "who was cut off in the midst saw: $(tail -n 1 $T/stuck)"
}

# --- the rows -------------------------------------------------------------------------------------

# URL whole, then small things over the same connection
keeps_alive()
{
	eq "$1, one connection" "$(C curl -gsS -m 60 --fail -o $T/got "http://$2/big" -o /dev/null "http://$2/small" \
		-o /dev/null "http://$2/small" -w '%{num_connects} ')" "1 0 0 "
	eq "$1, 100 MiB" "$(sha $T/got)" "$BIG"
}

nginx_row()
{
	local proxied=proxy_protocol also

	[ "$WAY" = proxy ] || { proxied=; also="listen [$S6]:8080;"; }
	cat >$T/nginx.conf <<-END
	daemon off; worker_processes 2; pid $T/nginx.pid; error_log $T/nginx.err warn; user root;
	events { worker_connections 1000; }
	http {
		log_format who '\$remote_addr \$pid \$status'; access_log $T/access.log who;
		sendfile on; keepalive_requests 1000000; client_body_temp_path $T/nginx;
		set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
		server { listen $(at):8080 $proxied backlog=1000; ${also:-} root $T/www; }
	}
	END
	: >$T/access.log
	server 8080 --proxy-protocol v2 -- nginx -c $T/nginx.conf -e $T/nginx.err
	keeps_alive nginx $S4:8080
	keeps_alive "nginx, IPv6" "[$S6]:8080"
	C wrk -t1 -c50 -d1s "http://$S4:8080/small" >$T/wrk
	! grep -E 'Socket errors|Non-2xx' $T/wrk || die "nginx: $(cat $T/wrk)"
	C wrk -t1 -c20 -d1s -H 'Connection: close' "http://$S4:8080/small" >$T/wrk
	! grep -E 'Socket errors|Non-2xx' $T/wrk || die "nginx, closing: $(cat $T/wrk)"
	resets 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n'
	await "nginx to have noted them" eval '[ "$(grep -c "200$" $T/access.log)" -gt 20 ]'
	eq "who asked" "$(awk '{ print $1 }' $T/access.log | sort -u | xargs)" \
		"$C4 $C6"
	eq "nginx's workers" "$(awk '{ print $2 }' $T/access.log | sort -u | wc -l)" 2
}

nginx_cut()
{
	server 8080 --proxy-protocol v2 -- nginx -c $T/nginx.conf -e $T/nginx.err
	cut_short curl -sS "http://$S4:8080/big"
}

redis_start() { server 6379 -- redis-server --port 6379 --bind "$(at)" --protected-mode no --save '' --dir $T --tcp-keepalive 60; }

redis_row()
{
	redis_start
	C redis-benchmark -h $S4 -n 20000 -P 16 -q --csv -t set,get,lpush >$T/redis || die "redis-benchmark"
	eq "redis-benchmark: its rows" "$(grep -cE '"(SET|GET|LPUSH)"' $T/redis)" 3
	head -c 1M $T/www/big | base64 -w0 >$T/value
	C redis-cli -h $S4 -x set key <$T/value >/dev/null
	eq "a value of a MiB" "$(C redis-cli -h $S4 get key | head -c -1 | sha256sum)" "$(sha256sum <$T/value)"
	[ "$WAY" = proxy ] || eq "who is there" "$(C redis-cli -h $S4 client list | sed 's/.*addr=\([^:]*\):.*laddr=\([^ ]*\).*/\1 \2/')" \
		"$C4 $S4:6379"
	resets 'GET key\r\n'
	eq "redis, and who is left" "$(C redis-cli -h $S4 info clients | tr -d '\r' | grep ^connected_)" connected_clients:1
}

redis_cut()
{
	redis_start
	cut_short redis-benchmark -h $S4 -n 1000000000 -P 16 -q -t get
}

haproxy_start()
{
	local accept=accept-proxy

	[ "$WAY" = proxy ] || accept=
	cat >$T/haproxy.cfg <<-END
	defaults
		mode http
		timeout connect 5s
		timeout client 30s
		timeout server 30s
	frontend web
		bind $(at):8081 $accept
		http-response set-header X-Client %[src]
		default_backend files
	backend files
		server one 127.0.0.1:8000
	END
	nsenter --net=/run/netns/server $PY -m http.server -b 127.0.0.1 -d $T/www 8000 >$T/files.out 2>&1 &
	FILES=$!
	await "the files" listening server 8000
	server 8081 --proxy-protocol v2 -- haproxy -db -f $T/haproxy.cfg
}

files_stop()
{
	kill $FILES
	wait $FILES 2>/dev/null || :
}

haproxy_row()
{
	haproxy_start
	eq "HAProxy, 100 MiB" "$(C curl -sS -m 60 "http://$S4:8081/big" | sha256sum | cut -d' ' -f1)" "$BIG"
	eq "who asked" "$(C curl -sS -m 10 -o /dev/null -D - "http://$S4:8081/small" | tr -d '\r' |
		awk 'tolower($1) == "x-client:" { print $2 }')" $C4
	resets 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n'
	eq "and then" "$(C curl -sS -m 10 "http://$S4:8081/small" | sha256sum)" "$(sha256sum <$T/www/small)"
	files_stop
}

haproxy_cut()
{
	haproxy_start
	cut_short curl -sS "http://$S4:8081/big"
	files_stop
}

python_start() { server 8000 -- $PY -m http.server -b "$(at)" -d $T/www 8000; }

python_row()
{
	python_start
	eq "http.server, 100 MiB" "$(C curl -sS -m 60 "http://$S4:8000/big" | sha256sum | cut -d' ' -f1)" "$BIG"
	resets 'GET /big HTTP/1.0\r\n\r\n'
	num "its listing" "$(C curl -sS -m 10 "http://$S4:8000/many/" | grep -c 'href="[0-9]*"') == 50"
	rm -rf $T/many
	C curl -sS -m 60 --fail -Z --create-dirs -o "$T/many/#1" "http://$S4:8000/many/[0-49]" 2>/dev/null
	diff -r $T/www/many $T/many || die "http.server: a directory of files"
}

python_cut()
{
	python_start
	cut_short curl -sS "http://$S4:8000/big"
}

asyncio_start() { server 7007 -- $PY "$PROGRAMS" serve "$(at)" 7007; }

asyncio_row()
{
	asyncio_start
	eq "asyncio, echoes" "$(C $PY "$PROGRAMS" echo $S4 7007)" 200
	resets 'hello'
	eq "asyncio, echoes" "$(C $PY "$PROGRAMS" echo $S4 7007)" 200
}

asyncio_cut()
{
	asyncio_start
	cut_stuck
}

iperf3_start() { server 5201 -- iperf3 -s -B "$(at)"; }

# OPTIONS...: what it says in JSON
iperf3_to() { C timeout 60 iperf3 -c $S4 -J "$@" >$T/iperf; }

iperf3_row()
{
	local how

	iperf3_start
	for how in "" -R "-P 4" "-P 4 -R"; do
		# shellcheck disable=SC2086 # options
		iperf3_to -n 100M $how || die "iperf3 $how: $(tail -n 5 $T/iperf)"
		num "iperf3 $how, bytes" "$(jq '.end.sum_received.bytes // .end.sum_sent.bytes' $T/iperf) > 90000000"
	done
	# a client's cookie, and no more: the server ends that test and listens anew
	resets "$(printf '%036d\\0' 0)" 1
	wait_for 20 iperf3_to -n 1M || die "iperf3 after a reset: $(tail -n 5 $T/iperf)"
}

iperf3_cut()
{
	iperf3_start
	cut_short iperf3 -c $S4 -t 60 -i 0.1 --forceflush -R
}

nc_ends()
{
	await "nc to end" ended $PROGRAM
	wait $PROGRAM || :
	PROGRAM=
}

# A connection each way: who hears the end of the other's goes, whatever it has left to send.
nc_row()
{
	server 7777 -- nc -l "$(at)" 7777
	C nc -N $S4 7777 <$T/www/big
	nc_ends
	eq "nc, 100 MiB up" "$(sha $T/program.out)" "$BIG"
	over
	INPUT=$T/www/big
	server 7777 -- nc -N -l "$(at)" 7777
	C nc -d $S4 7777 >$T/got
	nc_ends
	eq "nc, 100 MiB down" "$(sha $T/got)" "$BIG"
	over
	INPUT=/dev/zero
	server 7777 -- nc -l "$(at)" 7777
	resets hello 1
	nc_ends
	INPUT=/dev/null
}

nc_cut()
{
	server 7777 -- sh -c "exec nc -l $(at) 7777 1<>$T/full"
	cut_stuck
}

net_up
for WAY in $WAYS; do
	for row in $ROWS; do
		${row}_row
		over
		${row}_cut
		over
		echo "$row $WAY" >>$T/passed
	done
done
say "$(sort $T/passed | awk '{ way[$1] = way[$1] (way[$1] ? " and " : "") $2 }
	END { for (p in way) printf "%s%s %s", n++ ? ", " : "", p, way[p] }')"
