/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_matrix.c: RST, SYN, old timestamps, ICMP errors: RFC 9293 3.10.7, RFC 5961,
 * RFC 7323, RFC 5927.
 */
/* clang-format off */

/* --- RST: second, and RFC 5961 3 ------------------------------------------------------------ */

/*
 * <SEQ=RCV.NXT><CTL=RST>. SYN-SENT wants an ACK with it; a passive open goes back to LISTEN. What
 * the peer has closed in order can be read to its end, whatever follows. TIME-WAIT: tcp_rfc1337 is
 * 0.
 */
EVENT(rst)
IN(UNKNOWN | SYN_SENT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_LISTEN, "same", "AttemptFails EmbryonicRsts")
IN(CROSSED, "-", TCP_CLOSED, "x: RESET RESET", "AttemptFails")
IN(QUEUED, "-", TCP_CLOSED, "accept RESET RESET", "EstabResets")
IN(ESTAB, "-", TCP_CLOSED, "x: RESET RESET", "EstabResets")
IN(FIN_WAIT, "-", TCP_CLOSED, "x: RESET RESET", "")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")

/* With an ACK: the answer to our SYN, refused. */
EVENT(rst_ack)
IN(UNKNOWN, "-", SAME, "same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "x: REFUSED REFUSED", "AttemptFails")
IN(PASSIVE, "-", TCP_LISTEN, "same", "AttemptFails EmbryonicRsts")
IN(CROSSED, "-", TCP_CLOSED, "x: RESET RESET", "AttemptFails")
IN(QUEUED, "-", TCP_CLOSED, "accept RESET RESET", "EstabResets")
IN(ESTAB, "-", TCP_CLOSED, "x: RESET RESET", "EstabResets")
IN(FIN_WAIT, "-", TCP_CLOSED, "x: RESET RESET", "")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")

/* With an ACK of all we sent. */
EVENT(rst_ack_all)
IN(UNKNOWN, "-", SAME, "same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "x: REFUSED REFUSED", "AttemptFails")
IN(PASSIVE, "-", TCP_LISTEN, "same", "AttemptFails EmbryonicRsts")
IN(CROSSED, "-", TCP_CLOSED, "x: RESET RESET", "AttemptFails")
IN(QUEUED, "-", TCP_CLOSED, "accept RESET RESET", "EstabResets")
IN(ESTAB, "-", TCP_CLOSED, "x: RESET RESET", "EstabResets")
IN(FIN_WAIT, "-", TCP_CLOSED, "x: RESET RESET", "")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")

/* With an ACK of what was never sent: SYN-SENT does not believe it. Others look at SEQ alone. */
EVENT(rst_ack_wrong)
IN(UNKNOWN | SYN_SENT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_LISTEN, "same", "AttemptFails EmbryonicRsts")
IN(CROSSED, "-", TCP_CLOSED, "x: RESET RESET", "AttemptFails")
IN(QUEUED, "-", TCP_CLOSED, "accept RESET RESET", "EstabResets")
IN(ESTAB, "-", TCP_CLOSED, "x: RESET RESET", "EstabResets")
IN(FIN_WAIT, "-", TCP_CLOSED, "x: RESET RESET", "")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")

/*
 * Inside the window, but not exact: a challenge ACK. Nobody's FIN-WAIT-2 has nothing to lose and
 * takes it, as in Linux.
 */
EVENT(rst_in_window)
IN(UNKNOWN | SYN_SENT | TIME_WAIT, "-", SAME, "same", "")
IN(HALF_OPEN, "A", SAME, "same", "")
IN(REOPENED | CROSSED | SYNCHRONIZED, "A", SAME, "same", "TCPChallengeACK")
IN(ORPHAN, "-", TCP_CLOSED, "same", "")

/* Right of the window: silence. */
EVENT(rst_outside)
IN(ALL, "-", SAME, "same", "")

/* Left of it: silence. */
EVENT(rst_left)
IN(ALL, "-", SAME, "same", "")

/* At the place of the peer's FIN: some stacks reset after their close, and Linux believes them. */
EVENT(rst_before)
IN(ALL & ~FIN_SEEN, "-", SAME, "same", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")

/* --- SYN: fourth, and RFC 5961 4 ------------------------------------------------------------ */

/*
 * The SYN that began it comes again: the same SYN-ACK. Synchronized: a challenge ACK, whatever
 * SEQ. SYN-SENT: both opened. To a stranger's: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
 */
EVENT(syn_again)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(HALF_OPEN, "rSA", SAME, "same", "")
IN(REOPENED | CROSSED, "rSA", SAME, "same", "RetransSegs TCPSynRetrans")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN | TIME_WAIT, "A", SAME, "same", "")

/*
 * Another one, inside the window: passive SYN-RECEIVED goes back to LISTEN, and resets it as Linux
 * does. TIME-WAIT opens anew, RFC 9293 3.6.1.
 */
EVENT(syn_in_window)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA+11", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA+11", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(PASSIVE, "RA", TCP_LISTEN, "same", "OutRsts AttemptFails EmbryonicRsts")
IN(CROSSED | SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN, "RA", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "SA+11", TCP_SYN_RCVD, "same", "SynAckByWorker TimeWaitReopened")

/* Right of the window. */
EVENT(syn_outside)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA+16777217", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA+16777217", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(SYN_RCVD | ORPHAN, "A", SAME, "same", "")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(TIME_WAIT, "SA+16777217", TCP_SYN_RCVD, "same", "SynAckByWorker TimeWaitReopened")

/* Left of it: an old duplicate. TIME-WAIT does not open for it. */
EVENT(syn_left)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA-999", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA-999", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(SYN_RCVD | ORPHAN | TIME_WAIT, "A", SAME, "same", "")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")

/* With text, which is not taken (no fast open): the SYN-ACK acknowledges the SYN alone. */
EVENT(syn_data)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA+11", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA+11", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(PASSIVE, "RA", TCP_LISTEN, "same", "OutRsts AttemptFails EmbryonicRsts")
IN(CROSSED | SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN, "RA", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "SA+11", TCP_SYN_RCVD, "same", "SynAckByWorker TimeWaitReopened")

/*
 * With FIN: no TCP sends that, so the driver drops it where there is a listener. TIME-WAIT is over
 * by then, as in Linux.
 */
EVENT(syn_fin)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN | HALF_OPEN, "-", SAME, "same", "InErrs")
IN(SYN_SENT, "rSA+11", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(REOPENED, "RA", TCP_LISTEN, "same", "OutRsts AttemptFails EmbryonicRsts")
IN(CROSSED | SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN, "RA", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "-", TCP_CLOSED, "same", "")

/* --- SYN and ACK ---------------------------------------------------------------------------- */

/* The answer to our SYN. Elsewhere it is a SYN as any other. */
EVENT(syn_ack)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "A+1", TCP_ESTABLISHED, "w: again ok", "")
IN(PASSIVE, "R", TCP_LISTEN, "same", "OutRsts AttemptFails EmbryonicRsts")
IN(CROSSED | SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* With the SEQ of the SYN that began it: of a simultaneous open it is the other's answer. */
EVENT(syn_ack_again)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "A", TCP_ESTABLISHED, "w: again ok", "")
IN(PASSIVE | ORPHAN | TIME_WAIT, "A", SAME, "same", "")
IN(CROSSED, "-", TCP_ESTABLISHED, "w: again ok", "")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")

/* It acknowledges what was never sent. */
EVENT(syn_ack_wrong)
IN(UNKNOWN | SYN_SENT | PASSIVE, "R", SAME, "same", "OutRsts")
IN(CROSSED | SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* --- old timestamps: RFC 7323 5.3, PAWS ----------------------------------------------------- */

/* A bare ACK. */
EVENT(old_ack)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED | SYNCHRONIZED, "A", SAME, "same", "PAWSEstab")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* Left of the window besides: not worth an answer, once synchronized. */
EVENT(old_ack_left)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED, "A", SAME, "same", "PAWSEstab")
IN(SYNCHRONIZED, "-", SAME, "same", "PAWSOldAck")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* Text, which is not taken. */
EVENT(old_data)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED | SYNCHRONIZED, "A", SAME, "same", "PAWSEstab")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* FIN. */
EVENT(old_fin)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED | SYNCHRONIZED, "A", SAME, "same", "PAWSEstab")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* RST, which is judged by its SEQ alone, but for what has no connection block any more or yet. */
EVENT(old_rst)
IN(UNKNOWN | SYN_SENT | HALF_OPEN | ORPHAN, "-", SAME, "same", "")
IN(REOPENED, "-", SAME, "same", "PAWSEstab")
IN(CROSSED, "-", TCP_CLOSED, "x: RESET RESET", "AttemptFails")
IN(QUEUED, "-", TCP_CLOSED, "accept RESET RESET", "EstabResets")
IN(ESTAB, "-", TCP_CLOSED, "x: RESET RESET", "EstabResets")
IN(FIN_WAIT, "-", TCP_CLOSED, "x: RESET RESET", "")
IN(CLOSE_WAIT, "-", TCP_CLOSED, "x: EOF PIPE", "EstabResets")
IN(CLOSING | LAST_ACK, "-", TCP_CLOSED, "x: EOF RESET", "")
IN(TIME_WAIT, "-", SAME, "same", "PAWSTimewait")

