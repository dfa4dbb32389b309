/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half-open queue: who is let in, by one CPU and by two, and what fits an entry. The
 * very code that the driver runs.
 */
#include "dice.h"
#include "harness.h"

#include <pthread.h>

#define BUCKETS 64

static struct sg_halfopen_bucket *table;
static struct sg_queue *queue;

static int setup(void **state)
{
	(void)state;
	table = bed_alloc(64, BUCKETS * sizeof(*table));
	queue = bed_alloc(64, sizeof(*queue));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(table);
	free(queue);
	return 0;
}

static struct sg_halfopen entry_of(__u32 i)
{
	struct sg_halfopen e = {.irs = i, .when = 5000};

	e.tuple.lport = 80;
	e.tuple.pport = (__u16)i;
	e.tuple.peer.addr[0] = (__u8)(i >> 16);
	return e;
}

static __u32 tag_of(__u32 i)
{
	struct sg_key k = {{1, 2}};
	struct sg_halfopen e = entry_of(i);

	return sg_tuple_hash(&k, &e.tuple).table;
}

static enum sg_admission admit(__u32 i, struct sg_synq_place *at)
{
	struct sg_halfopen e = entry_of(i);
	__u32 tag = tag_of(i);

	return sg_synq_admit(&table[sg_bucket_first(tag, BUCKETS)],
			     &table[sg_bucket_second(tag, BUCKETS)], queue, &e, tag, e.when, 1000,
			     at);
}

static __u32 taken(void)
{
	__u32 n = 0;

	for (__u32 i = 0; i < BUCKETS; i++)
		n += SG_WAYS - sg_bucket_free(table[i].slot);
	return n;
}

/* --- admission ---------------------------------------------------------------------- */

/* Linux, measured: backlogs of 0, 1, 5, 64 hold 1, 2, 6, 65. */
static void test_holds_backlog_and_one(void **state)
{
	static const __u32 limit[] = {0, 1, 5, 64};
	struct sg_synq_place at = {0};

	(void)state;
	for (size_t k = 0; k < SG_ARRAY_SIZE(limit); k++) {
		memset(table, 0, BUCKETS * sizeof(*table));
		*queue = (struct sg_queue){.syn_backlog = limit[k]};
		for (__u32 i = 0; i <= limit[k]; i++)
			assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
		for (__u32 i = 100; i < 200; i++)
			assert_int_equal(admit(i, &at), SG_ADMIT_HALFOPEN_FULL);
		assert_int_equal(queue->halfopen, limit[k] + 1);
		assert_int_equal(taken(), limit[k] + 1);
		queue->halfopen--; /* one goes, one comes */
		assert_int_equal(admit(300, &at), SG_ADMIT_ENTRY);
		assert_int_equal(admit(301, &at), SG_ADMIT_HALFOPEN_FULL);
	}
}

/* The accept queue is looked at first, by the same rule. */
static void test_accept_queue_full(void **state)
{
	struct sg_synq_place at = {0};

	(void)state;
	*queue = (struct sg_queue){.syn_backlog = 0, .backlog = 2};
	for (queue->acceptq = 0; queue->acceptq <= 2; queue->acceptq++) {
		assert_int_equal(admit(queue->acceptq, &at), SG_ADMIT_ENTRY);
		queue->halfopen = 0;
	}
	assert_int_equal(admit(50, &at), SG_ADMIT_ACCEPTQ_FULL);
	queue->halfopen = 1; /* both are full */
	assert_int_equal(admit(51, &at), SG_ADMIT_ACCEPTQ_FULL);
	assert_int_equal(queue->halfopen, 1);
	assert_int_equal(queue->acceptq, 3);
}

