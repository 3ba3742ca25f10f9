/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See held.h. The rules in force lie in an arena of their own that is swapped
 * as a whole: readers hold the lock shared for a walk over a short list.
 * threads: all, under lock.
 */
#include "core/held.h"

#include "base/clock.h"
#include "base/map.h"
#include "net/addr.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define RULES_BYTES ((size_t)32 << 20)

struct rule {
	struct contain_target t;
	struct addr_net net;		/* of t.address */
	uint64_t user, device;		/* as in marks */
};

static struct {
	pthread_rwlock_t lock;
	struct arena *a;
	struct rule *rule;
	size_t n;
	atomic_size_t any;		/* n, to be read without the lock */
} held = { .lock = PTHREAD_RWLOCK_INITIALIZER };

static uint64_t
mark_of(struct str s)
{
	return s.n == 0 ? 0 : hash_bytes(s.p, s.n);
}

static void
swap(struct arena *a, struct rule *rule, size_t n)
{
	struct arena *old;

	pthread_rwlock_wrlock(&held.lock);
	old = held.a;
	held.a = a;
	held.rule = rule;
	held.n = n;
	atomic_store(&held.any, n);
	pthread_rwlock_unlock(&held.lock);
	if (old != NULL)
		arena_free(old);
}

bool
held_load(struct ctx *c)
{
	struct arena *a = arena_new_sized(RULES_BYTES, 4096);
	struct contain_row *row;
	struct rule *rule;
	size_t n;

	if (!contain_list(c->db, a, true, HELD_MAX, &row, &n, &c->err)) {
		arena_free(a);
		return false;
	}
	rule = arena_array(a, struct rule, n);
	for (size_t i = 0; i < n; i++) {
		rule[i] = (struct rule){ .t = row[i].t,
		    .user = mark_of(row[i].t.user),
		    .device = mark_of(row[i].t.device) };
		if (row[i].t.address.n > 0 &&
		    !addr_net_parse(row[i].t.address, &rule[i].net)) {
			fail(&c->err, M_UNKNOWN, "Containment %lld names no "
			    "address", (long long)row[i].id);
			arena_free(a);
			return false;
		}
	}
	swap(a, rule, n);
	return true;
}

bool
held_start(struct err *e)
{
	struct ctx c = { .a = arena_new(RULES_BYTES),
	    .now_ms = clock_now_ms() };
	bool ok = false;

	c.db = db_attach(server_get()->store, e);
	if (c.db != NULL) {
		ok = held_load(&c);
		if (!ok)
			*e = c.err;
		db_detach(c.db);
	}
	arena_free(c.a);
	return ok;
}

void
held_stop(void)
{
	swap(NULL, NULL, 0);
}

static bool
refuse(const struct rule *r, struct err *e)
{
	if (r->t.address.n > 0)
		return fail(e, M_FORBIDDEN,
		    "Requests from this address are not served");
	if (r->t.device.n > 0)
		fail(e, M_UNKNOWN_TOKEN, "This session has been ended");
	else
		fail(e, M_USER_LOCKED, "This account is locked");
	e->soft_logout = true;
	return false;
}

/* The first rule that fits; under the lock. */
static const struct rule *
find(struct str user, struct str device, const struct addr *from)
{
	for (size_t i = 0; i < held.n; i++) {
		const struct rule *r = &held.rule[i];

		if (r->t.server.n > 0 ||
		    (r->t.user.n > 0 && !str_eq(r->t.user, user)) ||
		    (r->t.device.n > 0 && !str_eq(r->t.device, device)) ||
		    (r->t.address.n > 0 && (from == NULL ||
		    !addr_in(from, &r->net))))
			continue;
		return r;
	}
	return NULL;
}

bool
held_check(struct str user, struct str device, struct str address,
    struct err *e)
{
	const struct rule *r;
	struct addr from;
	bool known, ok;

	if (atomic_load(&held.any) == 0)
		return true;
	known = addr_parse(address, &from);
	pthread_rwlock_rdlock(&held.lock);
	r = find(user, device, known ? &from : NULL);
	ok = r == NULL || refuse(r, e);
	pthread_rwlock_unlock(&held.lock);
	return ok;
}

bool
held_account(struct str user)
{
	struct str none = { NULL, 0 };
	bool is = false;

	if (atomic_load(&held.any) == 0)
		return false;
	pthread_rwlock_rdlock(&held.lock);
	is = find(user, none, NULL) != NULL;
	pthread_rwlock_unlock(&held.lock);
	return is;
}

bool
held_server(struct str name)
{
	bool is = false;

	if (atomic_load(&held.any) == 0)
		return false;
	pthread_rwlock_rdlock(&held.lock);
	for (size_t i = 0; i < held.n && !is; i++)
		is = held.rule[i].t.server.n > 0 &&
		    str_eq(held.rule[i].t.server, name);
	pthread_rwlock_unlock(&held.lock);
	return is;
}

struct held_mark
held_mark(struct str user, struct str device, struct str address)
{
	struct held_mark m = { mark_of(user), mark_of(device), { 0 } };
	struct addr from;

	if (addr_parse(address, &from))
		memcpy(m.address, from.b, sizeof(m.address));
	return m;
}

bool
held_may_send(const struct held_mark *m)
{
	struct addr from;
	bool may = true;

	if (atomic_load(&held.any) == 0)
		return true;
	memcpy(from.b, m->address, sizeof(from.b));
	pthread_rwlock_rdlock(&held.lock);
	for (size_t i = 0; i < held.n && may; i++) {
		const struct rule *r = &held.rule[i];

		may = r->t.server.n > 0 ||
		    (r->user != 0 && r->user != m->user) ||
		    (r->device != 0 && r->device != m->device) ||
		    (r->t.address.n > 0 && !addr_in(&from, &r->net));
	}
	pthread_rwlock_unlock(&held.lock);
	return may;
}
