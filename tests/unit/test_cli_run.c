/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole commands, from argv to exit code, with a daemon that writes down what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT_DIR "/nonexistent/syngate" /* nobody runs */

#include "cli_all.h"

static char out[8192], err[2048]; /* what the last command printed */

static int swap_in(int fd, int with)
{
	int old = dup(fd);

	dup2(with, fd);
	return old;
}

static void read_back(int fd, char *buf, size_t room)
{
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	n = read(fd, buf, room - 1);
	buf[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* Run a command line; `words` are separated by one space each. */
static int syngate(const char *words)
{
	char copy[1024], *argv[64] = {"syngate"}, *save = NULL;
	int argc = 1, rc, o = memfd_create("out", 0), e = memfd_create("err", 0);
	int old_o, old_e;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fake_log[0] = '\0';
	fflush(NULL);
	old_o = swap_in(1, o);
	old_e = swap_in(2, e);
	rc = syngate_main(argc, argv);
	fflush(NULL);
	close(swap_in(1, old_o));
	close(swap_in(2, old_e));
	close(old_o);
	close(old_e);
	read_back(o, out, sizeof(out));
	read_back(e, err, sizeof(err));
	assert_int_equal(fake_dials, 0);
	assert_int_equal(fake_daemons, 0); /* freed, whatever happened */
	return rc;
}

static void run_asks_in_order(void **state)
{
	(void)state;
	assert_int_equal(syngate("run eth0 --listen *:80 --app http --backlog 5 "
				 "--listen [2001:db8::1]:443 --syn-backlog 9 --backend [::1]:8080 "
				 "--set fail_policy=hold --mode skb --instance web "
				 "--halfopen-entries 1024 --flow-entries 2048"),
			 0);
	assert_string_equal(fake_log, "new(web) set(fail_policy=1) attach(eth0 web 2 1024 2048) "
				      "listen(eth0 80 0 0 5 -1) listen(eth0 443 4 8080 -1 9) "
				      "serve() free() ");
	assert_memory_equal(out, "ready\nserved ", 13);
	assert_non_null(strstr(out, "7 connections accepted"));
	assert_non_null(strstr(out, "999 bytes in, 1.5 MB out"));
	assert_string_equal(err, "");
}

static void run_lists_before_it_listens(void **state)
{
	(void)state;
	assert_int_equal(syngate("run eth0 --deny 192.0.2.0/24 --listen *:80 --app http --allow "
				 "2001:db8::/32 --deny 198.51.100.7"),
			 0);
	assert_string_equal(fake_log, "new(eth0) attach(eth0 - 0 0 0) "
				      "list(eth0 2 192.0.2.0/24 198.51.100.7/32) "
				      "list(eth0 1 2001:db8::/32) listen(eth0 80 0 0 -1 -1) "
				      "serve() free() ");
}

static void run_is_named_after_its_interface(void **state)
{
	(void)state;
	assert_int_equal(syngate("run --listen :80 --app echo eth0"), 0);
	assert_string_equal(fake_log, "new(eth0) attach(eth0 - 0 0 0) listen(eth0 80 1 0 -1 -1) "
				      "serve() free() ");
}

static void a_step_that_fails_undoes_the_others(void **state)
{
	static const char *const steps[] = {"new", "set", "app_group", "attach", "listen"};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(steps); i++) {
		char line[64];

		fake_fails = steps[i];
		assert_int_equal(syngate("run eth0 --listen :80 --app http --set tcp_sack=0 "
				 "--app-group www-data"),
				 EXIT_KERNEL);
		snprintf(line, sizeof(line), "syngate: %s refused\n", steps[i]);
		assert_string_equal(err, line);
		assert_string_equal(out, "");
		assert_null(strstr(fake_log, "serve"));
		assert_int_equal(!!strstr(fake_log, "free"), i > 0);
	}
	fake_fails = "serve";
	assert_int_equal(syngate("run eth0 --listen :80 --app http"), EXIT_KERNEL);
	assert_non_null(strstr(fake_log, "free"));
	fake_fails = "";
}

/* exit code, something of the one line that is printed */
static void wrong_use_is_told_in_one_line(void **state)
{
	static const struct {
		const char *words;
		int exit;
		const char *why;
	} rows[] = {
		{"lisen", 1, "did you mean 'listen'"},
		{"cn", 1, "unknown command 'cn'"},
		{"run", 1, "usage: syngate run IFACE"},
		{"run eth0", 1, "add --listen"},
		{"run eth0 --listen :80", 1, "--backend ADDR:PORT"},
		{"run eth0 --listen :80", 1, "--app http|echo|discard|hold"},
		{"run eth0 --listen :80 --app htpp", 1, "did you mean 'http'"},
		{"run eth0 --listen :80 --app http --backend 127.0.0.1:1", 1, "both --app"},
		{"run eth0 --listen :80 --app http --proxy-protocol v2", 1, "is for a --backend"},
		{"run eth0 --listen :80 --backend [::1]:1 --proxy-protocol v3", 1, "v1 or v2"},
		{"run eth0 --listen :80 --app http --idle-timeout 5", 1, "is for a --backend"},
		{"run eth0 --listen :80 --backend [::1]:1 --connect-timeout 0", 1, "from 1 to"},
		{"run eth0 --app http --listen :80", 1, "--app belongs to no listener"},
		{"run eth0 --backlog 5 --listen :80 --app http", 1, "--backlog belongs to no"},
		{"run eth0 --listen :80 --app http --listen *:80 --app echo", 1, "already"},
		{"run eth0 --listen 192.0.2.1:99999 --app http", 1, "from 1 to 65535"},
		{"run eth0 --listen :80 --app http --backlog -1", 1, "from 0 to 1048576"},
		{"run eth0 --listen :80 --app http --set somaxcon=1", 1, "'somaxconn'"},
		{"run eth0 --listen :80 --app http --set tcp_sack=2", 1, "from 0 to 1"},
		{"run eth0 --listen :80 --app http --mode hw", 1, "native"},
		{"run eth0 --listen :80 --app http --instance ../x", 1, "--instance web1"},
		{"run eth0 eth1 --listen :80 --app http", 1, "unexpected argument 'eth1'"},
		{"run a-name-of-17-chars --listen :80 --app http", 1, "ip -br link"},
		{"run eth0 --listn :80", 1, "did you mean '--listen'"},
		{"attach", 1, "usage: syngate attach IFACE"},
		{"listen eth0 :80", 1, "--backend"},
		{"listen eth0 80 --app http", 1, "the port is missing"},
		{"unlisten eth0", 1, "usage: syngate unlisten IFACE ADDR:PORT"},
		{"show", 1, "usage: syngate show WHAT"},
		{"show con", 1, "did you mean 'conns'"},
		{"show conns sport", 1, "sport = :80"},
		{"set", 1, "usage: syngate set NAME=VALUE"},
		{"set somaxconn", 1, "somaxconn=4096"},
		{"nc", 1, "usage: syngate nc ADDR:PORT"},
		{"nc 192.0.2.1", 1, "the port is missing"},
		{"nc 192.0.2.1 80", 1, "unexpected argument '80'"},
		{"nc server:80", 1, "names are not looked up"},
		{"nc *:80", 1, "one host"},
		{"nc 192.0.2.1:80 -w 0", 1, "from 1 to 86400"},
		{"nc 192.0.2.1:80 --keep-open -N", 1, "exclude each other"},
		{"nc 192.0.2.1:80 -s 2001:db8::1", 1, "is IPv6 and"},
		{"nc 192.0.2.1:80 -s ::", 1, "leave it out"},
		{"nc 192.0.2.1:80 -s 192.0.2.9:0", 1, "from 1 to 65535"},
		{"nc 192.0.2.1:80 --set tcp_sack=2", 1, "from 0 to 1"},
		{"nc 192.0.2.1:80 -x", 1, "unknown option '-x'"},
		{"run eth0 --deny 192.0.2.1/24 --listen :80 --app http", 1, "192.0.2.0/24"},
		{"run eth0 --allow @/none/list --listen :80 --app http", 1, "/none/list"},
		{"deny", 1, "usage: syngate deny IFACE PREFIX"},
		{"deny eth0", 1, "usage: syngate deny IFACE PREFIX"},
		{"allow eth0 192.0.2.0/33", 1, "0 to 32"},
		{"deny eth0 --all", 1, "unknown option '--all'"},
		{"unlist eth0", 1, "usage: syngate unlist IFACE PREFIX"},
		{"unlist eth0 --all 192.0.2.0/24", 1, "unexpected argument '192.0.2.0/24'"},
		{"show prefixes state ESTAB", 1, "unexpected argument 'state'"},
		{"help nothing", 1, "unknown command 'nothing'"},
		{"status", 3, "syngate run IFACE --listen ADDR:PORT"},
		{"status --instance web", 3, "no daemon is running"},
		{"show conns", 3, "no daemon is running"},
		{"show counters -j", 3, "no daemon is running"},
		{"set somaxconn=5", 3, "no daemon is running"},
		{"attach eth0", 3, "no daemon is running"},
		{"detach eth0", 3, "no daemon is running"},
		{"listen eth0 :80 --app http", 3, "no daemon is running"},
		{"unlisten eth0 :80", 3, "no daemon is running"},
		{"deny eth0 192.0.2.0/24", 3, "no daemon is running"},
		{"unlist eth0 --all", 3, "no daemon is running"},
		{"show prefixes", 3, "no daemon is running"},
	};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		int rc = syngate(rows[i].words);

		if (rc != rows[i].exit || !strstr(err, rows[i].why))
			fail_msg("'%s' exits %d and says: %s", rows[i].words, rc, err);
		assert_memory_equal(err, "syngate: ", 9);
		assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
		assert_string_equal(out, "");
		assert_string_equal(fake_log, "");
	}
}

