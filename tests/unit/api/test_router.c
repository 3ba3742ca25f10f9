/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From a path to the row of the table, and what the table promises of itself. */
#include "unit.h"

#include <string.h>

#include "api/req.h"
#include "api/route.h"

static int
start(void **state)
{
	(void)state;
	routes_start();
	return 0;
}

#define V3 "/_matrix/client/v3"

static const struct {
	const char *name;
	enum http_method method;
	const char *path;
	const char *row;		/* NULL: none */
	bool known;			/* the path is there for another method */
	const char *param[3];
} cases[] = {
	{ "a path without names", METHOD_GET, "/_matrix/client/versions",
	    "versions_get", true, { NULL } },
	{ "a name", METHOD_GET, V3 "/profile/@a:b", "profile_get", true,
	    { "@a:b", NULL } },
	{ "several names, in order", METHOD_PUT,
	    V3 "/rooms/!r/send/m.room.message/t1", "send_put", true,
	    { "!r", "m.room.message", "t1" } },
	{ "a name at the end", METHOD_GET,
	    V3 "/room_keys/version/5", "backup_version_get", true,
	    { "5", NULL } },
	{ "a name stays encoded", METHOD_GET, V3 "/profile/%40a%2Fb",
	    "profile_get", true, { "%40a%2Fb", NULL } },
	{ "an empty name", METHOD_GET, V3 "/rooms/!r/state/m.room.name/",
	    "state_get_get", true, { "!r", "m.room.name", "" } },
	{ "one part less is another row", METHOD_GET,
	    V3 "/rooms/!r/state/m.room.name", "state_nokey_get", true,
	    { "!r", "m.room.name", NULL } },
	{ "another method", METHOD_DELETE, V3 "/sync", NULL, true, { NULL } },
	{ "one path, two methods", METHOD_POST, V3 "/login", "login_post",
	    true, { NULL } },
	{ "no such path", METHOD_GET, V3 "/nothing", NULL, false, { NULL } },
	{ "a part too many", METHOD_GET, V3 "/sync/more", NULL, false,
	    { NULL } },
	{ "an end too early", METHOD_GET, V3, NULL, false, { NULL } },
	{ "a slash at the end", METHOD_GET, V3 "/sync/", NULL, false,
	    { NULL } },
	{ "two slashes", METHOD_GET, "//_matrix/client/versions", NULL, false,
	    { NULL } },
	{ "the root", METHOD_GET, "/", NULL, false, { NULL } },
	{ "nothing", METHOD_GET, "", NULL, false, { NULL } },
	{ "no slash before it", METHOD_GET, "_matrix/client/versions", NULL,
	    false, { NULL } },
	{ "capitals", METHOD_GET, "/_MATRIX/client/versions", NULL, false,
	    { NULL } },
	{ "more parts than any row", METHOD_GET,
	    "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", NULL, false, { NULL } },
	{ "the pattern itself is no path", METHOD_GET,
	    V3 "/{sync}", NULL, false, { NULL } },
};

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct str param[REQ_PARAMS_MAX];
		const struct route *r;
		size_t n = 99, want = 0;
		bool known;

		r = route_find(cases[i].method, str_c(cases[i].path), param,
		    &n, &known);
		while (want < 3 && cases[i].param[want] != NULL)
			want++;
		if ((r == NULL) != (cases[i].row == NULL) || known !=
		    cases[i].known || (r != NULL &&
		    strcmp(r->name, cases[i].row) != 0))
			fail_msg("%s: %s, known %d", cases[i].name,
			    r == NULL ? "none" : r->name, known);
		if (n != (r == NULL ? 0 : want))
			fail_msg("%s: %zu names", cases[i].name, n);
		for (size_t k = 0; k < n; k++)
			if (!str_eq_c(param[k], cases[i].param[k]))
				fail_msg("%s: name %zu", cases[i].name, k);
	}
}

/* The path that a pattern describes finds that row, and no other before it. */
static void
test_every_row_is_found_by_its_own_path(void **state)
{
	const struct route *all;
	size_t n;

	(void)state;
	all = routes_all(&n);
	for (size_t i = 0; i < n; i++) {
		struct str param[REQ_PARAMS_MAX];
		char path[256];
		const char *s = all[i].pattern;
		size_t at = 0, np;
		bool known;

		for (; *s != '\0'; s++) {
			if (*s == '{') {
				s = strchr(s, '}');
				path[at++] = 'x';
			} else {
				path[at++] = *s;
			}
			assert_true(at < sizeof(path));
		}
		if (route_find(all[i].method, str_n(path, at), param, &np,
		    &known) != &all[i])
			fail_msg("%s is hidden by another row",
			    all[i].pattern);
	}
}

/* What a row may not combine. */
static void
test_rows_make_sense(void **state)
{
	const struct route *all;
	size_t n;

	(void)state;
	all = routes_all(&n);
	for (size_t i = 0; i < n; i++) {
		const struct route *r = &all[i];
		bool discloses = r->access >= ACCESS_PROFILE;
		bool writes = r->method != METHOD_GET;

		if (discloses && r->auth == AUTH_NONE)
			fail_msg("%s discloses to nobody in particular",
			    r->name);
		if (r->access == ACCESS_SELF && r->auth == AUTH_NONE)
			fail_msg("%s shows the caller's own, but asks for "
			    "none", r->name);
		if (r->rate == RATE_FREE && r->auth != AUTH_NONE &&
		    r->auth != AUTH_MAYBE && r->auth != AUTH_METRICS)
			fail_msg("%s has no limit", r->name);
		if ((r->flags & F_UPLOAD) != 0 && !writes)
			fail_msg("%s takes a file by GET", r->name);
		if ((r->flags & F_UIA) != 0 && r->rate == RATE_FREE)
			fail_msg("%s lets passwords be guessed", r->name);
		if (strncmp(r->pattern, "/_beffroi/admin/", 16) == 0 &&
		    r->auth != AUTH_ADMIN)
			fail_msg("%s is open to all", r->name);
		if (strstr(r->pattern, "/admin/") != NULL &&
		    strstr(r->pattern, "/register") == NULL &&
		    r->auth != AUTH_ADMIN)
			fail_msg("%s is open to all", r->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_every_row_is_found_by_its_own_path),
		cmocka_unit_test(test_rows_make_sense),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
