/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One request of sliding sync under way: sliding.c and sliding_ext.c share it. */
#ifndef API_CLIENT_SLIDING_RUN_H
#define API_CLIENT_SLIDING_RUN_H

#include "api/req.h"
#include "core/e2ee.h"
#include "core/sliding.h"
#include "core/userdata.h"

struct sliding_run {
	struct req *rq;
	struct ctx *c;
	struct jsonw *w;
	struct sliding_ask ask;
	struct sliding_conn conn;
	int64_t since, now;
	struct sliding_rooms rooms;
	struct sliding_delta *delta;	/* of each room that is wanted */
	int64_t *from;			/* up to where the client has each room; 0: not at all */
	bool **member;			/* [list][room]: in a window of it */
	int64_t *count;			/* of each list */
	struct unread_ask unread;
	bool found;			/* something is new */
};

static inline bool
sliding_wanted(const struct sliding_run *s, size_t i)
{
	return s->rooms.at[i].in_window || s->rooms.at[i].subscribed;
}

/* What the extensions bring, gathered before anything is written. */
struct sliding_extras {
	struct todevice_msg *msg;
	size_t nmsg;
	int64_t msg_next;
	struct str *changed, *left;	/* device lists */
	size_t nchanged, nleft;
	struct accdata *data;
	size_t ndata;
	struct receipt **receipt;	/* of each room */
	size_t *nreceipts;
	struct str **typing;		/* of each room; is_typing: changed */
	size_t *ntyping;
	bool *is_typing;
	const struct sev ***sticky;	/* of each room; NULL: none is asked for */
	size_t *nsticky;
};
/* Sets s->found when one of them has something new. */
bool sliding_ext_load(struct sliding_run *s, struct sliding_extras *x) MUST_CHECK;
void sliding_ext_write(struct sliding_run *s, const struct sliding_extras *x);

#endif
