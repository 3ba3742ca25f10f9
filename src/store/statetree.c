/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The state tree. A node is a list of slots in the order of their number (5
 * bits of the place's hash a level): either a leaf (hash, event) or the name of
 * a node one level down. Its body is those slots' bytes, its name the first 16
 * bytes of the body's SHA-256.
 *
 * body: for each used slot  number (1 byte), kind (1: leaf, 2: node), then
 *       leaf: hash (16), event (8, big-endian)      node: name (16)
 *
 * threads: all; the cache of nodes has one lock, held for a copy.
 */
#include "store/statetree.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/map.h"
#include "crypto/digest.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 32
#define BITS 5
#define HASH_BYTES 16
#define LEVELS_MAX 25			/* 128 bits of hash, 5 a level */
#define BODY_MAX (SLOTS * 26)

struct slot {
	uint8_t kind;			/* 0 free, 1 leaf, 2 node */
	uint8_t hash[HASH_BYTES];	/* of a leaf's place, or a node's name */
	int64_t event;
};

struct node {
	struct slot slot[SLOTS];
};

struct cached {
	struct cached *older, *newer;
	uint8_t id[HASH_BYTES];
	uint16_t n;
	uint8_t body[];
};

static struct {
	uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
	pthread_mutex_t lock;
	struct map nodes;		/* id -> cached */
	struct cached *oldest, *newest;
	size_t bytes, bytes_max;
} tree = { .lock = PTHREAD_MUTEX_INITIALIZER };

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

/* The cache. Only nodes that were read from the store enter it: one that was
 * written may still be rolled back. */

static struct str
id_key(const uint8_t id[HASH_BYTES])
{
	return str_n((const char *)id, HASH_BYTES);
}

static void
cache_unlink(struct cached *x)
{
	if (x->older != NULL)
		x->older->newer = x->newer;
	else
		tree.oldest = x->newer;
	if (x->newer != NULL)
		x->newer->older = x->older;
	else
		tree.newest = x->older;
}

static void
cache_link(struct cached *x)
{
	x->newer = NULL;
	x->older = tree.newest;
	if (tree.newest != NULL)
		tree.newest->newer = x;
	else
		tree.oldest = x;
	tree.newest = x;
}

/* Copies the body; 0: not cached. */
static size_t
cache_find(const uint8_t id[HASH_BYTES], uint8_t body[BODY_MAX])
{
	struct cached *x;
	size_t n = 0;

	pthread_mutex_lock(&tree.lock);
	x = map_get(&tree.nodes, id_key(id));
	if (x != NULL) {
		n = x->n;
		memcpy(body, x->body, n);
		if (x != tree.newest) {
			cache_unlink(x);
			cache_link(x);
		}
	}
	pthread_mutex_unlock(&tree.lock);
	return n;
}

static void
cache_add(const uint8_t id[HASH_BYTES], struct str body)
{
	struct cached *x;

	pthread_mutex_lock(&tree.lock);
	if (map_get(&tree.nodes, id_key(id)) == NULL) {
		x = malloc(sizeof(*x) + body.n);
		if (x == NULL)
			abort();
		memcpy(x->id, id, HASH_BYTES);
		x->n = (uint16_t)body.n;
		memcpy(x->body, body.p, body.n);
		map_put(&tree.nodes, id_key(x->id), x);
		cache_link(x);
		tree.bytes += sizeof(*x) + body.n;
	}
	while (tree.bytes > tree.bytes_max && tree.oldest != tree.newest) {
		x = tree.oldest;
		cache_unlink(x);
		map_del(&tree.nodes, id_key(x->id));
		tree.bytes -= sizeof(*x) + x->n;
		free(x);
	}
	pthread_mutex_unlock(&tree.lock);
}

/* Nodes */

static size_t
node_write(const struct node *node, uint8_t body[BODY_MAX])
{
	uint8_t *p = body;

	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *s = &node->slot[i];

		if (s->kind == 0)
			continue;
		*p++ = (uint8_t)i;
		*p++ = s->kind;
		memcpy(p, s->hash, HASH_BYTES);
		p += HASH_BYTES;
		if (s->kind == 1)
			for (int k = 7; k >= 0; k--)
				*p++ = (uint8_t)((uint64_t)s->event >> (8 * k));
	}
	return (size_t)(p - body);
}

