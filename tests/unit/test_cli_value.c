/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, names, knobs, and the word that a mistyped one meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/knob.c"
#include "cli/nearest.c"
#include "cli/value.c"
#include "io/err.c"

static void numbers_are_decimal_and_in_range(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", "0x10", "1.5", "7 ", " 7", "abc"};
	unsigned long long n;
	struct err err;
	(void)state;

	assert_int_equal(value_number("N", "10", 10, 20, &n, &err), 0);
	assert_int_equal(n, 10);
	assert_int_equal(value_number("N", "20", 10, 20, &n, &err), 0);
	assert_int_equal(value_number("N", "9", 10, 20, &n, &err), -ERANGE);
	assert_int_equal(value_number("N", "21", 10, 20, &n, &err), -ERANGE);
	assert_non_null(strstr(err.msg, "from 10 to 20"));
	assert_int_equal(value_number("N", "18446744073709551616", 0, ~0ULL, &n, &err), -ERANGE);
	for (size_t i = 0; i < SG_ARRAY_SIZE(bad); i++)
		assert_int_equal(value_number("N", bad[i], 0, 100, &n, &err), -EINVAL);
}

static void names_become_no_path(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "../x", ".hidden", "a b", "a\nb"};
	char longest[VALUE_INSTANCE_MAX + 2];
	struct err err;
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(bad); i++)
		assert_int_equal(value_instance(bad[i], &err), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[VALUE_INSTANCE_MAX + 1] = '\0';
	assert_int_equal(value_instance(longest, &err), -EINVAL);
	longest[VALUE_INSTANCE_MAX] = '\0';
	assert_int_equal(value_instance(longest, &err), 0);
	assert_int_equal(value_instance("web-1.b@x_2", &err), 0);
}

static void interfaces_are_named_as_the_kernel_does(void **state)
{
	struct err err;
	(void)state;

	assert_int_equal(value_iface("eth0.100@x", &err), 0);
	assert_int_equal(value_iface("fifteen-letters", &err), 0);
	assert_int_equal(value_iface("sixteen--letters", &err), -EINVAL);
	assert_int_equal(value_iface("", &err), -EINVAL);
	assert_int_equal(value_iface("..", &err), -EINVAL);
	assert_int_equal(value_iface("a/b", &err), -EINVAL);
	assert_int_equal(value_iface("a:1", &err), -EINVAL);
	assert_int_equal(value_iface("a b", &err), -EINVAL);
}

static void a_choice_lists_what_there_is(void **state)
{
	static const char *const list[] = {"http", "echo", "discard", NULL};
	struct err err;
	(void)state;

	assert_int_equal(value_choice("application", "discard", list, &err), 2);
	assert_int_equal(value_choice("application", "htpp", list, &err), -EINVAL);
	assert_string_equal(err.msg, "unknown application 'htpp' (did you mean 'http'?); known: "
				     "http, echo or discard");
}

static void distance_counts_a_swap_as_one(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("listen", "listen"), 0);
	assert_int_equal(nearest_distance("lisetn", "listen"), 1);
	assert_int_equal(nearest_distance("lisen", "listen"), 1);
	assert_int_equal(nearest_distance("listten", "listen"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static const char *nearest_of(const char *word)
{
	static const char *const list[] = {"run", "attach", "detach", "listen", "unlisten", "show"};
	struct nearest n;

	nearest_begin(&n, word);
	for (size_t i = 0; i < SG_ARRAY_SIZE(list); i++)
		nearest_offer(&n, list[i]);
	return n.best ? n.best : "";
}

static void only_what_comes_near_is_offered(void **state)
{
	char long_word[200];
	(void)state;

	memset(long_word, 'x', sizeof(long_word));
	long_word[199] = '\0';
	assert_string_equal(nearest_of("lisen"), "listen");
	assert_string_equal(nearest_of("sho"), "show");
	assert_string_equal(nearest_of("dettach"), "detach");
	assert_string_equal(nearest_of("listeners"), "listen");
	assert_string_equal(nearest_of("capture"), "");
	assert_string_equal(nearest_of("nc"), "");
	assert_string_equal(nearest_of(""), "");
	assert_string_equal(nearest_of(long_word), "");
}

static void a_knob_takes_its_range(void **state)
{
	const struct knob *k;
	char v[KNOB_VALUE];
	struct err err;
	(void)state;

	assert_int_equal(knob_parse("tcp_synack_retries=15", &k, v, &err), 0);
	assert_string_equal(k->name, "tcp_synack_retries");
	assert_string_equal(v, "15");
	assert_int_equal(knob_parse("tcp_synack_retries=007", &k, v, &err), 0);
	assert_string_equal(v, "7");
	assert_int_equal(knob_parse("tcp_synack_retries=16", &k, v, &err), -ERANGE);
	assert_int_equal(knob_parse("tcp_synack_retries=", &k, v, &err), -EINVAL);
	assert_int_equal(knob_parse("tcp_synack_retries", &k, v, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "tcp_synack_retries=5"));
	assert_int_equal(knob_parse("tcp_synack_retry=5", &k, v, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "did you mean 'tcp_synack_retries'"));
	assert_int_equal(knob_parse("=5", &k, v, &err), -EINVAL);
}

static void fail_policy_has_words(void **state)
{
	const struct knob *k;
	char v[KNOB_VALUE];
	struct err err;
	(void)state;

	assert_int_equal(knob_parse("fail_policy=hold", &k, v, &err), 0);
	assert_string_equal(v, "1");
	assert_string_equal(knob_word(k, v), "hold");
	assert_int_equal(knob_parse("fail_policy=pass", &k, v, &err), 0);
	assert_string_equal(v, "0");
	assert_string_equal(knob_word(k, v), "pass");
	assert_int_equal(knob_parse("tcp_sack=1", &k, v, &err), 0);
	assert_null(knob_word(k, v));
	assert_int_equal(knob_parse("tcp_sack=hold", &k, v, &err), -EINVAL);
}

static void every_default_lies_in_its_range(void **state)
{
	(void)state;
	for (const struct knob *k = knobs; k->name; k++) {
		assert_true(k->min <= k->def && k->def <= k->max);
		assert_true(k->max <= 0xffffffffULL); /* settings are 32 bits */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_decimal_and_in_range),
		cmocka_unit_test(names_become_no_path),
		cmocka_unit_test(interfaces_are_named_as_the_kernel_does),
		cmocka_unit_test(a_choice_lists_what_there_is),
		cmocka_unit_test(distance_counts_a_swap_as_one),
		cmocka_unit_test(only_what_comes_near_is_offered),
		cmocka_unit_test(a_knob_takes_its_range),
		cmocka_unit_test(fail_policy_has_words),
		cmocka_unit_test(every_default_lies_in_its_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
