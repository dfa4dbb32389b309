/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's library by its public header alone: every call, every error, packets in and out. */
#include "pair.h"

static void test_open_both_families(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pair *p = pair_new(v6);
		struct sge_addr a;
		sge_conn c[2];
		int l;

		pair_open(p, c, &l);
		assert_int_equal(sge_getpeername(p->e[1], c[1], &a), 0);
		assert_memory_equal(&a, &p->addr[0], sizeof(a));
		assert_int_equal(sge_getsockname(p->e[1], c[1], &a), 0);
		assert_memory_equal(&a, &p->addr[1], sizeof(a));
		assert_int_equal(sge_poll(p->e[0], c[0]), SGE_OUT);
		sge_close(p->e[0], c[0], p->now);
		pair_run(p, 50 * MS);
		assert_int_equal(sge_poll(p->e[1], c[1]), SGE_IN | SGE_OUT);
		sge_close(p->e[1], c[1], p->now);
		pair_run(p, 50 * MS);
		assert_string_equal(sge_pair_state(p->e[0], &p->addr[0], &p->addr[1]), "TIME-WAIT");
		assert_string_equal(sge_pair_state(p->e[1], &p->addr[1], &p->addr[0]), "CLOSED");
		sge_unlisten(p->e[1], l, p->now);
		pair_empty(p);
	}
}

/* A megabyte each way at the same time, read with and without peeking. */
static void test_data(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t sent[2] = {0, 0}, got[2] = {0, 0};
	static uint8_t buf[65536], look[100];
	sge_conn c[2];
	int l;

	(void)state;
	pair_open(p, c, &l);
	for (int turn = 0; turn < 20000 && (got[0] < 1 << 20 || got[1] < 1 << 20); turn++) {
		for (int i = 0; i < 2; i++) {
			uint32_t k = (1u << 20) - sent[i] < 5000 ? (1u << 20) - sent[i] : 5000;
			ssize_t n;

			for (uint32_t j = 0; j < k; j++)
				buf[j] = (uint8_t)((sent[i] + j) * 7 + i);
			n = sge_send(p->e[i], c[i], buf, k, p->now);
			assert_true(n >= 0 || n == -EAGAIN);
			sent[i] += n > 0 ? (uint32_t)n : 0;
			n = sge_recv(p->e[i], c[i], look, sizeof(look), SGE_PEEK, p->now);
			if (n == -EAGAIN)
				continue;
			assert_true(n > 0);
			k = (uint32_t)n;
			n = sge_recv(p->e[i], c[i], buf, sizeof(buf), 0, p->now);
			assert_true(n >= (ssize_t)k);
			assert_memory_equal(buf, look, k);
			for (ssize_t j = 0; j < n; j++)
				assert_int_equal(buf[j], (uint8_t)((got[i] + j) * 7 + !i));
			got[i] += (uint32_t)n;
		}
		pair_run(p, MS);
	}
	assert_int_equal(got[0], 1 << 20);
	assert_int_equal(got[1], 1 << 20);
	assert_int_equal(counter(p->e[0], "RetransSegs"), 0);
	sge_close(p->e[0], c[0], p->now);
	sge_close(p->e[1], c[1], p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

static void test_half_close(void **state)
{
	struct pair *p = pair_new(0);
	uint8_t buf[16];
	sge_conn c[2];
	int l;

	(void)state;
	pair_open(p, c, &l);
	assert_int_equal(sge_send(p->e[0], c[0], "ask", 3, p->now), 3);
	assert_int_equal(sge_shutdown(p->e[0], c[0], SGE_WR, p->now), 0);
	assert_int_equal(sge_send(p->e[0], c[0], "x", 1, p->now), -EPIPE);
	pair_run(p, 50 * MS);
	assert_string_equal(sge_state(p->e[0], c[0]), "FIN-WAIT-2");
	assert_string_equal(sge_state(p->e[1], c[1]), "CLOSE-WAIT");
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), 3);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), 0);
	assert_int_equal(sge_send(p->e[1], c[1], "answer", 6, p->now), 6);
	assert_int_equal(sge_shutdown(p->e[1], c[1], SGE_WR, p->now), 0);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_recv(p->e[0], c[0], buf, 16, 0, p->now), 6);
	assert_int_equal(sge_recv(p->e[0], c[0], buf, 16, 0, p->now), 0);
	sge_close(p->e[0], c[0], p->now);
	sge_close(p->e[1], c[1], p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

/* SHUT_RD: the end at once, but what is there and what comes can be read. */
static void test_shutdown_read(void **state)
{
	struct pair *p = pair_new(0);
	uint8_t buf[16];
	sge_conn c[2];
	int l;

	(void)state;
	pair_open(p, c, &l);
	sge_send(p->e[0], c[0], "abc", 3, p->now);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_shutdown(p->e[1], c[1], SGE_RD, p->now), 0);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), 3);
	assert_true(sge_poll(p->e[1], c[1]) & SGE_IN); /* the end is there to be read */
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), 0);
	sge_send(p->e[0], c[0], "de", 2, p->now);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), 2);
	assert_int_equal(sge_shutdown(p->e[1], c[1], 0, p->now), -EINVAL);
	assert_int_equal(sge_shutdown(p->e[1], c[1], 4, p->now), -EINVAL);
	sge_close(p->e[0], c[0], p->now);
	sge_close(p->e[1], c[1], p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

static void test_resets(void **state)
{
	struct pair *p = pair_new(0);
	uint8_t buf[16];
	sge_conn c[2];
	int l, err;

	(void)state;
	pair_open(p, c, &l);
	assert_int_equal(sge_setsockopt(p->e[0], c[0], SGE_LINGER, 0, p->now), 0);
	assert_int_equal(sge_close(p->e[0], c[0], p->now), 0);
	pair_run(p, 50 * MS);
	assert_true(sge_poll(p->e[1], c[1]) & SGE_ERR);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 16, 0, p->now), -ECONNRESET);
	assert_int_equal(sge_send(p->e[1], c[1], buf, 16, p->now), -ECONNRESET);
	assert_int_equal(sge_getsockopt(p->e[1], c[1], SGE_ERROR, &err), 0);
	assert_int_equal(err, ECONNRESET);
	assert_int_equal(sge_shutdown(p->e[1], c[1], SGE_WR, p->now), -ENOTCONN);
	assert_int_equal(sge_close(p->e[1], c[1], p->now), 0);
	assert_int_equal(sge_close(p->e[1], c[1], p->now), -EBADF);
	assert_int_equal(sge_poll(p->e[1], c[1]), 0);
	assert_string_equal(sge_state(p->e[1], c[1]), "CLOSED");
	/* the same pair again, cut off by the server with data unread */
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c[0]), 0);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_accept(p->e[1], l, &c[1]), 0);
	sge_send(p->e[0], c[0], "unread", 6, p->now);
	pair_run(p, 50 * MS);
	sge_close(p->e[1], c[1], p->now);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_recv(p->e[0], c[0], buf, 16, 0, p->now), -ECONNRESET);
	assert_int_equal(sge_abort(p->e[0], c[0], p->now), 0);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

