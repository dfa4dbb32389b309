#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs on libsyngate, and interfaces that come and go; and who may use it beside root.
#
#	client                              server
#	  c0 10.9.0.2 fd09::2 ------------ s0 10.9.0.1 fd09::1   syngated
#	  x1 10.10.0.2 ------------------- x0 10.10.0.1
#	  library.py, client and program
. "$(dirname "$0")/../lib.sh"
export LIBSYNGATE=$O/libsyngate.so
ASAN=$(ldd "$LIBSYNGATE" | awk '/libasan/ { print $3 }')

net_up 1
veth client x1 server x0
dev_up client x1 10.10.0.2/24
dev_up server x0 10.10.0.1/24
client_end client x1
xdp_pass client x1

daemon()
{
	nsenter --net=/run/netns/server syngated "$@" >$T/syngated.out 2>$T/syngated.err &
	SG_PID=$!
	await "syngated" syngate status
}

for rings in 0 1; do
	daemon
	syngate attach s0
	parts=interfaces
	[ $rings = 0 ] || parts='shares interfaces'
	# shellcheck disable=SC2086 # a list of words
	C env ${ASAN:+LD_PRELOAD=$ASAN ASAN_OPTIONS=detect_leaks=0} SG_WARNINGS=$T/syngated.err SG_RINGS=$rings \
		$PY "$TOP/tests/netns/library.py" $parts >$T/library.out ||
		die "library.py, rings: $rings, behind: $(tail -n 1 $T/library.out)"
	syngate_stop TERM
done
say "a listener is on the interfaces that there are, and on those that come"

# --- who may ---

install -m 0755 "$O/examples/echo" "$O/libsyngate.so" /run/bin
ln -s libsyngate.so /run/bin/libsyngate.so.0

# as GROUP: what it says
as_group()
{
	setpriv --reuid=65534 --regid=65534 --groups="$1" env LD_LIBRARY_PATH=/run/bin \
		timeout -s TERM 5 /run/bin/echo "$2" 2>&1 || :
}

app_socket() { stat -c "%a %g" /run/syngate/syngated.app; }

daemon
syngate attach s0
eq "without --app-group" "$(app_socket)" "600 0"
as_group 4242 '*:7000' | grep -q "is not for this user" || die "another user may listen"
syngate_stop TERM
daemon --app-group 4242
syngate attach s0
eq "with --app-group" "$(app_socket)" "660 4242"
as_group 4241 '*:7000' | grep -q "is not for this user" || die "another group may listen"
as_group 4242 '*:70' | grep -q "below 1024" || die "a group may listen below 1024"
as_group 4242 '*:7000' >$T/echo.out &
await "a program of that group" grep -q ready $T/echo.out
eq "what comes back" "$(echo hello | C nc -N -w 5 $S4 7000)" hello
wait $!
syngate_stop TERM
syngated --app-group no-such-group 2>$T/no.out && die "a group that there is not"
grep -q "there is no group 'no-such-group'.*groupadd" $T/no.out || die "$(cat $T/no.out)"
syngate_start --listen '*:80' --app http --app-group nogroup
eq "run --app-group" "$(stat -c "%a %G" /run/syngate/s0.app)" "660 nogroup"
syngate_stop
say "--app-group lets one group listen, and nobody else"
