#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The traffic generator against a kernel listener and against syngate, IPv4 and IPv6: what it
# says that it sent has arrived, with good checksums; what came back is what the other side
# says; connections and requests complete; the rate is kept, frame by frame; wrong use.
#
#	client                            server
#	  synload on c0 10.9.0.2 -------- s0 10.9.0.1, nginx on port 8080, then syngate on 80
#	  sources 198.18.0.0/15 and 2001:2::/48 are routed to the client
. "$(dirname "$0")/../lib.sh"
alone

install -m 0755 "$O/synload" /run/bin
ns_new client server
veth client c0 server s0
dev_up client c0 $C4/24 $C6/64
dev_up server s0 $S4/24 $S6/64
client_end client c0
in_ns server ethtool -K s0 gro on # takes XDP frames without an XDP program of its own
ip -n server route add 198.18.0.0/15 via $C4
ip -n server route add 2001:2::/48 via $C6
S sysctl -qw net.ipv4.tcp_syncookies=2 # so that nothing is sent again
await "the link" C ping -nqc1 -W1 $S4
await "the link, IPv6" C ping -nqc1 -W1 $S6

# load MODE ARGUMENTS...: the JSON goes to $T/j
load() { C synload c0 "$@" -j >$T/j 2>$T/load.err || die "synload $*: exit code $?"; }
said() { jq -r ".$1" $T/j; }
mib() { S nstat -asz "$1" | awk 'END { print $2 }'; }

# mark NAME..., then moved NAME...: by how much these counters of the server's kernel grew since
declare -A MIB
mark() { local n; for n; do MIB[$n]=$(mib "$n"); done; }
moved()
{
	local n out=

	for n; do out="$out $(($(mib "$n") - MIB[$n]))"; done
	echo $out
}

# --- the kernel -----------------------------------------------------------------------------

mkdir -p $T/www $T/nginx
head -c 20000 /dev/urandom >$T/www/page
cat >$T/nginx.conf <<END
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/nginx.err crit; user root;
events { worker_connections 16384; }
http {
	log_format short '\$status \$request_uri'; access_log $T/access.log short;
	client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p;
	fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
	server { listen 8080 backlog=4096; listen [::]:8080 backlog=4096; root $T/www; }
}
END
nsenter --net=/run/netns/server nginx -c $T/nginx.conf -e $T/nginx.err &
await "nginx" listening server 8080

N=2000
# kernel TARGET FAMILY: every kind of frame, by the kernel's counters. Of LAND's, IPv4 drops what
# seems to be from itself; IPv6 answers with a cookie, and resets that: three segments and a RST.
kernel()
{
	local kind to=$1 ip=$2 want land="0 0 0 0"

	[ "$ip" = Ip ] || land="$((3 * N)) $N 0 $N"
	for kind in syn ack rst fin synack data land bogus; do
		mark TcpInSegs TcpOutRsts TcpInCsumErrors TcpExtSyncookiesSent
		load $kind --to "$to" --rate 20000 --count $N
		case $kind in
		syn) want="$N 0 0 $N" ;;
		rst) want="$N 0 0 0" ;;
		land) want=$land ;;
		bogus) want="$N $((N / 8)) 0 0" ;; # SYN FIN ACK
		*) want="$N $N 0 0" ;;
		esac
		eq "$to $kind: segments, RSTs, bad checksums, cookies" \
			"$(moved TcpInSegs TcpOutRsts TcpInCsumErrors TcpExtSyncookiesSent)" "$want"
		eq "$to $kind: sent" "$(said sent)" $N
		case $kind in
		syn) want="$N 0" ;;
		rst | land) want="0 0" ;;
		bogus) want="$((N / 8)) $((N / 8))" ;;
		*) want="$N $N" ;;
		esac
		eq "$to $kind: answered, RST" "$(said '| "\(.answered) \(.rst)"')" "$want"
		say "$to $kind: $(said '| "\(.sent) sent, \(.answered) answered, \(.rst) RST"')"
	done
	mark "$ip"ReasmReqds TcpInSegs
	load fragment --to "$to" --rate 20000 --count $N
	eq "$to: fragments that wait for more" "$(moved "$ip"ReasmReqds TcpInSegs)" "$N 0"
	mark TcpInSegs TcpInCsumErrors TcpExtSyncookiesSent "$ip"ReasmReqds
	load mixed --to "$to" --rate 20000 --count 9000 --size 333
	eq "$to mixed: segments, bad checksums, cookies, fragments" \
		"$(moved TcpInSegs TcpInCsumErrors TcpExtSyncookiesSent "$ip"ReasmReqds)" \
		"$([ "$ip" = Ip ] && echo 7000 0 1000 1000 || echo 10000 0 2000 1000)"
	eq "$to mixed: answered, RST" "$(said '| "\(.answered) \(.rst)"')" "5125 4125"
	load syn --to "$to" --rate 20000 --count $N --bad-checksum
	eq "$to: bad checksums, and no answers" "$(moved TcpInCsumErrors) $(said answered)" "$N 0"
}

