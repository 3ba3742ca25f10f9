/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Spaces: the tree of rooms under one. spec: client-server, "Spaces". */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/alias.h"

#define SPACE_DEPTH_MAX 50		/* steps down from the first room */
#define SPACE_ROOMS_MAX 5000		/* rooms of one tree; what is beyond is not shown */

/* A page goes on after a room of the page before; by number, should that room have left the tree. */
struct space_ask {
	int64_t max_depth;
	bool suggested_only;
	size_t limit;
	int64_t after_nid;		/* 0: from the start */
	size_t after_count;
};

struct space_room {
	struct room *room;
	struct room_chunk chunk;
	const struct sev **child;	/* its m.space.child events, in their order */
	size_t nchild;
};

struct space_page {
	struct space_room *at;
	size_t n;
	size_t count;			/* rooms shown up to the end of this page */
	bool more;
};

/*
 * A page of the rooms below root, root first, depth first, each once, as far
 * as the actor may know of them.
 * errors  M_FORBIDDEN 403 not even root
 */
bool space_hierarchy(struct ctx *c, struct room *root, const struct space_ask *ask, struct space_page *out) MUST_CHECK;

#endif
