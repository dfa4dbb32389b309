# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the tests of --backend with several servers share; source it behind lib.sh. Servers and clients
# are those of netns/servers.py, the topology is net_up's.

SERVERS=$TOP/tests/netns/servers.py

# server NAME AT ARGUMENTS...: its PID is in PID_NAME
server()
{
	: >"$T/$1.out"
	nsenter --net=/run/netns/server $PY "$SERVERS" serve "$2" "$1" "${@:3}" >"$T/$1.out" \
		2>"$T/$1.err" &
	eval "PID_$1=\$!"
	disown # a shell has nothing to say of it when it is killed
	await "server $1" grep -q listening "$T/$1.out"
}

# server_kill NAME: prints a time (CLOCK_MONOTONIC) at which it was gone
server_kill()
{
	local pid=PID_$1

	$PY "$SERVERS" kill "${!pid}"
}

# backend AT KEY; total PORT KEY: out of `show backends`
backend() { show backends ".[] | select(.backend == \"$1\") | .$2"; }
total() { show backends "[.[] | select(.port == $1) | .$2] | add"; }
idle() { [ "$(total "$1" active)" = 0 ]; }

# hold PORT: clients that stay. order open N | close NAME: then COUNTS says whom they have.
hold()
{
	coproc HOLD { nsenter --net=/run/netns/client $PY "$SERVERS" hold $S4 "$1"; }
}
order()
{
	echo "$*" >&"${HOLD[1]}"
	read -r -t 60 COUNTS <&"${HOLD[0]}" || die "no answer to: $*"
}
