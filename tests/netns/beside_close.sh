#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Closing in every order, and in none: FIN_WAIT_2, data after close, RSTs in each state, a listener
# that goes: beside a kernel listener of the same host (beside_close.py). In native and skb
# mode, IPv4 and IPv6, on one RX queue and on two, each pair on both.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

beside_closing "$@"