static void test_an_entry_is_where_it_says(void **state)
{
	(void)state;
	queue->syn_backlog = 1000;
	for (__u32 i = 0; i < 200; i++) {
		struct sg_halfopen e = entry_of(i);
		__u32 tag = tag_of(i);
		struct sg_halfopen_bucket *b[2] = {&table[sg_bucket_first(tag, BUCKETS)],
						   &table[sg_bucket_second(tag, BUCKETS)]};
		struct sg_synq_place at = {0};
		__u64 word = 0;

		assert_int_equal(sg_synq_find(b[0], tag, &e.tuple, &word), -1);
		assert_int_equal(sg_synq_find(b[1], tag, &e.tuple, &word), -1);
		assert_int_equal(admit(i, &at), SG_ADMIT_ENTRY);
		assert_int_equal(sg_synq_find(b[at.bucket], tag, &e.tuple, &word), at.way);
		assert_int_equal(sg_synq_find(b[!at.bucket], tag, &e.tuple, &word), -1);
		assert_true(word == at.word);
		assert_memory_equal(&b[at.bucket]->entry[at.way], &e, sizeof(e));
		assert_false(sg_is_due(word, e.when + 999));
		assert_true(sg_is_due(word, e.when + 1000 + 8));
		e.tuple.vlan[0] = 1; /* the tag alone is no name */
		assert_int_equal(sg_synq_find(b[at.bucket], tag, &e.tuple, &word), -1);
	}
}

/* The emptier bucket first, then the other; then there is no room, and nothing is counted. */
static void test_both_buckets_full(void **state)
{
	struct sg_synq_place at = {0};
	struct sg_halfopen e;

	(void)state;
	queue->syn_backlog = 1000;
	for (__u32 i = 0; i <= 2 * SG_WAYS; i++) {
		enum sg_admission how;

		e = entry_of(i);
		how = sg_synq_admit(&table[0], &table[1], queue, &e, i, e.when, 1000, &at);

		if (i == 2 * SG_WAYS) {
			assert_int_equal(how, SG_ADMIT_BUCKET_FULL);
			break;
		}
		assert_int_equal(how, SG_ADMIT_ENTRY);
		assert_int_equal(at.bucket, i % 2); /* in turn */
		assert_int_equal(at.way, i / 2);
	}
	assert_int_equal(queue->halfopen, 2 * SG_WAYS);
	assert_true(sg_slot_free(&table[1].slot[3], table[1].slot[3]));
	queue->halfopen--;
	e = entry_of(99);
	assert_int_equal(sg_synq_admit(&table[0], &table[1], queue, &e, 99, e.when, 1000, &at),
			 SG_ADMIT_ENTRY);
	assert_int_equal(at.bucket, 1);
	assert_int_equal(at.way, 3);
	assert_int_equal(sg_slot_gen(at.word), 2); /* not the entry that was there */
}

/* Somebody else is putting the same SYN in: we leave it to him, wherever his claim lies. */
static void test_rival(void **state)
{
	static const __u64 his[] = {SG_SLOT_BUSY, SG_SLOT_LIVE};
	struct sg_halfopen e = entry_of(1);
	struct sg_synq_place at = {0};

	(void)state;
	queue->syn_backlog = 1000;
	for (size_t k = 0; k < SG_ARRAY_SIZE(his); k++)
		for (__u32 i = 0; i < 2 * SG_WAYS; i++) {
			__u64 *slot = &table[i / SG_WAYS].slot[i % SG_WAYS];

			memset(table, 0, BUCKETS * sizeof(*table));
			*slot = sg_slot_make(his[k], 1, 0, 77);
			assert_int_equal(sg_synq_admit(&table[0], &table[1], queue, &e, 77, e.when,
						       1000, &at),
					 SG_ADMIT_RIVAL);
			assert_int_equal(queue->halfopen, 0);
			assert_int_equal(taken(), 1);
			*slot = sg_slot_make(his[k], 1, 0, 78); /* somebody else's: no rival */
			assert_int_equal(sg_synq_admit(&table[0], &table[1], queue, &e, 77, e.when,
						       1000, &at),
					 SG_ADMIT_ENTRY);
			*slot = sg_slot_make(SG_SLOT_FREE, 1, 0, 0);
			queue->halfopen = 0;
		}
}

/* --- two CPUs ----------------------------------------------------------------------- */

struct cpu {
	__u32 first;
	__u32 in, full, other;
	bool leave;
};

