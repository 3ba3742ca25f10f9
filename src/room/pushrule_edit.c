/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Changes of a user's push rules: pure, from what is stored to what is to be
 * stored. spec: client-server, "Push Rules: API".
 */
#include "room/pushrule_set.h"

#define RULES_MAX 1000			/* of one kind */
#define CONDITIONS_MAX 100
#define PATTERN_MAX 1024

static bool
actions_ok(const struct json *actions, struct err *e)
{
	if (!json_is(actions, JSON_ARR) || actions->n > CONDITIONS_MAX)
		return fail(e, M_BAD_JSON, "actions must be an array");
	for (uint32_t i = 0; i < actions->n; i++) {
		const struct json *x = &actions->at[i];

		if (x->type == JSON_OBJ && json_is(json_get(x,
		    S("set_tweak")), JSON_STR))
			continue;
		if (x->type != JSON_STR ||
		    (!str_eq(x->s, S("notify")) &&
		    !str_eq(x->s, S("dont_notify")) &&
		    !str_eq(x->s, S("coalesce"))))
			return fail(e, M_INVALID_PARAM, "An action is "
			    "\"notify\" or an object with set_tweak");
	}
	return true;
}

static bool
conditions_ok(const struct json *conditions, struct err *e)
{
	if (conditions == NULL)
		return true;
	if (conditions->type != JSON_ARR || conditions->n > CONDITIONS_MAX)
		return fail(e, M_BAD_JSON, "conditions must be an array");
	for (uint32_t i = 0; i < conditions->n; i++)
		if (!json_is(json_get(&conditions->at[i], S("kind")),
		    JSON_STR))
			return fail(e, M_INVALID_PARAM,
			    "Every condition needs a kind");
	return true;
}

/* The rule of that kind, id and body. */
static bool
rule_make(struct arena *a, enum push_kind kind, struct str rule_id,
    const struct json *body, struct json *out, struct err *e)
{
	const struct json *actions = json_get(body, S("actions"));
	const struct json *conditions = json_get(body, S("conditions"));
	struct json rule = json_new_obj();
	struct str pattern;

	if (!actions_ok(actions, e))
		return false;
	json_set(a, &rule, S("actions"), *actions);
	json_set(a, &rule, S("default"), json_of_bool(false));
	json_set(a, &rule, S("enabled"), json_of_bool(true));
	json_set(a, &rule, S("rule_id"), json_of_str(rule_id));
	if (kind == PUSH_CONTENT) {
		if (!json_get_str(body, S("pattern"), &pattern) ||
		    pattern.n > PATTERN_MAX)
			return fail(e, M_MISSING_PARAM, "A content rule needs "
			    "a pattern of at most %d bytes", PATTERN_MAX);
		json_set(a, &rule, S("pattern"), json_of_str(pattern));
	}
	if (kind == PUSH_OVERRIDE || kind == PUSH_UNDERRIDE) {
		if (!conditions_ok(conditions, e))
			return false;
		json_set(a, &rule, S("conditions"), conditions != NULL
		    ? *conditions : json_new_arr());
	}
	*out = rule;
	return true;
}

/* The stored tree with another list of the user's rules of a kind. */
static struct json
with_rules(struct arena *a, const struct json *stored, enum push_kind kind,
    struct json list)
{
	struct json out = stored != NULL ? json_copy(a, stored)
	    : json_new_obj();
	const struct json *old = json_get_obj(&out, S("rules"));
	struct json rules = old != NULL ? json_copy(a, old) : json_new_obj();

	json_set(a, &rules, push_kind_name(kind), list);
	json_set(a, &out, S("rules"), rules);
	return out;
}

static ptrdiff_t
rule_index(const struct json *list, struct str rule_id)
{
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(json_str(&list->at[i], S("rule_id")), rule_id))
			return i;
	return -1;
}

bool
pushrules_put(struct arena *a, const struct json *stored, enum push_kind kind,
    struct str rule_id, const struct json *body, struct str before,
    struct str after, struct json *out, struct err *e)
{
	const struct json *own = pushrules_own(stored, kind);
	struct json rule, list = json_new_arr();
	struct str beside = before.n > 0 ? before : after;
	ptrdiff_t at = rule_index(own, rule_id);
	bool placed = false;

