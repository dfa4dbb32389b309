#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Linux's order of checks on what arrives for a half-open entry: each segment to syngate and to
# a kernel listener, and the answers, the states and the counters are the same
# (beside_final_ack.py). With names of its scripts as arguments, those only, with their records.
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:80 syngate --app hold
#	                                       10.9.0.1:8080 the kernel
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

unhurried beside_hold native 1 "$@"
unhurried beside_hold skb 2 "$@"
