/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Evaluating push rules. A user's rules are compiled once: paths split,
 * numbers read, rules that are off left out. The first rule whose conditions
 * all hold decides.
 * spec: client-server, "Push Rules", "Conditions for notifying".
 */
#include "room/pushrule.h"

#include "room/pushrule_set.h"

#define PATH_MAX_PARTS 8

enum cond_kind {
	COND_NEVER, COND_MATCH, COND_IS, COND_CONTAINS, COND_DISPLAY_NAME,
	COND_COUNT, COND_PERMISSION
};

struct cond {
	enum cond_kind kind;
	struct str path[PATH_MAX_PARTS];
	size_t npath;
	struct str pattern;		/* COND_MATCH, or the key of COND_PERMISSION */
	bool words;			/* content.body is matched at word boundaries */
	bool literal;			/* the pattern has no glob in it */
	const struct json *value;
	char op;			/* COND_COUNT: '=' '<' '>' 'l' (<=) 'g' (>=) */
	int64_t count;
};

struct rule {
	struct str id;
	const struct cond *cond;
	size_t ncond;
	bool notify, highlight;
	struct str sound;
};

struct pushrules {
	struct rule *rule;
	size_t n;
};

static bool
split_path(struct arena *a, struct str key, struct cond *c)
{
	struct buf b;
	size_t i = 0;

	while (i <= key.n) {
		if (c->npath == PATH_MAX_PARTS)
			return false;
		buf_init(&b, a, key.n + 1);
		for (; i < key.n && key.p[i] != '.'; i++) {
			if (key.p[i] == '\\' && i + 1 < key.n &&
			    (key.p[i + 1] == '.' || key.p[i + 1] == '\\'))
				i++;
			buf_char(&b, key.p[i]);
		}
		c->path[c->npath++] = buf_view(&b);
		i++;
	}
	return true;
}

static bool
compile_count(struct str is, struct cond *c)
{
	c->op = '=';
	if (str_starts(is, S("==")))
		is = str_from(is, 2);
	else if (str_starts(is, S("<=")) || str_starts(is, S(">="))) {
		c->op = is.p[0] == '<' ? 'l' : 'g';
		is = str_from(is, 2);
	} else if (str_starts(is, S("<")) || str_starts(is, S(">"))) {
		c->op = is.p[0];
		is = str_from(is, 1);
	}
	return str_i64(is, &c->count);
}

static void
set_pattern(struct cond *c, struct str pattern)
{
	c->kind = COND_MATCH;
	c->pattern = pattern;
	c->literal = str_find(pattern, '*') < 0 && str_find(pattern, '?') < 0;
}

static bool
is_scalar(const struct json *v)
{
	return v != NULL && v->type != JSON_ARR && v->type != JSON_OBJ &&
	    v->type != JSON_REAL;
}

/* A condition that is not understood never holds. */
static struct cond
compile_cond(struct arena *a, const struct json *j)
{
	struct cond c = { .kind = COND_NEVER };
	struct str kind = json_str(j, S("kind")), key = json_str(j, S("key"));
	struct str text;
	bool path = key.n > 0 && split_path(a, key, &c);

	if (str_eq(kind, S("event_match")) && path &&
	    json_get_str(j, S("pattern"), &text)) {
		set_pattern(&c, text);
		c.words = str_eq(key, S("content.body"));
	} else if (str_eq(kind, S("event_property_is")) && path) {
		c.value = json_get(j, S("value"));
		c.kind = is_scalar(c.value) ? COND_IS : COND_NEVER;
	} else if (str_eq(kind, S("event_property_contains")) && path) {
		c.value = json_get(j, S("value"));
		c.kind = is_scalar(c.value) ? COND_CONTAINS : COND_NEVER;
	} else if (str_eq(kind, S("contains_display_name"))) {
		c.kind = COND_DISPLAY_NAME;
	} else if (str_eq(kind, S("room_member_count"))) {
		c.kind = compile_count(json_str(j, S("is")), &c) ? COND_COUNT
		    : COND_NEVER;
	} else if (str_eq(kind, S("sender_notification_permission"))) {
		c.kind = COND_PERMISSION;
		c.pattern = key;
	}
	return c;
}