# connections TARGET
connections()
{
	local to=$1 o

	for o in '' --no-timestamps --no-options; do
		mark TcpPassiveOpens TcpInCsumErrors TcpExtSyncookiesFailed
		# shellcheck disable=SC2086 # an option or none
		load handshake --to "$to" --rate 2000 --count 500 $o
		eq "$to handshake $o: completed, failed" "$(said '| "\(.completed) \(.failed)"')" "500 0"
		eq "$to handshake $o: at the server" \
			"$(moved TcpPassiveOpens TcpInCsumErrors TcpExtSyncookiesFailed)" "500 0 0"
		mark TcpPassiveOpens TcpInCsumErrors
		: >$T/access.log
		# shellcheck disable=SC2086
		load request --to "$to" --rate 500 --count 500 --path /page $o
		eq "$to request $o: completed, failed" "$(said '| "\(.completed) \(.failed)"')" "500 0"
		num "$to request $o: bytes" "$(said bytes) > 500 * 20000"
		eq "$to request $o: what nginx answered" "$(uniq -c <$T/access.log | xargs)" \
			"500 200 /page"
		eq "$to request $o: at the server" "$(moved TcpPassiveOpens TcpInCsumErrors)" "500 0"
		num "$to request $o: latencies" "0 < $(said p50_us) && $(said p50_us) <= $(said p90_us) &&
			$(said p90_us) <= $(said p99_us) && $(said p99_us) <= $(said max_us)"
		say "$to request $o: $(said '| "\(.completed) completed, p50 \(.p50_us) us"')"
	done
	for o in handshake request; do
		load $o --to "$to" --open 8 --rate 0 --count 2000 --path /page
		eq "$to $o, eight at a time" "$(said '| "\(.sent) \(.completed) \(.stray)"')" "2000 2000 0"
		# more at a time would be together longer than there was time
		num "$to $o, eight at a time: together" "$(said p50_us) * 2000 / 2 <= 8 * 1000000 * $(said seconds)"
	done
	load request --to "$to" --rate 500 --count 100 --path /nothing
	eq "$to: what is not there" "$(said '| "\(.completed) \(.failed) \(.bad)"')" "0 100 100"
	load handshake --to "${to%:*}:8081" --rate 500 --count 100
	eq "$to: nobody listens" "$(said '| "\(.completed) \(.failed) \(.refused)"')" "0 100 100"
}

kernel $S4:8080 Ip
kernel "[$S6]:8080" Ip6
connections $S4:8080
connections "[$S6]:8080"

mark TcpInSegs
load syn --to $S4:8080 --rate 1000 --count 300 --from 198.18.7.7/32
eq "one source" "$(moved TcpInSegs) $(said answered)" "300 300"
load syn --to $S4:8080 --rate 0 --count 100000
eq "as fast as it can" "$(said sent)" 100000

# --- evenly paced ---------------------------------------------------------------------------

G=/sys/fs/bpf/gaps
bpftool prog loadall "$O/tests/netns/gaps.bpf.o" $G pinmaps $G/maps
in_ns server bpftool net attach xdp pinned $G/gaps_count dev s0