static void test_connect_fails(void **state)
{
	struct pair *p = pair_new(0);
	struct sge_addr six = {{0xfd}, 80}, none = p->addr[1];
	sge_conn c;

	(void)state;
	none.port = 0;
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &none, p->now, &c), -EINVAL);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &six, p->now, &c), -EINVAL);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), -EADDRINUSE);
	assert_int_equal(sge_send(p->e[0], c, "x", 1, p->now), -EAGAIN);
	assert_int_equal(sge_recv(p->e[0], c, &none, 1, 0, p->now), -EAGAIN);
	assert_int_equal(sge_shutdown(p->e[0], c, SGE_RDWR, p->now), 0); /* no more of it */
	assert_int_equal(sge_poll(p->e[0], c), SGE_IN | SGE_ERR);
	assert_int_equal(sge_shutdown(p->e[0], c, SGE_RDWR, p->now), -ENOTCONN);
	assert_int_equal(sge_recv(p->e[0], c, &none, 1, 0, p->now), -ECONNRESET);
	sge_close(p->e[0], c, p->now);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
	pair_run(p, 50 * MS); /* nobody listens */
	assert_int_equal(sge_recv(p->e[0], c, &none, 1, 0, p->now), -ECONNREFUSED);
	sge_close(p->e[0], c, p->now);
	p->deaf = 2; /* nobody is there: 1 + 2 + ... + 64 s */
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
	pair_run(p, 126 * SEC);
	assert_string_equal(sge_state(p->e[0], c), "SYN-SENT");
	pair_run(p, 2 * SEC);
	assert_int_equal(sge_send(p->e[0], c, "x", 1, p->now), -ETIMEDOUT);
	sge_close(p->e[0], c, p->now);
	pair_empty(p);
}

