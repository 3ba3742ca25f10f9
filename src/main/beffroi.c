/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operator's command line: verbs that ask the running daemon, or work on its files. */
#include "base/enc.h"
#include "main/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char usage[] =
    "beffroi VERB [ARGUMENTS] [--data DIR]\n"
    "\n"
    "  register NAME [--admin]   make an account; asks for the password\n"
    "  reset-password NAME       set another password, end all sessions\n"
    "  lock NAME, unlock NAME    the account can do nothing; everything is kept\n"
    "  contain NAME --reason TEXT [--device ID] [--address NETWORK]\n"
    "                            shut the account on every path at once, keep the evidence;\n"
    "                            with --device only that one, with --address only from there;\n"
    "                            without NAME: --address for everybody, or --server NAME\n"
    "  release NAME --reason TEXT [...]  undo just that\n"
    "  containments              list what is contained\n"
    "  report --account NAME [--device ID] [--address A] [--from TIME] [--to TIME]\n"
    "      [--format json|html|csv] [--lang en|fr] [--absent ROOM|EVENT|FILE] [--out FILE]\n"
    "                            what an account was shown, to notify a breach\n"
    "  report --check FILE       is a report this server's own, and unchanged?\n"
    "  deactivate NAME           end an account for good\n"
    "  users                     list accounts\n"
    "  token create|list         registration tokens\n"
    "  token delete TOKEN\n"
    "  backup DIR                a consistent copy of a running server\n"
    "  restore DIR               lay a backup into an empty --data folder\n"
    "  ledger verify             check the record of what was read\n"
    "  ledger show [--account ID] [--device ID] [--address A] [--room ID]\n"
    "              [--from TIME] [--to TIME]   what was read, as lines of JSON\n";

/* Reads a line without showing it when that is a terminal. */
static struct str
ask_password(struct cli *c)
{
	struct termios was, quiet;
	bool tty = tcgetattr(STDIN_FILENO, &was) == 0;
	char line[600];
	struct str s = { NULL, 0 };

	if (tty) {
		fputs("Password: ", stderr);
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	if (fgets(line, sizeof(line), stdin) != NULL)
		s = str_dup(c->a, str_trim(str_c(line)));
	if (tty) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputs("\n", stderr);
	}
	return s;
}

static struct str
user_path(struct cli *c, const char *what)
{
	return str_fmt(c->a, "/_beffroi/admin/v1/users/" STR_FMT "%s",
	    STR_ARG(pct_encode(c->a, c->arg[1])), what);
}

static int
say(struct cli *c, const char *method, struct str path,
    const struct json *body, const char *done)
{
	struct json out;
	struct err e;

	if (!cli_call(c->a, c->data, method, path, body, &out, &e))
		return cli_failed(&e);
	printf("%s\n", done);
	return 0;
}

static int
do_register(struct cli *c)
{
	struct json body = json_new_obj();

	json_set(c->a, &body, S("password"), json_of_str(ask_password(c)));
	json_set(c->a, &body, S("admin"), json_of_bool(c->admin));
	return say(c, "PUT", user_path(c, ""), &body, "The account is made.");
}

static int
do_password(struct cli *c)
{
	struct json body = json_new_obj();

	json_set(c->a, &body, S("password"), json_of_str(ask_password(c)));
	return say(c, "POST", user_path(c, "/password"), &body,
	    "The password is set; all sessions have ended.");
}

static int
do_lock(struct cli *c)
{
	struct json body = json_new_obj();
	bool on = str_eq(c->arg[0], S("lock"));

	json_set(c->a, &body, S("locked"), json_of_bool(on));
	return say(c, "POST", user_path(c, "/lock"), &body,
	    on ? "The account is locked." : "The account is unlocked.");
}

static int
do_deactivate(struct cli *c)
{
	struct json body = json_new_obj();

	return say(c, "POST", user_path(c, "/deactivate"), &body,
	    "The account has ended.");
}

