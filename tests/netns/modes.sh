#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Modes switch by themselves, and the daemon says why: each switch is one event of `status` with
# its evidence, and the same line once in the log, however many frames it was. All of it comes at
# once and goes again after ten quiet seconds, with counts that are the counters'.
#
#	client                            server
#	  synload on c0 10.9.0.2 -------- s0 10.9.0.1 syngate
#	    SYNs without end                 :80 half-open queue of 65: cookies
#	    ACKs of one prefix               :81 RSTs over the budget of a prefix
#	    three connections                :82 accept queue of 2 that nobody accepts from: full
#	                                     one worker stands still
. "$(dirname "$0")/../lib.sh"

install -m 0755 "$O/synload" /run/bin
net_up
ip -n server route add 198.18.0.0/15 via $C4

# load ARGUMENTS...: it wants an interface without another program
load()
{
	C ip link set dev c0 xdp off
	C synload c0 "$@" -j >$T/load || die "synload $*"
	xdp_pass client c0
}

status() { syngate status -j | jq -r ".[0]$1"; }
# event PORT TO WHAT: of the only one that there is; PORT null: the interface's
event()
{
	status ".events | [.[] | select(.port == $1 and .to == \"$2\")] |
		if length == 1 then .[0]$3 else \"\(length) of them\" end"
}
mode() { show listeners ".[] | select(.port == $1).mode"; }
listener() { show listeners ".[] | select(.port == $1).$2"; }
begun() { [ "$(event "$1" "$2" .to)" = "$2" ]; }

syngate_start --listen '*:80' --app http --syn-backlog 64 --listen '*:81' --app http \
	--listen '*:82' --app hold --backlog 1 --syn-backlog 64 --set tcp_abort_on_overflow=1 \
	--set fail_policy=hold
eq "modes at first" "$(mode 80) $(mode 81) $(mode 82)" "queue queue queue"
eq "no events" "$(status '.events | length') $(status '.modes | length')" "0 0"

# --- cookies --------------------------------------------------------------------------------

load syn --to $S4:80 --rate 3000 --time 2.5
await "the switch to cookies" begun 80 cookies
eq "mode" "$(mode 80) $(mode 81)" "cookies queue"
eq "from, why" "$(event 80 cookies '| "\(.from), \(.reason), \(.halfopen) of \(.syn_backlog)"')" \
	"queue, half-open queue full, 65 of 64"
num "cookies a second" "500 < $(event 80 cookies .cookie_rate) &&
	$(event 80 cookies .cookie_rate) <= $(event 80 cookies .syn_rate) &&
	$(event 80 cookies .syn_rate) < 4500"
eq "cookies" "$(listener 80 SyncookiesSent)" "$(($(jq .sent $T/load) - 65))"
for _ in 1 2 3 4 5; do
	C curl -so $T/page http://$S4/bytes/100 || die "a client got no page"
done
num "clients whose cookies came back" "$(listener 80 SyncookiesRecv) > 0"
say "$(event 80 cookies .text)"

# --- full -----------------------------------------------------------------------------------

NC=
for _ in 1 2 3; do
	C nc -dw20 $S4 82 >/dev/null 2>&1 &
	NC="$NC $!"
done
await "the switch to full" begun 82 full
eq "from, why" "$(event 82 full '| "\(.from), \(.reason), \(.acceptq) of \(.backlog)"')" \
	"queue, accept queue full, 2 of 1"
eq "mode" "$(mode 82)" full
say "$(event 82 full .text)"
# shellcheck disable=SC2086 # a list; one of them may have had a RST
kill $NC 2>/dev/null || : # the third would go on trying

# --- budget ---------------------------------------------------------------------------------

load ack --to $S4:81 --rate 1000 --count 1000 --from 198.18.7.0/24
await "the switch to a budget" begun null budget
eq "from, why" "$(event null budget '| "\(.from), \(.reason), \(.iface)"')" \
	"answering, RSTs limited, s0"
eq "mode of s0" "$(status '.modes | join(",")')" budget
say "$(event null budget .text)"

# --- no worker ------------------------------------------------------------------------------

mkfifo $T/hold
$PY "$TOP/tests/netns/hang.py" <$T/hold >$T/hung 2>$T/hang.err &
exec 9>$T/hold
await "a worker that stands still" grep -qx hung $T/hung
await "the switch to no worker" begun null "no worker"
eq "from, why" "$(event null 'no worker' '| "\(.from), \(.reason), \(.late) of \(.workers)"')" \
	"workers, heartbeat late, 1 of 1"
say "$(event null 'no worker' .text)"
syngate status >$T/status
for line in 's0: mode: no worker' 's0 \*:80: SYN cookies: ' 's0: no worker: '; do
	grep -q "$line" $T/status || die "status does not say '$line': $(cat $T/status)"
done
exec 9>&-

# --- and back -------------------------------------------------------------------------------

back() { [ "$(grep -c '^syngate: notice: ' $T/run.err)" -ge 4 ]; }
wait_for 40 back || die "modes stay: $(status '.events[].text')"
for to in '80 queue' '82 queue' 'null answering' 'null workers'; do
	# shellcheck disable=SC2086 # two words
	begun $to || die "no switch to $to: $(status '.events[].text')"
done
eq "modes in the end" "$(mode 80) $(mode 81) $(mode 82) $(status '.modes | length')" \
	"queue queue queue 0"
for name in cookies:SyncookiesSent cookies_back:SyncookiesRecv dropped:ListenDrops; do
	eq "port 80, $name" "$(event 80 queue ".${name%:*}")" "$(listener 80 "${name#*:}")"
done
num "port 82, dropped" "$(listener 82 ListenDrops) > 0"
eq "port 82, dropped" "$(event 82 queue .dropped)" "$(listener 82 ListenDrops)"
eq "RSTs not sent" "$(event null answering .limited)" "$((1000 - $(counter StrayReset)))"
num "ms between the two" "$(event 80 queue .at) - $(event 80 cookies .at) > 10000"
say "$(event 80 queue .text)"

# --- once each ------------------------------------------------------------------------------

eq "events" "$(status '.events | length')" 8
eq "one line each" "$(sed -n 's/^syngate: \(warning\|notice\): //p' $T/run.err | sort)" \
	"$(status '.events[].text' | sort)"

# without cookies a full queue drops
syngate set tcp_syncookies=0 >/dev/null
load syn --to $S4:80 --rate 3000 --time 2
await "the switch to full" begun 80 full
num "dropped a second" "$(event 80 full .drop_rate) > 0"
eq "mode" "$(mode 80)" full
say "$(event 80 full .text)"
# what one asks for is a switch as well
syngate set tcp_syncookies=2 >/dev/null
always() { [ "$(mode 81)" = cookies ]; }
await "cookies, always" always
eq "why" "$(event 81 cookies .reason)" "tcp_syncookies=2"

# what it says at the end has the cookies in it
answered=$(counter '| .SynAckSent + .CookieSent + .TCPSynRetrans + .SynAckByWorker')
syngate_stop
said=$(sed -n 's/^served .* s: \([0-9]*\) SYNs answered.*/\1/p' $T/run.out)
num "SYNs answered, it says" "$said >= $answered && $said < 1.1 * $answered"