/* tcp_tw_reuse: the client closes first, and connects from the same port again and again. */
static void test_the_same_pair_again(void **state)
{
	struct pair *p = pair_new(0);
	sge_conn c[2];
	uint64_t n;
	int l;

	(void)state;
	l = sge_listen(p->e[1], &p->addr[1], 8);
	assert_int_equal(sge_sysctl_set(p->e[0], "tcp_tw_reuse", 1), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c[0]), 0);
		pair_run(p, 50 * MS);
		assert_int_equal(sge_accept(p->e[1], l, &c[1]), 0);
		sge_close(p->e[0], c[0], p->now);
		pair_run(p, 50 * MS);
		sge_close(p->e[1], c[1], p->now);
		pair_run(p, 50 * MS);
		assert_string_equal(sge_pair_state(p->e[0], &p->addr[0], &p->addr[1]), "TIME-WAIT");
		assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c[0]),
				 -EADDRINUSE);
		pair_run(p, 1100 * MS);
	}
	assert_int_equal(sge_counter(p->e[0], "TWRecycled", &n), 0);
	assert_int_equal(n, 4);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

/* The two bytes of the IP header that are the application's, and only of its own packets. */
static void header_is(const struct pair *p, int tos, int ttl)
{
	bool v4 = p->last[0] >> 4 == 4;

	assert_int_equal(v4 ? p->last[1] : (p->last[0] << 8 | p->last[1]) >> 4 & 255, tos);
	assert_int_equal(p->last[v4 ? 8 : 7], ttl);
}

static void test_tos_and_ttl(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct pair *p = pair_new(v6);
		sge_conn c[2];
		int l;

		(void)state;
		l = sge_listen(p->e[1], &p->addr[1], 8);
		sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c[0]);
		assert_int_equal(sge_setsockopt(p->e[0], c[0], SGE_TOS, 0xb8, p->now), 0);
		assert_int_equal(sge_setsockopt(p->e[0], c[0], SGE_TTL, 9, p->now), 0);
		pair_run(p, MS);
		header_is(p, 0xb8, 9); /* the SYN */
		pair_run(p, 5 * MS);
		header_is(p, 0, 64); /* the SYN-ACK: nothing is reflected */
		pair_run(p, 50 * MS);
		header_is(p, 0xb8, 9);
		assert_int_equal(sge_accept(p->e[1], l, &c[1]), 0);
		assert_int_equal(sge_sysctl_set(p->e[1], "ip_default_ttl", 200), 0);
		sge_send(p->e[1], c[1], "x", 1, p->now);
		pair_run(p, MS);
		header_is(p, 0, 200);
		sge_abort(p->e[0], c[0], p->now);
		sge_abort(p->e[1], c[1], p->now);
		sge_unlisten(p->e[1], l, p->now);
		pair_empty(p);
	}
}

