/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one list of how a frame can end in the driver. Each frame that reaches the XDP
 * program adds one to exactly one of these. The name is the field of `counters` that
 * bpftool prints, the key in `syngate show counters -j`, and the name in the tests.
 *
 *	X(ENUM, CounterName, "what it means")
 */
#ifndef SYNGATE_VERDICT_H
#define SYNGATE_VERDICT_H

#define SG_VERDICTS(X)                                                                             \
	/* not ours: the kernel sees the frame untouched */                                        \
	X(PASS_NOT_TCP, PassNotTcp, "not TCP over IPv4 or IPv6: passed to the kernel")             \
	X(PASS_NOT_LOCAL, PassNotLocal, "not to this host (forwarded, bridged): passed")           \
	X(PASS_NO_LISTENER, PassNoListener, "TCP to a port that is not ours: passed")              \
	X(PASS_KERNEL_FLOW, PassKernelFlow, "a connection that the kernel has: passed")            \
	X(PASS_LATER_FRAGMENT, PassLaterFragment, "a later fragment: passed")                      \
	X(PASS_FAIL_POLICY, PassFailPolicy, "no live worker and fail_policy is pass: passed")      \
	/* answered in the driver */                                                               \
	X(SYNACK_SENT, SynAckSent, "SYN admitted to the half-open queue and answered")             \
	X(SYNACK_REPEATED, SynAckRepeated, "SYN repeated and answered as before")                  \
	X(COOKIE_SENT, CookieSent, "SYN answered with a cookie: the half-open queue was full")      \
	X(RST_SENT, StrayReset, "stray segment answered with RST")                                 \
	X(OLD_ACKED, HalfOpenOldAckSent, "old timestamp on a half-open entry: ACK sent")           \
	X(RST_CHALLENGED, HalfOpenRstChallenged, "RST in its window, but not exact: ACK sent")     \
	X(ACK_CHALLENGED, HalfOpenAckSent, "out-of-window segment on a half-open entry: ACK sent") \
	/* handed to the worker */                                                                 \
	X(STEER_FLOW, SteerFlow, "segment of a known connection, to the worker")                   \
	X(STEER_HANDSHAKE, SteerHandshake, "final ACK fits a half-open entry, to the worker")      \
	X(STEER_COOKIE, SteerCookie, "ACK of a good cookie, to the worker")                        \
	X(STEER_NO_COOKIE, SteerNoCookie, "ACK that is no cookie's: the worker may know it")         \
	X(STEER_ICMP, SteerIcmp, "ICMP error about one of our connections, to the worker")         \
	/* dropped */                                                                              \
	X(BAD_IP, BadIp, "malformed IP header")                                                    \
	X(BAD_TCP, BadTcp, "malformed TCP header")                                                 \
	X(BAD_OPTION, BadOption, "malformed TCP option")                                           \
	X(BAD_CHECKSUM, BadChecksum, "TCP checksum wrong")                                         \
	X(BAD_FLAGS, BadFlags, "flags that no TCP sends")                                          \
	X(BAD_ADDRESS, BadAddress, "source address or port that no host may have")                 \
	X(FIRST_FRAGMENT, FirstFragment, "first fragment to our port: not reassembled")            \
	X(DENIED, Denied, "from a prefix that is denied: dropped")                                 \
	X(SYNACK_LIMITED, SynAckLimited, "SYN dropped: its prefix, or all, had its SYN-ACKs")      \
	X(HALFOPEN_FULL, HalfOpenFull, "SYN dropped: half-open queue at its limit")                \
	X(HALFOPEN_RESERVED, HalfOpenReserved, "SYN dropped: the rest is for proven peers")        \
	X(BUCKET_FULL, HalfOpenBucketFull, "SYN dropped: no slot in its two buckets")              \
	X(ACCEPTQ_FULL, AcceptQueueFull, "SYN dropped: accept queue full")                         \
	X(SYN_LIMITED, RepeatedSynLimited, "repeat for a half-open entry: answered just now")      \
	X(OLD_LIMITED, HalfOpenOldLimited, "the same with an old timestamp")                       \
	X(OLD_RST, HalfOpenOldReset, "RST with an old timestamp: dropped")                         \
	X(COOKIE_LIMITED, CookieLimited, "ACK not looked at: too many were no cookie's")           \
	X(STRAY, StrayDropped, "stray segment dropped: RST, or over the RST limit")                \
	X(HALFOPEN_BAD, HalfOpenBadSegment, "segment does not fit its half-open entry: dropped")   \
	X(NO_SOCKET, NoWorkerSocket, "ours, but the queue has no AF_XDP socket: dropped")          \
	X(TX_FAILED, AnswerFailed, "no room to build the answer: dropped")

