/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Queries on tables containment, legal_hold, held_event, audit and
 * containment_outbox, and what ends the sessions of a user in the tables of others.
 */
#ifndef STORE_Q_CONTAIN_H
#define STORE_Q_CONTAIN_H

#include "store/db.h"

/* Parts that are empty do not matter: a user, a user's device, a user from a network, a network, a server. */
struct contain_target {
	struct str user, device, address, server;
};

struct contain_row {
	int64_t id;
	struct contain_target t;
	struct str actor, reason;
	int64_t at_ms;
	bool was_locked;
	int64_t released_ms;		/* 0: in force */
	struct str released_by, released_reason;
};
bool contain_insert(struct db *db, const struct contain_row *x, struct err *e) MUST_CHECK;
/* The one in force for exactly this target. */
bool contain_find(struct db *db, struct arena *a, const struct contain_target *t, struct contain_row *out, bool *found, struct err *e) MUST_CHECK;
bool contain_end(struct db *db, const struct contain_row *x, struct err *e) MUST_CHECK;
/* In force only, or the newest of all; at most max, the newest first. */
bool contain_list(struct db *db, struct arena *a, bool in_force, size_t max, struct contain_row **out, size_t *n, struct err *e) MUST_CHECK;
bool contain_count(struct db *db, int64_t *n, struct err *e) MUST_CHECK;
/* Is the account contained as a whole? */
bool contain_whole(struct db *db, struct str user, bool *is, struct err *e) MUST_CHECK;
/* May the device of the user not sign in? */
bool contain_device(struct db *db, struct str user, struct str device, bool *is, struct err *e) MUST_CHECK;

bool hold_insert(struct db *db, struct str user, int64_t containment, int64_t now_ms, struct err *e) MUST_CHECK;
bool hold_delete(struct db *db, int64_t containment, struct err *e) MUST_CHECK;
/* Is what the user left behind evidence? Whatever deletes for good asks first. */
bool hold_user(struct db *db, struct str user, bool *held, struct err *e) MUST_CHECK;
/* Keeps the event as it is, if its sender is under legal hold; once. */
bool hold_event(struct db *db, int64_t event, int64_t now_ms, struct err *e) MUST_CHECK;

struct audit_row {
	int64_t id, at_ms;
	struct str actor, address, action, target, reason;
};
bool audit_insert(struct db *db, const struct audit_row *x, struct err *e) MUST_CHECK;
bool outbox_insert(struct db *db, int64_t id, int64_t containment, bool released, int64_t now_ms, struct err *e) MUST_CHECK;

/*
 * Ends what a user is signed in by: access tokens are over from now on (the
 * rows stay), refresh tokens, login tokens, codes and consents go, and what
 * was to be sent later is cancelled. device: only that one's; empty: all, and
 * browsers too. *tokens, *delayed: how many.
 */
bool revoke_sessions(struct db *db, struct str user, struct str device, int64_t now_ms, int64_t *tokens, int64_t *delayed,
    struct err *e) MUST_CHECK;

/* Invitations that wait, by one user. */
struct invitation {
	int64_t room;
	struct str user;		/* who is invited */
};
bool invitations_by(struct db *db, struct arena *a, struct str sender, size_t max, struct invitation **out, size_t *n, struct err *e) MUST_CHECK;

#endif
