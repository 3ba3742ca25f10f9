/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Profiles and the search for people. See account.h. */
#include "core/profile.h"

#include "core/member.h"
#include "core/unicode.h"
#include "room/ids.h"
#include "store/q_profile.h"

#define FIELDS_BYTES_MAX 65536
#define NEEDLES_MAX 4
#define CANDIDATES_MAX 500

struct str
profile_folded(struct arena *a, struct str user, struct str name)
{
	return unicode_fold(a, str_fmt(a, STR_FMT " " STR_FMT,
	    STR_ARG(id_localpart(user)), STR_ARG(name)));
}

struct change {
	struct str user, field, value, folded;
	bool is_name;
};

static bool
change_body(struct db *db, void *arg, struct err *e)
{
	const struct change *x = arg;

	return profile_set(db, x->user, x->field, x->value, e) &&
	    (!x->is_name || directory_put(db, x->user, x->folded, e));
}

/* The whole profile stays within 64 KiB. */
static bool
fits(struct ctx *c, const struct change *x)
{
	struct json all;

	if (!profile_all(c->db, c->a, x->user, &all, &c->err))
		return false;
	json_del(&all, x->field);
	if (json_text(c->a, &all).n + x->field.n + x->value.n + 8 <=
	    FIELDS_BYTES_MAX)
		return true;
	return fail(&c->err, M_PROFILE_TOO_LARGE,
	    "A profile takes at most 64 KiB");
}

bool
profile_change(struct ctx *c, struct str user, struct str field,
    struct str value)
{
	struct change x = { .user = user, .field = field, .value = value,
	    .is_name = str_eq(field, S("displayname")) };
	struct json v;

	if (x.is_name) {
		if (value.n == 0)
			v = json_of_str((struct str){ NULL, 0 });
		else if (!json_parse(c->a, value, JSON_ANY, &v, &c->err))
			return false;
		x.folded = profile_folded(c->a, user, v.type == JSON_STR ? v.s
		    : (struct str){ NULL, 0 });
	}
	if (!fits(c, &x) || !db_transact(c->db, change_body, &x, &c->err))
		return false;
	if (!x.is_name && !str_eq(field, S("avatar_url")))
		return true;
	return member_update_profile(c, user);
}

/* Words of the search term, folded. */
static size_t
needles(struct ctx *c, struct str term, struct str out[NEEDLES_MAX])
{
	struct str rest = unicode_fold(c->a, str_trim(term)), word;
	size_t n = 0;
	bool more = rest.n > 0;

	while (more && n < NEEDLES_MAX) {
		more = str_cut(rest, ' ', &word, &rest);
		if (str_starts(word, S("@")))
			word = str_from(word, 1);
		if (str_find(word, ':') >= 0)
			word = str_sub(word, 0, (size_t)str_find(word, ':'));
		if (word.n > 0)
			out[n++] = word;
	}
	return n;
}

static bool
is_public(struct ctx *c, struct room *r, bool *out)
{
	const struct sev *rules;

	if (!room_state(c, r, S("m.room.join_rules"), S(""), &rules))
		return false;
	*out = rules != NULL && str_eq(json_str(rules->ev.content,
	    S("join_rule")), S("public"));
	return true;
}

/* Do both stand in one room, or is the other in a public one? */
static bool
may_find(struct ctx *c, struct str other, bool *may)
{
	struct user_membership *m;
	size_t n;

	*may = conf_get()->directory_search_all_users;
	if (*may)
		return true;
	if (!memberships_of_user(c->db, c->a, other, 1U << MEMBER_JOIN, &m,
	    &n, &c->err))
		return false;
	for (size_t i = 0; i < n && !*may; i++) {
		struct room *r;

		if (!room_open_nid(c, m[i].room, &r))
			return false;
		if (room_membership(r, c->who.user) == MEMBER_JOIN)
			*may = true;
		else if (!is_public(c, r, may))
			return false;
	}
	return true;
}

bool
user_search(struct ctx *c, struct str term, size_t limit,
    struct user_found **out, size_t *n, bool *limited)
{
	struct user_found *at = arena_array(c->a, struct user_found, limit);
	struct str needle[NEEDLES_MAX], *users;
	size_t nneedles = needles(c, term, needle), nusers = 0, count = 0;

	*limited = false;
	if (nneedles > 0 && !directory_find(c->db, c->a, needle, nneedles,
	    CANDIDATES_MAX, &users, &nusers, &c->err))
		return false;
	for (size_t i = 0; i < nusers; i++) {
		struct user_found *x = &at[count];
		bool may;

		if (str_eq(users[i], c->who.user))
			continue;
		if (!may_find(c, users[i], &may))
			return false;
		if (!may)
			continue;
		if (count == limit) {
			*limited = true;
			break;
		}
		x->user = users[i];
		if (!profile_field(c->db, c->a, users[i], S("displayname"),
		    &x->display_name, &c->err) || !profile_field(c->db, c->a,
		    users[i], S("avatar_url"), &x->avatar_url, &c->err))
			return false;
		count++;
	}
	*out = at;
	*n = count;
	return true;
}
