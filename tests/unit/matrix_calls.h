/* SPDX-License-Identifier: BSD-2-Clause */
/* test_matrix.c: the application's calls, RFC 9293 3.10.1 to 3.10.6. */
/* clang-format off */

/* One is there in the queue, or none. */
EVENT(call_accept)
IN(ALL & ~QUEUED, "-", SAME, "again; same", "")
IN(QUEUED, "-", SAME, "0; again ok", "")

/* OPEN, active: of a pair that exists in any way, "connection already exists". */
EVENT(call_connect)
IN(UNKNOWN, "S", TCP_SYN_SENT, "0; again again", "ActiveOpens")
IN(ALL & ~UNKNOWN, "-", SAME, "ADDRINUSE; same", "")

/* SEND: before it is open nothing is queued; after our FIN no more can be sent. */
EVENT(call_send)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CROSSED, "-", SAME, "again; same", "")
IN(ESTAB | CLOSE_WAIT, "Ad", SAME, "1; same", "")
IN(FIN_WAIT | CLOSING | LAST_ACK | TIME_WAIT, "-", SAME, "PIPE; same", "")

/* RECEIVE: nothing yet, or the end of the stream behind the peer's FIN. */
EVENT(call_recv)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CROSSED | ESTAB | FIN_WAIT, "-", SAME, "again; same", "")
IN(FIN_SEEN | TIME_WAIT, "-", SAME, "0; same", "")

/* CLOSE of our side alone (half-close). In SYN-RECEIVED the FIN waits for the handshake. */
EVENT(call_shutdown)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "0; x: RESET RESET", "")
IN(CROSSED, "-", SAME, "0; again PIPE", "")
IN(ESTAB, "FA", TCP_FIN_WAIT_1, "0; again PIPE", "")
IN(FIN_WAIT | CLOSING | LAST_ACK, "-", SAME, "0; same", "")
IN(CLOSE_WAIT, "FA", TCP_LAST_ACK, "0; EOF PIPE", "")
IN(TIME_WAIT, "-", SAME, "NOTCONN; same", "")

/* We read no more; the peer is not told. */
EVENT(call_shutdown_read)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "0; x: RESET RESET", "")
IN(CROSSED, "-", SAME, "0; r: EOF again", "")
IN(ESTAB | CLOSE_WAIT, "-", SAME, "0; r: EOF ok", "")
IN(FIN_WAIT | CLOSING | LAST_ACK, "-", SAME, "0; r: EOF PIPE", "")
IN(TIME_WAIT, "-", SAME, "NOTCONN; same", "")

/* CLOSE, and nobody has it any more: what is under way goes on to its end. */
EVENT(call_close)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "0; BADF BADF", "")
IN(CROSSED | ESTAB, "FA", TCP_FIN_WAIT_1, "0; BADF BADF", "")
IN(FIN_OUT | TIME_WAIT, "-", SAME, "0; BADF BADF", "")
IN(FIN_WAIT_2, "-", SAME, "0; BADF BADF", "TW")
IN(CLOSE_WAIT, "FA", TCP_LAST_ACK, "0; BADF BADF", "")

/* Ten bytes are there that nobody has read: RST (SHLD-3, RFC 2525 2.17). */
EVENT(call_close_unread)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT, "-", TCP_CLOSED, "0; BADF BADF", "")
IN(CROSSED, "FA", TCP_FIN_WAIT_1, "0; BADF BADF", "")
IN(ESTAB, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts EstabResets TCPAbortOnClose")
IN(FIN_WAIT, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts TCPAbortOnClose")
IN(CLOSE_WAIT, "FA", TCP_LAST_ACK, "0; BADF BADF", "")
IN(CLOSING | LAST_ACK | TIME_WAIT, "-", SAME, "0; BADF BADF", "")

/* SO_LINGER with 0. */
EVENT(call_linger)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CLOSING | LAST_ACK, "-", TCP_CLOSED, "0; BADF BADF", "TCPAbortOnData")
IN(CROSSED | FIN_WAIT, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts TCPAbortOnData")
IN(ESTAB | CLOSE_WAIT, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts EstabResets TCPAbortOnData")
IN(TIME_WAIT, "-", SAME, "0; BADF BADF", "")

/* ABORT: a RST in the states of 3.10.5, else the block goes. TIME-WAIT stays, it is nobody's. */
EVENT(call_abort)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CLOSING | LAST_ACK, "-", TCP_CLOSED, "0; BADF BADF", "")
IN(CROSSED | FIN_WAIT, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts")
IN(ESTAB | CLOSE_WAIT, "RA", TCP_CLOSED, "0; BADF BADF", "OutRsts EstabResets")
IN(TIME_WAIT, "-", SAME, "0; BADF BADF", "")

/* STATUS: it names the state. */
EVENT(call_info)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CROSSED | ESTAB | FIN_WAIT | FIN_SEEN | TIME_WAIT, "-", SAME, "0; same", "")

/* Every option, as setsockopt(2). */
EVENT(call_set_opt)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CROSSED | ESTAB | FIN_WAIT | FIN_SEEN | TIME_WAIT, "-", SAME, "0; same", "")

/* SO_ERROR: none. */
EVENT(call_get_opt)
IN(NO_HANDLE, "-", SAME, "BADF; same", "")
IN(SYN_SENT | CROSSED | ESTAB | FIN_WAIT | FIN_SEEN | TIME_WAIT, "-", SAME, "0; same", "")

/* The listener goes: who waits in its queues goes with it. */
EVENT(call_unlisten)
IN(ALL & ~(LISTEN | PASSIVE | QUEUED), "-", SAME, "0; same", "")
IN(LISTEN | HALF_OPEN, "-", TCP_CLOSED, "0; same", "")
IN(REOPENED, "RA", TCP_CLOSED, "0; same", "OutRsts")
IN(QUEUED, "RA", TCP_CLOSED, "0; none", "OutRsts EstabResets")
