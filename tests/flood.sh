# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A flood for as long as something else takes; source it after tests/lib.sh. It goes out of c0, which
# may have no XDP program: the generator brings its own. LOAD_PID is there while it lasts.

flooded() { C ip -d link show c0 | grep -q prog/xdp; }

# flood_start ARGUMENTS...: of synload, which must be in PATH
flood_start()
{
	nsenter --net=/run/netns/client synload c0 "$@" -j >$T/load.json 2>$T/load.err &
	LOAD_PID=$!
	await "the flood" flooded
}

# flood_stop: synload's report is in $T/load.json
flood_stop()
{
	kill -TERM "$LOAD_PID"
	await "the flood's end" ended "$LOAD_PID"
	wait "$LOAD_PID" || die "synload: $(cat $T/load.err)"
	LOAD_PID=
	! flooded || die "synload's program is still on c0"
}
