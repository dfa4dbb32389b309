/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every pair of states: the moves of RFC 9293 3.3.2 are made, any other stops the program.
 * The table here is written from the RFC's figure, not from the code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <assert.h>
#include <string.h>

#include "tcp/stack.h"

#define STATES (TCP_TIME_WAIT + 1)

static const struct {
	enum tcp_state from, to;
	const char *event;
} legal[] = {
	{TCP_CLOSED, TCP_SYN_SENT, "active open"},
	{TCP_CLOSED, TCP_SYN_RCVD, "SYN that the engine answers itself"},
	{TCP_CLOSED, TCP_ESTABLISHED, "final ACK: XDP was in SYN-RECEIVED for us"},
	{TCP_SYN_SENT, TCP_ESTABLISHED, "SYN-ACK"},
	{TCP_SYN_SENT, TCP_SYN_RCVD, "SYN: simultaneous open"},
	{TCP_SYN_SENT, TCP_CLOSED, "RST, close or timeout"},
	{TCP_SYN_RCVD, TCP_ESTABLISHED, "ACK of our SYN"},
	{TCP_SYN_RCVD, TCP_FIN_WAIT_1, "close"},
	{TCP_SYN_RCVD, TCP_CLOSED, "RST or timeout"},
	{TCP_ESTABLISHED, TCP_FIN_WAIT_1, "close"},
	{TCP_ESTABLISHED, TCP_CLOSE_WAIT, "FIN"},
	{TCP_ESTABLISHED, TCP_CLOSED, "RST or timeout"},
	{TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, "ACK of our FIN"},
	{TCP_FIN_WAIT_1, TCP_CLOSING, "FIN"},
	{TCP_FIN_WAIT_1, TCP_TIME_WAIT, "FIN with the ACK of ours"},
	{TCP_FIN_WAIT_1, TCP_CLOSED, "RST or timeout"},
	{TCP_FIN_WAIT_2, TCP_TIME_WAIT, "FIN"},
	{TCP_FIN_WAIT_2, TCP_CLOSED, "RST or timeout"},
	{TCP_CLOSE_WAIT, TCP_LAST_ACK, "close"},
	{TCP_CLOSE_WAIT, TCP_CLOSED, "RST or timeout"},
	{TCP_CLOSING, TCP_TIME_WAIT, "ACK of our FIN"},
	{TCP_CLOSING, TCP_CLOSED, "RST or timeout"},
	{TCP_LAST_ACK, TCP_CLOSED, "ACK of our FIN, RST or timeout"},
	{TCP_TIME_WAIT, TCP_CLOSED, "2 MSL, or on becoming a struct timewait"},
};

static bool is_legal(enum tcp_state from, enum tcp_state to)
{
	for (size_t i = 0; i < SG_ARRAY_SIZE(legal); i++)
		if (legal[i].from == from && legal[i].to == to)
			return true;
	return false;
}

static void test_legal_moves_are_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < SG_ARRAY_SIZE(legal); i++) {
		struct tcp t;

		memset(&t, 0x5a, sizeof(t));
		t.state = (__u8)legal[i].from;
		state_set(&t, legal[i].to);
		assert_int_equal(t.state, legal[i].to);
		t.state = 0x5a;
		for (size_t k = 0; k < sizeof(t); k++) /* and nothing else is touched */
			assert_int_equal(((__u8 *)&t)[k], 0x5a);
	}
}

/* glibc's end of a failed assert(): here it is caught instead of stopping the program. */
static jmp_buf caught;

void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
	(void)file, (void)line, (void)function;
	assert_non_null(strstr(what, "state_moves"));
	longjmp(caught, 1);
}

static bool dies(enum tcp_state from, enum tcp_state to)
{
	static struct tcp t; /* static: longjmp leaves it as it is */

	t.state = (__u8)from;
	if (setjmp(caught) == 0) {
		state_set(&t, to);
		return false;
	}
	assert_int_equal(t.state, from);
	return true;
}

static void test_illegal_moves_stop_the_program(void **state)
{
	int n = 0;

	(void)state;
	for (int from = 0; from < STATES; from++)
		for (int to = 0; to < STATES; to++) {
			if (is_legal((enum tcp_state)from, (enum tcp_state)to))
				continue;
			if (!dies((enum tcp_state)from, (enum tcp_state)to))
				fail_msg("%s -> %s was let through", tcp_state_name(from),
					 tcp_state_name(to));
			n++;
		}
	assert_int_equal(n, STATES * STATES - (int)SG_ARRAY_SIZE(legal));
}

/* A connection never listens, and no state is a dead end: CLOSED is reached from each. */
static void test_shape_of_the_graph(void **state)
{
	(void)state;
	for (int st = 0; st < STATES; st++) {
		assert_false(is_legal(TCP_LISTEN, (enum tcp_state)st));
		assert_false(is_legal((enum tcp_state)st, TCP_LISTEN));
		if (st != TCP_CLOSED && st != TCP_LISTEN)
			assert_true(is_legal((enum tcp_state)st, TCP_CLOSED));
	}
}

static void test_names_are_those_of_ss(void **state)
{
	static const char *const names[STATES] = {
		[TCP_CLOSED] = "CLOSED",	 [TCP_LISTEN] = "LISTEN",
		[TCP_SYN_SENT] = "SYN-SENT",	 [TCP_SYN_RCVD] = "SYN-RECV",
		[TCP_ESTABLISHED] = "ESTAB",	 [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT_2] = "FIN-WAIT-2", [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_CLOSING] = "CLOSING",	 [TCP_LAST_ACK] = "LAST-ACK",
		[TCP_TIME_WAIT] = "TIME-WAIT",
	};

	(void)state;
	for (int st = 0; st < STATES; st++)
		assert_string_equal(tcp_state_name((enum tcp_state)st), names[st]);
	assert_string_equal(tcp_state_name((enum tcp_state)STATES), "?");
	assert_string_equal(tcp_state_name((enum tcp_state) - 1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legal_moves_are_made),
		cmocka_unit_test(test_illegal_moves_stop_the_program),
		cmocka_unit_test(test_shape_of_the_graph),
		cmocka_unit_test(test_names_are_those_of_ss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
