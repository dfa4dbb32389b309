/* SPDX-License-Identifier: BSD-2-Clause */
/* A switch of modes as one line for people. */
#include <stdarg.h>
#include <stdio.h>

#include "app/endpoint.h"
#include "daemon/modes.h"

struct modes_line {
	char *at;
	size_t room;
};

static void line_add(struct modes_line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct modes_line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at, l->room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= l->room)
		n = (int)l->room - 1;
	l->at += n;
	l->room -= (size_t)n;
}

/* 999, 182,000, 1.2 M: as one reads it at a glance. */
static void line_number(struct modes_line *l, const char *before, __u64 n, const char *what)
{
	if (n >= 1000000)
		line_add(l, "%s%llu.%llu M %s", before, n / 1000000, n / 100000 % 10, what);
	else if (n >= 1000)
		line_add(l, "%s%llu,%03llu %s", before, n / 1000, n % 1000, what);
	else
		line_add(l, "%s%llu %s", before, n, what);
}

/* Only what there was any of. */
static void line_some(struct modes_line *l, const char *before, __u64 n, const char *what)
{
	if (n)
		line_number(l, before, n, what);
}

static void line_in(struct modes_line *l, const struct modes_event *e)
{
	line_add(l, " in %llu s", (e->lasted_ms + 500) / 1000);
}

static bool line_is_of_acceptq(const struct modes_event *e)
{
	return e->to == MODES_FULL && e->reason[0] == 'a';
}

/* From bad to worse, or from worse to bad. */
static void line_listener(struct modes_line *l, const struct modes_event *e)
{
	bool acceptq = line_is_of_acceptq(e);

	line_add(l, "%s%s: %s (%u of %u)", e->to == MODES_FULL ? "dropping" : "SYN cookies",
		 e->still ? ", nothing dropped any more" : "", e->reason,
		 acceptq ? e->acceptq : e->halfopen, acceptq ? e->backlog : e->syn_backlog);
	line_number(l, ", ", e->syn_rate, "SYNs/s");
	line_some(l, ", ", e->cookie_rate, "cookies/s");
	if (!e->still)
		line_some(l, ", ", e->drop_rate, "drops/s");
	else
		line_some(l, ", ", e->dropped, "dropped before");
}

static void line_queue(struct modes_line *l, const struct modes_event *e)
{
	line_add(l, "half-open queue again: %u of %u", e->halfopen, e->syn_backlog);
	line_number(l, ", ", e->syn_rate, "SYNs/s");
	if (e->cookies || e->dropped)
		line_add(l, ";");
	line_some(l, " ", e->cookies, "cookies sent,");
	if (e->cookies)
		line_number(l, " ", e->cookies_back, "came back");
	line_some(l, e->cookies ? ", " : " ", e->dropped, "dropped");
	if (e->cookies || e->dropped)
		line_in(l, e);
}

static void line_budget(struct modes_line *l, const struct modes_event *e)
{
	if (e->to == MODES_BUDGET) {
		line_add(l, "over budget: %s", e->reason);
		line_number(l, ", ", e->limited_rate, "not answered/s");
		line_number(l, ", ", e->syn_rate, "SYNs/s");
		return;
	}
	line_add(l, "within the budgets again:");
	line_number(l, " ", e->syn_rate, "SYNs/s;");
	line_number(l, " ", e->limited, "not answered");
	line_in(l, e);
}

static void line_worker(struct modes_line *l, const struct modes_event *e)
{
	if (e->to == MODES_NO_WORKER) {
		line_add(l, "no worker: %s, %u of %u", e->reason, e->late, e->workers);
		line_some(l, ", ", e->pass_rate, "frames/s to the kernel");
		return;
	}
	line_add(l, "workers again: %u of %u answer", e->workers - e->late, e->workers);
	line_some(l, "; ", e->passed, "frames went to the kernel");
	line_some(l, "; ", e->dropped, "frames lost");
	line_in(l, e);
}

const char *modes_text(const struct modes_event *e, const char *ifname, char text[MODES_TEXT])
{
	struct modes_line l = {text, MODES_TEXT};
	char endpoint[ENDPOINT_TEXT];

	line_add(&l, "%s", ifname);
	if (e->port)
		line_add(&l, " %s", endpoint_print(endpoint, &e->addr, e->port));
	line_add(&l, ": ");
	switch (e->to) {
	case MODES_QUEUE:
		line_queue(&l, e);
		break;
	case MODES_COOKIES:
	case MODES_FULL:
		line_listener(&l, e);
		break;
	case MODES_ANSWERING:
	case MODES_BUDGET:
		line_budget(&l, e);
		break;
	case MODES_WORKERS:
	case MODES_NO_WORKER:
		line_worker(&l, e);
		break;
	}
	return text;
}
