# SPDX-License-Identifier: BSD-2-Clause
# The keys of tests/bench/flood as lines of cells; `-`: not measured, `void`: not in a steady state.
def rate: if . == null then "-" elif . < 1e6 then "\(. / 1e3 | round) k/s"
	else "\(. / 1e4 | round / 100) M/s" end;
def figure($key): if has($key) and .[$key] == null then "void" else .[$key] | rate end;
def ratio($of): if . == null or $of == null or $of == 0 then "-" else . / $of * 100 | round / 100 end;
def cell: if . == null then "-" else tostring end;
def percent: if . == null then "-" else "\(. * 1000 | round / 10) %" end;
def ms: if . == null then "-" else "\(. * 10 | round / 10) ms" end;

. as $f
| def row($name; $key):
	if any($f | keys[]; . == $key or . == $key + "_v6") then
		[$name] + ["", "_v6" | . as $v
		| ($f | figure($key + $v)), ($f[$key + $v] | ratio($f["synack_rate_reflector" + $v])),
		  ($f | figure($key + $v + "_delivered")),
		  ($f[$key + $v + "_delivered"] | ratio($f["synack_rate_reflector" + $v + "_delivered"]))]
	else empty end;
  def strangers($name; $tail):
	[$name] + ["", "_at_capacity" | ($f["flood_success" + $tail + .] | percent),
		($f["flood_p99_ms" + $tail + .] | ms)]
	+ [($f["flood_success" + $tail + "_v6"] | percent), ($f["flood_p99_ms" + $tail + "_v6"] | ms)];
["", "IPv4", "ratio", "delivered", "ratio", "IPv6", "ratio", "delivered", "ratio"],
row("reflector (XDP_TX)"; "synack_rate_reflector"),
row("queue of 65,536"; "synack_rate_queue"),
row("queue of 1,048,576"; "synack_rate_queue_1m"),
row("cookies"; "synack_rate_cookie"),
row("as it is: overflow"; "synack_rate_default"),
row("kernel, cookies"; "synack_rate_kernel"),
row("nft synproxy"; "synack_rate_nft_synproxy"),
row("ACKs dropped"; "ack_drop_rate"),
row("XDP_DROP"; "xdp_drop_rate"),
[],
(if $f.flood_success then
	["200 strangers a second", "1 M SYN/s", "p99", "\($f.flood_rate_at_capacity | rate)", "p99", "IPv6, 1 M", "p99"],
	strangers("floor"; "_floor"), strangers("syngate"; ""), strangers("kernel, cookies"; "_kernel"),
	strangers("kernel, no cookies"; "_kernel_nocookies"), strangers("nft synproxy"; "_nft_synproxy"), []
 else empty end),
["an ACK dropped, 0 flows", ($f.ack_drop_ns | cell), "ns"],
["the same, 500,000 flows", ($f.ack_drop_ns_500k | cell), "ns"],
["a half-open entry", ($f.halfopen_bytes | cell), "bytes"],
["cost a SYN, 1 M : 65,536", ($f.scale_ratio | cell)]
| map(cell) | join("|")
