#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Data in and out, loss, and the options of a SYN: the same from syngate as from the kernel, segment
# for segment (beside_data.py). With names of its scripts as arguments, those only, with their
# records.
#
#	client                               server
#	  wire.py, raw frames ------------- s0 10.9.0.1:80 syngate --app hold, :82 --app http
#	                                       10.9.0.1:8080 the kernel, :8082 the same answers
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../beside.sh"

unhurried beside_data native 1 "$@"
