/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strangers send to the OAuth 2.0 API. The first line is a redirect URI
 * or a scope, the second the metadata of a client: what is registered is
 * accepted, what is accepted is of the client's own, and reading again changes
 * nothing.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "core/oauth_client.h"
#include "core/oauth_scope.h"
#include "core/uri.h"

#define MUST(x) ((x) ? (void)0 : abort())

static void
check_uri(struct str s)
{
	struct uri u;

	if (!uri_parse(s, &u))
		return;
	MUST(s.n <= URI_MAX && u.scheme.n > 0 && str_starts(s, u.scheme));
	for (size_t i = 0; i < s.n; i++)
		MUST(s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '\\' &&
		    s.p[i] != '"' && s.p[i] != '<');
	if (uri_is_https(&u))
		MUST(!u.has_userinfo && u.host.n > 0 &&
		    str_find(u.host, '%') < 0 && !uri_is_loopback(&u));
	MUST(!u.has_authority || str_starts(str_from(s, u.scheme.n),
	    S("://")));
}

static void
check_scope(struct arena *a, struct str s)
{
	struct oauth_scope x, y;

	if (!oauth_scope_read(a, s, &x))
		return;
	MUST(x.device.n > 0 && x.granted.n <= s.n);
	MUST(oauth_scope_read(a, x.granted, &y));
	MUST(str_eq(x.granted, y.granted) && str_eq(x.device, y.device));
}

static void
check_metadata(struct arena *a, const struct json *given, struct str redirect)
{
	const struct json *list;
	const char *error, *why;
	struct json out, again;
	struct uri u, client;

	if (!oauth_metadata_read(a, given, &out, &error, &why))
		return;
	MUST(oauth_metadata_read(a, &out, &again, &error, &why));
	MUST(json_equal(&out, &again));
	list = json_get_arr(&out, S("redirect_uris"));
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		MUST(oauth_redirect_ok(&out, list->at[i].s));
	if (!oauth_redirect_ok(&out, redirect))
		return;
	MUST(uri_parse(redirect, &u) && !u.has_fragment);
	MUST(uri_parse(json_str(&out, S("client_uri")), &client));
	MUST(uri_is_loopback(&u) || !u.has_authority || (uri_is_https(&u) &&
	    uri_host_under(u.host, client.host)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size), line, rest;
	struct err e = { .code = M_OK };
	struct json v;

	str_cut(text, '\n', &line, &rest);
	check_uri(line);
	check_scope(a, line);
	if (json_parse(a, rest, JSON_ANY, &v, &e) && v.type == JSON_OBJ)
		check_metadata(a, &v, line);
	arena_free(a);
	return 0;
}
