/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The daemon: options, start order, signals, stop order. */
#include "api/route.h"
#include "base/conf.h"
#include "base/log.h"
#include "core/ctx.h"
#include "core/delayed.h"
#include "core/held.h"
#include "core/housekeeping.h"
#include "core/ignore_cache.h"
#include "core/otk_cache.h"
#include "core/jobs.h"
#include "core/oidc_cache.h"
#include "core/outbound.h"
#include "core/push.h"
#include "core/session.h"
#include "core/room.h"
#include "guard/contain.h"
#include "guard/ledger.h"
#include "guard/pushed.h"
#include "net/client.h"
#include "store/q_contain.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS_MAX 128

struct args {
	struct arena *arena;
	const char *config;
	char *option[ARGS_MAX];		/* "section.key=value" */
	size_t n;
	bool check;
};

static const char usage[] =
    "beffroid: a Matrix homeserver\n"
    "\n"
    "  --config FILE          a YAML file; --print-defaults shows one\n"
    "  --data DIR             folder for everything it keeps (./data)\n"
    "  --server-name NAME     what stands after the colon in user ids (localhost)\n"
    "  --listen ADDR:PORT     where clients connect (127.0.0.1:8008)\n"
    "  --open-registration    anybody can make an account\n"
    "  --no-limits            no rate limits\n"
    "  --SECTION.KEY=VALUE    any option of the configuration\n"
    "  --check                check the configuration and stop\n"
    "  --print-defaults       print all options, their defaults and meaning\n"
    "  --version, --help\n";

static void
give_up(const char *what, const struct err *e)
{
	fprintf(stderr, "beffroid: %s%s%s\n", what, e != NULL ? ": " : "",
	    e != NULL ? e->text : "");
	exit(2);
}

static void
add_option(struct args *a, const char *name, const char *value)
{
	if (a->n == ARGS_MAX)
		give_up("too many options", NULL);
	a->option[a->n++] = str_cz(a->arena, str_fmt(a->arena, "%s=%s", name,
	    value));
}

/* Options that take the next word, and what they stand for. */
static const struct {
	const char *flag, *name;
} takers[] = {
	{ "--data", "data.dir" }, { "--server-name", "server.name" },
	{ "--listen", "server.listen" },
};

static bool
take_word(struct args *a, int argc, char **argv, int *i)
{
	for (size_t k = 0; k < LEN(takers); k++) {
		if (strcmp(argv[*i], takers[k].flag) != 0)
			continue;
		if (*i + 1 >= argc)
			give_up("an option lacks its value", NULL);
		add_option(a, takers[k].name, argv[++*i]);
		return true;
	}
	if (strcmp(argv[*i], "--config") == 0 && *i + 1 < argc) {
		a->config = argv[++*i];
		return true;
	}
	return false;
}

static void
print_and_exit(const char *arg)
{
	struct buf b;

	if (strcmp(arg, "--version") == 0)
		printf("beffroid %s\n", BEFFROI_VERSION);
	else if (strcmp(arg, "--help") == 0)
		fputs(usage, stdout);
	else {
		buf_init(&b, NULL, 1 << 20);
		conf_print_defaults(&b);
		fwrite(b.p, 1, b.n, stdout);
		buf_free(&b);
	}
	exit(0);
}

static void
read_args(struct args *a, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--version") == 0 || strcmp(s, "--help") == 0 ||
		    strcmp(s, "--print-defaults") == 0)
			print_and_exit(s);
		else if (strcmp(s, "--check") == 0)
			a->check = true;
		else if (strcmp(s, "--open-registration") == 0)
			add_option(a, "registration.open", "true");
		else if (strcmp(s, "--no-limits") == 0)
			add_option(a, "limits.enabled", "false");
		else if (strncmp(s, "--", 2) == 0 && strchr(s, '=') != NULL &&
		    strchr(s, '.') != NULL && a->n < ARGS_MAX)
			a->option[a->n++] = argv[i] + 2;
		else if (!take_word(a, argc, argv, &i)) {
			fprintf(stderr, "beffroid: %s is no option\n\n%s", s,
			    usage);
			exit(2);
		}
	}
}

