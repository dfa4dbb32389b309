/* SPDX-License-Identifier: BSD-2-Clause */
/* user/tcp/timer.c: the wheel against a list of deadlines, and the named events. */
#include "harness.h"

#define MODEL_CONNS 200

/* A stack with nothing but blocks on its wheel; life_at is the timer that is moved. */
struct model {
	struct bed *b;
	struct tcp_stack *s;
	struct tcp *t[MODEL_CONNS];
	sg_time at[MODEL_CONNS];
	__u64 rng;
};

static __u64 model_rand(struct model *m)
{
	m->rng = m->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return m->rng >> 20;
}

static void model_conn(struct model *m, unsigned i)
{
	struct sg_tuple tuple = {.lport = (__u16)i};
	struct sg_hash h = sg_tuple_hash(&m->b->key, &tuple);

	m->t[i] = conn_new(m->s, &tuple, &h, m->b->now);
	assert_non_null(m->t[i]);
	state_set(m->t[i], TCP_ESTABLISHED);
	state_set(m->t[i], TCP_FIN_WAIT_1);
	state_set(m->t[i], TCP_FIN_WAIT_2);
	m->t[i]->flags |= T_ORPHAN;
	m->at[i] = SG_NEVER;
}

static void model_open(struct model *m, __u64 seed)
{
	struct tcp_config cfg;

	m->b = bed_new(1);
	cfg = m->b->cfg[0];
	cfg.max_conns = MODEL_CONNS;
	free(m->b->mem[0]);
	m->b->mem[0] = bed_alloc(TCP_CHUNK, tcp_pool_size(&cfg));
	assert_int_equal(tcp_init(m->b->mem[0], tcp_pool_size(&cfg), &cfg, m->b->now, &m->b->s[0]),
			 0);
	m->s = m->b->s[0];
	m->rng = seed;
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		model_conn(m, i);
}

/* Spans of every size: ticks, level borders, hours. */
static sg_time model_span(struct model *m)
{
	static const unsigned bits[] = {0, 12, 20, 21, 23, 26, 27, 32, 33, 38, 39, 42, 44, 46};
	unsigned n = bits[model_rand(m) % SG_ARRAY_SIZE(bits)];
	sg_time span = model_rand(m) & ((1ULL << n) - 1);

	if (n <= WHEEL_SHIFT + 1 || model_rand(m) % 4)
		return span;
	return (1ULL << n) - (model_rand(m) % 3 << WHEEL_SHIFT);
}

static void model_move(struct model *m)
{
	unsigned i = model_rand(m) % MODEL_CONNS;

	m->at[i] = m->b->now + model_span(m);
	if (model_rand(m) % 8 == 0)
		m->at[i] = SG_NEVER;
	timer_life(m->s, m->t[i], m->at[i]);
}

/* Who is due by now has fired, and nobody else; it fires at most a tick late. */
static void model_compare(struct model *m)
{
	bool fired[MODEL_CONNS];

	for (unsigned i = 0; i < MODEL_CONNS; i++) {
		fired[i] = !(m->t[i]->gen & 1);
		if (m->at[i] == SG_NEVER || m->at[i] > m->b->now)
			assert_false(fired[i]);
		else if (m->at[i] + (1ULL << WHEEL_SHIFT) <= m->b->now)
			assert_true(fired[i]);
	}
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		if (fired[i])
			model_conn(m, i);
}

static sg_time model_first(const struct model *m)
{
	sg_time first = SG_NEVER;

	for (unsigned i = 0; i < MODEL_CONNS; i++)
		first = m->at[i] < first ? m->at[i] : first;
	return first;
}

static void model_run(__u64 seed, unsigned rounds)
{
	struct model m;

	model_open(&m, seed);
	while (rounds--) {
		sg_time first, next;

		for (unsigned k = model_rand(&m) % 4; k > 0; k--)
			model_move(&m);
		first = model_first(&m);
		next = wheel_next(m.s);
		if (first == SG_NEVER)
			continue;
		/* not too late; and going there makes headway */
		assert_true(next <= first + (1ULL << WHEEL_SHIFT));
		m.b->now = model_rand(&m) % 4 ? next : m.b->now + model_span(&m);
		if (m.b->now < next && model_rand(&m) % 2)
			m.b->now = next;
		tcp_expire(m.s, m.b->now);
		model_compare(&m);
		assert_true(wheel_next(m.s) > m.b->now || wheel_next(m.s) == SG_NEVER);
	}
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		close_done(m.s, m.t[i], 0);
	bed_end(m.b);
}

