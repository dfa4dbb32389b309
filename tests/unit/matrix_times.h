/* SPDX-License-Identifier: BSD-2-Clause */
/* test_matrix.c: time goes by, RFC 9293 3.10.8 and 3.8. */
/* clang-format off */

/* 300 ms: one retransmission timeout. */
EVENT(one_timeout)
IN(ALL & ~FIN_OUT, "-", SAME, "same", "")
IN(FIN_OUT, "rFA", SAME, "same", "RetransSegs TCPTimeouts")

/* Text that an interactive session does not acknowledge at once: 150 ms. */
EVENT(delayed_ack)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(HALF_OPEN, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(REOPENED, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens DelayedACKs")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rw: 10 ok", "DelayedACKs")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "DelayedACKs")
IN(ESTAB, "A+10", SAME, "r: 10 ok", "DelayedACKs")
IN(FIN_WAIT, "A+10", SAME, "r: 10 PIPE", "DelayedACKs")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* Keep-alive after a second (3.8.4); what is not acknowledged yet needs none. */
EVENT(keep_alive)
IN(UNKNOWN | QUEUED | ORPHAN | TIME_WAIT, "-", SAME, "same", "")
IN(SYN_SENT, "rS", SAME, "same", "RetransSegs TCPTimeouts TCPSynRetrans")
IN(SYN_RCVD, "rSA", SAME, "same", "RetransSegs TCPTimeouts TCPSynRetrans")
IN(ESTAB | FIN_WAIT_2 | CLOSE_WAIT, "pA", SAME, "same", "TCPKeepAlive")
IN(FIN_OUT, "2rFA", SAME, "same", "RetransSegs*2 TCPTimeouts*2")

/*
 * The window is shut, and there is something to send (3.8.6.1): a probe. A FIN goes out none the
 * less.
 */
EVENT(window_probe)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | QUEUED | FIN_WAIT_2 | ORPHAN | TIME_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens")
IN(CROSSED, "pA", TCP_ESTABLISHED, "w: again ok", "TCPWinProbe")
IN(ESTAB | CLOSE_WAIT, "pA", SAME, "same", "TCPWinProbe")
IN(FIN_OUT, "rFA", SAME, "same", "RetransSegs TCPTimeouts")

/* user_timeout_ms of 1 s, and a byte to send (RFC 5482). */
EVENT(user_timeout)
IN(UNKNOWN | QUEUED | FIN_WAIT_2 | ORPHAN | TIME_WAIT, "-", SAME, "same", "")
IN(SYN_SENT | CROSSED, "-", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT", "AttemptFails TCPAbortOnTimeout")
IN(HALF_OPEN, "rSA", SAME, "same", "RetransSegs TCPTimeouts TCPSynRetrans")
IN(REOPENED, "2rSA", SAME, "same", "RetransSegs*2 TCPTimeouts*2 TCPSynRetrans*2")
IN(ESTAB,
   "Ad 2rAd", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT",
   "RetransSegs*2 EstabResets TCPAbortOnTimeout TCPTimeouts*2")
IN(FIN_WAIT_1,
   "2rFA", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT", "RetransSegs*2 TCPAbortOnTimeout TCPTimeouts*2")
IN(CLOSE_WAIT,
   "Ad 2rAd", TCP_CLOSED, "x: EOF TIMEDOUT",
   "RetransSegs*2 EstabResets TCPAbortOnTimeout TCPTimeouts*2")
IN(CLOSING | LAST_ACK,
   "2rFA", TCP_CLOSED, "x: EOF TIMEDOUT", "RetransSegs*2 TCPAbortOnTimeout TCPTimeouts*2")

/* Closed, our FIN acknowledged, and the peer never closes: tcp_fin_timeout, a minute. */
EVENT(fin_timeout)
IN(UNKNOWN, "R", SAME, "BADF; same", "OutRsts")
IN(SYN_SENT, "R", TCP_CLOSED, "0; BADF BADF", "OutRsts")
IN(PASSIVE, "-", TCP_ESTABLISHED, "BADF; a: accept again ok", "PassiveOpens")
IN(CROSSED | ESTAB, "FA", TCP_CLOSED, "0; BADF BADF", "TW")
IN(QUEUED, "-", SAME, "BADF; same", "")
IN(FIN_WAIT | CLOSING, "-", TCP_CLOSED, "0; BADF BADF", "TW")
IN(ORPHAN, "-", TCP_CLOSED, "BADF; same", "")
IN(CLOSE_WAIT, "FA", TCP_CLOSED, "0; BADF BADF", "")
IN(LAST_ACK | TIME_WAIT, "-", TCP_CLOSED, "0; BADF BADF", "")

/* A minute in which nothing arrives: SYN and FIN again and again; TIME-WAIT is over. */
EVENT(a_minute)
IN(UNKNOWN | OPEN | FIN_WAIT_2 | CLOSE_WAIT, "-", SAME, "same", "")
IN(SYN_SENT, "5rS", SAME, "same", "RetransSegs*5 TCPTimeouts*5 TCPSynRetrans*5")
IN(SYN_RCVD, "5rSA", SAME, "same", "RetransSegs*5 TCPTimeouts*5 TCPSynRetrans*5")
IN(FIN_OUT, "8rFA", SAME, "same", "RetransSegs*8 TCPTimeouts*8")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")

/*
 * An hour: the limits of tcp_syn_retries, tcp_synack_retries and tcp_retries2 (MUST-20, MUST-22).
 */
EVENT(an_hour)
IN(UNKNOWN | OPEN | FIN_WAIT_2 | CLOSE_WAIT, "-", SAME, "same", "")
IN(SYN_SENT,
   "6rS", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT",
   "RetransSegs*6 AttemptFails TCPAbortOnTimeout TCPTimeouts*6 TCPSynRetrans*6")
IN(PASSIVE, "5rSA", TCP_LISTEN, "same", "RetransSegs*5 TCPTimeouts*6 TCPSynRetrans*5 TCPReqExpired")
IN(CROSSED,
   "5rSA", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT",
   "RetransSegs*5 AttemptFails TCPAbortOnTimeout TCPTimeouts*5 TCPSynRetrans*5")
IN(FIN_WAIT_1,
   "15rFA", TCP_CLOSED, "x: TIMEDOUT TIMEDOUT", "RetransSegs*15 TCPAbortOnTimeout TCPTimeouts*15")
IN(ORPHAN | TIME_WAIT, "-", TCP_CLOSED, "same", "")
IN(CLOSING | LAST_ACK,
   "15rFA", TCP_CLOSED, "x: EOF TIMEDOUT", "RetransSegs*15 TCPAbortOnTimeout TCPTimeouts*15")
