#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Servers that people run, each with a real client: through --backend, and run by `syngate exec`. The table is in
# docs/applications.md.
#
#	client                          server
#	  c0 10.9.0.2 fd09::2 -------- s0 10.9.0.1 fd09::1   syngate: *:PORT, --backend the program at 127.0.0.1
#	  curl, wrk, redis-benchmark,                        or the program itself, by `syngate exec`, at *:PORT
#	  iperf3, nc, programs.py
. "$(dirname "$0")/../lib.sh"
PROGRAMS="$TOP/tests/netns/programs.py"

mkdir -p $T/www $T/nginx
blob $T/www/big 100
head -c 1000 /dev/urandom >$T/www/small
chmod -R a+rX $T
BIG=$(sha <$T/www/big 2>/dev/null || sha $T/www/big)

# server PORT OPTIONS... -- COMMAND...: in `server`, behind syngate, in the way that is tried; a program that is behind a
# proxy listens at 127.0.0.1
PROGRAM=
server()
{
	local port=$1 options=()

	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	: >$T/program.out
	: >$T/program.err
	if [ "$WAY" = exec ]; then
		syngate_start --listen '*:9' --app discard
		set -- syngate exec --require -- "$@"
	fi
	nsenter --net=/run/netns/server "$@" </dev/null >$T/program.out 2>$T/program.err &
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

passed() { echo "$1 $WAY" >>$T/passed; }

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
	local proxied=$([ "$WAY" = exec ] || echo proxy_protocol)

	cat >$T/nginx.conf <<-END
	daemon off; worker_processes 2; pid $T/nginx.pid; error_log $T/nginx.err warn; user root;
	events { worker_connections 1000; }
	http {
		log_format who '\$remote_addr \$pid \$status'; access_log $T/access.log who;
		sendfile on; keepalive_requests 1000000; client_body_temp_path $T/nginx;
		set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
		server { listen $(at):8080 $proxied backlog=1000; root $T/www; }
	}
	END
	: >$T/access.log
	server 8080 --proxy-protocol v2 -- nginx -c $T/nginx.conf -e $T/nginx.err
	keeps_alive nginx $S4:8080
	[ "$WAY" = exec ] || keeps_alive "nginx, IPv6" "[$S6]:8080"
	C wrk --timeout 20s -t1 -c50 -d1s "http://$S4:8080/small" >$T/wrk
	! grep -E 'Socket errors|Non-2xx' $T/wrk || die "nginx: $(cat $T/wrk)"
	C wrk --timeout 20s -t1 -c20 -d1s -H 'Connection: close' "http://$S4:8080/small" >$T/wrk
	! grep -E 'Socket errors|Non-2xx' $T/wrk || die "nginx, closing: $(cat $T/wrk)"
	C $PY "$PROGRAMS" reset $S4 8080 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n'
	await "nginx to have noted them" eval '[ "$(grep -c "200$" $T/access.log)" -gt 20 ]'
	eq "who asked" "$(awk '{ print $1 }' $T/access.log | sort -u | xargs)" \
		"$([ "$WAY" = exec ] && echo $C4 || echo "$C4 $C6")"
	eq "nginx's workers" "$(awk '{ print $2 }' $T/access.log | sort -u | wc -l)" 2
}

# a download whose server dies
nginx_cut()
{
	local rc=0 client

	rm -f $T/got
	server 8080 --proxy-protocol v2 -- nginx -c $T/nginx.conf -e $T/nginx.err
	C curl -sS -m 30 --limit-rate 1M -o $T/got "http://$S4:8080/big" 2>$T/curl.err &
	client=$!
	await "some of it" test -s $T/got
	for pid in $(cat $T/nginx.pid) $(pgrep -P "$(cat $T/nginx.pid)"); do kill -KILL "$pid"; done
	wait $client || rc=$?
	num "a download that was cut short: curl's exit code" "$rc == 18 || $rc == 56"
	wait $PROGRAM || :
	PROGRAM=
}

