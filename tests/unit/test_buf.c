/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window onto a stream, played against a flat array: whatever is written is read where
 * it was put, memory is what the data needs, and none is lost.
 */
#include "dice.h"
#include "harness.h"

#define CHUNKS 1200

static struct sg_settings settings;
static struct tcp_stack *stack;
static void *memory;

static void stack_of(__u32 chunks)
{
	struct tcp_config c = {
		.max_conns = 1, .max_timewait = 1, .max_chunks = chunks, .settings = &settings};

	memory = bed_alloc(TCP_CHUNK, tcp_pool_size(&c));
	assert_int_equal(tcp_init(memory, tcp_pool_size(&c), &c, 0, &stack), 0);
}

static int setup(void **state)
{
	(void)state;
	stack_of(CHUNKS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

/* --- a flat model: the stream as it should be --------------------------------------- */

struct model {
	__u8 *byte;
	__u8 *there; /* was this byte written? */
	__u32 max;
};

static void model_new(struct model *m, __u32 max)
{
	m->byte = calloc(1, max);
	m->there = calloc(1, max);
	m->max = max;
	assert_true(m->byte && m->there);
}

static void model_free(struct model *m)
{
	free(m->byte);
	free(m->there);
}

static void model_drop(struct model *m, __u32 n)
{
	memmove(m->byte, m->byte + n, m->max - n);
	memmove(m->there, m->there + n, m->max - n);
	memset(m->there + m->max - n, 0, n);
}

static void model_write(struct model *m, __u32 pos, const void *p, __u32 len)
{
	memcpy(m->byte + pos, p, len);
	memset(m->there + pos, 1, len);
}

/* [pos, pos + len) as buf_read() has it, in pieces of one chunk each. */
static void same(const struct buf *b, __u32 pos, __u32 len, const __u8 *want)
{
	__u32 done = 0;

	while (done < len) {
		struct iovec iov[3];
		int n = buf_read(stack, b, pos + done, len - done, iov, 3);

		assert_in_range(n, 1, 3);
		for (int i = 0; i < n; i++) {
			assert_in_range(iov[i].iov_len, 1, TCP_CHUNK);
			assert_true(done + iov[i].iov_len <= len);
			assert_memory_equal(iov[i].iov_base, want + done, iov[i].iov_len);
			done += (__u32)iov[i].iov_len;
		}
	}
}

/* Every byte that was written. */
static void same_as_model(const struct buf *b, const struct model *m)
{
	__u32 end;

	for (__u32 at = 0; at < m->max; at = end) {
		end = at + 1;
		while (end < m->max && m->there[end] == m->there[at])
			end++;
		if (m->there[at])
			same(b, at, end - at, m->byte + at);
	}
}

/* --- one thing at a time ------------------------------------------------------------ */

static void test_nothing_costs_nothing(void **state)
{
	struct buf b = {0};
	struct iovec iov[2];

	(void)state;
	assert_int_equal(buf_write(stack, &b, 0, "", 0), 0);
	assert_int_equal(buf_read(stack, &b, 0, 0, iov, 2), 0);
	assert_int_equal(buf_room(stack, &b, 0, 0, iov, 2), 0);
	buf_trim(stack, &b);
	buf_drop(stack, &b, 0, false);
	buf_clear(stack, &b);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_one_byte_costs_one_chunk(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(buf_write(stack, &b, 0, "x", 1), 1);
	b.len = 1;
	assert_int_equal(stack->chunks.used, 1);
	same(&b, 0, 1, (const __u8 *)"x");
	buf_drop(stack, &b, 1, false);
	assert_int_equal(stack->chunks.used, 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.off, 0);
}

static void test_a_hole_costs_nothing(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(buf_write(stack, &b, BUF_MAX - 3, "end", 3), 3);
	assert_int_equal(stack->chunks.used, 2); /* the chunk and the directory */
	assert_int_equal(buf_write(stack, &b, 1000 * TCP_CHUNK + 5, "mid", 3), 3);
	assert_int_equal(stack->chunks.used, 3);
	same(&b, BUF_MAX - 3, 3, (const __u8 *)"end");
	same(&b, 1000 * TCP_CHUNK + 5, 3, (const __u8 *)"mid");
	buf_drop(stack, &b, 1001 * TCP_CHUNK, true); /* over holes and what is there */
	assert_int_equal(stack->chunks.used, 2);
	same(&b, BUF_MAX - 3 - 1001 * TCP_CHUNK, 3, (const __u8 *)"end");
	buf_clear(stack, &b);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_the_largest_buffer(void **state)
{
	__u8 *p = malloc(BUF_MAX);
	struct buf b = {0};
	struct dice d = {40};

	(void)state;
	assert_non_null(p);
	dice_fill(&d, p, BUF_MAX);
	assert_int_equal(buf_write(stack, &b, 0, p, TCP_CHUNK - 1), TCP_CHUNK - 1);
	b.len = TCP_CHUNK - 1;
	buf_drop(stack, &b, TCP_CHUNK - 1, true); /* the first byte is a chunk's last */
	assert_int_equal(buf_write(stack, &b, 0, p, BUF_MAX), BUF_MAX);
	b.len = BUF_MAX;
	same(&b, 0, BUF_MAX, p);
	assert_int_equal(stack->chunks.used, BUF_DIR + 1);
	assert_int_equal(buf_write(stack, &b, BUF_MAX + 1, "x", 1), 0); /* beyond the directory */
	buf_drop(stack, &b, BUF_MAX, false);
	assert_int_equal(stack->chunks.used, 0);
	free(p);
}

/* The short list is a ring too: the directory takes it over from any place of its own. */
static void test_the_directory_takes_over(void **state)
{
	static __u8 p[6 * TCP_CHUNK];
	struct dice d = {41};

	(void)state;
	dice_fill(&d, p, sizeof(p));
	for (__u32 turn = 0; turn < BUF_INLINE; turn++) {
		struct buf b = {0};

		for (__u32 i = 0; i < turn; i++) {
			assert_int_equal(buf_write(stack, &b, 0, p, TCP_CHUNK), TCP_CHUNK);
			b.len = TCP_CHUNK;
			buf_drop(stack, &b, TCP_CHUNK, true);
		}
		assert_int_equal(b.first, turn);
		assert_int_equal(buf_write(stack, &b, 0, p, 3 * TCP_CHUNK), 3 * TCP_CHUNK);
		assert_int_equal(b.dir, NIL);
		assert_int_equal(
			buf_write(stack, &b, 3 * TCP_CHUNK, p + 3 * TCP_CHUNK, 3 * TCP_CHUNK),
			3 * TCP_CHUNK);
		assert_int_not_equal(b.dir, NIL);
		assert_int_equal(stack->chunks.used, 7);
		same(&b, 0, sizeof(p), p);
		buf_clear(stack, &b);
		assert_int_equal(stack->chunks.used, 0);
	}
}

static void test_room_is_written_in_place(void **state)
{
	struct buf b = {.off = 0};
	struct iovec iov[3];

	(void)state;
	assert_int_equal(buf_write(stack, &b, 0, "abc", 3), 3);
	b.len = 3;
	assert_int_equal(buf_room(stack, &b, 3, 2 * TCP_CHUNK, iov, 3), 3);
	assert_int_equal(iov[0].iov_len, TCP_CHUNK - 3);
	assert_int_equal(iov[1].iov_len, TCP_CHUNK);
	assert_int_equal(iov[2].iov_len, 3);
	memcpy(iov[0].iov_base, "def", 3);
	same(&b, 0, 6, (const __u8 *)"abcdef");
	assert_int_equal(stack->chunks.used, 3);
	b.len += 3;
	buf_trim(stack, &b); /* what was asked for and not used */
	assert_int_equal(stack->chunks.used, 1);
	same(&b, 0, 6, (const __u8 *)"abcdef");
	assert_int_equal(buf_room(stack, &b, 6, 10 * TCP_CHUNK, iov, 1), 1); /* one piece */
	buf_clear(stack, &b);
	assert_int_equal(stack->chunks.used, 0);
}

static void test_trim_at_the_edges_of_chunks(void **state)
{
	struct iovec iov[4];

	(void)state;
	for (__u32 len = 0; len <= 2 * TCP_CHUNK; len += TCP_CHUNK / 2)
		for (__u32 off = 0; off < TCP_CHUNK; off += TCP_CHUNK / 2 - 1) {
			struct buf b = {.off = (__u16)off};
			__u32 need = len ? (off + len + TCP_CHUNK - 1) / TCP_CHUNK : 0;

			assert_int_equal(buf_room(stack, &b, 0, 3 * TCP_CHUNK, iov, 4),
					 off ? 4 : 3);
			b.len = len;
			buf_trim(stack, &b);
			assert_int_equal(stack->chunks.used, need);
			buf_clear(stack, &b);
			assert_int_equal(stack->chunks.used, 0);
		}
}

/* --- chunks run out ----------------------------------------------------------------- */

static void test_exhaustion(void **state)
{
	static __u8 p[12 * TCP_CHUNK];
	struct buf a = {0}, b = {0};
	struct iovec iov[4];
	struct dice d = {42};

	(void)state;
	free(memory);
	stack_of(8);
	dice_fill(&d, p, sizeof(p));
	assert_int_equal(buf_write(stack, &a, 100, p, sizeof(p)), 7 * TCP_CHUNK - 100);
	assert_int_equal(stack->chunks.used, 8); /* seven and the directory */
	same(&a, 100, 7 * TCP_CHUNK - 100, p);
	assert_int_equal(buf_write(stack, &b, 0, p, 1), 0);
	assert_int_equal(buf_write(stack, &b, 5 * TCP_CHUNK, p, 1), 0);
	assert_int_equal(buf_room(stack, &b, 0, 1, iov, 4), 0);
	assert_int_equal(buf_write(stack, &a, 50, p, 200), 200); /* where one is already */
	a.len = TCP_CHUNK;
	buf_drop(stack, &a, TCP_CHUNK, true);
	assert_int_equal(buf_write(stack, &b, 5 * TCP_CHUNK, p, 1), 0); /* a directory alone: no */
	buf_clear(stack, &b);
	assert_int_equal(buf_write(stack, &b, 0, p, 2 * TCP_CHUNK), TCP_CHUNK);
	buf_clear(stack, &a);
	buf_clear(stack, &b);
	assert_int_equal(stack->chunks.used, 0);
}

/* --- all of it at random ------------------------------------------------------------ */

static __u32 some_len(struct dice *d, __u32 max)
{
	__u32 n = dice_below(d, 3) ? dice_below(d, 3 * TCP_CHUNK) : dice_below(d, 9) * TCP_CHUNK;

	return n < max ? n : max;
}

/* A send buffer: filled at the end, through room or by copy, dropped at the front. */
static void test_random_stream(void **state)
{
	static __u8 p[16 * TCP_CHUNK];
	struct buf b = {0};
	struct dice d = {43};
	struct model m;

	(void)state;
	model_new(&m, 40 * TCP_CHUNK);
	for (int step = 0; step < 3000; step++) {
		__u32 n = some_len(&d, m.max - b.len), used;
		struct iovec iov[4];
		int k;

		switch (dice_below(&d, 4)) {
		case 0: /* by copy */
			dice_fill(&d, p, n < 64 ? n : 64);
			assert_int_equal(buf_write(stack, &b, b.len, p, n), n);
			model_write(&m, b.len, p, n);
			b.len += n;
			break;
		case 1: /* in place, and some of it given back */
			k = buf_room(stack, &b, b.len, n, iov, 4);
			used = k ? dice_below(&d, (__u32)iov[0].iov_len + 1) : 0;
			if (used)
				memset(iov[0].iov_base, step, used);
			memset(p, step, used);
			model_write(&m, b.len, p, used);
			b.len += used;
			buf_trim(stack, &b);
			break;
		default:
			n = some_len(&d, b.len);
			buf_drop(stack, &b, n, false);
			model_drop(&m, n);
			break;
		}
		same(&b, 0, b.len, m.byte);
		assert_true(stack->chunks.used <= (b.len + TCP_CHUNK - 1) / TCP_CHUNK + 2);
		if (b.len == 0)
			assert_int_equal(stack->chunks.used, 0);
	}
	buf_clear(stack, &b);
	assert_int_equal(stack->chunks.used, 0);
	model_free(&m);
}

/* A receive buffer: written anywhere, dropped at the front, with all behind it kept. */
static void test_random_places(void **state)
{
	static __u8 p[4 * TCP_CHUNK];
	struct dice d = {44};
	struct model m;

	(void)state;
	for (int round = 0; round < 60; round++) {
		__u32 size = (round % 3 ? 4 : 200) * TCP_CHUNK;
		struct buf b = {0};

		model_new(&m, size);
		for (int step = 0; step < 60; step++) {
			__u32 pos = dice_below(&d, size), n = some_len(&d, size - pos);

			if (n > sizeof(p))
				n = sizeof(p);
			dice_fill(&d, p, n < 64 ? n : 64);
			if (dice_below(&d, 5)) {
				assert_int_equal(buf_write(stack, &b, pos, p, n), n);
				model_write(&m, pos, p, n);
				continue;
			}
			n = dice_below(&d, size / 2);
			b.len = n; /* now it counts as there, as far as it is dropped */
			buf_drop(stack, &b, n, true);
			model_drop(&m, n);
			assert_int_equal(b.len, 0);
		}
		same_as_model(&b, &m);
		buf_clear(stack, &b);
		assert_int_equal(stack->chunks.used, 0);
		model_free(&m);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_nothing_costs_nothing),
		T(test_one_byte_costs_one_chunk),
		T(test_a_hole_costs_nothing),
		T(test_the_largest_buffer),
		T(test_the_directory_takes_over),
		T(test_room_is_written_in_place),
		T(test_trim_at_the_edges_of_chunks),
		T(test_exhaustion),
		T(test_random_stream),
		T(test_random_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
