/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket from the asking side, against daemons of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#define CLIENT_DIR "." /* a fresh directory: see in_a_directory() */

#include "cli/client.c"
#include "cli/flat.c"
#include "cli/knob.c"
#include "cli/nearest.c"
#include "cli/table.c"
#include "cli/value.c"
#include "io/err.c"

/* A daemon that gives one answer to one question. */
struct fake {
	pthread_t thread;
	const char *answer; /* NULL: closes without one */
	char request[1024];
	char path[64];
	int fd;
	int questions;
};

static void *fake_serve(void *arg)
{
	struct fake *f = arg;

	for (;;) {
		int fd = accept(f->fd, NULL, NULL);
		size_t have = 0;

		if (fd < 0)
			return NULL;
		while (have < sizeof(f->request) - 1) {
			ssize_t n = recv(fd, f->request + have, 1, 0);

			if (n <= 0)
				break;
			if (f->request[have++] == '\n')
				break;
		}
		f->request[have] = '\0';
		if (have && f->answer)
			client_send(fd, f->answer, strlen(f->answer));
		if (have)
			f->questions++;
		close(fd);
	}
}

static void fake_start(struct fake *f, const char *name, const char *answer)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memset(f, 0, sizeof(*f));
	f->answer = answer;
	snprintf(f->path, sizeof(f->path), "./%s.sock", name);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->path);
	f->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(f->fd, 8), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_serve, f), 0);
}

/* Nobody answers any more, and the socket's file stays, as after kill -9. */
static void fake_kill(struct fake *f)
{
	shutdown(f->fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->fd);
}

static void fake_stop(struct fake *f)
{
	fake_kill(f);
	unlink(f->path);
}

static json_t *question(void)
{
	return json_pack("{s:s}", "cmd", "status");
}

static int ask(const char *instance, const char *iface, struct err *err)
{
	json_t *result = NULL;
	int rc = client_ask(instance, iface, question(), &result, err);

	json_decref(result);
	return rc;
}

static void asks_one_line_and_returns_the_result(void **state)
{
	struct fake f;
	json_t *result, *want = json_pack("[i, i]", 1, 2);
	struct err err;
	(void)state;

	fake_start(&f, "eth0", "{\"ok\": true, \"result\": [1, 2]}\n");
	assert_int_equal(client_ask(NULL, "eth0", question(), &result, &err), 0);
	assert_true(json_equal(result, want));
	fake_stop(&f);
	assert_string_equal(f.request, "{\"cmd\":\"status\"}\n");
	json_decref(want);
	json_decref(result);
}

static void the_daemons_error_and_exit_code_come_through(void **state)
{
	struct fake f;
	struct err err;
	(void)state;

	fake_start(&f, "eth0", "{\"ok\": false, \"exit\": 2, \"error\": \"cause; remedy\"}\n");
	assert_int_equal(ask(NULL, "eth0", &err), -EREMOTEIO);
	fake_stop(&f);
	assert_int_equal(err.exit, 2);
	assert_string_equal(err.msg, "cause; remedy");
}

static void nonsense_is_no_answer(void **state)
{
	static const char *const answers[] = {NULL,
					      "",
					      "x",
					      "{",
					      "[]",
					      "{}\n",
					      "{\"ok\": false}\n",
					      "{\"ok\": \"true\", \"result\": 1}\n",
					      "{\"ok\": true, \"result\""};
	struct fake f;
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		fake_start(&f, "eth0", answers[i]);
		assert_true(ask(NULL, "eth0", &err) < 0);
		fake_stop(&f);
		assert_int_equal(err.exit, EXIT_NODAEMON);
	}
}

static void an_answer_of_megabytes(void **state)
{
	const size_t rows = 200000;
	char *answer = malloc(rows * 8 + 64), *end = answer;
	struct fake f;
	json_t *result;
	struct err err;
	(void)state;

	end += sprintf(end, "{\"ok\": true, \"result\": [");
	for (size_t i = 0; i < rows; i++)
		end += sprintf(end, "%s%zu", i ? "," : "", i);
	strcpy(end, "]}\n");
	fake_start(&f, "eth0", answer);
	assert_int_equal(client_ask(NULL, "eth0", question(), &result, &err), 0);
	assert_int_equal(json_array_size(result), rows);
	fake_stop(&f);
	json_decref(result);
	free(answer);
}

