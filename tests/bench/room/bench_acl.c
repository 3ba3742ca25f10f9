/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a server ACL costs for one request or event: the usual list, one that
 * fills an event with names, and one of patterns made to be slow.
 */
#include <stdio.h>

#include "base/clock.h"
#include "room/acl.h"

#define CALLS 2000

/* An ACL that denies n patterns, number i made by the format. */
static struct json
acl_of(struct arena *a, size_t n, const char *pattern)
{
	struct json v = json_new_obj(), allow = json_new_arr(),
	    deny = json_new_arr();

	for (size_t i = 0; i < n; i++)
		json_push(a, &deny, json_of_str(str_fmt(a, "%s%zu", pattern,
		    i)));
	json_push(a, &allow, json_of_str(S("*")));
	json_set(a, &v, S("allow"), allow);
	json_set(a, &v, S("deny"), deny);
	return v;
}

static void
measure(const char *what, const struct json *v, struct str server)
{
	int64_t began_us = clock_mono_us();
	int allowed = 0;

	for (int i = 0; i < CALLS; i++)
		allowed += server_acl_allows(v, server);
	printf("%-44s %8.2f us a call (%d allowed)\n", what,
	    (double)(clock_mono_us() - began_us) / CALLS, allowed);
}

int
main(void)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str name = S("matrix.agents.example.org:8448");
	struct json few = acl_of(a, 20, "*.evil.example."),
	    many = acl_of(a, 2500, "server.of.spam.example."),
	    slow = acl_of(a, 320, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a"
	    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a"
	    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a");
	char long_name[230];

	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = 'a';
	measure("20 patterns", &few, name);
	measure("2,500 names, 64 KiB", &many, name);
	measure("320 patterns made to be slow, 64 KiB", &slow,
	    str_n(long_name, sizeof(long_name)));
	arena_free(a);
	return 0;
}
