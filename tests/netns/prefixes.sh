#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Peers that are allowed and denied, as their user sees it: who is denied gets nothing, in new
# connections and old ones, over IPv4 and IPv6, and the rest of the host is not its concern; who is
# allowed is answered whatever the budgets say. A file of them; what is wrong with a list; what a
# daemon that was killed leaves to the next one.
#
#	client                              server
#	  c0 10.9.0.2, 10.9.0.7 ---------- s0 10.9.0.1  syngate *:80, *:82
#	     fd09::2, fd09::7                 fd09::1   nginx :8000 (the kernel's)
. "$(dirname "$0")/../lib.sh"
PEER="$PY $TOP/tests/netns/peer.py"

net_up
ip -n client addr add 10.9.0.7/24 dev c0
ip -n client addr add fd09::7/64 dev c0 nodad
mkdir -p $T/www
echo page >$T/www/index.html
nginx_start 8000

start() # ARGUMENTS...
{
	syngate_start --listen '*:80' --app http --listen '*:82' --app echo "$@"
}

# fetch FROM HOST [PORT]
fetch() { C curl -gsS -o /dev/null --fail -m 5 --interface "$1" "http://$2:${3:-80}/"; }

# refused FROM HOST: its SYN arrives and is not answered
refused()
{
	local n

	n=$(counter Denied)
	! C curl -gsS -o /dev/null -m 0.3 --interface "$1" "http://$2/" 2>$T/curl.err ||
		die "$1 is denied, and was served"
	num "frames from $1 that were denied" "$(counter Denied) > $n"
}

# fails WORD ARGUMENTS...: in one line that has this word
fails()
{
	local word=$1 rc=0

	shift
	syngate "$@" >$T/said 2>&1 || rc=$?
	eq "exit code of syngate $*" $rc 1
	eq "lines of syngate $*" "$(wc -l <$T/said)" 1
	grep -qF -- "$word" $T/said || die "syngate $*: $(cat $T/said)"
}

listed() { syngate show prefixes -j | jq -r '[.[] | "\(.list) \(.prefix)"] | sort | join(", ")'; }

settings() { bpftool -j map dump pinned $PINS/s0/settings | jq -c '.[0].formatted.value | [.allowed, .denied]'; }

start --deny 10.9.0.7
eq "listed by run" "$(listed)" "deny 10.9.0.7/32"
refused 10.9.0.7 $S4
fetch 10.9.0.2 $S4
fetch fd09::7 "[$S6]"
fetch 10.9.0.7 $S4 8000 # the kernel's port
C ping -nqc1 -W2 -I 10.9.0.7 $S4 >/dev/null

# a connection that is there loses its peer, and has it back
mkfifo $T/talk
C $PEER talk $S6 82 <$T/talk >$T/talk.out 2>$T/talk.err &
TALK=$!
exec 8>$T/talk
said() { [ "$(grep -c same $T/talk.out)" = "$1" ]; }
echo one >&8
await "the echo" said 1
eq "deny says" "$(syngate deny s0 ::/0)" "s0: 1 prefix denied"
refused fd09::7 "[$S6]"
fetch 10.9.0.2 $S4
n=$(counter Denied)
echo two >&8
more_denied() { [ "$(counter Denied)" -gt "$n" ]; }
await "data that is denied" more_denied
said 1 || die "who is denied was served"
eq "unlist says" "$(syngate unlist s0 ::/0)" "s0: 1 prefix no longer listed"
await "the echo, sent again" said 2
exec 8>&-
wait $TALK || die "the connection broke: $(cat $T/talk.err)"
say "denied: new and old connections, IPv4 and IPv6; nothing of the kernel's"

# the longest counts
syngate deny s0 10.9.0.0/24 fd09::/64 >/dev/null
syngate allow s0 10.9.0.2 fd09::2 >/dev/null
eq "listed" "$(listed)" \
	"allow 10.9.0.2/32, allow fd09::2/128, deny 10.9.0.0/24, deny 10.9.0.7/32, deny fd09::/64"
eq "counted in settings" "$(settings)" "[2,3]"
fetch 10.9.0.2 $S4
fetch fd09::2 "[$S6]"
refused 10.9.0.7 $S4
refused fd09::7 "[$S6]"

