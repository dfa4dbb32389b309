#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TIME_WAIT: whatever may come in it, its reuse and its limits, beside a kernel listener of the
# same host (beside_timewait.py). In native and skb mode, IPv4 and
# IPv6, on one RX queue and on two, each pair on both.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

beside_closing "$@"
