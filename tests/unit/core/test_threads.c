/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Many at once: order within a room, transactions sent twice, loads that race. */
#include "fixture.h"

#include <pthread.h>

#define THREADS 8
#define EACH 25

struct worker {
	pthread_t thread;
	struct person p;
	struct str room[THREADS];
	size_t nrooms;
	int number;
	int failed;
	char ids[EACH][64];
};

static void
worker_init(struct worker *w, int number)
{
	struct err e = { .code = M_OK };
	struct db *db = db_attach(server_get()->store, &e);
	char name[16];

	assert_non_null(db);
	*w = (struct worker){ .number = number };
	snprintf(name, sizeof(name), "user%d", number);
	person_init(&w->p, name, db);
}

static void
worker_done(struct worker *w)
{
	arena_free(w->p.c.a);
	db_detach(w->p.c.db);
}

static void
run_all(struct worker *w, void *(*run)(void *arg))
{
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, run,
		    &w[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (int i = 0; i < THREADS; i++)
		if (w[i].failed > 0)
			fail_msg("worker %d: %d failed: %s", i, w[i].failed,
			    w[i].p.c.err.text);
}

/* As a request would, with a fresh arena; without a place, without a transaction id. */
static void
send_number(struct worker *w, int i, struct str room, struct str txn_place)
{
	struct ctx *c = &w->p.c;
	struct room *r;
	const struct sev *ev;
	struct send s;

	arena_reset(c->a);
	s = (struct send){ .type = S("m.room.message"),
	    .content = json_new_obj(), .txn_place = txn_place };
	if (txn_place.n > 0)
		s.txn_id = str_fmt(c->a, "txn%d", i);
	json_set(c->a, &s.content, S("body"), json_of_int(i));
	if (room_open(c, room, &r) && send_event(c, r, &s, &ev))
		snprintf(w->ids[i], sizeof(w->ids[i]), STR_FMT,
		    STR_ARG(ev->ev.id));
	else
		w->failed++;
}

/* Sends into its rooms in turn. */
static void *
send_many(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < EACH; i++)
		send_number(w, i, w->room[(size_t)i % w->nrooms], S(""));
	return NULL;
}

static void
check_room(struct ctx *c, struct room *r)
{
	const struct sev **ev;
	size_t n;

	OK(c, room_range(c, r, 1, INT64_MAX, false, 5000, &ev, &n));
	assert_int_equal(n, room_head(r).last_seq);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ev[i]->seq, i + 1);
		if (i == 0)
			continue;
		assert_true(ev[i]->pos > ev[i - 1]->pos);
		assert_str(ev[i]->ev.prev[0], ev[i - 1]->ev.id);
	}
}

static void
send_into(size_t nrooms)
{
	static struct worker w[THREADS];
	struct ctx *alice = as("alice");
	struct room *r[THREADS];
	int64_t before = 0, after = 0;

	for (size_t k = 0; k < nrooms; k++)
		r[k] = new_room(alice, k % 2 ? "12" : "11", PRESET_PUBLIC);
	for (int i = 0; i < THREADS; i++) {
		worker_init(&w[i], i);
		w[i].nrooms = nrooms;
		for (size_t k = 0; k < nrooms; k++) {
			w[i].room[k] = room_id(r[k]);
			join(&w[i].p.c, r[k]);
		}
	}
	for (size_t k = 0; k < nrooms; k++)
		before += room_head(r[k]).last_seq;
	run_all(w, send_many);
	for (size_t k = 0; k < nrooms; k++) {
		check_room(alice, r[k]);
		after += room_head(r[k]).last_seq;
	}
	assert_int_equal(after - before, THREADS * EACH);
	for (int i = 0; i < THREADS; i++)
		worker_done(&w[i]);
}

static void
test_one_room(void **state)
{
	(void)state;
	send_into(1);
}

static void
test_many_rooms(void **state)
{
	(void)state;
	send_into(5);
}

/* Rooms come and go under the writers: the cache holds none that is not used. */
static void
test_under_eviction(void **state)
{
	(void)state;
	room_cache_start(1);
	send_into(5);
	room_cache_start((size_t)64 << 20);
}

