/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The state tree. A node has 32 slots, chosen by 5 bits of a place's hash a
 * level; a slot is free, a leaf (hash, event), or a node one level down. A
 * node's name is the first 16 bytes of its body's SHA-256, and the form is
 * unique: no node but the root has fewer than two leaves below it. So equal
 * states have equal roots, whatever way led there.
 *
 * body: 4 bytes, a bit for each used slot; 4 bytes, a bit for each that is a
 *       node; then, in order, nodes as their name (16 bytes), leaves as hash
 *       (16) and event (7 bits a byte, the lowest first, the last below 128).
 *       Both maps begin with their lowest byte.
 */
#include "store/statetree.h"

#include "base/clock.h"
#include "base/enc.h"
#include "crypto/digest.h"
#include "store/node_cache.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define SLOTS 32
#define BITS 5
#define HASH_BYTES 16
#define LEVELS_MAX 25			/* of 128 bits of hash */
#define EDIT_BYTES ((size_t)256 << 20)

_Static_assert(NODE_ID_BYTES == HASH_BYTES, "a slot holds either");
_Static_assert(crypto_shorthash_siphashx24_BYTES == HASH_BYTES, "128 bits");

enum slot_kind { SLOT_FREE, SLOT_LEAF, SLOT_NODE };

struct slot {
	enum slot_kind kind;
	uint8_t hash[HASH_BYTES];	/* of a leaf's place, or a node's name */
	int64_t event;			/* a leaf's */
};

struct node {
	struct slot slot[SLOTS];
};

/* A body being read. */
struct body {
	uint8_t at[NODE_BODY_MAX];
	size_t n, pos;
	uint32_t used, nodes;
};

/* The hash's key: set by statetree_start, before other threads. */
static uint8_t secret[crypto_shorthash_siphashx24_KEYBYTES];

static const struct query secret_get = {
	.name = "statetree.secret_get",
	.sql = "SELECT val FROM meta WHERE key = 'statetree_secret'",
};

static const struct query secret_add = {
	.name = "statetree.secret_add",
	.sql = "INSERT INTO meta (key, val) VALUES ('statetree_secret', $1)"
	    " ON CONFLICT (key) DO NOTHING",
};

static const struct query node_get = {
	.name = "statetree.node_get",
	.sql = "SELECT body FROM state_node WHERE id = $1",
};

static const struct query node_add = {
	.name = "statetree.node_add",
	.sql = "INSERT INTO state_node (id, body) VALUES ($1, $2)"
	    " ON CONFLICT (id) DO NOTHING",
};

QUERIES(statetree, &secret_get, &secret_add, &node_get, &node_add)

/* Bodies */

static uint8_t *
put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static uint32_t
get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static size_t
body_write(const struct node *node, uint8_t at[NODE_BODY_MAX])
{
	uint32_t used = 0, nodes = 0;
	uint8_t *p = at + 8;

	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *s = &node->slot[i];
		uint64_t event = (uint64_t)s->event;

		if (s->kind == SLOT_FREE)
			continue;
		used |= UINT32_C(1) << i;
		memcpy(p, s->hash, HASH_BYTES);
		p += HASH_BYTES;
		if (s->kind == SLOT_NODE) {
			nodes |= UINT32_C(1) << i;
			continue;
		}
		for (; event > 127; event >>= 7)
			*p++ = (uint8_t)(event | 128);
		*p++ = (uint8_t)event;
	}
	put_u32(put_u32(at, used), nodes);
	return (size_t)(p - at);
}

static bool
damaged(struct err *e)
{
	return fail(e, M_UNKNOWN, "A node of a room's state is damaged");
}

static bool
body_begin(struct body *b, struct err *e)
{
	if (b->n < 8)
		return damaged(e);
	b->used = get_u32(b->at);
	b->nodes = get_u32(b->at + 4);
	b->pos = 8;
	return (b->nodes & ~b->used) == 0 || damaged(e);
}

