#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The keys of SYN cookies (cookie_keys.py): those of a file are read again when it changes, and a
# handshake under way when they do completes; another daemon with the same file takes the cookies of
# the one before, which is what two hosts do that share an address; without a file keys change by
# themselves. A file that others can read, or that has no keys, is refused, or left alone while
# serving.
. "$(dirname "$0")/../lib.sh"

net_up
wire_routes 1
C $PY "$TOP/tests/netns/cookie_keys.py" || die "see above"