/* A packet with URG on its way, as telnet sends it: the last of three bytes is urgent. */
static void test_urgent(void **state)
{
	struct pair *p = pair_new(0);
	uint8_t *tcp = p->fly[0].bytes + 20, buf[8];
	sge_conn c[2];
	int l, left;

	(void)state;
	pair_open(p, c, &l);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_sysctl_set(p->e[1], "verify_checksum", 0), 0);
	assert_int_equal(sge_poll(p->e[1], c[1]) & SGE_PRI, 0);
	sge_send(p->e[0], c[0], "abc", 3, p->now);
	pair_run(p, MS);
	assert_int_equal(p->n, 1);
	tcp[13] |= 0x20;
	tcp[19] = 3;
	pair_run(p, 50 * MS);
	assert_int_equal(sge_poll(p->e[1], c[1]), SGE_IN | SGE_PRI | SGE_OUT);
	assert_int_equal(sge_getsockopt(p->e[1], c[1], SGE_URGENT, &left), 0);
	assert_int_equal(left, 3);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 2, 0, p->now), 2);
	assert_int_equal(sge_poll(p->e[1], c[1]), SGE_IN | SGE_PRI | SGE_OUT);
	assert_int_equal(sge_recv(p->e[1], c[1], buf, 8, 0, p->now), 1);
	assert_int_equal(sge_poll(p->e[1], c[1]), SGE_OUT);
	sge_abort(p->e[0], c[0], p->now);
	sge_abort(p->e[1], c[1], p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

static void put_sum(uint8_t *at, const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* A router's ICMP error (type 3) about the packet that was sent last: it quotes 28 bytes. */
static int unreachable(struct pair *p, int to, uint8_t code)
{
	uint8_t b[56] = {0x45, 0, 0, sizeof(b), 0, 0, 0, 0, 64, 1, 0, 0, 10, 9, 9, 9};

	memcpy(b + 16, p->last + 12, 4);
	put_sum(b + 10, b, 20);
	b[20] = 3;
	b[21] = code;
	memcpy(b + 28, p->last, 28);
	put_sum(b + 22, b + 20, 36);
	return sge_input(p->e[to], b, sizeof(b), p->now);
}

static void test_icmp(void **state)
{
	struct pair *p = pair_new(0);
	sge_conn c;
	char x;

	(void)state;
	p->deaf = 2;
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
	pair_run(p, 50 * MS);
	assert_int_equal(unreachable(p, 0, 1), 0); /* the host: it may come back */
	assert_string_equal(sge_state(p->e[0], c), "SYN-SENT");
	p->last[24] ^= 1; /* another sequence number */
	assert_int_equal(unreachable(p, 0, 3), 0);
	assert_string_equal(sge_state(p->e[0], c), "SYN-SENT");
	assert_int_equal(counter(p->e[0], "OutOfWindowIcmps"), 1);
	p->last[24] ^= 1;
	assert_int_equal(unreachable(p, 0, 3), 0); /* the port */
	assert_int_equal(sge_recv(p->e[0], c, &x, 1, 0, p->now), -ECONNREFUSED);
	sge_close(p->e[0], c, p->now);
	assert_int_equal(unreachable(p, 0, 99), -EPROTO);
	pair_empty(p);
}

/* A backlog of 1: two in each queue, and the rest in silence (Linux). */
static void test_backlog(void **state)
{
	struct pair *p = pair_new(0);
	struct sge_usage u;
	sge_conn c[6], s;
	int l = sge_listen(p->e[1], &p->addr[1], 1), open = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct sge_addr from = p->addr[0];

		from.port = (uint16_t)(from.port + i);
		assert_int_equal(sge_connect(p->e[0], &from, &p->addr[1], p->now, &c[i]), 0);
		pair_run(p, 50 * MS);
		open += !strcmp(sge_state(p->e[0], c[i]), "ESTAB");
	}
	assert_int_equal(open, 2);
	assert_true(counter(p->e[1], "ListenOverflows") >= 4);
	assert_int_equal(sge_accept(p->e[1], l, &s), 0);
	sge_abort(p->e[1], s, p->now);
	assert_int_equal(sge_accept(p->e[1], l, &s), 0);
	sge_abort(p->e[1], s, p->now);
	assert_int_equal(sge_accept(p->e[1], l, &s), -EAGAIN);
	pair_run(p, 10 * SEC); /* the others come again */
	assert_int_equal(sge_accept(p->e[1], l, &s), 0);
	sge_usage(p->e[1], &u);
	assert_true(u.conns >= 2);
	sge_unlisten(p->e[1], l, p->now);
	sge_abort(p->e[1], s, p->now);
	for (int i = 0; i < 6; i++)
		sge_abort(p->e[0], c[i], p->now);
	pair_empty(p);
}

/* The final ACK is lost: the SYN-ACK comes again, from the half-open queue. */
/* Without room for half-open entries, and always: connections as good as others. */
static void test_cookies(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pair *p = pair_new(v6);
		struct sge_usage u;
		uint64_t n;
		char buf[64];
		sge_conn c, s;
		int l;

		assert_int_equal(sge_sysctl_set(p->e[1], "tcp_syncookies", 2), 0);
		l = sge_listen(p->e[1], &p->addr[1], 5);
		assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
		pair_run(p, 7 * MS);
		p->deaf = 1 << 1; /* the ACK is lost: what comes behind it does as well */
		pair_run(p, 50 * MS);
		p->deaf = 0;
		sge_usage(p->e[1], &u);
		assert_int_equal(u.halfopen, 0);
		assert_int_equal(sge_accept(p->e[1], l, &s), -EAGAIN);
		assert_string_equal(sge_state(p->e[0], c), "ESTAB");
		assert_int_equal(sge_send(p->e[0], c, "hello", 5, p->now), 5);
		pair_run(p, SEC);
		assert_int_equal(sge_accept(p->e[1], l, &s), 0);
		assert_int_equal(sge_recv(p->e[1], s, buf, sizeof(buf), 0, p->now), 5);
		assert_int_equal(sge_counter(p->e[1], "SyncookiesRecv", &n), 0);
		assert_int_equal(n, 1);
		pair_free(p);
	}
}

