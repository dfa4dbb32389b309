/* SPDX-License-Identifier: BSD-2-Clause */
/* Two stacks that share the tables: a tuple may arrive at any worker, in any state. */
#include "harness.h"

#include <pthread.h>
#include <sched.h>

#define ROUNDS 10000

static void test_segments_of_another_worker(void **state)
{
	struct bed *b = bed_listening(2, 4);
	__u8 got[10];
	struct peer p;

	(void)state;
	peer_init(&p, b, 1);
	peer_syn(&p);
	p.w = 1;
	assert_int_equal(peer_send(&p, SG_ACK, NULL, 0), -1);
	assert_int_equal(peer_state(&p), TCP_ESTABLISHED);
	p.w = 0;
	assert_int_equal(peer_send_at(&p, 0, SG_ACK, NULL, 0), 1); /* record still there */
	p.record = NULL;
	assert_int_equal(peer_send_at(&p, 0, SG_ACK, bytes(0, 5), 5), 1);
	assert_int_equal(peer_send_at(&p, 0, SG_RST, NULL, 0), 1);
	assert_int_equal(peer_send_at(&p, 0, SG_SYN, NULL, 0), 1);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->queues[0].acceptq, 1);
	assert_int_equal(tcp_accept(b->s[0], 0, &p.id), -EAGAIN);
	p.w = 1;
	assert_int_equal(peer_send(&p, SG_ACK, bytes(0, 5), 5), -1); /* passed on */
	peer_accept(&p);
	assert_int_equal(tcp_recv(b->s[1], p.id, got, sizeof(got), b->now), 5);
	tcp_close(b->s[1], p.id, b->now);
	b->n = 0;
	bed_output(b);
	peer_ack(&p);
	peer_send(&p, SG_FIN | SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p), TCP_TIME_WAIT);
	p.w = 0; /* in TIME_WAIT too */
	assert_int_equal(peer_send_at(&p, -1, SG_FIN | SG_ACK, NULL, 0), 1);
	assert_int_equal(peer_send_at(&p, 1000, SG_SYN, NULL, 0), 1);
	bed_run(b, 61 * SG_SEC);
	assert_int_equal(peer_send_at(&p, 0, SG_ACK, NULL, 0), -1); /* forgotten: a stray */
	assert_int_equal(b->sent[0].s.flags, SG_RST);
	bed_end(b);
}

static void test_limit_is_shared(void **state)
{
	struct bed *b = bed_listening(2, 2);
	struct peer p[4];
	tcp_id id;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		peer_init(&p[i], b, (__u8)i);
		b->queues[0].syn_backlog = 10;
		assert_int_equal(peer_syn(&p[i]), SG_ADMIT_ENTRY);
	}
	for (unsigned i = 0; i < 4; i++) {
		p[i].w = i & 1;
		peer_send_at(&p[i], 0, SG_ACK, NULL, 0);
		assert_int_equal(peer_state(&p[i]), i < 3 ? TCP_ESTABLISHED : TCP_CLOSED);
	}
	assert_int_equal(b->queues[0].acceptq, 3); /* backlog + 1 */
	assert_int_equal(b->queues[0].ListenOverflows, 1);
	assert_int_equal(b->mib[1].ListenOverflows, 1);
	assert_int_equal(tcp_accept(b->s[0], 0, &id), 0);
	peer_send_at(&p[3], 0, SG_ACK, NULL, 0);
	assert_int_equal(peer_state(&p[3]), TCP_ESTABLISHED);
	bed_end(b);
}

/* --- two segments of one tuple at both workers at once --------------------------------- */

struct race {
	struct bed *b;
	struct peer p;
	pthread_barrier_t start;
	unsigned running; /* both have left the barrier when it is even */
	bool over;
	struct runner {
		struct race *race;
		unsigned w;
		__u8 flags;
		int ret;
		unsigned sent;
		unsigned late;
	} runner[2];
};

/* A barrier lets go of two threads microseconds apart: meet once more, and be a little late. */
static void race_meet(struct runner *r)
{
	unsigned mine = __atomic_add_fetch(&r->race->running, 1, __ATOMIC_SEQ_CST);
	unsigned both = (mine + 1) & ~1u;

	for (unsigned i = 0; __atomic_load_n(&r->race->running, __ATOMIC_SEQ_CST) < both; i++)
		if (i > 10000)
			sched_yield();
	r->late = r->late * 1103515245 + 12345 + r->w;
	for (volatile unsigned i = (r->late >> 16) % 256; i > 0; i--)
		;
}

