#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Wrong use: one line on stderr that names the cause (and how to mend it), nothing on
# stdout, the right exit code (1 usage or configuration, 2 the kernel refused, 3 no daemon),
# and nothing is left behind.
#
#	client                            server                        other
#	  c0 10.9.0.2 ------------------- s0 10.9.0.1                      s0 (another one)
#	                                  br0 (no native XDP)
. "$(dirname "$0")/../lib.sh"

# wrong WHAT EXIT-CODE PATTERN COMMAND...
wrong()
{
	local what=$1 want=$2 pattern=$3 rc=0

	shift 3
	timeout 10 "$@" >$T/w.out 2>$T/w.txt </dev/null || rc=$?
	eq "$what: exit code ($(head -c 300 $T/w.txt))" $rc "$want"
	eq "$what: lines on stderr ($(head -c 300 $T/w.txt))" "$(wc -l <$T/w.txt)" 1
	eq "$what: bytes on stdout" "$(wc -c <$T/w.out)" 0
	grep -qiE -- "$pattern" $T/w.txt || die "$what: no /$pattern/ in: $(cat $T/w.txt)"
	say "$what: $(cat $T/w.txt)"
}

srv() { nsenter --net=/run/netns/server "$@"; }

nothing_left()
{
	[ ! -e $PINS ] || eq "pins" "$(find $PINS -mindepth 1)" ""
	[ ! -e /run/syngate ] || eq "sockets" "$(find /run/syngate -mindepth 1)" ""
	! srv ip -d link show | grep -q 'prog/xdp' || die "an XDP program is left"
}

net_up
ip -n server link add br0 type bridge
ip -n server link set br0 up
IN="nsenter --net=/run/netns/server"

wrong "no daemon: status" 3 'syngate (run|attach)|syngated' syngate status
wrong "no daemon: show" 3 'syngate run|syngated' syngate show conns
wrong "no daemon: set" 3 'syngate run|syngated' syngate set timewait_ms=1000
wrong "unknown command" 1 'shwo.*show|show' syngate shwo
wrong "no argument" 1 'usage|missing|IFACE' syngate run
wrong "no listener" 1 'listen' $IN syngate run s0
wrong "unknown interface" 1 'nosuch0' $IN syngate run nosuch0 --listen '*:80' --app http
wrong "malformed address" 1 '10\.9\.0\.1\.7|address' $IN syngate run s0 --listen 10.9.0.1.7:80 --app http
wrong "malformed port" 1 'port|70000' $IN syngate run s0 --listen '*:70000' --app http
wrong "IPv6 without brackets" 1 '\[|fd09' $IN syngate run s0 --listen fd09::1:80 --app http
wrong "unknown application" 1 'htpp|http' $IN syngate run s0 --listen '*:80' --app htpp
wrong "neither application nor backend" 1 'app|backend' $IN syngate run s0 --listen '*:80'
wrong "unknown setting" 1 'timewait_sm.*timewait_ms|timewait_ms' \
	$IN syngate run s0 --listen '*:80' --app http --set timewait_sm=5
wrong "setting out of range" 1 'timewait_ms' \
	$IN syngate run s0 --listen '*:80' --app http --set timewait_ms=-1
wrong "address listened on twice" 1 'already' \
	$IN syngate run s0 --listen '*:80' --app http --listen '*:80' --app echo
wrong "no native XDP in the driver" 2 'native.*(skb|--mode)|--mode skb' \
	$IN syngate run br0 --listen '*:80' --app http --mode native
nothing_left
wrong "not root" 2 'root' $IN setpriv --reuid=65534 --regid=65534 --clear-groups \
	syngate run s0 --listen '*:80' --app http
wrong "not root: status" 2 'root|permission' setpriv --reuid=65534 --regid=65534 \
	--clear-groups syngate status
nothing_left

# beside a daemon that serves
syngate_start --listen '*:80' --app http
wrong "another program is there" 1 's0|already|daemon' $IN syngate run s0 --listen '*:81' --app http
wrong "listened on already" 1 'already' syngate listen s0 '*:80' --app echo
wrong "unlisten what nobody listens on" 1 '81' syngate unlisten s0 '*:81'
wrong "set an unknown setting" 1 'sommaxconn|somaxconn' syngate set sommaxconn=5
wrong "set nonsense" 1 'somaxconn' syngate set somaxconn=many
wrong "listen on an interface that is not attached" 1 'lo' syngate listen lo '*:90' --app http
wrong "show something unknown" 1 'con|conns' syngate show con

# to the control socket, what syngate would not send
refused() # WHAT PATTERN ARGUMENTS-OF-LISTEN
{
	printf '{"cmd": "listen", "iface": "s0", "addr": "*", "port": 99, %s}\n' "$3" |
		nc -NU /run/syngate/s0.sock >$T/w.out
	eq "$1: ok" "$(jq .ok $T/w.out)" false
	jq -r .error $T/w.out | grep -qE -- "$2" || die "$1: no /$2/ in: $(cat $T/w.out)"
}
refused "a backend that is no string" "string" '"backend": 8080'
refused "nor in an array" "string" '"backend": [["127.0.0.1:1"]]'
refused "no backend" "either a backend" '"backend": []'
refused "a malformed backend" "'host:80'" '"backend": ["127.0.0.1:1", "host:80"]'
refused "a Unix socket somewhere" "unix:/run" '"backend": "unix:app.sock"'
refused "too many backends" "32 backends" "\"backend\": [$(printf '"[::1]:1",%.0s' {1..32})\"[::1]:1\"]"
refused "a backend and an application" "either a backend" '"backend": "[::1]:1", "app": "echo"'
refused "another PROXY protocol" "v1 or v2" '"backend": "[::1]:1", "proxy_protocol": "v3"'
refused "no time to connect" "1 or more" '"backend": "[::1]:1", "connect_timeout": 0'
refused "all the time of the world" "1 to 3600" '"backend": "[::1]:1", "connect_timeout": 3601'
refused "a check now and then" "0 to 3600" '"backend": "[::1]:1", "health_check": 4000'
refused "half a place" "number" '"backend": "[::1]:1", "backend_limit": 0.5'
refused "a time that is text" "number" '"backend": "[::1]:1", "idle_timeout": "5"'
refused "less than no time" "0 or more" '"backend": "[::1]:1", "idle_timeout": -1'
eq "listeners" "$(show listeners length)" 1

# the daemon went on
C curl -sS --fail -m 5 -o /dev/null http://$S4/
[ "$(stat -c %a /run/syngate/*.sock)" = 600 ] || die "control socket is not for root alone"
syngate_stop
nothing_left

# pins of another namespace: a daemon in `server` was killed, `other` has an s0 as well
syngate_start --listen '*:80' --app http
kill -KILL $SG_PID
wait $SG_PID 2>/dev/null || :
ns_new other
ip -n other link add s0 type veth peer name x0
ip -n other link set s0 up
wrong "pins of another namespace" 1 'namespace.*--instance|--instance.*namespace' \
	nsenter --net=/run/netns/other syngate run s0 --listen '*:80' --app http
SG_NS=other syngate_start s0 --instance s0-other --listen '*:80' --app http
syngate_stop
syngate_start --listen '*:80' --app http
C curl -sS --fail -m 5 -o /dev/null http://$S4/
syngate_stop
nothing_left