/* A new key while the SYN-ACK is on its way: with one more the cookie is good, with two it is not. */
static void test_cookie_key(void **state)
{
	(void)state;
	for (uint8_t keys = 1; keys <= 2; keys++) {
		struct pair *p = pair_new(0);
		uint8_t key[16];
		sge_conn c, s;
		int l;

		assert_int_equal(sge_sysctl_set(p->e[1], "tcp_syncookies", 2), 0);
		l = sge_listen(p->e[1], &p->addr[1], 5);
		assert_int_equal(sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c), 0);
		pair_run(p, 7 * MS);
		for (uint8_t i = 1; i <= keys; i++) {
			memset(key, i, sizeof(key));
			sge_cookie_key(p->e[1], key, 0);
			sge_cookie_key(p->e[1], key, 0); /* the same once more is no other */
		}
		pair_run(p, 50 * MS);
		assert_int_equal(sge_accept(p->e[1], l, &s), keys == 1 ? 0 : -EAGAIN);
		assert_int_equal(counter(p->e[1], "SyncookiesFailed"), keys - 1);
		pair_free(p);
	}
}

static void test_half_open(void **state)
{
	struct pair *p = pair_new(0);
	sge_conn c, s;
	int l = sge_listen(p->e[1], &p->addr[1], 8);

	(void)state;
	sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c);
	pair_run(p, 7 * MS); /* the SYN has arrived, the SYN-ACK is on its way */
	assert_string_equal(sge_pair_state(p->e[1], &p->addr[1], &p->addr[0]), "SYN-RECV");
	p->deaf = 2;
	pair_run(p, 500 * MS);
	assert_int_equal(sge_accept(p->e[1], l, &s), -EAGAIN);
	p->deaf = 0;
	pair_run(p, SEC);
	assert_int_equal(sge_accept(p->e[1], l, &s), 0);
	assert_true(counter(p->e[1], "TCPSynRetrans") >= 1);
	sge_abort(p->e[0], c, p->now);
	sge_abort(p->e[1], s, p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

static void test_listeners(void **state)
{
	struct pair *p = pair_new(0);
	struct sge_addr any = {{0}, 80}, zero = {{0}, 0};
	sge_conn c, s;
	int a, b;

	(void)state;
	a = sge_listen(p->e[1], &any, 5);
	assert_true(a >= 0);
	assert_int_equal(sge_listen(p->e[1], &any, 5), -EADDRINUSE);
	assert_int_equal(sge_listen(p->e[1], &zero, 5), -EINVAL);
	b = sge_listen(p->e[1], &p->addr[1], 5);
	assert_true(b >= 0 && b != a);
	assert_int_equal(sge_accept(p->e[1], 4, &s), -EBADF);
	assert_int_equal(sge_accept(p->e[1], -1, &s), -EBADF);
	assert_int_equal(sge_unlisten(p->e[1], 3, p->now), -EBADF);
	sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c);
	pair_run(p, 50 * MS);
	assert_int_equal(sge_accept(p->e[1], a, &s), -EAGAIN);
	assert_int_equal(sge_accept(p->e[1], b, &s), 0); /* the exact address goes first */
	for (any.port = 81; any.port < 83; any.port++)
		assert_true(sge_listen(p->e[1], &any, 5) >= 0);
	assert_int_equal(sge_listen(p->e[1], &any, 5), -ENOBUFS);
	sge_abort(p->e[0], c, p->now);
	sge_abort(p->e[1], s, p->now);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sge_unlisten(p->e[1], i, p->now), 0);
	pair_empty(p);
}

