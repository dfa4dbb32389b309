/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has stays the kernel's; and who gets new SYNs when no worker lives. */
#include "rig.h"

union any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t any_addr(union any *a, const char *text, int port)
{
	memset(a, 0, sizeof(*a));
	if (strchr(text, ':')) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &a->in6.sin6_addr);
		return sizeof(a->in6);
	}
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &a->in.sin_addr);
	return sizeof(a->in);
}

static int any_socket(const char *text, int port)
{
	union any a;
	socklen_t len = any_addr(&a, text, port);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, &a.sa, len), 0);
	return fd;
}

/* A connection of the kernel's with the tuple of `s`: both ends in this namespace. */
struct kernel {
	int listener, client, server;
};

static void kernel_connect(struct kernel *k, const struct spec *s)
{
	union any to;
	socklen_t len = any_addr(&to, s->dst, s->dport);

	k->listener = any_socket(s->dst, s->dport);
	assert_int_equal(listen(k->listener, 5), 0);
	k->client = any_socket(s->src, s->sport);
	assert_int_equal(connect(k->client, &to.sa, len), 0);
	k->server = accept(k->listener, NULL, NULL);
	assert_true(k->server >= 0);
}

static void kernel_close(struct kernel *k)
{
	char c;

	if (k->server >= 0) {
		close(k->server); /* first: TIME_WAIT is on this side */
		assert_int_equal(read(k->client, &c, 1), 0);
	}
	close(k->client);
	close(k->listener);
}

static void test_kernel_connection(void **state)
{
	static const uint8_t flags[] = {SYN, ACK, FIN | ACK, RST, SYN | ACK, 0};
	struct rig *r = *state;
	struct spec s;
	struct kernel k;

	for (int v6 = 0; v6 < 2; v6++) {
		s = v6 ? rig_syn6(r) : rig_syn(r);
		kernel_connect(&k, &s);
		s.data = 30;
		s.bad_tcp_sum = true; /* the kernel's to judge */
		for (size_t i = 0; i < sizeof(flags); i++) {
			s.flags = flags[i];
			rig_send(r, &s, XDP_PASS, PASS_KERNEL_FLOW);
		}
		s.sport++;
		s.bad_tcp_sum = false;
		s.flags = ACK;
		rig_send(r, &s, XDP_TX, RST_SENT); /* a listener is no connection */
		s.flags = SYN;
		rig_send(r, &s, XDP_TX, SYNACK_SENT);
		kernel_close(&k);
		s.sport--;
		rig_send(r, &s, XDP_PASS, PASS_KERNEL_FLOW); /* TIME_WAIT */
	}
	assert_int_equal(r->f->queue[0].halfopen, 2);
}

/* A half-open entry of ours is ours, even if the kernel has the tuple by now. */
static void test_ours_before_kernel(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct kernel k;

	s.sport = 40500;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	kernel_connect(&k, &s);
	rig_send(r, &s, XDP_TX, SYNACK_REPEATED);
	kernel_close(&k);
}

/* --- heartbeats ---------------------------------------------------------------------- */

static void beat(struct rig *r, uint64_t ago)
{
	r->f->worker[0].heartbeat = rig_ms64() - ago;
}

static struct spec fresh(struct rig *r)
{
	static uint16_t port = 20000;
	struct spec s = rig_syn(r);

	s.sport = port++;
	return s;
}

static void expect_syn(struct rig *r, int action, enum sg_verdict v, const char *what)
{
	struct spec s = fresh(r);

	rig_run(r, &s);
	rig_expect(r, what, action, v);
}

static void test_no_worker_pass(void **state)
{
	struct rig *r = *state;
	struct spec known = fresh(r), s;

	rig_send(r, &known, XDP_TX, SYNACK_SENT);
	r->f->worker[0].heartbeat = 0;
	expect_syn(r, XDP_PASS, SG_V_PASS_FAIL_POLICY, "never a worker");
	rig_run_on(r, &known, 1);
	rig_expect(r, "what is half-open stays ours", XDP_TX, SG_V_SYNACK_REPEATED);
	s = fresh(r);
	s.flags = ACK;
	rig_send(r, &s, XDP_PASS, PASS_FAIL_POLICY); /* a cookie of the kernel's? */
	s = fresh(r);
	rig_run_on(r, &s, 1);
	rig_expect(r, "queue 1 lives", XDP_TX, SG_V_SYNACK_SENT);
	assert_int_equal(r->f->queue[0].halfopen, 2);
}

static void test_no_worker_hold(void **state)
{
	struct rig *r = *state;
	struct spec s = fresh(r);

	r->f->settings->fail_policy = SG_FAIL_HOLD;
	r->f->worker[0].heartbeat = 0;
	rig_send(r, &s, XDP_TX, SYNACK_SENT);
	s.sport++;
	s.flags = ACK;
	rig_send(r, &s, XDP_TX, RST_SENT);
}

/* Dead when late, alive again only when well in time: it does not flap at the limit. */
static void test_hysteresis(void **state)
{
	struct rig *r = *state;

	r->f->settings->heartbeat_ms = 20000;
	beat(r, 15000);
	expect_syn(r, XDP_TX, SG_V_SYNACK_SENT, "late, but not dead");
	beat(r, 21000);
	expect_syn(r, XDP_PASS, SG_V_PASS_FAIL_POLICY, "dead");
	beat(r, 15000);
	expect_syn(r, XDP_PASS, SG_V_PASS_FAIL_POLICY, "still dead");
	beat(r, 1000);
	expect_syn(r, XDP_TX, SG_V_SYNACK_SENT, "alive");
	beat(r, 15000);
	expect_syn(r, XDP_TX, SG_V_SYNACK_SENT, "late, but not dead");
}

/* While the kernel had the SYNs, it made connections: those it keeps when we are back. */
static void test_back_again(void **state)
{
	struct rig *r = *state;
	struct spec s = rig_syn(r);
	struct kernel k;

	s.sport = 40600;
	r->f->worker[0].heartbeat = 0;
	rig_send(r, &s, XDP_PASS, PASS_FAIL_POLICY);
	kernel_connect(&k, &s);
	s.flags = ACK;
	rig_send(r, &s, XDP_PASS, PASS_KERNEL_FLOW);
	beat(r, 0);
	rig_send(r, &s, XDP_PASS, PASS_KERNEL_FLOW);
	kernel_close(&k);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_kernel_connection), T(test_ours_before_kernel), T(test_no_worker_pass),
		T(test_no_worker_hold),	   T(test_hysteresis),	       T(test_back_again),
	};

	rig_namespace();
	rig_sh("ip addr add 10.9.0.2/32 dev lo && ip addr add fd09::2/128 dev lo");
	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
