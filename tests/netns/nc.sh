#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# syngate nc and kernel servers, on the same network and behind a router: text both ways,
# half-close in both orders, RST, timeouts, Ctrl-C; each way to fail says why. The client's
# kernel sees nothing of it, and nothing is left behind. The topology is in tests/nc.sh.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../nc.sh"

# fails WHAT EXIT-CODE PATTERN ARGUMENTS...: with standard input from $T/in
fails()
{
	local what=$1 want=$2 pattern=$3 rc=0

	shift 3
	N timeout 20 syngate nc "$@" <$T/in >$T/out 2>$T/nc.txt || rc=$?
	eq "$what: exit code ($(head -c 300 $T/nc.txt))" $rc "$want"
	eq "$what: lines on stderr" "$(wc -l <$T/nc.txt)" 1
	grep -qE -- "$pattern" $T/nc.txt || die "$what: no /$pattern/ in: $(cat $T/nc.txt)"
	nothing_left "$what"
	say "$what: $(cat $T/nc.txt)"
}

# works ARGUMENTS...: within 20 s, with 0; standard input from $T/in, output to $T/out
works()
{
	N timeout 20 syngate nc "$@" <$T/in >$T/out 2>$T/nc.err || die "nc $*: exit code $?"
}

# nc_start PORT [OPTIONS...]: at $F4, its input is descriptor 5, its output $T/out; NC_PID
nc_start()
{
	local port=$1

	shift
	rm -f $T/fifo
	mkfifo $T/fifo
	nsenter --net=/run/netns/near env --default-signal=INT syngate nc "$@" $F4:"$port" \
		<$T/fifo >$T/out 2>$T/nc.err &
	NC_PID=$!
	exec 5>$T/fifo
}

nc_state() { syngate show conns -j | jq -e "length == 1 and .[0].state == \"$1\"" >/dev/null; }
nc_ends() { NC_RC=0; await "the end of nc" ended $NC_PID; wait $NC_PID || NC_RC=$?; }

nc_up
echo "hello, world" >$T/in
echo one >$T/one

# --- text both ways -------------------------------------------------------------------------
for mode in native skb; do
	for host in $R4 "[$R6]" $F4 "[$F6]"; do
		works --mode $mode "$host:7"
		cmp $T/in $T/out || die "$mode, $host: another text came back"
		nothing_left "$mode, $host"
	done
done
num "the client's kernel saw no segment" "$(mib TcpInSegs) == 0"
num "nor sent any, a RST least of all" "$(mib TcpOutSegs) == 0 && $(mib TcpOutRsts) == 0"
say "text both ways: IPv4, IPv6, on-link, by router, native, skb"

# --- the options that choose where from ---------------------------------------------------------
rm -f $T/far/7
works -s $N4:40001 --iface n0 $F4:7
eq "peer as the server saw it" "$(said far 7 | cut -d' ' -f4,5)" "::ffff:$N4 40001"
link=$(ip -n router -j addr show r0 | jq -r '.[0].addr_info[] | select(.scope == "link").local')
works --iface n0 "[$link]:7"
cmp $T/in $T/out || die "link-local: another text came back"
fails "somebody else's address" 1 "no address of this host" -s 10.9.1.77 $F4:7
N $PY -c "import socket, sys; s = socket.create_server(('$N4', 40002)); sys.stdin.read()" \
	< <(read -rt 60 <>$T/never || :) &
await "a kernel socket on port 40002" listening near 40002
fails_port() # with a listener there, which nothing_left would report
{
	local rc=0

	N syngate nc -s $N4:40002 $F4:7 <$T/in 2>$T/nc.txt || rc=$?
	eq "a port in use: exit code" $rc 1
	grep -q 'port 40002 .* in use' $T/nc.txt || die "a port in use: $(cat $T/nc.txt)"
}
fails_port
nc_start 22 -s $N4:40003
await "the connection" nc_state ESTAB
! N $PY -c "import socket; socket.create_server(('$N4', 40003))" 2>/dev/null ||
	die "the kernel gave our port to somebody else"

# --- Ctrl-C ---------------------------------------------------------------------------------
before=$(mib TcpOutRsts)
kill -INT $NC_PID
nc_ends
eq "exit code after SIGINT" $NC_RC 130
exec 5>&-
nothing_left "SIGINT"
gone() { ! in_ns far ss -Htn 'sport = :22' | grep -q .; }
await "the server's end of it" gone
eq "RSTs of the client's kernel" "$(mib TcpOutRsts)" "$before"
say "SIGINT: reset, and nothing left"

# --- half-close in both orders ----------------------------------------------------------------
works $F4:9
eq "an answer behind our FIN" "$(cat $T/out)" "13 $(sha $T/in)"
said far 9 >/dev/null