static bool
node_read(struct node *node, const uint8_t *p, size_t n, struct err *e)
{
	const uint8_t *end = p + n;

	memset(node, 0, sizeof(*node));
	while (p < end) {
		size_t need = 2 + HASH_BYTES;
		struct slot *s;

		if (end - p < 2 || p[0] >= SLOTS || p[1] < 1 || p[1] > 2)
			return fail(e, M_UNKNOWN, "A state node is damaged");
		need += p[1] == 1 ? 8 : 0;
		if ((size_t)(end - p) < need)
			return fail(e, M_UNKNOWN, "A state node is damaged");
		s = &node->slot[p[0]];
		s->kind = p[1];
		memcpy(s->hash, p + 2, HASH_BYTES);
		if (s->kind == 1) {
			uint64_t v = 0;

			for (int k = 0; k < 8; k++)
				v = v << 8 | p[2 + HASH_BYTES + k];
			s->event = (int64_t)v;
		}
		p += need;
	}
	return true;
}

struct body {
	uint8_t at[BODY_MAX];
	size_t n;
};

static void
take_body(struct rows *r, void *arg)
{
	struct body *b = arg;
	struct str s = db_peek(r, 0);

	b->n = s.n <= BODY_MAX ? s.n : 0;
	if (b->n > 0)
		memcpy(b->at, s.p, b->n);
}

static bool
node_load(struct db *db, const uint8_t id[HASH_BYTES], struct node *node,
    struct err *e)
{
	struct body b = { .n = cache_find(id, b.at) };
	bool found = true;

	if (b.n == 0) {
		if (!db_one(db, &node_get, V(v_bytes(id_key(id))), take_body,
		    &b, &found, e))
			return false;
		if (!found || b.n == 0)
			return fail(e, M_UNKNOWN, "A state node is missing");
		if (!db_in_body(db))
			cache_add(id, str_n((const char *)b.at, b.n));
	}
	return node_read(node, b.at, b.n, e);
}

static bool
node_store(struct db *db, const struct node *node, uint8_t id[HASH_BYTES],
    struct err *e)
{
	uint8_t body[BODY_MAX], hash[SHA256_BYTES];
	struct str s = { (const char *)body, node_write(node, body) };

	sha256(s, hash);
	memcpy(id, hash, HASH_BYTES);
	return db_exec(db, &node_add, V(v_bytes(id_key(id)), v_bytes(s)), e);
}

/* Places */

static void
place_hash(struct str type, struct str key, uint8_t out[HASH_BYTES])
{
	uint8_t few[600], *p = few;
	uint8_t n[8];

	assert(type.n <= 255 && key.n <= 255);
	for (int i = 0; i < 8; i++)
		n[i] = (uint8_t)((uint64_t)type.n >> (8 * i));
	memcpy(p, n, sizeof(n));
	p += sizeof(n);
	if (type.n > 0)
		memcpy(p, type.p, type.n);
	p += type.n;
	if (key.n > 0)
		memcpy(p, key.p, key.n);
	p += key.n;
	crypto_shorthash_siphashx24(out, few, (size_t)(p - few), tree.key);
}

static unsigned
slot_at(const uint8_t hash[HASH_BYTES], int level)
{
	unsigned bit = (unsigned)level * BITS, at = 0;

	for (unsigned i = bit; i < bit + BITS; i++) {
		unsigned one = i < 8 * HASH_BYTES ?
		    (unsigned)(hash[i / 8] >> (7 - i % 8)) & 1U : 0;

		at = at << 1 | one;
	}
	return at;
}

static bool
is_empty(const uint8_t id[HASH_BYTES])
{
	static const uint8_t zero[HASH_BYTES];

	return memcmp(id, zero, HASH_BYTES) == 0;
}

bool
state_get(struct db *db, const struct state_root *root, struct str type,
    struct str key, int64_t *event, struct err *e)
{
	uint8_t hash[HASH_BYTES], id[HASH_BYTES];
	struct node node;

	*event = 0;
	if (is_empty(root->id))
		return true;
	place_hash(type, key, hash);
	memcpy(id, root->id, sizeof(id));
	for (int level = 0; level < LEVELS_MAX; level++) {
		const struct slot *s;

		if (!node_load(db, id, &node, e))
			return false;
		s = &node.slot[slot_at(hash, level)];
		if (s->kind == 0)
			return true;
		if (s->kind == 1) {
			if (memcmp(s->hash, hash, HASH_BYTES) == 0)
				*event = s->event;
			return true;
		}
		memcpy(id, s->hash, sizeof(id));
	}
	return true;
}

/*
 * A node being changed: its branches that were opened are kept in memory and
 * written once, when all places are set.
 */