static void nc_asks_in_order(void **state)
{
	(void)state;
	assert_int_equal(syngate("nc 192.0.2.1:80"), 0);
	assert_string_equal(fake_log, "dial(80 :: 0 - 0) new(eth0) attach(eth0 - 0 64 1024) "
				      "connect(eth0 0 0) serve() free() ");
	assert_string_equal(err, "");
	assert_int_equal(
		syngate("nc -s [2001:db8::9]:1024 --iface eth1 -w 7 --keep-open --mode skb "
			"--instance me --set tcp_sack=0 [2001:db8::1]:443"),
		0);
	assert_string_equal(fake_log,
			    "dial(443 2001:db8::9 1024 eth1 7) new(me) set(tcp_sack=0) "
			    "attach(eth0 me 2 64 1024) connect(eth0 1 7) serve() free() ");
	assert_int_equal(syngate("nc -N -s 192.0.2.9 192.0.2.1:80"), 0);
	assert_non_null(strstr(fake_log, "dial(80 ::ffff:192.0.2.9 0 - 0)"));
}

static void nc_says_how_it_ended(void **state)
{
	static const struct {
		enum session_end end;
		int error, exit;
		const char *why;
	} rows[] = {
		{SESSION_DONE, 0, 0, ""},
		{SESSION_IDLE, 0, 0, ""},
		{SESSION_LOST, ECONNREFUSED, 2, "192.0.2.1:80 refused"},
		{SESSION_LOST, ECONNRESET, 2, "192.0.2.1:80 reset"},
		{SESSION_LOST, ETIMEDOUT, 2, "192.0.2.1:80 does not answer"},
		{SESSION_LOST, EHOSTUNREACH, 2, "No route to host"},
		{SESSION_UNANSWERED, ETIMEDOUT, 2, "within 3 s"},
		{SESSION_STUCK, ETIMEDOUT, 2, "took no data for 3 s"},
		{SESSION_INPUT, EIO, 2, "standard input"},
		{SESSION_OUTPUT, EPIPE, 2, "standard output (Broken pipe)"},
		{SESSION_CUT, 0, 2, "detached"},
	};
	static const char *const steps[] = {"dial", "new", "attach", "connect", "serve"};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(rows); i++) {
		fake_end = rows[i].end;
		fake_error = rows[i].error;
		assert_int_equal(syngate("nc -w 3 192.0.2.1:80"), rows[i].exit);
		assert_non_null(strstr(err, rows[i].why));
		assert_int_equal(!err[0], !rows[i].exit);
	}
	fake_end = SESSION_DONE;
	for (size_t i = 0; i < SG_ARRAY_SIZE(steps); i++) {
		fake_fails = steps[i];
		assert_int_equal(syngate("nc 192.0.2.1:80"), EXIT_KERNEL);
		assert_int_equal(!!strstr(fake_log, "free"), i > 1);
	}
	fake_fails = "";
}

