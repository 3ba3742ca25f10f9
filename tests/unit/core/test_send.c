/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sending: transactions, redactions, relations, refusals, sizes. */
#include "fixture.h"

static struct send
redaction_of(struct str target)
{
	return (struct send){ .type = S("m.room.redaction"),
	    .content = json_new_obj(), .redacts = target };
}

static void
test_one_transaction_one_event(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct send s = message(alice, "once");
	const struct sev *first, *second, *other;

	(void)state;
	s.txn_place = S("place");
	s.txn_id = S("t1");
	OK(alice, send_event(alice, r, &s, &first));
	OK(alice, send_event(alice, r, &s, &second));
	assert_str(second->ev.id, first->ev.id);
	s.txn_place = S("elsewhere");
	OK(alice, send_event(alice, r, &s, &other));
	assert_false(str_eq(other->ev.id, first->ev.id));
	s.txn_place = S("place");
	alice->who.device = S("PHONE");
	OK(alice, send_event(alice, r, &s, &other));
	assert_false(str_eq(other->ev.id, first->ev.id));
}

static void
test_transaction_outlives_a_restart(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct send s = message(alice, "once");
	const struct sev *ev;
	char room[256], id[256];

	(void)state;
	s.txn_place = S("place");
	s.txn_id = S("t1");
	OK(alice, send_event(alice, r, &s, &ev));
	snprintf(room, sizeof(room), STR_FMT, STR_ARG(room_id(r)));
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(ev->ev.id));
	core_again();
	alice = as("alice");
	r = open_room(alice, str_c(room));
	s = message(alice, "once");
	s.txn_place = S("place");
	s.txn_id = S("t1");
	OK(alice, send_event(alice, r, &s, &ev));
	assert_str(ev->ev.id, str_c(id));
}

static void
test_events_follow_each_other(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "12", PRESET_PRIVATE);
	const struct sev *a = say(alice, r, "1"), *b = say(alice, r, "2");

	(void)state;
	assert_int_equal(b->seq, a->seq + 1);
	assert_true(b->pos > a->pos);
	assert_int_equal(b->ev.depth, a->ev.depth + 1);
	assert_int_equal(b->ev.nprev, 1);
	assert_str(b->ev.prev[0], a->ev.id);
	assert_int_equal(room_head(r).last_seq, b->seq);
}

static void
test_same_state_is_no_new_event(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *a, *b;

	(void)state;
	a = set_state(alice, r, "m.room.name", "{\"name\":\"A\"}");
	b = set_state(alice, r, "m.room.name", "{\"name\":\"A\"}");
	assert_str(b->ev.id, a->ev.id);
	b = set_state(alice, r, "m.room.name", "{\"name\":\"B\"}");
	assert_str(b->replaces, a->ev.id);
	assert_str(b->prev_content, S("{\"name\":\"A\"}"));
	OK(alice, room_state(alice, r, S("m.room.name"), S(""), &a));
	assert_str(a->ev.id, b->ev.id);
}

static void
test_refusals(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	struct send s;
	int64_t last;

	(void)state;
	join(bob, r);
	last = room_head(r).last_seq;
	s = message(eve, "hello");
	REFUSED(eve, M_FORBIDDEN, send_event(eve, r, &s, &(const struct sev *){
	    NULL }));
	s = state_of(bob, "m.room.name", "", "{\"name\":\"Bob's\"}");
	REFUSED(bob, M_FORBIDDEN, send_event(bob, r, &s, &(const struct sev *){
	    NULL }));
	s = state_of(bob, "org.example", "@alice:test", "{}");
	REFUSED(bob, M_FORBIDDEN, send_event(bob, r, &s, &(const struct sev *){
	    NULL }));
	s = state_of(alice, "m.room.create", "", "{}");
	REFUSED(alice, M_FORBIDDEN, send_event(alice, r, &s,
	    &(const struct sev *){ NULL }));
	assert_int_equal(room_head(r).last_seq, last);
	OK(bob, send_allowed(bob, r, &(struct send){
	    .type = S("m.room.message"), .content = json_new_obj() }));
	assert_int_equal(room_head(r).last_seq, last);
}

