/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine counts, in Linux's MIB names where Linux has one (nstat(8)). Value of
 * the mmapable map `tcp_counters`, one element a worker; `show counters` adds them up.
 *
 *	X(Name, "what it means")
 */
#ifndef SYNGATE_MIB_H
#define SYNGATE_MIB_H

#define SG_TCP_COUNTERS(X)                                                                         \
	X(InSegs, "segments taken in by the engine")                                               \
	X(OutSegs, "segments sent by the engine")                                                  \
	X(RetransSegs, "segments sent again")                                                      \
	X(InErrs, "segments that could not be decoded")                                            \
	X(InCsumErrors, "segments with a wrong checksum")                                          \
	X(OutRsts, "RSTs sent by the engine")                                                      \
	X(ActiveOpens, "connections opened by us")                                                 \
	X(SynAckByWorker, "SYNs answered by the worker: a pair in TIME_WAIT, or just ended")          \
	X(PassiveOpens, "connections accepted into the accept queue")                              \
	X(AttemptFails, "connections that failed before ESTABLISHED")                              \
	X(EstabResets, "connections reset from ESTABLISHED or CLOSE_WAIT")                         \
	X(ListenOverflows, "final ACK met a full accept queue")                                    \
	X(ListenDrops, "connections lost by a listener for any reason")                            \
	X(TCPReqQFullDrop, "SYNs dropped at a full half-open queue")                               \
	X(TCPReqQFullDoCookies, "SYNs answered with a cookie because the half-open queue was full") \
	X(SyncookiesSent, "SYN cookies sent")                                                      \
	X(SyncookiesRecv, "connections that came with a good cookie")                              \
	X(SyncookiesFailed, "ACKs that were no cookie's while there were some")                    \
	X(TCPACKSkippedSynRecv, "repeats for a half-open entry not answered: one was just now")    \
	X(EmbryonicRsts, "resets of connections in SYN_RECV")                                      \
	X(TCPAbortOnData, "data arrived after close: reset")                                        \
	X(TCPAbortOnClose, "closed with unread data: reset")                                      \
	X(TCPAbortOnTimeout, "given up after too many timeouts")                                   \
	X(TCPAbortOnMemory, "reset for want of memory")                                            \
	X(TCPAbortOnLinger, "reset in FIN_WAIT_2: TCP_LINGER2 was below 0")                        \
	X(TCPTimeouts, "retransmission timeouts")                                                  \
	X(TCPSynRetrans, "SYNs and SYN-ACKs sent again")                                           \
	X(TCPReqExpired, "half-open entries that ran out of retries")                              \
	X(TCPFastRetrans, "retransmissions in fast recovery")                                      \
	X(TCPSlowStartRetrans, "retransmissions in slow start after a timeout")                    \
	X(TCPSackRecovery, "loss recoveries told of by SACK")                                      \
	X(TCPRenoRecovery, "loss recoveries without SACK")                                         \
	X(TCPSACKReorder, "segments that arrived out of order, as SACK told")                      \
	X(TCPSACKDiscard, "SACK blocks of what was never sent")                                    \
	X(TCPSACKReneging, "peers that took back what they had sacked")                            \
	X(TCPLostRetransmit, "retransmissions that were lost too")                                 \
	X(TCPLossProbes, "tail loss probes sent")                                                  \
	X(TCPLossProbeRecovery, "losses that a tail loss probe mended")                            \
	X(TCPSpuriousRTOs, "timeouts that F-RTO found to be needless")                             \
	X(TCPLossUndo, "timeouts taken back: the original had only been slow")                     \
	X(TCPFullUndo, "recoveries taken back for the same reason")                                \
	X(TCPDSACKUndo, "reductions taken back: all that was sent again came twice")               \
	X(TCPDSACKRecv, "D-SACKs received of data that was acknowledged")                          \
	X(TCPDSACKOfoRecv, "D-SACKs received of data that was not")                                \
	X(TCPDupAcksIn, "duplicate acknowledgments received")                                      \
	X(TCPOFOQueue, "segments queued out of order")                                             \
	X(TCPDSACKOldSent, "D-SACKs sent: data came again that was in order")                      \
	X(TCPDSACKOfoSent, "D-SACKs sent: data came again that was out of order")                  \
	X(TCPOFODrop, "out-of-order segments dropped: no room")                                    \
	X(TCPRcvQDrop, "segments dropped: receive buffer full")                                    \
	X(TCPWinProbe, "zero-window probes sent")                                                  \
	X(TCPKeepAlive, "keep-alive probes sent")                                                  \
	X(InCEPkts, "segments that came with an ECN mark: congestion experienced")                 \
	X(EcnEchoes, "ACKs that echo a mark of ours, ECE")                                         \
	X(DelayedACKs, "delayed acknowledgments sent")                                          \
	X(TCPChallengeACK, "challenge ACKs sent (RFC 5961)")                                       \
	X(TCPSYNChallenge, "SYNs on a connection answered with a challenge ACK")                   \
	X(PAWSEstab, "segments dropped for an old timestamp")                                      \
	X(PAWSTimewait, "the same in TIME_WAIT")                                                   \
	X(TW, "connections that went into TIME_WAIT, or into FIN_WAIT_2 without an owner")         \
	X(TWKilled, "the same, when it lasts 4 s or less")                                         \
	X(TCPACKSkippedTimeWait, "segments in TIME_WAIT not answered: one was just now")           \
	X(TCPACKSkippedFinWait2, "the same in FIN_WAIT_2 without an owner")                        \
	X(TCPACKSkippedPAWS, "segments with an old timestamp not answered: one was just now")      \
	X(TCPACKSkippedSeq, "segments outside the window not answered: one was just now")          \
	X(PAWSOldAck, "old ACKs dropped for an old timestamp")                                     \
	X(TimeWaitReopened, "TIME_WAIT pairs opened anew by a SYN")                                       \
	X(TWRecycled, "TIME_WAIT pairs that connect() used again")                                \
	X(TCPTimeWaitOverflow, "TIME_WAIT left at once: tcp_max_tw_buckets")                       \
	X(FlowTableFull, "connections refused: no slot in the flow table")                         \
	X(ConnTableFull, "connections refused: no free connection block")                          \
	X(Forwarded, "segments passed to the worker that has the flow")                            \
	X(ForwardDropped, "the same, lost at a full ring")                                         \
	X(BackendRefused, "connections reset because no backend took them")                        \
	X(BackendRetried, "connections handed to another backend after one failed")                \
	X(BackendTimeout, "connects to a backend that did not answer in time")                     \
	X(BackendIdle, "connections reset after --idle-timeout")                                   \
	X(BackendDown, "attempts at a backend that is down, since all are")                        \
	X(BackendLimit, "times that a worker stopped accepting: every backend at its limit")       \
	X(BackendConnected, "connections joined to a backend")                                     \
	X(ProgramRefused, "messages and options of programs on libsyngate that made no sense")       \
	X(IcmpIgnored, "ICMP errors about our connections, not acted on")                         \
	X(OutOfWindowIcmps, "ICMP errors that quote what is not out: forged or late")             \
	X(PmtuLowered, "connections whose segments an ICMP error made smaller")                    \
	X(PmtuBlackHole, "timeouts taken for a path that swallows large segments")                 \
	X(TCPMTUPSuccess, "probes of a larger segment that passed")                                \
	X(TCPMTUPFail, "probes of a larger segment that did not")                                  \
	X(NeighbourUnknown, "segments not sent: no Ethernet address for the peer")

struct sg_tcp_counters {
#define X(name, text) unsigned long long name;
	SG_TCP_COUNTERS(X)
#undef X
};

#endif
