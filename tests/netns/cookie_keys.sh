#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The keys of SYN cookies (cookie_keys.py): those of a file are read again when it changes, and a
# handshake under way when they do completes; another daemon with the same file, on the same host
# afterwards or beside it on another host with the same address, takes the cookies of the first;
# without a file keys change by themselves. A file that others can read, or that has no keys, is refused, or left alone while
# serving.
#
#	client                server                    other
#	  c0 10.9.0.2 ------- s0 10.9.0.1 syngate
#	  c1 ---------------------------------------- s0 10.9.0.1 syngate
. "$(dirname "$0")/../lib.sh"

net_up
wire_routes 1
ns_new other
veth client c1 other s0
ip -n client link set c1 up
dev_up other s0 $S4/24 $S6/64
client_end client c1
xdp_pass client c1
C $PY "$TOP/tests/netns/cookie_keys.py" || die "see above"
