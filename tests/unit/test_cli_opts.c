/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines against a command's table; what belongs to a listener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/endpoint.c"
#include "app/proxy_header.c"
#include "cli/addr.c"
#include "cli/iface.c"
#include "cli/listener.c"
#include "cli/nearest.c"
#include "cli/opts.c"
#include "cli/value.c"
#include "io/err.c"

static const struct cli_opt table[] = {
	{"backlog", OPT_BACKLOG, "N", ""},
	{"backend", OPT_BACKEND, "ADDR:PORT", ""},
	{"json", OPT_JSON, NULL, ""},
	{0},
};
static const struct command command = {"test", "IFACE [OPTION]...", "", NULL, table, NULL};

#define PARSE(o, ...)                                                                              \
	char *argv[] = {"test", __VA_ARGS__, NULL};                                                \
	opts_begin(o, &command, (int)SG_ARRAY_SIZE(argv) - 1, argv)

static void options_in_order_operands_anywhere(void **state)
{
	struct opts o;
	struct err err;
	(void)state;

	PARSE(&o, "--backlog", "1", "eth0", "-j", "--backlog=2", "--", "-x");
	assert_int_equal(opts_next(&o, &err), OPT_BACKLOG);
	assert_string_equal(optarg, "1");
	assert_int_equal(opts_next(&o, &err), OPT_JSON);
	assert_int_equal(opts_next(&o, &err), OPT_BACKLOG);
	assert_string_equal(optarg, "2");
	assert_int_equal(opts_next(&o, &err), OPTS_END);
	assert_int_equal(o.operands, 2);
	assert_string_equal(o.operand[0], "eth0");
	assert_string_equal(o.operand[1], "-x");
	assert_int_equal(opts_operands(&o, 1, 2, &err), 0);
	assert_int_equal(opts_operands(&o, 1, 1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "unexpected argument '-x'"));
	assert_int_equal(opts_operands(&o, 3, 3, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "usage: syngate test IFACE"));
}

static void assert_refused(char *word, const char *why)
{
	struct opts o;
	struct err err = {0};

	PARSE(&o, word);
	assert_int_equal(opts_next(&o, &err), -EINVAL);
	assert_int_equal(err.exit, EXIT_USAGE);
	if (!strstr(err.msg, why))
		fail_msg("'%s' is told: %s", word, err.msg);
}

static void unknown_options_get_the_nearest(void **state)
{
	(void)state;
	assert_refused("--bakend=1", "unknown option '--bakend' (did you mean '--backend'?)");
	assert_refused("--frobnicate", "unknown option '--frobnicate'; see");
	assert_refused("-x", "unknown option '-x'");
	assert_refused("--back", "unknown option '--back'"); /* backlog or backend? */
	assert_refused("--backlog", "--backlog N");
	assert_refused("--json=1", "--json takes no value");
}

static struct listener_spec listener(void)
{
	struct listener_spec l;
	struct err err;

	assert_int_equal(listener_begin(&l, "192.0.2.1:80", &err), 0);
	return l;
}

static void a_listener_begins_with_linux_defaults(void **state)
{
	struct listener_spec l = listener();
	(void)state;

	assert_int_equal(l.args.backlog, -1);
	assert_int_equal(l.args.syn_backlog, -1);
	assert_int_equal(l.args.key.port, 80);
	assert_int_equal(l.args.key.zero, 0);
}

static void a_listener_has_an_application_or_a_backend(void **state)
{
	struct listener_spec l = listener();
	struct err err;
	(void)state;

	assert_int_equal(listener_check(&l, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "--backend"));
	assert_non_null(strstr(err.msg, "--app"));
	assert_int_equal(listener_option(&l, OPT_APP, "hold", &err), 0);
	assert_int_equal(l.args.app, APP_HOLD);
	assert_int_equal(listener_check(&l, &err), 0);
	assert_int_equal(listener_option(&l, OPT_BACKEND, "[::1]:8080", &err), 0);
	assert_int_equal(listener_check(&l, &err), -EINVAL);

	l = listener();
	assert_int_equal(listener_option(&l, OPT_BACKEND, "[::1]:8080", &err), 0);
	assert_int_equal(l.args.app, APP_PROXY);
	assert_int_equal(l.args.proxy.backend[0].port, 8080);
	assert_int_equal(listener_check(&l, &err), 0);
}

static void a_listener_has_several_backends(void **state)
{
	static const char *const bad[] = {"unix:app.sock", "unix:", "unix:@", "*:80", "host:80"};
	struct listener_spec l = listener();
	json_t *o = json_object();
	struct err err;
	char *text;
	(void)state;

	assert_int_equal(listener_option(&l, OPT_BACKEND, "127.0.0.1:8080", &err), 0);
	assert_int_equal(listener_option(&l, OPT_BACKEND, "unix:/run/app.sock", &err), 0);
	assert_int_equal(listener_option(&l, OPT_BACKEND, "unix:@app", &err), 0);
	assert_int_equal(l.args.proxy.backends, 3);
	assert_int_equal(listener_request(&l, o), 0);
	text = json_dumps(json_object_get(o, "backend"), JSON_COMPACT);
	assert_string_equal(text, "[\"127.0.0.1:8080\",\"unix:/run/app.sock\",\"unix:@app\"]");
	free(text);
	json_decref(o);
	for (size_t i = 0; i < SG_ARRAY_SIZE(bad); i++) {
		l = listener();
		assert_int_equal(listener_option(&l, OPT_BACKEND, bad[i], &err), -EINVAL);
	}
	l = listener();
	for (int i = 0; i < PROXY_BACKENDS; i++)
		assert_int_equal(listener_option(&l, OPT_BACKEND, "[::1]:8080", &err), 0);
	assert_int_equal(listener_option(&l, OPT_BACKEND, "[::1]:8080", &err), -E2BIG);
}