static void *cpu(void *arg)
{
	struct cpu *c = arg;

	for (__u32 i = 0; i < 20000; i++) {
		__u32 tag = tag_of(c->first + i);
		struct sg_synq_place at = {0};

		switch (admit(c->first + i, &at)) {
		case SG_ADMIT_ENTRY:
			c->in++;
			if (c->leave) {
				__u32 b = at.bucket ? sg_bucket_second(tag, BUCKETS)
						    : sg_bucket_first(tag, BUCKETS);

				c->other += !sg_slot_free(&table[b].slot[at.way], at.word);
				__sync_fetch_and_add(&queue->halfopen, (__u32)-1);
			}
			break;
		case SG_ADMIT_HALFOPEN_FULL:
			c->full++;
			break;
		default:
			c->other++;
		}
	}
	return NULL;
}

static void two_cpus(struct cpu c[2])
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, cpu, &c[1]), 0);
	cpu(&c[0]);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(c[0].other + c[1].other, 0);
	assert_int_equal(taken(), queue->halfopen);
}

static void test_the_limit_is_exact_with_two_cpus(void **state)
{
	struct cpu c[2] = {{.first = 0}, {.first = 100000}};

	(void)state;
	queue->syn_backlog = 40; /* of 512 places: no bucket is ever full */
	two_cpus(c);
	assert_int_equal(c[0].in + c[1].in, 41);
	assert_int_equal(queue->halfopen, 41);
}

static void test_two_cpus_come_and_go(void **state)
{
	struct cpu c[2] = {{.first = 0, .leave = true}, {.first = 100000, .leave = true}};

	(void)state;
	queue->syn_backlog = 1000;
	two_cpus(c);
	assert_int_equal(c[0].in + c[1].in, 40000);
	assert_int_equal(queue->halfopen, 0);
}

/* --- numbers ------------------------------------------------------------------------ */

static void test_timeouts(void **state)
{
	(void)state;
	for (__u32 n = 0; n < 16; n++)
		assert_int_equal(sg_synack_timeout(1000, n), n < 7 ? 1000u << n : 120000u);
	assert_int_equal(sg_synack_timeout(120000, 15), 120000);
	assert_int_equal(sg_synack_timeout(10, 0), 10);
}

/* Never early, late by less than two steps of 8 ms, across each wrap of the clock. */
static void test_due(void **state)
{
	static const __u32 start[] = {0, 12345, (1u << 19) - 4, 0x7ffffff8, 0xfffffc18, 0xffffffff};
	static const __u32 timeout[] = {10, 1000, 2000, 32000, 120000};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(start); i++)
		for (size_t k = 0; k < SG_ARRAY_SIZE(timeout); k++) {
			__u16 due = sg_due(start[i], timeout[k]);
			__u64 w = sg_slot_make(SG_SLOT_LIVE, 1, due, 42);
			__u32 at = 0;

			while (!sg_is_due(w, start[i] + at))
				at++;
			assert_in_range(at, timeout[k], timeout[k] + 15);
			assert_true(sg_is_due(w, start[i] + at + 60000)); /* a sweep that is late */
		}
}

static void test_rearm(void **state)
{
	__u64 slot = sg_slot_make(SG_SLOT_LIVE, 77, 5, 0xdeadbeef), was = slot;

	(void)state;
	for (__u32 n = 1; n <= 15; n++) {
		__u64 word = slot;

		assert_true(sg_synq_rearm(&slot, word, 1000, 1000, n));
		assert_int_equal(sg_slot_retries(slot), n);
		assert_int_equal(sg_slot_info(slot), sg_due(1000, sg_synack_timeout(1000, n)));
		assert_int_equal(sg_slot_gen(slot), 77);
		assert_true(sg_slot_hit(slot, 0xdeadbeef));
	}
	assert_false(sg_synq_rearm(&slot, was, 5000, 1000, 1)); /* somebody was faster */
	assert_int_equal(sg_slot_retries(slot), 15);
}

static void test_initial_sequence_number(void **state) /* RFC 6528, RFC 9293 3.4.1 */
{
	struct sg_hash h = {.iss = 0xffffff00, .ts_off = 0xfffffff0};

	(void)state;
	assert_int_equal(sg_iss(&h, 0).v, 0xffffff00);
	assert_int_equal(sg_iss(&h, 1).v - sg_iss(&h, 0).v, 250); /* 4 us */
	assert_int_equal(sg_iss(&h, 0).v - sg_iss(&h, 0xffffffff).v, 250);
	assert_int_equal(sg_ts_clock(&h, 0x20), 0x10); /* RFC 7323 5.4: 1 ms */
}