struct edit {
	struct node node;
	struct edit *kid[SLOTS];
};

static bool
edit_open(struct db *db, struct arena *a, const uint8_t id[HASH_BYTES],
    struct edit **out, struct err *e)
{
	*out = arena_make(a, struct edit);
	return is_empty(id) || node_load(db, id, &(*out)->node, e);
}

static bool
edit_set(struct db *db, struct arena *a, struct edit *ed, int level,
    const struct slot *leaf, struct err *e)
{
	unsigned at = slot_at(leaf->hash, level);
	struct slot *s = &ed->node.slot[at];
	struct slot old;

	assert(level < LEVELS_MAX);
	if (s->kind == 2) {
		if (ed->kid[at] == NULL &&
		    !edit_open(db, a, s->hash, &ed->kid[at], e))
			return false;
		return edit_set(db, a, ed->kid[at], level + 1, leaf, e);
	}
	if (s->kind == 1 && memcmp(s->hash, leaf->hash, HASH_BYTES) != 0) {
		if (leaf->event == 0)
			return true;
		/* Two places share this slot: both go one level down. */
		old = *s;
		*s = (struct slot){ .kind = 2 };
		ed->kid[at] = arena_make(a, struct edit);
		return edit_set(db, a, ed->kid[at], level + 1, &old, e) &&
		    edit_set(db, a, ed->kid[at], level + 1, leaf, e);
	}
	*s = leaf->event != 0 ? *leaf : (struct slot){ .kind = 0 };
	return true;
}

/*
 * Writes what was changed, branches first. A branch left with nothing is taken
 * out, and one left with a single leaf is replaced by it, so that equal states
 * have equal trees, whatever way led there.
 */
static bool
edit_close(struct db *db, struct edit *ed, bool root, struct slot *out,
    struct err *e)
{
	const struct slot *only = NULL;
	size_t used = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (ed->kid[i] != NULL && !edit_close(db, ed->kid[i], false,
		    &ed->node.slot[i], e))
			return false;
		if (ed->node.slot[i].kind != 0) {
			used++;
			only = &ed->node.slot[i];
		}
	}
	if (used == 0) {
		*out = (struct slot){ .kind = 0 };
		return true;
	}
	if (!root && used == 1 && only->kind == 1) {
		*out = *only;
		return true;
	}
	out->kind = 2;
	out->event = 0;
	return node_store(db, &ed->node, out->hash, e);
}

bool
state_set(struct db *db, const struct state_root *root,
    const struct state_slot *slots, size_t n, struct state_root *out,
    struct err *e)
{
	struct arena *a = arena_new(64 << 20);
	struct slot top = { .kind = 0 };
	struct edit *ed;
	bool ok = edit_open(db, a, root->id, &ed, e);

	for (size_t i = 0; ok && i < n; i++) {
		struct slot leaf = { .kind = 1, .event = slots[i].event };

		place_hash(slots[i].type, slots[i].key, leaf.hash);
		ok = edit_set(db, a, ed, 0, &leaf, e);
	}
	ok = ok && edit_close(db, ed, true, &top, e);
	arena_free(a);
	if (!ok)
		return false;
	memset(out, 0, sizeof(*out));
	if (top.kind == 2)
		memcpy(out->id, top.hash, HASH_BYTES);
	return true;
}

/* A growing list of events. */
struct list {
	struct arena *a;
	int64_t *at;
	size_t n, cap;
};

static void
list_add(struct list *l, int64_t event)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;

		l->at = arena_grow(l->a, l->at, l->cap * sizeof(*l->at),
		    cap * sizeof(*l->at));
		l->cap = cap;
	}
	l->at[l->n++] = event;
}

static bool
walk(struct db *db, const uint8_t id[HASH_BYTES], int level, struct list *l,
    struct err *e)
{
	struct node node;

	if (level >= LEVELS_MAX)
		return fail(e, M_UNKNOWN, "A state node is damaged");
	if (!node_load(db, id, &node, e))
		return false;
	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *s = &node.slot[i];

		if (s->kind == 1)
			list_add(l, s->event);
		else if (s->kind == 2 &&
		    !walk(db, s->hash, level + 1, l, e))
			return false;
	}
	return true;
}

bool
state_all(struct db *db, const struct state_root *root, struct arena *a,
    int64_t **events, size_t *n, struct err *e)
{
	struct list l = { .a = a };

	if (!is_empty(root->id) && !walk(db, root->id, 0, &l, e))
		return false;
	*events = l.at;
	*n = l.n;
	return true;
}