static int
do_users(struct cli *c)
{
	const struct json *list;
	struct json out;
	struct err e;

	if (!cli_call(c->a, c->data, "GET", S("/_beffroi/admin/v1/users"),
	    NULL, &out, &e))
		return cli_failed(&e);
	list = json_get_arr(&out, S("users"));
	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		const struct json *u = &list->at[i];
		bool admin = false, locked = false, ended = false;

		(void)json_get_bool(u, S("admin"), &admin);
		(void)json_get_bool(u, S("locked"), &locked);
		(void)json_get_bool(u, S("deactivated"), &ended);
		printf(STR_FMT "%s%s%s\n", STR_ARG(json_str(u,
		    S("user_id"))), admin ? " admin" : "",
		    locked ? " locked" : "", ended ? " deactivated" : "");
	}
	return 0;
}

static int
do_token(struct cli *c)
{
	struct str verb = c->nargs > 1 ? c->arg[1] : S("list");
	struct str path = S("/_beffroi/admin/v1/registration_tokens");
	struct json body = json_new_obj(), out;
	const struct json *list;
	struct err e;

	if (str_eq(verb, S("delete")) && c->nargs > 2)
		return say(c, "DELETE", str_fmt(c->a, STR_FMT "/" STR_FMT,
		    STR_ARG(path), STR_ARG(pct_encode(c->a, c->arg[2]))),
		    &body, "The token is gone.");
	if (!cli_call(c->a, c->data, str_eq(verb, S("create")) ? "POST"
	    : "GET", path, str_eq(verb, S("create")) ? &body : NULL, &out,
	    &e))
		return cli_failed(&e);
	if (str_eq(verb, S("create"))) {
		printf(STR_FMT "\n", STR_ARG(json_str(&out, S("token"))));
		return 0;
	}
	list = json_get_arr(&out, S("registration_tokens"));
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		printf(STR_FMT "\n", STR_ARG(json_str(&list->at[i],
		    S("token"))));
	return 0;
}

static const struct {
	const char *verb;
	size_t args;			/* at least, the verb counted */
	int (*run)(struct cli *c);
} verbs[] = {
	{ "register", 2, do_register }, { "reset-password", 2, do_password },
	{ "lock", 2, do_lock }, { "unlock", 2, do_lock },
	{ "deactivate", 2, do_deactivate },
	{ "report", 2, cli_report }, { "contain", 1, cli_contain }, { "release", 1, cli_release },
	{ "containments", 1, cli_containments }, { "users", 1, do_users },
	{ "token", 1, do_token }, { "backup", 2, cli_backup },
	{ "restore", 2, cli_restore }, { "ledger", 2, cli_ledger },
};

bool
cli_options(struct cli *c, size_t from, const struct cli_option *at, size_t n,
    struct err *e)
{
	for (size_t i = from; i < c->nargs; i += 2) {
		size_t k = 0;

		while (k < n && !str_eq_c(c->arg[i], at[k].name))
			k++;
		if (k == n || i + 1 == c->nargs)
			return fail(e, M_INVALID_PARAM, k == n
			    ? STR_FMT " is no option here"
			    : STR_FMT " lacks its value",
			    STR_ARG(c->arg[i]));
		*at[k].to = c->arg[i + 1];
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct cli c = { .a = arena_new((size_t)512 << 20), .data = "./data" };
	int rc = 2;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
			c.data = argv[++i];
		else if (strcmp(argv[i], "--admin") == 0)
			c.admin = true;
		else if (c.nargs < LEN(c.arg))
			c.arg[c.nargs++] = str_c(argv[i]);
	}
	for (size_t i = 0; c.nargs > 0 && i < LEN(verbs); i++) {
		if (str_eq_c(c.arg[0], verbs[i].verb) &&
		    c.nargs >= verbs[i].args) {
			rc = verbs[i].run(&c);
			arena_free(c.a);
			return rc;
		}
	}
	fputs(usage, stderr);
	arena_free(c.a);
	return rc;
}
