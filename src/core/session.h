/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sign-ins: tokens, devices, and the account behind a token. Tokens are random
 * text; the store and the cache know only their SHA-256.
 * spec: client-server, "Client Authentication", "Refreshing access tokens".
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/ctx.h"
#include "store/q_account.h"

/* Who a token belongs to. Strings live in the arena asked with. */
struct session {
	struct str user, device;
	int64_t family;
	int64_t expires_ms;		/* 0: never */
	bool admin, guest, locked, suspended, deactivated;
};
/*
 * From memory mostly. errors M_UNKNOWN_TOKEN 401, with soft_logout when it has
 * only expired.
 */
bool session_find(struct ctx *c, struct str token, struct session *out) MUST_CHECK;

struct login {
	struct str user;
	struct str device;		/* empty: a new one */
	struct str device_name;
	bool refresh;			/* the client wants a refresh token */
	struct str client, scope;	/* by OAuth 2.0: then it has one always; empty: not so */
};
struct tokens {
	struct str access, refresh;	/* refresh empty: none */
	struct str device;
	int64_t expires_in_ms;		/* 0: never */
};
/* A new sign-in; of a device that is there already it ends the earlier one. */
bool session_login(struct ctx *c, const struct login *l, struct tokens *out) MUST_CHECK;
/* Rotates. A token used twice, after its successor was used, ends the whole sign-in. errors M_UNKNOWN_TOKEN 401 */
bool session_refresh(struct ctx *c, struct str token, struct tokens *out) MUST_CHECK;
/* The same for a token given by OAuth 2.0, of the client that it was given to. */
bool session_refresh_oauth(struct ctx *c, struct str token, struct tokens *out) MUST_CHECK;

/* Ends the actor's sign-in, its device and keys with it. */
bool session_logout(struct ctx *c) MUST_CHECK;
/* Ends devices of a user; keep: one to spare, or empty. all: every one. */
bool session_end_devices(struct ctx *c, struct str user, const struct str *device, size_t n) MUST_CHECK;
bool session_end_all(struct ctx *c, struct str user, struct str keep_device) MUST_CHECK;
/* What memory knows of a user is asked anew: the account was locked, changed, ended. */
void session_forget_user(struct str user);
void session_cache_stop(void);
/* Notes when and from where a device was seen; written at most once a minute and device. */
void session_seen(struct ctx *c);

#endif
