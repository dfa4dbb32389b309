/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reassembly in any order against a model that notes each byte, and the SACK blocks that
 * tell of it (RFC 2018 4): the range with the latest segment first.
 */
#include "dice.h"
#include "harness.h"

#define RANGES 64 /* what the engine keeps of one connection */

static struct bed *bed;
static struct tcp_stack *stack;
static struct tcp *conn;

static void bench(__u32 chunks)
{
	struct tcp_config c = bed->cfg[0];

	c.max_chunks = chunks;
	free(bed->mem[0]);
	bed->mem[0] = bed_alloc(TCP_CHUNK, tcp_pool_size(&c));
	assert_int_equal(tcp_init(bed->mem[0], tcp_pool_size(&c), &c, bed->now, &bed->s[0]), 0);
	stack = bed->s[0];
	conn = conn_at(stack, 1);
	conn->irs = sg_seq_of(0xffffc000); /* wraps after 16 KB */
	conn->rcv_nxt = seq_add(conn->irs, 1);
	conn->flags = T_SACK;
}

static int setup(void **state)
{
	(void)state;
	bed = bed_new(1);
	bench(512);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(bed->mem[0]);
	free(bed->queues);
	free(bed->halfopen.ways);
	free(bed->halfopen.entry);
	free(bed->flows.ways);
	free(bed->flows.tuples);
	free(bed->flows.homes);
	free(bed->proven);
	free(bed->sent);
	free(bed);
	return 0;
}

/* --- the model ---------------------------------------------------------------------- */

#define STREAM (128 * 1024)

static struct {
	__u32 when[STREAM]; /* which segment brought this byte; 0: none yet */
	__u32 now;
	__u32 nxt;  /* where the gap-free part ends */
	__u32 read; /* what the application has taken */
} model;

static __u32 offset(sg_seq seq)
{
	return (__u32)seq_diff(seq, seq_add(conn->irs, 1));
}

static void model_new(void)
{
	memset(&model, 0, sizeof(model));
}

static void model_put(__u32 at, __u32 len)
{
	model.now++;
	for (__u32 i = at; i < at + len; i++)
		model.when[i] = model.now;
	while (model.nxt < STREAM && model.when[model.nxt])
		model.nxt++;
}

/* Ranges behind the gap, the one with the latest segment first. Returns how many. */
static unsigned model_ranges(__u32 left[], __u32 right[], unsigned max)
{
	__u32 stamp[RANGES + 1];
	unsigned n = 0;

	for (__u32 i = model.nxt; i < STREAM;) {
		__u32 from = i, newest = 0;
		unsigned k;

		for (; i < STREAM && model.when[i]; i++)
			newest = model.when[i] > newest ? model.when[i] : newest;
		if (from == i) {
			i++;
			continue;
		}
		assert_true(n < max);
		for (k = n++; k > 0 && stamp[k - 1] < newest; k--) {
			stamp[k] = stamp[k - 1];
			left[k] = left[k - 1];
			right[k] = right[k - 1];
		}
		stamp[k] = newest;
		left[k] = from;
		right[k] = i;
	}
	return n;
}

/* --- play --------------------------------------------------------------------------- */

static __u32 put(__u32 at, __u32 len)
{
	return reasm_input(stack, conn, seq_add(conn->irs, 1 + at), bytes(at, len), len);
}

static void check_data(void)
{
	__u32 at = model.read, left = conn->rcv.len;
	struct iovec iov[4];
	__u32 pos = 0;

	assert_int_equal(conn->rcv.len, model.nxt - model.read);
	while (pos < left) {
		int n = buf_read(stack, &conn->rcv, pos, left - pos, iov, 4);

		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			assert_memory_equal(iov[i].iov_base, bytes(at + pos, (__u32)iov[i].iov_len),
					    iov[i].iov_len);
			pos += (__u32)iov[i].iov_len;
		}
	}
}

