/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every knob: the one list behind `syngate set`, `--set`, `show settings`, the pinned
 * map `settings` and the documentation. Linux's sysctl names and defaults where Linux
 * has them.
 *
 *	X(name, default, min, max, "what it does")
 */
#ifndef SYNGATE_SETTINGS_H
#define SYNGATE_SETTINGS_H

#include "base.h"

enum sg_fail_policy {
	SG_FAIL_PASS = 0, /* no live worker: new SYNs go to the kernel */
	SG_FAIL_HOLD = 1, /* no live worker: keep answering from the half-open queue */
};

enum sg_cc { /* congestion control */
	SG_CC_CUBIC = 0, /* RFC 9438 */
	SG_CC_RENO = 1,  /* RFC 5681 */
};

#define SG_SETTINGS(X)                                                                             \
	X(somaxconn, 4096, 0, 1048576, "upper bound of a listener's backlog")                      \
	X(tcp_abort_on_overflow, 0, 0, 1, "1: RST when the accept queue is full at the final ACK") \
	X(tcp_max_syn_backlog, 4096, 1, 16777216,                                                  \
	  "without SYN cookies its last quarter is kept for proven peers")                         \
	X(tcp_syncookies, 1, 0, 2, "SYN cookies: 1 when the half-open queue is full, 2 always")    \
	X(syncookie_limit, 10000, 0, 1000000,                                                     \
	  "ACKs that are no cookie's looked at, a second and queue")                               \
	X(syncookie_key_s, 3600, 0, 604800, "seconds until SYN cookies get a new key; 0: never")    \
	X(tcp_synack_retries, 5, 0, 15, "SYN-ACKs sent again before a half-open entry goes")       \
	X(synack_rto_ms, 1000, 10, 120000, "first SYN-ACK timeout; doubles each time")             \
	X(tcp_timestamps, 1, 0, 1, "offer RFC 7323 timestamps")                                    \
	X(tcp_sack, 1, 0, 1, "offer selective acknowledgments (RFC 2018)")                         \
	X(tcp_window_scaling, 1, 0, 1, "offer window scaling (RFC 7323)")                          \
	X(tcp_congestion_control, SG_CC_CUBIC, 0, 1, "of connections to come: 0 cubic, 1 reno")   \
	X(tcp_early_retrans, 3, 0, 4, "3 or 4: probe for the loss of a tail (RFC 8985 7)")         \
	X(tcp_frto, 2, 0, 2, "not 0: notice timeouts that were needless (RFC 5682)")               \
	X(tcp_slow_start_after_idle, 1, 0, 1, "1: the congestion window shrinks while idle")       \
	X(tcp_min_rtt_wlen, 300, 0, 86400, "seconds for which the least round trip is believed")   \
	X(tcp_fin_timeout, 60, 1, 3600, "seconds in FIN_WAIT_2 without an owner")                  \
	X(timewait_ms, 60000, 10, 600000, "TIME_WAIT: 2 MSL, in milliseconds")                     \
	X(tcp_max_tw_buckets, 262144, 0, 16777216, "TIME_WAITs at most; never over 3/4 of --flow-entries") \
	X(tcp_tw_reuse, 2, 0, 2, "connect() to a pair in TIME_WAIT: 0 no, 1 yes, 2 over loopback") \
	X(tcp_tw_reuse_delay, 1000, 1, 60000, "ms in TIME_WAIT before that")                       \
	X(tcp_rfc1337, 0, 0, 1, "1: RST does not end TIME_WAIT (RFC 1337)")                        \
	X(tcp_retries2, 15, 1, 255, "timeouts before an established connection is given up")       \
	X(tcp_retries1, 3, 0, 255, "timeouts before a black hole is suspected: tcp_mtu_probing")   \
	X(tcp_mtu_probing, 1, 0, 2, "search for the path's MTU: 0 no, 1 in a black hole, 2 always") \
	X(tcp_base_mss, 1024, 48, 4096, "the search begins with segments of so many bytes")        \
	X(tcp_mtu_probe_floor, 48, 48, 4096, "what timeouts do not take it below")                 \
	X(tcp_min_snd_mss, 48, 48, 4096, "no path makes segments smaller than this")               \
	X(tcp_probe_interval, 600, 0, 32767, "seconds before the search begins anew")              \
	X(tcp_probe_threshold, 8, 0, 65535, "the search ends when so many bytes are left")         \
	X(min_pmtu, 552, 68, 65535, "IPv4: no ICMP error makes the path's MTU smaller")            \
	X(mtu_expires, 600, 1, 32767, "seconds for which an ICMP error's MTU is believed")         \
	X(tcp_orphan_retries, 8, 0, 255, "the same without an owner")                              \
	X(tcp_max_orphans, 65536, 0, 16777216,                                                     \
	  "closed connections that still send, at most, in each worker: more are reset")           \
	X(keepalive, 0, 0, 1, "1: connections to come are probed when idle (SO_KEEPALIVE)")        \
	X(tcp_keepalive_time, 7200, 1, 32767, "seconds without a sign of life before a probe")     \
	X(tcp_keepalive_intvl, 75, 1, 32767, "seconds between probes that are not answered")       \
	X(tcp_keepalive_probes, 9, 1, 127, "probes without an answer before the connection ends")  \
	X(tcp_syn_retries, 6, 1, 127, "SYNs sent again by connect()")                              \
	X(tcp_challenge_ack_limit, 1000, 0, 1000000, "challenge ACKs a second (RFC 5961)")         \
	X(tcp_invalid_ratelimit, 500, 0, 60000, "ms between answers to invalid segments")          \
	X(tcp_rmem, 1048576, 4096, SG_RMEM_MAX, "receive buffer of a connection, bytes")              \
	X(tcp_wmem, 1048576, 4096, 4190208, "send buffer of a connection, bytes")                 \
	X(tcp_moderate_rcvbuf, 1, 0, 1, "1: the receive buffer grows to tcp_rmem as it is used")   \
	X(tcp_rmem_default, 131072, 4096, SG_RMEM_MAX, "where it begins then, bytes")              \
	X(tcp_ecn, 2, 0, 2, "ECN (RFC 3168): 2 if the peer asks, 1 asked for by connect(), 0 off") \
	X(delack_ms, 40, 0, 500, "how long an ACK waits at least, to 200; 0: no ACK waits")        \
	X(user_timeout_ms, 0, 0, 86400000, "give up unacknowledged data after; 0: tcp_retries2")   \
	X(ip_default_ttl, 64, 1, 255, "hop limit of all packets, IPv4 and IPv6")                   \
	X(synack_prefix_limit, 1000, 0, 1000000,                                                    \
	  "SYN-ACKs a second and queue to a /24 or /64 of strangers; 1000000: no limit")            \
	X(synack_limit, 1000000, 0, 1000000, "SYN-ACKs a second and queue in all; 1000000: no limit")  \
	X(rst_prefix_limit, 100, 0, 1000000,                                                        \
	  "stray segments of a /24 or /64 answered with RST, a second and queue")                   \
	X(rst_limit, 1000000, 0, 1000000, "the same in all; 1000000: no limit")                    \
	X(verify_checksum, 1, 0, 1, "check the TCP checksum of what arrives")                      \
	X(fail_policy, SG_FAIL_PASS, 0, 1, "without a live worker: 0 pass, 1 hold")                \
	X(heartbeat_ms, 200, 20, 60000, "a worker silent for this long is taken for dead")

/*
 * The window scale that we offer is the one of the largest tcp_rmem, whatever it is now: so a
 * change of tcp_rmem fits the connections and half-open entries that exist.
 */
#define SG_RMEM_MAX 4190208
#define SG_RMEM_WSCALE 6
_Static_assert(SG_RMEM_MAX >> SG_RMEM_WSCALE <= 65535, "the largest window fits");

/* Value of the map `settings` (one element, mmapable). */
struct sg_settings {
	__u32 abi;       /* SG_ABI */
	__u32 ifindex;   /* the interface that owns these pins */
	__u64 netns;     /* inode of its network namespace */
	__u64 daemon;    /* pid of the daemon that serves it; 0: none */
	__u64 started;   /* CLOCK_REALTIME, s: when the pins were made */
	__u8 mac[6];     /* the interface's own address */
	__u16 mtu;
	__u32 generation; /* one up after each change of `listeners` or `locals` */
	__u32 allowed, denied; /* prefixes in `prefixes`; of none of them nobody looks there */
	__u32 zero;
#define X(name, def, min, max, text) __u32 name;
	SG_SETTINGS(X)
#undef X
};

#endif