# no budget for whom is allowed; a stranger has none left
syngate set synack_prefix_limit=0 >/dev/null
eq "unlist says" "$(syngate unlist s0 10.9.0.0/24 10.9.0.7)" "s0: 2 prefixes no longer listed"
fetch 10.9.0.2 $S4
n=$(counter SynAckLimited)
! C curl -sS -o /dev/null -m 0.3 --interface 10.9.0.7 http://$S4/ 2>$T/curl.err ||
	die "a stranger was answered beyond the budget"
num "SYNs over the budget" "$(counter SynAckLimited) > $n"
syngate set synack_prefix_limit=1000 >/dev/null
eq "unlist --all says" "$(syngate unlist s0 --all)" "s0: 3 prefixes no longer listed"
eq "listed" "$(listed)" ""
eq "counted in settings" "$(settings)" "[0,0]"
fetch 10.9.0.7 $S4
fetch fd09::7 "[$S6]"
say "allowed: the longest prefix counts, and no budget"

# a list in a file, longer than one request; and from standard input
for i in {0..4999}; do
	echo "203.$((i / 256)).$((i % 256)).0/24 # number $i"
done >$T/list
eq "deny says" "$(syngate deny s0 @$T/list)" "s0: 5000 prefixes denied"
eq "and once more" "$(syngate deny s0 @$T/list)" "s0: 5000 prefixes denied"
eq "counted in settings" "$(settings)" "[0,5000]"
eq "shown" "$(syngate show prefixes -j | jq length)" 5000
eq "allow says" "$(printf '# ours\n\n203.0.0.0/24\n2001:db8::/32\n' | syngate allow s0 @- -j | jq .prefixes)" 2
eq "counted in settings" "$(settings)" "[2,4999]"

# bad input changes nothing
fails "has bits behind its length" deny s0 10.0.0.0/8 10.9.0.2/24
fails "line 2: 'nonsense'" deny s0 @<(printf '10.0.0.0/8\nnonsense\n')
fails "No such file" deny s0 @$T/nothing
fails "not attached to c9" deny c9 10.0.0.0/8 --instance s0
fails "10.9.0.2/32 is not listed" unlist s0 10.9.0.2
ask() # JSON
{
	$PY - "$1" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect("/run/syngate/s0.sock")
	s.sendall(sys.argv[1].encode() + b"\n")
	print(s.makefile().read(), end="")
	END
}
for bad in '{"cmd":"deny","iface":"s0"}' '{"cmd":"deny","iface":"s0","prefixes":"10.0.0.0/8"}' \
	'{"cmd":"deny","iface":"s0","prefixes":["10.0.0.0/8",7]}' \
	'{"cmd":"allow","iface":"s0","prefixes":["@/etc/passwd"]}' \
	'{"cmd":"unlist","iface":"s0","all":"yes"}' '{"cmd":"deny","prefixes":[]}'; do
	eq "answer to $bad" "$(ask "$bad" | jq -c '[.ok, .exit]')" "[false,1]"
done
eq "counted in settings" "$(settings)" "[2,4999]"
eq "shown" "$(syngate show prefixes -j | jq length)" 5001
say "a list of 5000 from a file; bad ones refused"

# killed: what was listed holds, until the next one has its own
syngate deny s0 10.9.0.7 >/dev/null
kill -9 $SG_PID
wait $SG_PID || :
before=$(bpftool -j map dump pinned $PINS/s0/counters | jq '[.[0].formatted.values[].value.Denied] | add')
! C curl -sS -o /dev/null -m 0.3 --interface 10.9.0.7 http://$S4/ 2>$T/curl.err || die "denied, and served"
after=$(bpftool -j map dump pinned $PINS/s0/counters | jq '[.[0].formatted.values[].value.Denied] | add')
num "denied while no daemon lives" "$after > $before"
start --deny 192.0.2.0/24
gone() { [ "$(listed)" = "deny 192.0.2.0/24" ]; }
await "the dead daemon's list to go" gone
eq "counted in settings" "$(settings)" "[0,1]"
fetch 10.9.0.7 $S4
syngate_stop
say "a killed daemon's list holds until the next one has its own"