static void
test_sizes(void **state)
{
	static char big[70000], type[300];
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *ev;
	struct send s;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	memset(type, 't', sizeof(type) - 1);
	s = message(alice, big);
	REFUSED(alice, M_TOO_LARGE, send_event(alice, r, &s, &ev));
	s = message(alice, "fits");
	s.type = str_c(type);
	REFUSED(alice, M_TOO_LARGE, send_event(alice, r, &s, &ev));
	s.type = S("");
	REFUSED(alice, M_TOO_LARGE, send_event(alice, r, &s, &ev));
	s = message(alice, "float");
	json_set(alice->a, &s.content, S("n"), obj(alice, "1.5"));
	REFUSED(alice, M_BAD_JSON, send_event(alice, r, &s, &ev));
	big[60000] = '\0';
	assert_int_equal(say(alice, r, big)->ev.type.n, 14);
}

/* Redactions */

static void
test_redacted_for_real(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *ev = say(alice, r, "a secret"), *red, *now, **range;
	struct send s = redaction_of(ev->ev.id);
	char room[256], id[256];
	size_t n;

	(void)state;
	OK(alice, send_event(alice, r, &s, &red));
	now = reread(alice, ev->ev.id);
	assert_true(str_find_str(now->text, S("secret")) < 0);
	assert_true(str_find_str(now->client, S("secret")) < 0);
	assert_true(str_find_str(ev->text, S("secret")) > 0);
	assert_str(now->redacted_by, red->ev.id);
	assert_true((now->flags & EVENT_F_REDACTED) != 0);
	assert_int_equal(now->seq, ev->seq);
	OK(alice, room_range(alice, r, ev->seq, ev->seq, true, 1, &range, &n));
	assert_int_equal(n, 1);
	assert_true(str_find_str(range[0]->client, S("secret")) < 0);

	snprintf(room, sizeof(room), STR_FMT, STR_ARG(room_id(r)));
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(ev->ev.id));
	core_again();
	alice = as("alice");
	open_room(alice, str_c(room));
	now = reread(alice, str_c(id));
	assert_true(str_find_str(now->text, S("secret")) < 0);
	assert_true((now->flags & EVENT_F_REDACTED) != 0);
}

static void
test_state_that_is_redacted(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *ev, *red, *now;
	struct send s;

	(void)state;
	ev = set_state(alice, r, "m.room.topic", "{\"topic\":\"secret\"}");
	s = redaction_of(ev->ev.id);
	OK(alice, send_event(alice, r, &s, &red));
	OK(alice, room_state(alice, r, S("m.room.topic"), S(""), &now));
	assert_str(now->ev.id, ev->ev.id);
	assert_true(str_find_str(now->client, S("secret")) < 0);
	/* Who comes after it must not carry its content along. */
	now = set_state(alice, r, "m.room.topic", "{\"topic\":\"new\"}");
	assert_true(str_find_str(now->prev_content, S("secret")) < 0);
}

struct may_redact {
	const char *what, *version, *who;
	enum errcode want;
};

static const struct may_redact may_redact[] = {
	{ "one's own message", "11", "bob", M_OK },
	{ "another's, without power", "11", "eve", M_FORBIDDEN },
	{ "another's, without power, before redacts moved", "9", "eve",
	    M_FORBIDDEN },
	{ "another's, without power, in the first version", "1", "eve",
	    M_FORBIDDEN },
	{ "another's, without power, in the newest version", "12", "eve",
	    M_FORBIDDEN },
	{ "another's, as moderator", "11", "alice", M_OK },
	{ "another's, as creator of version 12", "12", "alice", M_OK },
};

static void
test_who_may_redact(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(may_redact); i++) {
		const struct may_redact *t = &may_redact[i];
		struct room *r = new_room(as("alice"), t->version,
		    PRESET_PUBLIC);
		struct ctx *who = as(t->who);
		const struct sev *ev, *red;
		struct send s;
		bool kept;

		join(as("bob"), r);
		join(as("eve"), r);
		ev = say(as("bob"), r, "bob's words");
		s = redaction_of(ev->ev.id);
		if (send_event(who, r, &s, &red) != (t->want == M_OK) ||
		    who->err.code != t->want)
			fail_msg("%s: %s", t->what, err_name(who->err.code));
		err_clear(&who->err);
		kept = str_find_str(reread(who, ev->ev.id)->text,
		    S("bob's words")) > 0;
		if (kept != (t->want != M_OK))
			fail_msg("%s: the message is %s", t->what, kept ?
			    "still there" : "gone");
	}
}