static void test_names(void **state)
{
	struct pair *p = pair_new(0);
	sge_conn c[2];
	uint64_t n;
	uint32_t v;
	int l, value;

	(void)state;
	assert_int_equal(sge_sysctl_get(p->e[0], "tcp_fin_timeout", &v), 0);
	assert_int_equal(v, 60);
	assert_int_equal(sge_sysctl_set(p->e[0], "tcp_fin_timeout", 5), 0);
	assert_int_equal(sge_sysctl_get(p->e[0], "tcp_fin_timeout", &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(sge_sysctl_get(p->e[1], "tcp_fin_timeout", &v), 0);
	assert_int_equal(v, 60); /* each engine has its own */
	assert_int_equal(sge_sysctl_set(p->e[0], "tcp_fin_timeout", 0), -ERANGE);
	assert_int_equal(sge_sysctl_set(p->e[0], "nonsense", 0), -ENOENT);
	assert_int_equal(sge_sysctl_get(p->e[0], "nonsense", &v), -ENOENT);
	assert_int_equal(sge_counter(p->e[0], "nonsense", &n), -ENOENT);
	pair_open(p, c, &l);
	assert_int_equal(sge_getsockopt(p->e[0], c[0], SGE_MAXSEG, &value), 0);
	assert_int_equal(value, 1448);
	assert_int_equal(sge_setsockopt(p->e[0], c[0], SGE_MAXSEG, 5, p->now), -ENOPROTOOPT);
	assert_int_equal(sge_setsockopt(p->e[0], c[0], (enum sge_opt)99, 5, p->now), -ENOPROTOOPT);
	assert_int_equal(sge_setsockopt(p->e[0], c[0], SGE_KEEPIDLE, 0, p->now), -EINVAL);
	assert_int_equal(sge_setsockopt(p->e[0], 0, SGE_NODELAY, 1, p->now), -EBADF);
	sge_abort(p->e[0], c[0], p->now);
	sge_abort(p->e[1], c[1], p->now);
	sge_unlisten(p->e[1], l, p->now);
	pair_empty(p);
}

/* Sizes that cannot be, and memory that is too small. */
static void test_configuration(void **state)
{
	struct sge_config good = {.max_conns = 4,
				  .max_buffers = 64,
				  .max_halfopen = 4,
				  .max_listeners = 1,
				  .mtu = 1500};
	struct sge_config bad[6];
	size_t size = sge_size(&good);
	void *mem = aligned_alloc(4096, (size + 8191) & ~(size_t)4095);
	struct sge *e;

	(void)state;
	for (int i = 0; i < 6; i++)
		bad[i] = good;
	bad[0].max_conns = 0;
	bad[1].max_buffers = 1;
	bad[2].max_halfopen = 0;
	bad[3].max_listeners = 4097;
	bad[4].mtu = 575;
	bad[5].max_conns = (1u << 24) + 1;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(sge_size(&bad[i]), 0);
		assert_int_equal(sge_init(mem, size, &bad[i], 1, &e), -EINVAL);
	}
	assert_int_equal(sge_init(mem, size - 1, &good, 1, &e), -EINVAL);
	assert_int_equal(sge_init((char *)mem + 8, size, &good, 1, &e), -EINVAL);
	free(mem);
}

/* What is no TCP packet is refused by its reason and changes nothing; a full engine says so. */
static void test_packets(void **state)
{
	struct pair *p = pair_new(0);
	uint8_t buf[2048], small[100];
	ssize_t len;
	sge_conn c;
	int rc = 0, n;

	(void)state;
	sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c);
	assert_int_equal(sge_output(p->e[0], small, sizeof(small), p->now), -EMSGSIZE);
	len = sge_output(p->e[0], buf, sizeof(buf), p->now);
	assert_int_equal(len, 60); /* IPv4, TCP and 20 bytes of options */
	for (ssize_t i = 0; i < len; i++)
		assert_int_equal(sge_input(p->e[1], buf, (size_t)i, p->now), -EPROTO);
	buf[40] ^= 1;
	assert_int_equal(sge_input(p->e[1], buf, (size_t)len, p->now), -EBADMSG);
	buf[40] ^= 1;
	buf[9] = 17;
	assert_int_equal(sge_input(p->e[1], buf, (size_t)len, p->now), -EPROTO);
	buf[9] = 6;
	for (n = 0; n < 100 && rc == 0; n++) /* a RST waits for each */
		rc = sge_input(p->e[1], buf, (size_t)len, p->now);
	assert_int_equal(rc, -ENOBUFS);
	assert_true(n > 32);
	assert_int_equal(sge_output(p->e[1], small, 10, p->now), -EMSGSIZE);
	for (int k = 1; k < n; k++)
		assert_int_equal(sge_output(p->e[1], small, sizeof(small), p->now), 40);
	sge_close(p->e[0], c, p->now);
	pair_empty(p);
}

