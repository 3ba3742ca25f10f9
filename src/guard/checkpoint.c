/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See checkpoint.h. */
#include "guard/checkpoint.h"

#include "base/enc.h"

#include <string.h>

#define KEY_ID_BYTES 4
#define TYPE_ED25519 "\x01"
#define DASH "\xe2\x80\x94 "		/* U+2014 and a space */
#define SIGNATURES_MAX 64

/* Base64 as notes have it: with padding. */
static struct str
padded(struct arena *a, struct str bytes)
{
	struct str s = b64_encode(a, B64_STD, bytes);

	return str_cat(a, s, str_n("==", (4 - s.n % 4) % 4));
}

/* Only so: a text whose spare bits are set would read as the same bytes. */
static bool
unpadded(struct arena *a, struct str text, struct str *bytes)
{
	return b64_decode(a, B64_STD, text, bytes) &&
	    str_eq(padded(a, *bytes), text);
}

static void
key_id(struct arena *a, struct str name,
    const uint8_t public_key[SIGN_PUBLIC_BYTES], uint8_t out[KEY_ID_BYTES])
{
	uint8_t hash[SHA256_BYTES];
	struct str head = str_fmt(a, STR_FMT "\n" TYPE_ED25519, STR_ARG(name));

	sha256(str_cat(a, head, str_n((const char *)public_key,
	    SIGN_PUBLIC_BYTES)), hash);
	memcpy(out, hash, KEY_ID_BYTES);
}

struct str
checkpoint_make(struct arena *a, struct str origin, int64_t size,
    const uint8_t root[SHA256_BYTES], const struct sign_key *key)
{
	uint8_t sig[KEY_ID_BYTES + SIGN_BYTES];
	struct str body = str_fmt(a, STR_FMT "\n%lld\n" STR_FMT "\n",
	    STR_ARG(origin), (long long)size, STR_ARG(padded(a,
	    str_n((const char *)root, SHA256_BYTES))));

	key_id(a, origin, key->public_key, sig);
	sign_bytes(key, body, sig + KEY_ID_BYTES);
	return str_fmt(a, STR_FMT "\n" DASH STR_FMT " " STR_FMT "\n",
	    STR_ARG(body), STR_ARG(origin), STR_ARG(padded(a,
	    str_n((const char *)sig, sizeof(sig)))));
}

/* The text ends at the last empty line. */
static bool
split(struct str note, struct str *body, struct str *signatures)
{
	if (note.n > CHECKPOINT_MAX || !str_utf8_ok(note))
		return false;
	for (size_t i = note.n; i-- > 1;) {
		if (note.p[i] == '\n' && note.p[i - 1] == '\n') {
			*body = str_sub(note, 0, i);
			*signatures = str_from(note, i + 1);
			return signatures->n > 0;
		}
	}
	return false;
}

bool
checkpoint_read(struct arena *a, struct str note, struct checkpoint *out)
{
	struct checkpoint c = { .size = 0 };
	struct str rest, size, root, raw;

	if (!split(note, &c.body, &c.signatures) ||
	    !str_cut(c.body, '\n', &c.origin, &rest) ||
	    !str_cut(rest, '\n', &size, &rest) ||
	    !str_cut(rest, '\n', &root, &rest) || c.origin.n == 0 ||
	    !str_i64(size, &c.size) || c.size < 0 ||
	    (size.n > 1 && size.p[0] == '0') ||
	    !unpadded(a, root, &raw) || raw.n != SHA256_BYTES)
		return false;
	memcpy(c.root, raw.p, SHA256_BYTES);
	*out = c;
	return true;
}

/* "— NAME BASE64" */
static bool
read_signature(struct arena *a, struct str line, struct str *name,
    struct str *raw)
{
	struct str text;

	return str_starts(line, S(DASH)) &&
	    str_cut(str_from(line, sizeof(DASH) - 1), ' ', name, &text) &&
	    unpadded(a, text, raw) && raw->n > KEY_ID_BYTES;
}

bool
checkpoint_is_by(struct arena *a, const struct checkpoint *c, struct str name,
    const uint8_t public_key[SIGN_PUBLIC_BYTES])
{
	struct str rest = c->signatures, line, who, raw;
	uint8_t id[KEY_ID_BYTES];

	key_id(a, name, public_key, id);
	for (int i = 0; i < SIGNATURES_MAX && rest.n > 0; i++) {
		if (!str_cut(rest, '\n', &line, &rest))
			return false;
		if (!read_signature(a, line, &who, &raw) ||
		    !str_eq(who, name) || memcmp(raw.p, id, sizeof(id)) != 0)
			continue;
		return raw.n == KEY_ID_BYTES + SIGN_BYTES &&
		    sign_ok(public_key, c->body, (const uint8_t *)raw.p +
		    KEY_ID_BYTES);
	}
	return false;
}

struct str
checkpoint_vkey(struct arena *a, struct str name,
    const uint8_t public_key[SIGN_PUBLIC_BYTES])
{
	uint8_t id[KEY_ID_BYTES];
	struct str key = str_cat(a, S(TYPE_ED25519), str_n((const char *)
	    public_key, SIGN_PUBLIC_BYTES));

	key_id(a, name, public_key, id);
	return str_fmt(a, STR_FMT "+" STR_FMT "+" STR_FMT, STR_ARG(name),
	    STR_ARG(hex_encode(a, str_n((const char *)id, sizeof(id)))),
	    STR_ARG(padded(a, key)));
}

bool
checkpoint_read_vkey(struct arena *a, struct str vkey, struct str *name,
    uint8_t public_key[SIGN_PUBLIC_BYTES])
{
	struct str id, key, raw, is;
	uint8_t want[KEY_ID_BYTES];

	if (!str_cut(str_trim(vkey), '+', name, &id) ||
	    !str_cut(id, '+', &id, &key) || !hex_decode(a, id, &is) ||
	    !unpadded(a, key, &raw) ||
	    raw.n != 1 + SIGN_PUBLIC_BYTES || raw.p[0] != 1)
		return false;
	memcpy(public_key, raw.p + 1, SIGN_PUBLIC_BYTES);
	key_id(a, *name, public_key, want);
	return is.n == sizeof(want) && memcmp(is.p, want, sizeof(want)) == 0;
}
