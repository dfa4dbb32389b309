/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/patience.h"

#include <stdlib.h>
#include <string.h>

#include "app/app.h"

void patience_init(struct patiences *p)
{
	*p = (struct patiences){.forever.time = SG_NEVER};
}

void patience_free(struct patiences *p)
{
	while (p->others) {
		struct patience *l = p->others;

		p->others = l->next;
		free(l);
	}
}

/* The list of a time: there is one, or one that nobody is in, or a new one. NULL: no memory. */
static struct patience *patience_of(struct patiences *p, sg_time time)
{
	struct patience *empty = NULL, *l;

	if (time == SG_NEVER)
		return &p->forever;
	for (l = p->others; l && l->time != time; l = l->next)
		if (!l->first)
			empty = l;
	if (l)
		return l;
	if (!empty) {
		empty = calloc(1, sizeof(*empty));
		if (!empty)
			return NULL;
		empty->next = p->others;
		p->others = empty;
	}
	empty->time = time;
	return empty;
}

static void patience_append(struct patience *l, struct app_conn *c, sg_time now)
{
	c->patience = l;
	c->since = now;
	c->next = NULL;
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}

void patience_add(struct patiences *p, struct app_conn *c, sg_time now)
{
	patience_append(&p->forever, c, now);
}

void patience_remove(struct app_conn *c)
{
	struct patience *l = c->patience;

	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
}

void patience_move(struct patiences *p, struct app_conn *c, sg_time time, sg_time now)
{
	struct patience *l = c->patience;

	if (l->time == time && c->since == now)
		return;
	if (l->time != time)
		l = patience_of(p, time);
	if (!l)
		l = c->patience;
	patience_remove(c);
	patience_append(l, c, now);
}

struct app_conn *patience_over(const struct patiences *p, sg_time now)
{
	for (const struct patience *l = p->others; l; l = l->next)
		if (l->first && now - l->first->since >= l->time)
			return l->first;
	return NULL;
}

sg_time patience_deadline(const struct patiences *p)
{
	sg_time next = SG_NEVER;

	for (const struct patience *l = p->others; l; l = l->next)
		if (l->first && l->first->since + l->time < next)
			next = l->first->since + l->time;
	return next;
}

struct app_conn *patience_any(const struct patiences *p)
{
	if (p->forever.first)
		return p->forever.first;
	for (const struct patience *l = p->others; l; l = l->next)
		if (l->first)
			return l->first;
	return NULL;
}
