/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Containment: one action that ends what an account, a device or an address can
 * do here, on every path at once, and keeps all that it left as evidence. What
 * is in force is asked through core/held.h. Every act is in the tables
 * containment and audit; the other servers are told from containment_outbox.
 * threads: all; not on a loop.
 */
#ifndef GUARD_CONTAIN_H
#define GUARD_CONTAIN_H

#include "core/held.h"
#include "net/http.h"

#define CONTAIN_REASON_MAX 1000		/* bytes */

/* Whose connections are cut. Before, containing does all the rest. */
void contain_start(struct http_server *s);
void contain_stop(void);		/* before http_stop */

struct contain_done {
	int64_t id;
	bool already;			/* it was contained so already; its sessions were ended again */
	int64_t tokens, delayed;	/* ended, cancelled */
	int64_t withdrawn, kept;	/* invitations; kept: of people elsewhere, in rooms where the account has no power */
	int64_t shut_us;		/* from the call until all paths were shut */
};
/*
 * Contains t, for the actor of c.
 *
 * t       a user of this server, with a device or a network or neither; or a
 *         network alone, for everybody; or another server alone
 * errors  M_INVALID_PARAM 400, M_NOT_FOUND 404, M_LIMIT_EXCEEDED 429 too many are in force
 */
bool contain(struct ctx *c, const struct contain_target *t, struct str reason, struct contain_done *out) MUST_CHECK;
/*
 * Ends the containment of exactly t: the account is as it was, its legal hold
 * is over. Tokens stay ended and invitations withdrawn. errors M_NOT_FOUND 404
 */
bool contain_release(struct ctx *c, const struct contain_target *t, struct str reason, int64_t *id) MUST_CHECK;

#endif
