/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See clients.h. An address is in the map while it has a connection. */
#include "net/clients.h"

#include "base/heap.h"

#include <assert.h>

struct client {
	struct addr addr;		/* the key */
	size_t n;
};

void
clients_init(struct clients *cs, size_t max, size_t max_each)
{
	assert(max > 0 && max_each > 0);
	cs->max = max;
	cs->max_each = max_each;
	cs->by_addr = (struct map){ 0 };
	atomic_init(&cs->n, 0);
	pthread_mutex_init(&cs->lock, NULL);
}

void
clients_done(struct clients *cs)
{
	assert(cs->n == 0);
	map_done(&cs->by_addr);
	pthread_mutex_destroy(&cs->lock);
}

static struct str
key_of(const struct addr *a)
{
	return str_n((const char *)a->b, sizeof(a->b));
}

static bool
enter_addr(struct clients *cs, const struct addr *peer)
{
	struct addr a = addr_client(peer);
	struct client *x = map_get(&cs->by_addr, key_of(&a));

	if (x == NULL) {
		x = must(calloc(1, sizeof(*x)));
		x->addr = a;
		map_put(&cs->by_addr, key_of(&x->addr), x);
	}
	if (x->n >= cs->max_each)
		return false;
	x->n++;
	return true;
}

static void
leave_addr(struct clients *cs, const struct addr *peer)
{
	struct addr a = addr_client(peer);
	struct client *x = map_get(&cs->by_addr, key_of(&a));

	assert(x != NULL && x->n > 0);
	if (--x->n > 0)
		return;
	map_del(&cs->by_addr, key_of(&a));
	free(x);
}

bool
clients_enter(struct clients *cs, const struct addr *peer, bool counted)
{
	bool ok;

	pthread_mutex_lock(&cs->lock);
	ok = cs->n < cs->max && (!counted || enter_addr(cs, peer));
	if (ok)
		cs->n++;
	pthread_mutex_unlock(&cs->lock);
	return ok;
}

void
clients_leave(struct clients *cs, const struct addr *peer, bool counted)
{
	pthread_mutex_lock(&cs->lock);
	assert(cs->n > 0);
	cs->n--;
	if (counted)
		leave_addr(cs, peer);
	pthread_mutex_unlock(&cs->lock);
}

size_t
clients_count(const struct clients *cs)
{
	return atomic_load(&cs->n);
}
