/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

/* --- figures -------------------------------------------------------------------------------- */

static __u64 report_rate(__u64 n, const struct result *r)
{
	return r->seconds > 0 ? (__u64)((double)n / r->seconds + 0.5) : 0;
}

/* Of all latencies, `part` are at most that (us). -1: there is none. */
static long long report_percentile(const struct sl_stats *s, double part)
{
	__u64 all = 0, n = 0;

	for (unsigned i = 0; i < SL_BUCKETS; i++)
		all += s->latency[i];
	if (!all)
		return -1;
	for (unsigned i = 0; i < SL_BUCKETS; i++) {
		n += s->latency[i];
		if ((double)n >= part * (double)all) {
			__u64 us = sl_bucket_middle(i);

			return (long long)(us < s->max_us ? us : s->max_us);
		}
	}
	return (long long)s->max_us;
}

static bool report_connects(const struct args *a)
{
	return a->mode == SL_HANDSHAKE || a->mode == SL_REQUEST;
}

/* SYN-ACKs to SYNs of this run; to anything else, whatever came. */
static __u64 report_answered(const struct args *a, const struct sl_stats *s)
{
	if (a->mode == SL_SYN || report_connects(a))
		return s->answered;
	return s->answered + s->rst + s->ack + s->data + s->fin;
}

static __u64 report_failed(const struct args *a, const struct result *r)
{
	return report_connects(a) ? r->sent - r->stats.completed : 0;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void report_put(json_t *j, const char *key, __u64 n)
{
	json_object_set_new(j, key, json_integer((json_int_t)n));
}

static void report_put_latency(json_t *j, const char *key, long long us)
{
	json_object_set_new(j, key, us < 0 ? json_null() : json_integer(us));
}

static void report_put_counts(json_t *j, const struct sl_stats *s)
{
	report_put(j, "synack", s->synack);
	report_put(j, "ack", s->ack);
	report_put(j, "data", s->data);
	report_put(j, "fin", s->fin);
	report_put(j, "bytes", s->bytes);
	report_put(j, "again", s->again);
	report_put(j, "refused", s->refused);
	report_put(j, "bad", s->bad);
	report_put(j, "stray", s->stray);
}

static json_t *report_object(const struct args *a, const struct result *r)
{
	const struct sl_stats *s = &r->stats;
	__u64 answered = report_answered(a, s);
	json_t *j = json_object();

	json_object_set_new(j, "mode", json_string(args_modes[a->mode]));
	json_object_set_new(j, "to", json_string(a->to_text));
	json_object_set_new(j, "seconds", json_real(r->seconds));
	report_put(j, "rate", a->rate);
	report_put(j, "sent", r->sent);
	report_put(j, "sent_per_s", report_rate(r->sent, r));
	report_put(j, "transmitted", r->transmitted);
	report_put(j, "answered", answered);
	report_put(j, "answered_per_s", report_rate(answered, r));
	report_put(j, "rst", s->rst);
	report_put(j, "completed", s->completed);
	report_put(j, "completed_per_s", report_rate(s->completed, r));
	report_put(j, "failed", report_failed(a, r));
	report_put_latency(j, "p50_us", report_percentile(s, 0.5));
	report_put_latency(j, "p90_us", report_percentile(s, 0.9));
	report_put_latency(j, "p99_us", report_percentile(s, 0.99));
	report_put_latency(j, "max_us", report_percentile(s, 0.5) < 0 ? -1 : (long long)s->max_us);
	report_put_counts(j, s);
	return j;
}

static int report_json(const struct args *a, const struct result *r)
{
	json_t *j = report_object(a, r);
	int rc = json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(j);
	putchar('\n');
	return rc ? -EIO : 0;
}

/* --- text ----------------------------------------------------------------------------------- */

static void report_line(const char *what, __u64 n, const struct result *r)
{
	printf("%-10s %12llu  %10llu/s\n", what, (unsigned long long)n,
	       (unsigned long long)report_rate(n, r));
}

static void report_some(const char *what, __u64 n)
{
	if (n)
		printf("%-10s %12llu\n", what, (unsigned long long)n);
}

static void report_text(const struct args *a, const struct result *r)
{
	const struct sl_stats *s = &r->stats;

	printf("%s to %s out of %s, %.2f s\n", args_modes[a->mode], a->to_text, a->iface,
	       r->seconds);
	report_line("sent", r->sent, r);
	report_line("answered", report_answered(a, s), r);
	if (report_connects(a)) {
		report_line("completed", s->completed, r);
		printf("%-10s %12llu\n", "failed", (unsigned long long)report_failed(a, r));
	}
	report_some("refused", s->refused);
	report_some("bad", s->bad);
	report_some("RST", s->rst);
	report_some("again", s->again);
	report_some("stray", s->stray);
	if (report_percentile(s, 0.5) >= 0)
		printf("latency    p50 %lld  p90 %lld  p99 %lld  max %llu us\n",
		       report_percentile(s, 0.5), report_percentile(s, 0.9),
		       report_percentile(s, 0.99), (unsigned long long)s->max_us);
}

/* A veth whose other end does not listen takes frames and says nothing. */
static void report_hint(const struct args *a, const struct result *r)
{
	if (r->sent < 100 || r->transmitted >= r->sent / 2)
		return;
	fprintf(stderr,
		"synload: %s let only %llu of %llu frames go: on a veth, the other end needs an "
		"XDP "
		"program or 'ethtool -K DEV gro on', and takes what its processor can\n",
		a->iface, (unsigned long long)r->transmitted, (unsigned long long)r->sent);
}

int report_print(const struct args *a, const struct result *r)
{
	int rc = 0;

	if (a->json)
		rc = report_json(a, r);
	else
		report_text(a, r);
	report_hint(a, r);
	return rc || fflush(stdout) || ferror(stdout) ? -EIO : 0;
}
