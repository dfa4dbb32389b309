/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's part of a program's listener, and the connections that it gives to the program. */
#ifndef APP_LIBPORT_H
#define APP_LIBPORT_H

#include "app/library.h"
#include "app/libslot.h"
#include "app/pump.h"

struct library_conn {
	struct app_conn c;
	struct pump pump;
	struct library_port *port;
	struct library_conn *prev, *next; /* of that port */
	struct library_conn *out_next;	  /* while it is to go to the program */
	struct libslot slot;
	__u32 turn; /* which one of the port's it is */
	int reserved; /* keeps the local port of one that the program asked for; or -1 */
	bool dialing; /* such a one, which is not there yet */
	int theirs;  /* the program's end, until it is on its way; -1 */
	bool sent;   /* it is, or was */
	bool told;   /* the slot says how it ended */
	bool parted; /* the program closed it and lives */
	bool nonblock; /* the program's end has O_NONBLOCK */
};

struct library_port {
	struct app_conn c; /* what epoll finds; in none of the lists */
	struct library_port *next; /* of this worker */
	struct app *app;
	struct library *lib;
	__u32 listener; /* LIBRARY_OWN */
	__u32 source;
	__u32 sent, taken; /* connections given to the program, and taken by it as far as we know */
	__u32 seen;	   /* what the program said last */
	__u32 waiting;	   /* accepted for it, and not given to it yet */
	struct library_conn *out, **out_last; /* to go to the program, in this order */
	bool stuck;			      /* the channel had no room for the first of them */
	struct library_conn *conns;
	unsigned holds; /* 1 while open, and one for each connection */
	bool closed;
	bool news; /* rings: the program has something to look at */
	__u32 rung; /* number of the program's last sleep that was ended */
	struct libslots slots;
};

/* In the accept queue still, as far as we know. */
__u32 libport_ahead(const struct library_port *p);
/* May another connection be accepted? */
bool libport_room(struct library_port *p);

/* One more: ahead of the program, and in the accept queue all the same. */
void libport_add(struct library_port *p, struct library_conn *k);
/* The same, if the program has asked for it. */
void libport_add_own(struct library_port *p, struct library_conn *k);
/* Its end is to go on its way, at the end of the round. */
void libport_give(struct library_port *p, struct library_conn *k);
/* Rings: it is there to be taken; no channel is needed. */
void libport_given(struct library_port *p, struct library_conn *k);
/* Rings, at the end of a round with news: a program that sleeps is woken. */
void ringport_wake(struct library_port *p);
/* It is no more. The port may be no more either then. */
void libport_remove(struct library_port *p, struct library_conn *k);
#endif