/* All of one device: each transaction id is used by every thread. */
static void *
send_same(void *arg)
{
	struct worker *w = arg;

	w->p.c.who.user = S("@alice:test");
	for (int i = 0; i < EACH; i++)
		send_number(w, i, w->room[0], S("place"));
	return NULL;
}

static void
test_same_transactions(void **state)
{
	static struct worker w[THREADS];
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	int64_t before = room_head(r).last_seq;

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		worker_init(&w[i], i);
		w[i].room[0] = room_id(r);
	}
	run_all(w, send_same);
	assert_int_equal(room_head(r).last_seq - before, EACH);
	for (int i = 1; i < THREADS; i++)
		for (int k = 0; k < EACH; k++)
			assert_string_equal(w[i].ids[k], w[0].ids[k]);
	check_room(alice, r);
	for (int i = 0; i < THREADS; i++)
		worker_done(&w[i]);
}

/* Reads while others redact: what is gone never comes back into the cache. */
#define SECRETS 20
static char secret_ids[SECRETS][64];
static struct str secret_room;

static void *
redact_or_read(void *arg)
{
	struct worker *w = arg;
	struct ctx *c = &w->p.c;

	c->who.user = S("@alice:test");
	for (int i = 0; i < SECRETS; i++) {
		struct str id = str_c(secret_ids[i]);
		struct send s = { .type = S("m.room.redaction"),
		    .redacts = id, .content = json_new_obj() };
		const struct sev *ev, *now;
		struct room *r;

		arena_reset(c->a);
		if (!room_open(c, secret_room, &r) ||
		    !event_find(c, id, &ev))
			w->failed++;
		else if (w->number == 0 && (!send_event(c, r, &s, &ev) ||
		    !event_find(c, id, &now) ||
		    str_find_str(now->text, S("secret")) >= 0))
			w->failed++;
	}
	return NULL;
}

static void
test_redact_while_read(void **state)
{
	static struct worker w[THREADS];
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);

	(void)state;
	secret_room = room_id(r);
	for (int i = 0; i < SECRETS; i++)
		snprintf(secret_ids[i], sizeof(secret_ids[i]), STR_FMT,
		    STR_ARG(say(alice, r, "secret")->ev.id));
	evcache_stop();
	for (int i = 0; i < THREADS; i++)
		worker_init(&w[i], i);
	run_all(w, redact_or_read);
	for (int i = 0; i < SECRETS; i++)
		assert_true(str_find_str(reread(alice,
		    str_c(secret_ids[i]))->text, S("secret")) < 0);
	for (int i = 0; i < THREADS; i++)
		worker_done(&w[i]);
}

/* One alias, many rooms that want it: one gets it, of the others nothing is left. */
static void *
create_same(void *arg)
{
	struct worker *w = arg;
	struct create cr = { .v = room_version(S("12")),
	    .alias = S("#wanted:test") };
	struct room *r;

	if (room_create(&w->p.c, &cr, &r))
		w->nrooms = 1;
	else if (w->p.c.err.code != M_ROOM_IN_USE)
		w->failed++;
	return NULL;
}

static void
test_same_alias(void **state)
{
	static struct worker w[THREADS];
	size_t made = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		worker_init(&w[i], i);
	run_all(w, create_same);
	for (int i = 0; i < THREADS; i++) {
		struct ctx *c = &w[i].p.c;
		struct user_membership *m;
		size_t n;

		made += w[i].nrooms;
		err_clear(&c->err);
		OK(c, memberships_of_user(c->db, c->a, c->who.user, ~0U, &m,
		    &n, &c->err));
		assert_int_equal(n, w[i].nrooms);
	}
	assert_int_equal(made, 1);
	for (int i = 0; i < THREADS; i++)
		worker_done(&w[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_room), TEST(test_many_rooms),
		TEST(test_under_eviction), TEST(test_same_transactions),
		TEST(test_redact_while_read), TEST(test_same_alias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
