# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the benchmarks share; source it after tests/lib.sh. The client has one core and the
# server's side the other: NAPI runs in threads, which stay where they are put.
[ "$(nproc)" -ge 2 ] || die "needs two cores"
trap 'rig_stop' EXIT

rig_stop()
{
	local pid

	for pid in ${LOAD_PID:-} ${SG_PID:-} ${NGINX_PID:-} ${STREAM_PID:-}; do
		kill "$pid" 2>/dev/null || :
	done
	wait 2>/dev/null || :
}

# The newest NAPI thread of a DEV: the host may have others of that name.
napi_pid() { pgrep -n "^napi/$1-"; }

# threaded NS DEV CPU: a NAPI thread for DEV, on that CPU
threaded()
{
	local before

	before=$(napi_pid "$2" || :)
	in_ns "$1" ethtool -K "$2" gro on
	# sysfs shows the namespace that mounted it
	in_ns "$1" unshare --mount sh -c "mount -t sysfs sysfs /sys && echo 1 >/sys/class/net/$2/threaded"
	napi() { [ "$(napi_pid "$1")" != "$before" ]; }
	await "napi thread of $2" napi "$2"
	taskset -pc "$3" "$(napi_pid "$2")" >/dev/null
}

# first PID...: they and all that is started from here, alike, go before what else the machine
# does: a ring of 256 frames does not wait. Sessions are groups to the scheduler.
first()
{
	local group=/proc/$$/autogroup

	renice -n -20 -p $$ "$@" >/dev/null
	[ -e $group ] || return 0
	AUTOGROUP=$(sed 's/.*nice //' $group)
	echo -20 >$group
	trap 'rig_stop; echo $AUTOGROUP >/proc/$$/autogroup' EXIT
}

on_client() { C taskset -c 0 "$@"; }

# on_server FUNCTION ARGUMENTS...: what it starts stays on the server's core
on_server()
{
	taskset -pc 1 $BASHPID >/dev/null # what we start inherits it
	"$@"
	taskset -pc "${RIG_CPUS:-0,1}" $BASHPID >/dev/null
}