static void race_input(struct runner *r)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, room};
	struct seg in = peer_seg(&r->race->p, r->flags, NULL, 0);

	r->ret = tcp_input(r->race->b->s[r->w], &in, r->race->b->now, &a);
	r->sent = a.n;
}

static void *race_thread(void *arg)
{
	struct runner *r = arg;

	for (;;) {
		pthread_barrier_wait(&r->race->start);
		if (r->race->over)
			return NULL;
		race_meet(r);
		race_input(r);
		pthread_barrier_wait(&r->race->start);
	}
}

/* One connection, no RST, and every segment was taken, passed on, or left for the next. */
static void race_check(struct race *r)
{
	unsigned made = 0;

	for (unsigned w = 0; w < 2; w++) {
		r->p.w = w;
		made += peer_state(&r->p) == TCP_ESTABLISHED;
		assert_int_equal(r->runner[w].sent, 0);
	}
	if (made == 0) { /* both gave way: then it is made by what comes next */
		assert_non_null(peer_entry(&r->p, NULL));
		race_input(&r->runner[0]);
		made++;
	}
	assert_int_equal(made, 1);
	for (unsigned w = 0; w < 2; w++) {
		r->p.w = w;
		if (peer_state(&r->p) == TCP_ESTABLISHED)
			assert_int_equal(r->runner[w].ret, -1);
	}
	assert_null(peer_entry(&r->p, NULL));
	assert_int_equal(r->b->queues[0].halfopen, 0);
	assert_int_equal(r->b->queues[0].acceptq, 1);
}

static void race_clean(struct race *r)
{
	tcp_id id;

	for (unsigned w = 0; w < 2; w++) {
		while (tcp_accept(r->b->s[w], 0, &id) == 0)
			tcp_abort(r->b->s[w], id, r->b->now);
	}
	r->b->n = 0;
	bed_drain_events(r->b);
	bed_output(r->b);
}

/* The RST has found whatever there was: the entry, or the connection at whichever worker. */
static void race_check_rst(struct race *r)
{
	struct runner *rst = &r->runner[1];

	if (rst->ret >= 0) { /* passed on */
		assert_int_equal(rst->ret, 0);
		rst->w = 0;
		race_input(rst);
		rst->w = 1;
	}
	assert_int_equal(rst->ret, -1);
	assert_true(r->runner[0].sent <= 1); /* the ACK came too late: a RST */
	for (unsigned w = 0; w < 2; w++) {
		r->p.w = w;
		assert_int_equal(peer_state(&r->p), TCP_CLOSED);
	}
	assert_null(peer_entry(&r->p, NULL));
	assert_int_equal(sg_flow_owner(&r->b->s[0]->cfg.flows, peer_hash(&r->p).table, &r->p.tuple),
			 -ENOENT);
	assert_int_equal(r->b->queues[0].halfopen, 0);
	assert_true(r->b->queues[0].acceptq <= 1); /* a dead one waits, as in Linux */
}

static void race_run(__u8 flags0, __u8 flags1, void (*check)(struct race *r))
{
	struct race r = {.b = bed_listening(2, 4)};
	pthread_t thread;

	pthread_barrier_init(&r.start, NULL, 2);
	r.runner[0] = (struct runner){.race = &r, .w = 0, .flags = flags0};
	r.runner[1] = (struct runner){.race = &r, .w = 1, .flags = flags1};
	assert_int_equal(pthread_create(&thread, NULL, race_thread, &r.runner[1]), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		peer_init(&r.p, r.b, (__u8)i);
		assert_int_equal(peer_syn(&r.p), SG_ADMIT_ENTRY);
		pthread_barrier_wait(&r.start);
		race_meet(&r.runner[0]);
		race_input(&r.runner[0]);
		pthread_barrier_wait(&r.start);
		check(&r);
		race_clean(&r);
	}
	r.over = true;
	pthread_barrier_wait(&r.start);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&r.start);
	bed_end(r.b);
}

static void test_final_ack_at_both_at_once(void **state)
{
	(void)state;
	race_run(SG_ACK, SG_ACK, race_check);
}

static void test_final_ack_and_rst_at_once(void **state)
{
	(void)state;
	race_run(SG_ACK, SG_RST, race_check_rst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_of_another_worker),
		cmocka_unit_test(test_limit_is_shared),
		cmocka_unit_test(test_final_ack_at_both_at_once),
		cmocka_unit_test(test_final_ack_and_rst_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