static void nobody_is_exit_3(void **state)
{
	struct client_answers all;
	struct err err;
	(void)state;

	assert_int_equal(ask(NULL, "eth0", &err), -ESRCH);
	assert_int_equal(err.exit, EXIT_NODAEMON);
	assert_string_equal(err.msg, "no daemon is running; start one with: "
				     "syngate run IFACE --listen ADDR:PORT");
	assert_int_equal(client_ask_all(NULL, question(), &all, &err), -ESRCH);
	assert_int_equal(err.exit, EXIT_NODAEMON);
	assert_int_equal(client_ask_all("web", question(), &all, &err), -ESRCH);
	assert_int_equal(err.exit, EXIT_NODAEMON);
}

static void a_stale_socket_counts_as_nobody(void **state)
{
	struct client_answers all;
	struct fake f;
	struct err err;
	(void)state;

	fake_start(&f, "eth0", "");
	fake_kill(&f);
	assert_int_equal(access("./eth0.sock", F_OK), 0);
	assert_int_equal(ask(NULL, "eth0", &err), -ESRCH);
	assert_int_equal(err.exit, EXIT_NODAEMON);
	assert_non_null(strstr(err.msg, "'eth0' was killed; start it again"));
	assert_int_equal(client_ask_all(NULL, question(), &all, &err), -ESRCH);
	unlink("./eth0.sock");
}

static void the_interfaces_daemon_comes_before_syngated(void **state)
{
	static const char ok[] = "{\"ok\": true, \"result\": {}}\n";
	struct fake own, syngated, web;
	struct err err;
	(void)state;

	fake_start(&own, "eth0", ok);
	fake_start(&syngated, "syngated", ok);
	fake_start(&web, "web", ok);
	assert_int_equal(ask(NULL, "eth0", &err), 0);
	assert_int_equal(ask(NULL, "eth1", &err), 0);
	assert_int_equal(ask("web", "eth0", &err), 0);
	fake_kill(&own); /* its socket is stale now */
	assert_int_equal(ask(NULL, "eth0", &err), 0);
	assert_int_equal(ask("nobody", "eth0", &err), -ESRCH);
	fake_stop(&syngated);
	fake_stop(&web);
	unlink(own.path);
	assert_int_equal(own.questions, 1);
	assert_int_equal(syngated.questions, 2);
	assert_int_equal(web.questions, 1);
}

static void the_only_one_is_meant_unless_another_is_named(void **state)
{
	struct fake web;
	struct err err;
	(void)state;

	fake_start(&web, "web", "{\"ok\": true, \"result\": {}}\n");
	assert_int_equal(ask(NULL, "eth0", &err), 0);
	assert_int_equal(ask("mail", "eth0", &err), -ESRCH);
	fake_stop(&web);
	assert_int_equal(web.questions, 1);
}

static void who_is_there_is_named(void **state)
{
	struct fake web, mail;
	struct err err;
	(void)state;

	fake_start(&web, "web", "");
	fake_start(&mail, "mail", "");
	assert_int_equal(ask(NULL, "eth0", &err), -ESRCH);
	fake_stop(&web);
	fake_stop(&mail);
	assert_int_equal(err.exit, EXIT_NODAEMON);
	assert_non_null(strstr(err.msg, "no daemon 'eth0' is running"));
	assert_non_null(strstr(err.msg, "mail, web"));
	assert_non_null(strstr(err.msg, "--instance mail"));
}

static struct client_answers ask_both(const char *a, const char *b)
{
	struct client_answers all;
	struct fake x, y, stale;
	struct err err;

	fake_start(&y, "b", b);
	fake_start(&x, "a", a);
	fake_start(&stale, "c", "");
	fake_kill(&stale);
	assert_int_equal(client_ask_all(NULL, question(), &all, &err), 0);
	fake_stop(&x);
	fake_stop(&y);
	unlink(stale.path);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.at[0].name, "a");
	assert_string_equal(all.at[1].name, "b");
	return all;
}

static void counters_of_all_daemons_add_up(void **state)
{
	struct client_answers all =
		ask_both("{\"ok\": true, \"result\": {\"SynAckSent\": 2, \"OutRsts\": 1}}",
			 "{\"ok\": true, \"result\": {\"SynAckSent\": 40, \"InSegs\": 5}}");
	json_t *want = json_pack("{s:i, s:i, s:i}", "SynAckSent", 42, "OutRsts", 1, "InSegs", 5);
	json_t *sum;
	(void)state;

	assert_int_equal(flat_sum(&all, &sum), 0);
	assert_true(json_equal(sum, want));
	json_decref(sum);
	json_decref(want);
	client_answers_free(&all);
}

