# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the end-to-end tests, the demo and the benchmark share. Source it first, with the
# script's own arguments still in "$@".
#
# The script is started again in mount and PID namespaces of its own: /run (network
# namespaces, control socket), /sys/fs/bpf (pins) and all processes in there are private
# to one test, several run side by side, and the kernel removes all of it with the last
# process, whatever way the test ends. SG_PIDNS=0 leaves the PID namespace out.
#
# The usual topology, made by `net_up`:
#
#	netns client                         netns server
#	  c0 10.9.0.2/24  fd09::2  ------- s0 10.9.0.1/24  fd09::1   <- syngate
#	  no offloads, XDP_PASS

set -eu -o pipefail
shopt -s inherit_errexit

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
O=${O:-$TOP/out}
case $O in /*) ;; *) O=$TOP/$O ;; esac
NAME=$(basename "$0" .sh)

if [ -z "${SG_ISOLATED:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "$NAME: network namespaces need root" >&2; exit 1; }
	pidns='--pid --fork --kill-child --mount-proc'
	[ "${SG_PIDNS:-1}" = 1 ] || pidns=
	# shellcheck disable=SC2086 # a list of words
	SG_ISOLATED=1 exec unshare --mount $pidns bash "$0" "$@"
fi

T=/run/t # files of this test; in memory, gone with the namespace
PY=/usr/bin/python3
PINS=/sys/fs/bpf/syngate
C4=10.9.0.2 S4=10.9.0.1 C6=fd09::2 S6=fd09::1
SG_PID=

isolate()
{
	mount -t tmpfs tmpfs /run
	mkdir -p /run/netns $T
	mount -t bpf bpf /sys/fs/bpf
	# a copy, because the checkout may lie where `nobody` cannot go
	mkdir /run/bin
	[ ! -x "$O/syngate" ] ||
		install -m 0755 "$O/syngate" "$O/syngated" "$O/libsyngate-exec.so" /run/bin
	PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin
	ulimit -n "$(ulimit -Hn)" 2>/dev/null || :
	# the first process of a PID namespace hears only signals that it has a handler for
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
isolate

# alone: not beside another test that asks for it too. For those that fill a core with traffic, which two
# at a time would measure each other.
alone()
{
	exec 7<"$TOP/tests/lib.sh"
	flock 7
}

# --- saying -------------------------------------------------------------------------

say() { printf '%s: %s\n' "$NAME" "$*"; }

die()
{
	printf '%s: FAIL: %s\n' "$NAME" "$*" >&2
	for f in "$T"/*.err; do
		[ ! -s "$f" ] || { echo "--- ${f##*/}"; tail -n 20 "$f"; } >&2
	done
	exit 1
}

# eq WHAT GOT WANT
eq() { [ "$2" = "$3" ] || die "$1: got '$2', want '$3'"; }

# num WHAT EXPRESSION, as `num "lost" "$lost < 5"`
num() { awk "BEGIN { exit !($2) }" || die "$1: $2 does not hold"; }

# --- waiting ------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt $end ] || return 1
		read -rt 0.02 <>$T/never || :
	done
}

# await WHAT COMMAND...: the same, at most 10 s, or the test fails
await()
{
	local what=$1

	shift
	wait_for 10 "$@" || die "waited in vain for $what"
}
mkfifo $T/never

ended() { ! kill -0 "$1" 2>/dev/null; }

ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# unhurried COMMAND...: it leaves in RC what its program returned. 75 says that it failed, but
# had to wait for the processor so long that its timing was off: once more, at most four times.
unhurried()
{
	local try

	for try in 1 2 3 4; do
		"$@"
		[ "$RC" = 75 ] || break
		say "try $try: the machine was too busy"
	done
	[ "$RC" = 0 ] || die "$*: not as Linux does it"
}

# --- namespaces ---------------------------------------------------------------------

in_ns() { local ns=$1; shift; nsenter --net=/run/netns/"$ns" "$@"; }
C() { in_ns client "$@"; }
S() { in_ns server "$@"; }

# ns_new NAME...
ns_new()
{
	local ns

	for ns; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
}

# veth NS1 DEV1 NS2 DEV2 [QUEUES [DEV1'S TX QUEUES]]
veth()
{
	local q=${5:-1}

	ip -n "$1" link add "$2" numrxqueues "$q" numtxqueues "${6:-$q}" type veth \
		peer name "$4" numrxqueues "$q" numtxqueues "$q" netns "$3"
}

# dev_up NS DEV ADDRESS...
dev_up()
{
	local ns=$1 dev=$2 a

	shift 2
	for a; do
		case $a in
		*:*) ip -n "$ns" addr add "$a" dev "$dev" nodad ;;
		*) ip -n "$ns" addr add "$a" dev "$dev" ;;
		esac
	done
	ip -n "$ns" link set "$dev" up
}

# What a veth that stands for a client's NIC needs: whole checksums, single frames.
client_end()
{
	in_ns "$1" ethtool -K "$2" tx off tso off gso off >/dev/null
}

# xdp_pass NS DEV
xdp_pass()
{
	in_ns "$1" ip link set dev "$2" xdp obj "$O/tests/netns/pass.bpf.o" sec xdp
}

# net_up [QUEUES] [pass|loss] [MODE]: wire.py can choose a queue in generic mode if MODE is skb
net_up()
{
	ns_new client server
	net_link "$@"
}

