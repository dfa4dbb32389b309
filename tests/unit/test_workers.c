/* SPDX-License-Identifier: BSD-2-Clause */
/* Two stacks that share the tables: a tuple may arrive at any worker, in any state. */
#include "harness.h"

#include <pthread.h>

#define ROUNDS 3000

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

/* --- the same final ACK at both workers at once ---------------------------------------- */

struct race {
	struct bed *b;
	struct peer p;
	pthread_barrier_t start;
	bool over;
	struct runner {
		struct race *race;
		unsigned w;
		int ret;
		unsigned sent;
	} runner[2];
};

static void race_input(struct runner *r)
{
	struct seg room[ACTIONS_PER_INPUT];
	struct actions a = {0, ACTIONS_PER_INPUT, room};
	struct seg ack = peer_seg(&r->race->p, SG_ACK, NULL, 0);

	r->ret = tcp_input(r->race->b->s[r->w], &ack, r->race->b->now, &a);
	r->sent = a.n;
}

static void *race_thread(void *arg)
{
	struct runner *r = arg;

	for (;;) {
		pthread_barrier_wait(&r->race->start);
		if (r->race->over)
			return NULL;
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

static void test_final_ack_at_both_at_once(void **state)
{
	struct race r = {.b = bed_listening(2, 4)};
	pthread_t thread;

	(void)state;
	pthread_barrier_init(&r.start, NULL, 2);
	for (unsigned w = 0; w < 2; w++)
		r.runner[w] = (struct runner){&r, w, 0, 0};
	assert_int_equal(pthread_create(&thread, NULL, race_thread, &r.runner[1]), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		peer_init(&r.p, r.b, (__u8)i);
		assert_int_equal(peer_syn(&r.p), SG_ADMIT_ENTRY);
		pthread_barrier_wait(&r.start);
		race_input(&r.runner[0]);
		pthread_barrier_wait(&r.start);
		race_check(&r);
		race_clean(&r);
	}
	r.over = true;
	pthread_barrier_wait(&r.start);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&r.start);
	bed_end(r.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_of_another_worker),
		cmocka_unit_test(test_limit_is_shared),
		cmocka_unit_test(test_final_ack_at_both_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
