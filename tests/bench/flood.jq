# SPDX-License-Identifier: BSD-2-Clause
# From the lines of tests/bench/flood to the keys of bench.json. A key of IPv6 ends in _v6.
def median: sort | if length == 0 then null else .[length / 2 | floor] end;
def round_to($n): if . == null then null else (. * $n | round) / $n end;
def version: if . == 6 then "_v6" else "" end;

# Of the server's core, what was neither the rig's nor nobody's.
def others: 1 - .ours - .idle - .steal;

# The queue was full, or more than one SYN in a thousand had no place in it: no steady state.
def void: .counted | (.HalfOpenFull // 0) > 0
	or (.CookieSent // 0) + (.HalfOpenBucketFull // 0) > (.SynAckSent // 0) / 1000;

. as $lines
| [.[] | select(.case)] as $windows
| [$windows[] | select((.case | startswith("queue")) and void)] as $void
| ($windows - $void) as $good

# parts(TEST; FIELD): of `counted`: in which windows, and how much (the median)
| def parts(test; f): [$windows[] | select(.counted | test)] | group_by([.case, .v, .side])
	| map("\(.[0].case) IPv\(.[0].v) \(.[0].side) \(map(.counted | f) | median * 100 | round) %");

# figure($case; $v; $side; FIELD): of the windows that count
  def figure($case; $v; $side; f):
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
	| . + {$tail}] | group_by(.tail) | map(.[0].tail as $tail
	| {key: "flood_success\($tail)", value: ((map(.done) | add) / (map(.begun) | add) | round_to(10000))},
	  {key: "flood_p99_ms\($tail)", value: map(.p99_ms) | median},
	  {key: "flood_rate\($tail)", value: map(.rate) | median})
	| from_entries) as $strangers

| ([$lines[] | select(has("flows")) | {key: (if .flows == 0 then "ack_drop_ns" else "ack_drop_ns_500k" end), value: .ns}]
	| group_by(.key) | map({key: .[0].key, value: map(.value) | median}) | from_entries) as $cost

| $rates + $strangers + $cost
+ ([$lines[] | select(.queue == "queue")] | if length > 0 then {halfopen_bytes: .[0].halfopen_bytes} else {} end)
+ (if $rates.synack_rate_queue and $rates.synack_rate_queue_1m
   then {scale_ratio: ($rates.synack_rate_queue / $rates.synack_rate_queue_1m | round_to(100))} else {} end)
+ {flood_void: ($void | map("\(.case) IPv\(.v) \(.side)")),
   flood_core_idle: parts(.idle > 0.02; .idle),
   flood_core_shared: parts(.idle <= 0.02 and others > 0.05; others)}