struct change {
	size_t at;
	uint8_t bytes[16];
	size_t n;
};

/* The packet with one of its fields changed; whoever it is for is e[1]. */
static ssize_t changed(struct pair *p, const uint8_t *packet, size_t len, const struct change *ch)
{
	uint8_t buf[2048], out[2048];

	memcpy(buf, packet, len);
	memcpy(buf + ch->at, ch->bytes, ch->n);
	assert_int_equal(sge_input(p->e[1], buf, len, p->now), 0);
	return sge_output(p->e[1], out, sizeof(out), p->now);
}

/* RFC 9293 MUST-57, MUST-63: from no host or to none, and what no TCP sends: silence. */
static void test_invalid_strangers(void **state)
{
	static const struct change four[] = {
		{12, {224, 0, 0, 1}, 4},
		{12, {239, 255, 255, 255}, 4},
		{12, {255, 255, 255, 255}, 4},
		{12, {0, 0, 0, 0}, 4},
		{12, {127, 0, 0, 1}, 4},
		{16, {224, 0, 0, 1}, 4},
		{16, {255, 255, 255, 255}, 4},
		{20, {0, 0}, 2},
		{12, {10, 0, 0, 2, 10, 0, 0, 2, 0, 80}, 10}, /* LAND */
	};
	static const struct change six[] = {
		{8, {0xff, 2}, 2},
		{8, {0}, 16},
		{8, {[15] = 1}, 16},
		{24, {0xff, 2}, 2},
	};
	static const struct change no_tcp[] = {{33, {0}, 1}, {33, {0x03}, 1}, {33, {0x29}, 1}};
	static const struct change itself = {33, {0x02}, 1};

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pair *p = pair_new(v6);
		struct sge_addr any = {.port = 80}, closed = p->addr[1];
		int l = sge_listen(p->e[1], &any, 8), n = v6 ? 4 : 9;
		uint8_t syn[2048], other[2048];
		struct sge_usage u;
		ssize_t len, rst = v6 ? 60 : 40;
		sge_conn c;

		closed.port = 81;
		sge_sysctl_set(p->e[1], "verify_checksum", 0);
		sge_connect(p->e[0], &p->addr[0], &p->addr[1], p->now, &c);
		len = sge_output(p->e[0], syn, sizeof(syn), p->now);
		sge_abort(p->e[0], c, p->now);
		sge_connect(p->e[0], &p->addr[0], &closed, p->now, &c);
		assert_int_equal(sge_output(p->e[0], other, sizeof(other), p->now), len);
		sge_abort(p->e[0], c, p->now);
		for (int i = 0; i < n; i++) {
			assert_int_equal(changed(p, syn, (size_t)len, v6 ? &six[i] : &four[i]), 0);
			if (v6 || i < 8)
				assert_int_equal(
					changed(p, other, (size_t)len, v6 ? &six[i] : &four[i]), 0);
		}
		for (int i = 0; !v6 && i < 3; i++) { /* to a port where nobody listens: RST */
			assert_int_equal(changed(p, syn, (size_t)len, &no_tcp[i]), 0);
			assert_int_equal(changed(p, other, (size_t)len, &no_tcp[i]), rst);
		}
		sge_usage(p->e[1], &u);
		assert_int_equal(u.halfopen, 0);
		assert_int_equal(counter(p->e[1], "InErrs"), v6 ? 8 : 17 + 3);
		assert_true(v6 || changed(p, syn, (size_t)len, &itself) == len);
		sge_unlisten(p->e[1], l, p->now);
		pair_empty(p);
	}
}