static void limits_are_checked(void **state)
{
	struct listener_spec l = listener();
	struct err err;
	(void)state;

	assert_int_equal(listener_option(&l, OPT_BACKLOG, "0", &err), 0);
	assert_int_equal(l.args.backlog, 0);
	assert_int_equal(listener_option(&l, OPT_SYN_BACKLOG, "1048576", &err), 0);
	assert_int_equal(l.args.syn_backlog, 1048576);
	assert_int_equal(listener_option(&l, OPT_SYN_BACKLOG, "1048577", &err), -ERANGE);
	assert_int_equal(listener_option(&l, OPT_BACKLOG, "-1", &err), -EINVAL);
	assert_int_equal(listener_option(&l, OPT_APP, "proxy", &err), -EINVAL);
	assert_int_equal(listener_option(&l, OPT_MODE, "skb", &err), 1);
}

static void a_listener_is_asked_for_in_the_protocols_words(void **state)
{
	struct listener_spec l = listener();
	json_t *got = json_object(), *want;
	struct err err;
	(void)state;

	listener_option(&l, OPT_BACKEND, "[::1]:8080", &err);
	listener_option(&l, OPT_BACKLOG, "16", &err);
	listener_option(&l, OPT_CONNECT_TIMEOUT, "5", &err); /* as it would be anyway */
	listener_option(&l, OPT_IDLE_TIMEOUT, "60", &err);
	listener_option(&l, OPT_PROXY_PROTOCOL, "v2", &err);
	assert_int_equal(listener_request(&l, got), 0);
	want = json_pack("{s:s, s:i, s:[s], s:i, s:i, s:s}", "addr", "192.0.2.1", "port", 80,
			 "backend", "[::1]:8080", "backlog", 16, "idle_timeout", 60,
			 "proxy_protocol", "v2");
	assert_true(json_equal(got, want));
	json_decref(want);
	json_decref(got);
}

static void same_address_and_port(void **state)
{
	struct listener_spec a = listener(), b = listener();
	struct err err;
	(void)state;

	assert_true(listener_same(&a, &b));
	listener_begin(&b, "192.0.2.1:81", &err);
	assert_false(listener_same(&a, &b));
	listener_begin(&b, "*:80", &err);
	assert_false(listener_same(&a, &b));
}

static void an_interface_has_a_mode_and_tables(void **state)
{
	struct front_config c = {.ifname = "eth0"};
	json_t *got = json_object(), *want;
	struct err err;
	(void)state;

	assert_int_equal(iface_option(&c, OPT_MODE, "skb", &err), 0);
	assert_int_equal(c.mode, FRONT_SKB);
	assert_int_equal(iface_option(&c, OPT_MODE, "hw", &err), -EINVAL);
	assert_int_equal(iface_option(&c, OPT_HALFOPEN_ENTRIES, "0", &err), -ERANGE);
	assert_int_equal(iface_option(&c, OPT_HALFOPEN_ENTRIES, "1024", &err), 0);
	assert_int_equal(iface_option(&c, OPT_FLOW_ENTRIES, "16777217", &err), -ERANGE);
	assert_int_equal(iface_option(&c, OPT_MAX_LISTENERS, "4097", &err), -ERANGE);
	assert_int_equal(iface_option(&c, OPT_MAX_LISTENERS, "64", &err), 0);
	assert_int_equal(iface_option(&c, OPT_INSTANCE, "a/b", &err), -EINVAL);
	assert_int_equal(iface_option(&c, OPT_INSTANCE, "web", &err), 0);
	assert_int_equal(iface_option(&c, OPT_APP, "http", &err), 1);
	assert_int_equal(iface_request(&c, got), 0);
	want = json_pack("{s:s, s:s, s:s, s:i, s:i}", "iface", "eth0", "mode", "skb", "instance",
			 "web", "halfopen_entries", 1024, "max_listeners", 64);
	assert_true(json_equal(got, want));
	json_decref(want);
	json_decref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_in_order_operands_anywhere),
		cmocka_unit_test(unknown_options_get_the_nearest),
		cmocka_unit_test(a_listener_begins_with_linux_defaults),
		cmocka_unit_test(a_listener_has_an_application_or_a_backend),
		cmocka_unit_test(a_listener_has_several_backends),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(a_listener_is_asked_for_in_the_protocols_words),
		cmocka_unit_test(same_address_and_port),
		cmocka_unit_test(an_interface_has_a_mode_and_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