/* SYN inside the window: TIME-WAIT does not open for it. */
EVENT(old_syn)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA+11", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA+11", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED, "A", SAME, "same", "PAWSEstab")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* The SYN that began it, but from before it. */
EVENT(old_syn_again)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN, "SA", TCP_SYN_RCVD, "same", "SynAckByWorker")
IN(SYN_SENT, "rSA", TCP_SYN_RCVD, "same", "RetransSegs TCPSynRetrans")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED, "A", SAME, "same", "PAWSEstab")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/* SYN-ACK. */
EVENT(old_syn_ack)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "A+1", TCP_ESTABLISHED, "w: again ok", "")
IN(HALF_OPEN | ORPHAN, "A", SAME, "same", "")
IN(REOPENED | CROSSED, "A", SAME, "same", "PAWSEstab")
IN(SYNCHRONIZED, "A", SAME, "same", "InErrs TCPChallengeACK TCPSYNChallenge")
IN(TIME_WAIT, "A", SAME, "same", "PAWSTimewait")

/*
 * Without the timestamp that was agreed on: taken as Linux takes it (RFC 7323 3.2 would drop it).
 */
EVENT(no_stamp)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rw: 10 ok", "")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "")
IN(ESTAB, "A+10", SAME, "r: 10 ok", "")
IN(FIN_WAIT, "A+10", SAME, "r: 10 PIPE", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* --- ICMP: RFC 9293 3.9.2.2 ----------------------------------------------------------------- */

/*
 * Port unreachable and the like end what we have asked for and do not have yet. Established, it is
 * remembered for a timeout (RFC 5461), as in Linux.
 */
EVENT(icmp_hard)
IN(UNKNOWN | HALF_OPEN | TIME_WAIT, "-", SAME, "same", "IcmpIgnored")
IN(SYN_SENT | CROSSED, "-", TCP_CLOSED, "x: REFUSED REFUSED", "AttemptFails")
IN(REOPENED | SYNCHRONIZED | ORPHAN, "-", SAME, "same", "")

/* Host unreachable and the like never do (MUST-56). */
EVENT(icmp_soft)
IN(UNKNOWN | HALF_OPEN | TIME_WAIT, "-", SAME, "same", "IcmpIgnored")
IN(ALL & ~(UNKNOWN | HALF_OPEN | TIME_WAIT), "-", SAME, "same", "")
