/* SPDX-License-Identifier: BSD-2-Clause */
/* Knobs: by name, checked against the one list, written where driver and engine read. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "daemon/state.h"

struct knob_row {
	const char *name;
	size_t at; /* in struct sg_settings */
	__u32 min, max;
};

static const struct knob_row knob_rows[SETTINGS] = {
#define X(name, def, min, max, text) {#name, offsetof(struct sg_settings, name), min, max},
	SG_SETTINGS(X)
#undef X
};

static __u32 *settings_word(struct sg_settings *s, unsigned i)
{
	return (__u32 *)(void *)((char *)s + knob_rows[i].at);
}

bool settings_at(const struct sg_settings *s, unsigned i, const char **name, __u32 *value)
{
	if (i >= SETTINGS)
		return false;
	*name = knob_rows[i].name;
	*value = *settings_word((struct sg_settings *)s, i);
	return true;
}

void settings_fill(const struct daemon *d, struct sg_settings *s)
{
	*s = (struct sg_settings){
#define X(name, def, min, max, text) .name = def,
		SG_SETTINGS(X)
#undef X
	};
	for (unsigned i = 0; i < SETTINGS; i++)
		if (d->setting[i].set)
			*settings_word(s, i) = d->setting[i].value;
}

void settings_apply(const struct daemon *d, struct attachment *a)
{
	for (unsigned i = 0; i < SETTINGS; i++)
		if (d->setting[i].set)
			SG_WRITE_ONCE(*settings_word(a->front->settings, i), d->setting[i].value);
	listening_limits(a);
	offer_follow(a);
}

/* Edits from one name to the other (Levenshtein), for a hint. */
static unsigned settings_distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	unsigned row[64];

	if (n >= 64)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = corner + (a[i - 1] != b[j - 1]);

			best = row[j] + 1 < best ? row[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

static int settings_unknown(const char *name, struct err *err)
{
	unsigned best = 0;

	for (unsigned i = 1; i < SETTINGS; i++)
		if (settings_distance(name, knob_rows[i].name) <
		    settings_distance(name, knob_rows[best].name))
			best = i;
	return err_set(err, -EINVAL, EXIT_USAGE,
		       "no setting '%.63s'; did you mean %s? (syngate show settings)", name,
		       knob_rows[best].name);
}

static int settings_parse(unsigned i, const char *text, __u32 *value, struct err *err)
{
	const struct knob_row *k = &knob_rows[i];
	unsigned long long n = 0;
	const char *p = text;

	while (*p >= '0' && *p <= '9' && n <= k->max)
		n = n * 10 + (unsigned long long)(*p++ - '0');
	if (p == text || *p || n < k->min || n > k->max)
		return err_set(err, -EINVAL, EXIT_USAGE,
			       "%s is a number from %u to %u, not '%.63s'", k->name, k->min, k->max,
			       text);
	*value = (__u32)n;
	return 0;
}

int daemon_set(struct daemon *d, const char *name, const char *value, struct err *err)
{
	unsigned i = 0;
	__u32 v = 0;
	int rc;

	while (i < SETTINGS && strcmp(knob_rows[i].name, name) != 0)
		i++;
	if (i == SETTINGS)
		return settings_unknown(name, err);
	rc = settings_parse(i, value, &v, err);
	if (rc)
		return rc;
	d->setting[i].set = true;
	d->setting[i].value = v;
	for (struct attachment *a = d->first; a; a = a->next)
		settings_apply(d, a);
	return 0;
}