static void test_answered_at_most_every_half_second(void **state)
{
	(void)state;
	for (__u32 when = 0xfffff000; when != 0x1000; when += 16) {
		struct sg_halfopen e = {.answered = (__u8)(when >> SG_ANSWERED_SHIFT)};

		for (__u32 ms = 0; ms < 63000; ms += ms < 1100 ? 1 : 97) {
			if (ms < 500)
				assert_true(sg_synq_limited(&e, when + ms));
			if (ms >= 900) /* a SYN that comes again comes after 1 s */
				assert_false(sg_synq_limited(&e, when + ms));
		}
	}
}

/* --- options ------------------------------------------------------------------------ */

/* On is what was offered and is wanted here. */
static void test_options_that_both_want(void **state)
{
	static const __u8 wscale[] = {SG_WSCALE_NONE, 0, 7, 14};

	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		struct sg_tcpopts syn = {.mss = 1460,
					 .wscale = wscale[i & 3],
					 .sack_ok = i >> 2 & 1,
					 .has_ts = i >> 3 & 1};
		struct sg_settings set = {.tcp_window_scaling = i >> 4 & 1,
					  .tcp_sack = i >> 5 & 1,
					  .tcp_timestamps = i >> 6 & 1};
		bool ws = syn.wscale != SG_WSCALE_NONE && set.tcp_window_scaling;
		bool sack = syn.sack_ok && set.tcp_sack, ts = syn.has_ts && set.tcp_timestamps;
		struct sg_hash h = {.ts_off = 100};
		struct sg_tcpopts answer;
		__u8 opts = sg_synq_opts(&syn, &set);

		assert_int_equal(opts & SG_OPT_WSCALE, ws ? syn.wscale : SG_OPT_NO_WSCALE);
		assert_int_equal(!!(opts & SG_OPT_SACK), sack);
		assert_int_equal(!!(opts & SG_OPT_TS), ts);
		assert_int_equal(opts & (SG_OPT_ECN | SG_OPT_ACKED), 0);
		memset(&answer, 0xff, sizeof(answer));
		sg_synack_opts(&answer, opts, 555, 1440, 5, &h, 23);
		assert_int_equal(answer.mss, 1440);
		assert_int_equal(answer.wscale, ws ? 5 : SG_WSCALE_NONE);
		assert_int_equal(answer.sack_ok, sack);
		assert_int_equal(answer.has_ts, ts);
		assert_int_equal(answer.tsval, 123);
		assert_int_equal(answer.tsecr, 555);
		assert_int_equal(answer.nsack, 0);
	}
}

/* --- what fits an entry: tcp_check_req()'s order ------------------------------------ */

#define WND 65535u

enum { NO_TS = 0x7fffffff };

struct fit {
	const char *what;
	__u8 flags;
	__u32 seq; /* from IRS + 1 */
	__u32 ack; /* from ISS + 1 */
	__u32 len;
	__s32 tsval; /* from the SYN's; NO_TS: none */
	__s32 tsecr; /* from the SYN-ACK's */
	__u32 ms;    /* after the SYN */
	enum sg_synq_fit fit;
};

#define SYN SG_SYN
#define RST SG_RST
#define ACK SG_ACK
#define FIN SG_FIN
#define PSH SG_PSH

