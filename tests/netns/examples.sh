#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The servers of examples/, built as their reader builds them, against what `make install` installs: with
# the shared libsyngate and with the static one, their twins through rings and on the kernel's sockets. Each is short, serves
# over IPv4 and IPv6, and ends at SIGTERM with nothing left behind.
#
#	client                              server
#	  c0 10.9.0.2 fd09::2 ------------ s0 10.9.0.1 fd09::1   syngate *:80
#	                                     echo *:7, http *:8080; the kernel's 70 and 8070
. "$(dirname "$0")/../lib.sh"
PEER="$PY $TOP/tests/netns/peer.py"

make -s -C "$TOP" O="$O" PREFIX=$T/inst install >$T/install.err
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find $T/inst -name syngate.pc)")
LIBDIR=$(pkg-config --variable=libdir syngate)
export LD_LIBRARY_PATH=$LIBDIR
# as $O was built, so is what is linked to it
SAN=$(nm -D "$O/libsyngate.so.0" | grep -q __asan && echo -fsanitize=address,undefined || :)

build() # TO FROM FLAGS...
{
	# shellcheck disable=SC2086 # a list of words
	gcc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE $SAN -o "$T/$1" "$TOP/examples/$2.c" "${@:3}"
}

run() # NAME ARGUMENT: in `server`, until it is ready
{
	nsenter --net=/run/netns/server "$T/$1" "$2" >$T/$1.out 2>$T/$1.err &
	PROGRAM=$!
	await "$1" grep -qx ready $T/$1.out
}

stop()
{
	local rc=0

	kill $PROGRAM
	await "the program's end" ended $PROGRAM
	wait $PROGRAM || rc=$?
	eq "its exit code" $rc 0
}

echoes() # NAME PORT ADDRESS
{
	run "$1" "$3"
	C $PEER echo $S4 "$2" 20 100000 >/dev/null
	C $PEER echo $S6 "$2" 20 100000 >/dev/null
	stop
}

serves() # NAME PORT ADDRESS
{
	local host

	run "$1" "$3"
	for host in $S4 "[$S6]"; do
		eq "$1's page" "$(C curl -gsS -m 10 "http://$host:$2/" "http://$host:$2/" -w '%{num_connects}')" \
			$'hello\n1hello\n0'
		eq "$1's page" "$(C curl -gsS -m 10 -H 'Connection: close' "http://$host:$2/")" hello
	done
	C $PEER serial $S4 "$2" 50 / >/dev/null
	stop
}

for f in "$TOP"/examples/*.c; do
	num "lines of $f" "$(wc -l <"$f") < 100"
done
# shellcheck disable=SC2046 # a list of words
for name in echo http; do
	build $name $name $(pkg-config --cflags --libs syngate)
	build ${name}_static $name $(pkg-config --cflags syngate) "$LIBDIR/libsyngate.a"
	build ${name}_ring ${name}_ring $(pkg-config --cflags --libs syngate)
	build ${name}_kernel ${name}_kernel
done
ldd $T/echo | grep -q "libsyngate.so.0 => $LIBDIR" || die "echo is not linked to the shared library"
! ldd $T/echo_static | grep -q libsyngate || die "echo_static is linked to the shared library"

net_up
syngate_start --listen '*:80' --app http
for name in echo echo_static echo_ring; do
	echoes $name 7 '*:7'
done
for name in http http_static http_ring; do
	serves $name 8080 '*:8080'
done
echoes echo_kernel 70 70
serves http_kernel 8070 8070
left() { [ "$(show listeners length)" = 1 ]; }
await "their listeners to go" left
eq "connections left" "$(show conns length)" 0
syngate_stop
say "echo and http: shared, static, through rings and on the kernel's sockets"
