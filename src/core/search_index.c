/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Keeps the full-text index: reads the events that came since, makes stems of
 * their text, writes both and the new place in one transaction. Nodes that
 * share a store take turns: who finds the place moved has nothing to do.
 * threads: all; one at a time.
 */
#include "core/search.h"
#include "core/words.h"
#include "store/q_search.h"
#include "store/stream.h"

#include <pthread.h>

#define BATCH 1000			/* events: few large writes cost the index least */
#define SPAN 20000			/* positions looked through at once */
#define WORDS_MAX 4000			/* of one event */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

struct doc {
	int64_t nid;
	struct str stems, marks;
};

struct job {
	int64_t from, to;
	struct doc *doc;
	size_t n;
};

/* The plain text among the representations of a topic. */
static struct str
plain_topic(const struct json *content)
{
	const struct json *list = json_get_arr(json_get_obj(content,
	    S("m.topic")), S("m.text"));

	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		struct str type = json_str(&list->at[i], S("mimetype"));

		if (type.n == 0 || str_eq(type, S("text/plain")))
			return json_str(&list->at[i], S("body"));
	}
	return (struct str){ NULL, 0 };
}

struct str
search_text_of(struct ctx *c, struct str type, const struct json *content,
    enum search_key *key)
{
	struct str topic, more;

	if (str_eq(type, S("m.room.message"))) {
		*key = SEARCH_BODY;
		return json_str(content, S("body"));
	}
	if (str_eq(type, S("m.room.name"))) {
		*key = SEARCH_NAME;
		return json_str(content, S("name"));
	}
	*key = SEARCH_TOPIC;
	topic = json_str(content, S("topic"));
	more = plain_topic(content);
	if (more.n == 0 || str_eq(topic, more))
		return topic;
	return str_cat(c->a, str_cat(c->a, topic, S("\n")), more);
}

/* Is it a room whose messages are searched: there, and not encrypted? */
static bool
is_open(struct ctx *c, int64_t room, bool *out)
{
	const struct sev *ev;
	struct room *r;

	*out = false;
	if (!room_open_nid(c, room, &r)) {
		if (c->err.code != M_NOT_FOUND)
			return false;
		err_clear(&c->err);
		return true;
	}
	if (!room_state(c, r, S("m.room.encryption"), S(""), &ev))
		return false;
	*out = ev == NULL;
	return true;
}

static void
make_doc(struct ctx *c, const struct search_event *ev, struct str text,
    enum search_key key, struct doc *out)
{
	static const char *const marks[] = { [SEARCH_BODY] = "_kb",
	    [SEARCH_NAME] = "_kn", [SEARCH_TOPIC] = "_kt" };
	struct word *word;
	struct buf b;
	size_t n;

	words_of(c->a, text, WORDS_MAX, &word, &n);
	buf_init(&b, c->a, (size_t)1 << 20);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < word[i].n; k++) {
			if (b.n > 0)
				buf_char(&b, ' ');
			buf_str(&b, word[i].stem[k]);
		}
	*out = (struct doc){ ev->nid, buf_view(&b), str_fmt(c->a, "%s _r%lld",
	    marks[key], (long long)ev->room) };
}

static bool
read_docs(struct ctx *c, const struct search_event *ev, size_t n,
    struct job *j)
{
	j->doc = arena_array(c->a, struct doc, n);
	for (size_t i = 0; i < n; i++) {
		enum search_key key;
		struct json json;
		struct str text;
		struct err damaged;
		bool open;

		if (!is_open(c, ev[i].room, &open))
			return false;
		if (!open || !json_parse(c->a, ev[i].json, JSON_ANY, &json,
		    &damaged))
			continue;
		text = search_text_of(c, ev[i].type, json_get_obj(&json,
		    S("content")), &key);
		if (text.n == 0)
			continue;
		make_doc(c, &ev[i], text, key, &j->doc[j->n]);
		j->n += j->doc[j->n].stems.n > 0;
	}
	return true;
}

static bool
write_body(struct db *db, void *arg, struct err *e)
{
	const struct job *j = arg;
	bool moved;

	if (!search_pos_move(db, j->from, j->to, &moved, e))
		return false;
	for (size_t i = 0; moved && i < j->n; i++)
		if (!search_put(db, j->doc[i].nid, j->doc[i].stems,
		    j->doc[i].marks, e))
			return false;
	return true;
}

/* *done: there is nothing more to index. */
static bool
one_batch(struct ctx *c, bool *done)
{
	struct search_event *ev;
	struct job j = { .n = 0 };
	int64_t now = stream_now();
	size_t n;
	bool more;

	if (!search_pos_get(c->db, &j.from, &c->err))
		return false;
	*done = j.from >= now;
	if (*done)
		return true;
	j.to = now - j.from > SPAN ? j.from + SPAN : now;
	if (!search_events(c->db, c->a, j.from, j.to, BATCH, &ev, &n,
	    &more, &c->err))
		return false;
	if (more)
		j.to = ev[n - 1].nid;
	return read_docs(c, ev, n, &j) &&
	    db_transact(c->db, write_body, &j, &c->err);
}

bool
search_catch_up(struct ctx *c, int batches)
{
	bool ok = true, done = false;

	pthread_mutex_lock(&turn);
	while (ok && !done && batches-- > 0) {
		struct arena_mark m = arena_mark(c->a);

		ok = one_batch(c, &done);
		arena_release(c->a, m);
	}
	pthread_mutex_unlock(&turn);
	return ok;
}
