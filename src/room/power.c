/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Power levels. Versions up to 9 accept integers as text, and up to 5 floats,
 * since rooms of that age have them; from 10 on only integers count. A float
 * is rounded to a double before it is cut, as others do, and one written with
 * over 400 bytes is none.
 * spec: rooms/ v1 "m.room.power_levels events accept values as strings" and
 * "as floats", v10, v12.
 */
#include "room/power.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL_TEXT_MAX 400

void
power_init(struct power *p, const struct event *create,
    const struct event *levels)
{
	p->v = create->v;
	p->content = levels != NULL ? levels->content : NULL;
	p->create = create;
}

/* A JSON number that is no integer within 2^53. False: past a double's range, or too long. */
static bool
real_level(struct str s, int64_t *out)
{
	char text[REAL_TEXT_MAX + 1];
	double d;

	if (str_i64(s, out))
		return true;
	if (s.n > REAL_TEXT_MAX)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	d = strtod(text, NULL);
	if (!isfinite(d))
		return false;
	if (d >= 0x1p63)
		*out = INT64_MAX;
	else if (d <= -0x1p63)
		*out = INT64_MIN;
	else
		*out = (int64_t)d;
	return true;
}

/* More than str_trim() takes: vertical tabs and form feeds too. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Spaces, a sign, digits, spaces. Too many digits are still an integer. */
static bool
text_level(struct str s, int64_t *out)
{
	bool minus;
	struct str digits;

	while (s.n > 0 && is_space(s.p[0]))
		s = str_from(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	minus = s.n > 0 && s.p[0] == '-';
	digits = minus || (s.n > 0 && s.p[0] == '+') ? str_from(s, 1) : s;
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
	if (digits.n == 0)
		return false;
	if (!str_i64(minus ? s : digits, out))
		*out = minus ? INT64_MIN : INT64_MAX;
	return true;
}

bool
power_level(const struct room_version *v, const struct json *x, int64_t *out)
{
	if (json_is(x, JSON_INT)) {
		*out = x->i;
		return true;
	}
	if (v->integer_power || x == NULL)
		return false;
	if (x->type == JSON_REAL)
		return real_level(x->src, out);
	return x->type == JSON_STR && text_level(x->s, out);
}

static int64_t
level_or(const struct power *p, struct str key, int64_t otherwise)
{
	int64_t v = otherwise;

	return power_level(p->v, json_get(p->content, key), &v) ? v : otherwise;
}

static bool
is_additional_creator(const struct event *create, struct str user)
{
	const struct json *list = json_get_arr(create->content,
	    S("additional_creators"));

	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (list->at[i].type == JSON_STR &&
		    str_eq(list->at[i].s, user))
			return true;
	return false;
}

bool
power_is_creator(const struct power *p, struct str user)
{
	const struct event *create = p->create;

	if (p->v->creators_have_infinite_power)
		return str_eq(create->sender, user) ||
		    is_additional_creator(create, user);
	if (p->v->implicit_creator)
		return str_eq(create->sender, user);
	return str_eq(json_str(create->content, S("creator")), user);
}

int64_t
power_of(const struct power *p, struct str user)
{
	int64_t v;

	if (p->v->creators_have_infinite_power && power_is_creator(p, user))
		return POWER_INFINITE;
	if (p->content == NULL)
		return power_is_creator(p, user) ? 100 : 0;
	if (power_level(p->v, json_get(json_get_obj(p->content, S("users")), user),
	    &v))
		return v;
	return level_or(p, S("users_default"), 0);
}

int64_t
power_needed(const struct power *p, struct str type, bool is_state)
{
	int64_t v;

	if (power_level(p->v, json_get(json_get_obj(p->content, S("events")), type),
	    &v))
		return v;
	if (is_state)
		return level_or(p, S("state_default"),
		    p->content != NULL ? 50 : 0);
	return level_or(p, S("events_default"), 0);
}

int64_t
power_for(const struct power *p, enum power_act act)
{
	switch (act) {
	case POWER_INVITE:
		return level_or(p, S("invite"), 0);
	case POWER_KICK:
		return level_or(p, S("kick"), 50);
	case POWER_BAN:
		return level_or(p, S("ban"), 50);
	case POWER_REDACT:
		return level_or(p, S("redact"), 50);
	}
	return POWER_INFINITE;
}

int64_t
power_notification(const struct power *p, struct str key)
{
	int64_t v;

	return power_level(p->v, json_get(json_get_obj(p->content,
	    S("notifications")), key), &v) ? v : 50;
}

bool
power_may_send(const struct power *p, struct str user, struct str type,
    bool is_state)
{
	return power_of(p, user) >= power_needed(p, type, is_state);
}

bool
power_client_ok(const struct event *create, const struct json *content,
    struct err *e)
{
	const struct json *users = json_get_obj(content, S("users"));
	struct power p;

	power_init(&p, create, NULL);
	if (!p.v->creators_have_infinite_power)
		return true;
	for (uint32_t i = 0; users != NULL && i < users->n; i++)
		if (power_is_creator(&p, users->m[i].key))
			return fail(e, M_INVALID_PARAM, STR_FMT " is a creator "
			    "of the room and has no entry in users",
			    STR_ARG(users->m[i].key));
	return true;
}
