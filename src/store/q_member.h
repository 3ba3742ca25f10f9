/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table membership by user. Those by room are q_room's. */
#ifndef STORE_Q_MEMBER_H
#define STORE_Q_MEMBER_H

#include "room/visible.h"
#include "store/db.h"

struct user_membership {
	int64_t room;			/* nid */
	enum membership membership;
	int64_t event;			/* nid of the member event */
	int64_t seq, pos;		/* its place in the room, and the change's in the stream */
	bool forgotten;
};

/* Current memberships of a user; mask: bits 1 << MEMBER_JOIN and so on. Unordered. */
bool memberships_of_user(struct db *db, struct arena *a, struct str user, unsigned mask,
    struct user_membership **out, size_t *n, struct err *e) MUST_CHECK;
/* Nids of the rooms that both are joined to, in order. */
bool memberships_shared(struct db *db, struct arena *a, struct str user, struct str other, int64_t **out, size_t *n,
    struct err *e) MUST_CHECK;

#endif