rm -f $T/fifo
mkfifo $T/fifo
# no shell in between, which would keep the pipe open
nsenter --net=/run/netns/near syngate nc -v $F4:19 <$T/fifo 2>$T/nc.err | cat >$T/out &
exec 5>$T/fifo
# the reader of our output sees the end, while our input is still open
whole() { cmp $T/out $T/down && nc_state CLOSE-WAIT && ! pgrep -x cat; }
await "the server's end of stream" whole
echo "late words" >&5
exec 5>&-
wait $!
eq "what the server read behind its FIN" "$(said far 19 | cut -d' ' -f1-3)" \
	"11 $(echo "late words" | sha256sum | cut -d' ' -f1) closed"
nothing_left "half-close"
say "half-close in both orders: $(tail -n1 $T/nc.err)"

nc_start 7 --keep-open
echo one >&5
await "its echo" cmp $T/out $T/one
exec 5>&-
await "input at its end, and no FIN" nc_state ESTAB
eq "the server's side" "$(in_ns far ss -Htn 'sport = :7' | cut -d' ' -f1)" ESTAB
kill -TERM $NC_PID
nc_ends
eq "exit code after SIGTERM" $NC_RC 143
nothing_left "SIGTERM"

# --- ways to fail ---------------------------------------------------------------------------------
fails "refused" 2 "refused" $F4:8
fails "reset by the server" 2 "reset the connection" $F4:20
eq "what came before the RST" "$(cat $T/out)" "last words"
ip -n near route add prohibit 10.66.0.0/16
fails "a prohibited route" 2 "forbids" 10.66.0.1:7
ip -n near route add 10.67.0.0/16 via 10.9.1.98
fails "a dead router" 2 "router 10.9.1.98 does not answer on n0" 10.67.0.1:7
fails "an unresolvable neighbour" 2 "neighbour 10.9.1.99 does not answer on n0" -w 1 10.9.1.99:7
fails "the same over IPv6" 2 "neighbour fd09:1::99 does not answer on n0" -w 1 '[fd09:1::99]:7'
ip -n near neigh add 10.9.1.97 lladdr 02:00:00:00:00:97 dev n0 nud permanent
fails "no SYN-ACK" 2 "did not answer within 1 s" -w 1 10.9.1.97:7
fails "loopback" 1 "this host itself" 127.0.0.1:7
fails "our own address" 1 "this host itself" "[$N6]:7"
fails "broadcast" 1 "single host" 10.9.1.255:7
fails "link-local without an interface" 1 "iface" '[fe80::1]:7'
fails "no such interface" 1 "no interface" --iface n9 $F4:7
ip -n near route del default via $R4
fails "no route" 2 "no route to $F4" $F4:7
ip -n near route add default via $R4

rc=0
N syngate nc -w 1 $F4:22 </dev/zero 2>$T/nc.txt || rc=$?
eq "a server that reads nothing: exit code" $rc 2
grep -q 'took no data for 1 s' $T/nc.txt || die "a stuck server: $(cat $T/nc.txt)"
nc_start 7 -v -w 1
nc_ends
eq "nothing moves for 1 s: exit code ($(cat $T/nc.err))" $NC_RC 0
exec 5>&-
grep -q 'nothing moved for 1 s' $T/nc.err || die "idle: $(cat $T/nc.err)"
rc=0
{ N syngate nc $F4:19 </dev/null 2>$T/nc.txt || echo $? >$T/rc; } | head -c 5 >/dev/null
eq "nobody reads our output: exit code" "$(cat $T/rc)" 2
grep -q 'standard output' $T/nc.txt || die "a closed output: $(cat $T/nc.txt)"
nothing_left "the last of them"

# --- old neighbours -----------------------------------------------------------------------------
old() { ip -n near neigh replace $R4 lladdr "$1" dev n0 nud stale; }
old "$(ip -n router -j link show r0 | jq -r '.[0].address')"
works $R4:7
cmp $T/in $T/out || die "stale neighbour: another text came back"
old 02:00:00:00:00:98
t0=$(ms)
works $R4:7
cmp $T/in $T/out || die "a neighbour that moved: another text came back"
say "a neighbour's stale and wrong address: found anew in $(($(ms) - t0)) ms"

# --- an interface that is taken -------------------------------------------------------------------
SG_NS=near syngate_start n0 --listen '*:80' --app http
rc=0
N syngate nc $F4:7 <$T/in 2>$T/nc.txt || rc=$?
eq "beside a daemon: exit code" $rc 1
grep -q "named 'n0' serves already" $T/nc.txt || die "beside a daemon: $(cat $T/nc.txt)"
syngate_stop
xdp_pass near n0
rc=0
N syngate nc $F4:7 <$T/in 2>$T/nc.txt || rc=$?
eq "beside another program: exit code" $rc 2
grep -q 'another XDP program' $T/nc.txt || die "beside another program: $(cat $T/nc.txt)"
eq "the other program is still there" "$(programs)" 1
N ip link set dev n0 xdp off
nothing_left "an interface that was taken"

# killed: its own remains are no obstacle
nc_start 7
await "the connection" nc_state ESTAB
kill -KILL $NC_PID
wait $NC_PID 2>/dev/null || :
exec 5>&-
[ -e $PINS/n0/link ] || die "nothing was left"
works $F4:7
cmp $T/in $T/out || die "after kill -9: another text came back"
nothing_left "after kill -9"
