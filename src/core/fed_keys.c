/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See fed_keys.h. */
#include "core/fed_keys.h"

#include "core/fed.h"
#include "room/ids.h"

#define SERVERS_MAX 200			/* asked for one request */
#define ASK_MS 10000

/* The users of one server, as they are asked for. */
struct part {
	struct str server;
	struct json users;
};

static size_t
split(struct arena *a, const struct json *wanted, struct part *out, size_t max)
{
	size_t n = 0, k;

	for (uint32_t i = 0; i < wanted->n; i++) {
		struct str user = wanted->m[i].key;

		if (!id_user_ok(user) || server_is_local(user))
			continue;
		for (k = 0; k < n; k++)
			if (str_eq(out[k].server, id_server(user)))
				break;
		if (k == max)
			continue;
		if (k == n)
			out[n++] = (struct part){ id_server(user),
			    json_new_obj() };
		json_set(a, &out[k].users, user, wanted->m[i].val);
	}
	return n;
}

bool
fed_keys_ask(struct ctx *c, const char *what, const char *member,
    const struct json *wanted, fed_keys_take *take, void *arg,
    struct json *failures)
{
	struct part *part = arena_array(c->a, struct part, SERVERS_MAX);
	size_t n = split(c->a, wanted, part, SERVERS_MAX);

	for (size_t i = 0; i < n; i++) {
		struct json body = json_new_obj(), why = json_new_obj();
		struct fed_req q = { .server = part[i].server,
		    .method = "POST", .body = &body, .total_ms = ASK_MS };
		const struct json *got;

		json_set(c->a, &body, str_c(member), part[i].users);
		q.path = str_cat(c->a, S("/_matrix/federation/v1/user/keys/"),
		    str_c(what));
		if (fed_call(c, &q, &got)) {
			take(arg, part[i].server, got);
			continue;
		}
		json_set(c->a, &why, S("error"), json_of_str(str_dup(c->a,
		    str_c(c->err.text))));
		json_set(c->a, failures, part[i].server, why);
		err_clear(&c->err);
	}
	return true;
}