/* RFC 9293 MUST-46: connect() to a group, from one; nor does anybody listen at one. */
static void test_one_host(void **state)
{
	struct pair *p = pair_new(0);
	struct sge_addr group = sge_addr4(224, 0, 0, 5, 80), any4 = sge_addr4(0, 0, 0, 0, 80),
			group6 = {{0xff, 2, [15] = 1}, 80}, any = {.port = 80},
			six = {{0xfd, [15] = 1}, 5000};
	sge_conn c;
	int l;

	(void)state;
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &group, p->now, &c), -ENETUNREACH);
	assert_int_equal(sge_connect(p->e[0], &six, &group6, p->now, &c), -ENETUNREACH);
	assert_int_equal(sge_connect(p->e[0], &p->addr[0], &any4, p->now, &c), -EINVAL);
	assert_int_equal(sge_connect(p->e[0], &six, &any, p->now, &c), -EINVAL);
	assert_int_equal(sge_connect(p->e[0], &group, &p->addr[1], p->now, &c), -EADDRNOTAVAIL);
	assert_int_equal(sge_connect(p->e[0], &any4, &p->addr[1], p->now, &c), -EADDRNOTAVAIL);
	assert_int_equal(sge_listen(p->e[0], &group, 1), -EADDRNOTAVAIL);
	assert_int_equal(sge_listen(p->e[0], &group6, 1), -EADDRNOTAVAIL);
	assert_int_equal(sge_listen(p->e[0], &any4, 1), -EADDRNOTAVAIL);
	l = sge_listen(p->e[0], &any, 1);
	assert_int_equal(l, 0);
	sge_unlisten(p->e[0], l, p->now);
	pair_empty(p);
}

/* The peer's segments say where they come from: every segment of ours goes there (MUST-45). */
static void test_addresses_stay(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pair *p = pair_new(v6);
		size_t at = v6 ? 8 : 12, n = v6 ? 16 : 4, from = v6 ? 0 : 12;
		uint8_t buf[2048];
		sge_conn c[2];
		int l;

		pair_open(p, c, &l);
		for (int i = 0; i < 5; i++) {
			ssize_t len;

			sge_send(p->e[1], c[1], "x", 1, p->now);
			len = sge_output(p->e[1], buf, sizeof(buf), p->now);
			assert_true(len > 0);
			assert_memory_equal(buf + at, p->addr[1].ip + from, n);
			assert_memory_equal(buf + at + n, p->addr[0].ip + from, n);
			assert_int_equal(sge_input(p->e[0], buf, (size_t)len, p->now), 0);
			pair_run(p, 50 * MS);
		}
		sge_abort(p->e[0], c[0], p->now);
		sge_abort(p->e[1], c[1], p->now);
		sge_unlisten(p->e[1], l, p->now);
		pair_empty(p);
	}
}

/* Two more in the same process know nothing of the first two. */
static void test_many_engines(void **state)
{
	struct pair *p[4];
	sge_conn c[4][2];
	int l[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		p[i] = pair_new(i & 1);
		pair_open(p[i], c[i], &l[i]);
	}
	for (int i = 0; i < 4; i++) {
		uint8_t buf[8];

		sge_send(p[i]->e[0], c[i][0], "hello", (size_t)i + 1, p[i]->now);
		pair_run(p[i], 50 * MS);
		assert_int_equal(sge_recv(p[i]->e[1], c[i][1], buf, 8, 0, p[i]->now), i + 1);
		assert_int_equal(counter(p[i]->e[1], "PassiveOpens"), 1);
		sge_close(p[i]->e[0], c[i][0], p[i]->now);
		sge_close(p[i]->e[1], c[i][1], p[i]->now);
		sge_unlisten(p[i]->e[1], l[i], p[i]->now);
	}
	for (int i = 0; i < 4; i++)
		pair_empty(p[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_both_families),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_shutdown_read),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_the_same_pair_again),
		cmocka_unit_test(test_tos_and_ttl),
		cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_cookie_key),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_invalid_strangers),
		cmocka_unit_test(test_one_host),
		cmocka_unit_test(test_addresses_stay),
		cmocka_unit_test(test_many_engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
