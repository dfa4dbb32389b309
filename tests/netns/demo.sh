#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make demo` shows, without the building: it holds what it says about states, queues and what is left behind,
# and behind syngate clients are served whatever the flood. A slower one, since other tests run beside it.
. "$(dirname "$0")/../lib.sh"
alone

DEMO_FLOOD=50000 SG_ISOLATED='' O=$O "$TOP/tools/demo" >$T/demo.out 2>&1 || {
	cat $T/demo.out
	die "tools/demo failed"
}
for line in 'no XDP program on s0' 'TIME-WAIT' 'acceptq' 'the kernel alone, tcp_syncookies=0 ' \
	'the kernel alone, tcp_syncookies=1 ' 'syngate, in front of the same server '; do
	grep -qF -- "$line" $T/demo.out || die "the demo does not show '$line'"
done
came=$(sed -n 's/.*tcp_syncookies=0 .* \([0-9]*\) of 20.*/\1/p' $T/demo.out)
num "pages of the kernel without cookies" "$came <= 5"
say "$(grep -c . $T/demo.out) lines; $(grep 'in front of the same server' $T/demo.out | tr -s ' ')"