static void
set_up_log(void)
{
	static const char *const names[] = { "error", "warn", "info",
	    "debug" };
	enum log_level level = LOG_INFO;

	for (size_t i = 0; i < LEN(names); i++)
		if (str_eq_c(conf_get()->log_level, names[i]))
			level = (enum log_level)i;
	log_setup(level, str_eq(conf_get()->log_format, S("json")));
}

/* The administrators' socket first, then what clients use, then metrics. */
static size_t
listeners(struct arena *a, struct http_listen *l)
{
	const struct conf *c = conf_get();
	size_t n = 0;

	l[n++].address = str_fmt(a, "unix:" STR_FMT "/admin.sock",
	    STR_ARG(c->data_dir));
	for (size_t i = 0; i < c->server_listen.n; i++) {
		struct str s = c->server_listen.at[i];

		l[n].tls = str_ends(s, S(" tls"));
		l[n].address = l[n].tls ? str_sub(s, 0, s.n - 4) : s;
		n++;
	}
	if (c->metrics_listen.n > 0)
		l[n++].address = c->metrics_listen;
	return n;
}

static struct http_server *
start_http(struct arena *a, struct err *e)
{
	const struct conf *c = conf_get();
	struct http_listen l[20] = { { .tls = false } };
	struct str spool = str_cat(a, c->data_dir, S("/spool"));
	struct http_conf conf = {
		.listen = l, .nlisten = listeners(a, l),
		.nloops = (int)c->workers_loops,
		.spool_dir = str_cz(a, spool),
		.trusted_proxies = c->server_trusted_proxies.at,
		.ntrusted = c->server_trusted_proxies.n,
		.head_max = (size_t)c->limits_head, .headers_max = 100,
		.head_ms = c->limits_head_time, .body_ms = c->limits_body_time,
		.idle_ms = c->limits_idle_time,
		.write_ms = c->limits_write_time,
		.stop_ms = c->limits_stop_time, .upload_min_rate = 1024,
		.connections_max = (size_t)c->limits_connections,
		.connections_per_address =
		    (size_t)c->limits_connections_per_address,
		.body_memory_max = (size_t)c->limits_memory / 4,
		.server_header = "beffroi",
	};
	struct http_listen *kept = arena_array(a, struct http_listen,
	    conf.nlisten);
	struct http_app app = api_app();

	memcpy(kept, l, conf.nlisten * sizeof(*kept));
	conf.listen = kept;
	mkdir(conf.spool_dir, 0700);
	if (c->server_tls_cert.n > 0) {
		conf.tls_cert = str_cz(a, c->server_tls_cert);
		conf.tls_key = str_cz(a, c->server_tls_key);
	}
	return http_start(&conf, &app, e);
}

static void
print_hint(const struct http_server *s)
{
	const struct conf *c = conf_get();

	for (size_t i = 0; i < c->server_listen.n; i++)
		log_info("main", "listening",
		    LS("address", c->server_listen.at[i]),
		    LI("port", http_port(s, i + LISTENER_CLIENTS)));
	fprintf(stderr, "\n  beffroid serves " STR_FMT " on http://" STR_FMT
	    "\n  Make the first account:  beffroi register NAME --admin "
	    "--data " STR_FMT "\n\n", STR_ARG(c->server_name),
	    STR_ARG(c->server_listen.at[0]), STR_ARG(c->data_dir));
}

static const struct passwd *
find_user(void)
{
	char name[65];

	snprintf(name, sizeof(name), STR_FMT,
	    STR_ARG(conf_get()->server_user));
	return getpwnam(name);
}

/* What no option can say of itself. */
static void
check_options(void)
{
	const struct conf *c = conf_get();

	if (c->cache_rooms > c->limits_memory / 2)
		give_up("cache.rooms must be at most half of limits.memory",
		    NULL);
	if (c->server_user.n > 0 && find_user() == NULL) {
		fprintf(stderr, "beffroid: server.user: there is no user "
		    STR_FMT "\n", STR_ARG(c->server_user));
		exit(2);
	}
}

/* Before anything is opened, so that nothing of root's is left. */
static void
become_user(void)
{
	const struct passwd *pw;

	if (conf_get()->server_user.n == 0 || geteuid() != 0)
		return;
	pw = find_user();
	if (pw == NULL || setgroups(0, NULL) != 0 ||
	    setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0 ||
	    setuid(0) == 0)
		give_up("cannot become server.user", NULL);
}

