/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See invite_filter.h. */
#include "core/invite_filter.h"

#include "room/ids.h"
#include "store/q_accdata.h"

#define ENTRIES_MAX 1000		/* of one list that are looked at */

/* Empty or damaged: as if it were not set. */
static bool
load(struct ctx *c, struct str user, struct str type, const struct json **out)
{
	struct json *content = arena_make(c->a, struct json);
	struct err damaged = { .code = M_OK };
	struct str text;

	*out = NULL;
	if (!accdata_get(c->db, c->a, user, 0, type, &text, &c->err))
		return false;
	if (text.n > 0 && json_parse(c->a, text, JSON_ANY, content, &damaged))
		*out = content;
	return true;
}

bool
invite_filter_load(struct ctx *c, struct str user, struct invite_filter *out)
{
	static const struct str types[] = {
		S_INIT("m.invite_permission_config"),
		S_INIT("org.matrix.msc4380.invite_permission_config"),
	};
	const struct json *set;

	*out = (struct invite_filter){ .block_all = false };
	for (size_t i = 0; i < LEN(types); i++) {
		if (!load(c, user, types[i], &set))
			return false;
		out->block_all = out->block_all || str_eq(json_str(set,
		    S("default_action")), S("block"));
	}
	return load(c, user, S("org.matrix.msc4155.invite_permission_config"),
	    &out->lists);
}

static bool
is_listed(const struct json *lists, struct str key, struct str who)
{
	const struct json *list = json_get_arr(lists, key);

	for (uint32_t i = 0; list != NULL && i < list->n && i < ENTRIES_MAX;
	    i++)
		if (list->at[i].type == JSON_STR &&
		    str_glob(list->at[i].s, who, false))
			return true;
	return false;
}

enum invite_verdict
invite_filter_ask(const struct invite_filter *f, struct str inviter)
{
	struct str server = id_server(inviter);

	if (f->block_all)
		return INVITE_BLOCK;
	if (f->lists == NULL ||
	    is_listed(f->lists, S("allowed_users"), inviter))
		return INVITE_ALLOW;
	if (is_listed(f->lists, S("ignored_users"), inviter))
		return INVITE_IGNORE;
	if (is_listed(f->lists, S("blocked_users"), inviter))
		return INVITE_BLOCK;
	if (is_listed(f->lists, S("allowed_servers"), server))
		return INVITE_ALLOW;
	if (is_listed(f->lists, S("ignored_servers"), server))
		return INVITE_IGNORE;
	return is_listed(f->lists, S("blocked_servers"), server)
	    ? INVITE_BLOCK : INVITE_ALLOW;
}