/* Reads slot i; the slots are read in order. */
static bool
body_slot(struct body *b, unsigned i, struct slot *s, struct err *e)
{
	uint64_t event = 0;
	unsigned shift = 0;

	s->kind = SLOT_FREE;
	s->event = 0;
	if ((b->used >> i & 1) == 0)
		return true;
	if (b->n - b->pos < HASH_BYTES)
		return damaged(e);
	memcpy(s->hash, b->at + b->pos, HASH_BYTES);
	b->pos += HASH_BYTES;
	s->kind = b->nodes >> i & 1 ? SLOT_NODE : SLOT_LEAF;
	if (s->kind == SLOT_NODE)
		return true;
	do {
		if (b->pos == b->n || shift > 63)
			return damaged(e);
		event |= (uint64_t)(b->at[b->pos] & 127) << shift;
		shift += 7;
	} while (b->at[b->pos++] & 128);
	s->event = (int64_t)event;
	return true;
}

/* Nodes */

static struct str
id_bytes(const struct node_id *id)
{
	return str_n((const char *)id->b, sizeof(id->b));
}

static struct node_id
id_of(const uint8_t hash[HASH_BYTES])
{
	struct node_id id;

	memcpy(id.b, hash, sizeof(id.b));
	return id;
}

static bool
is_empty(const struct state_root *root)
{
	static const struct state_root zero;

	return state_root_eq(root, &zero);
}

static void
take_body(struct rows *r, void *arg)
{
	struct body *b = arg;
	struct str s = db_peek(r, 0);

	b->n = s.n <= sizeof(b->at) ? s.n : 0;
	if (b->n > 0)
		memcpy(b->at, s.p, b->n);
}

static bool
body_load(struct db *db, const struct node_id *id, struct body *b,
    struct err *e)
{
	bool found;

	b->n = node_cache_get(id, b->at);
	if (b->n > 0)
		return body_begin(b, e);
	if (!db_one(db, &node_get, V(v_bytes(id_bytes(id))), take_body, b,
	    &found, e))
		return false;
	if (!found)
		return fail(e, M_UNKNOWN, "A node of a room's state is lost");
	if (!body_begin(b, e))
		return false;
	node_cache_put(db, id, str_n((const char *)b->at, b->n));
	return true;
}

static bool
node_load(struct db *db, const struct node_id *id, struct node *node,
    struct err *e)
{
	struct body b;

	if (!body_load(db, id, &b, e))
		return false;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!body_slot(&b, i, &node->slot[i], e))
			return false;
	return true;
}

/* Writes a node, unless `old` is the same one; gives its name. */
static bool
node_store(struct db *db, const struct node *node, const struct node_id *old,
    uint8_t name[HASH_BYTES], struct err *e)
{
	uint8_t at[NODE_BODY_MAX], hash[SHA256_BYTES];
	struct str body = { (const char *)at, body_write(node, at) };
	struct node_id id;

	sha256(body, hash);
	id = id_of(hash);
	memcpy(name, id.b, HASH_BYTES);
	if (old != NULL && memcmp(old->b, id.b, sizeof(id.b)) == 0)
		return true;
	if (!db_exec(db, &node_add, V(v_bytes(id_bytes(&id)), v_bytes(body)),
	    e))
		return false;
	node_cache_put(db, &id, body);
	return true;
}

/* Places */

static void
hash_str(struct str s, uint8_t out[HASH_BYTES])
{
	crypto_shorthash_siphashx24(out, (const uint8_t *)(s.n ? s.p : ""),
	    s.n, secret);
}

static void
place_hash(struct str type, struct str key, uint8_t out[HASH_BYTES])
{
	uint8_t both[2 * HASH_BYTES];

	hash_str(type, both);
	hash_str(key, both + HASH_BYTES);
	crypto_shorthash_siphashx24(out, both, sizeof(both), secret);
}

