/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How many connections there are, in all and of each address. threads: all. */
#ifndef NET_CLIENTS_H
#define NET_CLIENTS_H

#include "base/map.h"
#include "net/addr.h"

#include <pthread.h>
#include <stdatomic.h>

struct clients {
	pthread_mutex_t lock;
	struct map by_addr;		/* addr_client() -> struct client */
	atomic_size_t n;		/* changed under lock */
	size_t max, max_each;
};

void clients_init(struct clients *cs, size_t max, size_t max_each);
void clients_done(struct clients *cs);
/* One more connection; counted: of its address too. False: there are too many. */
bool clients_enter(struct clients *cs, const struct addr *peer, bool counted) MUST_CHECK;
/* What clients_enter let in is gone. */
void clients_leave(struct clients *cs, const struct addr *peer, bool counted);
size_t clients_count(const struct clients *cs);

#endif