/* The same by the words of version 11's content, which any sender may write. */
static void
test_redacts_hidden_in_content(void **state)
{
	struct ctx *alice = as("alice"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *ev, *out;
	struct send s = { .type = S("m.room.redaction") };

	(void)state;
	join(eve, r);
	ev = say(alice, r, "alice's words");
	s.content = json_new_obj();
	json_set(eve->a, &s.content, S("redacts"), json_of_str(ev->ev.id));
	REFUSED(eve, M_FORBIDDEN, send_event(eve, r, &s, &out));
	assert_true(str_find_str(reread(eve, ev->ev.id)->text,
	    S("alice's words")) > 0);
}

static void
test_what_cannot_be_redacted(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct room *other = new_room(bob, "11", PRESET_PRIVATE);
	const struct sev *ev = say(bob, other, "bob's words"), *out, *create;
	struct send s = redaction_of(ev->ev.id);

	(void)state;
	REFUSED(alice, M_NOT_FOUND, send_event(alice, r, &s, &out));
	assert_true(str_find_str(reread(bob, ev->ev.id)->text,
	    S("bob's words")) > 0);
	OK(alice, room_state(alice, r, S("m.room.create"), S(""), &create));
	s = redaction_of(create->ev.id);
	REFUSED(alice, M_FORBIDDEN, send_event(alice, r, &s, &out));
	assert_false((reread(alice, create->ev.id)->flags &
	    EVENT_F_REDACTED) != 0);
}

/* Relations */

static struct send
relation_to(struct ctx *c, struct str parent, const char *rel_type,
    const char *body)
{
	struct send s = message(c, body);
	struct json rel = json_new_obj();

	json_set(c->a, &rel, S("rel_type"), json_of_str(str_c(rel_type)));
	json_set(c->a, &rel, S("event_id"), json_of_str(parent));
	json_set(c->a, &s.content, S("m.relates_to"), rel);
	if (strcmp(rel_type, "m.replace") == 0)
		json_set(c->a, &s.content, S("m.new_content"),
		    obj(c, "{\"body\":\"edited\"}"));
	return s;
}

static struct str
bundle(struct ctx *c, struct room *r, struct str id)
{
	struct str out;

	OK(c, history_bundle(c, r, reread(c, id), &out));
	return out;
}

static const struct sev *
relate(struct ctx *c, struct room *r, struct str parent, const char *rel_type,
    const char *body)
{
	struct send s = relation_to(c, parent, rel_type, body);
	const struct sev *ev;

	OK(c, send_event(c, r, &s, &ev));
	return ev;
}

static void
test_reaction_once(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *ev = say(alice, r, "hello"), *out;
	struct send s = relation_to(bob, ev->ev.id, "m.annotation", "");
	struct json rel;

	(void)state;
	join(bob, r);
	s.type = S("m.reaction");
	rel = json_copy(bob->a, json_get(&s.content, S("m.relates_to")));
	json_set(bob->a, &rel, S("key"), json_of_str(S("+1")));
	json_set(bob->a, &s.content, S("m.relates_to"), rel);
	OK(bob, send_event(bob, r, &s, &out));
	REFUSED(bob, M_DUPLICATE_ANNOTATION, send_event(bob, r, &s, &ev));
	json_set(bob->a, &rel, S("key"), json_of_str(S("-1")));
	json_set(bob->a, &s.content, S("m.relates_to"), rel);
	OK(bob, send_event(bob, r, &s, &ev));
	/* What was taken back may be said again. */
	json_set(bob->a, &rel, S("key"), json_of_str(S("+1")));
	json_set(bob->a, &s.content, S("m.relates_to"), rel);
	{
		struct send red = redaction_of(out->ev.id);

		OK(bob, send_event(bob, r, &red, &ev));
	}
	OK(bob, send_event(bob, r, &s, &ev));
}

static void
test_edit_is_bundled(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *ev = say(alice, r, "hello"), *edit;

	(void)state;
	join(bob, r);
	assert_str(bundle(alice, r, ev->ev.id), S(""));
	edit = relate(alice, r, ev->ev.id, "m.replace", "* hello!");
	assert_true(str_find_str(bundle(bob, r, ev->ev.id), edit->ev.id) > 0);
	/* Others cannot edit, nor push the true edit out of sight. */
	for (int i = 0; i < 210; i++)
		relate(bob, r, ev->ev.id, "m.replace", "* bob's");
	assert_true(str_find_str(bundle(bob, r, ev->ev.id), edit->ev.id) > 0);
	assert_true(str_find_str(bundle(bob, r, ev->ev.id), S("bob's")) < 0);
}

static void
test_thread_is_bundled(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *ev = say(alice, r, "root"), *last = NULL;
	struct str text;

	(void)state;
	join(bob, r);
	for (int i = 0; i < 3; i++)
		last = relate(alice, r, ev->ev.id, "m.thread", "in it");
	text = bundle(bob, r, ev->ev.id);
	assert_true(str_find_str(text, last->ev.id) > 0);
	assert_true(str_find_str(text, S("\"count\":3")) > 0);
	assert_true(str_find_str(text,
	    S("\"current_user_participated\":false")) > 0);
	relate(bob, r, ev->ev.id, "m.thread", "me too");
	assert_true(str_find_str(bundle(bob, r, ev->ev.id),
	    S("\"current_user_participated\":true")) > 0);
}

static void
test_relation_from_another_room(void **state)
{
	struct ctx *alice = as("alice"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct room *hers = new_room(eve, "11", PRESET_PRIVATE);
	const struct sev *ev = say(alice, r, "root"), *in;
	struct str text;

	(void)state;
	in = relate(alice, r, ev->ev.id, "m.thread", "in it");
	relate(eve, hers, ev->ev.id, "m.thread", "smuggled");
	relate(eve, hers, ev->ev.id, "m.reference", "smuggled");
	text = bundle(alice, r, ev->ev.id);
	assert_true(str_find_str(text, S("smuggled")) < 0);
	assert_true(str_find_str(text, S("m.reference")) < 0);
	assert_true(str_find_str(text, S("\"count\":1")) > 0);
	assert_true(str_find_str(text, in->ev.id) > 0);
}

static void
test_bundle_shows_nothing_unseen(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *ev, *seen;
	struct str text;

	(void)state;
	join(bob, r);
	ev = say(alice, r, "root");
	seen = relate(alice, r, ev->ev.id, "m.thread", "while bob was in");
	OK(bob, member_leave(bob, r, S("")));
	relate(alice, r, ev->ev.id, "m.thread", "after bob left");
	relate(alice, r, ev->ev.id, "m.replace", "* edited after bob left");
	text = bundle(bob, r, ev->ev.id);
	assert_true(str_find_str(text, S("after bob left")) < 0);
	assert_true(str_find_str(text, seen->ev.id) > 0);
	text = bundle(alice, r, ev->ev.id);
	assert_true(str_find_str(text, S("edited after bob left")) > 0);
}

static void
test_all_or_none(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	int64_t last = room_head(r).last_seq;
	const struct sev *out[2];
	struct send s[2];

	(void)state;
	s[0] = message(alice, "goes with the other");
	s[1] = state_of(alice, "m.room.create", "", "{}");
	REFUSED(alice, M_FORBIDDEN, send_events(alice, r, s, 2, out));
	assert_int_equal(room_head(r).last_seq, last);
	s[1] = state_of(alice, "m.room.name", "", "{\"name\":\"N\"}");
	OK(alice, send_events(alice, r, s, 2, out));
	assert_int_equal(room_head(r).last_seq, last + 2);
	assert_int_equal(out[1]->seq, out[0]->seq + 1);
	assert_str(out[1]->ev.prev[0], out[0]->ev.id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_transaction_one_event),
		TEST(test_transaction_outlives_a_restart),
		TEST(test_events_follow_each_other),
		TEST(test_same_state_is_no_new_event),
		TEST(test_refusals), TEST(test_sizes),
		TEST(test_redacted_for_real),
		TEST(test_state_that_is_redacted),
		TEST(test_who_may_redact),
		TEST(test_redacts_hidden_in_content),
		TEST(test_what_cannot_be_redacted),
		TEST(test_reaction_once), TEST(test_edit_is_bundled),
		TEST(test_thread_is_bundled),
		TEST(test_relation_from_another_room),
		TEST(test_bundle_shows_nothing_unseen),
		TEST(test_all_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