static void test_wheel_against_a_list(void **state)
{
	(void)state;
	for (__u64 seed = 1; seed <= 20; seed++)
		model_run(seed, 3000);
}

/* Every distance from every phase of the wheel's lower levels: where cascades meet borders. */
static void test_wheel_at_level_borders(void **state)
{
	static const __u64 far[] = {1,	  2,	62,   63,     64,     65,    127,
				    128,  4031, 4032, 4033,   4095,   4096,  4097,
				    4159, 4160, 8192, 262143, 262144, 262145};
	struct bed *b = bed_listening(1, 8);
	struct peer p;
	struct tcp *t;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	t = peer_conn(&p);
	for (unsigned phase = 0; phase < 64; phase++) {
		for (unsigned i = 0; i < SG_ARRAY_SIZE(far); i++) {
			sg_time at;

			do {
				b->now = (b->now | ((1ULL << WHEEL_SHIFT) - 1)) + 1;
				tcp_expire(b->s[0], b->now);
			} while ((b->s[0]->wheel.tick & 63) != phase);
			at = b->now + (far[i] << WHEEL_SHIFT);
			timer_delack(b->s[0], t, at);
			assert_true(t->delack_at == at);
			while (t->delack_at != SG_NEVER) {
				assert_true(wheel_next(b->s[0]) < at + (1ULL << WHEEL_SHIFT));
				b->now = wheel_next(b->s[0]);
				tcp_expire(b->s[0], b->now);
			}
			assert_true(b->now >= at && b->now < at + (1ULL << WHEEL_SHIFT));
			bed_output(b);
			b->n = 0;
		}
	}
	bed_end(b);
}

/* A timer that stays armed while another of the same connection fires is not forgotten. */
static void test_second_timer_after_the_first(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;
	struct tcp *t;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	t = peer_conn(&p);
	timer_persist(b->s[0], t, b->now);
	timer_delack(b->s[0], t, t->rexmit_at + 3 * SG_MS);
	b->now = t->rexmit_at + 2 * SG_MS;
	tcp_expire(b->s[0], b->now); /* the probe, which would carry the ACK, is not out yet */
	assert_true(t->flags & T_PROBE);
	assert_true(wheel_next(b->s[0]) < t->delack_at + (1ULL << WHEEL_SHIFT));
	b->now += 3 * SG_MS;
	tcp_expire(b->s[0], b->now);
	assert_int_equal(b->mib[0].DelayedACKs, 1);
	bed_end(b);
}

/* An idle day and then one timer: neither late nor a loop over every tick of the day. */
static void test_wheel_after_a_long_idle(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	conn_in(&p, TCP_ESTABLISHED);
	bed_run(b, 100 * 86400 * SG_SEC);
	timer_delack(b->s[0], peer_conn(&p), b->now + 40 * SG_MS);
	bed_run(b, 42 * SG_MS);
	assert_int_equal(b->n, 1);
	bed_end(b);
}

static void test_deadline_is_now_while_there_is_work(void **state)
{
	struct bed *b = bed_listening(1, 8);
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	assert_true(tcp_deadline(b->s[0]) == SG_NEVER);
	peer_establish(&p);
	tcp_expire(b->s[0], b->now);
	assert_true(tcp_deadline(b->s[0]) <= b->now); /* TCP_EV_ACCEPT */
	peer_accept(&p);
	bed_drain_events(b);
	assert_true(tcp_deadline(b->s[0]) == SG_NEVER);
	assert_int_equal(tcp_send(b->s[0], p.id, "x", 1, b->now), 1);
	assert_true(tcp_deadline(b->s[0]) <= b->now); /* to be sent */
	bed_output(b);
	assert_true(tcp_deadline(b->s[0]) > b->now && tcp_deadline(b->s[0]) != SG_NEVER);
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wheel_against_a_list),
		cmocka_unit_test(test_wheel_at_level_borders),
		cmocka_unit_test(test_second_timer_after_the_first),
		cmocka_unit_test(test_wheel_after_a_long_idle),
		cmocka_unit_test(test_deadline_is_now_while_there_is_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