# The pair that joins them, with the same arguments.
net_link()
{
	local q=${1:-1} tx=${1:-1}

	[ "${3:-native}" != skb ] || tx=$((q + 1))
	veth client c0 server s0 "$q" "$tx"
	dev_up client c0 $C4/24 $C6/64
	dev_up server s0 $S4/24 $S6/64
	client_end client c0
	case ${2:-pass} in
	pass) xdp_pass client c0 ;;
	loss) loss_load client c0 ;;
	esac
	await "the link" C ping -nqc1 -W1 $S4
	await "the link, IPv6" C ping -nqc1 -W1 $S6
}

# --- a bad network (tests/netns/loss.bpf.c) --------------------------------------------

loss_load()
{
	local d=/sys/fs/bpf/loss

	bpftool prog loadall "$O/tests/netns/loss.bpf.o" $d pinmaps $d/maps
	in_ns "$1" bpftool net attach xdp pinned $d/loss_in dev "$2"
	in_ns "$1" tc qdisc add dev "$2" clsact
	in_ns "$1" tc filter add dev "$2" egress bpf direct-action object-pinned $d/loss_out
}

# loss_set IN_PERMILLE OUT_PERMILLE [SYNACKS [SYNS [SYN_ONLY [MARK_PERMILLE]]]]
loss_set()
{
	local v bytes=()

	for v in "$1" "$2" "${3:-0}" "${4:-0}" "${5:-0}" "${6:-0}"; do
		bytes+=($((v & 255)) $((v >> 8 & 255)) 0 0)
	done
	bpftool map update pinned /sys/fs/bpf/loss/maps/rules key 0 0 0 0 value "${bytes[@]}"
}

# Segments lost so far: IN OUT
loss_lost()
{
	bpftool -j map dump pinned /sys/fs/bpf/loss/maps/lost |
		jq -r '.[0].formatted.value | "\(.in) \(.out)"'
}

# --- programs -----------------------------------------------------------------------

# syngate_start [IFACE] ARGUMENTS...: in `server`, returns when it serves
syngate_start()
{
	local dev=s0

	case $1 in -*) ;; *) dev=$1; shift ;; esac
	: >$T/run.out
	# a shell's background jobs ignore SIGINT
	nsenter --net=/run/netns/"${SG_NS:-server}" env --default-signal=INT syngate run "$dev" "$@" \
		>$T/run.out 2>$T/run.err 8>&- 9>&- &
	SG_PID=$!
	await "syngate's 'ready'" syngate_is_ready
	grep -qx ready $T/run.out || die "syngate ended before it was ready"
}

syngate_is_ready() { grep -qx ready $T/run.out || ended "$SG_PID"; }

# syngate_stop [SIGNAL]: it must end by itself, and with 0
syngate_stop()
{
	local rc=0

	kill -"${1:-TERM}" "$SG_PID"
	await "syngate's end" ended "$SG_PID"
	wait "$SG_PID" || rc=$?
	SG_PID=
	eq "exit code of syngate run" $rc 0
}

# counter NAME
counter() { syngate show counters -j | jq -e ".$1"; }

# show WHAT JQ-EXPRESSION
show() { syngate show "$1" -j | jq -r "$2"; }

# listening NS PORT
listening() { in_ns "$1" ss -Hltn "sport = :$2" | grep -q .; }

# nginx_start PORT [DOCUMENT ROOT]: in `server`; takes PUT under /put/
nginx_start()
{
	local root=${2:-$T/www}

	mkdir -p "$root/put" $T/nginx
	cat >$T/nginx.conf <<-END
	daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/nginx.err warn;
	user root;
	events { worker_connections 16384; }
	http {
		access_log off; sendfile on; keepalive_requests 1000000;
		client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p;
		fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
		server {
			listen 127.0.0.1:$1 backlog=4096; listen $S4:$1 backlog=4096; ${NGINX_LISTEN:-}
			root $root;
			location /put/ { dav_methods PUT; client_max_body_size 0; }
		}
	}
	END
	nsenter --net=/run/netns/server nginx -c $T/nginx.conf -e $T/nginx.err &
	NGINX_PID=$!
	await "nginx" listening server "$1"
}

# blob FILE MIB: bytes that do not compress and do not repeat
blob() { head -c "$2"M /dev/urandom >"$1"; }

sha() { sha256sum <"$1" | cut -d' ' -f1; }

# --- raw clients (tests/netns/wire.py) ----------------------------------------------------

# wire_routes [QUEUES [MODE]]: the server's way to the addresses that wire.py pretends to be, and
# a queue of its choice: queue.bpf.c. Without native XDP the server's veth takes the number of
# the sender's TX queue for that of the RX queue plus one: hence one TX queue more (net_link).
wire_routes()
{
	export WIRE_SHIFT=0
	[ "${2:-native}" != skb ] || WIRE_SHIFT=1
	ip -n server route add 10.10.0.0/16 via $C4
	ip -n server route add fd10::/64 via $C6
	[ "${1:-1}" -gt 1 ] || return 0
	[ -e /sys/fs/bpf/queue_pick ] ||
		bpftool prog load "$O/tests/netns/queue.bpf.o" /sys/fs/bpf/queue_pick
	tc -n client qdisc show dev c0 | grep -q clsact || tc -n client qdisc add dev c0 clsact
	in_ns client tc filter add dev c0 egress prio 1 bpf direct-action \
		object-pinned /sys/fs/bpf/queue_pick
}
