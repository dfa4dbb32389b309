#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TIME_WAIT and FIN_WAIT_2 without an owner, 60 s at full length, on syngate and on a kernel
# listener of the same host at the same time (beside_minute.py).
. "$(dirname "$0")/../lib.sh"

net_up 2
wire_routes 2
syngate_start --listen '*:80' --backend 127.0.0.1:9000 --backlog 64 --listen '*:82' --app http
$PY "$TOP/tests/netns/beside_minute.py" 2 4 || die "not as long as it should be"
syngate_stop