static void detach_without_a_daemon(void **state)
{
	(void)state;
	fake_left = 1;
	assert_int_equal(syngate("detach eth0"), 0);
	fake_left = 0;
	assert_int_equal(syngate("detach eth0"), EXIT_NODAEMON);
}

static void help_needs_nothing(void **state)
{
	char words[64];
	(void)state;

	for (const struct command *c = commands; c->name; c++) {
		snprintf(words, sizeof(words), "%s --bad --help", c->name);
		assert_int_equal(syngate(words), 0);
		assert_non_null(strstr(out, c->usage));
		assert_string_equal(err, "");
		snprintf(words, sizeof(words), "help %s", c->name);
		assert_int_equal(syngate(words), 0);
		for (const struct cli_opt *o = c->opts; o->name; o++)
			assert_non_null(strstr(out, o->help));
		assert_int_equal(syngate("help"), 0);
		assert_non_null(strstr(out, c->help));
	}
	assert_int_equal(syngate("--version"), 0);
	assert_memory_equal(out, "syngate ", 8);
	assert_int_equal(syngate(""), EXIT_USAGE);
	assert_string_equal(out, "");
}

/* No option of a command is lost because its table grew too long. */
static void every_option_is_known(void **state)
{
	(void)state;
	for (const struct command *c = commands; c->name; c++) {
		int n = 0;

		while (c->opts[n].name)
			n++;
		assert_true(n <= OPTS_MAX);
	}
}

/* In a child, since there is no way back to root. */
static void without_root(void **state)
{
	static const char *const lines[] = {"run", "run eth0 --listen :80 --app http", "status",
					    "set somaxconn=5"};
	(void)state;

	for (size_t i = 0; i < SG_ARRAY_SIZE(lines); i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(setresuid(65534, 65534, 65534) || syngate(lines[i]) != EXIT_KERNEL ||
			      strcmp(err, "syngate: needs root: run it with sudo\n"));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_asks_in_order),
		cmocka_unit_test(run_lists_before_it_listens),
		cmocka_unit_test(run_is_named_after_its_interface),
		cmocka_unit_test(a_step_that_fails_undoes_the_others),
		cmocka_unit_test(wrong_use_is_told_in_one_line),
		cmocka_unit_test(nc_asks_in_order),
		cmocka_unit_test(nc_says_how_it_ended),
		cmocka_unit_test(detach_without_a_daemon),
		cmocka_unit_test(help_needs_nothing),
		cmocka_unit_test(every_option_is_known),
		cmocka_unit_test(without_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