/* Bits 5 * level to 5 * level + 4, the first bit of a byte being its highest. */
static unsigned
slot_at(const uint8_t hash[HASH_BYTES], int level)
{
	unsigned bit = (unsigned)level * BITS, byte = bit / 8;
	unsigned two = (unsigned)hash[byte] << 8 |
	    (byte + 1 < HASH_BYTES ? hash[byte + 1] : 0U);

	return two >> (16 - BITS - bit % 8) & (SLOTS - 1);
}

bool
state_get(struct db *db, const struct state_root *root, struct str type,
    struct str key, int64_t *event, struct err *e)
{
	struct slot s = { .kind = SLOT_NODE };
	uint8_t hash[HASH_BYTES];

	if (is_empty(root)) {
		*event = 0;
		return true;
	}
	place_hash(type, key, hash);
	memcpy(s.hash, root->id, HASH_BYTES);
	for (int level = 0; s.kind == SLOT_NODE; level++) {
		struct node_id id = id_of(s.hash);
		struct body b;

		if (level == LEVELS_MAX)
			return damaged(e);
		if (!body_load(db, &id, &b, e))
			return false;
		for (unsigned i = 0; i <= slot_at(hash, level); i++)
			if (!body_slot(&b, i, &s, e))
				return false;
	}
	*event = s.kind == SLOT_LEAF && memcmp(s.hash, hash, HASH_BYTES) == 0 ?
	    s.event : 0;
	return true;
}

/* Changing */

/*
 * A node being changed: its branches that were opened are kept in memory and
 * written once, when all places are set.
 */
struct edit {
	struct node node;
	struct edit *kid[SLOTS];
	const struct node_id *old;	/* as which it is stored; NULL: new */
	struct node_id id;
};

static bool
edit_open(struct db *db, struct arena *a, const struct node_id *id,
    struct edit **out, struct err *e)
{
	struct edit *ed = arena_make(a, struct edit);

	ed->id = *id;
	ed->old = &ed->id;
	*out = ed;
	return node_load(db, id, &ed->node, e);
}

static bool edit_set(struct db *db, struct arena *a, struct edit *ed,
    int level, const struct slot *leaf, struct err *e);

/* Two places share a slot: both go one level down. */
static bool
edit_split(struct db *db, struct arena *a, struct edit *ed, int level,
    const struct slot *leaf, struct err *e)
{
	unsigned at = slot_at(leaf->hash, level);
	struct slot before = ed->node.slot[at];

	ed->node.slot[at] = (struct slot){ .kind = SLOT_NODE };
	ed->kid[at] = arena_make(a, struct edit);
	return edit_set(db, a, ed->kid[at], level + 1, &before, e) &&
	    edit_set(db, a, ed->kid[at], level + 1, leaf, e);
}

static bool
edit_set(struct db *db, struct arena *a, struct edit *ed, int level,
    const struct slot *leaf, struct err *e)
{
	unsigned at = slot_at(leaf->hash, level);
	struct slot *s = &ed->node.slot[at];

	/* Hashes that agree in 120 bits: no accident of an honest store. */
	if (level + 1 >= LEVELS_MAX)
		return damaged(e);
	if (s->kind == SLOT_NODE) {
		struct node_id id = id_of(s->hash);

		if (ed->kid[at] == NULL &&
		    !edit_open(db, a, &id, &ed->kid[at], e))
			return false;
		return edit_set(db, a, ed->kid[at], level + 1, leaf, e);
	}
	if (s->kind == SLOT_LEAF && memcmp(s->hash, leaf->hash, HASH_BYTES)) {
		if (leaf->event == 0)
			return true;
		return edit_split(db, a, ed, level, leaf, e);
	}
	*s = leaf->event != 0 ? *leaf : (struct slot){ .kind = SLOT_FREE };
	return true;
}

/*
 * Writes what was changed, branches first. A branch left with nothing is taken
 * out, and one left with a single leaf is replaced by it.
 */
