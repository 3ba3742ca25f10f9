/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Claims, on SQLite with synchronous = FULL: a message costs at most 280 us of
 * CPU from draft to told, whoever spends it; 64 senders in 64 rooms reach 5,000
 * a second; in one room each waits for the one before. A room of 1,000 members
 * is loaded in under 10 ms, one of 20,000 stays below 4 MB. The data lies where
 * TMPDIR says.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/create.h"
#include "core/member.h"
#include "core/room_impl.h"

#define RUN_US 2000000
#define SENDERS_MAX 64

static char dir[256];
static int64_t end_us;

struct sender {
	pthread_t thread;
	struct ctx c;
	char user[32];
	struct str room;
	int64_t sent;
};

static void
must(bool ok, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "%s | %s (%s:%d)\n", e->text, e->cause, e->file,
	    e->line);
	exit(1);
}

static void
start(void)
{
	const char *tmp = getenv("TMPDIR");
	char data[300];
	char *args[] = { (char[]){ "server.name=bench" }, data };
	struct err e = { .code = M_OK };

	log_setup(LOG_ERROR, false);
	snprintf(dir, sizeof(dir), "%s/beffroi-bench-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(data, sizeof(data), "data.dir=%s", dir);
	must(conf_load(NULL, args, LEN(args), &e) &&
	    server_start(conf_get(), &e), &e);
}

static void
sender_init(struct sender *s, int number)
{
	struct err e = { .code = M_OK };

	snprintf(s->user, sizeof(s->user), "@user%d:bench", number);
	s->c = (struct ctx){ .a = arena_new((size_t)64 << 20),
	    .db = db_attach(server_get()->store, &e),
	    .now_ms = clock_now_ms() };
	must(s->c.db != NULL, &e);
	s->c.who.kind = ACTOR_USER;
	s->c.who.user = str_c(s->user);
	s->c.who.device = S("DEV");
	s->sent = 0;
}

static void
sender_done(struct sender *s)
{
	arena_free(s->c.a);
	db_detach(s->c.db);
}

/* As a request does it: a body to parse, a transaction id, an arena that ends. */
static void
send_one(struct sender *s)
{
	struct ctx *c = &s->c;
	struct send m = { .type = S("m.room.message") };
	const struct sev *ev;
	struct room *r;

	arena_reset(c->a);
	c->now_ms = clock_now_ms();
	must(json_parse(c->a, S("{\"msgtype\":\"m.text\",\"body\":\"A message "
	    "of a length as people write it, mostly.\"}"), JSON_ANY,
	    &m.content, &c->err), &c->err);
	m.txn_place = str_cat(c->a, s->room, S(" m.room.message"));
	m.txn_id = str_fmt(c->a, "m%lld.%lld", (long long)c->now_ms,
	    (long long)s->sent);
	must(room_open(c, s->room, &r) && send_event(c, r, &m, &ev), &c->err);
	s->sent++;
}

static void *
run(void *arg)
{
	while (clock_mono_us() < end_us)
		send_one(arg);
	return NULL;
}

static int64_t
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) +
	    u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void
measure(const char *what, int senders, int rooms)
{
	static struct sender s[SENDERS_MAX];
	int64_t sent = 0, began, cpu;
	struct sender maker;
	struct create cr = { .v = room_version(S("12")),
	    .preset = PRESET_PUBLIC };
	struct room *r[SENDERS_MAX];

	sender_init(&maker, -1);
	for (int i = 0; i < rooms; i++)
		must(room_create(&maker.c, &cr, &r[i]), &maker.c.err);
	for (int i = 0; i < senders; i++) {
		sender_init(&s[i], i);
		s[i].room = room_id(r[i % rooms]);
		must(member_join(&s[i].c, r[i % rooms], S(""), NULL),
		    &s[i].c.err);
	}
	cpu = cpu_us();
	began = clock_mono_us();
	end_us = began + RUN_US;
	for (int i = 0; i < senders; i++)
		pthread_create(&s[i].thread, NULL, run, &s[i]);
	for (int i = 0; i < senders; i++) {
		pthread_join(s[i].thread, NULL);
		sent += s[i].sent;
		sender_done(&s[i]);
	}
	printf("  %-28s %6lld sends/s, %4lld us of CPU each\n", what,
	    (long long)(sent * 1000000 / (clock_mono_us() - began)),
	    (long long)((cpu_us() - cpu) / (sent > 0 ? sent : 1)));
	sender_done(&maker);
}

/* Members who never were: rows as a join leaves them, without its events. */
struct crowd {
	int64_t room, event;
	int n;
};

static bool
crowd_body(struct db *db, void *arg, struct err *e)
{
	struct crowd *x = arg;
	char user[48];

	for (int i = 0; i < x->n; i++) {
		struct member_row m = { .membership = MEMBER_JOIN,
		    .event = x->event, .seq = 1, .pos = x->event };

		snprintf(user, sizeof(user), "@somebody.or.other%d:bench", i);
		m.user = str_c(user);
		if (!member_put(db, x->room, &m, e))
			return false;
	}
	return true;
}

static void
measure_load(int members)
{
	struct create cr = { .v = room_version(S("12")),
	    .preset = PRESET_PUBLIC };
	struct crowd crowd = { .n = members };
	struct sender s;
	struct room *r;
	size_t before;
	int64_t began;

	sender_init(&s, 0);
	must(room_create(&s.c, &cr, &r), &s.c.err);
	crowd.room = room_nid(r);
	crowd.event = room_head(r).last_pos;
	must(db_transact(s.c.db, crowd_body, &crowd, &s.c.err), &s.c.err);
	arena_reset(s.c.a);
	/* Out of memory, and back. */
	room_cache_stop();
	before = room_cache_bytes();
	began = clock_mono_us();
	must(room_open_nid(&s.c, crowd.room, &r), &s.c.err);
	printf("  a room of %-18d %6.2f ms to load, %zu kB\n", members,
	    (double)(clock_mono_us() - began) / 1000,
	    (room_cache_bytes() - before) / 1024);
	sender_done(&s);
}

static void
clean_up(void)
{
	static const char *const file[] = { "beffroi.db", "beffroi.db-wal",
		"beffroi.db-shm", "beffroi.lock", "signing.key" };
	char path[300];

	for (size_t i = 0; i < LEN(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/media", dir);
	rmdir(path);
	if (rmdir(dir) != 0)
		fprintf(stderr, "left behind: %s\n", dir);
}

int
main(void)
{
	start();
	measure("one sender", 1, 1);
	measure("64 senders, 64 rooms", 64, 64);
	measure("64 senders, one room", 64, 1);
	measure_load(1000);
	measure_load(20000);
	server_stop();
	clean_up();
	return 0;
}
