/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger: the tree and what breaks it, intervals, crashes, disks that
 * refuse. Files are read, changed and cut as an intruder or a power cut would.
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

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "guard/ledger.h"
#include "guard/ledger_read.h"
#include "guard/segment.h"

#define FILE_BYTES 65536

static struct {
	struct arena *a;
	char dir[64];
	int64_t done, refused;		/* atomic */
	int64_t retention_ms, base_ms;
	bool held;
} t;

static void
count_done(void *arg, bool ok)
{
	(void)arg;
	__atomic_add_fetch(ok ? &t.done : &t.refused, 1, __ATOMIC_RELEASE);
}

static bool
is_held(void *arg, struct str user)
{
	(void)arg;
	assert_true(str_eq(user, S("@alice:test")));
	return t.held;
}

/* Every room's last event is the hundredth. */
static bool
room_last(void *arg, struct str room_id, int64_t *seq)
{
	(void)arg;
	(void)room_id;
	*seq = 100;
	return true;
}

static void
start(void)
{
	struct ledger_conf conf = { .dir = str_c(t.dir),
	    .origin = S("test/ledger"), .sync = true, .room_last = room_last, .is_held = is_held,
	    .retention_ms = t.retention_ms };
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
	t.held = false;
	t.done = t.refused = t.retention_ms = 0;
	t.base_ms = clock_now_ms();
	snprintf(t.dir, sizeof(t.dir), "/tmp/beffroi-ledger-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	return 0;
}

static void
remove_all(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *x;

	while (d != NULL && (x = readdir(d)) != NULL) {
		char *p = str_cz(t.a, str_fmt(t.a, "%s/%s", path, x->d_name));

		if (strcmp(x->d_name, ".") == 0 ||
		    strcmp(x->d_name, "..") == 0)
			continue;
		if (unlink(p) != 0)
			remove_all(p);
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

static int
end(void **state)
{
	(void)state;
	ledger_stop();
	remove_all(t.dir);
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
	ok = ledger_commit(who, "messages_get", t.base_ms + seq, false, &s,
	    count_done, NULL);
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
is_whole(void)
{
	struct ledger_check c = verify();

	if (c.bad_record != 0)
		fail_msg("record %lld of " STR_FMT ": %s",
		    (long long)c.bad_record, STR_ARG(c.bad_file), c.why);
}

/* What there is to read, as "first-last!" for each range; ! when assumed. */
static const char *
told(const struct ledger_filter *f)
{
	static const struct ledger_filter all;
	struct err e = { .code = M_OK };
	struct ledger_reader *r;
	const struct record *rec;
	struct buf b;

	buf_init(&b, t.a, 1 << 20);
	if (!ledger_read_open(t.a, str_c(t.dir), f ? f : &all, &r, &e))
		fail_msg("%s", e.text);
	while (ledger_read_next(r, &rec, &e) && rec != NULL)
		for (size_t i = 0; i < rec->n; i++)
			for (size_t k = 0; k < rec->item[i].nrange; k++)
				buf_fmt(&b, "%lld-%lld%s ", (long long)
				    rec->item[i].range[k].first, (long long)
				    rec->item[i].range[k].last,
				    rec->assumed ? "!" : "");
	ledger_read_close(r);
	buf_char(&b, '\0');
	return b.p;
}

static void
test_an_empty_ledger_is_whole(void **state)
{
	(void)state;
	live(1, 0);
	is_whole();
	live(1, 0);
	is_whole();
	assert_string_equal(told(NULL), "");
}

static void
test_a_record_says_who_saw_what(void **state)
{
	struct err e = { .code = M_OK };
	struct ledger_filter f = { .from_ms = 0 };
	struct ledger_reader *r;
	const struct record *rec;

	(void)state;
	live(42, 1);
	assert_true(ledger_read_open(t.a, str_c(t.dir), &f, &r, &e));
	assert_true(ledger_read_next(r, &rec, &e));
	assert_non_null(rec);
	assert_true(str_eq(rec->who.user, S("@alice:test")));
	assert_true(str_eq(rec->who.device, S("PHONE")));
	assert_true(str_eq(rec->who.address, S("192.0.2.1")));
	assert_true(str_eq(rec->who.agent, S("Test/1")));
	assert_true(str_eq(rec->operation, S("messages_get")));
	assert_int_equal(rec->who.session, 7);
	assert_int_equal(rec->at_ms, t.base_ms + 42);
	assert_int_equal(rec->n, 1);
	assert_int_equal(rec->item[0].kind, SEEN_EVENTS);
	assert_true(str_eq(rec->item[0].object, S("!room:test")));
	assert_int_equal(rec->item[0].range[0].first, 42);
	assert_true(ledger_read_next(r, &rec, &e));
	assert_null(rec);
	ledger_read_close(r);
}

static void
test_the_files_are_the_owners_alone(void **state)
{
	static const char *const names[] = { "data/000001.seg", "checkpoint",
	    "key", "tile/entries/000.p/1", "tile/0/000.p/1" };
	struct stat st;

	(void)state;
	live(1, 1);
	for (size_t i = 0; i < LEN(names); i++) {
		if (stat(path_of(names[i]), &st) != 0)
			fail_msg("%s is not there", names[i]);
		assert_int_equal(st.st_mode & 0077, 0);
	}
}

static void
test_filters(void **state)
{
	const struct {
		const char *name;
		struct ledger_filter f;
		const char *want;
	} cases[] = {
		{ "all", { .to_ms = 0 }, "1-1 2-2 3-3 9-9 " },
		{ "an account", { .user = S_INIT("@bob:test") }, "9-9 " },
		{ "a device", { .device = S_INIT("PHONE") }, "1-1 2-2 3-3 " },
		{ "a time", { .from_ms = t.base_ms + 2,
		    .to_ms = t.base_ms + 3 }, "2-2 " },
		{ "long ago", { .to_ms = t.base_ms - 1000000 }, "" },
		{ "later", { .from_ms = t.base_ms + 1000000 }, "" },
		{ "an address", { .address = S_INIT("::1") }, "9-9 " },
		{ "a session", { .session = 7 }, "1-1 2-2 3-3 " },
		{ "a room", { .room = S_INIT("!room:test") },
		    "1-1 2-2 3-3 9-9 " },
		{ "another room", { .room = S_INIT("!x:test") }, "" },
	};
	struct actor bob = { .user = S("@bob:test"), .address = S("::1") };

	(void)state;
	live(1, 3);
	start();
	assert_true(commit_as(&bob, 9));
	ledger_stop();
	for (size_t i = 0; i < LEN(cases); i++)
		if (strcmp(told(&cases[i].f), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, told(&cases[i].f));
}

static void
test_done_comes_when_it_is_in_the_file(void **state)
{
	(void)state;
	start();
	commit(1);
	while (__atomic_load_n(&t.done, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	assert_string_equal(told(NULL), "1-1 ");
	ledger_stop();
	assert_int_equal(ledger_written(), 1);
}

/* Every byte of every file but the key and what is only there to be read. */
static void
test_any_changed_bit_is_found(void **state)
{
	static const char *const names[] = { "data/000001.seg",
	    "tile/entries/000.p/4", "tile/0/000.p/4", "checkpoint" };

	(void)state;
	live(1, 4);
	is_whole();
	for (size_t f = 0; f < LEN(names); f++) {
		struct str s = read_file(names[f]), copy;

		for (size_t i = 0; i < s.n; i++) {
			/* The number of the first leaf is there to skip by. */
			if (f == 0 && i >= 17 + SEGMENT_SEED &&
			    i < 17 + SEGMENT_SEED + 8)
				continue;
			copy = str_dup(t.a, s);
			((char *)(uintptr_t)copy.p)[i] ^= 1;
			write_file(names[f], copy);
			if (verify().bad_record == 0)
				fail_msg("%s: byte %zu was changed and not "
				    "found", names[f], i);
		}
		write_file(names[f], s);
	}
	is_whole();
}

/* Where batch i of a segment begins. */
static size_t
batch_at(struct str s, size_t i)
{
	size_t at = 17 + SEGMENT_SEED + 8;

	while (i-- > 0) {
		size_t n = 0;

		for (size_t k = 4; k-- > 0;)
			n = n << 8 | (uint8_t)s.p[at + k];
		at += 8 + n;
	}
	return at;
}

/* One batch a record, so that they can be taken out. */
static void
live_slowly(int64_t n)
{
	start();
	for (int64_t i = 1; i <= n; i++) {
		commit(i);
		while (__atomic_load_n(&t.done, __ATOMIC_ACQUIRE) < i)
			usleep(100);
	}
	ledger_stop();
}

static void
test_records_taken_out_moved_or_doubled(void **state)
{
	struct str s;

	(void)state;
	live_slowly(5);
	s = read_file("data/000001.seg");
	for (size_t i = 1; i < 4; i++) {
		size_t at = batch_at(s, i), next = batch_at(s, i + 1);
		size_t end_at = batch_at(s, i + 2);

		write_file("data/000001.seg", str_cat(t.a, str_sub(s, 0, at),
		    str_from(s, next)));
		assert_int_equal(verify().bad_record, i + 1);
		write_file("data/000001.seg", str_cat(t.a, str_sub(s, 0, next),
		    str_from(s, at)));
		assert_int_equal(verify().bad_record, i + 1);
		write_file("data/000001.seg", str_cat(t.a, str_cat(t.a,
		    str_sub(s, 0, at), str_sub(s, next, end_at - next)),
		    str_cat(t.a, str_sub(s, at, next - at), str_from(s,
		    end_at))));
		assert_int_equal(verify().bad_record, i + 1);
	}
	write_file("data/000001.seg", s);
	is_whole();
}

static void
test_files_taken_away(void **state)
{
	struct str s;

	(void)state;
	live(1, 2);
	live(3, 2);
	live(5, 2);
	is_whole();
	s = read_file("data/000002.seg");
	unlink(path_of("data/000002.seg"));
	assert_int_equal(verify().bad_record, 3);
	write_file("data/000002.seg", s);
	is_whole();
	unlink(path_of("data/000003.seg"));
	assert_int_equal(verify().bad_record, 5);
}

/* A crash leaves any part of what was not signed yet. */
static void
test_a_cut_batch_is_set_aside(void **state)
{
	struct str s, cut;

	(void)state;
	live_slowly(3);
	s = read_file("data/000001.seg");
	for (size_t n = batch_at(s, 2); n < batch_at(s, 3); n += 5) {
		remove_all(t.dir);
		mkdir(t.dir, 0700);
		mkdir(path_of("data"), 0700);
		write_file("data/000001.seg", str_sub(s, 0, n));
		live(10, 1);
		is_whole();
		assert_string_equal(told(NULL), "1-1 2-2 10-10 ");
		if (n == batch_at(s, 2))
			continue;
		cut = read_file("data/000001.cut");
		assert_int_equal(cut.n, n - batch_at(s, 2));
	}
}

/* Damage stays where it is, and what comes after it is on record again. */
static void
test_after_damage_it_goes_on(void **state)
{
	struct str s, was;

	(void)state;
	live_slowly(4);
	s = str_dup(t.a, read_file("data/000001.seg"));
	((char *)(uintptr_t)s.p)[batch_at(s, 1) + 12] ^= 1;
	write_file("data/000001.seg", s);
	was = read_file("data/000001.seg");
	live(5, 2);
	live(7, 2);
	assert_true(str_eq(read_file("data/000001.seg"), was));
	assert_int_equal(verify().bad_record, 2);
	assert_string_equal(told(NULL), "1-1 5-5 6-6 7-7 8-8 ");
}

/* Lost files of the tree are made again from the records. */
static void
test_the_tree_is_made_again(void **state)
{
	(void)state;
	live(1, 700);
	is_whole();
	remove_all(path_of("tile"));
	assert_int_equal(verify().bad_record, 1);
	live(701, 5);
	is_whole();
	assert_true(exists("tile/0/002.p/193"));
	assert_true(exists("tile/1/000.p/2"));
}

/* A sync of so many events of two rooms. */
static void
sync_at(int64_t now_ms, int64_t from, int64_t to)
{
	struct actor who = { .user = S("@alice:test"), .device = S("PHONE"),
	    .session = 7, .address = S("192.0.2.1") };
	struct arena *a = arena_new(1 << 20);
	struct seen s;

	seen_init(&s, a);
	for (int64_t i = from; i <= to; i++)
		seen_event(&s, S("!a:test"), i);
	assert_true(ledger_commit(&who, "sync_get", now_ms, true, &s,
	    count_done, NULL));
	arena_free(a);
}

static void
wait_done(int64_t n)
{
	while (__atomic_load_n(&t.done, __ATOMIC_ACQUIRE) < n)
		usleep(100);
	/* The interval is open once the batch is finished with. */
	usleep(2000);
}

static void
test_syncs_fold_into_one_interval(void **state)
{
	struct ledger_check c;
	int64_t now = 1000000;

	(void)state;
	start();
	sync_at(now, 1, 5);
	wait_done(1);
	for (int64_t i = 6; i < 50; i++)
		sync_at(now + i, i, i);
	assert_int_equal(t.done, 45);
	ledger_stop();
	assert_int_equal(ledger_written(), 1);
	assert_string_equal(told(NULL), "1-5 6-49 ");
	c = verify();
	assert_int_equal(c.bad_record, 0);
	assert_int_equal(c.records, 3);
}

/* The sender's membership comes with every lazy sync: once is enough. */
static void
test_state_shown_again_needs_no_record(void **state)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1") };
	struct arena *a = arena_new(1 << 20);
	struct seen s;

	(void)state;
	start();
	for (int64_t i = 1; i <= 10; i++) {
		seen_init(&s, a);
		seen_event(&s, S("!a:test"), i);
		/* Another speaks the fifth time. */
		seen_state(&s, S("!a:test"), i == 5 ? 700 : 77);
		assert_true(ledger_commit(&who, "sync_get", 1000000 + i, true,
		    &s, count_done, NULL));
		wait_done(i);
	}
	ledger_stop();
	arena_free(a);
	assert_int_equal(ledger_written(), 2);
	assert_string_equal(told(NULL), "1-1 77-77 700-700 2-10 ");
	is_whole();
}

static void
test_what_does_not_follow_is_a_record(void **state)
{
	(void)state;
	start();
	sync_at(1000000, 10, 12);
	wait_done(1);
	sync_at(1000001, 11, 13);	/* seen before, in part */
	wait_done(2);
	sync_at(1000002, 20, 22);	/* with a gap: on from there */
	ledger_stop();
	assert_int_equal(ledger_written(), 2);
	assert_string_equal(told(NULL), "10-12 11-13 20-22 ");
}

/* Killed before what was folded was written: the opening says it. */
static void
test_an_open_interval_is_closed_after_a_crash(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		start();
		sync_at(clock_now_ms(), 1, 5);
		wait_done(1);
		sync_at(clock_now_ms(), 6, 6);
		kill(getpid(), SIGKILL);
	}
	waitpid(child, &status, 0);
	live(500, 1);
	is_whole();
	assert_string_equal(told(NULL), "1-5 6-100! 500-500 ");
	live(501, 1);
	assert_string_equal(told(NULL), "1-5 6-100! 500-500 501-501 ");
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
	is_whole();
	assert_int_equal(verify().records, 2000);
}

/* Whole segments go, the tree stays as it is, and a record says so. */
static void
test_retention_erases_and_the_tree_stays_whole(void **state)
{
	(void)state;
	live(1, 2);
	live(3, 2);
	t.retention_ms = 1;
	start();
	commit(9);
	for (int i = 0; i < 400 && exists("data/000002.seg"); i++)
		usleep(10000);
	ledger_stop();
	assert_false(exists("data/000001.seg"));
	assert_string_equal(told(NULL), "9-9 ");
	is_whole();
	t.retention_ms = 0;
	live(10, 1);
	is_whole();
	t.retention_ms = 1;
	t.held = true;
	start();
	usleep(700000);
	ledger_stop();
	assert_true(exists("data/000003.seg"));
	/* Not what somebody else takes away, and the word of retention with it. */
	unlink(path_of("data/000003.seg"));
	assert_int_equal(verify().bad_record, 1);
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
		if (!ledger_commit(&who, "event_get", i, false, &s,
		    tell_parent, &pipe_in))
			usleep(1000);
	pause();
	_exit(0);
}

static void
test_killed_at_any_moment(void **state)
{
	int64_t heard = 0;

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
				heard += piece[i] == '+';
		close(p[0]);
		start();
		ledger_stop();
		is_whole();
		assert_true(verify().records >= heard);
	}
	assert_true(heard > 0);
}

/* A disk that refuses: nothing may be shown; when it takes again, all goes on. */
static void
test_a_full_disk(void **state)
{
	struct rlimit was, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	start();
	commit(1);
	wait_done(1);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = read_file("data/000001.seg").n + 20;
	setrlimit(RLIMIT_FSIZE, &small);
	commit(4);
	while (__atomic_load_n(&t.refused, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	setrlimit(RLIMIT_FSIZE, &was);
	commit(5);
	ledger_stop();
	is_whole();
	assert_string_equal(told(NULL), "1-1 5-5 ");
	assert_int_equal(t.done, 2);
}

/* What was folded while the disk took is written once it takes again. */
static void
test_what_was_folded_outlives_a_full_disk(void **state)
{
	struct rlimit was, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	start();
	sync_at(clock_now_ms(), 1, 5);
	wait_done(1);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = 1;
	setrlimit(RLIMIT_FSIZE, &small);
	sync_at(clock_now_ms(), 6, 9);
	commit(50);
	while (__atomic_load_n(&t.refused, __ATOMIC_ACQUIRE) == 0)
		usleep(100);
	setrlimit(RLIMIT_FSIZE, &was);
	ledger_stop();
	is_whole();
	assert_string_equal(told(NULL), "1-5 6-9 ");
}

static void
test_a_record_too_long_is_refused(void **state)
{
	struct actor who = { .user = S("@alice:test"), .address = S("::1") };
	struct arena *a = arena_new((size_t)1 << 30);
	struct seen s;

	(void)state;
	seen_init(&s, a);
	for (int64_t i = 0; i < 20000; i++)
		seen_event(&s, S("!room:test"), i * 2);
	start();
	assert_true(ledger_commit(&who, "sync_get", 1, false, &s, count_done,
	    NULL));
	for (int64_t i = 0; i < 6000000; i++)
		seen_event(&s, S("!room:test"), i * 1000000);
	assert_false(ledger_commit(&who, "sync_get", 1, false, &s, count_done,
	    NULL));
	ledger_stop();
	arena_free(a);
	is_whole();
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
	mkdir(path_of("data"), 0700);
	write_file("notes.txt", S("x"));
	write_file("data/abc.seg", S("x"));
	write_file("data/000001.seg.bak", S("x"));
	live(1, 1);
	is_whole();
	assert_true(str_eq(read_file("data/abc.seg"), S("x")));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_an_empty_ledger_is_whole),
		CASE(test_a_record_says_who_saw_what),
		CASE(test_the_files_are_the_owners_alone),
		CASE(test_filters),
		CASE(test_done_comes_when_it_is_in_the_file),
		CASE(test_any_changed_bit_is_found),
		CASE(test_records_taken_out_moved_or_doubled),
		CASE(test_files_taken_away),
		CASE(test_a_cut_batch_is_set_aside),
		CASE(test_after_damage_it_goes_on),
		CASE(test_the_tree_is_made_again),
		CASE(test_syncs_fold_into_one_interval),
		CASE(test_state_shown_again_needs_no_record),
		CASE(test_what_does_not_follow_is_a_record),
		CASE(test_an_open_interval_is_closed_after_a_crash),
		CASE(test_many_threads),
		CASE(test_retention_erases_and_the_tree_stays_whole),
		CASE(test_killed_at_any_moment),
		CASE(test_a_full_disk),
		CASE(test_what_was_folded_outlives_a_full_disk),
		CASE(test_a_record_too_long_is_refused),
		CASE(test_nothing_is_taken_when_it_does_not_run),
		CASE(test_other_files_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
