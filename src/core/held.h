/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is contained now, in memory: asked by every request with a token, every
 * sign-in and every reply on its way; costs one read of a number while nothing
 * is. guard/contain.h is what contains. Whoever lets somebody act by another
 * proof than a token of session.c (an appservice in a user's name, a push, a
 * server of the federation) asks here too. threads: all, under lock.
 */
#ifndef CORE_HELD_H
#define CORE_HELD_H

#include "core/ctx.h"
#include "store/q_contain.h"

#define HELD_MAX 10000			/* in force at once */

/* Reads what is in force, in place of what was known. */
bool held_load(struct ctx *c) MUST_CHECK;
/* The same at start, before there are requests. */
bool held_start(struct err *e) MUST_CHECK;
void held_stop(void);

/*
 * May the user, by the device, from the address? Any may be empty.
 * errors  M_USER_LOCKED 401 with soft_logout: the account is contained;
 *         M_UNKNOWN_TOKEN 401 with soft_logout: the device is;
 *         M_FORBIDDEN 403: the address is, for all or for this user
 */
bool held_check(struct str user, struct str device, struct str address, struct err *e) MUST_CHECK;
/* Is the whole account contained? */
bool held_account(struct str user);
/* Is the other server? */
bool held_server(struct str name);

/* Who a reply is for, small enough to go with each. Hashes: of this process only. */
struct held_mark {
	uint64_t user, device;
	uint8_t address[16];
};
struct held_mark held_mark(struct str user, struct str device, struct str address);
/* May it be sent? Quick: also for threads that must not wait. */
bool held_may_send(const struct held_mark *m);

#endif
