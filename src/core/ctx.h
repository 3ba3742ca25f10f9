/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What every function of core gets first: the memory, the database handle and
 * the actor of one request or job, and the one instant it happens at.
 */
#ifndef CORE_CTX_H
#define CORE_CTX_H

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "crypto/sign.h"
#include "store/db.h"

enum actor_kind { ACTOR_NONE, ACTOR_USER, ACTOR_APPSERVICE, ACTOR_SERVER, ACTOR_JOB };

struct actor {
	enum actor_kind kind;
	struct str user;		/* user id; of a server: its name */
	struct str device;		/* empty: none */
	int64_t session;		/* token family: one sign-in; 0: none */
	bool admin, guest;
	struct str address;		/* the client's, as text */
	struct str agent;		/* User-Agent, clipped */
};

struct ctx {
	struct arena *a;		/* dies with the request or job */
	struct db *db;
	struct actor who;
	int64_t now_ms;
	struct err err;
};

/* The process-wide facts; immutable after server_start. */
struct server {
	struct str name;		/* "example.org" */
	struct sign_key key;
	struct store *store;
	struct str data_dir;
};

const struct server *server_get(void);
/* Opens the store (store_open, stream_start, statetree_start), reads or makes the signing key, keeps it all for server_get. Refuses a data folder of another server name. */
bool server_start(const struct conf *conf, struct err *e) MUST_CHECK;
void server_stop(void);
bool server_is_local(struct str id);	/* of a user or alias: is the server part ours? */

#endif