static bool
start_client(struct arena *a, struct err *e)
{
	const struct conf *c = conf_get();
	struct client_conf conf = {
		.allow = c->client_allow_addresses.at,
		.nallow = c->client_allow_addresses.n,
		.ca_file = c->client_ca_file.n > 0 ? str_cz(a,
		    c->client_ca_file) : NULL,
		.connections = (int)c->client_connections,
		.per_host = (int)c->client_connections_per_host,
		.connect_ms = c->client_connect_time,
	};

	return client_open(&conf, e);
}

static void
wait_for_signal(struct http_server *s, sigset_t *set)
{
	struct err e;
	int sig;

	for (;;) {
		if (sigwait(set, &sig) != 0)
			continue;
		if (sig == SIGTERM || sig == SIGINT)
			return;
		err_clear(&e);
		if (sig == SIGHUP && conf_get()->server_tls_cert.n > 0) {
			struct arena *a = arena_new(1 << 16);

			if (!http_reload_tls(s, str_cz(a,
			    conf_get()->server_tls_cert), str_cz(a,
			    conf_get()->server_tls_key), &e))
				log_err(LOG_ERROR, "main",
				    "the certificate was not reloaded", &e);
			arena_free(a);
		}
	}
}

/* For the ledger, once at the start: the last event there is in a room. */
static bool
room_last(void *arg, struct str room_id, int64_t *seq)
{
	struct ctx c = { .a = arena_new((size_t)64 << 20) };
	struct room *r;
	bool ok;

	(void)arg;
	c.db = db_attach(server_get()->store, &c.err);
	ok = c.db != NULL && room_open(&c, room_id, &r);
	if (ok)
		*seq = room_head(r).last_seq;
	if (c.db != NULL)
		db_detach(c.db);
	arena_free(c.a);
	return ok;
}

/* For the ledger's retention. What can't be asked is held. */
static bool
is_held(void *arg, struct str user)
{
	struct err e = { .code = M_OK };
	struct db *db = db_attach(server_get()->store, &e);
	bool held = true;

	(void)arg;
	if (db == NULL || !hold_user(db, user, &held, &e))
		held = true;
	if (db != NULL)
		db_detach(db);
	return held;
}

int
main(int argc, char **argv)
{
	struct arena *a = arena_new(1 << 20);
	struct args args = { .arena = a };
	struct ledger_conf ledger;
	struct http_server *http;
	struct err e = { .code = M_OK };
	sigset_t set;

	read_args(&args, argc, argv);
	if (!conf_load(args.config, args.option, args.n, &e))
		give_up("configuration", &e);
	check_options();
	if (args.check) {
		puts("The configuration is good.");
		arena_free(a);
		return 0;
	}
	umask(077);
	become_user();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	set_up_log();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A file that may not grow is a failed write, a reader gone one too: neither ends us. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (!server_start(conf_get(), &e))
		give_up("cannot start", &e);
	ledger = (struct ledger_conf){ .sync = conf_get()->ledger_sync,
	    .dir = str_cat(a, conf_get()->data_dir, S("/ledger")),
	    .origin = str_cat(a, server_get()->name, S("/ledger")),
	    .unsafe_off = conf_get()->ledger_unsafe_off,
	    .retention_ms = conf_get()->ledger_retention,
	    .room_last = room_last, .is_held = is_held };
	if (!held_start(&e) || !ledger_start(&ledger, &e) ||
	    !start_client(a, &e) || !api_start(&e))
		give_up("cannot start", &e);
	jobs_start((int)conf_get()->workers_jobs);
	delayed_start();
	if (!push_start(pushed_note, &e) ||
	    !outbound_start(pushed_to_server, &e))
		give_up("cannot start", &e);
	housekeeping_start();
	http = start_http(a, &e);
	if (http == NULL)
		give_up("cannot start", &e);
	contain_start(http);
	print_hint(http);
	wait_for_signal(http, &set);
	log_info("main", "stopping");
	contain_stop();
	http_stop(http);
	client_close();		/* whoever waits for another server waits no more */
	api_stop();
	jobs_stop();
	push_stop();
	outbound_stop();
	housekeeping_stop();
	ledger_stop();
	session_cache_stop();
	held_stop();
	oidc_cache_stop();
	ignore_cache_stop();
	otk_cache_stop();
	server_stop();
	arena_free(a);
	log_info("main", "stopped");
	return 0;
}
