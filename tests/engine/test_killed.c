/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process with two engines that talk to each other is killed (SIGKILL, at any moment), and
 * this one maps their memory, at another address, and goes on with all connections: what the
 * applications then read and send continues where it was. The public header alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "syngate_engine.h"

#define MS	 1000000ull
#define SEC	 1000000000ull
#define KILLS	 40
#define CONNS	 24
#define BYTES	 60000u /* each way, on each connection */
#define PORT	 80
#define DELAY	 (2 * MS)
#define FLYING	 256
#define SHORTEST 2 /* ms that the other process has */

static const struct sge_config config = {
	.max_conns = 64, .max_buffers = 2048, .max_halfopen = 64, .max_listeners = 2, .mtu = 1500};

struct world {
	int fd; /* the clock, then the two engines' memory */
	size_t size;
	struct shared {
		uint64_t now;
		uint16_t next_port;
		uint8_t pad[4080];
	} * shared;
	struct sge *e[2]; /* client, server */
	struct flying {
		uint64_t at;
		int to;
		size_t len;
		uint8_t bytes[1600];
	} fly[FLYING];
	unsigned n, done, lost;
};

static uint8_t byte_at(uint16_t port, int from, uint64_t pos)
{
	return (uint8_t)(pos * 31 + pos / 255 + port * 7u + (unsigned)from);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void map(struct world *w)
{
	char *mem = mmap(NULL, sizeof(struct shared) + 2 * w->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, w->fd, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	w->shared = (struct shared *)(void *)mem;
}

static void *memory_of(struct world *w, int i)
{
	return (char *)w->shared + sizeof(struct shared) + (size_t)i * w->size;
}

static void world_open(struct world *w)
{
	struct sge_addr any = {.port = PORT};

	memset(w, 0, sizeof(*w));
	w->size = (sge_size(&config) + 4095) & ~(size_t)4095;
	w->fd = memfd_create("engines", 0);
	assert_int_equal(ftruncate(w->fd, (off_t)(sizeof(struct shared) + 2 * w->size)), 0);
	map(w);
	w->shared->now = 1000 * SEC;
	w->shared->next_port = 30000;
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			sge_init(memory_of(w, i), w->size, &config, w->shared->now, &w->e[i]), 0);
	assert_int_equal(sge_listen(w->e[1], &any, CONNS), 0);
}

/* --- applications: all that they know is in the engines -----------------------------------------
 */

static uint16_t port_of(struct world *w, int i, sge_conn c)
{
	struct sge_addr a;

	assert_int_equal(i ? sge_getpeername(w->e[i], c, &a) : sge_getsockname(w->e[i], c, &a), 0);
	return a.port;
}

static void read_some(struct world *w, int i, sge_conn c, uint16_t port)
{
	uint64_t at, sent;
	uint8_t buf[3000];
	ssize_t n;

	sge_position(w->e[i], c, &at, &sent);
	n = sge_recv(w->e[i], c, buf, sizeof(buf), 0, w->shared->now);
	for (ssize_t k = 0; k < n; k++)
		if (buf[k] != byte_at(port, !i, at + (uint64_t)k))
			fail_msg("port %u, byte %llu is wrong", port,
				 (unsigned long long)at + (unsigned)k);
}

static void send_some(struct world *w, int i, sge_conn c, uint16_t port)
{
	uint64_t received, at;
	uint8_t buf[2000];
	size_t n;

	sge_position(w->e[i], c, &received, &at);
	if (at == BYTES) {
		sge_shutdown(w->e[i], c, SGE_WR, w->shared->now); /* perhaps it was done before */
		return;
	}
	n = BYTES - at < sizeof(buf) ? BYTES - at : sizeof(buf);
	for (size_t k = 0; k < n; k++)
		buf[k] = byte_at(port, i, at + k);
	sge_send(w->e[i], c, buf, n, w->shared->now);
}

static void serve(struct world *w, int i, sge_conn c)
{
	uint16_t port = port_of(w, i, c);
	uint64_t received, sent;
	int error = 0;

	sge_getsockopt(w->e[i], c, SGE_ERROR, &error);
	if (error) {
		assert_int_equal(error, ECONNRESET);
		w->lost++;
		sge_close(w->e[i], c, w->shared->now);
		return;
	}
	read_some(w, i, c, port);
	send_some(w, i, c, port);
	sge_position(w->e[i], c, &received, &sent);
	if (received == BYTES && sent == BYTES &&
	    sge_recv(w->e[i], c, &port, 1, 0, w->shared->now) == 0) {
		w->done++;
		sge_close(w->e[i], c, w->shared->now);
	}
}

static void serve_all(struct world *w)
{
	sge_conn c;

	while (sge_accept(w->e[1], 0, &c) == 0)
		;
	for (int i = 0; i < 2; i++)
		for (uint64_t cursor = 0; (c = sge_next(w->e[i], &cursor));)
			serve(w, i, c);
}

static unsigned conns(struct world *w)
{
	struct sge_usage a, b;

	sge_usage(w->e[0], &a);
	sge_usage(w->e[1], &b);
	return a.conns + b.conns;
}

static void open_more(struct world *w)
{
	struct sge_addr from = sge_addr4(10, 0, 0, 1, w->shared->next_port);
	struct sge_addr to = sge_addr4(10, 0, 0, 2, PORT);
	sge_conn c;

	if (conns(w) >= 2 * CONNS)
		return;
	w->shared->next_port = (uint16_t)(30000 + (w->shared->next_port - 29999) % 30000);
	sge_connect(w->e[0], &from, &to, w->shared->now, &c);
}

/* --- the wire -----------------------------------------------------------------------------------
 */

static void wire(struct world *w)
{
	unsigned kept = 0;

	for (int i = 0; i < 2; i++) {
		while (w->n < FLYING) {
			struct flying *f = &w->fly[w->n];
			ssize_t len =
				sge_output(w->e[i], f->bytes, sizeof(f->bytes), w->shared->now);

			if (len <= 0)
				break;
			f->at = w->shared->now + DELAY;
			f->to = !i;
			f->len = (size_t)len;
			w->n++;
		}
	}
	for (unsigned k = 0; k < w->n; k++) {
		struct flying *f = &w->fly[k];

		if (f->at <= w->shared->now)
			sge_input(w->e[f->to], f->bytes, f->len, w->shared->now);
		else if (kept++ != k)
			w->fly[kept - 1] = *f;
	}
	w->n = kept;
}

static void turn(struct world *w)
{
	w->shared->now += MS / 2;
	for (int i = 0; i < 2; i++)
		sge_expire(w->e[i], w->shared->now);
	wire(w);
	serve_all(w);
}

/* --- dying
 * ---------------------------------------------------------------------------------------- */

static void live(struct world *w, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned long turns = 0;; turns++) {
		open_more(w);
		turn(w);
		if (turns == 10 && write(ready, "x", 1) != 1)
			_exit(1);
	}
}

