/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Identifiers: what one check takes, its parts must bear out. The first line
 * is an identifier, the rest the content of an m.room.server_acl.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "room/acl.h"
#include "room/ids.h"

#define MUST(x) ((x) ? (void)0 : abort())

static void
check_id(struct str s, char sigil, bool (*ok)(struct str))
{
	struct str local = id_localpart(s), server = id_server(s);

	if (!ok(s))
		return;
	MUST(s.n >= 2 && s.n <= ID_MAX && s.p[0] == sigil);
	MUST(str_utf8_ok(s) && str_find(s, '\0') < 0);
	if (str_find(s, ':') < 0) {
		MUST(sigil == '!' && s.n == 44 && server.n == 0);
		return;
	}
	MUST(id_server_name_ok(server));
	MUST(1 + local.n + 1 + server.n == s.n);
	MUST(str_find(local, ':') < 0);
}

static void
check_server(struct str s)
{
	struct str host = id_host(s);

	if (!id_server_name_ok(s))
		return;
	MUST(host.n > 0 && str_starts(s, host));
	MUST(host.n == s.n || s.p[host.n] == ':');
	MUST(id_server_name_ok(host));
	for (size_t i = 0; i < s.n; i++)
		MUST(s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '/');
}

/* A list of one pattern decides as the matcher of base does. */
static void
check_pattern(struct arena *a, struct str pattern, struct str server)
{
	struct json acl = json_new_obj(), list = json_new_arr();

	json_push(a, &list, json_of_str(pattern));
	json_set(a, &acl, S("allow"), list);
	MUST(server_acl_allows(&acl, server) ==
	    (id_host(server).n <= ID_MAX &&
	    str_glob(pattern, id_host(server), true)));
}

/* Who is let in by a list is not let in once everybody is denied. */
static void
check_acl(struct arena *a, struct str acl, struct str server)
{
	struct err e = { .code = M_OK };
	struct json v, shut, all = json_new_arr();

	if (!json_parse(a, acl, JSON_STRICT, &v, &e) || v.type != JSON_OBJ)
		return;
	for (size_t i = 0; json_at(json_get_arr(&v, S("allow")), i); i++)
		if (json_is(json_at(json_get(&v, S("allow")), i), JSON_STR))
			check_pattern(a, json_at(json_get(&v, S("allow")),
			    i)->s, server);
	if (!server_acl_allows(&v, server))
		return;
	MUST(json_get_arr(&v, S("allow")) != NULL);
	shut = json_copy(a, &v);
	json_push(a, &all, json_of_str(S("*")));
	json_set(a, &shut, S("deny"), all);
	MUST(!server_acl_allows(&shut, server));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size), id, acl;
	struct str server, media;

	if (!str_cut(text, '\n', &id, &acl))
		acl = S("{}");
	check_id(id, '@', id_user_ok);
	check_id(id, '!', id_room_ok);
	check_id(id, '#', id_alias_ok);
	check_server(id);
	check_server(id_server(id));
	if (id_event_ok(id))
		MUST(id.n <= ID_MAX && id.p[0] == '$');
	if (id_localpart_ok(id))
		MUST(id_user_ok(str_cat(a, str_cat(a, S("@"), id), S(":d")))
		    == (id.n <= ID_MAX - 3));
	if (id_opaque_ok(id))
		MUST(id_device_ok(id));
	if (id_mxc_ok(id, &server, &media)) {
		MUST(id_server_name_ok(server) && id_opaque_ok(media));
		MUST(str_eq(id, str_fmt(a, "mxc://" STR_FMT "/" STR_FMT,
		    STR_ARG(server), STR_ARG(media))));
	}
	check_acl(a, acl, id);
	arena_free(a);
	return 0;
}
