/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Checkpoints: a signed note with the tree's origin, size and root. Made and
 * read here; whoever holds one can show later that what it covers was changed.
 * Pure. spec: C2SP tlog-checkpoint, signed-note
 */
#ifndef GUARD_CHECKPOINT_H
#define GUARD_CHECKPOINT_H

#include "crypto/digest.h"
#include "crypto/sign.h"

#define CHECKPOINT_MAX 16384

struct checkpoint {
	struct str origin;
	int64_t size;
	uint8_t root[SHA256_BYTES];
	struct str body;		/* what is signed */
	struct str signatures;		/* the lines after the empty one */
};

/* The note: its text and our signature. */
struct str checkpoint_make(struct arena *a, struct str origin, int64_t size, const uint8_t root[SHA256_BYTES], const struct sign_key *key);
/* False: not a checkpoint. Signatures are not checked. */
bool checkpoint_read(struct arena *a, struct str note, struct checkpoint *out) MUST_CHECK;
/* Is there a signature by `name` with this key, and does it fit? */
bool checkpoint_is_by(struct arena *a, const struct checkpoint *c, struct str name, const uint8_t public_key[SIGN_PUBLIC_BYTES]);
/* "NAME+ID+KEY", what a reader of notes is told to trust; and back. */
struct str checkpoint_vkey(struct arena *a, struct str name, const uint8_t public_key[SIGN_PUBLIC_BYTES]);
bool checkpoint_read_vkey(struct arena *a, struct str vkey, struct str *name, uint8_t public_key[SIGN_PUBLIC_BYTES]) MUST_CHECK;

#endif