static void check_sack(void)
{
	static __u32 left[RANGES + 1], right[RANGES + 1];
	unsigned n = model_ranges(left, right, RANGES + 1);
	unsigned most = conn->flags & T_TS ? 3 : 4; /* 40 bytes of options, RFC 2018 3 */
	struct seg out = {0};

	assert_int_equal(!!(conn->flags & T_OOO), n > 0);
	if (n == 0)
		return;
	reasm_sack(stack, conn, &out);
	assert_int_equal(out.opt.nsack, n < most ? n : most);
	for (unsigned i = 0; i < out.opt.nsack; i++) {
		assert_int_equal(offset(out.sack[i].left), left[i]);
		assert_int_equal(offset(out.sack[i].right), right[i]);
	}
}

static void check(void)
{
	assert_int_equal(offset(conn->rcv_nxt), model.nxt);
	check_data();
	check_sack();
}

static void play(__u32 at, __u32 len)
{
	__u32 before = model.nxt;

	model_put(at, len);
	assert_int_equal(put(at, len), model.nxt - before);
}

static void take(__u32 n)
{
	buf_drop(stack, &conn->rcv, n, conn->flags & T_OOO);
	model.read += n;
}

/* --- one thing at a time ------------------------------------------------------------ */

static void test_in_order(void **state)
{
	(void)state;
	model_new();
	for (__u32 at = 0; at < 50000; at += 1460) {
		play(at, 1460);
		check();
	}
	assert_int_equal(conn->flags & T_OOO, 0);
	assert_int_equal(bed->mib[0].TCPOFOQueue, 0);
	take(conn->rcv.len);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_one_hole(void **state)
{
	(void)state;
	model_new();
	play(1000, 500);
	check();
	assert_int_equal(bed->mib[0].TCPOFOQueue, 1);
	play(1500, 500); /* touches it: one range */
	check();
	play(500, 500); /* before it too */
	check();
	play(0, 499); /* one byte is missing */
	check();
	assert_int_equal(model.nxt, 499);
	play(499, 1);
	check();
	assert_int_equal(model.nxt, 2000);
	assert_int_equal(conn->flags & T_OOO, 0);
	take(2000);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_overlaps(void **state)
{
	(void)state;
	model_new();
	play(1000, 1000);
	play(1500, 1000); /* over its end */
	check();
	play(500, 700); /* over its start */
	check();
	play(1200, 300); /* inside */
	check();
	play(5000, 100);
	play(4000, 3000); /* around it */
	check();
	play(2400, 1700); /* joins two */
	check();
	play(0, 6000); /* in order, over all that is held */
	check();
	assert_int_equal(model.nxt, 7000);
	assert_int_equal(conn->flags & T_OOO, 0);
}

static void test_the_latest_range_comes_first(void **state)
{
	struct seg out = {0};

	(void)state;
	model_new();
	for (__u32 i = 1; i <= 6; i++)
		play(i * 2000, 1000);
	check();
	play(4200, 10); /* the second again: now it is the latest, the others keep their order */
	check();
	reasm_sack(stack, conn, &out);
	assert_int_equal(offset(out.sack[0].left), 4000);
	assert_int_equal(offset(out.sack[1].left), 12000);
	assert_int_equal(offset(out.sack[2].left), 10000);
	assert_int_equal(offset(out.sack[3].left), 8000);
	conn->flags |= T_TS;
	check();
}

/* --- at random ---------------------------------------------------------------------- */

static void test_random_order(void **state)
{
	struct dice d = {50};

	(void)state;
	for (int round = 0; round < 6; round++) {
		__u32 wnd = round % 2 ? 20000 : 100000;

		bench(512);
		model_new();
		if (round & 2)
			conn->flags |= T_TS;
		while (model.nxt < STREAM) {
			__u32 end = model.read + wnd < STREAM ? model.read + wnd : STREAM;
			__u32 room = end - model.nxt;
			__u32 at = model.nxt + (dice_below(&d, 4) ? dice_below(&d, room) : 0);
			__u32 len = 1 + dice_below(&d, dice_below(&d, 8) ? 3000 : 30000);

			play(at, len < end - at ? len : end - at);
			if (dice_below(&d, 3) == 0)
				take(dice_below(&d, conn->rcv.len + 1));
			if (model.nxt - model.read > wnd / 2)
				take(conn->rcv.len);
			check();
		}
		take(conn->rcv.len);
		assert_int_equal(conn->flags & T_OOO, 0);
		assert_int_equal(stack->chunks.used, 0);
		assert_int_equal(bed->mib[0].TCPOFODrop, 0);
		assert_int_equal(bed->mib[0].TCPRcvQDrop, 0);
	}
}

/* Segments of a bulk transfer, shuffled within a window, some of them twice. */
static void test_shuffled(void **state)
{
	struct dice d = {51};
	__u32 order[STREAM / 1024];

	(void)state;
	for (int round = 0; round < 5; round++) {
		bench(512);
		model_new();
		for (__u32 i = 0; i < SG_ARRAY_SIZE(order); i++)
			order[i] = i;
		for (__u32 i = 0; i + 1 < SG_ARRAY_SIZE(order); i++) {
			__u32 left = (__u32)SG_ARRAY_SIZE(order) - i;
			__u32 k = i + dice_below(&d, left < 40 ? left : 40);
			__u32 was = order[i];

			order[i] = order[k];
			order[k] = was;
		}
		for (__u32 i = 0; i < SG_ARRAY_SIZE(order); i++) {
			__u32 at = order[i] * 1024;

			play(at, 1024);
			if (dice_below(&d, 5) == 0 && at >= model.nxt)
				play(at, 1024);
			check_sack();
			if (i % 16 == 0)
				check();
			if (conn->rcv.len > 60000)
				take(conn->rcv.len);
		}
		assert_int_equal(model.nxt, STREAM);
		take(conn->rcv.len);
		assert_int_equal(stack->chunks.used, 0);
	}
}

/* --- limits ------------------------------------------------------------------------- */

static void test_more_holes_than_there_is_room_for(void **state)
{
	(void)state;
	model_new();
	for (__u32 i = 1; i <= RANGES; i++)
		play(i * 100, 10);
	check();
	assert_int_equal(bed->mib[0].TCPOFOQueue, RANGES);
	assert_int_equal(bed->mib[0].TCPOFODrop, 0);
	for (__u32 i = RANGES + 1; i < 200; i++)
		assert_int_equal(put(i * 100, 10), 0); /* as if it had never come */
	assert_int_equal(put(50, 10), 0);
	assert_int_equal(bed->mib[0].TCPOFODrop, 200 - RANGES);
	check();
	play(100, 10); /* what makes no further range is taken */
	play(110, 90);
	check();
	play(50, 10); /* and there is room for one more */
	check();
	play(0, 250);
	check();
	for (__u32 i = 1; i < 200; i++)
		if (i * 100 + 110 > model.nxt)
			play(i * 100 > model.nxt ? i * 100 : model.nxt, 110);
	check();
	take(conn->rcv.len);
	assert_int_equal(conn->flags & T_OOO, 0);
	assert_int_equal(stack->chunks.used, 0);
}

/* Data out of order may never become of use: the last quarter of the chunks is not for it. */
static void test_memory_pressure(void **state)
{
	(void)state;
	bench(16);
	model_new();
	for (__u32 i = 1; i <= 30; i++) {
		assert_int_equal(put(i * 2 * TCP_CHUNK, 100), 0);
		assert_true(stack->chunks.used <= 12 + 1);
	}
	assert_true(bed->mib[0].TCPOFOQueue > 0);
	assert_true(bed->mib[0].TCPOFODrop > 0);
	assert_int_equal(bed->mib[0].TCPOFOQueue + bed->mib[0].TCPOFODrop, 30);
	assert_int_equal(put(0, 1000), 1000); /* what is in order still goes in */
	assert_int_equal(conn->rcv.len, 1000);
	reasm_clear(stack, conn);
	buf_clear(stack, &conn->rcv);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_out_of_chunks_in_order(void **state)
{
	__u32 room = 8 * TCP_CHUNK - TCP_CHUNK; /* one is the directory */
	__u32 done = 0;

	(void)state;
	bench(8);
	model_new();
	while (done < room)
		done += put(done, 3000);
	assert_int_equal(done, room);
	assert_int_equal(offset(conn->rcv_nxt), room); /* no byte acknowledged that is not held */
	assert_int_equal(conn->rcv.len, room);
	assert_int_equal(bed->mib[0].TCPRcvQDrop, 1);
	assert_int_equal(put(done, 100), 0);
	assert_int_equal(bed->mib[0].TCPRcvQDrop, 2);
	model.nxt = room;
	check_data();
	take(5000);
	model_put(0, room);
	play(room, 100); /* the sender comes again */
	check();
}

/* Half of a segment out of order fits: half of it is noted, never more. */
static void test_out_of_chunks_out_of_order(void **state)
{
	struct seg out = {0};

	(void)state;
	bench(8);
	model_new();
	for (__u32 i = 0; i < 3; i++)
		play(i * TCP_CHUNK, TCP_CHUNK); /* 3 of 8 are used */
	assert_int_equal(put(4 * TCP_CHUNK - 100, 10 * TCP_CHUNK), 0);
	assert_true(conn->flags & T_OOO);
	reasm_sack(stack, conn, &out);
	assert_int_equal(out.opt.nsack, 1);
	assert_int_equal(offset(out.sack[0].left), 4 * TCP_CHUNK - 100);
	/* three, the list of ranges, the directory, and so three more */
	assert_int_equal(offset(out.sack[0].right), 6 * TCP_CHUNK);
	assert_int_equal(put(3 * TCP_CHUNK, TCP_CHUNK - 100), 3 * TCP_CHUNK - 0);
	assert_int_equal(offset(conn->rcv_nxt), 6 * TCP_CHUNK);
	model_put(0, 6 * TCP_CHUNK);
	check();
	take(conn->rcv.len);
	assert_int_equal(stack->chunks.used, 0);
}

/* No chunk at all for the list: nothing is kept, nothing leaks. */
static void test_no_chunk_for_the_ranges(void **state)
{
	(void)state;
	bench(0);
	assert_int_equal(put(100, 10), 0);
	assert_int_equal(put(0, 10), 0);
	assert_int_equal(conn->flags & T_OOO, 0);
	bench(1);
	assert_int_equal(put(100, 10), 0);
	assert_int_equal(conn->flags & T_OOO, 0);
	assert_int_equal(conn->rcv.len, 0);
	assert_int_equal(stack->chunks.used, 0);
	assert_int_equal(put(0, 10), 10);
}

static void test_clear(void **state)
{
	(void)state;
	model_new();
	reasm_clear(stack, conn); /* nothing there */
	play(0, 100);
	play(5000, 100);
	assert_int_equal(stack->chunks.used, 3);
	reasm_clear(stack, conn);
	assert_int_equal(conn->flags & T_OOO, 0);
	assert_int_equal(conn->reasm, NIL);
	buf_clear(stack, &conn->rcv);
	assert_int_equal(stack->chunks.used, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_in_order),
		T(test_one_hole),
		T(test_overlaps),
		T(test_the_latest_range_comes_first),
		T(test_random_order),
		T(test_shuffled),
		T(test_more_holes_than_there_is_room_for),
		T(test_memory_pressure),
		T(test_out_of_chunks_in_order),
		T(test_out_of_chunks_out_of_order),
		T(test_no_chunk_for_the_ranges),
		T(test_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
