/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Ed25519 by libsodium, and JSON signed over its canonical form. libsodium's
 * check is strict: small-order and non-canonical keys are refused.
 * spec: appendices, "Signing JSON".
 */
#include "crypto/sign.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"
#include "crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 256

void
sign_key_new(struct arena *a, struct sign_key *k)
{
	crypto_start();
	crypto_sign_keypair(k->public_key, k->secret_key);
	k->id = str_cat(a, S("ed25519:a_"), random_text(a, 6));
}

void
sign_key_wipe(struct sign_key *k)
{
	secret_wipe(k->secret_key, sizeof(k->secret_key));
}

/* "ed25519 VERSION SEED" */
static bool
key_parse(struct arena *a, struct str line, struct sign_key *k)
{
	uint8_t seed[SIGN_PUBLIC_BYTES];
	struct str kind, rest, version, seed_text;

	if (!str_cut(str_trim(line), ' ', &kind, &rest) ||
	    !str_cut(rest, ' ', &version, &seed_text) ||
	    !str_eq(kind, S("ed25519")) || version.n == 0 ||
	    !sign_read_public(str_trim(seed_text), seed))
		return false;
	crypto_sign_seed_keypair(k->public_key, k->secret_key, seed);
	secret_wipe(seed, sizeof(seed));
	k->id = str_cat(a, S("ed25519:"), version);
	return true;
}

bool
sign_key_read(struct arena *a, const char *path, struct sign_key *k,
    struct err *e)
{
	char text[KEY_FILE_MAX];
	ssize_t n;
	bool ok;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	crypto_start();
	if (fd < 0 && errno == ENOENT)
		return fail(e, M_NOT_FOUND, "There is no signing key at %s",
		    path);
	if (fd < 0)
		return fail(e, M_UNKNOWN, "Cannot read the signing key %s: %s",
		    path, strerror(errno));
	n = read(fd, text, sizeof(text));
	close(fd);
	ok = n > 0 && key_parse(a, str_n(text, (size_t)n), k);
	secret_wipe(text, sizeof(text));
	return ok || fail(e, M_UNKNOWN, "%s is not a signing key: it must be "
	    "a line \"ed25519 VERSION SEED\"", path);
}

/* A new file that only its owner can read, written in full and on disk. */
static bool
write_file(const char *path, struct str text)
{
	int fd;
	bool ok;

	if (unlink(path) != 0 && errno != ENOENT)
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = file_write_all(fd, text) && fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

/* Puts text at path, whole or not at all. */
static bool
replace_file(struct arena *a, const char *path, struct str text)
{
	const char *part = str_cz(a, str_fmt(a, "%s.part", path));
	int why;

	if (write_file(part, text) && rename(part, path) == 0)
		return file_sync_parent(str_c(path));
	why = errno;
	(void)unlink(part);
	errno = why;
	return false;
}

bool
sign_key_write(const char *path, const struct sign_key *k, struct err *e)
{
	struct arena *a = arena_new(1 << 16);
	struct str version = str_from(k->id, strlen("ed25519:"));
	char seed[SIGN_PUBLIC_BYTES * 2], line[KEY_FILE_MAX];
	int n;
	bool ok;

	sodium_bin2base64(seed, sizeof(seed), k->secret_key,
	    crypto_sign_SEEDBYTES, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	n = snprintf(line, sizeof(line), "ed25519 " STR_FMT " %s\n",
	    STR_ARG(version), seed);
	ok = n > 0 && (size_t)n < sizeof(line) &&
	    replace_file(a, path, str_n(line, (size_t)n));
	if (!ok)
		fail(e, M_UNKNOWN, "Cannot write the signing key %s: %s", path,
		    strerror(errno));
	secret_wipe(seed, sizeof(seed));
	secret_wipe(line, sizeof(line));
	arena_free(a);
	return ok;
}

void
sign_bytes(const struct sign_key *k, struct str data, uint8_t sig[SIGN_BYTES])
{
	crypto_sign_detached(sig, NULL, (const unsigned char *)data.p, data.n,
	    k->secret_key);
}

bool
sign_ok(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct str data,
    const uint8_t sig[SIGN_BYTES])
{
	crypto_start();
	return crypto_sign_verify_detached(sig, (const unsigned char *)
	    (data.n ? data.p : ""), data.n, public_key) == 0;
}

static bool
read_exact(struct str b64, uint8_t *out, size_t n)
{
	struct arena *a;
	struct str bytes;
	bool ok;

	if (b64.n > 2 * n)
		return false;
	a = arena_new(4096);
	ok = b64_decode(a, B64_STD, b64, &bytes) && bytes.n == n;
	if (ok)
		memcpy(out, bytes.p, n);
	arena_free(a);
	return ok;
}

bool
sign_read_public(struct str b64, uint8_t out[SIGN_PUBLIC_BYTES])
{
	return read_exact(b64, out, SIGN_PUBLIC_BYTES);
}

bool
sign_read_sig(struct str b64, uint8_t out[SIGN_BYTES])
{
	return read_exact(b64, out, SIGN_BYTES);
}

struct str
sign_json_bytes(struct arena *a, const struct json *obj)
{
	struct json bare = json_copy(a, obj);

	json_del(&bare, S("signatures"));
	json_del(&bare, S("unsigned"));
	return json_text(a, &bare);
}

void
sign_json(struct arena *a, struct json *obj, struct str entity,
    const struct sign_key *k)
{
	uint8_t sig[SIGN_BYTES];
	const struct json *all = json_get_obj(obj, S("signatures")), *of;
	struct json signatures = all ? json_copy(a, all) : json_new_obj();
	struct json mine;

	of = json_get_obj(&signatures, entity);
	mine = of ? json_copy(a, of) : json_new_obj();
	sign_bytes(k, sign_json_bytes(a, obj), sig);
	json_set(a, &mine, k->id, json_of_str(b64_encode(a, B64_STD,
	    str_n((char *)sig, sizeof(sig)))));
	json_set(a, &signatures, entity, mine);
	json_set(a, obj, S("signatures"), signatures);
}

bool
sign_json_ok(struct arena *a, const struct json *obj, struct str entity,
    struct str key_id, const uint8_t public_key[SIGN_PUBLIC_BYTES])
{
	uint8_t sig[SIGN_BYTES];
	const struct json *of = json_get_obj(json_get_obj(obj,
	    S("signatures")), entity);
	struct str text;

	return json_get_str(of, key_id, &text) && sign_read_sig(text, sig) &&
	    sign_ok(public_key, sign_json_bytes(a, obj), sig);
}
