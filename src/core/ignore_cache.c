/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A memo of each user's list: the ids they ignore, a line each. See ignore_cache.h. */
#include "core/ignore_cache.h"

#include "base/memo.h"
#include "room/ids.h"
#include "store/q_accdata.h"

#define BYTES_MAX ((size_t)32 << 20)

static struct memo lists = MEMO_INIT(BYTES_MAX);

/* Lines to ids. */
static void
read_lines(struct arena *a, struct str text, struct ignored *out)
{
	struct str *at = arena_array(a, struct str, IGNORE_MAX);

	*out = (struct ignored){ at, 0 };
	while (text.n > 0 && out->n < IGNORE_MAX)
		(void)str_cut(text, '\n', &at[out->n++], &text);
}

static bool
load(struct ctx *c, struct str user, struct str *lines)
{
	const struct json *list;
	struct json content;
	struct str text;
	struct buf b;

	*lines = S("");
	if (!accdata_get(c->db, c->a, user, 0, S("m.ignored_user_list"),
	    &text, &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, &content, &c->err))
		return false;
	list = json_get_obj(&content, S("ignored_users"));
	buf_init(&b, c->a, text.n + IGNORE_MAX);
	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		/* An id that is well-formed has no line end in it. */
		if (i == IGNORE_MAX || !id_user_ok(list->m[i].key) ||
		    str_find(list->m[i].key, '\n') >= 0)
			continue;
		buf_str(&b, list->m[i].key);
		buf_char(&b, '\n');
	}
	*lines = buf_view(&b);
	return true;
}

bool
ignore_list(struct ctx *c, struct str user, struct ignored *out)
{
	struct str lines;
	uint64_t forgets;

	*out = (struct ignored){ NULL, 0 };
	if (!memo_get(&lists, c->a, user, &lines, &forgets)) {
		if (!load(c, user, &lines))
			return false;
		memo_put(&lists, user, lines, forgets);
	}
	if (lines.n > 0)
		read_lines(c->a, lines, out);
	return true;
}

bool
ignores(const struct ignored *x, struct str user)
{
	for (size_t i = 0; i < x->n; i++)
		if (str_eq(x->user[i], user))
			return true;
	return false;
}

void
ignore_forget(struct str user)
{
	memo_forget(&lists, user);
}

void
ignore_cache_stop(void)
{
	memo_clear(&lists);
}
