/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection that a program has asked for, until it is there or cannot be had. */
#ifndef APP_LIBDIAL_H
#define APP_LIBDIAL_H

#include "app/libport.h"

/* Descriptors that the connection takes over: -1 from then on. */
struct library_own {
	int fd;	      /* our end of the program's pair */
	int reserved; /* keeps the kernel from using the local port */
	unsigned timeout_s;
};

/* The program is told why it gets none, and nothing more: `error` is a negative errno. */
void libdial_refuse(int fd, int error, const char *text);

/* In a worker. The connection is k->dialing until libdial_event() says otherwise. */
void libdial_open(struct app *a, struct library_conn *k, struct library_own *own);
/* Returns true when it is there; else it may be no more. */
bool libdial_event(struct app *a, struct library_conn *k);
void libdial_expire(struct app *a, struct library_conn *k);

#endif