/* What the kinds without written conditions mean. */
static struct cond
implied_cond(enum push_kind kind, struct str rule_id, const struct json *j)
{
	struct cond c = { .kind = COND_NEVER };

	if (kind == PUSH_CONTENT) {
		set_pattern(&c, json_str(j, S("pattern")));
		c.path[0] = S("content");
		c.path[1] = S("body");
		c.npath = 2;
		c.words = true;
	} else {
		set_pattern(&c, rule_id);
		c.literal = true;
		c.path[0] = kind == PUSH_ROOM ? S("room_id") : S("sender");
		c.npath = 1;
	}
	return c;
}

static void
compile_actions(const struct json *actions, struct rule *r)
{
	for (uint32_t i = 0; actions != NULL && i < actions->n; i++) {
		const struct json *x = &actions->at[i], *v;
		struct str tweak = json_str(x, S("set_tweak"));

		if (x->type == JSON_STR && str_eq(x->s, S("notify")))
			r->notify = true;
		v = json_get(x, S("value"));
		if (str_eq(tweak, S("highlight")))
			r->highlight = v == NULL || v->type != JSON_BOOL ||
			    v->b;
		else if (str_eq(tweak, S("sound")) && json_is(v, JSON_STR))
			r->sound = v->s;
	}
}

static bool
compile_rule(struct arena *a, enum push_kind kind, const struct json *j,
    struct rule *r)
{
	const struct json *list = json_get_arr(j, S("conditions"));
	struct cond *cond;
	bool enabled = true;

	(void)json_get_bool(j, S("enabled"), &enabled);
	*r = (struct rule){ .id = json_str(j, S("rule_id")) };
	if (!enabled || r->id.n == 0)
		return false;
	if (kind == PUSH_OVERRIDE || kind == PUSH_UNDERRIDE) {
		r->ncond = list != NULL ? list->n : 0;
		cond = arena_array(a, struct cond, r->ncond);
		for (size_t i = 0; i < r->ncond; i++)
			cond[i] = compile_cond(a, json_at(list, i));
	} else {
		r->ncond = 1;
		cond = arena_make(a, struct cond);
		*cond = implied_cond(kind, r->id, j);
	}
	r->cond = cond;
	compile_actions(json_get_arr(j, S("actions")), r);
	return true;
}

struct pushrules *
pushrules_compile(struct arena *a, struct str user_id,
    const struct json *stored)
{
	struct json all = pushrules_effective(a, user_id, stored);
	struct pushrules *set = arena_make(a, struct pushrules);
	size_t max = 0;

	for (int k = 0; k < PUSH_NKINDS; k++)
		max += json_get_arr(&all, push_kind_name((enum push_kind)k))->n;
	set->rule = arena_array(a, struct rule, max);
	for (int k = 0; k < PUSH_NKINDS; k++) {
		const struct json *list = json_get_arr(&all,
		    push_kind_name((enum push_kind)k));

		for (uint32_t i = 0; i < list->n; i++)
			if (compile_rule(a, (enum push_kind)k, &list->at[i],
			    &set->rule[set->n]))
				set->n++;
	}
	return set;
}

