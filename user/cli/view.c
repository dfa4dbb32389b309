/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/view.h"

#include <string.h>

#include "cli/addr.h"
#include "cli/table.h"

char *view_duration(unsigned long long ms, char buf[VIEW_DURATION])
{
	unsigned long long s = ms / 1000;

	if (ms < 1000)
		snprintf(buf, VIEW_DURATION, "%llums", ms);
	else if (s < 10)
		snprintf(buf, VIEW_DURATION, "%llu.%llus", s, ms % 1000 / 100);
	else if (s < 60)
		snprintf(buf, VIEW_DURATION, "%llus", s);
	else if (s < 3600)
		snprintf(buf, VIEW_DURATION, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, VIEW_DURATION, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, VIEW_DURATION, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

static void view_time(struct table *t, const json_t *value, double unit_us)
{
	double us = json_number_value(value) * unit_us;
	char buf[VIEW_DURATION];

	if (!json_is_number(value))
		table_cell(t, "%s", "");
	else if (us > 0 && us < 1000)
		table_cell(t, "%.0fus", us);
	else
		table_cell(t, "%s",
			   view_duration(us > 0 ? (unsigned long long)(us / 1000) : 0, buf));
}

/* on, persist, timewait: name, what is left, how often it has fired in a row */
static void view_timer(struct table *t, const json_t *timer)
{
	const char *name = json_string_value(json_object_get(timer, "name"));
	json_int_t ms = json_integer_value(json_object_get(timer, "ms"));
	char buf[VIEW_DURATION];

	if (!name || !name[0]) {
		table_cell(t, "%s", "");
		return;
	}
	table_cell(t, "(%s,%s,%lld)", name, view_duration(ms > 0 ? (unsigned long long)ms : 0, buf),
		   json_integer_value(json_object_get(timer, "retrans")));
}

static void view_endpoint(struct table *t, const json_t *row)
{
	const char *host = json_string_value(json_object_get(row, "addr"));
	json_int_t port = json_integer_value(json_object_get(row, "port"));

	host = host ? host : "?";
	table_cell(t, strchr(host, ':') ? "[%s]:%lld" : "%s:%lld", host, port);
}

static void view_workers(struct table *t, const json_t *workers)
{
	size_t alive = 0, i;
	json_t *w;

	json_array_foreach(workers, i, w) alive += json_is_true(json_object_get(w, "alive"));
	table_cell(t, "%zu/%zu", alive, json_array_size(workers));
}

static void view_number(struct table *t, const json_t *value)
{
	if (json_is_integer(value))
		table_cell(t, "%lld", json_integer_value(value));
	else if (json_is_real(value))
		table_cell(t, "%.0f", json_real_value(value));
	else
		table_cell(t, "%s", "");
}

static void view_of(struct table *t, const json_t *length, const json_t *limit, bool limited)
{
	if (limited)
		table_cell(t, "%lld/%lld", json_integer_value(length), json_integer_value(limit));
	else
		table_cell(t, "%lld", json_integer_value(length));
}

static void view_text(struct table *t, const json_t *value)
{
	const char *text = json_string_value(value);

	table_cell(t, "%s", text ? text : "");
}

static void view_cell(struct table *t, const struct view_column *c, const json_t *row)
{
	const json_t *value = json_object_get(row, c->key);
	const json_t *limit = c->limit ? json_object_get(row, c->limit) : NULL;

	switch (c->format) {
	case VIEW_TEXT:
		return view_text(t, value);
	case VIEW_NUMBER:
		return view_number(t, value);
	case VIEW_MS:
		return view_time(t, value, 1e3);
	case VIEW_SECONDS:
		return view_time(t, value, 1e6);
	case VIEW_US:
		return view_time(t, value, 1);
	case VIEW_YES:
		return table_cell(t, "%s", json_is_true(value) ? "yes" : "");
	case VIEW_TIMER:
		return view_timer(t, value);
	case VIEW_ENDPOINT:
		return view_endpoint(t, row);
	case VIEW_OF:
		return view_of(t, value, limit, true);
	case VIEW_LIMITED:
		return view_of(t, value, limit, json_integer_value(limit));
	case VIEW_COPY:
		return table_cell(t, "%s", json_is_true(value) ? "zero-copy" : "copy");
	case VIEW_WORKERS:
		return view_workers(t, value);
	}
}

static bool view_is_right(enum view_format f)
{
	return f == VIEW_NUMBER || f == VIEW_MS || f == VIEW_SECONDS || f == VIEW_US ||
	       f == VIEW_OF || f == VIEW_LIMITED || f == VIEW_WORKERS;
}

int view_rows(const struct view_column *columns, const json_t *rows, FILE *out)
{
	struct table t;
	json_t *row;
	size_t i;

	table_begin(&t);
	for (const struct view_column *c = columns; c->title; c++)
		table_column(&t, c->title, view_is_right(c->format));
	json_array_foreach(rows, i, row) for (const struct view_column *c = columns; c->title; c++)
		view_cell(&t, c, row);
	return table_print(&t, out);
}
