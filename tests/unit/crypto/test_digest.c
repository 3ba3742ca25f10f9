/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Digests, MACs and password hashes, against published vectors. */
#include "arena_fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/enc.h"
#include "crypto/digest.h"

static int
start(void **state)
{
	crypto_start();
	return setup(state);
}

static struct str
hex(const uint8_t *p, size_t n)
{
	return hex_encode(a, str_n((const char *)p, n));
}

static struct secret
secret(const char *text)
{
	return secret_dup(a, str_c(text));
}

#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* FIPS 180-2, appendix B. */
static const struct {
	struct str data;
	const char *hash;
} sha256s[] = {
	{ { NULL, 0 }, EMPTY_SHA256 },
	{ S_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad" },
	{ S_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
	{ S_INIT("\0"), "6e340b9cffb37a989ca544e6bb780a2c"
	    "78901d3fb33738768511a30617afa01d" },
};

static void
test_sha256(void **state)
{
	uint8_t out[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < LEN(sha256s); i++) {
		sha256(sha256s[i].data, out);
		assert_true(str_eq_c(hex(out, sizeof(out)), sha256s[i].hash));
		assert_true(str_eq_c(hex_encode(a, sha256_raw(a,
		    sha256s[i].data)), sha256s[i].hash));
	}
}

static void
test_sha256_run(void **state)
{
	struct str text = sha256s[2].data;
	struct sha256_run *one, *other;
	uint8_t out[SHA256_BYTES];

	(void)state;
	for (size_t cut = 0; cut <= text.n; cut++) {
		one = sha256_begin(a);
		other = sha256_begin(a);
		sha256_more(one, str_sub(text, 0, cut));
		sha256_more(other, S("something else"));
		sha256_more(one, str_from(text, cut));
		sha256_end(one, out);
		assert_true(str_eq_c(hex(out, sizeof(out)), sha256s[2].hash));
	}
	one = sha256_begin(a);
	sha256_end(one, out);
	assert_true(str_eq_c(hex(out, sizeof(out)), EMPTY_SHA256));
}

/* Each thread has a context of its own. */
static void *
hash_often(void *arg)
{
	uint8_t out[SHA256_BYTES], first[SHA256_BYTES];
	struct str data = *(struct str *)arg;

	sha256(data, first);
	for (int i = 0; i < 2000; i++) {
		sha256(data, out);
		if (memcmp(out, first, sizeof(out)) != 0)
			return NULL;
	}
	return arg;
}

static void
test_threads(void **state)
{
	struct str data[4] = { sha256s[0].data, sha256s[1].data,
	    sha256s[2].data, sha256s[3].data };
	pthread_t thread[LEN(data)];
	void *result;

	(void)state;
	for (size_t i = 0; i < LEN(data); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hash_often,
		    &data[i]), 0);
	for (size_t i = 0; i < LEN(data); i++) {
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, &data[i]);
	}
}

/* RFC 4231 and RFC 2202, test case 2; then keys longer than a block, and nothing. */
static void
test_hmac(void **state)
{
	uint8_t out[SHA256_BYTES];
	char key[131];

	(void)state;
	hmac_sha256(S("Jefe"), S("what do ya want for nothing?"), out);
	assert_true(str_eq_c(hex(out, 32), "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843"));
	hmac_sha1(S("Jefe"), S("what do ya want for nothing?"), out);
	assert_true(str_eq_c(hex(out, 20),
	    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(str_n(key, sizeof(key)),
	    S("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	assert_true(str_eq_c(hex(out, 32), "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54"));
	hmac_sha256((struct str){ NULL, 0 }, (struct str){ NULL, 0 }, out);
	assert_true(str_eq_c(hex(out, 32), "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad"));
}

static void
test_password(void **state)
{
	struct err e = { .code = M_OK };
	struct str one, two;
	bool rehash = true;

	(void)state;
	assert_true(password_hash(a, secret("correct horse"), &one, &e));
	assert_true(password_hash(a, secret("correct horse"), &two, &e));
	assert_true(str_starts(one, S("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_false(str_eq(one, two));
	assert_true(password_ok(secret("correct horse"), one, &rehash));
	assert_false(rehash);
	assert_false(password_ok(secret("correct horsf"), one, &rehash));
	assert_false(password_ok(secret(""), one, &rehash));
	assert_false(password_ok(secret("correct horse "), one, &rehash));
}

static void
test_password_bytes(void **state)
{
	struct err e = { .code = M_OK };
	struct secret nul = secret_dup(a, S("a\0b")), other;
	struct str hash;
	bool rehash;

	(void)state;
	other = secret_dup(a, S("a\0c"));
	assert_true(password_hash(a, nul, &hash, &e));
	assert_true(password_ok(nul, hash, &rehash));
	assert_false(password_ok(other, hash, &rehash));
	assert_true(password_hash(a, secret(""), &hash, &e));
	assert_true(password_ok(secret(""), hash, &rehash));
}

/* Hashes of "U*U" by two other programs; and what is no hash. */
#define BCRYPT_UU "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static const struct {
	const char *what, *hash, *password;
	bool ok;
} imported[] = {
	{ "the password of a bcrypt hash", BCRYPT_UU, "U*U", true },
	{ "another password", BCRYPT_UU, "U*V", false },
	{ "an empty password", BCRYPT_UU, "", false },
	{ "a hash that is cut", "$2a$05$CCCCCCCC", "U*U", false },
	{ "an unknown kind of bcrypt", "$2!$05$CCCCCCCCCCCCCCCCCCCCC.", "U*U",
	    false },
	{ "an empty hash", "", "", false },
	{ "a plain password", "U*U", "U*U", false },
	{ "MD5-crypt, which is not taken",
	    "$1$12345678$tRy4cXc3kmcfRZVj4iFXr/", "123456", false },
	{ "argon2i, which is not taken", "$argon2i$v=19$m=16,t=2,p=1$"
	    "c29tZXNhbHQ$IMit9qkFULCMA/ViizL57cnTLOa5DiVM9eMwpAvPwr4", "x",
	    false },
	{ "a damaged argon2id hash", "$argon2id$v=19$m=19456,t=2", "x", false },
};

static void
test_imported(void **state)
{
	bool rehash;

	(void)state;
	for (size_t i = 0; i < LEN(imported); i++) {
		bool ok = password_ok(secret(imported[i].password),
		    str_c(imported[i].hash), &rehash);

		if (ok != imported[i].ok)
			fail_msg("%s", imported[i].what);
		if (ok)
			assert_true(rehash);
	}
}

/* bcrypt looks at 72 bytes: a longer password must not pass by its first 72. */
static void
test_bcrypt_bounds(void **state)
{
	char text[80];
	bool rehash;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_false(password_ok(secret_dup(a, str_n(text, 73)),
	    S(BCRYPT_UU), &rehash));
	assert_false(password_ok(secret_dup(a, S("U*U\0more")), S(BCRYPT_UU),
	    &rehash));
}

static void
test_long_hash(void **state)
{
	char text[4096];
	bool rehash;

	(void)state;
	memset(text, '$', sizeof(text));
	memcpy(text, "$argon2id$", 10);
	assert_false(password_ok(secret("x"), str_n(text, sizeof(text)),
	    &rehash));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha256_run),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_password_bytes),
		cmocka_unit_test(test_imported),
		cmocka_unit_test(test_bcrypt_bounds),
		cmocka_unit_test(test_long_hash),
	};

	return cmocka_run_group_tests(tests, start, teardown);
}