/* It lives for `ms` of the machine's time once connections are open. */
static void kill_after(struct world *w, int ms)
{
	int ready[2], status;
	char x;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		live(w, ready[1]);
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &x, 1), 1);
	poll(NULL, 0, ms);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(ready[0]);
}

static void go_on(struct world *w)
{
	struct shared *old = w->shared;
	unsigned resets = 0;

	map(w); /* beside the old mapping: at another address */
	munmap(old, sizeof(struct shared) + 2 * w->size);
	w->n = w->done = w->lost = 0;
	for (int i = 0; i < 2; i++) {
		int rc = sge_adopt(memory_of(w, i), w->size, &config, w->shared->now, &w->e[i]);

		assert_in_range(rc, 0, 1);
		resets += (unsigned)rc;
	}
	for (unsigned turns = 0; conns(w) && turns < 400000; turns++)
		turn(w);
	assert_int_equal(conns(w), 0);
	assert_true(w->lost <= 2 * resets); /* the connection, and its other end */
}

static void test_killed(void **state)
{
	struct world w;
	unsigned done = 0, lost = 0;

	(void)state;
	world_open(&w);
	for (int i = 0; i < KILLS; i++) {
		struct sge_usage u[2];

		kill_after(&w, SHORTEST + i % 7);
		go_on(&w);
		done += w.done;
		lost += w.lost;
		for (int k = 0; k < 2; k++) {
			sge_usage(w.e[k], &u[k]);
			assert_int_equal(u[k].buffers, 0);
			assert_int_equal(u[k].halfopen, 0);
		}
	}
	print_message("%u ends went on to the end, %u were reset\n", done, lost);
	assert_true(done > KILLS * CONNS / 2);
	munmap(w.shared, sizeof(struct shared) + 2 * w.size);
	close(w.fd);
}

/* What is not an engine's memory, or another's, is left alone. */
static void test_refused(void **state)
{
	struct sge_config other = config;
	struct sge *e;
	size_t size = (sge_size(&config) + 4095) & ~(size_t)4095;
	char *mem = aligned_alloc(4096, size);

	(void)state;
	memset(mem, 0, size);
	assert_int_equal(sge_adopt(mem, size, &config, SEC, &e), -EINVAL);
	assert_int_equal(sge_init(mem, size, &config, 10 * SEC, &e), 0);
	assert_int_equal(sge_adopt(mem, size, &config, 9 * SEC, &e), -ESTALE);
	assert_int_equal(sge_adopt(mem, size / 2, &config, 10 * SEC, &e), -EINVAL);
	other.key[7] = 1;
	assert_int_equal(sge_adopt(mem, size, &other, 10 * SEC, &e), -EINVAL);
	other = config;
	other.mtu = 1400;
	assert_int_equal(sge_adopt(mem, size, &other, 10 * SEC, &e), -EINVAL);
	other = config;
	other.max_conns = 32;
	assert_true(sge_adopt(mem, size, &other, 10 * SEC, &e) < 0);
	assert_int_equal(sge_adopt(mem, size, &config, 11 * SEC, &e), 0);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