# gaps BUCKET: how many were shorter than 2^BUCKET ns, and all
gaps()
{
	bpftool -j map dump pinned $G/maps/gaps |
		jq -r "[.[].formatted | select(.key < $1).value] as \$s | [.[].formatted.value] |
			\"\(\$s | add) \(add)\""
}

paced() # RATE BUCKET
{
	local before after short all

	before=$(gaps "$2")
	load syn --to $S4:8080 --rate "$1" --time 2
	after=$(gaps "$2")
	short=$((${after% *} - ${before% *})) all=$((${after#* } - ${before#* }))
	say "rate $1: $(said sent_per_s)/s, $short of $all gaps below $((1 << $2)) ns"
	RC=0
	awk "BEGIN { exit !($(said sent_per_s) > $1 * 0.97 && $(said sent_per_s) < $1 * 1.03) }" &&
		[ $((short * 20)) -lt $all ] || RC=75
	num "all arrived" "$all >= $(said sent) * 0.99"
}
unhurried paced 10000 15 # 100 us apart: hardly one below 33
unhurried paced 1000 19  # 1 ms apart: hardly one below half of that
in_ns server bpftool net detach xdp dev s0

# --- syngate --------------------------------------------------------------------------------

syngate_start --listen '*:80' --app http

# front NAME...: the sum of these counters of syngate
front()
{
	local n sum=0

	for n; do sum=$((sum + $(counter "$n"))); done
	echo $sum
}

# behind TARGET
behind()
{
	local to=$1 kind was

	for kind in syn ack fin synack data rst fragment land bogus; do
		case $kind in
		syn) set -- SynAckSent CookieSent ;;
		rst) set -- StrayDropped ;;
		fragment) set -- FirstFragment ;;
		land) set -- BadAddress ;;
		bogus) set -- BadFlags ;;
		*) set -- StrayReset ;;
		esac
		was=$(front "$@")
		load $kind --to "$to" --rate 5000 --count 500
		eq "syngate, $to $kind: $*" $(($(front "$@") - was)) 500
		case $kind in
		syn) eq "$to $kind: answered" "$(said answered)" 500 ;;
		rst | fragment | land | bogus) eq "$to $kind: RST" "$(said rst)" 0 ;;
		*) eq "$to $kind: RST" "$(said rst)" 500 ;;
		esac
	done
	passed "$to" handshake 500
	passed "$to" request 1000
	passed "$to" request 500 --no-options
}

# passed TARGET MODE COUNT [OPTION]: all complete, and syngate says so too
passed()
{
	local was

	was=$(front PassiveOpens)
	load "$2" --to "$1" --rate 1000 --count "$3" ${4:-}
	eq "syngate, $1 $2 ${4:-}: completed, failed" "$(said '| "\(.completed) \(.failed)"')" "$3 0"
	eq "syngate, $1 $2 ${4:-}: PassiveOpens" $(($(front PassiveOpens) - was)) "$3"
	say "syngate, $1 $2 ${4:-}: $(said '| "\(.completed) completed, p50 \(.p50_us) us"')"
}
behind $S4:80
behind "[$S6]:80"

# What is not between the target and the sources goes on: ping, and a real client of the same port.
# Ctrl-C ends it, with a report, and nothing of it is left.
nsenter --net=/run/netns/client env --default-signal=INT synload c0 syn --to $S4:80 --rate 1000 \
	--time 60 -j >$T/j 2>$T/load.err &
LOAD=$!
carries() { C ip -d link show c0 | grep -q prog/xdp; }
await "synload's program" carries
C ping -nqc1 -W2 $S4 >/dev/null || die "no ping beside synload"
C curl -sS --fail -m 5 -o /dev/null http://$S4/ || die "no other client beside synload"
kill -INT $LOAD
await "synload's end" ended $LOAD
rc=0
wait $LOAD || rc=$?
eq "exit code after Ctrl-C" $rc 0
num "sent until Ctrl-C" "$(said sent) > 0 && $(said seconds) < 30"
! carries || die "synload's program is left"
syngate_stop

# for people
C synload c0 syn --to $S4:80 --count 100 >$T/text
grep -qE '^sent +100 ' $T/text || die "no report: $(cat $T/text)"

# --- wrong use ------------------------------------------------------------------------------

