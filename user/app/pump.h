/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection of the engine's joined to a stream socket: data straight between that socket and the
 * engine's buffers. A side that cannot take more stops the other; ends are carried over each way by
 * itself. The socket is known to epoll by edges, IN, OUT and RDHUP.
 */
#ifndef APP_PUMP_H
#define APP_PUMP_H

#include "app/app.h"

#define PUMP_PIECES 32 /* of the engine's buffers, in one call */

struct pump {
	int fd;
	bool readable, writable; /* the socket, until it says no */
	bool ending;		 /* its end of stream or error is there to be read */
	bool whole;		 /* one of a pair: there is no more to come than what can be read */
	bool hung_up;		 /* both its ways have ended: it was closed */
	bool up_done, down_done; /* the end carried over: to the socket, to the client */
	bool moved, used;	 /* something went either way: in the last pump_move(), or ever */
	bool bulk;		 /* what was read last filled its room */
	bool pair;		 /* it is one of a pair: what its other end does shows here at once */
};

/* What moving data comes to. */
enum pump_flow {
	PUMP_MORE,  /* there may be more */
	PUMP_WAIT,  /* one side has no data or no room */
	PUMP_RESET, /* the client is dead: so is the other side */
	PUMP_LOST,  /* the socket's side is */
};

/* What epoll said of the socket. */
void pump_ready(struct pump *p, unsigned events);

/* What errno makes of a call on the socket, of which `able` says that it may succeed. */
enum pump_flow pump_errno(bool *able);

/* Its share each way: client to socket, then socket to client. */
enum pump_flow pump_move(struct app *a, tcp_id id, struct pump *p);

#endif
