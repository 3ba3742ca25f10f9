/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_profile.h. */
#include "store/q_profile.h"

#define NEEDLES_MAX 4

static const struct query one = {
	.name = "profile.one",
	.sql = "SELECT value FROM profile WHERE user_id = $1 AND field = $2",
};
static const struct query all = {
	.name = "profile.all",
	.sql = "SELECT field, value FROM profile WHERE user_id = $1",
};
static const struct query put = {
	.name = "profile.put",
	.sql = "INSERT INTO profile (user_id, field, value)"
	    " VALUES ($1, $2, $3) ON CONFLICT (user_id, field)"
	    " DO UPDATE SET value = excluded.value",
};
static const struct query del = {
	.name = "profile.delete",
	.sql = "DELETE FROM profile WHERE user_id = $1 AND field = $2",
};
static const struct query del_all = {
	.name = "profile.delete_all",
	.sql = "DELETE FROM profile WHERE user_id = $1",
};
static const struct query dir_put = {
	.name = "user_directory.put",
	.sql = "INSERT INTO user_directory (user_id, folded) VALUES ($1, $2)"
	    " ON CONFLICT (user_id) DO UPDATE SET folded = excluded.folded",
};
static const struct query dir_del = {
	.name = "user_directory.delete",
	.sql = "DELETE FROM user_directory WHERE user_id = $1",
};
/* instr and strpos look for the exact bytes; names are folded before. */
static const struct query dir_find = {
	.name = "user_directory.find",
	.sql = "SELECT user_id FROM user_directory"
	    " WHERE strpos(folded, $1) > 0 AND strpos(folded, $2) > 0"
	    " AND strpos(folded, $3) > 0 AND strpos(folded, $4) > 0"
	    " ORDER BY user_id LIMIT $5",
	.sqlite = "SELECT user_id FROM user_directory"
	    " WHERE instr(folded, $1) > 0 AND instr(folded, $2) > 0"
	    " AND instr(folded, $3) > 0 AND instr(folded, $4) > 0"
	    " ORDER BY user_id LIMIT $5",
};

QUERIES(q_profile, &one, &all, &put, &del, &del_all, &dir_put, &dir_del,
    &dir_find)

bool
profile_field(struct db *db, struct arena *a, struct str user,
    struct str field, struct str *out, struct err *e)
{
	struct str text = { NULL, 0 };
	struct json v;
	bool found;

	*out = (struct str){ NULL, 0 };
	if (!db_one_str(db, &one, V(v_str(user), v_str(field)), a, &text, &found, e))
		return false;
	if (!found)
		return true;
	if (!json_parse(a, text, JSON_ANY, &v, e))
		return false;
	if (v.type == JSON_STR)
		*out = v.s;
	return true;
}

bool
profile_all(struct db *db, struct arena *a, struct str user, struct json *out,
    struct err *e)
{
	struct rows r;
	bool ok = true;

	*out = json_new_obj();
	if (!db_query(db, &all, V(v_str(user)), &r, e))
		return false;
	while (ok && db_next(&r)) {
		struct str field = db_str(&r, 0, a), text = db_str(&r, 1, a);
		struct json v;

		ok = json_parse(a, text, JSON_ANY, &v, e);
		if (ok)
			json_set(a, out, field, v);
	}
	return db_done(&r, e) && ok;
}

bool
profile_set(struct db *db, struct str user, struct str field,
    struct str value, struct err *e)
{
	if (value.n == 0)
		return db_exec(db, &del, V(v_str(user), v_str(field)), e);
	return db_exec(db, &put, V(v_str(user), v_str(field), v_str(value)),
	    e);
}

bool
profile_delete_all(struct db *db, struct str user, struct err *e)
{
	return db_exec(db, &del_all, V(v_str(user)), e);
}

bool
directory_put(struct db *db, struct str user, struct str folded,
    struct err *e)
{
	if (folded.n == 0)
		return db_exec(db, &dir_del, V(v_str(user)), e);
	return db_exec(db, &dir_put, V(v_str(user), v_str(folded)), e);
}

bool
directory_find(struct db *db, struct arena *a, const struct str *needle,
    size_t nneedles, size_t max, struct str **out, size_t *n, struct err *e)
{
	struct str want[NEEDLES_MAX], *at = arena_array(a, struct str, max);
	struct rows r;
	size_t count = 0;

	for (size_t i = 0; i < NEEDLES_MAX; i++)
		want[i] = i < nneedles ? needle[i] : needle[0];
	if (!db_query(db, &dir_find, V(v_str(want[0]), v_str(want[1]),
	    v_str(want[2]), v_str(want[3]), v_int((int64_t)max)), &r, e))
		return false;
	while (count < max && db_next(&r))
		at[count++] = db_str(&r, 0, a);
	*out = at;
	*n = count;
	return db_done(&r, e);
}