struct diff {
	struct list added, gone;
};

static bool
slot_all(struct db *db, const struct slot *s, int level, struct list *l,
    struct err *e)
{
	if (s->kind == 1)
		list_add(l, s->event);
	return s->kind != 2 || walk(db, s->hash, level, l, e);
}

/* A leaf against a whole branch: what the branch has at the leaf's place, and the rest. */
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

static bool diff_nodes(struct db *db, const uint8_t *x, const uint8_t *y,
    int level, struct diff *d, struct err *e);

static bool
diff_slot(struct db *db, const struct slot *x, const struct slot *y, int level,
    struct diff *d, struct err *e)
{
	if (x->kind == y->kind && x->event == y->event &&
	    memcmp(x->hash, y->hash, HASH_BYTES) == 0)
		return true;
	if (x->kind == 2 && y->kind == 2)
		return diff_nodes(db, x->hash, y->hash, level + 1, d, e);
	if (x->kind == 2 && y->kind == 1)
		return diff_leaf(db, y, x, level + 1, &d->added, &d->gone, e);
	if (x->kind == 1 && y->kind == 2)
		return diff_leaf(db, x, y, level + 1, &d->gone, &d->added, e);
	return slot_all(db, x, level + 1, &d->gone, e) &&
	    slot_all(db, y, level + 1, &d->added, e);
}

static bool
diff_nodes(struct db *db, const uint8_t *x, const uint8_t *y, int level,
    struct diff *d, struct err *e)
{
	struct node nx, ny;

	if (level >= LEVELS_MAX)
		return fail(e, M_UNKNOWN, "A state node is damaged");
	memset(&nx, 0, sizeof(nx));
	memset(&ny, 0, sizeof(ny));
	if ((!is_empty(x) && !node_load(db, x, &nx, e)) ||
	    (!is_empty(y) && !node_load(db, y, &ny, e)))
		return false;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!diff_slot(db, &nx.slot[i], &ny.slot[i], level, d, e))
			return false;
	return true;
}

bool
state_diff(struct db *db, const struct state_root *x,
    const struct state_root *y, struct arena *a, int64_t **added,
    size_t *nadded, int64_t **gone, size_t *ngone, struct err *e)
{
	struct diff d = { { .a = a }, { .a = a } };

	if (!state_root_eq(x, y) &&
	    !diff_nodes(db, x->id, y->id, 0, &d, e))
		return false;
	*added = d.added.at;
	*nadded = d.added.n;
	*gone = d.gone.at;
	*ngone = d.gone.n;
	return true;
}

struct str
state_root_bytes(const struct state_root *r)
{
	return is_empty(r->id) ? (struct str){ NULL, 0 } : id_key(r->id);
}

bool
state_root_read(struct str bytes, struct state_root *out)
{
	memset(out, 0, sizeof(*out));
	if (bytes.n == HASH_BYTES)
		memcpy(out->id, bytes.p, HASH_BYTES);
	return bytes.n == HASH_BYTES || bytes.n == 0;
}

/* The store's secret */

struct secret_row {
	struct arena *a;
	struct str hex;
};

static void
take_secret(struct rows *r, void *arg)
{
	struct secret_row *s = arg;

	s->hex = db_str(r, 0, s->a);
}

static bool
secret_make(struct db *db, void *arg, struct err *e)
{
	return db_exec(db, &secret_add, V(v_str(*(struct str *)arg)), e);
}

bool
statetree_start(struct db *db, size_t cache_bytes, struct err *e)
{
	struct arena *a = arena_new(1 << 16);
	struct secret_row row = { .a = a };
	struct str fresh, key;
	bool found, ok;

	random_fill(tree.key, sizeof(tree.key));
	fresh = hex_encode(a, str_n((char *)tree.key, sizeof(tree.key)));
	ok = db_transact(db, secret_make, &fresh, e) &&
	    db_one(db, &secret_get, V0, take_secret, &row, &found, e);
	if (ok && (!found || !hex_decode(a, row.hex, &key) ||
	    key.n != sizeof(tree.key)))
		ok = fail(e, M_UNKNOWN, "The store's statetree_secret is bad");
	if (ok)
		memcpy(tree.key, key.p, sizeof(tree.key));
	pthread_mutex_lock(&tree.lock);
	tree.bytes_max = cache_bytes;
	pthread_mutex_unlock(&tree.lock);
	arena_free(a);
	return ok;
}
