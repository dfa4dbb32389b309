#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make demo` shows, without the building: it holds what it says about states, queues and what
# is left behind; in the flood a kernel without cookies serves hardly anybody, and syngate does.
# A shorter and slower one, since other tests run beside it.
. "$(dirname "$0")/../lib.sh"
alone

# served NAME: of the row's clients, in percent
served()
{
	awk -v name="  $1" 'index($0, name) == 1 { print $(NF - 3) }' $T/demo.out
}

# The demo itself fails if syngate served less, unless its worker had no processor for so long that it
# was taken for dead.
demo()
{
	DEMO_FLOOD=50000 DEMO_SECONDS=2 SG_ISOLATED='' O=$O "$TOP/tools/demo" >$T/demo.out 2>&1 || {
		cat $T/demo.out
		die "tools/demo failed"
	}
	RC=$(awk "BEGIN { print ($(served 'syngate, in front of') < 95 ? 75 : 0) }")
}

unhurried demo
for line in 'TIME-WAIT' 'acceptq' 'the kernel alone, tcp_syncookies=1 ' 'half-open queue full'; do
	grep -qF -- "$line" $T/demo.out || die "the demo does not show '$line'"
done
eq "times that nothing was left" "$(grep -c 'no XDP program on s0' $T/demo.out)" 2
left=$(ps -eo comm= | grep -xE 'synload|syngate|nginx|curl' || :)
eq "processes that are left" "$left" ""
num "clients of the kernel without cookies" "$(served 'the kernel alone, tcp_syncookies=0') < 50"
say "$(grep -c . $T/demo.out) lines; $(grep '^  syngate, in front of' $T/demo.out | tr -s ' ')"
