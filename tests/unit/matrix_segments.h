/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_matrix.c: acknowledgments, text, FIN: RFC 9293 3.10.7. The events are in
 * matrix_events.h.
 */
/* clang-format off */

/* --- acknowledgments: first and fifth ------------------------------------------------------- */

/*
 * <SEQ=RCV.NXT><ACK=what the peer has><CTL=ACK>. It completes a handshake; where our FIN is out it
 * is a duplicate. SYN-SENT ignores what has no SYN; a stranger's is reset with its ACK as SEQ.
 */
EVENT(ack_now)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | OPEN | FIN_WAIT_2 | ORPHAN | CLOSE_WAIT | TIME_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens")
IN(CROSSED, "-", TCP_ESTABLISHED, "w: again ok", "")
IN(FIN_OUT, "-", SAME, "same", "TCPDupAcksIn")

/* Of what was never sent: reset as long as we are not synchronized, then an ACK (RFC 5961 5.2). */
EVENT(ack_ahead)
IN(UNKNOWN | SYN_SENT | SYN_RCVD, "R", SAME, "same", "OutRsts")
IN(SYNCHRONIZED, "A", SAME, "same", "TCPChallengeACK")
IN(ORPHAN | TIME_WAIT, "-", SAME, "same", "")

/* Older than the connection: the same. */
EVENT(ack_behind)
IN(UNKNOWN | SYN_SENT | SYN_RCVD, "R", SAME, "same", "OutRsts")
IN(SYNCHRONIZED, "A", SAME, "same", "TCPChallengeACK")
IN(ORPHAN | TIME_WAIT, "-", SAME, "same", "")

/* Left of the window: not acceptable, an ACK. */
EVENT(ack_left)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(ALL & ~(UNKNOWN | SYN_SENT), "A", SAME, "same", "")

/* Right of the window: likewise. */
EVENT(ack_right)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(ALL & ~(UNKNOWN | SYN_SENT), "A", SAME, "same", "")

/* Our FIN, where there is one, is acknowledged: the states move on. */
EVENT(ack_all)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | OPEN | FIN_WAIT_2 | ORPHAN | CLOSE_WAIT | TIME_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens")
IN(CROSSED, "-", TCP_ESTABLISHED, "w: again ok", "")
IN(FIN_WAIT_1, "-", TCP_FIN_WAIT_2, "same", "")
IN(CLOSING, "-", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(LAST_ACK, "-", TCP_CLOSED, "r: EOF PIPE", "")

/* A window of 0. */
EVENT(window_shut)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | SYNCHRONIZED | ORPHAN | TIME_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "-", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens")
IN(CROSSED, "-", TCP_ESTABLISHED, "w: again ok", "")

/*
 * Without ACK: dropped, but in TIME-WAIT, where Linux answers all but RST. In LISTEN it "should
 * not be reached" (3.10.7.2): dropped in the driver as a segment that makes no sense.
 */
EVENT(no_ack)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN | HALF_OPEN, "-", SAME, "same", "InErrs")
IN(ALL & ~(UNKNOWN | HALF_OPEN | TIME_WAIT), "-", SAME, "same", "")
IN(TIME_WAIT, "A", SAME, "same", "")

/* --- text: first and seventh ---------------------------------------------------------------- */

/*
 * In order. The half-open get it with the final ACK. Behind the peer's FIN it is ignored; to
 * nobody's FIN-WAIT-2 it is a reset (3.6.1: data that can be delivered to nobody).
 */