static const struct fit fits[] = {
	/* the same SYN */
	{"again, at once", SYN, -1, 0, 1, 0, 0, 10, SG_FIT_SILENT},
	{"again, after 1 s", SYN, -1, 0, 1, 1000, 0, 1000, SG_FIT_REPEAT},
	{"again, without its timestamp", SYN, -1, 0, 1, NO_TS, 0, 1000, SG_FIT_REPEAT},
	{"again, older than itself", SYN, -1, 0, 1, -1, 0, 1000, SG_FIT_OUTSIDE},
	{"again, with data (TFO)", SYN, -1, 0, 101, 1000, 0, 1000, SG_FIT_REPEAT},
	/* another SYN */
	{"new SYN in the window", SYN, 1000, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"new SYN at the left edge", SYN, 0, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"new SYN before it", SYN, -2, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"new SYN behind it", SYN, WND, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"old SYN in the window", SYN, 1000, 0, 1, -1, 0, 10, SG_FIT_OUTSIDE},
	{"SYN-ACK in the window", SYN | ACK, 1000, 0, 1, 10, 0, 10, SG_FIT_RESET},
	{"SYN-ACK with a bad ACK", SYN | ACK, 1000, 1, 1, 10, 0, 10, SG_FIT_BAD_ACK},
	/* acknowledgments */
	{"final ACK", ACK, 0, 0, 0, 10, 0, 10, SG_FIT_ACK},
	{"final ACK, no timestamp", ACK, 0, 0, 0, NO_TS, 0, 10, SG_FIT_ACK},
	{"final ACK, same timestamp", ACK, 0, 0, 0, 0, 0, 0, SG_FIT_ACK},
	{"final ACK after 62 s", ACK, 0, 0, 0, 62000, 62000, 62000, SG_FIT_ACK},
	{"ACK of nothing", ACK, 0, -1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"ACK of too much", ACK, 0, 1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"ACK from far", ACK, 0, 0x80000000, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"bad before old", ACK, 0, 1, 0, -1, 0, 10, SG_FIT_BAD_ACK},
	{"bad before outside", ACK, WND, 1, 0, 10, 0, 10, SG_FIT_BAD_ACK},
	{"old ACK", ACK, 0, 0, 0, -1, 0, 10, SG_FIT_OUTSIDE},
	{"ACK before the window", ACK, -1, 0, 0, 10, 0, 10, SG_FIT_OUTSIDE},
	{"ACK at its end", ACK, WND - 1, 0, 0, 10, 0, 10, SG_FIT_ACK},
	{"ACK behind it", ACK, WND + 1, 0, 0, 10, 0, 10, SG_FIT_OUTSIDE},
	{"with data", ACK | PSH, 0, 0, 1460, 10, 0, 10, SG_FIT_ACK},
	{"data alone arrives, the ACK was lost", ACK, 1460, 0, 1460, 10, 0, 10, SG_FIT_ACK},
	{"data behind the window", ACK, WND + 1, 0, 1460, 10, 0, 10, SG_FIT_OUTSIDE},
	{"data that begins before it", ACK, -1, 0, 2, 10, 0, 10, SG_FIT_ACK},
	{"data that ends before it", ACK, -1, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
	{"with FIN", ACK | FIN, 0, 0, 1, 10, 0, 10, SG_FIT_ACK},
	/* echoes of a time at which no SYN-ACK left */
	{"echo of now", ACK, 0, 0, 0, 10, 10, 10, SG_FIT_ACK},
	{"echo a clock tick ahead", ACK, 0, 0, 0, 10, 10 + SG_CLOCK_SLACK_MS, 10, SG_FIT_ACK},
	{"echo of later", ACK, 0, 0, 0, 10, 11 + SG_CLOCK_SLACK_MS, 10, SG_FIT_OUTSIDE},
	{"echo of before", ACK, 0, 0, 0, 10, -1, 10, SG_FIT_OUTSIDE},
	{"bad before a bad echo", ACK, 0, 1, 0, 10, -1, 10, SG_FIT_BAD_ACK},
	/* resets */
	{"RST", RST, 0, 0, 0, NO_TS, 0, 10, SG_FIT_RESET},
	{"RST in the window", RST, WND - 1, 0, 0, NO_TS, 0, 10, SG_FIT_RESET},
	{"RST before it", RST, -1, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"RST behind it", RST, WND + 1, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"RST with our ACK", RST | ACK, 0, 0, 0, 10, 0, 10, SG_FIT_RESET},
	{"RST with a bad ACK", RST | ACK, 0, 1, 0, 10, 0, 10, SG_FIT_DROP},
	{"old RST", RST, 0, 0, 0, -1, 0, 10, SG_FIT_DROP},
	/* no ACK */
	{"nothing set", 0, 0, 0, 0, NO_TS, 0, 10, SG_FIT_DROP},
	{"data without ACK", PSH, 0, 0, 100, 10, 0, 10, SG_FIT_DROP},
	{"FIN without ACK", FIN, 0, 0, 1, 10, 0, 10, SG_FIT_DROP},
	{"outside without ACK", FIN, WND + 1, 0, 1, 10, 0, 10, SG_FIT_OUTSIDE},
};

static enum sg_synq_fit check(const struct fit *r, __u32 irs, __u32 when, __u32 tsval, __u8 opts)
{
	struct sg_hash h = {.iss = 0xfffffe00, .ts_off = 0x80000000};
	struct sg_halfopen e = {.irs = irs,
				.when = when,
				.tsval = opts & SG_OPT_TS ? tsval : 0,
				.opts = opts,
				.answered = (__u8)(when >> SG_ANSWERED_SHIFT)};
	struct sg_synq_seg s = {
		.seq = sg_seq_of(irs + 1 + r->seq),
		.ack = sg_seq_of(r->flags & ACK ? sg_iss(&h, when).v + 1 + r->ack : 0),
		.len = r->len,
		.flags = r->flags,
		.has_ts = r->tsval != NO_TS,
		.tsval = tsval + (__u32)r->tsval,
		.tsecr = sg_ts_clock(&h, when) + (__u32)r->tsecr,
	};

	return sg_synq_check(&e, &h, &s, WND, when + r->ms);
}

static void test_check_in_linuxs_order(void **state)
{
	static const __u32 irs[] = {1000, 0xffffffff, 0xffff8000, 0x7fffffff};
	static const __u32 when[] = {5000, 0xffffff80, 0x7fffff80};

	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(fits); i++)
		for (size_t k = 0; k < SG_ARRAY_SIZE(irs) * SG_ARRAY_SIZE(when); k++) {
			enum sg_synq_fit got =
				check(&fits[i], irs[k / 3], when[k % 3], 0x7ffffff8, SG_OPT_TS);

			if (got != fits[i].fit)
				fail_msg("%s: %d, not %d", fits[i].what, got, fits[i].fit);
		}
}