static void settings_of_all_daemons_must_agree(void **state)
{
	struct client_answers all = ask_both("{\"ok\": true, \"result\": {\"somaxconn\": 128}}",
					     "{\"ok\": true, \"result\": {\"somaxconn\": 128}}");
	json_t *flat;
	struct err err;
	(void)state;

	assert_int_equal(flat_same(&all, &flat, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(flat, "somaxconn")), 128);
	json_decref(flat);
	client_answers_free(&all);

	all = ask_both("{\"ok\": true, \"result\": {\"somaxconn\": 128}}",
		       "{\"ok\": true, \"result\": {\"somaxconn\": 256}}");
	assert_int_equal(flat_same(&all, &flat, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "somaxconn"));
	assert_non_null(strstr(err.msg, "--instance a"));
	client_answers_free(&all);
}

static void one_that_refuses_is_not_passed_over(void **state)
{
	struct client_answers all;
	struct fake x, y;
	struct err err;
	(void)state;

	fake_start(&x, "a", "{\"ok\": true, \"result\": {}}");
	fake_start(&y, "b", "{\"ok\": false, \"exit\": 1, \"error\": \"no\"}");
	assert_int_equal(client_ask_all(NULL, question(), &all, &err), -EREMOTEIO);
	assert_int_equal(err.exit, 1);
	fake_stop(&x);
	fake_stop(&y);
}

static void names_are_selected_by_pattern(void **state)
{
	json_t *flat =
		json_pack("{s:i, s:i, s:i}", "ListenDrops", 1, "ListenOverflows", 2, "OutRsts", 3);
	char *listen[] = {"listen*"}, *one[] = {"OutRsts", "ListenDrops"}, *none[] = {"OutRst"};
	json_t *copy = json_copy(flat);
	struct err err;
	(void)state;

	assert_int_equal(flat_select(copy, 0, NULL, &err), 0);
	assert_int_equal(json_object_size(copy), 3);
	assert_int_equal(flat_select(copy, 1, listen, &err), 0);
	assert_int_equal(json_object_size(copy), 2);
	json_decref(copy);
	copy = json_copy(flat);
	assert_int_equal(flat_select(copy, 2, one, &err), 0);
	assert_int_equal(json_object_size(copy), 2);
	assert_null(json_object_get(copy, "ListenOverflows"));
	json_decref(copy);
	assert_int_equal(flat_select(flat, 1, none, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "did you mean 'OutRsts'"));
	json_decref(flat);
}

static void zeros_are_hidden_unless_asked_for(void **state)
{
	json_t *flat = json_pack("{s:i, s:i}", "OutRsts", 3, "InSegs", 0);
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	(void)state;

	assert_int_equal(flat_print_counters(flat, false, out), 0);
	fflush(out);
	assert_non_null(strstr(text, "OutRsts"));
	assert_non_null(strstr(text, "RSTs sent by the engine"));
	assert_null(strstr(text, "InSegs"));
	assert_int_equal(flat_print_counters(flat, true, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "InSegs"));
	free(text);
	json_decref(flat);
}

static void every_counter_has_one_name(void **state)
{
	size_t n = sizeof(flat_counters) / sizeof(flat_counters[0]);
	(void)state;

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			assert_string_not_equal(flat_counters[i].name, flat_counters[j].name);
}

static char directory[] = "/tmp/syngate-test-XXXXXX";

static int in_a_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) && !chdir(directory) ? 0 : -1;
}

static int out_of_it(void **state)
{
	(void)state;
	return chdir("/") || rmdir(directory); /* fails when a test left something there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_one_line_and_returns_the_result),
		cmocka_unit_test(the_daemons_error_and_exit_code_come_through),
		cmocka_unit_test(nonsense_is_no_answer),
		cmocka_unit_test(an_answer_of_megabytes),
		cmocka_unit_test(nobody_is_exit_3),
		cmocka_unit_test(a_stale_socket_counts_as_nobody),
		cmocka_unit_test(the_interfaces_daemon_comes_before_syngated),
		cmocka_unit_test(the_only_one_is_meant_unless_another_is_named),
		cmocka_unit_test(who_is_there_is_named),
		cmocka_unit_test(counters_of_all_daemons_add_up),
		cmocka_unit_test(settings_of_all_daemons_must_agree),
		cmocka_unit_test(one_that_refuses_is_not_passed_over),
		cmocka_unit_test(names_are_selected_by_pattern),
		cmocka_unit_test(zeros_are_hidden_unless_asked_for),
		cmocka_unit_test(every_counter_has_one_name),
	};
	return cmocka_run_group_tests(tests, in_a_directory, out_of_it);
}
