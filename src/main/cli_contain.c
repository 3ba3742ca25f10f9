/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* beffroi contain, release, containments: asked of the running daemon. */
#include "main/cli.h"

#include <stdio.h>

static void
put(struct cli *c, struct json *body, struct str key, struct str s)
{
	if (s.n > 0)
		json_set(c->a, body, key, json_of_str(s));
}

static bool
ask(struct cli *c, struct str path, struct json *out, struct err *e)
{
	bool named = c->nargs > 1 && !str_starts(c->arg[1], S("--"));
	struct str reason = { NULL, 0 }, device = reason, address = reason;
	struct str server = reason;
	const struct cli_option options[] = { { "--reason", &reason },
	    { "--device", &device }, { "--address", &address },
	    { "--server", &server } };
	struct json body = json_new_obj();

	if (!cli_options(c, named ? 2 : 1, options, LEN(options), e))
		return false;
	if (reason.n == 0)
		return fail(e, M_MISSING_PARAM,
		    "Say why, with --reason: it is kept with the act");
	if (named)
		put(c, &body, S("user"), c->arg[1]);
	put(c, &body, S("device"), device);
	put(c, &body, S("address"), address);
	put(c, &body, S("server"), server);
	put(c, &body, S("reason"), reason);
	return cli_call(c->a, c->data, "POST", path, &body, out, e);
}

static long long
number(const struct json *out, struct str key)
{
	int64_t n = 0;

	(void)json_get_int(out, key, &n);
	return (long long)n;
}

int
cli_contain(struct cli *c)
{
	struct json out;
	struct err e;
	bool already = false;

	if (!ask(c, S("/_beffroi/admin/v1/contain"), &out, &e))
		return cli_failed(&e);
	(void)json_get_bool(&out, S("already"), &already);
	printf("Contained%s: number %lld, shut in %lld.%lld ms.\n",
	    already ? " already" : "", number(&out, S("id")),
	    number(&out, S("shut_us")) / 1000,
	    number(&out, S("shut_us")) / 100 % 10);
	printf("%lld access tokens ended, %lld delayed events cancelled, "
	    "%lld invitations withdrawn", number(&out, S("tokens")),
	    number(&out, S("delayed_events")),
	    number(&out, S("invitations")));
	if (number(&out, S("invitations_kept")) > 0)
		printf(" (%lld of people on other servers stay)",
		    number(&out, S("invitations_kept")));
	printf(".\n");
	return 0;
}

int
cli_release(struct cli *c)
{
	struct json out;
	struct err e;

	if (!ask(c, S("/_beffroi/admin/v1/release"), &out, &e))
		return cli_failed(&e);
	printf("Released: number %lld. Sessions stay ended: the person signs "
	    "in anew.\n", number(&out, S("id")));
	return 0;
}

static void
print_part(const struct json *x, const char *before, struct str key)
{
	struct str s = json_str(x, key);

	if (s.n > 0)
		printf(" %s" STR_FMT, before, STR_ARG(s));
}

int
cli_containments(struct cli *c)
{
	const struct json *list;
	struct json out;
	struct err e;

	if (!cli_call(c->a, c->data, "GET",
	    S("/_beffroi/admin/v1/containments"), NULL, &out, &e))
		return cli_failed(&e);
	list = json_get_arr(&out, S("containments"));
	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		const struct json *x = &list->at[i];

		printf("%lld", number(x, S("id")));
		print_part(x, "", S("user"));
		print_part(x, "device ", S("device"));
		print_part(x, "from ", S("address"));
		print_part(x, "server ", S("server"));
		print_part(x, "by ", S("by"));
		print_part(x, "because: ", S("reason"));
		printf("\n");
	}
	return 0;
}