static bool
edit_close(struct db *db, struct edit *ed, bool root, struct slot *out,
    struct err *e)
{
	const struct slot *only = NULL;
	size_t used = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &ed->node.slot[i];

		if (ed->kid[i] != NULL &&
		    !edit_close(db, ed->kid[i], false, s, e))
			return false;
		if (s->kind != SLOT_FREE) {
			used++;
			only = s;
		}
	}
	if (used == 0) {
		*out = (struct slot){ .kind = SLOT_FREE };
		return true;
	}
	if (!root && used == 1 && only->kind == SLOT_LEAF) {
		*out = *only;
		return true;
	}
	out->kind = SLOT_NODE;
	out->event = 0;
	return node_store(db, &ed->node, ed->old, out->hash, e);
}

static bool
set_all(struct db *db, struct arena *a, const struct state_root *root,
    const struct state_slot *slots, size_t n, struct slot *top, struct err *e)
{
	struct node_id id = id_of(root->id);
	struct edit *ed;

	if (is_empty(root))
		ed = arena_make(a, struct edit);
	else if (!edit_open(db, a, &id, &ed, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct slot leaf = { .kind = SLOT_LEAF,
			.event = slots[i].event };

		assert(leaf.event >= 0);
		place_hash(slots[i].type, slots[i].key, leaf.hash);
		if (!edit_set(db, a, ed, 0, &leaf, e))
			return false;
	}
	return edit_close(db, ed, true, top, e);
}

bool
state_set(struct db *db, const struct state_root *root,
    const struct state_slot *slots, size_t n, struct state_root *out,
    struct err *e)
{
	struct arena *a = arena_new(EDIT_BYTES);
	struct slot top = { .kind = SLOT_FREE };
	bool ok = set_all(db, a, root, slots, n, &top, e);

	arena_free(a);
	if (!ok)
		return false;
	*out = (struct state_root){ { 0 } };
	if (top.kind == SLOT_NODE)
		memcpy(out->id, top.hash, sizeof(out->id));
	return true;
}

/* Listing */

struct list {
	struct arena *a;
	int64_t *at;
	size_t n, cap;
};

static void
list_add(struct list *l, int64_t event)
{
	l->at = arena_more(l->a, l->at, l->n, &l->cap, sizeof(*l->at));
	l->at[l->n++] = event;
}

/* Adds the events of a slot of a node at `level`, and of all below it. */
static bool
slot_all(struct db *db, const struct slot *s, int level, struct list *l,
    struct err *e)
{
	struct node_id id = id_of(s->hash);
	struct slot sub;
	struct body b;

	if (s->kind == SLOT_LEAF)
		list_add(l, s->event);
	if (s->kind != SLOT_NODE)
		return true;
	if (level + 1 >= LEVELS_MAX)
		return damaged(e);
	if (!body_load(db, &id, &b, e))
		return false;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!body_slot(&b, i, &sub, e) ||
		    !slot_all(db, &sub, level + 1, l, e))
			return false;
	return true;
}

static struct slot
root_slot(const struct state_root *root)
{
	struct slot s = { .kind = is_empty(root) ? SLOT_FREE : SLOT_NODE };

	memcpy(s.hash, root->id, HASH_BYTES);
	return s;
}

bool
state_all(struct db *db, const struct state_root *root, struct arena *a,
    int64_t **events, size_t *n, struct err *e)
{
	struct list l = { .a = a };
	struct slot s = root_slot(root);

	if (!slot_all(db, &s, -1, &l, e))
		return false;
	*events = l.at;
	*n = l.n;
	return true;
}

/* Comparing */

/* A leaf against a branch: an event has one place, so the event tells. */
static bool
diff_leaf(struct db *db, const struct slot *leaf, const struct slot *branch,
    int level, struct list *mine, struct list *theirs, struct err *e)
{
	size_t from = theirs->n;

	if (!slot_all(db, branch, level, theirs, e))
		return false;
	for (size_t i = from; i < theirs->n; i++) {
		if (theirs->at[i] == leaf->event) {
			theirs->at[i] = theirs->at[--theirs->n];
			return true;
		}
	}
	list_add(mine, leaf->event);
	return true;
}

