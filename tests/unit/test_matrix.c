/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every state by everything that can happen in it: RFC 9293 3.10 as one table, in four parts. Under
 * an event stands a line for each group of states (MATRIX_COLUMNS) that meet it alike:
 *
 *	EVENT(fin)
 *	IN(FIN_WAIT_1, "A+1", TCP_CLOSING, "r: EOF PIPE", "")
 *	   states      answer new state    told           counted
 *
 * Answer, in order: the control bits S F R A of a segment, d for data; "-" is silence, "2rFA" twice
 * the same. The numbers are looked at in each. SEQ is SND.NXT; with r before it (sent again) it
 * ends there; with p (a probe) it is one before what the peer awaits. ACK is RCV.NXT as it was
 * before the event, or +n beyond. A RST has the numbers of 3.10.7.1 or, for a call, of 3.10.5.
 *
 * Told: what a call returned and ";", then events and ":" (a accept, r read, w write, x closed, u
 * urgent), then what recv() and send() say from now on: bytes, "ok", "EOF", "again" or an errno
 * without its E. "10+EOF" is ten bytes and the end. "same": nothing happened, and both are what
 * MATRIX_COLUMNS says of the state. In a queue there is no handle yet: "none", or "accept" if
 * accept() gives one.
 *
 * Counted: every counter that moves, of syngate/mib.h, but for segments in and out.
 *
 * Where RFC 9293 leaves room it is Linux that is followed (docs/decisions/0009).
 */
#include "matrix_events.h"

struct line {
	const char *event; /* its head, or NULL */
	void (*happen)(struct scene *c);
	unsigned in;
	const char *answer;
	int state;
	const char *told, *counted;
};

#define SAME		 -1
#define EVENT(f)	 {.event = #f, .happen = f},
#define IN(columns, ...) {NULL, NULL, columns, __VA_ARGS__},

static const struct line lines[] = {
#include "matrix_segments.h"
#include "matrix_resets.h"
#include "matrix_calls.h"
#include "matrix_times.h"
};

/* Each column of an event once: the first line of it, or the end of the table. */
static const struct line *line_of(const struct line *event, unsigned column)
{
	const struct line *end = lines + SG_ARRAY_SIZE(lines), *found = end;

	for (const struct line *l = event + 1; l < end && !l->event; l++) {
		if (!(l->in & 1u << column))
			continue;
		if (found != end)
			fail_msg("%s: two lines for %s", event->event, columns[column].name);
		found = l;
	}
	if (found == end)
		fail_msg("%s: no line for %s", event->event, columns[column].name);
	return found;
}

static void told(struct scene *c, char *out, size_t room)
{
	char now[64], rc[16] = "";

	if (c->called && c->rc >= 0)
		snprintf(rc, sizeof(rc), "%d; ", c->rc);
	else if (c->called)
		snprintf(rc, sizeof(rc), "%s; ", scene_errno(c->rc));
	scene_told(c, now, sizeof(now));
	snprintf(out, room, "%s%s", rc, strcmp(now, columns[c->column].told) ? now : "same");
}

/* Returns 0, or 1 and says how it was. */
static unsigned look_at(const struct line *event, unsigned column)
{
	const struct line *want = line_of(event, column);
	enum tcp_state state =
		want->state == SAME ? columns[column].state : (enum tcp_state)want->state;
	char answer[64], counted[256], tells[96];
	enum tcp_state got;
	struct scene c;
	bool good;

	scene_begin(&c, column);
	event->happen(&c);
	got = scene_state(&c);
	scene_answer(&c, answer, sizeof(answer));
	scene_counted(&c, counted, sizeof(counted));
	told(&c, tells, sizeof(tells));
	bed_end(c.p.b);
	good = got == state && !strcmp(answer, want->answer) && !strcmp(tells, want->told) &&
	       !strcmp(counted, want->counted);
	if (!good)
		print_error("%s in %s:\n  got  \"%s\", %s, \"%s\", \"%s\"\n  want \"%s\", %s, "
			    "\"%s\", \"%s\"\n",
			    event->event, columns[column].name, answer, tcp_state_name(got), tells,
			    counted, want->answer, tcp_state_name(state), want->told,
			    want->counted);
	return !good;
}

static void test_every_cell(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (unsigned i = 0; i < SG_ARRAY_SIZE(lines); i++)
		for (unsigned k = 0; lines[i].event && k < COLUMNS; k++)
			bad += look_at(&lines[i], k);
	assert_int_equal(bad, 0);
}

/* "same" means what MATRIX_COLUMNS says; and each state comes without a trace of a mistake. */
static void test_every_state(void **state)
{
	(void)state;
	for (unsigned k = 0; k < COLUMNS; k++) {
		char says[64];
		struct scene c;

		scene_begin(&c, k);
		scene_told(&c, says, sizeof(says));
		assert_string_equal(says, columns[k].told);
		assert_int_equal(c.p.b->mib[0].InErrs, 0);
		bed_end(c.p.b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_state),
		cmocka_unit_test(test_every_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
