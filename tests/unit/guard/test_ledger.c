/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger: the chain and what breaks it, crashes, disks that refuse. Files
 * are read, changed and cut as an intruder or a power cut would.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "guard/ledger.h"
#include "guard/ledger_file.h"

#define FILE_BYTES 65536

static struct {
	struct arena *a;
	char dir[64];
	int64_t done, refused;		/* atomic */
} t;

static void
count_done(void *arg, bool ok)
{
	(void)arg;
	__atomic_add_fetch(ok ? &t.done : &t.refused, 1, __ATOMIC_RELEASE);
}

static void
start(void)
{
	struct ledger_conf conf = { str_c(t.dir), true };
	struct err e = { .code = M_OK };

	if (!ledger_start(&conf, &e))
		fail_msg("%s | %s", e.text, e.cause);
}

static int
begin(void **state)
{
	(void)state;
	crypto_start();
	log_setup(LOG_ERROR, false);
	t.a = arena_new((size_t)64 << 20);
	t.done = t.refused = 0;
	snprintf(t.dir, sizeof(t.dir), "/tmp/beffroi-ledger-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	return 0;
}

static int
end(void **state)
{
	DIR *d = opendir(t.dir);
	struct dirent *x;

	(void)state;
	ledger_stop();
	while ((x = readdir(d)) != NULL)
		if (x->d_name[0] != '.')
			unlinkat(dirfd(d), x->d_name, 0);
	closedir(d);
	rmdir(t.dir);
	arena_free(t.a);
	return 0;
}

/* Records that @user was shown a room's event `seq`. */
static bool
commit_as(const struct actor *who, int64_t seq)
{
	struct arena *a = arena_new((size_t)64 << 20);
	struct seen s;
	bool ok;

	seen_init(&s, a);
	seen_event(&s, S("!room:test"), seq);
	ok = ledger_commit(who, "messages_get", 1000 + seq, &s, count_done,
	    NULL);
	arena_free(a);
	return ok;
}

static void
commit(int64_t seq)
{
	struct actor who = { .user = S("@alice:test"), .device = S("PHONE"),
	    .session = 7, .address = S("192.0.2.1"), .agent = S("Test/1") };

	assert_true(commit_as(&who, seq));
}

/* A server that lived, showed n things and stopped. */
static void
live(int64_t from, int64_t n)
{
	start();
	for (int64_t i = 0; i < n; i++)
		commit(from + i);
	ledger_stop();
}

static char *
path_of(const char *name)
{
	return str_cz(t.a, str_fmt(t.a, "%s/%s", t.dir, name));
}

static struct str
read_file(const char *name)
{
	char *to = arena_alloc(t.a, FILE_BYTES);
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, to, FILE_BYTES);
	assert_true(n >= 0 && n < FILE_BYTES);
	close(fd);
	return str_n(to, (size_t)n);
}

static void
write_file(const char *name, struct str s)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s.p, s.n), s.n);
	close(fd);
}