static bool
same_slot(const struct slot *x, const struct slot *y)
{
	if (x->kind != y->kind || x->event != y->event)
		return false;
	return x->kind == SLOT_FREE ||
	    memcmp(x->hash, y->hash, HASH_BYTES) == 0;
}

/* Compares slots of two nodes at `level`. */
static bool
diff_slot(struct db *db, const struct slot *x, const struct slot *y,
    int level, struct list *added, struct list *gone, struct err *e)
{
	struct node_id idx = id_of(x->hash), idy = id_of(y->hash);
	struct node nx, ny;

	if (same_slot(x, y))
		return true;
	if (x->kind == SLOT_NODE && y->kind == SLOT_LEAF)
		return diff_leaf(db, y, x, level, added, gone, e);
	if (x->kind == SLOT_LEAF && y->kind == SLOT_NODE)
		return diff_leaf(db, x, y, level, gone, added, e);
	if (x->kind != SLOT_NODE || y->kind != SLOT_NODE)
		return slot_all(db, x, level, gone, e) &&
		    slot_all(db, y, level, added, e);
	if (level + 1 >= LEVELS_MAX)
		return damaged(e);
	if (!node_load(db, &idx, &nx, e) || !node_load(db, &idy, &ny, e))
		return false;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!diff_slot(db, &nx.slot[i], &ny.slot[i], level + 1, added,
		    gone, e))
			return false;
	return true;
}

bool
state_diff(struct db *db, const struct state_root *x,
    const struct state_root *y, struct arena *a, int64_t **added,
    size_t *nadded, int64_t **gone, size_t *ngone, struct err *e)
{
	struct list plus = { .a = a }, minus = { .a = a };
	struct slot sx = root_slot(x), sy = root_slot(y);

	if (!diff_slot(db, &sx, &sy, -1, &plus, &minus, e))
		return false;
	*added = plus.at;
	*nadded = plus.n;
	*gone = minus.at;
	*ngone = minus.n;
	return true;
}

/* Roots */

struct str
state_root_bytes(const struct state_root *r)
{
	return is_empty(r) ? (struct str){ NULL, 0 }
	    : str_n((const char *)r->id, sizeof(r->id));
}

bool
state_root_read(struct str bytes, struct state_root *out)
{
	if (bytes.n != sizeof(out->id) && bytes.n != 0)
		return false;
	*out = (struct state_root){ { 0 } };
	if (bytes.n > 0)
		memcpy(out->id, bytes.p, sizeof(out->id));
	return true;
}

/* The store's secret */

static bool
secret_make(struct db *db, void *arg, struct err *e)
{
	return db_exec(db, &secret_add, V(v_str(*(struct str *)arg)), e);
}

static bool
secret_read(struct db *db, struct arena *a, struct err *e)
{
	uint8_t random[sizeof(secret)];
	struct str fresh, kept, key;
	bool found;

	random_fill(random, sizeof(random));
	fresh = hex_encode(a, str_n((const char *)random, sizeof(random)));
	if (!db_transact(db, secret_make, &fresh, e) ||
	    !db_one_str(db, &secret_get, V0, a, &kept, &found, e))
		return false;
	if (!found || !hex_decode(a, kept, &key) ||
	    key.n != sizeof(secret))
		return fail(e, M_UNKNOWN, "The store's statetree_secret is bad");
	memcpy(secret, key.p, sizeof(secret));
	return true;
}

bool
statetree_start(struct db *db, size_t cache_bytes, struct err *e)
{
	struct arena *a = arena_new(1 << 16);
	bool ok = secret_read(db, a, e);

	arena_free(a);
	node_cache_start(cache_bytes);
	return ok;
}