/* Without timestamps agreed on, none counts: nothing is old. */
static void test_check_without_timestamps(void **state)
{
	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(fits); i++) {
		struct fit plain = fits[i];

		plain.tsval = NO_TS;
		assert_int_equal(check(&fits[i], 1000, 5000, 77, 0),
				 check(&plain, 1000, 5000, 77, SG_OPT_TS));
	}
}

static void test_an_echo_of_zero_is_none(void **state)
{
	struct fit r = {"", ACK, 0, 0, 0, 10, 0, 10, SG_FIT_ACK};
	__u32 clock = 0x80000000u + 5000;

	(void)state;
	r.tsecr = (__s32)-clock;
	assert_int_equal(check(&r, 1000, 5000, 77, SG_OPT_TS), SG_FIT_ACK);
	r.tsecr++;
	assert_int_equal(check(&r, 1000, 5000, 77, SG_OPT_TS), SG_FIT_OUTSIDE);
}

/* A window of nothing takes the final ACK and nothing more. */
static void test_check_with_a_window_of_zero(void **state)
{
	struct sg_hash h = {0};
	struct sg_halfopen e = {.irs = 10, .when = 0};
	struct sg_synq_seg s = {.seq = sg_seq_of(11), .ack = sg_seq_of(1), .flags = ACK};

	(void)state;
	assert_int_equal(sg_synq_check(&e, &h, &s, 0, 0), SG_FIT_ACK);
	s.len = 1;
	assert_int_equal(sg_synq_check(&e, &h, &s, 0, 0), SG_FIT_OUTSIDE);
	s = (struct sg_synq_seg){.seq = sg_seq_of(12), .ack = sg_seq_of(1), .flags = ACK};
	assert_int_equal(sg_synq_check(&e, &h, &s, 0, 0), SG_FIT_OUTSIDE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_holds_backlog_and_one),
		T(test_accept_queue_full),
		T(test_an_entry_is_where_it_says),
		T(test_both_buckets_full),
		T(test_rival),
		T(test_the_limit_is_exact_with_two_cpus),
		T(test_two_cpus_come_and_go),
		T(test_timeouts),
		T(test_due),
		T(test_rearm),
		T(test_initial_sequence_number),
		T(test_answered_at_most_every_half_second),
		T(test_options_that_both_want),
		T(test_check_in_linuxs_order),
		T(test_check_without_timestamps),
		T(test_an_echo_of_zero_is_none),
		T(test_check_with_a_window_of_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