static bool
exists(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static struct ledger_check
verify(void)
{
	struct ledger_check out;
	struct err e = { .code = M_OK };

	if (!ledger_verify(t.a, str_c(t.dir), &out, &e))
		fail_msg("%s", e.text);
	return out;
}

static void
is_whole(int64_t records)
{
	struct ledger_check c = verify();

	if (c.bad_record != 0)
		fail_msg("record %lld of " STR_FMT ": %s",
		    (long long)c.bad_record, STR_ARG(c.bad_file), c.why);
	assert_int_equal(c.records, records);
}

/* Where line i begins; the end of the file after the last. */
static size_t
line_at(struct str s, size_t i)
{
	size_t at = 0;

	while (i-- > 0)
		at += (size_t)str_find(str_from(s, at), '\n') + 1;
	return at;
}

static struct str
line(struct str s, size_t i)
{
	size_t at = line_at(s, i);

	return str_sub(s, at, line_at(s, i + 1) - at);
}

static void
test_an_empty_ledger_is_whole(void **state)
{
	(void)state;
	start();
	ledger_stop();
	is_whole(0);
	start();
	ledger_stop();
	is_whole(0);
}

static void
test_a_record_says_who_saw_what(void **state)
{
	struct json v, *seen;
	struct err e = { .code = M_OK };

	(void)state;
	live(42, 1);
	assert_true(json_parse(t.a, read_file("000001.jsonl"), JSON_ANY, &v,
	    &e));
	assert_true(str_eq(json_str(&v, S("who")), S("@alice:test")));
	assert_true(str_eq(json_str(&v, S("device")), S("PHONE")));
	assert_true(str_eq(json_str(&v, S("address")), S("192.0.2.1")));
	assert_true(str_eq(json_str(&v, S("agent")), S("Test/1")));
	assert_true(str_eq(json_str(&v, S("operation")), S("messages_get")));
	assert_int_equal(json_str(&v, S("prev")).n, LEDGER_HASH_HEX);
	seen = &((struct json *)(uintptr_t)json_get_arr(&v, S("seen")))->at[0];
	assert_true(str_eq(seen->at[0].s, S("events")));
	assert_true(str_eq(seen->at[1].s, S("!room:test")));
	assert_int_equal(seen->at[2].i, 42);
	assert_int_equal(seen->at[3].i, 42);
	assert_int_equal(seen->at[4].i, 1);
}

static void
test_the_file_is_the_owners_alone(void **state)
{
	struct stat st;

	(void)state;
	live(1, 1);
	assert_int_equal(stat(path_of("000001.jsonl"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
test_the_chain_goes_on_over_restarts(void **state)
{
	(void)state;
	live(1, 3);
	live(4, 0);
	live(4, 2);
	is_whole(5);
	assert_int_equal(t.done, 5);
	assert_false(exists("000002.jsonl"));
}

/* A name with a line break in it must not become a line. */
static void
test_what_clients_send_cannot_forge_a_line(void **state)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1"),
	    .agent = S("x\"}\n{\"who\":\"@bob:test\",\"prev\":\"") };

	(void)state;
	start();
	assert_true(commit_as(&who, 1));
	commit(2);
	ledger_stop();
	is_whole(2);
}

static void
test_done_comes_when_it_is_in_the_file(void **state)
{
	(void)state;
	start();
	commit(1);
	while (__atomic_load_n(&t.done, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	assert_int_equal(verify().records, 1);
	ledger_stop();
	assert_int_equal(ledger_written(), 1);
}

static void
test_any_changed_bit_is_found(void **state)
{
	struct str s, copy;
	size_t last;

	(void)state;
	live(1, 4);
	s = read_file("000001.jsonl");
	last = line_at(s, 3);
	for (size_t i = 0; i < s.n; i++) {
		/* The last line is vouched for by the next, but for its link. */
		if (i >= last && i < s.n - LEDGER_HASH_HEX - 10)
			continue;
		copy = str_dup(t.a, s);
		((char *)(uintptr_t)copy.p)[i] ^= 1;
		write_file("000001.jsonl", copy);
		if (verify().bad_record == 0)
			fail_msg("byte %zu was changed and not found", i);
	}
}

static void
test_the_last_line_is_vouched_for_by_the_next(void **state)
{
	struct str s;
	size_t at;

	(void)state;
	live(1, 4);
	start();
	s = str_dup(t.a, read_file("000001.jsonl"));
	at = line_at(s, 3) + 10;
	((char *)(uintptr_t)s.p)[at] ^= 1;
	write_file("000001.jsonl", s);
	assert_int_equal(verify().bad_record, 0);
	commit(5);
	ledger_stop();
	assert_int_equal(verify().bad_record, 5);
}

static void
test_lines_taken_out_moved_or_doubled(void **state)
{
	struct str s;

	(void)state;
	live(1, 5);
	s = read_file("000001.jsonl");
	for (size_t i = 0; i < 4; i++) {
		size_t at = line_at(s, i), next = line_at(s, i + 1);

		write_file("000001.jsonl", str_cat(t.a, str_sub(s, 0, at),
		    str_from(s, next)));
		assert_int_equal(verify().bad_record, i + 1);
		write_file("000001.jsonl", str_cat(t.a, str_sub(s, 0, next),
		    str_from(s, at)));
		assert_int_equal(verify().bad_record, i + 2);
		write_file("000001.jsonl", str_cat(t.a, str_cat(t.a,
		    str_sub(s, 0, at), line(s, i + 1)), str_cat(t.a,
		    line(s, i), str_from(s, line_at(s, i + 2)))));
		assert_int_equal(verify().bad_record, i + 1);
	}
	write_file("000001.jsonl", s);
	is_whole(5);
}

static void
test_files_taken_away(void **state)
{
	struct str s, part[3];

	(void)state;
	live(1, 6);
	s = read_file("000001.jsonl");
	part[0] = str_sub(s, 0, line_at(s, 2));
	part[1] = str_sub(s, line_at(s, 2), line_at(s, 4) - line_at(s, 2));
	part[2] = str_from(s, line_at(s, 4));
	write_file("000001.jsonl", part[0]);
	write_file("000002.jsonl", part[1]);
	write_file("000003.jsonl", part[2]);
	is_whole(6);
	unlink(path_of("000002.jsonl"));
	assert_true(str_ends(verify().bad_file, S("000003.jsonl")));
	write_file("000002.jsonl", part[1]);
	unlink(path_of("000001.jsonl"));
	assert_true(str_ends(verify().bad_file, S("000002.jsonl")));
	write_file("000001.jsonl", part[0]);
	is_whole(6);
	live(7, 1);
	is_whole(7);
	assert_false(exists("000004.jsonl"));
}

/* A crash leaves any part of the last line. */
static void
test_a_cut_line_is_set_aside(void **state)
{
	struct str s, cut;
	size_t whole;

	(void)state;
	live(1, 3);
	s = read_file("000001.jsonl");
	whole = line_at(s, 2);
	for (size_t n = whole; n < s.n; n += 7) {
		unlink(path_of("000001.cut"));
		write_file("000001.jsonl", str_sub(s, 0, n));
		live(10, 2);
		is_whole(4);
		cut = n > whole ? read_file("000001.cut") : S("");
		assert_true(str_eq(cut, str_sub(s, whole, n - whole)));
		assert_false(exists("000002.jsonl"));
	}
}

static void
test_only_a_cut_line(void **state)
{
	(void)state;
	write_file("000001.jsonl", S("{\"at\":1,\"wh"));
	live(1, 2);
	is_whole(2);
	assert_true(exists("000001.cut"));
}

/* Damage stays where it is, and what comes after it is a chain again. */
static void
test_after_damage_the_chain_goes_on(void **state)
{
	struct ledger_check c;
	struct str s, was;

	(void)state;
	live(1, 4);
	s = str_dup(t.a, read_file("000001.jsonl"));
	((char *)(uintptr_t)s.p)[line_at(s, 1) + 5] ^= 1;
	write_file("000001.jsonl", s);
	was = read_file("000001.jsonl");
	log_setup(LOG_ERROR, false);
	live(5, 2);
	live(7, 2);
	live(9, 0);
	assert_true(str_eq(read_file("000001.jsonl"), was));
	assert_true(exists("000002.jsonl"));
	assert_false(exists("000003.jsonl"));
	c = verify();
	assert_int_equal(c.records, 8);
	assert_int_equal(c.bad_record, 3);
	assert_true(str_ends(c.bad_file, S("000001.jsonl")));
	unlink(path_of("000002.jsonl"));
	assert_int_equal(verify().records, 4);
}

static void *
committer(void *arg)
{
	for (int64_t i = 0; i < 500; i++)
		commit(*(int64_t *)arg + i);
	return NULL;
}

static void
test_many_threads(void **state)
{
	int64_t from[4] = { 0, 1000, 2000, 3000 };
	pthread_t id[4];

	(void)state;
	start();
	for (int i = 0; i < 4; i++)
		pthread_create(&id[i], NULL, committer, &from[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(id[i], NULL);
	ledger_stop();
	assert_int_equal(t.done, 2000);
	is_whole(2000);
}

/* What was said to be on record is, whenever the process is killed. */
static void
tell_parent(void *arg, bool ok)
{
	char one = ok ? '+' : '-';

	if (write(*(int *)arg, &one, 1) != 1)
		_exit(1);
}

static void
be_killed(int pipe_in)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1") };
	struct arena *a = arena_new(1 << 20);
	struct seen s;

	seen_init(&s, a);
	seen_event(&s, S("!room:test"), 1);
	start();
	for (int i = 0; i < 100000; i++)
		if (!ledger_commit(&who, "sync_get", i, &s, tell_parent,
		    &pipe_in))
			usleep(1000);
	pause();
	_exit(0);
}

static void
test_killed_at_any_moment(void **state)
{
	int64_t told = 0;

	(void)state;
	for (int round = 0; round < 5; round++) {
		char piece[4096];
		int p[2], status;
		ssize_t n;
		pid_t child;

		assert_int_equal(pipe(p), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			be_killed(p[1]);
		close(p[1]);
		usleep(15000U * (unsigned)(round + 1));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		while ((n = read(p[0], piece, sizeof(piece))) > 0)
			for (ssize_t i = 0; i < n; i++)
				told += piece[i] == '+';
		close(p[0]);
		start();
		ledger_stop();
		assert_int_equal(verify().bad_record, 0);
		assert_true(verify().records >= told);
	}
	assert_true(told > 0);
}

/* A disk that refuses: nothing may be shown; when it takes again, all goes on. */
static void
test_a_full_disk(void **state)
{
	struct rlimit was, small;
	struct str s;

	(void)state;
	live(1, 3);
	s = read_file("000001.jsonl");
	signal(SIGXFSZ, SIG_IGN);
	start();
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = s.n + 50;	/* a part of a line would fit */
	log_setup(LOG_ERROR, false);
	setrlimit(RLIMIT_FSIZE, &small);
	commit(4);
	while (__atomic_load_n(&t.refused, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_true(str_eq(read_file("000001.jsonl"), s));
	commit(5);
	ledger_stop();
	is_whole(4);
	assert_int_equal(t.done, 4);
}

static void
test_a_record_too_long_is_refused(void **state)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1") };
	struct arena *a = arena_new((size_t)512 << 20);
	struct seen s;

	(void)state;
	seen_init(&s, a);
	for (int64_t i = 0; i < 20000; i++)
		seen_event(&s, S("!room:test"), i * 2);
	start();
	assert_true(ledger_commit(&who, "sync_get", 1, &s, count_done, NULL));
	for (int64_t i = 0; i < 600000; i++)
		seen_event(&s, S("!room:test"), i * 2);
	assert_false(ledger_commit(&who, "sync_get", 1, &s, count_done, NULL));
	ledger_stop();
	arena_free(a);
	is_whole(1);
	assert_int_equal(t.done, 1);
}

static void
test_nothing_is_taken_when_it_does_not_run(void **state)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1") };

	(void)state;
	assert_false(commit_as(&who, 1));
	start();
	ledger_stop();
	assert_false(commit_as(&who, 1));
	assert_int_equal(t.done + t.refused, 0);
}

static void
test_other_files_are_left_alone(void **state)
{
	(void)state;
	write_file("notes.txt", S("x"));
	write_file("abc.jsonl", S("x"));
	write_file("000001.jsonl.bak", S("x"));
	live(1, 1);
	is_whole(1);
	assert_true(str_eq(read_file("abc.jsonl"), S("x")));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_an_empty_ledger_is_whole),
		CASE(test_a_record_says_who_saw_what),
		CASE(test_the_file_is_the_owners_alone),
		CASE(test_the_chain_goes_on_over_restarts),
		CASE(test_what_clients_send_cannot_forge_a_line),
		CASE(test_done_comes_when_it_is_in_the_file),
		CASE(test_any_changed_bit_is_found),
		CASE(test_the_last_line_is_vouched_for_by_the_next),
		CASE(test_lines_taken_out_moved_or_doubled),
		CASE(test_files_taken_away),
		CASE(test_a_cut_line_is_set_aside),
		CASE(test_only_a_cut_line),
		CASE(test_after_damage_the_chain_goes_on),
		CASE(test_many_threads),
		CASE(test_killed_at_any_moment),
		CASE(test_a_full_disk),
		CASE(test_a_record_too_long_is_refused),
		CASE(test_nothing_is_taken_when_it_does_not_run),
		CASE(test_other_files_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