EVENT(data)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rw: 10 ok", "")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "")
IN(ESTAB, "A+10", SAME, "r: 10 ok", "")
IN(FIN_WAIT, "A+10", SAME, "r: 10 PIPE", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* After a gap: kept, and an ACK at once that says what is missing. */
EVENT(data_gap)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens TCPOFOQueue")
IN(CROSSED, "A", TCP_ESTABLISHED, "w: again ok", "TCPOFOQueue")
IN(OPEN | FIN_WAIT, "A", SAME, "same", "TCPOFOQueue")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/*
 * All of it old: an ACK, with a D-SACK. Its end is the left edge, which Linux takes for acceptable
 * in a full connection, so that it may be the final ACK of one that both sides opened.
 */
EVENT(data_left)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(PASSIVE | ORPHAN | TIME_WAIT, "A", SAME, "same", "")
IN(CROSSED, "A", TCP_ESTABLISHED, "w: again ok", "TCPDSACKOldSent")
IN(SYNCHRONIZED, "A", SAME, "same", "TCPDSACKOldSent")

/*
 * Half of it old. Behind the FIN of the peer the new half is text that cannot be: reset, as in
 * Linux.
 */
EVENT(data_partly)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(PASSIVE, "A+5", TCP_ESTABLISHED, "a: accept 5 ok", "PassiveOpens TCPDSACKOldSent")
IN(CROSSED, "A+5", TCP_ESTABLISHED, "rw: 5 ok", "TCPDSACKOldSent")
IN(QUEUED, "A+5", SAME, "accept 5 ok", "TCPDSACKOldSent")
IN(ESTAB, "A+5", SAME, "r: 5 ok", "TCPDSACKOldSent")
IN(FIN_WAIT, "A+5", SAME, "r: 5 PIPE", "TCPDSACKOldSent")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(CLOSE_WAIT, "R", TCP_CLOSED, "x: EOF RESET", "OutRsts EstabResets TCPAbortOnData")
IN(CLOSING | LAST_ACK, "R", TCP_CLOSED, "x: EOF RESET", "OutRsts TCPAbortOnData")
IN(TIME_WAIT, "A", SAME, "same", "")

/* Right of the window. */
EVENT(data_right)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(ALL & ~(UNKNOWN | SYN_SENT), "A", SAME, "same", "")

/* It acknowledges our FIN and brings text. */
EVENT(data_ack_all)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | CLOSE_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rw: 10 ok", "")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "")
IN(ESTAB, "A+10", SAME, "r: 10 ok", "")
IN(FIN_WAIT_1, "A+10", TCP_FIN_WAIT_2, "r: 10 PIPE", "")
IN(FIN_WAIT_2, "A+10", SAME, "r: 10 PIPE", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(CLOSING, "-", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(LAST_ACK, "-", TCP_CLOSED, "r: EOF PIPE", "")
IN(TIME_WAIT, "A", SAME, "same", "")

/* --- urgent data: sixth --------------------------------------------------------------------- */

/* URG, and a pointer that points at nothing. */
EVENT(urgent_flag)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rw: 10 ok", "")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "")
IN(ESTAB, "A+10", SAME, "r: 10 ok", "")
IN(FIN_WAIT, "A+10", SAME, "r: 10 PIPE", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* The pointer is ahead of the text: told (u), and read in line (RFC 6093). */
EVENT(urgent)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+10", TCP_ESTABLISHED, "a: accept 10 ok", "PassiveOpens")
IN(CROSSED, "A+10", TCP_ESTABLISHED, "rwu: 10 ok", "")
IN(QUEUED, "A+10", SAME, "accept 10 ok", "")
IN(ESTAB, "A+10", SAME, "ru: 10 ok", "")
IN(FIN_WAIT, "A+10", SAME, "ru: 10 PIPE", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* --- FIN: eighth ---------------------------------------------------------------------------- */

/*
 * The peer closes: acknowledged, and the application reads the end of the stream. Behind the first
 * FIN another is ignored (it would be fin_left if it were the same); in TIME-WAIT both are
 * answered.
 */
EVENT(fin)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+1", TCP_CLOSE_WAIT, "a: accept EOF ok", "PassiveOpens")
IN(CROSSED, "A+1", TCP_CLOSE_WAIT, "rw: EOF ok", "")
IN(QUEUED, "A+1", TCP_CLOSE_WAIT, "accept EOF ok", "")
IN(ESTAB, "A+1", TCP_CLOSE_WAIT, "r: EOF ok", "")
IN(FIN_WAIT_1, "A+1", TCP_CLOSING, "r: EOF PIPE", "")
IN(FIN_WAIT_2, "A+1", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(ORPHAN, "A+1", TCP_TIME_WAIT, "same", "")
IN(TIME_WAIT, "A", SAME, "same", "")

/* With text in front. Nobody's FIN-WAIT-2 resets it: the text can be delivered to nobody. */
EVENT(fin_data)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A+11", TCP_CLOSE_WAIT, "a: accept 10+EOF ok", "PassiveOpens")
IN(CROSSED, "A+11", TCP_CLOSE_WAIT, "rw: 10+EOF ok", "")
IN(QUEUED, "A+11", TCP_CLOSE_WAIT, "accept 10+EOF ok", "")
IN(ESTAB, "A+11", TCP_CLOSE_WAIT, "r: 10+EOF ok", "")
IN(FIN_WAIT_1, "A+11", TCP_CLOSING, "r: 10+EOF PIPE", "")
IN(FIN_WAIT_2, "A+11", TCP_TIME_WAIT, "r: 10+EOF PIPE", "TW")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(TIME_WAIT, "A", SAME, "same", "")

/* After a gap: not yet. */
EVENT(fin_gap)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | FIN_SEEN, "-", SAME, "same", "")
IN(PASSIVE, "A", TCP_ESTABLISHED, "a: accept again ok", "PassiveOpens")
IN(CROSSED, "A", TCP_ESTABLISHED, "w: again ok", "")
IN(OPEN | FIN_WAIT | TIME_WAIT, "A", SAME, "same", "")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")

/* The same FIN again: an ACK (with a D-SACK), and TIME-WAIT begins anew. */
EVENT(fin_left)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT, "-", SAME, "same", "")
IN(PASSIVE | ORPHAN | TIME_WAIT, "A", SAME, "same", "")
IN(CROSSED, "A", TCP_ESTABLISHED, "w: again ok", "TCPDSACKOldSent")
IN(SYNCHRONIZED, "A", SAME, "same", "TCPDSACKOldSent")

/* FIN without ACK is no segment: dropped, as no_ack. */
EVENT(fin_no_ack)
IN(CLOSED, "RA", SAME, "same", "OutRsts")
IN(LISTEN | HALF_OPEN, "-", SAME, "same", "InErrs")
IN(ALL & ~(UNKNOWN | HALF_OPEN | TIME_WAIT), "-", SAME, "same", "")
IN(TIME_WAIT, "A", SAME, "same", "")

/* Both at once: our FIN acknowledged, and the peer's. */
EVENT(fin_ack_all)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | CLOSE_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "A+1", TCP_CLOSE_WAIT, "a: accept EOF ok", "PassiveOpens")
IN(CROSSED, "A+1", TCP_CLOSE_WAIT, "rw: EOF ok", "")
IN(QUEUED, "A+1", TCP_CLOSE_WAIT, "accept EOF ok", "")
IN(ESTAB, "A+1", TCP_CLOSE_WAIT, "r: EOF ok", "")
IN(FIN_WAIT, "A+1", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(ORPHAN, "A+1", TCP_TIME_WAIT, "same", "")
IN(CLOSING, "-", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(LAST_ACK, "-", TCP_CLOSED, "r: EOF PIPE", "")
IN(TIME_WAIT, "A", SAME, "same", "")

/* The same with text in front. */
EVENT(fin_data_ack_all)
IN(UNKNOWN, "R", SAME, "same", "OutRsts")
IN(SYN_SENT | CLOSE_WAIT, "-", SAME, "same", "")
IN(PASSIVE, "A+11", TCP_CLOSE_WAIT, "a: accept 10+EOF ok", "PassiveOpens")
IN(CROSSED, "A+11", TCP_CLOSE_WAIT, "rw: 10+EOF ok", "")
IN(QUEUED, "A+11", TCP_CLOSE_WAIT, "accept 10+EOF ok", "")
IN(ESTAB, "A+11", TCP_CLOSE_WAIT, "r: 10+EOF ok", "")
IN(FIN_WAIT, "A+11", TCP_TIME_WAIT, "r: 10+EOF PIPE", "TW")
IN(ORPHAN, "R", TCP_CLOSED, "same", "OutRsts")
IN(CLOSING, "-", TCP_TIME_WAIT, "r: EOF PIPE", "TW")
IN(LAST_ACK, "-", TCP_CLOSED, "r: EOF PIPE", "")
IN(TIME_WAIT, "A", SAME, "same", "")
