#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Segments that belong to no connection, and segments that an established one does not
# want: RST, challenge ACK or silence, the same from syngate as from the kernel, with the same
# numbers and counters (beside_strays.py). With names of its scripts as arguments, those only,
# with their records.
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:80 syngate --app hold
#	                                       10.9.0.1:8080 the kernel
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

unhurried beside_hold native 2 "$@"
unhurried beside_hold skb 1 "$@"