redis_row()
{
	server 6379 -- redis-server --port 6379 --bind "$(at)" --protected-mode no --save '' --dir $T --tcp-keepalive 60
	C redis-benchmark -h $S4 -n 20000 -P 16 -q --csv -t set,get,lpush >$T/redis || die "redis-benchmark"
	eq "redis-benchmark: its rows" "$(grep -cE '"(SET|GET|LPUSH)"' $T/redis)" 3
	head -c 1M $T/www/big | base64 -w0 >$T/value
	C redis-cli -h $S4 -x set key <$T/value >/dev/null
	eq "a value of a MiB" "$(C redis-cli -h $S4 get key | head -c -1 | sha256sum)" "$(sha256sum <$T/value)"
	[ "$WAY" = proxy ] || eq "who is there" "$(C redis-cli -h $S4 client list | sed 's/.*addr=\([^:]*\):.*laddr=\([^ ]*\).*/\1 \2/')" \
		"$C4 $S4:6379"
}

haproxy_row()
{
	local accept=$([ "$WAY" = exec ] || echo accept-proxy)

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
	eq "HAProxy, 100 MiB" "$(C curl -sS -m 60 "http://$S4:8081/big" | sha256sum | cut -d' ' -f1)" "$BIG"
	eq "who asked" "$(C curl -sS -m 10 -o /dev/null -D - "http://$S4:8081/small" | tr -d '\r' |
		awk 'tolower($1) == "x-client:" { print $2 }')" $C4
	C $PY "$PROGRAMS" reset $S4 8081 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n'
	eq "and then" "$(C curl -sS -m 10 "http://$S4:8081/small" | sha256sum)" "$(sha256sum <$T/www/small)"
	kill $FILES
	wait $FILES 2>/dev/null || :
}

python_row()
{
	server 8000 -- $PY -m http.server -b "$(at)" -d $T/www 8000
	eq "http.server, 100 MiB" "$(C curl -sS -m 60 "http://$S4:8000/big" | sha256sum | cut -d' ' -f1)" "$BIG"
	C $PY "$PROGRAMS" reset $S4 8000 'GET /big HTTP/1.0\r\n\r\n'
	num "its listing" "$(C curl -sS -m 10 "http://$S4:8000/" | grep -c 'href="\(big\|small\)"') == 2"
}

asyncio_row()
{
	server 7007 -- $PY "$PROGRAMS" serve "$(at)" 7007
	eq "asyncio, echoes" "$(C $PY "$PROGRAMS" echo $S4 7007)" 200
	C $PY "$PROGRAMS" reset $S4 7007 'hello'
	eq "asyncio, echoes" "$(C $PY "$PROGRAMS" echo $S4 7007)" 200
}

iperf3_try() { C timeout 60 iperf3 -c $S4 -n 100M -J "$@" >$T/iperf && jq -e '.error | not' $T/iperf; }

iperf3_row()
{
	local how

	server 5201 -- iperf3 -s -B "$(at)"
	for how in "" -R "-P 4" "-P 4 -R"; do
		# behind each test it listens anew: who comes meanwhile is refused
		await "iperf3 $how" iperf3_try $how
		num "iperf3 $how, bytes" "$(jq '.end.sum_received.bytes // .end.sum_sent.bytes' $T/iperf) > 90000000"
	done
}

nc_row()
{
	server 7777 -- nc -N -l "$(at)" 7777
	C nc -N $S4 7777 <$T/www/big
	await "nc to end" ended $PROGRAM
	wait $PROGRAM
	eq "nc, 100 MiB" "$(sha $T/program.out)" "$BIG"
	PROGRAM=
}

net_up
for WAY in proxy exec; do
	for row in nginx redis haproxy python asyncio iperf3 nc; do
		${row}_row
		over
		passed $row
	done
	nginx_cut
	over
	passed nginx-cut
done
say "$(sort $T/passed | awk '{ way[$1] = way[$1] (way[$1] ? " and " : "") $2 }
	END { for (p in way) printf "%s%s %s", n++ ? ", " : "", p, way[p] }')"