static const struct json *
value_at(const struct event *ev, const struct cond *c)
{
	const struct json *v = &ev->json;

	for (size_t i = 0; v != NULL && i < c->npath; i++)
		v = i == 0 && str_eq(c->path[0], S("content")) ? ev->content
		    : json_get(v, c->path[i]);
	return v;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Does the pattern stand in text between word boundaries? */
static bool
words_match(struct str pattern, struct str text)
{
	for (size_t from = 0; from < text.n; from++) {
		if (from > 0 && is_word(text.p[from - 1]) &&
		    is_word(text.p[from]))
			continue;
		for (size_t to = from; to <= text.n; to++) {
			if (to > 0 && to < text.n && is_word(text.p[to - 1]) &&
			    is_word(text.p[to]))
				continue;
			if (str_glob(pattern, str_sub(text, from, to - from),
			    true))
				return true;
		}
	}
	return false;
}

/* Without globs: each place where the words stand, in one pass. */
static bool
literal_words(struct str words, struct str text)
{
	if (words.n == 0 || words.n > text.n)
		return false;
	for (size_t i = 0; i + words.n <= text.n; i++) {
		bool starts = i == 0 || !is_word(text.p[i - 1]) ||
		    !is_word(text.p[i]);
		size_t end = i + words.n;
		bool ends = end == text.n || !is_word(text.p[end]) ||
		    !is_word(text.p[end - 1]);

		if (starts && ends &&
		    str_eq_nocase(str_sub(text, i, words.n), words))
			return true;
	}
	return false;
}

#define BODY_SCAN_MAX 512	/* bytes of a message that patterns with globs look at */

static bool
match_holds(const struct cond *c, const struct event *ev)
{
	const struct json *v = value_at(ev, c);

	if (c->npath == 1 && v == NULL && str_eq(c->path[0], S("room_id")))
		return str_eq(ev->room, c->pattern);
	if (!json_is(v, JSON_STR))
		return false;
	if (c->words)
		return c->literal ? literal_words(c->pattern, v->s)
		    : words_match(c->pattern, str_sub(v->s, 0, BODY_SCAN_MAX));
	return c->literal ? str_eq_nocase(c->pattern, v->s)
	    : str_glob(c->pattern, v->s, true);
}

static bool
contains_holds(const struct cond *c, const struct event *ev)
{
	const struct json *v = value_at(ev, c);

	for (uint32_t i = 0; json_is(v, JSON_ARR) && i < v->n; i++)
		if (json_equal(&v->at[i], c->value))
			return true;
	return false;
}

static bool
count_holds(const struct cond *c, int64_t n)
{
	switch (c->op) {
	case '<':
		return n < c->count;
	case '>':
		return n > c->count;
	case 'l':
		return n <= c->count;
	case 'g':
		return n >= c->count;
	default:
		return n == c->count;
	}
}

static bool
cond_holds(const struct cond *c, const struct push_ask *ask)
{
	const struct json *v;
	struct str body;

	switch (c->kind) {
	case COND_MATCH:
		return match_holds(c, ask->ev);
	case COND_IS:
		v = value_at(ask->ev, c);
		return is_scalar(v) && json_equal(v, c->value);
	case COND_CONTAINS:
		return contains_holds(c, ask->ev);
	case COND_DISPLAY_NAME:
		body = json_str(ask->ev->content, S("body"));
		return literal_words(ask->display_name, body);
	case COND_COUNT:
		return count_holds(c, ask->member_count);
	case COND_PERMISSION:
		return ask->power != NULL && power_of(ask->power,
		    ask->ev->sender) >= power_notification(ask->power,
		    c->pattern);
	case COND_NEVER:
		break;
	}
	return false;
}

static bool
rule_holds(const struct rule *r, const struct push_ask *ask)
{
	for (size_t i = 0; i < r->ncond; i++)
		if (!cond_holds(&r->cond[i], ask))
			return false;
	return true;
}

void
push_evaluate(const struct pushrules *set, const struct push_ask *ask,
    struct push_result *out)
{
	*out = (struct push_result){ .notify = false };
	if (str_eq(ask->ev->sender, ask->user_id))
		return;
	for (size_t i = 0; i < set->n; i++) {
		const struct rule *r = &set->rule[i];

		if (!rule_holds(r, ask))
			continue;
		out->notify = r->notify;
		out->highlight = r->notify && r->highlight;
		out->sound = r->sound;
		out->rule_id = r->id;
		return;
	}
}