# wrong WHAT EXIT-CODE PATTERN COMMAND...
wrong()
{
	local what=$1 want=$2 pattern=$3 rc=0

	shift 3
	timeout 20 "$@" >$T/w.out 2>$T/w.txt </dev/null || rc=$?
	eq "$what: exit code ($(head -c 300 $T/w.txt))" $rc "$want"
	eq "$what: lines on stderr ($(head -c 300 $T/w.txt))" "$(wc -l <$T/w.txt)" 1
	eq "$what: bytes on stdout" "$(wc -c <$T/w.out)" 0
	grep -qiE -- "$pattern" $T/w.txt || die "$what: no /$pattern/ in: $(cat $T/w.txt)"
	say "$(cat $T/w.txt)"
}
IN="nsenter --net=/run/netns/client"
TO="--to $S4:80"

wrong "an interface of the host" 1 'namespace.*--force' synload lo syn --to 127.0.0.1:80
wrong "not known whose it is" 1 'cannot tell.*--force' \
	unshare --mount sh -c "mount -t tmpfs tmpfs /proc && exec $IN synload c0 syn $TO"
wrong "forced, and not there" 1 'nosuch0.*ip -br link' synload nosuch0 syn $TO --force
wrong "no such interface" 1 'nosuch0.*ip -br link' $IN synload nosuch0 syn $TO
wrong "no mode" 1 'missing' $IN synload c0 $TO
wrong "unknown mode" 1 'sin.*syn' $IN synload c0 sin $TO
wrong "too many arguments" 1 'too many' $IN synload c0 syn ack $TO
wrong "no target" 1 '--to' $IN synload c0 syn
wrong "no port" 1 '--to.*10\.9\.0\.1' $IN synload c0 syn --to $S4
wrong "unknown option" 1 '--fast' $IN synload c0 syn $TO --fast
wrong "no connections" 1 '--open.*syn' $IN synload c0 syn $TO --open 8
wrong "none at a time" 1 '--open.*1048576' $IN synload c0 request $TO --open 0
wrong "no value" 1 '--rate' $IN synload c0 syn $TO --rate
wrong "bad rate" 1 '--rate.*number' $IN synload c0 syn $TO --rate 1k
wrong "bad time" 1 '--time' $IN synload c0 syn $TO --time 0
wrong "bad prefix" 1 '--from' $IN synload c0 syn $TO --from 198.18.0.0/15/3
wrong "long prefix" 1 '--from.*33' $IN synload c0 syn $TO --from 198.18.0.0/33
wrong "prefix of the other kind" 1 '--from.*IPv6' $IN synload c0 syn $TO --from 2001:2::/48
wrong "bad MAC" 1 '--gw' $IN synload c0 syn $TO --gw 02:00
wrong "bad path" 1 '--path' $IN synload c0 request $TO --path 'a b'
wrong "long path" 1 '--path.*too long' $IN synload c0 request $TO --path "/$(printf '%0200d' 0)"
C ip link set c0 mtu 1000
wrong "longer than the MTU" 1 'mtu|takes 1014.*--size' $IN synload c0 data $TO --size 1400
C ip link set c0 mtu 1500
wrong "no route" 2 'no route to .*--gw' $IN synload c0 syn --to '[2001:db8::1]:80'
wrong "nobody there" 2 '10\.9\.0\.77.*answer.*--gw' $IN synload c0 syn --to 10.9.0.77:80
wrong "this host" 1 'this host' $IN synload c0 syn --to $C4:80
xdp_pass client c0
wrong "another program" 2 'c0.*xdp off' $IN synload c0 syn $TO
C ip link set dev c0 xdp off
wrong "not root" 2 'root' $IN setpriv --reuid=65534 --regid=65534 --clear-groups synload c0 syn $TO

# the page has every option that there is, and no other
options() { grep -oE -- '--[a-z][a-z-]*' "$@" | sort -u; }
synload --help >$T/help
scdoc <"$TOP/docs/man/synload.8.scd" >$T/page || die "the page is no scdoc"
eq "options on the page" "$(options "$TOP/docs/man/synload.8.scd" | xargs)" "$(options $T/help | xargs)"