/*
 * What a verdict is in Linux's MIB names (mib.h): `show counters` adds it to what the engine
 * counted. X(verdict, name)
 */
#define SG_VERDICT_MIBS(X)                                                                         \
	X(SynAckSent, OutSegs)                                                                     \
	X(SynAckRepeated, OutSegs)                                                                 \
	X(SynAckRepeated, RetransSegs)                                                             \
	X(SynAckRepeated, TCPSynRetrans)                                                           \
	X(CookieSent, OutSegs)                                                                     \
	X(CookieSent, SyncookiesSent)                                                              \
	X(CookieSent, TCPReqQFullDoCookies)                                                        \
	X(SteerNoCookie, SyncookiesFailed)                                                         \
	X(StrayReset, OutSegs)                                                                     \
	X(StrayReset, OutRsts)                                                                     \
	X(HalfOpenAckSent, OutSegs)                                                                \
	X(HalfOpenOldAckSent, OutSegs)                                                             \
	X(HalfOpenOldAckSent, PAWSEstab)                                                           \
	X(HalfOpenRstChallenged, OutSegs)                                                          \
	X(HalfOpenRstChallenged, TCPChallengeACK)                                                  \
	X(RepeatedSynLimited, TCPACKSkippedSynRecv)                                                \
	X(HalfOpenOldLimited, TCPACKSkippedSynRecv)                                                \
	X(HalfOpenOldLimited, PAWSEstab)                                                           \
	X(HalfOpenOldReset, PAWSEstab)                                                             \
	X(HalfOpenFull, TCPReqQFullDrop)                                                           \
	X(HalfOpenFull, ListenDrops)                                                               \
	X(AcceptQueueFull, ListenOverflows)                                                        \
	X(AcceptQueueFull, ListenDrops)                                                            \
	X(HalfOpenReserved, ListenDrops)                                                           \
	X(HalfOpenBucketFull, ListenDrops)                                                         \
	X(BadTcp, InErrs)                                                                          \
	X(BadChecksum, InErrs)                                                                     \
	X(BadChecksum, InCsumErrors)                                                               \
	/* segments that ended in the driver */                                                    \
	X(SynAckSent, InSegs)                                                                      \
	X(SynAckRepeated, InSegs)                                                                  \
	X(CookieSent, InSegs)                                                                      \
	X(CookieLimited, InSegs)                                                                   \
	X(StrayReset, InSegs)                                                                      \
	X(HalfOpenAckSent, InSegs)                                                                 \
	X(HalfOpenOldAckSent, InSegs)                                                              \
	X(HalfOpenRstChallenged, InSegs)                                                           \
	X(HalfOpenOldLimited, InSegs)                                                              \
	X(HalfOpenOldReset, InSegs)                                                                \
	X(BadTcp, InSegs)                                                                          \
	X(BadOption, InSegs)                                                                       \
	X(BadChecksum, InSegs)                                                                     \
	X(BadFlags, InSegs)                                                                        \
	X(SynAckLimited, InSegs)                                                                   \
	X(HalfOpenFull, InSegs)                                                                    \
	X(HalfOpenReserved, InSegs)                                                                \
	X(HalfOpenBucketFull, InSegs)                                                              \
	X(AcceptQueueFull, InSegs)                                                                 \
	X(RepeatedSynLimited, InSegs)                                                              \
	X(StrayDropped, InSegs)                                                                    \
	X(HalfOpenBadSegment, InSegs)

enum sg_verdict {
#define X(id, name, text) SG_V_##id,
	SG_VERDICTS(X)
#undef X
	SG_VERDICT_COUNT
};

/* Value of the map `counters` (per CPU, one element): one named field for each verdict. */
struct sg_counters {
#define X(id, name, text) unsigned long long name;
	SG_VERDICTS(X)
#undef X
};

_Static_assert(sizeof(struct sg_counters) == 8 * SG_VERDICT_COUNT, "one counter a verdict");

#endif
