/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a message costs in this layer: building and signing one of our own,
 * reading another server's and checking its hash and signature, loading a
 * stored one, writing it for a client, and its authorization.
 */
#include <stdio.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "room/auth.h"

#define ROUNDS 7
#define CALLS 5000

#define MEMBER "m.room.member"
#define HASH(c) "$" c "GTcDWRyNmDSXcOqAq4hIAo9vy0LnEBVJxvT7nnLuM"

static const struct room_version *v;
static struct sign_key key;
static struct str stored;		/* the event's text */
static struct event mine, create, levels, member;
static const struct str refs[] = { S_INIT(HASH("a")), S_INIT(HASH("b")),
    S_INIT(HASH("c")) };

static struct json
parse(struct arena *a, struct str text)
{
	struct err e = { 0 };
	struct json j = { .type = JSON_NULL };

	if (!json_parse(a, text, JSON_STRICT, &j, &e))
		fprintf(stderr, "bench_event: %s\n", e.text);
	return j;
}

static bool
build(struct arena *a, struct json content, struct event *ev,
    struct str *text)
{
	struct err e = { 0 };
	struct draft d = { .room = S("!hGtJrDdPqUcVwXyZ:agents.example.org"),
		.type = S("m.room.message"), .content = content,
		.sender = S("@jean.dubois:agents.example.org"),
		.ts = 1769955611873, .depth = 4712, .auth = refs, .nauth = 3,
		.prev = refs, .nprev = 1, .server = S("agents.example.org") };

	return event_build(a, v, &d, &key, ev, text, &e);
}

static struct json body;

static bool
do_build(struct arena *a)
{
	struct event ev;
	struct str text;

	return build(a, body, &ev, &text);
}

static bool
do_read(struct arena *a)
{
	struct err e = { 0 };
	struct event ev;

	return event_read(a, v, stored, &ev, &e);
}

static bool
do_check(struct arena *a)
{
	struct err e = { 0 };
	struct event ev;

	return event_read(a, v, stored, &ev, &e) &&
	    event_hash_ok(a, &ev.json) && event_signature_ok(a, v, &ev.json,
	    S("agents.example.org"), key.id, key.public_key);
}

static bool
do_load(struct arena *a)
{
	struct err e = { 0 };
	struct event ev;

	return event_load(a, v, mine.id, stored, &ev, &e);
}

static bool
do_client(struct arena *a)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	event_write_client(&b, &mine);
	return !b.over;
}

static const struct event *
get(void *arg, struct str type, struct str state_key)
{
	(void)arg;
	(void)state_key;
	return str_eq(type, S(MEMBER)) ? &member : &levels;
}

static bool
do_auth(struct arena *a)
{
	struct auth_state st = { get, NULL };
	struct err e = { 0 };

	return auth_check(a, &mine, &create, &st, &e);
}

static const struct {
	const char *name;
	bool (*run)(struct arena *a);
} claims[] = {
	{ "build, hash and sign", do_build }, { "read another's", do_read },
	{ "read and check another's", do_check }, { "load a stored one", do_load },
	{ "write for a client", do_client }, { "authorize", do_auth },
};

static void
measure(struct arena *a, size_t which)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_thread_cpu_us(), took;
		struct arena_mark m = arena_mark(a);

		for (int i = 0; i < CALLS; i++) {
			if (!claims[which].run(a))
				fprintf(stderr, "bench_event: failed\n");
			arena_release(a, m);
		}
		took = clock_thread_cpu_us() - start;
		best = took < best ? took : best;
	}
	printf("%-26s %7.2f us\n", claims[which].name, (double)best / CALLS);
}

int
main(void)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct json c[3];

	crypto_start();
	v = room_version(S("11"));
	sign_key_new(a, &key);
	body = parse(a, S("{\"body\":\"La r\xc3\xa9union de demain est "
	    "d\xc3\xa9plac\xc3\xa9" "e \xc3\xa0 dix heures, salle 204.\","
	    "\"m.mentions\":{},\"msgtype\":\"m.text\"}"));
	c[0] = parse(a, S("{\"room_version\":\"11\"}"));
	c[1] = parse(a, S("{\"users\":{\"@jean.dubois:agents.example.org\":"
	    "100}}"));
	c[2] = parse(a, S("{\"membership\":\"join\"}"));
	if (!build(a, body, &mine, &stored))
		return 1;
	create = (struct event){ .v = v, .room = mine.room,
		.sender = mine.sender, .content = &c[0] };
	levels = (struct event){ .v = v, .content = &c[1] };
	member = (struct event){ .v = v, .content = &c[2] };
	printf("an event of %zu bytes\n", stored.n);
	for (size_t i = 0; i < LEN(claims); i++)
		measure(a, i);
	arena_free(a);
	return 0;
}