	/* Beside itself it stays where it is. */
	if (str_eq(beside, rule_id) && at >= 0)
		before = after = beside = (struct str){ NULL, 0 };
	if (rule_id.n == 0 || rule_id.p[0] == '.' ||
	    str_find(rule_id, '/') >= 0 || str_find(rule_id, '\\') >= 0)
		return fail(e, M_INVALID_PARAM, "A rule's id must not be "
		    "empty, begin with a dot, or have slashes in it");
	if (own != NULL && own->n >= RULES_MAX && at < 0)
		return fail(e, M_TOO_LARGE, "At most %d push rules of a kind",
		    RULES_MAX);
	if (beside.n > 0 && rule_index(own, beside) < 0)
		return fail(e, M_NOT_FOUND, "There is no rule to put this one "
		    "before or after");
	if (!rule_make(a, kind, rule_id, body, &rule, e))
		return false;
	/* A new rule without a place has the highest priority. */
	if (beside.n == 0 && at < 0) {
		json_push(a, &list, rule);
		placed = true;
	}
	for (uint32_t i = 0; own != NULL && i < own->n; i++) {
		struct str id = json_str(&own->at[i], S("rule_id"));

		if (before.n > 0 && str_eq(id, before))
			json_push(a, &list, rule);
		if (str_eq(id, rule_id)) {
			if (beside.n == 0 && !placed)
				json_push(a, &list, rule);
			continue;
		}
		json_push(a, &list, own->at[i]);
		if (before.n == 0 && after.n > 0 && str_eq(id, after))
			json_push(a, &list, rule);
	}
	*out = with_rules(a, stored, kind, list);
	return true;
}

static bool
not_there(struct err *e)
{
	return fail(e, M_NOT_FOUND, "There is no such push rule");
}

bool
pushrules_delete(struct arena *a, const struct json *stored,
    enum push_kind kind, struct str rule_id, struct json *out, struct err *e)
{
	const struct json *own = pushrules_own(stored, kind);
	ptrdiff_t at = rule_index(own, rule_id);
	struct json list = json_new_arr();

	if (pushrules_is_default(kind, rule_id))
		return fail(e, M_INVALID_PARAM, "Default push rules cannot be "
		    "removed, only switched off");
	if (at < 0)
		return not_there(e);
	for (uint32_t i = 0; i < own->n; i++)
		if (i != (uint32_t)at)
			json_push(a, &list, own->at[i]);
	*out = with_rules(a, stored, kind, list);
	return true;
}

/* Sets one member of a rule, the user's own or a default one. */
static bool
set_member(struct arena *a, const struct json *stored, enum push_kind kind,
    struct str rule_id, struct str key, struct json val, struct json *out,
    struct err *e)
{
	const struct json *own = pushrules_own(stored, kind), *old;
	ptrdiff_t at = rule_index(own, rule_id);
	struct json list, rule, all;

	if (at >= 0) {
		list = json_copy(a, own);
		rule = json_copy(a, &list.at[at]);
		json_set(a, &rule, key, val);
		list.at[at] = rule;
		*out = with_rules(a, stored, kind, list);
		return true;
	}
	if (!pushrules_is_default(kind, rule_id))
		return not_there(e);
	*out = stored != NULL ? json_copy(a, stored) : json_new_obj();
	old = json_get_obj(out, S("defaults"));
	all = old != NULL ? json_copy(a, old) : json_new_obj();
	old = json_get_obj(&all, rule_id);
	rule = old != NULL ? json_copy(a, old) : json_new_obj();
	json_set(a, &rule, key, val);
	json_set(a, &all, rule_id, rule);
	json_set(a, out, S("defaults"), all);
	return true;
}

bool
pushrules_enable(struct arena *a, const struct json *stored,
    enum push_kind kind, struct str rule_id, bool enabled, struct json *out,
    struct err *e)
{
	return set_member(a, stored, kind, rule_id, S("enabled"),
	    json_of_bool(enabled), out, e);
}

bool
pushrules_actions(struct arena *a, const struct json *stored,
    enum push_kind kind, struct str rule_id, const struct json *actions,
    struct json *out, struct err *e)
{
	return actions_ok(actions, e) && set_member(a, stored, kind, rule_id,
	    S("actions"), *actions, out, e);
}
