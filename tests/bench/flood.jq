# SPDX-License-Identifier: BSD-2-Clause
# From the lines of tests/bench/flood to the keys of bench.json. A key of IPv6 ends in _v6.
def median: sort | if length == 0 then null else .[length / 2 | floor] end;
def round_to($n): if . == null then null else (. * $n | round) / $n end;
def version: if . == 6 then "_v6" else "" end;

# The queue was full, or more than one SYN in a thousand had no place in it: no steady state.
def others: .counted | 1 - .ours - .idle - .steal;

def void: .counted | (.HalfOpenFull // 0) > 0
	or (.CookieSent // 0) + (.HalfOpenBucketFull // 0) > (.SynAckSent // 0) / 1000;

. as $lines
| [.[] | select(.case)] as $windows
| [$windows[] | select((.case | startswith("queue")) and void)] as $void
| ($windows - $void) as $good

# figures($case; $v; $side; FIELD): of the windows that count
| def figure($case; $v; $side; f):
	[$good[] | select(.case == $case and .v == $v and .side == $side) | f] | median;

([$windows[] | {case, v}] | unique | map(. as {$case, $v}
	| (({ack: "ack_drop_rate", drop: "xdp_drop_rate"}[$case] // "synack_rate_\($case)") + ($v | version)) as $key
	| {key: $key, value: figure($case; $v; "starved"; .handled) | round_to(1)},
	  {key: "\($key)_per_core_s", value: figure($case; $v; "starved"; .per_core_s) | round_to(1)},
	  (select(any($windows[]; .case == $case and .v == $v and .side == "shared"))
	  | {key: "\($key)_shared", value: figure($case; $v; "shared"; .handled) | round_to(1)},
	    {key: "\($key)_delivered", value: figure($case; $v; "shared"; .delivered) | round_to(1)}))
	| from_entries) as $rates

| ([$lines[] | select(.strangers) | . as $s
	| (({proxy: "", kernel_overflow: "_kernel"}[.strangers] // "_\(.strangers)") + .at + (.v | version)) as $tail
	| {key: "flood_success\($tail)", value: .success}, {key: "flood_p99_ms\($tail)", value: .p99_ms},
	  {key: "flood_rate\($tail)", value: .rate}]
	| group_by(.key) | map({key: .[0].key, value: map(.value) | median}) | from_entries) as $strangers

| ([$lines[] | select(has("flows")) | {key: (if .flows == 0 then "ack_drop_ns" else "ack_drop_ns_500k" end), value: .ns}]
	| group_by(.key) | map({key: .[0].key, value: map(.value) | median}) | from_entries) as $cost

| {unit: "a second, ms, ns, bytes"} + $rates + $strangers + $cost
+ ([$lines[] | select(.halfopen_bytes)] | if length > 0 then {halfopen_bytes: .[0].halfopen_bytes} else {} end)
+ (if $rates.synack_rate_queue and $rates.synack_rate_queue_1m
   then {scale_ratio: ($rates.synack_rate_queue / $rates.synack_rate_queue_1m | round_to(100))} else {} end)
+ {flood_void: ($void | map("\(.case) IPv\(.v) \(.side)")),
   flood_core_idle: ([$windows[] | select(.counted.idle > 0.02)] | group_by([.case, .v, .side])
	| map("\(.[0].case) IPv\(.[0].v) \(.[0].side): \(map(.counted.idle) | median * 100 | round) %")),
   flood_core_shared: ([$windows[] | select(others > 0.03)]
	| group_by([.case, .v, .side])
	| map("\(.[0].case) IPv\(.[0].v) \(.[0].side): \(map(others) | median * 100 | round) %"))}
