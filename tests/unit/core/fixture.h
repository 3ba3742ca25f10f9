/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A whole core for a test: a server named "test" with a store in a folder
 * under /tmp, and people who act on it. as("alice") is @alice:test with a ctx
 * of her own; it lives until the case ends or the server is started again.
 */
#ifndef CORE_FIXTURE_H
#define CORE_FIXTURE_H

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/create.h"
#include "core/history.h"
#include "core/member.h"
#include "core/room_impl.h"
#include "core/send.h"
#include "core/session_cache.h"

#define PEOPLE_MAX 64

struct person {
	char user[64];
	struct ctx c;
};

static struct {
	char dir[64];
	struct db *db;
	struct person *person[PEOPLE_MAX];
	size_t n;
} world;

/* What should go well: else ends the case with the error's words. */
#define OK(c, call) \
	((call) ? (void)0 : fail_msg("%s: %s | %s (%s:%d)", #call, \
	    (c)->err.text, (c)->err.cause, (c)->err.file, (c)->err.line))
/* What should be refused, and how. Clears the error. */
#define REFUSED(c, want, call) \
	do { \
		if (call) \
			fail_msg("%s: was not refused", #call); \
		if ((c)->err.code != (want)) \
			fail_msg("%s: %s %s, not %s", #call, \
			    err_name((c)->err.code), (c)->err.text, \
			    err_name(want)); \
		err_clear(&(c)->err); \
	} while (0)
#define ctx_ok(c) assert_int_equal((c)->err.code, M_OK)
#define assert_str(got, want) \
	do { \
		struct str got_ = (got), want_ = (want); \
		if (!str_eq(got_, want_)) \
			fail_msg("%s is " STR_FMT ", not " STR_FMT, #got, \
			    STR_ARG(got_), STR_ARG(want_)); \
	} while (0)

static inline void
core_start(void)
{
	char data[96];
	char *args[] = { (char[]){ "server.name=test" }, data };
	struct err e = { .code = M_OK };

	snprintf(data, sizeof(data), "data.dir=%s", world.dir);
	if (!conf_load(NULL, args, LEN(args), &e) ||
	    !server_start(conf_get(), &e))
		fail_msg("%s | %s", e.text, e.cause);
	world.db = db_attach(server_get()->store, &e);
	if (world.db == NULL)
		fail_msg("%s | %s", e.text, e.cause);
}

static inline void
core_stop(void)
{
	for (size_t i = 0; i < world.n; i++) {
		arena_free(world.person[i]->c.a);
		free(world.person[i]);
	}
	world.n = 0;
	db_detach(world.db);
	server_stop();
}

/* Everybody's ctx ends, and the server comes back from what it has stored. */
static inline void
core_again(void)
{
	core_stop();
	core_start();
}

static inline int
world_open(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false);
	snprintf(world.dir, sizeof(world.dir), "/tmp/beffroi-core-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	core_start();
	return 0;
}

/* Empties the folder of an open directory, and closes it. */
static inline void
folder_empty(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *x;

	while (d != NULL && (x = readdir(d)) != NULL) {
		if (strcmp(x->d_name, ".") == 0 ||
		    strcmp(x->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), x->d_name, 0) == 0)
			continue;
		folder_empty(openat(dirfd(d), x->d_name,
		    O_RDONLY | O_DIRECTORY));
		unlinkat(dirfd(d), x->d_name, AT_REMOVEDIR);
	}
	if (d != NULL)
		closedir(d);
}

static inline int
world_close(void **state)
{
	(void)state;
	core_stop();
	session_cache_stop();
	folder_empty(open(world.dir, O_RDONLY | O_DIRECTORY));
	assert_int_equal(rmdir(world.dir), 0);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)

/* A ctx for a user, with the store's handle of this thread. */
static inline void
person_init(struct person *p, const char *name, struct db *db)
{
	snprintf(p->user, sizeof(p->user), "@%s:test", name);
	p->c = (struct ctx){ .a = arena_new((size_t)256 << 20), .db = db,
	    .now_ms = clock_now_ms() };
	p->c.who.kind = ACTOR_USER;
	p->c.who.user = str_c(p->user);
	p->c.who.device = S("DEV");
}

static inline struct ctx *
as(const char *name)
{
	char user[64];

	snprintf(user, sizeof(user), "@%s:test", name);
	for (size_t i = 0; i < world.n; i++)
		if (strcmp(world.person[i]->user, user) == 0)
			return &world.person[i]->c;
	assert_true(world.n < PEOPLE_MAX);
	world.person[world.n] = calloc(1, sizeof(struct person));
	person_init(world.person[world.n], name, world.db);
	return &world.person[world.n++]->c;
}

static inline struct json
obj(struct ctx *c, const char *text)
{
	struct json v;

	OK(c, json_parse(c->a, str_dup(c->a, str_c(text)), JSON_ANY, &v,
	    &c->err));
	return v;
}

static inline struct room *
new_room(struct ctx *c, const char *version, enum preset preset)
{
	struct create cr = { .v = room_version(str_c(version)),
	    .preset = preset };
	struct room *r;

	assert_non_null(cr.v);
	OK(c, room_create(c, &cr, &r));
	return r;
}

/* The room as another ctx, or after a restart, opens it. */
static inline struct room *
open_room(struct ctx *c, struct str id)
{
	struct room *r;

	OK(c, room_open(c, id, &r));
	return r;
}

static inline struct send
message(struct ctx *c, const char *body)
{
	struct send s = { .type = S("m.room.message"),
	    .content = json_new_obj() };

	json_set(c->a, &s.content, S("body"), json_of_str(str_dup(c->a,
	    str_c(body))));
	json_set(c->a, &s.content, S("msgtype"), json_of_str(S("m.text")));
	return s;
}

static inline const struct sev *
say(struct ctx *c, struct room *r, const char *body)
{
	struct send s = message(c, body);
	const struct sev *ev;

	OK(c, send_event(c, r, &s, &ev));
	return ev;
}

static inline struct send
state_of(struct ctx *c, const char *type, const char *key, const char *content)
{
	return (struct send){ .type = str_c(type), .is_state = true,
	    .state_key = str_c(key), .content = obj(c, content) };
}

static inline const struct sev *
set_state(struct ctx *c, struct room *r, const char *type, const char *content)
{
	struct send s = state_of(c, type, "", content);
	const struct sev *ev;

	OK(c, send_event(c, r, &s, &ev));
	return ev;
}

static inline void
join(struct ctx *c, struct room *r)
{
	OK(c, member_join(c, r, S(""), NULL));
}

/* The event as it is read now. */
static inline const struct sev *
reread(struct ctx *c, struct str id)
{
	const struct sev *ev;

	OK(c, event_find(c, id, &ev));
	assert_non_null(ev);
	return ev;
}

/* May the ctx's user see that event? */
static inline bool
sees(struct ctx *c, struct room *r, const struct sev *ev)
{
	bool keep = false;

	OK(c, room_visible(c, r, c->who.user, &ev, 1, &keep));
	return keep;
}

#endif
