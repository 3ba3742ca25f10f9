/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Accounts: making, passwords, profiles, locking, ending. */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include "core/ctx.h"
#include "base/secret.h"
#include "store/q_account.h"

/* "@localpart:ours" from a localpart, or from such a whole id. errors M_INVALID_USERNAME 400 */
bool account_id(struct ctx *c, struct str name, struct str *user) MUST_CHECK;
/* errors M_USER_IN_USE 400 */
bool account_available(struct ctx *c, struct str user) MUST_CHECK;

/* Who may make an account for themselves: nobody, who has a registration token, anybody. */
enum account_policy { REGISTRATION_CLOSED, REGISTRATION_BY_TOKEN, REGISTRATION_OPEN };
enum account_policy account_registration(void);

struct account_new {
	struct str user;
	struct secret password;		/* empty: none */
	struct str kind;		/* "user" or "guest" */
	bool admin;
	struct str display_name;	/* empty: the localpart */
	struct str reg_token;		/* used up with it; empty: none */
};
/* errors M_USER_IN_USE 400, M_FORBIDDEN 403 the token can't be used, M_WEAK_PASSWORD 400 */
bool account_create(struct ctx *c, const struct account_new *n) MUST_CHECK;

/* The account, if the password fits; takes the same time when there is none. errors M_FORBIDDEN 403, M_USER_DEACTIVATED 403, M_USER_LOCKED 401 */
bool account_login(struct ctx *c, struct str user, struct secret password, struct account *out) MUST_CHECK;
bool account_password_ok(struct ctx *c, struct str user, struct secret password, bool *ok) MUST_CHECK;
bool account_change_password(struct ctx *c, struct str user, struct secret password) MUST_CHECK;
/* Ends the account for good: devices, password, profile; leaves every room. */
bool account_deactivate(struct ctx *c, struct str user, bool erase) MUST_CHECK;
bool account_get(struct ctx *c, struct str user, struct account *out) MUST_CHECK;	/* M_NOT_FOUND */
/* Changes flags; every wait of the account ends at once, and what is asked next sees them. */
bool account_set(struct ctx *c, struct str user, const struct account_flags *f) MUST_CHECK;

/* A profile field; value JSON text, empty removes. Rooms are told when name or picture change. */
bool profile_change(struct ctx *c, struct str user, struct str field, struct str value) MUST_CHECK;

/* People found by a term: those the actor shares a room with or who are in public rooms, or all by option. */
struct user_found {
	struct str user, display_name, avatar_url;
};
bool user_search(struct ctx *c, struct str term, size_t limit, struct user_found **out, size_t *n, bool *limited) MUST_CHECK;

#endif
